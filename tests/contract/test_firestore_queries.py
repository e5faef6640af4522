"""Filters, orders, cursors, projections, groups and figures: our server and Google's emulator find the same."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from tests.rigs.firestore import FirestoreRig

DESCENDING = firestore.Query.DESCENDING
# In the order of Firestore: the ids sort as the values do. Equal values stand next to one another.
VALUES: dict[str, object] = {
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
PATHS = [
    "users/u/videos/v1/clips/a",
    "users/u/videos/v1/clips/b",
    "users/u/videos/v2/clips/c",
    "users/u!/videos/v1/clips/d",
    "users/u1/videos/v1/clips/e",
    "users/u1/videos/v1",
    "users/v/clips/f",
    "clips/g",
]
Build = Callable[[Any], firestore.Query]


@pytest.fixture(scope="module")
def world(firestore_rig: FirestoreRig) -> firestore.Client:
    """`mixed`: a value of every type. `c`: five clips, of which priority and size tie in places and the last lacks a
    size. Clips below videos that mostly do not exist, below users of which one does; `numbers` to add up."""
    db = firestore_rig.client(firestore_rig.fresh_project())
    batch = db.batch()
    for identity, value in VALUES.items():
        batch.set(db.collection("mixed").document(identity), {"v": value})
    batch.set(db.document("mixed/without"), {"w": 1})
    for identity, priority, size in (("a", 1, 10), ("b", 2, 5), ("c", 1, 5), ("d", 2, 10), ("e", 3, None)):
        fields: dict[str, Any] = {"priority": priority} if size is None else {"priority": priority, "size": size}
        batch.set(db.document(f"c/{identity}"), {**fields, "m": {"x": priority, "y": 0}, "a b": {"c.d": priority}})
    for number, path in enumerate(PATHS):
        batch.set(db.document(path), {"n": number, "status": "done" if number % 2 else "failed"})
    batch.set(db.document("users/u1"), {"n": 100})
    for identity, number in enumerate((10, 5, 2.5, "text", None)):
        batch.set(db.document(f"numbers/{identity}"), {"v": number})
    batch.set(db.document("numbers/without"), {"w": 1})
    batch.commit()
    return db


def ids(query: firestore.Query) -> str:
    """The ids that a query finds, in order, as one word."""
    return "".join(snapshot.id for snapshot in query.stream())


def test_values_of_all_types_have_one_order(world: firestore.Client) -> None:
    mixed = world.collection("mixed")
    assert [snapshot.id for snapshot in mixed.order_by("v").stream()] == ALL
    assert [snapshot.id for snapshot in mixed.order_by("v", direction=DESCENDING).stream()] == ALL[::-1]


FILTERS: list[tuple[str, object, list[str]]] = [
    ("==", 1, ["d 1", "d 1.0"]),
    ("==", 0.0, ["d 0", "d 0 negative"]),
    ("==", "a", ["f text a"]),
    ("==", [1.0], ["i array 1"]),
    ("==", {"x": 1}, ["j map x"]),
    ("<", 1, ["d -inf", "d 0", "d 0 negative"]),
    ("<=", 1.0, ["d -inf", "d 0", "d 0 negative", "d 1", "d 1.0"]),
    (">", 1, ["d 1.5", "d big"]),
    (">=", 1.5, ["d 1.5", "d big"]),
    (">", 2**53, ["d big"]),
    ("<", True, ["b false"]),
    (">", "a", ["f text b \uffee", "f text c astral"]),
    (">=", b"", ["g bytes"]),
    (">", [1], ["i array 1 2", "i array 2 map"]),
    ("<", {"y": None}, ["j map", "j map x"]),
    ("in", [1, "a", None, math.nan], ["d 1", "d 1.0", "f text a"]),
    ("in", [[1, 2], {}], ["i array 1 2", "j map"]),
]


def test_a_filter_finds_what_it_should_and_no_other_type(world: firestore.Client) -> None:
    for op, value, expected in FILTERS:
        found = world.collection("mixed").where(filter=FieldFilter("v", op, value)).stream()
        assert [snapshot.id for snapshot in found] == expected, (op, value)


def test_references_are_compared_by_their_segments(db: firestore.Client) -> None:
    for identity, path in (("1", "a/b"), ("2", "a/b/c/d"), ("3", "a/b!")):
        db.document(f"c/{identity}").set({"v": db.document(path)})

    assert ids(db.collection("c").where(filter=FieldFilter("v", ">=", db.document("a/b")))) == "123"
    assert ids(db.collection("c").where(filter=FieldFilter("v", "==", db.document("a/b/c/d")))) == "2"


FIRST = FieldFilter("priority", "==", 1)
FIRST_TWO = FieldFilter("priority", "in", [2, 1])
SIZED = FieldFilter("size", ">", 0)
ORDERED: list[tuple[Build, str]] = [
    (lambda c: c, "abcde"),
    (lambda c: c.order_by("priority"), "acbde"),
    (lambda c: c.order_by("priority", direction=DESCENDING), "edbca"),
    (lambda c: c.order_by("priority", direction=DESCENDING).order_by("__name__"), "ebdac"),
    (lambda c: c.order_by("priority").order_by("__name__", direction=DESCENDING), "cadbe"),
    (lambda c: c.order_by("size").order_by("priority", direction=DESCENDING), "bcda"),
    (lambda c: c.order_by("absent"), ""),
    (lambda c: c.where(filter=SIZED), "bcad"),
    (lambda c: c.where(filter=SIZED).where(filter=FieldFilter("priority", ">", 0)), "cabd"),
    (lambda c: c.where(filter=SIZED).order_by("priority", direction=DESCENDING), "dbac"),
    (lambda c: c.where(filter=FieldFilter("size", "<", 10)).where(filter=FIRST), "c"),
    (lambda c: c.where(filter=FIRST).order_by("size"), "ca"),
    (lambda c: c.where(filter=FIRST).order_by("__name__", direction=DESCENDING), "ca"),
    (lambda c: c.where(filter=FIRST_TWO).limit(3), "abc"),
    (lambda c: c.where(filter=FieldFilter("size", "in", [5])).where(filter=FIRST_TWO), "bc"),
    (lambda c: c.where(filter=FIRST_TWO).order_by("priority", direction=DESCENDING), "dbca"),
    (lambda c: c.where(filter=FieldFilter("m.x", ">", 1)), "bde"),
    (lambda c: c.where(filter=FieldFilter("`a b`.`c.d`", "==", 3)), "e"),
    (lambda c: c.order_by("priority").limit(2), "ac"),
    (lambda c: c.limit(0), ""),
    (lambda c: c.order_by("priority").start_at({"priority": 2}), "bde"),
    (lambda c: c.order_by("priority").start_after({"priority": 2}), "e"),
    (lambda c: c.order_by("priority").end_at({"priority": 2}), "acbd"),
    (lambda c: c.order_by("priority").end_before({"priority": 2}), "ac"),
    (lambda c: c.order_by("priority").start_at({"priority": 3}).end_at({"priority": 1}), ""),
    (lambda c: c.order_by("priority").start_at({"priority": "text"}), ""),
    (lambda c: c.order_by("priority").end_before({"priority": "text"}), "acbde"),
    (lambda c: c.order_by("priority").start_at({"priority": None}), "acbde"),
    (lambda c: c.order_by("priority", direction=DESCENDING).start_at({"priority": 2}), "dbca"),
    (lambda c: c.order_by("priority", direction=DESCENDING).end_before({"priority": 1}), "edb"),
    (lambda c: c.order_by("size").order_by("priority").start_after({"size": 5, "priority": 1}), "bad"),
    (lambda c: c.order_by("size").order_by("priority").end_at({"size": 10, "priority": 1}), "cba"),
    (lambda c: c.order_by("__name__").start_after({"__name__": c.document("b")}).limit(2), "cd"),
    (lambda c: c.order_by("__name__").start_at({"__name__": c.document("bb")}).limit(2), "cd"),
    (lambda c: c.order_by("__name__").end_before({"__name__": c.document("b")}), "a"),
    (lambda c: c.where(filter=FieldFilter("__name__", "==", c.document("b"))), "b"),
    (lambda c: c.where(filter=FieldFilter("__name__", ">", c.document("b"))), "cde"),
    (lambda c: c.where(filter=FieldFilter("__name__", "<=", c.document("b"))), "ab"),
]


def test_results_are_filtered_ordered_and_cut_as_asked(world: firestore.Client) -> None:
    for place, (build, expected) in enumerate(ORDERED):
        assert ids(build(world.collection("c"))) == expected, place


def test_pages_by_the_last_snapshot_give_everything_once(world: firestore.Client) -> None:
    for direction in (firestore.Query.ASCENDING, DESCENDING):
        query = world.collection("c").order_by("priority", direction=direction).limit(2)
        pages = [query.get()]
        while len(pages[-1]) == 2:
            pages.append(query.start_after(pages[-1][-1]).get())
        seen = [snapshot.id for page in pages for snapshot in page]
        assert "".join(seen) == ids(world.collection("c").order_by("priority", direction=direction))


def test_a_projection_holds_only_the_fields_named_and_to_nothing_gives_names(world: firestore.Client) -> None:
    whole = world.document("c/e").get()
    [last] = world.collection("c").select(["m.x", "absent"]).order_by("priority", direction=DESCENDING).limit(1).get()
    [first] = world.collection("c").select([]).limit(1).stream()

    assert (last.id, last.to_dict(), last.update_time) == ("e", {"m": {"x": 3}}, whole.update_time)
    assert (first.id, first.to_dict()) == ("a", {})


def test_names_alone_cannot_be_had_in_descending_order(world: firestore.Client) -> None:
    with pytest.raises(exceptions.FailedPrecondition):
        ids(world.collection("c").order_by("__name__", direction=DESCENDING))


def of_user(db: firestore.Client, uid: str) -> firestore.Query:
    """All clips of one user: a range of names that are no clips themselves."""
    query = db.collection_group("clips").order_by("__name__")
    start, end = db.document(f"users/{uid}"), db.document(f"users/{uid}\0")
    return query.start_at({"__name__": start}).end_before({"__name__": end})


def test_a_group_holds_the_collections_of_one_id_wherever_they_lie(world: firestore.Client) -> None:
    group = world.collection_group("clips")
    assert ids(group) == "gabcdef"
    assert ids(group.where(filter=FieldFilter("status", "==", "done"))) == "gbd"
    assert ids(group.order_by("n", direction=DESCENDING).limit(3)) == "gfe"
    assert ids(group.where(filter=FieldFilter("n", ">", 1)).order_by("n").start_after({"n": 3}).limit(2)) == "ef"


def test_a_range_of_names_gives_the_clips_of_one_user(world: firestore.Client) -> None:
    assert [ids(of_user(world, uid)) for uid in ("u", "u!", "u1", "v", "no")] == ["abc", "d", "e", "f", ""]
    query = of_user(world, "u")
    first = query.limit(2).get()
    assert ids(query.where(filter=FieldFilter("status", "==", "done"))) == "b"
    assert query.count().get()[0][0].value == 3
    assert ids(query.start_after({"__name__": first[-1].reference})) == "c"

    within = world.collection_group("clips").where(filter=FieldFilter("__name__", ">=", world.document("users/u")))
    within = within.where(filter=FieldFilter("__name__", "<", world.document("users/u\0")))
    assert ids(within.where(filter=FieldFilter("status", "==", "failed"))) == "ac"


def test_recursive_gives_everything_below_a_collection(world: firestore.Client) -> None:
    below = world.document("users/u1").collection("videos").recursive()
    assert [snapshot.reference.path for snapshot in below.stream()] == [
        *("users/u1/videos/v1", "users/u1/videos/v1/clips/e")
    ]
    names = [snapshot.to_dict() for snapshot in world.collection("users").recursive().select(["__name__"]).stream()]
    assert names == [{}] * len(PATHS)


def test_listed_documents_include_parents_that_do_not_exist(world: firestore.Client) -> None:
    assert [reference.id for reference in world.collection("users").list_documents()] == ["u", "u!", "u1", "v"]
    for size in (1, 2, 100):
        listed = world.document("users/u").collection("videos").list_documents(page_size=size)
        assert [reference.id for reference in listed] == ["v1", "v2"]
    assert ids(world.document("users/u").collection("videos")) == ""


def test_collections_are_listed_below_any_path(world: firestore.Client) -> None:
    assert [collection.id for collection in world.collections()] == ["c", "clips", "mixed", "numbers", "users"]
    for path, expected in (("users/u", ["videos"]), ("users/v", ["clips"]), ("users/nobody", [])):
        assert [collection.id for collection in world.document(path).collections()] == expected
    request = {"parent": f"{world._database_string}/documents", "page_size": 3}
    listed = world._firestore_api.list_collection_ids(request=request, metadata=world._rpc_metadata)
    assert list(listed) == ["c", "clips", "mixed", "numbers", "users"]


def test_a_long_list_needs_no_page_size(db: firestore.Client) -> None:
    batch = db.batch()
    for number in range(200):
        batch.set(db.document(f"c/{number:03}/d/x"), {"v": 1})
    batch.commit()
    assert len(list(db.collection("c").list_documents())) == 200
    batch = db.batch()
    for number in range(199):
        batch.delete(db.document(f"c/{number:03}/d/x"))
    batch.commit()
    assert [reference.id for reference in db.collection("c").list_documents(page_size=1_000)] == ["199"]


def test_a_count_counts_documents_within_filters_limits_and_cursors(world: firestore.Client) -> None:
    numbers = world.collection("numbers")
    rest = numbers.order_by("__name__").start_after({"__name__": numbers.document("1")})
    for query, expected in (
        (numbers, 6),
        (numbers.where(filter=FieldFilter("v", ">", 3)), 2),
        (numbers.limit(4), 4),
        (rest, 4),
        (world.collection_group("clips"), 7),
    ):
        assert query.count("n").get()[0][0].value == expected


def figures(db: firestore.Client, collection: str, *aggregations: dict[str, Any]) -> dict[str, Any]:
    """What an aggregation query says, by alias, as raw values."""
    query = {"structured_query": {"from_": [{"collection_id": collection}]}, "aggregations": list(aggregations)}
    request = {"parent": f"{db._database_string}/documents", "structured_aggregation_query": query}
    [answer] = db._firestore_api.run_aggregation_query(request=request, metadata=db._rpc_metadata)
    return dict(answer.result._pb.aggregate_fields)


def test_sums_skip_what_is_no_number_and_documents_without_the_field_go_uncounted(world: firestore.Client) -> None:
    total = {"alias": "total", "sum": {"field": {"field_path": "v"}}}
    found = figures(world, "numbers", total, {"alias": "n", "count": {}}, {"count": {}})
    assert (found["total"].double_value, found["n"].integer_value, found["field_1"].integer_value) == (17.5, 5, 5)
    few = figures(world, "numbers", {"alias": "n", "count": {"up_to": {"value": 4}}})
    assert few["n"].integer_value == 4
    assert figures(world, "none", total)["total"].integer_value == 0


SUMS: list[tuple[list[float], float]] = [
    ([1, 2], 3),
    ([1, 2.0], 3.0),
    ([2**63 - 1, 1], float(2**63)),
    ([2**63 - 1, 2**63 - 1, -(2**63), -(2**63)], -2),
    ([math.inf, 1], math.inf),
    ([math.nan, 1], math.nan),
]


def test_a_sum_is_exact_for_integers_and_a_double_beyond(db: firestore.Client) -> None:
    batch = db.batch()
    for place, (numbers, _) in enumerate(SUMS):
        for identity, number in enumerate(numbers):
            batch.set(db.document(f"c{place}/{identity}"), {"v": number})
    batch.commit()

    found = [db.collection(f"c{place}").sum("v").get()[0][0].value for place in range(len(SUMS))]
    assert list(map(repr, found)) == [repr(total) for _, total in SUMS]
