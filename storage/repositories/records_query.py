"""Builds Firestore's structured queries as raw messages, from plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from storage.clients import firestore as pb
from storage.repositories.decode import encode_value

NAME = "__name__"
Operator = Literal["==", "<", "<=", ">", ">=", "in"]

_FIELD_FILTER = pb.StructuredQuery.FieldFilter
_OPERATORS: dict[Operator, Any] = {
    "==": _FIELD_FILTER.EQUAL,
    "<": _FIELD_FILTER.LESS_THAN,
    "<=": _FIELD_FILTER.LESS_THAN_OR_EQUAL,
    ">": _FIELD_FILTER.GREATER_THAN,
    ">=": _FIELD_FILTER.GREATER_THAN_OR_EQUAL,
    "in": _FIELD_FILTER.IN,
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A document's full resource name, to compare `__name__` with."""

    name: str


Condition = tuple[str, Operator, Any]


def names_between(start: str, end: str) -> list[Condition]:
    """Documents from one full resource name (included) to another (excluded), compared segment by segment."""
    return [(NAME, ">=", Reference(start)), (NAME, "<", Reference(end))]


def build(
    collection_id: str,
    *,
    group: bool = False,
    where: Sequence[Condition] = (),
    order_by: str | None = NAME,
    descending: bool = False,
    fields: Sequence[str] | None = None,
) -> Any:
    """A `StructuredQuery`. `group`: the collection anywhere below the parent. `fields`: only these, names if empty."""
    query = pb.StructuredQuery()
    query.from_.add(collection_id=collection_id, all_descendants=group)
    _add_filters(query, where)
    if order_by is not None:
        direction = pb.StructuredQuery.DESCENDING if descending else pb.StructuredQuery.ASCENDING
        query.order_by.add(direction=direction).field.field_path = order_by
    if fields is not None:
        for field in fields or (NAME,):
            query.select.fields.add().field_path = field
    return query


def start_after(query: Any, name: str) -> None:
    """Moves the start of a query that is ordered by name alone behind this document."""
    query.ClearField("start_at")
    query.start_at.values.add().reference_value = name
    query.start_at.before = False


def _add_filters(query: Any, where: Sequence[Condition]) -> None:
    if len(where) == 1:
        _fill(query.where.field_filter, *where[0])
    elif where:
        query.where.composite_filter.op = pb.StructuredQuery.CompositeFilter.AND
        for condition in where:
            _fill(query.where.composite_filter.filters.add().field_filter, *condition)


def _fill(part: Any, field: str, operator: Operator, value: Any) -> None:
    part.field.field_path = field
    part.op = _OPERATORS[operator]
    if isinstance(value, Reference):
        part.value.reference_value = value.name
    else:
        part.value.CopyFrom(encode_value(value, field))
