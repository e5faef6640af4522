"""The demo: both stand-ins with the sample data, started by the first process that wants them, shared by the others.

    python -m storage.sandbox.demo            starts it, says where it listens, runs until Ctrl-C
    python -m storage.sandbox.demo --reset    deletes its data

The process that holds the folder's lock owns the demo: it runs the Firestore server in its own threads and SeaweedFS as
a child, and both end with it, however it ends. Every other process attaches. Data persist between starts; when they
are half a day old, or a month has turned, their dates are moved to now, so that "three minutes ago" stays true.
"""

from __future__ import annotations

import argparse
import atexit
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from storage.clients.firestore import FirestoreHandle, open_firestore
from storage.config import FirestoreSettings
from storage.environment import ROOT
from storage.errors import Refused, Unreachable
from storage.sandbox import seeding, world
from storage.sandbox.demo_folder import DemoFolder, Running, Sample
from storage.sandbox.firestore import FirestoreServer
from storage.sandbox.heartbeat import Heartbeat
from storage.sandbox.seaweed import Identity, SeaweedFS
from storage.sandbox.seeding import BUCKET, PROJECT

FOLDER = ROOT / ".demo"
STALE_AFTER = timedelta(hours=12)
WAIT_SECONDS = 60.0  # for another process that is just starting the demo, the first time included
ENDING_SECONDS = 12.0  # for the stand-in of an owner that was killed

_log = logging.getLogger(__name__)


class Demo:
    """A running demo. `owned` says whether this process runs it; `note` is what a person should know about its data."""

    def __init__(self, running: Running, stack: ExitStack | None = None, note: str = "") -> None:
        self._running = running
        self._stack = stack
        self.note = note

    @property
    def owned(self) -> bool:
        """Whether `stop` will end it."""
        return self._stack is not None

    def values(self) -> dict[str, str]:
        """The settings by the contract's names, for `storage.config.load(values, mode="demo")`."""
        running = self._running
        return {
            "R2_BUCKET_NAME": BUCKET,
            "R2_ENDPOINT_URL": running.s3_endpoint,
            "R2_ACCESS_KEY_ID": running.access_key,
            "R2_SECRET_ACCESS_KEY": running.secret_key,
            "R2_READ_ACCESS_KEY_ID": running.read_access_key,
            "R2_READ_SECRET_ACCESS_KEY": running.read_secret_key,
            "FIREBASE_PROJECT_ID": PROJECT,
            "FIRESTORE_EMULATOR_HOST": running.firestore_host,
        }

    def stop(self) -> None:
        """Ends what this process started, and nothing else; may be called twice."""
        if self._stack is not None:
            stack, self._stack = self._stack, None
            atexit.unregister(self.stop)
            stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def utc_now() -> datetime:
    """The clock unless another is given: aware, UTC."""
    return datetime.now(UTC)


def open_demo(directory: Path = FOLDER, *, clock: Callable[[], datetime] = utc_now) -> Demo:
    """The demo of this folder: attached to where one runs, else started, with its data if there are any.

    Takes some 15 s the first time, 2 s later. Raises `Unreachable` when another process holds the folder without
    answering, or a stand-in does not start; `ConfigError` when SeaweedFS is not installed.
    """
    folder = DemoFolder(directory)
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if folder.acquire():
            return _start(folder, clock)
        running = folder.running()
        if running and running.ready and _answers(running):
            return Demo(running)
        time.sleep(0.1)
    raise Unreachable(
        "Another process holds the demo's folder, but its demo does not answer.",
        remedy="End that process, or wait for it; then try again.",
        operation="open the demo",
        target=str(directory),
    )


def reset(directory: Path = FOLDER) -> None:
    """Deletes the demo's data; the next start makes them anew. `Refused` while a process runs it."""
    folder = DemoFolder(directory)
    if not directory.exists():
        return
    if not folder.acquire():
        running = folder.running()
        who = f"process {running.pid}" if running else "another process"
        raise Refused(f"The demo is in use by {who}; nothing was deleted.", remedy="End that process first.")
    _await_former(folder)
    folder.remove()


def _start(folder: DemoFolder, clock: Callable[[], datetime]) -> Demo:
    with ExitStack() as stack:
        stack.callback(folder.release)
        _await_former(folder)
        code = seeding.code_fingerprint()
        sample = folder.sample()
        if sample is None or sample.code != code:
            folder.clear()
            sample = None
        running, parts = _start_stand_ins(folder, stack)
        stack.callback(folder.remove_running)
        folder.write_running(running)
        sample, note = _bring_up_to_date(folder, parts, sample, clock())
        _keep_alive(stack, parts.handle, sample, clock)
        folder.write_running(replace(running, ready=True))
        if note:
            _log.info("%s", note)
        demo = Demo(running, stack.pop_all(), note)
        atexit.register(demo.stop)
        return demo


