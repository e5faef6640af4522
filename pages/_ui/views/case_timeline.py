"""Draws when what happened to a video: both stores' times on two lanes, and as a list, with the silence marked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import altair as alt
import pandas as pd
import streamlit as st

from pages._ui.kit import charts, format, status
from pages._ui.kit.text import md
from storage.domain.diagnosis import Entry

_STORES: Final[dict[str, tuple[str, str, status.Colour]]] = {
    "firestore": ("Firestore", "database", "blue"),
    "bucket": ("Bucket", "cloud", "violet"),
    "desk": ("Now", "visibility", "gray"),
}


def draw(entries: Sequence[Entry], now: datetime) -> None:
    """The chart where there are at least two times, and the list, oldest first. Nothing here is clicked."""
    drawn = [entry for entry in entries if not entry.planned]  # an expiry far ahead would squeeze all that happened
    if _gap(drawn) is None:
        drawn = [entry for entry in drawn if entry.store != "desk"]  # so would the present, where nothing waits for it
    if len({entry.at for entry in drawn}) > 1:
        _chart(drawn)
    st.markdown("  \n".join(_line(entry, now) for entry in entries))


def _line(entry: Entry, now: datetime) -> str:
    name, icon, colour = _STORES[entry.store]
    at = format.utc(entry.at)
    marks = ""
    if entry.gap_before:
        marks += " :orange-badge[:material/hourglass_disabled: silence before]"
    if entry.ahead:
        marks += " :red-badge[:material/schedule: in the future: a clock is wrong]"
    if entry.planned:
        marks += f" :gray-badge[:material/event: {'planned' if entry.at > now else 'past'}]"
    ago = "" if entry.store == "desk" else f" :small[:gray[{format.ago(entry.at, now).text} · {name}]]"
    return f":{colour}[:material/{icon}:] `{at.text}` {md(entry.event, 160)}{marks}{ago}"


def _chart(entries: Sequence[Entry]) -> None:
    frame = pd.DataFrame(
        {
            "at": [entry.at for entry in entries],
            "Store": [_STORES[entry.store][0] for entry in entries],
            "What": [entry.event for entry in entries],
            "Time (UTC)": [format.utc(entry.at).text for entry in entries],
        }
    )
    present = {entry.store for entry in entries}
    lanes = tuple((name, status.shade(colour)) for store, (name, _, colour) in _STORES.items() if store in present)
    gap = _gap(entries)
    more = {"silence": _silence(*gap)} if gap is not None else {}
    ticks = _ticks((frame["at"].max() - frame["at"].min()).total_seconds())
    form = _lanes(lanes, ticks, silence=status.shade("orange") if gap is not None else None)
    charts.draw(form, frame, alt="When what happened, by the store that says so", **more)


def _ticks(seconds: float) -> str:
    """How the axis writes a time, by how long all of it is: never less than tells two ticks apart."""
    if seconds < 600:
        return "%H:%M:%S"
    return "%b %d %H:%M" if seconds < 12 * 86_400 else "%b %d"


def _silence(begun: datetime, ended: datetime) -> pd.DataFrame:
    return pd.DataFrame({"from": [begun], "to": [ended], "Silence": [format.span((ended - begun).total_seconds())]})


@charts.form
def _lanes(lanes: tuple[tuple[str, str], ...], ticks: str, *, silence: str | None) -> Any:
    """Points by time and store, each store in its colour; a band behind them, from the rows named `silence`."""
    names, colours = [name for name, _ in lanes], [colour for _, colour in lanes]
    axis = alt.Axis(
        title="UTC", titleAnchor="end", titleFontSize=10, titlePadding=0, labelFontSize=11, tickCount=5, grid=False,
        format=ticks, labelOverlap=True,
    )  # fmt: skip
    points = (
        charts.rows()
        .mark_point(size=90, filled=True, opacity=0.85)
        .encode(
            x=alt.X("at:T", axis=axis, scale=alt.Scale(type="utc", padding=12)),
            y=alt.Y("Store:N", sort=names, title=None, axis=alt.Axis(ticks=False, domain=False)),
            color=alt.Color("Store:N", scale=alt.Scale(domain=names, range=colours), legend=None),
            tooltip=["What:N", "Time (UTC):N", "Store:N"],
        )
    )
    layers: list[Any] = [points]
    if silence is not None:
        band = charts.rows("silence").mark_rect(opacity=0.22, color=silence)
        layers.insert(0, band.encode(x=alt.X("from:T"), x2="to:T", tooltip=["Silence:N"]))
    return alt.layer(*layers).properties(height=48 + 28 * len(names), padding=charts.TIGHT)


def _gap(entries: Sequence[Entry]) -> tuple[datetime, datetime] | None:
    """The silence that is marked: from the time before to the entry that ended it."""
    past = [entry for entry in entries if not entry.ahead and not entry.planned]
    return next(((before.at, after.at) for before, after in pairwise(past) if after.gap_before), None)
