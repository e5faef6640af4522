"""Changes fields, and objects with them, under preconditions on what was shown, and keeps what an undo needs.

Fields alone are written in one commit with their record. Where objects are written too, the record comes first
(`begun`), then the objects, then the fields in one commit with the record's end (`done`): so the record says what may
have changed, whatever stops the change. An undo goes the other way and is marked too (`returning`, `returned`).
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from storage.actions import replacing
from storage.actions.documents import Change, Create, Delete, DocumentWriter, FieldName, Increment, Special, Update
from storage.actions.replacing import Overwritten, Removal, Replacement
from storage.actions.writers import Writers
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.changes import ABSENT, ChangeSet, FieldChange, same, value_at
from storage.domain.documents import ObjectInfo, RawDocument
from storage.errors import NotFound, Refused, Stale, StorageError, Unreachable, Unsettled
from storage.ids import check_stored_id
from storage.repositories.changes import CHANGES, Changes
from storage.repositories.objects import Objects
from storage.repositories.records import Records
from storage.repositories.stores import Stores

BEGUN: Final = "begun"  # on record; objects may have been written, the fields not
DONE: Final = "done"  # the state of a record that names none
RETURNING: Final = "returning"  # the fields are restored; objects may not be yet
RETURNED: Final = "returned"
NOT_MADE: Final = "not made:"  # begins the reason of a change that was taken back because it stopped half way
TAKEN_BY: Final = "taken_by"  # the job that took the values out of the record: a purge, or an erasing

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    """A change that was made, with the objects that it wrote, in their order. `change_id` takes it back."""

    change_id: str
    changes: tuple[FieldChange, ...]
    objects: tuple[ObjectInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """A counter that a change raises (a negative number lowers it), whatever its value."""

    path: str
    field: str
    by: int


@dataclass(frozen=True, slots=True)
class Undoable:
    """What an undo of a change would do now: fields as they are and as they will be, objects to restore.

    `moved` names what was changed since: then nothing is restored. `undone_by`: somebody has undone it already.
    """

    uid: str
    undone_by: str
    changes: tuple[FieldChange, ...]
    objects: tuple[str, ...]
    moved: tuple[str, ...]


def apply(
    stores: Stores,
    writers: Writers,
    changes: ChangeSet,
    objects: Sequence[Replacement | Removal] = (),
    *,
    counted: Sequence[Counted] = (),
    actor: str,
    reason: str,
    change_id: str,
    kept_until: datetime,
) -> Applied:
    """Writes fields and their record in one commit; where there are objects, it writes those before the fields.

    A document that `changes.seen` does not name is created. `Refused` when there is nothing to change; `Stale` when a
    document or an object differs from what was shown. Replaced and removed objects are kept until `kept_until`. After
    any error everything is as it was, or as another writer has made it since; only `Unsettled` says that this is not
    so, or not known, and what takes the change back.
    """
    if objects:
        return _apply_with_objects(
            stores,
            writers,
            changes,
            objects,
            counted=counted,
            actor=actor,
            reason=reason,
            change_id=change_id,
            kept_until=kept_until,
        )
    if not changes.effective:
        raise Refused("There is nothing to change: every field is correct already.")
    record = {**_record(changes, actor, reason), **({"counted": [asdict(one) for one in counted]} if counted else {})}
    commit = [*_field_writes(changes), *_counters(counted), Create(_path(change_id), record)]
    writers.documents.commit(commit, operation=f"Writing ({changes.kind})")
    return Applied(change_id, changes.effective)


def _apply_with_objects(
    stores: Stores,
    writers: Writers,
    changes: ChangeSet,
    objects: Sequence[Replacement | Removal],
    *,
    counted: Sequence[Counted],
    actor: str,
    reason: str,
    change_id: str,
    kept_until: datetime,
) -> Applied:
    rows = [Overwritten.of(one, change_id) for one in objects]
    record = {
        **_record(changes, actor, reason, rows),
        "state": BEGUN,
        "kept_until": kept_until,
        "counted": [asdict(one) for one in counted],
    }
    operation = f"Writing ({changes.kind})"
    begun = writers.documents.commit([Create(_path(change_id), record)], operation=operation)
    committing, mine = False, list[Overwritten]()
    try:
        written = [_write(stores.objects, writers, one, row, mine) for one, row in zip(objects, rows, strict=True)]
        rows = [row if info is None else replace(row, etag=info.etag) for row, info in zip(rows, written, strict=True)]
        mine = rows
        end: dict[FieldName, Any] = {"state": DONE, "replaced": [row.as_row() for row in rows]}
        commit: list[Change] = [*_field_writes(changes), *_counters(counted)]
        commit.append(Update(_path(change_id), end, begun.update_times[_path(change_id)]))
        committing = True
        writers.documents.commit(commit, operation=operation)
    except Exception as fault:
        unsure = committing and isinstance(fault, Unreachable)
        if not _roll_back(stores, writers, change_id, rows, mine, fault, unsure=unsure, actor=actor):
            raise
    return Applied(change_id, changes.effective, tuple(info for info in written if info is not None))


def _write(
    objects: Objects, writers: Writers, one: Replacement | Removal, row: Overwritten, mine: list[Overwritten]
) -> ObjectInfo | None:
    """Writes or removes one object; `mine` has the rows of those that were written, or may have been.

    Only another writer's object, even one with the very same bytes, makes a write fail with a refusal: this change must
    not take that object back.
    """
    mine.append(row)
    try:
        if isinstance(one, Removal):
            replacing.remove(objects, writers.objects, one, row)
            return None
        return replacing.write(writers.objects, one, row)
    except Stale:
        mine.pop()
        raise


def _roll_back(
    stores: Stores,
    writers: Writers,
    change_id: str,
    rows: Sequence[Overwritten],
    mine: Sequence[Overwritten],
    fault: Exception,
    *,
    unsure: bool,
    actor: str,
) -> bool:
    """After a fault: restores the objects where the fields were not written. True: they were, and all is done.

    It restores only `mine` and gives up the copies of all `rows`. The mark goes first: a commit whose answer was lost
    demands the record as it was, so it cannot be applied any more.
    """
    code = fault.code if isinstance(fault, StorageError) else type(fault).__name__
    mark = {"undone_by": actor, "undone_reason": f"{NOT_MADE} {code}", "undone_at": Special.SERVER_TIME}
    try:
        if not _marked(stores.records, writers.documents, change_id, {**mark, "state": RETURNING}):
            return True
    except StorageError as also:
        if unsure:
            raise _unsettled(change_id, fault) from also
        _log.warning("change %s could not be marked as taken back: %s", change_id, also.message)
    try:
        for row in reversed(mine):
            replacing.give_back(stores.objects, writers.objects, row)
    except StorageError as also:
        raise _unsettled(change_id, fault) from also
    _returned(stores.records, writers, change_id, rows)
    return False


def _marked(records: Records, documents: DocumentWriter, change_id: str, mark: Mapping[Any, Any]) -> bool:
    """Marks a change that was begun; false where the change turns out to be done."""
    while True:
        found = read(records, change_id)
        if found.state != BEGUN:
            return found.state != DONE
        try:
            documents.update(_path(change_id), mark, last_update_time=found.document.update_time)
            return True
        except Stale:
            continue  # its end arrived, or somebody undoes it: the next look says which


def _returned(
    records: Records, writers: Writers, change_id: str, rows: Sequence[Overwritten], *, forget: bool = True
) -> None:
    """Ends a change that was undone: its copies are no longer needed. A failure here is only logged."""
    try:
        left = replacing.forget(writers.objects, change_id, rows) if forget else None
        if left is not None:
            raise left
        if read(records, change_id).state == RETURNING:
            gone: dict[FieldName, Any] = {"kept_until": Special.DELETE_FIELD} if forget else {}
            writers.documents.update(_path(change_id), {"state": RETURNED, **gone})
    except StorageError as error:
        _log.warning(
            "change %s was undone, but its record or its copies are not finished: %s", change_id, error.message
        )


def _unsettled(change_id: str, fault: Exception) -> Unsettled:
    said = fault.message if isinstance(fault, StorageError) else type(fault).__name__
    return Unsettled(
        f"The change stopped half way, and the desk could not restore at once what it wrote. The error: {said}",
        change_id=change_id,
        remedy=f"When both stores answer, undo it: undo-change {change_id}, or its entry on the page Audit.",
        operation=fault.operation if isinstance(fault, StorageError) else "",
        target=change_id,
    )


def _record(changes: ChangeSet, actor: str, reason: str, rows: Sequence[Overwritten] = ()) -> dict[str, Any]:
    effective = changes.effective
    return {
        "kind": changes.kind,
        "uid": changes.uid,
        "video_id": changes.video_id,
        "actor": normal_email(actor),
        "reason": checked_reason(reason),
        "at": Special.SERVER_TIME,
        "undone_by": None,
        "changes": [_stored(change) for change in effective],
        "created": [path for path in _paths(effective) if path not in changes.seen],
        "replaced": [row.as_row() for row in rows],
    }


def _field_writes(changes: ChangeSet) -> list[Change]:
    """The writes of the fields; the precondition of each is what was shown."""
    found: list[Change] = []
    for path in _paths(changes.effective):
        values = _fields(changes.effective, path, back=False)
        seen = changes.seen.get(path)
        found.append(Create(path, values) if seen is None else Update(path, values, seen))
    return found


def _counters(counted: Iterable[Counted], *, back: bool = False) -> list[Change]:
    """One write for each document; it must exist."""
    fields: dict[str, dict[Any, Any]] = {}
    for one in counted:
        fields.setdefault(one.path, {})[one.field] = Increment(-one.by if back else one.by)
    return [Update(path, values) for path, values in fields.items()]


def _path(change_id: str) -> str:
    return f"{CHANGES}/{change_id}"


def new_id() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The record of a change: its kind, its subject, and whether it was undone."""

    change_id: str
    kind: str
    uid: str
    video_id: str
    undone_by: str
    document: RawDocument

    @property
    def held(self) -> Mapping[str, Any]:
        return self.document.fields or {}

    @property
    def state(self) -> str:
        return str(self.held.get("state") or DONE)

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        """Every field that was written; none for a change that stopped before its fields."""
        return tuple(_read(stored) for stored in self.held["changes"]) if self.state == DONE else ()

    @property
    def rows(self) -> tuple[Overwritten, ...]:
        """Every object that was written, or was about to be."""
        return tuple(Overwritten.from_row(row) for row in self.held.get("replaced") or ())

    @property
    def counted(self) -> tuple[Counted, ...]:
        """Every counter that rose with it."""
        rows = self.held.get("counted") or () if self.state == DONE else ()
        return tuple(Counted(row["path"], row["field"], row["by"]) for row in rows)

    @property
    def taken_by(self) -> str:
        """The purge that took the values of this change out of its record; empty for none."""
        return str(self.held.get(TAKEN_BY) or "")

    @property
    def settled(self) -> bool:
        """Whether it was undone completely."""
        return bool(self.undone_by) and self.state != RETURNING


