"""Tells people what they must know: gathers what stands, decides what is new, sends it, and keeps who was told.

Any number of machines may run it: a lease lets one send at a time. Each target's answer is kept before the next is
asked, so a run that is killed repeats at most the message that was on its way, and one that a target did not take is
sent by the next run. While Firestore is away, the alert about that is kept in the bucket. While both are away nobody
can know who was told, so nothing is sent, and the run fails for its scheduler to see.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from storage.actions import health
from storage.actions.audit import AuditTrail, attributed, refusals_recorded
from storage.actions.documents import Change, Create, Delete, FieldName, Replace, Update
from storage.actions.purge import plans
from storage.actions.purge.context import Purging
from storage.actions.purge.jobs import job_id_of
from storage.actions.waiting_plans import waiting_plans_of
from storage.actions.watches import look_again
from storage.clients.messengers import Target
from storage.domain import alerts as rules
from storage.domain.alerts import Alert, Decision, KeptAlert, Notice, Rule, after, decide, message
from storage.domain.audit_chain import Event
from storage.domain.places import place_of
from storage.domain.policy import Actor, authorise
from storage.domain.purge.guards import second_person_needed
from storage.domain.purge.job import ORPHANS, REPAIRS, Job
from storage.domain.scans.kept import ScanHead
from storage.domain.watches import NEEDS_PERSON, KeptWatch
from storage.errors import BackendError, NotFound, Refused, Stale, StorageError
from storage.repositories.alerts import AWAY_KEY, LOOKED_AT, RUN, StoredAlert, read_alerts
from storage.repositories.requests import Requests
from storage.repositories.rollups import read_fleet
from storage.repositories.scans import scan_records
from storage.repositories.watches import Watches
from storage.services import diagnose, fleet
from storage.services.diagnose import Reach, StuckList
from storage.services.verify import VerifyContext
from storage.text import moment, number

LEASE: Final = timedelta(minutes=5)
UNDO_SOON: Final = timedelta(hours=24)
SCAN_LATE: Final = timedelta(hours=36)
OVERLAP: Final = timedelta(hours=1)  # a scan is stamped before it is stored, on a machine with a clock of its own
MOST_WATCHES: Final = 100
JOBS: Final = 50  # the newest, for those that ended incomplete
MOST_AWAY_BYTES: Final = 65_536

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """One alert that was sent to one target, or would be (`--dry-run`)."""

    rule: Rule
    key: str
    state: str
    target: str
    ok: bool

    def as_dict(self) -> dict[str, Any]:
        return {"rule": self.rule, "key": self.key, "state": self.state, "target": self.target, "ok": self.ok}


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run did. `unread` has the rules whose sources could not be read, each with the reason."""

    sent: tuple[Sent, ...]
    suppressed: int
    standing: tuple[Alert, ...]
    unread: Mapping[Rule, str]
    elsewhere: bool = False  # another run was at work, so this one sent nothing
    looked: tuple[KeptWatch, ...] = ()  # what was looked at again in this run

    @property
    def failed(self) -> bool:
        return any(not one.ok for one in self.sent)


def _stuck_list(checker: VerifyContext) -> StuckList:
    return diagnose.stuck(checker, Reach(delivered=0))


@dataclass(frozen=True, slots=True)
class Sources:
    """What the alerts are read from. `stuck` may be a list that somebody read shortly before."""

    purging: Purging
    checker: Callable[[], VerifyContext]
    now: Callable[[], datetime]
    stuck: Callable[[VerifyContext], StuckList] = _stuck_list


@dataclass(frozen=True, slots=True)
class WhatStands:
    """Everything that stands now, and the rules whose sources could not be read."""

    alerts: tuple[Alert, ...]
    unread: Mapping[Rule, str]


def gather(sources: Sources) -> WhatStands:
    """What stands now. A source that fails is unread, and the others are read all the same."""
    read: list[tuple[tuple[Rule, ...], Callable[[], Iterable[Alert]]]] = [
        (("store_away",), lambda: _stores(sources)),
        (("disclosure", "outage", "failure_group"), lambda: _stuck(sources)),
        (("purge_waits",), lambda: _plans(sources.purging)),
        (("request_waits",), lambda: _requests(sources.purging)),
        (("purge_incomplete",), lambda: _incomplete(sources.purging)),
        (("undo_ends",), lambda: _undo_ends(sources)),
        (("did_not_hold",), lambda: _watches(sources)),
        (("rollup_late",), lambda: _rollup(sources)),
        (("integrity", "scan_late", "disclosure"), lambda: _scan(sources)),
    ]
    found: list[Alert] = []
    unread: dict[Rule, str] = {}
    for of, look in read:
        try:
            found += look()
        except StorageError as error:
            unread |= dict.fromkeys(of, error.message)
    return WhatStands(tuple(found), unread)


