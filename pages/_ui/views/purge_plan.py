"""A plan in full, before anybody agrees to it: what blocks it, what goes, what to know, its seal, and its deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import streamlit as st

from pages._ui.access.guard import allowed, require
from pages._ui.copying import copy_button
from pages._ui.data import loads, purges
from pages._ui.data.purges import Sheet, Standing
from pages._ui.data.resources import stores
from pages._ui.kit import feedback, format
from pages._ui.kit.feedback import cost_words, freshness
from pages._ui.kit.session import UID, VIDEO_ID, key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views import purge_approve, purge_confirm, purge_scope, purge_sheet, purge_whose
from pages._ui.views.purge_scope import WHAT
from storage.clients.meter import Cost
from storage.domain.purge.cost import estimate
from storage.domain.purge.guards import second_person_needed
from storage.domain.purge.order import slugs
from storage.domain.purge.plan import PurgePlan
from storage.domain.purge.scope import Scope

PAGE: Final = "purge"
TICK_SECONDS = 5


def draw(plan_id: str) -> None:
    """The plan, and below it whatever may be done with it now."""
    with feedback.loading("Reading the plan…", 320):
        shown = loads.plan(plan_id)
        loaded = loads.standing(plan_id, shown.fingerprint)
    plan, standing = shown.plan, loaded.value
    ahead = loaded.read_at - standing.read_at if standing.read_at else timedelta()
    now = datetime.now(UTC) - ahead
    _head(shown, standing, now)
    purge_whose.draw(plan.scope)
    _state(shown, standing, now, ahead)
    _totals(plan)
    _warnings(plan)
    st.subheader("What goes", anchor=False)
    purge_sheet.draw(shown)
    freshness(loaded.read_at, key=key(PAGE, "standing_fresh"), cost=loaded.cost, on_refresh=loads.forget_purges)
    if standing.job is not None or plan.blocked or not plan.seal or not purges.in_force(plan, now):
        return
    actor = require("purge.plan", active=False)
    if allowed("purge.approve"):
        purge_approve.draw(plan, standing, actor, needed=bool(_needed(plan)))
    if allowed("purge.apply"):
        purge_confirm.draw(plan, standing, actor.email, needed=_needed(plan))


def _needed(plan: PurgePlan) -> tuple[str, ...]:
    return second_person_needed(plan, stores().settings.purge, erase=False)


def _head(shown: Sheet, standing: Standing, now: datetime) -> None:
    plan = shown.plan
    title, icon, _ = WHAT[plan.scope.kind]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(f"Plan: purge {md(plan.scope.spelled, 160)}", width="content", anchor=False)
        st.badge(title, icon=f":material/{icon}:", color="blue")
        if standing.job is not None:
            st.badge("Applied", icon=":material/check_circle:", color="gray")
        elif not purges.in_force(plan, now):
            st.badge("Lapsed", icon=":material/timer_off:", color="gray")
        elif plan.blocked:
            st.badge("Blocked", icon=":material/block:", color="red")
        elif _needed(plan) and standing.counting(plan, plan.maker):
            st.badge("Approved", icon=":material/how_to_reg:", color="green")
        elif _needed(plan):
            st.badge("Takes a second person", icon=":material/group:", color="orange")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        made = format.ago(plan.created_at, now)
        st.caption(f"Made {made.text} by {md(plan.maker or 'somebody unknown', 80)}", help=made.help, width="content")
        st.caption(f"{md(plan.plan_id)}", width="content")
        st.caption(f"fingerprint {shown.fingerprint[:16]}…", help=shown.fingerprint, width="content")
        copy_button(shown.fingerprint, key=key(PAGE, "copy_fingerprint"), what="fingerprint", label="")
        st.page_link(SCREENS["user"].file, label="User", icon=":material/person:", query_params={UID: plan.scope.uid})
        if plan.scope.video_id is not None:
            ids = {UID: plan.scope.uid, VIDEO_ID: plan.scope.video_id}
            st.page_link(SCREENS["video"].file, label="Video", icon=":material/movie:", query_params=ids)


def _state(shown: Sheet, standing: Standing, now: datetime, ahead: timedelta) -> None:
    """The one thing that matters most now: applied, lapsed, blocked, or how long it holds. `now` is Firestore's time,
    which decides whether it holds; `ahead` is by how much this machine's clock is ahead of that."""
    plan = shown.plan
    if standing.job is not None:
        job = standing.job
        st.info(
            f"This plan was applied by {md(job.actor)} {format.ago(job.created_at, now).text}. One plan is one job.",
            title="Applied",
            icon=":material/check_circle:",
        )
        label = f"Open job {md(job.job_id)}"
        st.page_link(SCREENS[PAGE].file, label=label, icon=":material/arrow_forward:", query_params={"job": job.job_id})
        return
    if plan.blocked:
        lines = "\n".join(f"- {md(line, 400)}" for line in plan.blocked)
        st.error(
            f"{lines}\n\nNothing of this plan can be applied. Clear what blocks it, then make the plan anew.",
            title="Blocked",
            icon=":material/block:",
        )
    if not purges.in_force(plan, now):
        st.warning(
            f"It held until {format.utc(plan.expires_at).text}. Nothing was changed. What is there now may be more or "
            "other than what it shows, so it can only be made anew.",
            title="This plan has lapsed",
            icon=":material/timer_off:",
        )
        _anew(plan.scope)
        return
    if not plan.seal:
        st.warning(
            "It was made by an older version of the desk, which sealed plans without a key. It is shown, and cannot be "
            "approved or applied: whoever wrote it may have been anybody.",
            title="This plan has no seal",
            icon=":material/lock_open:",
        )
    if plan.blocked or not plan.seal:
        _anew(plan.scope)
        _acknowledge(plan)
        return
    waiting = bool(_needed(plan)) and not standing.counting(plan, plan.maker)
    seen = (len(standing.approvals), len(standing.declines))
    st.fragment(partial(_deadline, shown, ahead, waiting=waiting, seen=seen), run_every=TICK_SECONDS)()


