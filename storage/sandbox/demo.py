"""The demo: both stand-ins with the sample data. The first process that needs it starts it, and the others share it.

    python -m storage.sandbox.demo            starts it, prints its addresses, runs until Ctrl-C
    python -m storage.sandbox.demo --reset    deletes its data

The process that holds the folder's lock owns the demo. It runs the Firestore server in its own threads and SeaweedFS as
a child, and both end with it in every case. It also keeps the sample data up to date. Every other process attaches.
Data persist between starts. When they are half a day old, or when a new month has begun, the owner moves their dates to
now, so that "three minutes ago" stays true; changes and deletions by a person stay. DEMO_FOLDER names another folder
than `.demo`, with a demo of its own.
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
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from storage.clients.firestore import FirestoreHandle, open_firestore
from storage.errors import ConfigError, Problem, Refused, StorageError, Unreachable
from storage.repositories.clock import utc_now
from storage.sandbox import seeding, world
from storage.sandbox.demo_state import DemoFolder, Heartbeat, Running, SampleData
from storage.sandbox.firestore import FirestoreServer
from storage.sandbox.scanned import BUCKET
from storage.sandbox.seaweed import Identity, SeaweedFS
from storage.sandbox.seeding import PROJECT
from storage.settings import reader as environment
from storage.settings.backends import FirestoreSettings
from storage.settings.reader import Reader

STALE_AFTER = timedelta(hours=12)
TICK_SECONDS = 45.0  # a live job touches its documents at least every two minutes
ENDING_SECONDS = 40.0  # the time for the stand-in of a killed owner to end

_log = logging.getLogger(__name__)


WAIT_SECONDS = 120.0  # the time for another process to start the demo, also for the first time


@dataclass(frozen=True, slots=True)
class Parts:
    """The stand-ins that this process runs, and a handle to read the documents."""

    seaweed: SeaweedFS
    server: FirestoreServer
    handle: FirestoreHandle


class DemoOwner:
    """A demo that this process runs. `note` says how the data were updated, if they were."""

    def __init__(self, folder: DemoFolder, clock: Callable[[], datetime], say: Callable[[str], None]) -> None:
        """Starts everything. The caller must hold the folder's lock; a failure releases it."""
        self._say = say
        self._folder = folder
        self._clock = clock
        self._ended = threading.Event()
        self.note = ""
        with ExitStack() as stack:
            stack.callback(folder.release)
            say("Starting the stand-ins for R2 and Firestore.")
            await_former(folder)
            self._sample = _usable_sample(folder)
            self.running, self._parts = _start_stand_ins(folder, stack)
            stack.callback(folder.remove_running)
            folder.write_running(self.running)
            live = world.build(clock(), seeding.SEED).live
            self._heartbeat = Heartbeat(self._parts.handle, live, clock)
            with ThreadPoolExecutor(1) as pool:  # in its own thread, so that no page or command is billed for it
                pool.submit(self._bring_up_to_date).result()
            self._thread = threading.Thread(target=self._look_after, name="demo", daemon=True)
            stack.callback(self._end_thread)
            self._thread.start()
            folder.write_running(replace(self.running, ready=True))
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """Ends the stand-ins in the reverse order of their start, and releases the folder; may be called twice."""
        self._stack.close()

    def alive(self) -> bool:
        """Whether the stand-in with its own process still runs; the other one runs in this process."""
        return self._parts.seaweed.running

    def tick(self) -> None:
        """Does the regular work: moves the dates of old data to now, and touches live videos."""
        sample, now = self._sample, self._clock()
        if sample is not None and is_stale(sample.dated, now):
            self.note = f"The sample data were dated {sample.dated:%Y-%m-%d %H:%M} UTC; their dates were moved to now."
            _log.info("%s", self.note)
            self._say("Moving the dates of the sample data to now.")
            self._folder.forget_sample()
            self._sample = seeding.redate(self._parts.seaweed, self._parts.server, self._parts.handle, sample, now)
            self._folder.write_sample(self._sample)
        self._heartbeat.beat()

    def _bring_up_to_date(self) -> None:
        if self._sample is None:
            _log.info("Making the sample data; this takes some 10 s, and only the first time.")
            parts = self._parts
            self._sample = seeding.seed(parts.seaweed, parts.server, parts.handle, self._clock(), self._say)
            self._folder.write_sample(self._sample)
            self.note = "The sample data were made."
        self.tick()

    def _look_after(self) -> None:
        while not self._ended.wait(TICK_SECONDS):
            try:
                self.tick()
            except (StorageError, grpc.RpcError, RuntimeError, OSError) as error:
                _log.warning("The demo's sample data could not be kept up to date: %s", type(error).__name__)

    def _end_thread(self) -> None:
        self._ended.set()
        self._thread.join()


