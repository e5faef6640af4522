"""`verify --all --on`: the ranges of a scan as tasks on a Dask cluster, kept one by one until the scan is whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from storage.cli.checkpoint import ScanLog
from storage.cli.context import Context
from storage.cli.output import progress
from storage.cli.scans import scan_keeper
from storage.clients.cluster import LOCAL, Workers, check_cluster, workers_at
from storage.clients.meter import Operation, record
from storage.domain.integrity import (
    Checked,
    ClaimCounts,
    Failure,
    Finding,
    InFlight,
    LookedInto,
    Report,
    Sample,
    Suspicion,
)
from storage.domain.ranges import ranges_for, shard_range
from storage.domain.scans.comparison import finding_of
from storage.domain.scans.coverage import Coverage, ScanRange
from storage.domain.scans.kept import IMPLAUSIBLE, KeptScan, ScanHead, ScanOutcome
from storage.errors import BadInput, NotFound, StorageError, Unusable
from storage.repositories.scans import read_kept
from storage.services.fleet_scan import RangeScan
from storage.services.verify import checker
from storage.text import number
from storage.worker import ScanTask, same, scan_on_worker

if TYPE_CHECKING:
    from storage.actions.scans import KeptRanges

_OPERATIONS: tuple[Operation, ...] = (
    "firestore_writes", "firestore_deletes", "r2_class_a", "r2_class_b", "r2_free", "firestore_reads",
)  # fmt: skip
_AGAIN = "The ranges so far are kept; the same command continues there within a day."


@dataclass(frozen=True, slots=True)
class OnCluster:
    """How a scan on a cluster ended. `stop`: what ended it before its time. `head`: the scan that it kept.

    `not_looked_at` says which ranges have no result, and why.
    """

    not_looked_at: tuple[str, ...] = ()
    stop: StorageError | None = None
    head: ScanHead | None = None
    keep_error: StorageError | None = None


def scan_on(context: Context, address: str, log: ScanLog, sample: Sample | None, *, keep: bool) -> OnCluster:
    """Scans every range on the workers at the address, and adds what they found to the log.

    With `keep`, each range is kept as it ends, and a scan that was killed goes on behind those.
    """
    check_cluster(address)
    if context.stores.settings.mode == "demo" and address != LOCAL:
        raise BadInput(
            "A cluster does not see this machine's demo", field_name="on", remedy="Give --on local, or settings."
        )
    scan = _Scan(context, log, sample)
    if keep:
        scan.begin_keeping()
    stop: StorageError | None = None
    try:
        scan.run(address)
    except StorageError as error:
        stop = error
    head = None
    if scan.ranges is not None and stop is None:
        head = scan.joined()
    elif scan.ranges is not None and scan.heads:
        progress(_AGAIN)
    return OnCluster(tuple(scan.missed), stop, head, scan.keep_error)


class _Scan:
    """One scan: its ranges, and what became of them."""

    def __init__(self, context: Context, log: ScanLog, sample: Sample | None) -> None:
        self._context, self._log, self._sample = context, log, sample
        self._began = context.now()
        self._count = ranges_for(_users(context))
        self.ranges: KeptRanges | None = None
        self.heads: dict[int, ScanHead] = {}
        self.missed: list[str] = []
        self.keep_error: StorageError | None = None

    def begin_keeping(self) -> None:
        """Looks for the ranges that a killed scan kept. A store that refuses keeps this scan from being kept."""
        from storage.actions.scans import ranges_to_go_on  # only here: without --keep the command changes nothing

        contents = self._sample.percent if self._sample else None
        try:
            ranges = ranges_to_go_on(scan_keeper(self._context), self._count, contents, self._began)
            reports = {index: found for index, head in ranges.parts.items() if (found := self._kept(head)) is not None}
        except StorageError as error:
            self.keep_error = error
            return
        self.ranges, self._count = ranges, ranges.count
        self.heads = {index: ranges.parts[index] for index in reports}
        for report in (one for index in sorted(reports) for one in reports[index]):
            self._log.add(report)
        if reports:
            progress(f"goes on: {len(reports):,} of {self._count:,} ranges are kept already")

    def _kept(self, head: ScanHead) -> list[Report] | None:
        """The reports of a kept range; `None` where its table is gone or cannot be read: it is scanned again."""
        try:
            return list(_reports_of(read_kept(self._context.stores.objects, head)))
        except (NotFound, Unusable):
            return None

    def run(self, address: str) -> None:
        """Scans the other ranges. Raises where the cluster goes away, or the read budget is used up."""
        left = [index for index in range(1, self._count + 1) if index not in self.heads]
        if not left:
            return
        context, name = checker(self._context.stores, self._context.now), uuid4().hex
        settings = self._context.stores.settings
        tasks = {
            str(index): ScanTask(
                name,
                same(settings),
                (index, self._count),
                self._sample,
                context.deployment,
                context.stale_after,
                dict(context.plan_limits),
            )
            for index in left
        }
        with workers_at(address) as workers:
            progress(f"{number(len(tasks), 'range')} on {number(workers.count, 'worker')}")
            self._gather(workers, tasks)

    def joined(self) -> ScanHead | None:
        """Makes one kept scan of the kept ranges; `None` where there are none, or where it cannot be kept."""
        from storage.actions.scans import join_ranges

        if not self.heads:
            return None
        doubt = IMPLAUSIBLE if self._log.suspicion() else ""
        heads = [self.heads[index] for index in sorted(self.heads)]
        try:
            return join_ranges(scan_keeper(self._context), heads, self.missed, doubt)
        except StorageError as error:
            self.keep_error = error
            return None

    def _gather(self, workers: Workers[ScanTask, RangeScan], tasks: Mapping[str, ScanTask]) -> None:
        began, before = self._context.now(), self._log.checked["users"]
        for done, (name, answer) in enumerate(workers.run(scan_on_worker, tasks), start=1):
            if isinstance(answer, Failure):
                self._miss(int(name), answer)
            else:
                self._take(int(name), answer)
            users = self._log.checked["users"] - before
            seconds = max((self._context.now() - began).total_seconds(), 0.001)
            progress(
                f"{done:,} of {number(len(tasks), 'range')}, {number(users, 'customer')}, "
                f"{users / seconds:,.1f} a second, about "
                f"{seconds / done * (len(tasks) - done):,.0f} s left"
            )

    def _take(self, index: int, found: RangeScan) -> None:
        first, *others = found.reports
        reports = [first.with_cost(found.cost), *others]
        for report in reports:
            self._log.add(report)
        if self.ranges is not None:
            self._keep(self.ranges, index, reports)
        for operation in _OPERATIONS:  # the reads last: with them the command's budget may end
            record(operation, found.cost.get(operation, 0))

    def _miss(self, index: int, failure: Failure) -> None:
        span = shard_range(index, self._count)
        ids = f"{span.start or 'the first'} to {span.end or 'the last'}"
        words = f"range {index}/{self._count} (ids from {ids}): {failure.message}"
        self.missed.append(words)
        whole = Failure("a range of customers", failure.code, f"{words} It was not looked at.", failure.remedy)
        self._log.add(_empty(self._context.now(), (whole,)))

    def _keep(self, ranges: KeptRanges, index: int, reports: Sequence[Report]) -> None:
        """Keeps a range. Where a store refuses, the scan goes on without keeping."""
        from storage.actions.scans import keep_range

        incomplete = [report for report in reports if not report.complete]
        why = next((f": {report.failures[0].code.replace('_', ' ')}" for report in incomplete if report.failures), "")
        looks = [report.looked_into.as_dict() for report in reports if report.looked_into]
        outcome = ScanOutcome(
            started_at=self._began,
            finished_at=self._context.now(),
            coverage=Coverage(
                (ScanRange(index, self._count),), contents=self._sample.percent if self._sample else None
            ),
            complete=not incomplete,
            checked=sum((report.checked for report in reports), Checked()).as_dict(),
            looked_into={name: sum(one[name] for one in looks) for name in looks[0]} if looks else None,
            not_looked_at=(f"a part of {number(len(incomplete), 'customer')}{why}",) if incomplete else (),
            claimed=sum(report.claimed for report in reports),
            found=sum(report.claims.found for report in reports),
        )
        rows = (
            finding.as_dict() | {"doubted": report.suspicion is not None}
            for report in reports
            for finding in report.findings
        )
        try:
            self.heads[index] = keep_range(scan_keeper(self._context), ranges, outcome, rows)
        except StorageError as error:
            self.ranges, self.keep_error = None, error


def _users(context: Context) -> int | None:
    try:
        return context.stores.records.count("users")
    except StorageError:
        return None


def _empty(at: datetime, failures: tuple[Failure, ...] = ()) -> Report:
    return Report("", None, Checked(), (), not failures, None, (), InFlight(), at, failures=failures)


def _reports_of(kept: KeptScan) -> Iterator[Report]:
    """The reports of a kept range: one with its sums, and one of each customer whose result cannot be true."""
    head = kept.head
    by_doubted: dict[str, list[Finding]] = {"": []}
    for row in kept.frame.to_dict("records"):
        by_doubted.setdefault(row["uid"] if row["doubted"] else "", []).append(_finding(finding_of(row)))
    words = "; ".join(head.not_looked_at) or "A store did not answer."
    failures = () if head.complete else (Failure("a range of customers", "unknown", words),)
    looked = None if head.looked_into is None else LookedInto(**head.looked_into)
    for uid, findings in by_doubted.items():
        if uid:
            doubt = Suspicion(IMPLAUSIBLE, 0, 0, (f"Check this customer alone: verify {uid}",))
            yield replace(_empty(head.finished_at), uid=uid, findings=tuple(findings), suspicion=doubt)
            continue
        yield replace(
            _empty(head.finished_at, failures),
            checked=Checked(**head.checked),
            findings=tuple(findings),
            claimed=head.claimed,
            claims=ClaimCounts(0, 0, head.found),
            looked_into=looked,
        )


def _finding(row: Mapping[str, object]) -> Finding:
    names = ("kind", "severity", "uid", "video_id", "clip_id", "key", "expected", "actual", "detail")
    told = row.get("disclosure")
    more = {}
    if isinstance(told, Mapping):
        more = {"disclosure": True, "owner": told["owner"], "since": told["since"], "links": tuple(told["links"])}
    return Finding(**{name: row[name] for name in names}, seen_at=row["last_seen"], **more)  # type: ignore[arg-type]
