"""Changes fields under a precondition on what was shown, and keeps in the same commit what takes it back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.actions.document_changes import Change, Create, Delete, Special, Update
from storage.actions.documents import DocumentWriter
from storage.connect import Writers
from storage.domain.changes import ABSENT, ChangeSet, FieldChange, same, value_at
from storage.domain.model import RawDocument
from storage.errors import BadInput, NotFound, Refused, Stale
from storage.ids import check_id
from storage.repositories.records import Records

CHANGES = "ops_changes"
MAX_REASON_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class Applied:
    """A change that was made. `change_id` takes it back."""

    change_id: str
    changes: tuple[FieldChange, ...]


def check_reason(reason: str) -> str:
    """The reason without blanks around it; `BadInput` when it says nothing or too much."""
    text = " ".join(reason.split())
    if len(text) < 3:
        raise BadInput("A reason is needed", field_name="reason", remedy="Say in a few words why, with the ticket.")
    if len(text) > MAX_REASON_CHARS:
        raise BadInput(f"The reason is longer than {MAX_REASON_CHARS:,} characters", field_name="reason")
    return text


def check_actor(actor: str) -> str:
    """The actor's address, lower case; `BadInput` when it is none."""
    text = actor.strip().lower()
    if not 3 <= len(text) <= 254 or text.count("@") != 1 or not all(part for part in text.split("@")) or " " in text:
        raise BadInput("The actor is not an e-mail address", field_name="actor", remedy="Give --actor you@example.com.")
    return text


def apply(
    writer: DocumentWriter,
    changes: ChangeSet,
    *,
    actor: str,
    reason: str,
    change_id: str = "",
    replaced: Mapping[str, str | None] | None = None,
) -> Applied:
    """Writes the fields and the record of them at once; `Stale` when a document is not as it was shown.

    A document that `seen` does not name is created. `replaced` names objects that were overwritten before, by key,
    with the key of the copy that was kept (`None`: there was none before). `Refused` when there is nothing to change.
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
        "actor": check_actor(actor),
        "reason": check_reason(reason),
        "at": Special.SERVER_TIME,
        "undone_by": None,
        "changes": [_stored(change) for change in effective],
        "created": created,
        "replaced": [{"key": key, "kept": kept} for key, kept in (replaced or {}).items()],
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
    undone: bool
    document: RawDocument


def read(records: Records, change_id: str) -> Recorded:
    """The record of a change, or `NotFound`."""
    document = records.raw(f"{CHANGES}/{check_id(change_id, 'CHANGE_ID')}")
    if document is None or document.fields is None:
        raise NotFound(f"There is no change {change_id}.", remedy="The audit lists the changes of a user.")
    held = document.fields
    return Recorded(change_id, held["kind"], held["uid"], held["video_id"], bool(held.get("undone_by")), document)


def undo(records: Records, writers: Writers, change_id: str, *, actor: str, reason: str) -> Applied:
    """Puts back what `apply` replaced; `Stale` when a field was changed since, `Refused` when it was undone already.

    Objects that were overwritten come back from the copies that were kept, before the fields do.
    """
    found = read(records, change_id)
    if found.undone:
        raise Refused(f"Change {change_id} was undone already.")
    held: Mapping[str, Any] = found.document.fields or {}
    changes = tuple(_read(stored) for stored in held["changes"])
    mark: dict[Any, Any] = {"undone_by": check_actor(actor), "undone_reason": check_reason(reason)}
    seen = _unmoved(records, changes)
    for row in held.get("replaced") or ():
        if row["kept"]:
            writers.objects.copy(row["kept"], row["key"])
        elif failure := writers.objects.delete([row["key"]]).first_error():
            raise failure
    created = set(held.get("created") or ())
    commit: list[Change] = []
    for path in _paths(changes):
        fields = _fields(changes, path, back=True)
        commit.append(Delete(path, seen[path]) if path in created else Update(path, fields, seen[path]))
    commit.append(
        Update(f"{CHANGES}/{change_id}", {**mark, "undone_at": Special.SERVER_TIME}, found.document.update_time)
    )
    writers.documents.commit(commit, operation="Undoing a change")
    return Applied(change_id, tuple(FieldChange(c.path, c.field, c.after, c.before) for c in changes))


def _unmoved(records: Records, changes: tuple[FieldChange, ...]) -> dict[str, datetime | None]:
    """Each document's update time, if every field is still as it was written; else `Stale` with what moved."""
    seen: dict[str, datetime | None] = {}
    moved: list[str] = []
    for path in _paths(changes):
        document = records.raw(path)
        seen[path] = document.update_time if document else None
        fields = document.fields if document else None
        mine = [change for change in changes if change.path == path]
        moved += [f"{path}: {c.field}" for c in mine if not same(value_at(fields, c.field), c.after)]
    if moved:
        raise Stale(
            "What was written has been changed since, so it cannot simply be put back.",
            reasons=moved,
            remedy="Look at the present values, and set them by the action that fits.",
        )
    return seen


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
