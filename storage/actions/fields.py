"""Changes fields under a precondition on what was shown, and keeps in the same commit what takes it back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.actions.document_changes import Change, Create, Delete, Special, Update
from storage.actions.documents import DocumentWriter
from storage.connect import Writers
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.changes import ABSENT, ChangeSet, FieldChange, same, value_at
from storage.domain.model import RawDocument
from storage.errors import NotFound, Refused, Stale
from storage.ids import check_stored_id
from storage.repositories.objects import Objects
from storage.repositories.records import Records

CHANGES = "ops_changes"


@dataclass(frozen=True, slots=True)
class Applied:
    """A change that was made. `change_id` takes it back."""

    change_id: str
    changes: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class Overwritten:
    """An object that a change wrote: the ETag that it got, and the copy of what lay there before (`None`: nothing)."""

    key: str
    kept: str | None
    etag: str


@dataclass(frozen=True, slots=True)
class Undoable:
    """What taking a change back would do now: fields as they are and as they will be, objects that come back.

    `moved` names what was changed since: with that, nothing is put back. `undone_by`: it was taken back already.
    """

    uid: str
    undone_by: str
    changes: tuple[FieldChange, ...]
    objects: tuple[str, ...]
    moved: tuple[str, ...]


def apply(
    writer: DocumentWriter,
    changes: ChangeSet,
    *,
    actor: str,
    reason: str,
    change_id: str = "",
    replaced: Sequence[Overwritten] = (),
) -> Applied:
    """Writes the fields and the record of them at once; `Stale` when a document is not as it was shown.

    A document that `seen` does not name is created. `replaced` names the objects that were written before. `Refused`
    when there is nothing to change.
    """
    effective = changes.effective
    if not effective and not replaced:
        raise Refused("There is nothing to change: every field is as it should be already.")
    change_id = change_id or new_id()
    created = [path for path in _paths(effective) if path not in changes.seen]
    record = {
        "kind": changes.kind,
        "uid": changes.uid,
        "video_id": changes.video_id,
        "actor": normal_email(actor),
        "reason": checked_reason(reason),
        "at": Special.SERVER_TIME,
        "undone_by": None,
        "changes": [_stored(change) for change in effective],
        "created": created,
        "replaced": [{"key": one.key, "kept": one.kept, "etag": one.etag} for one in replaced],
    }
    commit: list[Change] = []
    for path in _paths(effective):
        fields = _fields(effective, path, back=False)
        commit.append(Create(path, fields) if path in created else Update(path, fields, changes.seen[path]))
    writer.commit([*commit, Create(f"{CHANGES}/{change_id}", record)], operation=f"Writing ({changes.kind})")
    return Applied(change_id, effective)


def new_id() -> str:
    """A new change's id."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The record of a change: what kind it was, about whom, and whether it was taken back."""

    change_id: str
    kind: str
    uid: str
    video_id: str
    undone_by: str
    document: RawDocument

    @property
    def held(self) -> Mapping[str, Any]:
        """The record's own fields."""
        return self.document.fields or {}

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        """Every field that was written."""
        return tuple(_read(stored) for stored in self.held["changes"])


def read(records: Records, change_id: str) -> Recorded:
    """The record of a change, or `NotFound`."""
    document = records.raw(f"{CHANGES}/{check_stored_id(change_id, 'CHANGE_ID')}")
    if document is None or document.fields is None:
        raise NotFound(f"There is no change {change_id}.", remedy="The audit lists the changes of a user.")
    held = document.fields
    return Recorded(change_id, held["kind"], held["uid"], held["video_id"], str(held.get("undone_by") or ""), document)


def undoable(records: Records, objects: Objects, change_id: str) -> Undoable:
    """What `undo` would do at this moment; `NotFound` where there is no such change. Changes nothing."""
    found = read(records, change_id)
    back = tuple(FieldChange(c.path, c.field, c.after, c.before) for c in found.changes)
    replaced = tuple(row["key"] for row in found.held.get("replaced") or ())
    moved = () if found.undone_by else _moved(records, objects, found)[1]
    return Undoable(found.uid, found.undone_by, back, replaced, moved)


