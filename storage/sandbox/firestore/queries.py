"""Handlers of queries: documents, aggregations, and the points to cut a collection group at.

Aggregation queries: counts, sums and averages over what a query finds.

What a query may not be: the limits that Firestore sets before it looks at a single document.

Queries: from a StructuredQuery message to a plan, and from the plan to the rows that answer it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, prod
from typing import Any

from grpc import StatusCode

from storage.domain.indexes import Definition, Leaf, SortedField, disjuncts, leaf_of, leaves, missing_index, sort_orders
from storage.sandbox.firestore import names
from storage.sandbox.firestore.filters import Test, compiled, listed, name_key
from storage.sandbox.firestore.names import NAME, Name, Path, after, collection_id, is_reserved, name_of, parent_named
from storage.sandbox.firestore.storage import (
    Row,
    Rows,
    RowScope,
    children_scope,
    collection_scope,
    group_scope,
    subtree_scope,
)
from storage.sandbox.firestore.transactions import Replies, Transactions, consistency, reply
from storage.sandbox.firestore.values import key_of
from storage.sandbox.firestore.wire import (
    CallRefused,
    Cursor,
    Document,
    Message,
    PartitionQueryResponse,
    RunAggregationQueryResponse,
    RunQueryResponse,
    Value,
    embedded,
    invalid,
    set_time,
    unimplemented,
)

MAX_DISJUNCTIONS = 30

_NEGATIONS = {"!=", "not-in", "is-not-nan", "is-not-null"}
_DISJUNCTIONS = 2


SortKeys = tuple[Any, ...]
_NAME_PATH = (NAME,)
MAX_AGGREGATIONS = 5
_INT64 = range(-(2**63), 2**63)
ENTRIES_PER_READ = 1_000  # index entries that an aggregation is billed one document read for
Demand = Callable[[Message, Sequence[str]], Definition | None]


def check(query: Message) -> None:
    """Refuse a StructuredQuery message that Firestore would not run on any data.

    Raises:
        Refused: INVALID_ARGUMENT mostly; FAILED_PRECONDITION for names in descending order, which no index
            serves; UNIMPLEMENTED for vector search.
    """
    if query.HasField("find_nearest"):
        raise unimplemented("Vector search")
    if len(query.from_) > 1:
        raise invalid("StructuredQuery.from cannot have more than one collection selector.")
    if query.limit.value < 0 or query.offset < 0:
        raise invalid("limit is negative" if query.limit.value < 0 else "offset is negative")
    compared: list[Leaf] = []
    if query.HasField("where"):
        _check_disjunctions(query.where)
        compared = list(leaves(query.where))
        _check_combination(compared, has_or=_has_or(query.where))
    orders = sort_orders(query)
    _check_orders(orders, compared)
    if query.from_ and query.from_[0].collection_id:
        collection_id(query.from_[0].collection_id)
    else:
        _check_kindless(compared, orders)
    for cursor in (query.start_at, query.end_at):
        if len(cursor.values) > len(query.order_by):
            raise invalid("Cursor has too many values.")


def _check_disjunctions(where: Message) -> None:
    number = _disjunctions(where)
    if number > MAX_DISJUNCTIONS:
        raise invalid(
            f"Too many disjunctions after normalization. Result had {number} disjunctions which is more than "
            f"the maximum of {MAX_DISJUNCTIONS}"
        )
    if _contains_in_one(where) > 1:
        raise invalid("A maximum of 1 'ARRAY_CONTAINS' filter is allowed per disjunction.")


def _disjunctions(where: Message) -> int:
    """How many alternatives there are once `in` and its like are written out and ORs are moved outwards."""
    if where.WhichOneof("filter_type") == "composite_filter":
        numbers = [_disjunctions(part) for part in where.composite_filter.filters]
        return sum(numbers) if where.composite_filter.op == _DISJUNCTIONS else prod(numbers)
    leaf = leaf_of(where)
    return len(listed(leaf)) if leaf.op in ("in", "array-contains-any") else 1


def _contains_in_one(where: Message) -> int:
    """The most array-contains comparisons that one alternative holds."""
    if where.WhichOneof("filter_type") == "composite_filter":
        numbers = [_contains_in_one(part) for part in where.composite_filter.filters]
        return max(numbers, default=0) if where.composite_filter.op == _DISJUNCTIONS else sum(numbers)
    return int(leaf_of(where).is_contains)


def _has_or(where: Message) -> bool:
    return where.composite_filter.op == _DISJUNCTIONS or any(map(_has_or, where.composite_filter.filters))


def _check_combination(compared: list[Leaf], *, has_or: bool) -> None:
    ops = [leaf.op for leaf in compared]
    if "not-in" in ops and (has_or or "in" in ops or "array-contains-any" in ops):
        raise invalid("'NOT_IN' cannot be used in the same query with 'IN', 'ARRAY_CONTAINS_ANY' or 'OR'.")
    if sum(op in _NEGATIONS for op in ops) > 1:
        kinds = "'NOT_EQUAL', 'NOT_IN', 'IS_NOT_NAN', or 'IS_NOT_NULL'"
        raise invalid(f"Only a single {kinds} filter allowed per query.")
    unequal = {leaf.field for leaf in compared if leaf.is_inequality}
    if unequal and NAME not in unequal and any(leaf.field == NAME for leaf in compared):
        raise invalid(
            "Equality on key is not allowed if there are other inequality fields "
            "and key does not appear in inequalities."
        )


def _check_orders(orders: tuple[SortedField, ...], compared: list[Leaf]) -> None:
    fields = [order.field for order in orders]
    twice = next((field for place, field in enumerate(fields) if field in fields[:place]), None)
    if twice is not None:
        raise invalid(f"order by clause cannot contain duplicate fields {twice}")
    if NAME in fields[:-1]:
        raise invalid("order by clause cannot contain more fields after the key")
    if orders[0] == SortedField(NAME, descending=True) and all(leaf.field == NAME for leaf in compared):
        raise CallRefused(StatusCode.FAILED_PRECONDITION, "Firestore does not support descending key scans")


def _check_kindless(compared: list[Leaf], orders: tuple[SortedField, ...]) -> None:
    """Without a collection id only names can be compared and sorted by."""
    for leaf in compared:
        if leaf.field != NAME:
            raise invalid(f"kind is required for filter: {leaf.field}")
    if orders != (SortedField(NAME),):
        raise invalid("kind is required for all orders except __key__ ascending")


"""One item per sort: the value's key (see `ordering`), or the path key for the name."""


