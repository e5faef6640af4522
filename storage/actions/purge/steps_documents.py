"""The steps of a purge that keep and delete documents, each under the condition that it is as the plan shows it.

A commit is all or nothing. When its condition fails, the documents are read, what is gone or changed is noted in the
journal, and the rest goes in another commit. A document stays when something that was left alone hangs below it or
is named by it, so that nothing that lives on loses the map to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from storage.actions.documents import Delete
from storage.actions.purge.context import Purging
from storage.actions.purge.engine import Note, Outcome, Seen
from storage.actions.purge.ledger import Ledger
from storage.actions.purge.quarantine import Quarantine
from storage.clients.r2_transfer import ContextThreads
from storage.domain.layout import Layout
from storage.domain.purge.job import Tally
from storage.domain.purge.order import SLUGS, above, saving_batches
from storage.domain.purge.own_keys import kept_documents
from storage.domain.purge.places import points_into
from storage.domain.purge.plan import PlannedDocument, PurgePlan
from storage.errors import Stale, Unusable
from storage.repositories.decode import decode_time, document_from_json, document_to_json, relative_path
from storage.repositories.subtree import Subtree

THREADS = 8


@dataclass(slots=True)
class LeftAlone:
    """What this job found changed and did not touch, gathered from its journal and its own steps."""

    keys: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)

    def needed(self, uid: str, layout: Layout) -> set[str]:
        """The documents that must stay because of it: all that it hangs below."""
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
        """How many batches there are."""
        return len(self._batches)

    def look(self, batch: int) -> Seen:
        """Nothing: writing a file again is harmless."""
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> Outcome:
        """Reads a batch and writes it; what is gone or changed is left out, and will not be deleted either."""
        items = self._batches[batch]
        found = self._tree.messages([item.path for item in items])
        absent, moved = _compare(items, found)
        lines = [_exact(found[items[position].path]) for position in _rest(items, absent, moved)]
        digest = self._quarantine.write_documents(kept_documents(self._quarantine.job_id, batch), lines)
        return Outcome(entry={"count": len(lines), "absent": absent, "moved": moved, "sha256": digest})


class DeleteDocuments:
    """Deletes documents in batches, under a precondition each."""

    def __init__(
        self,
        name: str,
        purging: Purging,
        ledger: Ledger,
        plan: PurgePlan,
        batches: Sequence[Sequence[PlannedDocument]],
        left_alone: Callable[[], LeftAlone],
    ) -> None:
        self.name = name
        self._purging = purging
        self._ledger = ledger
        self._plan = plan
        self._tree = Subtree(purging.stores.handle)
        self._batches = batches
        self._left_alone = left_alone

    def batches(self) -> int:
        """How many batches there are."""
        return len(self._batches)

    def look(self, batch: int) -> Seen:
        """What must stay for the sake of what was left alone; the versions are checked by the commit itself."""
        items = self._batches[batch]
        return {"absent": [], "moved": sorted({*self._protected(items), *self._of_others(items)})}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> Outcome:
        """Deletes the rest of the batch in one commit; see this module's own words for when that fails."""
        items = self._batches[batch]
        absent, moved = list(seen["absent"]), list(seen["moved"])
        if again:
            rest = _rest(items, absent, moved)
            found = self._tree.messages([items[position].path for position in rest])
            if rest and not any(found.values()):
                return self._outcome(items, absent, moved)  # a commit is all or nothing: it was done
        while rest := _rest(items, absent, moved):
            changes = [Delete(items[position].path, items[position].update_time) for position in rest]
            try:
                self._ledger.commit(changes, operation="Deleting documents")
                break
            except Stale:
                found = self._tree.messages([items[position].path for position in rest])
                gone, other = _compare([items[position] for position in rest], found)
                if not gone and not other:
                    continue  # contention, not a change
                if again and len(gone) == len(rest):
                    break  # the commit of the former worker, which was still under way
                absent += [rest[index] for index in gone]
                moved += [rest[index] for index in other]
                note({"absent": sorted(absent), "moved": sorted(moved)})
        return self._outcome(items, absent, moved)

    def _outcome(self, items: Sequence[PlannedDocument], absent: list[int], moved: list[int]) -> Outcome:
        self._left_alone().paths.update(items[position].path for position in moved)
        tally = Tally(documents=len(items) - len(absent) - len(moved), already_gone=len(absent), left_alone=len(moved))
        return Outcome(tally, {"count": len(items), "absent": sorted(absent), "moved": sorted(moved)})

    def _protected(self, items: Sequence[PlannedDocument]) -> list[int]:
        left = self._left_alone()
        stay = left.needed(self._plan.scope.uid, Layout(self._plan.target.key_prefix))
        parents = [item.path for item in items if _is_parent(item.path, clips=bool(self._plan.scope.clips))]
        with ContextThreads(max_workers=THREADS) as threads:
            below = list(threads.map(self._purging.stores.records.children, parents))
        stay |= {path for path, collections in zip(parents, below, strict=True) if collections}
        if left.keys:
            stay |= self._naming(left.keys, [item.path for item in items if item.path not in stay])
        return [position for position, item in enumerate(items) if item.path in stay]

    def _of_others(self, items: Sequence[PlannedDocument]) -> Iterator[int]:
        """The public links that lead elsewhere by their own word: they are not this scope's, whatever the plan says."""
        at = {item.path: position for position, item in enumerate(items) if item.path.startswith(SLUGS)}
        for path, link in self._tree.at(list(at)).items() if at else ():
            if link is not None and not points_into(self._plan.scope, link.fields):
                yield at[path]

    def _naming(self, keys: set[str], paths: list[str]) -> set[str]:
        """Those of the documents that name one of the keys."""
        found = self._tree.at(paths)
        return {
            path
            for path, document in found.items()
            if document is not None
            and any(isinstance(value, str) and value in keys for value in document.fields.values())
        }


def _exact(document: Any) -> str:
    """The document as it is kept; `Unusable` for one that would not come back as the very same.

    A value of a kind that a later Firestore has and this version does not know would be lost in silence.
    """
    line = document_to_json(document)
    try:
        back = document_from_json(line)
    except ValueError:
        back = None
    if back is None or back.SerializeToString(deterministic=True) != document.SerializeToString(deterministic=True):
        raise Unusable(
            "A document holds a value that this version of the desk could not bring back.",
            remedy="Nothing was deleted. Use a version of the desk that knows it, or erase it.",
            operation="Saving documents",
            target=relative_path(document.name),
        )
    return line


def _is_parent(path: str, *, clips: bool) -> bool:
    """Users and videos, which much hangs below; clips only where few of them go."""
    parts = path.split("/")
    return parts[0] == "users" and (
        len(parts) == 2 or (parts[2] == "videos" and len(parts) in ((4, 6) if clips else (4,)))
    )


def _rest(items: Sequence[PlannedDocument], *spared: Iterable[int]) -> list[int]:
    left_out = {position for positions in spared for position in positions}
    return [position for position in range(len(items)) if position not in left_out]


def _compare(items: Sequence[PlannedDocument], found: dict[str, Any]) -> tuple[list[int], list[int]]:
    """The positions of the documents that are gone, and of those that are there in another version."""
    absent, moved = [], []
    for position, item in enumerate(items):
        document = found[item.path]
        if document is None:
            absent.append(position)
        elif decode_time(document.update_time) != item.update_time:
            moved.append(position)
    return absent, moved
