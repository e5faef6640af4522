"""Decides who may see a key: another customer's key names that customer, so not everybody may see it."""

from __future__ import annotations

from typing import Any, Final

from pages._ui.access.guard import allowed
from pages._ui.data.resources import stores

NOT_WHOSE: Final = "another customer's, not shown"


def shown_key(uid: str, value: Any) -> Any:
    """The value as this person may see it in the data of `uid`: another customer's only with permission to verify."""
    if isinstance(value, str) and not allowed("verify") and stores().layout.standing(value, uid) == "others":
        return NOT_WHOSE
    return value
