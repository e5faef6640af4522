"""The records of repairs, as a keeper: the values that each repair wrote and replaced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from storage.actions import undoable
from storage.actions.documents import FieldName, Update
from storage.actions.purge.context import Purging
from storage.actions.purge.keepers.keeper import Keeper, Row
from storage.actions.undoable import BEGUN, RETURNING, TAKEN_BY, Recorded
from storage.domain.purge.job import Job
from storage.domain.purge.scope import Scope, document_roots
from storage.errors import Stale
from storage.repositories.decode import document_from_json, raw_document
from storage.text import without_addresses

TRIES = 5
_VALUES = ("changes", "created", "counted")
_OPERATION = "Changing the record of a repair"


@dataclass(frozen=True, slots=True)
class Repairs(Keeper):
    """Its rows: `{"path", "document"}`, a record as JSON without loss.

    A purge takes the values out; the names of copies stay until these expire. A repair that stopped half way keeps all
    of it until somebody settles it.
    """

    def held(self, purging: Purging, scope: Scope) -> Iterator[Row]:
        paths = [one.document.path for one in _about(purging, scope) if _full(one)]
        for path, exact in (purging.stores.records.exact(paths) if paths else {}).items():
            if exact is not None:
                yield {"path": path, "document": exact}

    def take(self, purging: Purging, scope: Scope, job_id: str) -> int:
        return sum(_change(purging, one, _without(one, job_id)) for one in _about(purging, scope) if _full(one))

    def put_back(self, purging: Purging, scope: Scope, job_id: str, rows: Sequence[Row]) -> int:
        documents = (raw_document(document_from_json(row["document"])) for row in rows)
        values = {document.path: document.fields or {} for document in documents}
        for one in _about(purging, scope):
            before = values.get(one.document.path)
            if before is not None and one.held.get(TAKEN_BY) == job_id:
                back: dict[FieldName, Any] = {name: before[name] for name in _VALUES if name in before}
                _change(purging, one, {**back, TAKEN_BY: ""})
        return len(rows)

    def forget(self, purging: Purging, job: Job) -> int:
        """Deletes the copies of replaced objects too."""
        forgotten = 0
        for one in _about(purging, job.scope):
            if "kept_until" in one.held:
                undoable.empty_kept(purging.writers, one)
                one = undoable.read(purging.stores.records, one.change_id)
            without = {**_without(one, job.job_id), "replaced": []}
            reasons = {name: one.held.get(name) for name in ("reason", "undone_reason")}
            without |= {name: without_addresses(text) for name, text in reasons.items() if isinstance(text, str)}
            forgotten += _change(purging, one, without)
        return forgotten


def _about(purging: Purging, scope: Scope) -> tuple[Recorded, ...]:
    """The records about anything of the scope."""
    roots = document_roots(scope)

    def touches(one: Recorded) -> bool:
        rows = [*(one.held.get("changes") or ()), *(one.held.get("counted") or ())]
        paths = [str(row.get("path")) for row in rows] + [*map(str, one.held.get("created") or ())]
        return any(path == root or path.startswith(f"{root}/") for path in paths for root in roots)

    found = undoable.of_user(purging.stores, scope.uid)
    whole = scope.kind == "user"
    return tuple(one for one in found if whole or (one.video_id and scope.holds(one.video_id)) or touches(one))


def _full(one: Recorded) -> bool:
    """Whether an undo of it would write something of the customer's."""
    if one.state in {BEGUN, RETURNING}:
        return False
    removed = not one.taken_by and not one.settled and any(row.removed for row in one.rows)
    return removed or any(one.held.get(name) for name in _VALUES)


def _without(one: Recorded, job_id: str) -> dict[FieldName, Any]:
    return {**{name: [] for name in _VALUES if name in one.held}, TAKEN_BY: job_id}


def _change(purging: Purging, one: Recorded, fields: dict[FieldName, Any]) -> bool:
    for attempt in range(1, TRIES + 1):
        changed = {name: value for name, value in fields.items() if one.held.get(str(name)) != value}
        if not changed:
            return False
        try:
            change = Update(one.document.path, changed, one.document.update_time)
            purging.writers.documents.commit([change], operation=_OPERATION)
        except Stale:
            if attempt == TRIES:
                raise
            one = undoable.read(purging.stores.records, one.change_id)
        else:
            return True
    return False
