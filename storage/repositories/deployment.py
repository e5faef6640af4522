"""Reads the evidence of which backend is there: the newest delivered videos, and which of them have a highlights
document. Also reads the desk's note of what an earlier look found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from storage.clients.firestore import FirestoreHandle
from storage.domain.documents import VIDEOS, RawDocument, Table
from storage.errors import MissingIndex, Unusable
from storage.repositories.decode import raw_document
from storage.repositories.queries import RecordQueries, build, highlights_path, names_between
from storage.repositories.records import STRETCHES

PATH: Final = "ops_deployment/found"
DELIVERED = ("analyzed", "completed")  # a video with one of these should have highlights
OF_A_STRETCH = 10
_OPERATION = "Reading the newest videos"
_FIELDS = ("created_at", "status", "highlights_json_key")


class DeploymentRecords(RecordQueries):
    """Reads a few documents of all users; keeps nothing."""

    def __init__(self, handle: FirestoreHandle, clock: Callable[[], datetime]) -> None:
        super().__init__(handle, clock)

    def kept(self) -> RawDocument | None:
        """The result of an earlier look, or `None`: proven absent."""
        found = self._document(PATH, "Reading which backend was found")
        return None if found is None else raw_document(found)

    def newest_delivered(self, limit: int) -> Table:
        """The newest videos of all users, by creation, that should have highlights. May raise `MissingIndex`."""
        query = build(
            "videos",
            group=True,
            where=[("status", "in", sorted(DELIVERED))],
            order_by="created_at",
            descending=True,
            fields=_FIELDS,
        )
        return self._first(VIDEOS, query, _OPERATION, limit)

    def some_videos(self) -> Iterator[Table]:
        """Videos of users that lie far apart, a substitute for that index: some 40 reads, no index needed.

        A backend that refuses ranged collection groups returns as many from the beginning, in one table.
        """
        for start in STRETCHES:
            names = names_between(self._handle.name(f"users/{start}"), self._handle.name("users~/~"))
            try:
                yield self._first(VIDEOS, build("videos", group=True, where=names), _OPERATION, OF_A_STRETCH)
            except (MissingIndex, Unusable):
                yield self._first(VIDEOS, build("videos", group=True), _OPERATION, OF_A_STRETCH * len(STRETCHES))
                return

    def have_document(self, videos: Sequence[tuple[str, str]]) -> list[bool]:
        """For each (uid, video id), whether the document `highlights/main` exists, with entries or without."""
        paths = [highlights_path(uid, video_id) for uid, video_id in videos]
        found = self._documents(paths, "Reading the highlights documents")
        return [found[path] is not None for path in paths]

    def indexed_queries(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """As those of `Records`."""
        yield "videos.status,created_at", partial(self.newest_delivered, 1)
