"""What Firestore refuses: malformed names and documents, and queries that make no sense; and what our server lacks."""

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
ONE = {"integer_value": 1}


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


MANY = list(range(6))
IMPOSSIBLE_QUERIES: dict[str, dict[str, Any]] = {
    "two collections": {"from_": [{"collection_id": "a"}, {"collection_id": "b"}]},
    "a path for a collection": {"from_": [{"collection_id": "a/b"}]},
    "a reserved collection": {"from_": [{"collection_id": "__a__"}]},
    "a limit below zero": {"limit": -1},
    "a filter without content": {"where": {}},
    "a composite without an operator": {"where": composite("OPERATOR_UNSPECIFIED", field("a", Op.EQUAL, 1))},
    "a filter without an operator": {"where": field("a", Op.OPERATOR_UNSPECIFIED, 1)},
    "a filter without a value": {"where": field("a", Op.EQUAL, types.Value())},
    "a field path with a space": {"where": field("a b", Op.EQUAL, 1)},
    "a field path with a trailing dot": {"where": field("a.", Op.EQUAL, 1)},
    "a reserved field": {"where": field("__a__", Op.EQUAL, 1)},
    "IN without values": {"where": field("a", Op.IN, [])},
    "IN without an array": {"where": field("a", Op.IN, 1)},
    "an offset below zero": {"offset": -1},
    "IN with 31 values": {"where": field("a", Op.IN, list(range(31)))},
    "36 disjunctions": {"where": composite("AND", field("a", Op.IN, MANY), field("b", Op.IN, MANY))},
    "a name equal to a text": {"where": field("__name__", Op.EQUAL, "a")},
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


REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{
        f"query: {name}": (
            "run_query",
            {"parent": "{db}/documents", "structured_query": {"from_": [{"collection_id": "c"}], **query}},
        )
        for name, query in IMPOSSIBLE_QUERIES.items()
    },
    **{
        f"query from {parent}": (
            "run_query",
            {"parent": parent, "structured_query": {"from_": [{"collection_id": "c"}]}},
        )
        for parent in ("projects", "{db}", "{db}/documents/c", "{db}/documents/c//d")
    },
    **{
        f"figures {aggregations}": (
            "run_aggregation_query",
            {
                "parent": "{db}/documents",
                "structured_aggregation_query": {
                    "structured_query": {"from_": [{"collection_id": "c"}]},
                    "aggregations": aggregations,
                },
            },
        )
        for aggregations in (
            [],
            [{"alias": "a", **COUNT}] * 2,
            [{"alias": "__a__", **COUNT}],
            [{"count": {"up_to": {"value": -1}}}],
            [{"sum": {"field": {"field_path": "__name__"}}}],
            [{"sum": {"field": {"field_path": "a b"}}}],
        )
    },
    **{
        f"document {path[:20]}": (
            "commit",
            {"database": "{db}", "writes": [{"update": {"name": f"{{db}}/documents/{path}"}}]},
        )
        for path in (
            *("c/.", "c/..", "c/__x__", "__c__/d", "c", "c/d/e", "c//d", "c/d/"),
            *(f"c/{LONG}", f"{LONG}/d", "x/" * 201 + "x"),
        )
    },
    **{
        f"value {number}": (
            "commit",
            {"database": "{db}", "writes": [{"update": {"name": "{db}/documents/c/d", "fields": {"v": value}}}]},
        )
        for number, value in enumerate(
            (
                {},
                {"timestamp_value": {"seconds": 10**15}},
                {"geo_point_value": {"latitude": 91}},
                {"geo_point_value": {"longitude": -181}},
                {"reference_value": "users/u"},
                {"reference_value": "projects/p/databases/d/documents/c"},
                {"map_value": {"fields": {"": ONE}}},
                {"map_value": {"fields": {"m": {}}}},
            )
        )
    },
    **{
        f"transform {transform}": (
            "commit",
            {
                "database": "{db}",
                "writes": [{"update": {"name": "{db}/documents/c/d"}, "update_transforms": [transform]}],
            },
        )
        for transform in (
            {"field_path": "v"},
            {"field_path": "v", "increment": {"string_value": "1"}},
            {"field_path": "__v__", "increment": ONE},
            {"field_path": "a b", "increment": ONE},
        )
    },
    **{
        f"list {wrong}": ("list_documents", {"parent": "{db}/documents", "collection_id": "c", **wrong})
        for wrong in ({"page_size": -1}, {"page_token": "zzz"}, {"show_missing": True, "order_by": "a"})
    },
    "a write without content": ("commit", {"database": "{db}", "writes": [{}]}),
    "a database by half its name": ("commit", {"database": "projects/p", "writes": []}),
    "a get that names a collection": ("batch_get_documents", {"database": "{db}", "documents": ["{db}/documents/c"]}),
    "a transaction that never was": (
        "begin_transaction",
        {"database": "{db}", "options": {"read_write": {"retry_transaction": b"none"}}},
    ),
}


