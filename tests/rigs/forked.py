"""Processes forked from one that has everything imported and nothing opened: such a one starts in some 50 ms.

`python -m streamlit run` takes two seconds of CPU before it listens, nearly all of them for imports. What the forked
process runs from there on is the same.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from multiprocessing.connection import Connection
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
    _run(folder, values, argv, module)


def _run(folder: Path, values: Mapping[str, str], argv: list[str], module: str) -> None:
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


def shell(
    *arguments: str, ends: Mapping[int, str] | None = None, room: int | None = None
) -> subprocess.CompletedProcess[str]:
    """`python -m storage` with this environment, and what it said. `ends`: the files that take stdout (1) or stderr (2)
    instead; `room`: the bytes that a file may have there.

    How an interpreter ends is not shown by a forked process; a test of that starts one (`sys.executable`).
    """
    pipes = {number: processes.Pipe(duplex=False) for number in (1, 2)}
    into = {number: (ends or {}).get(number, writing) for number, (_, writing) in pipes.items()}
    process = processes.Process(target=_in_a_shell, args=(Path.cwd(), dict(os.environ), arguments, into, room))
    process.start()
    said = {}
    for number, (reading, writing) in pipes.items():
        writing.close()
        with os.fdopen(os.dup(reading.fileno()), encoding="utf-8") as stream:
            said[number] = stream.read()
        reading.close()
    process.join()
    assert process.exitcode is not None
    return subprocess.CompletedProcess(arguments, process.exitcode, said[1], said[2])


def _in_a_shell(
    folder: Path,
    values: Mapping[str, str],
    arguments: tuple[str, ...],
    into: Mapping[int, str | Connection],
    room: int | None,
) -> None:
    for number, end in into.items():
        os.dup2(os.open(end, os.O_WRONLY) if isinstance(end, str) else end.fileno(), number)
        if not isinstance(end, str):
            end.close()
    if room is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    _run(folder, values, ["storage", *arguments], "tests.rigs.command")


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
