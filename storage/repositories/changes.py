"""Finds the records of changes: those of a user, and those whose copies of replaced objects have expired."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from storage.clients.firestore import FirestoreHandle
from storage.domain.documents import RawDocument
from storage.repositories.decode import raw_document
from storage.repositories.queries import build

CHANGES = "ops_changes"
AT_ONCE = 500


class Changes:
    """The records of this project's changes. No query here needs an index that Firestore does not keep by itself."""

    def __init__(self, handle: FirestoreHandle) -> None:
        self._handle = handle

    def of_user(self, uid: str) -> tuple[RawDocument, ...]:
        """Every change about the user, or about anything that belongs to the user."""
        return self._run(build(CHANGES, where=[("uid", "==", uid)]))

    def expired(self, now: datetime) -> tuple[RawDocument, ...]:
        """Records that keep copies of replaced objects beyond their time; at most 500, the oldest first."""
        query = build(CHANGES, where=[("kept_until", "<=", now)], order_by="kept_until")
        query.limit.value = AT_ONCE
        return self._run(query)

    def _run(self, query: Any) -> tuple[RawDocument, ...]:
        return self._handle.run_query(
            query,
            lambda documents: tuple(raw_document(document) for document in documents),
            operation="Reading changes",
        )
