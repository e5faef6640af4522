"""Everything that is read from Firestore, as frozen values and tables; nothing here can change anything.

Every read tells three answers apart: a value or rows; `None` or no row where absence is proven; and an error of
`storage.errors` where nothing is known, because Firestore refused, did not answer or took too long. No error ever
becomes an empty table. Ids are checked before any request.

`UserRecords` reads users, plans, accounting and credit transactions; `VideoRecords` videos with their highlights and
share links; `ClipRecords` one video's clips by listing, a whole user's by a ranged read, and their totals by
aggregation. `FleetRecords` finds videos and clips of all users by a field, and counts on the server. `ChangeRecords`
reads only what changed since an earlier read: some documents and a count, instead of everything again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import pandas as pd

from storage.clients import firestore
from storage.clients.meter import metering
from storage.domain.amounts import EXACT, INT64
from storage.domain.documents import (
    CLIPS,
    SHARES,
    TRANSACTIONS,
    USERS,
    VIDEOS,
    Accounting,
    Clip,
    ClipTotals,
    RawDocument,
    Schema,
    Table,
    User,
    Video,
)
from storage.errors import BadInput, FieldProblem, MissingIndex, StorageError, Unusable
from storage.ids import check_stored_id, firestore_order
from storage.repositories import columns
from storage.repositories.columns import DocumentPage, TableBuilder, decode_page
from storage.repositories.decode import decode_time, document_to_json, raw_document, relative_path, to_fields
from storage.repositories.drafts import DraftRecords
from storage.repositories.queries import (
    BULK_SECONDS,
    LIST_PAGE,
    Condition,
    PageReader,
    RecordQueries,
    accounting_path,
    build,
    checked_limit,
    clip_path,
    document_path,
    highlights_path,
    names_between,
    plan_path,
    start_after,
    user_path,
    video_path,
    whole_number,
)
from storage.repositories.without_status import WithoutStatus

MOST_CHANGED = 300  # with more changed documents, reading everything again costs no more


T = TypeVar("T")
PARALLEL_VIDEOS = 8
SIZE = "file_size_bytes"
Sums = tuple[int, int, int | None]  # all clips, those with a size, and their bytes
_REFUSALS = (MissingIndex, Unusable)  # the answers of a backend that does not support ranged collection groups
STATUSES = ("processing", "analyzed", "completed", "failed")
OTHER = "other"  # the count of videos with an unknown status or none
FIND_LIMIT = 100  # matches of one answer, and rows of each look-up for it: fewer rows, and a cut would go unsaid
SAMPLE = 5  # clips of each stretch
BESIDE = 100  # clips of other customers in one page, where the first few did not help
STRETCHES = ("!", "F", "U", "k")  # the earliest beginning of each: ids are mostly random letters and digits
_OTHERS = "Reading some clips of other customers"
_MAX_STATUSES = 30  # Firestore's limit for "in"
_SCAN_PAGE = 1_000
_LAST_CHARACTER = "\U0010ffff"
_NOBODYS = "-clip-desk-health-"  # an id and a value that no document has


class ChangeRecords(RecordQueries):
    """These reads use the indexes that Firestore keeps for each collection by itself."""

    def videos_changed_since(self, uid: str, moment: datetime, limit: int = MOST_CHANGED) -> Table:
        """The user's videos with a later `updated_at`; never a video without one."""
        return self._later(VIDEOS, "updated_at", moment, user_path(uid), "Reading changed videos", limit)

    def transactions_since(self, uid: str, moment: datetime, limit: int = MOST_CHANGED) -> Table:
        """The user's credit transactions with a later time, the latest first."""
        return self._later(TRANSACTIONS, "timestamp", moment, user_path(uid), "Reading new credit transactions", limit)

    def count_videos(self, uid: str) -> int:
        """The number of the user's video documents, counted by Firestore, without phantoms."""
        return self._count(build("videos"), "Counting the videos", parent=user_path(uid))

    def _later(self, schema: Schema, field: str, moment: datetime, parent: str, operation: str, limit: int) -> Table:
        query = build(schema.name, where=[(field, ">", moment)], order_by=field, descending=True)
        return self._first(schema, query, operation, min(limit, LIST_PAGE), parent=parent)


