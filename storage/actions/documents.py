"""The only code that writes documents: atomic, metered commits with preconditions, and transactions.

Changes are frozen values; building one sends no request. Commits use the API's own Commit call and not the library's
batch, because a reply can get lost, and only this module knows which changes may be sent again. No commit is ever
applied in part.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from storage.clients import firestore
from storage.clients.firestore import FirestoreChanges, FirestoreHandle
from storage.clients.firestore_errors import was_contention
from storage.domain.documents import RawDocument
from storage.errors import BadInput, Stale, StorageError, Unreachable
from storage.repositories.decode import (
    decode_time,
    document_from_json,
    encode_time,
    encode_value,
    raw_document,
    relative_path,
)
from storage.repositories.queries import document_path

FieldName = str | tuple[str, ...]
"""`processing_progress.error_message`, or its parts as a tuple where a name itself holds a dot."""


T = TypeVar("T")
# Of one commit: one failure rolls all of it back, and index entries count towards the request's size. The number is
# the two hundred documents of a batch and the job that holds their lease.
MAX_CHANGES = 201
TRIES = 4
PAUSE_SECONDS = 0.2  # before the second try, doubled for each further one and spread at random


class Special(Enum):
    """Values that only Firestore itself can supply."""

    DELETE_FIELD = "delete"
    SERVER_TIME = "server time"


@dataclass(frozen=True, slots=True)
class Increment:
    """Adds to a number on the server; a commit with an increment is not repeated without a precondition."""

    by: int | float


@dataclass(frozen=True, slots=True)
class Update:
    """Changes these fields and no others. Without a precondition, the document must exist."""

    path: str
    fields: Mapping[FieldName, Any]
    last_update_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """Writes a document that must not exist yet."""

    path: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Replace:
    """Writes the whole document, whether it exists or not."""

    path: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletes the document; without a precondition, also one that is gone already. Documents below it stay."""

    path: str
    last_update_time: datetime | None = None
    must_exist: bool = False


@dataclass(frozen=True, slots=True)
class Restore:
    """Writes back a document of `Records.exact`, field for field, under its own path, where none may exist."""

    exact: str

    @property
    def path(self) -> str:
        return relative_path(_parsed(self.exact).name)


Change = Update | Create | Replace | Delete | Restore


def to_write(change: Change, documents_root: str) -> Any:
    """The `Write` message; `BadInput` names a field that Firestore cannot store."""
    write = firestore.Write()
    name = f"{documents_root}/{document_path(change.path)}"
    if isinstance(change, Delete):
        write.delete = name
        if change.must_exist or change.last_update_time is not None:
            _expect(write, change.last_update_time)
        return write
    if isinstance(change, Restore):
        write.update.CopyFrom(_parsed(change.exact))
        write.update.ClearField("create_time")
        write.update.ClearField("update_time")
    elif isinstance(change, Update):
        _fill(write, {_parts(field): value for field, value in change.fields.items()}, masked=True)
        _expect(write, change.last_update_time)
    else:
        _fill(write, {(field,): value for field, value in change.fields.items()}, masked=False)
    if isinstance(change, Create | Restore):
        write.current_document.exists = False
    write.update.name = name
    return write


def repeatable(change: Change) -> bool:
    """Whether applying the change twice equals applying it once: otherwise a lost reply must not cause a repetition."""
    if isinstance(change, Update) and change.last_update_time is None:
        return not any(isinstance(value, Increment) for value in change.fields.values())
    return True


def written(change: Change, document: Any | None) -> bool:
    """Whether the document, read again, is what the change leaves; never certain for an `Increment`."""
    if isinstance(change, Delete):
        return document is None
    if document is None:
        return False
    write = to_write(change, "unused")
    if any(transform.HasField("increment") for transform in write.update_transforms):
        return False
    if isinstance(change, Update):
        return all(_at(document, path) == _at(write.update, path) for path in write.update_mask.field_paths)
    times = {transform.field_path for transform in write.update_transforms}
    there = {name: cell for name, cell in document.fields.items() if name not in times}
    return there == dict(write.update.fields.items())


def _parsed(exact: str) -> Any:
    try:
        return document_from_json(exact)
    except ValueError:
        raise BadInput("the stored document cannot be read", field_name="exact") from None


def _expect(write: Any, last_update_time: datetime | None) -> None:
    if last_update_time is None:
        write.current_document.exists = True
    else:
        encode_time(write.current_document.update_time, last_update_time, "last_update_time")


def _parts(field: FieldName) -> tuple[str, ...]:
    parts = tuple(field.split(".")) if isinstance(field, str) else field
    if not parts or not all(parts):
        raise BadInput(f"{field!r} is not a field's name", field_name="fields")
    return parts


