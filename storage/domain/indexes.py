"""Tells which Firestore index a query needs, and whether `firestore.indexes.json` defines it.

Production refuses a query whose index is missing and the emulator never does, so the rules are kept here:

* unfiltered queries, and filters or ascending order on `__name__` alone, need nothing;
* in one collection every field has indexes of its own, unless an override removes them; in a collection
  group it has none, unless an override adds them;
* an index serves equalities on its first fields and the query's orders by its last ones, and by `__name__`;
* several indexes that end in the same orders merge to cover all equalities between them;
* in a collection group, an equality and a range of names together need a composite index even for one field.

Queries are raw protobuf `StructuredQuery` messages; their numbers for operators are fixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import Any

NAME = "__name__"

Definition = dict[str, Any]
"""One entry of `firestore.indexes.json`: an index (with `fields`) or a field override (with `fieldPath`)."""

Indexes = Mapping[str, Any]
"""The content of `firestore.indexes.json`."""

_FIELD_OPS = {
    1: "<",
    2: "<=",
    3: ">",
    4: ">=",
    5: "==",
    6: "!=",
    7: "array-contains",
    8: "in",
    9: "array-contains-any",
    10: "not-in",
}
_UNARY_OPS = {2: "is-nan", 3: "is-null", 4: "is-not-nan", 5: "is-not-null"}
_EQUALITIES = {"==", "in", "is-nan", "is-null"}
_CONTAINS = {"array-contains", "array-contains-any"}
_OR = 2
_DESCENDING = 2

_ASC, _DESC, _CONTAINED = "ASCENDING", "DESCENDING", "CONTAINS"
_AUTOMATIC = ({"order": _ASC}, {"order": _DESC}, {"arrayConfig": _CONTAINED})


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison: the field path as written, the operator as the client spells it, the value message if any.

    `op` is empty when the request holds an operator that does not exist.
    """

    field: str
    op: str
    value: Any = None

    @property
    def is_equality(self) -> bool:
        """Whether the comparison pins the field to given values."""
        return self.op in _EQUALITIES

    @property
    def is_contains(self) -> bool:
        """Whether the comparison searches an array."""
        return self.op in _CONTAINS

    @property
    def is_inequality(self) -> bool:
        """Whether Firestore orders by the field because of it."""
        return not self.is_equality and not self.is_contains


