"""Appends to the audit: each entry is chained to the one before, in one commit with the chain's new end.

Callers that append at the same time share a commit: the first writes for all and the others wait for it, so a page of
many looks costs one commit. An action that must be on record appends first and acts afterwards; a failed append raises.

The bucket gets a copy of each commit of changes, with the chain's new end. Looks alone only mark the end there, at most
once in `END_SECONDS`. Where the bucket refuses a copy, an entry of the chain says so.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from storage.actions.documents import Change, Create, DocumentWriter, Update
from storage.actions.objects import ObjectWriter
from storage.actions.writers import Writers
from storage.clients.circuit import patiently
from storage.clients.meter import OverBudget, unbudgeted
from storage.domain.audit_chain import COPY_FAILED, LOOKS, VOUCH, Event, Link, checked, end_of, entry
from storage.domain.json_lines import in_lines
from storage.domain.policy import Actor
from storage.errors import BadInput, Refused, Stale, StorageError, Unreachable
from storage.repositories.audit_log import HEAD_PATH, MAX_TOGETHER, AuditLog, ChainHead, copy_key, end_key, entry_path
from storage.repositories.clock import utc_now
from storage.repositories.stores import Stores
from storage.services.audit_search import audit_log

MAX_GROUNDS = 10
MAX_GROUND_CHARS = 300
TRIES = 12
UNKNOWN = "unknown"  # in the shell, a person may make a plan without a name
SAME_SECONDS = 600.0  # the same refusal is recorded once in this time
REFUSALS_A_MINUTE = 20  # of one actor, in one process
MOST_REFUSALS = 2_000  # that one process remembers
END_SECONDS = 60.0  # access to Firestore alone suffices to cut off this much of the chain's end, looks only
DESK = "desk"  # the actor of what the desk notes by itself

_UNCOPIED = LOOKS | {COPY_FAILED}
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiting:
    events: Sequence[Event]
    numbers: tuple[int, ...] = ()
    error: StorageError | None = None
    done: threading.Event = field(default_factory=threading.Event)


class AuditTrail:
    """Appending access to the audit. Share one in each process: it remembers where the chain ends."""

    def __init__(
        self,
        documents: DocumentWriter,
        log: AuditLog,
        objects: ObjectWriter | None = None,
        *,
        key: bytes = b"",
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._documents = documents
        self._log = log
        self._objects = objects
        self._key = key
        self._clock = clock
        self.refusals = Refusals()
        self._head: ChainHead | None = None
        self._beside: threading.Thread | None = None
        self._end_due = 0.0  # when the bucket next gets an end to which only looks led, monotonic
        self._queue: list[_Waiting] = []
        self._queue_lock = threading.Lock()
        self._turn = threading.Lock()

    def append(self, *events: Event) -> tuple[int, ...]:
        """Records the events in order and returns their numbers.

        Raises `BadInput` for an event that may not be recorded, and Firestore's errors: then nothing is recorded, as
        far as the desk can know.
        """
        if not events:
            return ()
        if len(events) > MAX_TOGETHER:
            raise BadInput(f"at most {MAX_TOGETHER} events are recorded together", field_name="events")
        mine = _Waiting([checked(event) for event in events])
        with self._queue_lock:
            self._queue.append(mine)
        # A change goes on record even where a store kept another caller waiting; a look or a refusal waits as usual.
        change = any(event.action not in LOOKS and event.outcome != "refused" for event in events)
        with self._turn, patiently() if change else nullcontext():
            if not mine.done.is_set():
                self._write_queue()
        if mine.error is not None:
            raise mine.error
        return mine.numbers

    def _write_queue(self) -> None:
        """Writes for every caller in the queue; one thread at a time runs it."""
        with self._queue_lock:
            waiting, self._queue = self._queue, []
        # Copied entries come last: the next writer looks at the newest entry to see whether its copy was made.
        waiting.sort(key=lambda ticket: ticket.events[-1].action not in _UNCOPIED)
        together: list[_Waiting] = []
        for ticket in waiting:
            if together and sum(len(other.events) for other in together) + len(ticket.events) > MAX_TOGETHER:
                self._write(together)
                together = []
            together.append(ticket)
        self._write(together)

    def _write(self, tickets: Sequence[_Waiting]) -> None:
        events = [event for ticket in tickets for event in ticket.events]
        try:
            entries = self._append(events)
        except BaseException as fault:  # every waiting caller must learn of it, whatever it is
            for ticket in tickets:
                ticket.error = fault if isinstance(fault, StorageError) else _not_written()
                ticket.done.set()
            if isinstance(fault, StorageError):
                return
            raise
        numbers = iter(item["sequence"] for item in entries if item["action"] not in (VOUCH, COPY_FAILED))
        for ticket in tickets:
            ticket.numbers = tuple(next(numbers) for _ in ticket.events)
            ticket.done.set()
        self._keep(entries)

    def _append(self, events: Sequence[Event]) -> list[dict[str, Any]]:
        tries = 0
        while True:
            tries += 1
            head = self._head or self._log.head()
            # This process knows the entry before, unless it has just read the end.
            look_back = self._head is None or (tries > 1 and bool(self._key))
            before = self._check_previous(head.link) if look_back else []
            self._head = None  # stored again only once it is certain
            entries: list[dict[str, Any]] = []
            link, at = head.link, self._clock()
            for event in [*before, *events]:
                copied = self._objects is not None and event.action not in _UNCOPIED
                vouches = event.action == VOUCH
                entries.append(entry(event, link, at, self._key, copied=copied, vouches=vouches))
                link = end_of(entries[-1])
            try:
                done = self._documents.commit(_changes(entries, head), operation="Appending to the audit")
                self._head = ChainHead(link, done.update_times[HEAD_PATH])
                return entries
            except (Stale, Unreachable):
                now = self._log.head()
                if now.link == link:  # the commit was applied, and only its answer was lost
                    self._head = now
                    return entries
                if tries >= TRIES:
                    raise
                if now == head:  # somebody set the record of the end back: the entries go on from the real end
                    self._correct_head(now)
                time.sleep(random.uniform(0.01, 0.05) * min(tries, 8))

    def _correct_head(self, head: ChainHead) -> None:
        newest = self._log.newest()
        if newest is not None and newest.get("sequence", 0) > head.link.sequence:
            _log.warning("the record of the audit's end was behind its newest entry, number %s", newest["sequence"])
            self._head = ChainHead(end_of(newest), head.update_time)

    def _check_previous(self, end: Link) -> list[Event]:
        """Looks at the entry before the next one, and returns the events that the desk itself must note after it.

        Where a process ended before it wrote its copy, this writes the copy or notes that it is missing. It does not
        vouch for an end that a key should have sealed by now, as the bucket knows: somebody wrote that part of the
        chain without the desk, and the chain must keep showing it. Raises where the bucket does not answer.
        """
        if end.sequence == 0:
            return []
        last = self._log.newest()
        if last is None or last.get("sequence") != end.sequence or last.get("hash") != end.hash:
            return []  # the chain does not hold, and the next entries do not hide it
        rank = self._log.keys.rank(last)
        missing = self._copy_again(last) if rank is not None and last.get("copied") else []
        noted = [_copy_failed(missing)] if missing else []
        if not self._key or rank is None or rank == 2:
            return noted
        known = self._log.newest_known_end()
        if known is None:
            return [vouch(end), *noted]
        genuine = known.link.sequence <= end.sequence and self._log.hash_of(known.link.sequence) == known.link.hash
        if not genuine or (known.sealed and rank == 0):
            _log.error("the audit's end differs from the one that the bucket knows; the desk does not vouch for it")
            return noted
        return [vouch(end), *noted]

    def _keep(self, entries: Sequence[dict[str, Any]]) -> None:
        """Copies this commit to the bucket; the chain is written by now, so a failure is noted and not raised."""
        if self._objects is None:
            return
        weighty = [item for item in entries if item["copied"]]
        now = time.monotonic()
        if weighty and not self._copy(weighty):
            self._note_failure(weighty)
        elif weighty:
            self._end_due = now + END_SECONDS
            self._keep_end(entries[-1])
        elif now >= self._end_due:  # in the background: no page waits for a bucket that does not answer
            self._end_due = now + END_SECONDS
            self._beside = threading.Thread(target=self._keep_end, args=(entries[-1],), name="audit-end")
            self._beside.start()

    def _keep_end(self, last: Mapping[str, Any]) -> None:
        assert self._objects is not None
        try:
            self._objects.mark(end_key(last))
        except StorageError as error:
            _log.warning("the bucket could not keep where the audit ends: %s", error.message)

    def settle(self) -> None:
        """Waits until the bucket has kept its part of what was appended, or has refused it."""
        if self._beside is not None:
            self._beside.join()

    def _copy(self, entries: Sequence[Mapping[str, Any]]) -> bool:
        assert self._objects is not None
        key = copy_key(entries[0]["sequence"], entries[-1]["sequence"])
        try:
            self._objects.put(key, in_lines(entries).encode(), "application/x-ndjson")
        except StorageError as error:
            _log.warning("the audit's copy %s could not be written: %s", key, error.message)
            return False
        return True

    def _copy_again(self, last: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Copies the newest entry where the process that wrote it ended before the copy.

        Returns the entries whose copy could be neither seen nor made: no process looks for it after the next entry.
        """
        if self._objects is None:
            return []
        with suppress(StorageError):  # then it copies in any case: a second copy does no harm
            if self._log.is_copied(last["sequence"]):
                return []
        newest = reversed(self._log.search(limit=MAX_TOGETHER))
        together = [item for item in newest if item.get("copied") and item.get("at") == last.get("at")]
        return [] if self._copy(together) else together

    def _note_failure(self, entries: Sequence[dict[str, Any]]) -> None:
        """Appends an entry that says which copies are missing, so that nobody takes them for deleted."""
        try:
            self._append([_copy_failed(entries)])
        except StorageError as error:
            _log.warning("the audit could not record that a copy of it is missing: %s", error.message)


