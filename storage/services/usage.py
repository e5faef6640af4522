"""Reads and evaluates one user's account, and caches it so that the next reading is small.

The cache is in this process's memory only, as columns, and not on disk, because it holds customers' data. A refresh
reads the documents that changed since the last reading and counts all of them. Where the count is wrong (a document was
deleted, or written without the field that the query uses), it reads everything again. After a change by the desk itself
the caller must `forget` the user, because not every change touches `updated_at`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import pandas as pd

from storage.domain import usage
from storage.domain.amounts import exact_sum
from storage.domain.documents import Accounting, ClipTotals, Table, User
from storage.domain.usage import PlanLimits, Plans, Truth, Usage, evaluate_usage
from storage.errors import NotFound
from storage.ids import in_words, is_stored_id
from storage.repositories.records import Records

NEWEST = 25  # videos shown before a person asks for all of them
TRANSACTIONS = 50
OVERLAP = timedelta(minutes=5)  # clocks of worker, Firestore and this machine differ by less than this
KEPT = timedelta(hours=1)  # then everything is read again, which shows changes that left no trace
KEPT_ANSWERS = 600  # three of each user, and two more of each user whose tables were read whole
KEPT_ROWS = 500_000  # of all users together: some 300 MB of clips
MOST_CHANGED = 40  # videos whose clips are listed one by one; beyond that, reading everything is as cheap
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """The documents behind a user's usage. `accounting` is `None` where the user has no such document."""

    uid: str
    user: User
    accounting: Accounting | None
    plans: Plans

    def usage(self, truth: Truth | None, now: datetime, videos: pd.DataFrame | None = None) -> Usage:
        """The usage according to these documents."""
        return evaluate_usage(self.user, self.plans, self.accounting, truth, now, videos)


@dataclass(frozen=True, slots=True)
class FullUsage:
    """Usage with every counter checked against every clip, and the tables behind it."""

    account: Account
    usage: Usage
    videos: Table
    clips: Table
    truth: Truth


def read_account(records: Records, uid: str, limits: Mapping[str, PlanLimits]) -> Account:
    """User, accounting and plan: 3 reads, up to 2 more where no document has exactly the plan's name as written.

    Raises `NotFound` when there is neither a document nor anything below it.
    """
    user = records.user(uid)
    if user is None:
        raise NotFound(
            f"There is no customer {in_words(uid)}.",
            remedy="Look it up by e-mail address, video or clip with find; ids are case-sensitive.",
            target=uid,
        )
    return Account(uid, user, records.accounting(uid), read_plans(records, user.plan, limits))


def read_plans(records: Records, written: str | None, limits: Mapping[str, PlanLimits]) -> Plans:
    """The document of a plan by its name; for an unknown plan, the document of the free one."""
    unknown = usage.normalise(written) not in limits
    names = [*usage.plan_names(written), *([usage.FALLBACK_PLAN] if unknown else [])]
    for name in filter(is_stored_id, names):
        document = records.plan(name)
        if document is not None:
            return Plans({name: document}, limits)
    return Plans({}, limits)


class Tables(Protocol):
    """Gives the whole tables of a user: `Records` itself, or `UserCache`, which keeps them."""

    def videos(self, uid: str) -> Table:
        """All videos, phantoms too."""

    def clips(self, uid: str) -> Table:
        """All clips."""


def read_full_usage(tables: Tables, account: Account, now: datetime) -> FullUsage:
    """Usage with the counters of each video: reads every video and clip document of the user once.

    Where a table could not be read to its end, the truth is unknown rather than too small; the table keeps the error.
    """
    videos, clips = tables.videos(account.uid), tables.clips(account.uid)
    complete = videos.complete and clips.complete
    truth = usage.truth_from_clips(clips.frame, complete=complete)
    return FullUsage(account, account.usage(truth, now, videos.frame), videos, clips, truth)


