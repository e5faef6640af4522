"""A rollup made in a thread of this process: see `background`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from storage.background import BackgroundRun, OneAtATime
from storage.clients.meter import Cost, Meter, metering
from storage.errors import StorageError
from storage.rollup import Written

End = Literal["done", "cancelled"]
Work = Callable[[Callable[[int], None]], Written]
"""Makes the rollup, telling now and then how many users it has read."""


@dataclass(frozen=True, slots=True)
class RollupState:
    """A run as it is at one moment. `users_total` was counted beforehand. `error` is what ended it, or left a gap."""

    number: int
    state: End | Literal["running", "failed"]
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


class RollupRun(BackgroundRun[End]):
    """One rollup. Cancelled, it stops after the page of users that it is at; what was written before stays as it is."""

    kind = "rollup"

    def __init__(
        self, number: int, make: Work, *, clock: Callable[[], datetime], users_total: int, asked_by: str,
        read_budget: int | None,
    ) -> None:  # fmt: skip
        super().__init__(number, clock=clock, asked_by=asked_by)
        self._make, self._read_budget = make, read_budget
        self._meter = Meter()
        self._users = 0
        self._total = users_total

    def snapshot(self) -> RollupState:
        """What is known now."""
        with self._lock:
            return RollupState(
                self.number, self._state, self.asked_by, self.started_at, self._ended_at, self._users, self._total,
                self._meter.cost(), self._error, self._crashed,
            )  # fmt: skip

    def _work(self) -> End:
        try:
            with metering(read_budget=self._read_budget) as self._meter:
                self._error = self._make(self._advance).error
        except _Stopped:
            return "cancelled"
        return "done"

    def _advance(self, users: int) -> None:
        self._users = users
        if self._cancelled.is_set():
            raise _Stopped


class RollupRuns(OneAtATime[RollupRun]):
    """The rollups of this process."""

    busy = "The figures are being made already."

    def start(
        self, make: Work, *, clock: Callable[[], datetime], users_total: int, asked_by: str, read_budget: int | None
    ) -> RollupRun:
        """Starts one. `Refused` while another one runs."""
        return self._begin(
            lambda number: RollupRun(
                number, make, clock=clock, users_total=users_total, asked_by=asked_by, read_budget=read_budget
            )
        )
