"""Draws what pages about a sealed plan of rows share: a second person, the way to apply it, its end, the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Concatenate, ParamSpec

import streamlit as st

from pages._ui.access.guard import actor, allowed, guarded, stopped_by
from pages._ui.copying import copy_button
from pages._ui.data import loads
from pages._ui.data.row_plans import PagePlans, PlanStanding
from pages._ui.kit import format, session, status
from pages._ui.kit.session import key, url_for
from pages._ui.kit.text import md
from pages._ui.views import elsewhere
from storage.domain.actor_and_reason import LEAST_REASON_CHARS
from storage.domain.policy import Action, Actor
from storage.domain.purge.job import Job
from storage.domain.row_plan import RowPlan
from storage.text import moment, number

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class PlanPlace:
    """Where plans of one kind are drawn: the page, its parameter (also the group of commands), the names of widgets,
    and what a row is to people."""

    plans: PagePlans[Any, Any]
    page: str
    param: str
    name: str
    row: str

    def key(self, part: str, *more: str) -> str:
        return key(self.page, f"{self.name}-{part}", *more)

    def link(self, plan_id: str) -> None:
        """Draws the button that copies the address of the plan."""
        address = url_for(self.page, **{self.param: plan_id}).removeprefix("./")
        copy_button(address, key=self.key("link"), what="link")


def leads(place: PlanPlace, make: Callable[Concatenate[Actor, P], str]) -> Callable[Concatenate[Actor, P], None]:
    """A callback that goes to the plan or job that `make` makes; a second click goes to the same one."""

    def go(who: Actor, /, *arguments: P.args, **keywords: P.kwargs) -> None:
        asked = (make.__name__, who.email, arguments, keywords)
        made = session.once(place.key("made"), asked, partial(make, who, *arguments, **keywords))
        st.query_params[place.param] = made

    return go


def waiting() -> tuple[loads.Loaded[Any], bool]:
    """Draws each plan of rows that this person could approve as its second person, and says whether there is one."""
    loaded, mine = loads.waiting_plans(), actor(active=False).email
    found = [one for one in loaded.value if one.maker != mine and allowed(one.approving)]
    for one in found:
        elsewhere.waiting(one.plan_id, md(one.what, 160), md(one.maker, 80), one.expires_at)
    return loaded, bool(found)


def standing(found: PlanStanding) -> bool:
    """Draws what became of a plan that is over, with the way to its job; true while it is open."""
    if found.job is not None:
        job = found.job
        elsewhere.applied(job, f"Applied by {md(job.actor, 80)}, {format.utc(job.created_at).text}")
    elif found.discarded is not None:
        end = found.discarded
        words = f"Discarded by {md(end.by, 80)}, {format.utc(end.at).text}. Nobody can approve or apply it."
        st.info(f"{words} Nothing was changed.", title="Discarded", icon=":material/delete:")
    elif found.expired:
        st.warning(
            "Its time is over, and nothing was changed. What it shows may have changed since: make another plan.",
            title="This plan has expired",
            icon=":material/timer_off:",
        )
    return found.open


def discard_button(place: PlanPlace, plan: RowPlan, making: Action) -> None:
    """Draws the button that ends the plan, for its maker, who may make one (`making`), and for admins."""

    def discard(who: Actor, plan_id: str, fingerprint: str) -> None:
        place.plans.discard(who, plan_id, fingerprint)
        session.take(place.key("made"))  # the next click makes a new one

    if actor(active=False).email == plan.maker or allowed("purge.apply"):
        st.button(
            "Discard this plan",
            key=place.key("discard", plan.plan_id),
            icon=":material/delete:",
            help="Nobody can approve or apply it any more. Nothing is changed.",
            on_click=guarded(making)(discard),
            args=(plan.plan_id, plan.fingerprint),
        )


def agreed(place: PlanPlace, plan: RowPlan, approving: Action) -> bool:
    """Draws who agreed, or asks for a second person where one is needed; true where the plan may be applied."""
    needed = place.plans.needs_second_person(plan)
    others = [one for one in place.plans.approvers(plan) if one != plan.maker] if needed else []
    if others:
        st.caption(f":material/how_to_reg: Approved by {md(', '.join(others), 200)}.")
    if others or not needed:
        return True
    st.info(f"A second person must approve this plan: {md(needed, 200)}.", icon=":material/group:")
    if actor(active=False).email == plan.maker:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Send them the address of this page.", width="content")
            place.link(plan.plan_id)
    else:
        stop = stopped_by(approving)
        st.button(
            "Approve this plan",
            key=place.key("approve", plan.plan_id),
            icon=":material/how_to_reg:",
            disabled=bool(stop),
            help=stop or None,
            on_click=guarded(approving)(place.plans.approve),
            args=(plan.plan_id, plan.fingerprint),
        )
    return False


def apply_form(place: PlanPlace, plan: RowPlan, label: str, icon: str, applying: Action) -> None:
    """Draws the reason and the button that applies the plan as it is shown."""
    reason = st.text_input("Reason, with the ticket", key=place.key("reason", plan.plan_id), max_chars=1_000, live=True)
    st.button(
        label,
        key=place.key("apply", plan.plan_id),
        type="primary",
        icon=icon,
        disabled=len(reason.strip()) < LEAST_REASON_CHARS,
        on_click=guarded(applying)(leads(place, place.plans.apply)),
        args=(plan.plan_id, plan.fingerprint, reason),
    )


def ended(place: PlanPlace, job: Job, made: int, word: str) -> None:
    """Draws the head of a job that runs no more: how many rows it made, who began it and why, and what stopped it."""
    total = job.objects_total + job.documents_total
    st.subheader(f"{made:,} of {number(total, place.row)} {word}", anchor=False)
    st.markdown(f"{status.badge_md('job', job.state)} by {md(job.actor, 80)}: {md(job.reason, 400)}")
    if job.failure:
        st.error(md(str(job.failure.get("message") or ""), 400), title="It stopped", icon=":material/error:")
        st.caption(f"Resume it in a shell: `python -m storage {place.param} resume {job.job_id} --actor EMAIL`")


def undo_form(place: PlanPlace, job: Job, made: int, undoing: Action) -> None:
    """Draws until when there are copies to take everything back from, the reason, and the button; greyed for others."""
    if job.copies_until is not None:
        st.caption(f"The copies are kept until {moment(job.copies_until)}; an undo needs them.")
    stop = stopped_by(undoing)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        reason = st.text_input(
            "Reason for the undo",
            key=place.key("undo-reason", job.job_id),
            max_chars=1_000,
            live=True,
            disabled=bool(stop),
        )
        st.button(
            f"Undo {number(made, place.row)}",
            key=place.key("undo", job.job_id),
            icon=":material/undo:",
            disabled=bool(stop) or len(reason.strip()) < LEAST_REASON_CHARS,
            help=stop or None,
            on_click=guarded(undoing)(leads(place, place.plans.undo)),
            args=(job.job_id, reason),
        )
