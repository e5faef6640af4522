"""A worker's hold on a job: the lease, and the journal that is written before and after each step.

Every write is one commit of a journal entry and the job's document, on the condition that this worker wrote the
document last. So two workers can never both write: a worker that lost the lease finds out at its next entry. A batch
of documents goes through `commit` under the same condition, so nothing of a replaced worker is applied, however late
it arrives.

Only Firestore decides when a lease is over: each write renews it, and a worker that wants the job compares the time of
that write with the time of its own read. The holder counts from before it sent the write, by a monotonic clock, and so
never believes in its lease for longer than the lease lasts.

A bucket knows no such condition. Before each request that changes the bucket the worker calls `hold`, which renews a
lease with less than half of its time left and raises where that fails. So a replaced worker can only finish a request
that was under way for longer than that half.

`this_process` names the holder; `process_has_ended` lets another process on the same machine see that it is gone.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import platform
import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from storage.actions.documents import Change, Create, FieldName, Update
from storage.actions.purge.context import Purging
from storage.domain.purge.job import ENDED, GOES_ON_BY_ITSELF, Job, State, entry_path
from storage.domain.purge.plan import moment_text
from storage.errors import BackendError, Refused, Stale, StorageError, Throttled, Unreachable

_DEAD_STATES = {"Z", "X", "x"}


TRIES = 8
_log = logging.getLogger(__name__)


def this_process() -> str:
    """`machine:pid:start:token`. The token tells apart two workers in one process."""
    return f"{_machine()}:{os.getpid()}:{_start_of(os.getpid())}:{secrets.token_hex(4)}"


def process_has_ended(owner: str) -> bool:
    """Whether the named process has certainly ended: known only where it ran on this very machine."""
    parts = owner.split(":")
    if len(parts) != 4 or parts[0] != _machine() or not parts[1].isdigit():
        return False
    return _start_of(int(parts[1])) != parts[2]


def _machine() -> str:
    """This boot of this machine, and its namespace of process ids (containers have their own)."""
    boot = space = ""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(f"{platform.node()}|{boot}|{space}".encode()).hexdigest()[:16]


def _start_of(pid: int) -> str:
    """The start of the process, in the kernel's ticks; `gone` without one, `unknown` where the system does not say."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except FileNotFoundError:
        return "gone" if Path("/proc/self/stat").exists() else "unknown"
    except OSError:
        return "unknown"
    return "gone" if after_name[0] in _DEAD_STATES else after_name[19]


class LeaseLost(Refused):
    """Another worker has the job now; this worker must not touch it any more."""

    code = "lease_lost"


class StillHeld(Refused):
    """A worker that may be alive holds the job."""

    code = "still_held"


def claim(purging: Purging, job_id: str, closing: Callable[[Job], None] = lambda _: None) -> JobLease:
    """Takes the lease of a job that is to go on. `closing` gets the job with its final state just before it closes.

    Raises `StillHeld` while another worker holds it (unless that process is certainly gone), `Refused` for a job that
    has ended or that a person must resume first, and `NotFound`.
    """
    owner = this_process()
    for _ in range(TRIES):
        job = purging.jobs.get(job_id)
        now = job.read_time or purging.now()
        if job.state not in GOES_ON_BY_ITSELF:
            raise Refused(f"Job {job_id} is {job.state}; no worker takes it up.", remedy="Look at its status.")
        if job.held and not process_has_ended(job.lease_owner):
            until = moment_text(job.lease_until) if job.lease_until else ""
            raise StillHeld(
                f"A worker holds job {job_id} until {until} at least.",
                remedy="Wait for it; its status shows the progress.",
            )
        changes: dict[str, Any] = {
            "state": "running",
            "lease_owner": owner,
            "lease_until": now + timedelta(seconds=purging.limits.lease_seconds),
            "lease_seconds": purging.limits.lease_seconds,
            "epoch": job.epoch + 1,
            "failure": None,
            "started_at": job.started_at or now,
        }
        began = _boot_seconds()
        try:
            done = purging.writers.documents.commit(
                [Update(job.path, dict[FieldName, Any](changes.items()), job.update_time)],
                operation="Taking the lease of a job",
            )
        except Stale:
            time.sleep(random.uniform(0.01, 0.05))
            continue
        return JobLease(purging, replace(job, **changes, update_time=done.update_times[job.path]), began, closing)
    raise StillHeld(f"Other workers take the lease of job {job_id} at the same time.", remedy="Look at its status.")


