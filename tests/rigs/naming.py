"""Names of a test's parameters that are the same in every process: workers that share a run compare them."""

from __future__ import annotations

import re


def stable(value: object) -> str:
    """The value as text, a class by its name, and no object by the address where it happens to lie."""
    return value.__name__ if isinstance(value, type) else re.sub(r" at 0x[0-9a-f]+", "", str(value))
