"""Writes the table of all customers beside a shard's figures: rows wait in a file without a name, not in memory.

The object is put before the figures name it; the one before goes after that. What a killed rollup left goes with the
next.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from storage.actions.writers import Writers
from storage.domain.customers import COLUMNS, FOLDER, table_suffix
from storage.repositories.customers import SCHEMA
from storage.repositories.object_listing import joined
from storage.repositories.objects import Objects
from storage.repositories.parquet import table_of

TYPE = "application/vnd.apache.parquet"
UNFINISHED = timedelta(minutes=15)  # a table that nothing names may be one that is being written just now
_GROUP = 10_000  # rows that are compressed together


class CustomerTable:
    """Rows that wait to be put as one object."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - it ends with this value
        self._writer = pq.ParquetWriter(pa.PythonFile(self._file, mode="w"), SCHEMA, compression="zstd")
        self._rows: list[Mapping[str, Any]] = []

    def add(self, row: Mapping[str, Any]) -> None:
        """Adds a row of `customer_row`."""
        self._rows.append(row)
        if len(self._rows) >= _GROUP:
            self._flush()

    def put(self, writers: Writers, read_at: datetime, shard: tuple[int, int]) -> str:
        """Puts the rows where no object is yet, and gives its key. Raises what the store says."""
        self._flush()
        self._writer.close()
        self._file.seek(0)
        key = f"{FOLDER}{read_at:%Y%m%dT%H%M%S%f}{table_suffix(*shard)}"
        writers.objects.put(key, self._file, TYPE, if_none_match=True)
        return key

    def close(self) -> None:
        """Drops the rows."""
        self._file.close()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            self._writer.write_table(table_of({name: [row[name] for row in rows] for name in COLUMNS}, SCHEMA))


def remove_former(
    objects: Objects, writers: Writers, key: str, shard: tuple[int, int], now: datetime, former: str
) -> None:
    """Removes the shard's table before this one, and what killed rollups of the shard left."""
    suffix = table_suffix(*shard)
    found = joined([page.frame for page in objects.list_pages(FOLDER)])
    pairs = zip(found["key"].tolist(), found["last_modified"].tolist(), strict=True)
    old = [
        one
        for one, modified in pairs
        if one.endswith(suffix) and one != key and (one == former or now - modified > UNFINISHED)
    ]
    writers.objects.delete(old)