def _stores(sources: Sources) -> Iterator[Alert]:
    checks = {check.name: check for check in health.backends(sources.purging.stores, sources.now).checks}
    for store, name, title in (("firestore", "firestore_read", "Firestore"), ("r2", "r2_list", "The bucket")):
        check = checks[name]
        if not check.ok:
            code = check.error.code if check.error is not None else "failed"
            yield Alert("store_away", store, code, f"{title} does not answer the desk ({code}).", "/")


def _stuck(sources: Sources) -> Iterator[Alert]:
    found = sources.stuck(sources.checker())
    if found.error is not None:
        raise found.error
    for outage in found.outages:
        words = f"{number(len(outage.videos), 'video')} of {number(outage.users, 'customer')} stopped at {outage.stage}"
        words += f", from {outage.first_at:%Y-%m-%d %H:%M} to {outage.last_at:%H:%M} UTC"
        stopped = outage.standing.goes_on is False  # no new ones, but these wait for a repair
        state, now = ("stopped", "no new ones since") if stopped else ("began", "it may go on")
        yield Alert("outage", outage.id, state, f"{words}; {now}.", "/processing")
    for group in found.groups:
        if group.sort == "error" and group.life in _NEWS and not group.customers:
            words = f"{number(len(group.videos), 'video')} failed at {group.stage} with one error, {_NEWS[group.life]}"
            yield Alert("failure_group", group.id, group.life, f"{words}.", "/processing?processing-view=Causes")
    for video in found.videos:
        if video.diagnosis.verdict == "disclosure":
            pair = f"{video.diagnosis.uid}/{video.diagnosis.video_id}"
            key = hashlib.sha256(pair.encode(errors="surrogatepass")).hexdigest()[:16]  # the desk keeps no id here
            summary = "A document names another customer's clip, and that clip exists."
            yield Alert("disclosure", key, "open", summary, "/")


_NEWS: Final[Mapping[str, str]] = {
    "new": "which was not seen before",
    "back": "which had been resolved",
    "escalating": "far more often than usual",
}


def _plans(purging: Purging) -> Iterator[Alert]:
    for plan in plans.open_plans(purging):
        if plan.blocked or not second_person_needed(plan, purging.limits, erase=False):
            continue
        if purging.jobs.find(job_id_of(plan)) is not None:
            continue
        given = [one for one in plans.approvals_that_hold(purging, plan) if one.approver != plan.maker]
        if not given:
            words = f"A purge of {number(len(plan.objects), 'object')} waits for a second person"
            yield Alert(
                "purge_waits",
                plan.plan_id,
                "waits",
                f"{words} until {plan.expires_at:%H:%M} UTC.",
                _page(plan.plan_id),
            )
    for waiting in waiting_plans_of(purging):
        words = f"{waiting.what} waits for a second person until {waiting.expires_at:%H:%M} UTC."
        yield Alert("purge_waits", waiting.plan_id, "waits", words, _page(waiting.plan_id))


def _requests(purging: Purging) -> Iterator[Alert]:
    for stored in Requests(purging.stores.handle).open():
        one = stored.request
        words = f"Somebody asks the team to {'delete something' if one.kind == 'delete' else 'look into something'}"
        words += f": {one.request_id}, of {moment(one.asked_at)}."
        yield Alert("request_waits", one.request_id, "open", words, "/")


def _incomplete(purging: Purging) -> Iterator[Alert]:
    for job in purging.jobs.recent(JOBS):
        if job.state in {"failed", "incomplete"}:
            done = f"{job.tally.objects:,} of {number(job.objects_total, 'object')}"
            if job.kind in REPAIRS | ORPHANS:
                total = number(job.objects_total + job.documents_total, "row")
                done = f"{job.tally.objects + job.tally.documents:,} of {total}"
            words = f"The {_kind(job)} {job.job_id} is {job.state}: {done}."
            yield Alert("purge_incomplete", job.job_id, job.state, words, _page(job.job_id))


