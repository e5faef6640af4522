"""Runs long work in a thread of this process, at most one piece of each kind at a time.

The work goes on when nobody looks at it, and a person can cancel it. A scan of many users is such work: its thread
touches only the stores and its own state, memory stays flat, and a page draws a `Snapshot` of it. A second person sees
the scan that already runs.
"""

from __future__ import annotations

import heapq
import json
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Any, ClassVar, Generic, Literal, Self, TypeVar

from storage.clients.circuit import patiently
from storage.domain.integrity import SEVERITIES, Finding, Report, ScanTotals, Suspicion
from storage.domain.scans.coverage import Coverage, ScanRange
from storage.domain.scans.kept import IMPLAUSIBLE, ScanOutcome
from storage.errors import Refused, StorageError
from storage.services.fleet_scan import CAREFUL, ScanProgress, verify_all
from storage.services.scans import FindingRow
from storage.services.verify import VerifyContext
from storage.text import number

End = TypeVar("End", bound=str)
"""The states in which a kind of work can end; its other states are `running` and `failed`."""

_log = logging.getLogger(__name__)


MAX_FINDINGS = 5_000
MAX_DOUBTS = 50  # users with an implausible result that are named one by one
MAX_USERS = 1_000
ScanEnd = Literal["done", "bounded", "budget", "cancelled"]
KeepScan = Callable[[ScanOutcome, Iterable[FindingRow]], str]
"""Keeps what a scan found, and gives the id of the kept scan."""


class BackgroundRun(ABC, Generic[End]):
    """One piece of work, from its `begin` on. Any thread may call any method.

    A subclass does the work in `_work` and makes its own snapshot. It holds `_lock` whenever it reads or changes state
    that both of them use.
    """

    kind: ClassVar[str]
    """The name of the thread, and of the work in the log."""

    def __init__(self, number: int, *, clock: Callable[[], datetime], asked_by: str) -> None:
        self.number = number
        self.asked_by = asked_by
        self.started_at = clock()
        self._clock = clock
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._state: End | Literal["running", "failed"] = "running"
        self._error: StorageError | None = None
        self._crashed = False
        self._ended_at: datetime | None = None
        self._thread = threading.Thread(target=self._run, name=f"{self.kind}-{number}", daemon=True)

    def begin(self) -> Self:
        """Starts the work; call it once."""
        self._thread.start()
        return self

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Asks the work to stop at the next possible place; the results so far stay."""
        self._cancelled.set()

    def wait(self, seconds: float) -> bool:
        """Waits at most `seconds` for the end; returns whether the work has ended."""
        self._thread.join(seconds)
        return not self.running

    @abstractmethod
    def _work(self) -> End:
        """Does the work and checks now and then for a cancel. A `StorageError` ends the work as failed."""

    def _run(self) -> None:
        state: End | Literal["failed"] = "failed"
        try:
            with patiently():
                state = self._work()
        except StorageError as error:
            self._error = error
        except Exception:  # no caller waits for the thread: the page says that the work broke, the log has the rest
            self._crashed = True
            _log.exception("%s %d broke", self.kind, self.number)
        finally:
            with self._lock:
                self._state, self._ended_at = state, self._clock()


Run = TypeVar("Run", bound=BackgroundRun[Any])


class OneAtATime(Generic[Run]):
    """The work of one kind in this process: at most one piece runs; the last one is kept."""

    busy: ClassVar[str]
    """The message for a person who tries to start a second piece of work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run: Run | None = None

    @property
    def current(self) -> Run | None:
        """The running work, else the last one."""
        return self._run

    @property
    def ended(self) -> int:
        """The number of the last work that ended. When it changes, readings from before are out of date."""
        run = self._run
        return 0 if run is None else run.number - run.running

    def _begin(self, make: Callable[[int], Run]) -> Run:
        """Makes the work with the next number and starts it. Raises `Refused` while another one runs."""
        with self._lock:
            last = self._run
            if last is not None and last.running:
                raise Refused(
                    self.busy,
                    reasons=[f"started by {last.asked_by} at {last.started_at:%H:%M:%S} UTC"],
                    remedy="Wait for its end, or cancel it.",
                )
            self._run = make(1 if last is None else last.number + 1).begin()
            return self._run

    def cancel(self, number: int) -> bool:
        """Cancels the work with this number, which the caller has seen; false where it is no longer the last one."""
        run = self._run
        if run is None or run.number != number:
            return False
        run.cancel()
        return True

    def stop(self) -> None:
        """Cancels the running work and waits a moment for its end; for the end of the process."""
        if self._run is not None:
            self._run.cancel()
            self._run.wait(5.0)


