"""Copies of what a purge deletes, kept for its undo: made, verified, put back, emptied.

`Record` reads from a job's journal what was done: each deletion once, and what was found gone or was left alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from storage.actions.object_conditions import NOTHING, Expected
from storage.actions.objects import ObjectWriter
from storage.actions.purge.context import Purging
from storage.domain.json_lines import NEWLINE, lines_of
from storage.domain.purge.plan import (
    PlannedObject,
    PurgePlan,
    document_batches,
    object_batches,
    slug_batches,
)
from storage.domain.purge.scope import QUARANTINES, kept_object, kept_objects_prefix
from storage.errors import NotFound, Stale, Unreachable, Unusable
from storage.repositories.jobs import Jobs
from storage.services.same_objects import digest, same

LINES = "application/x-ndjson"
SAVE_ROWS = "save rows"  # the step that saves what the desk's own documents hold of the scope
MAX_DOCUMENTS_BYTES = 256 * 1_048_576  # of one file of documents: an undo loads the whole file into memory


class Quarantine:
    def __init__(self, purging: Purging, job_id: str) -> None:
        self.job_id = job_id
        self._reader = purging.stores.objects
        self._writer = purging.writers.objects

    def keep(self, number: int, item: PlannedObject) -> str:
        """Copies object `number` of the plan and verifies the copy: `kept`, or else `absent` or `moved`."""
        name = kept_object(self.job_id, number, item.key)
        try:
            self._copy(item.key, name, item.etag)
        except NotFound:
            return "absent"
        except Stale:
            return "moved"
        return "kept"

    def holds(self, number: int, item: PlannedObject) -> bool:
        """Whether the quarantine has a whole copy of the object."""
        info = self._reader.head(kept_object(self.job_id, number, item.key))
        return info is not None and info.size_bytes == item.size_bytes

    def numbers(self) -> frozenset[int]:
        """The numbers of all objects with a copy here, by listing."""
        prefix = kept_objects_prefix(self.job_id)
        names = (name for page in self._reader.list_pages(prefix) for name in page.frame["key"].tolist())
        return frozenset(int(name.removeprefix(prefix).partition("-")[0]) for name in names)

    def put_back(self, number: int, item: PlannedObject) -> str:
        """Copies one object back to an empty place: `restored`, `there` (already), or `occupied` by something new."""
        name = kept_object(self.job_id, number, item.key)
        try:
            self._copy(name, item.key, None, NOTHING)
        except Stale:  # also where the answer to a first attempt was lost: then the copy itself is there
            return "there" if same(self._reader, name, item.key) else "occupied"
        return "restored"

    def same_as_kept(self, number: int, item: PlannedObject) -> bool:
        """Whether the object at its own place equals its copy here."""
        return same(self._reader, kept_object(self.job_id, number, item.key), item.key)

    def write_documents(self, name: str, lines: Sequence[str]) -> str:
        """Writes a file of documents and reads it back; returns its SHA-256. `Unusable` for more than can be read."""
        content = "".join(f"{line}{NEWLINE}" for line in lines).encode()
        if len(content) > MAX_DOCUMENTS_BYTES:
            raise Unusable(
                f"{len(lines):,} documents together are too large to keep for an undo.",
                remedy="None of them was deleted. Purge fewer at a time, or erase them.",
                operation="put_object",
                target=name,
            )
        self._writer.put(name, content, LINES)
        sha256 = hashlib.sha256(content).hexdigest()
        if digest(self._reader, name, "sha256") != sha256:
            raise Unreachable("The quarantine's copy of documents is not what was sent.", target=name)
        return sha256

    def read_documents(self, name: str, sha256: str) -> list[str]:
        """The documents of a file; raises `Unusable` where the file differs from what was written."""
        content = self._reader.get_bytes(name, MAX_DOCUMENTS_BYTES)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Unusable(
                "The quarantine's copy of documents was altered.",
                remedy="No document of it was put back. Compare it with Firestore's point-in-time recovery.",
                operation="get_object",
                target=name,
            )
        return lines_of(content.decode())

    def _copy(self, source: str, target: str, etag: str | None, expected: Expected | None = None) -> None:
        """Copies and verifies the copy: by size and ETag where ETags are comparable, else by reading both."""
        copied = self._writer.copy(source, target, source_etag=etag, expected=expected)
        plain = "-" not in copied.etag and (etag is None or "-" not in etag)
        if plain and (etag is None or copied.etag == etag):
            return
        if not same(self._reader, source, target):
            raise Unreachable(
                "A copy differs from its source; it is made again.", operation="copy_object", target=source
            )


def empty(purging: Purging, prefix: str) -> int:
    """Deletes everything below one quarantine; returns the number of keys. Raises when a key cannot be deleted."""
    if not prefix.startswith(QUARANTINES) or len(prefix.split("/")) != 4 or not prefix.endswith("/"):
        raise ValueError("not the prefix of one quarantine")
    count = 0
    for page in purging.stores.objects.list_pages(prefix):
        keys = page.frame["key"].tolist()
        if keys:
            confirm_deleted(purging.writers.objects, keys)
            count += len(keys)
    return count


def confirm_deleted(writer: ObjectWriter, keys: Sequence[str]) -> None:
    """Deletes keys, more slowly where the store asks for it; raises unless the store confirmed each one."""
    error = writer.delete(keys).first_error()
    if error is not None:
        raise error


@dataclass(frozen=True, slots=True)
class Record:
    """Keys and paths by their outcome, as far as the journal goes.

    `begun` are those of a batch that was begun and has no end: some of them may be deleted. `digests` has the SHA-256
    of each file of documents in the quarantine, by batch, `rows` that of the desk's own rows, empty for none.
    """

    deleted_keys: tuple[str, ...] = ()
    deleted_paths: tuple[str, ...] = ()
    spared_keys: frozenset[str] = frozenset()
    spared_paths: frozenset[str] = frozenset()
    begun_keys: frozenset[str] = frozenset()
    begun_paths: frozenset[str] = frozenset()
    digests: Mapping[int, str] = field(default_factory=dict)
    rows: str = ""

    def taken_keys(self) -> frozenset[str]:
        """The objects that the job deleted or may have deleted."""
        return self.begun_keys.union(self.deleted_keys)

    def taken_paths(self) -> frozenset[str]:
        """The documents that the job deleted or may have deleted."""
        return self.begun_paths.union(self.deleted_paths)


def record_of(jobs: Jobs, job_id: str, plan: PurgePlan, *, erase: bool) -> Record:
    """Reads the journal of a purge; the journal counts by the order of the plan's names."""
    reader = _Reader(plan, erase=erase)
    for entry in jobs.journal(job_id):
        reader.take(entry)
    return Record(
        deleted_keys=tuple(reader.keys.deleted),
        deleted_paths=tuple(reader.paths.deleted),
        spared_keys=frozenset(reader.keys.moved),
        spared_paths=frozenset(reader.paths.moved),
        begun_keys=frozenset(reader.keys.begun),
        begun_paths=frozenset(reader.paths.begun),
        digests=reader.digests,
        rows=reader.rows,
    )


