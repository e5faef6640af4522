"""Builds and checks the form of a chart once; each drawing adds only its rows.

Altair checks every part of a chart against its JSON schema whenever the chart becomes a dictionary, which took longer
than the rest of the page. The form hardly ever changes from run to run. So `form` makes it from a few plain values and
keeps it; the rows are named in it and passed beside it. No customer's data is kept.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import lru_cache, wraps
from typing import Any, Final, ParamSpec

import altair
import pandas as pd
import streamlit as st

from pages._ui.kit import status
from pages._ui.kit.status import Colour
from pages._ui.kit.text import told_apart

P = ParamSpec("P")
_ROWS: Final = "rows"
COLUMNS: Final = 2  # of a legend on a phone, where what does not fit beside each other is cut
LEGEND: Final = altair.ExprRef(f"width < 400 ? {COLUMNS} : 4")
_FORMS: Final = 64  # kept for one chart, as colours, words and heights differ; the least recently drawn go first

TIGHT: Final = {"bottom": 4}  # Streamlit leaves 20 pixels free below a chart that does not say how many

Form = dict[str, Any]


def rows(name: str = _ROWS) -> Any:
    """A chart whose rows come when it is drawn: every column it encodes needs its type (`"Videos:Q"`)."""
    return altair.Chart(altair.NamedData(name=name))


def form(make: Callable[P, Any]) -> Callable[P, Form]:
    """Makes a function that builds an Altair chart of `rows` return its Vega-Lite form, built once per arguments."""

    @lru_cache(maxsize=_FORMS)
    def built(*args: Hashable, **kwargs: Hashable) -> Form:
        found: Form = make(*args, **kwargs).to_dict()  # type: ignore[arg-type]
        found.pop("config", None)  # Altair's own theme: Streamlit's theme replaces its sizes
        found["usermeta"] = {"embedOptions": {"renderer": "svg"}}  # a canvas does not know the colours of `status`
        return found

    @wraps(make)
    def given(*args: P.args, **kwargs: P.kwargs) -> Form:
        return copy.deepcopy(built(*args, **kwargs))  # type: ignore[arg-type]  # the caller writes into it

    return given


def draw(form: Form, frame: pd.DataFrame, *, alt: str, **more: pd.DataFrame) -> None:
    """Draws the rows in this form, as wide as there is room; `alt` describes the chart to a screen reader.

    `more` are further rows, by the names that the form gave to `rows`. The form's height is that of the whole chart,
    with axes and legend; the page keeps it free from the first moment on, before the browser has what draws charts.
    """
    height = form["height"]
    st.vega_lite_chart({**form, "datasets": {_ROWS: frame, **more}}, width="stretch", height=height, alt=alt)


def moments(seconds: float) -> str:
    """The format of times on an axis of this length, exact enough to tell two ticks apart."""
    if seconds < 600:
        return "%H:%M:%S"
    return "%b %d %H:%M" if seconds < 12 * 86_400 else "%b %d"


_NAME_CHARS: Final = 30  # what fits beside a bar
_WHOLE: Final = "whole_name"  # the column with the names as they are, for the hover
_SAID: Final = "said"  # the column with what a screen reader says of a bar
_RANK: Final = "rank"  # the column with the place of a part within its bar


def bars(
    frame: pd.DataFrame,
    name: str,
    value: str,
    *,
    alt: str,
    colour: Colour | None = None,
    label: str | None = None,
    more: Sequence[str] = (),
    pixels: int = 34,
    leads: str | None = None,
) -> None:
    """Draws a horizontal bar for each row, in the order of the rows, with its amount behind it as text.

    `name`, `value`, `label` (the text; without it the value) and `more` (shown on hover) name columns. Without a
    `colour` the column `colour` gives each row its own, of `status.shade`. `leads` is the column with the address that
    a click on a bar opens (`session.url_for`), empty where there is none.
    """
    whole = [str(one) for one in frame[name]]
    amounts = [one if label else f"{one:,}" for one in frame[label or value]]
    said = [f"{one}: {amount}" for one, amount in zip(whole, amounts, strict=True)]
    frame = frame.assign(**{name: told_apart(whole, _NAME_CHARS), _WHOLE: whole, _SAID: said})
    shape = _bars(
        name,
        value,
        label,
        tuple(more),
        status.shade(colour) if colour else None,
        status.shade("gray"),
        max(40, pixels * len(frame)),
        leads,
    )
    draw(shape, frame, alt=alt)


def _told(drawn: Any, leads: str | None) -> Any:
    """The bars with their words for screen readers, and as links, which `desk/history.js` follows within the tab."""
    drawn = drawn.encode(description=altair.Description(f"{_SAID}:N"))
    return drawn if leads is None else drawn.encode(href=altair.Href(f"{leads}:N"))


def _room(pixels: int) -> Any:
    """A scale that leaves `pixels` free behind the longest bar, but never more than half of a narrow screen."""
    return altair.Scale(range=[0, altair.ExprRef(f"max(width * 0.5, width - {pixels})")])


@form
def _bars(
    name: str,
    value: str,
    label: str | None,
    more: tuple[str, ...],
    colour: str | None,
    words: str,
    height: int,
    leads: str | None,
) -> Any:
    whole, amount = altair.Tooltip(f"{_WHOLE}:N", title=name), altair.Tooltip(f"{value}:Q", format=",")
    # Words such as "1.2 GiB · 34.5 %" need more room behind the longest bar than a number does.
    scale = _room(120 if label else 48)
    base = rows().encode(
        y=altair.Y(f"{name}:N", sort=None, title=None, axis=altair.Axis(labelLimit=200)),
        x=altair.X(f"{value}:Q", title=None, axis=None, scale=scale),
        tooltip=[whole, *(f"{one}:N" for one in more)] if label else [whole, amount],
    )
    thickness = {"cornerRadiusEnd": 3, "height": {"band": 0.7}}
    drawn = (
        base.mark_bar(color=colour, **thickness)
        if colour
        else base.mark_bar(**thickness).encode(color=altair.Color("colour:N", scale=None))
    )
    drawn = _told(drawn, leads)
    text = altair.Text(f"{label}:N") if label else altair.Text(f"{value}:Q", format=",")
    return (drawn + base.mark_text(align="left", dx=5, color=words).encode(text=text)).properties(
        height=height, padding=TIGHT
    )


def stacked(
    frame: pd.DataFrame,
    name: str,
    part: str,
    value: str,
    *,
    scale: tuple[Sequence[str], Sequence[str]],
    order: Iterable[str],
    alt: str,
    leads: str | None = None,
) -> None:
    """Draws a horizontal bar for each `name`, in `order`, made up of its parts, with the sum behind it.

    `frame` has a row for each name and part; `scale` holds the words of all possible parts, in the order in which they
    follow each other in a bar, and their colours. `leads` as in `bars`.
    """
    words, colours = scale
    parts = zip(frame[name], frame[part], frame[value], strict=True)
    said = [f"{one}, {which}: {amount:,}" for one, which, amount in parts]
    frame = frame.assign(**{_RANK: [list(words).index(one) for one in frame[part]], _SAID: said})
    names, present = set(frame[name]), set(frame[part])
    shape = _stacked(
        name,
        part,
        value,
        tuple(one for one in order if one in names),
        tuple(words),
        tuple(colours),
        tuple(word for word in words if word in present),
        status.shade("gray"),
        leads,
    )
    draw(shape, frame, alt=alt)


@form
def _stacked(
    name: str,
    part: str,
    value: str,
    order: tuple[str, ...],
    words: tuple[str, ...],
    colours: tuple[str, ...],
    present: tuple[str, ...],
    grey: str,
    leads: str | None,
) -> Any:
    y = altair.Y(f"{name}:N", sort=list(order), title=None, axis=altair.Axis(labelLimit=200))
    bars = rows().encode(
        y=y,
        x=altair.X(f"{value}:Q", title=None, axis=None, stack="zero", scale=_room(48)),
        color=altair.Color(
            f"{part}:N",
            scale=altair.Scale(domain=list(words), range=list(colours)),
            legend=altair.Legend(orient="bottom", title=None, values=list(present), columns=LEGEND),
        ),
        order=altair.Order(f"{_RANK}:Q"),
        tooltip=[f"{name}:N", f"{part}:N", altair.Tooltip(f"{value}:Q", format=",")],
    )
    sums = rows().encode(y=y, x=f"sum({value}):Q", text=altair.Text(f"sum({value}):Q", format=","))
    layers = _told(bars.mark_bar(height={"band": 0.65}), leads) + sums.mark_text(align="left", dx=5, color=grey)
    lines = -(-len(present) // COLUMNS)
    return layers.properties(height=40 + 20 * lines + 30 * len(order), padding=TIGHT)
