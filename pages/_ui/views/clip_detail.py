"""Draws what is known of one clip: its key, its sizes, what the upload check found, and its address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import streamlit as st

from pages._ui import fmt, status
from pages._ui.access.guard import allowed
from pages._ui.copying import copy_button
from pages._ui.keys import CLIP_ID, UID, VIDEO_ID, key
from pages._ui.nav import SCREENS
from pages._ui.text import md
from pages._ui.views.findings import WORDS
from storage.domain.integrity import Finding
from storage.domain.model import Clip


def draw(
    known: Mapping[str, Clip], chosen: str | None, findings: Mapping[str, tuple[Finding, ...]], *, page: str
) -> None:
    """The details of the clip that the address names, if it is on this page of the gallery; closed by a button."""
    if not chosen:
        return
    clip = known.get(chosen)
    if clip is None:
        st.caption(f"The clip {md(chosen, 80)} is not on this page of the gallery.")
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{md(clip.scene_title or clip.clip_id, 120)}**", width="content")
            if allowed("purge.plan"):
                ids = {UID: clip.uid, VIDEO_ID: clip.video_id, CLIP_ID: clip.clip_id}
                icon = ":material/delete_forever:"
                st.page_link(SCREENS["purge"].file, label="Plan a purge of this clip", icon=icon, query_params=ids)
            if st.button("Close", key=key(page, "close_clip"), icon=":material/close:", type="tertiary"):
                del st.query_params[CLIP_ID]
                st.rerun()
        left, right = st.columns(2)
        with left:
            _copyable("Clip id", clip.clip_id, key(page, "copy_clip"))
            _copyable("Key", clip.r2_key, key(page, "copy_key"))
            _copyable("Thumbnail key", clip.thumbnail_r2_key, key(page, "copy_thumbnail"))
        with right:
            now = datetime.now(UTC)
            status.badge("clip", clip.status)
            size, length = fmt.size(clip.file_size_bytes), fmt.duration(clip.duration_seconds)
            st.caption(f"{length.text} · {size.text} ({size.help}) · created {fmt.ago(clip.created_at, now).text}")
            if clip.scene_description:
                st.caption(md(clip.scene_description, 400))
        for finding in findings.get(clip.clip_id, ()):
            text = f"{status.badge_md('severity', finding.severity)} **{WORDS[finding.kind]}**"
            st.markdown(f"{text} — {md(finding.detail, 400)}")


def _copyable(name: str, value: str | None, widget: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{name}: {md(value, 160)}", width="content")
        if value:
            copy_button(value, key=widget, what=name.lower(), label="")
