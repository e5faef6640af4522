"""Field paths (`` a.b.`c d` ``) and what they reach in the nested maps of a document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from storage.sandbox.firestore.names import is_reserved
from storage.sandbox.firestore.protos import Document, Message
from storage.sandbox.firestore.refusals import invalid

NAME = "__name__"
"""The path that stands for a document's own name in filters, orders and masks."""

MAX_FIELD_NAME_BYTES = 1_500

Path = tuple[str, ...]

_PLAIN = "[a-zA-Z_][a-zA-Z_0-9]*"
_QUOTED = r"`(?:[^`\\]|\\.)+`"
_SEGMENT = re.compile(f"{_PLAIN}|{_QUOTED}", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@lru_cache(maxsize=4_096)
def parse(text: str) -> Path:
    """The segments of a field path, unquoted. `__name__` comes back as itself.

    Raises:
        Refused: INVALID_ARGUMENT for bad syntax, reserved names and names over 1,500 bytes.
    """
    segments = []
    position = 0
    while match := _SEGMENT.match(text, position):
        part = match[0]
        segments.append(_ESCAPE.sub(r"\1", part[1:-1]) if part[0] == "`" else part)
        position = match.end()
        if position == len(text):
            return checked(tuple(segments))
        if text[position] != ".":
            break
        position += 1
    raise invalid(
        f'Invalid property path "{text}". Unquoted property paths must match regex ({_PLAIN}), '
        rf"and quoted property paths must match regex (`(?:[^`\\]|(?:\\.))+`)"
    )


def checked(path: Path) -> Path:
    """`path`, whose names may be neither too long nor reserved.

    Raises:
        Refused: INVALID_ARGUMENT.
    """
    if path == (NAME,):
        return path
    for name in path:
        if is_reserved(name):
            raise invalid(f"Invalid reserved name in field path {name}")
        if len(name.encode()) > MAX_FIELD_NAME_BYTES:
            raise invalid(f"The property.name is longer than {MAX_FIELD_NAME_BYTES} bytes.")
    return path


def find(fields: Message, path: Path) -> Message | None:
    """The value at `path` below a map of fields; None where there is none (a stored null is a value)."""
    value = fields.get(path[0])
    for name in path[1:]:
        if value is None or value.WhichOneof("value_type") != "map_value":
            return None
        value = value.map_value.fields.get(name)
    return value


def put(fields: Message, path: Path) -> Message:
    """The value message at `path`, emptied to be filled anew; maps on the way there replace scalars."""
    for name in path[:-1]:
        value = fields[name]
        if value.WhichOneof("value_type") != "map_value":
            value.map_value.SetInParent()
        fields = value.map_value.fields
    value = fields[path[-1]]
    value.Clear()
    return value


def remove(fields: Message, path: Path) -> None:
    """Take the value at `path` away; nothing happens where there is none."""
    for name in path[:-1]:
        value = fields.get(name)
        if value is None or value.WhichOneof("value_type") != "map_value":
            return
        fields = value.map_value.fields
    fields.pop(path[-1], None)


def masked(document: Message, paths: Iterable[Path]) -> Message:
    """A copy of `document` with its name and times, and only the fields at `paths`."""
    slim = Document(name=document.name, create_time=document.create_time, update_time=document.update_time)
    for path in paths:
        value = None if path == (NAME,) else find(document.fields, path)
        if value is not None:
            put(slim.fields, path).CopyFrom(value)
    return slim
