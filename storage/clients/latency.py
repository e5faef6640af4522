"""How long the stores took to answer in this process, as a histogram for each store; the circuits measure it.

Only answers to calls count whose beginning is known; a call that got no answer counts apart, as `timed_out`.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


@dataclass(frozen=True, slots=True)
class Histogram:
    """`counts` has the answers within each of `BOUNDS` and above the last, not added up; `seconds` is their sum."""

    counts: tuple[int, ...]
    seconds: float
    timed_out: int


class Latencies:
    """Histograms by store; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._timed_out: dict[str, int] = {}

    def answered(self, store: str, seconds: float) -> None:
        """Counts one answer."""
        with self._lock:
            counts = self._counts.setdefault(store, [0] * (len(BOUNDS) + 1))
            counts[bisect_left(BOUNDS, seconds)] += 1
            self._seconds[store] = self._seconds.get(store, 0.0) + seconds

    def timed_out(self, store: str) -> None:
        """Counts one call without an answer in its time."""
        with self._lock:
            self._counts.setdefault(store, [0] * (len(BOUNDS) + 1))
            self._timed_out[store] = self._timed_out.get(store, 0) + 1

    def by_store(self) -> dict[str, Histogram]:
        """The histograms so far; a store that was never asked is not there."""
        with self._lock:
            return {
                store: Histogram(tuple(counts), self._seconds.get(store, 0.0), self._timed_out.get(store, 0))
                for store, counts in self._counts.items()
            }


total = Latencies()  # everything that this process has ever asked
