"""What all reads of records share: single documents with phantoms told apart, and tables read page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from storage.clients import firestore as pb
from storage.clients.firestore import PAGE_SECONDS, READ_SECONDS, FirestoreHandle
from storage.clients.meter import metering
from storage.domain.documents import RawDocument, Schema, Table
from storage.errors import StorageError
from storage.repositories.decode import raw_document
from storage.repositories.decode_frames import Page, TableBuilder
from storage.repositories.records_pages import Taken, checked_limit
from storage.repositories.records_query import build, start_after

LIST_PAGE = 300  # documents a page that a person waits for
BULK_PAGE = 20_000  # documents a page of a large read: each page has a cost of its own, and is the unit of a repeat
BULK_SECONDS = PAGE_SECONDS / 2  # then a page ends with what has come: a slow stream never meets its deadline
GET_PAGE = 300  # documents asked for by path in one call

Decode = Callable[[Iterable[Any]], Page]
Fetch = Callable[[Decode, str | None, int | None], tuple[Page, str | None]]
"""Reads one page: how to decode it, the cursor to go on from, the rows wanted at most; gives the next cursor."""


def utc_now() -> datetime:
    """The present, aware and in UTC."""
    return datetime.now(UTC)


class Reading:
    """Base of `Records`. Every table says when reading began, what it cost, and whether it ended."""

    def __init__(
        self,
        handle: FirestoreHandle,
        clock: Callable[[], datetime] = utc_now,
        *,
        bulk_page: int = BULK_PAGE,
        ranged: bool = True,
    ) -> None:
        """`bulk_page`: documents of a page of a large read.

        `ranged`: false for a backend that is known to refuse collection groups by range of names.
        """
        self._handle = handle
        self._clock = clock
        self._bulk_page = bulk_page
        self._refused: set[str] = set() if ranged else {"clips", "totals"}

    def _document(self, path: str, operation: str) -> Any | None:
        """The document's message, or `None`: proven absent."""
        return self._handle.batch_get([path], operation=operation)[path]

    def _document_or_phantom(self, path: str, operation: str) -> Any | None:
        """As `_document`; where there is none but something lies below it, a message with nothing but the name."""
        document = self._document(path, operation)
        if document is None and self._handle.list_collection_ids(path, operation=operation):
            return pb.Document(name=self._handle.name(path))
        return document

    def _documents(self, paths: Sequence[str], operation: str) -> dict[str, Any]:
        """Many documents by path, `None` for each that is proven absent; all of them or an error."""
        found: dict[str, Any] = {}
        for start in range(0, len(paths), GET_PAGE):
            found.update(self._handle.batch_get(paths[start : start + GET_PAGE], operation=operation))
        return found

    def _table_of(self, schema: Schema, paths: Sequence[str], operation: str) -> Table:
        """A row for each of these documents that exists, in this order; the others are proven absent."""

        def fetch(decode: Decode, cursor: str | None, _room: int | None) -> tuple[Page, str | None]:
            start = int(cursor or 0)
            end = start + GET_PAGE
            found = self._handle.batch_get(paths[start:end], operation=operation) if paths else {}
            there = (document for document in found.values() if document is not None)
            return decode(there), str(end) if end < len(paths) else None

        return replace(self._table(schema, fetch), next_cursor=None)

    def _raw_listing(self, parent: str, collection_id: str, operation: str) -> tuple[RawDocument, ...]:
        """All documents of a small collection as they stand; phantoms have no fields."""
        found: list[RawDocument] = []
        token = ""
        while True:
            documents, token = self._handle.list_documents(
                parent, collection_id, operation=operation, page_size=LIST_PAGE, page_token=token
            )
            found.extend(raw_document(document) for document in documents)
            if not token:
                return tuple(found)

    def _count(self, query: Any, operation: str, *, parent: str = "", up_to: int | None = None) -> int:
        """How many documents the query finds, counted by Firestore, which stops counting at `up_to`."""
        counted = self._handle.aggregate(query, {"count": ""}, operation=operation, parent=parent, up_to=up_to)
        return whole_number(counted["count"])

    def _hidden(self, table: Table, parent: str, field: str) -> tuple[Table, int]:
        """How many documents of the collection lack the field by which the table is ordered; the reads are added.

        An order leaves out every document that lacks its field, and such documents are just the broken ones.
        """
        collection_id, operation = table.schema.name, f"Counting what has no {field}"
        with metering() as meter:
            total = self._count(build(collection_id), operation, parent=parent)
            ordered = build(collection_id, order_by=field)
            shown = len(table.frame) if table.complete else self._count(ordered, operation, parent=parent)
        return replace(table, reads=table.reads + meter.cost().firestore_reads), max(0, total - shown)

    def _table(
        self,
        schema: Schema,
        fetch: Fetch,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        pages: int | None = None,
    ) -> Table:
        """All pages from the cursor on, up to `limit` rows or to a number of pages.

        A first page that fails raises. A later one leaves what was read until then: `complete` is false, `error` says
        why, and `next_cursor` where to go on.
        """
        builder = TableBuilder(schema)
        read_at, error = self._clock(), None
        with metering() as meter:
            while True:
                room = None if limit is None else limit - builder.rows
                try:
                    page, following = fetch(builder.page, cursor, room)
                except StorageError as fault:
                    if not builder.pages:
                        raise
                    error = fault
                    break
                builder.add(page)
                cursor = following
                enough = (limit is not None and builder.rows >= limit) or builder.pages == pages
                if cursor is None or enough:
                    break
        return builder.table(
            read_at=read_at,
            reads=meter.cost().firestore_reads,
            complete=cursor is None,
            error=error,
            next_cursor=cursor,
        )

    def _listing(
        self,
        parent: str,
        collection_id: str,
        operation: str,
        *,
        page_size: int = LIST_PAGE,
        fields: Sequence[str] | None = None,
        keep: Callable[[Any], bool] | None = None,
    ) -> Fetch:
        """Pages of a whole collection by name, phantoms too; the cursor is Firestore's page token."""

        def fetch(decode: Decode, cursor: str | None, room: int | None) -> tuple[Page, str | None]:
            documents, token = self._handle.list_documents(
                parent,
                collection_id,
                operation=operation,
                page_size=page_size if room is None else min(page_size, room),
                page_token=cursor or "",
                fields=fields,
            )
            return decode(document for document in documents if keep is None or keep(document)), token or None

        return fetch

    def _by_name(
        self,
        query: Any,
        operation: str,
        *,
        parent: str = "",
        page_size: int | None = None,
        keep: Callable[[Any], bool] | None = None,
    ) -> Fetch:
        """Pages of a query that is ordered by name; the cursor is the full name of the last document taken.

        Each page asks for one document more than it takes, so that its end is known and not guessed.
        """
        whole = page_size or self._bulk_page

        def fetch(decode: Decode, cursor: str | None, room: int | None) -> tuple[Page, str | None]:
            size = whole if room is None or keep is not None else min(whole, room)
            one = type(query)()
            one.CopyFrom(query)
            if cursor is not None:
                start_after(one, cursor)
            one.limit.value = size + 1

            def consume(documents: Iterable[Any]) -> tuple[Page, str | None]:
                taken = Taken(documents, size, room, keep, seconds=BULK_SECONDS if size > LIST_PAGE else None)
                return decode(taken.documents()), taken.following()

            seconds = PAGE_SECONDS if size > LIST_PAGE else READ_SECONDS
            return self._handle.run_query(one, consume, operation=operation, parent=parent, seconds=seconds)

        return fetch

    def _first(self, schema: Schema, query: Any, operation: str, limit: int, *, parent: str = "") -> Table:
        """The first `limit` documents of a query in any order; incomplete, without a cursor, when there are more."""
        query.limit.value = checked_limit(limit) + 1

        def fetch(decode: Decode, _cursor: str | None, _room: int | None) -> tuple[Page, str | None]:
            def consume(documents: Iterable[Any]) -> tuple[Page, str | None]:
                taken = Taken(documents, limit)
                return decode(taken.documents()), taken.following()

            return self._handle.run_query(query, consume, operation=operation, parent=parent)

        return replace(self._table(schema, fetch, pages=1), next_cursor=None)


def whole_number(cell: Any) -> int:
    """The result of a count or a sum of bytes; an emulator gives an empty sum as 0.0."""
    return int(cell.integer_value or round(cell.double_value))
