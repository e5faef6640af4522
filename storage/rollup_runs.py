"""A rollup made in a thread of this process: it goes on whoever looks, can be stopped, and one runs at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from storage.clients.meter import Cost, Meter, metering
from storage.errors import Refused, StorageError
from storage.rollup import Written

State = Literal["running", "done", "failed", "cancelled"]
Work = Callable[[Callable[[int], None]], Written]
"""Makes the rollup, telling now and then how many users it has read."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RollupState:
    """A run as it is at one moment. `users_total` was counted beforehand. `error` is what ended it, or left a gap."""

    number: int
    state: State
    asked_by: str
    started_at: datetime
    ended_at: datetime | None
    users_done: int
    users_total: int
    cost: Cost
    error: StorageError | None
    crashed: bool


class _Stopped(Exception):
    """Somebody cancelled: nothing was written yet, and nothing will be."""


class RollupRun:
    """One run, from the moment it is made. Everything here may be called from any thread."""

    def __init__(
        self, number: int, work: Work, *, clock: Callable[[], datetime], users_total: int, asked_by: str,
        read_budget: int | None,
    ) -> None:  # fmt: skip
        self._work, self._clock, self._read_budget = work, clock, read_budget
        self._stop = threading.Event()
        self._meter = Meter()
        self._users = 0
        self._total = users_total
        self._state: State = "running"
        self._error: StorageError | None = None
        self._crashed = False
        self._ended_at: datetime | None = None
        self.number = number
        self.asked_by = asked_by
        self.started_at = clock()
        self._thread = threading.Thread(target=self._run, name=f"rollup-{number}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it still works."""
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Stops it after the page of users that it is at; what was written before stays as it is."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Waits for its end, at most so long; whether it has ended."""
        self._thread.join(seconds)
        return not self.running

    def snapshot(self) -> RollupState:
        """What is known now."""
        return RollupState(
            self.number, self._state, self.asked_by, self.started_at, self._ended_at, self._users, self._total,
            self._meter.cost(), self._error, self._crashed,
        )  # fmt: skip

    def _run(self) -> None:
        state: State = "failed"
        try:
            with metering(read_budget=self._read_budget) as self._meter:
                self._error = self._work(self._advance).error
            state = "done"
        except _Stopped:
            state = "cancelled"
        except StorageError as error:
            self._error = error
        except Exception:  # the thread has nobody to tell: the page says that it broke, the log has the rest
            self._crashed = True
            _log.exception("rollup %d broke", self.number)
        finally:
            self._ended_at = self._clock()
            self._state = state

    def _advance(self, users: int) -> None:
        self._users = users
        if self._stop.is_set():
            raise _Stopped


class RollupRuns:
    """The rollups of this process: at most one runs, and the last one is remembered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run: RollupRun | None = None
        self._number = 0

    @property
    def current(self) -> RollupRun | None:
        """The one that runs, else the last one."""
        return self._run

    @property
    def ended(self) -> int:
        """Changes when one ends: what was read before is then of yesterday."""
        run = self._run
        return 0 if run is None else run.number - run.running

    def start(
        self, work: Work, *, clock: Callable[[], datetime], users_total: int, asked_by: str, read_budget: int | None
    ) -> RollupRun:
        """Starts one. `Refused` while another one runs."""
        with self._lock:
            if self._run is not None and self._run.running:
                raise Refused(
                    "The figures are being made already.",
                    reasons=[f"started by {self._run.asked_by} at {self._run.started_at:%H:%M:%S} UTC"],
                    remedy="Wait for its end, or cancel it.",
                )
            self._number += 1
            self._run = RollupRun(
                self._number, work, clock=clock, users_total=users_total, asked_by=asked_by, read_budget=read_budget
            )  # fmt: skip
            return self._run

    def stop(self) -> None:
        """Stops what runs and waits a moment for it; for the end of the process."""
        if self._run is not None:
            self._run.cancel()
            self._run.wait(5.0)
