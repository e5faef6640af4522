"""Draws how the figures about all customers are made: by a scheduler, or in this process where the budget allows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import streamlit as st

from pages._ui.access.guard import allowed, guarded, stopped_by
from pages._ui.copying import shell
from pages._ui.data import fleet_loads
from pages._ui.data.resources import rollup_runs, stores
from pages._ui.kit import feedback, format
from pages._ui.kit.feedback import cost_words
from pages._ui.kit.session import key
from pages._ui.kit.text import md
from storage import logs
from storage.actions.purge.context import open_purging
from storage.actions.purge.meanwhile import OF_ROLLUPS, take_purged
from storage.actions.rollup import RollupState, run_rollup
from storage.domain.policy import Action, Actor
from storage.errors import Refused
from storage.services.fleet import USERS_HERE, Estimate
from storage.text import number

ACTION: Action = "verify"  # the permission that a person needs to make the figures here
COMMAND = "python -m storage rollup                 # all customers, once a day or more often\n\
python -m storage rollup --shard 1/4     # or on several machines, each with its own I of I/N"


def running() -> bool:
    """Whether the figures are being made in this process."""
    run = rollup_runs().current
    return run is not None and run.running


def draw(*, page: str, count_first: bool) -> None:
    """Draws what a rollup is, how to schedule it, how the last one here ended, and the offer to make one here.

    The cost of one needs a count of the users: at once with `count_first`, else only when somebody asks for it.
    """
    if running():
        _running(page)
        return
    run = rollup_runs().current
    if run is not None:
        _ended(run.snapshot(), page)
    with st.container(border=True):
        st.markdown(
            ":material/terminal: **A scheduler makes these figures.** The command reads every customer, video and clip "
            "once and keeps a summary, and the index of titles that Find looks into. This page then costs a few reads, "
            "however many customers there are."
        )
        shell(COMMAND, key=key(page, "commands"))
    stop = stopped_by(ACTION)
    if not stop and (count_first or st.session_state.get(key(page, "offer-wanted"))):
        feedback.section("what it costs", partial(_offer, page), key=key(page, "offer"), unknown="what it would cost")
    elif st.button(
        "Make new figures here…",
        key=key(page, "offer-ask"),
        icon=":material/calculate:",
        disabled=bool(stop),
        help=stop or None,
    ):
        st.session_state[key(page, "offer-wanted")] = True
        st.rerun()


def _offer(page: str) -> None:
    bound = feedback.allowed()
    with st.spinner("Counting the customers…"):
        found = fleet_loads.estimate(bound).value
    with st.container(border=True):
        st.markdown(f":material/play_circle: **Make it here.** {_words(found)}")
        if found.affordable:
            st.button(
                "Make the figures now",
                key=key(page, "start"),
                type="primary",
                icon=":material/play_arrow:",
                on_click=_start,
                args=(found.users, bound),
            )
        elif found.users <= USERS_HERE:
            st.caption(f"The budget of this page is {bound:,} document reads.")
            feedback.ask(key(page, "start"))


def _words(found: Estimate) -> str:
    if found.users > USERS_HERE:
        return (
            f"There are more than {USERS_HERE:,} customers, too many for this process. Use the command above in shards."
        )
    about = "more than" if found.at_least else "about"
    return f"{number(found.users, 'customer')}: {about} {number(found.reads, 'document read')}, and a few writes."


@guarded(ACTION)
def _start(actor: Actor, users: int, bound: int | None) -> None:
    opened = stores()
    known = fleet_loads.estimate(bound).value  # more users may have come since the button was drawn
    if not known.affordable:
        raise Refused(
            "There are too many customers to make the figures here.", remedy="Run in a shell: python -m storage rollup."
        )
    stale_after = timedelta(minutes=opened.settings.stale_after_minutes)
    purging = open_purging(opened)
    rollup_runs().start(
        lambda tell: run_rollup(
            opened.records,
            purging.writers.documents,
            opened.settings.plan_limits,
            _now,
            stale_after=stale_after,
            on_progress=tell,
            bucket=(opened.objects, purging.writers),
            take_purged=lambda since: take_purged(purging, since, OF_ROLLUPS),
        ),
        clock=_now,
        users_total=users,
        asked_by=actor.email,
        read_budget=bound,
    )
    logs.event("rollup", actor=actor, outcome="begun", users=users)


@guarded(ACTION)
def _cancel(actor: Actor, number: int) -> None:
    if rollup_runs().cancel(number):
        logs.event("rollup", actor=actor, outcome="cancelled")


@st.fragment(run_every="1s")
def _running(page: str) -> None:
    """Draws itself again each second, which keeps no session alive."""
    run = rollup_runs().current
    if run is None or not run.running or not allowed("look"):
        st.rerun()
        return
    found = run.snapshot()
    with st.container(border=True, key=key(page, "running")):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(
                f":material/autorenew: **Making the figures**, started by {md(found.asked_by, 80)}", width="content"
            )
            stop = stopped_by(ACTION)
            st.button(
                "Cancel",
                key=key(page, "cancel"),
                icon=":material/cancel:",
                disabled=bool(stop),
                help=stop or None,
                on_click=_cancel,
                args=(found.number,),
            )
        share = min(1.0, found.users_done / found.users_total) if found.users_total else 0.0
        st.progress(
            share, text=f"{found.users_done:,} of {found.users_total:,} customers · {', '.join(cost_words(found.cost))}"
        )


def _ended(found: RollupState, page: str) -> None:
    ended = format.ago(found.ended_at, _now()).text
    by = f"started by {md(found.asked_by, 80)}, ended {ended}; {', '.join(cost_words(found.cost))}"
    if found.crashed:
        st.error(
            "The desk made a mistake while it made the figures; the log has the details.", icon=":material/bug_report:"
        )
    elif found.state == "cancelled":
        st.info(f"Cancelled; the figures written before stay as they are. :small[{by}]", icon=":material/cancel:")
    elif found.error is not None:
        feedback.error_panel(found.error, key=key(page, "run_failed"), what="making the figures")
    else:
        st.caption(f":material/check_circle: Made here: {by}.")


def _now() -> datetime:
    return datetime.now(UTC)
