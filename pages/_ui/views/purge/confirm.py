"""Asks for the confirmation of a purge: the reason, the id of the scope, and what else its size demands.

These checks only decide whether the button can be pressed. The action checks phrase, reason, role, plan and approvals
again, on the stored plan.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages._ui import focusing
from pages._ui.access.guard import require
from pages._ui.copying import copy_button
from pages._ui.data import loads, purges
from pages._ui.data.purges import PlanStatus
from pages._ui.data.resources import stores
from pages._ui.kit import feedback, format, session
from pages._ui.kit.session import key
from pages._ui.kit.text import md
from storage.actions.purge.jobs import Request
from storage.domain.actor_and_reason import MAX_REASON_CHARS
from storage.domain.purge.claims import never_seen_words
from storage.domain.purge.guards import second_person_needed
from storage.domain.purge.plan import PurgePlan
from storage.errors import StorageError
from storage.text import number

PAGE: Final = "purge"
_NONCE: Final = key(PAGE, "confirm_nonce")
# Streamlit has no button for dangerous actions.
_DANGER: Final = (
    f"<style>.st-key-{key(PAGE, 'danger')} button[kind=primary]:not(:disabled) "
    "{ background-color: #b3261e; border-color: #b3261e; color: #fff; }</style>"
)
_OPEN: Final = key(PAGE, "confirm_open")  # session key: the plan whose confirmation was opened


def draw(plan: PurgePlan, status: PlanStatus, email: str, *, needed: tuple[str, ...]) -> None:
    """Draws the confirmation of this plan. It is open at once for a single clip; a click opens any larger one."""
    st.subheader("Apply", anchor=False)
    if needed and email in {given.approver for given in status.approvals} and not status.counting(plan, email):
        st.caption("You approved this plan, so somebody else applies it: its maker, or another admin.")
        return
    if st.session_state.get(_OPEN) != plan.plan_id and (plan.scope.kind != "clip" or needed):
        st.button(
            "Continue to the confirmation",
            icon=":material/arrow_downward:",
            key=key(PAGE, "open"),
            on_click=_open,
            args=(plan.plan_id,),
        )
        return
    st.html(_DANGER)
    with st.container(border=True, key=key(PAGE, "confirm_box")):
        _form(plan, status, email)


def _open(plan_id: str) -> None:
    """Opens the confirmation with empty fields."""
    session.renew_nonce(_NONCE)
    st.session_state[_OPEN] = plan_id


def _close() -> None:
    session.renew_nonce(_NONCE)
    st.session_state.pop(_OPEN, None)


@st.fragment
def _form(plan: PurgePlan, status: PlanStatus, email: str) -> None:
    mark = (plan.plan_id, session.nonce(_NONCE))
    erase = st.toggle("Erase without quarantine (legal requests): this cannot be undone", key=key(PAGE, "erase", *mark))
    limits = stores().settings.purge
    if not erase:
        st.caption(
            f"Each object is copied to quarantine before it is deleted, and everything can be put back for "
            f"{number(limits.quarantine_days, 'day')}."
        )
    needed = second_person_needed(plan, limits, erase=erase)
    large = plan.scope.kind != "clip" or bool(needed)
    _second(needed, approved=bool(status.counting(plan, email)))
    reason, ticket = _why(mark, ticket_needed=bool(needed))
    if st.session_state.get(_OPEN) == plan.plan_id:  # by a click, not because the page was opened
        focusing.begin_in(key(PAGE, "reason"), key=key(PAGE, "reason_focus", *mark))
    ticks = _ticks(plan, mark, erase=erase) if large else True
    phrase = _phrase(plan, mark)
    missing = [
        *([] if reason.strip() else ["add a reason"]),
        *([] if ticket.strip() or not needed else ["add the ticket"]),
        *([] if ticks else ["tick every box"]),
        *([] if plan.scope.is_named_by(phrase) else ["type the id exactly"]),
        *([] if status.counting(plan, email) or not needed else ["get a second person's approval"]),
    ]
    label = _label(plan, erase=erase)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=key(PAGE, "danger")):
        pressed = st.button(
            label,
            type="primary",
            icon=":material/delete_forever:",
            disabled=bool(missing),
            key=key(PAGE, "apply", *mark),
        )
        if st.button(
            "Start over", key=key(PAGE, "over", *mark), type="tertiary", help="Empties every field.", shortcut="Esc"
        ):
            _close()
            st.rerun()
        if missing:
            st.caption(f"To continue: {', '.join(missing)}.", width="content")
    if pressed:
        why = f"{reason.strip()} (ticket {ticket.strip()})" if ticket.strip() else reason
        _apply(plan, Request(phrase, why, erase))


def _second(needed: tuple[str, ...], *, approved: bool) -> None:
    if needed and approved:
        st.success("A second person has approved this plan.", icon=":material/how_to_reg:")
    elif needed:
        st.warning(
            f"One person is not enough: {'; '.join(md(why) for why in needed)}. "
            "Somebody other than its maker and you must approve it first.",
            icon=":material/group:",
        )


def _why(mark: tuple[str, int], *, ticket_needed: bool) -> tuple[str, str]:
    left, right = st.columns([3, 1])
    reason = left.text_input(
        "Reason",
        key=key(PAGE, "reason", *mark),
        max_chars=MAX_REASON_CHARS - 120,
        live=True,
        placeholder="Why it must be deleted. The audit keeps it for ever: no links, no private details.",
    )
    ticket = right.text_input(
        "Ticket" if ticket_needed else "Ticket (if there is one)",
        key=key(PAGE, "ticket", *mark),
        max_chars=100,
        live=True,
    )
    return reason, ticket


def _ticks(plan: PurgePlan, mark: tuple[str, int], *, erase: bool) -> bool:
    """Draws the sentences to tick: the numbers, the warnings, and that an erasure is final. True if all are ticked."""
    size = format.size(plan.total_bytes).text
    sentences = [
        f"{number(len(plan.objects), 'object')} ({size}) and {number(len(plan.documents), 'document')} will be deleted."
    ]
    if plan.warnings:
        count = len(plan.warnings)
        sentences.append("I have read the warning." if count == 1 else f"I have read the {count:,} warnings.")
    if plan.claims is not None and plan.claims.missing:
        sentences.append(f"{never_seen_words(len(plan.claims.missing))}; the certificate says so.")
    if erase:
        sentences.append("There is no quarantine and no undo, and earlier quarantines of this scope are emptied too.")
    ticks = [st.checkbox(text, key=key(PAGE, "tick", number, *mark)) for number, text in enumerate(sentences)]
    return all(ticks)


def _phrase(plan: PurgePlan, mark: tuple[str, int]) -> str:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"Type or paste the id to confirm: **{md(plan.scope.typeable, 400)}**", width="content")
        copy_button(plan.scope.typeable, key=key(PAGE, "copy_name"), what="id", label="")
    return st.text_input(
        "Id to confirm",
        key=key(PAGE, "phrase", *mark),
        live=True,
        autocomplete="off",
        label_visibility="collapsed",
    )


def _label(plan: PurgePlan, *, erase: bool) -> str:
    what = {
        "clip": "the clip",
        "clips": f"{len(plan.scope.clips):,} clips",
        "video": "the video",
        "user": "the whole account",
    }
    return f"{'Erase' if erase else 'Delete'} {what[plan.scope.kind]}"


def _apply(plan: PurgePlan, request: Request) -> None:
    try:
        actor = require("purge.apply")
        with st.spinner("Checking that nothing moved since the plan was made…"):
            job = purges.begin(plan, request, actor)
    except StorageError as error:
        feedback.error_panel(error, key=key(PAGE, "apply_failed"))
        return
    finally:
        loads.forget_purges()
    _close()
    loads.forget_user(plan.scope.uid)
    st.query_params.from_dict({"job": job.job_id})
    st.rerun()
