"""A scan of many users in a thread of its own: it goes on whoever looks, can be stopped, and holds memory flat.

The thread touches nothing but the stores and this state; whoever draws it takes a `Snapshot`. One scan at a time for
each process: a second person sees the one that runs.
"""

from __future__ import annotations

import heapq
import logging
import threading
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from storage.domain.integrity import SEVERITIES, Finding, Report, Suspicion, Totals
from storage.errors import Refused, StorageError
from storage.verify import Checker, Progress, verify_all

MAX_FINDINGS = 5_000
MAX_DOUBTS = 50  # users whose result is implausible, named one by one
MAX_USERS = 1_000

State = Literal["running", "done", "bounded", "budget", "cancelled", "failed"]

_log = logging.getLogger(__name__)


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
    state: State
    asked_by: str
    started_at: datetime
    ended_at: datetime | None
    most_users: int
    progress: Progress | None
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


class Scan:
    """One scan, running from the moment it is made. Everything here may be called from any thread."""

    def __init__(
        self, number: int, checker: Checker, *, most_users: int, resume_after: str | None, asked_by: str,
        read_budget: int | None = None,
    ) -> None:  # fmt: skip
        self._checker = checker
        self._read_budget = read_budget
        self._most = most_users
        self._resume_after = resume_after
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._totals = Totals()
        self._kept: list[tuple[int, int, Finding]] = []
        self._count = 0
        self._state: State = "running"
        self._progress: Progress | None = None
        self._doubts: list[Doubt] = []
        self._last = resume_after or ""
        self._error: StorageError | None = None
        self._crashed = False
        self._ended_at: datetime | None = None
        self.number = number
        self.asked_by = asked_by
        self.started_at = checker.clock()
        self._thread = threading.Thread(target=self._run, name=f"scan-{number}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it still works."""
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Stops it after the user it is at; what was found is kept."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Waits for its end, at most so long; whether it has ended."""
        self._thread.join(seconds)
        return not self.running

    def snapshot(self) -> Snapshot:
        """What is known now."""
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

    def _run(self) -> None:
        state: State = "failed"
        try:
            state = self._all()
        except StorageError as error:
            self._error = error
        except Exception:  # the thread has nobody to tell: the page says that it broke, the log has the rest
            self._crashed = True
            _log.exception("scan %d broke", self.number)
        finally:
            with self._lock:
                self._state, self._ended_at = state, self._checker.clock()

    def _all(self) -> State:
        reports = verify_all(self._checker, resume_after=self._resume_after, on_progress=self._advance)
        for done, report in enumerate(reports, start=1):
            self._take(report)
            if self._stop.is_set():
                return "cancelled"
            if done >= self._most:
                return "bounded"
            if self._read_budget is not None and self._totals.cost.get("firestore_reads", 0) >= self._read_budget:
                return "budget"
        return "done"

    def _advance(self, progress: Progress) -> None:
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


class Scans:
    """The scans of this process: at most one runs, and the last one is remembered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scan: Scan | None = None
        self._number = 0

    @property
    def current(self) -> Scan | None:
        """The one that runs, else the last one."""
        return self._scan

    def start(
        self, checker: Checker, *, most_users: int, resume_after: str | None, asked_by: str,
        read_budget: int | None = None,
    ) -> Scan:  # fmt: skip
        """Starts one, which stops after the user with whom it has read so many documents. `Refused` while one runs."""
        with self._lock:
            if self._scan is not None and self._scan.running:
                raise Refused(
                    "A scan is running already.",
                    reasons=[f"started by {self._scan.asked_by} at {self._scan.started_at:%H:%M:%S} UTC"],
                    remedy="Wait for its end, or cancel it.",
                )
            self._number += 1
            most = max(1, min(most_users, MAX_USERS))
            self._scan = Scan(
                self._number, checker, most_users=most, resume_after=resume_after, asked_by=asked_by,
                read_budget=read_budget,
            )  # fmt: skip
            return self._scan

    def stop(self) -> None:
        """Stops what runs and waits a moment for it; for the end of the process."""
        if self._scan is not None:
            self._scan.cancel()
            self._scan.wait(5.0)
