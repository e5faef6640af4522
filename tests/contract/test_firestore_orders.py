"""Orders, cursors, pages and projections."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter as Where

DESCENDING = firestore.Query.DESCENDING
FIRST = Where("priority", "==", 1)
FIRST_TWO = Where("priority", "in", [2, 1])
Build = Callable[[firestore.CollectionReference], firestore.Query]


@pytest.fixture
def clips(db: firestore.Client) -> firestore.CollectionReference:
    """Five clips: priority and size tie in places, and the last lacks a size."""
    batch = db.batch()
    for identity, priority, size in (("a", 1, 10), ("b", 2, 5), ("c", 1, 5), ("d", 2, 10), ("e", 3, None)):
        fields = {"priority": priority} if size is None else {"priority": priority, "size": size}
        batch.set(db.document(f"clips/{identity}"), fields)
    batch.commit()
    return db.collection("clips")


def ids(query: firestore.Query) -> str:
    """The ids that a query finds, in order, as one word."""
    return "".join(snapshot.id for snapshot in query.stream())


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda c: c, "abcde"),
        (lambda c: c.order_by("priority"), "acbde"),
        (lambda c: c.order_by("priority", direction=DESCENDING), "edbca"),
        (lambda c: c.order_by("priority", direction=DESCENDING).order_by("__name__"), "ebdac"),
        (lambda c: c.order_by("priority").order_by("__name__", direction=DESCENDING), "cadbe"),
        (lambda c: c.order_by("size").order_by("priority", direction=DESCENDING), "bcda"),
        (lambda c: c.order_by("__name__"), "abcde"),
        (lambda c: c.order_by("absent"), ""),
        (lambda c: c.where(filter=Where("size", ">", 0)), "bcad"),
        (lambda c: c.where(filter=Where("size", ">", 0)).where(filter=Where("priority", ">", 0)), "cabd"),
        (lambda c: c.where(filter=Where("size", ">", 0)).order_by("priority", direction=DESCENDING), "dbac"),
        (lambda c: c.where(filter=FIRST).order_by("size"), "ca"),
        (lambda c: c.where(filter=FIRST).order_by("__name__", direction=DESCENDING), "ca"),
        (lambda c: c.where(filter=FIRST_TWO), "abcd"),
        (lambda c: c.where(filter=FIRST_TWO).order_by("priority", direction=DESCENDING), "dbca"),
    ],
)
def test_results_are_ordered_as_asked_then_by_inequality_then_by_name(
    clips: firestore.CollectionReference, build: Build, expected: str
) -> None:
    assert ids(build(clips)) == expected


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda q: q.start_at({"priority": 2}), "bde"),
        (lambda q: q.start_after({"priority": 2}), "e"),
        (lambda q: q.end_at({"priority": 2}), "acbd"),
        (lambda q: q.end_before({"priority": 2}), "ac"),
        (lambda q: q.start_at({"priority": 2}).end_at({"priority": 2}), "bd"),
        (lambda q: q.start_at({"priority": 3}).end_at({"priority": 1}), ""),
        (lambda q: q.start_at({"priority": "text"}), ""),
        (lambda q: q.end_before({"priority": "text"}), "acbde"),
        (lambda q: q.start_at({"priority": None}), "acbde"),
    ],
)
def test_cursors_cut_an_ordered_result(
    clips: firestore.CollectionReference, build: Callable[[firestore.Query], firestore.Query], expected: str
) -> None:
    assert ids(build(clips.order_by("priority"))) == expected


def test_cursors_cut_a_descending_result(clips: firestore.CollectionReference) -> None:
    query = clips.order_by("priority", direction=DESCENDING)

    assert ids(query.start_at({"priority": 2})) == "dbca"
    assert ids(query.end_before({"priority": 1})) == "edb"


def test_a_cursor_of_two_fields_goes_by_the_first_that_differs(clips: firestore.CollectionReference) -> None:
    query = clips.order_by("size").order_by("priority")

    assert ids(query.start_after({"size": 5, "priority": 1})) == "bad"
    assert ids(query.end_at({"size": 10, "priority": 1})) == "cba"


@pytest.mark.parametrize("direction", [firestore.Query.ASCENDING, DESCENDING])
def test_pages_by_the_last_snapshot_give_everything_once(
    clips: firestore.CollectionReference,
    direction: str,
) -> None:
    query = clips.order_by("priority", direction=direction).limit(2)
    pages = [query.get()]
    while len(pages[-1]) == 2:
        pages.append(query.start_after(pages[-1][-1]).get())

    seen = [snapshot.id for page in pages for snapshot in page]
    assert "".join(seen) == ids(clips.order_by("priority", direction=direction))


def test_pages_by_name(clips: firestore.CollectionReference) -> None:
    query = clips.order_by("__name__").limit(2)

    assert ids(query.start_after({"__name__": clips.document("b")})) == "cd"
    assert ids(query.start_at({"__name__": clips.document("bb")})) == "cd"
    assert ids(query.end_before({"__name__": clips.document("b")})) == "a"


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda q: q.limit(2), "ac"),
        (lambda q: q.limit(0), ""),
        (lambda q: q.offset(3), "de"),
        (lambda q: q.offset(1).limit(2), "cb"),
        (lambda q: q.offset(9), ""),
    ],
)
def test_limit_and_offset(clips: firestore.CollectionReference, build: Build, expected: str) -> None:
    assert ids(build(clips.order_by("priority"))) == expected


def test_limit_and_offset_apply_after_filters(clips: firestore.CollectionReference) -> None:
    assert ids(clips.where(filter=FIRST_TWO).offset(1).limit(2)) == "bc"


def test_offset_by_name_alone(clips: firestore.CollectionReference) -> None:
    assert ids(clips.offset(2).limit(2)) == "cd"


def test_limit_to_last_gives_the_end_in_forward_order(clips: firestore.CollectionReference) -> None:
    last = clips.order_by("priority").limit_to_last(3).get()

    assert "".join(snapshot.id for snapshot in last) == "bde"


def test_a_projection_holds_only_the_fields_named(db: firestore.Client) -> None:
    db.document("c/d").set({"a": 1, "m": {"x": 1, "y": 2}, "z": 3})
    db.document("c/e").set({"z": 3})

    [first, second] = db.collection("c").select(["a", "m.x"]).stream()
    assert (first.to_dict(), second.to_dict()) == ({"a": 1, "m": {"x": 1}}, {})
    assert first.update_time == db.document("c/d").get().update_time


def test_a_projection_to_nothing_gives_names(clips: firestore.CollectionReference) -> None:
    [snapshot] = clips.select([]).limit(1).stream()
    assert (snapshot.id, snapshot.to_dict()) == ("a", {})


def test_names_alone_cannot_be_had_in_descending_order(clips: firestore.CollectionReference) -> None:
    with pytest.raises(exceptions.FailedPrecondition):
        ids(clips.order_by("__name__", direction=DESCENDING))
