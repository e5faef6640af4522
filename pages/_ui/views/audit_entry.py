"""One entry of the audit: as a row, and in full with the ways to what it speaks of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import pandas as pd
import streamlit as st

from pages._ui.copying import copy_button
from pages._ui.kit import format, status
from pages._ui.kit.session import UID, VIDEO_ID, key
from pages._ui.kit.text import ABSENT, md, plain
from pages._ui.nav import SCREENS
from pages._ui.views import audit_undo
from storage.domain.purge.plan import moment
from storage.ids import is_id, is_stored_id

PAGE: Final = "audit"
MAX_KEYS = 200
MOST_LINES, DETAIL_PIXELS = 16, 360  # longer details are scrolled in their place


def frame(entries: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row for each entry. What somebody spoilt in the database shows as it is, and does not stop the page."""
    return pd.DataFrame(
        {
            "number": [str(entry.get("sequence")) for entry in entries],
            "at": pd.to_datetime([_at(entry) for entry in entries], utc=True),
            "actor": [str(entry.get("actor") or "") for entry in entries],
            "action": [str(entry.get("action") or "") for entry in entries],
            "outcome": [str(entry.get("outcome") or "") for entry in entries],
            "subject": [subject(entry) for entry in entries],
            "reason": [str(entry.get("reason") or ABSENT) for entry in entries],
            "origin": [str(entry.get("origin") or ABSENT) for entry in entries],
        }
    )


def subject(entry: Mapping[str, Any]) -> str:
    """What it is about: user, video and clip as far as they are named; the scope of a purge in its own words."""
    detail = entry.get("detail")
    scope = detail.get("scope") if isinstance(detail, Mapping) else None
    ids = [str(entry.get(name) or "") for name in ("uid", "video_id", "clip_id")]
    return str(scope or "/".join(part for part in ids if part) or ABSENT)


def draw(entry: Mapping[str, Any]) -> None:
    """The entry in full."""
    with st.container(border=True, key=key(PAGE, "entry")):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**Number {md(str(entry.get('sequence')))}**", width="content")
            st.badge(md(str(entry.get("action") or ABSENT), 60), color="blue")
            status.badge("outcome", str(entry.get("outcome") or ""))
            _ways(entry)
        left, right = st.columns(2, gap="large")
        with left:
            st.markdown("  \n".join(f":gray[{name}] {md(value, 2_000)}" for name, value in _facts(entry)))
        with right:
            _keys(entry.get("keys"))
            _detail(entry.get("detail"))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            text = str(entry.get("hash") or "")
            st.caption(f"sealed by {md(str(entry.get('sealed')), 30)}: {md(text[:24])}…", help=text, width="content")
            copy_button(text, key=key(PAGE, "copy_hash"), what="hash", label="")
    audit_undo.draw(entry)


def _facts(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    named = (("When", format.utc(_at(entry)).text), ("Who", "actor"), ("From where", "origin"), ("User", "uid"),
             ("Video", "video_id"), ("Clip", "clip_id"), ("Why", "reason"), ("Plan's fingerprint", "fingerprint"),
             ("Job", "job_id"))  # fmt: skip
    rows = [(name, value if name == "When" else str(entry.get(value) or "")) for name, value in named]
    return [(name, value) for name, value in rows if value]


def _ways(entry: Mapping[str, Any]) -> None:
    uid, video_id, job_id = (str(entry.get(name) or "") for name in ("uid", "video_id", "job_id"))
    if is_stored_id(uid):
        st.page_link(SCREENS["user"].file, label="User", icon=":material/person:", query_params={UID: uid})
        if is_stored_id(video_id):
            ids = {UID: uid, VIDEO_ID: video_id}
            st.page_link(SCREENS["video"].file, label="Video", icon=":material/movie:", query_params=ids)
    if is_id(job_id):
        job = {"job": job_id}
        st.page_link(SCREENS["purge"].file, label="Job", icon=":material/delete_forever:", query_params=job)


def _keys(keys: Any) -> None:
    if isinstance(keys, list | tuple) and keys:
        st.caption("Keys")
        st.code("\n".join(plain(str(one), 1_100) for one in keys[:MAX_KEYS]), language=None, wrap_lines=True)


def _detail(detail: Any) -> None:
    if detail:
        st.caption("Details")
        shown = json.dumps(detail, ensure_ascii=False, indent=1, default=str)
        height: int | Literal["content"] = DETAIL_PIXELS if shown.count("\n") > MOST_LINES else "content"
        st.code(plain(shown, 20_000, lines=True), language="json", wrap_lines=True, height=height)


def _at(entry: Mapping[str, Any]) -> datetime | None:
    try:
        return moment(str(entry.get("at")))
    except ValueError:
        return None
