"""The steps of a purge: unfinished uploads, objects, documents, counters, older quarantines, and the proof.

Each object and document is removed only if it is as the plan shows it; an undoable purge copies it to the quarantine
first. A commit of documents is all or nothing: where a precondition fails, the step reads the documents, notes in the
journal what is gone or changed, and puts the rest into another commit. A document stays when something below it or
named by it was left alone, so that no remaining document loses its parent. For objects the result of each key counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from storage.actions import undoable
from storage.actions.documents import Delete, Update
from storage.actions.purge.context import Purging
from storage.actions.purge.counters import set_counters
from storage.actions.purge.engine import BatchOutcome, Note, Seen
from storage.actions.purge.lease import JobLease
from storage.actions.purge.quarantine import Quarantine, confirm_deleted, empty
from storage.actions.purge.survey import Presence, compare, look_at, snapshot, survey
from storage.actions.undoable import Recorded
from storage.clients.threads import ContextThreads
from storage.domain.documents import MultipartUpload
from storage.domain.layout import Layout
from storage.domain.purge.erased import certificate_without_names, counted
from storage.domain.purge.inventory import Inventory
from storage.domain.purge.job import Job, JobTally, Proof, certificate, shortened, what_outlives
from storage.domain.purge.plan import (
    KEPT_BATCH,
    SLUGS,
    PlannedDocument,
    PlannedObject,
    PurgePlan,
    above,
    object_batches,
    saving_batches,
    upload_batches,
)
from storage.domain.purge.scope import (
    Scope,
    all_prefixes,
    certificate_key,
    kept_documents,
    neighbours_key,
    points_into,
    quarantine_prefix,
)
from storage.errors import Stale, Unusable
from storage.repositories.decode import decode_time, document_from_json, document_to_json, relative_path
from storage.repositories.queries import Subtree

THREADS = 8


MAX_NEIGHBOURS_BYTES = 16 * 1_048_576
COPY_THREADS = 16  # three calls for each object, over half of the connections that the client keeps open


@dataclass(slots=True)
class LeftAlone:
    """What this job found changed and did not touch, collected from its journal and its own steps."""

    keys: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)

    def needed(self, uid: str, layout: Layout) -> set[str]:
        """The documents that must stay because of it: all of its ancestors."""
        stay = {parent for path in self.paths for parent in above(path)}
        for key in self.keys:
            video_id = layout.parse(key).video_id
            stay |= {f"users/{uid}", f"users/{uid}/videos/{video_id}"}
        return stay


class SaveDocuments:
    """Writes every document to the quarantine, parents first, as JSON without loss; deletes nothing."""

    name = "save"

    def __init__(self, purging: Purging, plan: PurgePlan, job_id: str) -> None:
        self._tree = Subtree(purging.stores.handle)
        self._quarantine = Quarantine(purging, job_id)
        self._batches = saving_batches(plan)

    def batches(self) -> int:
        return len(self._batches)

    def look(self, batch: int) -> Seen:
        """Returns nothing: a second writing of a file is harmless."""
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """Reads a batch and writes it; leaves out what is gone or changed, which is not deleted later either."""
        items = self._batches[batch]
        found = self._tree.messages([item.path for item in items])
        absent, moved = _compare(items, found)
        lines = [_exact(found[items[position].path]) for position in _rest(items, absent, moved)]
        digest = self._quarantine.write_documents(kept_documents(self._quarantine.job_id, batch), lines)
        return BatchOutcome(entry={"count": len(lines), "absent": absent, "moved": moved, "sha256": digest})


class DeleteDocuments:
    """Deletes documents in batches, with a precondition for each."""

    def __init__(
        self,
        name: str,
        purging: Purging,
        lease: JobLease,
        plan: PurgePlan,
        batches: Sequence[Sequence[PlannedDocument]],
        left_alone: Callable[[], LeftAlone],
    ) -> None:
        self.name = name
        self._purging = purging
        self._lease = lease
        self._plan = plan
        self._tree = Subtree(purging.stores.handle)
        self._batches = batches
        self._left_alone = left_alone

    def batches(self) -> int:
        return len(self._batches)

    def look(self, batch: int) -> Seen:
        """Which documents must stay because of what was left alone; the commit itself checks the versions."""
        items = self._batches[batch]
        return {"absent": [], "moved": sorted({*self._protected(items), *self._links_of_others(items)})}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """Deletes the rest of the batch in one commit; the module's docstring says what happens when that fails."""
        items = self._batches[batch]
        absent, moved = list(seen["absent"]), list(seen["moved"])
        if again:
            rest = _rest(items, absent, moved)
            found = self._tree.messages([items[position].path for position in rest])
            if rest and not any(found.values()):
                return self._outcome(items, absent, moved)  # a commit is all or nothing: this one was done
        while rest := _rest(items, absent, moved):
            changes = [Delete(items[position].path, items[position].update_time) for position in rest]
            try:
                self._lease.commit(changes, operation="Deleting documents")
                break
            except Stale:
                found = self._tree.messages([items[position].path for position in rest])
                gone, other = _compare([items[position] for position in rest], found)
                if not gone and not other:
                    continue  # contention, not a change
                if again and len(gone) == len(rest):
                    break  # the commit of the former worker, which was still under way, has been applied
                absent += [rest[index] for index in gone]
                moved += [rest[index] for index in other]
                note({"absent": sorted(absent), "moved": sorted(moved)})
        return self._outcome(items, absent, moved)

    def _outcome(self, items: Sequence[PlannedDocument], absent: list[int], moved: list[int]) -> BatchOutcome:
        self._left_alone().paths.update(items[position].path for position in moved)
        tally = JobTally(
            documents=len(items) - len(absent) - len(moved), already_gone=len(absent), left_alone=len(moved)
        )
        return BatchOutcome(tally, {"count": len(items), "absent": sorted(absent), "moved": sorted(moved)})

    def _protected(self, items: Sequence[PlannedDocument]) -> list[int]:
        left = self._left_alone()
        stay = left.needed(self._plan.scope.uid, Layout(self._plan.target.key_prefix))
        parents = [item.path for item in items if _is_parent(item.path, clips=bool(self._plan.scope.clips))]
        with ContextThreads(max_workers=THREADS) as threads:
            below = list(threads.map(self._purging.stores.records.children, parents))
        stay |= {path for path, collections in zip(parents, below, strict=True) if collections}
        if left.keys:
            stay |= self._documents_naming(left.keys, [item.path for item in items if item.path not in stay])
        return [position for position, item in enumerate(items) if item.path in stay]

    def _links_of_others(self, items: Sequence[PlannedDocument]) -> Iterator[int]:
        """Positions of public links whose own documents lead elsewhere: not this scope's, whatever the plan says."""
        at = {item.path: position for position, item in enumerate(items) if item.path.startswith(SLUGS)}
        for path, link in self._tree.at(list(at)).items() if at else ():
            if link is not None and not points_into(self._plan.scope, link.fields):
                yield at[path]

    def _documents_naming(self, keys: set[str], paths: list[str]) -> set[str]:
        """The documents among `paths` that name one of the keys."""
        found = self._tree.at(paths)
        return {
            path
            for path, document in found.items()
            if document is not None
            and any(isinstance(value, str) and value in keys for value in document.fields.values())
        }


