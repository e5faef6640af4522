"""Draws the credits of a user as a running balance: what was used in each month, with its beginnings at 0."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from pages._ui.kit import charts, format, status
from pages._ui.kit.text import md
from storage.domain.credits import CreditLedger

_KINDS = ("Charge", "Month begins at 0", "Does not add up")


def draw(ledger: CreditLedger, now: datetime) -> None:
    """The balance as steps up to now, then what does not add up; nothing where there is no entry."""
    if ledger.entries:
        frame = pd.DataFrame(_points(ledger, now), columns=["at", "Used", "Kind", "About", "Time (UTC)"])
        over = ledger.limit is not None and ledger.limit <= 2 * max(1, int(frame["Used"].max()))
        shades = tuple(status.shade(colour) for colour in ("blue", "gray", "orange"))
        ticks = charts.moments((frame["at"].max() - frame["at"].min()).total_seconds())
        form = _steps(shades, ticks, status.shade("red") if over else None)
        limit = pd.DataFrame(
            {"limit": [ledger.limit if over else 0], "About": [f"Limit of today: {ledger.limit:,}" if over else ""]}
        )
        charts.draw(form, frame, alt="Credits used in each month, entry by entry", limit=limit)
        months = " · ".join(
            f"{one.month}: {one.used:,} used" + ("" if one.whole else " (begun before)") for one in ledger.months
        )
        st.caption(f"By month (UTC): {months}.")
    for note in ledger.notes:
        if "Only the newest" in note:
            st.caption(note)
        else:
            st.warning(md(note, 400), icon=":material/rule:")


def _points(ledger: CreditLedger, now: datetime) -> Iterator[tuple[datetime, int, str, str, str]]:
    """Each entry; before the first of a month the balance at the beginning of that month."""
    for entry in ledger.entries:
        if entry.reset:
            begun = datetime.strptime(entry.month, "%Y-%m").replace(tzinfo=UTC)
            yield begun, 0, _KINDS[1], f"{entry.month} begins at 0", format.utc(begun).text
        about = f"{entry.operation.replace('_', ' ') or 'charge'}: {entry.amount:+,}"
        kind = _KINDS[2] if entry.unexplained else _KINDS[0]
        if entry.unexplained:
            about += f", and {entry.unexplained:+,} without an entry"
        yield entry.at, entry.used_after, kind, about, format.utc(entry.at).text
    last = ledger.entries[-1]
    present = now.astimezone(UTC)
    if last.month != f"{present:%Y-%m}":
        begun = present.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        yield begun, 0, _KINDS[1], f"{present:%Y-%m} begins at 0", format.utc(begun).text
        yield present, 0, _KINDS[0], "now", format.utc(present).text
    else:
        yield present, last.used_after, _KINDS[0], "now", format.utc(present).text


@charts.form
def _steps(shades: tuple[str, ...], ticks: str, limit: str | None) -> Any:
    base = charts.rows().encode(
        x=alt.X(
            "at:T",
            title=None,
            axis=alt.Axis(tickCount=5, grid=False, labelOverlap=True, format=ticks),
            scale=alt.Scale(type="utc"),
        ),
        y=alt.Y("Used:Q", title="credits used", axis=alt.Axis(tickCount=4), scale=alt.Scale(domainMin=0)),
        tooltip=["About:N", "Used:Q", "Time (UTC):N"],
    )
    line = base.mark_line(interpolate="step-after", color=shades[0], strokeWidth=2)
    points = base.mark_point(size=50, filled=True, opacity=1).encode(
        color=alt.Color(
            "Kind:N",
            scale=alt.Scale(domain=list(_KINDS), range=list(shades)),
            legend=alt.Legend(orient="bottom", title=None, columns=charts.LEGEND),
        )
    )
    layers: list[Any] = [line, points]
    if limit is not None:
        rule = charts.rows("limit").mark_rule(color=limit, strokeDash=[5, 4], strokeWidth=1.5)
        layers.append(rule.encode(y="limit:Q", tooltip=["About:N"]))
    return alt.layer(*layers).properties(height=200, padding=charts.TIGHT)
