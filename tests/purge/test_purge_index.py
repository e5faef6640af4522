"""What Find's index keeps of a customer goes with the customer: at the end of a purge of a user, and of any erasing."""

from __future__ import annotations

import pytest

from storage.actions.search_index import write_index
from storage.domain.purge.scope import Scope
from storage.domain.search_index import rows_of
from storage.repositories.search_index import read_head
from tests.purge.world import PurgeWorld


def indexed(world: PurgeWorld) -> set[str]:
    """The customers whom any document of the index names."""
    records = world.stores.records
    head = read_head(records)
    assert head is not None
    documents = [document for document in records.many(head.paths).values() if document is not None]
    return {str(row[0]) for document in documents for row in rows_of(document.fields)} - {""}


@pytest.mark.parametrize(
    ("scope", "erase", "left"),
    [
        (Scope.of("u1"), False, {"u10"}),
        (Scope.of("u1", "video-aaa"), True, {"u10"}),
        (Scope.of("u1", "video-aaa"), False, {"u1", "u10"}),
    ],
    ids=["a user", "a video, erased", "a video"],
)
def test_the_index_forgets_a_customer_who_is_purged(
    filled: PurgeWorld, scope: Scope, erase: bool, left: set[str]
) -> None:
    filled.put_documents({"users/u1/videos/video-aaa": {**_fields(filled), "video_title": "Opening night"}})
    write_index(filled.stores.records, filled.purging.writers.documents, filled.now)
    assert indexed(filled) == {"u1", "u10"}
    assert filled.purge(scope, erase=erase).state == "done"
    assert indexed(filled) == left


def test_an_index_that_cannot_be_written_ends_no_purge(filled: PurgeWorld, caplog: pytest.LogCaptureFixture) -> None:
    write_index(filled.stores.records, filled.purging.writers.documents, filled.now)
    filled.put_documents({"ops_index/head": {"version": "spoilt"}})
    assert filled.purge(Scope.of("u1")).state == "done"
    assert "is still in the index of addresses" in caplog.text


def _fields(world: PurgeWorld) -> dict[str, object]:
    document = world.stores.records.raw("users/u1/videos/video-aaa")
    assert document is not None
    return dict(document.fields or {})
