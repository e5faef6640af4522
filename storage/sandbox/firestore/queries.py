"""Queries and aggregations: turns a StructuredQuery message into a plan, and the plan into the rows that answer it.

The server serves one collection, one collection group, or everything below a document (by name alone); comparisons
joined by AND; several orders in either direction; cursors; a limit; a projection. It refuses any other part of a query
by name.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

from grpc import StatusCode

from storage.domain.indexes import Definition, Leaf, SortedField, leaf_of, missing_index, sort_orders
from storage.sandbox.firestore import names
from storage.sandbox.firestore.names import NAME, Name, Path, after, collection_id, document_named, parent_named
from storage.sandbox.firestore.storage import Row, Rows, RowScope, collection_scope, group_scope, subtree_scope
from storage.sandbox.firestore.transactions import Replies, refuse_selectors
from storage.sandbox.firestore.values import NAN, NULL, Key, key_of
from storage.sandbox.firestore.wire import (
    CallRefused,
    Document,
    Message,
    RunAggregationQueryResponse,
    RunQueryResponse,
    Value,
    embedded,
    invalid,
    set_time,
    unimplemented,
)

Test = Callable[[Message, bytes], bool]
"""Takes a document's fields and path key; returns whether the document matches."""

Demand = Callable[[Message, Sequence[str]], Definition | None]
"""Takes a StructuredQuery and the summed fields; returns the missing index, or None to run the query."""

SortKeys = tuple[Any, ...]
"""One item for each order: the value's key (`values.key_of`), or the path key for the name."""

MAX_DISJUNCTIONS = 30  # values of an `in`, and their number when several are multiplied out
MAX_AGGREGATIONS = 5
ENTRIES_PER_READ = 1_000  # index entries that an aggregation is billed one document read for
_AND, _OR = 1, 2
_INT64 = range(-(2**63), 2**63)
_NAME_PATH = (NAME,)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_BOUNDS: dict[str, Callable[[bytes], tuple[bytes, bytes | None]]] = {
    "==": lambda key: (key, after(key)),
    "<": lambda key: (b"", key),
    "<=": lambda key: (b"", after(key)),
    ">": lambda key: (after(key), None),
    ">=": lambda key: (key, None),
}


@dataclass(frozen=True, slots=True)
class Sort:
    """One field to sort by; `path` is `("__name__",)` for the name."""

    path: Path
    descending: bool


