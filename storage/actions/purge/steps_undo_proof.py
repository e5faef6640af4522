"""The look at the end of an undo: every object as it was, every document field for field; what is not is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from storage.actions.purge.context import SETTLING_SECONDS, Purging
from storage.actions.purge.engine import Note, Outcome, Seen
from storage.actions.purge.ledger import Ledger
from storage.actions.purge.presence import look_at
from storage.actions.purge.quarantine import Quarantine
from storage.actions.purge.record import Record
from storage.domain.purge.certificate import shortened
from storage.domain.purge.counters import COUNTERS
from storage.domain.purge.order import KEPT_BATCH, object_batches
from storage.domain.purge.own_keys import kept_documents
from storage.domain.purge.places import all_prefixes
from storage.domain.purge.plan import PlannedObject, PurgePlan
from storage.repositories.decode import document_from_json, relative_path
from storage.repositories.subtree import Subtree


class ProveRestored:
    """Looks for everything that the purge took: each object as it was seen, each document there."""

    name = "look"

    def __init__(self, purging: Purging, ledger: Ledger, plan: PurgePlan, record: Record, of: str) -> None:
        self._purging = purging
        self._ledger = ledger
        self._plan = plan
        self._record = record
        self._quarantine = Quarantine(purging, of)

    def batches(self) -> int:
        """Always one."""
        return 1

    def look(self, batch: int) -> Seen:
        """Nothing."""
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> Outcome:
        """What is missing or other than it was is the residue of the undo."""
        self._let_settle()
        wrong = [*self._objects(), *self._documents()]
        return Outcome(entry={"wrong": shortened(wrong)}, changes={"residue": tuple(shortened(wrong))})

    def _let_settle(self) -> None:
        """Where the purge's worker was cut off in a batch of objects, a deletion that it had sent may come still.

        Everything is back by now; but its copies are given up only after a look that such a deletion cannot follow. It
        was sent before this undo was created.
        """
        if self._record.begun_keys:
            settled = self._ledger.job.created_at + timedelta(seconds=SETTLING_SECONDS)
            left = (settled - self._ledger.now()).total_seconds()
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
                if first + position in numbers and item.key in sure and not self._alike(first + position, item):
                    yield f"object is another: {item.key}"

    def _alike(self, number: int, item: PlannedObject) -> bool:
        """An object that was uploaded in parts gets another ETag by copying; then the bytes decide."""
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
