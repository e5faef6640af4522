"""Everything below a document, whatever its collections are called, and whether or not its parents exist.

One query without a collection id from the document down, ordered by name: it finds what hangs below phantom parents
too, and needs no index. It goes page by page; a page is what is repeated when a stream breaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.clients import firestore as pb
from storage.clients.firestore import PAGE_SECONDS, FirestoreHandle
from storage.errors import Unusable
from storage.repositories.decode import decode_time, relative_path, to_fields
from storage.repositories.records_paths import document_path
from storage.repositories.records_query import start_after

PAGE = 1_000
GET_PAGE = 300


@dataclass(frozen=True, slots=True)
class Found:
    """One existing document: where it is, when it was written, and those of its fields that were asked for."""

    path: str
    create_time: datetime
    update_time: datetime
    fields: Mapping[str, Any]


class Subtree:
    """Reads whole trees of documents. `fields` of every call are the fields wanted; the others are not sent."""

    def __init__(self, handle: FirestoreHandle) -> None:
        self._handle = handle

    def below(self, path: str, fields: Sequence[str]) -> Iterator[Found]:
        """All existing documents below the document at `path`, by name, the document itself left out."""
        query = pb.StructuredQuery()
        query.from_.add(all_descendants=True)
        return self._pages(query, document_path(path), fields)

    def at(self, paths: Sequence[str]) -> dict[str, Found | None]:
        """The documents at these paths with all their fields; `None` for one that is proven absent."""
        found: dict[str, Found | None] = {}
        for message_path, message in self.messages(paths).items():
            found[message_path] = None if message is None else _found(message)
        return found

    def messages(self, paths: Sequence[str]) -> dict[str, Any]:
        """The documents at these paths as raw messages, without loss; `None` for one that is proven absent."""
        found: dict[str, Any] = {}
        for start in range(0, len(paths), GET_PAGE):
            part = list(dict.fromkeys(paths[start : start + GET_PAGE]))
            found.update(self._handle.batch_get(part, operation="Reading documents", seconds=PAGE_SECONDS))
        return found

    def _pages(self, query: Any, parent: str, fields: Sequence[str]) -> Iterator[Found]:
        query.order_by.add(direction=pb.StructuredQuery.ASCENDING).field.field_path = "__name__"
        for field in fields or ("__name__",):
            query.select.fields.add().field_path = field
        query.limit.value = PAGE
        last = ""
        while True:
            page = self._handle.run_query(
                query, _page, operation="Reading everything below", parent=parent, seconds=PAGE_SECONDS
            )
            if page and page[0][0] == last:
                raise Unusable("Firestore's answer goes in a circle.", operation="RunQuery", target=parent)
            yield from (found for _, found in page)
            if len(page) < PAGE:
                return
            last = page[-1][0]
            start_after(query, last)


def _page(documents: Iterable[Any]) -> list[tuple[str, Found]]:
    return [(document.name, _found(document)) for document in documents]


def _found(document: Any) -> Found:
    created, updated = decode_time(document.create_time), decode_time(document.update_time)
    if created is None or updated is None:
        raise Unusable("Firestore gave a document without its times.", operation="RunQuery", target=document.name)
    return Found(relative_path(document.name), created, updated, to_fields(document))