@dataclass(frozen=True, slots=True)
class Bound:
    """A cursor: keys for the first few sorts, just before or just after the rows that equal them."""

    keys: SortKeys
    before: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The way to answer a query. The scope already includes comparisons with names."""

    scope: RowScope
    tests: tuple[Test, ...]
    sorts: tuple[Sort, ...]
    start: Bound | None
    end: Bound | None
    limit: int | None
    mask: tuple[Path, ...] | None

    @property
    def is_scan(self) -> bool:
        """Whether rows can go out in name order without reading the documents."""
        return not self.tests and self.sorts == (Sort(_NAME_PATH, descending=False),)


def plan(parent: Name, query: Message) -> Plan:
    """Plan `query`, which starts from `parent`.

    Raises:
        Refused: where Firestore would not run it on any data (mostly INVALID_ARGUMENT; FAILED_PRECONDITION for names in
            descending order, which no index serves), and where this server does not run it (UNIMPLEMENTED).
    """
    _check_parts(query)
    compared = _comparisons(query)
    orders = sort_orders(query)
    _check_orders(orders, compared)
    scope = _scope(parent, query, compared, orders)
    for leaf in compared:
        if leaf.field == NAME:
            scope = scope.narrowed(*_BOUNDS[leaf.op](_name_key(leaf.value)))
    sorts = tuple(Sort(names.parse(order.field), order.descending) for order in orders)
    start = _bound(query.start_at, sorts) if query.HasField("start_at") else None
    end = _bound(query.end_at, sorts) if query.HasField("end_at") else None
    if sorts[0] == Sort(_NAME_PATH, descending=False):
        scope, start, end = _between(scope, start, end), None, None
    return Plan(
        scope=scope,
        tests=tuple(_test(leaf) for leaf in compared if leaf.field != NAME),
        sorts=sorts,
        start=start,
        end=end,
        limit=query.limit.value if query.HasField("limit") else None,
        mask=_mask(query),
    )


def _check_parts(query: Message) -> None:
    if query.HasField("find_nearest"):
        raise unimplemented("Vector search")
    if query.offset:
        raise unimplemented("An offset") if query.offset > 0 else invalid("offset is negative")
    if len(query.from_) > 1:
        raise invalid("StructuredQuery.from cannot have more than one collection selector.")
    if query.limit.value < 0:
        raise invalid("limit is negative")
    for cursor in (query.start_at, query.end_at):
        if len(cursor.values) > len(query.order_by):
            raise invalid("Cursor has too many values.")


def _comparisons(query: Message) -> list[Leaf]:
    """All comparisons of the query; a row must pass all of them."""
    if not query.HasField("where"):
        return []
    compared = list(_conjunction(query.where))
    alternatives = prod(len(_listed(leaf)) for leaf in compared if leaf.op == "in")
    if alternatives > MAX_DISJUNCTIONS:
        raise invalid(
            f"Too many disjunctions after normalization. Result had {alternatives} disjunctions which is more than "
            f"the maximum of {MAX_DISJUNCTIONS}"
        )
    unequal = {leaf.field for leaf in compared if leaf.is_inequality}
    if unequal and NAME not in unequal and any(leaf.field == NAME for leaf in compared):
        raise invalid(
            "Equality on key is not allowed if there are other inequality fields "
            "and key does not appear in inequalities."
        )
    return compared


def _conjunction(where: Message) -> Iterator[Leaf]:
    kind = where.WhichOneof("filter_type")
    if kind is None:
        raise invalid("Unknown Filter type.")
    if kind == "unary_filter":
        raise unimplemented("A filter for null or NaN")
    if kind == "field_filter":
        yield _served(leaf_of(where))
        return
    if where.composite_filter.op == _OR:
        raise unimplemented("A filter with OR")
    if where.composite_filter.op != _AND:
        raise invalid("Unsupported CompositeFilter operator.")
    for part in where.composite_filter.filters:
        yield from _conjunction(part)


def _served(leaf: Leaf) -> Leaf:
    if not leaf.op:
        raise invalid("Unknown FieldFilter operator.")
    if leaf.op not in _COMPARISONS and leaf.op != "in":
        raise unimplemented(f"The operator {leaf.op}")
    if leaf.field == NAME and leaf.op == "in":
        raise unimplemented("The operator in for names")
    return leaf


def _listed(leaf: Leaf) -> list[Message]:
    """The values on the right of an `in`."""
    if leaf.value.WhichOneof("value_type") != "array_value":
        raise invalid("'IN' requires an ArrayValue.")
    values = list(leaf.value.array_value.values)
    if not values:
        raise invalid("'IN' requires an non-empty ArrayValue.")
    return values


def _test(leaf: Leaf) -> Test:
    path, matches = names.parse(leaf.field), _matcher(leaf)

    def test(fields: Message, _: bytes) -> bool:
        value = names.find(fields, path)
        return value is not None and matches(key_of(value))

    return test


def _matcher(leaf: Leaf) -> Callable[[Key], bool]:
    """A test for the key of a value. A comparison with null or NaN matches nothing, as in SQL."""
    if leaf.op == "in":
        return frozenset(key for key in map(key_of, _listed(leaf)) if key not in (NULL, NAN)).__contains__
    wanted, compare = key_of(leaf.value), _COMPARISONS[leaf.op]
    if wanted in (NULL, NAN):
        return lambda _: False
    return lambda key: key[0] == wanted[0] and key != NAN and compare(key, wanted)


def _name_key(value: Message) -> bytes:
    """The path key of a reference for comparisons with a document's name."""
    if value.WhichOneof("value_type") != "reference_value":
        raise invalid("__key__ filter value must be a Key")
    return document_named(value.reference_value, "Resource name").key


def _check_orders(orders: tuple[SortedField, ...], compared: list[Leaf]) -> None:
    fields = [order.field for order in orders]
    twice = next((field for place, field in enumerate(fields) if field in fields[:place]), None)
    if twice is not None:
        raise invalid(f"order by clause cannot contain duplicate fields {twice}")
    if NAME in fields[:-1]:
        raise invalid("order by clause cannot contain more fields after the key")
    if orders[0] == SortedField(NAME, descending=True) and all(leaf.field == NAME for leaf in compared):
        raise CallRefused(StatusCode.FAILED_PRECONDITION, "Firestore does not support descending key scans")


def _scope(parent: Name, query: Message, compared: list[Leaf], orders: tuple[SortedField, ...]) -> RowScope:
    source = query.from_[0] if query.from_ else None
    if source is not None and source.collection_id:
        group = collection_id(source.collection_id)
        return group_scope(parent, group) if source.all_descendants else collection_scope(parent.child(group))
    if source is None or not source.all_descendants:
        raise unimplemented("A query over all collections of one level")
    for leaf in compared:
        if leaf.field != NAME:
            raise invalid(f"kind is required for filter: {leaf.field}")
    if orders != (SortedField(NAME),):
        raise invalid("kind is required for all orders except __key__ ascending")
    return subtree_scope(parent)