def read(records: Records, change_id: str) -> Recorded:
    """The record of a change, or `NotFound`."""
    document = records.raw(f"{CHANGES}/{check_stored_id(change_id, 'CHANGE_ID')}")
    if document is None or document.fields is None:
        raise NotFound(f"There is no change {change_id}.", remedy="The audit lists the changes of a customer.")
    return _recorded(document)


def _recorded(document: RawDocument) -> Recorded:
    held, change_id = document.fields or {}, document.path.partition("/")[2]
    return Recorded(change_id, held["kind"], held["uid"], held["video_id"], str(held.get("undone_by") or ""), document)


def undoable(records: Records, objects: Objects, change_id: str) -> Undoable:
    """What `undo` would do now; `NotFound` where the change does not exist. Changes nothing."""
    found = read(records, change_id)
    back = tuple(FieldChange(c.path, c.field, c.after, c.before) for c in found.changes)
    if found.taken_by and not found.settled:
        return Undoable(found.uid, "", back, (), (_gone_with(found),))
    moved = () if found.settled else _moved(records, objects, found)[1]
    undone_by = found.undone_by if found.settled else ""
    return Undoable(found.uid, undone_by, back, tuple(row.key for row in found.rows), moved)


def undo(records: Records, objects: Objects, writers: Writers, change_id: str, *, actor: str, reason: str) -> Applied:
    """Restores what was replaced; `Stale` when any of it was changed since, `Refused` when it was undone already.

    The fields are restored first, in one commit with the mark that their objects are still to follow from their copies;
    an undo that was interrupted in between goes on there. `Stale` after that commit says that another writer wrote an
    object at the same moment: that object is left alone.
    """
    found = read(records, change_id)
    actor, reason = normal_email(actor), checked_reason(reason)
    if found.settled:
        raise Refused(f"Change {change_id} was undone already.")
    if found.taken_by:
        raise Refused(_gone_with(found), remedy=f"Undo that purge first, if it can still be undone: {found.taken_by}.")
    changes = found.changes
    seen, moved = _moved(records, objects, found)
    if moved:
        raise Stale(
            "What this change wrote has been changed since, so it cannot simply be put back.",
            reasons=moved,
            remedy="Look at the present values, and set them by the action that fits.",
        )
    if found.state != RETURNING:
        mark: dict[FieldName, Any] = {"undone_by": actor, "undone_reason": reason, "undone_at": Special.SERVER_TIME}
        created = set(found.held.get("created") or ())
        commit: list[Change] = []
        for path in _paths(changes):
            fields = _fields(changes, path, back=True)
            commit.append(Delete(path, seen[path]) if path in created else Update(path, fields, seen[path]))
        there = {one.path for one in found.counted if (known := records.raw(one.path)) and known.fields is not None}
        commit += _counters((one for one in found.counted if one.path in there), back=True)
        state: dict[FieldName, Any] = {"state": RETURNING} if found.rows else {}
        commit.append(Update(_path(change_id), {**mark, **state}, found.document.update_time))
        try:
            writers.documents.commit(commit, operation="Undoing a change")
        except Unreachable:
            if read(records, change_id).undone_by != actor:
                raise
    _return_objects(records, objects, writers, found)
    return Applied(change_id, tuple(FieldChange(c.path, c.field, c.after, c.before) for c in changes))


