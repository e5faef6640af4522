"""Draws requests to the team: the form that asks, what waits for this person, and their own with answers.

A form takes the id of its request as it opens, and a callback sends it: a slow second click asks nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import streamlit as st

from pages._ui import focusing
from pages._ui.access.guard import actor, allowed, require
from pages._ui.copying import copy_button
from pages._ui.data import loads, request_loads
from pages._ui.data.resources import stores
from pages._ui.kit import feedback, format, session
from pages._ui.kit.session import CLIP_ID, UID, VIDEO_ID, key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from storage.actions import requests
from storage.actions.requests import Answer, new_id
from storage.domain.actor_and_reason import LEAST_REASON_CHARS
from storage.domain.requests import NEWS_FOR, NO_WORDS, WORDS, Kind, TeamRequest, may_answer, ticket_text
from storage.errors import StorageError

_SHOWN: Final = 10
_BUTTONS: Final[dict[Kind, tuple[str, str]]] = {
    "tell": ("Tell the team…", "campaign"),
    "delete": ("Ask for deletion…", "delete_history"),
}
_ASKED_FOR: Final[dict[Kind, str]] = {
    "tell": "What is wrong, in a sentence",
    "delete": "Why it should go, in a sentence",
}
_ABOUT: Final[dict[Kind, str]] = {
    "tell": "Engineers see it on their Overview, and answer.",
    "delete": "Admins see it on their Overview. Nothing is deleted until one of them plans it.",
}


@dataclass(frozen=True, slots=True)
class Asking:
    """An open form, and how it ended."""

    kind: Kind
    uid: str
    video_id: str
    clip_id: str
    request_id: str
    name: str = ""
    kept: TeamRequest | None = None
    error: StorageError | None = None


def _open(page: str) -> str:
    return key(page, "ask", "open")


def buttons(uid: str, video_id: str = "", clip_id: str = "", *, name: str, page: str) -> None:
    """Draws the buttons that ask, and the form where one is open for this thing, which people know by its `name`."""
    if not allowed("request"):
        return
    for kind, (label, icon) in _BUTTONS.items():
        st.button(
            label,
            key=key(page, "ask", kind),
            icon=f":material/{icon}:",
            type="tertiary",
            on_click=_start,
            args=(page, Asking(kind, uid, video_id, clip_id, "", name)),
        )
    form = st.session_state.get(_open(page))
    if isinstance(form, Asking):
        if (form.uid, form.video_id) != (uid, video_id):
            _drop(page)
            return
        title = _BUTTONS[form.kind][0].rstrip("…")
        show = st.dialog(title, icon=f":material/{_BUTTONS[form.kind][1]}:", on_dismiss=partial(_drop, page))(_form)
        show(form, page)


def _start(page: str, form: Asking) -> None:
    st.session_state[_open(page)] = replace(form, request_id=new_id(datetime.now(UTC)))


def _drop(page: str) -> None:
    st.session_state.pop(_open(page), None)


def _form(form: Asking, page: str) -> None:
    current = st.session_state.get(_open(page))
    form = current if isinstance(current, Asking) else form
    require("request")
    about = "/".join(part for part in (form.uid, form.video_id, form.clip_id) if part)
    named = f"**{md(form.name, 80)}** ({md(about, 200)})" if form.name != about else md(about, 200)
    st.caption(f"About {named}. {_ABOUT[form.kind]}")
    if form.kept is not None:
        st.success(
            f"Asked: {md(form.kept.request_id)}. The answer will appear on your Overview.", icon=":material/done:"
        )
        ticket(form.kept, name=key(page, "ask", "ticket"))
        return
    if form.error is not None:
        feedback.error_panel(form.error, key=key(page, "ask", "failed"))
    name = key(page, "ask", form.request_id)
    reason = st.text_input(
        "Reason, with the ticket",
        key=name,
        max_chars=1_000,
        live=True,
        placeholder=_ASKED_FOR[form.kind],
        help="The desk takes addresses and titles out: the request keeps only ids.",
    )
    focusing.begin_in(name, key=key(page, "ask", "focus"))
    st.button(
        "Send",
        key=key(page, "ask", "send"),
        type="primary",
        icon=":material/send:",
        disabled=len(reason.strip()) < LEAST_REASON_CHARS,
        on_click=_send,
        args=(page, form, name),
    )


def _send(page: str, form: Asking, name: str) -> None:
    kept, error = None, None
    try:
        who, words = require("request"), str(st.session_state.get(name, ""))
        kept = request_loads.ask(
            who, form.kind, form.uid, form.video_id, form.clip_id, reason=words, request_id=form.request_id
        )
    except StorageError as problem:
        error = problem
    st.session_state[_open(page)] = replace(form, kept=kept, error=error)


def ticket(request: TeamRequest, *, name: str) -> None:
    """Draws the button that copies the request as text for a ticket."""
    text = ticket_text(request, stores().settings.alerts.desk_url)
    copy_button(text, key=name, what="text for the ticket", label="Copy for the ticket")


def about(uid: str, video_id: str = "", *, page: str) -> None:
    """Draws what was asked about this customer or video and waits, or was answered lately; nothing where there is
    nothing."""
    now = datetime.now(UTC)
    found = [one for one in request_loads.of_user(uid).value if not video_id or one.video_id in ("", video_id)]
    for one in [one for one in found if one.is_news(now)][:3]:
        st.markdown(f":material/campaign: {_line(one, now)}")


def _line(one: TeamRequest, now: datetime) -> str:
    badge = {"open": ":orange-badge[Waits]", "done": ":green-badge[Done]", "declined": ":red-badge[Declined]"}
    what = f"{badge[one.state]} **{WORDS[one.kind]}**: {md(one.reason or NO_WORDS, 300)}"
    by = f":small[asked by {md(one.asked_by, 80)}, {format.ago(one.asked_at, now).text}]"
    if one.state == "open":
        return f"{what} {by}"
    when = format.ago(one.answered_at, now).text
    return f"{what} {by}  \n:small[{md(one.answered_by, 80)}, {when}:] {md(one.answer or NO_WORDS, 300)}"


def _link(one: TeamRequest) -> None:
    query = {UID: one.uid} | ({VIDEO_ID: one.video_id} if one.video_id else {})
    if one.clip_id:
        query[CLIP_ID] = one.clip_id
    page = "video" if one.video_id else "user"
    st.page_link(SCREENS[page].file, label="Open", icon=":material/arrow_forward:", query_params=query)


def waiting(*, page: str) -> tuple[loads.Loaded[Any], bool]:
    """Draws what waits for this person's answer, with the ways to give one, and says whether anything does."""
    loaded, now = request_loads.waiting(), datetime.now(UTC)
    roles = actor(active=False).roles
    found = [one for one in loaded.value if may_answer(roles, one.kind)]
    for one in found[:_SHOWN]:
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"{_line(one, now)}  \n:small[{md(one.spelled, 200)}]", width="stretch")
                _link(one)
            _answer(one, page)
    if len(found) > _SHOWN:
        st.caption(f"and {len(found) - _SHOWN:,} more: `python -m storage requests list`")
    refused = session.take(key(page, "answer", "refused"))
    if isinstance(refused, StorageError):
        feedback.error_panel(refused, key=key(page, "answer", "failed"))
    return loaded, bool(found)


