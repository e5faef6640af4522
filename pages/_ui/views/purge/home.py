"""Chooses the subject of a purge: a user, a video, a clip, or some clips of a video, from the address or by typing.

It shows the customer's address and the title beside the ids, so that a person notices a wrong id.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import streamlit as st

from pages._ui.access.guard import require, stopped_by
from pages._ui.data import loads, purges
from pages._ui.data.resources import stores
from pages._ui.kit import feedback, session, status, tables
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import CLIP_ID, UID, VIDEO_ID, key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from storage.domain.purge.scope import Kind, Scope, dangers
from storage.errors import BadInput, StorageError
from storage.ids import check_id

PAGE: Final = "purge"
SOME: Final = "some"  # in the address: only some of the video's clips are to go
TITLES: Final = 3
WANTED_SECONDS: Final = 60.0  # how long this page may take to begin, also for a second click


WHAT: dict[Kind, tuple[str, str, str]] = {
    "clip": ("A clip", "content_cut", "Its file, its thumbnail, its document, its share links."),
    "clips": ("Chosen clips", "checklist", "Their files, thumbnails, documents and share links."),
    "video": ("A video", "movie", "Every clip, the highlights, the caches, and all documents of the video."),
    "user": ("A whole account", "person_remove", "Everything: videos, clips, transcripts, transactions, the account."),
}


_MADE: Final = key("quick", "purge_made")  # session key: the last plan; it outlives the page, for a second click
_ASKED: Final = key("quick", "purge_asked")  # session key: the ids of the button that was just pressed, and when
_WANTED: Final = key("quick", "purge_wanted")  # session key: the plan that somebody asked for elsewhere, and until when


def plan_button(label: str, query: dict[str, str], *, key: str, icon: str | None = None) -> None:
    """Draws a button of another page that makes the plan of a video or a clip at once, and shows it on Purge.

    The session carries the wish, so that an address alone makes no plan. Greyed for those who may plan none.
    """
    stop = stopped_by("purge.plan")
    about = "Makes the plan and shows it. A plan deletes nothing, and you can discard it."
    st.button(label, icon=icon, key=key, disabled=bool(stop), help=stop or about, on_click=partial(_ask, query))
    asked, at = st.session_state.get(_ASKED, (None, 0.0))
    if asked == query and time.monotonic() - at < session.SAME_CLICK_SECONDS:
        st.session_state[_WANTED] = (query, time.monotonic() + WANTED_SECONDS)
        session.take(_ASKED)
        st.switch_page(SCREENS[PAGE].file, query_params=query)


def _ask(query: dict[str, str]) -> None:
    """Keeps the wish before anything is drawn: a run that another one ends would forget the button."""
    st.session_state[_ASKED] = (query, time.monotonic())


def ids(scope: Scope) -> dict[str, str]:
    """The ids by which an address names this scope; of chosen clips those of their video."""
    clip_id = scope.clips[0].clip_id if scope.kind == "clip" else None
    found = {UID: scope.uid, VIDEO_ID: scope.video_id, CLIP_ID: clip_id}
    return {name: value for name, value in found.items() if value}


def _is_wanted(scope: Scope) -> bool:
    """Whether somebody has just asked for this plan on another page, and not for a choice of its clips."""
    wanted = st.session_state.get(_WANTED)
    asked = wanted is not None and wanted[0] == ids(scope) and time.monotonic() < wanted[1]
    return asked and SOME not in st.query_params


def _fulfilled() -> None:
    """Keeps the wish for a second click, which may draw the page at the former address once the plan is made."""
    wanted = st.session_state.get(_WANTED)
    if wanted is not None:
        st.session_state[_WANTED] = (wanted[0], time.monotonic() + session.SAME_CLICK_SECONDS)


def draw_subject(scope: Scope) -> None:
    """Draws the customer's address and plan, and the titles of the videos, as Firestore has them now."""
    feedback.section("whose it is", partial(_draw_subject, scope), key=key(PAGE, "whose"), unknown="whose it is")


def _draw_subject(scope: Scope) -> None:
    user = _subject_fields(f"users/{scope.uid}")
    parts = [f":material/person: {_customer(user)}"]
    parts += [f":material/movie: {_video(scope.uid, video_id)}" for video_id in scope.video_ids[:TITLES]]
    if len(scope.video_ids) > TITLES:
        parts.append(f"and {len(scope.video_ids) - TITLES:,} more videos")
    st.markdown("\u2003".join(parts))


def _customer(user: Mapping[str, Any] | None) -> str:
    if user is None:
        return "a customer without a document of their own"
    email, plan = user.get("email"), user.get("plan")
    who = f"**{md(email, 160)}**" if isinstance(email, str) and email else "a customer without an address"
    return f"{who} :gray[plan {md(plan, 40)}]" if isinstance(plan, str) and plan else who


def _video(uid: str, video_id: str) -> str:
    video = _subject_fields(f"users/{uid}/videos/{video_id}")
    if video is None:
        return "a video without a document of its own"
    title = video.get("video_title")
    return f"**{md(title, 160)}**" if isinstance(title, str) and title else "a video without a title"


def _subject_fields(path: str) -> Mapping[str, Any] | None:
    document = loads.raw(path).value
    return None if document is None else document.fields or {}


