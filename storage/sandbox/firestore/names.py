"""Resource names: parsing, the rules for ids, and a byte key that sorts as Firestore sorts names.

Firestore orders names segment by segment, each by its UTF-8 bytes. A key is the sequence of segments, each ended by
00 01, with a zero byte inside an id written as 00 FF. So comparing two keys byte by byte compares the names, and the
names below a document or a collection are exactly the keys that begin with its key. Numeric ids, written `__id7__`,
sort before all others and by their number: the client's `recursive()` starts from the least.

The module also reads and writes field paths (`` a.b.`c d` ``) in the nested maps of a document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from storage.sandbox.firestore.wire import Document, Message, invalid

MAX_ID_BYTES = 1_500
MAX_SEGMENTS = 200  # 100 pairs of collection and document

_END = b"\x00\x01"
_NUMERIC = b"\x00\x02"
_NUMERIC_ID = re.compile(r"__id(-?[1-9][0-9]{0,18})__")
_OFFSET = 2**63
_ABOVE = b"\xff"  # higher than the first byte of any segment
_ROOTS = ((0, "projects"), (2, "databases"), (4, "documents"))


NAME = "__name__"
MAX_FIELD_NAME_BYTES = 1_500
Path = tuple[str, ...]
_PLAIN = "[a-zA-Z_][a-zA-Z_0-9]*"
_QUOTED = r"`(?:[^`\\]|\\.)+`"
_SEGMENT = re.compile(f"{_PLAIN}|{_QUOTED}", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Name:
    """A document, a collection, or (without segments) the root of a database.

    `database` is `projects/P/databases/D`.
    """

    database: str
    segments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "/".join((self.database, "documents", *self.segments))

    @property
    def key(self) -> bytes:
        """The key, which sorts as the name does; the keys of all names below start with it."""
        return _root_key(self.database) + b"".join(map(_segment_key, self.segments))

    @property
    def parent(self) -> Name:
        """The collection of a document, or the document (or root) above a collection."""
        return Name(self.database, self.segments[:-1])

    def child(self, *segments: str) -> Name:
        """The name at the path `segments` below this one."""
        return Name(self.database, self.segments + segments)


def is_reserved(name: str) -> bool:
    """Whether an id or a field name is of the form `__x__`, which Firestore keeps for itself."""
    return len(name) > 4 and name.startswith("__") and name.endswith("__")


def is_numeric(name: str) -> bool:
    """Whether an id is a number from Datastore: `__id7__`, never 0, in 64 bits, without leading zeros."""
    found = _NUMERIC_ID.fullmatch(name)
    return found is not None and -_OFFSET <= int(found[1]) < _OFFSET


def above(prefix: bytes) -> bytes:
    """The least key that sorts after every key that begins with `prefix`."""
    return prefix + _ABOVE


def after(key: bytes) -> bytes:
    """A bound between `key` itself and all later keys, its descendants included."""
    return key + b"\x00"


def name_of(key: bytes) -> Name:
    """The name behind a key."""
    project, database, *segments = map(_segment_of, key.split(_END)[:-1])
    return Name(f"projects/{project}/databases/{database}", tuple(segments))


def head(key: bytes, segments: int) -> bytes:
    """The start of `key` that covers the database and `segments` path segments."""
    end = 0
    for _ in range(segments + 2):
        end = key.index(_END, end) + len(_END)
    return key[:end]


def database_named(name: str) -> str:
    """Check `projects/P/databases/D` and return it.

    Raises:
        Refused: INVALID_ARGUMENT, when it is anything else.
    """
    _check_roots("Database name", name, name.split("/"), _ROOTS[:2])
    if name.count("/") != 3:
        raise invalid(f'Database name "{name}" is invalid: nothing may follow the database id.')
    return name


def document_named(name: str, label: str = "Document name") -> Name:
    """Parse the full name of a document.

    Raises:
        Refused: INVALID_ARGUMENT, when it is not one, or an id breaks Firestore's rules.
    """
    parsed = parent_named(name, label)
    if not parsed.segments:
        raise invalid(f'{label} "{name}" is invalid: it names a database, not a document.')
    return parsed


def parent_named(name: str, label: str = "Document parent name") -> Name:
    """Parse the start of a query or list: a document, or `.../documents` for the root.

    Raises:
        Refused: INVALID_ARGUMENT, as for `document_named`.
    """
    parts = name.split("/")
    _check_roots(label, name, parts, _ROOTS)
    parsed = Name("/".join(parts[:4]), tuple(parts[5:]))
    if len(parsed.segments) > MAX_SEGMENTS:
        raise invalid(f"Key path is too long. Cannot exceed {MAX_SEGMENTS // 2} elements.")
    for position, segment in enumerate(parsed.segments):
        _check_id(segment, "Resource id" if position % 2 else "Collection id", numeric=position % 2 == 1)
    if len(parsed.segments) % 2:
        raise invalid(f'{label} "{name}" lacks "/" at index {len(name)}.')
    return parsed


def collection_id(text: str) -> str:
    """Check the id of a collection.

    Raises:
        Refused: INVALID_ARGUMENT.
    """
    if "/" in text:
        raise invalid(f'Collection id "{text}" is invalid because it contains "/".')
    _check_id(text, "Collection id", numeric=False)
    return text


def same_database(name: Name, database: str) -> Name:
    """`name`, after a check that it lies in the request's database.

    Raises:
        Refused: INVALID_ARGUMENT, when it lies in another one.
    """
    if name.database != database:
        raise invalid(f'Document name "{name}" is not in database "{database}".')
    return name


def _check_roots(label: str, name: str, parts: list[str], roots: tuple[tuple[int, str], ...]) -> None:
    for position, expected in roots:
        index = len("/".join(parts[:position]))
        if len(parts) <= position or parts[position] != expected:
            raise invalid(f'{label} "{name}" lacks "{expected}" at index {index}.')
        if expected != "documents" and not "".join(parts[position + 1 : position + 2]):
            raise invalid(f'{label} "{name}" lacks an id after "{expected}".')


def _check_id(segment: str, kind: str, *, numeric: bool) -> None:
    if segment in ("", ".", ".."):
        raise invalid(f'{kind} "{segment}" is invalid: it may not be empty, "." or "..".')
    if is_reserved(segment) and not (numeric and is_numeric(segment)):
        raise invalid(f'{kind} "{segment}" is invalid because it is reserved.')
    if len(segment) * 4 > MAX_ID_BYTES and len(segment.encode()) > MAX_ID_BYTES:
        raise invalid(f"The key path element name is longer than {MAX_ID_BYTES} bytes.")


def _segment_key(segment: str) -> bytes:
    if is_reserved(segment):
        number = int(segment[len("__id") : -len("__")]) + _OFFSET
        return _NUMERIC + b"%016x" % number + _END
    return segment.encode().replace(b"\x00", b"\x00\xff") + _END


def _segment_of(part: bytes) -> str:
    if part.startswith(_NUMERIC):
        return f"__id{int(part[len(_NUMERIC) :], 16) - _OFFSET}__"
    return part.replace(b"\x00\xff", b"\x00").decode()


@lru_cache(maxsize=1_024)
def _root_key(database: str) -> bytes:
    _, project, _, database_id = database.split("/")
    return _segment_key(project) + _segment_key(database_id)


"""The path that stands for a document's own name in filters, orders and masks."""


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
    """`path`, after a check that its names are neither too long nor reserved.

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
    """The value at `path` below a map of fields; None without one (a stored null is a value)."""
    value = fields.get(path[0])
    for name in path[1:]:
        if value is None or value.WhichOneof("value_type") != "map_value":
            return None
        value = value.map_value.fields.get(name)
    return value


def put(fields: Message, path: Path) -> Message:
    """The value message at `path`, emptied for a new value; maps on the way there replace scalars."""
    for name in path[:-1]:
        value = fields[name]
        if value.WhichOneof("value_type") != "map_value":
            value.map_value.SetInParent()
        fields = value.map_value.fields
    value = fields[path[-1]]
    value.Clear()
    return value


def remove(fields: Message, path: Path) -> None:
    """Remove the value at `path`, if there is one."""
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
