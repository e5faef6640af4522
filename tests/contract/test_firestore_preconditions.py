"""Preconditions and field transforms."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1 import DocumentSnapshot as Snapshot
from google.cloud.firestore_v1.transforms import Maximum, Minimum

from tests.rigs.naming import stable


@pytest.fixture
def stored(db: firestore.Client) -> Snapshot:
    """The snapshot of a document that exists."""
    db.document("c/d").set({"v": 1})
    return db.document("c/d").get()


def test_update_demands_that_the_document_exists(db: firestore.Client) -> None:
    with pytest.raises(exceptions.NotFound):
        db.document("c/none").update({"v": 1})


def test_create_demands_that_it_does_not(db: firestore.Client, stored: Snapshot) -> None:
    with pytest.raises(exceptions.AlreadyExists):
        stored.reference.create({"v": 2})
    db.document("c/new").create({"v": 2})

    assert stored.reference.get().get("v") == 1


def test_delete_takes_a_missing_document_in_its_stride_unless_told_otherwise(db: firestore.Client) -> None:
    db.document("c/none").delete()
    with pytest.raises(exceptions.NotFound):
        db.document("c/none").delete(option=db.write_option(exists=True))


def test_delete_demanding_absence_fails_on_a_document(db: firestore.Client, stored: Snapshot) -> None:
    with pytest.raises(exceptions.AlreadyExists):
        stored.reference.delete(option=db.write_option(exists=False))


def test_the_seen_update_time_lets_a_write_through(db: firestore.Client, stored: Snapshot) -> None:
    stored.reference.update({"v": 2}, option=db.write_option(last_update_time=stored.update_time))
    later = stored.reference.get()
    later.reference.delete(option=db.write_option(last_update_time=later.update_time))

    assert not stored.reference.get().exists


@pytest.mark.parametrize("action", ["update", "delete"])
def test_an_older_update_time_stops_it(db: firestore.Client, stored: Snapshot, action: str) -> None:
    stored.reference.update({"v": 2})
    stale = db.write_option(last_update_time=stored.update_time)
    changes: list[dict[str, Any]] = [{"v": 3}] if action == "update" else []

    with pytest.raises(exceptions.FailedPrecondition):
        getattr(stored.reference, action)(*changes, option=stale)
    assert stored.reference.get().get("v") == 2


def test_an_update_time_stops_it_where_nothing_is(db: firestore.Client, stored: Snapshot) -> None:
    with pytest.raises(exceptions.FailedPrecondition):
        db.document("c/none").delete(option=db.write_option(last_update_time=stored.update_time))


@pytest.mark.parametrize(
    ("before", "transform", "after"),
    [
        (1, firestore.Increment(2), 3),
        (1, firestore.Increment(0.5), 1.5),
        (None, firestore.Increment(2), 2),
        ("text", firestore.Increment(2), 2),
        (2**63 - 1, firestore.Increment(1), 2**63 - 1),
        (-(2**63), firestore.Increment(-1), -(2**63)),
        (5, Maximum(3.5), 5),
        (5, Maximum(7), 7),
        (5, Minimum(3.5), 3.5),
        (1, Maximum(1.0), 1),
        ("text", Minimum(4), 4),
        ([1, 2, 2], firestore.ArrayUnion([2.0, 3, 3]), [1, 2, 2, 3]),
        ("text", firestore.ArrayUnion([1]), [1]),
        ([1, 2.0, "a", 1], firestore.ArrayRemove([1.0, 2]), ["a"]),
        ("text", firestore.ArrayRemove([1]), []),
    ],
    ids=stable,
)
def test_a_transform_computes_from_what_is_stored(
    db: firestore.Client, before: object, transform: object, after: object
) -> None:
    db.document("c/d").set({"v": before, "other": 1})
    db.document("c/d").update({"v": transform})

    stored = db.document("c/d").get().to_dict()
    assert stored == {"v": after, "other": 1}
    assert type(stored["v"]) is type(after)


def test_a_transform_makes_the_field_where_there_is_none(db: firestore.Client) -> None:
    db.document("c/d").set({"m": {"n": firestore.Increment(4)}, "a": firestore.ArrayUnion(["x"])})

    assert db.document("c/d").get().to_dict() == {"m": {"n": 4}, "a": ["x"]}


@pytest.mark.parametrize("transform", [Maximum(1), Minimum(1), firestore.Increment(1)], ids=stable)
def test_nan_stays_nan(db: firestore.Client, transform: object) -> None:
    db.document("c/d").set({"v": math.nan})
    db.document("c/d").update({"v": transform})

    assert math.isnan(db.document("c/d").get().get("v"))


def test_a_server_timestamp_is_the_time_of_the_commit_in_milliseconds(db: firestore.Client) -> None:
    result = db.document("c/d").set({"at": firestore.SERVER_TIMESTAMP})
    at = db.document("c/d").get().get("at")

    assert abs(at - result.update_time) < dt.timedelta(seconds=5)
    assert at.microsecond % 1_000 == 0


def test_the_results_of_transforms_come_back_in_order(db: firestore.Client) -> None:
    batch = db.batch()
    batch.set(db.document("c/d"), {"n": 1, "a": [1]})
    batch.update(db.document("c/d"), {"n": firestore.Increment(2), "a": firestore.ArrayUnion([2])})

    results = [value._pb for value in batch.commit()[1].transform_results]

    kinds = {result.WhichOneof("value_type") for result in results}
    assert kinds == {"integer_value", "null_value"}
    assert [result.integer_value for result in results if result.HasField("integer_value")] == [3]
