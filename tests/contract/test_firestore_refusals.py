"""What Firestore refuses: malformed names and documents, and queries that make no sense."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1 import _helpers, types

Op = types.StructuredQuery.FieldFilter.Operator
LONG = "é" * 751  # 1,502 bytes
LARGEST = 1_048_576
COUNT: dict[str, Any] = {"count": {}}


def field(path: str, op: int, value: object) -> dict[str, Any]:
    """A field filter as the wire has it, without the client's own checks."""
    encoded = value if isinstance(value, types.Value) else _helpers.encode_value(value)
    return {"field_filter": {"field": {"field_path": path}, "op": op, "value": encoded}}


def composite(op: str, *filters: dict[str, Any]) -> dict[str, Any]:
    """Several filters joined by AND or OR."""
    return {"composite_filter": {"op": op, "filters": list(filters)}}


def order(path: str) -> dict[str, Any]:
    """One ascending order."""
    return {"field": {"field_path": path}, "direction": "ASCENDING"}


def reference(path: str) -> types.Value:
    """A reference into a database that nobody needs."""
    return types.Value(reference_value=f"projects/p/databases/(default)/documents/{path}")


def commit(db: firestore.Client, *writes: dict[str, Any]) -> None:
    """Send writes as they are."""
    request = {"database": db._database_string, "writes": writes}
    db._firestore_api.commit(request=request, metadata=db._rpc_metadata)


MANY = list(range(6))
IMPOSSIBLE_QUERIES: dict[str, dict[str, Any]] = {
    "two collections": {"from_": [{"collection_id": "a"}, {"collection_id": "b"}]},
    "a path for a collection": {"from_": [{"collection_id": "a/b"}]},
    "a reserved collection": {"from_": [{"collection_id": "__a__"}]},
    "a limit below zero": {"limit": -1},
    "an offset below zero": {"offset": -1},
    "a filter without content": {"where": {}},
    "a composite without an operator": {"where": composite("OPERATOR_UNSPECIFIED", field("a", Op.EQUAL, 1))},
    "a filter without an operator": {"where": field("a", Op.OPERATOR_UNSPECIFIED, 1)},
    "a filter without a value": {"where": field("a", Op.EQUAL, types.Value())},
    "a field path with a space": {"where": field("a b", Op.EQUAL, 1)},
    "a field path with a trailing dot": {"where": field("a.", Op.EQUAL, 1)},
    "a reserved field": {"where": field("__a__", Op.EQUAL, 1)},
    "IN without values": {"where": field("a", Op.IN, [])},
    "IN without an array": {"where": field("a", Op.IN, 1)},
    "IN with 31 values": {"where": field("a", Op.IN, list(range(31)))},
    "NOT_IN with 11 values": {"where": field("a", Op.NOT_IN, list(range(11)))},
    "36 disjunctions": {"where": composite("AND", field("a", Op.IN, MANY), field("b", Op.IN, MANY))},
    "two array-contains": {"where": composite("AND", *[field("a", Op.ARRAY_CONTAINS, n) for n in (1, 2)])},
    "two inequations": {"where": composite("AND", *[field("a", Op.NOT_EQUAL, n) for n in (1, 2)])},
    "NOT_IN beside IN": {"where": composite("AND", field("a", Op.NOT_IN, [1]), field("b", Op.IN, [1]))},
    "NOT_IN within OR": {"where": composite("OR", field("a", Op.NOT_IN, [1]), field("b", Op.EQUAL, 1))},
    "a name equal to a text": {"where": field("__name__", Op.EQUAL, "a")},
    "a name within an array": {"where": field("__name__", Op.ARRAY_CONTAINS, reference("a/b"))},
    "a name equal to a collection": {"where": field("__name__", Op.EQUAL, reference("a"))},
    "a name and a range": {
        "where": composite("AND", field("__name__", Op.EQUAL, reference("a/b")), field("a", Op.LESS_THAN, 1))
    },
    "the same order twice": {"order_by": [order("a"), order("a")]},
    "an order after the name": {"order_by": [order("__name__"), order("a")]},
    "a range and an order by name": {"where": field("a", Op.LESS_THAN, 1), "order_by": [order("__name__")]},
    "a cursor longer than the orders": {"start_at": {"values": [_helpers.encode_value(1)]}},
    "a name cursor that is a text": {
        "order_by": [order("__name__")],
        "start_at": {"values": [_helpers.encode_value("a")]},
    },
    "a filter over all collections": {"from_": [{"all_descendants": True}], "where": field("a", Op.EQUAL, 1)},
    "an order over all collections": {"from_": [{"all_descendants": True}], "order_by": [order("a")]},
    "a projection to a bad path": {"select": {"fields": [{"field_path": "a b"}]}},
}