class _Outcomes:
    """Names sorted by what the journal's entries say of their positions."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.moved: list[str] = []
        self.begun: list[str] = []

    def begin(self, names: Sequence[str], seen: Mapping[str, Any]) -> None:
        spared = {*seen.get("absent", ()), *seen.get("moved", ())}
        self.begun = [name for position, name in enumerate(names) if position not in spared]

    def end(self, names: Sequence[str], entry: Mapping[str, Any]) -> None:
        absent, moved = set(entry["absent"]), set(entry["moved"])
        self.begun = []
        for position, name in enumerate(names):
            if position in moved:
                self.moved.append(name)
            elif position not in absent:
                self.deleted.append(name)


class _Reader:
    def __init__(self, plan: PurgePlan, *, erase: bool) -> None:
        self.keys, self.paths = _Outcomes(), _Outcomes()
        self.digests: dict[int, str] = {}
        self.rows = ""
        self._names: dict[str, list[list[str]]] = {
            "objects": [[item.key for item in batch] for batch in object_batches(plan, erase=erase)],
            "slugs": [[item.path for item in batch] for batch in slug_batches(plan)],
            "documents": [[item.path for item in batch] for batch in document_batches(plan)],
        }
        self._shelves = {"objects": self.keys, "slugs": self.paths, "documents": self.paths}

    def take(self, entry: Mapping[str, Any]) -> None:
        """Takes one entry; the caller gives them in the order of the journal."""
        step, phase = entry.get("step", ""), entry.get("phase")
        if step == "save" and phase == "end":
            self.digests[int(entry["batch"])] = str(entry["sha256"])
        if step == SAVE_ROWS and phase == "end":
            self.rows = str(entry.get("sha256") or "")
        if step not in self._shelves:
            return
        names, shelves = self._names[step][int(entry["batch"])], self._shelves[step]
        if phase == "end":
            shelves.end(names, entry)
        else:
            shelves.begin(names, entry["seen"])
