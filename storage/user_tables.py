"""Whole tables of one user, read once and then brought up to date by what changed: for exports, drift and charts.

Kept in this process's memory alone, as columns, and not on disk: they are customers' data. A table is used again only
where Firestore's own count (and, of clips, the bytes) agrees with it after the changes were taken in.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import pandas as pd

from storage.domain.amounts import exact_sum
from storage.domain.documents import Table
from storage.repositories.records import Records
from storage.user_view import KEPT, OVERLAP, merged, note_forgotten

KEPT_ROWS = 500_000  # of all users together: some 300 MB of clips
MOST_CHANGED = 40  # videos whose clips are listed one by one; beyond that, reading anew is as cheap


@dataclass(frozen=True, slots=True)
class _Kept:
    """A table that was read to its end, and when it was last read whole."""

    began: datetime
    table: Table


class UserTables:
    """Answers `videos` and `clips` of a user as `Records` does, for fewer reads the second time. Shared by threads."""

    def __init__(self, records: Records, clock: Callable[[], datetime], *, kept_rows: int = KEPT_ROWS) -> None:
        self._records = records
        self._clock = clock
        self._kept_rows = kept_rows
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._forgotten: OrderedDict[str, datetime] = OrderedDict()
        self._lock = threading.Lock()

    def videos(self, uid: str) -> Table:
        """All videos, phantoms too; again: a read for each changed one, and one for every 1,000.

        A phantom that appears after the first read is seen when that is an hour old: only a listing shows it.
        """
        return self._table(uid, "videos", self._records.videos, self._videos_since)

    def clips(self, uid: str) -> Table:
        """All clips; again: the clips of each video that changed, and 2 reads for every 1,000 clips."""
        return self._table(uid, "clips", self._records.clips, self._clips_since)

    def forget(self, uid: str) -> None:
        """Drops a user's tables; after the desk itself changed something, for that need not touch `updated_at`."""
        with self._lock:
            note_forgotten(self._forgotten, uid, self._clock())
            for what in ("videos", "clips"):
                self._kept.pop((uid, what), None)

    def _table(
        self, uid: str, what: str, whole: Callable[[str], Table], since: Callable[[str, Table], Table | None]
    ) -> Table:
        now, kept = self._clock(), self._recall(uid, what)
        fresh = since(uid, kept.table) if kept is not None else None
        began = kept.began if kept is not None and fresh is not None else now
        table = fresh or whole(uid)
        if table.complete:
            self._keep(uid, what, _Kept(began, table))
        return table

    def _videos_since(self, uid: str, before: Table) -> Table | None:
        changed = self._records.videos_changed_since(uid, before.read_at - OVERLAP)
        if not changed.complete:
            return None
        table = merged(before, changed, "video_id")
        return table if self._records.count_videos(uid) == int(table.frame["exists"].sum()) else None

    def _clips_since(self, uid: str, before: Table) -> Table | None:
        """The clips of changed videos anew. Clips that come or go without it show in the count or the bytes."""
        began = self._clock()
        changed = self._records.videos_changed_since(uid, before.read_at - OVERLAP, MOST_CHANGED)
        if not changed.complete:
            return None
        ids = changed.frame["video_id"].tolist()
        parts = [self._records.clips(uid, video_id) for video_id in ids]
        if not all(part.complete for part in parts):
            return None
        frame = before.frame[~before.frame["video_id"].isin(ids)]
        frame = pd.concat([frame, *(part.frame for part in parts if len(part.frame))], ignore_index=True)
        frame = frame.sort_values(["video_id", "clip_id"], kind="stable", ignore_index=True)
        totals = self._records.clip_totals(uid)  # all and those with a size: a clip that failed has none
        sizes = frame["file_size_bytes"].dropna()
        counted = (int(frame["exists"].sum()), len(sizes), exact_sum(sizes))
        if (totals.count, totals.sized_count, totals.size_bytes) != counted:
            return None
        below = tuple(f"users/{uid}/videos/{video_id}/" for video_id in ids)
        oddities = [odd for odd in before.oddities if not (below and odd.path.startswith(below))]
        oddities += [odd for part in parts for odd in part.oddities]
        reads = changed.reads + sum(part.reads for part in parts)
        return replace(before, frame=frame, oddities=tuple(oddities), read_at=began, reads=reads)

    def _recall(self, uid: str, what: str) -> _Kept | None:
        with self._lock:
            found = self._kept.get((uid, what))
            return None if found is None or self._clock() - found.began >= KEPT else found

    def _keep(self, uid: str, what: str, kept: _Kept) -> None:
        with self._lock:
            if uid in self._forgotten and kept.began < self._forgotten[uid]:
                return
            self._kept[uid, what] = kept
            self._kept.move_to_end((uid, what))
            while sum(len(entry.table.frame) for entry in self._kept.values()) > self._kept_rows:
                self._kept.popitem(last=False)
