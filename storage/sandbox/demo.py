"""The demo: both stand-ins with the sample data, started by the first process that wants them, shared by the others.

    python -m storage.sandbox.demo            starts it, says where it listens, runs until Ctrl-C
    python -m storage.sandbox.demo --reset    deletes its data

The process that holds the folder's lock owns the demo: it runs the Firestore server in its own threads and SeaweedFS as
a child, and both end with it, however it ends. Every other process attaches. Data persist between starts. When they are
half a day old, or a month has turned, their dates are moved to now, so that "three minutes ago" stays true; what
somebody changed or deleted in the demo stays changed or deleted. DEMO_FOLDER names another folder than `.demo`: a demo
of its own.
"""

from __future__ import annotations

import argparse
import atexit
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from storage import environment
from storage.errors import ConfigError, Problem, Refused, StorageError, Unreachable
from storage.sandbox.demo_folder import DemoFolder, Running
from storage.sandbox.demo_owner import Owner, await_former, is_alive
from storage.sandbox.seeding import BUCKET, PROJECT
from storage.settings_reader import Reader

WAIT_SECONDS = 120.0  # for another process that is just starting the demo, the first time included


class Demo:
    """A running demo: the settings that reach it, and `stop`."""

    def __init__(self, folder: DemoFolder, running: Running, owner: Owner | None = None) -> None:
        self._folder = folder
        self._running = running
        self.owner = owner
        if owner is not None:
            atexit.register(self.stop)

    @property
    def owned(self) -> bool:
        """Whether this process runs it, so that `stop` ends it."""
        return self.owner is not None

    def alive(self) -> bool:
        """Whether what `values` reach still runs: with its owner a demo ends for everybody who attached to it."""
        if self.owner is not None:
            return self.owner.alive()
        running = self._folder.running()
        return running == self._running and (sys.platform == "win32" or is_alive(self._running.pid))

    @property
    def note(self) -> str:
        """What a person should know about the sample data of this start; mostly nothing."""
        return self.owner.note if self.owner else ""

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
        """Ends what this process started (2 to 4 s), and nothing else; may be called twice."""
        owner, self.owner = self.owner, None
        if owner is not None:
            atexit.unregister(self.stop)
            owner.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def utc_now() -> datetime:
    """The clock unless another is given: aware, UTC."""
    return datetime.now(UTC)


def configured_folder() -> Path:
    """Where the demo's data lie: `DEMO_FOLDER` (relative to the project), else `.demo`. Raises `ConfigError`."""
    reader = Reader(environment.read())
    path = reader.path("DEMO_FOLDER")
    if reader.problems:
        raise ConfigError(reader.problems)
    return environment.ROOT / (path or ".demo")


def open_demo(directory: Path | None = None, *, clock: Callable[[], datetime] = utc_now) -> Demo:
    """The demo of this folder, or of the configured one: attached to where one runs, else started.

    Takes some 10 s the first time, 1 to 4 s later. Raises `Unreachable` when another process holds the folder without
    answering, or a stand-in does not start; `ConfigError` when the folder cannot be written or SeaweedFS is missing.
    """
    folder = DemoFolder(directory or configured_folder())
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if _acquire(folder):
            owner = Owner(folder, clock)
            return Demo(folder, owner.running, owner)
        running = folder.running()
        if running and running.ready and _answers(running):
            return Demo(folder, running)
        time.sleep(0.1)
    raise Unreachable(
        "Another process holds the demo's folder, but its demo does not answer.",
        remedy="End that process, or wait for it; then try again.",
        operation="open the demo",
        target=str(folder.path),
    )


def reset(directory: Path | None = None) -> None:
    """Deletes the demo's data; the next start makes them anew. `Refused` while a process runs it."""
    folder = DemoFolder(directory or configured_folder())
    if not folder.path.exists():
        return
    if not _acquire(folder):
        running = folder.running()
        who = f"process {running.pid}" if running else "another process"
        raise Refused(f"The demo is in use by {who}; nothing was deleted.", remedy="End that process first.")
    await_former(folder)
    folder.remove()


def _acquire(folder: DemoFolder) -> bool:
    try:
        return folder.acquire()
    except OSError as error:
        what = f"cannot be written ({error.strerror})"
        remedy = "Make it writable for this user, or set R2_* and FIREBASE_* for the live mode."
        raise ConfigError([Problem(f"folder {folder.path}", what, remedy)]) from error


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
    parser.add_argument("--directory", type=Path, help="where its data lie (default: DEMO_FOLDER, or .demo)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if options.reset:
            reset(options.directory)
        else:
            _run(options.directory)
    except StorageError as error:
        sys.stderr.write(f"{error.message} {error.remedy}\n")
        return error.exit_status
    return 0


def _run(directory: Path | None) -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with open_demo(directory) as demo:
        values = demo.values()
        sys.stdout.write(f"R2 {values['R2_ENDPOINT_URL']} bucket {values['R2_BUCKET_NAME']}\n")
        sys.stdout.write(f"Firestore {values['FIRESTORE_EMULATOR_HOST']} project {values['FIREBASE_PROJECT_ID']}\n")
        sys.stdout.write("Runs until Ctrl-C.\n" if demo.owned else "Another process runs it; nothing to do here.\n")
        sys.stdout.flush()
        while demo.owned and not ended.wait(3_600):
            pass


if __name__ == "__main__":
    raise SystemExit(main())
