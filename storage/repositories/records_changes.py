"""Reads only what changed since an earlier read: some documents and a count, instead of everything once more."""

from __future__ import annotations

from datetime import datetime

from storage.domain.documents import TRANSACTIONS, VIDEOS, Schema, Table
from storage.repositories.records_paths import user_path
from storage.repositories.records_query import build
from storage.repositories.records_reading import LIST_PAGE, Reading

MOST_CHANGED = 300  # beyond so many changed documents, reading anew is as cheap


class ChangeRecords(Reading):
    """These use the indexes that Firestore keeps of each collection by itself."""

    def videos_changed_since(self, uid: str, moment: datetime, limit: int = MOST_CHANGED) -> Table:
        """The user's videos whose `updated_at` is a later time; one without it is never among them."""
        return self._later(VIDEOS, "updated_at", moment, user_path(uid), "Reading changed videos", limit)

    def transactions_since(self, uid: str, moment: datetime, limit: int = MOST_CHANGED) -> Table:
        """The user's credit transactions of a later time, the latest first."""
        return self._later(TRANSACTIONS, "timestamp", moment, user_path(uid), "Reading new credit transactions", limit)

    def count_videos(self, uid: str) -> int:
        """How many video documents the user has, counted by Firestore; phantoms are not counted."""
        return self._count(build("videos"), "Counting the videos", parent=user_path(uid))

    def _later(self, schema: Schema, field: str, moment: datetime, parent: str, operation: str, limit: int) -> Table:
        query = build(schema.name, where=[(field, ">", moment)], order_by=field, descending=True)
        return self._first(schema, query, operation, min(limit, LIST_PAGE), parent=parent)