@pytest.mark.parametrize("query", IMPOSSIBLE_QUERIES.values(), ids=IMPOSSIBLE_QUERIES.keys())
def test_a_query_that_makes_no_sense_is_refused(db: firestore.Client, query: dict[str, Any]) -> None:
    structured = {"from_": [{"collection_id": "c"}], **query}
    request = {"parent": f"{db._database_string}/documents", "structured_query": structured}

    with pytest.raises(exceptions.InvalidArgument):
        list(db._firestore_api.run_query(request=request, metadata=db._rpc_metadata, retry=None))


@pytest.mark.parametrize("parent", ["projects", "{db}", "{db}/documents/c", "{db}/documents/c//d"])
def test_a_query_starts_from_a_document_or_the_root(db: firestore.Client, parent: str) -> None:
    query = {"from_": [{"collection_id": "c"}]}
    request = {"parent": parent.format(db=db._database_string), "structured_query": query}

    with pytest.raises(exceptions.InvalidArgument):
        list(db._firestore_api.run_query(request=request, metadata=db._rpc_metadata, retry=None))


@pytest.mark.parametrize("aggregations", [[], [{"alias": "a", **COUNT}] * 2, [{"alias": "__a__", **COUNT}]])
def test_an_aggregation_needs_figures_with_names_of_their_own(
    db: firestore.Client, aggregations: list[dict[str, Any]]
) -> None:
    query = {"structured_query": {"from_": [{"collection_id": "c"}]}, "aggregations": aggregations}
    request = {"parent": f"{db._database_string}/documents", "structured_aggregation_query": query}

    with pytest.raises(exceptions.InvalidArgument):
        list(db._firestore_api.run_aggregation_query(request=request, metadata=db._rpc_metadata, retry=None))


@pytest.mark.parametrize(
    "path",
    [
        *("c/.", "c/..", "c/__x__", "__c__/d", "c", "c/d/e", "c//d", "c/d/"),
        *(f"c/{LONG}", f"{LONG}/d", "x/" * 201 + "x"),
    ],
    ids=lambda path: path[:12],
)
def test_a_bad_document_name_is_refused(db: firestore.Client, path: str) -> None:
    name = f"{db._database_string}/documents/{path}"

    with pytest.raises(exceptions.InvalidArgument):
        commit(db, {"update": {"name": name}})


def nested(depth: int) -> dict[str, Any]:
    """Maps within one another."""
    return {"m": nested(depth - 1)} if depth > 1 else {}


@pytest.mark.parametrize(
    "fields",
    [
        {"__x__": 1},
        {"m": {"__x__": 1}},
        {LONG: 1},
        {"v": [[1]]},
        {"v": nested(21)},
        {"v": "x" * (LARGEST - 88)},
        {"v": "x" * 600_000, "w": "x" * 600_000},
    ],
    ids=lambda fields: str(fields)[:20],
)
def test_a_document_that_breaks_the_rules_is_refused(db: firestore.Client, fields: dict[str, Any]) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        db.document("c/d").set(fields)
    assert not db.document("c/d").get().exists


def test_the_limit_of_size_counts_names_and_values_to_the_byte(db: firestore.Client) -> None:
    overhead = 16 + len("c/d/") + 32 + 2 * len("v.") + 2
    room = LARGEST - overhead

    db.document("c/d").set({"v": "x" * 500_000, "w": "x" * (room - 500_000)})
    with pytest.raises(exceptions.InvalidArgument):
        db.document("c/d").set({"v": "x" * 500_000, "w": "x" * (room - 499_999)})


def test_twenty_levels_of_maps_are_allowed(db: firestore.Client) -> None:
    db.document("c/d").set({"v": nested(20)})

    assert db.document("c/d").get().to_dict() == {"v": nested(20)}


def test_a_write_has_to_say_what_it_does(db: firestore.Client) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        commit(db, {})


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("c/none", exceptions.NotFound),
        ("c", exceptions.InvalidArgument),
        ("", exceptions.InvalidArgument),
    ],
)
def test_getting_one_document_says_what_is_wrong(
    db: firestore.Client, name: str, refusal: type[exceptions.GoogleAPICallError]
) -> None:
    with pytest.raises(refusal):
        db._firestore_api.get_document(
            request={"name": f"{db._database_string}/documents/{name}".rstrip("/")}, metadata=db._rpc_metadata
        )


@pytest.mark.parametrize(
    "wrong", [{"page_size": -1}, {"page_token": "zzz"}, {"show_missing": True, "order_by": "a"}], ids=str
)
def test_a_list_refuses_a_bad_page(db: firestore.Client, wrong: dict[str, Any]) -> None:
    request = {"parent": f"{db._database_string}/documents", "collection_id": "c", **wrong}

    with pytest.raises(exceptions.InvalidArgument):
        list(db._firestore_api.list_documents(request=request, metadata=db._rpc_metadata))


def test_a_database_has_a_full_name(db: firestore.Client) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        db._firestore_api.commit(request={"database": "projects/p", "writes": []}, metadata=db._rpc_metadata)
