"""Draws tables whose selection is a list of ids: it lasts while values refresh, and is dropped when the rows change.

Streamlit keeps a keyed table's selection by position, so after a filter the same tick marks other records (streamlit
issue 17026). The key of a table here therefore contains a hash of the ids it shows, in their order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import streamlit as st

from pages._ui.kit import format
from pages._ui.kit.text import ABSENT, md, plain
from storage import export
from storage.domain.amounts import MOST_BELIEVED

SelectionMode = Literal["none", "one", "many"]
ROW_LIMIT = 2_000  # rows that one table sends to a browser; more are slow to show, and no person reads them
FEW_ROWS = 12  # a table of so few rows needs no count below it
_LINK_PIXELS = 62  # for an icon and a short heading, so that it takes little of a narrow screen
SIZE_MARK = "clipdesk_size"  # marks the configuration of a column of bytes; removed before Streamlit sees it
_MODES: Mapping[SelectionMode, Any] = {"one": "single-row", "many": "multi-row"}


@dataclass(frozen=True, slots=True)
class RowPage:
    """One page of rows: `number` counts from 1, `start` and `stop` are positions as a slice takes them."""

    number: int
    start: int
    stop: int
    total: int


def fingerprint(ids: Sequence[str]) -> str:
    """Twelve hexadecimal digits that stand for these ids in this order."""
    digest = hashlib.sha256()
    for one in ids:
        encoded = one.encode(errors="surrogatepass")
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()[:12]


def table(
    frame: pd.DataFrame,
    *,
    key: str,
    alt: str,
    columns: Mapping[str, Any],
    id_column: str | None = None,
    select: SelectionMode = "none",
    total: int | RowPage | None = None,
    height: int | Literal["auto", "content"] = "auto",
    csv_name: str = "",
    csv_frame: Callable[[], pd.DataFrame] | None = None,
) -> list[str]:
    """Draws the columns that `columns` names, in its order, and returns the ids of the rows that are selected.

    Only those columns reach the browser. Texts are made harmless and short; `columns` holds Streamlit's column
    configuration, or a heading, for each. `total` is the number of all rows, of which `frame` is the first part,
    or the page that `frame` is (`None`: these are all rows). With `csv_name` a button downloads `csv_frame()`, or the
    whole `frame`, made when somebody presses it.
    """
    ids = [str(one) for one in frame[id_column]] if id_column else [str(one) for one in frame.index]
    if len(ids) > ROW_LIMIT:
        raise ValueError(f"a table of {len(ids):,} rows: page it, or cut it at {ROW_LIMIT:,}")
    shown = cells(frame[list(columns)], links=[name for name, column in columns.items() if _is_link(column)])
    shown, columns = _beyond_browsers(shown, columns)
    options: dict[str, Any] = {
        "height": height,
        "hide_index": True,
        "column_config": {name: _unmarked(column) for name, column in columns.items()},
        "alt": alt,
        "placeholder": ABSENT,
    }
    chosen = _drawn(_with_sizes(shown, columns), options, f"{key}__{fingerprint(ids)}", ids, select)
    _below(len(ids), total, chosen if select == "many" else [], key, csv_name, csv_frame or (lambda: frame))
    return chosen


def _drawn(shown: Any, options: dict[str, Any], key: str, ids: Sequence[str], select: SelectionMode) -> list[str]:
    if select == "none":
        st.dataframe(shown, **options)
        return []
    event = st.dataframe(shown, key=key, on_select="rerun", selection_mode=_MODES[select], **options)
    return [ids[row] for row in event["selection"]["rows"] if 0 <= row < len(ids)]


def cells(frame: pd.DataFrame, links: Collection[str] = ()) -> pd.DataFrame:
    """The frame with every text as `plain` shows it; numbers, times, flags and lists of words as they are.

    The columns named in `links` stay whole: their addresses come from `session.url_for`, which encodes them.
    """
    columns = {name: frame[name] if name in links else _texts(frame[name]) for name in frame.columns}
    return pd.DataFrame(columns, index=frame.index)


def _beyond_browsers(shown: pd.DataFrame, columns: Mapping[str, Any]) -> tuple[pd.DataFrame, Mapping[str, Any]]:
    """Turns numbers above 2^53 and their columns into text: a browser rounds such numbers, or shows an error."""
    wide = [name for name in shown if _is_wide(shown[name])]
    if not wide:
        return shown, columns
    words = {name: _words(shown[name], sizes=_is_size(columns[name])) for name in wide}
    plain_columns = {name: _as_text(column) if name in wide else column for name, column in columns.items()}
    return shown.assign(**words), plain_columns


def _is_wide(series: pd.Series[Any]) -> bool:
    if pd.api.types.is_integer_dtype(series.dtype) or pd.api.types.is_object_dtype(series.dtype):
        return any(isinstance(one, int | np.integer) and abs(int(one)) > MOST_BELIEVED for one in series)
    return False


def _words(series: pd.Series[Any], *, sizes: bool) -> pd.Series[Any]:
    words = [None if pd.isna(one) else (format.size(int(one)).text if sizes else f"{int(one):,}") for one in series]
    return pd.Series(words, index=series.index, dtype="object")


def _as_text(column: Any) -> Any:
    if not isinstance(column, dict):
        return column
    return {**{name: value for name, value in column.items() if name != SIZE_MARK}, "type_config": {"type": "text"}}


def _is_link(column: Any) -> bool:
    return isinstance(column, dict) and (column.get("type_config") or {}).get("type") == "link"


def _is_size(column: Any) -> bool:
    return isinstance(column, dict) and SIZE_MARK in column


def _unmarked(column: Any) -> Any:
    return {name: value for name, value in column.items() if name != SIZE_MARK} if isinstance(column, dict) else column


def _with_sizes(shown: pd.DataFrame, columns: Mapping[str, Any]) -> Any:
    """Writes bytes through a style, so that they still sort as numbers; Streamlit's own format is decimal."""
    sizes = [name for name, column in columns.items() if _is_size(column)]
    if not sizes:
        return shown
    # A style without a name gets a random one, and the table would then be a new one in each run.
    return shown.style.set_uuid("clipdesk").format(_size_text, subset=sizes)


