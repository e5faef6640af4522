"""Everything that reads of records share: queries, pages, paths, single documents, tables, and whole subtrees.

`PageReader` takes one page from a stream of documents and knows whether more follow. Queries are Firestore's structured
queries as raw messages, built from plain values. The functions that make paths check every id: no id leads to another
path, and none is changed. `RecordQueries` reads single documents, with phantoms told apart, and tables page by page.

`Subtree` reads everything below a document, whatever its collections are called, and whether or not its parents exist:
one query without a collection id, from the document down, ordered by name. It finds documents below phantom parents
too, and needs no index. Each page is repeated as a whole when its stream breaks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from storage.clients import firestore
from storage.clients.firestore import PAGE_SECONDS, READ_SECONDS, FirestoreHandle
from storage.clients.meter import metering
from storage.domain.documents import RawDocument, Schema, Table
from storage.domain.ranges import FIRST_NUMBER
from storage.errors import BadInput, StorageError, Unusable
from storage.ids import check_stored_id
from storage.repositories.clock import utc_now
from storage.repositories.columns import DocumentPage, TableBuilder
from storage.repositories.decode import decode_time, encode_value, raw_document, relative_path, to_fields

CLOCK_EVERY = 100  # documents between two looks at the clock


NAME = "__name__"
Operator = Literal["==", "<", "<=", ">", ">=", "in"]
_FIELD_FILTER = firestore.StructuredQuery.FieldFilter
_OPERATORS: dict[Operator, Any] = {
    "==": _FIELD_FILTER.EQUAL,
    "<": _FIELD_FILTER.LESS_THAN,
    "<=": _FIELD_FILTER.LESS_THAN_OR_EQUAL,
    ">": _FIELD_FILTER.GREATER_THAN,
    ">=": _FIELD_FILTER.GREATER_THAN_OR_EQUAL,
    "in": _FIELD_FILTER.IN,
}
Condition = tuple[str, Operator, Any]
LIST_PAGE = 300  # documents a page that a person waits for
BULK_PAGE = 20_000  # documents a page of a large read: each page has a fixed cost, and is repeated as a whole
BULK_SECONDS = PAGE_SECONDS / 2  # then a page ends with the documents so far: a slow stream never meets its deadline
GET_PAGE = 300  # documents by path in one call
Decode = Callable[[Iterable[Any]], DocumentPage]
Fetch = Callable[[Decode, str | None, int | None], tuple[DocumentPage, str | None]]
PAGE = 1_000


def checked_limit(limit: int) -> int:
    """The limit unchanged, or `BadInput`."""
    if limit < 1:
        raise BadInput("limit must be a whole number from 1", field_name="limit", remedy="Leave it out, or raise it.")
    return limit


class PageReader:
    """Reads a stream and yields documents (or answers as bytes), up to a number examined and a number kept.

    With `seconds` the page ends early, with the documents that came by then, so that a slow stream ends before its
    deadline.
    """

    def __init__(
        self,
        stream: Iterable[Any],
        size: int,
        room: int | None = None,
        keep: Callable[[Any], bool] | None = None,
        *,
        seconds: float | None = None,
    ) -> None:
        self._stream, self._size, self._room, self._keep = stream, size, room, keep
        self._until = None if seconds is None else time.monotonic() + seconds
        self._last: Any = None
        self._more = False

    def documents(self) -> Iterator[Any]:
        """The documents to decode."""
        seen = kept = 0
        for document in self._stream:
            if seen == self._size or kept == self._room:
                self._more = True
                continue
            if self._until is not None and seen and seen % CLOCK_EVERY == 0 and time.monotonic() > self._until:
                self._more = True
                return
            seen += 1
            self._last = document
            if self._keep is None or self._keep(_message(document)):
                kept += 1
                yield document

    def following(self) -> str | None:
        """The full name of the last document yielded, when more follow it."""
        return _message(self._last).name if self._more else None


def _message(document: Any) -> Any:
    """The document in the bytes of an answer; a document as it is."""
    return firestore.RunQueryResponse.FromString(document).document if isinstance(document, bytes) else document


@dataclass(frozen=True, slots=True)
class ResourceName:
    """A document's full resource name, for a comparison with `__name__`."""

    name: str


