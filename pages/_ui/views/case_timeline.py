"""Draws when what happened to a video: both stores' times on two lanes, and as a list, with the silence marked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import altair as alt
import pandas as pd
import streamlit as st

from pages._ui import fmt, status
from pages._ui.text import md
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
    at = fmt.utc(entry.at)
    marks = ""
    if entry.gap_before:
        marks += " :orange-badge[:material/hourglass_disabled: silence before]"
    if entry.ahead:
        marks += " :red-badge[:material/schedule: in the future: a clock is wrong]"
    if entry.planned:
        marks += f" :gray-badge[:material/event: {'planned' if entry.at > now else 'past'}]"
    ago = "" if entry.store == "desk" else f" :small[:gray[{fmt.ago(entry.at, now).text} · {name}]]"
    return f":{colour}[:material/{icon}:] `{at.text}` {md(entry.event, 160)}{marks}{ago}"


def _chart(entries: Sequence[Entry]) -> None:
    frame = pd.DataFrame(
        {
            "at": [entry.at for entry in entries],
            "Store": [_STORES[entry.store][0] for entry in entries],
            "What": [entry.event for entry in entries],
            "Time (UTC)": [fmt.utc(entry.at).text for entry in entries],
        }
    )
    present = {entry.store for entry in entries}
    names = [name for store, (name, _, _) in _STORES.items() if store in present]
    colours = [status.shade(colour) for store, (_, _, colour) in _STORES.items() if store in present]
    axis = alt.Axis(title=None, labelFontSize=11, tickCount=6, grid=False)
    points = (
        alt.Chart(frame)
        .mark_point(size=90, filled=True, opacity=0.85)
        .encode(
            x=alt.X("at:T", axis=axis, scale=alt.Scale(type="utc", padding=12)),
            y=alt.Y("Store:N", sort=names, title=None, axis=alt.Axis(ticks=False, domain=False)),
            color=alt.Color("Store:N", scale=alt.Scale(domain=names, range=colours), legend=None),
            tooltip=["What", "Time (UTC)", "Store"],
        )
    )
    layers: list[Any] = [points]
    gap = _gap(entries)
    if gap is not None:
        begun, ended = gap
        silence = pd.DataFrame({"from": [begun], "to": [ended], "Silence": [fmt.span((ended - begun).total_seconds())]})
        band = (
            alt.Chart(silence)
            .mark_rect(opacity=0.22, color=status.shade("orange"))
            .encode(x=alt.X("from:T"), x2="to:T", tooltip=["Silence"])
        )
        layers.insert(0, band)
    st.altair_chart(alt.layer(*layers).properties(height=36 + 28 * len(names)), width="stretch")


def _gap(entries: Sequence[Entry]) -> tuple[datetime, datetime] | None:
    """The silence that is marked: from the time before to the entry that ended it."""
    past = [entry for entry in entries if not entry.ahead and not entry.planned]
    return next(((before.at, after.at) for before, after in pairwise(past) if after.gap_before), None)
