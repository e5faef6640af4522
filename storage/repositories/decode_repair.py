"""The slow way for cells that are not as the schema has them: what can still be used, and the oddity that is told."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

from storage.errors import Oddity
from storage.repositories.decode import EPOCH, FIRST_SECOND, LAST_SECOND, exists, relative_path

MAX_ODDITIES = 1_000
EXCERPT_LENGTH = 40
NOT_KEPT = "not_kept"  # the kind of the last entry when there were more oddities than are kept

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_MICROSECOND = timedelta(microseconds=1)
_INVISIBLE = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


class Repair:
    """Called for cells that are not of the declared kind: gives the usable value or `None`, and keeps the oddities."""

    def __init__(self, limit: int = MAX_ODDITIES) -> None:
        self._limit = limit
        self._kept: list[Oddity] = []
        self._not_kept = 0

    def oddities(self) -> tuple[Oddity, ...]:
        """What was met, in order; a last entry of kind `not_kept` says how many more there were."""
        if not self._not_kept:
            return tuple(self._kept)
        return (*self._kept, Oddity("", "", NOT_KEPT, f"{self._not_kept:,} more oddities were met and not kept"))

    def note(self, document: Any, name: str, kind: str, found: str = "") -> None:
        """Keeps one oddity, or counts it when there are too many."""
        if len(self._kept) < self._limit:
            self._kept.append(Oddity(relative_path(document.name), name, kind, found))
        else:
            self._not_kept += 1

    def merge(self, other: Repair) -> None:
        """Adds what another page's repair met."""
        room = self._limit - len(self._kept)
        self._kept.extend(other._kept[:room])
        self._not_kept += len(other._kept[room:]) + other._not_kept

    def outside(self, document: Any) -> None:
        """A document of a collection group that does not lie where the schema's documents lie: left out, and told."""
        self.note(document, "path", "bad_value", "lies outside users/{uid}/...; left out")

    def absent(self, document: Any, name: str) -> None:
        """A required field that is not there; a phantom parent has none and is no oddity."""
        if exists(document):
            self.note(document, name, "missing")

    def text(self, document: Any, name: str, cell: Any) -> None:
        """Nothing but text is text."""
        self._wrong(document, name, cell)

    def flag(self, document: Any, name: str, cell: Any) -> None:
        """Nothing but a boolean is a flag."""
        self._wrong(document, name, cell)

    def map(self, document: Any, name: str, cell: Any) -> None:
        """Nothing but a map is a map."""
        self._wrong(document, name, cell)

    def list(self, document: Any, name: str, cell: Any) -> None:
        """Nothing but an array is a list."""
        self._wrong(document, name, cell)

    def whole(self, document: Any, name: str, cell: Any) -> int | None:
        """Takes a floating-point number without a fraction, as some clients write whole numbers."""
        if cell.WhichOneof("value_type") == "double_value":
            value = cell.double_value
            if value.is_integer() and -(2.0**63) <= value < 2.0**63:
                return int(value)
            self.note(document, name, "wrong_type" if math.isfinite(value) else "bad_value", describe(cell))
            return None
        self._wrong(document, name, cell)
        return None

    def number(self, document: Any, name: str, cell: Any) -> float | None:
        """Takes a whole number; NaN and the infinities are told and left out, since they would spoil every sum."""
        kind = cell.WhichOneof("value_type")
        if kind == "integer_value":
            return float(cell.integer_value)
        if kind == "double_value":
            self.note(document, name, "bad_value", describe(cell))
        else:
            self._wrong(document, name, cell)
        return None

    def time(self, document: Any, name: str, cell: Any) -> int | None:
        """Microseconds since 1970. Takes RFC 3339 text, and tells it; tells times outside the years 1 to 9999."""
        kind = cell.WhichOneof("value_type")
        if kind == "timestamp_value":
            stamp = cell.timestamp_value
            if FIRST_SECOND <= stamp.seconds <= LAST_SECOND:
                return int(stamp.seconds * 1_000_000 + stamp.nanos // 1_000)
            self.note(document, name, "bad_value", describe(cell))
            return None
        self._wrong(document, name, cell)
        return _microseconds(cell.string_value) if kind == "string_value" else None

    def _wrong(self, document: Any, name: str, cell: Any) -> None:
        kind = "null" if cell.HasField("null_value") else "wrong_type"
        self.note(document, name, kind, "" if kind == "null" else describe(cell))


def _microseconds(text: str) -> int | None:
    match = _RFC3339.fullmatch(text)
    if not match:
        return None
    day, clock, fraction, zone = match.groups()
    micros = (fraction or "").ljust(6, "0")[:6]
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}.{micros}{'+00:00' if zone in 'Zz' else zone}")
        return (moment.astimezone(UTC) - EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None


def describe(cell: Any) -> str:
    """What stood there, short and safe to show: the kind, and an excerpt without control characters."""
    kind = cell.WhichOneof("value_type") or "nothing"
    if kind == "string_value":
        return f"text '{excerpt(cell.string_value)}'"
    if kind in {"integer_value", "double_value", "boolean_value"}:
        value = getattr(cell, kind)
        return f"{_KIND_NAMES[kind]} {str(value).lower() if isinstance(value, bool) else f'{value!r}'}"
    if kind == "timestamp_value":
        return f"time {cell.timestamp_value.seconds} s after 1970"
    if kind == "bytes_value":
        return f"{len(cell.bytes_value):,} bytes"
    if kind == "reference_value":
        return f"reference '{excerpt(cell.reference_value)}'"
    if kind == "map_value":
        return f"map of {len(cell.map_value.fields):,}"
    if kind == "array_value":
        return f"list of {len(cell.array_value.values):,}"
    return _KIND_NAMES.get(kind, kind.removesuffix("_value"))


_KIND_NAMES = {
    "integer_value": "whole number",
    "double_value": "number",
    "boolean_value": "flag",
    "geo_point_value": "place",
    "null_value": "null",
}


def excerpt(text: str, length: int = EXCERPT_LENGTH) -> str:
    """The beginning of a text without control, format and line-breaking characters."""
    head = "".join(char for char in text[: length * 2] if unicodedata.category(char) not in _INVISIBLE)
    return head[:length] + ("…" if len(head) > length or len(text) > length * 2 else "")