def names_between(start: str, end: str) -> list[Condition]:
    """Documents from one full resource name (included) to another (excluded), compared segment by segment."""
    return [(NAME, ">=", ResourceName(start)), (NAME, "<", ResourceName(end))]


def build(
    collection_id: str,
    *,
    group: bool = False,
    where: Sequence[Condition] = (),
    order_by: str | None = NAME,
    descending: bool = False,
    fields: Sequence[str] | None = None,
) -> Any:
    """A `StructuredQuery`. `group`: the collection anywhere below the parent. `fields`: only these, names if empty."""
    query = firestore.StructuredQuery()
    query.from_.add(collection_id=collection_id, all_descendants=group)
    _add_filters(query, where)
    if order_by is not None:
        direction = firestore.StructuredQuery.DESCENDING if descending else firestore.StructuredQuery.ASCENDING
        query.order_by.add(direction=direction).field.field_path = order_by
    if fields is not None:
        for field in fields or (NAME,):
            query.select.fields.add().field_path = field
    return query


def start_after(query: Any, name: str, *, included: bool = False) -> None:
    """Moves the start of a query that is ordered by name alone to the place after this document, or to it."""
    query.ClearField("start_at")
    query.start_at.values.add().reference_value = name
    query.start_at.before = included


def _add_filters(query: Any, where: Sequence[Condition]) -> None:
    if len(where) == 1:
        _fill(query.where.field_filter, *where[0])
    elif where:
        query.where.composite_filter.op = firestore.StructuredQuery.CompositeFilter.AND
        for condition in where:
            _fill(query.where.composite_filter.filters.add().field_filter, *condition)


def _fill(part: Any, field: str, operator: Operator, value: Any) -> None:
    part.field.field_path = field
    part.op = _OPERATORS[operator]
    if isinstance(value, ResourceName):
        part.value.reference_value = value.name
    else:
        part.value.CopyFrom(encode_value(value, field))


"""Reads one page from its decoder, the cursor to start at and the most rows wanted; returns the next cursor."""


