"""Processes forked from one that has everything imported and nothing opened: such a one starts in some 50 ms.

`python -m streamlit run` takes two seconds of CPU before it listens, nearly all of them for imports. What the forked
process runs from there on is the same.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from importlib import import_module
from multiprocessing.context import ForkServerProcess
from pathlib import Path

PRELOADED = ("tests.purge.victim", "tests.rigs.served")

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(list(PRELOADED))


def run(log: Path, folder: Path, values: Mapping[str, str], argv: list[str], module: str) -> None:
    """What a forked process does: `module.main()`, as if started by this command line, with this environment alone."""
    with log.open("wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.clear()
    os.environ.update(values)
    os.chdir(folder)
    sys.argv[:] = argv
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the server that it is forked from ignores it
    try:
        import_module(module).main()
    finally:
        atexit._run_exitfuncs()


def command(folder: Path, values: Mapping[str, str], arguments: list[str]) -> None:
    """What a forked process does: `python -m storage` in a session of its own, with output that nobody reads."""
    os.setsid()
    run(Path(os.devnull), folder, values, ["storage", *arguments], "tests.rigs.command")


def start_worker(job_id: str, environment: Mapping[str, str] | None = None) -> int:
    """As `storage.actions.purge.worker.start_worker`, which `tests/purge/test_purge_worker.py` proves, at a tenth."""
    arguments = ["purge", "worker", "--job", job_id, "--json"]
    process = processes.Process(target=command, args=(Path.cwd(), {**os.environ, **(environment or {})}, arguments))
    process.start()
    assert process.pid is not None
    return process.pid


class Forked:
    """Such a process, as `subprocess` would give it."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        process.start()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        self._process.join(timeout)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        self._process.kill()
