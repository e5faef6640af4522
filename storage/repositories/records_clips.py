"""Reads of clips: one video's by listing, a whole user's by a ranged read, and their totals by aggregation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import pandas as pd

from storage.clients import firestore as pb
from storage.clients.meter import metering
from storage.domain.amounts import INT64
from storage.domain.documents import CLIPS, Clip, ClipTotals, Table
from storage.errors import MissingIndex, StorageError, Unusable
from storage.repositories import decode_model
from storage.repositories.decode import relative_path
from storage.repositories.decode_frames import Page, TableBuilder, decode_page
from storage.repositories.records_pages import Taken
from storage.repositories.records_paths import clip_path, user_path, video_path
from storage.repositories.records_query import Condition, build, names_between, start_after
from storage.repositories.records_reading import BULK_SECONDS, LIST_PAGE, Reading, whole_number

T = TypeVar("T")

PARALLEL_VIDEOS = 8
SIZE = "file_size_bytes"
EXACT = 2**53  # up to here a double is exact
Sums = tuple[int, int, int | None]  # all, those with a size, and their bytes
_REFUSALS = (MissingIndex, Unusable)  # how a backend says that it does not answer a ranged collection group


class ClipRecords(Reading):
    """Clips are found below videos that no longer exist, and so are phantoms of clips below which shares are left."""

    def clip(self, uid: str, video_id: str, clip_id: str) -> Clip | None:
        """The clip; `exists` is false where only share settings below it are left; `None`: proven absent."""
        document = self._document_or_phantom(clip_path(uid, video_id, clip_id), "Reading the clip")
        return None if document is None else decode_model.clip(document)

    def clips(self, uid: str, video_id: str | None = None) -> Table:
        """All clips of one video or of the whole user, by video and clip id, phantoms of videos and clips too.

        A whole user takes one ranged read, and one for the shares that deleted clips have left behind, not one read
        for each video; where the backend refuses ranged reads, each video is listed. Both give the same table.
        """
        if video_id is not None:
            return self._table(CLIPS, self._listing(video_path(uid, video_id), "clips", "Listing the clips"))
        return self._ranged_or("clips", lambda: self._clips_by_range(uid), lambda: self._clips_by_video(uid))

    def clip_totals(self, uid: str, video_id: str | None = None, *, known_unsized: int | None = None) -> ClipTotals:
        """Number and bytes of the clip documents, counted by Firestore: some reads instead of one for each clip.

        Counts and sums are separate questions, because one question counts only documents that have every field. With
        `known_unsized`, how many clips of a user had no size before, the first is not asked: half the reads.
        """
        read_at = self._clock()
        if known_unsized is not None and video_id is None and "totals" not in self._refused:
            sized, size = self._sizes("", self._range(uid))
            return ClipTotals(sized + known_unsized, sized, size, read_at)
        if video_id is not None:
            count, sized, size = self._totals(video_path(uid, video_id))
        else:
            count, sized, size = self._ranged_or(
                "totals", lambda: self._totals("", self._range(uid)), lambda: self._totals_by_video(uid)
            )
        return ClipTotals(count=count, sized_count=sized, size_bytes=size, read_at=read_at)

    def _ranged_or(self, kind: str, ranged: Callable[[], T], video_by_video: Callable[[], T]) -> T:
        if kind not in self._refused:
            try:
                return ranged()
            except _REFUSALS:
                self._refused.add(kind)
        return video_by_video()

    def _range(self, uid: str) -> list[Condition]:
        """Everything below the user's videos: "videos~" is after "videos" and before every other user's path."""
        path = user_path(uid)
        return names_between(self._handle.name(path), self._handle.name(f"{path}/videos~/~"))

    def _clips_by_range(self, uid: str) -> Table:
        with metering() as meter:
            query = build("clips", group=True, where=self._range(uid))
            table = replace(self._table(CLIPS, self._by_name(query, "Reading the user's clips")), next_cursor=None)
            if not table.complete:
                return table
            try:
                left = self._clips_with_shares(uid) - set(table.frame["path"])
            except _REFUSALS:
                raise
            except StorageError as fault:
                return replace(table, complete=False, error=fault, reads=meter.cost().firestore_reads)
        frame = self._with_phantoms(table.frame, left) if left else table.frame
        return replace(table, frame=frame, reads=meter.cost().firestore_reads)

    def _clips_with_shares(self, uid: str) -> set[str]:
        """Paths of all clips below which share settings lie; only their names are sent."""
        query = build("shares", group=True, where=self._range(uid), fields=())
        query.limit.value = self._bulk_page + 1
        paths: set[str] = set()
        while True:

            def consume(documents: Any) -> tuple[set[str], str | None]:
                taken = Taken(documents, self._bulk_page, seconds=BULK_SECONDS)
                return {_clip_above(document.name) for document in taken.documents()}, taken.following()

            found, following = self._handle.run_query(query, consume, operation="Reading the user's shares")
            paths |= found
            if following is None:
                return paths - {""}
            start_after(query, following)

    def _with_phantoms(self, frame: pd.DataFrame, paths: set[str]) -> pd.DataFrame:
        builder = TableBuilder(CLIPS)
        builder.add(builder.page(pb.Document(name=self._handle.name(path)) for path in sorted(paths)))
        phantoms = builder.table(read_at=self._clock(), reads=0).frame
        whole = pd.concat([frame, phantoms], ignore_index=True) if len(frame) else phantoms
        return whole.sort_values(["video_id", "clip_id"], kind="stable", ignore_index=True)

    def _clips_by_video(self, uid: str) -> Table:
        builder, read_at, error = TableBuilder(CLIPS), self._clock(), None
        with metering() as meter:
            paths = self._video_paths(uid)
            builder.add(builder.page([]))
            with _each(paths, self._clip_pages) as results:
                try:
                    for pages in results:
                        for page in pages:
                            builder.add(page)
                except StorageError as fault:
                    if not builder.rows:
                        raise
                    error = fault
        reads = meter.cost().firestore_reads
        return builder.table(read_at=read_at, reads=reads, complete=error is None, error=error)

    def _clip_pages(self, path: str) -> list[Page]:
        fetch, decode = self._listing(path, "clips", "Listing the clips"), partial(decode_page, CLIPS)
        pages: list[Page] = []
        cursor: str | None = None
        while True:
            page, cursor = fetch(decode, cursor, None)
            pages.append(page)
            if cursor is None:
                return pages

    def _video_paths(self, uid: str) -> list[str]:
        """Paths of all the user's videos, phantoms too; only their names are sent."""
        found: list[str] = []
        token = ""
        while True:
            documents, token = self._handle.list_documents(
                user_path(uid),
                "videos",
                operation="Listing the videos",
                page_size=LIST_PAGE,
                page_token=token,
                fields=("__name__",),
            )
            found.extend(relative_path(document.name) for document in documents)
            if not token:
                return found

    def _totals_by_video(self, uid: str) -> Sums:
        with _each(self._video_paths(uid), self._totals) as results:
            totals = list(results)
        sizes = [size for _, _, size in totals if size is not None]
        whole = sum(sizes) if len(sizes) == len(totals) else None
        return sum(each[0] for each in totals), sum(each[1] for each in totals), whole

    def _totals(self, parent: str, where: list[Condition] | None = None) -> Sums:
        """All clips, those whose size is a number of 64 bits, and their bytes."""
        query = build("clips", group=where is not None, where=where or ())
        return self._count(query, "Adding up the clips", parent=parent), *self._sizes(parent, where)

    def _sizes(self, parent: str, where: list[Condition] | None = None) -> tuple[int, int | None]:
        """The clips whose size is a number of 64 bits, and their bytes; `None` where the sum is not an exact one.

        Firestore adds whole numbers exactly. A double among them makes the sum one, and so does a sum beyond 64 bits:
        that is exact only while neither it nor any part of it is beyond 2^53.
        """
        sized, cell = self._sum_of_sizes(parent, where, between=(INT64[0], INT64[-1]))
        if not sized or cell.HasField("integer_value"):
            return sized, cell.integer_value
        value = cell.double_value
        if abs(value) > EXACT or not value.is_integer():
            return sized, None
        small, _ = self._sum_of_sizes(parent, where, between=(-EXACT, EXACT))
        return sized, int(value) if small == sized else None

    def _sum_of_sizes(self, parent: str, where: list[Condition] | None, *, between: tuple[int, int]) -> tuple[int, Any]:
        limits: list[Condition] = [(SIZE, ">=", between[0]), (SIZE, "<=", between[1])]
        query = build("clips", group=where is not None, where=[*(where or ()), *limits], order_by=None)
        found = self._handle.aggregate(
            query, {"sized": "", "bytes": SIZE}, operation="Adding up the clips", parent=parent
        )
        return whole_number(found["sized"]), found["bytes"]


def _clip_above(name: str) -> str:
    """The path of the clip that a share lies below, or an empty string where it lies elsewhere."""
    segments = relative_path(name).split("/")
    fits = len(segments) == 8 and segments[0:5:2] == ["users", "videos", "clips"]
    return "/".join(segments[:6]) if fits else ""


@contextmanager
def _each(paths: list[str], work: Callable[[str], T]) -> Iterator[Iterator[T]]:
    """The results of `work` for each path in order, some at a time, metered for the caller; the rest ends with it."""
    pool = ThreadPoolExecutor(max_workers=PARALLEL_VIDEOS, thread_name_prefix="firestore")
    try:
        futures = [pool.submit(copy_context().run, work, path) for path in paths]
        yield (future.result() for future in futures)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