def _between(scope: RowScope, start: Bound | None, end: Bound | None) -> RowScope:
    """The part of `scope` between two cursors on the name."""
    for bound, is_start in ((start, True), (end, False)):
        if bound is not None and bound.keys:
            position = bound.keys[0] if bound.before else after(bound.keys[0])
            scope = scope.narrowed(low=position) if is_start else scope.narrowed(high=position)
    return scope


def _bound(cursor: Message, sorts: tuple[Sort, ...]) -> Bound:
    keys: list[Any] = []
    for value, sort in zip(cursor.values, sorts, strict=False):
        if sort.path == _NAME_PATH and value.WhichOneof("value_type") != "reference_value":
            raise invalid("Cursor __key__ value is not a document reference.")
        keys.append(_name_key(value) if sort.path == _NAME_PATH else key_of(value))
    return Bound(tuple(keys), cursor.before)


def _mask(query: Message) -> tuple[Path, ...] | None:
    if not query.HasField("select"):
        return None
    return tuple(names.parse(field.field_path) for field in query.select.fields)


def run(rows: Rows, plan: Plan) -> list[Row]:
    """The rows that answer `plan`, in order, the limit applied. Call it inside `rows.reading()`."""
    if plan.is_scan:
        return list(rows.scan(plan.scope, plan.limit))
    found: list[tuple[SortKeys, Row]] = []
    by_name = plan.sorts[0] == Sort(_NAME_PATH, descending=False)
    for keys, row in _matches(rows, plan):
        if by_name and len(found) == plan.limit:
            break
        found.append((keys, row))
    for place, sort in reversed(list(enumerate(plan.sorts))):  # stable: an earlier field keeps the order of later ones

        def key(entry: tuple[SortKeys, Row], place: int = place) -> Any:
            return entry[0][place]

        found.sort(key=key, reverse=sort.descending)
    return [row for _, row in found[: plan.limit]]


def count(rows: Rows, plan: Plan) -> int:
    """The number of rows that answer `plan`, counted in the index where that is possible."""
    if not plan.is_scan:
        return len(run(rows, plan))
    number = rows.count(plan.scope)
    return number if plan.limit is None else min(number, plan.limit)


def _matches(rows: Rows, plan: Plan) -> Iterator[tuple[SortKeys, Row]]:
    """Rows that pass the filters and lie between the cursors, each with its sort keys."""
    for row in rows.scan(plan.scope):
        fields = Document.FromString(row.body).fields
        if not all(test(fields, row.path) for test in plan.tests):
            continue
        keys = _sort_keys(fields, row.path, plan.sorts)
        if keys is not None and _within(keys, plan):
            yield keys, row


def _sort_keys(fields: Message, path: bytes, sorts: tuple[Sort, ...]) -> SortKeys | None:
    """The sort keys of the row; None if it lacks one of the fields, so that it is not in the result."""
    keys: list[Any] = []
    for sort in sorts:
        if sort.path == _NAME_PATH:
            keys.append(path)
            continue
        value = names.find(fields, sort.path)
        if value is None:
            return None
        keys.append(key_of(value))
    return tuple(keys)


def _within(keys: SortKeys, plan: Plan) -> bool:
    if plan.start is not None and not _is_past(keys, plan.start, plan.sorts):
        return False
    return plan.end is None or not _is_past(keys, plan.end, plan.sorts)


def _is_past(keys: SortKeys, bound: Bound, sorts: tuple[Sort, ...]) -> bool:
    """Whether a row with these keys comes after the position of the cursor."""
    for key, edge, sort in zip(keys, bound.keys, sorts, strict=False):
        if key != edge:
            return bool(key > edge) is not sort.descending
    return bound.before


@dataclass(frozen=True, slots=True)
class Figure:
    """One requested figure: a count (with its ceiling, if any), or the sum of a field."""

    alias: str
    summed: Path | None
    up_to: int | None