class ClipRecords(RecordQueries):
    """Clips are found below videos that no longer exist; so are phantoms of clips that still have shares below them."""

    def clip(self, uid: str, video_id: str, clip_id: str) -> Clip | None:
        """The clip; `exists` is false where only share settings below it are left; `None`: proven absent."""
        document = self._document_or_phantom(clip_path(uid, video_id, clip_id), "Reading the clip")
        return None if document is None else columns.clip(document)

    def clips(self, uid: str, video_id: str | None = None) -> Table:
        """All clips of one video or of the whole user, by video and clip id, with phantoms of videos and clips.

        A whole user takes one ranged read, and one for the shares that deleted clips left behind, instead of one read
        for each video. Where the backend refuses ranged reads, each video is listed. Both give the same table.
        """
        if video_id is not None:
            return self._table(CLIPS, self._listing(video_path(uid, video_id), "clips", "Listing the clips"))
        return self._ranged_or("clips", lambda: self._clips_by_range(uid), lambda: self._clips_by_video(uid))

    def clip_totals(self, uid: str, video_id: str | None = None, *, known_unsized: int | None = None) -> ClipTotals:
        """Number and bytes of the clip documents, counted by Firestore: some reads instead of one for each clip.

        Counts and sums are separate queries, because one query counts only documents that have every field.
        `known_unsized` is the earlier number of a user's clips without a size; with it the first query is left out,
        which halves the reads.
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
            table = replace(self._table(CLIPS, self._by_name(query, "Reading the customer's clips")), next_cursor=None)
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
        """Paths of all clips with share settings below them; Firestore sends only the names."""
        query = build("shares", group=True, where=self._range(uid), fields=())
        query.limit.value = self._bulk_page + 1
        paths: set[str] = set()
        while True:

            def consume(documents: Any) -> tuple[set[str], str | None]:
                taken = PageReader(documents, self._bulk_page, seconds=BULK_SECONDS)
                return {_clip_above(document.name) for document in taken.documents()}, taken.following()

            found, following = self._handle.run_query(query, consume, operation="Reading the customer's shares")
            paths |= found
            if following is None:
                return paths - {""}
            start_after(query, following)

    def _with_phantoms(self, frame: pd.DataFrame, paths: set[str]) -> pd.DataFrame:
        builder = TableBuilder(CLIPS)
        builder.add(builder.page(firestore.Document(name=self._handle.name(path)) for path in sorted(paths)))
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

    def _clip_pages(self, path: str) -> list[DocumentPage]:
        fetch, decode = self._listing(path, "clips", "Listing the clips"), partial(decode_page, CLIPS)
        pages: list[DocumentPage] = []
        cursor: str | None = None
        while True:
            page, cursor = fetch(decode, cursor, None)
            pages.append(page)
            if cursor is None:
                return pages

    def _video_paths(self, uid: str) -> list[str]:
        """Paths of all the user's videos, with phantoms; Firestore sends only the names."""
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
        """The clips whose size is a number of 64 bits, and their bytes; `None` where the sum is not exact.

        Firestore adds whole numbers exactly. A double among them makes the sum a double, and so does a sum beyond 64
        bits: such a sum is exact only while neither it nor any part of it is beyond 2^53.
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
    """The path of the clip above a share, or an empty string where the share lies elsewhere."""
    segments = relative_path(name).split("/")
    fits = len(segments) == 8 and segments[0:5:2] == ["users", "videos", "clips"]
    return "/".join(segments[:6]) if fits else ""


@contextmanager
def _each(paths: list[str], work: Callable[[str], T]) -> Iterator[Iterator[T]]:
    """The results of `work` for each path in order, some at a time, metered for the caller; stops with the caller."""
    pool = ThreadPoolExecutor(max_workers=PARALLEL_VIDEOS, thread_name_prefix="firestore")
    try:
        futures = [pool.submit(copy_context().run, work, path) for path in paths]
        yield (future.result() for future in futures)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class FleetRecords(RecordQueries):
    """These reads query collection groups by a field, which needs the indexes of `firestore.indexes.json`."""

    def find_videos(
        self,
        video_id: str | None = None,
        youtube_id: str | None = None,
        video_url: str | None = None,
        *,
        limit: int = FIND_LIMIT,
    ) -> Table:
        """Videos of all users with exactly this value in the field. Give one field. May raise `MissingIndex`."""
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
        """Clips of all users with exactly this value in the field. Give one field. May raise `MissingIndex`."""
        fields = {"clip_id": clip_id, "filename": filename, "r2_key": r2_key}
        return self._find(CLIPS, fields, "Finding clips", limit)

    def find_clips_of_video(self, video_id: str, *, limit: int = FIND_LIMIT) -> Table:
        """Clips of all users whose ids begin as this video's clip ids do, also without a document of the video."""
        start = f"{check_stored_id(video_id, 'video_id')}_"
        where: list[Condition] = [("clip_id", ">=", start), ("clip_id", "<", start[:-1] + chr(ord("_") + 1))]
        return self._first(CLIPS, build("clips", group=True, where=where, order_by="clip_id"), "Finding clips", limit)

    def sample_clips(self) -> Iterator[Table]:
        """A few clips of each of a few users that lie far apart, to see what documents say: 24 reads at most.

        A backend that refuses ranged collection groups returns as many from the beginning, in one table.
        """
        behind = ""
        for start in STRETCHES:
            names = (self._handle.name(f"users/{max(start, behind)}"), self._handle.name("users~/~"))
            query = build("clips", group=True, where=names_between(*names))
            try:
                table = self._first(CLIPS, query, "Reading some clips", SAMPLE)
            except (MissingIndex, Unusable):
                wanted = SAMPLE * len(STRETCHES)
                yield self._first(CLIPS, build("clips", group=True), "Reading some clips", wanted)
                return
            yield table
            if not len(table.frame):
                return
            behind = f"{table.frame['uid'].iloc[-1]}~"

    def clips_of_others(self, uid: str, *, size: int = SAMPLE, turns: int = 2) -> Iterator[Table]:
        """A few clips of each of a few other customers, for a look whether their objects exist.

        The customers lie next to this user in the order of ids, after and before in turns: 24 reads at most, unless the
        caller asks for more. A backend that refuses ranged collection groups returns one page from the beginning, which
        may hold the user's own clips.
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
        """Videos of all users with one of these statuses, by path. May raise `MissingIndex`.

        `updated_before` keeps videos with an earlier last touch, and those without a usable `updated_at`: an order or a
        filter by that field in Firestore would hide exactly the broken ones. It reads every video with these statuses.
        """
        if not 1 <= len(set(statuses)) <= _MAX_STATUSES:
            raise BadInput(f"give 1 to {_MAX_STATUSES} states", field_name="statuses")
        query = build("videos", group=True, where=[("status", "in", sorted(set(statuses)))])
        keep = None if updated_before is None else _touched_before(updated_before)
        fetch = self._by_name(query, "Reading videos by status", page_size=_SCAN_PAGE, keep=keep)
        return self._table(VIDEOS, fetch, limit=checked_limit(limit))

    def status_counts(self, up_to: int | None = None) -> dict[str, int]:
        """The number of all users' videos by status; `other`: with no known status. May raise `MissingIndex`.

        With `up_to` each status is counted only so far: a result of `up_to` means at least so many, and `other` is 0.
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
        """The number of documents in this collection, anywhere; phantoms do not count.

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


class UserRecords(RecordQueries):
    """Users are listed with their phantoms: a user whose document is gone but whose videos remain."""

    def user(self, uid: str) -> User | None:
        """The user; `exists` is false where only documents below it are left; `None`: proven absent, nothing below."""
        document = self._document_or_phantom(user_path(uid), "Reading the customer")
        return None if document is None else columns.user(document)

    def users(self, *, page_size: int = LIST_PAGE, cursor: str | None = None) -> Table:
        """One page of all users by uid, with phantoms; `next_cursor` leads to the next page."""
        fetch = self._listing("", "users", "Listing the customers", page_size=checked_limit(page_size))
        return self._table(USERS, fetch, cursor=cursor, limit=page_size)

    def iter_users(self, shard: tuple[int, int] | None = None, after: str | None = None) -> Iterator[Table]:
        """All users page by page, with phantoms; only the last page is `complete`. Raises when a page fails.

        `shard` is (i, n) with i from 1 to n: each uid belongs to exactly one of the n. `after` leaves out the uids up
        to and including this one. Both save rows, but no reads: only a listing shows phantoms, and it has no ranges.
        """
        keep = _belongs(shard, after)
        cursor: str | None = None
        while True:
            fetch = self._listing("", "users", "Listing the customers", keep=keep)
            table = self._table(USERS, fetch, cursor=cursor, pages=1)
            yield table
            cursor = table.next_cursor
            if cursor is None:
                return

    def users_by_email(self, email: str) -> Table:
        """All users with exactly this address, as it is stored."""
        query = build("users", where=[("email", "==", _text(email, "email"))])
        return self._table(USERS, self._by_name(query, "Finding customers by e-mail", page_size=LIST_PAGE))

    def users_by_email_prefix(self, prefix: str, limit: int) -> Table:
        """The first users, by address, whose address begins so; never a user without an address."""
        start = _text(prefix, "prefix")
        where: list[Condition] = [("email", ">=", start), ("email", "<", start + _LAST_CHARACTER)]
        return self._first(USERS, build("users", where=where, order_by="email"), "Finding customers by e-mail", limit)

    def plan(self, plan_id: str) -> Mapping[str, Any] | None:
        """The fields of the plan's document, or `None`: proven absent."""
        document = self._document(plan_path(plan_id), "Reading the plan")
        return None if document is None else to_fields(document)

    def plans(self) -> dict[str, Mapping[str, Any]]:
        """The fields of all plans by id."""
        found = self._raw_listing("", "plans", "Listing the plans")
        return {document.path.rpartition("/")[2]: document.fields for document in found if document.fields is not None}

    def accounting(self, uid: str) -> Accounting | None:
        """The newer counters of the user, or `None`: proven absent, as in older deployments."""
        document = self._document(accounting_path(uid), "Reading the storage accounting")
        return None if document is None else columns.accounting(document)

    def accountings(self, uids: Sequence[str]) -> dict[str, Accounting]:
        """The newer counters of many users; users who are proven to have none are left out."""
        paths = {accounting_path(uid): uid for uid in uids}
        found = self._documents(list(paths), "Reading the storage accounting")
        return {paths[path]: columns.accounting(doc) for path, doc in found.items() if doc is not None}

    def transactions(self, uid: str, limit: int = 50) -> Table:
        """The newest credit transactions; an oddity counts those that lack a `timestamp`, which no order shows."""
        parent = user_path(uid)
        query = build("credit_transactions", order_by="timestamp", descending=True)
        table = self._first(TRANSACTIONS, query, "Reading credit transactions", limit, parent=parent)
        table, hidden = self._hidden(table, parent, "timestamp")
        if not hidden:
            return table
        odd = FieldProblem(f"{parent}/credit_transactions", "timestamp", "missing", f"{hidden:,} not in this table")
        return replace(table, oddities=(*table.oddities, odd))


