"""Reads the watches that repairs and purges left."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from storage.clients.firestore import FirestoreHandle
from storage.domain.watches import COLLECTION, KeptWatch, State
from storage.repositories.decode import raw_document
from storage.repositories.queries import Condition, build

MOST: Final = 200  # of one reading


@dataclass(frozen=True, slots=True)
class StoredWatch:
    """A watch with the update time of its document, for preconditions."""

    watch: KeptWatch
    update_time: datetime | None


class Watches:
    """The watches of this project. No query here needs an index that Firestore does not keep by itself."""

    def __init__(self, handle: FirestoreHandle) -> None:
        self._handle = handle

    def due(self, now: datetime) -> tuple[StoredWatch, ...]:
        """Those whose next look is due, the longest due first; a read for each, one where there is none."""
        return self._run([("next_at", "<=", now)], "next_at")

    def newest(self) -> tuple[StoredWatch, ...]:
        """The newest, open or ended."""
        return self._run([], "made_at", descending=True)

    def in_state(self, states: Collection[State], limit: int) -> tuple[StoredWatch, ...]:
        """Those in one of the states, in no order; a read for each, one where there is none."""
        return self._run([("state", "in", sorted(states))], "", limit=limit)

    def ended_before(self, moment: datetime) -> tuple[StoredWatch, ...]:
        """Those that were made before; the open ones among them are left out."""
        return tuple(one for one in self._run([("made_at", "<", moment)], "made_at") if one.watch.next_at is None)

    def of_user(self, uid: str) -> tuple[StoredWatch, ...]:
        return self._run([("uid", "==", uid)], "")

    def _run(
        self, where: Sequence[Condition], order_by: str, *, descending: bool = False, limit: int = MOST
    ) -> tuple[StoredWatch, ...]:
        query = build(COLLECTION, where=list(where), order_by=order_by or None, descending=descending)
        query.limit.value = limit
        found = self._handle.run_query(
            query, lambda documents: [raw_document(one) for one in documents], operation="Reading watches"
        )
        watches = ((KeptWatch.from_fields(one.fields or {}), one.update_time) for one in found)
        return tuple(StoredWatch(watch, update_time) for watch, update_time in watches if watch is not None)
