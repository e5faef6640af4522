"""Values of documents: the checks that Firestore makes, the encoding from Python, and the order over all values.

`check_document` checks types, nesting, names, ranges and sizes in one walk. `document` encodes plain Python values as
the client library does, but without its wrapping. `key_of` gives one total order over all values, as a key that Python
compares; filters, sorting and cursors all use it:

null < booleans < numbers (NaN first, integers and doubles by their exact value) < timestamps < strings (by
UTF-8) < bytes < references (by segments) < geographical points < arrays < maps (names and values in
turn).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.cloud.firestore import DocumentReference, GeoPoint

from storage.sandbox.firestore.names import MAX_FIELD_NAME_BYTES, Name, document_named, is_reserved
from storage.sandbox.firestore.wire import CallRefused, Document, Message, invalid, unimplemented

Key = tuple[Any, ...]
"""The first item is the rank of the type, so keys of different types never compare their contents."""

NULL: Key = (0,)
NAN: Key = (2, 0)


MAX_DOCUMENT_BYTES = 1_048_576
MAX_VALUE_BYTES = MAX_DOCUMENT_BYTES - 89
MAX_DEPTH = 20  # maps and arrays within one another
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # years 1 to 9999
_FIXED_BYTES = {"null_value": 1, "boolean_value": 1, "integer_value": 8, "double_value": 8}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def key_of(value: Message) -> Key:
    """The sort key of a value. Equal keys are equal values: 1 and 1.0, 0.0 and -0.0, NaN and NaN.

    Raises:
        Refused: INVALID_ARGUMENT, for a value without a type or of a type that only pipelines know.
    """
    kind = value.WhichOneof("value_type")
    try:
        key = _KEYS[kind]
    except KeyError:
        raise invalid(f"Cannot convert firestore.v1.Value with type {kind or 'unset'}.") from None
    return key(value)


def _double(value: Message) -> Key:
    number = value.double_value
    return (2, 1, number) if number == number else NAN


def _array_order(value: Message) -> Key:
    return (8, tuple(map(key_of, value.array_value.values)))


def _map_order(value: Message) -> Key:
    fields = value.map_value.fields
    return (9, tuple((name, key_of(fields[name])) for name in sorted(fields)))


_KEYS: dict[str, Callable[[Message], Key]] = {
    "null_value": lambda _: NULL,
    "boolean_value": lambda value: (1, value.boolean_value),
    "integer_value": lambda value: (2, 1, value.integer_value),
    "double_value": _double,
    "timestamp_value": lambda value: (3, value.timestamp_value.seconds, value.timestamp_value.nanos),
    "string_value": lambda value: (4, value.string_value),
    "bytes_value": lambda value: (5, value.bytes_value),
    "reference_value": lambda value: (6, tuple(value.reference_value.split("/"))),
    "geo_point_value": lambda value: (7, value.geo_point_value.latitude, value.geo_point_value.longitude),
    "array_value": _array_order,
    "map_value": _map_order,
}


def check_document(name: Name, fields: Message) -> None:
    """Refuse a document that Firestore would refuse; cut timestamps to microseconds in place, as Firestore does.

    Raises:
        Refused: INVALID_ARGUMENT, with the fault and its place.
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
    """The place of a value: its field, its depth, and whether it is directly in an array."""

    field: str
    depth: int = 0
    in_array: bool = False

    def below(self, *, in_array: bool) -> _Place:
        return _Place(self.field, self.depth + 1, in_array)

    def nested_wrongly(self) -> CallRefused:
        return invalid(f"Property {self.field} contains an invalid nested entity.")


def _measure(value: Message, place: _Place) -> int:
    """The number of bytes of the value by Firestore's published storage size rules."""
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
    if "__type__" in value.map_value.fields:
        raise unimplemented("A vector")
    size = 0
    for field, element in value.map_value.fields.items():
        if not field:
            raise place.nested_wrongly()
        if is_reserved(field):
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


_MEASURES: dict[str | None, Callable[[Message, _Place], int]] = {
    "string_value": _string,
    "bytes_value": _bytes,
    "timestamp_value": _timestamp,
    "geo_point_value": _geo_point,
    "reference_value": _reference,
    "array_value": _array,
    "map_value": _map,
}


def document(name: Name, fields: Mapping[str, Any]) -> Message:
    """A Document message called `name`, without times. Naive datetimes count as UTC, as in the client.

    Raises:
        TypeError: for a value that Firestore has no type for.
    """
    encoded = Document(name=str(name))
    for field, value in fields.items():
        _encode(value, encoded.fields[field], name.database)
    return encoded


def _encode(value: Any, into: Message, database: str) -> None:
    if value is None:
        into.null_value = 0
    elif isinstance(value, bool):
        into.boolean_value = value
    elif isinstance(value, str):
        into.string_value = value
    elif isinstance(value, int):
        into.integer_value = value
    elif isinstance(value, float):
        into.double_value = value
    elif isinstance(value, dt.datetime):
        _encode_time(value, into.timestamp_value)
    else:
        _encode_rare(value, into, database)


def _encode_rare(value: Any, into: Message, database: str) -> None:
    if isinstance(value, Mapping):
        into.map_value.SetInParent()
        for field, inner in value.items():
            _encode(inner, into.map_value.fields[field], database)
    elif isinstance(value, list | tuple):
        into.array_value.SetInParent()
        for element in value:
            _encode(element, into.array_value.values.add(), database)
    elif isinstance(value, bytes):
        into.bytes_value = value
    elif isinstance(value, GeoPoint):
        into.geo_point_value.SetInParent()
        into.geo_point_value.latitude, into.geo_point_value.longitude = value.latitude, value.longitude
    elif isinstance(value, DocumentReference):
        into.reference_value = f"{database}/documents/{value.path}"
    else:
        raise TypeError(f"Firestore has no type for {type(value).__name__}: {value!r}")


def _encode_time(moment: dt.datetime, into: Message) -> None:
    since = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)) - _EPOCH
    into.seconds = since.days * 86_400 + since.seconds
    into.nanos = since.microseconds * 1_000
    into.SetInParent()
