"""Converts Firestore values to plain Python and back, and whole documents to JSON without loss (for the quarantine)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from storage.clients import firestore
from storage.domain.documents import RawDocument
from storage.errors import BadInput

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_SECOND = -62_135_596_800  # 0001-01-01T00:00:00Z, the earliest time of Firestore and of `datetime`
LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class GeoPoint:
    """A place, in degrees."""

    latitude: float
    longitude: float


class Reference(str):
    """A reference to a document, as its path; `name` is Firestore's full name, which is also written back."""

    name: str

    def __new__(cls, name: str) -> Self:
        """The reference with this full name of Firestore's."""
        made = super().__new__(cls, relative_path(name) if name.count("/") > 4 else name)
        made.name = name
        return made


def relative_path(name: str) -> str:
    """`users/U` of `projects/P/databases/D/documents/users/U`."""
    return name.split("/", 5)[5]


def decode_time(stamp: Any) -> datetime | None:
    """A protobuf timestamp as an aware UTC time, cut to microseconds; `None` outside the years 1 to 9999."""
    seconds = stamp.seconds
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        return None
    return EPOCH + timedelta(seconds=seconds, microseconds=stamp.nanos // 1000)


def decode_value(cell: Any) -> Any:
    """One value: aware UTC times, `bytes`, `GeoPoint`, references as their path, maps and arrays as dicts and lists."""
    kind = cell.WhichOneof("value_type")
    if kind == "map_value":
        return decode_map(cell.map_value)
    if kind == "array_value":
        return decode_list(cell.array_value)
    if kind == "timestamp_value":
        return decode_time(cell.timestamp_value)
    if kind == "geo_point_value":
        return GeoPoint(cell.geo_point_value.latitude, cell.geo_point_value.longitude)
    if kind == "reference_value":
        return Reference(cell.reference_value)
    if kind in {"string_value", "integer_value", "double_value", "boolean_value", "bytes_value"}:
        return getattr(cell, kind)
    return None  # null, and any kind of value that a later API may add


def decode_map(message: Any) -> dict[str, Any]:
    """A map value (or a whole document: both have `fields`) as a dict of plain values."""
    return {name: decode_value(cell) for name, cell in message.fields.items()}


def decode_list(message: Any) -> list[Any]:
    """An array value as a list of plain values."""
    return [decode_value(cell) for cell in message.values]


def to_fields(document: Any) -> dict[str, Any]:
    """All fields of a document as plain values."""
    return decode_map(document)


def exists(document: Any) -> bool:
    """False for a phantom parent: a listing names it without a creation time.

    A deleted document may keep the time of its deletion as `update_time` (Google's emulator does that).
    """
    return bool(document.HasField("create_time"))


def raw_document(document: Any) -> RawDocument:
    """Any document unchanged; `fields` is `None` for a phantom parent."""
    there = exists(document)
    return RawDocument(
        path=relative_path(document.name),
        fields=to_fields(document) if there else None,
        create_time=decode_time(document.create_time) if there else None,
        update_time=decode_time(document.update_time) if there else None,
    )


def document_to_json(document: Any) -> str:
    """The whole document, with name and times, as JSON that `document_from_json` turns into the same message."""
    return firestore.to_json(document)


def document_from_json(text: str) -> Any:
    """The document that `document_to_json` wrote, field for field. Raises `ValueError` for anything else."""
    return firestore.document_from_json(text)


def encode_value(value: Any, field_name: str = "value") -> Any:
    """A plain value in Firestore's form; `BadInput` names the field when Firestore has no such value."""
    cell = firestore.Value()
    _fill(cell, value, field_name)
    return cell


def _fill(cell: Any, value: Any, name: str) -> None:
    if value is None:
        cell.null_value = 0
    elif isinstance(value, bool):
        cell.boolean_value = value
    elif isinstance(value, int):
        if value not in _INT64:
            raise BadInput(f"{name} does not fit into 64 bits", field_name=name)
        cell.integer_value = value
    elif isinstance(value, float):
        cell.double_value = value
    elif isinstance(value, Reference):
        cell.reference_value = value.name
    elif isinstance(value, str):
        _fill_text(cell, value, name)
    elif isinstance(value, bytes):
        cell.bytes_value = value
    elif isinstance(value, datetime):
        encode_time(cell.timestamp_value, value, name)
    else:
        _fill_compound(cell, value, name)


def _fill_text(cell: Any, value: str, name: str) -> None:
    try:
        cell.string_value = value
    except (UnicodeEncodeError, ValueError):
        raise BadInput(f"{name} is text that is not valid Unicode", field_name=name) from None


def encode_time(stamp: Any, value: datetime, name: str) -> None:
    """Puts an aware time into a protobuf timestamp; `BadInput` for one without a time zone."""
    if value.tzinfo is None:
        raise BadInput(f"{name} is a time without a time zone", field_name=name)
    microseconds = (value - EPOCH) // timedelta(microseconds=1)
    stamp.seconds, rest = divmod(microseconds, 1_000_000)
    stamp.nanos = rest * 1_000


def _fill_compound(cell: Any, value: Any, name: str) -> None:
    if isinstance(value, GeoPoint):
        cell.geo_point_value.latitude, cell.geo_point_value.longitude = value.latitude, value.longitude
    elif isinstance(value, Mapping):
        cell.map_value.SetInParent()
        for key, part in value.items():
            _fill(cell.map_value.fields[key], part, f"{name}.{key}")
    elif isinstance(value, list | tuple):
        cell.array_value.SetInParent()
        for position, part in enumerate(value):
            if isinstance(part, list | tuple):
                raise BadInput(f"{name} holds a list within a list, which Firestore refuses", field_name=name)
            _fill(cell.array_value.values.add(), part, f"{name}[{position}]")
    else:
        raise BadInput(f"{name} is a {type(value).__name__}, which Firestore cannot store", field_name=name)
