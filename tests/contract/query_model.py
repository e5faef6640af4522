"""Random documents and queries, and what a query should find, worked out without any server.

Values are compared by the client library's own `Order`, which shares no code with our server.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.base_query import And, FieldFilter
from google.cloud.firestore_v1.order import Order, TypeOrder
from hypothesis import strategies as st

Documents = Mapping[str, Mapping[str, Any]]
Filter = tuple[str, str, Any]

RANGES = ("<", "<=", ">", ">=")
ASCENDING, DESCENDING = firestore.Query.ASCENDING, firestore.Query.DESCENDING


@dataclass(frozen=True)
class Spec:
    """A query: filters joined by AND, orders with directions, cursors for the first order."""

    filters: tuple[Filter, ...]
    orders: tuple[tuple[str, str], ...]
    start: tuple[Any, bool] | None
    end: tuple[Any, bool] | None
    limit: int | None

    def on(self, collection: firestore.CollectionReference) -> firestore.Query:
        """The query as the client builds it."""
        query = collection
        if self.filters:
            query = query.where(filter=And([FieldFilter(*part) for part in self.filters]))
        for field, direction in self.orders:
            query = query.order_by(field, direction=direction)
        if self.start is not None:
            value, before = self.start
            query = (query.start_at if before else query.start_after)({self.orders[0][0]: value})
        if self.end is not None:
            value, before = self.end
            query = (query.end_before if before else query.end_at)({self.orders[0][0]: value})
        return query if self.limit is None else query.limit(self.limit)

    def sorts(self) -> list[tuple[str, str]]:
        """The orders with those that Firestore adds, but for the name."""
        last = self.orders[-1][1] if self.orders else ASCENDING
        named = {field for field, _ in self.orders}
        compared = {field for field, op, _ in self.filters if op in RANGES}
        return [*self.orders, *((field, last) for field in sorted(compared - named))]


def expected(documents: Documents, spec: Spec) -> list[str]:
    """The ids that `spec` should find, in order."""
    sorts = spec.sorts()
    last = sorts[-1][1] if sorts else ASCENDING
    kept = [
        identity
        for identity, fields in documents.items()
        if all(field in fields for field, _ in sorts) and _matches(fields, spec) and _between(fields, spec)
    ]

    def compared(left: str, right: str) -> int:
        for field, direction in sorts:
            difference = compare(documents[left][field], documents[right][field])
            if difference:
                return difference if direction == ASCENDING else -difference
        return ((left > right) - (left < right)) * (1 if last == ASCENDING else -1)

    found = sorted(kept, key=cmp_to_key(compared))
    return found if spec.limit is None else found[: spec.limit]


def compare(left: Any, right: Any) -> int:
    """Below zero, zero or above, as Firestore orders two values."""
    return int(Order.compare(_helpers.encode_value(left), _helpers.encode_value(right)))


def _matches(fields: Mapping[str, Any], spec: Spec) -> bool:
    return all(field in fields and _holds(fields[field], op, operand) for field, op, operand in spec.filters)


def _holds(value: Any, op: str, operand: Any) -> bool:
    if op == "in":
        return any(compare(value, one) == 0 for one in operand if one is not None and not _is_nan(one))
    if op == "==":
        return compare(value, operand) == 0
    kinds = {TypeOrder.from_value(_helpers.encode_value(side)) for side in (value, operand)}
    difference = compare(value, operand)
    within = {"<": difference < 0, "<=": difference <= 0, ">": difference > 0, ">=": difference >= 0}
    return len(kinds) == 1 and not _is_nan(value) and within[op]


def _between(fields: Mapping[str, Any], spec: Spec) -> bool:
    for edge, is_start in ((spec.start, True), (spec.end, False)):
        if edge is not None:
            field, direction = spec.orders[0]
            difference = compare(fields[field], edge[0]) * (1 if direction == ASCENDING else -1)
            is_past = difference > 0 or (difference == 0 and edge[1])
            if is_past is not is_start:
                return False
    return True


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


_SCALARS = st.sampled_from(
    [
        *(None, False, True, 0, 1, 2, -1, 2**53 + 1),
        *(0.0, -0.0, 1.0, 1.5, float(2**53), math.nan, math.inf, -math.inf),
        *("", "a", "ab", "b", "é", "\uffee", "\U0001f600", "\0", b"", b"a", b"\xff"),
        *(dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in (1, 2)),
        *(firestore.GeoPoint(latitude, 5) for latitude in (-1, 1)),
    ]
)
_MAPS = st.dictionaries(st.sampled_from(["a", "b", "é"]), _SCALARS, max_size=2)
_VALUES = _SCALARS | st.lists(_SCALARS | _MAPS, max_size=3) | _MAPS
_COMPARABLE = _VALUES.filter(lambda value: value is not None and not _is_nan(value))
_FIELDS = st.sampled_from(["x", "y"])
_LISTS = st.lists(_VALUES, min_size=1, max_size=3)
_FILTERS = st.one_of(
    st.tuples(_FIELDS, st.sampled_from(["==", *RANGES]), _COMPARABLE),
    st.tuples(_FIELDS, st.just("in"), _LISTS),
)

documents = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d", "é", "\U0001f600"]), st.dictionaries(_FIELDS, _VALUES), min_size=1
)


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Queries that the client agrees to send; a server may still refuse some."""
    directions = st.sampled_from([ASCENDING, DESCENDING])
    orders = draw(st.lists(st.tuples(_FIELDS, directions), max_size=2, unique_by=lambda order: order[0]))
    edges = st.none() | st.tuples(_VALUES, st.booleans()) if orders else st.none()
    return Spec(
        filters=tuple(draw(st.lists(_FILTERS, max_size=2, unique_by=repr))),
        orders=tuple(orders),
        start=draw(edges),
        end=draw(edges),
        limit=draw(st.none() | st.integers(0, 4)),
    )