@dataclass(frozen=True, slots=True)
class SomeVideos:
    """Videos of a user: all of them (phantoms too), or the newest; `hidden` more have no creation time.

    `count` is the number of video documents, without phantoms.
    """

    table: Table
    everything: bool
    count: int
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer, the time of its last whole reading (its life counts from there), and its number of rows."""

    began: datetime
    value: Any
    rows: int


class UserCache:
    """A cache of users' tables, updated with the documents that changed since. Threads may share it."""

    def __init__(
        self,
        records: Records,
        limits: Mapping[str, PlanLimits],
        clock: Callable[[], datetime],
        *,
        kept_rows: int = KEPT_ROWS,
    ) -> None:
        self._records = records
        self._limits = limits
        self._clock = clock
        self._kept_rows = kept_rows
        self._kept: OrderedDict[tuple[str, Hashable], _Kept] = OrderedDict()
        self._forgotten: OrderedDict[str, datetime] = OrderedDict()
        self._lock = threading.Lock()

    def account(self, uid: str) -> tuple[Account, Usage]:
        """User, accounting, plan, and usage with the truth by aggregation: 3 reads and 2 for every 1,000 clips.

        A refresh takes 2 reads and 1 for every 1,000 clips, as long as the plan's name stays; it does not count clips
        without a size that are new since the first read. Raises `NotFound` where there is neither a document nor
        anything below it.
        """
        return self._current(uid, "account", lambda: self._account(uid), lambda kept: self._account_since(uid, kept))

    def _account(self, uid: str) -> tuple[Account, Usage]:
        account = read_account(self._records, uid, self._limits)
        return account, self._usage(account, self._records.clip_totals(uid))

    def _account_since(self, uid: str, kept: tuple[Account, Usage]) -> tuple[Account, Usage] | None:
        before, found = kept
        user = self._records.user(uid)
        if user is None or user.plan != before.user.plan:
            return None
        account = replace(before, user=user, accounting=self._records.accounting(uid))
        return account, self._usage(account, self._records.clip_totals(uid, known_unsized=found.unsized_clips))

    def _usage(self, account: Account, totals: ClipTotals) -> Usage:
        return account.usage(usage.truth_from_totals(totals), self._clock())

    def newest_videos(self, uid: str, limit: int = NEWEST) -> SomeVideos:
        """All videos if there are at most `limit`, else the newest: about as many reads as rows.

        A refresh takes a read for each video changed since, and one for every 1,000 videos.
        """
        return self._current(
            uid,
            ("newest videos", limit),
            lambda: self._newest_videos(uid, limit),
            lambda kept: self._newest_since(uid, kept, limit),
            lambda some: some.table if some.table.error is None else None,
        )

    def _newest_videos(self, uid: str, limit: int) -> SomeVideos:
        count = self._records.count_videos(uid)
        if count <= limit:
            whole = self._records.videos(uid, limit=limit + 1)  # one more shows that these are all
            if whole.complete or whole.error:
                return SomeVideos(whole, everything=whole.complete, count=count)
        recent = self._records.recent_videos(uid, limit)
        return SomeVideos(recent.table, everything=False, count=count, hidden=recent.without_created_at)

    def _newest_since(self, uid: str, kept: SomeVideos, limit: int) -> SomeVideos | None:
        changed = self._records.videos_changed_since(uid, kept.table.read_at - OVERLAP)
        new = _new_rows(kept, changed.frame) if changed.error is None and changed.complete else None
        if new is None or self._records.count_videos(uid) != kept.count + new:
            return None
        table = merged(kept.table, changed, "video_id")
        if kept.everything and len(table.frame) > limit:
            return None
        if not kept.everything:
            table = _newest(table, "created_at", limit)
        return replace(kept, table=table, count=kept.count + new)

    def transactions(self, uid: str, limit: int = TRANSACTIONS) -> Table:
        """The newest credit transactions; a refresh takes a read for each new one, at least one."""
        return self._current(
            uid,
            ("transactions", limit),
            lambda: self._records.transactions(uid, limit),
            lambda kept: self._transactions_since(uid, kept, limit),
            lambda table: table if table.error is None else None,
        )

    def _transactions_since(self, uid: str, kept: Table, limit: int) -> Table | None:
        new = self._records.transactions_since(uid, kept.read_at - OVERLAP, limit)
        if new.error is not None or not new.complete:
            return None
        table = merged(kept, new, "transaction_id")
        whole = table.complete and len(table.frame) <= limit
        return replace(_newest(table, "timestamp", limit), complete=whole)

    def videos(self, uid: str) -> Table:
        """All videos, phantoms too; a refresh takes a read for each changed one, and one for every 1,000.

        A phantom that appears after the first read shows when that read is an hour old: only a listing shows phantoms.
        """
        return self._current(
            uid, "videos", lambda: self._records.videos(uid), lambda kept: self._videos_since(uid, kept), _if_complete
        )

    def _videos_since(self, uid: str, before: Table) -> Table | None:
        changed = self._records.videos_changed_since(uid, before.read_at - OVERLAP)
        if not changed.complete:
            return None
        table = merged(before, changed, "video_id")
        return table if self._records.count_videos(uid) == int(table.frame["exists"].sum()) else None

    def clips(self, uid: str) -> Table:
        """All clips; a refresh reads the clips of each changed video, and takes 2 reads for every 1,000 clips."""
        return self._current(
            uid, "clips", lambda: self._records.clips(uid), lambda kept: self._clips_since(uid, kept), _if_complete
        )

    def _clips_since(self, uid: str, before: Table) -> Table | None:
        """Reads the clips of changed videos again. Other clips that come or go show in the count or the bytes."""
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
        totals = self._records.clip_totals(uid)  # all clips, and the clips with a size: a failed clip has none
        sizes = frame["file_size_bytes"].dropna()
        counted = (int(frame["exists"].sum()), len(sizes), exact_sum(sizes))
        if (totals.count, totals.sized_count, totals.size_bytes) != counted:
            return None
        below = tuple(f"users/{uid}/videos/{video_id}/" for video_id in ids)
        oddities = [odd for odd in before.oddities if not (below and odd.path.startswith(below))]
        oddities += [odd for part in parts for odd in part.oddities]
        reads = changed.reads + sum(part.reads for part in parts)
        return replace(before, frame=frame, oddities=tuple(oddities), read_at=began, reads=reads)

    def forget(self, uid: str) -> None:
        """Drops the cached tables of a user, so that the next read is a whole one; a read under way is not kept."""
        with self._lock:
            self._forgotten[uid] = self._clock()
            self._forgotten.move_to_end(uid)
            while len(self._forgotten) > KEPT_ANSWERS:
                self._forgotten.popitem(last=False)
            for key in [key for key in self._kept if key[0] == uid]:
                del self._kept[key]

    def _current(
        self,
        uid: str,
        what: Hashable,
        read: Callable[[], T],
        since: Callable[[T], T | None],
        table: Callable[[T], Table | None] | None = None,
    ) -> T:
        """The cached answer, updated, or everything read again where no update is certain.

        `table` gives the rows of an answer, or `None` for an answer that may not be kept.
        """
        now, kept = self._clock(), self._recall(uid, what)
        fresh = since(kept.value) if kept is not None else None
        began = kept.began if kept is not None and fresh is not None else now
        found = fresh if fresh is not None else read()
        rows = table(found) if table is not None else None
        if table is None or rows is not None:
            self._keep(uid, what, _Kept(began, found, 0 if rows is None else len(rows.frame)))
        return found

    def _recall(self, uid: str, what: Hashable) -> _Kept | None:
        with self._lock:
            found = self._kept.get((uid, what))
            if found is None or self._clock() - found.began >= KEPT:
                return None
            self._kept.move_to_end((uid, what))
            return found

    def _keep(self, uid: str, what: Hashable, kept: _Kept) -> None:
        with self._lock:
            if uid in self._forgotten and kept.began < self._forgotten[uid]:
                return
            self._kept.pop((uid, what), None)
            if kept.rows > self._kept_rows:
                return  # it would push out all others and still not fit
            self._kept[uid, what] = kept
            while len(self._kept) > KEPT_ANSWERS or sum(one.rows for one in self._kept.values()) > self._kept_rows:
                self._kept.popitem(last=False)


