"""The upload check of all customers: a join of both stores, read as ordered streams by ranges of customers.

A customer costs a share of pages and no request of its own, unless there is something to look into (`range_join`). The
users' documents divide a range into chunks, which are read several at a time and reported in order; memory holds these
chunks, or the largest customer. `scan_range` is the same for one range as a value that can travel, for scans on several
machines.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import chain, repeat

from storage.clients.meter import metering
from storage.clients.threads import ContextThreads
from storage.domain.integrity import (
    Checked,
    Failure,
    Finding,
    InFlight,
    LookedInto,
    Report,
)
from storage.domain.ranges import EVERYBODY, Range, shard_range
from storage.domain.shares import ShareLink, links_of
from storage.errors import AccessDenied, BackendError, BadCredentials, MissingIndex, StorageError, Unusable
from storage.ids import firestore_order, number_of
from storage.repositories.ranges import (
    range_records,
)
from storage.repositories.records import Records
from storage.services.range_join import RangeJoin, unread
from storage.services.verify import (
    WHOLE,
    ReadScope,
    VerifyContext,
)

CHUNKS = (16, 64, 256)  # customers of the first chunks, so that a scan says something soon; then `Pace.users`
MAX_KEYS = 50_000  # objects of one home that a chunk holds at once
LOOKS_AT_ONCE = 16
MAX_REFUSED = 25  # one refusal can be a passing fault; so many in a row mean a token without the right to list
_REFUSALS = (MissingIndex, Unusable)  # the answers of a backend that does not support ranged collection groups
_CLIP_PARTS, _SHARE_PARTS = 6, 8  # segments of the paths of highlights and of shares


@dataclass(frozen=True, slots=True)
class Pace:
    """The number of customers in a chunk, and of chunks that are read at once. `eager`: the first chunks are small."""

    users: int = 1_500
    chunks: int = 4
    eager: bool = True


FAST = Pace()
ONE_OF_MANY = Pace(1_000, 1, eager=False)  # on a worker of a cluster, which reads several ranges at once
CAREFUL = Pace(100, 1)  # in the app: reads little that nobody waits for when a person or a budget stops it


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """The progress of a scan of all customers. `users_total` and `seconds_left` are `None` where unknown."""

    users_done: int
    users_total: int | None
    seconds: float
    last_uid: str

    @property
    def users_per_second(self) -> float:
        """The users per second since this run began."""
        return self.users_done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """The estimated seconds to the end, at the rate so far."""
        if self.users_total is None or not self.users_per_second:
            return None
        return max(0, self.users_total - self.users_done) / self.users_per_second


def verify_all(
    checker: VerifyContext,
    *,
    shard: tuple[int, int] | None = None,
    resume_after: str | None = None,
    users_done: int = 0,
    on_progress: Callable[[ScanProgress], None] | None = None,
    scope: ReadScope = WHOLE,
    span: Range | None = None,
    pace: Pace = FAST,
) -> Iterator[Report]:
    """Yields a report for every user in order of uid, phantoms too. A caller that keeps the last uid can resume there.

    `shard` is (i, n): each uid lies in exactly one of n ranges; `span` is any range. `resume_after` leaves out the uids
    up to and including this one; `users_done` of an earlier run keeps the estimate of the time left correct. A user
    whose documents cannot be read gives an incomplete report, and the scan goes on. The scan raises where Firestore
    refuses the credential, where the users cannot be read, or after the bucket refused `MAX_REFUSED` users in a row.
    It reads unfinished uploads and public links once for all users, at the beginning.
    """
    started, refused = checker.clock(), 0
    total = _users(checker.records, shard) if span is None else None
    total = None if total is None else max(0, total - users_done)
    with metering() as meter:
        scope = of_everybody(checker, scope)
    scan = _Scan(checker, scope, pace, Counter(meter.cost().as_dict()))
    reports = scan.reports(span or (shard_range(*shard) if shard else EVERYBODY), resume_after)
    for done, report in enumerate(reports, start=1):
        if on_progress is not None:
            on_progress(ScanProgress(done, total, (checker.clock() - started).total_seconds(), report.uid))
        yield report
        denial = _denial(report)
        refused = refused + 1 if denial else 0
        if denial and refused >= MAX_REFUSED:
            raise AccessDenied(denial.message, remedy=denial.remedy, target=denial.target)


@dataclass(frozen=True, slots=True)
class RangeScan:
    """What a scan found in one range, as a value that can travel.

    `reports` are those of the customers of whom there is anything to tell; the first one is the sum of all others, and
    has no uid. `cost` is what the whole range was billed.
    """

    span: Range
    reports: tuple[Report, ...]
    cost: Mapping[str, int]


def scan_range(checker: VerifyContext, span: Range, scope: ReadScope = WHOLE, pace: Pace = FAST) -> RangeScan:
    """Scans one range to its end. Raises where Firestore gives no answer or refuses."""
    rest, told, cost = _sum_of_none(checker, scope), list[Report](), Counter[str]()
    for report in verify_all(checker, span=span, scope=scope, pace=pace):
        cost.update(report.cost)
        if report.findings or report.failures or not report.complete or report.suspicion is not None:
            told.append(report.with_cost({}))
        else:
            rest = _with(rest, report)
    return RangeScan(span, (rest, *told), dict(cost))


def _sum_of_none(checker: VerifyContext, scope: ReadScope) -> Report:
    looked = LookedInto() if scope.sample is not None else None
    return Report("", None, Checked(), (), True, None, (), InFlight(), checker.clock(), looked_into=looked)


def _with(rest: Report, report: Report) -> Report:
    """The sum of customers of whom there is nothing to tell, and one more."""
    caches = {cache.kind: cache for cache in rest.caches}
    for cache in report.caches:
        caches[cache.kind] = caches[cache.kind] + cache if cache.kind in caches else cache
    looked = rest.looked_into
    if looked is not None and report.looked_into is not None:
        both = Counter(looked.as_dict())
        both.update(report.looked_into.as_dict())
        looked = LookedInto(**both)
    return replace(
        rest,
        checked=rest.checked + report.checked,
        caches=tuple(caches.values()),
        in_flight=rest.in_flight + report.in_flight,
        claimed=rest.claimed + report.claimed,
        claims=replace(rest.claims, found=rest.claims.found + report.claims.found),
        looked_into=looked,
    )


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some customers of a range: those whose documents the range's users hold, and all that lie between them.

    `numbers` are customers whose ids are numbers; `span` is `None` where there are no others. `cost` was billed for
    finding them.
    """

    span: Range | None
    users: frozenset[str]
    numbers: tuple[str, ...]
    cost: Counter[str]


