"""Interleaved, repeated measurements: medians, spread, and ratios round by round, so that a busy machine shows."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of each round of one variant."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    @property
    def text(self) -> str:
        """Median, with the fastest and the slowest round."""
        if len(self.seconds) == 1:
            return f"{duration(self.median)} (once)"
        return f"{duration(self.median)} ({duration(min(self.seconds))} to {duration(max(self.seconds))})"


def interleaved(
    variants: Mapping[str, Callable[[], Any]], rounds: int, *, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Measured]:
    """Runs every variant once a round, in turn, after one warm-up of each."""
    for work in variants.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds):
        for name, work in variants.items():
            gc.collect()
            start = clock()
            work()
            taken[name].append(clock() - start)
        sys.stderr.write(f"  round {number + 1} of {rounds}\n")
    return {name: Measured(name, tuple(seconds)) for name, seconds in taken.items()}


def once(name: str, work: Callable[[], Any]) -> Measured:
    """One run of something that takes too long to be repeated."""
    start = time.perf_counter()
    work()
    return Measured(name, (time.perf_counter() - start,))


def times(slow: Measured, fast: Measured) -> str:
    """How many times faster, by the medians; with the range of the rounds where they pair up."""
    ratio = f"{slow.median / fast.median:.1f} ×"
    if len(slow.seconds) != len(fast.seconds) or len(slow.seconds) < 2:
        return ratio
    each = [one / other for one, other in zip(slow.seconds, fast.seconds, strict=True)]
    return f"{ratio} ({min(each):.1f} to {max(each):.1f})"


def duration(seconds: float) -> str:
    """Seconds for people."""
    return f"{seconds * 1000:,.0f} ms" if seconds < 1 else f"{seconds:,.2f} s"
