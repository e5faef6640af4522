"""Every filter operator over values of every type."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping

import pytest
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import And, BaseCompositeFilter, BaseFilter, Or
from google.cloud.firestore_v1.base_query import FieldFilter as Where

# In the order of Firestore: the ids sort as the values do. Equal values stand next to one another.
VALUES: Mapping[str, object] = {
    "a null": None,
    "b false": False,
    "b true": True,
    "c nan": math.nan,
    "d -inf": -math.inf,
    "d 0": 0,
    "d 0 negative": -0.0,
    "d 1": 1,
    "d 1.0": 1.0,
    "d 1.5": 1.5,
    "d big": 2**53 + 1,
    "e time": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    "f text": "",
    "f text a": "a",
    "f text b \uffee": "\uffee",
    "f text c astral": "\U0001f600",
    "g bytes": b"\x01",
    "h geo": firestore.GeoPoint(1, 2),
    "i array": [],
    "i array 1": [1],
    "i array 1 2": [1, 2],
    "i array 2 map": [{"x": 1}],
    "j map": {},
    "j map x": {"x": 1},
    "j map y": {"y": None},
}
ALL = list(VALUES)


@pytest.fixture
def mixed(db: firestore.Client) -> firestore.CollectionReference:
    """A collection with a field `v` of every type, and a document without it."""
    batch = db.batch()
    for identity, value in VALUES.items():
        batch.set(db.collection("c").document(identity), {"v": value})
    batch.set(db.collection("c").document("without"), {"w": 1})
    batch.commit()
    return db.collection("c")


def found(where: firestore.CollectionReference, condition: BaseFilter | BaseCompositeFilter) -> list[str]:
    """The ids in the collection `where` that fulfil `condition`, in order."""
    return [snapshot.id for snapshot in where.where(filter=condition).stream()]


def starting(*prefixes: str) -> list[str]:
    """The ids in the table above that start with one of `prefixes`."""
    return [identity for identity in ALL if identity.startswith(prefixes)]


def test_values_of_all_types_have_one_order(mixed: firestore.CollectionReference) -> None:
    assert [snapshot.id for snapshot in mixed.order_by("v").stream()] == ALL


def test_descending_order_is_the_same_turned_round(mixed: firestore.CollectionReference) -> None:
    query = mixed.order_by("v", direction=firestore.Query.DESCENDING)

    assert [snapshot.id for snapshot in query.stream()] == ALL[::-1]


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("==", 1, ["d 1", "d 1.0"]),
        ("==", 0.0, ["d 0", "d 0 negative"]),
        ("==", "a", ["f text a"]),
        ("==", [1.0], ["i array 1"]),
        ("==", {"x": 1}, ["j map x"]),
        ("==", None, ["a null"]),
        ("==", math.nan, ["c nan"]),
        ("!=", 1, [i for i in ALL if i not in ("a null", "d 1", "d 1.0")]),
        ("!=", None, ALL[1:]),
        ("!=", math.nan, [i for i in ALL if i not in ("a null", "c nan")]),
        ("<", 1, starting("d -inf", "d 0")),
        ("<=", 1.0, starting("d -inf", "d 0", "d 1")[:-1]),
        (">", 1, ["d 1.5", "d big"]),
        (">=", 1.5, ["d 1.5", "d big"]),
        (">", 2**53, ["d big"]),
        ("<", True, ["b false"]),
        (">", "a", ["f text b \uffee", "f text c astral"]),
        (">=", b"", ["g bytes"]),
        (">", [1], starting("i array 1 2", "i array 2")),
        ("<", {"y": None}, ["j map", "j map x"]),
        ("in", [1, "a", None, math.nan], ["d 1", "d 1.0", "f text a"]),
        ("in", [[1, 2], {}], ["i array 1 2", "j map"]),
        ("not-in", [1, "a"], [i for i in ALL if i not in ("a null", "d 1", "d 1.0", "f text a")]),
        ("not-in", [1, None], []),
        ("not-in", [math.nan], ALL[1:]),
        ("array_contains", 1, ["i array 1", "i array 1 2"]),
        ("array_contains", {"x": 1.0}, ["i array 2 map"]),
        ("array_contains_any", [2, {"x": 1}, None], ["i array 1 2", "i array 2 map"]),
    ],
    ids=str,
)
def test_a_filter_finds_what_it_should_and_no_other_type(
    mixed: firestore.CollectionReference, op: str, value: object, expected: list[str]
) -> None:
    assert found(mixed, Where("v", op, value)) == expected


@pytest.fixture
def clips(db: firestore.Client) -> firestore.CollectionReference:
    """Clips with a status, a size, and for some a map and an array."""
    rows: dict[str, dict[str, object]] = {
        "1": {"status": "done", "size": 5, "m": {"x": 1}, "tags": ["a", "b"]},
        "2": {"status": "done", "size": 9, "tags": ["b"]},
        "3": {"status": "failed", "size": 5, "m": {"x": 2}},
        "4": {"status": "queued"},
        "5": {"size": 7},
    }
    for identity, fields in rows.items():
        db.document(f"clips/{identity}").set(fields)
    return db.collection("clips")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (And([Where("status", "==", "done"), Where("size", ">", 5)]), ["2"]),
        (And([Where("size", ">", 4), Where("size", "<", 8)]), ["1", "3", "5"]),
        (And([Where("size", ">=", 5), Where("status", "!=", "done")]), ["3"]),
        (Or([Where("status", "==", "queued"), Where("size", "==", 7)]), ["4", "5"]),
        (Or([Where("status", "==", "failed"), Where("tags", "array_contains", "b")]), ["1", "2", "3"]),
        (
            And([Where("size", "==", 5), Or([Where("status", "==", "failed"), Where("m.x", "==", 1)])]),
            ["1", "3"],
        ),
        (Or([And([Where("size", "==", 5), Where("m.x", "==", 2)]), Where("m.x", "==", 1)]), ["1", "3"]),
        (And([Where("status", "in", ["done", "failed"]), Where("size", "in", [5])]), ["1", "3"]),
        (Where("m.x", ">", 1), ["3"]),
        (Where("m", "==", {"x": 2}), ["3"]),
    ],
    ids=lambda value: "" if isinstance(value, list) else type(value).__name__,
)
def test_filters_combine(
    clips: firestore.CollectionReference, condition: BaseFilter | BaseCompositeFilter, expected: list[str]
) -> None:
    assert found(clips, condition) == expected


def test_an_inequality_within_an_or_leaves_out_documents_without_the_field(
    clips: firestore.CollectionReference,
) -> None:
    assert found(clips, Or([Where("size", ">", 6), Where("status", "==", "queued")])) == ["5", "2"]


def test_fields_with_odd_names_are_quoted(db: firestore.Client) -> None:
    db.document("c/d").set({"a b": {"c.d": 1, "`": 2}})

    assert found(db.collection("c"), Where("`a b`.`c.d`", "==", 1)) == ["d"]
    assert found(db.collection("c"), Where("`a b`.`\\``", "==", 2)) == ["d"]


def test_references_are_compared_by_their_segments(db: firestore.Client) -> None:
    for identity, path in (("1", "a/b"), ("2", "a/b/c/d"), ("3", "a/b!")):
        db.document(f"c/{identity}").set({"v": db.document(path)})

    assert found(db.collection("c"), Where("v", ">=", db.document("a/b"))) == ["1", "2", "3"]
    assert found(db.collection("c"), Where("v", "==", db.document("a/b/c/d"))) == ["2"]


@pytest.mark.parametrize(
    ("op", "ids", "expected"),
    [
        ("==", "2", ["2"]),
        ("!=", "2", ["1", "3", "4", "5"]),
        ("in", ["4", "1"], ["1", "4"]),
        ("not-in", ["4", "1"], ["2", "3", "5"]),
        (">", "2", ["3", "4", "5"]),
        ("<=", "2", ["1", "2"]),
    ],
    ids=str,
)
def test_names_can_be_compared(
    clips: firestore.CollectionReference, op: str, ids: str | list[str], expected: list[str]
) -> None:
    names = [clips.document(i) for i in ids] if isinstance(ids, list) else clips.document(ids)

    assert found(clips, Where("__name__", op, names)) == expected
