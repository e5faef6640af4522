"""Reads drafts: those of one user, and across all users those with an id or in a state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from storage.domain.documents import VIDEOS, RawDocument, Table
from storage.ids import check_stored_id
from storage.repositories.decode import raw_document
from storage.repositories.queries import LIST_PAGE, PageReader, RecordQueries, build, checked_limit, user_path

DRAFTS = "analysis_drafts"


class DraftRecords(RecordQueries):
    """Documents unchanged: `storage.domain.drafts` interprets them."""

    def drafts(self, uid: str, limit: int = 50) -> tuple[RawDocument, ...]:
        """The user's newest drafts by `created_at`."""
        query = build(DRAFTS, order_by="created_at", descending=True)
        return self._documents_of(query, "Reading the drafts", limit, parent=user_path(uid))

    def draft_scenes(self, uid: str, draft_id: str) -> tuple[RawDocument, ...]:
        """All scenes of one draft."""
        return self._raw_listing(draft_path(uid, draft_id), "scenes", "Reading the draft's scenes")

    def find_drafts(self, draft_id: str, limit: int = 10) -> tuple[RawDocument, ...]:
        """Drafts of all users with this id. May raise `MissingIndex`."""
        query = build(DRAFTS, group=True, where=[("id", "==", check_stored_id(draft_id, "draft_id"))])
        return self._documents_of(query, "Finding a draft", limit)

    def drafts_by_status(self, statuses: Sequence[str], limit: int = 500) -> tuple[RawDocument, ...]:
        """Drafts of all users in one of these states, by path. May raise `MissingIndex`."""
        query = build(DRAFTS, group=True, where=[("status", "in", sorted(set(statuses)))])
        return self._documents_of(query, "Reading drafts by status", limit)

    def charges_of(self, uid: str, field: str, value: str, limit: int = 100) -> tuple[RawDocument, ...]:
        """The user's credit transactions whose `video_id` or `draft_id` has this value."""
        query = build("credit_transactions", where=[(field, "==", check_stored_id(value, field))])
        return self._documents_of(query, "Reading what was charged", limit, parent=user_path(uid))

    def videos_of_drafts(self, limit: int = 500) -> Table:
        """Videos of all users with a `completed_clips` field, which only renderings of a draft write.

        May raise `MissingIndex`.
        """
        counted = build("videos", group=True, where=[("completed_clips", ">=", 0)], order_by="completed_clips")
        return self._first(VIDEOS, counted, "Reading videos made of drafts", limit)

    def _documents_of(self, query: Any, operation: str, limit: int, *, parent: str = "") -> tuple[RawDocument, ...]:
        query.limit.value = min(checked_limit(limit), 10 * LIST_PAGE)

        def consume(documents: Iterable[Any]) -> tuple[RawDocument, ...]:
            taken = PageReader(documents, limit)
            return tuple(raw_document(document) for document in taken.documents())

        found: tuple[RawDocument, ...] = self._handle.run_query(query, consume, operation=operation, parent=parent)
        return found


def draft_path(uid: str, draft_id: str) -> str:
    """The path of a draft."""
    return f"{user_path(uid)}/{DRAFTS}/{check_stored_id(draft_id, 'draft_id')}"
