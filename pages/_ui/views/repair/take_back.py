"""Takes one recorded change back, on any page: it shows what would be put back, and asks for a reason."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pages._ui import focusing
from pages._ui.access.guard import guarded, stopped_by
from pages._ui.data import loads
from pages._ui.data.resources import repair_context, stores
from pages._ui.kit import feedback, session
from pages._ui.kit.session import key
from pages._ui.kit.text import md
from pages._ui.views.repair import dialog
from storage.actions import repair, undoable
from storage.domain.actor_and_reason import LEAST_REASON_CHARS, MAX_REASON_CHARS
from storage.domain.policy import Action, Actor


def control(change_id: str, needed: Action, *, page: str) -> None:
    """Draws the button that opens the form, greyed for those who may not; or that the change was just taken back."""
    if st.session_state.get(_done_key(page)) == change_id:
        st.badge("Undone", icon=":material/undo:", color="gray")
    elif st.session_state.get(_open_key(page)) != change_id:
        stop = stopped_by(needed)
        st.button(
            "Undo…",
            key=key(page, "undo_look", change_id),
            icon=":material/undo:",
            disabled=bool(stop),
            help=stop or None,
            on_click=_open,
            args=(page, change_id),
        )


def form(change_id: str, needed: Action, *, page: str) -> None:
    """Draws what the change would put back, with the reason and the button, where its form is open."""
    if st.session_state.get(_open_key(page)) == change_id and not stopped_by(needed):
        body = partial(_look, page, change_id, needed)
        feedback.section("the change", body, key=key(page, "undo_form"), unknown="what it would put back")


def _open_key(page: str) -> str:
    """The session key of the change whose form is open on the page."""
    return key(page, "undo_open")


def _done_key(page: str) -> str:
    """The session key of the change that was just taken back."""
    return key(page, "undo_done")


def _open(page: str, change_id: str | None) -> None:
    """Opens the form for this change, with empty fields; `None` closes it."""
    session.renew_nonce(key(page, "undo_nonce"))
    st.session_state[_open_key(page)] = change_id
    st.session_state.pop(_done_key(page), None)


def _look(page: str, change_id: str, needed: Action) -> None:
    with st.spinner("Reading the change and what is there now…"):
        found = undoable.undoable(stores().records, stores().objects, change_id)
    if found.undone_by:
        st.info(f"{md(found.undone_by, 160)} has already undone it.", icon=":material/undo:")
        return
    if found.moved:
        lines = "\n".join(f"- {md(line, 300)}" for line in found.moved[:20])
        st.warning(
            f"These fields or files changed since, so the change cannot be undone:\n{lines}",
            title="Refused",
            icon=":material/shield:",
        )
        return
    if found.changes:
        dialog.differences(found.changes)
    for name in found.objects:
        st.caption(f"If the change wrote the object {md(name, 400)}, it is also put back as it was.")
    mark = (change_id, session.nonce(key(page, "undo_nonce")))
    name = key(page, "undo_reason", *mark)
    reason = st.text_input(
        "Reason, with the ticket",
        key=name,
        max_chars=MAX_REASON_CHARS,
        live=True,
        placeholder="Why you undo it, for the readers of the audit",
    )
    focusing.begin_in(name, key=key(page, "undo_focus"))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Undo the change",
            key=key(page, "undo_go", *mark),
            type="primary",
            icon=":material/undo:",
            disabled=len(reason.strip()) < LEAST_REASON_CHARS,
            on_click=guarded(needed)(_undo),
            args=(page, change_id, found.uid, reason),
        )
        st.button(
            "Cancel",
            key=key(page, "undo_leave", *mark),
            type="tertiary",
            on_click=_open,
            args=(page, None),
            shortcut="Esc",
        )


def _undo(actor: Actor, page: str, change_id: str, uid: str, reason: str) -> None:
    """Takes the change back once; the page shows a refusal."""
    if session.take(_open_key(page)) != change_id:
        return  # it was already sent
    try:
        repair.undo(repair_context(), actor, change_id, reason)
        st.session_state[_done_key(page)] = change_id
    finally:
        loads.audit.clear()
        loads.forget_user(uid)
