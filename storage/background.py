"""Long work in a thread of this process: it goes on whoever looks, can be stopped, and one of a kind runs at a time."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

from storage.clients.circuit import patiently
from storage.errors import Refused, StorageError

End = TypeVar("End", bound=str)
"""How a kind of work may end of itself; beside these it is `running`, or `failed`."""

_log = logging.getLogger(__name__)


class BackgroundRun(ABC, Generic[End]):
    """One piece of work, from its `begin` on. Everything here may be called from any thread.

    A kind of work says what it does in `_work`, and takes its own picture of itself; what it shows in that and
    changes in `_work`, it changes and reads with `_lock` held.
    """

    kind: ClassVar[str]
    """The name of its thread, and of the work in the log."""

    def __init__(self, number: int, *, clock: Callable[[], datetime], asked_by: str) -> None:
        self.number = number
        self.asked_by = asked_by
        self.started_at = clock()
        self._clock = clock
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._state: End | Literal["running", "failed"] = "running"
        self._error: StorageError | None = None
        self._crashed = False
        self._ended_at: datetime | None = None
        self._thread = threading.Thread(target=self._run, name=f"{self.kind}-{number}", daemon=True)

    def begin(self) -> Self:
        """Starts it, once."""
        self._thread.start()
        return self

    @property
    def running(self) -> bool:
        """Whether it still works."""
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Asks it to stop at the next place where it can; what it has done stays done."""
        self._cancelled.set()

    def wait(self, seconds: float) -> bool:
        """Waits for its end, at most so long; whether it has ended."""
        self._thread.join(seconds)
        return not self.running

    @abstractmethod
    def _work(self) -> End:
        """Does it, looking now and then whether it was cancelled. A `StorageError` ends it as failed."""

    def _run(self) -> None:
        state: End | Literal["failed"] = "failed"
        try:
            with patiently():
                state = self._work()
        except StorageError as error:
            self._error = error
        except Exception:  # the thread has nobody to tell: the page says that it broke, the log has the rest
            self._crashed = True
            _log.exception("%s %d broke", self.kind, self.number)
        finally:
            with self._lock:
                self._state, self._ended_at = state, self._clock()


Run = TypeVar("Run", bound=BackgroundRun[Any])


class OneAtATime(Generic[Run]):
    """The work of one kind in this process: at most one runs, and the last one is remembered."""

    busy: ClassVar[str]
    """What somebody is told who would start one while another runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run: Run | None = None

    @property
    def current(self) -> Run | None:
        """The one that runs, else the last one."""
        return self._run

    @property
    def ended(self) -> int:
        """Changes when one ends: what was read before is then of yesterday."""
        run = self._run
        return 0 if run is None else run.number - run.running

    def _begin(self, make: Callable[[int], Run]) -> Run:
        """Makes the next one by its number, and starts it. `Refused` while another one runs."""
        with self._lock:
            last = self._run
            if last is not None and last.running:
                raise Refused(
                    self.busy,
                    reasons=[f"started by {last.asked_by} at {last.started_at:%H:%M:%S} UTC"],
                    remedy="Wait for its end, or cancel it.",
                )
            self._run = make(1 if last is None else last.number + 1).begin()
            return self._run

    def cancel(self, number: int) -> bool:
        """Cancels the one of that number, which whoever asks has seen; false where it is not the last any more."""
        run = self._run
        if run is None or run.number != number:
            return False
        run.cancel()
        return True

    def stop(self) -> None:
        """Stops what runs and waits a moment for it; for the end of the process."""
        if self._run is not None:
            self._run.cancel()
            self._run.wait(5.0)
