"""Fleet: how are all customers doing: who is near a limit or drifts, who is biggest, and how does it all grow?"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Final

import streamlit as st

from pages._ui import reaching
from pages._ui.access.guard import show
from pages._ui.data import fleet_loads
from pages._ui.kit import feedback, format, session
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import key
from pages._ui.kit.text import md
from pages._ui.views import customers, fleet, fleet_run
from storage.errors import NotFound, Unusable
from storage.repositories.rollups import FleetView
from storage.services.fleet import is_old

NAME: Final = "fleet"


def page() -> None:
    session.enter(NAME)
    st.title("Fleet", anchor=False)
    feedback.section("the figures", _figures, key=key(NAME, "figures"), unknown="anything about all customers together")


def _figures() -> None:
    with feedback.loading("Reading the figures…", 480):
        loaded = fleet_loads.fleet()
    found = loaded.value.view
    if found is None:
        _none(loaded.value.problem)
        freshness(loaded.read_at, key=key(NAME, "fresh"), cost=loaded.cost, on_refresh=fleet_loads.refresh)
        return
    freshness(
        found.read_at,
        key=key(NAME, "fresh"),
        cost=loaded.cost,
        complete=found.complete,
        on_refresh=fleet_loads.refresh,
    )
    now = datetime.now(UTC)
    _doubts(found, now)
    fleet.summary(found)
    fleet.ways(found)
    _charts(found)
    with st.container(border=True, key=key(NAME, "lists")):
        _reach()
        st.subheader("Customers", anchor=False)
        feedback.section("all customers", partial(_customers, found), key=key(NAME, "customers"))
    with st.container(border=True):
        st.subheader("Wrong counters", anchor=False)
        fleet.drift(found, page=NAME)
    grave = fleet_run.running() or is_old(found, now) or not found.complete
    with st.expander("How these figures were made", icon=":material/schedule:", expanded=grave):
        fleet.parts(found, page=NAME)
        fleet_run.draw(page=NAME, count_first=is_old(found, now))


def _reach() -> None:
    """Scrolls to the lists where a figure, a bar or a row led to one of them."""
    if st.query_params.get(fleet.TO) == fleet.LISTED:
        chosen = [st.query_params.get(key(NAME, one), "") for one in ("list", "quota", "state", "plan")]
        reaching.scroll_to(key(NAME, "lists"), of="/".join(chosen), key=key(NAME, "reach"))


def _customers(found: FleetView) -> None:
    """Draws all customers; where a rollup wrote no table of them, the first of each list."""
    if not found.tables:
        st.caption("The last summary has no table of all customers, so these are the first hundred of each list.")
        fleet.draw_lists(found, page=NAME)
        return
    loaded = fleet_loads.customers(found)
    customers.draw(found, loaded.value, page=NAME)


def _charts(found: FleetView) -> None:
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        st.subheader("Growth by day", anchor=False)
        fleet.growth(found, page=NAME)
    with right, st.container(border=True, height="stretch"):
        st.subheader("Videos", anchor=False)
        fleet.videos(found)
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        st.subheader("Near or over a limit", anchor=False)
        fleet.quotas(found)
    with right, st.container(border=True, height="stretch"):
        st.subheader("Plans", anchor=False)
        fleet.plans(found, page=NAME)


def _doubts(found: FleetView, now: datetime) -> None:
    """Warns where these figures do not hold for all customers today."""
    if is_old(found, now):
        st.warning(
            f"These figures were read {format.ago(found.read_at, now).text} ({format.utc(found.read_at).text}); "
            "there are no newer ones. Make new ones below or with the scheduler.",
            title="Old figures",
            icon=":material/history:",
        )
    if found.missing_shards:
        numbers = ", ".join(f"{number}/{found.shards}" for number in found.missing_shards)
        st.warning(
            f"Shards {numbers} were never written, so the sums and lists lack their customers. Run these shards again.",
            title="Parts are missing",
            icon=":material/hourglass_bottom:",
        )
    elif not found.complete:
        st.warning(
            " ".join(md(note, 300) for note in found.notes) or "Not every customer could be read.",
            title="Incomplete",
            icon=":material/hourglass_bottom:",
        )


def _none(problem: NotFound | Unusable | None) -> None:
    what = md(problem.message, 300) if problem is not None else "There are no figures about all customers."
    feedback.empty(
        what,
        icon="query_stats",
        hint="Make a first summary below: who is near or over a limit, growth by day, the biggest customers, wrong "
        "counters, plans, and videos by status.",
    )
    fleet_run.draw(page=NAME, count_first=True)


if __name__ == "__main__":
    show(NAME, page)