class _Scan:
    """One scan: chunks in order, read ahead."""

    def __init__(self, checker: VerifyContext, scope: ReadScope, pace: Pace, cost: Counter[str]) -> None:
        self._checker, self._pace = checker, pace
        self._cost = cost  # billed, and not yet in a report
        self._records = range_records(checker.records)
        self._stopped = threading.Event()
        self._join = RangeJoin(checker, scope, self._stopped)
        self._skipped: tuple[int, bytes] | None = None  # the number after which the scan goes on
        self._numbers: set[str] = set()  # customers whose ids are numbers, and who have a document

    def reports(self, span: Range, after: str | None) -> Iterator[Report]:
        """Reports in order, chunks read ahead. An error waits for the reports of the customers before it."""
        last = after
        threads = ContextThreads(max_workers=self._pace.chunks, thread_name_prefix="chunk")
        waiting: deque[Future[list[Report]]] = deque()
        fault: Exception | None = None
        try:
            chunks = self._begun(span, after)
            while True:
                try:
                    chunk = next(chunks, None)
                except StorageError as error:
                    chunk, fault = None, error
                if chunk is not None:
                    waiting.append(threads.submit(self._chunk, chunk))
                while waiting and (chunk is None or len(waiting) > self._pace.chunks or waiting[0].done()):
                    for report in waiting.popleft().result():
                        last = report.uid
                        yield report
                if chunk is None:
                    break
        except _NotServed:
            fault = None
        else:
            if fault is None:
                return
        finally:
            self._stopped.set()
            threads.shutdown(wait=True, cancel_futures=True)
        if fault is not None:
            raise fault
        yield from self._by_listing(span, last)

    def _begun(self, span: Range, after: str | None) -> Iterator[_Chunk]:
        with metering() as meter:
            low = span.start if after is None or number_of(after) is not None else max(span.start, after)
            self._join.look_ahead(Range(low, span.end))
        self._cost.update(meter.cost().as_dict())
        yield from self._chunks(span, after)

    def _by_listing(self, span: Range, after: str | None) -> Iterator[Report]:
        """The reports one customer after the other, where the backend refuses collection groups by ranges of names."""
        for page in self._checker.records.iter_users(None, after):
            for uid in page.frame["uid"].tolist():
                if span.holds(uid):
                    yield self._join.alone(uid)

    def _chunks(self, span: Range, after: str | None) -> Iterator[_Chunk]:
        if after is not None and number_of(after) is not None:
            self._skipped, after = firestore_order(after), None
        low = span.start if after is None else max(span.start, f"{after}\0")
        for uids, following in self._users(Range(low, span.end)):
            cost, self._cost = self._cost, Counter()
            numbers = [uid for uid in uids if number_of(uid) is not None]
            self._numbers.update(numbers)
            if following and number_of(following) is not None:
                yield _Chunk(None, frozenset(), tuple(numbers), cost)
                continue
            yield _Chunk(Range(low, following or span.end), frozenset(uids).difference(numbers), tuple(numbers), cost)
            low = following
            if not following:
                return

    def _users(self, span: Range) -> Iterator[tuple[list[str], str]]:
        """The users of one chunk after the other, and the uid that the next begins with; empty at the end.

        One query gives the names for as many chunks as are read at once.
        """
        most = self._pace.users
        for size in chain(CHUNKS if self._pace.eager else (), repeat(most * self._pace.chunks)):
            with metering() as meter:
                uids, following = self._records.users(span, size)
            self._cost.update(meter.cost().as_dict())
            for at in range(0, len(uids) or 1, most):
                yield uids[at : at + most], uids[at + most] if at + most < len(uids) else following
            if not following:
                return
            span = Range(following, span.end)

    def _chunk(self, chunk: _Chunk) -> list[Report]:
        reports, numbers = list[Report](), set(chunk.numbers)
        with metering() as meter:
            if chunk.span is not None:
                try:
                    reports, more = self._join.joined(chunk.span, chunk.users)
                    numbers |= more - self._numbers
                except AccessDenied:
                    raise  # Firestore would refuse the other users too
                except _REFUSALS as refused:
                    raise _NotServed from refused
                except BackendError as error:
                    reports = self._after_a_fault(chunk, error)
            due = [uid for uid in numbers if self._skipped is None or firestore_order(uid) > self._skipped]
            reports = [*self._each_alone(sorted(due, key=firestore_order)), *reports]
        if not reports:
            return []
        billed = Counter(meter.cost().as_dict())
        billed.update(chunk.cost)
        for report in reports[:-1]:
            billed.subtract(report.cost)
        return [*reports[:-1], reports[-1].with_cost(billed)]

    def _after_a_fault(self, chunk: _Chunk, error: BackendError) -> list[Report]:
        """The known customers of a chunk that could not be read as a range, one by one; the last one tells the gap."""
        reports = self._each_alone(sorted(chunk.users))
        if not reports:
            raise error
        last, words = reports[-1], "Customers without a document of their own, beside these, were not looked for"
        gap = Failure("documents of absent customers", error.code, f"{words}: {error.message}", error.remedy)
        finding = Finding(
            "unreadable",
            "error",
            last.uid,
            expected="an answer",
            actual=error.code,
            detail=f"{gap.message} Nothing there is known to be missing.",
            seen_at=last.read_at,
        )
        findings, failures = (*last.findings, finding), (*last.failures, gap)
        return [*reports[:-1], replace(last, complete=False, findings=findings, failures=failures)]

    def _each_alone(self, uids: Iterable[str]) -> list[Report]:
        """Customers one by one. After many without an answer, the others of the chunk are not asked for."""
        reports: list[Report] = []
        unanswered = 0
        for uid in uids:
            self._join.go_on()
            if unanswered >= MAX_REFUSED:
                reports.append(unread(self._checker, uid, reports[-1].failures[0]))
                continue
            reports.append(self._join.alone(uid))
            unanswered = 0 if reports[-1].complete else unanswered + 1
        return reports


