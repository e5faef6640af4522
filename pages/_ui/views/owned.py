"""What of a key may be shown to whom: another customer's key names that customer, which is not for everybody to see."""

from __future__ import annotations

from typing import Any, Final

from pages._ui.access.guard import allowed
from pages._ui.data.resources import stores

NOT_WHOSE: Final = "another customer's, not shown"


def shown_key(uid: str, value: Any) -> Any:
    """The value as this person may see it in what belongs to `uid`: only those who verify see whose a key is."""
    if isinstance(value, str) and not allowed("verify") and stores().layout.standing(value, uid) == "others":
        return NOT_WHOSE
    return value