def filled(part: Any, database: str) -> Any:
    """A request with the name of the database put in wherever `{db}` stands."""
    if isinstance(part, dict):
        return {key: filled(value, database) for key, value in part.items()}
    if isinstance(part, list):
        return [filled(value, database) for value in part]
    return part.replace("{db}", database) if isinstance(part, str) else part


def answer(db: firestore.Client, method: str, request: dict[str, Any]) -> str:
    """What becomes of a request: `served`, or the class and text of the refusal."""
    call = getattr(db._firestore_api, method)
    try:
        found = call(request=filled(request, db._database_string), metadata=db._rpc_metadata, retry=None)
        if method in ("run_query", "run_aggregation_query", "batch_get_documents", "list_documents"):
            list(found)
    except exceptions.GoogleAPICallError as error:
        return f"{type(error).__name__}: {error.message}"
    return "served"


def test_a_request_that_makes_no_sense_is_refused(db: firestore.Client) -> None:
    answers = {name: answer(db, *request) for name, request in REQUESTS.items()}
    assert {name: said for name, said in answers.items() if not said.startswith("InvalidArgument: ")} == {}


def nested(depth: int) -> dict[str, Any]:
    """Maps within one another."""
    return {"m": nested(depth - 1)} if depth > 1 else {}


def test_a_document_that_breaks_the_rules_is_refused(db: firestore.Client) -> None:
    for fields in (
        {"__x__": 1},
        {"m": {"__x__": 1}},
        {LONG: 1},
        {"v": [[1]]},
        {"v": nested(21)},
        {"v": "x" * (LARGEST - 88)},
    ):
        with pytest.raises(exceptions.InvalidArgument):
            db.document("c/d").set(fields)
    assert not db.document("c/d").get().exists
    db.document("c/d").set({"v": nested(20)})
    assert db.document("c/d").get().to_dict() == {"v": nested(20)}


def test_the_limit_of_size_counts_names_and_values_to_the_byte(db: firestore.Client) -> None:
    overhead = 16 + len("c/d/") + 32 + 2 * len("v.") + 2
    room = LARGEST - overhead

    db.document("c/d").set({"v": "x" * 500_000, "w": "x" * (room - 500_000)})
    with pytest.raises(exceptions.InvalidArgument):
        db.document("c/d").set({"v": "x" * 500_000, "w": "x" * (room - 499_999)})


def query_of(**parts: Any) -> tuple[str, dict[str, Any]]:
    structured = {"from_": [{"collection_id": "c"}], **parts}
    return "run_query", {"parent": "{db}/documents", "structured_query": structured}


def write_of(**write: Any) -> tuple[str, dict[str, Any]]:
    return "commit", {"database": "{db}", "writes": [write]}


def with_transform(**transform: Any) -> tuple[str, dict[str, Any]]:
    return write_of(
        update={"name": "{db}/documents/c/d"}, update_transforms=[{"field_path": "v", **transform}], update_mask={}
    )