def _exact(document: Any) -> str:
    """The document in the form of the quarantine; `Unusable` for one that an undo would not restore identically.

    A value of a type that only a later version of Firestore knows would otherwise be lost in silence.
    """
    line = document_to_json(document)
    try:
        back = document_from_json(line)
    except ValueError:
        back = None
    if back is None or back.SerializeToString(deterministic=True) != document.SerializeToString(deterministic=True):
        raise Unusable(
            "A document holds a value that this version of the desk could not restore.",
            remedy="Nothing was deleted. Use a version of the desk that knows the value, or erase the document.",
            operation="Saving documents",
            target=relative_path(document.name),
        )
    return line


def _is_parent(path: str, *, clips: bool) -> bool:
    """Users and videos, which have many documents below them; clips only where few of them go."""
    parts = path.split("/")
    return parts[0] == "users" and (
        len(parts) == 2 or (parts[2] == "videos" and len(parts) in ((4, 6) if clips else (4,)))
    )


def _rest(items: Sequence[PlannedDocument], *spared: Iterable[int]) -> list[int]:
    left_out = {position for positions in spared for position in positions}
    return [position for position in range(len(items)) if position not in left_out]


def _compare(items: Sequence[PlannedDocument], found: dict[str, Any]) -> tuple[list[int], list[int]]:
    """The positions of the documents that are gone, and of those that exist in another version."""
    absent, moved = [], []
    for position, item in enumerate(items):
        document = found[item.path]
        if document is None:
            absent.append(position)
        elif decode_time(document.update_time) != item.update_time:
            moved.append(position)
    return absent, moved


@dataclass(frozen=True, slots=True)
class Single:
    """A step of one batch that notes nothing before it."""

    name: str
    purging: Purging
    lease: JobLease
    plan: PurgePlan

    def batches(self) -> int:
        return 1

    def look(self, batch: int) -> Seen:
        return {}


class NoteNeighbours(Single):
    """Notes what lies beside the scope before anything goes, for the proof."""

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        beside = snapshot(self.purging.stores, self.plan)
        content = json.dumps(beside, sort_keys=True).encode()
        self.purging.writers.objects.put(neighbours_key(self.lease.job.job_id), content, "application/json")
        return BatchOutcome(entry={"neighbours": len(beside)})