def vouch(link: Link) -> Event:
    """The desk's own entry where a key begins to seal the chain: it vouches for everything before."""
    return Event(VOUCH, DESK, detail={"up_to": link.sequence, "hash": link.hash})


def _copy_failed(entries: Sequence[Mapping[str, Any]]) -> Event:
    return Event(COPY_FAILED, DESK, "failed", detail={"sequences": [item["sequence"] for item in entries]})


def _not_written() -> Unreachable:
    return Unreachable("The audit could not be written.", remedy="Try again; see the log of the desk.")


def _changes(entries: Sequence[dict[str, Any]], head: ChainHead) -> list[Change]:
    last = end_of(entries[-1])
    changes: list[Change] = [Create(entry_path(item["sequence"]), item) for item in entries]
    if head.update_time is None:
        return [*changes, Create(HEAD_PATH, {"sequence": last.sequence, "hash": last.hash})]
    return [*changes, Update(HEAD_PATH, {"sequence": last.sequence, "hash": last.hash}, head.update_time)]


def open_audit(stores: Stores, writers: Writers) -> AuditTrail:
    """The audit of these stores; open one in each process."""
    log = audit_log(stores)
    return AuditTrail(writers.documents, log, writers.objects, key=log.keys.current)


@contextmanager
def refusals_recorded(trail: AuditTrail, event: Event) -> Iterator[None]:
    """Records a `Refused` from the block, with its grounds, under the event's action, and raises it again."""
    try:
        yield
    except Refused as refused:
        record_refusal(trail, event, refused)
        raise


