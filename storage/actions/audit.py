"""Appends to the audit: each entry chained to the one before, in one commit with the chain's new end.

Callers that append at the same time share a commit: the first writes for all, the others wait for it, so that a page
of many looks costs one. Whoever must not act unrecorded appends first and acts afterwards; an append that fails raises.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from storage.actions.document_changes import Change, Create, Update
from storage.actions.documents import DocumentWriter
from storage.actions.objects import ObjectWriter
from storage.clients.circuit import patiently
from storage.connect import Stores, Writers
from storage.domain.audit_chain import Event, checked, end_of, entry
from storage.domain.json_lines import in_lines
from storage.domain.policy import Actor
from storage.errors import BadInput, Refused, Stale, StorageError, Unreachable
from storage.repositories.audit_log import HEAD_PATH, AuditLog, Head, copy_key, entry_path

MAX_TOGETHER = 100
MAX_GROUNDS = 10
MAX_GROUND_CHARS = 300
TRIES = 12
UNKNOWN = "unknown"  # in the shell, a plan may be made without saying who
LOOKS = frozenset({"media.look", "link.issue", "page.look"})  # frequent, and not copied to the bucket

_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The present, aware and in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class _Waiting:
    events: Sequence[Event]
    numbers: tuple[int, ...] = ()
    error: StorageError | None = None
    done: threading.Event = field(default_factory=threading.Event)


class AuditTrail:
    """Appending access to the audit. Share one for each process: it remembers where the chain ends."""

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
        self._head: Head | None = None
        self._queue: list[_Waiting] = []
        self._queue_lock = threading.Lock()
        self._turn = threading.Lock()

    def append(self, *events: Event) -> tuple[int, ...]:
        """Records the events in order and returns their numbers.

        Raises `BadInput` for an event that may not be recorded, and what Firestore raises: then nothing is recorded,
        as far as can be known.
        """
        if not events:
            return ()
        if len(events) > MAX_TOGETHER:
            raise BadInput(f"at most {MAX_TOGETHER} events are recorded together", field_name="events")
        mine = _Waiting([checked(event) for event in events])
        with self._queue_lock:
            self._queue.append(mine)
        # A change goes on record although a store kept somebody else waiting; a look waits with everybody else.
        change = any(event.action not in LOOKS for event in events)
        with self._turn, patiently() if change else nullcontext():
            if not mine.done.is_set():
                self._write_queue()
        if mine.error is not None:
            raise mine.error
        return mine.numbers

    def _write_queue(self) -> None:
        """Writes for everybody who waits; called by one thread at a time."""
        with self._queue_lock:
            waiting, self._queue = self._queue, []
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
        except BaseException as fault:  # whoever waits must hear of it, whatever it is
            for ticket in tickets:
                ticket.error = fault if isinstance(fault, StorageError) else _not_written()
                ticket.done.set()
            if isinstance(fault, StorageError):
                return
            raise
        numbers = iter(item["sequence"] for item in entries)
        for ticket in tickets:
            ticket.numbers = tuple(next(numbers) for _ in ticket.events)
            ticket.done.set()
        self._copy([item for item in entries if item["action"] not in LOOKS])

    def _append(self, events: Sequence[Event]) -> list[dict[str, Any]]:
        tries = 0
        while True:
            tries += 1
            head = self._head or self._log.head()
            self._head = None  # remembered again only once it is certain
            entries: list[dict[str, Any]] = []
            link, at = head.link, self._clock()
            for event in events:
                entries.append(entry(event, link, at, self._key))
                link = end_of(entries[-1])
            try:
                done = self._documents.commit(_changes(entries, head), operation="Appending to the audit")
                self._head = Head(link, done.update_times[HEAD_PATH])
                return entries
            except (Stale, Unreachable):
                now = self._log.head()
                if now.link == link:  # it was done, and only the answer got lost
                    self._head = now
                    return entries
                if tries >= TRIES:
                    raise
                self._head = now
                time.sleep(random.uniform(0.01, 0.05) * min(tries, 8))

    def _copy(self, entries: Sequence[dict[str, Any]]) -> None:
        """The copy in the bucket; the chain itself is written by now, so a failure is told and not raised."""
        if self._objects is None or not entries:
            return
        key = copy_key(entries[0]["sequence"], entries[-1]["sequence"])
        try:
            self._objects.put(key, in_lines(entries).encode(), "application/x-ndjson")
        except StorageError as error:
            _log.warning("the audit's copy %s could not be written: %s", key, error.message)


def _not_written() -> Unreachable:
    return Unreachable("The audit could not be written.", remedy="Try again; see the log of the desk.")


def _changes(entries: Sequence[dict[str, Any]], head: Head) -> list[Change]:
    last = end_of(entries[-1])
    changes: list[Change] = [Create(entry_path(item["sequence"]), item) for item in entries]
    if head.update_time is None:
        return [*changes, Create(HEAD_PATH, {"sequence": last.sequence, "hash": last.hash})]
    return [*changes, Update(HEAD_PATH, {"sequence": last.sequence, "hash": last.hash}, head.update_time)]


def open_audit(stores: Stores, writers: Writers) -> AuditTrail:
    """The audit of these stores; one for each process."""
    key = stores.settings.audit_key.reveal().encode()
    return AuditTrail(writers.documents, AuditLog(stores.handle, key=key), writers.objects, key=key)


@contextmanager
def refusals_recorded(trail: AuditTrail, event: Event) -> Iterator[None]:
    """Within the block, a `Refused` is recorded under the event's action, with its grounds, before it is raised on.

    Where the audit itself cannot be written, the refusal stands all the same: nothing was changed.
    """
    try:
        yield
    except Refused as refused:
        grounds = [ground[:MAX_GROUND_CHARS] for ground in (refused.reasons[:MAX_GROUNDS] or (refused.message,))]
        detail = {**event.detail, "code": refused.code, "grounds": grounds}
        try:
            trail.append(replace(event, outcome="refused", detail=detail))
        except StorageError as error:
            _log.warning("a refusal could not be recorded: %s", error.message)
        raise


def by(actor: Actor, event: Event) -> Event:
    """The event with who did it and from where, as far as that was established."""
    origin = " ".join(part for part in (actor.source, actor.ip, actor.place) if part)
    return replace(event, actor=actor.email or UNKNOWN, origin=origin)
