"""Optimistic transactions: the commit repeats every read, and aborts if an answer is no longer the same.

What a handler gives back: serialized replies, and what they count for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from grpc import StatusCode

from storage.sandbox.firestore.wire import CallRefused, Message, invalid, micros_of

MAX_AGE_SECONDS = 270.0
MAX_IDLE_SECONDS = 60.0

_PREFIX = b"desk"
_CONTENTION = (
    "Aborted due to cross-transaction contention. This occurs when multiple transactions attempt to access "
    "the same data, requiring Firestore to abort at least one in order to enforce serializability."
)


@dataclass(slots=True)
class OpenTransaction:
    """What an open transaction has read, as questions with the answers that it was given."""

    database: str
    read_only: bool
    opened: float
    used: float
    seen: list[tuple[Callable[[], object], object]] = field(default_factory=list)

    def saw(self, ask: Callable[[], object], answer: object) -> None:
        """Remember an answer; the commit asks again and demands the same."""
        if not self.read_only:
            self.seen.append((ask, answer))

    def check(self) -> None:
        """Ask everything again.

        Raises:
            Refused: ABORTED, when an answer is no longer what it was.
        """
        if any(ask() != answer for ask, answer in self.seen):
            raise CallRefused(StatusCode.ABORTED, _CONTENTION)


class Transactions:
    """The open transactions by id. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[bytes, OpenTransaction] = {}
        self._issued = 0

    def begin(self, database: str, options: Message) -> bytes:
        """Open a transaction as `options` (TransactionOptions) say and return its id.

        Raises:
            Refused: INVALID_ARGUMENT, when it retries a transaction that never was.
        """
        retried = options.read_write.retry_transaction
        now = time.monotonic()
        with self._lock:
            if retried:
                self._require_issued(retried)
            self._drop_stale(now)
            self._issued += 1
            identity = _PREFIX + self._issued.to_bytes(8)
            read_only = options.WhichOneof("mode") == "read_only"
            self._open[identity] = OpenTransaction(database, read_only, opened=now, used=now)
        return identity

    def find(self, identity: bytes, database: str) -> OpenTransaction:
        """The open transaction `identity` of `database`.

        Raises:
            Refused: INVALID_ARGUMENT, when it was never begun or is over.
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
        """End a transaction; nothing happens when it is over already.

        Raises:
            Refused: INVALID_ARGUMENT, when it was never begun.
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


@dataclass(frozen=True, slots=True)
class Replies:
    """Serialized replies in order: exactly one for a plain call, any number for a stream.

    `documents` is how many documents they hold, `reads` how many reads production would bill for them.
    """

    messages: Iterable[bytes]
    documents: int = 0
    reads: int = 0


def reply(message: Message, documents: int = 0, reads: int = 0) -> Replies:
    """The answer to a plain call."""
    return Replies((message.SerializeToString(),), documents, reads)


def consistency(request: Message, database: str, open_ones: Transactions) -> tuple[OpenTransaction | None, bytes]:
    """The transaction that a read belongs to, if any, and its id if the request began it.

    A read time is taken for "now" as long as it is not in the future: no history is kept.

    Raises:
        Refused: INVALID_ARGUMENT, for a transaction that is not open or a read time to come.
    """
    kind = request.WhichOneof("consistency_selector")
    if kind == "transaction":
        return open_ones.find(request.transaction, database), b""
    if kind == "new_transaction":
        identity = open_ones.begin(database, request.new_transaction)
        return open_ones.find(identity, database), identity
    if kind == "read_time" and micros_of(request.read_time) > time.time_ns() // 1_000:
        raise invalid("The requested 'read_time' cannot be in the future.")
    return None, b""
