"""What the owner of a demo does: starts the stand-ins, brings the sample data up to date, and looks after them."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import grpc

from storage.clients.firestore import FirestoreHandle, open_firestore
from storage.config import FirestoreSettings
from storage.errors import StorageError
from storage.sandbox import seeding, world
from storage.sandbox.demo_folder import DemoFolder, Running, Sample
from storage.sandbox.firestore import FirestoreServer
from storage.sandbox.heartbeat import Heartbeat
from storage.sandbox.seaweed import Identity, SeaweedFS
from storage.sandbox.seeding import BUCKET, PROJECT

STALE_AFTER = timedelta(hours=12)
TICK_SECONDS = 45.0  # a live job touches its documents at least every two minutes
ENDING_SECONDS = 40.0  # for the stand-in of an owner that was killed

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """The stand-ins that this process runs, and a way to read the documents."""

    seaweed: SeaweedFS
    server: FirestoreServer
    handle: FirestoreHandle


class Owner:
    """A demo that this process runs. `note` says what was done about the age of the data, if anything was."""

    def __init__(self, folder: DemoFolder, clock: Callable[[], datetime]) -> None:
        """Starts everything; the folder's lock must be held, and is let go if this fails."""
        self._folder = folder
        self._clock = clock
        self._ended = threading.Event()
        self.note = ""
        with ExitStack() as stack:
            stack.callback(folder.release)
            await_former(folder)
            self._sample = _usable_sample(folder)
            self.running, self._parts = _start_stand_ins(folder, stack)
            stack.callback(folder.remove_running)
            folder.write_running(self.running)
            live = world.build(clock(), seeding.SEED).live
            self._heartbeat = Heartbeat(self._parts.handle, live, clock)
            with ThreadPoolExecutor(1) as pool:  # in a thread of its own, so that no page or command is charged with it
                pool.submit(self._bring_up_to_date).result()
            self._thread = threading.Thread(target=self._look_after, name="demo", daemon=True)
            stack.callback(self._end_thread)
            self._thread.start()
            folder.write_running(replace(self.running, ready=True))
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """Ends the stand-ins, in the reverse order of their start, and lets go of the folder; may be called twice."""
        self._stack.close()

    def alive(self) -> bool:
        """Whether the stand-in that is a process of its own still runs; the other one is this process."""
        return self._parts.seaweed.running

    def tick(self) -> None:
        """What is due from time to time: data of another day are dated anew, live videos are touched."""
        sample, now = self._sample, self._clock()
        if sample is not None and is_stale(sample.dated, now):
            self.note = f"The sample data were dated {sample.dated:%Y-%m-%d %H:%M} UTC; their dates were moved to now."
            _log.info("%s", self.note)
            self._folder.forget_sample()
            self._sample = seeding.redate(self._parts.seaweed, self._parts.server, self._parts.handle, sample, now)
            self._folder.write_sample(self._sample)
        self._heartbeat.beat()

    def _bring_up_to_date(self) -> None:
        if self._sample is None:
            _log.info("Making the sample data; this takes some 10 s, and only the first time.")
            parts = self._parts
            self._sample = seeding.seed(parts.seaweed, parts.server, parts.handle, self._clock())
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
    """Half a day old, or of another month (monthly counters count only in theirs), or from a clock that was ahead."""
    return not timedelta() <= now - dated < STALE_AFTER or (dated.year, dated.month) != (now.year, now.month)


def await_former(folder: DemoFolder) -> None:
    """Waits until the stand-in of an owner that was killed is gone: two at once would spoil each other's data."""
    former = folder.running()
    deadline = time.monotonic() + ENDING_SECONDS
    while former and is_alive(former.watcher_pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    folder.remove_running()


def _usable_sample(folder: DemoFolder) -> Sample | None:
    """The sample in the folder; what is unfinished, or was made by other code, is deleted."""
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
    """Whether there is a process of this user with this number; on Windows never, as nobody may ask there."""
    if sys.platform == "win32":
        return False  # there, signal 0 would be a Ctrl-C
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # gone, or somebody else's: the number was given anew
        return False
    return True