@dataclass(frozen=True, slots=True)
class Doubt:
    """One user with a result that cannot be true."""

    uid: str
    suspicion: Suspicion


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A scan at one moment. `bounded`: it reached its number of users, and more users remain; `budget`: it reached its
    number of document reads, and more users remain.

    `findings` are the gravest ones, gravest first; the scan counted `dropped` more and did not keep them. `last_uid` is
    the user behind whom another scan would go on. `error` is the error of a store that ended the scan, if one did.
    `scan_id` is the kept scan, `keep_error` what kept it from being kept.
    """

    number: int
    state: ScanEnd | Literal["running", "failed"]
    asked_by: str
    started_at: datetime
    ended_at: datetime | None
    most_users: int
    progress: ScanProgress | None
    totals: dict[str, Any]
    suspicion: Suspicion | None
    doubts: tuple[Doubt, ...]
    complete: bool
    findings: tuple[Finding, ...]
    dropped: int
    last_uid: str
    error: StorageError | None = None
    crashed: bool = False
    scan_id: str | None = None
    keep_error: StorageError | None = None

    @property
    def actionable(self) -> bool:
        """Whether a person may act on the findings."""
        return self.complete and self.suspicion is None and not self.doubts


class Scan(BackgroundRun[ScanEnd]):
    """One scan. When cancelled, it stops after the present user and keeps its findings."""

    kind = "scan"

    def __init__(
        self,
        number: int,
        checker: VerifyContext,
        *,
        most_users: int,
        resume_after: str | None,
        asked_by: str,
        read_budget: int | None = None,
        keep: KeepScan | None = None,
    ) -> None:
        super().__init__(number, clock=checker.clock, asked_by=asked_by)
        self._checker = checker
        self._keep_scan = keep
        self._scan_id: str | None = None
        self._keep_error: StorageError | None = None
        self._read_budget = read_budget
        self._most = most_users
        self._resume_after = resume_after
        self._totals = ScanTotals()
        self._kept: list[tuple[int, int, Finding]] = []
        self._count = 0
        self._progress: ScanProgress | None = None
        self._doubts: list[Doubt] = []
        self._last = resume_after or ""
        self._count_users = 0
        self._rows: IO[str] | None = None

    def snapshot(self) -> Snapshot:
        with self._lock:
            return Snapshot(
                number=self.number,
                state=self._state,
                asked_by=self.asked_by,
                started_at=self.started_at,
                ended_at=self._ended_at,
                most_users=self._most,
                progress=self._progress,
                totals=self._totals.as_dict("all"),
                suspicion=self._totals.suspicion,
                doubts=tuple(self._doubts),
                complete=self._totals.complete and self._error is None and not self._crashed,
                findings=tuple(sorted((kept[2] for kept in self._kept), key=lambda finding: finding.order)),
                dropped=self._count - len(self._kept),
                last_uid=self._last,
                error=self._error,
                crashed=self._crashed,
                scan_id=self._scan_id,
                keep_error=self._keep_error,
            )

    def _work(self) -> ScanEnd:
        if self._keep_scan is None:
            return self._scan()
        with TemporaryFile("w+", encoding="utf-8", newline="\n") as rows:
            self._rows = rows
            end: ScanEnd | None = None
            try:
                end = self._scan()
            finally:  # also what a scan found that a store then stopped
                if self._count_users:
                    self._put_away(self._keep_scan, end)
                self._rows = None
            return end

    def _put_away(self, keep: KeepScan, end: ScanEnd | None) -> None:
        """Keeps the scan, with what it left out."""
        whole = end == "done"
        left_out = [] if self._resume_after is None else ["the customers before the one that it began after"]
        left_out += [] if whole else [f"the customers after the first {self._count_users:,} that it looked at"]
        if self._totals.incomplete_users:
            left_out.append(f"a part of {number(self._totals.incomplete_users, 'customer')}")
        doubted = self._totals.suspicion is not None
        outcome = ScanOutcome(
            started_at=self.started_at,
            finished_at=self._clock(),
            coverage=Coverage(
                (ScanRange(after=self._resume_after, until=None if whole else self._last),), doubted=doubted
            ),
            complete=whole and self._totals.complete and self._resume_after is None,
            checked=self._totals.checked.as_dict(),
            not_looked_at=tuple(left_out),
            doubt=IMPLAUSIBLE if doubted else "",
            asked_by=self.asked_by,
        )
        try:
            self._scan_id = keep(outcome, self._spooled())
        except StorageError as error:
            self._keep_error = error

    def _spooled(self) -> Iterator[FindingRow]:
        assert self._rows is not None
        self._rows.seek(0)
        for line in self._rows:
            yield json.loads(line)

    def _scan(self) -> ScanEnd:
        reports = verify_all(self._checker, resume_after=self._resume_after, on_progress=self._advance, pace=CAREFUL)
        for done, report in enumerate(reports, start=1):
            self._take(report)
            if self._cancelled.is_set():
                return "cancelled"
            if done >= self._most:
                return "bounded"
            if self._read_budget is not None and self._totals.cost.get("firestore_reads", 0) >= self._read_budget:
                return "budget"
        return "done"

    def _advance(self, progress: ScanProgress) -> None:
        total = None if progress.users_total is None else min(progress.users_total, self._most)
        with self._lock:
            self._progress = replace(progress, users_total=total)

    def _take(self, report: Report) -> None:
        with self._lock:
            self._totals.add(report)
            self._last = report.uid
            self._count_users += 1
            if self._rows is not None:
                doubted = report.suspicion is not None
                for finding in report.findings:
                    self._rows.write(f"{json.dumps(finding.as_dict() | {'doubted': doubted}, default=_time)}\n")
            if report.suspicion is not None and len(self._doubts) < MAX_DOUBTS:
                self._doubts.append(Doubt(report.uid, report.suspicion))
            for finding in report.findings:
                self._keep(finding)

    def _keep(self, finding: Finding) -> None:
        """Keeps the gravest findings; of equal ones, those that came first."""
        self._count += 1
        ranked = (-SEVERITIES.index(finding.severity), -self._count, finding)
        if len(self._kept) < MAX_FINDINGS:
            heapq.heappush(self._kept, ranked)
        else:
            heapq.heappushpop(self._kept, ranked)


class Scans(OneAtATime[Scan]):
    """The scans of this process."""

    busy = "A scan is running already."

    def start(
        self,
        checker: VerifyContext,
        *,
        most_users: int,
        resume_after: str | None,
        asked_by: str,
        read_budget: int | None = None,
        keep: KeepScan | None = None,
    ) -> Scan:
        """Starts a scan; it stops after the user at whom it reaches `read_budget`. Raises `Refused` while one runs.

        With `keep`, what it found is kept at its end, however it ends.
        """
        most = max(1, min(most_users, MAX_USERS))
        return self._begin(
            lambda number: Scan(
                number,
                checker,
                most_users=most,
                resume_after=resume_after,
                asked_by=asked_by,
                read_budget=read_budget,
                keep=keep,
            )
        )


def _time(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()