class _Parts:
    """The stand-ins that this process runs, and a way to read the documents."""

    def __init__(self, seaweed: SeaweedFS, server: FirestoreServer, handle: FirestoreHandle) -> None:
        self.seaweed = seaweed
        self.server = server
        self.handle = handle


def _start_stand_ins(folder: DemoFolder, stack: ExitStack) -> tuple[Running, _Parts]:
    keys = [secrets.token_hex(length) for length in (16, 32, 16, 32)]
    reader = Identity(keys[2], keys[3], (f"Read:{BUCKET}", f"List:{BUCKET}"))
    server = FirestoreServer(folder.firestore)
    stack.callback(server.stop)
    host = server.start()
    seaweed = stack.enter_context(SeaweedFS(folder.objects, keys[0], keys[1], bucket=BUCKET, identities=[reader]))
    handle = open_firestore(FirestoreSettings(PROJECT, None, host))
    stack.callback(handle.close)
    running = Running(os.getpid(), seaweed.pid, seaweed.endpoint, host, keys[0], keys[1], keys[2], keys[3])
    return running, _Parts(seaweed, server, handle)


def _bring_up_to_date(folder: DemoFolder, parts: _Parts, sample: Sample | None, now: datetime) -> tuple[Sample, str]:
    """The sample data as they should be at `now`, and a sentence where something was done about them."""
    if sample is None:
        sample, note = seeding.seed(parts.seaweed, parts.server, parts.handle, now), "The sample data were made."
    elif _is_stale(sample.dated, now):
        note = f"The sample data were dated {sample.dated:%Y-%m-%d %H:%M} UTC; their dates were moved to now."
        folder.forget_sample()
        sample = seeding.redate(parts.seaweed, parts.server, parts.handle, sample, now)
    else:
        return sample, ""
    folder.write_sample(sample)
    return sample, note


def _is_stale(dated: datetime, now: datetime) -> bool:
    """Half a day old, or of another month (monthly counters count only in theirs), or from a clock that was ahead."""
    return not timedelta() <= now - dated < STALE_AFTER or (dated.year, dated.month) != (now.year, now.month)


def _keep_alive(stack: ExitStack, handle: FirestoreHandle, sample: Sample, clock: Callable[[], datetime]) -> None:
    heartbeat = Heartbeat(handle, world.build(sample.dated, sample.seed).live, clock)
    with ThreadPoolExecutor(1) as pool:  # a thread of its own: nobody's page or command is charged with it
        pool.submit(heartbeat.start).result()
    stack.callback(heartbeat.stop)


def _await_former(folder: DemoFolder) -> None:
    """Waits until the stand-in of an owner that was killed is gone: two at once would spoil each other's data."""
    former = folder.running()
    deadline = time.monotonic() + ENDING_SECONDS
    while former and _is_alive(former.watcher_pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    folder.remove_running()


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":
        return False  # there, signal 0 would be a Ctrl-C
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # gone, or somebody else's: the number was given anew
        return False
    return True


def _answers(running: Running) -> bool:
    """Whether both stand-ins take connections."""
    for address in (running.s3_endpoint.removeprefix("http://"), running.firestore_host):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo in the foreground, or deletes its data."""
    parser = argparse.ArgumentParser("python -m storage.sandbox.demo", description="Runs the demo until Ctrl-C.")
    parser.add_argument("--reset", action="store_true", help="delete the demo's data and end")
    parser.add_argument("--directory", type=Path, default=FOLDER, help="where its data lie (default: .demo)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if options.reset:
        try:
            reset(options.directory)
        except Refused as error:
            sys.stderr.write(f"{error.message} {error.remedy}\n")
            return error.exit_status
        return 0
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with open_demo(options.directory) as demo:
        values = demo.values()
        sys.stdout.write(f"R2 {values['R2_ENDPOINT_URL']} bucket {values['R2_BUCKET_NAME']}\n")
        sys.stdout.write(f"Firestore {values['FIRESTORE_EMULATOR_HOST']} project {values['FIREBASE_PROJECT_ID']}\n")
        sys.stdout.write("Runs until Ctrl-C.\n" if demo.owned else "Another process runs it; nothing to do here.\n")
        sys.stdout.flush()
        while demo.owned and not ended.wait(3_600):
            pass
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
