"""Draws the form that makes a link to a clip for a customer: how long it lives, the reason, and the link to copy.

The link is a bearer token: it stays in this session alone, until it expires or the clip or the page is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import streamlit as st

from pages._ui.access.guard import allowed, require
from pages._ui.copying import copy_button
from pages._ui.data.resources import repair_context
from pages._ui.kit import feedback, format, session
from pages._ui.kit.session import key
from storage import logs
from storage.actions import links
from storage.domain.actor_and_reason import LEAST_REASON_CHARS
from storage.domain.documents import Clip, SignedUrl
from storage.domain.policy import Actor
from storage.errors import StorageError

LIVES: Final = {
    "15 minutes": timedelta(minutes=15),
    "1 hour": timedelta(hours=1),
    "4 hours": timedelta(hours=4),
    "24 hours": timedelta(hours=24),
}
_WAYS: Final = {"Saves the file": True, "Plays in the browser": False}


@dataclass(frozen=True, slots=True)
class LinkMade:
    """How a press of the button ended, for one clip."""

    about: tuple[str, str, str]
    signed: SignedUrl | None = field(default=None, repr=False)
    error: StorageError | None = None


def draw(clip: Clip, *, page: str) -> None:
    """Draws the form, and the link where one was made and lives."""
    if not allowed("link.send"):
        return
    made = _current(clip, page)
    name = key(page, "send", clip.clip_id)
    with st.expander(
        "A link to send", icon=":material/forward_to_inbox:", expanded=made is not None, key=f"{name}-form"
    ):
        st.caption("Anybody with the link can fetch the clip until the link expires. It cannot be revoked.")
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            life = st.selectbox("Valid for", list(LIVES), key=f"{name}-life", width=150)
            way = st.selectbox("The link", list(_WAYS), key=f"{name}-way", width=190)
            reason = st.text_input(
                "Reason, with the ticket", key=f"{name}-reason", max_chars=1_000, live=True, width=320
            )
            st.button(
                "Make the link",
                key=f"{name}-make",
                icon=":material/link:",
                type="primary",
                disabled=len((reason or "").strip()) < LEAST_REASON_CHARS,
                on_click=_make,
                args=(clip, page, str(life), str(way), f"{name}-reason"),
            )
        if made is not None:
            _outcome(made, name)


def _outcome(made: LinkMade, name: str) -> None:
    if made.error is not None:
        feedback.error_panel(made.error, key=f"{name}-failed")
    elif made.signed is not None:
        until = format.utc(made.signed.expires_at).text
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            copy_button(made.signed.url, key=f"{name}-copy", what="link to send", label="Copy the link")
            st.markdown(f":green[:material/check_circle:] Valid until **{until}**. The audit has it.", width="stretch")


def _slot(page: str) -> str:
    return key(page, "send", "made")


def _asked(page: str) -> str:
    return key(page, "send", "asked")


def _current(clip: Clip, page: str) -> LinkMade | None:
    """What was made for this clip; one that has expired, or is another clip's, is dropped."""
    made = st.session_state.get(_slot(page))
    if not isinstance(made, LinkMade):
        return None
    expired = made.signed is not None and made.signed.expires_at <= datetime.now(UTC)
    if expired or made.about != (clip.uid, clip.video_id, clip.clip_id):
        del st.session_state[_slot(page)]
        session.take(_asked(page))
        return None
    return made


def _make(clip: Clip, page: str, life: str, way: str, reason: str) -> None:
    words = str(st.session_state.get(reason, ""))
    try:
        who = require("link.send")
        # A second click makes no second link and no second entry in the audit.
        st.session_state[_slot(page)] = session.once(
            _asked(page),
            (who.email, clip.uid, clip.video_id, clip.clip_id, life, way, words),
            partial(_make_once, who, clip, life, way, words),
        )
    except StorageError as error:
        st.session_state[_slot(page)] = LinkMade((clip.uid, clip.video_id, clip.clip_id), error=error)


def _make_once(who: Actor, clip: Clip, life: str, way: str, reason: str) -> LinkMade:
    about = (clip.uid, clip.video_id, clip.clip_id)
    link = links.link_to_send(repair_context(), who, *about, life=LIVES[life], reason=reason, download=_WAYS[way])
    logs.event("link.issue", actor=who, target="/".join(about), outcome="done", purpose=links.PURPOSE)
    return LinkMade(about, link.signed)
