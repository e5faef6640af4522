"""Waiting on a condition, with a bound that a busy machine does not reach: where tests wait by the clock, they do here.

The bound ends a run that hangs. It says nothing of how fast something is, and costs nothing where all is well.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol, TypeVar

PATIENCE_SECONDS = 90.0
PATIENCE_MS = PATIENCE_SECONDS * 1_000
_TRIES = 3  # another program may take a port between the choice and the start


def until(true: Callable[[], object], what: str = "what the test waits for", *, every_seconds: float = 0.02) -> None:
    """Returns as soon as the condition holds, and fails the test when it does not come about."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, f"{what} did not come about in {PATIENCE_SECONDS:.0f} s"
        time.sleep(every_seconds)


def free_port() -> int:
    """A port of this machine that nothing listens on right now. Another program may take it first: try another then."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def dead_port() -> Iterator[int]:
    """A port that refuses connections for as long as the block lasts: it is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


class Process(Protocol):
    """What is asked of a process, as `subprocess.Popen` has it."""

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int | None: ...

    def kill(self) -> None: ...


Spawned = TypeVar("Spawned", bound=Process)


def started(
    spawn: Callable[[int], Spawned],
    answers: Callable[[int], bool],
    what: str,
    said: Callable[[int], str] = lambda port: "",
) -> tuple[Spawned, int]:
    """A server of a process of its own, and its port, once it answers there.

    One that ends instead may have lost its port to another program: it is started again on another. `said` gives what
    it printed.
    """
    for _ in range(_TRIES):
        port = free_port()
        process = spawn(port)
        try:
            until(partial(_decided, process, answers, port), f"the answer of {what}")
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.poll() is None:
            return process, port
    raise RuntimeError(f"{what} ended with status {process.returncode} instead of answering:\n{said(port)[-4_000:]}")


def _decided(process: Process, answers: Callable[[int], bool], port: int) -> bool:
    return process.poll() is not None or answers(port)
