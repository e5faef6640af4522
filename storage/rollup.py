"""Reads all users once, in flat memory, and writes the figures about all of them that fleet pages are drawn from.

For each user: the document, the accounting, and the clips by aggregation (twice a read for every 1,000).
Across all users, by the first shard alone: videos by status, and those in progress that nothing moves any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from storage.actions import rollup as writing
from storage.actions.documents import DocumentWriter
from storage.clients.meter import Cost, metering
from storage.clients.r2_transfer import ContextThreads
from storage.domain import plans, rollup, usage
from storage.domain.model import Accounting, RawDocument, User
from storage.domain.plans import PlanLimits
from storage.domain.rollup import Tally
from storage.domain.rollup_documents import MAX_SHARDS, Shard
from storage.domain.schema import Table
from storage.domain.usage import Truth
from storage.errors import AccessDenied, BackendError, BadInput, MissingIndex, Oddity
from storage.repositories.records import Records

READERS = 8
MAX_STUCK = 20_000  # videos in progress that are looked at for the step where they stand

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Written:
    """What a run wrote: the shard as it was kept, the documents' paths, and the cost."""

    shard: Shard
    paths: tuple[str, ...]
    cost: Cost
    error: BackendError | None


@dataclass
class _Reader:
    """What every user is read and judged with, and the first error met on the way."""

    records: Records
    limits: Mapping[str, PlanLimits]
    now: datetime
    documents: Mapping[str, RawDocument] = field(default_factory=dict)
    error: BackendError | None = None


def run_rollup(
    records: Records,
    writer: DocumentWriter,
    limits: Mapping[str, PlanLimits],
    clock: Clock,
    *,
    stale_after: timedelta,
    shard: tuple[int, int] = (1, 1),
    on_progress: Callable[[int], None] = lambda users: None,
) -> Written:
    """Reads the shard's users and writes its figures; a user whose clips cannot be added up is counted as unread.

    Raises where users cannot be listed, or Firestore refuses the credential: nothing is then written.
    """
    index, count = shard
    if not 1 <= index <= count <= MAX_SHARDS:
        remedy = f"For example 1/4; at most {MAX_SHARDS} shards."
        raise BadInput("shard must be I/N with I from 1 to N", field_name="shard", remedy=remedy)
    started = clock()
    with metering() as meter:
        reader = _Reader(records, limits, started, records.plans())
        tally, done = Tally(started), 0
        for page in records.iter_users(shard if count > 1 else None):
            _add_page(reader, tally, page)
            done += len(page.frame)
            on_progress(done)
        notes: list[str] = []
        videos, stuck = _across_users(records, started, stale_after, notes) if index == 1 else (None, None)
        content = tally.content()
        if reader.error is not None:
            number = content["totals"].get("unread_users", 0)
            notes.append(f"The clips of {number:,} users could not be added up: {reader.error.message}")
        notes += tally.odd_notes()
        number = None if videos is None else sum(videos.values())
        made = Shard(
            index, count, started, clock(), reader.error is None, meter.cost().firestore_reads, content,
            [rollup.point(started.date(), content["totals"], number)], videos, stuck, notes,
        )  # fmt: skip
        paths = writing.write_shard(records, writer, made)
    return Written(made, paths, meter.cost(), reader.error)


def people(table: Table) -> list[User]:
    """The rows of a page of users as values, each with its own oddities."""
    odd: dict[str, list[Oddity]] = {}
    for oddity in table.oddities:
        odd.setdefault(oddity.path, []).append(oddity)
    rows = table.frame.astype("object").where(table.frame.notna(), None).to_dict("records")
    return [
        User(**{k: v for k, v in row.items() if k != "path"}, oddities=tuple(odd.get(row["path"], ()))) for row in rows
    ]


def _add_page(reader: _Reader, tally: Tally, page: Table) -> None:
    users = people(page)
    if not users:
        return
    books = reader.records.accountings([user.uid for user in users])
    with ContextThreads(max_workers=READERS) as threads:
        truths = list(threads.map(lambda user: _truth(reader, user.uid), users))
    for user, truth in zip(users, truths, strict=True):
        tally.add(user, _usage(reader, user, books.get(user.uid), truth), truth)


def _truth(reader: _Reader, uid: str) -> Truth | None:
    try:
        return usage.truth_from_totals(reader.records.clip_totals(uid))
    except AccessDenied:
        raise  # what Firestore refuses for one user it refuses for all
    except BackendError as error:
        reader.error = reader.error or error
        return None


def _usage(reader: _Reader, user: User, books: Accounting | None, truth: Truth | None) -> usage.Usage:
    document = reader.documents.get(plans.normalise(user.plan))
    plan = plans.effective(user.plan, document.fields if document else None, reader.limits)
    return usage.evaluate(user.uid, user, books, plan, truth, None, reader.now)


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
        notes.append(f"Videos in progress are counted in part only: {waiting.error.message}")
    elif not waiting.complete:
        notes.append(f"Only the first {len(waiting.frame):,} videos in progress were looked at.")
    return videos, rollup.steps(waiting.frame)
