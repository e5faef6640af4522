"""Overview: which desk is this, how are both backends, who is near a limit, and what needs a person now?"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final

import streamlit as st

from pages._ui.access.guard import actor, allowed, show
from pages._ui.data import fleet_loads, loads, scan_loads
from pages._ui.data.resources import stores
from pages._ui.kit import feedback, session
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views import kept, overview
from pages._ui.views import stuck as stuck_view
from pages._ui.views.purge import lists
from storage.errors import StorageError, Unusable
from storage.services.fleet import GLANCE_USERS, SCAN_USERS

NAME: Final = "overview"
_MORE: Final = key(NAME, "more-users")  # session key: somebody wants a look at more users
_LOOK: Final = key(NAME, "look-at-all")  # session key: somebody wants every stuck video diagnosed


def page() -> None:
    session.enter(NAME)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Overview", width="content", anchor=False)
        feedback.section("the target", _target, key=key(NAME, "target"))
    if allowed("verify"):
        feedback.section("the last scan", _scanned, key=key(NAME, "scanned"), unknown="whether files are in place")
    backends = st.container()  # the places are drawn first, before anything is read
    left, right = st.columns([1, 2], gap="medium")
    statuses, limits = (side.container(border=True, height="stretch") for side in (left, right))
    statuses.subheader("Videos by status", anchor=False)
    limits.subheader("Near or over a limit", anchor=False)
    stuck = st.container(border=True) if allowed("diagnose") else None
    if stuck is not None:
        stuck.subheader("Needs a person now", anchor=False)
    with backends:
        feedback.section("the backends", _backends, key=key(NAME, "backends"), unknown="whether they answer")
    with statuses:
        feedback.section("the counts", _statuses, key=key(NAME, "statuses"), unknown="how many videos there are")
    with limits:
        feedback.section("the limits", _limits, key=key(NAME, "limits"), unknown="who is near a limit")
    if stuck is not None:
        with stuck:
            feedback.section("what is stuck", _stuck, key=key(NAME, "stuck"), unknown="which videos are stuck")
    if allowed("purge.plan"):
        with st.container(border=True):
            st.subheader("Running purges", anchor=False)
            feedback.section("the purges", lists.going_on, key=key(NAME, "purges"), unknown="whether one is running")


def _target() -> None:
    settings = stores().settings
    who = actor(active=False)
    parts = [
        f"project **{md(settings.firestore.project_id, 60)}**",
        f"bucket **{md(settings.r2.bucket, 60)}**",
        f"{settings.mode} mode",
        f"you are **{md(who.email, 60)}** ({', '.join(sorted(who.roles)) or 'no role'})",
    ]
    st.caption(" · ".join(parts), width="content")


def _scanned() -> None:
    """Draws what the last kept scan found, a disclosure before anything else, and of when it is."""
    head = scan_loads.last().value
    if head is not None and head.disclosures:
        try:
            found = scan_loads.kept(head).value
        except StorageError:
            found = None  # the summary, of the other store, says as much as matters
        kept.disclosed(head, found)
    kept.line(head)


def _backends() -> None:
    with feedback.loading("Asking both backends…", 110):
        loaded = loads.backends()
        checks = list(loaded.value)
        with suppress(StorageError):  # the card of Firestore shows the same fault
            checks += loads.sample_checks().value
    overview.backends(checks)
    freshness(loaded.read_at, key=key(NAME, "backends_fresh"), cost=loaded.cost, on_refresh=loads.refresh_backends)


def _statuses() -> None:
    with feedback.loading("Counting…", 260):
        loaded = fleet_loads.statuses()
    overview.statuses(loaded.value)
    if allowed("diagnose"):
        st.page_link(
            SCREENS["processing"].file,
            label="All failed videos",
            icon=":material/arrow_forward:",
            query_params={"processing-view": "All failed"},
        )
    freshness(loaded.value.read_at, key=key(NAME, "statuses_fresh"), cost=loaded.cost, on_refresh=fleet_loads.refresh)


def _limits() -> None:
    with feedback.loading("Reading users…", 260):
        loaded = fleet_loads.limits(SCAN_USERS if st.session_state.get(_MORE) else GLANCE_USERS)
    found = loaded.value
    overview.limits(found, page=NAME)
    _rollup_unread()
    if found.source == "live" and not found.complete and found.scanned < SCAN_USERS:
        _offer_more()
    freshness(
        loaded.read_at,
        key=key(NAME, "limits_fresh"),
        cost=loaded.cost,
        complete=found.complete,
        on_refresh=fleet_loads.refresh,
    )


def _rollup_unread() -> None:
    """Says that the rollup cannot be read, and where to make a new one; the page shows live figures instead."""
    problem = fleet_loads.fleet().value.problem
    if isinstance(problem, Unusable):
        st.warning(md(problem.message, 400), title="No figures of all customers", icon=":material/query_stats:")
        st.page_link(SCREENS["fleet"].file, label="Make new figures", icon=f":material/{SCREENS['fleet'].icon}:")


def _offer_more() -> None:
    label = f"Look at {SCAN_USERS:,} users, about {2 * SCAN_USERS:,} reads"
    if st.button(label, key=key(NAME, "more"), icon=":material/group:"):
        st.session_state[_MORE] = True
        st.rerun()


def _stuck() -> None:
    if not _few_to_look_at() and not st.session_state.get(_LOOK):
        _ask_to_look()
        return
    with feedback.loading("Looking for stalled videos…", 260):
        loaded = loads.stuck()
    stuck_view.summary(loaded.value, page=NAME)
    stuck_view.gaps(loaded.value, page=NAME)
    freshness(
        loaded.read_at,
        key=key(NAME, "stuck_fresh"),
        cost=loaded.cost,
        complete=loaded.value.complete,
        on_refresh=partial(loads.stuck.clear),
    )


def _few_to_look_at() -> bool:
    """Whether few enough videos need a look. True where the counts cannot be read: the look then shows the fault."""
    try:
        return fleet_loads.statuses().value.few_to_look_at
    except StorageError:
        return True


def _ask_to_look() -> None:
    """Offers the look, which costs some reads for each video in progress or failed, where there are many of these."""
    known = fleet_loads.fleet()
    recent = known.value.recent(datetime.now(UTC))
    overview.stuck_steps(recent, page=NAME)
    if st.button("Look at all of them now", key=key(NAME, "look"), icon=":material/troubleshoot:"):
        st.session_state[_LOOK] = True
        st.rerun()
    freshness(
        recent.read_at if recent else None,
        key=key(NAME, "steps_fresh"),
        cost=known.cost,
        on_refresh=fleet_loads.refresh,
    )


if __name__ == "__main__":
    show(NAME, page)
