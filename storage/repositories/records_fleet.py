"""Reads across all users: looking for videos and clips by a field, and counting on the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from storage.domain.documents import CLIPS, VIDEOS, Schema, Table
from storage.errors import BadInput, MissingIndex, Unusable
from storage.ids import check_stored_id
from storage.repositories.decode import decode_time
from storage.repositories.records_pages import checked_limit
from storage.repositories.records_query import Condition, build, names_between
from storage.repositories.records_reading import Reading

STATUSES = ("processing", "analyzed", "completed", "failed")
OTHER = "other"  # the count of videos whose status is none of these, or not there
FIND_LIMIT = 100
SAMPLE = 5  # clips of each stretch
BESIDE = 100  # clips of other customers in one page, where a few of them were of no use
_STRETCHES = ("!", "F", "U", "k")  # where each begins at the earliest: ids are mostly letters and digits by chance
_OTHERS = "Reading some clips of other customers"
_MAX_STATUSES = 30  # Firestore's limit for "in"
_SCAN_PAGE = 1_000


class FleetRecords(Reading):
    """All of these read collection groups by a field, which needs the indexes of `firestore.indexes.json`."""

    def find_videos(
        self,
        video_id: str | None = None,
        youtube_id: str | None = None,
        video_url: str | None = None,
        *,
        limit: int = FIND_LIMIT,
    ) -> Table:
        """Videos of all users that have exactly this in the field. Give one. May raise `MissingIndex`."""
        fields = {"video_id": video_id, "youtube_id": youtube_id, "video_url": video_url}
        return self._find(VIDEOS, fields, "Finding videos", limit)

    def find_clips(
        self,
        clip_id: str | None = None,
        filename: str | None = None,
        r2_key: str | None = None,
        *,
        limit: int = FIND_LIMIT,
    ) -> Table:
        """Clips of all users that have exactly this in the field. Give one. May raise `MissingIndex`."""
        fields = {"clip_id": clip_id, "filename": filename, "r2_key": r2_key}
        return self._find(CLIPS, fields, "Finding clips", limit)

    def find_clips_of_video(self, video_id: str, *, limit: int = FIND_LIMIT) -> Table:
        """Clips of all users whose id begins as that of a clip of this video does: also where no video document is."""
        start = f"{check_stored_id(video_id, 'video_id')}_"
        where: list[Condition] = [("clip_id", ">=", start), ("clip_id", "<", start[:-1] + chr(ord("_") + 1))]
        return self._first(CLIPS, build("clips", group=True, where=where, order_by="clip_id"), "Finding clips", limit)

    def sample_clips(self) -> Iterator[Table]:
        """A few clips of each of a few users that lie far apart, for a look at what documents say: 24 reads at most.

        A backend that refuses ranged collection groups gives as many from the beginning, in one table.
        """
        behind = ""
        for start in _STRETCHES:
            names = (self._handle.name(f"users/{max(start, behind)}"), self._handle.name("users~/~"))
            query = build("clips", group=True, where=names_between(*names))
            try:
                table = self._first(CLIPS, query, "Reading some clips", SAMPLE)
            except (MissingIndex, Unusable):
                wanted = SAMPLE * len(_STRETCHES)
                yield self._first(CLIPS, build("clips", group=True), "Reading some clips", wanted)
                return
            yield table
            if not len(table.frame):
                return
            behind = f"{table.frame['uid'].iloc[-1]}~"

    def clips_of_others(self, uid: str, *, size: int = SAMPLE, turns: int = 2) -> Iterator[Table]:
        """A few clips of each of a few customers other than this one, for a look whether their objects are there.

        Beside the user in the order of ids, behind and before by turns: 24 reads at most, unless more are asked for. A
        backend that refuses ranged collection groups gives one page from the beginning, with the user's own in it.
        """
        user = f"users/{uid}"
        ranges = [(f"{user}/~/~", "users~/~"), ("users/!", user)]
        try:
            for _ in range(turns):
                for start, end in tuple(ranges):
                    ranges.remove((start, end))
                    where = names_between(self._handle.name(start), self._handle.name(end))
                    table = self._first(CLIPS, build("clips", group=True, where=where), _OTHERS, size)
                    if len(table.frame):
                        yield table
                        ranges.append((f"users/{table.frame['uid'].iloc[-1]}/~/~", end))
        except (MissingIndex, Unusable):
            yield self._first(CLIPS, build("clips", group=True), _OTHERS, BESIDE)

    def videos_by_status(
        self, statuses: Sequence[str], updated_before: datetime | None = None, *, limit: int = 500
    ) -> Table:
        """Videos of all users in one of these states, by path. May raise `MissingIndex`.

        `updated_before` keeps those that were last touched earlier, and those without a usable `updated_at`: an order
        or a filter by that field in Firestore would hide just the broken ones. It reads every video in these states.
        """
        if not 1 <= len(set(statuses)) <= _MAX_STATUSES:
            raise BadInput(f"give 1 to {_MAX_STATUSES} states", field_name="statuses")
        query = build("videos", group=True, where=[("status", "in", sorted(set(statuses)))])
        keep = None if updated_before is None else _touched_before(updated_before)
        fetch = self._by_name(query, "Reading videos by status", page_size=_SCAN_PAGE, keep=keep)
        return self._table(VIDEOS, fetch, limit=checked_limit(limit))

    def status_counts(self, up_to: int | None = None) -> dict[str, int]:
        """How many videos of all users are in each state; `other`: in none of those known. May raise `MissingIndex`.

        With `up_to` no state is counted further: one that has so many has at least so many, and `other` is then 0.
        """
        counts = {
            status: self._count(
                build("videos", group=True, where=[("status", "==", status)]), "Counting videos", up_to=up_to
            )
            for status in STATUSES
        }
        if up_to is not None and up_to in counts.values():
            return {**counts, OTHER: 0}
        everything = self.count("videos", up_to=None if up_to is None else up_to * (len(STATUSES) + 1))
        return {**counts, OTHER: max(0, everything - sum(counts.values()))}

    def count(self, collection_group: str, *, up_to: int | None = None) -> int:
        """How many documents of this collection there are, wherever it lies; phantoms are not counted.

        Counting stops at `up_to`, and costs no more than that.
        """
        query = build(check_stored_id(collection_group, "collection_group"), group=True)
        return self._count(query, f"Counting {collection_group}", up_to=up_to)

    def _find(self, schema: Schema, fields: dict[str, str | None], operation: str, limit: int) -> Table:
        given = [(name, value) for name, value in fields.items() if value is not None]
        if len(given) != 1 or not given[0][1]:
            raise BadInput(f"give one of {', '.join(fields)}", field_name=next(iter(fields)))
        name, value = given[0]
        query = build(schema.name, group=True, where=[(name, "==", value)])
        return self._table(schema, self._by_name(query, operation), limit=checked_limit(limit))


def _touched_before(moment: datetime) -> Callable[[Any], bool]:
    def keep(document: Any) -> bool:
        cell = document.fields.get("updated_at")
        touched = decode_time(cell.timestamp_value) if cell is not None and cell.HasField("timestamp_value") else None
        return touched is None or touched < moment

    return keep
