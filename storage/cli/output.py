"""Prints answers for a script (one JSON document on stdout) or a person (text that cannot harm a terminal)."""

from __future__ import annotations

import contextlib
import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from storage.clients.meter import billed
from storage.domain.deployment import Deployment
from storage.errors import StorageError
from storage.text import number, percent_words, size_words

MAX_CELL_CHARS = 120
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def rfc3339(moment: datetime) -> str:
    """A time in UTC, such as `2026-11-22T10:00:00Z` (microseconds only where there are any)."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def clock(moment: datetime) -> str:
    """A time for people: in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def plain(value: Any) -> Any:
    """The value in JSON's types: NaN and NA become null, times RFC 3339, dataclasses objects, frames lists of rows."""
    if value is None or isinstance(value, bool | int | str):
        return value
    pandas = sys.modules.get("pandas")  # a pandas value can exist only where pandas was imported
    if pandas is not None and isinstance(value, pandas.DataFrame):
        return [plain(dict(zip(value.columns, row, strict=True))) for row in value.itertuples(index=False, name=None)]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [plain(item) for item in value]
    if value != value if pandas is None else pandas.isna(value):
        return None
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return value.item() if hasattr(value, "item") else str(value) if isinstance(value, PurePath) else repr(value)


def say_deployment(found: Deployment) -> None:
    """Prints which backend the answer assumes, and why."""
    say(f"highlights from {found.highlights_place}: {safe(found.highlights_why, 300)}")
    say(f"key prefix {found.key_prefix or 'none'}: {safe(found.key_prefix_why, 300)}")


def print_json(document: Mapping[str, Any], *, sealed: bool = False) -> None:
    """The one document of `--json`, on stdout. Lone surrogates are escaped, so any text can be printed.

    The cost of the command so far is added as `cost`, unless the document has one or is `sealed`: a plan, a
    certificate or an error is printed unchanged.
    """
    cost = None if sealed or "cost" in document else billed()
    whole = document if cost is None else {**document, "cost": cost.as_dict()}
    sys.stdout.write(json.dumps(plain(whole), ensure_ascii=True, indent=2) + "\n")
    sys.stdout.flush()


def safe(value: object, limit: int = MAX_CELL_CHARS) -> str:
    """Any text for a terminal: control and direction characters become escapes; an ellipsis ends a shortened text."""
    pandas = sys.modules.get("pandas")
    text = "-" if value is None or (pandas is not None and value is pandas.NA) else str(value)
    shortened = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(char if _harmless(char) else ascii(char)[1:-1] for char in shortened)


def _harmless(char: str) -> bool:
    return char not in _BIDI and unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp", "Co"}


def say(line: str = "") -> None:
    """Prints one line on stdout. A character that the terminal's encoding lacks is replaced and raises nothing."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(line.encode(encoding, "replace").decode(encoding) + "\n")


def progress(line: str) -> None:
    """Prints one line of progress on stderr. A closed terminal or a full disk there does not end the work."""
    with contextlib.suppress(OSError):
        sys.stderr.write(safe(line, 400) + "\n")
        sys.stderr.flush()


def say_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints a table with columns as wide as their cells; every cell is made safe."""
    cells = [[safe(cell) for cell in row] for row in rows]
    widths = [max([len(header), *(len(row[i]) for row in cells)]) for i, header in enumerate(headers)]
    for row in [list(headers), *cells]:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def say_checked(counts: Mapping[str, int]) -> None:
    """Prints how much a scan looked at; `counts` as `checked` of its JSON."""
    nouns = {"users": "customer", "videos": "video", "clips": "clip", "objects": "object"}
    say(", ".join(number(counts.get(name, 0), noun) for name, noun in nouns.items()))


def size(count: int | None) -> str:
    """A number of bytes for people; `unknown` for `None`."""
    return "unknown" if count is None else size_words(count)


def cost_line(cost: Mapping[str, int]) -> str:
    """The billed operations for people; every command prints this as its last line on stderr."""
    named = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in cost.items() if count)
    return f"cost: {named or 'nothing billed'}"


def percent(value: float | None) -> str:
    """A percentage for people; `-` where there is none."""
    return "-" if value is None or value != value else percent_words(value)


def report_error(error: StorageError, *, as_json: bool, extra: Mapping[str, Any] | None = None) -> None:
    """Prints an error for a script (`{"error": ...}` on stdout) or for a person (message and remedy on stderr)."""
    if as_json:
        print_json({**(extra or {}), "error": error.as_dict()}, sealed=True)
        return
    with contextlib.suppress(OSError):  # the exit status says it too
        sys.stderr.write(f"error: {safe(error.message, 2000)}\n")
        if error.remedy:
            sys.stderr.write(f"  -> {safe(error.remedy, 2000)}\n")
        sys.stderr.flush()
