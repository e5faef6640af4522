"""Checks ids at their two entrances: what a person types is checked for slips; ids from a store or a link pass.

Firestore holds ids that nobody would type: a blank at an end, a line end, a tab, `__id7__` for a number of Datastore.
A user with such an id is a customer like any other. So `check_id` checks typed text (arguments, forms, the search
box). All other code calls `check_stored_id`, which refuses only what cannot be a single segment of a path.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from storage.errors import BadInput

MAX_ID_BYTES = 1_500  # Firestore's limit for a document id
_RESERVED = re.compile(r"__.*__", re.DOTALL)
_NUMBER = re.compile(r"__id(-?[1-9][0-9]{0,18})__", re.ASCII)
_INT64 = range(-(2**63), 2**63)


def check_id(value: str, name: str) -> str:
    """The typed id, unchanged, or `BadInput`, which names the field, the fault, and how to give such an id.

    Refused: what `check_stored_id` refuses, blanks at either end, control characters and line separators.
    """
    if problem := _unstorable(value):
        raise BadInput(f"{name} {problem}", field_name=name, remedy=f"Give {name} exactly as Firestore shows it.")
    if problem := _unlikely(value):
        raise BadInput(
            f"{name} {problem}",
            field_name=name,
            remedy=f"Give {name} exactly as Firestore shows it. If the id really has this form, open it from a list or "
            "from Find, whose links keep it unchanged; on the command line, add --exact-ids.",
        )
    return value


def is_id(value: object) -> bool:
    """Whether `check_id` would accept the value."""
    return isinstance(value, str) and not _unstorable(value) and not _unlikely(value)


def check_stored_id(value: str, name: str) -> str:
    """An id from a store or a link of the desk, unchanged; `BadInput` for what no store can have given.

    Refused is what Firestore itself refuses, and so everything that could lead to another path or a wider key prefix:
    an empty id, `.` and `..`, `/`, half a character, `__x__` except Datastore's numbers, more than 1,500 bytes.
    """
    if problem := _unstorable(value):
        raise BadInput(f"{name} {problem}", field_name=name, remedy=f"Give {name} exactly as Firestore shows it.")
    return value


def is_stored_id(value: object) -> bool:
    """Whether `check_stored_id` would accept the value."""
    return isinstance(value, str) and not _unstorable(value)


def number_of(value: str) -> int | None:
    """The number in `__id7__`, which Datastore gave to an entity; `None` for every other id."""
    found = _NUMBER.fullmatch(value)
    number = int(found[1]) if found else 0
    return number if number and number in _INT64 else None


def typeable(value: str) -> str:
    """An id that a person can see and type: where `check_id` refuses it, its invisible parts are percent-encoded."""
    if is_id(value):
        return value
    return "".join(quote(char) if char == "%" or char.isspace() or _is_control(char) else char for char in value)


def in_words(value: str) -> str:
    """An id in a sentence: in quotes where its blanks could pass for the sentence's own, or where it is empty."""
    return value if value and not any(map(str.isspace, value)) else f"'{value}'"


def firestore_order(value: str) -> tuple[int, bytes]:
    """A sort key for ids in Firestore's order: numbers first, by value, then texts by their UTF-8 bytes."""
    number = number_of(value)
    return (number, b"") if number is not None else (2**63, value.encode())


def _unstorable(value: str) -> str:
    if not value:
        return "is empty"
    if value in {".", ".."}:
        return f"must not be {value!r}"
    if "/" in value:
        return "must not contain '/'"
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        return "contains a control character (half a surrogate pair)"
    if length > MAX_ID_BYTES:
        return f"is longer than {MAX_ID_BYTES:,} bytes"
    if len(value) > 4 and _RESERVED.fullmatch(value) and number_of(value) is None:
        return "is a name that Firestore reserves (__...__)"
    return ""


def _unlikely(value: str) -> str:
    if not value.strip():
        return "is empty"
    if value != value.strip():
        return "begins or ends with a blank"
    if any(map(_is_control, value)):
        return "contains a control character"
    return ""


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Zl", "Zp"}