@dataclass(frozen=True, slots=True)
class Sort:
    """One field to sort by; `path` is `("__name__",)` for the name."""

    path: Path
    descending: bool


@dataclass(frozen=True, slots=True)
class Bound:
    """A cursor: keys for the first few sorts, standing just before or just after what equals them."""

    keys: SortKeys
    before: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """How to answer a query. Names that are compared at the top level have gone into the scope already."""

    scope: RowScope
    test: Test | None
    sorts: tuple[Sort, ...]
    start: Bound | None
    end: Bound | None
    offset: int
    limit: int | None
    mask: tuple[Path, ...] | None

    @property
    def is_scan(self) -> bool:
        """Whether rows can be handed out in name order without a look into the documents."""
        return self.test is None and self.sorts == (Sort(_NAME_PATH, descending=False),)


def plan(parent: Name, query: Message) -> Plan:
    """Plan `query`, which starts from `parent`.

    Raises:
        Refused: when Firestore would not run it; see `query_rules.check`.
    """
    check(query)
    sorts = tuple(Sort(names.parse(order.field), order.descending) for order in sort_orders(query))
    test = compiled(query.where) if query.HasField("where") else None
    alternatives = disjuncts(query.where)
    scope = _scope(parent, query)
    if len(alternatives) == 1:
        scope = _narrowed(scope, alternatives[0])
        if all(leaf.field == NAME and leaf.op in _BOUNDS for leaf in alternatives[0]):
            test = None
    start = _bound(query.start_at, sorts) if query.HasField("start_at") else None
    end = _bound(query.end_at, sorts) if query.HasField("end_at") else None
    if sorts[0] == Sort(_NAME_PATH, descending=False):
        scope, start, end = _between(scope, start, end), None, None
    return Plan(
        scope=scope,
        test=test,
        sorts=sorts,
        start=start,
        end=end,
        offset=query.offset,
        limit=query.limit.value if query.HasField("limit") else None,
        mask=_mask(query),
    )


