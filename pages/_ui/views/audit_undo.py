"""Takes back a change of fields from its entry in the audit: what would be put back is shown before anything is.

The rights are those of the change itself, a reason is asked for, and nothing is put back over what was changed since:
the action looks again, under the precondition of every document.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import streamlit as st

from pages._ui.access.guard import allowed, guarded
from pages._ui.data import loads
from pages._ui.data.resources import bench, stores
from pages._ui.kit import feedback, session
from pages._ui.kit.session import key
from pages._ui.kit.text import md
from pages._ui.views import fix_dialog
from pages._ui.views.fix_kinds import Preview
from storage.actions import fields, fixing
from storage.domain.actor_and_reason import LEAST_REASON_CHARS, MAX_REASON_CHARS
from storage.domain.policy import Action, Actor
from storage.ids import is_id

PAGE: Final = "audit"
CHANGES: Final = frozenset({"set-status", "highlights", "recount", "upload"})
WITH_OBJECTS: Final = frozenset({"highlights", "upload"})  # these are on record before they are made
_OPEN: Final = key(PAGE, "undo_open")  # session key: the change that is being looked at
_NONCE: Final = key(PAGE, "undo_nonce")
_DONE: Final = key(PAGE, "undo_done")  # session key: the change that was just taken back


def draw(entry: Mapping[str, Any]) -> None:
    """For an entry that changed fields: each of its changes, with the way to take it back."""
    action = str(entry.get("action") or "")
    needed = needs(action)
    outcomes = {"done", "begun", "failed"} if action in WITH_OBJECTS else {"done"}
    if action not in CHANGES or entry.get("outcome") not in outcomes or not allowed(needed):
        return
    for change_id in change_ids(entry):
        with st.container(border=True, key=key(PAGE, "undo", change_id)):
            _change(change_id, needed)


def change_ids(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """What takes the entry's change back, the last part first. An entry is only text: what is no id is left out."""
    detail = entry.get("detail")
    if not isinstance(detail, Mapping):
        return ()
    several = detail.get("change_ids")
    found = [*(several if isinstance(several, list | tuple) else ()), detail.get("change_id")]
    return tuple(reversed([one for one in found if isinstance(one, str) and is_id(one)]))


def needs(action: str) -> Action:
    """What whoever takes back such a change must be permitted to do: the same as for making it."""
    return "recount" if action == "recount" else "fix"


def _change(change_id: str, needed: Action) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f":material/edit: Change {md(change_id, 60)}", width="content")
        if st.session_state.get(_DONE) == change_id:
            st.badge("Taken back", icon=":material/undo:", color="gray")
        elif st.session_state.get(_OPEN) != change_id:
            st.button(
                "Take it back…", key=key(PAGE, "undo_look", change_id), icon=":material/undo:", on_click=_open,
                args=(change_id,),
            )  # fmt: skip
    if st.session_state.get(_OPEN) == change_id:
        body = partial(_look, change_id, needed)
        feedback.section("the change", body, key=key(PAGE, "undo_form"), unknown="what it would put back")


def _open(change_id: str | None) -> None:
    """Whatever was typed when it was open before is gone."""
    session.renew_nonce(_NONCE)
    st.session_state[_OPEN] = change_id
    st.session_state.pop(_DONE, None)


def _look(change_id: str, needed: Action) -> None:
    with st.spinner("Reading the change and what is there now…"):
        found = fields.undoable(stores().records, stores().objects, change_id)
    if found.undone_by:
        st.info(f"It was taken back already, by {md(found.undone_by, 160)}.", icon=":material/undo:")
        return
    if found.moved:
        lines = "\n".join(f"- {md(line, 300)}" for line in found.moved[:20])
        st.warning(
            f"Changed since, so it cannot simply be put back:\n{lines}", title="Refused", icon=":material/shield:"
        )
        return
    if found.changes:
        fix_dialog.differences(Preview(found.changes, None, ""))
    for name in found.objects:
        st.caption(f"The object {md(name, 400)} is put back too, where the change wrote it: as it was before.")
    mark = (change_id, session.nonce(_NONCE))
    reason = st.text_input(
        "Reason, with the ticket", key=key(PAGE, "undo_reason", *mark), max_chars=MAX_REASON_CHARS, live=True,
        placeholder="Why it is taken back, for whoever reads the audit",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Put it back", key=key(PAGE, "undo_go", *mark), type="primary", icon=":material/undo:",
            disabled=len(reason.strip()) < LEAST_REASON_CHARS, on_click=guarded(needed)(_undo),
            args=(change_id, found.uid, reason),
        )  # fmt: skip
        st.button("Leave it", key=key(PAGE, "undo_leave", *mark), type="tertiary", on_click=_open, args=(None,),
                  shortcut="Esc")  # fmt: skip


def _undo(actor: Actor, change_id: str, uid: str, reason: str) -> None:
    """Takes it back once; what refuses it is shown on the page."""
    if session.take(_OPEN) != change_id:
        return  # it was sent already
    try:
        fixing.undo(bench(), actor, change_id, reason)
        st.session_state[_DONE] = change_id
    finally:
        loads.audit.clear()
        loads.forget_user(uid)