def is_stale(dated: datetime, now: datetime) -> bool:
    """Whether data are half a day old, from another month (which monthly counters need), or from a clock ahead."""
    return not timedelta() <= now - dated < STALE_AFTER or (dated.year, dated.month) != (now.year, now.month)


def await_former(folder: DemoFolder) -> None:
    """Waits until the stand-in of a killed owner is gone: two at once would damage each other's data."""
    former = folder.running()
    deadline = time.monotonic() + ENDING_SECONDS
    while former and is_alive(former.watcher_pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    folder.remove_running()


def _usable_sample(folder: DemoFolder) -> SampleData | None:
    """The sample in the folder; deletes an unfinished sample and one that other code made."""
    sample = folder.sample()
    if sample is not None and sample.code == seeding.code_fingerprint():
        return sample
    folder.clear()
    return None


def _start_stand_ins(folder: DemoFolder, stack: ExitStack) -> tuple[Running, Parts]:
    keys = [secrets.token_hex(length) for length in (16, 32, 16, 32)]
    reader = Identity(keys[2], keys[3], (f"Read:{BUCKET}", f"List:{BUCKET}"))
    server = FirestoreServer(folder.firestore)
    stack.callback(server.stop)
    host = server.start()
    seaweed = stack.enter_context(SeaweedFS(folder.objects, keys[0], keys[1], bucket=BUCKET, identities=[reader]))
    handle = open_firestore(FirestoreSettings(PROJECT, None, host))
    stack.callback(handle.close)
    running = Running(os.getpid(), seaweed.pid, seaweed.endpoint, host, keys[0], keys[1], keys[2], keys[3])
    return running, Parts(seaweed, server, handle)


def is_alive(pid: int) -> bool:
    """Whether there is a process of this user with this number; always false on Windows, where one cannot ask."""
    if sys.platform == "win32":
        return False  # there, signal 0 would be a Ctrl-C
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # gone, or the number belongs to another user's process now
        return False
    return True


class Demo:
    """A running demo, with the settings that reach it."""

    def __init__(self, folder: DemoFolder, running: Running, owner: DemoOwner | None = None) -> None:
        self._folder = folder
        self._running = running
        self.owner = owner
        if owner is not None:
            atexit.register(self.stop)

    @property
    def owned(self) -> bool:
        """Whether this process runs the demo, so that `stop` ends it."""
        return self.owner is not None

    def alive(self) -> bool:
        """Whether the demo that `values` reach still runs: it ends with its owner, also for attached processes."""
        if self.owner is not None:
            return self.owner.alive()
        running = self._folder.running()
        return running == self._running and (sys.platform == "win32" or is_alive(self._running.pid))

    @property
    def note(self) -> str:
        """A note for people about the sample data of this start; mostly empty."""
        return self.owner.note if self.owner else ""

    def values(self) -> dict[str, str]:
        """The settings by the contract's names, for `storage.settings.backends.load(values, mode="demo")`."""
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


def configured_folder() -> Path:
    """The folder of the demo's data: `DEMO_FOLDER` (relative to the project), else `.demo`. Raises `ConfigError`."""
    reader = Reader(environment.read())
    path = reader.path("DEMO_FOLDER")
    if reader.problems:
        raise ConfigError(reader.problems)
    return environment.ROOT / (path or ".demo")


def open_demo(
    directory: Path | None = None,
    *,
    clock: Callable[[], datetime] = utc_now,
    say: Callable[[str], None] = lambda _: None,
) -> Demo:
    """The demo of this folder, or of the configured one: attaches to a running demo, else starts one.

    Takes some 10 s the first time, 1 to 4 s later; `say` gets a sentence for each step. Raises `Unreachable` when
    another process holds the folder without answering, or a stand-in does not start; `ConfigError` when the folder
    cannot be written or SeaweedFS is missing.
    """
    folder = DemoFolder(directory or configured_folder())
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if _acquire(folder):
            owner = DemoOwner(folder, clock, say)
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
        store="The demo",
    )


def reset(directory: Path | None = None) -> None:
    """Deletes the demo's data; the next start makes new data. Raises `Refused` while a process runs the demo."""
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
