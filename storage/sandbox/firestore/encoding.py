"""Plain Python values into document messages, as the client library encodes them but without its wrapping."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from google.cloud.firestore import DocumentReference, GeoPoint
from google.cloud.firestore_v1.vector import Vector

from storage.sandbox.firestore.names import Name
from storage.sandbox.firestore.protos import Document, Message

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


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
    if isinstance(value, Vector):
        value = {"__type__": "__vector__", "value": list(value)}
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
