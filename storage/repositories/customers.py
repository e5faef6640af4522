"""Reads the table of all customers that a rollup wrote, and holds its columns as Arrow."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from storage.domain.customers import COLUMNS, FLAGS, NUMBERS, TIMES, WHOLES
from storage.repositories.objects import Objects
from storage.repositories.parquet import ParquetRows, read_parquet, unusable

_TYPES = {
    **dict.fromkeys(WHOLES, pa.int64()),
    **dict.fromkeys(NUMBERS, pa.float64()),
    **dict.fromkeys(FLAGS, pa.bool_()),
    **dict.fromkeys(TIMES, pa.timestamp("us", tz="UTC")),
}
SCHEMA = pa.schema([(name, _TYPES.get(name, pa.string())) for name in COLUMNS])


def read_customers(objects: Objects, keys: Sequence[str]) -> pa.Table:
    """The rows of these tables together. Raises where one is not there or cannot be read."""
    return pa.concat_tables([SCHEMA.empty_table(), *(read_customer_table(objects, key).table for key in keys)])


def read_customer_table(objects: Objects, key: str) -> ParquetRows:
    """One table with its ETag. Raises where it is not there or cannot be read."""
    found = read_parquet(objects, key)
    try:
        return ParquetRows(found.table.select(list(COLUMNS)).cast(SCHEMA), found.noted, found.etag)
    except (KeyError, ValueError, pa.ArrowException) as error:
        raise unusable(key, str(error)) from None