def run(rows: Rows, plan: Plan) -> list[Row]:
    """The rows that answer `plan`, in order, offset and limit applied. Call it inside `rows.reading()`."""
    if plan.is_scan:
        return list(rows.scan(plan.scope, plan.limit, plan.offset))
    stop = None if plan.limit is None else plan.offset + plan.limit
    found: list[tuple[SortKeys, Row]] = []
    by_name = plan.sorts[0].path == _NAME_PATH and not plan.sorts[0].descending
    for keys, row in _matches(rows, plan):
        if by_name and len(found) == stop:
            break
        found.append((keys, row))
    if not by_name:
        found = _sorted(found, plan.sorts)
    return [row for _, row in found[plan.offset : stop]]


def count(rows: Rows, plan: Plan) -> int:
    """How many rows answer `plan`, counted in the index where that is possible."""
    if not plan.is_scan:
        return len(run(rows, plan))
    number = max(0, rows.count(plan.scope) - plan.offset)
    return number if plan.limit is None else min(number, plan.limit)


def _matches(rows: Rows, plan: Plan) -> Iterator[tuple[SortKeys, Row]]:
    """Rows that pass the filters and lie between the cursors, each with its sort keys."""
    for row in rows.scan(plan.scope):
        fields = Document.FromString(row.body).fields
        if plan.test is not None and not plan.test(fields, row.path):
            continue
        keys = _sort_keys(fields, row.path, plan.sorts)
        if keys is not None and _within(keys, plan):
            yield keys, row


def _sorted(found: list[tuple[SortKeys, Row]], sorts: tuple[Sort, ...]) -> list[tuple[SortKeys, Row]]:
    """Sorted by the last field first: the sort is stable, so earlier fields keep the order of later ones."""
    for place, sort in reversed(list(enumerate(sorts))):

        def key(entry: tuple[SortKeys, Row], place: int = place) -> Any:
            return entry[0][place]

        found.sort(key=key, reverse=sort.descending)
    return found


def _sort_keys(fields: Message, path: bytes, sorts: tuple[Sort, ...]) -> SortKeys | None:
    """What the row sorts by; None if it lacks one of the fields, which leaves it out of the result."""
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


def _scope(parent: Name, query: Message) -> RowScope:
    source = query.from_[0] if query.from_ else None
    if source is None or not source.collection_id:
        return subtree_scope(parent) if source and source.all_descendants else children_scope(parent)
    if source.all_descendants:
        return group_scope(parent, source.collection_id)
    return collection_scope(parent.child(source.collection_id))


def _narrowed(scope: RowScope, conjunction: tuple[Leaf, ...]) -> RowScope:
    for leaf in conjunction:
        if leaf.field == NAME and leaf.op in _BOUNDS:
            low, high = _BOUNDS[leaf.op](name_key(leaf.value))
            scope = scope.narrowed(low, high)
    return scope


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
        keys.append(name_key(value) if sort.path == _NAME_PATH else key_of(value))
    return Bound(tuple(keys), cursor.before)


def _mask(query: Message) -> tuple[Path, ...] | None:
    if not query.HasField("select"):
        return None
    return tuple(names.parse(field.field_path) for field in query.select.fields)


_BOUNDS: dict[str, Callable[[bytes], tuple[bytes, bytes | None]]] = {
    "==": lambda key: (key, after(key)),
    "<": lambda key: (b"", key),
    "<=": lambda key: (b"", after(key)),
    ">": lambda key: (after(key), None),
    ">=": lambda key: (key, None),
}


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
    path = names.parse(getattr(aggregation, kind).field.field_path)
    if path == (NAME,):
        raise invalid("Aggregations are not supported for the property: __key__")
    return Figure(alias, kind, path, None)


def _columns(rows: Rows, plan: Plan, paths: list[Path]) -> tuple[int, dict[Path, list[int | float]]]:
    """How many documents have all paths, and the numbers that these have at each."""
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


"""Of a StructuredQuery and the fields aggregated: the index to refuse it for, or None to run it."""


def demand_of(indexes: Mapping[str, Any] | Demand | None) -> Demand | None:
    """What to refuse queries by: the content of `firestore.indexes.json`, a rule of one's own, or nothing."""
    if indexes is None or callable(indexes):
        return indexes
    return lambda query, aggregated: missing_index(query, indexes, aggregated)


