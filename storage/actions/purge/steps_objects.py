"""The steps of a purge that take objects away: unfinished uploads first, then the objects, copied before if they stay
undoable. Each key's own result counts; what is not as the plan shows it is left alone."""

from __future__ import annotations

from collections.abc import Sequence

from storage.actions.purge.context import Purging
from storage.actions.purge.engine import Note, Outcome, Seen
from storage.actions.purge.ledger import Ledger
from storage.actions.purge.presence import Presence, look_at
from storage.actions.purge.quarantine import Quarantine, confirm_deleted
from storage.clients.r2_transfer import ContextThreads
from storage.domain.model import MultipartUpload
from storage.domain.purge.job import Tally
from storage.domain.purge.order import KEPT_BATCH, object_batches, upload_batches
from storage.domain.purge.places import all_prefixes
from storage.domain.purge.plan import PlannedObject, PurgePlan

COPY_THREADS = 16  # three calls for each object, over half of the connections that the client keeps


class AbortUploads:
    """Ends the multipart uploads that were begun in the scope, so that none of them completes later."""

    name = "uploads"

    def __init__(self, purging: Purging, ledger: Ledger, plan: PurgePlan) -> None:
        self._writer = purging.writers.objects
        self._ledger = ledger
        self._batches = upload_batches(plan)

    def batches(self) -> int:
        """How many batches there are."""
        return len(self._batches)

    def look(self, batch: int) -> Seen:
        """Nothing to see: an abort of what is gone is harmless and says so."""
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> Outcome:
        """Aborts them one by one; one that is gone after a beginning was aborted by it."""
        aborted = 0
        for upload in self._batches[batch]:
            self._ledger.hold()
            there = self._writer.abort_upload(MultipartUpload(upload.key, upload.upload_id, None))
            aborted += there or again
        gone = len(self._batches[batch]) - aborted
        return Outcome(Tally(uploads=aborted, already_gone=gone), {"aborted": aborted, "gone": gone})


class EraseObjects:
    """Deletes objects for good. What was gone before a batch is told from what went with it by a look before it."""

    name = "objects"

    def __init__(self, purging: Purging, ledger: Ledger, plan: PurgePlan) -> None:
        self._purging = purging
        self._ledger = ledger
        self._batches = object_batches(plan, erase=True)
        self._prefixes = all_prefixes(plan.scope, purging.stores.layout)

    def batches(self) -> int:
        """How many batches there are."""
        return len(self._batches)

    def look(self, batch: int) -> Seen:
        """Which of the batch are gone already or changed."""
        seen = look_at(self._purging.stores.objects, self._batches[batch], self._prefixes)
        return {"absent": list(seen.absent), "moved": list(seen.moved)}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> Outcome:
        """Deletes what is as it was seen."""
        items = self._batches[batch]
        before = Presence(tuple(seen["absent"]), tuple(seen["moved"]))
        now = look_at(self._purging.stores.objects, items, self._prefixes) if again else before
        moved = sorted({*before.moved, *now.moved})
        doomed = [items[position].key for position in now.as_seen(len(items)) if position not in before.moved]
        if doomed:
            self._ledger.hold()
            confirm_deleted(self._purging.writers.objects, doomed)
        return _outcome(items, before.absent, moved)


class KeepObjects:
    """Copies objects to the quarantine, verifies each copy, looks again, and only then deletes."""

    name = "objects"

    def __init__(self, purging: Purging, ledger: Ledger, plan: PurgePlan, job_id: str) -> None:
        self._purging = purging
        self._ledger = ledger
        self._quarantine = Quarantine(purging, job_id)
        self._batches = object_batches(plan, erase=False)
        self._prefixes = all_prefixes(plan.scope, purging.stores.layout)

    def batches(self) -> int:
        """How many batches there are."""
        return len(self._batches)

    def look(self, batch: int) -> Seen:
        """Nothing: whether this job took an object away shows by its copy."""
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> Outcome:
        """Copies all, deletes what is still as it was copied. An object that is gone and has a copy went before."""
        items, first = self._batches[batch], batch * KEPT_BATCH

        def keep(position: int) -> str:
            self._ledger.hold()
            return self._quarantine.keep(first + position, items[position])

        with ContextThreads(max_workers=COPY_THREADS) as threads:
            kept = list(threads.map(keep, range(len(items))))
        ready = [position for position, word in enumerate(kept) if word == "kept"]
        now = look_at(self._purging.stores.objects, [items[position] for position in ready], self._prefixes)
        self._ledger.hold()
        doomed = [items[ready[index]].key for index in now.as_seen(len(ready))]
        if doomed:
            confirm_deleted(self._purging.writers.objects, doomed)
        absent = [position for position, word in enumerate(kept) if word == "absent"]
        if again:  # what has a copy went with this job: before, or by a call of the former worker that was under way
            absent = [position for position in absent if not self._quarantine.holds(first + position, items[position])]
        else:
            absent += [ready[index] for index in now.absent]
        moved = [position for position, word in enumerate(kept) if word == "moved"]
        moved += [ready[index] for index in now.moved]
        return _outcome(items, sorted(absent), sorted(moved))


def _outcome(items: Sequence[PlannedObject], absent: Sequence[int], moved: Sequence[int]) -> Outcome:
    spared = {*absent, *moved}
    taken = [item.size_bytes for position, item in enumerate(items) if position not in spared]
    tally = Tally(objects=len(taken), bytes=sum(taken), already_gone=len(absent), left_alone=len(moved))
    return Outcome(tally, {"count": len(items), "absent": list(absent), "moved": list(moved)})
