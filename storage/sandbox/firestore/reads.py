"""Reads by name: documents in batches, lists of documents and of collections."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from itertools import islice

from storage.sandbox.firestore import names
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
from storage.sandbox.firestore.storage import Row, Rows, collection_scope
from storage.sandbox.firestore.transactions import Replies, Transactions, refuse_selectors, reply
from storage.sandbox.firestore.wire import (
    BatchGetDocumentsResponse,
    Document,
    ListCollectionIdsResponse,
    Message,
    embedded,
    invalid,
    set_time,
    unimplemented,
)

DEFAULT_PAGE = 30
LONGEST_PAGE = 150  # as in Google's emulator: the protocol allows shorter pages than requested


class Reads:
    """Handlers of the calls that read by name."""

    def __init__(self, rows: Rows, transactions: Transactions) -> None:
        self._rows = rows
        self._transactions = transactions

    def batch_get_documents(self, request: Message) -> Replies:
        """BatchGetDocuments: each name once, found or missing."""
        database = database_named(request.database)
        wanted = {text: same_database(document_named(text), database) for text in request.documents}
        transaction = None
        if request.WhichOneof("consistency_selector") == "transaction":
            transaction = self._transactions.find(request.transaction, database)
        else:
            refuse_selectors(request, "A read")
        messages = []
        found = 0
        with self._rows.reading() as now:
            stamp = BatchGetDocumentsResponse()
            set_time(stamp.read_time, now)
            tail = stamp.SerializeToString()
            for text, name in wanted.items():
                row = self._rows.get(name.key)
                if transaction is not None:
                    transaction.saw(name.key, row.updated if row else None)
                found += row is not None
                message = embedded(1, _body(row, request)) if row else embedded(2, text.encode())
                messages.append(message + tail)
        return Replies(messages, documents=found, reads=len(wanted))

    def list_documents(self, request: Message) -> Replies:
        """ListDocuments, by name, a page at a time; with `show_missing` also parents that do not exist."""
        refuse_selectors(request, "A list")
        parent = parent_named(request.parent)
        if request.page_size < 0:
            raise invalid("Page size must be nonnegative.")
        size = min(request.page_size or DEFAULT_PAGE, LONGEST_PAGE)
        if request.order_by and request.show_missing:
            raise invalid("cannot specify an order when show_missing is true")
        if request.order_by not in ("", "__name__", "__name__ asc"):
            raise unimplemented("A list in an order other than by name")
        if not request.collection_id:
            raise unimplemented("A list over all collections of one level")
        collection = parent.child(collection_id(request.collection_id))
        with self._rows.reading():
            page = list(islice(self._listed(collection, request), size))
        documents = [embedded(1, body or _missing(path)) for path, body in page]
        token = embedded(2, _token(page[-1][0])) if len(page) == size else b""
        found = sum(body is not None for _, body in page)
        return Replies((b"".join(documents) + token,), documents=found, reads=max(1, len(page)))

    def list_collection_ids(self, request: Message) -> Replies:
        """ListCollectionIds, directly below a document or the root, whether or not the document exists."""
        refuse_selectors(request, "A list")
        parent = parent_named(request.parent)
        if request.page_size < 0:
            raise invalid("Page size must be nonnegative.")
        size = request.page_size or None
        with self._rows.reading():
            heads = list(islice(self._rows.heads(parent, 1, _resumed(request, parent)), size))
        response = ListCollectionIdsResponse(collection_ids=[name_of(head).segments[-1] for head in heads])
        if len(heads) == size:
            response.next_page_token = _token(heads[-1]).decode()
        return reply(response, reads=1)

    def _listed(self, collection: Name, request: Message) -> Iterator[tuple[bytes, bytes | None]]:
        """Path and body (masked if requested) of the documents from the page token on; missing ones have no body."""
        start = _resumed(request, collection)
        if request.show_missing:
            for path in self._rows.heads(collection, 1, start):
                row = self._rows.get(path)
                yield path, None if row is None else _body(row, request)
        else:
            for row in self._rows.scan(collection_scope(collection).narrowed(after(start)), LONGEST_PAGE):
                yield row.path, _body(row, request)


def _body(row: Row, request: Message) -> bytes:
    """The document for the request: as stored, or with only the fields of the mask."""
    if not request.HasField("mask"):
        return row.body
    paths = [names.parse(text) for text in request.mask.field_paths]
    body: bytes = names.masked(Document.FromString(row.body), paths).SerializeToString()
    return body


def _missing(path: bytes) -> bytes:
    """The message for an absent document: its name, and no times."""
    body: bytes = Document(name=str(name_of(path))).SerializeToString()
    return body


def _token(path: bytes) -> bytes:
    return base64.urlsafe_b64encode(path)


def _resumed(request: Message, below: Name) -> bytes:
    """The path behind the page token; empty without a token."""
    if not request.page_token:
        return b""
    try:
        path = base64.b64decode(request.page_token, altchars=b"-_", validate=True)
    except binascii.Error:
        path = b""
    if not path.startswith(below.key):
        raise invalid("invalid page token")
    return path