class Queries:
    """Handlers of the calls that run a StructuredQuery."""

    def __init__(self, rows: Rows, transactions: Transactions, demand: Demand | None) -> None:
        self._rows = rows
        self._transactions = transactions
        self._demand = demand

    def run_query(self, request: Message) -> Replies:
        """RunQuery: a message for each document, or one without any; first the id of a new transaction."""
        _refuse_explain(request)
        query = _structured_query(request)
        parent = parent_named(request.parent)
        planned = plan(parent, query)
        self._require_index(query)
        transaction, begun = consistency(request, parent.database, self._transactions)
        with self._rows.reading() as now:
            found = run(self._rows, planned)
            skipped = min(planned.offset, count(self._rows, _unpaged(planned))) if planned.offset else 0
            if transaction is not None:
                transaction.saw(lambda: _versions(run(self._rows, planned)), _versions(found))
        reads = max(1, len(found) + skipped)
        return Replies(_responses(found, planned, begun, now), documents=len(found), reads=reads)

    def run_aggregation_query(self, request: Message) -> Replies:
        """RunAggregationQuery: one message with all figures, and the id of a transaction begun with it."""
        _refuse_explain(request)
        query = _structured_query(request.structured_aggregation_query)
        parent = parent_named(request.parent)
        wanted = figures(list(request.structured_aggregation_query.aggregations))
        planned = plan(parent, query)
        self._require_index(query, [".".join(figure.path) for figure in wanted if figure.path])
        transaction, begun = consistency(request, parent.database, self._transactions)
        response = RunAggregationQueryResponse(transaction=begun)
        with self._rows.reading() as now:
            values, entries = aggregate(self._rows, planned, wanted)
            if transaction is not None:
                transaction.saw(lambda: aggregate(self._rows, planned, wanted), (values, entries))
        set_time(response.read_time, now)
        for alias, value in values.items():
            response.result.aggregate_fields[alias].CopyFrom(value)
        return Replies((response.SerializeToString(),), reads=max(1, ceil(entries / ENTRIES_PER_READ)))

    def partition_query(self, request: Message) -> Replies:
        """PartitionQuery: up to `partition_count` names, in order, that cut a group into equal parts."""
        query = _structured_query(request)
        if request.partition_count <= 0:
            raise invalid("partition_count must be positive.")
        planned = plan(parent_named(request.parent), query)
        if not query.from_ or not query.from_[0].all_descendants or not planned.is_scan:
            raise invalid("Only unfiltered collection groups, ordered by __name__, can be partitioned.")
        if query.HasField("limit") or query.offset or query.HasField("start_at") or query.HasField("end_at"):
            raise invalid("A query with a limit, an offset or cursors cannot be partitioned.")
        with self._rows.reading():
            paths = self._rows.paths(planned.scope)
        parts = request.partition_count + 1
        cuts = sorted({len(paths) * part // parts for part in range(1, parts)} - {0, len(paths)})
        first = int(request.page_token) if request.page_token.isdecimal() else 0
        last = first + request.page_size if request.page_size > 0 else len(cuts)
        response = PartitionQueryResponse(next_page_token=str(last) if last < len(cuts) else "")
        for cut in cuts[first:last]:
            reference = Value(reference_value=str(name_of(paths[cut])))
            response.partitions.append(Cursor(values=[reference], before=True))
        return reply(response, reads=1)

    def _require_index(self, query: Message, aggregated: Sequence[str] = ()) -> None:
        missing = self._demand(query, aggregated) if self._demand is not None else None
        if missing is not None:
            raise CallRefused(
                StatusCode.FAILED_PRECONDITION,
                f"The query requires an index. Define it in firestore.indexes.json: {json.dumps(missing)}",
            )


def _structured_query(request: Message) -> Message:
    if request.WhichOneof("query_type") != "structured_query":
        raise invalid("only structured queries are supported")
    return request.structured_query


def _refuse_explain(request: Message) -> None:
    if request.HasField("explain_options"):
        raise unimplemented("Query explain")


def _responses(found: list[Row], planned: Plan, begun: bytes, now: int) -> Iterator[bytes]:
    """Serialized RunQueryResponses; without a mask the stored bytes go out as they are."""
    if begun:
        yield RunQueryResponse(transaction=begun).SerializeToString()
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


def _unpaged(planned: Plan) -> Plan:
    return replace(planned, offset=0, limit=None)


def _versions(found: list[Row]) -> list[tuple[bytes, int]]:
    return [(row.path, row.updated) for row in found]
