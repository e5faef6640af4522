"""Draws what is known of one clip: its key, its sizes, what the upload check found, and its address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import streamlit as st

from pages._ui.access.guard import allowed
from pages._ui.copying import copy_button
from pages._ui.kit import format, status
from pages._ui.kit.session import CLIP_ID, QUERY, UID, VIDEO_ID, key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views.findings import WORDS
from storage.domain.integrity import Finding
from storage.domain.model import Clip


def draw(
    known: Mapping[str, Clip], chosen: str | None, findings: Mapping[str, tuple[Finding, ...]], *, page: str
) -> None:
    """The details of the clip that the address names, whether the gallery shows it or not; closed by a button."""
    clip = known.get(chosen) if chosen else None
    if clip is None:
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{md(clip.scene_title or clip.clip_id, 120)}**", width="content")
            if allowed("purge.plan"):
                ids = {UID: clip.uid, VIDEO_ID: clip.video_id, CLIP_ID: clip.clip_id}
                icon = ":material/delete_forever:"
                st.page_link(SCREENS["purge"].file, label="Plan a purge of this clip", icon=icon, query_params=ids)
            _close(page)
        left, right = st.columns(2)
        with left:
            _copyable("Clip id", clip.clip_id, key(page, "copy_clip"))
            _copyable("Key", clip.r2_key, key(page, "copy_key"))
            _copyable("Thumbnail key", clip.thumbnail_r2_key, key(page, "copy_thumbnail"))
        with right:
            now = datetime.now(UTC)
            status.badge("clip", clip.status)
            size, length = format.size(clip.file_size_bytes), format.duration(clip.duration_seconds)
            st.caption(f"{length.text} · {size.text} ({size.help}) · created {format.ago(clip.created_at, now).text}")
            if clip.scene_description:
                st.caption(md(clip.scene_description, 400))
        for finding in findings.get(clip.clip_id, ()):
            text = f"{status.badge_md('severity', finding.severity)} **{WORDS[finding.kind]}**"
            st.markdown(f"{text} — {md(finding.detail, 400)}")


def nowhere(uid: str, video_id: str, clip_id: str, *, complete: bool, page: str) -> None:
    """Says that the clip of the address is not there, or that this is not known, and where else to look."""
    name = md(clip_id, 80)
    if complete:
        st.warning(
            f"This video has no clip {name}: it was deleted, or the id belongs to another video.",
            title="Not found: the clip", icon=":material/search_off:",
        )  # fmt: skip
    else:
        st.warning(
            f"The clip {name} is not among those that could be read, so whether it exists is not known.",
            title="Not known: the clip", icon=":material/help:",
        )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        find, audit = SCREENS["find"], SCREENS["audit"]
        icon = f":material/{find.icon}:"
        st.page_link(find.file, label="Search for it", icon=icon, query_params={QUERY: clip_id})
        if allowed("audit.read"):
            query = {UID: uid, "text": video_id}  # a purge of the whole video names no clip
            icon = f":material/{audit.icon}:"
            st.page_link(audit.file, label="What was done with this video", icon=icon, query_params=query)
        _close(page)


def _close(page: str) -> None:
    if st.button("Close", key=key(page, "close_clip"), icon=":material/close:", type="tertiary"):
        del st.query_params[CLIP_ID]
        st.rerun()


def _copyable(name: str, value: str | None, widget: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{name}: {md(value, 160)}", width="content")
        if value:
            copy_button(value, key=widget, what=name.lower(), label="")
