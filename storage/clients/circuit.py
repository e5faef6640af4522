"""Opens a circuit for a store that hangs, so that one call waits for its timeout and the next calls do not.

A store that takes connections and never answers costs each call its whole time. After a timeout the circuit is open:
calls fail at once with `Unreachable`, which says since when and until when. Then one call passes as a probe; any
answer, also a refusal, closes the circuit, and another timeout keeps it open. Only timeouts open it, because an error
that comes at once keeps nobody waiting.

One slow object does not mean that the store hangs. A timeout about a single thing (an object, a count) opens the
circuit only with a second timeout about another thing; where the store answered another caller meanwhile, it takes
three different things.

A store that gives each answer just in time keeps people waiting as long as one that gives none. Answers that took more
than half of their time open the circuit too, after they made a caller wait for `SLOW_SECONDS` within a minute.

Work that another caller's timeout must not stop (purges, scans, rollups) runs inside `patiently`: it goes on asking for
a while, with its own timeouts and tries, and an answer to it closes the circuit for all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from weakref import WeakSet

from storage.clients import latency, meter
from storage.errors import Unreachable

OPEN_SECONDS = 30.0  # how long a store that hangs gets no requests
PATIENCE_SECONDS = 120.0  # how long after its first timeout long work still asks it
REMEMBERED_SECONDS = 60.0  # timeouts that lie further apart do not count together
SLOW_SECONDS = 10.0  # waited for slow answers to at least three different calls; simultaneous ones count once
SLOW_ANSWER_SECONDS = 2.0  # a faster answer never counts as slow, however short its timeout is


@dataclass(frozen=True, slots=True)
class Silence:
    """A store that does not answer: since when, and until when it is not asked, where that is so."""

    since: datetime
    asked_again: datetime | None


_patience: ContextVar[float] = ContextVar("patience", default=0.0)
_all: WeakSet[Circuit] = WeakSet()
_all_lock = threading.Lock()
_turns = count(1)


@contextmanager
def patiently(seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Within the block an open circuit stops no call until the store has been silent for so long.

    In other threads this holds only when they run in a copy of this context.
    """
    token = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(token)


def patient() -> bool:
    """Whether the caller is inside `patiently`: its calls may be repeated after a timeout."""
    return _patience.get() > 0


def ask_again() -> None:
    """For a person who wants to try again now: every store that hangs gets one more call."""
    with _all_lock:
        circuits = list(_all)
    for circuit in circuits:
        circuit.let_through()


def silence(store: str) -> Silence | None:
    """Since when the store of this name has answered nobody in this process; `None`: its last call had an answer.

    Of several endpoints under one name, as after a change of the settings, the one counts that was asked last.
    """
    with _all_lock:
        last = max((one for one in _all if one.store == store), key=lambda one: one.turn, default=None)
    return last.silence if last else None


class Circuit:
    """The circuit of one store, shared by all threads of the process. `store` is its name in messages."""

    def __init__(
        self, store: str, *, clock: Callable[[], float] = time.monotonic, open_seconds: float = OPEN_SECONDS
    ) -> None:
        self.store = store
        self.turn = 0  # grows over all circuits: the highest was asked last
        self._clock = clock
        self._open_seconds = open_seconds
        self._lock = threading.Lock()
        self._answered = float("-inf")  # when the store last answered anything
        self._late: list[tuple[float, str]] = []  # timeouts since the circuit was last closed: time and subject
        self._slow: list[tuple[float, float, str]] = []  # slow answers: time, seconds waited and subject
        self._silent_since: float | None = None  # when the circuit was opened; `None`: it is closed
        self._again_at = 0.0
        self._words = ""
        self._unanswered_since: datetime | None = None  # the first call without an answer since the last answer
        with _all_lock:
            _all.add(self)

    @property
    def open(self) -> bool:
        """Whether calls fail at once now, except probes and patient work."""
        return self._silent_since is not None

    @property
    def silence(self) -> Silence | None:
        """Since when no call had an answer, and when calls pass again."""
        with self._lock:
            if self._unanswered_since is None:
                return None
            wait = self._again_at - self._clock() if self._silent_since is not None else 0.0
            again = datetime.now(UTC) + timedelta(seconds=wait) if wait > 0 else None
            return Silence(self._unanswered_since, again)

    def ask(self, operation: str, target: str) -> float:
        """Call this before each attempt. Returns the attempt's beginning, for `answered` or `timed_out`.

        Raises `Unreachable` while the circuit is open.
        """
        self.turn = next(_turns)
        with self._lock:
            now = self._clock()
            if self._silent_since is None or now - self._silent_since < _patience.get():
                return now
            if now >= self._again_at:
                self._again_at = now + self._open_seconds  # this call is the probe; if lost, it delays the next so long
                return now
            words = self._words
        raise meter.missed(
            Unreachable(
                words,
                remedy="Try again in half a minute; if it lasts, check the network here and the store's status page.",
                operation=operation,
                target=target,
                detail="not asked",
                store=self.store,
            )
        )

    def answered(
        self, began: float | None = None, target: str = "", seconds: float = 0.0, *, usable: bool = True
    ) -> None:
        """Notes that the store answered, or failed in another way than by silence (`usable=False`: no connection, 5xx).

        `began` and `seconds`, where known, are the time at which `ask` let the call through, and the time it had.
        """
        with self._lock:
            self._unanswered_since = None if usable else self._unanswered_since or datetime.now(UTC)
            now = self._answered = self._clock()
            if began is not None:
                latency.total.answered(self.store, now - began)
            slow = began is not None and now - began >= max(seconds / 2, SLOW_ANSWER_SECONDS)
            if self._silent_since is not None:
                if slow and self._slow and began is not None and began < self._silent_since:
                    return  # this call was under way when the circuit opened because of slow answers
                self._silent_since, self._late, self._slow = None, [], []
                return
            if began is None or not slow or patient():
                return
            self._slow = [one for one in self._slow if now - one[0] < REMEMBERED_SECONDS]
            before = self._slow[-1][0] if self._slow else began
            self._slow.append((now, now - max(began, before), target))
            waited = sum(one[1] for one in self._slow)
            if waited >= SLOW_SECONDS and len({about for _, _, about in self._slow}) >= 3:
                self._open(now, f"is very slow (the last answer took {now - began:.1f} s)")

    def timed_out(self, began: float, target: str, seconds: float, *, single: bool = False) -> None:
        """Notes that a call which `ask` let through at `began` got no answer within `seconds`.

        `single`: the call was about one thing, which may be slow by itself.
        """
        with self._lock:
            now = self._clock()
            self._unanswered_since = self._unanswered_since or datetime.now(UTC)
            latency.total.timed_out(self.store)
            self._late = [(at, about) for at, about in self._late if now - at < REMEMBERED_SECONDS]
            self._late.append((now, target))
            wanted = 3 if self._answered > began else 2 if single else 1
            if self._silent_since is None and len({about for _, about in self._late}) < wanted:
                return
            self._slow = []
            self._open(now, f"did not answer within {seconds:.0f} s")

    def _open(self, now: float, why: str) -> None:
        self._silent_since = now if self._silent_since is None else self._silent_since
        self._again_at = now + self._open_seconds
        at = datetime.now(UTC)
        self._words = (
            f"{self.store} {why} at {at:%H:%M:%S} UTC; it is not asked again until "
            f"{at + timedelta(seconds=self._open_seconds):%H:%M:%S}."
        )

    def let_through(self) -> None:
        """Makes the next call a probe, whatever the time is."""
        with self._lock:
            self._again_at = min(self._again_at, self._clock())