def _gone_with(found: Recorded) -> str:
    return f"What this change replaced went with the purge {found.taken_by}."


def _return_objects(records: Records, objects: Objects, writers: Writers, found: Recorded) -> None:
    rows = found.rows
    if not rows:
        return
    try:
        left = [row.key for row in reversed(rows) if not replacing.give_back(objects, writers.objects, row)]
    except StorageError as fault:
        raise _unsettled(found.change_id, fault) from fault
    # The process that began an unfinished change may still work on it and need the copies: then they expire.
    _returned(records, writers, found.change_id, rows, forget=found.state != BEGUN)
    if left:
        raise Stale(
            "Everything else was restored. Another writer has written an object since, and it was left as it is.",
            reasons=[f"object {key}" for key in left],
            remedy="Look at the object and the fields, and correct what does not fit.",
        )


def finish(stores: Stores, writers: Writers, change_id: str) -> bool:
    """Ends a change that stopped after its last object and writes no field; false where something is left of it."""
    found = read(stores.records, change_id)
    fields = found.held.get("changes") or found.held.get("counted")
    if found.state != BEGUN or fields or not found.rows:
        return False
    for row in found.rows:
        if replacing.standing(stores.objects, row) != "written" or replacing.lost_copy(stores.objects, row):
            return False
    writers.documents.update(_path(change_id), {"state": DONE}, last_update_time=found.document.update_time)
    return True


