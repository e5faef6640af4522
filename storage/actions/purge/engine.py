"""Runs a job step by step and batch by batch, with journal entries before and after, until it ends or is stopped.

A step says how many batches it has, looks before it acts, and acts so that a repetition is harmless. After a crash
the next worker reads the last journal entry: where that is a beginning, the worker does the batch again from what was
seen then; where it is an end, the worker begins the next batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from storage.actions.purge.context import Purging
from storage.actions.purge.lease import JobLease, LeaseLost
from storage.clients.r2_errors import wait_asked
from storage.domain.purge.job import JobTally, State
from storage.errors import StorageError, Throttled, Unreachable

Seen = Mapping[str, Any]
Note = Callable[[Seen], None]


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """The result of a batch: numbers to add, an entry for the journal, and fields of the job to change."""

    tally: JobTally = field(default_factory=JobTally)
    entry: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)


class Step(Protocol):
    """One part of a job. Every load of the same job cuts the same batches."""

    @property
    def name(self) -> str: ...

    def batches(self) -> int:
        """The number of batches."""

    def look(self, batch: int) -> Seen:
        """Returns the facts to note before the batch begins; changes nothing."""

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """Does the batch.

        `again`: a former worker may have done part of it; `seen` is then what that worker saw, or what it noted last.
        `note` records a fact in the middle of the batch.
        """


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job closes when all of its steps are done."""

    state: State
    changes: Mapping[str, Any] = field(default_factory=dict)
    also: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Engine:
    def __init__(self, purging: Purging, lease: JobLease, steps: Sequence[Step], ending: Callable[[], Ending]) -> None:
        self._purging = purging
        self._lease = lease
        self._steps = steps
        self._ending = ending

    def run(self) -> None:
        """Goes on from where the job stands. Returns when the job has ended or rests; raises only `LeaseLost`.

        After a fault that stays the job is `failed`; after one that may pass it is `interrupted`. `failure` holds it.
        """
        try:
            if self._all_steps():
                end = self._ending()
                self._lease.close(end.state, end.changes, end.also)
        except LeaseLost:
            raise
        except StorageError as error:
            state: State = "interrupted" if error.retryable else "failed"
            self._lease.close(state, {"failure": error.as_dict()})

    def _all_steps(self) -> bool:
        job = self._lease.job
        pending = self._pending()  # an empty mapping also says that the batch was begun
        names = [step.name for step in self._steps]
        start = names.index(job.step) if job.step in names else 0
        for step in self._steps[start:]:
            first = job.batch if step.name == job.step else 0
            for batch in range(first, step.batches()):
                if self._cancelled():
                    return False
                self._batch(step, batch, pending if step.name == job.step and batch == first else None)
                self._tell(step, batch)
        return True

    def _tell(self, step: Step, batch: int) -> None:
        job = self._lease.job
        rate = job.objects_per_second(self._lease.now())
        self._purging.progress(
            f"{step.name}: {batch + 1:,} of {step.batches():,} batches; {job.tally.objects:,} of {job.objects_total:,} "
            f"objects ({rate:,.0f}/s), {job.tally.documents:,} of {job.documents_total:,} documents"
        )

    def _pending(self) -> Seen | None:
        """What an earlier worker saw for the batch that it began and did not end; `None` without such a batch."""
        job = self._lease.job
        sequence, seen = job.sequence, None
        while sequence > 0:
            entry = self._purging.jobs.entry(job.job_id, sequence) or {}
            if entry.get("phase") == "close":
                sequence -= 1
                continue
            if entry.get("phase") in {"begin", "look"} and (entry["step"], entry["batch"]) == (job.step, job.batch):
                seen = dict(entry["seen"])
            break
        return seen

    def _cancelled(self) -> bool:
        self._lease.hold()
        if not self._lease.job.cancel_by:
            return False
        self._lease.close("cancelled", {})
        return True

    def _batch(self, step: Step, batch: int, pending: Seen | None) -> None:
        """Does one batch; tries again with growing pauses after faults that may pass."""
        last: dict[str, Seen | None] = {"seen": pending}

        def note(seen: Seen) -> None:
            last["seen"] = seen
            self._lease.note(step.name, batch, seen)

        pauses = iter(self._purging.pauses)
        while True:
            seen = last["seen"]
            try:
                if seen is None:
                    fresh = step.look(batch)
                    self._lease.begin(step.name, batch, fresh)
                    last["seen"] = fresh
                    outcome = step.act(batch, fresh, again=False, note=note)
                else:
                    outcome = step.act(batch, seen, again=True, note=note)
                tally = self._lease.job.tally.plus(outcome.tally)
                self._lease.end(step.name, batch, outcome.entry, {"tally": tally, **outcome.changes})
                return
            except LeaseLost:
                raise
            except StorageError as error:
                pause = next(pauses, None) if error.retryable else None
                if pause is None:
                    raise
                pause = max(pause, wait_asked(error))
                self._purging.progress(f"{step.name}: {error.message} Going on in {pause:g} s.")
                self._wait(pause)

    def _wait(self, seconds: float) -> None:
        """Waits and keeps the lease meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
            with suppress(Unreachable, Throttled):  # the batch itself finds out whether the fault is over
                self._lease.hold()
