"""Runs a job: step by step, batch by batch, journalled before and after, until its end or until something stops it.

A step tells how many batches it has, looks before it acts, and acts so that doing it again is harmless. After a crash
the next worker finds the last entry of the journal: where that is a beginning, the batch is done again from what was
seen then; where it is an end, the next batch is begun.
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
    """What became of a batch: numbers to add, an entry for the journal, and fields of the job to change."""

    tally: JobTally = field(default_factory=JobTally)
    entry: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)


class Step(Protocol):
    """One part of a job. Batches are cut the same way every time that the same job is loaded."""

    @property
    def name(self) -> str: ...

    def batches(self) -> int:
        """How many batches there are."""

    def look(self, batch: int) -> Seen:
        """What to note before the batch is begun; changes nothing."""

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """Does the batch. `again`: it may have been done in part by a worker that ended; `seen` is what that one saw,
        with what it noted last in place of it. `note` records something seen on the way."""


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
        """Goes on from where the job stands. Returns when it ended or rests; raises only `LeaseLost`.

        A fault that stays leaves the job `failed` or, where it may pass, `interrupted`, with the fault in `failure`.
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
        pending = self._pending()  # may well be an empty mapping, which says that the batch was begun
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
        """What was seen for the batch that an earlier worker began and did not end; `None` where there is none."""
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
        """One batch, tried again after faults that may pass, with growing pauses."""
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
        """Waits without losing the lease."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
            with suppress(Unreachable, Throttled):  # the batch itself finds out whether it is over
                self._lease.hold()
