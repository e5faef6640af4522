"""Pages of documents into one `Table`; each page becomes Arrow arrays at once, so memory stays near the frame's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa

from storage.domain.documents import ColumnKind, Schema, Table
from storage.errors import StorageError
from storage.repositories.decode_columns import decoder
from storage.repositories.decode_repair import Repair

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


@dataclass(frozen=True, slots=True)
class Page:
    """One page of documents, decoded: the columns, and what was odd."""

    rows: int
    columns: list[Any]
    repair: Repair


def decode_page(schema: Schema, documents: Iterable[Any]) -> Page:
    """Reads the documents one by one as they come, which is twice as fast as keeping them; phantoms become rows."""
    columns: list[list[Any]] = [[] for _ in schema.columns]
    repair = Repair()
    decoder(schema)(documents, columns, repair)
    arrays = [
        values if (arrow := _ARROW.get(column.kind)) is None else pa.array(values, type=arrow)
        for values, column in zip(columns, schema.columns, strict=True)
    ]
    return Page(len(columns[0]), arrays, repair)


class TableBuilder:
    """Collects pages of one schema into a table; not shared between threads."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.pages = 0
        self.rows = 0
        self._repair = Repair()
        self._chunks: list[list[Any]] = [[] for _ in schema.columns]

    def page(self, documents: Iterable[Any]) -> Page:
        """Decodes one page without keeping it: a read that breaks half way leaves nothing behind."""
        return decode_page(self.schema, documents)

    def add(self, page: Page) -> None:
        """Keeps a page that was read to its end."""
        self.pages += 1
        self.rows += page.rows
        self._repair.merge(page.repair)
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
        """Everything collected, with the schema's columns and dtypes whatever was in the documents."""
        columns = zip(self.schema.columns, self._chunks, strict=True)
        frame = pd.DataFrame({column.name: _series(column.kind, chunks) for column, chunks in columns}, copy=False)
        return Table(
            schema=self.schema,
            frame=frame,
            oddities=self._repair.oddities(),
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
