"""The steps of an undo: it restores objects, documents (parents first, public links last) and counters, looks at all
of it, and empties the quarantine once everything is back.

The look compares every object with the plan and every document field by field; each difference is residue.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from storage.actions.documents import Restore
from storage.actions.object_conditions import NOTHING
from storage.actions.purge.context import SETTLING_SECONDS, Purging
from storage.actions.purge.counters import set_counters
from storage.actions.purge.engine import BatchOutcome, Note, Seen
from storage.actions.purge.lease import JobLease
from storage.actions.purge.quarantine import Quarantine, Record, empty
from storage.actions.purge.steps import Single
from storage.actions.purge.survey import look_at
from storage.clients.threads import ContextThreads
from storage.domain.purge.counters import COUNTERS
from storage.domain.purge.job import JobTally, shortened
from storage.domain.purge.plan import KEPT_BATCH, PlannedObject, PurgePlan, object_batches, saving_batches
from storage.domain.purge.scope import all_prefixes, kept_documents, quarantine_prefix
from storage.errors import Stale
from storage.repositories.decode import document_from_json, relative_path
from storage.repositories.queries import Subtree

COPY_THREADS = 16  # three calls for each object, over half of the connections that the client keeps open
COMMIT_BYTES = 4 * 1_048_576  # of documents in one commit; Firestore takes 10 MiB
COMMIT_DOCUMENTS = 100
NOT_PROMISED = (
    "This bucket keeps no conditions on copies: what the product writes at an object's place between the look and the "
    "copy is overwritten, and nobody would see it."
)


class ProveRestored:
    """Looks for everything that the purge took: each object as it was seen, each document with its fields."""

    name = "look"

    def __init__(self, purging: Purging, lease: JobLease, plan: PurgePlan, record: Record, of: str) -> None:
        self._purging = purging
        self._lease = lease
        self._plan = plan
        self._record = record
        self._quarantine = Quarantine(purging, of)

    def batches(self) -> int:
        return 1

    def look(self, batch: int) -> Seen:
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """The residue of the undo is what is missing or differs from before."""
        self._wait_for_late_deletion()
        wrong = [*self._objects(), *self._documents()]
        return BatchOutcome(entry={"wrong": shortened(wrong)}, changes={"residue": tuple(shortened(wrong))})

    def _wait_for_late_deletion(self) -> None:
        """Waits where the purge's worker was cut off in a batch of objects: a deletion that it sent may still arrive.

        Everything is restored by now, but the copies go only after a look that no such deletion can follow. The worker
        sent it before this undo was created.
        """
        if self._record.begun_keys:
            settled = self._lease.job.created_at + timedelta(seconds=SETTLING_SECONDS)
            left = (settled - self._lease.now()).total_seconds()
            if left > 0:
                self._purging.progress(f"{self.name}: a deletion may still be on its way; looking in {left:.0f} s.")
                self._purging.wait(left)

    def _objects(self) -> Iterator[str]:
        numbers = self._quarantine.numbers()
        taken, sure = self._record.taken_keys(), frozenset(self._record.deleted_keys)
        prefixes = all_prefixes(self._plan.scope, self._purging.stores.layout)
        for index, batch in enumerate(object_batches(self._plan, erase=False)):
            presence = look_at(self._purging.stores.objects, batch, prefixes)
            first = index * KEPT_BATCH
            for position in presence.absent:
                key = batch[position].key
                if key in sure or (first + position in numbers and key in taken):
                    yield f"object missing: {key}"
            for position in presence.moved:
                item = batch[position]
                if first + position in numbers and item.key in sure and not self._same_content(first + position, item):
                    yield f"object is another: {item.key}"

    def _same_content(self, number: int, item: PlannedObject) -> bool:
        """Whether they are equal. A copy of a multipart object gets another ETag; then the bytes decide."""
        return "-" in item.etag and self._quarantine.same_as_kept(number, item)

    def _documents(self) -> Iterator[str]:
        tree = Subtree(self._purging.stores.handle)
        taken, sure = self._record.taken_paths(), frozenset(self._record.deleted_paths)
        for batch, digest in sorted(self._record.digests.items()):
            lines = self._quarantine.read_documents(kept_documents(self._quarantine.job_id, batch), digest)
            kept = {path: line for line in lines if (path := path_of(line)) in taken}
            for path, there in tree.messages(list(kept)).items():
                if there is None:
                    yield f"document missing: {path}"
                elif path in sure and not same_fields(kept[path], there):
                    yield f"document is another: {path}"


def same_fields(line: str, there: Any) -> bool:
    """Whether a document in Firestore has exactly the fields of one in the quarantine.

    Counters may differ: an undo makes them true, and the product goes on counting.
    """
    kept, now = (
        {name: cell for name, cell in document.fields.items() if name not in COUNTERS}
        for document in (document_from_json(line), there)
    )
    return kept == now


def path_of(line: str) -> str:
    """The path of a document in the quarantine."""
    return relative_path(document_from_json(line).name)


class RestoreObjects:
    """Copies objects back to their places, unless something new is there."""

    name = "objects back"

    def __init__(self, purging: Purging, lease: JobLease, plan: PurgePlan, record: Record, of: str) -> None:
        self._purging = purging
        self._lease = lease
        self._taken = record.taken_keys()
        self._sure = frozenset(record.deleted_keys)
        self._quarantine = Quarantine(purging, of)
        self._batches = object_batches(plan, erase=False)
        self._numbers: frozenset[int] | None = None

    def batches(self) -> int:
        return len(self._batches)

    def look(self, batch: int) -> Seen:
        """Returns nothing: restoring what is there already is harmless."""
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """Restores only objects with a copy that the purge deleted, or may have deleted when it was interrupted."""
        if self._numbers is None:
            self._numbers = self._quarantine.numbers()
            if self._purging.writers.objects.conditions.dialect("copy", NOTHING) == "none":
                self._purging.progress(NOT_PROMISED)
        first = batch * KEPT_BATCH
        wanted = [
            (first + position, item)
            for position, item in enumerate(self._batches[batch])
            if first + position in self._numbers and item.key in self._taken
        ]

        def put_back(pair: tuple[int, PlannedObject]) -> str:
            self._lease.hold()
            return self._quarantine.put_back(*pair)

        with ContextThreads(max_workers=COPY_THREADS) as threads:
            words = list(threads.map(put_back, wanted))
        pairs = list(zip(wanted, words, strict=True))
        occupied = [item.key for (_, item), word in pairs if word == "occupied" and item.key in self._sure]
        sizes = [item.size_bytes for (_, item), word in pairs if word != "occupied"]
        tally = JobTally(objects=len(sizes), bytes=sum(sizes), left_alone=len(occupied))
        return BatchOutcome(tally, {"count": len(wanted), "occupied": shortened(occupied)})


class RestoreDocuments:
    """Writes documents back, field for field, where no document is now."""

    name = "documents back"

    def __init__(self, purging: Purging, lease: JobLease, plan: PurgePlan, record: Record, of: str) -> None:
        self._lease = lease
        self._digests = record.digests
        self._taken = record.taken_paths()
        self._sure = frozenset(record.deleted_paths)
        self._quarantine = Quarantine(purging, of)
        self._tree = Subtree(purging.stores.handle)
        self._batches = saving_batches(plan)

    def batches(self) -> int:
        """One for each file that the plan expected; a purge that was cancelled early wrote fewer."""
        return len(self._batches)

    def look(self, batch: int) -> Seen:
        """Returns nothing: a document that is there already with the same fields is left alone."""
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """Restores the documents of one file that the purge deleted, not those that it found gone or changed."""
        digest = self._digests.get(batch)
        if digest is None:
            return BatchOutcome(entry={"count": 0, "occupied": []})
        lines = self._quarantine.read_documents(kept_documents(self._quarantine.job_id, batch), digest)
        restored, occupied = 0, list[str]()
        for part in _cut([line for line in lines if path_of(line) in self._taken]):
            in_place, taken = self._restore(part)
            restored += in_place
            occupied += taken
        tally = JobTally(documents=restored, left_alone=len(occupied))
        return BatchOutcome(tally, {"count": restored, "occupied": shortened(occupied)})

    def _restore(self, lines: Sequence[str]) -> tuple[int, list[str]]:
        """One commit. Where a document exists already, the rest goes in another; returns how many are in place."""
        missing, occupied = list(lines), list[str]()
        while missing:
            try:
                self._lease.commit([Restore(line) for line in missing], operation="Restoring")
                break
            except Stale:
                missing, taken = self._sort(missing)
                occupied += taken
        return len(lines) - len(occupied), occupied

    def _sort(self, lines: Sequence[str]) -> tuple[list[str], list[str]]:
        """The lines of documents that are still missing, and the paths that hold another document now."""
        found = self._tree.messages([path_of(line) for line in lines])
        missing = [line for line in lines if found[path_of(line)] is None]
        there = [line for line in lines if found[path_of(line)] is not None]
        changed = [path_of(line) for line in there if not same_fields(line, found[path_of(line)])]
        return missing, [path for path in changed if path in self._sure]


class RecountAll(Single):
    """Corrects the counters: user, accounting, and the videos that lost or regained clips."""

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """Counts the clip documents as they are now."""
        scope = self.plan.scope
        below = (item.path.split("/") for item in self.plan.documents)
        videos = sorted({parts[3] for parts in below if len(parts) >= 4 and parts[2] == "videos"})
        self.lease.hold()
        changed = set_counters(self.purging.stores, self.purging.writers.documents, scope.uid, videos)
        rows = [{"path": c.path, "field": c.field, "before": c.before, "after": c.after} for c in changed]
        return BatchOutcome(entry={"changed": rows})


class EmptyQuarantine:
    """Empties the quarantine that an undo restored from, or that has expired."""

    name = "empty"

    def __init__(self, purging: Purging, lease: JobLease) -> None:
        self._purging = purging
        self._lease = lease

    def batches(self) -> int:
        """One; emptying a half-empty quarantine again is harmless."""
        return 1

    def look(self, batch: int) -> Seen:
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """Empties it unless something could not be restored: then the quarantine stays until it expires."""
        job = self._lease.job
        if job.kind == "undo" and job.residue:
            return BatchOutcome(entry={"emptied": 0})
        self._lease.hold()
        count = empty(self._purging, quarantine_prefix(job.of))
        return BatchOutcome(JobTally(objects=count) if job.kind == "empty" else JobTally(), {"emptied": count})


def _cut(lines: Sequence[str]) -> Iterator[list[str]]:
    """Parts that fit into a commit. Older quarantines hold text without escapes: a character may take four bytes."""
    part: list[str] = []
    size = 0
    for line in lines:
        length = len(line.encode())
        if part and (len(part) >= COMMIT_DOCUMENTS or size + length > COMMIT_BYTES):
            yield part
            part, size = [], 0
        part.append(line)
        size += length
    if part:
        yield part
