"""What Firestore accepts as a document: types, nesting, names, ranges and sizes, checked in one walk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from storage.sandbox.firestore.field_paths import MAX_FIELD_NAME_BYTES
from storage.sandbox.firestore.names import Name, document_named, is_reserved
from storage.sandbox.firestore.ordering import is_vector
from storage.sandbox.firestore.protos import Message
from storage.sandbox.firestore.refusals import Refused, invalid

MAX_DOCUMENT_BYTES = 1_048_576
MAX_VALUE_BYTES = MAX_DOCUMENT_BYTES - 89
MAX_DEPTH = 20  # maps and arrays within one another

_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # years 1 to 9999


def check_document(name: Name, fields: Message) -> None:
    """Refuse a document that Firestore would; timestamps are cut to microseconds in place, as it does.

    Raises:
        Refused: INVALID_ARGUMENT, with what is wrong and where.
    """
    size = _name_bytes(name) + 32
    for field, value in fields.items():
        if is_reserved(field):
            raise invalid(f"field name {field} is reserved")
        size += _field_name_bytes(field) + _measure(value, _Place(field))
    if size > MAX_DOCUMENT_BYTES:
        raise invalid(
            f"Document '{name}' cannot be written because its size ({size:,} bytes) exceeds the maximum "
            f"allowed size of {MAX_DOCUMENT_BYTES:,} bytes."
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands: below which field, how deep, and whether directly in an array."""

    field: str
    depth: int = 0
    in_array: bool = False

    def below(self, *, in_array: bool) -> _Place:
        return _Place(self.field, self.depth + 1, in_array)

    def nested_wrongly(self) -> Refused:
        return invalid(f"Property {self.field} contains an invalid nested entity.")


def _measure(value: Message, place: _Place) -> int:
    """Bytes that the value counts for by Firestore's published storage size rules."""
    kind = value.WhichOneof("value_type")
    fixed = _FIXED_BYTES.get(kind)
    if fixed is not None:
        return fixed
    measure = _MEASURES.get(kind)
    if measure is None:
        raise invalid(f"Cannot convert firestore.v1.Value with type {kind or 'unset'}.")
    return measure(value, place)


def _string(value: Message, place: _Place) -> int:
    return _limited(len(value.string_value.encode()), place) + 1


def _bytes(value: Message, place: _Place) -> int:
    return _limited(len(value.bytes_value), place)


def _limited(size: int, place: _Place) -> int:
    if size > MAX_VALUE_BYTES:
        raise invalid(f'The value of property "{place.field}" is longer than {MAX_VALUE_BYTES} bytes.')
    return size


def _timestamp(value: Message, _: _Place) -> int:
    stamp = value.timestamp_value
    if not _FIRST_SECOND <= stamp.seconds <= _LAST_SECOND:
        raise invalid("Timestamp seconds exceeds limit for field.")
    if not 0 <= stamp.nanos < 1_000_000_000:
        raise invalid("Timestamp nanos exceeds limit for field.")
    if stamp.nanos % 1_000:
        stamp.nanos -= stamp.nanos % 1_000
    return 8


def _geo_point(value: Message, _: _Place) -> int:
    point = value.geo_point_value
    for what, degrees, limit in (("latitude", point.latitude, 90.0), ("longitude", point.longitude, 180.0)):
        if not -limit <= degrees <= limit:
            raise invalid(f"Geo point {what} '{degrees}' outside permitted range -{limit} to {limit}.")
    return 16


def _reference(value: Message, _: _Place) -> int:
    return _name_bytes(document_named(value.reference_value, "Resource name"))


def _array(value: Message, place: _Place) -> int:
    if place.in_array:
        raise invalid("Cannot convert an array value in an array value.")
    inner = place.below(in_array=True)
    if inner.depth > MAX_DEPTH:
        raise place.nested_wrongly()
    return sum(_measure(element, inner) for element in value.array_value.values)


def _map(value: Message, place: _Place) -> int:
    inner = place.below(in_array=False)
    if inner.depth > MAX_DEPTH:
        raise place.nested_wrongly()
    vector = is_vector(value)
    size = 0
    for field, element in value.map_value.fields.items():
        if not field:
            raise place.nested_wrongly()
        if is_reserved(field) and not vector:
            raise invalid(f"field name '{field}' is reserved.")
        size += _field_name_bytes(field) + _measure(element, inner)
    return size


def _field_name_bytes(field: str) -> int:
    if not field:
        raise invalid("The property.name is the empty string.")
    size = len(field.encode())
    if size > MAX_FIELD_NAME_BYTES:
        raise invalid(f"The property.name is longer than {MAX_FIELD_NAME_BYTES} bytes.")
    return size + 1


def _name_bytes(name: Name) -> int:
    return 16 + sum(len(segment.encode()) + 1 for segment in name.segments)


_FIXED_BYTES = {"null_value": 1, "boolean_value": 1, "integer_value": 8, "double_value": 8}

_MEASURES: dict[str | None, Callable[[Message, _Place], int]] = {
    "string_value": _string,
    "bytes_value": _bytes,
    "timestamp_value": _timestamp,
    "geo_point_value": _geo_point,
    "reference_value": _reference,
    "array_value": _array,
    "map_value": _map,
}