@dataclass(frozen=True, slots=True)
class SortedField:
    """One field that sorts the results; its path as written."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class _Shape:
    """The shape of an index: fields with their kind, without the `__name__` that ends every index."""

    entries: tuple[tuple[str, str], ...]
    name_descending: bool
    composite: bool


@dataclass(frozen=True, slots=True)
class _Demand:
    """The demands of one disjunct on its indexes."""

    group: str
    query_scope: str
    pinned: frozenset[tuple[str, str]]
    sorted_by: tuple[SortedField, ...]
    summed: tuple[str, ...]
    name_descending: bool
    composite_only: bool


def leaves(where: Any) -> Iterator[Leaf]:
    """Every comparison in a Filter message, in the order of the request."""
    return chain.from_iterable(disjuncts(where, expand=False))


def leaf_of(where: Any) -> Leaf:
    """The comparison that a Filter message of a field or unary kind makes."""
    if where.WhichOneof("filter_type") == "field_filter":
        part = where.field_filter
        return Leaf(part.field.field_path, _FIELD_OPS.get(part.op, ""), part.value)
    return Leaf(where.unary_filter.field.field_path, _UNARY_OPS.get(where.unary_filter.op, ""))


def disjuncts(where: Any, *, expand: bool = True) -> list[tuple[Leaf, ...]]:
    """A Filter message as alternatives, each a conjunction; without `expand`, as one with all comparisons."""
    if where.WhichOneof("filter_type") in ("field_filter", "unary_filter"):
        return [(leaf_of(where),)]
    parts = [disjuncts(inner, expand=expand) for inner in where.composite_filter.filters]
    if expand and where.composite_filter.op == _OR:
        return list(chain.from_iterable(parts))
    return [tuple(chain.from_iterable(choice)) for choice in product(*parts)]


def sort_orders(query: Any) -> tuple[SortedField, ...]:
    """Firestore's sort orders: the query's orders, then fields compared by inequality, then `__name__`."""
    asked = [SortedField(order.field.field_path, order.direction == _DESCENDING) for order in query.order_by]
    fields = {order.field for order in asked}
    last = bool(asked) and asked[-1].descending
    compared = {leaf.field for leaf in leaves(query.where) if leaf.is_inequality} - fields - {NAME}
    implied = [SortedField(field, last) for field in sorted(compared)]
    return (*asked, *implied, *([] if NAME in fields else [SortedField(NAME, last)]))


def missing_index(query: Any, indexes: Indexes, aggregated: Sequence[str] = ()) -> Definition | None:
    """The index that production would demand for `query` and that `indexes` lacks; `None` if the query can run.

    `query` is a StructuredQuery message, `aggregated` the paths of the fields that are summed or averaged. The result
    fits into `firestore.indexes.json`: a composite index, or a field override that includes the automatic indexes,
    since an override replaces them.
    """
    if not query.from_ or not query.from_[0].collection_id:
        return None
    for alternative in disjuncts(query.where):
        demand = _demand(query, alternative, aggregated)
        if demand.pinned or demand.sorted_by or demand.summed:
            missing = _unmet(demand, indexes)
            if missing is not None:
                return missing
    return None


def _demand(query: Any, alternative: Sequence[Leaf], aggregated: Sequence[str]) -> _Demand:
    source = query.from_[0]
    equal = {leaf.field for leaf in alternative if leaf.is_equality} - {NAME}
    contains = {leaf.field for leaf in alternative if leaf.is_contains}
    orders = sort_orders(query)
    sorted_by = tuple(order for order in orders if order.field not in equal | {NAME})
    known = equal | {order.field for order in sorted_by}
    by_cursor = orders[0].field == NAME and (query.HasField("start_at") or query.HasField("end_at"))
    name_range = by_cursor or any(leaf.field == NAME and leaf.is_inequality for leaf in alternative)
    return _Demand(
        group=source.collection_id,
        query_scope="COLLECTION_GROUP" if source.all_descendants else "COLLECTION",
        pinned=frozenset((*product(equal, ["order"]), *product(contains, ["arrayConfig"]))),
        sorted_by=sorted_by,
        summed=tuple(sorted(set(aggregated) - known)),
        name_descending=orders[-1].descending,
        composite_only=bool(source.all_descendants and name_range and (equal or contains)),
    )


def _unmet(demand: _Demand, indexes: Indexes) -> Definition | None:
    """The definition to add; `None` if the indexes with the orders of `demand` cover all of its pinned fields."""
    covered: set[tuple[str, str]] = set()
    usable = False
    for shape in _shapes(demand, indexes):
        prefix = _prefix(shape, demand)
        if prefix is not None and prefix <= demand.pinned:
            usable = True
            covered |= prefix
    if usable and covered == demand.pinned:
        return None
    alone = len(demand.pinned) + len(demand.sorted_by) + len(demand.summed) == 1
    natural = not demand.sorted_by or demand.sorted_by[-1].descending == demand.name_descending
    if not demand.composite_only and natural and (alone or not (demand.sorted_by or demand.summed)):
        return _override(demand, indexes, min(demand.pinned - covered, default=None))
    return _composite(demand)


def _prefix(shape: _Shape, demand: _Demand) -> frozenset[tuple[str, str]] | None:
    """The fields that `shape` pins before the orders of `demand`; `None` if it does not end in these orders."""
    if (demand.composite_only and not shape.composite) or shape.name_descending != demand.name_descending:
        return None
    tail = len(demand.sorted_by) + len(demand.summed)
    split = len(shape.entries) - tail
    if split < 0:
        return None
    wanted = [(order.field, {_DESC if order.descending else _ASC}) for order in demand.sorted_by]
    wanted += [(field, {_ASC, _DESC}) for field in demand.summed]
    for (have, kind), (field, kinds) in zip(shape.entries[split:], wanted, strict=True):
        if have != field or kind not in kinds:
            return None
    prefix = shape.entries[:split]
    return frozenset((field, "arrayConfig" if kind == _CONTAINED else "order") for field, kind in prefix)


def _shapes(demand: _Demand, indexes: Indexes) -> Iterator[_Shape]:
    """The indexes for the collection and scope of `demand`: composite ones, then those of single fields."""
    for index in indexes.get("indexes", ()):
        if index["collectionGroup"] == demand.group and _query_scope(index) == demand.query_scope:
            entries = [(part["fieldPath"], _kind(part)) for part in index["fields"]]
            descending = entries[-1][1] == _DESC
            yield _Shape(tuple(entry for entry in entries if entry[0] != NAME), descending, composite=True)
    pinned = (field for field, _ in demand.pinned)
    for field in sorted({*pinned, *(order.field for order in demand.sorted_by), *demand.summed}):
        for part in _single_field(demand.group, field, indexes):
            if _query_scope(part) == demand.query_scope:
                yield _Shape(((field, _kind(part)),), _kind(part) == _DESC, composite=False)


def _query_scope(definition: Mapping[str, Any]) -> str:
    return str(definition.get("queryScope", "COLLECTION"))


def _kind(part: Mapping[str, Any]) -> str:
    return str(part.get("order") or part.get("arrayConfig", ""))


def _single_field(group: str, field: str, indexes: Indexes) -> list[Definition]:
    """The single-field indexes of a field: those of its override, else the automatic ones."""
    for override in indexes.get("fieldOverrides", ()):
        if override["collectionGroup"] == group and override["fieldPath"] == field:
            return list(override.get("indexes", ()))
    return [{**part, "queryScope": "COLLECTION"} for part in _AUTOMATIC]


def _override(demand: _Demand, indexes: Indexes, uncovered: tuple[str, str] | None) -> Definition:
    if uncovered is not None:
        field, key = uncovered
        kind = _CONTAINED if key == "arrayConfig" else _DESC if demand.name_descending else _ASC
    else:
        order = demand.sorted_by[0] if demand.sorted_by else SortedField(demand.summed[0])
        field, key, kind = order.field, "order", _DESC if order.descending else _ASC
    wanted = {key: kind, "queryScope": demand.query_scope}
    return {
        "collectionGroup": demand.group,
        "fieldPath": field,
        "indexes": [*_single_field(demand.group, field, indexes), wanted],
    }


def _composite(demand: _Demand) -> Definition:
    pinned = sorted(demand.pinned)
    fields = [{"fieldPath": field, key: _ASC if key == "order" else _CONTAINED} for field, key in pinned]
    ordered = [*demand.sorted_by, *(SortedField(field, demand.name_descending) for field in demand.summed)]
    fields += [{"fieldPath": order.field, "order": _DESC if order.descending else _ASC} for order in ordered]
    natural = fields[-1].get("order") == (_DESC if demand.name_descending else _ASC)
    if len(fields) == 1 or (ordered and not natural) or (not ordered and demand.name_descending):
        fields.append({"fieldPath": NAME, "order": _DESC if demand.name_descending else _ASC})
    return {"collectionGroup": demand.group, "queryScope": demand.query_scope, "fields": fields}
