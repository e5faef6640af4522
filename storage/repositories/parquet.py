"""Reads Parquet objects of the desk's own: whole where they are small, else only the parts that a question needs.

A large object is read by ranges: its end, then the columns that were asked for; a class B operation for each range.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.errors import Unusable
from storage.repositories.objects import Objects

WHOLE_BYTES: Final = 8 * 1_048_576
METADATA: Final = b"clip_desk"


class _Ranges(io.RawIOBase):
    """An object as a file that can be read at any place. Raises the store's errors, and `Stale` where it changed."""

    def __init__(self, objects: Objects, key: str, size: int, etag: str) -> None:
        super().__init__()
        self._objects, self._key, self._size, self._etag = objects, key, size, etag
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        left = self._size - self._at
        length = left if size is None or size < 0 else min(size, left)
        if length <= 0:
            return b""
        content = self._objects.part(self._key, self._at, length, self._etag).content
        self._at += len(content)
        return content


@dataclass(frozen=True, slots=True)
class ParquetRows:
    """Rows of an object, what its writer noted beside them, and the object's ETag."""

    table: pa.Table
    noted: bytes
    etag: str


def read_parquet(
    objects: Objects, key: str, columns: Sequence[str] | None = None, filters: pc.Expression | None = None
) -> ParquetRows:
    """The rows that pass the filters, in the order of the object.

    Raises `NotFound` where the object is proven absent, `Unusable` where it is no such table.
    """
    info, content = objects.read_small(key, WHOLE_BYTES)
    source: Any = io.BytesIO(content) if content is not None else _Ranges(objects, key, info.size_bytes, info.etag)
    try:
        # In this thread alone, which is billed for the ranges.
        with pq.ParquetFile(pa.PythonFile(source, mode="r"), pre_buffer=False) as file:
            noted = dict(file.schema_arrow.metadata or {}).get(METADATA, b"")
            table = file.read(columns=list(columns) if columns is not None else None, use_threads=False)
        table = table if filters is None else table.filter(filters)
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise unusable(key, str(error)) from None
    return ParquetRows(table, noted, info.etag)


def parquet_bytes(table: pa.Table, noted: bytes = b"") -> bytes:
    """The table as an object's content."""
    place = io.BytesIO()
    pq.write_table(with_note(table, noted), place, compression="zstd")
    return place.getvalue()


def with_note(table: pa.Table, noted: bytes) -> pa.Table:
    """The table with what the writer notes beside it."""
    return table.replace_schema_metadata({METADATA: noted})


def table_of(columns: Mapping[str, Sequence[Any]], schema: pa.Schema) -> pa.Table:
    """A table of plain values."""
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in schema}, schema=schema)


def unusable(key: str, why: str) -> Unusable:
    """The error for an object that is no table of the desk."""
    return Unusable(
        f"A table of the desk cannot be read: {why[:200]}.",
        remedy="Delete that object, and make another: python -m storage verify --all --keep, or rollup.",
        operation="get_object",
        target=key,
    )
