"""Calls and values that the client library never sends by itself, but other callers of the protocol may."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1 import types

from tests.rigs.firestore import EmbeddedFirestore

ONE = types.Value(integer_value=1)
NANOSECONDS = {"seconds": 5, "nanos": 123_456_789}


class Raw:
    """The calls of the protocol as they are, for one project."""

    def __init__(self, db: firestore.Client) -> None:
        self.database = db._database_string
        self.root = f"{self.database}/documents"
        self._db = db

    def __call__(self, method: str, **request: Any) -> Any:
        return getattr(self._db._firestore_api, method)(request=request, metadata=self._db._rpc_metadata)

    def write(self, **write: Any) -> Any:
        """Commit a single write and return its result."""
        return self("commit", database=self.database, writes=[write]).write_results[0]

    def document(self, path: str, **fields: types.Value) -> types.Document:
        """A document by its relative path."""
        return types.Document(name=f"{self.root}/{path}", fields=fields)


@pytest.fixture
def raw(db: firestore.Client) -> Raw:
    """The protocol on every kind of Firestore in turn."""
    return Raw(db)


def test_a_document_can_be_created_under_a_made_up_id(raw: Raw) -> None:
    created = raw("create_document", parent=raw.root, collection_id="c", document={"fields": {"v": ONE}})

    assert len(created.name.rpartition("/")[2]) == 20
    assert raw("get_document", name=created.name) == created


def test_a_document_can_be_created_once_under_a_given_id(raw: Raw) -> None:
    request = {"parent": f"{raw.root}/a/b", "collection_id": "c", "document_id": "d", "document": {}}
    raw("create_document", **request)

    with pytest.raises(exceptions.AlreadyExists):
        raw("create_document", **request)


def test_a_single_update_creates_merges_and_honours_its_precondition(raw: Raw) -> None:
    raw("update_document", document=raw.document("c/d", v=ONE, w=ONE))
    mask = {"field_paths": ["w"]}
    both = {"field_paths": ["v", "w"]}
    merged = raw("update_document", document=raw.document("c/d"), update_mask=mask, mask=both)
    assert dict(merged.fields) == {"v": ONE}

    with pytest.raises(exceptions.NotFound):
        raw("update_document", document=raw.document("c/none"), current_document={"exists": True})


def test_a_single_delete_honours_its_precondition(raw: Raw) -> None:
    raw.write(update=raw.document("c/d"))
    raw("delete_document", name=f"{raw.root}/c/d", current_document={"exists": True})

    with pytest.raises(exceptions.NotFound):
        raw("delete_document", name=f"{raw.root}/c/d", current_document={"exists": True})


def test_a_write_can_consist_of_transforms_alone(raw: Raw) -> None:
    transform = {"field_path": "n", "increment": ONE}
    result = raw.write(transform={"document": f"{raw.root}/c/d", "field_transforms": [transform, transform]})

    assert [value.integer_value for value in result.transform_results] == [1, 2]


def test_times_are_cut_to_microseconds(raw: Raw) -> None:
    raw.write(update=raw.document("c/d", at=types.Value(timestamp_value=NANOSECONDS)))

    stored = raw("get_document", name=f"{raw.root}/c/d")._pb.fields["at"].timestamp_value
    assert (stored.seconds, stored.nanos) == (5, 123_456_000)


@pytest.mark.parametrize(
    "value",
    [
        types.Value(),
        types.Value(timestamp_value={"seconds": 10**15}),
        types.Value(geo_point_value={"latitude": 91}),
        types.Value(geo_point_value={"longitude": -181}),
        types.Value(reference_value="users/u"),
        types.Value(reference_value="projects/p/databases/d/documents/c"),
        types.Value(map_value={"fields": {"": ONE}}),
        types.Value(map_value={"fields": {"m": types.Value()}}),
    ],
    ids=lambda value: str(value).replace("\n", " ")[:40],
)
def test_a_value_out_of_range_is_refused(raw: Raw, value: types.Value) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        raw.write(update=raw.document("c/d", v=value))


@pytest.mark.parametrize(
    "transform",
    [
        {"field_path": "v"},
        {"field_path": "v", "increment": types.Value(string_value="1")},
        {"field_path": "v", "maximum": types.Value(null_value=0)},
        {"field_path": "__v__", "increment": ONE},
        {"field_path": "a b", "increment": ONE},
    ],
    ids=str,
)
def test_a_transform_that_makes_no_sense_is_refused(raw: Raw, transform: dict[str, Any]) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        raw.write(update=raw.document("c/d"), update_transforms=[transform])


def found(raw: Raw, query: dict[str, Any]) -> list[str]:
    """The ids that a query finds in collections directly below the root."""
    answers = raw("run_query", parent=raw.root, structured_query=query)
    return [answer.document.name.rpartition("/")[2] for answer in answers if answer.document.name]


@pytest.mark.parametrize("odd", [types.Value(null_value=0), types.Value(double_value=float("nan"))], ids=str)
@pytest.mark.parametrize("op", ["EQUAL", "NOT_EQUAL", "GREATER_THAN_OR_EQUAL", "ARRAY_CONTAINS"])
def test_a_field_filter_finds_neither_null_nor_nan(raw: Raw, op: str, odd: types.Value) -> None:
    """The client asks for them by unary filters. What is not null differs from NaN, even NaN does."""
    array = types.Value(array_value={"values": [odd]})
    for identity, stored in (("1", ONE), ("2", odd), ("3", array)):
        raw.write(update=raw.document(f"c/{identity}", v=stored))
    where = {"field_filter": {"field": {"field_path": "v"}, "op": op, "value": odd}}
    expected = {"1", "2", "3"} if op == "NOT_EQUAL" and "nan" in str(odd) else set()

    assert set(found(raw, {"from_": [{"collection_id": "c"}], "where": where})) == expected


@pytest.mark.parametrize(
    "figure",
    [
        {"count": {"up_to": {"value": -1}}},
        {"sum": {"field": {"field_path": "__name__"}}},
        {"avg": {"field": {"field_path": "a b"}}},
    ],
    ids=str,
)
def test_an_aggregation_that_makes_no_sense_is_refused(raw: Raw, figure: dict[str, Any]) -> None:
    query = {"structured_query": {"from_": [{"collection_id": "c"}]}, "aggregations": [figure]}

    with pytest.raises(exceptions.InvalidArgument):
        list(raw("run_aggregation_query", parent=raw.root, structured_aggregation_query=query))


def test_collections_without_an_id_mean_all_directly_below(raw: Raw) -> None:
    for path in ("a/1", "b/2", "b/2/c/3", "d/4/e/5"):
        raw.write(update=raw.document(path))
    listed = raw("list_documents", parent=raw.root, page_size=2)

    assert [document.name for document in listed] == [f"{raw.root}/a/1", f"{raw.root}/b/2"]
    assert found(raw, {"from_": [{}]}) == ["1", "2"]


def test_collection_ids_come_in_pages(raw: Raw) -> None:
    for collection in ("a", "b", "c", "café"):
        raw.write(update=raw.document(f"{collection}/d/e/f"))

    assert list(raw("list_collection_ids", parent=raw.root, page_size=3)) == ["a", "b", "c", "café"]
    assert list(raw("list_collection_ids", parent=f"{raw.root}/café/d")) == ["e"]


def test_a_transaction_can_follow_one_that_failed(raw: Raw) -> None:
    first = raw("begin_transaction", database=raw.database).transaction
    raw("rollback", database=raw.database, transaction=first)
    again = {"read_write": {"retry_transaction": first}}

    assert raw("begin_transaction", database=raw.database, options=again).transaction != first
    unknown = {"read_write": {"retry_transaction": b"none"}}
    with pytest.raises(exceptions.InvalidArgument):
        raw("begin_transaction", database=raw.database, options=unknown)


@pytest.mark.parametrize("read", ["list", "count"])
def test_our_server_repeats_lists_and_counts_of_a_transaction(
    embedded: EmbeddedFirestore, embedded_db: firestore.Client, read: str
) -> None:
    raw = Raw(embedded_db)
    transaction = raw("begin_transaction", database=raw.database).transaction
    if read == "list":
        list(raw("list_documents", parent=raw.root, collection_id="c", transaction=transaction))
    else:
        query = {"structured_query": {"from_": [{"collection_id": "c"}]}, "aggregations": [{"count": {}}]}
        request = {"parent": raw.root, "structured_aggregation_query": query, "transaction": transaction}
        list(raw("run_aggregation_query", **request))
    raw.write(update=raw.document("c/d"))

    with pytest.raises(exceptions.Aborted):
        raw("commit", database=raw.database, writes=[], transaction=transaction)
    assert embedded.faults.calls["Commit"] == 2


@pytest.mark.parametrize(
    "query",
    [
        {"from_": [{"collection_id": "c"}]},
        {"from_": [{"collection_id": "c", "all_descendants": True}], "limit": 1},
        {"from_": [{"collection_id": "c", "all_descendants": True}], "offset": 1},
        {
            "from_": [{"collection_id": "c", "all_descendants": True}],
            "order_by": [{"field": {"field_path": "v"}, "direction": "ASCENDING"}],
        },
    ],
    ids=str,
)
def test_our_server_cuts_whole_groups_only(embedded_db: firestore.Client, query: dict[str, Any]) -> None:
    raw = Raw(embedded_db)

    with pytest.raises(exceptions.InvalidArgument):
        raw("partition_query", parent=raw.root, structured_query=query, partition_count=2)
