"""The demo's folder: who owns it, where the owner's stand-ins listen, and which sample data lie in it.

lock              held by the owning process for as long as it lives; the kernel lets go when it dies, however
running.json      endpoints and keys while a demo runs, readable by this user alone
sample.json       written once all sample data are in: what they are and when they were dated
objects/          SeaweedFS's data
firestore.sqlite  the documents

Plays the worker in the demo: the few videos that are being processed keep being touched, as a live job would.

Without it, "rendering, touched 40 seconds ago" would turn into "rendering stalled" while one looks at it. A video whose
status somebody changes, or that is deleted, is left alone from then on.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from storage.clients import firestore as pb
from storage.clients.firestore import FirestoreChanges, FirestoreHandle
from storage.errors import Stale
from storage.files import replace_file

LOCK, RUNNING, SAMPLE, OBJECTS, FIRESTORE = "lock", "running.json", "sample.json", "objects", "firestore.sqlite"


@dataclass(frozen=True, slots=True)
class Running:
    """A running demo: its owner, where it listens, its keys. The keys open the sample data and nothing else.

    Until it is `ready` its data are still being made; `watcher_pid` is there from the beginning.
    """

    pid: int
    watcher_pid: int
    s3_endpoint: str
    firestore_host: str
    access_key: str
    secret_key: str
    read_access_key: str
    read_secret_key: str
    ready: bool = False

    def __repr__(self) -> str:
        return f"Running(pid={self.pid}, s3_endpoint={self.s3_endpoint!r}, firestore_host={self.firestore_host!r})"


@dataclass(frozen=True, slots=True)
class SampleData:
    """Which sample data lie in the folder: made by which code, from which seed, dated relative to when.

    `stamps` are the update times (microseconds since 1970) that the sample's own loads gave to documents: a document
    with another one was changed by somebody since.
    """

    code: str
    seed: int
    dated: datetime
    stamps: tuple[int, ...]


class DemoFolder:
    """The folder and the lock on it. One instance belongs to one caller."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def objects(self) -> Path:
        """Where SeaweedFS keeps its data."""
        return self.path / OBJECTS

    @property
    def firestore(self) -> Path:
        """Where the documents are."""
        return self.path / FIRESTORE

    def acquire(self) -> bool:
        """Takes the lock if nobody has it; the folder is made if need be."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        if not _lock(descriptor):
            os.close(descriptor)
            return False
        if not _is_still(descriptor, self.path / LOCK):  # a reset took the folder away between the two calls
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Lets go of the lock; may be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Deletes everything, the lock last. Only for the one who holds it."""
        self.clear()
        (self.path / LOCK).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()
        self.release()

    def clear(self) -> None:
        """Deletes the sample data and every file beside them; what says that they are complete goes first."""
        self.forget_sample()
        for entry in list(self.path.iterdir()):
            if entry.name == LOCK:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    def running(self) -> Running | None:
        """What the owner wrote, or `None` where no demo says that it runs."""
        content = _read(self.path / RUNNING)
        with contextlib.suppress(TypeError):
            return Running(**content) if content else None
        return None

    def write_running(self, running: Running) -> None:
        """Tells others where the demo listens."""
        _write(self.path / RUNNING, asdict(running))

    def remove_running(self) -> None:
        """Takes that back."""
        (self.path / RUNNING).unlink(missing_ok=True)

    def forget_sample(self) -> None:
        """Takes the mark away while the data change: should this process die over it, they are made anew."""
        (self.path / SAMPLE).unlink(missing_ok=True)

    def sample(self) -> SampleData | None:
        """The sample data that are completely in, or `None`."""
        content = _read(self.path / SAMPLE)
        try:
            dated = datetime.fromisoformat(content["dated"])
            return SampleData(content["code"], content["seed"], dated, tuple(content["stamps"]))
        except (KeyError, TypeError, ValueError):
            return None

    def write_sample(self, sample: SampleData) -> None:
        """Marks the sample data as complete."""
        _write(self.path / SAMPLE, {**asdict(sample), "dated": sample.dated.isoformat()})


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(path: Path, content: dict[str, Any]) -> None:
    """In one step, so that nobody reads half of it; for this user alone."""
    replace_file(path, json.dumps(content).encode())


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Heartbeat:
    """Keeps fields at their age: by document path, by dotted field name, how long ago the time in it should lie."""

    def __init__(
        self, handle: FirestoreHandle, live: Mapping[str, Mapping[str, timedelta]], clock: Callable[[], datetime]
    ) -> None:
        self._handle = handle
        self._changes = FirestoreChanges(handle)
        self._live = live
        self._clock = clock

    def beat(self) -> None:
        """Touches every document that is still being processed; one that changed in between is left to the next."""
        found = self._handle.batch_get(list(self._live), operation="look at the sample's live videos")
        for path, document in found.items():
            if document is None or document.fields["status"].string_value != "processing":
                continue
            with contextlib.suppress(Stale):
                self._changes.commit([self._touch(path, document)], operation="touch a live video of the sample")

    def _touch(self, path: str, document: Any) -> Any:
        write = pb.Write()
        write.update.name = document.name
        write.current_document.update_time.CopyFrom(document.update_time)
        for name, age in self._live[path].items():
            write.update_mask.field_paths.append(name)
            fields, (*outer, last) = write.update.fields, name.split(".")
            for part in outer:
                fields = fields[part].map_value.fields
            fields[last].timestamp_value.FromDatetime(self._clock() - age)
        return write