def _if_complete(table: Table) -> Table | None:
    return table if table.complete else None


def _new_rows(kept: SomeVideos, changed: pd.DataFrame) -> int | None:
    """The number of changed videos that were not there before, or `None` where that is not certain."""
    shown = kept.table.frame
    fresh = changed[~changed["video_id"].isin(shown.loc[shown["exists"], "video_id"])]
    if kept.everything or not len(fresh):
        return len(fresh)
    if fresh["created_at"].isna().any() or kept.hidden:
        return None  # an order by creation time omits videos without one, so such a video may have been there
    return int((fresh["created_at"] >= shown["created_at"].min()).sum())


def merged(before: Table, changed: Table, key: str) -> Table:
    """The earlier rows with the changed ones in their place and the new ones added, as of the later read."""
    kept = before.frame[~before.frame[key].isin(changed.frame[key])]
    paths = set(changed.frame["path"])
    oddities = (*(odd for odd in before.oddities if odd.path not in paths), *changed.oddities)
    frame = pd.concat([kept, changed.frame], ignore_index=True) if len(changed.frame) else before.frame
    frame = frame.sort_values(key, kind="stable", ignore_index=True)
    return replace(before, frame=frame, oddities=oddities, read_at=changed.read_at, reads=changed.reads)


def _newest(table: Table, by: str, limit: int) -> Table:
    """The latest rows by a time, the latest first, with only the oddities of these rows."""
    frame = table.frame.sort_values(by, ascending=False, kind="stable")
    left_out = set(frame["path"].iloc[limit:])
    oddities = tuple(odd for odd in table.oddities if odd.path not in left_out)
    return replace(table, frame=frame.head(limit).reset_index(drop=True), oddities=oddities)
