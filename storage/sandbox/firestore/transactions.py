"""Optimistic transactions: the commit repeats every read, and aborts if an answer is no longer the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from grpc import StatusCode

from storage.sandbox.firestore.protos import Message
from storage.sandbox.firestore.refusals import Refused, invalid

MAX_AGE_SECONDS = 270.0
MAX_IDLE_SECONDS = 60.0

_PREFIX = b"desk"
_CONTENTION = (
    "Aborted due to cross-transaction contention. This occurs when multiple transactions attempt to access "
    "the same data, requiring Firestore to abort at least one in order to enforce serializability."
)


@dataclass(slots=True)
class Transaction:
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
            raise Refused(StatusCode.ABORTED, _CONTENTION)


class Transactions:
    """The open transactions by id. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[bytes, Transaction] = {}
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
            self._open[identity] = Transaction(database, read_only, opened=now, used=now)
        return identity

    def find(self, identity: bytes, database: str) -> Transaction:
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