LIST = {"parent": "{db}/documents", "collection_id": "c"}
GET = {"database": "{db}", "documents": ["{db}/documents/c/d"]}
NULL = {"field": {"field_path": "a"}, "op": "IS_NULL"}
VECTOR = {"map_value": {"fields": {"__type__": {"string_value": "__vector__"}, "value": {"array_value": {}}}}}
# What Firestore serves and our server does not: what the refusal names, and the request.
UNSERVED: dict[str, tuple[str, dict[str, Any]]] = {
    "The call GetDocument": ("get_document", {"name": "{db}/documents/c/d"}),
    "The call CreateDocument": ("create_document", {"parent": "{db}/documents", "collection_id": "c", "document": {}}),
    "The call UpdateDocument": ("update_document", {"document": {"name": "{db}/documents/c/d"}}),
    "The call DeleteDocument": ("delete_document", {"name": "{db}/documents/c/d"}),
    "The call BatchWrite": ("batch_write", {"database": "{db}", "writes": []}),
    "The call PartitionQuery": ("partition_query", {"parent": "{db}/documents", "partition_count": 2}),
    "A query over all collections of one level": query_of(from_=[{}]),
    "A query within a transaction": (
        "run_query",
        {**query_of()[1], "new_transaction": {"read_write": {}}},
    ),
    "A query of a time in the past": ("run_query", {**query_of()[1], "read_time": {"seconds": 1}}),
    "Query explain": ("run_query", {**query_of()[1], "explain_options": {}}),
    "Vector search": query_of(
        find_nearest={"vector_field": {"field_path": "v"}, "query_vector": VECTOR, "distance_measure": "EUCLIDEAN"}
    ),
    "An offset": query_of(offset=1),
    "A filter for null or NaN": query_of(where={"unary_filter": NULL}),
    "A filter with OR": query_of(where=composite("OR", field("a", Op.EQUAL, 1), field("b", Op.EQUAL, 1))),
    "The operator !=": query_of(where=field("a", Op.NOT_EQUAL, 1)),
    "The operator not-in": query_of(where=field("a", Op.NOT_IN, [1])),
    "The operator array-contains": query_of(where=field("a", Op.ARRAY_CONTAINS, 1)),
    "The operator array-contains-any": query_of(where=field("a", Op.ARRAY_CONTAINS_ANY, [1])),
    "The operator in for names": query_of(
        where=field("__name__", Op.IN, types.Value(array_value={"values": [reference("a/b")]}))
    ),
    "An average": (
        "run_aggregation_query",
        {
            "parent": "{db}/documents",
            "structured_aggregation_query": {
                "structured_query": {"from_": [{"collection_id": "c"}]},
                "aggregations": [{"avg": {"field": {"field_path": "v"}}}],
            },
        },
    ),
    "A list over all collections of one level": ("list_documents", {"parent": "{db}/documents"}),
    "A list in an order other than by name": ("list_documents", {**LIST, "order_by": "v desc"}),
    "A list of a time in the past": ("list_documents", {**LIST, "read_time": {"seconds": 1}}),
    "A read of a time in the past": ("batch_get_documents", {**GET, "read_time": {"seconds": 1}}),
    "A read within a transaction": ("batch_get_documents", {**GET, "new_transaction": {"read_write": {}}}),
    "A read-only transaction": ("begin_transaction", {"database": "{db}", "options": {"read_only": {}}}),
    "A write of transforms alone": write_of(transform={"document": "{db}/documents/c/d"}),
    "The transform maximum": with_transform(maximum=ONE),
    "The transform minimum": with_transform(minimum=ONE),
    "The transform append_missing_elements": with_transform(append_missing_elements={"values": [ONE]}),
    "The transform remove_all_from_array": with_transform(remove_all_from_array={"values": [ONE]}),
    "A vector": write_of(update={"name": "{db}/documents/c/d", "fields": {"v": VECTOR}}),
}


def test_what_our_server_does_not_serve_is_refused_by_name_and_changes_nothing(embedded_db: firestore.Client) -> None:
    answers = {name: answer(embedded_db, *request) for name, request in UNSERVED.items()}
    assert answers == {
        name: f"MethodNotImplemented: {name} is not served by the embedded Firestore." for name in UNSERVED
    }
    assert list(embedded_db.collection("c").list_documents()) == []


def test_listening_is_refused_by_name(embedded_db: firestore.Client) -> None:
    requests = iter([{"database": embedded_db._database_string}])
    with pytest.raises(exceptions.MethodNotImplemented, match="The call Listen is not served"):
        list(embedded_db._firestore_api.listen(requests=requests, metadata=embedded_db._rpc_metadata, retry=None))
