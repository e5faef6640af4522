"""Draws one finding whole: what it means, where it is, when it was last seen, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import streamlit as st

from pages._ui.copying import copy_button
from pages._ui.kit import format, status
from pages._ui.kit.session import CLIP_ID, UID, VIDEO_ID, key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views.findings import MEANING, WORDS
from storage.domain.integrity import Finding
from storage.verify import Rechecked

_STANDING: Final = {
    "still there": ":red-badge[:material/error: Still there]",
    "gone": ":green-badge[:material/check_circle: Gone]",
    "unknown": ":gray-badge[:material/help: Unknown]",
}


def draw(finding: Finding, again: Rechecked | None, *, page: str) -> bool:
    """The finding, and a button to check it again alone; true when that was pressed."""
    now = datetime.now(UTC)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        status.badge("severity", finding.severity)
        st.markdown(f"**{WORDS[finding.kind]}**", width="content")
        seen = format.ago(finding.seen_at, now)
        st.caption(f"last seen {seen.text}", help=seen.help, width="content")
    if finding.detail:
        st.markdown(md(finding.detail, 600))
    st.caption(MEANING[finding.kind])
    if finding.key:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"Key {md(finding.key, 500)}", width="content")
            copy_button(finding.key, key=key(page, "finding", "key"), what="key", label="")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        pressed = st.button("Check again", key=key(page, "finding", "again"), icon=":material/refresh:")
        if again is not None:
            at = format.ago(again.checked_at, now)
            st.markdown(f"{_STANDING[again.standing]} :small[:gray[checked {at.text}]]", width="content", help=at.help)
        st.page_link(
            SCREENS["user"].file, label="User", icon=":material/person:", query_params={UID: finding.uid}
        )  # fmt: skip
        if finding.video_id is not None:
            ids = {UID: finding.uid, VIDEO_ID: finding.video_id, CLIP_ID: finding.clip_id}
            st.page_link(
                SCREENS["video"].file, label="Video", icon=":material/movie:",
                query_params={name: value for name, value in ids.items() if value},
            )  # fmt: skip
    if again is not None and again.reason:
        st.caption(md(again.reason, 400))
    return pressed