def _fill(write: Any, values: Mapping[tuple[str, ...], Any], *, masked: bool) -> None:
    """Puts values into the document, specials into transforms, and (for an update) every path into the mask."""
    if not values and masked:
        raise BadInput("an update without any field", field_name="fields")
    for parts, value in values.items():
        if any(parts[:length] in values for length in range(1, len(parts))):
            raise BadInput(f"{'.'.join(parts)} lies within another field of the update", field_name="fields")
        path = firestore.field_path(parts)
        if isinstance(value, Increment):
            transform = write.update_transforms.add(field_path=path)
            transform.increment.CopyFrom(encode_value(value.by, path))
        elif value is Special.SERVER_TIME:
            write.update_transforms.add(field_path=path, set_to_server_value=firestore.REQUEST_TIME)
        else:
            if masked:
                write.update_mask.field_paths.append(path)
            if value is not Special.DELETE_FIELD:
                _cell(write.update.fields, parts).CopyFrom(encode_value(value, path))
            elif not masked:
                raise BadInput(f"{path} can only be deleted by an update", field_name="fields")
    if masked:
        write.update_mask.SetInParent()  # an empty mask keeps all fields; no mask would replace the document


def _cell(fields: Any, parts: tuple[str, ...]) -> Any:
    for part in parts[:-1]:
        fields = fields[part].map_value.fields
    return fields[parts[-1]]


def _at(document: Any, path: str) -> Any:
    fields, cell = document.fields, None
    for part in firestore.field_path_parts(path):
        if part not in fields:
            return None
        cell = fields[part]
        fields = cell.map_value.fields
    return cell


@dataclass(frozen=True, slots=True)
class Committed:
    """What was applied: the new update time of each document by path (`None` for a deleted one).

    `confirmed_by_reading`: the reply was lost, but the documents, read again, are what the changes leave.
    """

    update_times: Mapping[str, datetime | None]
    confirmed_by_reading: bool = False


class DocumentWriter:
    """Writes documents. Raises `Stale` when a precondition failed (nothing was changed; `reasons` says what moved)."""

    def __init__(self, handle: FirestoreHandle) -> None:
        self._handle = handle
        self._changes = FirestoreChanges(handle)

    def update(
        self, path: str, fields: Mapping[FieldName, Any], *, last_update_time: datetime | None = None
    ) -> Committed:
        """Changes these fields of an existing document, if it is unchanged since `last_update_time` (where given)."""
        return self.commit([Update(path, fields, last_update_time)])

    def create(self, path: str, fields: Mapping[str, Any]) -> Committed:
        return self.commit([Create(path, fields)])

    def set(self, path: str, fields: Mapping[str, Any]) -> Committed:
        return self.commit([Replace(path, fields)])

    def delete(self, path: str, *, last_update_time: datetime | None = None, must_exist: bool = False) -> Committed:
        """Deletes the document, if it is unchanged since `last_update_time` (where given). Documents below it stay."""
        return self.commit([Delete(path, last_update_time, must_exist)])

    def restore(self, exact: str) -> Committed:
        """Writes back the text from `Records.exact`, field for field, where no document is now."""
        return self.commit([Restore(exact)])

    def commit(self, changes: Sequence[Change], *, operation: str = "Changing documents") -> Committed:
        """Applies all changes or none, at most `MAX_CHANGES`.

        After a lost reply it sends the changes again where that does no harm. If the second answer says that a
        precondition fails, it reads the documents: when they are what the changes leave, the first try was applied.
        Raises `Unreachable` when nobody can know whether the changes were applied; `Stale` only when they were not.
        """
        if not 1 <= len(changes) <= MAX_CHANGES:
            raise BadInput(f"a commit takes 1 to {MAX_CHANGES} changes, not {len(changes):,}", field_name="changes")
        writes = [to_write(change, self._handle.name("")) for change in changes]
        tries = TRIES if all(repeatable(change) for change in changes) else 1
        lost, number = False, 0
        while True:
            number += 1
            try:
                return _committed(changes, self._changes.commit(writes, operation=operation))
            except Unreachable as fault:
                lost = True
                if number >= tries:
                    raise _unknown(fault) from fault
            except Stale as fault:
                if not was_contention(fault) or number >= TRIES:
                    if lost:
                        return self._decided(changes, fault)
                    raise self._explained(changes, fault) from fault
            except StorageError as fault:
                if lost:  # this answer says nothing about the try whose answer was lost
                    raise _unknown(fault) from fault
                raise
            _pause(number)

    def transaction(
        self, work: Callable[[DocumentTransaction], T], *, operation: str = "Changing documents", tries: int = TRIES
    ) -> T:
        """Runs `work`, which reads and collects changes, and commits; starts again when other writers interfere.

        Firestore locks or checks the documents that `work` read until the commit. `work` may run several times, so it
        must only read and collect. Raises `Stale` when other writers interfered every time.
        """
        previous, number = b"", 0
        while True:
            number += 1
            begun = self._changes.begin(operation=operation, retry_of=previous)
            transaction = DocumentTransaction(self._handle, begun, operation)
            try:
                result = work(transaction)
                self._commit_transaction(transaction, operation)
                return result
            except BaseException as fault:
                self._give_up(begun, operation)
                if not isinstance(fault, Stale) or not was_contention(fault) or number >= tries:
                    raise
            previous = begun
            _pause(number)

    def _commit_transaction(self, transaction: DocumentTransaction, operation: str) -> None:
        changes = transaction.changes
        if len(changes) > MAX_CHANGES:
            raise BadInput(f"a transaction takes at most {MAX_CHANGES} changes", field_name="changes")
        writes = [to_write(change, self._handle.name("")) for change in changes]
        try:
            self._changes.commit(writes, operation=operation, transaction=transaction.id)
        except Unreachable as fault:
            if not changes or not self._done(changes):
                raise _unknown(fault) from fault

    def _give_up(self, transaction: bytes, operation: str) -> None:
        with suppress(StorageError):  # Firestore ends it by itself; the caller needs the fault that led here
            self._changes.rollback(transaction, operation=operation)

    def _decided(self, changes: Sequence[Change], fault: Stale) -> Committed:
        """After a lost reply and a failed precondition: applied if the documents are what the changes leave."""
        done = self._done(changes)
        if done is None:  # the first try may have been applied and another writer may have changed it since
            raise _unknown(fault, "; ".join(self._explained(changes, fault).reasons)) from fault
        return done

    def _done(self, changes: Sequence[Change]) -> Committed | None:
        """The result if the documents, read again, are what the changes leave; else `None`."""
        found = self._read(changes)
        if not all(written(change, found[change.path]) for change in changes):
            return None
        times = {path: None if doc is None else decode_time(doc.update_time) for path, doc in found.items()}
        return Committed(times, confirmed_by_reading=True)

    def _explained(self, changes: Sequence[Change], fault: Stale) -> Stale:
        """The fault with what moved, document by document, as far as reading them again shows it."""
        try:
            found = self._read(changes)
        except StorageError:
            return fault
        reasons = [reason for change in changes if (reason := _moved(change, found[change.path]))]
        words = {"remedy": fault.remedy, "operation": fault.operation, "target": fault.target, "detail": fault.detail}
        return Stale(fault.message, reasons=reasons or fault.reasons, **words)

    def _read(self, changes: Sequence[Change]) -> dict[str, Any]:
        paths = list(dict.fromkeys(change.path for change in changes))
        return self._handle.batch_get(paths, operation="Reading what was changed")


