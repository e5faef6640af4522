"""Writes a frame as a CSV file that cannot trick a spreadsheet: no cell becomes a formula, in any locale.

A spreadsheet reads a cell that begins with `=`, `+`, `-` or `@` as a formula. Where the local separator is `;` or a
tab, it also cuts quoted cells of a comma-separated file at these, and at line ends, so the pieces after them count as
beginnings too. Such beginnings get an apostrophe, the spreadsheets' own mark for text (source: OWASP, "CSV
Injection"). Numbers and times from typed columns are written unchanged.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pandas as pd

_BOM = "\ufeff"  # tells Excel that the file is UTF-8
_BLANK = r"[^\S;\t\r\n]|[\x00-\x08\x0b\x0c\x0e-\x1f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
_FORMULA = re.compile(rf"(\A|[;\t\r\n])((?:{_BLANK})*)(?=[=+\-@＝＋－＠﹢﹣﹦﹫−])")
_BEGINS_ODDLY = re.compile(r"\A[\t\r\n]")
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def safe_csv(frame: pd.DataFrame) -> bytes:
    """The frame without its index, UTF-8 with a byte order mark, CRLF line ends, every text quoted.

    Percentages (columns whose name ends in `percent`) have one decimal; one that differs from 80 or 100 never reads so.
    Times are RFC 3339 in UTC (a time without a zone counts as UTC), maps and lists are JSON, and an absent value is an
    empty cell. Control characters other than line ends and tabs become `�`, since no spreadsheet reads them.
    """
    written = pd.DataFrame(
        {position: _column(frame.iloc[:, position], str(name)) for position, name in enumerate(frame.columns)}
    )
    written.columns = pd.Index([safe_cell(str(name)) for name in frame.columns])
    text: str = written.to_csv(index=False, quoting=2, lineterminator="\r\n", na_rep="")
    return (_BOM + text).encode()


def safe_cell(text: str) -> str:
    """The text for a cell, with an apostrophe wherever a spreadsheet might see the beginning of a formula."""
    text = _UNWRITABLE.sub("\ufffd", text)
    text = _FORMULA.sub(r"\1'\2", text)
    return f"'{text}" if _BEGINS_ODDLY.match(text) else text


def _column(series: pd.Series[Any], name: str) -> pd.Series[Any]:
    kind = series.dtype.kind if hasattr(series.dtype, "kind") else "O"
    if kind == "f" and name.endswith("percent"):
        return _rounded(series.reset_index(drop=True))
    if kind in "biuf":
        return series.reset_index(drop=True)
    return pd.Series([_value(value) for value in series], dtype="object")


def _rounded(percents: pd.Series[Any]) -> pd.Series[Any]:
    """The percentages with one decimal, moved by 0.1 where one would read as a threshold that it is not."""
    shown = percents.round(1)
    at = shown.isin([80, 100])
    away = (percents > shown).astype(float) - (percents < shown).astype(float)
    return shown.where(~at, (shown + 0.1 * away).round(1))


def _value(value: Any) -> Any:
    if isinstance(value, dict | list | tuple):
        return safe_cell(json.dumps(value, ensure_ascii=False, default=str))
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return None
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bool | int | float):
        return value
    return safe_cell(str(value))
