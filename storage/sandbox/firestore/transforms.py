"""Field transforms: what the server computes from the stored value while it writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from storage.sandbox.firestore import field_paths
from storage.sandbox.firestore.ordering import key_of
from storage.sandbox.firestore.protos import Message, Value, set_time
from storage.sandbox.firestore.refusals import invalid

_Compute = Callable[[Message, Message], Message]

_NUMBERS = ("integer_value", "double_value")
_LEAST, _GREATEST = -(2**63), 2**63 - 1


def apply(fields: Message, transforms: Iterable[Message], now: int) -> list[Message]:
    """Change `fields` by each transform in turn and return the result values that the client is sent.

    `now` is the time of the commit in microseconds; a server timestamp has milliseconds only, as production's
    has. Array transforms report null.

    Raises:
        Refused: INVALID_ARGUMENT.
    """
    return [_transformed(fields, transform, now) for transform in transforms]


def _transformed(fields: Message, transform: Message, now: int) -> Message:
    path = field_paths.parse(transform.field_path)
    kind = transform.WhichOneof("transform_type")
    before = field_paths.find(fields, path)
    result = Value(null_value=0)
    if kind == "set_to_server_value" and transform.set_to_server_value == 1:
        set_time(result.timestamp_value, now - now % 1_000)
        after = result
    elif kind in _ARITHMETIC:
        after = result = _computed(before, getattr(transform, kind), _ARITHMETIC[kind])
    elif kind in _ARRAYS:
        after = _ARRAYS[kind](before, getattr(transform, kind).values)
    else:
        raise invalid("Operation type must be specified for field transformation.")
    after = Value.FromString(after.SerializeToString())  # `put` clears the place that `before` may come from
    field_paths.put(fields, path).CopyFrom(after)
    return result


def _computed(before: Message | None, operand: Message, compute: _Compute) -> Message:
    if operand.WhichOneof("value_type") not in _NUMBERS:
        raise invalid("Input must be int64 or double.")
    if before is None or before.WhichOneof("value_type") not in _NUMBERS:
        return operand
    return compute(before, operand)


def _number(value: Message) -> int | float:
    number: int | float = getattr(value, value.WhichOneof("value_type"))
    return number


def _sum(before: Message, operand: Message) -> Message:
    total = _number(before) + _number(operand)
    if isinstance(total, float):
        return Value(double_value=total)
    return Value(integer_value=min(max(total, _LEAST), _GREATEST))


def _greater(before: Message, operand: Message) -> Message:
    return _not_a_number(before, operand) or (operand if _number(operand) > _number(before) else before)


def _lesser(before: Message, operand: Message) -> Message:
    return _not_a_number(before, operand) or (operand if _number(operand) < _number(before) else before)


def _not_a_number(*values: Message) -> Message | None:
    return next((value for value in values if _number(value) != _number(value)), None)


def _elements(value: Message | None) -> list[Message]:
    is_array = value is not None and value.WhichOneof("value_type") == "array_value"
    return list(value.array_value.values) if value is not None and is_array else []


def _array_of(elements: Iterable[Message]) -> Message:
    array = Value()
    array.array_value.SetInParent()
    array.array_value.values.extend(elements)
    return array


def _with_missing(before: Message | None, wanted: Iterable[Message]) -> Message:
    elements = _elements(before)
    present = {key_of(element) for element in elements}
    for element in wanted:
        key = key_of(element)
        if key not in present:
            present.add(key)
            elements.append(element)
    return _array_of(elements)


def _without(before: Message | None, unwanted: Iterable[Message]) -> Message:
    gone = {key_of(element) for element in unwanted}
    return _array_of(element for element in _elements(before) if key_of(element) not in gone)


_ARITHMETIC = {"increment": _sum, "maximum": _greater, "minimum": _lesser}
_ARRAYS = {"append_missing_elements": _with_missing, "remove_all_from_array": _without}