class DocumentTransaction:
    """For the work of a transaction: reads the present state and collects changes."""

    def __init__(self, handle: FirestoreHandle, transaction: bytes, operation: str) -> None:
        self.id = transaction
        self.changes: list[Change] = []
        self._handle = handle
        self._operation = operation

    def get(self, path: str) -> RawDocument | None:
        """The document as this transaction sees it, without the changes collected so far; `None`: proven absent."""
        return self.get_all([path])[path]

    def get_all(self, paths: Sequence[str]) -> dict[str, RawDocument | None]:
        """As `get`, for many documents in one call."""
        checked = [document_path(path) for path in paths]
        found = self._handle.batch_get(checked, operation=self._operation, transaction=self.id)
        return {path: None if document is None else raw_document(document) for path, document in found.items()}

    def add(self, change: Change) -> None:
        """Collects a change; the transaction applies it when the work has ended."""
        self.changes.append(change)


def _committed(changes: Sequence[Change], response: Any) -> Committed:
    times: dict[str, datetime | None] = {}
    for change, result in zip(changes, response.write_results, strict=True):
        deleted = isinstance(change, Delete) or not result.HasField("update_time")
        times[change.path] = None if deleted else decode_time(result.update_time)
    return Committed(times)


def _moved(change: Change, document: Any | None) -> str:
    expected = change.last_update_time if isinstance(change, Update | Delete) else None
    if isinstance(change, Create | Restore):
        return f"{change.path} exists already" if document is not None else ""
    if document is None:
        needed = (
            isinstance(change, Update) or expected is not None or (isinstance(change, Delete) and change.must_exist)
        )
        return f"{change.path} does not exist any more" if needed else ""
    changed = decode_time(document.update_time)
    if expected is None or changed == expected:
        return ""
    return f"{change.path} was changed at {changed}, after {expected}"


def _unknown(fault: StorageError, found: str = "") -> Unreachable:
    words = {"operation": fault.operation, "target": fault.target, "detail": found or fault.detail}
    return Unreachable(
        f"{fault.operation}: the reply was lost, and whether the change was applied is not known.",
        remedy="Look at the present state before repeating it.",
        **words,
    )


def _pause(number: int) -> None:
    time.sleep(PAUSE_SECONDS * 2 ** (number - 1) * random.uniform(0.5, 1.5))
