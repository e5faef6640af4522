"""A scan of many users in a thread of its own: it goes on whoever looks, can be stopped, and holds memory flat.

The thread touches nothing but the stores and this state; whoever draws it takes a `Snapshot`. One scan at a time for
each process: a second person sees the one that runs.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from storage.background import BackgroundRun, OneAtATime
from storage.domain.integrity import SEVERITIES, Finding, Report, Suspicion, Totals
from storage.errors import StorageError
from storage.verify import Checker, Progress, verify_all

MAX_FINDINGS = 5_000
MAX_DOUBTS = 50  # users whose result is implausible, named one by one
MAX_USERS = 1_000

End = Literal["done", "bounded", "budget", "cancelled"]


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
    state: End | Literal["running", "failed"]
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


class Scan(BackgroundRun[End]):
    """One scan. Cancelled, it stops after the user it is at; what was found is kept."""

    kind = "scan"

    def __init__(
        self, number: int, checker: Checker, *, most_users: int, resume_after: str | None, asked_by: str,
        read_budget: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(number, clock=checker.clock, asked_by=asked_by)
        self._checker = checker
        self._read_budget = read_budget
        self._most = most_users
        self._resume_after = resume_after
        self._totals = Totals()
        self._kept: list[tuple[int, int, Finding]] = []
        self._count = 0
        self._progress: Progress | None = None
        self._doubts: list[Doubt] = []
        self._last = resume_after or ""

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

    def _work(self) -> End:
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


class Scans(OneAtATime[Scan]):
    """The scans of this process."""

    busy = "A scan is running already."

    def start(
        self, checker: Checker, *, most_users: int, resume_after: str | None, asked_by: str,
        read_budget: int | None = None,
    ) -> Scan:  # fmt: skip
        """Starts one, which stops after the user with whom it has read so many documents. `Refused` while one runs."""
        most = max(1, min(most_users, MAX_USERS))
        return self._begin(
            lambda number: Scan(
                number, checker, most_users=most, resume_after=resume_after, asked_by=asked_by, read_budget=read_budget
            )
        )