class _NotServed(Exception):
    """Firestore refuses collection groups by ranges of names."""


def _denial(report: Report) -> Failure | None:
    codes = {AccessDenied.code, BadCredentials.code}
    return next((failure for failure in report.failures if failure.code in codes), None)


def _users(records: Records, shard: tuple[int, int] | None) -> int | None:
    """About the number of users that a scan will see: without phantoms, and as if shards were equally large."""
    try:
        count = records.count("users")
    except StorageError:
        return None
    return count if shard is None else -(-count // shard[1])


def of_everybody(checker: VerifyContext, scope: ReadScope = WHOLE) -> ReadScope:
    """The scope with the unfinished uploads and public links of all customers, each read once."""
    return _with_links(checker, _with_uploads(checker, scope))


def _with_uploads(checker: VerifyContext, scope: ReadScope) -> ReadScope:
    if not scope.uploads or scope.known_uploads is not None:
        return scope
    found = checker.objects.multipart_uploads("")
    return replace(scope, known_uploads=found.uploads) if found.complete else scope


def _with_links(checker: VerifyContext, scope: ReadScope) -> ReadScope:
    """The scope with every public link, read at once: links are few, and asking for each user's would cost a read."""
    if not scope.links or scope.known_links is not None:
        return scope
    table = checker.records.share_slugs()
    if not table.complete:
        return scope
    by_user: dict[str, list[ShareLink]] = {}
    for link in links_of(table.frame):
        by_user.setdefault(link.uid, []).append(link)
    return replace(scope, known_links={uid: tuple(links) for uid, links in by_user.items()})