def _undo_ends(sources: Sources) -> Iterator[Alert]:
    now, jobs = sources.now(), sources.purging.jobs
    ends = [(job, job.quarantine_until) for job in jobs.in_quarantine() if not job.undo_failed]
    rows = jobs.whose_copies_end(now, now + UNDO_SOON)
    ends += [(job, job.copies_until) for job in rows if job.state not in {"undoing", "undone"}]
    for job, until in ends:
        if until is not None and until - UNDO_SOON <= now < until:
            words = f"The {_kind(job)} {job.job_id} can be undone until {moment(until)}, and not later."
            yield Alert("undo_ends", job.job_id, "soon", words, _page(job.job_id))


def _watches(sources: Sources) -> Iterator[Alert]:
    for stored in Watches(sources.purging.stores.handle).in_state(NEEDS_PERSON, MOST_WATCHES):
        watch = stored.watch
        words = f"The {watch.kind} {watch.name} of {moment(watch.made_at)} did not hold: {watch.detail}"
        yield Alert("did_not_hold", watch.name, watch.state, words, _page(watch.name))


def _page(name: str) -> str:
    """The address of the plan or job with this id; Overview for anything else."""
    place = place_of(name)
    return place.address(name) if place else "/"


def _kind(job: Job) -> str:
    names = {
        "empty": "emptying of the quarantine",
        "repair": "joint repair",
        "repair_undo": "undo of a joint repair",
        "adopt": "adoption of objects",
        "adopt_undo": "undo of an adoption",
        "remove": "removal of objects",
        "remove_undo": "undo of a removal",
    }
    return names.get(job.kind, job.kind)


def _rollup(sources: Sources) -> Iterator[Alert]:
    try:
        view = read_fleet(sources.purging.stores.records)
    except NotFound:
        yield Alert("rollup_late", "rollup", "never", "No rollup was ever made.", "/fleet")
        return
    if fleet.is_old(view, sources.now()):
        yield Alert("rollup_late", "rollup", "late", f"The newest rollup is of {moment(view.read_at)}.", "/fleet")


def _scan(sources: Sources) -> Iterator[Alert]:
    """From the newest kept scan, a read; where none was ever kept, nobody counts on one. What is new is taken from
    every scan that was kept since the last run: a later one that found nothing new does not hide it."""
    records = sources.purging.stores.records
    newest, since = scan_records(records).heads(1, parts=False), _last_look(sources.purging)
    kept = scan_records(records).kept_since(since - OVERLAP) if since is not None else ()
    for scan_id, head in {head.scan_id: head for head in (*kept, *newest)}.items():
        if head.new_errors:
            words = f"{head.new_errors:,} errors in {_scan_of(head)} that the scan before it did not have."
            yield Alert("integrity", scan_id, "new", words, "/uploads")
    for head in newest:
        of = _scan_of(head)
        if head.disclosures:
            words = f"{head.disclosures:,} clips that may show one customer another's file, in {of}."
            yield Alert("disclosure", "scan", "open", words, "/uploads")
        if sources.now() - head.finished_at > SCAN_LATE:
            yield Alert("scan_late", "scan", "late", f"The newest kept scan is {of}.", "/uploads")


def _scan_of(head: ScanHead) -> str:
    return f"the scan of {moment(head.finished_at)}"


def _last_look(purging: Purging) -> datetime | None:
    """When the last run that read the kept scans began; `None` where no run is known."""
    found = purging.stores.records.raw(RUN)
    at = (found.fields or {}).get(LOOKED_AT) if found is not None else None
    return at if isinstance(at, datetime) else None


def run(sources: Sources, targets: Sequence[Target], *, dry: bool = False) -> RunResult:
    """Sends what is due and keeps who took it; with `dry` only says what it would send.

    Raises `Refused` without targets, after the looks that are due, and the store's error where nothing can be kept in
    either store.
    """
    began = sources.now()
    looked = () if dry else look_after(sources)
    if not targets and not dry:
        raise Refused(
            "There is nobody to tell: ALERT_URLS is not set.", remedy="Set it to addresses of Apprise; README, Alerts."
        )
    standing = gather(sources)
    if dry:
        decision = _decided(sources, standing, _open_book(sources.purging), targets)
        would = tuple(_sent(notice, ok=True) for notice in decision.notices)
        return RunResult(would, decision.suppressed, standing.alerts, standing.unread)
    with _leased(sources.purging, sources.now) as lease:
        if lease is None:
            return RunResult((), 0, standing.alerts, standing.unread, elsewhere=True, looked=looked)
        book = _open_book(sources.purging)  # under the lease: another run may just have told everybody
        decision = _decided(sources, standing, book, targets)
        book.keep(decision.kept, decision.over)
        if "integrity" not in standing.unread:
            lease.looked_at = began
        desk_url = sources.purging.stores.settings.alerts.desk_url
        sent = tuple(_send(lease, book, decision.notices, targets, desk_url, sources.now))
    return RunResult(sent, decision.suppressed, standing.alerts, standing.unread, looked=looked)


