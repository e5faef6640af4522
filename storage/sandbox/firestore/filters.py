"""Filters of a query, compiled once into a test that each document is put to."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from storage.domain.indexes import Leaf, leaf_of
from storage.sandbox.firestore import names as field_paths
from storage.sandbox.firestore.names import document_named
from storage.sandbox.firestore.values import ARRAY, NAN, NULL, Key, key_of
from storage.sandbox.firestore.wire import Message, invalid

Test = Callable[[Message, bytes], bool]
"""Of a document's fields and its path key: whether it stays."""

_KeyTest = Callable[[Key], bool]

_AND, _OR = 1, 2
LIST_LIMITS = {"in": 30, "array-contains-any": 30, "not-in": 10}
_LABELS = {"in": "IN", "array-contains-any": "ARRAY_CONTAINS_ANY", "not-in": "NOT_IN"}


def compiled(where: Message) -> Test:
    """The test for a Filter message.

    Raises:
        Refused: INVALID_ARGUMENT, for a filter that is incomplete or compares a name with something else.
    """
    kind = where.WhichOneof("filter_type")
    if kind is None:
        raise invalid("Unknown Filter type.")
    if kind != "composite_filter":
        leaf = leaf_of(where)
        if not leaf.op:
            raise invalid(f"Unknown {'FieldFilter' if kind == 'field_filter' else 'UnaryFilter'} operator.")
        return _leaf_test(leaf)
    tests = [compiled(part) for part in where.composite_filter.filters]
    if where.composite_filter.op == _OR:
        return lambda fields, path: any(test(fields, path) for test in tests)
    if where.composite_filter.op == _AND:
        return lambda fields, path: all(test(fields, path) for test in tests)
    raise invalid("Unsupported CompositeFilter operator.")


def name_key(value: Message) -> bytes:
    """The path key of a reference that a document's name is compared with.

    Raises:
        Refused: INVALID_ARGUMENT, when it is no reference to a document.
    """
    if value.WhichOneof("value_type") != "reference_value":
        raise invalid("__key__ filter value must be a Key")
    return document_named(value.reference_value, "Resource name").key


def listed(leaf: Leaf) -> list[Message]:
    """The values on the right of an `in` and its like.

    Raises:
        Refused: INVALID_ARGUMENT, when there are none or too many.
    """
    label, limit = _LABELS[leaf.op], LIST_LIMITS[leaf.op]
    if leaf.value.WhichOneof("value_type") != "array_value":
        raise invalid(f"'{label}' requires an ArrayValue.")
    values = list(leaf.value.array_value.values)
    if not values:
        raise invalid(f"'{label}' requires an non-empty ArrayValue.")
    if len(values) > limit:
        raise invalid(f"'{label}' supports up to {limit} comparison values.")
    return values


def _leaf_test(leaf: Leaf) -> Test:
    path = field_paths.parse(leaf.field)
    if path == (field_paths.NAME,):
        return _name_test(leaf)
    matches = _UNARY.get(leaf.op) or _list_test(leaf) or _comparison(leaf)

    def test(fields: Message, _: bytes) -> bool:
        value = field_paths.find(fields, path)
        return value is not None and matches(key_of(value))

    return test


def _list_test(leaf: Leaf) -> _KeyTest | None:
    """Null and NaN in the list match nothing, except that a null makes `not-in` match nothing at all."""
    if leaf.op not in LIST_LIMITS:
        return None
    keys = {key_of(value) for value in listed(leaf)}
    if leaf.op == "not-in" and NULL in keys:
        return _never
    wanted = keys - {NULL, NAN}
    if leaf.op == "in":
        return wanted.__contains__
    if leaf.op == "not-in":
        return lambda key: key != NULL and key not in wanted
    return lambda key: key[0] == ARRAY and not wanted.isdisjoint(key[1])


def _comparison(leaf: Leaf) -> _KeyTest:
    """A comparison with null or NaN matches nothing, as in SQL, but all that is not null differs from NaN.

    The client asks for null and NaN themselves by unary filters.
    """
    wanted = key_of(leaf.value)
    if wanted == NAN and leaf.op == "!=":
        return _UNARY["is-not-null"]
    if wanted in (NULL, NAN):
        return _never
    if leaf.op == "==":
        return wanted.__eq__
    if leaf.op == "!=":
        return lambda key: key not in (NULL, wanted)
    if leaf.op == "array-contains":
        return lambda key: key[0] == ARRAY and wanted in key[1]
    compare = _COMPARISONS[leaf.op]
    return lambda key: key[0] == wanted[0] and key != NAN and compare(key, wanted)


def _name_test(leaf: Leaf) -> Test:
    if leaf.op in ("in", "not-in"):
        names = {name_key(value) for value in listed(leaf)}
        present = leaf.op == "in"
        return lambda _, path: (path in names) is present
    if leaf.op.startswith("array"):
        raise invalid("the name __key__ is reserved")
    if leaf.op in _UNARY:
        raise invalid("__key__ filter value must be a Key")
    wanted, compare = name_key(leaf.value), _COMPARISONS[leaf.op]
    return lambda _, path: compare(path, wanted)


def _never(_: Key) -> bool:
    return False


_UNARY: dict[str, _KeyTest] = {
    "is-null": NULL.__eq__,
    "is-nan": NAN.__eq__,
    "is-not-null": lambda key: key != NULL,
    "is-not-nan": lambda key: key not in (NULL, NAN),
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
