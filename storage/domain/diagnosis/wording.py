"""Puts strangers' text, ages and counts into words that are safe to show, to copy and to hand over."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta

from storage.domain.secret_patterns import without_secrets

_LINK = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}:(?://|/)?/\S+|\bwww\.\S+", re.IGNORECASE)
_LONG_HEX = re.compile(r"\b[0-9a-f]{32,}\b", re.IGNORECASE)
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_DIRECTION = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def redacted(text: str) -> str:
    """The text without secrets, links, addresses and long numbers: none of it belongs into a hand-over."""
    text = without_secrets(_LINK.sub("[link]", text), "[secret]")
    return _LONG_HEX.sub("[secret]", _ADDRESS.sub("[address]", text))


def without_links(text: str) -> str:
    """The text without links, and otherwise as it is: for ids and keys, which must stay exact."""
    return _LINK.sub("[link]", text)


def quoted(text: str | None, limit: int = 240) -> str:
    """A stranger's text on one line: redacted, without control and direction characters, shortened, in quotes."""
    if not text:
        return "nothing"
    kept = "".join(" " if char.isspace() else char for char in text[: 8 * limit] if _visible(char))
    line = " ".join(redacted(kept).split())
    return f"“{line[:limit]}…”" if len(line) > limit or len(text) > 8 * limit else f"“{line}”"


def _visible(char: str) -> bool:
    return char.isspace() or (char not in _DIRECTION and unicodedata.category(char) not in {"Cc", "Cs", "Co", "Cf"})


def age(span: timedelta) -> str:
    """A span for people, in its largest fitting unit, rounded down; never negative."""
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length or (unit == "minute" and seconds >= length):
            return number(seconds // length, unit)
    return number(seconds, "second")


def number(count: int, noun: str) -> str:
    """`1 clip`, `2 clips`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def moment(at: datetime) -> str:
    """A time in UTC, to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