def look_after(sources: Sources) -> tuple[KeptWatch, ...]:
    """The looks after repairs and purges that are due; where a store is away the next run has them.

    They need nobody to be told: Overview shows what they found.
    """
    try:
        return look_again(sources.purging, sources.now())
    except StorageError as error:
        _log.warning("what is watched could not be looked at: %s", error.message)
        return ()


def _decided(sources: Sources, standing: WhatStands, book: Book, targets: Sequence[Target]) -> Decision:
    now, hours = sources.now(), sources.purging.stores.settings.alerts.quiet_hours
    names = [target.name for target in targets]
    unread = [*standing.unread, *book.unread]
    return decide(standing.alerts, unread, book.kept, names, now, quiet=hours is not None and hours.hold(now))


def _sent(notice: Notice, *, ok: bool) -> Sent:
    alert = notice.kept.alert
    return Sent(alert.rule, alert.key, alert.state, notice.target, ok)


def _send(
    lease: _Lease,
    book: Book,
    notices: Sequence[Notice],
    targets: Sequence[Target],
    desk_url: str,
    now: Callable[[], datetime],
) -> Iterator[Sent]:
    for target in targets:
        mine = [replace(notice, kept=book.latest(notice.kept)) for notice in notices if notice.target == target.name]
        if not mine:
            continue
        if not lease.hold():
            _log.warning("alerts: this run was held up for so long that another one took its place")
            return
        title, body = message(mine, desk_url)
        ok = target.send(title, body)
        book.keep([after(notice.kept, target.name, now(), ok=ok) for notice in mine])
        if not ok:
            _log.warning("alerts: %s did not take a message about %d alerts", target.name, len(mine))
        yield from (_sent(notice, ok=ok) for notice in mine)


class Book:
    """Who was told what, in Firestore; while that is away, the one alert about it in the bucket.

    `unread` are the rules of which nothing is known, so that none of their alerts may be taken as new or as ended.
    """

    def __init__(self, purging: Purging, stored: Sequence[StoredAlert], away: KeptAlert | None, *, here: bool) -> None:
        self._purging = purging
        self._here = here  # whether Firestore answered
        self._away = away
        self._paths = {one.kept.alert.alert_id for one in stored}
        self._latest = {one.kept.alert.alert_id: one.kept for one in stored}
        if away is not None:
            self._latest[away.alert.alert_id] = away

    @property
    def kept(self) -> tuple[KeptAlert, ...]:
        return tuple(self._latest.values())

    @property
    def unread(self) -> tuple[Rule, ...]:
        return () if self._here else rules.RULES

    def latest(self, one: KeptAlert) -> KeptAlert:
        """The alert with what was kept of it since."""
        return self._latest.get(one.alert.alert_id, one)

    def keep(self, kept: Iterable[KeptAlert], over: Iterable[KeptAlert] = ()) -> None:
        """Writes what changed, and removes what is over. Only the holder of the lease comes here."""
        changed = [one for one in kept if self._latest.get(one.alert.alert_id) != one or self._moved(one)]
        self._latest |= {one.alert.alert_id: one for one in changed}
        if not self._here:
            for one in changed:
                if (one.alert.rule, one.alert.key) == ("store_away", "firestore"):
                    content = json.dumps(one.to_fields(), default=datetime.isoformat).encode()
                    self._purging.writers.objects.put(AWAY_KEY, content, "application/json")
            return
        changes: list[Change] = [Replace(_path(one), one.to_fields()) for one in changed]
        changes += [Delete(_path(one)) for one in over]
        for begin in range(0, len(changes), _COMMIT):
            self._purging.writers.documents.commit(changes[begin : begin + _COMMIT], operation="Keeping alerts")
        self._paths |= {one.alert.alert_id for one in changed}
        if self._away is not None:
            self._purging.writers.objects.delete([AWAY_KEY])
            self._away = None

    def _moved(self, one: KeptAlert) -> bool:
        return self._here and one.alert.alert_id not in self._paths


