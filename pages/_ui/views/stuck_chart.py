"""Draws when videos stopped and at which step, so that many that stopped together stand out as one column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import altair as alt
import pandas as pd
import streamlit as st

from pages._ui import fmt, status
from pages._ui.text import plain
from pages._ui.views.stuck import STAGES, stage_word
from storage.domain.diagnosis import Outage, StuckVideo

_ROW_PIXELS = 64
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
    layers = [_marks(timed, steps, colours)]
    if outages:
        layers.insert(0, _bands(outages))
    st.altair_chart(alt.layer(*layers).properties(height=70 + _ROW_PIXELS * len(steps)), width="stretch")
    if len(timed) < len(videos):
        st.caption(
            f"Of {len(videos):,} videos, {len(videos) - len(timed):,} without a usable time are not in the chart."
        )


def _marks(videos: Sequence[StuckVideo], steps: list[str], colours: list[str]) -> Any:
    looks = [status.look("verdict", video.diagnosis.verdict) for video in videos]
    frame = pd.DataFrame(
        {
            "since": [video.diagnosis.since for video in videos],
            "Step": [stage_word(video.diagnosis.stage) for video in videos],
            "Verdict": [look.word for look in looks],
            "Owner": [plain(video.email or video.diagnosis.uid, 60) for video in videos],
            "Since (UTC)": [fmt.utc(video.diagnosis.since).text for video in videos],
            "lane": _lanes(videos),
        }
    )
    verdicts = list(dict.fromkeys(look.word for look in looks))
    return (
        alt.Chart(frame)
        .mark_point(filled=True, size=70, opacity=0.75)
        .encode(
            x=alt.X(
                "since:T", scale=alt.Scale(type="utc", padding=16), title=None,
                axis=alt.Axis(grid=True, tickCount=8, labelFontSize=11),
            ),
            y=alt.Y("Step:N", sort=steps, title=None, axis=alt.Axis(ticks=False, domain=False, grid=True)),
            yOffset=alt.YOffset("lane:Q", scale=alt.Scale(domain=[-5, 5])),
            color=alt.Color("Step:N", scale=alt.Scale(domain=steps, range=colours), legend=None),
            shape=alt.Shape(
                "Verdict:N", scale=alt.Scale(domain=verdicts),
                legend=alt.Legend(orient="bottom", title=None, columns=4, symbolFillColor=status.shade("gray")),
            ),
            tooltip=["Owner", "Verdict", "Step", "Since (UTC)"],
        )
    )  # fmt: skip


def _lanes(videos: Sequence[StuckVideo]) -> list[int]:
    """Small steps up and down, the same at each drawing, so that marks of one minute do not hide each other."""
    return [(number * 4) % 9 - 4 for number, _ in enumerate(videos)]


def _bands(outages: Sequence[Outage]) -> Any:
    frame = pd.DataFrame(
        {
            "from": [outage.first_at for outage in outages],
            "to": [outage.last_at for outage in outages],
            "Outage": [
                f"{len(outage.videos):,} videos of {outage.users:,} users stopped at {stage_word(outage.stage).lower()}"
                for outage in outages
            ],
        }
    )
    return (
        alt.Chart(frame)
        .mark_rect(opacity=0.18, color=status.shade("red"), stroke=status.shade("red"), strokeWidth=3)
        .encode(x=alt.X("from:T"), x2="to:T", tooltip=["Outage"])
    )
