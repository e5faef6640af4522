"""Which queries production would refuse for want of an index, and what it would have to be given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter, Or

from storage.domain.indexes import Definition, missing_index
from tests.rigs.firestore import EmbeddedFirestore

DESCENDING = firestore.Query.DESCENDING
NOTHING: dict[str, Any] = {"indexes": [], "fieldOverrides": []}
AUTOMATIC = [
    {"order": "ASCENDING", "queryScope": "COLLECTION"},
    {"order": "DESCENDING", "queryScope": "COLLECTION"},
    {"arrayConfig": "CONTAINS", "queryScope": "COLLECTION"},
]
Build = Callable[[firestore.Client], firestore.Query]


@pytest.fixture(scope="module")
def client() -> firestore.Client:
    """A client that builds queries and never sends one."""
    return firestore.Client(project="p", credentials=AnonymousCredentials())


def demanded(query: firestore.Query, indexes: Definition = NOTHING, *summed: str) -> Definition | None:
    """The index that a query lacks."""
    return missing_index(query._to_protobuf()._pb, indexes, summed)


def composite(*fields: tuple[str, str], scope: str = "COLLECTION") -> dict[str, Any]:
    """A composite index of clips: field and its order or CONTAINS."""
    entries = [{"fieldPath": f, "arrayConfig" if kind == "CONTAINS" else "order": kind} for f, kind in fields]
    return {"collectionGroup": "clips", "queryScope": scope, "fields": entries}


def override(field: str, **wanted: str) -> dict[str, Any]:
    """A field override of clips: the automatic indexes and one for the collection group."""
    return {
        "collectionGroup": "clips",
        "fieldPath": field,
        "indexes": [*AUTOMATIC, {**wanted, "queryScope": "COLLECTION_GROUP"}],
    }


def clips(client: firestore.Client) -> firestore.Query:
    """The clips of one video."""
    return client.collection("users/u/videos/v/clips").limit(10)


def group(client: firestore.Client) -> firestore.Query:
    """All clips."""
    return client.collection_group("clips")


def done(query: firestore.Query) -> firestore.Query:
    """The finished ones."""
    return query.where(filter=FieldFilter("status", "==", "done"))


def of_user(query: firestore.Query, client: firestore.Client) -> firestore.Query:
    """Those of one user, by their names."""
    query = query.order_by("__name__").start_at({"__name__": client.document("users/u")})
    return query.end_before({"__name__": client.document("users/u\0")})


FREE: dict[str, Build] = {
    "a collection": clips,
    "a collection in descending order": lambda c: clips(c).order_by("size", direction=DESCENDING),
    "a range and its order": lambda c: clips(c).where(filter=FieldFilter("size", ">", 1)).order_by("size"),
    "equalities on several fields": lambda c: done(clips(c)).where(filter=FieldFilter("style", "in", ["a", "b"])),
    "an equality and contains": lambda c: done(clips(c)).where(filter=FieldFilter("t", "array_contains", "a")),
    "an order by a field that is fixed": lambda c: done(clips(c)).order_by("status"),
    "alternatives": lambda c: clips(c).where(filter=Or([FieldFilter("a", "==", 1), FieldFilter("b", "==", 2)])),
    "a whole group": group,
    "a group by name": lambda c: group(c).order_by("__name__"),
    "a group within a range of names": lambda c: of_user(group(c), c),
    "everything below a collection": lambda c: c.collection("users").recursive(),
}


@pytest.mark.parametrize("build", FREE.values(), ids=FREE.keys())
def test_some_queries_need_no_definition(client: firestore.Client, build: Build) -> None:
    assert demanded(build(client)) is None


DEMANDING: dict[str, tuple[Build, dict[str, Any]]] = {
    "an equality and an order": (
        lambda c: done(clips(c)).order_by("size", direction=DESCENDING),
        composite(("status", "ASCENDING"), ("size", "DESCENDING")),
    ),
    "an equality and a range": (
        lambda c: done(clips(c)).where(filter=FieldFilter("size", ">", 1)),
        composite(("status", "ASCENDING"), ("size", "ASCENDING")),
    ),
    "two orders": (
        lambda c: clips(c).order_by("style").order_by("size", direction=DESCENDING),
        composite(("style", "ASCENDING"), ("size", "DESCENDING")),
    ),
    "two ranges": (
        lambda c: clips(c).where(filter=FieldFilter("size", ">", 1)).where(filter=FieldFilter("age", "!=", 1)),
        composite(("age", "ASCENDING"), ("size", "ASCENDING")),
    ),
    "array-contains and an order": (
        lambda c: clips(c).where(filter=FieldFilter("tags", "array_contains", "a")).order_by("size"),
        composite(("tags", "CONTAINS"), ("size", "ASCENDING")),
    ),
    "an order with names the other way": (
        lambda c: clips(c).order_by("size").order_by("__name__", direction=DESCENDING),
        composite(("size", "ASCENDING"), ("__name__", "DESCENDING")),
    ),
    "one of two alternatives": (
        lambda c: clips(c).where(filter=Or([FieldFilter("size", ">", 1), FieldFilter("status", "==", "done")])),
        composite(("status", "ASCENDING"), ("size", "ASCENDING")),
    ),
    "an equality in a group": (lambda c: done(group(c)), override("status", order="ASCENDING")),
    "an order in a group": (
        lambda c: group(c).order_by("size", direction=DESCENDING),
        override("size", order="DESCENDING"),
    ),
    "array-contains in a group": (
        lambda c: group(c).where(filter=FieldFilter("tags", "array_contains", "a")),
        override("tags", arrayConfig="CONTAINS"),
    ),
    "an equality and an order in a group": (
        lambda c: done(group(c)).order_by("size"),
        composite(("status", "ASCENDING"), ("size", "ASCENDING"), scope="COLLECTION_GROUP"),
    ),
    "an equality and a range of names in a group": (
        lambda c: of_user(done(group(c)), c),
        composite(("status", "ASCENDING"), ("__name__", "ASCENDING"), scope="COLLECTION_GROUP"),
    ),
}


@pytest.mark.parametrize(("build", "needed"), DEMANDING.values(), ids=DEMANDING.keys())
def test_others_demand_one_and_run_once_it_is_defined(
    client: firestore.Client, build: Build, needed: dict[str, Any]
) -> None:
    assert demanded(build(client)) == needed
    kind = "indexes" if "fields" in needed else "fieldOverrides"
    assert demanded(build(client), {**NOTHING, kind: [needed]}) is None


def test_an_index_of_another_collection_scope_or_direction_does_not_help(client: firestore.Client) -> None:
    query = done(clips(client)).order_by("size")
    right = composite(("status", "ASCENDING"), ("size", "ASCENDING"))
    wrong = [
        {**right, "collectionGroup": "videos"},
        {**right, "queryScope": "COLLECTION_GROUP"},
        composite(("status", "ASCENDING"), ("size", "DESCENDING")),
        composite(("size", "ASCENDING"), ("status", "ASCENDING")),
        composite(("status", "ASCENDING"), ("style", "ASCENDING"), ("size", "ASCENDING")),
    ]

    assert demanded(query, {"indexes": wrong}) == right


def test_indexes_that_end_alike_merge(client: firestore.Client) -> None:
    query = done(clips(client)).where(filter=FieldFilter("style", "==", "a")).order_by("size")
    both = [composite((field, "ASCENDING"), ("size", "ASCENDING")) for field in ("status", "style")]

    assert demanded(query, {"indexes": both[:1]}) is not None
    assert demanded(query, {"indexes": both}) is None


def test_an_override_takes_the_automatic_indexes_away(client: firestore.Client) -> None:
    bare = {"collectionGroup": "clips", "fieldPath": "status", "indexes": []}

    needed = demanded(done(clips(client)), {"fieldOverrides": [bare]})
    assert needed == {**bare, "indexes": [{"order": "ASCENDING", "queryScope": "COLLECTION"}]}


def test_an_override_is_added_to_and_not_replaced(client: firestore.Client) -> None:
    first = override("status", order="DESCENDING")

    needed = demanded(done(group(client)), {"fieldOverrides": [first]})
    assert needed is not None
    assert needed["indexes"] == [*first["indexes"], {"order": "ASCENDING", "queryScope": "COLLECTION_GROUP"}]


def test_sums_need_their_field_in_the_index(client: firestore.Client) -> None:
    assert demanded(clips(client), NOTHING, "size") is None
    assert demanded(group(client), NOTHING, "size") == override("size", order="ASCENDING")
    needed = composite(("status", "ASCENDING"), ("size", "ASCENDING"))
    assert demanded(done(clips(client)), NOTHING, "size") == needed
    assert demanded(done(clips(client)), {"indexes": [needed]}, "size") is None


def test_the_server_refuses_what_lacks_an_index() -> None:
    with EmbeddedFirestore(require_indexes=NOTHING) as rig:
        client = rig.client("p")
        assert list(clips(client).stream()) == []
        with pytest.raises(exceptions.FailedPrecondition, match=r'requires an index.*"fieldPath": "status"'):
            list(done(group(client)).stream())
        with pytest.raises(exceptions.FailedPrecondition, match="requires an index"):
            group(client).sum("size").get()
