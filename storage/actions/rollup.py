"""Makes the rollup, the figures about all customers from which fleet pages are drawn, and writes its documents.

A run reads all users once, in flat memory (`customer_facts`). A run over all of them reads every clip and every video
by ranges: the index of titles takes a read of each in any case, and the sums come with it. One of several shards, and a
run whose budget does not reach to the titles, has Firestore add up each customer's clips (two reads for every 1,000).
The first shard alone also counts videos by status across all users, and videos in progress that nothing moves any more.
A shard's documents are written at once, and the head when all shards exist. After its figures the first shard writes
the index of addresses and titles that Find looks into (`search_index`), whoever began the run.

`RollupRun` makes a rollup in a thread of this process: see `background`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Literal, TypeVar

from storage.actions.customers import CustomerTable, remove_former
from storage.actions.documents import Change, Delete, DocumentWriter, Replace
from storage.actions.search_index import IndexWritten, addresses, write_index
from storage.actions.writers import Writers
from storage.clients.meter import Cost, Meter, OverBudget, check_budgets, metering
from storage.domain import rollup, usage
from storage.domain.customers import customer_row
from storage.domain.rollup import (
    HEAD,
    MAX_PARTS,
    MAX_SHARDS,
    Content,
    RollupHead,
    RollupTally,
    Shard,
    head_fields,
    shard_path,
    to_documents,
)
from storage.domain.usage import PlanLimits, Plans
from storage.errors import AccessDenied, BackendError, BadInput, MissingIndex, StorageError, Unusable
from storage.repositories.objects import Objects
from storage.repositories.records import Records
from storage.repositories.rollups import read_head, read_shard, read_shards
from storage.services.background import BackgroundRun, OneAtATime
from storage.services.customer_facts import CustomerReader, TitleRows

T = TypeVar("T")
_OPERATION = "Writing the figures about all customers"


MAX_STUCK = 20_000  # videos in progress whose present step is read
Clock = Callable[[], datetime]
RollupEnd = Literal["done", "cancelled"]


def write_shard(records: Records, writer: DocumentWriter, shard: Shard) -> tuple[str, ...]:
    """Replaces the shard's documents in one commit, but keeps its days of growth; returns the paths written.

    Figures of another version are overwritten. Readers switch to this division into shards once every shard of it
    exists; until then they keep the former division.
    """
    earlier = _readable(lambda: read_shard(records, shard.index, shard.count))
    kept: Sequence[Content] = earlier.points if earlier else ()
    documents = to_documents(replace(shard, points=reduce(rollup.with_point, shard.points, list(kept))))
    changes: list[Change] = [Replace(path, fields) for path, fields in documents.items()]
    unused = (shard_path(shard.index, shard.count, part) for part in range(2, MAX_PARTS + 1))
    changes += [Delete(path) for path in unused if path not in documents]
    writer.commit(changes, operation=_OPERATION)
    return (*documents, *_advance(records, writer, shard.count))


def _advance(records: Records, writer: DocumentWriter, count: int) -> tuple[str, ...]:
    """Switches readers to this division, unless they use it already, a shard of it is missing, or one is older.

    So one shard of a division from long ago does not revive the old figures of its other shards. Keeps the growth
    before it.
    """
    head = _readable(lambda: read_head(records))
    if head is not None and head.count == count:
        return ()
    new = _all_shards(records, count)
    if new is None:
        return ()
    before: Sequence[Content] = ()
    if head is not None:
        old = _all_shards(records, head.count)
        if old is not None and _as_of(old) > _as_of(new):
            return ()
        before = rollup.merged_points([shard.points for shard in old], head.points) if old else head.points
    writer.set(HEAD, head_fields(RollupHead(count, before)))
    return (HEAD,)


def _all_shards(records: Records, count: int) -> list[Shard] | None:
    """Every shard of a division, or `None` where one is missing."""
    shards = _readable(lambda: read_shards(records, count)) or []
    there = [shard for shard in shards if shard is not None]
    return there if len(there) == count else None


def _as_of(shards: Sequence[Shard]) -> datetime:
    """The time as of which the figures of these shards together are valid."""
    return min(shard.read_at for shard in shards)


def _readable(read: Callable[[], T]) -> T | None:
    """The result, or `None` where it is of another version: a new one is then written."""
    try:
        return read()
    except Unusable:
        return None


@dataclass(frozen=True, slots=True)
class Written:
    """What a run wrote: the shard as it was kept, the documents' paths, and their cost.

    `index` is written by the first shard alone; what kept it from being written (`index_error`) leaves the one before.
    """

    shard: Shard
    paths: tuple[str, ...]
    cost: Cost
    error: BackendError | None
    index: IndexWritten | None = None
    index_error: StorageError | None = None
    table_error: StorageError | None = None


def run_rollup(
    records: Records,
    writer: DocumentWriter,
    limits: Mapping[str, PlanLimits],
    clock: Clock,
    *,
    stale_after: timedelta,
    shard: tuple[int, int] = (1, 1),
    on_progress: Callable[[int], None] = lambda users: None,
    on_index: Callable[[int], None] = lambda reads: None,
    bucket: tuple[Objects, Writers] | None = None,
    take_purged: Callable[[datetime], object] = lambda since: None,
) -> Written:
    """Reads the shard's users and writes its figures; a user whose clips cannot be added up counts as unread.

    With `bucket` it also writes the table of its customers; where that fails, the figures stand without it. Then the
    first shard writes the index; `on_index` is told about how many reads that takes where titles are still to be read.
    `take_purged` takes whoever was purged since a time out of what was written. Raises, and writes nothing, where users
    cannot be listed or Firestore refuses the credential.
    """
    index, count = shard
    if not 1 <= index <= count <= MAX_SHARDS:
        remedy = f"For example 1/4; at most {MAX_SHARDS} shards."
        raise BadInput("shard must be I/N with I from 1 to N", field_name="shard", remedy=remedy)
    started, people = clock(), list[tuple[str, str]]()
    with metering() as meter, ExitStack() as stack:
        plans, reader = Plans(records.plans(), limits), CustomerReader(records)
        tally, done = RollupTally(started), 0
        table = CustomerTable() if bucket else None
        titles: TitleRows | None = None
        if count == 1 and reader.streams and _affords_titles(records):
            titles = stack.enter_context(closing(TitleRows()))
        read = reader.asked(shard if count > 1 else None) if titles is None else reader.streamed(titles)
        for page, customers in stack.enter_context(closing(read)):
            for user, book, truth in customers:
                found = usage.evaluate_usage(user, plans, book, truth, started)
                tally.add(user, found, truth)
                if table is not None:
                    table.add(customer_row(user, found, truth))
            if count == 1:
                people += addresses(page)
            done += len(page.frame)
            on_progress(done)
        notes: list[str] = []
        videos, stuck = _across_users(records, started, stale_after, notes) if index == 1 else (None, None)
        content = tally.content()
        if reader.error is not None:
            number = content["totals"].get("unread_users", 0)
            notes.append(f"The clips of {number:,} customers could not be added up: {reader.error.message}")
        notes += tally.odd_notes()
        key, table_error = _put_table(table, bucket, started, shard)
        if table_error is not None:
            notes.append(f"The table of all customers could not be written: {table_error.message}")
        former = _readable(lambda: read_shard(records, index, count)) if bucket else None
        number = None if videos is None else sum(videos.values())
        made = Shard(
            index,
            count,
            started,
            clock(),
            reader.error is None,
            meter.cost().firestore_reads,
            content,
            [rollup.point(started.date(), content["totals"], number)],
            videos,
            stuck,
            notes,
            key,
        )
        paths = write_shard(records, writer, made)
        take_purged(started)
        if bucket and key:
            with suppress(StorageError):  # the next rollup tries again
                remove_former(*bucket, key, shard, clock(), former.table if former else "")
        written = Written(made, paths, meter.cost(), reader.error, table_error=table_error)
        if index > 1:
            return written
        try:
            users = (made.read_at, people) if count == 1 else None
            if titles is None or not titles.whole:
                titles = None
                _announce_titles(records, made, on_index)
            return replace(written, index=write_index(records, writer, clock, users, take_purged, titles))
        except StorageError as error:
            return replace(written, index_error=error)


def _affords_titles(records: Records) -> bool:
    """Whether the budget is known to reach to a read of each user, accounting, video and clip."""
    try:
        check_budgets(ahead=sum(map(records.count, ("users", "storage_accounting", "videos", "clips"))))
    except AccessDenied:
        raise
    except (BackendError, OverBudget):
        return False
    return True


def _announce_titles(records: Records, made: Shard, on_index: Callable[[int], None]) -> None:
    """One of several shards has its own users alone, so the first of them lists all users once more."""
    titles = (sum(made.videos.values()) if made.videos else 0) + records.count("clips")
    ahead = titles + (made.content["totals"].get("users", 0) * made.count if made.count > 1 else 0)
    on_index(ahead)
    check_budgets(ahead=ahead)


def _put_table(
    table: CustomerTable | None, bucket: tuple[Objects, Writers] | None, started: datetime, shard: tuple[int, int]
) -> tuple[str, StorageError | None]:
    """The key of the table, or what kept it from being written."""
    if table is None or bucket is None:
        return "", None
    try:
        return table.put(bucket[1], started, shard), None
    except StorageError as error:
        return "", error
    finally:
        table.close()


def _across_users(
    records: Records, now: datetime, stale_after: timedelta, notes: list[str]
) -> tuple[dict[str, int] | None, dict[str, int] | None]:
    try:
        videos = records.status_counts()
        waiting = records.videos_by_status(["processing"], now - stale_after, limit=MAX_STUCK)
    except MissingIndex as missing:
        notes.append(f"Videos are not counted: {missing.message}")
        return None, None
    if waiting.error is not None:
        notes.append(f"Only some of the videos in progress are counted: {waiting.error.message}")
    elif not waiting.complete:
        notes.append(f"Only the first {len(waiting.frame):,} videos in progress were looked at.")
    return videos, rollup.steps(rollup.standing(waiting.frame, now, stale_after))


Work = Callable[[Callable[[int], None]], Written]
"""Makes the rollup and reports from time to time how many customers it has read."""


@dataclass(frozen=True, slots=True)
class RollupState:
    """A run at one moment. `users_total` was counted beforehand. `error` ended it or left a gap."""

    number: int
    state: RollupEnd | Literal["running", "failed"]
    asked_by: str
    started_at: datetime
    ended_at: datetime | None
    users_done: int
    users_total: int
    cost: Cost
    error: StorageError | None
    crashed: bool


class _Stopped(Exception):
    """A person cancelled: nothing was written, and nothing will be."""


class RollupRun(BackgroundRun[RollupEnd]):
    """One rollup. After a cancel it stops at the end of its present page of users; documents written earlier stay."""

    kind = "rollup"

    def __init__(
        self,
        number: int,
        make: Work,
        *,
        clock: Callable[[], datetime],
        users_total: int,
        asked_by: str,
        read_budget: int | None,
    ) -> None:
        super().__init__(number, clock=clock, asked_by=asked_by)
        self._make, self._read_budget = make, read_budget
        self._meter = Meter()
        self._users = 0
        self._total = users_total

    def snapshot(self) -> RollupState:
        with self._lock:
            return RollupState(
                self.number,
                self._state,
                self.asked_by,
                self.started_at,
                self._ended_at,
                self._users,
                self._total,
                self._meter.cost(),
                self._error,
                self._crashed,
            )

    def _work(self) -> RollupEnd:
        try:
            with metering(read_budget=self._read_budget) as self._meter:
                made = self._make(self._advance)
                self._error = made.error or made.index_error
        except _Stopped:
            return "cancelled"
        return "done"

    def _advance(self, users: int) -> None:
        self._users = users
        if self._cancelled.is_set():
            raise _Stopped


class RollupRuns(OneAtATime[RollupRun]):
    """The rollups of this process."""

    busy = "Another run is making the figures already."

    def start(
        self, make: Work, *, clock: Callable[[], datetime], users_total: int, asked_by: str, read_budget: int | None
    ) -> RollupRun:
        """Starts a rollup. `Refused` while another one runs."""
        return self._begin(
            lambda number: RollupRun(
                number, make, clock=clock, users_total=users_total, asked_by=asked_by, read_budget=read_budget
            )
        )
