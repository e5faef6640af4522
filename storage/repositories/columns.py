"""Decodes documents into typed columns, with straight-line code that is generated once for each schema.

Why generated: a loop over columns with a getter each costs a call for every cell of 20,000 documents by 30 fields;
one function with all getters in line takes about an eleventh of the time of the client library's own way. The source
is made from the schema's column names alone, quoted by `repr`; nothing that a document holds reaches it.

`TableBuilder` collects pages of documents into one `Table`; each page becomes Arrow arrays at once, so memory stays
near the frame's. `user`, `video` and the like decode one document to a frozen value by the same rules as the frames.
`CellFallback` is the slow way for cells that differ from the schema: it gives a usable value and notes the oddity.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa

from storage.domain.documents import (
    ACCOUNTING,
    CLIPS,
    USERS,
    VIDEOS,
    Accounting,
    Clip,
    Column,
    ColumnKind,
    Schema,
    Table,
    User,
    Video,
    of_row,
)
from storage.errors import FieldProblem, StorageError
from storage.repositories.decode import EPOCH, FIRST_SECOND, LAST_SECOND, decode_list, decode_map, exists, relative_path

MAX_ODDITIES = 1_000
EXCERPT_LENGTH = 40
NOT_KEPT = "not_kept"  # the kind of the last entry when there were more oddities than are kept

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_MICROSECOND = timedelta(microseconds=1)
_INVISIBLE = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


_KIND_NAMES = {
    "integer_value": "whole number",
    "double_value": "number",
    "boolean_value": "flag",
    "geo_point_value": "place",
    "null_value": "null",
}
# For each kind: how to read the cell, when that reading is the value, and the value (times in microseconds since 1970).
# A getter of another kind than the cell's gives that kind's zero, so any value but zero needs no second look.
_READ: dict[ColumnKind, tuple[str, str, str]] = {
    "text": ("value = cell.string_value", "value or cell.HasField('string_value')", "value"),
    "whole": ("value = cell.integer_value", "value or cell.HasField('integer_value')", "value"),
    # NaN and infinity minus themselves are NaN, never 0
    "number": (
        "value = cell.double_value",
        "value - value == 0.0 and (value or cell.HasField('double_value'))",
        "value",
    ),
    "flag": ("value = cell.boolean_value", "value or cell.HasField('boolean_value')", "value"),
    "time": (
        "stamp = cell.timestamp_value; value = stamp.seconds",
        f"value and {FIRST_SECOND} <= value <= {LAST_SECOND}",
        "value * 1000000 + stamp.nanos // 1000",
    ),
    "map": ("value = cell.map_value", "cell.HasField('map_value')", "decode_map(value)"),
    "list": ("value = cell.array_value", "cell.HasField('array_value')", "decode_list(value)"),
}
_ARROW: dict[ColumnKind, Any] = {
    "text": pa.large_string(),
    "whole": pa.int64(),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
}
_PANDAS: dict[ColumnKind, Any] = {
    "text": pd.StringDtype(),
    "whole": pd.Int64Dtype(),
    "number": pd.Float64Dtype(),
    "flag": pd.BooleanDtype(),
}


class CellFallback:
    """Called for cells that are not of the declared kind: returns a usable value or `None`, and keeps the oddities."""

    def __init__(self, limit: int = MAX_ODDITIES) -> None:
        self._limit = limit
        self._kept: list[FieldProblem] = []
        self._not_kept = 0

    def oddities(self) -> tuple[FieldProblem, ...]:
        """The oddities, in order; a last entry of kind `not_kept` says how many more there were."""
        if not self._not_kept:
            return tuple(self._kept)
        return (*self._kept, FieldProblem("", "", NOT_KEPT, f"{self._not_kept:,} more oddities were met and not kept"))

    def note(self, document: Any, name: str, kind: str, found: str = "") -> None:
        """Keeps one oddity, or only counts it when there are too many."""
        if len(self._kept) < self._limit:
            self._kept.append(FieldProblem(relative_path(document.name), name, kind, found))
        else:
            self._not_kept += 1

    def merge(self, other: CellFallback) -> None:
        """Adds the oddities of another page."""
        room = self._limit - len(self._kept)
        self._kept.extend(other._kept[:room])
        self._not_kept += len(other._kept[room:]) + other._not_kept

    def outside(self, document: Any) -> None:
        """Notes a document of a collection group outside the schema's place; the table leaves it out."""
        self.note(document, "path", "bad_value", "lies outside users/{uid}/...; left out")

    def absent(self, document: Any, name: str) -> None:
        """Notes that a required field is absent; a phantom parent has no fields and is no oddity."""
        if exists(document):
            self.note(document, name, "missing")

    def text(self, document: Any, name: str, cell: Any) -> None:
        """Accepts nothing but text."""
        self._wrong(document, name, cell)

    def flag(self, document: Any, name: str, cell: Any) -> None:
        """Accepts nothing but a boolean."""
        self._wrong(document, name, cell)

    def map(self, document: Any, name: str, cell: Any) -> None:
        """Accepts nothing but a map."""
        self._wrong(document, name, cell)

    def list(self, document: Any, name: str, cell: Any) -> None:
        """Accepts nothing but an array."""
        self._wrong(document, name, cell)

    def whole(self, document: Any, name: str, cell: Any) -> int | None:
        """Accepts a floating-point number without a fraction, since some clients write whole numbers so."""
        if cell.WhichOneof("value_type") == "double_value":
            value = cell.double_value
            if value.is_integer() and -(2.0**63) <= value < 2.0**63:
                return int(value)
            self.note(document, name, "wrong_type" if math.isfinite(value) else "bad_value", describe(cell))
            return None
        self._wrong(document, name, cell)
        return None

    def number(self, document: Any, name: str, cell: Any) -> float | None:
        """Accepts a whole number; notes and leaves out NaN and the infinities, since they would spoil every sum."""
        kind = cell.WhichOneof("value_type")
        if kind == "integer_value":
            return float(cell.integer_value)
        if kind == "double_value":
            self.note(document, name, "bad_value", describe(cell))
        else:
            self._wrong(document, name, cell)
        return None

    def time(self, document: Any, name: str, cell: Any) -> int | None:
        """Microseconds since 1970. Accepts RFC 3339 text and notes it; notes times outside the years 1 to 9999."""
        kind = cell.WhichOneof("value_type")
        if kind == "timestamp_value":
            stamp = cell.timestamp_value
            if FIRST_SECOND <= stamp.seconds <= LAST_SECOND:
                return int(stamp.seconds * 1_000_000 + stamp.nanos // 1_000)
            self.note(document, name, "bad_value", describe(cell))
            return None
        self._wrong(document, name, cell)
        return _microseconds(cell.string_value) if kind == "string_value" else None

    def _wrong(self, document: Any, name: str, cell: Any) -> None:
        kind = "null" if cell.HasField("null_value") else "wrong_type"
        self.note(document, name, kind, "" if kind == "null" else describe(cell))


def _microseconds(text: str) -> int | None:
    match = _RFC3339.fullmatch(text)
    if not match:
        return None
    day, clock, fraction, zone = match.groups()
    micros = (fraction or "").ljust(6, "0")[:6]
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}.{micros}{'+00:00' if zone in 'Zz' else zone}")
        return (moment.astimezone(UTC) - EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None


def describe(cell: Any) -> str:
    """A short description of the cell that is safe to show: the kind, and an excerpt without control characters."""
    kind = cell.WhichOneof("value_type") or "nothing"
    if kind == "string_value":
        return f"text '{excerpt(cell.string_value)}'"
    if kind in {"integer_value", "double_value", "boolean_value"}:
        value = getattr(cell, kind)
        return f"{_KIND_NAMES[kind]} {str(value).lower() if isinstance(value, bool) else f'{value!r}'}"
    if kind == "timestamp_value":
        return f"time {cell.timestamp_value.seconds} s after 1970"
    if kind == "bytes_value":
        return f"{len(cell.bytes_value):,} bytes"
    if kind == "reference_value":
        return f"reference '{excerpt(cell.reference_value)}'"
    if kind == "map_value":
        return f"map of {len(cell.map_value.fields):,}"
    if kind == "array_value":
        return f"list of {len(cell.array_value.values):,}"
    return _KIND_NAMES.get(kind, kind.removesuffix("_value"))


def excerpt(text: str, length: int = EXCERPT_LENGTH) -> str:
    """The beginning of a text without control, format and line-breaking characters."""
    head = "".join(char for char in text[: length * 2] if unicodedata.category(char) not in _INVISIBLE)
    return head[:length] + ("…" if len(head) > length or len(text) > length * 2 else "")


Decoder = Callable[[Iterable[Any], list[list[Any]], CellFallback], None]


@cache
def decoder(schema: Schema) -> Decoder:
    """A function that appends each document's cells to the given columns, in the schema's order.

    Absent, null and unusable cells become `None`; the `CellFallback` gets every oddity. A document outside the schema's
    place is left out and noted.
    """
    space: dict[str, Any] = {"decode_map": decode_map, "decode_list": decode_list}
    exec(compile(_source(schema), f"<decoder of {schema.name}>", "exec"), space)  # constants of the schema alone
    function: Decoder = space["decode"]
    return function


def _source(schema: Schema) -> str:
    lines = ["def decode(documents, columns, fallback):"]
    appends = ", ".join(f"add{position}" for position in range(len(schema.columns)))
    lines += [f"    {appends}, = [column.append for column in columns]", "    absent = fallback.absent"]
    lines += ["    for document in documents:", *_indent(_path_source(schema), 2), "        fields = document.fields"]
    for position, column in enumerate(schema.columns):
        if column.from_path:
            lines.append(f"        add{position}({_path_value(schema, column)})")
        else:
            lines += _indent(_cell_source(position, column), 2)
    return "\n".join(lines)


def _indent(lines: Iterable[str], levels: int) -> list[str]:
    return ["    " * levels + line for line in lines]


def _path_source(schema: Schema) -> list[str]:
    segments = schema.path.split("/")
    tests = [f"len(parts) != {len(segments)}"]
    tests += [f"parts[{at}] != {name!r}" for at, name in enumerate(segments) if not name.startswith("{")]
    return [
        "path = document.name.split('/', 5)[5]",  # after projects/P/databases/D/documents
        "parts = path.split('/')",
        f"if {' or '.join(tests)}:",
        "    fallback.outside(document)",
        "    continue",
        "there = document.create_time.seconds != 0",  # a phantom may have the time of a deletion, but never this one
        "changed = document.update_time",
    ]


def _path_value(schema: Schema, column: Column) -> str:
    special = {
        "path": "path",
        "exists": "there",
        "update_time": "changed.seconds * 1000000 + changed.nanos // 1000 if there else None",
    }
    return special.get(column.name) or f"parts[{schema.path.split('/').index(f'{{{column.name}}}')}]"


def _cell_source(position: int, column: Column) -> list[str]:
    name, add = repr(column.name), f"add{position}"
    read, holds, value = _READ[column.kind]
    null = "None if cell.HasField('null_value') else " if column.nullable else ""
    return [
        f"if {name} in fields:",
        f"    cell = fields[{name}]",
        f"    {read}",
        f"    {add}({value} if {holds} else {null}fallback.{column.kind}(document, {name}, cell))",
        "else:",
        f"    {add}({f'absent(document, {name})' if column.required else 'None'})",
    ]


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """One decoded page of documents: the columns and the oddities."""

    rows: int
    columns: list[Any]
    fallback: CellFallback


def decode_page(schema: Schema, documents: Iterable[Any]) -> DocumentPage:
    """Decodes the documents one by one as they come, which is twice as fast as keeping them; phantoms become rows."""
    columns: list[list[Any]] = [[] for _ in schema.columns]
    fallback = CellFallback()
    decoder(schema)(documents, columns, fallback)
    arrays = [
        values if (arrow := _ARROW.get(column.kind)) is None else pa.array(values, type=arrow)
        for values, column in zip(columns, schema.columns, strict=True)
    ]
    return DocumentPage(len(columns[0]), arrays, fallback)


class TableBuilder:
    """Collects pages of one schema into a table; not shared between threads."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.pages = 0
        self.rows = 0
        self._fallback = CellFallback()
        self._chunks: list[list[Any]] = [[] for _ in schema.columns]

    def page(self, documents: Iterable[Any]) -> DocumentPage:
        """Decodes one page without keeping it: a read that breaks half way leaves nothing behind."""
        return decode_page(self.schema, documents)

    def add(self, page: DocumentPage) -> None:
        """Keeps a page that was read to its end."""
        self.pages += 1
        self.rows += page.rows
        self._fallback.merge(page.fallback)
        for chunks, column in zip(self._chunks, page.columns, strict=True):
            chunks.append(column)

    def table(
        self,
        *,
        read_at: datetime,
        reads: int,
        complete: bool = True,
        error: StorageError | None = None,
        next_cursor: str | None = None,
    ) -> Table:
        """Everything collected, with the schema's columns and dtypes whatever the documents held."""
        columns = zip(self.schema.columns, self._chunks, strict=True)
        frame = pd.DataFrame({column.name: _series(column.kind, chunks) for column, chunks in columns}, copy=False)
        return Table(
            schema=self.schema,
            frame=frame,
            oddities=self._fallback.oddities(),
            complete=complete,
            read_at=read_at,
            reads=reads,
            error=error,
            next_cursor=next_cursor,
        )


def _series(kind: ColumnKind, chunks: list[Any]) -> Any:
    arrow = _ARROW.get(kind)
    if arrow is None:
        return pd.Series([value for chunk in chunks for value in chunk], dtype="object")
    values = pa.chunked_array(chunks, type=arrow)
    dtype = _PANDAS.get(kind)
    return values.to_pandas() if dtype is None else dtype.__from_arrow__(values)


def user(document: Any) -> User:
    """`users/{uid}`; a phantom has only its uid."""
    return of_row(User, *_row(USERS, document))


def video(document: Any) -> Video:
    """`users/{uid}/videos/{video_id}`; a phantom has only its ids."""
    return of_row(Video, *_row(VIDEOS, document))


def clip(document: Any) -> Clip:
    """`users/{uid}/videos/{video_id}/clips/{clip_id}`."""
    return of_row(Clip, *_row(CLIPS, document))


def accounting(document: Any) -> Accounting:
    """`storage_accounting/{uid}`."""
    return of_row(Accounting, *_row(ACCOUNTING, document))


def _row(schema: Schema, document: Any) -> tuple[dict[str, Any], tuple[FieldProblem, ...]]:
    columns: list[list[Any]] = [[] for _ in schema.columns]
    fallback = CellFallback()
    decoder(schema)([document], columns, fallback)
    row = {column.name: _value(column, values[0]) for column, values in zip(schema.columns, columns, strict=True)}
    return row, fallback.oddities()


def _value(column: Column, value: Any) -> Any:
    if column.kind == "time" and value is not None:
        return EPOCH + timedelta(microseconds=value)
    return value