def figures(aggregations: Sequence[Message]) -> list[Figure]:
    """Read Aggregation messages; those without an alias become `field_1`, `field_2` and so on.

    Raises:
        Refused: INVALID_ARGUMENT; UNIMPLEMENTED for averages.
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
        if names.is_reserved(alias):
            raise invalid(f'The property.name "{alias}" is reserved.')
        if any(figure.alias == alias for figure in found):
            raise invalid(f"Aggregation aliases contain duplicate alias: {alias}.")
        found.append(_figure(alias, aggregation))
    return found


def _figure(alias: str, aggregation: Message) -> Figure:
    kind = aggregation.WhichOneof("operator")
    if kind is None:
        raise invalid("Aggregation operator must be specified.")
    if kind == "avg":
        raise unimplemented("An average")
    if kind == "count":
        up_to = aggregation.count.up_to.value if aggregation.count.HasField("up_to") else None
        if up_to is not None and up_to < 0:
            raise invalid("The `up_to` value in a COUNT aggregation must be greater than or equal to zero.")
        return Figure(alias, None, up_to)
    path = names.parse(aggregation.sum.field.field_path)
    if path == _NAME_PATH:
        raise invalid("Aggregations are not supported for the property: __key__")
    return Figure(alias, path, None)


def aggregate(rows: Rows, plan: Plan, wanted: list[Figure]) -> tuple[dict[str, Message], int]:
    """The figures by alias, and the number of index entries behind them.

    Beside sums, only documents with all the summed fields count, also in counts, as in production. Call it inside
    `rows.reading()`.
    """
    paths = sorted({figure.summed for figure in wanted if figure.summed is not None})
    number, columns = _columns(rows, plan, paths) if paths else (count(rows, plan), {})
    return {figure.alias: _result(figure, number, columns) for figure in wanted}, number


def _columns(rows: Rows, plan: Plan, paths: list[Path]) -> tuple[int, dict[Path, list[int | float]]]:
    """The number of documents with all paths, and their numbers at each path."""
    columns: dict[Path, list[int | float]] = {path: [] for path in paths}
    number = 0
    for row in run(rows, plan):
        fields = Document.FromString(row.body).fields
        values = [names.find(fields, path) for path in paths]
        if any(value is None for value in values):
            continue
        number += 1
        for path, value in zip(paths, values, strict=True):
            kind = value.WhichOneof("value_type") if value is not None else None
            if kind in ("integer_value", "double_value"):
                columns[path].append(getattr(value, kind))
    return number, columns


def _result(figure: Figure, number: int, columns: dict[Path, list[int | float]]) -> Message:
    """The value of a figure. A sum is exact over integers, and a double as soon as one is among them, or beyond 64
    bits."""
    if figure.summed is None:
        return Value(integer_value=number if figure.up_to is None else min(number, figure.up_to))
    total = sum(columns[figure.summed])
    if isinstance(total, int) and total in _INT64:
        return Value(integer_value=total)
    return Value(double_value=float(total))


def demand_of(indexes: Mapping[str, Any] | None) -> Demand | None:
    """The check for missing indexes from the content of `firestore.indexes.json`; None without it."""
    if indexes is None:
        return None
    return lambda query, summed: missing_index(query, indexes, summed)


class Queries:
    """Handlers of the calls that run a StructuredQuery."""

    def __init__(self, rows: Rows, demand: Demand | None) -> None:
        self._rows = rows
        self._demand = demand

    def run_query(self, request: Message) -> Replies:
        """RunQuery: a message for each document, or one message without a document."""
        query = _structured_query(request, request)
        planned = plan(parent_named(request.parent), query)
        self._require_index(query)
        with self._rows.reading() as now:
            found = run(self._rows, planned)
        return Replies(_responses(found, planned, now), documents=len(found), reads=max(1, len(found)))

    def run_aggregation_query(self, request: Message) -> Replies:
        """RunAggregationQuery: one message with all figures."""
        query = _structured_query(request, request.structured_aggregation_query)
        wanted = figures(request.structured_aggregation_query.aggregations)
        planned = plan(parent_named(request.parent), query)
        self._require_index(query, [".".join(figure.summed) for figure in wanted if figure.summed])
        response = RunAggregationQueryResponse()
        with self._rows.reading() as now:
            values, entries = aggregate(self._rows, planned, wanted)
        set_time(response.read_time, now)
        for alias, value in values.items():
            response.result.aggregate_fields[alias].CopyFrom(value)
        return Replies((response.SerializeToString(),), reads=max(1, ceil(entries / ENTRIES_PER_READ)))

    def _require_index(self, query: Message, summed: Sequence[str] = ()) -> None:
        missing = self._demand(query, summed) if self._demand is not None else None
        if missing is not None:
            raise CallRefused(
                StatusCode.FAILED_PRECONDITION,
                f"The query requires an index. Define it in firestore.indexes.json: {json.dumps(missing)}",
            )


def _structured_query(request: Message, holder: Message) -> Message:
    if request.HasField("explain_options"):
        raise unimplemented("Query explain")
    if holder.WhichOneof("query_type") != "structured_query":
        raise invalid("only structured queries are supported")
    refuse_selectors(request, "A query")
    return holder.structured_query


def _responses(found: list[Row], planned: Plan, now: int) -> Iterator[bytes]:
    """Serialized RunQueryResponses; without a mask the stored bytes go out as they are."""
    stamp = RunQueryResponse()
    set_time(stamp.read_time, now)
    tail = stamp.SerializeToString()
    if not found:
        yield RunQueryResponse(read_time=stamp.read_time, done=True).SerializeToString()
    for row in found:
        body = row.body
        if planned.mask is not None:
            body = names.masked(Document.FromString(body), planned.mask).SerializeToString()
        yield embedded(1, body) + tail
