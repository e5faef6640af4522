"""Reading and writing documents: the same answers from our server and from Google's emulator."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1 import types

MOMENT = dt.datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=dt.UTC)
AWKWARD_IDS = ["café", "naïve ключ", "a b", "100%", "a+b", "#1", "?x", "\U0001f600", ".x", "__x", "x" * 1500]
VALUES: list[object] = [
    *(None, True, 0, 2**63 - 1, -(2**63), 1.5, -math.inf, "", "naïve \U0001f600", b"\x00\xff", MOMENT),
    *(firestore.GeoPoint(-12.5, 170.25), {}, {"a b": {"c.d": [1]}}, [], [1, "two", None, {"three": [3]}]),
]


def test_values_come_back_as_they_were_written(db: firestore.Client) -> None:
    fields = {f"v{number}": value for number, value in enumerate(VALUES)}
    db.document("c/d").set({**fields, "nan": math.nan, "ref": db.document("users/u1")})

    found = db.document("c/d").get().to_dict()
    assert math.isnan(found.pop("nan"))
    assert found.pop("ref").path == "users/u1"
    assert found == fields


def test_times_are_cut_to_microseconds(db: firestore.Client) -> None:
    name = f"{db._database_string}/documents/c/d"
    document = {"name": name, "fields": {"at": {"timestamp_value": {"seconds": 5, "nanos": 123_456_789}}}}
    db._firestore_api.commit(request={"database": db._database_string, "writes": [{"update": document}]})

    assert db.document("c/d").get().get("at") == dt.datetime(1970, 1, 1, 0, 0, 5, 123456, tzinfo=dt.UTC)


def test_awkward_ids_name_documents_and_collections(db: firestore.Client) -> None:
    for number, identity in enumerate(AWKWARD_IDS):
        reference = db.collection(f"c{number}").document(identity).collection(identity).document(identity)
        reference.set({"v": 1})

        [found] = db.collection(f"c{number}").document(identity).collection(identity).stream()
        assert (found.id, found.reference.path) == (identity, reference.path)
        assert [parent.id for parent in db.collection(f"c{number}").list_documents()] == [identity]


def test_a_document_knows_when_it_was_created_and_last_changed(db: firestore.Client) -> None:
    reference = db.document("c/d")
    first = reference.set({"v": 1, "m": {"a": [1]}}).update_time
    assert reference.set({"m": {"a": [1]}, "v": 1}).update_time == first, "a write that changes nothing"
    assert reference.update({"v": 1}).update_time == first
    second = reference.set({"v": 2}).update_time
    snapshot = reference.get()
    missing = db.document("c/none").get()

    assert second > first
    assert (snapshot.create_time, snapshot.update_time) == (first, second)
    assert (missing.exists, missing.read_time is not None) == (False, True)


def test_set_replaces_and_set_with_merge_adds(db: firestore.Client) -> None:
    reference = db.document("c/d")
    reference.set({"a": 1, "m": {"x": 1}})
    reference.set({"m": {"y": 2}}, merge=True)
    merged = reference.get().to_dict()
    reference.set({"b": 1})
    db.document("c/empty").set({}, merge=True)

    assert merged == {"a": 1, "m": {"x": 1, "y": 2}}
    assert reference.get().to_dict() == {"b": 1}
    assert db.document("c/empty").get().to_dict() == {}


CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"m.x": 5}, {"a": 1, "m": {"x": 5, "y": 2}}),
    ({"m": {"x": 5}}, {"a": 1, "m": {"x": 5}}),
    ({"m.x": firestore.DELETE_FIELD}, {"a": 1, "m": {"y": 2}}),
    ({"nothing.here": firestore.DELETE_FIELD}, {"a": 1, "m": {"x": 1, "y": 2}}),
    ({"a.b.c": 1}, {"a": {"b": {"c": 1}}, "m": {"x": 1, "y": 2}}),
    ({"`odd name`.`a.b`": 1}, {"a": 1, "m": {"x": 1, "y": 2}, "odd name": {"a.b": 1}}),
]


def test_update_changes_only_the_paths_named(db: firestore.Client) -> None:
    for changes, expected in CHANGES:
        db.document("c/d").set({"a": 1, "m": {"x": 1, "y": 2}})
        db.document("c/d").update(changes)

        assert db.document("c/d").get().to_dict() == expected, changes


def test_many_come_at_once_found_or_missing_and_with_the_fields_asked_for(db: firestore.Client) -> None:
    db.document("c/a").set({"v": {"x": 1, "y": 2}, "w": 2})
    references = [db.document("c/a"), db.document("c/none"), db.document("c/a")]

    found = {snapshot.id: snapshot.to_dict() for snapshot in db.get_all(references, field_paths=["v.x", "absent"])}
    assert found == {"a": {"v": {"x": 1}}, "none": None}


def test_a_batch_is_written_in_order_and_as_a_whole(db: firestore.Client) -> None:
    batch = db.batch()
    batch.set(db.document("c/a"), {"v": 1})
    batch.update(db.document("c/a"), {"w": 2})
    batch.delete(db.document("c/never"))
    assert len(batch.commit()) == 3
    assert db.document("c/a").get().to_dict() == {"v": 1, "w": 2}

    batch = db.batch()
    batch.delete(db.document("c/a"))
    batch.update(db.document("c/missing"), {"v": 1})
    with pytest.raises(exceptions.NotFound):
        batch.commit()
    assert db.document("c/a").get().exists


def test_deleting_leaves_what_lies_below(db: firestore.Client) -> None:
    db.document("users/u/videos/v").set({"v": 1})
    db.document("users/u").set({"v": 1})
    db.document("users/u").delete()

    assert not db.document("users/u").get().exists
    assert db.document("users/u/videos/v").get().exists


def test_a_write_can_demand_that_a_document_exists_or_that_none_does(db: firestore.Client) -> None:
    there, none = db.document("c/d"), db.document("c/none")
    there.set({"v": 1})
    none.delete()

    for refusal, act in (
        (exceptions.NotFound, lambda: none.update({"v": 1})),
        (exceptions.NotFound, lambda: none.delete(option=db.write_option(exists=True))),
        (exceptions.AlreadyExists, lambda: there.create({"v": 2})),
        (exceptions.AlreadyExists, lambda: there.delete(option=db.write_option(exists=False))),
    ):
        with pytest.raises(refusal):
            act()
    none.create({"v": 2})
    assert there.get().get("v") == 1


def test_a_write_can_demand_the_update_time_that_was_seen(db: firestore.Client) -> None:
    reference = db.document("c/d")
    reference.set({"v": 1})
    seen = db.write_option(last_update_time=reference.get().update_time)
    reference.update({"v": 2}, option=seen)

    for act in (
        lambda: reference.update({"v": 3}, option=seen),
        lambda: reference.delete(option=seen),
        lambda: db.document("c/none").delete(option=seen),
    ):
        with pytest.raises(exceptions.FailedPrecondition):
            act()
    assert reference.get().get("v") == 2
    reference.delete(option=db.write_option(last_update_time=reference.get().update_time))
    assert not reference.get().exists


INCREMENTS: list[tuple[object, float, float]] = [
    (1, 2, 3),
    (1, 0.5, 1.5),
    (None, 2, 2),
    ("text", 2, 2),
    (2**63 - 1, 1, 2**63 - 1),
    (-(2**63), -1, -(2**63)),
    (2**62, 0.0, float(2**62)),
]


def test_an_increment_is_computed_from_what_is_stored(db: firestore.Client) -> None:
    reference = db.document("c/d")
    reference.set({**{f"v{number}": before for number, (before, _, _) in enumerate(INCREMENTS)}, "nan": math.nan})
    changes = {f"v{number}": firestore.Increment(by) for number, (_, by, _) in enumerate(INCREMENTS)}
    reference.update({**changes, "nan": firestore.Increment(1), "m.none": firestore.Increment(4)})

    found = reference.get().to_dict()
    assert math.isnan(found.pop("nan"))
    assert found.pop("m") == {"none": 4}
    assert {field: repr(value) for field, value in found.items()} == {
        f"v{number}": repr(after) for number, (_, _, after) in enumerate(INCREMENTS)
    }


def test_a_server_timestamp_is_the_time_of_the_commit_and_comes_back_with_the_other_results(
    db: firestore.Client,
) -> None:
    reference = db.document("c/d")
    reference.set({"n": 1})
    batch = db.batch()
    batch.update(reference, {"n": firestore.Increment(2), "at": firestore.SERVER_TIMESTAMP})
    [result] = batch.commit()
    at = reference.get().get("at")

    assert abs(at - result.update_time) < dt.timedelta(seconds=5)
    assert at.microsecond % 1_000 == 0
    kinds = {types.Value.pb(value).WhichOneof("value_type") for value in result.transform_results}
    assert kinds == {"integer_value", "timestamp_value"}
