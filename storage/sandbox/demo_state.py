"""The demo's folder and its state: the owner, the addresses of the stand-ins, and the sample data.

lock              the owning process holds it while it lives; the kernel releases it when the process dies
running.json      endpoints and keys while a demo runs, readable only by this user
sample.json       written when all sample data are complete: their origin and their date
objects/          SeaweedFS's data
firestore.sqlite  the documents

`Heartbeat` plays the worker in the demo: it touches the few videos that are being processed, as a live job would.
Without it, "rendering, touched 40 seconds ago" would become "rendering stalled" while a person looks at it. It leaves
a video alone after a person changes its status or deletes it.
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
    """A running demo: its owner, its addresses, its keys. The keys open the sample data and nothing else.

    Until it is `ready`, the owner is still making the data; `watcher_pid` is set from the beginning.
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
    """The sample data in the folder: the code and the seed that made them, and the time to which their dates relate.

    `stamps` are the update times (microseconds since 1970) that the sample's own loads gave to documents: a person has
    changed a document with any other update time.
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
        """The folder of SeaweedFS's data."""
        return self.path / OBJECTS

    @property
    def firestore(self) -> Path:
        """The file of the documents."""
        return self.path / FIRESTORE

    def acquire(self) -> bool:
        """Takes the lock if nobody has it; makes the folder where it is missing."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        if not _lock(descriptor):
            os.close(descriptor)
            return False
        if not _is_still(descriptor, self.path / LOCK):  # a reset deleted the folder between the two calls
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Releases the lock; may be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Deletes everything, the lock last. Only the holder of the lock may call this."""
        self.clear()
        (self.path / LOCK).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()
        self.release()

    def clear(self) -> None:
        """Deletes the sample data and every file beside them; the mark of completeness goes first."""
        self.forget_sample()
        for entry in list(self.path.iterdir()):
            if entry.name == LOCK:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    def running(self) -> Running | None:
        """The state that the owner wrote, or `None` where no demo says that it runs."""
        content = _read(self.path / RUNNING)
        with contextlib.suppress(TypeError):
            return Running(**content) if content else None
        return None

    def write_running(self, running: Running) -> None:
        """Writes the addresses of the demo for other processes."""
        _write(self.path / RUNNING, asdict(running))

    def remove_running(self) -> None:
        """Deletes the addresses of the demo."""
        (self.path / RUNNING).unlink(missing_ok=True)

    def forget_sample(self) -> None:
        """Deletes the mark while the data change: if this process dies meanwhile, the next start makes new data."""
        (self.path / SAMPLE).unlink(missing_ok=True)

    def sample(self) -> SampleData | None:
        """The sample data if they are complete, else `None`."""
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
    """Writes the file in one step, so that nobody reads half of it; readable only by this user."""
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
    """Keeps the ages of fields: by document path, by dotted field name, the age that the time in it should have."""

    def __init__(
        self, handle: FirestoreHandle, live: Mapping[str, Mapping[str, timedelta]], clock: Callable[[], datetime]
    ) -> None:
        self._handle = handle
        self._changes = FirestoreChanges(handle)
        self._live = live
        self._clock = clock

    def beat(self) -> None:
        """Touches every document that is still being processed; leaves one that changed meanwhile to the next call."""
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