class RecordQueries:
    """Base of `Records`. Every table says when reading began, what it cost, and whether it ended."""

    def __init__(
        self,
        handle: FirestoreHandle,
        clock: Callable[[], datetime] = utc_now,
        *,
        bulk_page: int = BULK_PAGE,
        ranged: bool = True,
    ) -> None:
        """`bulk_page`: documents in a page of a large read.

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
        """As `_document`; for a phantom, a message with nothing but the name."""
        document = self._document(path, operation)
        if document is None and self._handle.list_collection_ids(path, operation=operation):
            return firestore.Document(name=self._handle.name(path))
        return document

    def _documents(self, paths: Sequence[str], operation: str) -> dict[str, Any]:
        """Many documents by path, `None` for each that is proven absent; all of them, or an error."""
        found: dict[str, Any] = {}
        for start in range(0, len(paths), GET_PAGE):
            found.update(self._handle.batch_get(paths[start : start + GET_PAGE], operation=operation))
        return found

    def _table_of(self, schema: Schema, paths: Sequence[str], operation: str) -> Table:
        """A row for each of these documents that exists, in this order; all others are proven absent."""

        def fetch(decode: Decode, cursor: str | None, _room: int | None) -> tuple[DocumentPage, str | None]:
            start = int(cursor or 0)
            end = start + GET_PAGE
            found = self._handle.batch_get(paths[start:end], operation=operation) if paths else {}
            there = (document for document in found.values() if document is not None)
            return decode(there), str(end) if end < len(paths) else None

        return replace(self._table(schema, fetch), next_cursor=None)

    def _raw_listing(self, parent: str, collection_id: str, operation: str) -> tuple[RawDocument, ...]:
        """All documents of a small collection, unchanged; phantoms have no fields."""
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
        """The number of documents that the query finds; Firestore counts them and stops at `up_to`."""
        counted = self._handle.aggregate(query, {"count": ""}, operation=operation, parent=parent, up_to=up_to)
        return whole_number(counted["count"])

    def _ids_between(self, collection_id: str, start: str, end: str) -> list[Condition]:
        """Documents of a collection from one id (included) to another (excluded), each empty for no limit."""
        limits: tuple[tuple[Operator, str], ...] = ((">=", start), ("<", end))
        name = self._handle.name
        return [(NAME, side, ResourceName(name(f"{collection_id}/{one}"))) for side, one in limits if one]

    def _below_users(self, collection_id: str, start: str, end: str, fields: Sequence[str] | None) -> Any:
        """A collection group below the users from one id (included) to another (excluded), each empty for no limit."""
        name = self._handle.name
        where = names_between(name(f"users/{start or FIRST_NUMBER}"), name(f"users/{end}" if end else "users~/~"))
        return build(collection_id, group=True, where=where, fields=fields)

    def _hidden(self, table: Table, parent: str, field: str) -> tuple[Table, int]:
        """The number of documents in the collection that lack the field by which the table is ordered; adds the reads.

        An order leaves out every document that lacks its field, and exactly those documents are the broken ones.
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

        A first page that fails raises. A later one leaves the rows read before it: `complete` is false, `error` says
        why, and `next_cursor` says where to go on.
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

        def fetch(decode: Decode, cursor: str | None, room: int | None) -> tuple[DocumentPage, str | None]:
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

        Each page asks for one document more than it takes, so that it knows whether it is the last.
        """
        whole = page_size or self._bulk_page

        def fetch(decode: Decode, cursor: str | None, room: int | None) -> tuple[DocumentPage, str | None]:
            size = whole if room is None or keep is not None else min(whole, room)
            one = type(query)()
            one.CopyFrom(query)
            if cursor is not None:
                start_after(one, cursor)
            one.limit.value = size + 1

            def consume(documents: Iterable[Any]) -> tuple[DocumentPage, str | None]:
                taken = PageReader(documents, size, room, keep, seconds=BULK_SECONDS if size > LIST_PAGE else None)
                return decode(taken.documents()), taken.following()

            seconds = PAGE_SECONDS if size > LIST_PAGE else READ_SECONDS
            return self._handle.run_query(one, consume, operation=operation, parent=parent, seconds=seconds, raw=True)

        return fetch

    def _page_of(self, query: Any, operation: str, start: str | None, size: int) -> tuple[list[bytes], str | None]:
        """The answers of one page of a query that is ordered by name, and the full name that the next page begins with.

        `start` is the full name from which on the page begins (included), where it is no first page.
        """
        one = type(query)()
        one.CopyFrom(query)
        if start is not None:
            start_after(one, start, included=True)
        one.limit.value = size + 1

        def consume(answers: Iterable[bytes]) -> tuple[list[bytes], str | None]:
            found, until = [], time.monotonic() + BULK_SECONDS
            for answer in answers:
                found.append(answer)
                if len(found) % CLOCK_EVERY == 1 and len(found) > 1 and time.monotonic() > until:
                    break
            else:
                if len(found) <= size:
                    return found, None
            return found[:-1], _message(found[-1]).name

        return self._handle.run_query(one, consume, operation=operation, seconds=PAGE_SECONDS, raw=True)

    def _first(self, schema: Schema, query: Any, operation: str, limit: int, *, parent: str = "") -> Table:
        """The first `limit` documents of a query in any order; incomplete, without a cursor, when there are more."""
        query.limit.value = checked_limit(limit) + 1

        def fetch(decode: Decode, _cursor: str | None, _room: int | None) -> tuple[DocumentPage, str | None]:
            def consume(documents: Iterable[Any]) -> tuple[DocumentPage, str | None]:
                taken = PageReader(documents, limit)
                return decode(taken.documents()), taken.following()

            return self._handle.run_query(query, consume, operation=operation, parent=parent, raw=True)

        return replace(self._table(schema, fetch, pages=1), next_cursor=None)


def whole_number(cell: Any) -> int:
    """The result of a count or a sum of bytes; an emulator returns an empty sum as 0.0."""
    return int(cell.integer_value or round(cell.double_value))


def user_path(uid: str) -> str:
    """`users/{uid}`; raises `BadInput`, as all of these functions do."""
    return f"users/{check_stored_id(uid, 'uid')}"


def video_path(uid: str, video_id: str) -> str:
    """`users/{uid}/videos/{video_id}`."""
    return f"{user_path(uid)}/videos/{check_stored_id(video_id, 'video_id')}"


def clip_path(uid: str, video_id: str, clip_id: str) -> str:
    """`users/{uid}/videos/{video_id}/clips/{clip_id}`."""
    return f"{video_path(uid, video_id)}/clips/{check_stored_id(clip_id, 'clip_id')}"


def highlights_path(uid: str, video_id: str) -> str:
    """`users/{uid}/videos/{video_id}/highlights/main`."""
    return f"{video_path(uid, video_id)}/highlights/main"


def accounting_path(uid: str) -> str:
    """`storage_accounting/{uid}`."""
    return f"storage_accounting/{check_stored_id(uid, 'uid')}"


def plan_path(plan_id: str) -> str:
    """`plans/{plan_id}`."""
    return f"plans/{check_stored_id(plan_id, 'plan_id')}"


def document_path(path: str) -> str:
    """Any document's path, unchanged: pairs of collection and document id, each of them checked."""
    segments = path.split("/")
    if len(segments) % 2:
        raise BadInput(
            f"path {path[:80]!r} is not a document's: it has {len(segments)} parts",
            field_name="path",
            remedy="Give collection and id in turns, as users/UID/videos/VIDEO_ID.",
        )
    for segment in segments:
        check_stored_id(segment, "path")
    return path


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """One existing document: its path, its times, and those of its fields that were asked for."""

    path: str
    create_time: datetime
    update_time: datetime
    fields: Mapping[str, Any]


