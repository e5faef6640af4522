"""Workers in processes of their own, which can be killed at any call that they make to a store.

The processes are forked from a server that has everything imported and nothing opened, so one costs some 50 ms.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from storage.actions.audit import open_audit
from storage.actions.documents import DocumentWriter
from storage.actions.objects import ObjectWriter
from storage.actions.purge.context import Purging
from storage.actions.purge.worker import run_job
from storage.actions.writers import Writers
from storage.clients import r2
from storage.clients.firestore import open_firestore
from storage.connect import deployments
from storage.domain.purge.scope import PurgeLimits
from storage.errors import Refused
from storage.repositories.jobs import Jobs
from storage.repositories.objects import Objects
from storage.repositories.records import Records
from storage.repositories.stores import Stores
from storage.settings.backends import load
from tests.purge.world import NO_PAUSES, PurgeWorld, no_wait
from tests.rigs.firestore_faults import FaultRule
from tests.rigs.forked import processes
from tests.rigs.http_faults import Action, FaultProxy, Seen
from tests.rigs.waiting import PATIENCE_SECONDS

CHANGING = frozenset({"PUT", "POST", "DELETE"})


def work(values: Mapping[str, str], limits: PurgeLimits, job_id: str) -> None:
    """What such a process does: it runs the job, as `purge worker --job` would."""
    logging.disable()
    gc.disable()  # it does not live long enough to have garbage
    settings = replace(load(dict(values)), purge=limits)
    handle, client = open_firestore(settings.firestore), r2.write_client(settings.r2)
    reader = Objects(client, settings.r2.bucket)  # one client for both, since making one takes most of the start
    records = Records(handle)
    stores = Stores(settings, deployments(settings, handle, records), lambda: reader, records, handle)
    writers = Writers(ObjectWriter(client, settings.r2.bucket), DocumentWriter(handle))
    purging = Purging(
        stores, writers, open_audit(stores, writers), Jobs(handle), limits, pauses=NO_PAUSES, wait=no_wait
    )
    try:
        run_job(purging, job_id)
    except Refused:
        os._exit(4)
    os._exit(0)


def part(seen: Seen) -> str:
    """The part of the bucket that a request is for: the desk's own by purpose, the customers' as one."""
    names = seen.path.split("/")[2:]
    return "/".join(names[:2]) if names[:1] == ["_ops"] else "customers"


class CountingProxy(FaultProxy):
    """Tells of each request before the store hears of it."""

    heard: Callable[[Seen], None] | None = None

    def take(self, seen: Seen) -> Action | None:
        if self.heard is not None:
            self.heard(seen)
        return super().take(seen)


def kind_of(request: Any) -> str:
    """What a commit changes: the desk's own by collection, the customer's by what a job does to it."""
    kinds = []
    for write in request.writes:
        parts = (write.update.name or write.delete).split("/documents/")[1].split("/")
        own = "/".join(parts[::2]) if parts[0].startswith(("ops_", "share_", "storage_")) else "customer"
        kinds.append(own if len(parts) > 2 or parts[0] != "users" else "user")
    return " ".join(dict.fromkeys(kinds))


def moments(kinds: Sequence[str], *known: Sequence[str]) -> list[int]:
    """The numbers of the calls to be killed at, from 1: one of each kind, by what comes just before it, but for what
    comes in `known` too.

    Between two copies of a batch, and between two layers of documents, each with its entries in the journal, a worker
    is at the same place of its work. What would have come after the call does not happen.
    """
    done = {pair for calls in known for pair in zip(["", *calls], calls, strict=False)}
    first: dict[tuple[str, str], int] = {}
    for number, pair in enumerate(zip(["", *kinds], kinds, strict=False), 1):
        if pair not in done:
            first.setdefault(pair, number)
    return list(first.values())


class Victims:
    """Runs jobs in such processes; `calls` holds the kinds of what one asked to be changed, in both stores together."""

    def __init__(self, world: PurgeWorld, proxy: CountingProxy) -> None:
        self._world = world
        self._proxy = proxy
        self.calls: list[str] = []

    def run(self, job_id: str, *, kill_at: int = 0) -> int | None:
        """Runs the job; kills the process while call number `kill_at` is done. Gives its exit status, -9 if killed."""
        known = threading.Event()
        lock = threading.Lock()
        self.calls = []

        def count(kind: str) -> None:
            with lock:
                self.calls.append(kind)
                struck = len(self.calls) == kill_at
            if struck and known.wait(PATIENCE_SECONDS) and process.pid:
                os.kill(process.pid, signal.SIGKILL)

        process = processes.Process(target=work, args=(self._world.values, self._world.settings.purge, job_id))
        with self._listening(count):
            process.start()
            known.set()
            process.join(PATIENCE_SECONDS)
        if process.is_alive():
            process.kill()
            raise AssertionError(f"the worker of {job_id} did not end")
        return process.exitcode

    @contextmanager
    def _listening(self, count: Callable[[str], None]) -> Iterator[None]:
        def changes(request: Any) -> bool:
            count(kind_of(request))
            return False  # a rule that strikes nothing

        faults = self._world.firestore.faults  # type: ignore[attr-defined]
        rule = faults.add(FaultRule("Commit", "before", when=changes))
        self._proxy.heard = lambda seen: count(f"{seen.method} {part(seen)}") if seen.method in CHANGING else None
        try:
            yield
        finally:
            faults.lift(rule)
            self._proxy.heard = None
