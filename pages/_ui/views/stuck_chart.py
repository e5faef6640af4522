"""Draws when videos stopped and at which step, so that many that stopped together stand out as one column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import altair as alt
import pandas as pd
import streamlit as st

from pages._ui.kit import charts, format, status
from pages._ui.kit.text import plain
from pages._ui.views.stuck import STAGES, stage_word
from storage.domain.diagnosis import Outage, StuckVideo

_ROW_PIXELS = 64
_COLUMNS = alt.ExprRef("width < 480 ? 2 : 5")  # of the legend
_COLOURS: Final[dict[str, status.Colour]] = {
    "analysis": "blue", "render": "violet", "finish": "orange", "delivery": "red", "none": "gray",
}  # fmt: skip


def strip(videos: Sequence[StuckVideo], outages: Sequence[Outage]) -> None:
    """One mark for each video whose time is known; outages shaded. Says how many have no time."""
    timed = [video for video in videos if video.diagnosis.since is not None]
    if not timed:
        st.caption("None of these videos has a time at which it stopped.")
        return
    present = {video.diagnosis.stage for video in timed}
    steps = [word for name, (word, _) in STAGES.items() if name in present]
    colours = [status.shade(_COLOURS[name]) for name in STAGES if name in present]
    marks = _marks(timed)
    form = _strip(
        tuple(steps), tuple(colours), tuple(dict.fromkeys(marks["Verdict"])),
        red=status.shade("red") if outages else None, grey=status.shade("gray"),
    )  # fmt: skip
    more = {"outages": _bands(outages)} if outages else {}
    charts.draw(form, marks, alt="When the videos stopped, and at which step", **more)
    if len(timed) < len(videos):
        st.caption(
            f"Of {len(videos):,} videos, {len(videos) - len(timed):,} without a usable time are not in the chart."
        )


@charts.form
def _strip(
    steps: tuple[str, ...], colours: tuple[str, ...], verdicts: tuple[str, ...], *, red: str | None, grey: str
) -> Any:
    """Marks by time and step; bands behind them, from the rows named `outages`, where there is a `red` for them."""
    marks = (
        charts.rows()
        .mark_point(filled=True, size=70, opacity=0.75)
        .encode(
            x=alt.X(
                "since:T", scale=alt.Scale(type="utc", padding=16), title=None,
                axis=alt.Axis(grid=True, tickCount=8, labelFontSize=11),
            ),
            y=alt.Y("Step:N", sort=list(steps), title=None, axis=alt.Axis(ticks=False, domain=False, grid=True)),
            yOffset=alt.YOffset("lane:Q", scale=alt.Scale(domain=[-5, 5])),
            color=alt.Color("Step:N", scale=alt.Scale(domain=list(steps), range=list(colours)), legend=None),
            shape=alt.Shape(
                "Verdict:N", scale=alt.Scale(domain=list(verdicts)),
                legend=alt.Legend(orient="bottom", title=None, columns=_COLUMNS, symbolFillColor=grey),
            ),
            tooltip=["Owner:N", "Verdict:N", "Step:N", "Since (UTC):N"],
        )
    )  # fmt: skip
    layers = [marks]
    if red:
        bands = charts.rows("outages").mark_rect(opacity=0.18, color=red, stroke=red, strokeWidth=3)
        layers.insert(0, bands.encode(x=alt.X("from:T"), x2="to:T", tooltip=["Outage:N"]))
    return alt.layer(*layers).properties(height=50 + _ROW_PIXELS * len(steps), padding=charts.TIGHT)


def _marks(videos: Sequence[StuckVideo]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "since": [video.diagnosis.since for video in videos],
            "Step": [stage_word(video.diagnosis.stage) for video in videos],
            "Verdict": [status.look("verdict", video.diagnosis.verdict).word for video in videos],
            "Owner": [plain(video.email or video.diagnosis.uid, 60) for video in videos],
            "Since (UTC)": [format.utc(video.diagnosis.since).text for video in videos],
            "lane": _lanes(videos),
        }
    )


def _lanes(videos: Sequence[StuckVideo]) -> list[int]:
    """Small steps up and down, the same at each drawing, so that marks of one minute do not hide each other."""
    return [(number * 4) % 9 - 4 for number, _ in enumerate(videos)]


def _bands(outages: Sequence[Outage]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "from": [outage.first_at for outage in outages],
            "to": [outage.last_at for outage in outages],
            "Outage": [
                f"{len(outage.videos):,} videos of {outage.users:,} users stopped at {stage_word(outage.stage).lower()}"
                for outage in outages
            ],
        }
    )
