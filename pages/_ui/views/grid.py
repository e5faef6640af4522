"""Draws the grid of a video: what was promised, is documented, stored and plays, by scene and style; gaps first."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from pages._ui.copying import shell
from pages._ui.data import loads
from pages._ui.kit import away, charts, status
from pages._ui.kit.session import key
from pages._ui.kit.status import Colour
from pages._ui.kit.text import md, plain
from storage.domain.diagnosis import Unknown
from storage.domain.integrity.grid import GAPS, MENDED_BY_UPLOAD, STATES, State, VideoGrid
from storage.services.diagnose import Case, grid_of
from storage.text import capitalised, number

_COLOURS: dict[State, Colour] = {
    "whole": "green",
    "stored": "blue",
    "missing": "red",
    "none": "gray",
    "waiting": "gray",
    "in_flight": "violet",
    "lost": "red",
    "broken": "red",
    "failed": "orange",
    "unnamed": "orange",
    "twice": "orange",
    "unknown": "gray",
}
_WORDS: dict[State, str] = {
    "whole": "plays",
    "stored": "not looked into",
    "missing": "not made",
    "none": "no clip",
    "waiting": "not made yet",
    "in_flight": "being written",
    "lost": "no file",
    "broken": "does not play",
    "failed": "failed",
    "unnamed": "no document",
    "twice": "two documents",
    "unknown": "not known",
}
_WHO = "--actor YOU@EXAMPLE.COM --reason 'WHY'"
MOST = 200  # cells that are drawn; a video has a few dozen


def section(case: Case, *, page: str) -> None:
    """The grid by what the page has read; the charges, which say the chosen styles, where somebody asks for them."""
    asked = key(page, "grid", "charges")
    origin = None
    if st.session_state.get(asked) == (case.facts.uid, case.facts.video_id):
        origin = loads.origin(case.facts.uid, case.facts.video_id).value
    grid = grid_of(case, origin)
    if grid is None or not grid.cells:
        st.caption("There is nothing to compare: neither highlights nor clips were seen.")
        return
    draw(grid)
    if isinstance(case.facts.objects, Unknown) and away.for_code(case.facts.objects.code):
        away.gap("which of these clips are stored and play")
    if grid.styles_from != "charge":
        st.caption(
            "These are the styles that clip documents name. Which styles were chosen and paid for: see the charges."
        )
        if origin is None and st.button(
            "Read the charges", key=key(page, "grid", "ask"), icon=":material/toll:", help="A read for each charge."
        ):
            st.session_state[asked] = (case.facts.uid, case.facts.video_id)
            st.rerun()


def draw(grid: VideoGrid) -> None:
    """The cells in the colours of their states, then each gap in words with the command that fills it."""
    names = {scene: f"{scene} {plain(title, 28)}" if title else str(scene) for scene, title in grid.scenes}
    cells = grid.cells[:MOST]
    frame = pd.DataFrame(
        {
            "Scene": [names[cell.scene_id] for cell in cells],
            "Style": [plain(cell.style, 40) for cell in cells],
            "State": [_WORDS[cell.state] for cell in cells],
            "colour": [status.shade(_COLOURS[cell.state]) for cell in cells],
            "Means": [STATES[cell.state] for cell in cells],
            "Clip": [plain(cell.clip_id or cell.key or "-", 120) for cell in cells],
        }
    )
    form = _cells(
        tuple(dict.fromkeys(frame["Scene"])),
        tuple(dict.fromkeys(plain(style, 40) for style in grid.styles)),
        status.ground_colour(),
    )
    charts.draw(form, frame, alt="Each scene in each style: what is there and what is not")
    told = " · ".join(f"{_WORDS[state]}: {count:,}" for state, count in grid.counts.items())
    promised = "" if grid.promised is None else f"Asked for: {number(grid.promised, 'clip')}. "
    st.caption(f"{promised}{capitalised(told)}.")
    gaps = grid.gaps
    if not gaps:
        return
    colour = {state: _COLOURS[state] for state in GAPS}
    lines = [
        f"- :{colour[cell.state]}-badge[{_WORDS[cell.state]}] scene {cell.scene_id}, "
        f"{md(cell.style, 40)}: {STATES[cell.state]}"
        for cell in gaps[:20]
    ]
    st.markdown("\n".join(lines))
    commands = [grid.command(cell, _WHO) for cell in gaps[:20] if cell.state in MENDED_BY_UPLOAD]
    if commands:
        with st.expander("Fill the gaps in a shell", icon=":material/terminal:"):
            shell("\n".join(plain(one, 1_000) for one in commands), key=key("grid", "commands"))


@charts.form
def _cells(scenes: tuple[str, ...], styles: tuple[str, ...], words: str) -> Any:
    base = charts.rows().encode(
        y=alt.Y("Scene:N", sort=list(scenes), title=None, axis=alt.Axis(labelLimit=180, ticks=False, domain=False)),
        x=alt.X(
            "Style:N",
            sort=list(styles),
            title=None,
            axis=alt.Axis(orient="top", labelAngle=-30 if len(styles) > 3 else 0, labelLimit=120, ticks=False),
        ),
        tooltip=["Scene:N", "Style:N", "Means:N", "Clip:N"],
    )
    boxes = base.mark_rect(cornerRadius=3, stroke=words, strokeWidth=2).encode(
        color=alt.Color("colour:N", scale=None, legend=None)
    )
    return (boxes + base.mark_text(color=words, fontSize=11).encode(text="State:N")).properties(
        height=30 * len(scenes) + 40, padding=charts.TIGHT
    )
