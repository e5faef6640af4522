"""Reads the newest successes of the product's steps: one indexed query for each step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from storage.repositories.changes import CHANGES
from storage.repositories.decode import raw_document, relative_path
from storage.repositories.queries import RecordQueries, build, video_path
from storage.repositories.records import Records

MOST_IDS = 30  # values that one `in` of Firestore takes


@dataclass(frozen=True, slots=True)
class Success:
    """One video at which a step succeeded, and when."""

    at: datetime
    uid: str
    video_id: str


@dataclass(frozen=True, slots=True)
class Analysed(Success):
    """The end of an analysis, with the entries that it wrote."""

    entries: tuple[Mapping[str, Any], ...] = ()


class SuccessRecords(RecordQueries):
    """Reads across all users, in descending order of one field. May raise `MissingIndex`."""

    def analysed(self, limit: int) -> list[Success]:
        """The newest documents `highlights/main` by `created_at`: an analysis writes one when it ends."""
        query = build("highlights", group=True, order_by="created_at", descending=True, fields=("created_at",))
        return self._newest(query, "created_at", limit, "Reading the newest analyses")

    def finished(self, limit: int) -> list[Success]:
        """The videos that were completed last."""
        query = build("videos", group=True, order_by="completed_at", descending=True, fields=("completed_at",))
        return self._newest(query, "completed_at", limit, "Reading the videos completed last")

    def newest_highlights(self, limit: int) -> list[Analysed]:
        """The newest documents `highlights/main` with their entries."""
        query = build("highlights", group=True, order_by="created_at", descending=True)
        query.limit.value = limit

        def consume(documents: Any) -> list[Analysed]:
            found = []
            for one in documents:
                fields, parts = raw_document(one).fields or {}, relative_path(one.name).split("/")
                at, entries = fields.get("created_at"), fields.get("highlights")
                if isinstance(at, datetime) and isinstance(entries, list) and len(parts) >= 4 and parts[0] == "users":
                    told = tuple(entry for entry in entries if isinstance(entry, dict))
                    found.append(Analysed(at, parts[1], parts[3], told))
            return found

        return self._handle.run_query(query, consume, operation="Reading the newest highlights")

    def pace(self, uid: str, video_id: str) -> float | None:
        """The seconds a clip of a rendering: from the first clip to the last, by `created_at`; three reads."""
        parent, times = video_path(uid, video_id), list[datetime]()
        for descending in (False, True):
            query = build("clips", order_by="created_at", descending=descending, fields=("created_at",))
            query.limit.value = 1
            found = self._handle.run_query(query, _times, operation="Reading a clip's time", parent=parent)
            times += found
        clips = self._count(build("clips"), "Counting clips", parent=parent)
        if len(times) < 2 or clips < 2 or times[1] <= times[0]:
            return None
        return (times[1] - times[0]).total_seconds() / (clips - 1)

    def changed_here(self, video_ids: Collection[str]) -> set[tuple[str, str]]:
        """Which of these videos this desk changed, as (uid, video id): one read where it changed none."""
        query = build(
            CHANGES, where=[("video_id", "in", sorted(set(video_ids))[:MOST_IDS])], fields=("uid", "video_id")
        )
        found = self._handle.run_query(
            query,
            lambda documents: [raw_document(document).fields or {} for document in documents],
            operation="Reading changes",
        )
        return {(str(one.get("uid")), str(one.get("video_id"))) for one in found}

    def indexed_queries(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """As those of `Records`."""
        yield "videos.completed_at", partial(self.finished, 1)
        yield "highlights.created_at", partial(self.analysed, 1)

    def _newest(self, query: Any, field: str, limit: int, operation: str) -> list[Success]:
        query.limit.value = limit

        def consume(documents: Any) -> list[Success]:
            found = []
            for one in documents:
                fields, parts = raw_document(one).fields or {}, relative_path(one.name).split("/")
                at = fields.get(field)
                if isinstance(at, datetime) and len(parts) >= 4 and parts[0] == "users":
                    found.append(Success(at, parts[1], parts[3]))
            return found

        return self._handle.run_query(query, consume, operation=operation)


def success_records(records: Records) -> SuccessRecords:
    """The same reads over the handle of these records."""
    return SuccessRecords(records._handle, records._clock)


def _times(documents: Any) -> list[datetime]:
    found = ((raw_document(one).fields or {}).get("created_at") for one in documents)
    return [at for at in found if isinstance(at, datetime)]