def _deadline(shown: Sheet, ahead: timedelta, *, waiting: bool, seen: tuple[int, int]) -> None:
    """Counts down; where somebody else's word is awaited, looks whether it was given, and then draws the page anew."""
    plan, now = shown.plan, datetime.now(UTC) - ahead
    if not purges.in_force(plan, now):
        st.rerun()
    left = format.span((plan.expires_at - now).total_seconds())
    st.caption(
        f":material/timer: Holds for {left} more, until {format.utc(plan.expires_at).text}. "
        "It is refused by itself if anything of it moves before it is applied."
    )
    if waiting:
        feedback.section("the approvals", partial(_look, shown, seen), key=key(PAGE, "look"))


def _look(shown: Sheet, seen: tuple[int, int]) -> None:
    require("purge.plan", active=False)
    fresh = loads.standing(shown.plan.plan_id, shown.fingerprint).value
    if (len(fresh.approvals), len(fresh.declines)) != seen or fresh.job is not None:
        st.rerun()


def _anew(scope: Scope) -> None:
    """The way back to the choice, with the same ids where they fit into an address."""
    wanted = {"uid": scope.uid, "video_id": scope.video_id}
    if scope.kind == "clip":
        wanted["clip_id"] = scope.clips[0].clip_id
    ids = {name: value for name, value in wanted.items() if value}
    st.page_link(SCREENS[PAGE].file, label="Plan it anew", icon=":material/refresh:", query_params=ids)


def _acknowledge(plan: PurgePlan) -> None:
    """Where claimed objects are gone and the bucket is not doubted: the way to purge all the same, on record."""
    claims = plan.claims
    if claims is None or not claims.may_be_acknowledged or not allowed("purge.plan"):
        return
    with st.container(border=True, key=key(PAGE, "acknowledge_box")):
        st.markdown(
            f"**Are they lost?** {md(claims.words, 600)}. The documents of these clips are the last trace of where the "
            "files were, and a purge takes them. It goes on record in the plan, the job, the audit and the "
            "certificate, which will not be clean."
        )
        sure = st.checkbox(
            f"I know why {len(claims.missing):,} claimed {'object' if len(claims.missing) == 1 else 'objects'} "
            "cannot be seen.",
            key=key(PAGE, "acknowledge", plan.plan_id),
        )
        if st.button(
            "Plan it anew, as acknowledged", icon=":material/fact_check:", disabled=not sure,
            key=key(PAGE, "acknowledged", plan.plan_id),
        ):  # fmt: skip
            purge_scope.make(plan.scope, acknowledge_missing=True)


def _totals(plan: PurgePlan) -> None:
    links = len(slugs(plan.documents))
    size = format.size(plan.total_bytes)
    with st.grid("auto", min_column_width=165, key=key(PAGE, "totals")):
        st.metric("Objects", format.count(len(plan.objects)).text, border=True)
        st.metric("Size", size.text, border=True, help=size.help)
        st.metric("Documents", format.count(len(plan.documents)).text, border=True)
        st.metric("Public share links", format.count(links).text, border=True)
        st.metric("Open uploads", format.count(len(plan.uploads)).text, border=True)
        if plan.claims is not None and plan.claims.missing:
            st.metric("Claimed, not seen", format.count(len(plan.claims.missing)).text, border=True)
    words = ", ".join(cost_words(Cost(**estimate(plan, erase=False))))
    st.caption(f"Applying it will be billed as about {words}.")


def _warnings(plan: PurgePlan) -> None:
    if plan.warnings:
        lines = "\n".join(f"- {md(line, 400)}" for line in plan.warnings)
        st.warning(lines, title="Know before you agree", icon=":material/warning:")