class _Lease:
    """The right of one run to send. Each target has SEND_SECONDS, far less than LEASE, which each `hold` begins anew.

    While Firestore is away there is none: `held`, the update time of its document, is then `None`.
    """

    def __init__(self, purging: Purging, now: Callable[[], datetime], owner: str, held: datetime | None) -> None:
        self._purging = purging
        self._now = now
        self._owner = owner
        self._held = held
        self._until = now() + LEASE
        self.looked_at: datetime | None = None  # set where the next run need not look further back

    def hold(self) -> bool:
        """Whether this run may go on sending; false where another one took its place."""
        if self._held is None:
            return True
        until = self._now() + LEASE
        try:
            self._held = self._written({"until": until})
        except Stale:
            return False
        except BackendError:  # nobody else can claim it meanwhile, and what is kept of the next target says the rest
            return self._now() < self._until
        self._until = until
        return True

    def end(self) -> None:
        """Lets the next run begin. Where that fails, it can when the lease ends."""
        if self._held is None:
            return
        looked: dict[FieldName, Any] = {LOOKED_AT: self.looked_at} if self.looked_at is not None else {}
        try:
            self._written({"until": self._now(), **looked})
        except StorageError as error:
            _log.warning("the lease of the alerts stays until its end: %s", error.message)

    def _written(self, fields: Mapping[FieldName, Any]) -> datetime | None:
        documents = self._purging.writers.documents
        try:
            made = documents.commit([Update(RUN, fields, self._held)], operation="Holding the alerts")
        except Stale:
            found = self._purging.stores.records.raw(RUN)  # the answer to this run's own write may have been lost
            if found is None or (found.fields or {}).get("owner") != self._owner:
                raise
            made = documents.commit([Update(RUN, fields, found.update_time)], operation="Holding the alerts")
        return made.update_times[RUN]


@contextmanager
def _leased(purging: Purging, now: Callable[[], datetime]) -> Iterator[_Lease | None]:
    """The lease of this run; `None` while another run sends."""
    owner, held = secrets.token_hex(8), None
    try:
        found = purging.stores.records.raw(RUN)
        until = (found.fields or {}).get("until") if found is not None else None
        if isinstance(until, datetime) and until > now():
            yield None
            return
        fields = {"owner": owner, "until": now() + LEASE}
        claim: Change = Create(RUN, fields)
        if found is not None and found.fields is not None:
            claim = Update(RUN, {(name,): value for name, value in fields.items()}, found.update_time)
        held = purging.writers.documents.commit([claim], operation="Claiming the alerts").update_times[RUN]
    except Stale:
        yield None
        return
    except BackendError as error:
        _log.warning("the alerts are sent without a lease: %s", error.message)
    lease = _Lease(purging, now, owner, held)
    try:
        yield lease
    finally:
        lease.end()


_COMMIT: Final = 100


def _path(one: KeptAlert) -> str:
    return f"{rules.COLLECTION}/{one.alert.alert_id}"


def _open_book(purging: Purging) -> Book:
    try:
        stored, here = read_alerts(purging.stores.handle), True
    except StorageError:
        stored, here = (), False
        return Book(purging, stored, _kept_away(purging), here=here)  # raises where the bucket is away too
    try:
        away = _kept_away(purging)
    except StorageError:
        away = None  # the bucket is away, which has its own alert; what it keeps is read when it is back
    return Book(purging, stored, away, here=here)


def _kept_away(purging: Purging) -> KeptAlert | None:
    try:
        content = purging.stores.objects.get_bytes(AWAY_KEY, MOST_AWAY_BYTES)
    except NotFound:
        return None
    try:
        fields = json.loads(content)
        for name in ("first_at", "changed_at", "told_at"):
            fields[name] = datetime.fromisoformat(fields[name]) if fields.get(name) else None
    except (ValueError, TypeError, KeyError):
        return None
    return KeptAlert.from_fields(fields)


def try_target(trail: AuditTrail, target: Target, actor: Actor, now: datetime) -> bool:
    """Sends a message that says that it is a trial; records who did so. Raises `NotPermitted`."""
    event = attributed(actor, Event("alerts.try", "done", detail={"target": target.name}))
    with refusals_recorded(trail, event):
        authorise(actor, "alerts.try", now=now)
    ok = target.send("Clip Desk: a trial", f"This is a trial message of {moment(now)}. Nothing is wrong.")
    trail.append(replace(event, outcome="done" if ok else "failed"))
    return ok