class SetCounters(Single):
    """Corrects the counters that the removal of the scope made wrong."""

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """A user's own counters go with the user; a smaller purge counts user, accounting and the clips' videos."""
        scope = self.plan.scope
        if scope.kind == "user":
            return BatchOutcome(entry={"changed": []})
        videos = scope.video_ids if scope.clips else ()
        self.lease.hold()
        changed = set_counters(self.purging.stores, self.purging.writers.documents, scope.uid, videos)
        rows = [{"path": c.path, "field": c.field, "before": c.before, "after": c.after} for c in changed]
        return BatchOutcome(entry={"changed": rows})


class EmptyEarlier(Single):
    """When erasing: empties what earlier purges and repairs within the same scope still keep."""

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """Goes job by job; marks each quarantine as empty before it empties it, so that no undo begins."""
        emptied = []
        for job in self.purging.jobs.of_user(self.plan.scope.uid):
            if job.quarantine in {"kept", "emptied"} and self.plan.scope.covers(job.scope) and job.kind == "purge":
                self._close(job)
                self.lease.hold()
                count = empty(self.purging, quarantine_prefix(job.job_id))
                emptied.append({"job_id": job.job_id, "objects": count})
        replaced = 0
        for change in undoable.of_user(self.purging.stores, self.plan.scope.uid):
            if self._covers(change):
                self.lease.hold()
                undoable.empty_kept(self.purging.writers, change)
                replaced += len(change.rows)
        return BatchOutcome(entry={"emptied": emptied, "replaced": replaced})

    def _covers(self, change: Recorded) -> bool:
        """Whether the scope covers what a repair replaced and keeps."""
        planned = {item.key for item in self.plan.objects}
        whole = change.video_id and self.plan.scope.covers(Scope.of(change.uid, change.video_id))
        kept = any(row.kept is not None for row in change.rows)
        return kept and (bool(whole) or any(row.key in planned for row in change.rows))

    def _close(self, job: Job) -> None:
        while job.quarantine == "kept":
            try:
                self.lease.commit(
                    [Update(job.path, {"quarantine": "emptied", "address": ""}, job.update_time)],
                    operation="Closing a quarantine",
                )
                return
            except Stale:
                job = self.purging.jobs.get(job.job_id)


class Prove(Single):
    """Reads everything again: what of the scope is left, and whether the neighbours are there."""

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """Writes the proof to the journal and into the certificate, and its lists to the job."""
        proof, now, job = self.proof(), self.lease.now(), self.lease.job
        public_url = self.purging.stores.settings.r2.public_url
        never_seen = None if self.plan.claims is None else len(proof.never_seen)
        outlives = what_outlives(job, wider=self._wider_purges(), public_url=public_url, never_seen=never_seen)
        issued, disturbed = certificate(job, proof, outlives, now, self.plan.claims), shortened(proof.disturbed)
        if job.erase and not proof.residue:
            issued, disturbed = certificate_without_names(issued), list(counted(disturbed))
        content = json.dumps(issued, indent=1).encode()
        self.purging.writers.objects.put(certificate_key(job.job_id), content, "application/json")
        lists = {"residue": tuple(shortened(proof.residue)), "disturbed": tuple(disturbed)}
        return BatchOutcome(entry={"proof": proof.as_dict()}, changes={**lists, "finished_at": now})

    def _wider_purges(self) -> list[str]:
        """The earlier purges of a wider scope whose quarantines hold copies of this one."""
        scope = self.plan.scope
        jobs = self.purging.jobs.of_user(scope.uid)
        wider = [job for job in jobs if job.job_id != self.lease.job.job_id and job.scope.covers(scope)]
        return [job.job_id for job in wider if job.quarantine == "kept" and not scope.covers(job.scope)]

    def proof(self) -> Proof:
        """Surveys the scope as for a plan, and compares the neighbours with the note of the beginning."""
        purging, plan = self.purging, self.plan
        now = purging.now()
        inventory = survey(purging.stores, plan.scope, purging.limits, now, purging.progress)
        kept = purging.stores.objects.get_bytes(neighbours_key(self.lease.job.job_id), MAX_NEIGHBOURS_BYTES)
        beside: Mapping[str, Any] = json.loads(kept)
        return Proof(
            read_at=now,
            prefixes=all_prefixes(plan.scope, purging.stores.layout),
            objects_left=len(inventory.objects),
            documents_left=len(inventory.documents),
            uploads_left=len(inventory.uploads),
            residue=residue(inventory),
            neighbours=len(beside),
            disturbed=compare(purging.stores, plan, beside),
            never_seen=plan.claims.missing if plan.claims is not None else (),
        )