def expire(stores: Stores, writers: Writers, now: datetime) -> tuple[str, ...]:
    """Deletes copies that were kept long enough; returns the changes that can no longer be undone for that reason.

    A change that stopped half way keeps its copies while one of the objects that it wrote is still in place.
    """
    ended = []
    for document in Changes(stores.handle).expired(now):
        found = _recorded(document)
        halfway = found.state in {BEGUN, RETURNING}
        if halfway and any(replacing.standing(stores.objects, row) == "written" for row in found.rows):
            _log.warning("change %s stopped half way: take it back with undo-change", found.change_id)
            continue
        empty_kept(writers, found)
        ended.append(found.change_id)
    return tuple(ended)


def empty_kept(writers: Writers, found: Recorded) -> None:
    """Deletes what a change keeps, whatever its state. Raises what prevents it."""
    failure = replacing.forget(writers.objects, found.change_id, found.rows)
    if failure is not None:
        raise failure
    halfway = found.state in {BEGUN, RETURNING}
    marks: dict[Any, Any] = {"state": RETURNED, "undone_by": found.undone_by or "-"} if halfway else {}
    writers.documents.update(_path(found.change_id), {**marks, "kept_until": Special.DELETE_FIELD})


def of_user(stores: Stores, uid: str) -> tuple[Recorded, ...]:
    return tuple(_recorded(document) for document in Changes(stores.handle).of_user(uid))


def _moved(records: Records, objects: Objects, found: Recorded) -> tuple[dict[str, datetime | None], tuple[str, ...]]:
    """Each document's present update time, and every field and object that differs from what was written.

    A document that the change created would be deleted: what was added to it, or below it, counts too.
    """
    seen: dict[str, datetime | None] = {}
    moved: list[str] = []
    created = set(found.held.get("created") or ())
    for path in _paths(found.changes):
        document = records.raw(path)
        seen[path] = document.update_time if document else None
        fields = document.fields if document else None
        mine = [change for change in found.changes if change.path == path]
        moved += [f"{path}: {c.field}" for c in mine if not same(value_at(fields, c.field), c.after)]
        if path in created and fields is not None:
            written = {change.field.partition(".")[0] for change in mine}
            moved += [f"{path}: {name} was added" for name in sorted(fields.keys() - written)]
            moved += _came_below(records, path, found.document.create_time)
    for row in found.rows:
        now = replacing.standing(objects, row)
        if now == "other" and found.state == DONE:  # of a change that stopped half way, the rest is restored anyway
            moved.append(f"object {row.key}")
        elif now == "written" and replacing.lost_copy(objects, row):
            moved.append(f"object {row.key}: the copy of what it replaced no longer exists")
    return seen, tuple(moved)


def _came_below(records: Records, path: str, since: datetime | None) -> list[str]:
    """The documents right below one that a change created, which were written after it. Share settings of a deleted
    clip may have been there before."""
    below = [one for name in records.children(path) for one in records.documents(path, name)]
    later = [one for one in below if since is None or one.update_time is None or one.update_time > since]
    return [f"{one.path} was added" for one in later]


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