def _text(value: str, name: str) -> str:
    if not value.strip():
        raise BadInput(f"{name} is empty", field_name=name, remedy=f"Give the {name} to look for.")
    return value


def _belongs(shard: tuple[int, int] | None, after: str | None) -> Callable[[Any], bool] | None:
    if shard is None and after is None:
        return None
    index, count = shard or (1, 1)
    if not 1 <= index <= count:
        raise BadInput("shard must be I/N with I from 1 to N", field_name="shard", remedy="For example 1/4.")
    last = None if after is None else firestore_order(check_stored_id(after, "after"))

    def keep(document: Any) -> bool:
        uid = document.name.rpartition("/")[2]
        return (last is None or firestore_order(uid) > last) and zlib.crc32(uid.encode()) % count == index - 1

    return keep


@dataclass(frozen=True, slots=True)
class RecentVideos:
    """The newest videos, and the number of videos that no order by `created_at` shows, because they lack it."""

    table: Table
    without_created_at: int


class VideoRecords(RecordQueries):
    """Videos are listed with their phantoms: a video whose document is gone but whose clips remain."""

    def video(self, uid: str, video_id: str) -> Video | None:
        """The video; `exists` is false where only documents below it are left; `None`: proven absent, nothing below."""
        document = self._document_or_phantom(video_path(uid, video_id), "Reading the video")
        return None if document is None else columns.video(document)

    def videos(self, uid: str, *, limit: int | None = None, cursor: str | None = None) -> Table:
        """The user's videos by id, with phantoms: all of them, or up to `limit` and a cursor for the rest."""
        size = LIST_PAGE if limit is None else min(LIST_PAGE, checked_limit(limit))
        fetch = self._listing(user_path(uid), "videos", "Listing the videos", page_size=size)
        return self._table(VIDEOS, fetch, cursor=cursor, limit=limit)

    def recent_videos(self, uid: str, limit: int) -> RecentVideos:
        """The newest videos by `created_at`, without phantoms."""
        parent = user_path(uid)
        query = build("videos", order_by="created_at", descending=True)
        table = self._first(VIDEOS, query, "Reading the newest videos", limit, parent=parent)
        return RecentVideos(*self._hidden(table, parent, "created_at"))

    def videos_by_ids(self, ids: Sequence[tuple[str, str]]) -> Table:
        """The videos of these (uid, video id) pairs, in this order; absent ones have no row."""
        paths = list(dict.fromkeys(video_path(uid, video_id) for uid, video_id in ids))
        return self._table_of(VIDEOS, paths, "Reading videos")

    def highlights(self, uid: str, video_id: str) -> RawDocument | None:
        """The document `highlights/main` of newer deployments, or `None`: proven absent."""
        document = self._document(highlights_path(uid, video_id), "Reading the highlights document")
        return None if document is None else raw_document(document)

    def shares(self, uid: str, video_id: str, clip_id: str) -> tuple[RawDocument, ...]:
        """The share settings below one clip, whether the clip's document exists or not."""
        return self._raw_listing(clip_path(uid, video_id, clip_id), "shares", "Reading the clip's shares")

    def share_slugs(self, uid: str | None = None, video_id: str | None = None) -> Table:
        """The public share links of everybody, of a user, or of one of the user's videos."""
        where: list[Condition] = [] if uid is None else [("user_id", "==", check_stored_id(uid, "uid"))]
        if video_id is not None:
            where.append(("video_id", "==", check_stored_id(video_id, "video_id")))
        return self._table(SHARES, self._by_name(build("share_slugs", where=where), "Reading the share links"))

    def find_shares(self, slug: str) -> tuple[str, ...]:
        """The paths of the share settings, of any user, that name this slug. May raise `MissingIndex`."""
        query = build("shares", group=True, where=[("share_slug", "==", slug)], fields=())
        query.limit.value = 2
        return self._handle.run_query(
            query,
            lambda documents: tuple(document.name.partition("/documents/")[2] for document in documents),
            operation="Finding share settings",
        )


