"""How many batches go to the store at once: fewer once it asks to slow down, slowly more when it answers again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LANES = 8  # at 25 ms a request 8 lanes keep one process busy; more only queue behind its own work


class Lanes:
    """A bound on what runs at the same time: halved when the store is busy, one more after each good batch."""

    def __init__(self, most: int = LANES) -> None:
        self._most = self._limit = most
        self._active = 0
        self._free = threading.Condition()

    @property
    def limit(self) -> int:
        """How many may run at this moment."""
        return self._limit

    @contextmanager
    def lane(self) -> Iterator[None]:
        """Waits for a free lane, and gives it back."""
        with self._free:
            self._free.wait_for(lambda: self._active < self._limit)
            self._active += 1
        try:
            yield
        finally:
            with self._free:
                self._active -= 1
                self._free.notify_all()

    def slower(self) -> None:
        """The store asked to slow down."""
        with self._free:
            self._limit = max(1, self._limit // 2)

    def faster(self) -> None:
        """A batch went well."""
        with self._free:
            self._limit = min(self._most, self._limit + 1)
            self._free.notify_all()
