"""Video: in which state is it, what does the customer see, which highlights and clips are there, and do they play?"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Final

import streamlit as st

from pages._ui import palette
from pages._ui.access import addresses
from pages._ui.access.guard import allowed, show
from pages._ui.copying import copy_button
from pages._ui.data import loads
from pages._ui.kit import feedback, format, params, session, status
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import DRAFT_ID, UID, VIDEO_ID, key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views import asked, clips, diagnosis, grid, highlights, last_changes, looking, oddities, raw, removed
from pages._ui.views.repair import repairs
from storage.domain.diagnosis import Absent, Known
from storage.domain.diagnosis.broken import broken_for_customer
from storage.domain.diagnosis.signals import purged
from storage.domain.documents import Video
from storage.services.diagnose import Case

NAME: Final = "video"


def page() -> None:
    uid, video_id = params.ids(UID, VIDEO_ID, title="Video")
    session.enter(NAME)
    unknown = "its state, its highlights and its clips"
    body = partial(_video, uid, video_id)
    feedback.section("the video", body, key=key(NAME, "video"), unknown=unknown, title=md(video_id, 120))


def _video(uid: str, video_id: str) -> None:
    with feedback.loading("Looking at both stores…", 480):
        loaded = looking.case(uid, video_id, page=NAME)
    case = loaded.value
    video = case.facts.video.value if isinstance(case.facts.video, Known) else None
    _head(case, video)
    freshness(
        loaded.read_at,
        key=key(NAME, "fresh"),
        cost=loaded.cost,
        complete=case.error is None,
        on_refresh=partial(loads.refresh_user, uid),
    )
    if isinstance(case.facts.video, Absent):
        removed_by = purged(case.facts)
        if removed_by is not None:
            removed.panel(removed_by, page=NAME)
            if allowed("explain"):
                diagnosis.explain(case, page=NAME)
        else:
            _nowhere(uid, video_id)
        return
    feedback.section("what was asked", partial(asked.about, uid, video_id, page=NAME), key=key(NAME, "asked"))
    _around(case)
    left, right = st.columns([3, 2]) if video is not None else (st.container(), st.empty())
    with left:
        if allowed("explain"):
            diagnosis.explain(case, page=NAME)
    if video is not None:
        with right:
            _facts(video)
    st.subheader("Clips", anchor="clips")
    feedback.section(
        "the clips",
        partial(clips.section, uid, video_id, case, page=NAME),
        key=key(NAME, "clips"),
        unknown="which clips there are",
    )
    feedback.section("what was removed", partial(removed.parts, uid, video_id, page=NAME), key=key(NAME, "removed"))
    feedback.section(
        "the last changes", partial(last_changes.section, uid, video_id, page=NAME), key=key(NAME, "changes")
    )
    st.subheader("Grid", anchor="grid")
    feedback.section("the grid", partial(grid.section, case, page=NAME), key=key(NAME, "grid"))
    if allowed("diagnose"):
        st.subheader("Diagnosis", anchor="diagnosis")
        diagnosis.verdict(case, page=NAME)
    elif allowed("explain"):
        history = partial(diagnosis.history, case, page=NAME, everything=False)
        with st.container(border=True):
            feedback.section("the timeline", history, key=key(NAME, "history"))
    st.subheader("Highlights", anchor="highlights")
    highlights.draw(case, page=NAME)
    if allowed("fix") or allowed("recount"):
        st.subheader("Repair", anchor="repair")
        feedback.section("the repairs", partial(repairs.draw, case, page=NAME), key=key(NAME, "fixes"))
    st.subheader("Raw documents", anchor="raw-documents")
    feedback.section("the documents", partial(raw.draw, uid, video_id, page=NAME), key=key(NAME, "raw"))
    oddities.draw(video.oddities if video else (), page=NAME)
    looking.look(case, page=NAME)


def _around(case: Case) -> None:
    """Draws links to the parts of the page that this person sees, and names the advised repair."""
    parts = {"clips": "Clips", "grid": "Grid"}
    if allowed("diagnose"):
        parts["diagnosis"] = "Diagnosis"
    parts["highlights"] = "Highlights"
    if allowed("fix") or allowed("recount"):
        advised = diagnosis.advice(case)
        parts["repair"] = f"Repair (advised: {advised})" if advised else "Repair"
    diagnosis.draw_anchors(parts | {"raw-documents": "Raw documents"})


def _status(value: str, *, quiet: bool) -> None:
    """The stored status as a badge; grey where what the customer meets contradicts it."""
    if not quiet:
        status.badge("video", value)
        return
    shown = status.look("video", value)
    status.tag(f"status: {shown.word.lower()}", 48, icon="", colour="gray", note="What the document says.")


def _head(case: Case, video: Video | None) -> None:
    found = case.diagnosis
    broken = broken_for_customer(case.facts, found)
    title = (video.video_title if video else None) or found.video_id
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(md(title, 120), width="content", anchor=False)
        if video is not None and video.exists:
            if broken:
                status.tag(broken.badge, 60, icon=":material/broken_image:", colour="red")
            if video.status:
                _status(video.status, quiet=bool(broken))
            else:
                nothing = "The document does not say. The product counts that as processing."
                st.badge("No status", icon=":material/help:", color="gray", help=nothing)
        if allowed("diagnose"):
            status.badge("verdict", found.verdict)
    with st.container():  # a place of its own: what comes or goes in it draws nothing below anew
        clips.named(case)
    owner = case.user.value if isinstance(case.user, Known) else None
    palette.opened(found.uid, owner.email if owner else None)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        label = md(addresses.seen().who(owner.email if owner else None, found.uid), 80)
        st.page_link(SCREENS["user"].file, label=label, icon=":material/person:", query_params={UID: found.uid})
        st.caption(f"video id {md(found.video_id, 80)}", width="content")
        copy_button(found.video_id, key=key(NAME, "copy"), what="video id", label="")
        if video is not None:
            asked.buttons(found.uid, found.video_id, name=title, page=NAME)
    if broken is not None:
        st.error(md(broken.sentence, 700), icon=":material/broken_image:")
    if allowed("diagnose"):
        diagnosis.summary(found)
    origin = case.facts.origin.value if isinstance(case.facts.origin, Known) else None
    if origin is not None and origin.draft_id:
        st.page_link(
            SCREENS["user"].file,
            label=f"Made from the draft {md(origin.draft_id, 80)}",
            icon=":material/draft:",
            query_params={UID: found.uid, DRAFT_ID: origin.draft_id},
        )
    if video is not None and not video.exists:
        st.warning(
            "This video has no document, but clips or highlights below it still exist: it was deleted only in part.",
            title="A video without its own document",
            icon=":material/movie_off:",
        )


def _nowhere(uid: str, video_id: str) -> None:
    feedback.empty(
        "There is no such video.",
        icon="search_off",
        hint=f"There is neither a document nor anything below it: video {md(video_id, 80)} of customer {md(uid, 80)}.",
    )
    st.page_link(SCREENS["find"].file, label="Search for it", icon=":material/search:", query_params={"q": video_id})


def _facts(video: Video) -> None:
    """Draws times and figures as the document has them."""
    now = datetime.now(UTC)
    rows: list[tuple[str, format.Shown]] = [
        ("Created", format.ago(video.created_at, now)),
        ("Last touch", format.ago(video.updated_at, now)),
        ("Completed", format.ago(video.completed_at, now, "The document holds no such time.")),
        ("Failed", format.ago(video.failed_at, now, "The document holds no such time.")),
        ("Clips", format.count(video.clips_count)),
        ("Size", format.size(video.total_size_bytes)),
        ("Source", format.Shown(status.look("source", video.source_video_status).word)),
    ]
    with st.container(border=True):
        st.markdown("**Document**")
        for name, shown in rows:
            with st.container(horizontal=True, horizontal_alignment="distribute", gap="small"):
                st.caption(name, width="content", help=shown.help or None)  # beside the value it would end elsewhere
                st.markdown(shown.text, width="content", text_alignment="right")
        if video.error_message:
            st.error(md(addresses.seen().text(video.error_message, video.uid), 600), icon=":material/error:")
        if video.video_url:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.caption(f"Made from {md(video.video_url, 120)}", width="content")
                copy_button(video.video_url, key=key(NAME, "copy_url"), what="address of the source video", label="")


if __name__ == "__main__":
    show(NAME, page)
