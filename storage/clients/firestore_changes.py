"""The calls that change Firestore: each is one try, since whether a change may be repeated is its caller's to know.

Called by `storage.actions.documents` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from storage.clients import firestore_messages as pb
from storage.clients.firestore import FirestoreHandle
from storage.clients.meter import Operation, record

CHANGE_SECONDS = 15.0


class FirestoreChanges:
    """Commits and transactions over the connection of a handle."""

    def __init__(self, handle: FirestoreHandle) -> None:
        self._connection = connection = handle.connection
        self._commit = connection.unary("Commit", pb.CommitRequest, pb.CommitResponse)
        self._begin = connection.unary("BeginTransaction", pb.BeginTransactionRequest, pb.BeginTransactionResponse)
        self._rollback = connection.unary("Rollback", pb.RollbackRequest, pb.Empty)

    def commit(
        self, writes: Sequence[Any], *, operation: str, transaction: bytes = b"", seconds: float = CHANGE_SECONDS
    ) -> Any:
        """Applies all writes or none; the answer has the commit time and one result for each write.

        Raises `Stale` when a precondition failed, `Unreachable` when it is not known whether it was applied.
        """
        connection = self._connection
        request = pb.CommitRequest(database=connection.database, writes=writes, transaction=transaction)
        deletes = sum(1 for write in writes if write.WhichOneof("operation") == "delete")

        def once(deadline: float) -> Any:
            response = self._commit(request, timeout=deadline, metadata=connection.metadata)
            _record("firestore_deletes", deletes)
            _record("firestore_writes", len(writes) - deletes)
            return response

        return connection.attempt(
            once, operation=operation, target=connection.project_id, seconds=seconds, tries=1, change=True
        )

    def begin(self, *, operation: str, retry_of: bytes = b"", seconds: float = CHANGE_SECONDS) -> bytes:
        """A new transaction that may write; `retry_of` names the failed one that it repeats."""
        connection = self._connection
        request = pb.BeginTransactionRequest(database=connection.database)
        request.options.read_write.retry_transaction = retry_of

        def once(deadline: float) -> bytes:
            started: bytes = self._begin(request, timeout=deadline, metadata=connection.metadata).transaction
            return started

        return connection.attempt(once, operation=operation, target=connection.project_id, seconds=seconds, change=True)

    def rollback(self, transaction: bytes, *, operation: str, seconds: float = CHANGE_SECONDS) -> None:
        """Gives a transaction up, and with it its locks."""
        connection = self._connection
        request = pb.RollbackRequest(database=connection.database, transaction=transaction)

        def once(deadline: float) -> None:
            self._rollback(request, timeout=deadline, metadata=connection.metadata)

        connection.attempt(
            once, operation=operation, target=connection.project_id, seconds=seconds, tries=1, change=True
        )


def _record(operation: Operation, count: int) -> None:
    if count:
        record(operation, count)
