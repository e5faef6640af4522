"""Bytes as people read them: one way to write them for pages, the command line and replies to customers."""

from __future__ import annotations

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size_words(size_bytes: int) -> str:
    """Bytes in binary units with three digits: `199 KiB`, `14.1 MiB`, `1.50 GiB`."""
    amount, unit = float(abs(size_bytes)), 0
    while round(amount, 1 if amount < 100 else 0) >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    sign = "-" if size_bytes < 0 else ""
    digits = 0 if unit == 0 or amount >= 100 else (1 if amount >= 10 else 2)
    return f"{sign}{amount:,.{digits}f} {_UNITS[unit]}"