def record_refusal(trail: AuditTrail, event: Event, refused: Refused) -> None:
    """Records a refusal with its actor, its action and every ground; ignores one that was recorded already.

    The refusal stands whatever becomes of its record: where the audit cannot be written, its message says so. The same
    refusal again within `SAME_SECONDS`, and more than `REFUSALS_A_MINUTE` of one actor, are only counted. The next
    entry holds the number (`unrecorded`): a person who repeats a refused action in a loop cannot fill the record.
    """
    if refused.recorded or isinstance(refused, OverBudget):  # a budget asks a question and refuses nothing
        return
    refused.recorded = True
    grounds = [ground[:MAX_GROUND_CHARS] for ground in (refused.reasons[:MAX_GROUNDS] or (refused.message,))]
    unrecorded = trail.refusals.due(event, tuple(grounds), time.monotonic())
    if unrecorded is None:
        _log.info("%s of %s was refused again, which is not recorded again", event.action, event.actor)
        return
    detail = {**event.detail, "code": refused.code, "grounds": grounds}
    if unrecorded:
        detail["unrecorded"] = unrecorded
    try:
        with unbudgeted():  # the budget of reads is for the question, not for its record
            trail.append(replace(event, outcome="refused", detail=detail))
    except StorageError as error:
        _log.warning("a refusal could not be recorded: %s", error.message)
        refused.note_unrecorded()


def record_end(trail: AuditTrail, event: Event) -> None:
    """Records how something ended. The store has decided by then, so a failing audit is only logged."""
    try:
        trail.append(event)
    except StorageError as error:
        _log.warning("the end of %s (%s) is not in the audit: %s", event.action, event.outcome, error.message)


class Refusals:
    """Decides which refusals are recorded, so that a loop cannot flood the record; one in each process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: OrderedDict[tuple[object, ...], float] = OrderedDict()  # the last time of each one's record
        self._times: OrderedDict[str, deque[float]] = OrderedDict()  # the times of each actor's, the newest last
        self._passed_over: dict[str, int] = {}

    def due(self, event: Event, grounds: tuple[str, ...], now: float) -> int | None:
        """The number of the actor's refusals left out since the last record; `None` if this one is left out too."""
        what = (
            event.actor,
            event.action,
            event.uid,
            event.video_id,
            event.clip_id,
            event.job_id,
            event.fingerprint,
            grounds,
        )
        with self._lock:
            times = self._times.setdefault(event.actor, deque(maxlen=REFUSALS_A_MINUTE))
            often = len(times) == REFUSALS_A_MINUTE and now - times[0] < 60
            if often or now - self._last.get(what, -SAME_SECONDS) < SAME_SECONDS:
                self._passed_over[event.actor] = self._passed_over.get(event.actor, 0) + 1
                return None
            times.append(now)
            self._last[what] = now
            for kept in (self._last, self._times):
                while len(kept) > MOST_REFUSALS:
                    kept.popitem(last=False)
            return self._passed_over.pop(event.actor, 0)


def attributed(actor: Actor, event: Event) -> Event:
    """The event with its actor and the actor's origin, as far as these were established."""
    origin = " ".join(part for part in (actor.source, actor.ip, actor.place) if part)
    return replace(event, actor=actor.email or UNKNOWN, origin=origin)
