"""Shows how a repair ended until the next one begins, with the button that takes it back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

from pages._ui.access.guard import require
from pages._ui.copying import copy_button
from pages._ui.data import loads
from pages._ui.data.resources import repair_context
from pages._ui.kit import feedback, session
from pages._ui.kit.session import key
from pages._ui.kit.text import plain
from pages._ui.views.repair.kinds import BY_ID, Done, Kind, Subject
from storage.actions import repair
from storage.errors import StorageError


@dataclass(frozen=True, slots=True)
class RepairTarget:
    """The repair of a video, or of a user (then `video_id` is empty), on a page.

    Callbacks get it as it was when their button was drawn.
    """

    page: str
    kind_id: str
    uid: str
    video_id: str

    @property
    def kind(self) -> Kind:
        return BY_ID[self.kind_id]


@dataclass(frozen=True, slots=True)
class RepairOutcome:
    """How a change ended. Exactly one of `done`, `error` and `incident` says so."""

    target: RepairTarget
    done: Done | None = None
    error: StorageError | None = None
    incident: str = ""
    undone: bool = False


def outcome_key(page: str) -> str:
    """The session key of the outcome."""
    return key(page, "fix", "outcome")


def undo(shown: RepairOutcome) -> None:
    """For the Undo button: takes back what was just written, the last part first."""
    target, done = shown.target, shown.done
    if done is None or session.take(outcome_key(target.page)) is not shown:
        return
    left = list(done.change_ids)
    try:
        while left:
            repair.undo(repair_context(), require(target.kind.action), left[-1], f"Taken back: {target.kind.title}")
            left.pop()
        ended = replace(shown, done=Done("Everything was put back as it was.", done.change_ids), undone=True)
    except StorageError as error:
        ended = RepairOutcome(target, error=error, done=replace(done, change_ids=tuple(left)))
    except Exception as error:
        ended = RepairOutcome(target, incident=feedback.record(error, "undoing a change"))
    finally:
        loads.forget_user(target.uid)
    st.session_state[outcome_key(target.page)] = ended


def draw(subject: Subject, *, page: str) -> None:
    """Draws how the last change of this video or user ended, if there was one, with the button that takes it back."""
    shown = st.session_state.get(outcome_key(page))
    if not isinstance(shown, RepairOutcome):
        return
    if (shown.target.uid, shown.target.video_id) != (subject.uid, subject.video_id):
        return
    with st.container(border=True, key=key(page, "fix", "ended")):
        if shown.error is not None:
            feedback.error_panel(shown.error, key=key(page, "fix", "refused"), what=shown.target.kind.title.lower())
        elif shown.incident:
            st.error(f"The log has the details under incident `{shown.incident}`.", title="Something went wrong")
        elif shown.done is not None:
            st.success(shown.done.words, title=shown.target.kind.title, icon=":material/task_alt:")
        if shown.done is not None and shown.done.change_ids:
            _take_back(shown, page)


def _take_back(shown: RepairOutcome, page: str) -> None:
    assert shown.done is not None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for change_id in shown.done.change_ids:
            st.caption(f"Change `{plain(change_id, 40)}`", width="content")
            copy_button(change_id, key=key(page, "fix", "copy", change_id), what="change id", label="")
        if shown.undone:
            st.badge("Undone", icon=":material/undo:", color="gray")
        else:
            st.button("Undo", key=key(page, "fix", "undo"), icon=":material/undo:", on_click=undo, args=(shown,))