def choose(uid: str | None, video_id: str | None, clip_id: str | None) -> None:
    """Draws the three fields, and the scope that they choose."""
    with st.container(border=True):
        _fields(uid, video_id, clip_id)
        if uid is None:
            st.caption(
                "A customer id alone means the whole account; with a video id, that video; with a clip id, that clip. "
                "The pages Customer and Video link here with the ids filled in."
            )
            return
        try:
            scope = Scope.of(uid, video_id, [clip_id] if clip_id else [])
        except BadInput as error:
            feedback.error_panel(error, key=key(PAGE, "scope"))
            return
        _chosen(scope)
    if scope.kind == "video" and video_id is not None:
        some = partial(_some_clips, uid, video_id)
        with st.expander(
            "Only some of its clips", icon=":material/checklist:", key=key(PAGE, "fold"), on_change="rerun"
        ) as part:
            if part.open:
                feedback.section("the clips", some, key=key(PAGE, "some"), unknown="which clips there are")


def _fields(uid: str | None, video_id: str | None, clip_id: str | None) -> None:
    given = tables.fingerprint([uid or "", video_id or "", clip_id or ""])
    with (
        st.form(key(PAGE, "scope_form", given), border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        typed = {
            UID: st.text_input("Customer id", uid or "", key=key(PAGE, "uid", given), max_chars=1_500),
            VIDEO_ID: st.text_input(
                "Video id", video_id or "", key=key(PAGE, "video", given), max_chars=1_500, placeholder="all videos"
            ),
            CLIP_ID: st.text_input(
                "Clip id", clip_id or "", key=key(PAGE, "clip", given), max_chars=1_500, placeholder="all clips"
            ),
        }
        sent = st.form_submit_button("Choose", icon=":material/my_location:")
    if sent:
        came = {UID: uid, VIDEO_ID: video_id, CLIP_ID: clip_id}
        try:
            wanted = {
                name: text if text == came[name] else check_id(text.strip(), name)
                for name, text in typed.items()
                if text.strip() or text == came[name]
            }
        except BadInput as error:
            feedback.error_panel(error, key=key(PAGE, "typed"))
            return
        st.query_params.from_dict(wanted)
        st.rerun()


def _chosen(scope: Scope) -> None:
    """Draws the scope and what a purge of it deletes, links to look at it first, and the button that makes the plan."""
    title, icon, goes = WHAT[scope.kind]
    st.markdown(f"#### :material/{icon}: {title}: {md(scope.spelled, 200)}")
    draw_subject(scope)
    st.caption(goes)
    grounds = dangers(scope, stores().layout.prefixes, stores().settings.purge.shortest_id)
    if grounds:
        st.error("\n".join(f"- {md(ground)}" for ground in grounds), title="Not purged", icon=":material/block:")
        return
    if _is_wanted(scope):
        make(scope, seconds=WANTED_SECONDS)  # where that fails, it says why above the form
    if scope.kind == "user":
        st.warning(
            "A second person must approve the purge of a whole account, on the same plan.", icon=":material/group:"
        )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        pressed = _button("Make the plan", "one")
        user = {UID: scope.uid}
        st.page_link(SCREENS["user"].file, label="Look at the customer", icon=":material/person:", query_params=user)
        if scope.video_id is not None:
            video = {**user, VIDEO_ID: scope.video_id}
            st.page_link(SCREENS["video"].file, label="Look at the video", icon=":material/movie:", query_params=video)
    if pressed:
        make(scope)


def _button(label: str, name: str) -> bool:
    return st.button(label, type="primary", icon=":material/fact_check:", key=key(PAGE, "make", name))


def make(scope: Scope, *, acknowledge_missing: bool = False, seconds: float | None = None) -> None:
    """Makes the plan and goes to it; where that fails, says why.

    A second click arrives while the first one's plan is made, and draws the page again: it gets the same plan.
    """
    try:
        with st.spinner("Listing both stores…"):
            who = require("purge.plan")
            # Within the block: at its end the page may be drawn again, for the second click.
            made = session.once(
                _MADE,
                (who.email, scope, acknowledge_missing),
                partial(purges.make, scope, who, acknowledge_missing=acknowledge_missing),
                seconds=seconds,
            )
    except StorageError as error:
        session.take(_WANTED)
        feedback.error_panel(error, key=key(PAGE, "make_failed"))
        return
    _fulfilled()
    loads.open_plans.clear()
    st.query_params.from_dict({"plan": made})
    st.rerun()


def forget_made() -> None:
    """Forgets the last plan, which was discarded: the next click makes a new one."""
    session.take(_MADE)


def _some_clips(uid: str, video_id: str) -> None:
    with st.spinner("Reading the clips…"):
        loaded = loads.clips(uid, video_id)
    table = loaded.value
    frame = table.frame.sort_values(["priority", "scene_id", "style"], na_position="last")
    if not len(frame):
        feedback.empty("This video has no clips.", icon="content_cut", hint="Plan the whole video instead.")
        return
    shown = frame.head(tables.ROW_LIMIT).assign(state=lambda rows: status.words("clip", rows["status"]))
    chosen = tables.table(
        shown,
        key=key(PAGE, "clips_table"),
        alt="Clips of the video, to choose from",
        columns={
            "clip_id": st.column_config.TextColumn("Clip", pinned=True),
            "scene_title": "Title",
            "style": "Style",
            "state": status.column("clip", shown["status"], "Status"),
            "file_size_bytes": tables.size("Size"),
            "created_at": tables.moment("Created"),
        },
        id_column="clip_id",
        select="many",
        total=len(frame),
    )
    if table.error:
        feedback.incomplete("clips", error=table.error, shown=len(frame), key=key(PAGE, "clips_part"))
    if chosen:
        number = f"{len(chosen):,} clip{'' if len(chosen) == 1 else 's'}"
        if _button(f"Make the plan for {number}", "some"):
            make(Scope.of(uid, video_id, chosen))
    freshness(loaded.read_at, key=key(PAGE, "clips_fresh"), cost=loaded.cost, on_refresh=loads.clips.clear)
