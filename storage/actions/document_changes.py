"""Changes to documents as frozen values, and what each becomes on the wire. Building one asks nothing of Firestore."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from storage.clients import firestore_messages as pb
from storage.errors import BadInput
from storage.repositories.decode import document_from_json, encode_time, encode_value, relative_path
from storage.repositories.records_paths import document_path

FieldName = str | tuple[str, ...]
"""`processing_progress.error_message`, or its parts as a tuple where a name itself holds a dot."""


class Special(Enum):
    """Contents that only Firestore itself can give."""

    DELETE_FIELD = "delete"
    SERVER_TIME = "server time"


@dataclass(frozen=True, slots=True)
class Increment:
    """Adds to a number on the server; a commit that has one is not repeated without a precondition."""

    by: int | float


@dataclass(frozen=True, slots=True)
class Update:
    """Changes these fields and no others. Without a precondition, the document must exist."""

    path: str
    fields: Mapping[FieldName, Any]
    last_update_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """Writes a document that must not exist."""

    path: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Replace:
    """Writes the whole document, whatever was there."""

    path: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletes the document; without a precondition, also when it is gone already. What lies below it stays."""

    path: str
    last_update_time: datetime | None = None
    must_exist: bool = False


@dataclass(frozen=True, slots=True)
class Restore:
    """Writes back a document of `Records.exact`, field for field, under its own path, which must be free."""

    exact: str

    @property
    def path(self) -> str:
        """The path that the document had."""
        return relative_path(_parsed(self.exact).name)


Change = Update | Create | Replace | Delete | Restore


def to_write(change: Change, documents_root: str) -> Any:
    """The `Write` message; `BadInput` names the field that Firestore could not store."""
    write = pb.Write()
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
    """Whether applying it twice gives what applying it once gives: if not, a lost reply must not be answered so."""
    if isinstance(change, Update) and change.last_update_time is None:
        return not any(isinstance(value, Increment) for value in change.fields.values())
    return True


def written(change: Change, document: Any | None) -> bool:
    """Whether the document, read again, is as the change leaves it; never certain of an `Increment`."""
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
        path = pb.field_path(parts)
        if isinstance(value, Increment):
            transform = write.update_transforms.add(field_path=path)
            transform.increment.CopyFrom(encode_value(value.by, path))
        elif value is Special.SERVER_TIME:
            write.update_transforms.add(field_path=path, set_to_server_value=pb.REQUEST_TIME)
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
    """The cell at an API field path, or `None`."""
    fields, cell = document.fields, None
    for part in pb.field_path_parts(path):
        if part not in fields:
            return None
        cell = fields[part]
        fields = cell.map_value.fields
    return cell
