"""What a query may not be: the limits that Firestore sets before it looks at a single document."""

from __future__ import annotations

from math import prod

from grpc import StatusCode

from storage.domain.indexes import Leaf, Order, leaf_of, leaves, sort_orders
from storage.sandbox.firestore.field_paths import NAME
from storage.sandbox.firestore.filtering import listed
from storage.sandbox.firestore.names import collection_id
from storage.sandbox.firestore.protos import Message
from storage.sandbox.firestore.refusals import Refused, invalid, unimplemented

MAX_DISJUNCTIONS = 30

_NEGATIONS = {"!=", "not-in", "is-not-nan", "is-not-null"}
_OR = 2


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
        return sum(numbers) if where.composite_filter.op == _OR else prod(numbers)
    leaf = leaf_of(where)
    return len(listed(leaf)) if leaf.op in ("in", "array-contains-any") else 1


def _contains_in_one(where: Message) -> int:
    """The most array-contains comparisons that one alternative holds."""
    if where.WhichOneof("filter_type") == "composite_filter":
        numbers = [_contains_in_one(part) for part in where.composite_filter.filters]
        return max(numbers, default=0) if where.composite_filter.op == _OR else sum(numbers)
    return int(leaf_of(where).is_contains)


def _has_or(where: Message) -> bool:
    return where.composite_filter.op == _OR or any(map(_has_or, where.composite_filter.filters))


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


def _check_orders(orders: tuple[Order, ...], compared: list[Leaf]) -> None:
    fields = [order.field for order in orders]
    twice = next((field for place, field in enumerate(fields) if field in fields[:place]), None)
    if twice is not None:
        raise invalid(f"order by clause cannot contain duplicate fields {twice}")
    if NAME in fields[:-1]:
        raise invalid("order by clause cannot contain more fields after the key")
    if orders[0] == Order(NAME, descending=True) and all(leaf.field == NAME for leaf in compared):
        raise Refused(StatusCode.FAILED_PRECONDITION, "Firestore does not support descending key scans")


def _check_kindless(compared: list[Leaf], orders: tuple[Order, ...]) -> None:
    """Without a collection id only names can be compared and sorted by."""
    for leaf in compared:
        if leaf.field != NAME:
            raise invalid(f"kind is required for filter: {leaf.field}")
    if orders != (Order(NAME),):
        raise invalid("kind is required for all orders except __key__ ascending")
