"""Optimistic transactions: the commit reads every document again that the transaction read, and aborts if one changed.

`Replies` is the result of a handler: serialized replies and their numbers for billing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from grpc import StatusCode

from storage.sandbox.firestore.storage import Rows
from storage.sandbox.firestore.wire import CallRefused, Message, invalid, unimplemented

MAX_AGE_SECONDS = 270.0
MAX_IDLE_SECONDS = 60.0

_PREFIX = b"desk"
_CONTENTION = (
    "Aborted due to cross-transaction contention. This occurs when multiple transactions attempt to access "
    "the same data, requiring Firestore to abort at least one in order to enforce serializability."
)


@dataclass(slots=True)
class OpenTransaction:
    """The readings of an open transaction: by path key, the update time it saw, or None for a missing document."""

    database: str
    opened: float
    used: float
    seen: dict[bytes, int | None] = field(default_factory=dict)

    def saw(self, path: bytes, updated: int | None) -> None:
        """Keep the result of the first read; the commit demands the same."""
        self.seen.setdefault(path, updated)

    def check(self, rows: Rows) -> None:
        """Read everything again.

        Raises:
            Refused: ABORTED, when a document has changed.
        """
        for path, updated in self.seen.items():
            row = rows.get(path)
            if (row.updated if row else None) != updated:
                raise CallRefused(StatusCode.ABORTED, _CONTENTION)


class Transactions:
    """The open transactions by id. Several threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[bytes, OpenTransaction] = {}
        self._issued = 0

    def begin(self, database: str, options: Message) -> bytes:
        """Open a transaction that may write, according to `options` (TransactionOptions), and return its id.

        Raises:
            Refused: INVALID_ARGUMENT, when it retries an unknown transaction; UNIMPLEMENTED for a read-only one.
        """
        if options.WhichOneof("mode") == "read_only":
            raise unimplemented("A read-only transaction")
        retried = options.read_write.retry_transaction
        now = time.monotonic()
        with self._lock:
            if retried:
                self._require_issued(retried)
            self._drop_stale(now)
            self._issued += 1
            identity = _PREFIX + self._issued.to_bytes(8)
            self._open[identity] = OpenTransaction(database, opened=now, used=now)
        return identity

    def find(self, identity: bytes, database: str) -> OpenTransaction:
        """The open transaction `identity` of `database`.

        Raises:
            Refused: INVALID_ARGUMENT, when it never began or has ended.
        """
        now = time.monotonic()
        with self._lock:
            self._require_issued(identity)
            self._drop_stale(now)
            transaction = self._open.get(identity)
            if transaction is None or transaction.database != database:
                raise invalid("Transaction is invalid or closed.")
            transaction.used = now
            return transaction

    def close(self, identity: bytes) -> None:
        """End a transaction; nothing happens when it has already ended.

        Raises:
            Refused: INVALID_ARGUMENT, when it never began.
        """
        with self._lock:
            self._require_issued(identity)
            self._open.pop(identity, None)

    def _require_issued(self, identity: bytes) -> None:
        number = int.from_bytes(identity.removeprefix(_PREFIX))
        if len(identity) != len(_PREFIX) + 8 or not identity.startswith(_PREFIX) or number > self._issued:
            raise invalid("Invalid transaction.")

    def _drop_stale(self, now: float) -> None:
        for identity, transaction in list(self._open.items()):
            if now - transaction.opened > MAX_AGE_SECONDS or now - transaction.used > MAX_IDLE_SECONDS:
                del self._open[identity]


def refuse_selectors(request: Message, what: str) -> None:
    """Refuse a read within a transaction, or of a time in the past.

    Raises:
        Refused: UNIMPLEMENTED.
    """
    selector = request.WhichOneof("consistency_selector")
    if selector == "read_time":
        raise unimplemented(f"{what} of a time in the past")
    if selector is not None:
        raise unimplemented(f"{what} within a transaction")


@dataclass(frozen=True, slots=True)
class Replies:
    """Serialized replies in order: exactly one for a plain call, any number for a stream.

    `documents` is the number of documents in them, `reads` the number of reads that production would bill: one for each
    document or missing document, one for each 1,000 index entries aggregated, and at least one for a query.
    """

    messages: Iterable[bytes]
    documents: int = 0
    reads: int = 0


def reply(message: Message, documents: int = 0, reads: int = 0) -> Replies:
    """The answer to a plain call."""
    return Replies((message.SerializeToString(),), documents, reads)