def undo(records: Records, objects: Objects, writers: Writers, change_id: str, *, actor: str, reason: str) -> Applied:
    """Puts back what `apply` replaced; `Stale` when any of it was changed since, `Refused` when it was undone already.

    Objects that were overwritten come back from the copies that were kept, before the fields do.
    """
    found = read(records, change_id)
    if found.undone_by:
        raise Refused(f"Change {change_id} was undone already.")
    changes = found.changes
    mark: dict[Any, Any] = {"undone_by": normal_email(actor), "undone_reason": checked_reason(reason)}
    seen, moved = _moved(records, objects, found)
    if moved:
        raise Stale(
            "What was written has been changed since, so it cannot simply be put back.",
            reasons=moved,
            remedy="Look at the present values, and set them by the action that fits.",
        )
    for row in found.held.get("replaced") or ():
        if row["kept"]:
            writers.objects.copy(row["kept"], row["key"])
        elif failure := writers.objects.delete([row["key"]]).first_error():
            raise failure
    created = set(found.held.get("created") or ())
    commit: list[Change] = []
    for path in _paths(changes):
        fields = _fields(changes, path, back=True)
        commit.append(Delete(path, seen[path]) if path in created else Update(path, fields, seen[path]))
    commit.append(
        Update(f"{CHANGES}/{change_id}", {**mark, "undone_at": Special.SERVER_TIME}, found.document.update_time)
    )
    writers.documents.commit(commit, operation="Undoing a change")
    return Applied(change_id, tuple(FieldChange(c.path, c.field, c.after, c.before) for c in changes))


def _moved(records: Records, objects: Objects, found: Recorded) -> tuple[dict[str, datetime | None], tuple[str, ...]]:
    """Each document's update time now, and every field and object that is not as it was written."""
    seen: dict[str, datetime | None] = {}
    moved: list[str] = []
    for path in _paths(found.changes):
        document = records.raw(path)
        seen[path] = document.update_time if document else None
        fields = document.fields if document else None
        mine = [change for change in found.changes if change.path == path]
        moved += [f"{path}: {c.field}" for c in mine if not same(value_at(fields, c.field), c.after)]
    for row in found.held.get("replaced") or ():
        if row.get("etag") and not _as_written(objects, row):  # older records do not tell the ETag
            moved.append(f"object {row['key']}")
    return seen, tuple(moved)


def _as_written(objects: Objects, row: Mapping[str, Any]) -> bool:
    """Whether an object is as the change wrote it, or as it was before: an undo that was cut short put it back."""
    there = objects.head(row["key"])
    if there is not None and there.etag == row["etag"]:
        return True
    before = objects.head(row["kept"]) if row["kept"] else None
    return (there and there.etag) == (before and before.etag)


def _paths(changes: tuple[FieldChange, ...]) -> list[str]:
    return list(dict.fromkeys(change.path for change in changes))


def _fields(changes: tuple[FieldChange, ...], path: str, *, back: bool) -> dict[Any, Any]:
    values = {c.field: c.before if back else c.after for c in changes if c.path == path}
    return {field: Special.DELETE_FIELD if value is ABSENT else value for field, value in values.items()}


def _stored(change: FieldChange) -> dict[str, Any]:
    row: dict[str, Any] = {"path": change.path, "field": change.field}
    for name, value in (("before", change.before), ("after", change.after)):
        if value is not ABSENT:
            row[name] = value
    return row


def _read(stored: Mapping[str, Any]) -> FieldChange:
    before, after = stored.get("before", ABSENT), stored.get("after", ABSENT)
    return FieldChange(stored["path"], stored["field"], before, after)
