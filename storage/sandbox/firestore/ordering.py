"""One total order over all values, as a key that Python compares: filters, sorting and cursors all use it.

null < booleans < numbers (NaN first, integers and doubles by their exact value) < timestamps < strings (by
UTF-8) < bytes < references (by segments) < geographical points < arrays < vectors < maps (names and values in
turn).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from storage.sandbox.firestore.protos import Message
from storage.sandbox.firestore.refusals import invalid

Key = tuple[Any, ...]
"""The first item is the rank of the type, so keys of different types never compare their contents."""

NULL: Key = (0,)
NAN: Key = (2, 0)
ARRAY = 8
_VECTOR = 9


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


def _array(value: Message) -> Key:
    return (ARRAY, tuple(map(key_of, value.array_value.values)))


def _map(value: Message) -> Key:
    fields = value.map_value.fields
    if is_vector(value):
        elements = tuple(map(key_of, fields["value"].array_value.values))
        return (_VECTOR, len(elements), elements)
    return (10, tuple((name, key_of(fields[name])) for name in sorted(fields)))


def is_vector(value: Message) -> bool:
    """Whether a map is the client's way of writing a vector: `__type__` and `value`, nothing else."""
    fields = value.map_value.fields
    marker = fields.get("__type__")
    if marker is None or len(fields) != 2 or "value" not in fields:
        return False
    return bool(marker.string_value == "__vector__")


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
    "array_value": _array,
    "map_value": _map,
}