def residue(inventory: Inventory) -> tuple[str, ...]:
    """What is left of the scope, one line for each."""
    lines = [f"object: {item.key}" for item in inventory.objects]
    lines += [f"document: {item.path}" for item in inventory.documents]
    return (*lines, *(f"unfinished upload: {item.key}" for item in inventory.uploads))


class AbortUploads:
    """Ends the multipart uploads that were begun in the scope, so that none of them completes later."""

    name = "uploads"

    def __init__(self, purging: Purging, lease: JobLease, plan: PurgePlan) -> None:
        self._writer = purging.writers.objects
        self._lease = lease
        self._batches = upload_batches(plan)

    def batches(self) -> int:
        return len(self._batches)

    def look(self, batch: int) -> Seen:
        """Returns nothing: an abort of an upload that is gone is harmless and says so."""
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """Aborts them one by one; an upload that is gone after an earlier beginning was aborted by it."""
        aborted = 0
        for upload in self._batches[batch]:
            self._lease.hold()
            there = self._writer.abort_upload(MultipartUpload(upload.key, upload.upload_id, None))
            aborted += there or again
        gone = len(self._batches[batch]) - aborted
        return BatchOutcome(JobTally(uploads=aborted, already_gone=gone), {"aborted": aborted, "gone": gone})


class EraseObjects:
    """Deletes objects for good. A look before each batch tells what was gone already from what it deleted."""

    name = "objects"

    def __init__(self, purging: Purging, lease: JobLease, plan: PurgePlan) -> None:
        self._purging = purging
        self._lease = lease
        self._batches = object_batches(plan, erase=True)
        self._prefixes = all_prefixes(plan.scope, purging.stores.layout)

    def batches(self) -> int:
        return len(self._batches)

    def look(self, batch: int) -> Seen:
        """Which objects of the batch are gone already or changed."""
        seen = look_at(self._purging.stores.objects, self._batches[batch], self._prefixes)
        return {"absent": list(seen.absent), "moved": list(seen.moved)}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """Deletes each object that is still as it was seen."""
        items = self._batches[batch]
        before = Presence(tuple(seen["absent"]), tuple(seen["moved"]))
        now = look_at(self._purging.stores.objects, items, self._prefixes) if again else before
        moved = sorted({*before.moved, *now.moved})
        doomed = [items[position].key for position in now.as_seen(len(items)) if position not in before.moved]
        if doomed:
            self._lease.hold()
            confirm_deleted(self._purging.writers.objects, doomed)
        return _outcome(items, before.absent, moved)


class KeepObjects:
    """Copies objects to the quarantine, verifies each copy, looks again, and only then deletes."""

    name = "objects"

    def __init__(self, purging: Purging, lease: JobLease, plan: PurgePlan, job_id: str) -> None:
        self._purging = purging
        self._lease = lease
        self._quarantine = Quarantine(purging, job_id)
        self._batches = object_batches(plan, erase=False)
        self._prefixes = all_prefixes(plan.scope, purging.stores.layout)

    def batches(self) -> int:
        return len(self._batches)

    def look(self, batch: int) -> Seen:
        """Returns nothing: the copy shows whether this job deleted an object."""
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """Copies all, deletes what still equals its copy. This job deleted each missing object that has a copy."""
        items, first = self._batches[batch], batch * KEPT_BATCH

        def keep(position: int) -> str:
            self._lease.hold()
            return self._quarantine.keep(first + position, items[position])

        with ContextThreads(max_workers=COPY_THREADS) as threads:
            kept = list(threads.map(keep, range(len(items))))
        ready = [position for position, word in enumerate(kept) if word == "kept"]
        now = look_at(self._purging.stores.objects, [items[position] for position in ready], self._prefixes)
        self._lease.hold()
        doomed = [items[ready[index]].key for index in now.as_seen(len(ready))]
        if doomed:
            confirm_deleted(self._purging.writers.objects, doomed)
        absent = [position for position, word in enumerate(kept) if word == "absent"]
        if again:  # this job deleted what has a copy: before, or by a late call of the former worker
            absent = [position for position in absent if not self._quarantine.holds(first + position, items[position])]
        else:
            absent += [ready[index] for index in now.absent]
        moved = [position for position, word in enumerate(kept) if word == "moved"]
        moved += [ready[index] for index in now.moved]
        return _outcome(items, sorted(absent), sorted(moved))


def _outcome(items: Sequence[PlannedObject], absent: Sequence[int], moved: Sequence[int]) -> BatchOutcome:
    spared = {*absent, *moved}
    taken = [item.size_bytes for position, item in enumerate(items) if position not in spared]
    tally = JobTally(objects=len(taken), bytes=sum(taken), already_gone=len(absent), left_alone=len(moved))
    return BatchOutcome(tally, {"count": len(items), "absent": list(absent), "moved": list(moved)})
