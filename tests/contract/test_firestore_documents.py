"""Reading and writing documents: the same answers from our server and from Google's emulator."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.vector import Vector

MOMENT = dt.datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=dt.UTC)
AWKWARD_IDS = ["café", "naïve ключ", "a b", "100%", "a+b", "#1", "?x", "\U0001f600", ".x", "__x", "x" * 1500]


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        2**63 - 1,
        -(2**63),
        1.5,
        -math.inf,
        "",
        "naïve \U0001f600",
        b"\x00\xff",
        MOMENT,
        firestore.GeoPoint(-12.5, 170.25),
        [],
        [1, "two", None, {"three": [3]}],
        {},
        {"a b": {"c.d": [1]}},
        Vector([1.0, 2.5]),
    ],
    ids=repr,
)
def test_a_value_comes_back_as_it_was_written(db: firestore.Client, value: object) -> None:
    db.document("c/d").set({"v": value})

    assert db.document("c/d").get().to_dict() == {"v": value}


def test_nan_comes_back_as_nan(db: firestore.Client) -> None:
    db.document("c/d").set({"v": math.nan})

    assert math.isnan(db.document("c/d").get().get("v"))


def test_a_reference_comes_back_as_a_reference(db: firestore.Client) -> None:
    db.document("c/d").set({"v": db.document("users/u1")})

    assert db.document("c/d").get().get("v").path == "users/u1"


@pytest.mark.parametrize("identity", AWKWARD_IDS, ids=lambda text: text[:12])
def test_awkward_ids_name_documents_and_collections(db: firestore.Client, identity: str) -> None:
    reference = db.collection("c").document(identity).collection(identity).document(identity)
    reference.set({"v": 1})

    [found] = db.collection("c").document(identity).collection(identity).stream()
    assert (found.id, found.reference.path) == (identity, reference.path)
    assert [parent.id for parent in db.collection("c").list_documents()] == [identity]


def test_a_missing_document_is_a_snapshot_that_does_not_exist(db: firestore.Client) -> None:
    snapshot = db.document("c/none").get()

    assert not snapshot.exists
    assert snapshot.read_time is not None


def test_a_document_knows_when_it_was_created_and_last_changed(db: firestore.Client) -> None:
    reference = db.document("c/d")
    first = reference.set({"v": 1}).update_time
    second = reference.set({"v": 2}).update_time
    snapshot = reference.get()

    assert second > first
    assert (snapshot.create_time, snapshot.update_time) == (first, second)


def test_a_write_that_changes_nothing_keeps_the_update_time(db: firestore.Client) -> None:
    reference = db.document("c/d")
    first = reference.set({"v": 1, "m": {"a": [1]}}).update_time

    assert reference.set({"m": {"a": [1]}, "v": 1}).update_time == first
    assert reference.update({"v": 1}).update_time == first


def test_set_replaces_and_set_with_merge_adds(db: firestore.Client) -> None:
    reference = db.document("c/d")
    reference.set({"a": 1, "m": {"x": 1}})
    reference.set({"m": {"y": 2}}, merge=True)
    merged = reference.get().to_dict()
    reference.set({"b": 1})

    assert merged == {"a": 1, "m": {"x": 1, "y": 2}}
    assert reference.get().to_dict() == {"b": 1}


def test_merging_nothing_creates_an_empty_document(db: firestore.Client) -> None:
    db.document("c/d").set({}, merge=True)

    assert db.document("c/d").get().to_dict() == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"m.x": 5}, {"a": 1, "m": {"x": 5, "y": 2}}),
        ({"m": {"x": 5}}, {"a": 1, "m": {"x": 5}}),
        ({"m.x": firestore.DELETE_FIELD}, {"a": 1, "m": {"y": 2}}),
        ({"nothing.here": firestore.DELETE_FIELD}, {"a": 1, "m": {"x": 1, "y": 2}}),
        ({"a.b.c": 1}, {"a": {"b": {"c": 1}}, "m": {"x": 1, "y": 2}}),
        ({"`odd name`.`a.b`": 1}, {"a": 1, "m": {"x": 1, "y": 2}, "odd name": {"a.b": 1}}),
    ],
    ids=str,
)
def test_update_changes_only_the_paths_named(
    db: firestore.Client, changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    db.document("c/d").set({"a": 1, "m": {"x": 1, "y": 2}})
    db.document("c/d").update(changes)

    assert db.document("c/d").get().to_dict() == expected


def test_get_all_gives_found_and_missing_once_each(db: firestore.Client) -> None:
    db.document("c/a").set({"v": 1, "w": 2})
    references = [db.document("c/a"), db.document("c/none"), db.document("c/a")]

    found = {snapshot.id: snapshot.to_dict() for snapshot in db.get_all(references, field_paths=["v"])}

    assert found == {"a": {"v": 1}, "none": None}


def test_a_mask_reaches_into_maps(db: firestore.Client) -> None:
    db.document("c/d").set({"m": {"x": 1, "y": 2}, "n": 3})

    assert db.document("c/d").get(["m.x", "absent"]).to_dict() == {"m": {"x": 1}}


def test_a_batch_is_written_in_order_and_as_a_whole(db: firestore.Client) -> None:
    batch = db.batch()
    batch.set(db.document("c/a"), {"v": 1})
    batch.update(db.document("c/a"), {"w": 2})
    batch.delete(db.document("c/never"))
    results = batch.commit()
    assert len(results) == 3
    assert db.document("c/a").get().to_dict() == {"v": 1, "w": 2}

    batch = db.batch()
    batch.delete(db.document("c/a"))
    batch.update(db.document("c/missing"), {"v": 1})
    with pytest.raises(exceptions.NotFound):
        batch.commit()
    assert db.document("c/a").get().exists


def test_bulk_writes_succeed_and_fail_one_by_one(db: firestore.Client) -> None:
    db.document("c/there").set({"v": 1})
    root = f"{db._database_string}/documents"
    writes = [
        {"update": {"name": f"{root}/c/new"}},
        {"delete": f"{root}/c/missing", "current_document": {"exists": True}},
        {"update": {"name": f"{root}/c/there"}, "current_document": {"exists": False}},
        {"delete": f"{root}/c/gone"},
    ]

    request = {"database": db._database_string, "writes": writes}
    answer = db._firestore_api.batch_write(request=request, metadata=db._rpc_metadata)

    assert answer.status[0].code == answer.status[3].code == 0
    assert answer.status[1].code == 5
    assert db.document("c/new").get().exists


def test_a_bulk_write_takes_each_document_once(db: firestore.Client) -> None:
    write = {"delete": f"{db._database_string}/documents/c/d"}
    request = {"database": db._database_string, "writes": [write, write]}

    with pytest.raises(exceptions.InvalidArgument):
        db._firestore_api.batch_write(request=request, metadata=db._rpc_metadata)


def test_deleting_leaves_what_lies_below(db: firestore.Client) -> None:
    db.document("users/u/videos/v").set({"v": 1})
    db.document("users/u").set({"v": 1})
    db.document("users/u").delete()

    assert not db.document("users/u").get().exists
    assert db.document("users/u/videos/v").get().exists
