"""The table of all customers, as a keeper: a row for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.actions.customers import TYPE
from storage.actions.object_conditions import Expected
from storage.actions.purge.context import Purging
from storage.actions.purge.keepers.keeper import Keeper, Row, until_settled
from storage.domain.customers import COLUMNS, FOLDER, TIMES
from storage.domain.purge.scope import Scope
from storage.errors import NotFound
from storage.repositories.customers import SCHEMA, read_customer_table
from storage.repositories.object_listing import joined
from storage.repositories.parquet import ParquetRows, parquet_bytes


@dataclass(frozen=True, slots=True)
class CustomerTables(Keeper):
    """Its rows: `{"table", "row"}`, of a user. An undo adds them only to the tables of then: later ones count anew."""

    def held(self, purging: Purging, scope: Scope) -> Iterator[Row]:
        if scope.kind != "user":
            return
        for key, found in _tables(purging):
            for row in found.table.filter(pc.field("uid") == scope.uid).to_pylist():
                yield {"table": key, "row": {name: _plain(value) for name, value in row.items()}}

    def take(self, purging: Purging, scope: Scope, job_id: str) -> int:
        if scope.kind != "user":
            return 0
        return _rewrite(purging, lambda _, table: table.filter(pc.field("uid") != scope.uid))

    def put_back(self, purging: Purging, scope: Scope, job_id: str, rows: Sequence[Row]) -> int:
        def with_rows(key: str, table: pa.Table) -> pa.Table:
            known = set(table.column("uid").to_pylist())
            new = [row["row"] for row in rows if row["table"] == key and row["row"]["uid"] not in known]
            return pa.concat_tables([table, pa.Table.from_pylist([_read(row) for row in new], SCHEMA)])

        _rewrite(purging, with_rows)
        return len(rows)


def _tables(purging: Purging) -> Iterator[tuple[str, ParquetRows]]:
    objects = purging.stores.objects
    for key in joined([page.frame for page in objects.list_pages(FOLDER)])["key"].tolist():
        try:
            yield key, read_customer_table(objects, key)
        except NotFound:
            continue  # a rollup replaced it


def _rewrite(purging: Purging, change: Callable[[str, pa.Table], pa.Table]) -> int:
    """Replaces each table that `change` gives another number of rows, under the ETag with which it was read."""
    return until_settled(
        lambda: sum(_replaced(purging, key, found, change(key, found.table)) for key, found in _tables(purging))
    )


def _replaced(purging: Purging, key: str, found: ParquetRows, table: pa.Table) -> bool:
    if table.num_rows == found.table.num_rows:
        return False
    purging.writers.objects.put(key, parquet_bytes(table, found.noted), TYPE, expected=Expected(found.etag))
    return True


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _read(row: Row) -> dict[str, Any]:
    values = {name: row[name] for name in COLUMNS}
    return values | {name: datetime.fromisoformat(values[name]) for name in TIMES if values[name] is not None}
