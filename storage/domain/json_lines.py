"""Writes and reads JSON lines: one value a line, all ASCII; only LF ends a line.

`str.splitlines` and text files opened in the usual way also cut at CR, VT, FF, U+0085, U+2028 and others, which JSON
allows inside a text. Files of older versions hold such characters as they are; this version escapes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

NEWLINE = "\n"  # also for `open(newline=...)`: Python then translates nothing, and no other character ends a line


def lines_of(text: str) -> list[str]:
    """Every complete line, without its end. The text after the last LF was cut short and is left out."""
    return text.split(NEWLINE)[:-1]


def in_lines(values: Iterable[Any]) -> str:
    return "".join(json.dumps(value, sort_keys=True) + NEWLINE for value in values)
