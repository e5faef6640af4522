"""Aggregation queries: counts, sums and averages over what a query finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from storage.sandbox.firestore import field_paths
from storage.sandbox.firestore.field_paths import NAME, Path
from storage.sandbox.firestore.names import is_reserved
from storage.sandbox.firestore.protos import Document, Message, Value
from storage.sandbox.firestore.querying import Plan, count, run
from storage.sandbox.firestore.refusals import invalid
from storage.sandbox.firestore.rows import Rows

MAX_AGGREGATIONS = 5

_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure that is asked for: `count` (with its ceiling, if any), `sum` or `avg` (with their field)."""

    alias: str
    kind: str
    path: Path | None
    up_to: int | None


def figures(aggregations: list[Message]) -> list[Figure]:
    """Read Aggregation messages; those without an alias become `field_1`, `field_2` and so on.

    Raises:
        Refused: INVALID_ARGUMENT.
    """
    if not aggregations:
        raise invalid("Aggregations can not be empty.")
    if len(aggregations) > MAX_AGGREGATIONS:
        raise invalid(f"At most {MAX_AGGREGATIONS} aggregations are allowed in an aggregation query.")
    found: list[Figure] = []
    unnamed = 0
    for aggregation in aggregations:
        unnamed += not aggregation.alias
        alias = aggregation.alias or f"field_{unnamed}"
        if is_reserved(alias):
            raise invalid(f'The property.name "{alias}" is reserved.')
        if any(figure.alias == alias for figure in found):
            raise invalid(f"Aggregation aliases contain duplicate alias: {alias}.")
        found.append(_figure(alias, aggregation))
    return found


def aggregate(rows: Rows, plan: Plan, wanted: list[Figure]) -> tuple[dict[str, Message], int]:
    """The figures by alias, and the number of index entries that they were taken from.

    With sums or averages, only documents that hold all their fields count, for `count` too, as in production.
    Call it inside `rows.reading()`.
    """
    paths = sorted({figure.path for figure in wanted if figure.path is not None})
    number, columns = _columns(rows, plan, paths) if paths else (count(rows, plan), {})
    return {figure.alias: _result(figure, number, columns) for figure in wanted}, number


def _figure(alias: str, aggregation: Message) -> Figure:
    kind = aggregation.WhichOneof("operator")
    if kind is None:
        raise invalid("Aggregation operator must be specified.")
    if kind == "count":
        up_to = aggregation.count.up_to.value if aggregation.count.HasField("up_to") else None
        if up_to is not None and up_to < 0:
            raise invalid("The `up_to` value in a COUNT aggregation must be greater than or equal to zero.")
        return Figure(alias, kind, None, up_to)
    path = field_paths.parse(getattr(aggregation, kind).field.field_path)
    if path == (NAME,):
        raise invalid("Aggregations are not supported for the property: __key__")
    return Figure(alias, kind, path, None)


def _columns(rows: Rows, plan: Plan, paths: list[Path]) -> tuple[int, dict[Path, list[int | float]]]:
    """How many documents have all paths, and the numbers that these have at each."""
    columns: dict[Path, list[int | float]] = {path: [] for path in paths}
    number = 0
    for row in run(rows, plan):
        fields = Document.FromString(row.body).fields
        values = [field_paths.find(fields, path) for path in paths]
        if any(value is None for value in values):
            continue
        number += 1
        for path, value in zip(paths, values, strict=True):
            kind = value.WhichOneof("value_type") if value is not None else None
            if kind in ("integer_value", "double_value"):
                columns[path].append(getattr(value, kind))
    return number, columns


def _result(figure: Figure, number: int, columns: dict[Path, list[int | float]]) -> Message:
    if figure.path is None:
        return Value(integer_value=number if figure.up_to is None else min(number, figure.up_to))
    return _FIGURES[figure.kind](columns[figure.path])


def _sum(numbers: list[int | float]) -> Message:
    """Exact over integers; a double as soon as one is among them, or beyond 64 bits."""
    total = sum(numbers)
    if isinstance(total, int) and total in _INT64:
        return Value(integer_value=total)
    return Value(double_value=float(total))


def _average(numbers: list[int | float]) -> Message:
    return Value(double_value=sum(numbers) / len(numbers)) if numbers else Value(null_value=0)


_FIGURES: dict[str, Callable[[list[int | float]], Message]] = {"sum": _sum, "avg": _average}
