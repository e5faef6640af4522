"""The second person: what others said about a plan, the link to hand on, and approving or declining it."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages._ui.access.guard import require
from pages._ui.copying import copy_button
from pages._ui.data import loads, purges
from pages._ui.data.purges import Standing
from pages._ui.kit import feedback, format, session
from pages._ui.kit.session import key, url_for
from pages._ui.kit.text import md
from storage.domain.actor_and_reason import MAX_REASON_CHARS
from storage.domain.policy import Actor
from storage.domain.purge.plan import PurgePlan
from storage.errors import StorageError

PAGE: Final = "purge"
_NONCE: Final = key(PAGE, "approve_nonce")


def draw(plan: PurgePlan, standing: Standing, actor: Actor, *, needed: bool) -> None:
    """What was said so far; for the maker the link, for anybody else the two answers."""
    st.subheader("Second person", anchor=False)
    _said(standing)
    mine = any(given.approver == actor.email for given in standing.approvals)
    if actor.email == plan.maker:
        if not (needed and standing.counting(plan, plan.maker)):
            _hand_on(plan, needed=needed)
    elif not mine:
        _answer(plan)


def _said(standing: Standing) -> None:
    for given in standing.approvals:
        at = format.utc(given.at)
        st.success(f"{md(given.approver, 80)} approved exactly this plan at {at.text}.", icon=":material/how_to_reg:")
    for no in standing.declines:
        st.error(
            f"{md(no.by, 80)}: {md(no.reason, 600)}",
            title=f"Declined at {md(no.at[:19].replace('T', ' '))} UTC",
            icon=":material/thumb_down:",
        )


def _hand_on(plan: PurgePlan, *, needed: bool) -> None:
    words = (
        "You made this plan, so somebody else must agree to it. Send the link to another admin:"
        if needed
        else "One person is enough for this, unless it is to be erased. To have another admin look at it first:"
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(words, width="content")
        copy_button(_address(plan.plan_id), key=key(PAGE, "copy_link"), what="link to this plan", label="Copy the link")
    st.caption("They see exactly this plan, with the same fingerprint. Their answer appears here.")


def _address(plan_id: str) -> str:
    base = (st.context.url or "").split("?")[0]
    return f"{base}?plan={plan_id}" if base.startswith("http") else url_for(PAGE, plan=plan_id)


def _answer(plan: PurgePlan) -> None:
    nonce = session.nonce(_NONCE)
    with st.container(border=True, key=key(PAGE, "answer_box")):
        st.markdown(
            f"**{md(plan.maker or 'Somebody')} asks you to agree** that {len(plan.objects):,} objects "
            f"({format.size(plan.total_bytes).text}) and {len(plan.documents):,} documents of "
            f"**{md(plan.scope.spelled, 200)}** go. Whoever approves a plan cannot apply it."
        )
        seen = st.checkbox(
            "I have looked at the lists and the warnings above.", key=key(PAGE, "seen", plan.plan_id, nonce)
        )
        why = st.text_input(
            "Reason (to decline)",
            key=key(PAGE, "decline_reason", plan.plan_id, nonce),
            max_chars=MAX_REASON_CHARS,
            live=True,
        )
        with st.container(horizontal=True, gap="small"):
            approved = st.button(
                "Approve this plan", type="primary", icon=":material/how_to_reg:", disabled=not seen,
                key=key(PAGE, "approve", nonce),
            )  # fmt: skip
            declined = st.button(
                "Decline", icon=":material/thumb_down:", disabled=not why.strip(), key=key(PAGE, "decline", nonce)
            )
        if approved or declined:
            _act(plan, why if declined else None)


def _act(plan: PurgePlan, declining: str | None) -> None:
    try:
        actor = require("purge.approve")
        with st.spinner("Recording your answer…"):
            if declining is None:
                purges.approve(plan, actor)
            else:
                purges.decline(plan, declining, actor)
    except StorageError as error:
        feedback.error_panel(error, key=key(PAGE, "answer_failed"))
        return
    finally:
        loads.forget_purges()
    session.renew_nonce(_NONCE)
    st.rerun()