class JobLease:
    """The hold itself; `job` always is the job as Firestore has it. A `with` block renews the lease meanwhile."""

    def __init__(self, purging: Purging, job: Job, began: float, closing: Callable[[Job], None]) -> None:
        self.job = job
        self._closing = closing
        self._purging = purging
        self._seconds = purging.limits.lease_seconds
        self._began = began  # of the last write that Firestore confirmed: the lease began then or later
        self._lock = threading.RLock()
        self._over = threading.Event()
        keep = partial(copy_context().run, self._keep)  # the job's own patience with a store that hangs
        self._keeper = threading.Thread(target=keep, name=f"lease of {job.job_id}", daemon=True)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._keeper.join()

    @property
    def _safe_until(self) -> float:
        return self._began + self._seconds

    def now(self) -> datetime:
        """The present by Firestore's time: its last answer and the time since then; costs no request."""
        with self._lock:
            confirmed = self.job.update_time
            if confirmed is None:
                return self._purging.now()
            return confirmed + timedelta(seconds=_boot_seconds() - self._began)

    def hold(self) -> None:
        """Raises `LeaseLost` unless this worker certainly holds the job for a good while; renews where needed."""
        with self._lock:
            if _boot_seconds() > self._safe_until - self._seconds / 2:
                self.write({})

    def commit(self, changes: Sequence[Change], *, operation: str) -> None:
        """Applies changes to documents and renews the lease in the same commit: all of it, or none.

        Raises `LeaseLost` when another worker has the job, `Stale` when a precondition of one document fails, and
        Firestore's other errors: after those the commit may have been applied.
        """
        with self._lock:
            for number in range(1, TRIES + 1):
                began, fence = _boot_seconds(), self.job.update_time
                new = self._changed({}, None)
                try:
                    done = self._purging.writers.documents.commit(
                        [*self._batch(new, None, {}), *changes], operation=operation
                    )
                except Stale as fault:
                    self._look_again(new, fault)
                    if self.job.update_time == fence or number == TRIES:  # a document's precondition, not the job's
                        raise
                    continue
                self.job = replace(new, update_time=done.update_times[new.path])
                self._began = began
                return

    def begin(self, step: str, batch: int, seen: Mapping[str, Any]) -> None:
        """Notes that a batch begins, and what was seen before it."""
        self.write({"step": step, "batch": batch}, {"phase": "begin", "step": step, "batch": batch, "seen": dict(seen)})

    def note(self, step: str, batch: int, seen: Mapping[str, Any]) -> None:
        """Notes what was seen in the middle of a batch, before the batch goes on."""
        self.write({}, {"phase": "look", "step": step, "batch": batch, "seen": dict(seen)})

    def end(self, step: str, batch: int, entry: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        """Notes the result of a batch; the next one is `batch + 1`."""
        self.write(
            {"step": step, "batch": batch + 1, **changes}, {"phase": "end", "step": step, "batch": batch, **entry}
        )

    def close(
        self, state: State, changes: Mapping[str, Any], also: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        """Gives the lease back with the state in which the job ends (or rests).

        `also` are fields of other jobs to change with it, by their document's path. The audit records the end first:
        where the worker is killed in between, the next worker records it where necessary, and closes the job.
        """
        if state in ENDED and self.job.finished_at is None:
            changes = {"finished_at": self.now(), **changes}
        self.hold()
        self._closing(replace(self.job, state=state, **changes))
        self._over.set()
        self.write({"state": state, "lease_owner": "", **changes}, {"phase": "close", "state": state}, also or {})

    def write(
        self,
        changes: Mapping[str, Any],
        entry: Mapping[str, Any] | None = None,
        also: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """One commit of the job's changed fields (with a renewed lease) and, where given, a journal entry.

        Tries again after faults that may pass while the lease lasts; raises `LeaseLost`, or the last fault.
        """
        with self._lock:
            for number in range(1, TRIES + 1):
                began = _boot_seconds()
                new = self._changed(changes, entry)
                try:
                    done = self._purging.writers.documents.commit(
                        self._batch(new, entry, also or {}), operation="Writing the journal of a job"
                    )
                except (Stale, Unreachable, Throttled) as fault:
                    if self._look_again(new, fault):
                        return
                    if number == TRIES or (began > self._safe_until and not isinstance(fault, Stale)):
                        raise
                    time.sleep(random.uniform(0.02, 0.1) * number)
                    continue
                self.job = replace(new, update_time=done.update_times[new.path])
                self._began = began
                return

    def _changed(self, changes: Mapping[str, Any], entry: Mapping[str, Any] | None) -> Job:
        until = self.now() + timedelta(seconds=self._seconds)
        if self.job.lease_until is not None:  # a write that changes nothing would leave Firestore's time as it is
            until = max(until, self.job.lease_until + timedelta(microseconds=1))
        sequence = self.job.sequence + (entry is not None)
        lease = {"lease_until": until, "lease_seconds": self._seconds}
        return replace(self.job, **{**lease, **changes, "sequence": sequence})

    def _batch(self, new: Job, entry: Mapping[str, Any] | None, also: Mapping[str, Mapping[str, Any]]) -> list[Change]:
        old_fields, new_fields = self.job.to_fields(), new.to_fields()
        moved: dict[FieldName, Any] = {name: value for name, value in new_fields.items() if value != old_fields[name]}
        # The epoch, the owner, and whether the job is to stop: a write with a lost answer counts as done only where the
        # document, read again, still says all three.
        moved |= {"epoch": new.epoch, "lease_owner": new.lease_owner, "cancel_by": new.cancel_by}
        batch: list[Change] = [Update(new.path, moved, self.job.update_time)]
        if entry is not None:
            body = {
                **entry,
                "sequence": new.sequence,
                "epoch": new.epoch,
                "worker": self.job.lease_owner,
                "at": self.now(),
            }
            batch.append(Create(entry_path(new.job_id, new.sequence), body))
        return [*batch, *(Update(path, dict[FieldName, Any](changed.items())) for path, changed in also.items())]

    def _look_again(self, new: Job, fault: StorageError) -> bool:
        """Whether a write that failed, or seemed to, was done all the same. Adopts the fields that others may change.

        Once the lease has ended, a person may cancel the job without this worker, and somebody may undo it by now: that
        job is lost in the same way as one that another worker took.
        """
        try:
            there = self._purging.jobs.get(new.job_id)
        except BackendError:
            return False
        mine = there.epoch == self.job.epoch
        if mine and there.lease_owner == new.lease_owner and there.sequence == new.sequence > self.job.sequence:
            self.job = there
            return True
        if not mine or there.lease_owner != self.job.lease_owner:
            what = "was cancelled, or taken over by another worker"
            remedy = "Leave it to that person or worker; its status shows the progress."
            raise LeaseLost(f"Job {new.job_id} {what}.", remedy=remedy) from fault
        self.job = replace(self.job, update_time=there.update_time, cancel_by=there.cancel_by)
        return False

    def _keep(self) -> None:
        """Renews the lease while a long call runs; a failure here shows at the next journal entry."""
        while not self._over.wait(self._seconds / 4):
            try:
                self.hold()
            except StorageError as error:
                _log.warning("the lease of job %s could not be renewed: %s", self.job.job_id, error.message)
                if isinstance(error, LeaseLost):
                    return


def _boot_seconds() -> float:
    """Seconds that also pass while the machine sleeps, where the system counts those."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
