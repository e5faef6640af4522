"""Runs long work in a thread of this process: it goes on whoever looks, can be stopped, and runs once a kind.

A scan of many users is such work. Its thread touches only the stores and its own state, memory stays flat, and a page
draws a `Snapshot` of it. A second person sees the scan that runs.
"""

from __future__ import annotations

import heapq
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

from storage.clients.circuit import patiently
from storage.domain.integrity import SEVERITIES, Finding, Report, ScanTotals, Suspicion
from storage.errors import Refused, StorageError
from storage.services.verify import ScanProgress, VerifyContext, verify_all

End = TypeVar("End", bound=str)
"""How a kind of work may end of itself; beside these it is `running`, or `failed`."""

_log = logging.getLogger(__name__)


MAX_FINDINGS = 5_000
MAX_DOUBTS = 50  # users whose result is implausible, named one by one
MAX_USERS = 1_000
ScanEnd = Literal["done", "bounded", "budget", "cancelled"]


class BackgroundRun(ABC, Generic[End]):
    """One piece of work, from its `begin` on. Everything here may be called from any thread.

    A kind of work says what it does in `_work`, and takes its own picture of itself; what it shows in that and
    changes in `_work`, it changes and reads with `_lock` held.
    """

    kind: ClassVar[str]
    """The name of its thread, and of the work in the log."""

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
        """Starts it, once."""
        self._thread.start()
        return self

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Asks it to stop at the next place where it can; what it has done stays done."""
        self._cancelled.set()

    def wait(self, seconds: float) -> bool:
        """Waits for its end, at most so long; whether it has ended."""
        self._thread.join(seconds)
        return not self.running

    @abstractmethod
    def _work(self) -> End:
        """Does it, looking now and then whether it was cancelled. A `StorageError` ends it as failed."""

    def _run(self) -> None:
        state: End | Literal["failed"] = "failed"
        try:
            with patiently():
                state = self._work()
        except StorageError as error:
            self._error = error
        except Exception:  # the thread has nobody to tell: the page says that it broke, the log has the rest
            self._crashed = True
            _log.exception("%s %d broke", self.kind, self.number)
        finally:
            with self._lock:
                self._state, self._ended_at = state, self._clock()


Run = TypeVar("Run", bound=BackgroundRun[Any])


class OneAtATime(Generic[Run]):
    """The work of one kind in this process: at most one runs, and the last one is remembered."""

    busy: ClassVar[str]
    """What somebody is told who would start one while another runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run: Run | None = None

    @property
    def current(self) -> Run | None:
        """The one that runs, else the last one."""
        return self._run

    @property
    def ended(self) -> int:
        """Changes when one ends: what was read before is then of yesterday."""
        run = self._run
        return 0 if run is None else run.number - run.running

    def _begin(self, make: Callable[[int], Run]) -> Run:
        """Makes the next one by its number, and starts it. `Refused` while another one runs."""
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
        """Cancels the one of that number, which whoever asks has seen; false where it is not the last any more."""
        run = self._run
        if run is None or run.number != number:
            return False
        run.cancel()
        return True

    def stop(self) -> None:
        """Stops what runs and waits a moment for it; for the end of the process."""
        if self._run is not None:
            self._run.cancel()
            self._run.wait(5.0)


@dataclass(frozen=True, slots=True)
class Doubt:
    """One user whose result cannot be true."""

    uid: str
    suspicion: Suspicion


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A scan as it is at one moment. `bounded`: the number of users that was asked for was reached, and more remain;
    `budget`: so many documents were read, and more users remain.

    `findings` are the gravest that were kept, gravest first; `dropped` more were counted and not kept. `last_uid` is
    where another scan would go on. `error` is what ended it, where that was a store.
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

    @property
    def actionable(self) -> bool:
        """Whether an action may be derived from any of the findings."""
        return self.complete and self.suspicion is None and not self.doubts


class Scan(BackgroundRun[ScanEnd]):
    """One scan. Cancelled, it stops after the user it is at; what was found is kept."""

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
    ) -> None:
        super().__init__(number, clock=checker.clock, asked_by=asked_by)
        self._checker = checker
        self._read_budget = read_budget
        self._most = most_users
        self._resume_after = resume_after
        self._totals = ScanTotals()
        self._kept: list[tuple[int, int, Finding]] = []
        self._count = 0
        self._progress: ScanProgress | None = None
        self._doubts: list[Doubt] = []
        self._last = resume_after or ""

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
            )

    def _work(self) -> ScanEnd:
        reports = verify_all(self._checker, resume_after=self._resume_after, on_progress=self._advance)
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
            if report.suspicion is not None and len(self._doubts) < MAX_DOUBTS:
                self._doubts.append(Doubt(report.uid, report.suspicion))
            for finding in report.findings:
                self._keep(finding)

    def _keep(self, finding: Finding) -> None:
        """The gravest stay; of equal ones, those that came first."""
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
    ) -> Scan:
        """Starts one, which stops after the user with whom it has read so many documents. `Refused` while one runs."""
        most = max(1, min(most_users, MAX_USERS))
        return self._begin(
            lambda number: Scan(
                number, checker, most_users=most, resume_after=resume_after, asked_by=asked_by, read_budget=read_budget
            )
        )
