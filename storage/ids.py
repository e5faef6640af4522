"""Checks ids before anything is asked of a backend: one that could widen a key prefix or a path is refused."""

from __future__ import annotations

import re
import unicodedata

from storage.errors import BadInput

MAX_ID_BYTES = 1_500  # Firestore's limit for a document id
_RESERVED = re.compile(r"__.*__", re.DOTALL)


def check_id(value: str, name: str) -> str:
    """The id unchanged, or `BadInput` that names the field and says what is wrong.

    Refused: empty or blank, `.` and `..`, `/`, control characters and lone surrogates, blanks at either end,
    Firestore's reserved `__x__`, more than 1,500 bytes of UTF-8.
    """
    problem = _problem(value)
    if problem:
        raise BadInput(f"{name} {problem}", field_name=name, remedy=f"Give {name} exactly as Firestore shows it.")
    return value


def is_id(value: object) -> bool:
    """Whether `check_id` would accept the value."""
    return isinstance(value, str) and not _problem(value)


def _problem(value: str) -> str:
    if not value or not value.strip():
        return "is empty"
    if value != value.strip():
        return "begins or ends with a blank"
    if value in {".", ".."}:
        return f"must not be {value!r}"
    if "/" in value:
        return "must not contain '/'"
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in value):
        return "contains a control character"
    if len(value.encode()) > MAX_ID_BYTES:
        return f"is longer than {MAX_ID_BYTES:,} bytes"
    if _RESERVED.fullmatch(value):
        return "is a name that Firestore reserves (__...__)"
    return ""
