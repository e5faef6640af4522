"""Counts billed operations where they happen, at the client, so that no page, command or job escapes the count.

Firestore bills a read for each document returned and at least one for each query; an aggregation bills one for every
started 1,000 index entries; writes and deletes are billed for each document. R2 bills class A (list, put, copy,
multipart) and class B (head, get) operations; deletes and aborts are free. Sources: the vendors' pricing pages.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Literal

from storage.errors import Refused

Operation = Literal["firestore_reads", "firestore_writes", "firestore_deletes", "r2_class_a", "r2_class_b", "r2_free"]


@dataclass(frozen=True, slots=True)
class Cost:
    """Billed operations so far."""

    firestore_reads: int = 0
    firestore_writes: int = 0
    firestore_deletes: int = 0
    r2_class_a: int = 0
    r2_class_b: int = 0
    r2_free: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(**{name: count + getattr(other, name) for name, count in asdict(self).items()})

    def as_dict(self) -> dict[str, int]:
        """Plain numbers, for `--json`."""
        return asdict(self)


class OverBudget(Refused):
    """The budget of billed operations for this page or command is used up; ask before going on."""

    code = "over_budget"


class Meter:
    """Adds up billed operations; safe to share between threads. With a budget, refuses to go past it."""

    def __init__(self, *, read_budget: int | None = None, whole: bool = False) -> None:
        self._lock = threading.Lock()
        self.whole = whole
        self._counts: dict[Operation, int] = {}
        self._read_budget = read_budget

    def add(self, operation: Operation, count: int = 1) -> None:
        """Counts operations that were billed."""
        with self._lock:
            self._counts[operation] = self._counts.get(operation, 0) + count

    def check(self, ahead: int = 0) -> None:
        """Raises `OverBudget` if the reads passed the budget, or would with those that are ahead."""
        reads = self.cost().firestore_reads + ahead
        if self._read_budget is not None and reads > self._read_budget:
            planned = f"would use about {reads:,} document reads, so it was not begun"
            used = planned if ahead else f"used {reads:,} document reads"
            raise OverBudget(
                f"This {used}; the budget is {self._read_budget:,}.",
                remedy="Narrow the question, or allow more: READ_BUDGET, in the shell --read-budget N (0: no bound).",
            )

    def cost(self) -> Cost:
        """What was counted up to now."""
        with self._lock:
            return Cost(**self._counts)


_active: ContextVar[tuple[Meter, ...]] = ContextVar("active_meters", default=())
_agreed: ContextVar[bool] = ContextVar("agreed", default=False)
total = Meter()  # everything this process ever did


def record(operation: Operation, count: int = 1) -> None:
    """Called by the clients for what was billed: counts in the process's total and in every active meter.

    Threads count for the caller only when they run in a copy of its context (`contextvars.copy_context().run`).
    """
    active = _active.get()
    for meter in (total, *active):
        meter.add(operation, count)
    if operation == "firestore_reads" and not _agreed.get():
        for meter in active:  # after all have counted, so that none misses what another stops
            meter.check()


def billed() -> Cost | None:
    """What the outermost active meter counted up to now: the whole command's, or the whole page's."""
    active = _active.get()
    return active[0].cost() if active else None


def check(ahead: int = 0) -> None:
    """Raises `OverBudget` if an active meter is past its budget: for whoever called what may have swallowed that.

    `ahead` are reads that work of no use when it stops half way is expected to take: it is then not begun.
    """
    if _agreed.get():
        return
    for meter in _active.get():
        meter.check(ahead)


@contextmanager
def metering(*, read_budget: int | None = None, whole: bool = False) -> Iterator[Meter]:
    """Counts what the block does. Blocks nest; each counts for itself.

    `whole`: it is all that this process was started for, so that it counts what is metered apart too.
    """
    meter = Meter(read_budget=read_budget, whole=whole)
    _active.set((*_active.get(), meter))
    try:
        yield meter
    finally:  # by name and not by token: blocks on an exit stack end in another order than they began
        _active.set(tuple(other for other in _active.get() if other is not meter))


@contextmanager
def metering_apart() -> Iterator[Meter]:
    """Counts what the block does for itself: only a `whole` meter around it sees it too, and no budget stops it.

    For what one page or one part of a command happens to be the first to need, and all of the process goes by.
    """
    around, meter = _active.get(), Meter()
    _active.set((*(other for other in around if other.whole), meter))
    try:
        with unbudgeted():
            yield meter
    finally:
        _active.set(around)


@contextmanager
def unbudgeted() -> Iterator[None]:
    """For work that somebody agreed to with its cost in view, and that must not be left half done: no budget stops it.

    It is counted all the same; once the block has ended, a budget that it passed stops the next read.
    """
    token = _agreed.set(True)
    try:
        yield
    finally:
        _agreed.reset(token)
