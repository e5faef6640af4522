"""Turns a table and the configuration of its columns into what the browser's list draws, as plain data.

A column is described in Streamlit's own words (`st.column_config`: type, format, width, help), or by a heading alone. A
cell is a text of ours or one that `plain` made harmless; the browser writes it as text and never as HTML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from pages._ui.kit import format
from pages._ui.kit.text import plain
from storage.domain.amounts import MOST_BELIEVED

SIZE_MARK: Final = "clipdesk_size"  # marks the configuration of a column of bytes
_PIXELS: Final = {"small": 90, "medium": 200, "large": 360}
_DIGITS: Final = re.compile(r"%\.(\d)f")
_COLOURS: Final = frozenset(("red", "orange", "yellow", "green", "blue", "violet", "gray"))


@dataclass(frozen=True, slots=True)
class Drawn:
    """The columns as the browser reads them, and each row's own address (empty: the rows open nothing)."""

    columns: list[dict[str, Any]]
    hrefs: list[str | None]


def drawn(frame: pd.DataFrame, columns: Mapping[str, Any]) -> Drawn:
    """The columns that `columns` names, in its order.

    The first column of links is the address that a row opens, and no column of its own; further ones are cells.
    """
    links = [name for name, column in columns.items() if _kind(column) == "link"]
    shown = [_column(name, frame[name], columns[name]) for name in columns if name not in links[:1]]
    hrefs = [_address(one) for one in frame[links[0]]] if links else []
    return Drawn(shown, hrefs if any(hrefs) else [])


def _column(name: str, series: pd.Series[Any], column: Any) -> dict[str, Any]:
    config = column if isinstance(column, dict) else {"label": column}
    kind = _kind(column) or _kind_of(series)
    made: dict[str, Any] = {"id": name, "label": config.get("label") or name, "kind": kind}
    if config.get("help"):
        made["help"] = config["help"]
    width = config.get("width")
    if width is not None:
        made["width"] = _PIXELS.get(width, width)
    return made | _values(kind, series, config)


def _values(kind: str, series: pd.Series[Any], config: Mapping[str, Any]) -> dict[str, Any]:
    if kind in ("number", "size"):
        return _numbers(kind, series, config)
    if kind in ("moment", "distance"):
        return {"values": _milliseconds(series)}
    if kind == "flag":
        return {"values": [None if pd.isna(one) else bool(one) for one in series]}
    if kind == "link":
        return {"values": [_address(one) for one in series]}
    if kind == "picture":
        return {"values": [_picture(one) for one in series]}
    if kind in ("words", "badges"):
        words = [_words(one) for one in series]
        return {"values": words} | ({"colours": _colours(config)} if kind == "badges" else {})
    return {"values": [_text(one) for one in series]}


def _kind(column: Any) -> str | None:
    """What the configuration says of the column; `None` for a heading alone, which leaves it to the values."""
    if not isinstance(column, dict):
        return None
    if SIZE_MARK in column:
        return "size"
    settings = column.get("type_config") or {}
    match settings.get("type"):
        case "datetime" | "date":
            return "distance" if settings.get("format") == "distance" else "moment"
        case "checkbox":
            return "flag"
        case "multiselect":
            return "badges"
        case "list":
            return "words"
        case "image":
            return "picture"
        case "text" | "number" | "link" as named:
            return str(named)
        case None:
            return None
        case other:
            raise ValueError(f"a list draws no column of the type {other!r}")


def _kind_of(series: pd.Series[Any]) -> str:
    kind = series.dtype
    if pd.api.types.is_bool_dtype(kind):
        return "flag"
    if pd.api.types.is_numeric_dtype(kind):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(kind):
        return "moment"
    return "words" if any(isinstance(one, list | tuple) for one in series[:20]) else "text"


def _numbers(kind: str, series: pd.Series[Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers to sort by. A browser rounds those above 2^53: there, what is shown is a text made here.

    Sizes are texts in any case, so that they read the same as everywhere on the desk.
    """
    numbers = [_number(one) for one in series]
    made: dict[str, Any] = {"values": numbers}
    if kind == "size":
        made["texts"] = [None if one is None else format.size(int(one)).text for one in numbers]
    elif any(isinstance(one, int) and abs(one) > MOST_BELIEVED for one in numbers):
        made["texts"] = [None if one is None else f"{one:,}" for one in numbers]
    pattern = (config.get("type_config") or {}).get("format")
    if isinstance(pattern, str) and (found := _DIGITS.search(pattern)):
        made["digits"] = int(found[1])
        made["after"] = pattern[found.end() :].replace("%%", "%")
    return made


def _number(value: Any) -> int | float | None:
    """The number; `None` for what is missing, infinite or no number at all."""
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating) and np.isfinite(value):
        return float(value)
    return None


def _milliseconds(series: pd.Series[Any]) -> list[int | None]:
    """Milliseconds since 1970, as the browser counts them; a time without a zone is one in UTC."""
    moments = pd.to_datetime(series, utc=True)
    return [None if pd.isna(one) else int(one.timestamp() * 1000) for one in moments]


def _address(value: Any) -> str | None:
    """An address of the desk, from `session.url_for`: relative, so never another host's or a script."""
    if not isinstance(value, str) or not value:
        return None
    if not value.startswith("./"):
        raise ValueError("a row opens an address of session.url_for only")
    return value


def _picture(value: Any) -> str | None:
    """The address of a picture, which the browser fetches: of http or https, and of no other scheme."""
    if not isinstance(value, str) or not value:
        return None
    if not value.lower().startswith(("https://", "http://")):
        raise ValueError("a picture's address must begin with http:// or https://")
    return value


def _colours(config: Mapping[str, Any]) -> list[list[str]]:
    """Each known word with its colour, in the order that the column sorts by."""
    options = (config.get("type_config") or {}).get("options") or []
    return [[plain(str(one["value"]), 60), _colour(one.get("color"))] for one in options]


def _colour(name: Any) -> str:
    return name if isinstance(name, str) and name in _COLOURS else "gray"


def _words(value: Any) -> list[str]:
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(str(one), 60) for one in value[:20]]
    return [] if _is_missing(value) else [plain(str(value), 60)]


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list | tuple):
        return ", ".join(_words(value))
    if isinstance(value, dict):
        return plain(str(value))
    return None if _is_missing(value) else plain(str(value))


def _is_missing(value: Any) -> bool:
    return value is None or (not isinstance(value, Sequence | dict | np.ndarray) and bool(pd.isna(value)))
