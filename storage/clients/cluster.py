"""Runs calls on the workers of a Dask scheduler (installed by `make cluster`), on other machines or on this one.

What travels is the function's name, a plain value and its answer: whatever a worker needs besides, secrets above all,
it has from its own environment.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from multiprocessing import get_all_start_methods
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from storage.domain.integrity import Failure
from storage.errors import BackendError, BadInput, Unreachable

if TYPE_CHECKING:
    from distributed import Client, Future

LOCAL = "local"
TRIES = 3
AT_ONCE = 4  # calls that a worker of `local` runs side by side
# A range waits for a worker with a free place, not in the queue of a busy one: all end together.
SCHEDULING = {"distributed.scheduler.allowed-failures": TRIES - 1, "distributed.scheduler.worker-saturation": 1.0}
HOPELESS = 5  # calls that fail for good before the first succeeds: the others would fail as well
_CONNECT_SECONDS = 15.0
_LOOK_SECONDS = 5.0  # between looks whether there are workers
_ALONE_SECONDS = 60.0  # without any worker: as long as one takes to come back
_MOST_LOCAL = 8

T = TypeVar("T")
R = TypeVar("R")


def check_cluster(address: str) -> None:
    """`BadInput` where Dask is not installed, or for what is no address."""
    if find_spec("distributed") is None:
        raise BadInput(
            "--on needs Dask, which is not installed here",
            field_name="on",
            remedy="Install it: make cluster (without make: pip install --require-hashes -r "
            "deploy/cluster-requirements.txt). Without --on the scan runs in this process.",
        )
    try:
        parts = urlsplit(address)
        right = parts.scheme in ("tcp", "tls") and bool(parts.hostname) and bool(parts.port)
    except ValueError:
        right = False
    if address != LOCAL and not (right and not parts.path):
        raise BadInput(
            "--on takes local, or the address of a Dask scheduler",
            field_name="on",
            remedy="For example --on tcp://scan-scheduler:8786, or --on local.",
        )


class Workers(Generic[T, R]):
    """A connection to a scheduler. `count` is the number of its workers when last seen."""

    def __init__(self, client: Client, address: str) -> None:
        self._client = client
        self._address = address
        self.count = 0

    def await_first(self, seconds: float = _ALONE_SECONDS) -> None:
        """Returns as soon as there is a worker; raises `Unreachable` when none comes."""
        try:
            self._client.wait_for_workers(1, timeout=seconds)
        except TimeoutError:
            raise self._deserted() from None
        self._count()

    def run(self, work: Callable[[T], R | Failure], items: Mapping[str, T]) -> Iterator[tuple[str, R | Failure]]:
        """Calls `work` with each item on some worker, and yields the answers by name as they come.

        A call whose worker dies goes to another one. A `Failure`, or an error, is tried again up to `TRIES` times, then
        yielded. Raises `Unreachable` where the scheduler goes away, or no worker is left.
        """
        answers: SimpleQueue[Future] = SimpleQueue()
        waiting: dict[str, tuple[str, int, Future]] = {}
        run = uuid4().hex

        def submit(name: str, tries: int) -> None:
            key = f"{work.__name__}-{run}-{name}-{tries}"
            future = self._client.submit(work, items[name], key=key, pure=False)
            waiting[future.key] = (name, tries, future)
            future.add_done_callback(answers.put)

        for name in items:
            submit(name, 1)
        succeeded = failed = 0
        alone = 0.0
        try:
            while waiting:
                try:
                    future = answers.get(timeout=_LOOK_SECONDS)
                except Empty:
                    alone = 0.0 if self._count() else alone + _LOOK_SECONDS
                    if alone >= _ALONE_SECONDS:
                        raise self._deserted() from None
                    continue
                if future.status in _COMPUTED_AGAIN:
                    future.add_done_callback(answers.put)
                    continue
                name, tries, _ = waiting.pop(future.key)
                answer, final = self._answer(future)
                if isinstance(answer, Failure):
                    if tries < TRIES and not final:
                        submit(name, tries + 1)
                        continue
                    failed += 1
                else:
                    succeeded += 1
                yield name, answer
                if failed >= HOPELESS and not succeeded and isinstance(answer, Failure):
                    yield from ((left, answer) for left, _, _ in waiting.values())
                    return
        finally:
            with suppress(Exception):  # a scheduler that is gone has nothing to cancel
                self._client.cancel([future for _, _, future in waiting.values()])

    def _answer(self, future: Future) -> tuple[R | Failure, bool]:
        """What a call gave, and whether another try is of no use."""
        from distributed.scheduler import KilledWorker

        if future.status == "finished":
            return future.result(), False
        if future.status != "error":
            raise Unreachable(
                "The scheduler went away.",
                remedy="See that it runs, then run the same command: with --keep it goes on where it stood.",
                target=self._address,
            )
        error = future.exception()
        if isinstance(error, KilledWorker):
            return Failure(
                "a worker", "worker_died", f"Each of the {TRIES} workers that tried it died.", _SEE_LOGS
            ), True
        words = f"A worker failed: {type(error).__name__}"
        if isinstance(error, ImportError | AttributeError | TypeError):
            return Failure("a worker", "worker_failed", f"{words}.", _SAME_DESK), False
        return Failure("a worker", "worker_failed", f"{words}.", _SEE_LOGS), False

    def _count(self) -> int:
        try:
            self.count = len(self._client.scheduler_info()["workers"])
        except (OSError, TimeoutError, RuntimeError, ValueError):
            self.count = 0
        return self.count

    def _deserted(self) -> BackendError:
        return Unreachable(
            "The scheduler has no workers.",
            remedy="Start some in the desk's folder, with its settings: python -m dask worker ADDRESS --nthreads 4",
            target=self._address,
        )


_COMPUTED_AGAIN = frozenset({"pending", "lost"})  # a worker died between its answer and the look at it
_SEE_LOGS = "Look at the workers' logs and memory."
_SAME_DESK = "Run the same version of the desk on all workers, started in its folder: python -m dask worker ADDRESS"


@contextmanager
def workers_at(address: str) -> Iterator[Workers[Any, Any]]:
    """The workers of a scheduler; with `local`, processes of this machine that end with the block."""
    check_cluster(address)
    import dask
    from distributed import Client, LocalCluster

    # A process that has imported Dask once forks all workers of this machine, where the system can.
    method = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
    with dask.config.set(SCHEDULING | {"distributed.worker.multiprocessing-method": method}):
        if address == LOCAL:
            count = max(2, min(os.cpu_count() or 1, _MOST_LOCAL))
            with (
                LocalCluster(
                    n_workers=count,
                    threads_per_worker=AT_ONCE,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",  # it serves /health in any case, and never on a port of others
                    memory_limit=None,
                    security=True,  # others on this machine cannot speak to it
                    silence_logs=logging.CRITICAL,
                ) as cluster,
                Client(cluster, set_as_default=False) as client,
            ):
                yield _workers(client, address)
            return
        try:
            client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError):
            raise Unreachable(
                f"No Dask scheduler answers at {address}.",
                remedy="Start one (python -m dask scheduler), or give another --on.",
                target=address,
            ) from None
        with client:
            yield _workers(client, address)


def _workers(client: Client, address: str) -> Workers[Any, Any]:
    found = Workers[Any, Any](client, address)
    found.await_first()
    return found