class Subtree:
    """Reads whole trees of documents. Every call's `fields` are the fields wanted; Firestore does not send others."""

    def __init__(self, handle: FirestoreHandle) -> None:
        self._handle = handle

    def below(self, path: str, fields: Sequence[str]) -> Iterator[FoundDocument]:
        """All existing documents below the document at `path`, by name, without the document itself."""
        query = firestore.StructuredQuery()
        query.from_.add(all_descendants=True)
        return self._pages(query, document_path(path), fields)

    def at(self, paths: Sequence[str]) -> dict[str, FoundDocument | None]:
        """The documents at these paths with all their fields; `None` for one that is proven absent."""
        found: dict[str, FoundDocument | None] = {}
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

    def _pages(self, query: Any, parent: str, fields: Sequence[str]) -> Iterator[FoundDocument]:
        query.order_by.add(direction=firestore.StructuredQuery.ASCENDING).field.field_path = "__name__"
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


def _page(documents: Iterable[Any]) -> list[tuple[str, FoundDocument]]:
    return [(document.name, _found(document)) for document in documents]


def _found(document: Any) -> FoundDocument:
    created, updated = decode_time(document.create_time), decode_time(document.update_time)
    if created is None or updated is None:
        raise Unusable("Firestore gave a document without its times.", operation="RunQuery", target=document.name)
    return FoundDocument(relative_path(document.name), created, updated, to_fields(document))
