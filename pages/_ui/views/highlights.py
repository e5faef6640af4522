"""Draws a video's highlights, and the state of both places that can hold them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from pages._ui.kit import away, format, tables
from pages._ui.kit.session import key, url_for
from pages._ui.kit.text import md
from storage.domain import highlights
from storage.domain.highlights import HighlightsState
from storage.services.diagnose import Case
from storage.text import number

_NAMES = {"object": "highlights.json", "document": "the document highlights/main"}


def draw(case: Case, *, page: str) -> None:
    """Draws the list that customers get, and a line for each place."""
    facts = case.facts
    chosen, beside, served = facts.highlights, facts.highlights_beside, facts.deployment.highlights_source
    for state in (chosen, beside):
        st.caption(_place(state, served=served in {"mixed", state.source}))
    found = facts.deployment
    silent = found.fault is not None and away.told(found.fault)
    why = f"It could not be found out. {away.named()}" if silent else md(found.highlights_why, 300)
    st.caption(f"Customers get them from {found.highlights_place}. {why}")
    if difference := highlights.disagreement(chosen, beside):
        st.caption(f":orange[:material/difference:] The other place differs: {md(difference, 600)}")
    if chosen.presence == "unknown" and away.for_code(chosen.code):
        return
    if not chosen.usable:
        where = "where the product serves them from" if served != "mixed" else "in either place that could be read"
        st.markdown(f":gray[No usable list of highlights {where}.]")
        return
    if chosen.odd_times:
        st.warning(
            "\n".join(f"- {md(problem, 200)}" for problem in chosen.odd_times),
            title="Times that make no sense",
            icon=":material/timer_off:",
        )
    rows = [
        {
            "id": entry.get("id"),
            "title": _text(entry.get("title")),
            "start": _text(entry.get("start")),
            "end": _text(entry.get("end")),
            "category": _text(entry.get("hook_category")),
            "description": _text(entry.get("description")),
            "reason": _text(entry.get("reason")),
        }
        for entry in chosen.entries[: tables.ROW_LIMIT]
    ]
    frame = pd.DataFrame(rows)
    frame["id"] = frame["id"].astype("object").map(lambda value: None if value is None else str(value))
    frame["open"] = _clips_of(case, frame["id"])
    columns = {
        "open": tables.link("Open", help="Its first clip, where one was made."),
        "id": st.column_config.TextColumn("Id", width="small"),
        "title": st.column_config.TextColumn("Title", width="medium"),
        "start": "Start",
        "end": "End",
        "category": "Hook",
        "description": st.column_config.TextColumn("Description", width="large"),
        "reason": "Reason",
    }
    tables.table(frame, key=key(page, "highlights"), alt="The highlights", columns=columns, total=chosen.count)


def _clips_of(case: Case, entries: Iterable[str | None]) -> list[str | None]:
    """The address of the first clip of each entry; `None` where none was made."""
    first: dict[str, str] = {}
    if case.clips is not None:
        frame = case.clips.frame
        for scene, clip_id in zip(frame["scene_id"], frame["clip_id"], strict=True):
            first.setdefault(str(scene), clip_id)
    ids = {"uid": case.diagnosis.uid, "video_id": case.diagnosis.video_id}
    return [url_for("video", **ids, clip_id=first[entry]) if entry in first else None for entry in entries]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _place(state: HighlightsState, *, served: bool) -> str:
    name = _NAMES[state.source]
    if state.presence == "absent" and not served:
        return f":gray[:material/remove:] {name}: not there; the product does not use it"
    if state.presence == "absent":
        return f":gray[:material/cancel:] {name}: not there"
    if state.presence == "unknown":
        return f":orange[:material/help:] {name}: not known. {away.for_code(state.code) or md(state.reason, 300)}"
    if state.usable:
        size = f", {format.size(state.size_bytes).text}" if state.size_bytes is not None else ""
        written = f", written {md(format.utc(state.written_at).text)}" if state.written_at else ""
        return f":green[:material/check_circle:] {name}: {number(state.count, 'highlight')}{size}{written}"
    return f":red[:material/error:] {name}: {state.content}. {md(state.reason, 300)}"
