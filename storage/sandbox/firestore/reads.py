"""Reads by name: single documents, batches, lists of documents and of collections."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from itertools import islice

from grpc import StatusCode

from storage.sandbox.firestore import names as field_paths
from storage.sandbox.firestore.names import (
    Name,
    after,
    collection_id,
    database_named,
    document_named,
    name_of,
    parent_named,
    same_database,
)
from storage.sandbox.firestore.storage import Row, Rows, children_scope, collection_scope
from storage.sandbox.firestore.transactions import OpenTransaction, Replies, Transactions, consistency, reply
from storage.sandbox.firestore.wire import (
    BatchGetDocumentsResponse,
    CallRefused,
    Document,
    ListCollectionIdsResponse,
    Message,
    embedded,
    invalid,
    set_time,
    unimplemented,
)

DEFAULT_PAGE = 30
LONGEST_PAGE = 150  # as in Google's emulator: shorter pages than asked for are part of the protocol


class Reads:
    """Handlers of the calls that read by name."""

    def __init__(self, rows: Rows, transactions: Transactions) -> None:
        self._rows = rows
        self._transactions = transactions

    def get_document(self, request: Message) -> Replies:
        """GetDocument. Raises Refused NOT_FOUND when there is none."""
        name = document_named(request.name)
        transaction, _ = consistency(request, name.database, self._transactions)
        with self._rows.reading():
            row = self._seen(name.key, transaction)
        if row is None:
            raise CallRefused(StatusCode.NOT_FOUND, f'Document "{name}" not found.')
        return Replies((_body(row, request),), documents=1, reads=1)

    def batch_get_documents(self, request: Message) -> Replies:
        """BatchGetDocuments: each name once, found or missing; before them the id of a new transaction."""
        database = database_named(request.database)
        names = {text: same_database(document_named(text), database) for text in request.documents}
        transaction, begun = consistency(request, database, self._transactions)
        messages = [BatchGetDocumentsResponse(transaction=begun).SerializeToString()] if begun else []
        found = 0
        with self._rows.reading() as now:
            stamp = BatchGetDocumentsResponse()
            set_time(stamp.read_time, now)
            tail = stamp.SerializeToString()
            for text, name in names.items():
                row = self._seen(name.key, transaction)
                found += row is not None
                message = embedded(1, _body(row, request)) if row else embedded(2, text.encode())
                messages.append(message + tail)
        return Replies(messages, documents=found, reads=len(names))

    def list_documents(self, request: Message) -> Replies:
        """ListDocuments, by name, a page at a time; with `show_missing` also parents that do not exist."""
        parent = parent_named(request.parent)
        size = _page_size(request)
        _check_order(request)
        if request.collection_id:
            parent = parent.child(collection_id(request.collection_id))
        transaction, _ = consistency(request, parent.database, self._transactions)

        def listed() -> list[tuple[bytes, bytes | None]]:
            return list(islice(self._listed(parent, request), size))

        with self._rows.reading():
            page = listed()
            if transaction is not None:
                transaction.saw(listed, page)
        documents = [embedded(1, body or _missing(path)) for path, body in page]
        token = embedded(2, _token(page[-1][0])) if len(page) == size else b""
        found = sum(body is not None for _, body in page)
        return Replies((b"".join(documents) + token,), documents=found, reads=max(1, len(page)))

    def list_collection_ids(self, request: Message) -> Replies:
        """ListCollectionIds, directly below a document or the root, whether or not the document exists."""
        parent = parent_named(request.parent)
        size = _page_size(request, longest=None)
        with self._rows.reading():
            heads = list(islice(self._rows.heads(parent, 1, _resumed(request, parent)), size))
        response = ListCollectionIdsResponse(collection_ids=[name_of(head).segments[-1] for head in heads])
        if len(heads) == size:
            response.next_page_token = _token(heads[-1]).decode()
        return reply(response, reads=1)

    def _seen(self, path: bytes, transaction: OpenTransaction | None) -> Row | None:
        row = self._rows.get(path)
        if transaction is not None:
            transaction.saw(lambda: _version(self._rows.get(path)), _version(row))
        return row

    def _listed(self, parent: Name, request: Message) -> Iterator[tuple[bytes, bytes | None]]:
        """Path and body (masked if asked) of what is listed from the page token on; missing ones lack one."""
        start = _resumed(request, parent)
        whole = bool(request.collection_id)
        if request.show_missing:
            for path in self._rows.heads(parent, 1 if whole else 2, start):
                row = self._rows.get(path)
                yield path, None if row is None else _body(row, request)
        else:
            scope = collection_scope(parent) if whole else children_scope(parent)
            for row in self._rows.scan(scope.narrowed(after(start)), LONGEST_PAGE):
                yield row.path, _body(row, request)


def _version(row: Row | None) -> int | None:
    return row.updated if row else None


def _body(row: Row, request: Message) -> bytes:
    """The document as the request wants it: as stored, or with the fields of the mask only."""
    if not request.HasField("mask"):
        return row.body
    paths = [field_paths.parse(text) for text in request.mask.field_paths]
    body: bytes = field_paths.masked(Document.FromString(row.body), paths).SerializeToString()
    return body


def _missing(path: bytes) -> bytes:
    """What stands for a document that does not exist: its name, and no times."""
    body: bytes = Document(name=str(name_of(path))).SerializeToString()
    return body


def _page_size(request: Message, longest: int | None = LONGEST_PAGE) -> int | None:
    if request.page_size < 0:
        raise invalid("Page size must be nonnegative.")
    if longest is None:
        return int(request.page_size) or None
    return min(request.page_size or DEFAULT_PAGE, longest)


def _check_order(request: Message) -> None:
    if request.order_by and request.show_missing:
        raise invalid("cannot specify an order when show_missing is true")
    if request.order_by not in ("", "__name__", "__name__ asc"):
        raise unimplemented("ListDocuments in an order other than by name")


def _token(path: bytes) -> bytes:
    return base64.urlsafe_b64encode(path)


def _resumed(request: Message, below: Name) -> bytes:
    """The path that the page token stands for; empty without one."""
    if not request.page_token:
        return b""
    try:
        path = base64.b64decode(request.page_token, altchars=b"-_", validate=True)
    except binascii.Error:
        path = b""
    if not path.startswith(below.key):
        raise invalid("invalid page token")
    return path