class Records(UserRecords, VideoRecords, ClipRecords, FleetRecords, ChangeRecords, DraftRecords, WithoutStatus):
    """All reads in one class. Safe to share between threads; open one in each process, over its one handle."""

    def raw(self, path: str) -> RawDocument | None:
        """Any document by its path, unchanged; `None`: proven absent (`children` may still lie below it)."""
        document = self._document(document_path(path), "Reading the document")
        return None if document is None else raw_document(document)

    def many(self, paths: Sequence[str]) -> dict[str, RawDocument | None]:
        """Many documents by path, unchanged; `None`: proven absent. All of them, or an error."""
        found = self._documents([document_path(path) for path in paths], "Reading documents")
        return {path: None if document is None else raw_document(document) for path, document in found.items()}

    def children(self, path: str) -> list[str]:
        """The ids of the collections below a document, whether it exists or not; an empty path: the top ones."""
        checked = document_path(path) if path else ""
        return sorted(self._handle.list_collection_ids(checked, operation="Listing collections"))

    def documents(self, path: str, collection_id: str) -> tuple[RawDocument, ...]:
        """All documents of one collection below a document, unchanged; phantoms have `fields` `None`."""
        checked = document_path(f"{path}/{collection_id}/any").rpartition("/")[0]
        parent, _, collection = checked.rpartition("/")
        return self._raw_listing(parent, collection, "Listing documents")

    def exact(self, paths: Sequence[str]) -> dict[str, str | None]:
        """Documents as JSON without loss, for the quarantine, by path; `None`: proven absent. All, or an error."""
        found = self._documents([document_path(path) for path in paths], "Reading documents")
        return {path: None if document is None else document_to_json(document) for path, document in found.items()}

    def indexed_queries(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Every query that needs a declared index, by the index's name, in a form that reads almost nothing."""
        yield "videos.video_id", partial(self.find_videos, video_id=_NOBODYS, limit=1)
        yield "videos.youtube_id", partial(self.find_videos, youtube_id=_NOBODYS, limit=1)
        yield "videos.video_url", partial(self.find_videos, video_url=_NOBODYS, limit=1)
        yield "clips.clip_id", partial(self.find_clips, clip_id=_NOBODYS, limit=1)
        yield "clips.filename", partial(self.find_clips, filename=_NOBODYS, limit=1)
        yield "clips.r2_key", partial(self.find_clips, r2_key=_NOBODYS, limit=1)
        yield "shares.share_slug", partial(self.find_shares, _NOBODYS)
        yield "videos.status", partial(self.videos_by_status, [_NOBODYS], limit=1)
        yield "videos.completed_clips", partial(self.videos_of_drafts, limit=1)
        yield "clips.file_size_bytes", partial(self._totals, "", self._range(_NOBODYS))
        yield "analysis_drafts.id", partial(self.find_drafts, _NOBODYS)
        yield "analysis_drafts.status", partial(self.drafts_by_status, [_NOBODYS], limit=1)
