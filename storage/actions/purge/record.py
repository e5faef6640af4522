"""What a job's journal says was done: each deletion once, and what was found gone or left alone instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from storage.domain.purge.order import document_batches, object_batches, saving_batches, slug_batches
from storage.domain.purge.plan import PurgePlan
from storage.repositories.jobs import Jobs


@dataclass(frozen=True, slots=True)
class Record:
    """Keys and paths by what became of them, as far as the journal goes.

    `begun` are those of a batch that was begun and has no end: some of them may be deleted. `digests` has the SHA-256
    of each file of documents in the quarantine, by batch.
    """

    deleted_keys: tuple[str, ...] = ()
    deleted_paths: tuple[str, ...] = ()
    spared_keys: frozenset[str] = frozenset()
    spared_paths: frozenset[str] = frozenset()
    begun_keys: frozenset[str] = frozenset()
    begun_paths: frozenset[str] = frozenset()
    digests: Mapping[int, str] = field(default_factory=dict)

    def taken_keys(self) -> frozenset[str]:
        """The objects that the job deleted, or may have."""
        return self.begun_keys.union(self.deleted_keys)

    def taken_paths(self) -> frozenset[str]:
        """The documents that the job deleted, or may have."""
        return self.begun_paths.union(self.deleted_paths)


def record_of(jobs: Jobs, job_id: str, plan: PurgePlan, *, erase: bool) -> Record:
    """Reads the journal of a purge; the plan gives the names that it counts by."""
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
    )


class _Shelves:
    """Names sorted by what entries say of their positions."""

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
        self.keys, self.paths = _Shelves(), _Shelves()
        self.digests: dict[int, str] = {}
        self._names: dict[str, list[list[str]]] = {
            "objects": [[item.key for item in batch] for batch in object_batches(plan, erase=erase)],
            "slugs": [[item.path for item in batch] for batch in slug_batches(plan)],
            "documents": [[item.path for item in batch] for batch in document_batches(plan)],
        }
        self._shelves = {"objects": self.keys, "slugs": self.paths, "documents": self.paths}

    def take(self, entry: Mapping[str, Any]) -> None:
        """One entry, in the order of the journal."""
        step, phase = entry.get("step", ""), entry.get("phase")
        if step == "save" and phase == "end":
            self.digests[int(entry["batch"])] = str(entry["sha256"])
        if step not in self._shelves:
            return
        names, shelves = self._names[step][int(entry["batch"])], self._shelves[step]
        if phase == "end":
            shelves.end(names, entry)
        else:
            shelves.begin(names, entry["seen"])


def saved_batches(plan: PurgePlan, record: Record) -> list[int]:
    """The files of documents that the quarantine has."""
    return [batch for batch in range(len(saving_batches(plan))) if batch in record.digests]