def _size_text(value: Any) -> str:
    return ABSENT if pd.isna(value) else format.size(int(value)).text


def _texts(series: pd.Series[Any]) -> pd.Series[Any]:
    if not (pd.api.types.is_object_dtype(series.dtype) or pd.api.types.is_string_dtype(series.dtype)):
        return series
    return pd.Series([_cell(value) for value in series], index=series.index, dtype="object")


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list | tuple):
        return [plain(str(one), 60) for one in value[:20]]
    if isinstance(value, dict):
        return plain(str(value))
    return None if pd.isna(value) else value


def _below(
    rows: int,
    total: int | RowPage | None,
    chosen: Sequence[str],
    key: str,
    csv_name: str,
    csv_frame: Callable[[], pd.DataFrame],
) -> None:
    words = f"{rows:,} shown"
    if isinstance(total, RowPage):
        words = f"{total.start + 1:,} to {total.stop:,} of {total.total:,}" if total.total else "0 shown"
    elif total is not None and total > rows:
        words = f"first {rows:,} of {total:,} shown"
    if chosen:
        words += f" · {len(chosen):,} selected"
    elif total is None and not csv_name and rows <= FEW_ROWS:
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(words, width="content")
        if csv_name:
            download(csv_name, csv_frame, key=f"{key}__csv")


def download(name: str, frame: Callable[[], pd.DataFrame], *, key: str, label: str = "CSV") -> None:
    """Draws a button that makes the CSV when somebody presses it, and does not rerun the page."""
    st.download_button(
        label,
        data=lambda: export.safe_csv(frame()),
        file_name=f"{plain(name, 80)}.csv",
        mime="text/csv; charset=utf-8",
        key=key,
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
        help="No text in it can run as a formula in a spreadsheet.",
    )


def paged(total: int, *, key: str, size: int = 50) -> RowPage:
    """The page of rows to show, with the control to turn pages; give it to `table` as `total`."""
    pages = max(1, -(-total // size))
    number = 1
    if pages > 1:
        with st.container(horizontal_alignment="right"):
            number = st.pagination(pages, key=f"{key}__page{pages}")
    start = (number - 1) * size
    return RowPage(number, start, min(start + size, total), total)


def link(label: str, *, help: str = "") -> Any:
    """A column of addresses from `session.url_for`, shown as an icon that opens the page in a new tab."""
    return st.column_config.LinkColumn(
        label, display_text=":material/open_in_new:", width=_LINK_PIXELS, help=md(help) if help else None
    )


def size(label: str, *, help: str = "") -> Any:
    """A column of whole bytes, shown in binary units as everywhere on the desk; it sorts by the bytes."""
    return {**st.column_config.NumberColumn(label, help=help or None), SIZE_MARK: True}


def moment(label: str, *, distance: bool = False, help: str = "Time in UTC.") -> Any:
    """A column of times, absolute in UTC, or as a distance from now that the reader's browser keeps current."""
    shown = "distance" if distance else "YYYY-MM-DD HH:mm:ss"
    return st.column_config.DatetimeColumn(label, format=shown, timezone="UTC", help=help)


def share(label: str, *, help: str = "") -> Any:
    """A column of percentages, without bars: the bars of 100 % and of 130 % would look alike."""
    return st.column_config.NumberColumn(label, format="%.1f %%", help=help or None)