def _answer(one: TeamRequest, page: str) -> None:
    name = key(page, "answer", one.request_id)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        words = st.text_input(
            "Answer",
            key=name,
            max_chars=1_000,
            live=True,
            label_visibility="collapsed",
            placeholder="Your answer to the person who asked",
            width=360,
        )
        short = len(words.strip()) < LEAST_REASON_CHARS
        for state, label in (("done", "Done"), ("declined", "Decline")):
            st.button(
                label,
                key=f"{name}-{state}",
                disabled=short,
                on_click=_give,
                args=(page, one.request_id, state, name),
                help="Write an answer of three letters or more." if short else None,
            )


def _give(page: str, request_id: str, state: Answer, name: str) -> None:
    try:
        who, words = actor(), str(st.session_state.get(name, ""))
        asked = (who.email, request_id, state)
        session.once(key(page, "answer", "given"), asked, partial(request_loads.answer, who, request_id, state, words))
    except StorageError as error:
        st.session_state[key(page, "answer", "refused")] = error


def mine(*, page: str) -> bool:
    """Draws what this person asked and how it was answered; false where there is nothing."""
    now = datetime.now(UTC)
    found = [one for one in request_loads.of_person(actor(active=False).email).value if one.is_news(now)]
    for one in found[:_SHOWN]:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f"{_line(one, now)}  \n:small[{md(one.spelled, 200)}]", width="stretch")
            _link(one)
            ticket(one, name=key(page, "mine", one.request_id))
    if found:
        _older()
    return bool(found)


def _older() -> None:
    """Says how long an answer stands here, and where it is afterwards."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"An answer stays here for {NEWS_FOR.days} days; the audit keeps it.", width="content")
        if allowed("audit.own"):
            audit, query = SCREENS["audit"], {"action": requests.ASK}
            st.page_link(audit.file, label="Older ones", icon=f":material/{audit.icon}:", query_params=query)
