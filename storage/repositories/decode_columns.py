"""Documents into typed columns, by straight-line code that is generated once for each schema.

Why generated: a loop over columns with a getter each costs a call for every cell of 20,000 documents by 30 fields;
one function with all getters in line takes about an eleventh of the time of the client library's own way. The source
is made from the schema's column names alone, quoted by `repr`; nothing that a document holds reaches it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from storage.domain import documents as schemas
from storage.domain.documents import Column, ColumnKind, Schema
from storage.repositories.decode import FIRST_SECOND, LAST_SECOND, decode_list, decode_map
from storage.repositories.decode_repair import Repair

Decoder = Callable[[Iterable[Any], list[list[Any]], Repair], None]

# Where each kind of document lies: literal collection ids, and the columns that its ids fill.
PATHS: dict[str, tuple[str, ...]] = {
    schemas.USERS.name: ("users", "{uid}"),
    schemas.VIDEOS.name: ("users", "{uid}", "videos", "{video_id}"),
    schemas.CLIPS.name: ("users", "{uid}", "videos", "{video_id}", "clips", "{clip_id}"),
    schemas.TRANSACTIONS.name: ("users", "{uid}", "credit_transactions", "{transaction_id}"),
    schemas.SHARES.name: ("share_slugs", "{slug}"),
    "storage_accounting": ("storage_accounting", "{uid}"),
}

# Per kind: how to read the cell, when that reading is the value, and the value (times in microseconds since 1970).
# A getter of another kind than the cell's gives that kind's zero, so whatever is not zero needs no second look.
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


@cache
def decoder(schema: Schema) -> Decoder:
    """The function that appends each document's cells to the columns given, in the schema's order.

    Absent, null and unusable cells become `None`; `Repair` hears of what is odd. Documents that do not lie where the
    schema's documents lie are left out and told.
    """
    space: dict[str, Any] = {"decode_map": decode_map, "decode_list": decode_list}
    exec(compile(_source(schema), f"<decoder of {schema.name}>", "exec"), space)  # constants of the schema alone
    function: Decoder = space["decode"]
    return function


def _source(schema: Schema) -> str:
    lines = ["def decode(documents, columns, repair):"]
    appends = ", ".join(f"add{position}" for position in range(len(schema.columns)))
    lines += [f"    {appends}, = [column.append for column in columns]", "    absent = repair.absent"]
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
    segments = PATHS[schema.name]
    tests = [f"len(parts) != {len(segments)}"]
    tests += [f"parts[{at}] != {name!r}" for at, name in enumerate(segments) if not name.startswith("{")]
    return [
        "path = document.name.split('/', 5)[5]",  # after projects/P/databases/D/documents
        "parts = path.split('/')",
        f"if {' or '.join(tests)}:",
        "    repair.outside(document)",
        "    continue",
        "changed = document.update_time",
        "changed_s = changed.seconds",  # 0: a phantom parent has no times
    ]


def _path_value(schema: Schema, column: Column) -> str:
    special = {
        "path": "path",
        "exists": "changed_s != 0",
        "update_time": "changed_s * 1000000 + changed.nanos // 1000 if changed_s else None",
    }
    return special.get(column.name) or f"parts[{PATHS[schema.name].index(f'{{{column.name}}}')}]"


def _cell_source(position: int, column: Column) -> list[str]:
    name, add = repr(column.name), f"add{position}"
    read, holds, value = _READ[column.kind]
    null = "None if cell.HasField('null_value') else " if column.nullable else ""
    return [
        f"if {name} in fields:",
        f"    cell = fields[{name}]",
        f"    {read}",
        f"    {add}({value} if {holds} else {null}repair.{column.kind}(document, {name}, cell))",
        "else:",
        f"    {add}({f'absent(document, {name})' if column.required else 'None'})",
    ]
