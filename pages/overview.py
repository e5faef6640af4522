"""Overview: which desk is this, how are both backends, who is near a limit, and what needs a person now?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import streamlit as st

from pages._ui.access.guard import actor, allowed, show
from pages._ui.data import fleet_loads, loads, request_loads, scan_loads
from pages._ui.data.resources import stores
from pages._ui.kit import away, feedback, session
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views import asked, kept, overview, row_plans, stories
from pages._ui.views import stuck as stuck_view
from pages._ui.views.failures import FAILED_VIDEOS
from pages._ui.views.purge import lists
from storage.actions.health import Check
from storage.clients.meter import Cost
from storage.domain.policy import Action
from storage.errors import StorageError, Unusable
from storage.services.diagnose import StuckList
from storage.services.fleet import GLANCE_USERS, SCAN_USERS
from storage.settings import backends, reader

NAME: Final = "overview"
_MORE: Final = key(NAME, "more-users")  # session key: somebody wants a look at more users
_LOOK: Final = key(NAME, "look-at-all")  # session key: somebody wants every stuck video diagnosed


def page() -> None:
    """Draws what burns and what waits for this person first, and the health of the stores last while they are well.

    Each part is drawn when all above it is there, so that no part moves another while it loads.
    """
    session.enter(NAME)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Overview", width="content", anchor=False)
        feedback.section("the target", _target, key=key(NAME, "target"))
        feedback.refresh_page(_refresh, key=key(NAME, "page"))
    if backends.is_demo(reader.read()):
        stories.draw()
    found = feedback.section("the stores", _failing, key=key(NAME, "backends"), unknown="whether they answer")
    if allowed("verify"):
        feedback.section("the last scan", _scanned, key=key(NAME, "scanned"), unknown="whether files are in place")
    if allowed("diagnose"):
        feedback.section("the outages", _burning, key=key(NAME, "burning"), unknown="whether there is an outage")
    _part("Waits for you", "fix", "what waits for you", _waiting, "whether somebody waits for you")
    _part("Needs a person now", "diagnose", "what is stuck", _stuck, "which videos are stuck")
    feedback.section("what you asked", _asked, key=key(NAME, "what-you-asked"), unknown="what you asked the team")
    _part("Being watched", "diagnose", "what is watched", _watched, "whether what was repaired has held")
    left, right = (side.container(border=True, height="stretch") for side in st.columns([1, 2]))
    with left:
        st.subheader("Videos by status", anchor=False)
        feedback.section("the counts", _statuses, key=key(NAME, "statuses"), unknown="how many videos there are")
    with right:
        st.subheader("Near or over a limit", anchor=False)
        feedback.section("the limits", _limits, key=key(NAME, "limits"), unknown="who is near a limit")
    _part("Running purges", "purge.plan", "the purges", partial(lists.going_on, _refresh), "whether one is running")
    if found is not None:
        _well(found)


def _part(heading: str, action: Action, what: str, body: Callable[[], None], unknown: str) -> None:
    """Draws a part below its heading for those who may do the action."""
    if allowed(action):
        with st.container(border=True):
            st.subheader(heading, anchor=False)
            feedback.section(what, body, key=key(NAME, what.replace(" ", "-")), unknown=unknown)


def _waiting() -> None:
    """What others asked for and this person can do, and the plans that need a second person."""
    parts: list[tuple[tuple[str, ...], Callable[[], tuple[loads.Loaded[Any], bool]]]] = [
        (("request",), partial(asked.waiting, page=NAME)),
        (("joint repair", "adoption", "removal"), row_plans.waiting),
    ]
    if allowed("purge.approve"):
        parts.append((("purge",), lists.waiting))
    known, none = list[loads.Loaded[Any]](), list[str]()
    for number, (nouns, body) in enumerate(parts):
        what = f"a {_either(nouns)}"
        found = feedback.section(what, body, key=key(NAME, "waits", number), unknown=f"whether {what} waits for you")
        if found is not None:
            known.append(found[0])
            none += [] if found[1] else nouns
    if none:
        st.caption(f":material/check_circle: No {_either(none)} waits for you.")
    if known:
        freshness(
            min(one.read_at for one in known),
            key=key(NAME, "waiting_fresh"),
            cost=sum((one.cost for one in known), Cost()),
            complete=len(known) == len(parts),
            on_refresh=_refresh,
        )


def _either(nouns: Sequence[str]) -> str:
    """`request`, `adoption or removal`, `joint repair, adoption or removal`."""
    *first, last = nouns
    return f"{', '.join(first)} or {last}" if first else last


def _refresh() -> None:
    """The next run reads all parts of this page again."""
    for forget in (request_loads.forget, loads.forget_purges, loads.refresh_backends):
        forget()
    for load in (loads.waiting_plans, loads.stuck, loads.watches):
        load.clear()
    fleet_loads.refresh()
    scan_loads.refresh()


def _asked() -> None:
    if allowed("request"):
        place = st.empty()
        with place.container(border=True):
            st.subheader("What you asked the team", anchor=False)
            anything = asked.mine(page=NAME)
        if not anything:
            place.empty()


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


def _failing() -> loads.Loaded[tuple[Check, ...]]:
    """Draws the checks that failed, which stand at the top of the page, and gives all of them."""
    loaded = loads.backends()
    checks = list(loaded.value)
    try:
        checks += loads.sample_checks().value
    except StorageError as error:
        checks += overview.unread(error)
    wrong = [check for check in checks if not check.ok and not (check.error and away.told(check.error))]
    silent = [check for check in checks if not check.ok and check not in wrong]
    if silent:
        loads.backends.clear()  # so that “Try again” asks, as everywhere
        overview.unanswered(silent)
    if wrong:
        overview.backends(wrong)
    return replace(loaded, value=tuple(checks))


def _well(found: loads.Loaded[tuple[Check, ...]]) -> None:
    """Draws what is well: one line at the end of the page, which opens to the cards."""
    if not any(check.ok for check in found.value):
        return
    overview.health(found.value, page=NAME)
    freshness(found.read_at, key=key(NAME, "backends_fresh"), cost=found.cost, on_refresh=_refresh)


def _watched() -> None:
    loaded = loads.watches()
    overview.watches(loaded.value)
    freshness(loaded.read_at, key=key(NAME, "watched_fresh"), cost=loaded.cost, on_refresh=_refresh)


def _statuses() -> None:
    with feedback.loading("Counting…", 260):
        loaded = fleet_loads.statuses()
    overview.statuses(loaded.value)
    if allowed("diagnose"):
        st.page_link(
            SCREENS["processing"].file,
            label="All failed videos",
            icon=":material/arrow_forward:",
            query_params=FAILED_VIDEOS,
        )
    freshness(loaded.value.read_at, key=key(NAME, "statuses_fresh"), cost=loaded.cost, on_refresh=_refresh)


def _limits() -> None:
    with feedback.loading("Reading customers…", 260):
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
        on_refresh=_refresh,
    )


def _rollup_unread() -> None:
    """Says that the rollup cannot be read, and where to make a new one; the page shows live figures instead."""
    problem = fleet_loads.fleet().value.problem
    if isinstance(problem, Unusable):
        st.warning(md(problem.message, 400), title="No figures of all customers", icon=":material/query_stats:")
        st.page_link(SCREENS["fleet"].file, label="Make new figures", icon=f":material/{SCREENS['fleet'].icon}:")


def _offer_more() -> None:
    label = f"Look at {SCAN_USERS:,} customers, about {2 * SCAN_USERS:,} reads"
    if st.button(label, key=key(NAME, "more"), icon=":material/group:"):
        st.session_state[_MORE] = True
        st.rerun()


def _looked() -> loads.Loaded[StuckList] | None:
    """The stuck videos; `None` where looking costs so much that somebody has to ask for it, and nobody has."""
    if not _few_to_look_at() and not st.session_state.get(_LOOK):
        return None
    with feedback.loading("Looking for stalled videos…", 260):
        return loads.stuck()


def _burning() -> None:
    """Draws outages and disclosures above what waits. Where they cannot be known, the part of stuck videos says so."""
    try:
        loaded = _looked()
    except StorageError:
        return
    if loaded is not None:
        stuck_view.burning(loaded.value)


def _stuck() -> None:
    loaded = _looked()
    if loaded is None:
        _ask_to_look()
        return
    stuck_view.summary(loaded.value, page=NAME)
    stuck_view.gaps(loaded.value, page=NAME)
    freshness(
        loaded.read_at,
        key=key(NAME, "stuck_fresh"),
        cost=loaded.cost,
        complete=loaded.value.complete,
        on_refresh=_refresh,
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
        on_refresh=_refresh,
    )


if __name__ == "__main__":
    show(NAME, page)
