"""Draws lists: a row opens in place by a click or by Enter, in a tab of its own by Ctrl-click; what is ticked is ids.

The list is a component of the desk's own (`frontend/list`; docs/lists.md says why): TanStack Table sorts and filters,
its virtualizer draws only the rows in sight. What is ticked lasts while values refresh, and is dropped when the rows
change: the browser names the rows by their place together with a hash of the ids that it shows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import pandas as pd
import streamlit as st

from pages._ui import assets
from pages._ui.kit import columns as drawing
from pages._ui.kit.columns import SIZE_MARK
from pages._ui.kit.session import component_key
from pages._ui.kit.text import md, plain
from storage import export
from storage.text import number

SelectionMode = Literal["none", "one", "many"]
ROW_LIMIT: Final = 50_000  # rows that one list sends to a browser: about 8 MB
FEW_ROWS: Final = 12  # a list of so few rows needs no filter, and no count below it
ROW_PIXELS: Final = 35
_TALLEST: Final = 16  # rows in sight at most, where the height is left to the list
_EDGES: Final = 2  # pixels of the frame
_BAR: Final = 46  # pixels of the line with the filters

_LIST = assets.component("clipdesk_list", html='<div class="list-root"></div>', css="list/list.css")


@dataclass(frozen=True, slots=True)
class RowPage:
    """One page of cards: `number` counts from 1, `start` and `stop` are positions as a slice takes them."""

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
    total: int | None = None,
    height: int | Literal["auto", "content"] = "auto",
    csv_name: str = "",
    csv_frame: Callable[[], pd.DataFrame] | None = None,
    filters: bool = True,
    on_open: Callable[[str], None] | None = None,
) -> list[str]:
    """Draws the columns that `columns` names, in its order, and returns the ids of the rows that are chosen.

    Only those columns reach the browser. `columns` holds Streamlit's column configuration, or a heading, for each; the
    first `link` is what a row opens. `select`: with `many` rows are ticked; with `one` a click chooses a row, which
    stays chosen. `on_open` gets the id of a row that was clicked beside its box, in the run that the click causes and
    in no other; without it the row opens its address. `total` is the number of all rows, of which `frame` is the first
    part (`None`: these are all rows). `height` is the most pixels that it
    takes. With `csv_name` a button downloads `csv_frame()`, or the whole `frame`, made when somebody presses it.
    A page with a search of its own over these rows gives `filters=False`.
    """
    ids = [str(one) for one in frame[id_column]] if id_column else [str(one) for one in frame.index]
    if len(ids) > ROW_LIMIT:
        raise ValueError(f"a table of {len(ids):,} rows: cut it at {ROW_LIMIT:,}")
    name = component_key(key)
    mark = fingerprint(ids)
    sent = st.session_state.get(name)
    chosen = [] if select == "none" else _rows(sent, "chosen", mark, len(ids))
    chosen = chosen if select == "many" else chosen[:1]
    shown = drawing.drawn(frame, columns)
    data: dict[str, Any] = {
        "key": name,
        "label": alt,
        "of": mark,
        "rows": len(ids),
        "select": select,
        "hrefs": shown.hrefs,
        "columns": shown.columns,
        "opens": on_open is not None,
        "chosen": chosen,
        "filter": filters and len(ids) > FEW_ROWS,
        "pixels": ROW_PIXELS,
        "height": _pixels(len(ids), height, bar=filters),
    }
    _LIST(
        key=name,
        data=json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"),
        height=data["height"],
        on_chosen_change=_nothing,
        on_opened_change=_nothing,
    )
    _below(len(ids), total, chosen if select == "many" else [], key, csv_name, csv_frame or (lambda: frame))
    if on_open is not None:
        for row in _rows(sent, "opened", mark, len(ids))[:1]:
            on_open(ids[row])
    return [ids[row] for row in chosen]


def _nothing() -> None:
    """Declares a value of the browser's; `_rows` reads it before the list is drawn."""


def _rows(sent: Any, what: Literal["chosen", "opened"], mark: str, rows: int) -> list[int]:
    """The places of the rows that the browser names, in their order; none where it showed other rows."""
    given = sent.get(what) if sent else None
    if not isinstance(given, dict) or given.get("of") != mark or not isinstance(given.get("rows"), list):
        return []
    return sorted({one for one in given["rows"] if type(one) is int and 0 <= one < rows})


def _pixels(rows: int, height: int | Literal["auto", "content"], *, bar: bool) -> int:
    """The height of the whole list, kept free from the first moment on, so that nothing below it moves."""
    above = _BAR if bar and rows > FEW_ROWS else 0
    wanted = ROW_PIXELS * (max(rows, 1) + 1) + _EDGES
    most = height if isinstance(height, int) else ROW_PIXELS * (_TALLEST + 1)
    return above + min(wanted, most)


def _below(
    rows: int,
    total: int | None,
    chosen: Sequence[int],
    key: str,
    csv_name: str,
    csv_frame: Callable[[], pd.DataFrame],
) -> None:
    words = number(rows, "row")
    if total is not None and total > rows:
        words = f"first {rows:,} of {number(total, 'row')}"
    if chosen:
        words += f" · {len(chosen):,} selected"
    elif total is None and not csv_name and rows <= FEW_ROWS:
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(words, width="content")
        if csv_name:
            download(csv_name, csv_frame, key=f"{key}__csv")


def download(name: str, frame: Callable[[], pd.DataFrame], *, key: str, label: str = "CSV") -> None:
    """Draws a button that makes the CSV when somebody presses it, and does not rerun the page.

    The file has the name, the day of today in UTC, and one `.csv`.
    """
    st.download_button(
        label,
        data=lambda: export.safe_csv(frame()),
        file_name=csv_file_name(name, datetime.now(UTC)),
        mime="text/csv; charset=utf-8",
        key=key,
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
        help="No text in it can run as a formula in a spreadsheet.",
    )


def csv_file_name(name: str, at: datetime) -> str:
    """`videos-u1-2026-03-01.csv`."""
    return f"{plain(name.removesuffix('.csv'), 80)}-{at:%Y-%m-%d}.csv"


def paged(total: int, *, key: str, size: int = 50) -> RowPage:
    """The page of cards to show, with the control to turn pages."""
    pages = max(1, -(-total // size))
    number = 1
    if pages > 1:
        with st.container(horizontal_alignment="right"):
            number = st.pagination(pages, key=f"{key}__page{pages}")
    start = (number - 1) * size
    return RowPage(number, start, min(start + size, total), total)


def link(label: str, *, help: str = "") -> Any:
    """A column of addresses from `session.url_for`: the first of a list is what its rows open."""
    return st.column_config.LinkColumn(label, help=md(help) if help else None)


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
