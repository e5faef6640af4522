"""Decodes documents into typed columns: a page of answers becomes Arrow arrays without a Python value for each cell.

`firestore_arrow` turns the bytes of the answers into Arrow. Which member of a value is set tells right, null, absent
and wrong kinds apart, a whole column at a time. Where a cell is not of its column's kind, the one rule for single cells
decides (`read_cell`): it gives a usable value, and the oddity to note.

`TableBuilder` collects pages of documents into one `Table`; each page becomes Arrow arrays at once, so memory stays
near the frame's. `user`, `video` and the like decode one document to a frozen value by the same rule for cells.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from storage.clients import firestore
from storage.clients.firestore_arrow import answer_of, to_arrow
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
from storage.repositories.decode import EPOCH, FIRST_SECOND, LAST_SECOND, decode_list, decode_map, relative_path

MAX_ODDITIES = 1_000
EXCERPT_LENGTH = 40
AT_ONCE = 2_500  # documents decoded together: fewer take more time, more take more memory
NOT_KEPT = "not_kept"  # the kind of the last entry when there were more oddities than are kept

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_MICROSECOND = timedelta(microseconds=1)
_INVISIBLE = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
_MEMBERS: dict[ColumnKind, str] = {
    "text": "string_value",
    "whole": "integer_value",
    "number": "double_value",
    "flag": "boolean_value",
    "time": "timestamp_value",
    "map": "map_value",
    "list": "array_value",
}
_KIND_NAMES = {
    "integer_value": "whole number",
    "double_value": "number",
    "boolean_value": "flag",
    "geo_point_value": "place",
    "null_value": "null",
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
    "time": pd.DatetimeTZDtype("us", "UTC"),  # by itself Arrow takes ten times as long for it
}
_MapValue: Any = firestore.Value.DESCRIPTOR.fields_by_name["map_value"].message_type._concrete_class
_ArrayValue: Any = firestore.Value.DESCRIPTOR.fields_by_name["array_value"].message_type._concrete_class
Array = np.ndarray[Any, np.dtype[Any]]


class Oddities:
    """The oddities of a table, in order, up to a limit; the rest is counted."""

    def __init__(self, limit: int = MAX_ODDITIES) -> None:
        self._limit = limit
        self._kept: list[FieldProblem] = []
        self._not_kept = 0
        self._by_path: dict[str, list[FieldProblem]] | None = None

    def all(self) -> tuple[FieldProblem, ...]:
        """The oddities; a last entry of kind `not_kept` says how many more there were."""
        if not self._not_kept:
            return tuple(self._kept)
        return (*self._kept, FieldProblem("", "", NOT_KEPT, f"{self._not_kept:,} more oddities were met and not kept"))

    def note(self, path: str, name: str, kind: str, found: str = "") -> None:
        """Keeps one oddity, or only counts it when there are too many."""
        if len(self._kept) < self._limit:
            self._kept.append(FieldProblem(path, name, kind, found))
        else:
            self._not_kept += 1

    def of(self, paths: Iterable[str]) -> Oddities:
        """The oddities of some documents alone."""
        if not self._kept:
            return self
        if self._by_path is None:
            self._by_path = {}
            for problem in self._kept:
                self._by_path.setdefault(problem.path, []).append(problem)
        some = Oddities(self._limit)
        some._kept = [problem for path in paths for problem in self._by_path.get(path, ())]
        return some

    def merge(self, other: Oddities) -> None:
        """Adds the oddities of another page."""
        room = self._limit - len(self._kept)
        self._kept.extend(other._kept[:room])
        self._not_kept += len(other._kept[room:]) + other._not_kept


def read_cell(column: Column, cell: Any) -> tuple[Any, str, str]:
    """The usable value of one cell or `None`, and the kind and description of its oddity, both empty without one.

    Times are microseconds since 1970. A whole number may be written as a floating-point number without a fraction, and
    the reverse. NaN and the infinities would spoil every sum, so they are not usable. RFC 3339 text is a usable time,
    and an oddity.
    """
    kind, member = column.kind, cell.WhichOneof("value_type")
    value: Any = None if member is None else getattr(cell, member)
    if member == "null_value":
        return None, "" if column.nullable else "null", ""
    if member == "double_value" and kind in {"whole", "number"}:
        if not math.isfinite(value):
            return None, "bad_value", describe(cell)
        if kind == "number":
            return value, "", ""
        fits = value.is_integer() and -(2.0**63) <= value < 2.0**63
        return (int(value), "", "") if fits else (None, "wrong_type", describe(cell))
    if member == "integer_value" and kind == "number":
        return float(value), "", ""
    if kind == "time" and member == "timestamp_value":
        if FIRST_SECOND <= value.seconds <= LAST_SECOND:
            return value.seconds * 1_000_000 + value.nanos // 1_000, "", ""
        return None, "bad_value", describe(cell)
    if kind == "time" and member == "string_value":
        return _microseconds(value), "wrong_type", describe(cell)
    if member != _MEMBERS[kind]:
        return None, "wrong_type", describe(cell)
    return decode_map(value) if kind == "map" else decode_list(value) if kind == "list" else value, "", ""


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


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """One decoded page of documents: the columns and the oddities."""

    rows: int
    columns: list[Any]
    oddities: Oddities


class Entries:
    """The entries of a page's documents as flat arrays: an entry for each field of each document. No page is empty."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self.documents = to_arrow(answers)
        self.names = self.documents.field("name")
        lists = self.documents.field("fields")
        self.parent = np.repeat(np.arange(len(lists), dtype=np.int64), np.diff(lists.offsets.to_numpy()))
        entries = lists.values
        self.keys = entries.field("key")
        values = entries.field("value")
        self.members = {values.type.field(at).name: values.field(at) for at in range(values.type.num_fields)}
        self.entries: dict[str, Array] = {}
        self._given: dict[str, Array] = {}
        self._plain: dict[str, Array] = {}
        self._answers = answers
        self._parsed: dict[int, Any] = {}

    def select(self, names: Sequence[str]) -> None:
        """Finds each field's entries, in the order of the documents."""
        codes = pc.index_in(self.keys, value_set=pa.array(names, type=pa.large_string()))
        codes = codes.fill_null(len(names)).to_numpy().astype(np.int16)
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
        self.entries = {name: order[bounds[at] : bounds[at + 1]] for at, name in enumerate(names)}

    def cells(self, name: str, member: str) -> list[Any]:
        """For each document the value that its field has in this member, as Firestore has it; `None` without one."""
        at = self.entries[name]
        at = at[self.given(member)[at]]
        found: list[Any] = [None] * len(self.documents)
        values = self.members[member].take(pa.array(at)).to_pylist()
        for row, value in zip(self.parent[at].tolist(), values, strict=True):
            found[row] = value
        return found

    def given(self, member: str) -> Array:
        """For each entry, whether this member of its value is set."""
        if member not in self._given:
            self._given[member] = np.asarray(self.members[member].is_valid().to_numpy(zero_copy_only=False))
        return self._given[member]

    def plain(self, member: str) -> Array:
        """For each entry this member's value, 0 where it is not set; times in microseconds, 0 for unusable ones."""
        if member not in self._plain:
            column = self.members[member]
            if member == "timestamp_value":
                seconds, nanos = (column.field(part).fill_null(0).to_numpy() for part in ("seconds", "nanos"))
                usable = (seconds >= FIRST_SECOND) & (seconds <= LAST_SECOND)
                self._plain[member] = np.where(usable, seconds * 1_000_000 + nanos // 1_000, 0)
                self._given[member] = self.given(member) & usable
            else:
                none = False if member == "boolean_value" else 0
                self._plain[member] = np.asarray(column.fill_null(none).to_numpy(zero_copy_only=False))
        return self._plain[member]

    def right(self, kind: ColumnKind, at: Array) -> Array:
        """Whether each of these entries holds a usable value of the kind itself."""
        member = _MEMBERS[kind]
        if kind in {"number", "time"}:
            plain = self.plain(member)[at]
            finite: Array = np.isfinite(plain) & self.given(member)[at]
            return finite
        return self.given(member)[at]

    def cell(self, row: int, name: str) -> Any:
        """One value as Firestore's message."""
        if row not in self._parsed:
            self._parsed[row] = firestore.RunQueryResponse.FromString(self._answers[row]).document
        return self._parsed[row].fields[name]


def decode_page(schema: Schema, documents: Iterable[Any], most_oddities: int = MAX_ODDITIES) -> DocumentPage:
    """Decodes documents, or the bytes of a query's answers that hold them. Phantoms become rows.

    Absent, null and unusable cells become `None`. A document outside the schema's place is left out and noted.
    """
    answers = (document if isinstance(document, bytes) else answer_of(document) for document in documents)
    parts = []
    while part := list(islice(answers, AT_ONCE)):
        parts.append(_decoded(schema, part, Oddities(most_oddities)))
    if len(parts) == 1:
        return parts[0]
    oddities = Oddities(most_oddities)
    for one in parts:
        oddities.merge(one.oddities)
    kinds = (column.kind for column in schema.columns)
    columns = [_joined(kind, [one.columns[at] for one in parts]) for at, kind in enumerate(kinds)]
    return DocumentPage(sum(one.rows for one in parts), columns, oddities)


def _joined(kind: ColumnKind, chunks: list[Any]) -> Any:
    arrow = _ARROW.get(kind)
    if arrow is None:
        return [value for chunk in chunks for value in chunk]
    return pa.concat_arrays(chunks) if chunks else pa.array([], type=arrow)


def _decoded(schema: Schema, answers: Sequence[bytes], oddities: Oddities) -> DocumentPage:
    page = Entries(answers)
    paths, parts, outside = _paths(page.names, schema.path)
    fields = schema.fields
    page.select([column.name for column in fields])
    there = page.documents.field("create_time").field("seconds").fill_null(0).to_numpy() != 0
    odd: list[tuple[int, int, str, str, str]] = [
        (int(row), -1, "path", "bad_value", "lies outside users/{uid}/...; left out") for row in np.flatnonzero(outside)
    ]
    columns: list[Any] = []
    for column in schema.columns:
        if column.from_path:
            columns.append(_of_path(column, paths, parts, there, page))
        else:
            columns.append(_of_fields(column, len(columns), page, there, odd))
    if outside.any():
        odd = [one for one in odd if one[1] < 0 or not outside[one[0]]]
        kept = pa.array(np.flatnonzero(~outside))
        columns = [[c[i] for i in kept.to_pylist()] if isinstance(c, list) else c.take(kept) for c in columns]
    for row, _, name, kind, found in sorted(odd, key=lambda one: one[:2]):
        oddities.note(paths[row].as_py(), name, kind, found)
    return DocumentPage(int((~outside).sum()), columns, oddities)


def _paths(names: Any, place: str) -> tuple[Any, dict[str, Any], Array]:
    """The paths below the database's root, their ids by name, and the mask of the documents outside the place."""
    root = names[0].as_py()
    root = root[: len(root) - len(relative_path(root))]
    paths = pc.utf8_slice_codeunits(names, len(root))
    if not pc.all(pc.starts_with(names, root)).as_py():
        paths = pa.array([relative_path(name) for name in names.to_pylist()], type=pa.large_string())
    segments = place.split("/")
    split = pc.split_pattern(paths, "/")
    lengths = np.asarray(pc.list_value_length(split).to_numpy())
    outside = lengths != len(segments)
    starts = np.asarray(split.offsets.to_numpy())[:-1]
    flat, parts = split.values, {}
    for at, segment in enumerate(segments):
        found = flat.take(pa.array(np.where(outside, 0, starts + at)))
        if segment.startswith("{"):
            parts[segment[1:-1]] = found
        else:
            outside |= ~np.asarray(pc.equal(found, segment).to_numpy(zero_copy_only=False))
    return paths, parts, outside


def _of_path(column: Column, paths: Any, parts: dict[str, Any], there: Array, page: Entries) -> Any:
    if column.name == "path":
        return paths
    if column.name == "exists":
        return pa.array(there)
    if column.name != "update_time":
        return parts[column.name]
    stamps = page.documents.field("update_time")
    seconds, nanos = (stamps.field(part).fill_null(0).to_numpy() for part in ("seconds", "nanos"))
    return pa.array(seconds * 1_000_000 + nanos // 1_000, mask=~there).cast(_ARROW["time"])


def _of_fields(
    column: Column, position: int, page: Entries, there: Array, odd: list[tuple[int, int, str, str, str]]
) -> Any:
    """The cells of one column, `None` where the document has no usable value; adds the oddities."""
    kind, count, at = column.kind, len(there), page.entries[column.name]
    rows = page.parent[at]
    right = page.right(kind, at)
    repaired: dict[int, Any] = {}
    if not right.all():
        strange = ~right if not column.nullable else ~right & ~page.given("null_value")[at]
        for row in rows[strange].tolist():
            value, oddity, found = read_cell(column, page.cell(row, column.name))
            repaired[row] = value
            if oddity:
                odd.append((row, position, column.name, oddity, found))
    if column.required and len(rows) < count:
        absent = there.copy()
        absent[rows] = False
        odd.extend((row, position, column.name, "missing", "") for row in np.flatnonzero(absent).tolist())
    return _cells(kind, page, at[right], rows[right], count, repaired)


def _cells(kind: ColumnKind, page: Entries, at: Array, rows: Array, count: int, repaired: dict[int, Any]) -> Any:
    member = _MEMBERS[kind]
    if kind in {"map", "list"}:
        message, decode = (_MapValue, decode_map) if kind == "map" else (_ArrayValue, decode_list)
        values: list[Any] = [None] * count
        for row, content in zip(rows.tolist(), page.members[member].take(pa.array(at)).to_pylist(), strict=True):
            values[row] = decode(message.FromString(content))
        for row, value in repaired.items():
            values[row] = value
        return values
    if kind == "text":
        places = np.full(count, -1, dtype=np.int64)
        places[rows] = at
        return page.members[member].take(pa.array(places, mask=places < 0))
    plain = page.plain(member)
    cells, missing = np.zeros(count, dtype=plain.dtype), np.ones(count, dtype=bool)
    cells[rows], missing[rows] = plain[at], False
    for row, value in repaired.items():
        if value is not None:
            cells[row], missing[row] = value, False
    return pa.array(cells, mask=missing).cast(_ARROW[kind])


class TableBuilder:
    """Collects pages of one schema into a table; not shared between threads."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.pages = 0
        self.rows = 0
        self._oddities = Oddities()
        self._chunks: list[list[Any]] = [[] for _ in schema.columns]

    def page(self, documents: Iterable[Any]) -> DocumentPage:
        """Decodes one page without keeping it: a read that breaks half way leaves nothing behind."""
        return decode_page(self.schema, documents)

    def add(self, page: DocumentPage) -> None:
        """Keeps a page that was read to its end."""
        self.pages += 1
        self.rows += page.rows
        self._oddities.merge(page.oddities)
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
        return Table(
            schema=self.schema,
            frame=self._frame() if self.rows else self.schema.empty(),
            oddities=self._oddities.all(),
            complete=complete,
            read_at=read_at,
            reads=reads,
            error=error,
            next_cursor=next_cursor,
        )

    def _frame(self) -> pd.DataFrame:
        columns = zip(self.schema.columns, self._chunks, strict=True)
        return pd.DataFrame({column.name: _series(column.kind, chunks) for column, chunks in columns}, copy=False)


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
    """One document as a row, without the cost of a page."""
    path, there, oddities = relative_path(document.name), document.create_time.seconds != 0, Oddities()
    row: dict[str, Any] = dict(zip(schema.path.split("/"), path.split("/"), strict=True))
    row = {name[1:-1]: part for name, part in row.items() if name.startswith("{")} | {"path": path, "exists": there}
    changed = document.update_time
    row["update_time"] = _moment(changed.seconds * 1_000_000 + changed.nanos // 1_000) if there else None
    for column in schema.fields:
        value, kind, found = None, "missing" if column.required and there else "", ""
        if column.name in document.fields:
            value, kind, found = read_cell(column, document.fields[column.name])
        if kind:
            oddities.note(path, column.name, kind, found)
        row[column.name] = _moment(value) if column.kind == "time" else value
    return row, oddities.all()


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)
