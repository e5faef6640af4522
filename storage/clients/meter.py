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

from storage.errors import Refused, StorageError

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
    """This page or command has used up its budget of billed operations; ask the person before going on."""

    code = "over_budget"


class Meter:
    """Adds up billed operations; safe to share between threads. A meter with a budget refuses to exceed it."""

    def __init__(self, *, read_budget: int | None = None, whole: bool = False) -> None:
        self._lock = threading.Lock()
        self.whole = whole
        self._counts: dict[Operation, int] = {}
        self._unanswered: dict[str, StorageError] = {}
        self._read_budget = read_budget

    def add(self, operation: Operation, count: int = 1) -> None:
        """Counts operations that were billed."""
        with self._lock:
            self._counts[operation] = self._counts.get(operation, 0) + count

    def miss(self, error: StorageError) -> None:
        """Keeps the error of a call that its store did not answer: the last one of each store."""
        with self._lock:
            self._unanswered[error.store] = error

    def unanswered(self) -> tuple[StorageError, ...]:
        """An error for each store that did not answer a call so far, also where the caller went on without it."""
        with self._lock:
            return tuple(self._unanswered.values())

    def check(self, ahead: int = 0) -> None:
        """Raises `OverBudget` if the reads exceed the budget, or would do so with the reads `ahead`."""
        reads = self.cost().firestore_reads + ahead
        if self._read_budget is not None and reads > self._read_budget:
            planned = f"would use about {reads:,} document reads, so it was not begun"
            used = planned if ahead else f"used {reads:,} document reads"
            raise OverBudget(
                f"This {used}; the budget is {self._read_budget:,}.",
                remedy="Narrow the question, or allow more: READ_BUDGET, in the shell --read-budget N (0: no bound).",
            )

    def cost(self) -> Cost:
        """The operations counted so far."""
        with self._lock:
            return Cost(**self._counts)


_active: ContextVar[tuple[Meter, ...]] = ContextVar("active_meters", default=())
_agreed: ContextVar[bool] = ContextVar("agreed", default=False)
total = Meter()  # everything that this process has ever done


def record(operation: Operation, count: int = 1) -> None:
    """Counts billed operations in the process's total and in every active meter; the clients call it.

    A thread counts for its caller only when it runs in a copy of the caller's context
    (`contextvars.copy_context().run`).
    """
    active = _active.get()
    for meter in (total, *active):
        meter.add(operation, count)
    if operation == "firestore_reads" and not _agreed.get():
        for meter in active:  # after all have counted, so that a meter that raises leaves none without the count
            meter.check()


def missed(error: StorageError) -> StorageError:
    """The same error, about to be raised; every active meter keeps it where it says that a store did not answer."""
    if error.store:
        for meter in _active.get():
            meter.miss(error)
    return error


def billed() -> Cost | None:
    """The count so far of the outermost active meter, which is that of the whole command or page."""
    active = _active.get()
    return active[0].cost() if active else None


def check_budgets(ahead: int = 0) -> None:
    """Raises `OverBudget` if an active meter exceeds its budget: for a caller whose callees may have swallowed that.

    `ahead` are the reads expected of work that is useless when it stops half way: over the budget it does not begin.
    """
    if _agreed.get():
        return
    for meter in _active.get():
        meter.check(ahead)


@contextmanager
def metering(*, read_budget: int | None = None, whole: bool = False) -> Iterator[Meter]:
    """Counts what the block does. Blocks nest; each has its own count.

    `whole`: the block is everything that this process was started for, so it also counts what is metered apart.
    """
    meter = Meter(read_budget=read_budget, whole=whole)
    _active.set((*_active.get(), meter))
    try:
        yield meter
    finally:  # by identity and not by token: blocks on an exit stack end in another order than they began
        _active.set(tuple(other for other in _active.get() if other is not meter))


@contextmanager
def metering_apart() -> Iterator[Meter]:
    """Counts the block separately: only a `whole` meter around it counts it too, and no budget stops it.

    For work that one page or command needs first by chance, and whose result the whole process uses.
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
    """For work that a person agreed to after seeing its cost, and that must not stop half way: no budget stops it.

    It is counted all the same; after the block, a budget that it exceeded stops the next read.
    """
    token = _agreed.set(True)
    try:
        yield
    finally:
        _agreed.reset(token)
