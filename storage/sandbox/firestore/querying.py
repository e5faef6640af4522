"""Queries: from a StructuredQuery message to a plan, and from the plan to the rows that answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from storage.domain.indexes import Leaf, disjuncts, sort_orders
from storage.sandbox.firestore import field_paths, query_rules
from storage.sandbox.firestore.field_paths import NAME, Path
from storage.sandbox.firestore.filtering import Test, compiled, name_key
from storage.sandbox.firestore.names import Name, after
from storage.sandbox.firestore.ordering import key_of
from storage.sandbox.firestore.protos import Document, Message
from storage.sandbox.firestore.refusals import invalid
from storage.sandbox.firestore.rows import (
    Row,
    Rows,
    Scope,
    children_scope,
    collection_scope,
    group_scope,
    subtree_scope,
)

SortKeys = tuple[Any, ...]
"""One item per sort: the value's key (see `ordering`), or the path key for the name."""

_NAME_PATH = (NAME,)


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

    scope: Scope
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
    query_rules.check(query)
    sorts = tuple(Sort(field_paths.parse(order.field), order.descending) for order in sort_orders(query))
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
        value = field_paths.find(fields, sort.path)
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


def _scope(parent: Name, query: Message) -> Scope:
    source = query.from_[0] if query.from_ else None
    if source is None or not source.collection_id:
        return subtree_scope(parent) if source and source.all_descendants else children_scope(parent)
    if source.all_descendants:
        return group_scope(parent, source.collection_id)
    return collection_scope(parent.child(source.collection_id))


def _narrowed(scope: Scope, conjunction: tuple[Leaf, ...]) -> Scope:
    for leaf in conjunction:
        if leaf.field == NAME and leaf.op in _BOUNDS:
            low, high = _BOUNDS[leaf.op](name_key(leaf.value))
            scope = scope.narrowed(low, high)
    return scope


def _between(scope: Scope, start: Bound | None, end: Bound | None) -> Scope:
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
    return tuple(field_paths.parse(field.field_path) for field in query.select.fields)


_BOUNDS: dict[str, Callable[[bytes], tuple[bytes, bytes | None]]] = {
    "==": lambda key: (key, after(key)),
    "<": lambda key: (b"", key),
    "<=": lambda key: (b"", after(key)),
    ">": lambda key: (after(key), None),
    ">=": lambda key: (key, None),
}
