"""Loads the figures about all customers, from the rollup or live, mostly in the background; see `loads`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from pages._ui.data.loads import MINUTE, Loaded, measured
from pages._ui.data.resources import rollup_runs, stores
from pages._ui.kit import away
from storage.repositories.customers import read_customers
from storage.repositories.rollups import FleetView
from storage.services import fleet as fleets
from storage.services.fleet import Estimate, FleetAnswer, LimitList, Statuses, read_limits


def fleet() -> Loaded[FleetAnswer]:
    """The newest rollup, or why there is none; read again as soon as this process has made another."""
    return _fleet(rollup_runs().ended)


@away.noticed
@st.cache_data(ttl=5 * MINUTE, max_entries=2, refresh_mode="background", show_spinner=False)
def _fleet(made: int) -> Loaded[FleetAnswer]:
    return measured(lambda: fleets.find_fleet(stores().records))


def limits(users: int) -> Loaded[LimitList]:
    """The users near or over a limit: from a recent rollup, as of its time, else from a look at so many users."""
    known = fleet()
    view = known.value.recent(_now())
    return _live_limits(users) if view is None else Loaded(_limits(view.read_at, view), view.read_at, known.cost)


def customers(view: FleetView) -> Loaded[Any]:
    """A row for each customer, as Arrow (`storage.domain.customers` names the columns); shared and not copied."""
    return _customers(view.tables)


@st.cache_resource(ttl=10 * MINUTE, max_entries=2, show_spinner=False)
def _customers(keys: tuple[str, ...]) -> Loaded[Any]:
    return measured(lambda: read_customers(stores().objects, keys))


@st.cache_data(ttl=5 * MINUTE, max_entries=2, show_spinner=False)
def _limits(read_at: datetime, _view: FleetView) -> LimitList:
    return fleets.limits_of(_view)


@away.noticed
@st.cache_data(ttl=5 * MINUTE, max_entries=2, refresh_mode="background", show_spinner=False)
def _live_limits(users: int) -> Loaded[LimitList]:
    return measured(lambda: read_limits(stores().records, stores().settings.plan_limits, _now(), scan=users))


@away.noticed
@st.cache_data(ttl=MINUTE, max_entries=2, refresh_mode="background", show_spinner=False)
def _statuses(made: int) -> Loaded[Statuses]:
    known = fleet().value
    return measured(lambda: fleets.read_statuses(stores().records, known, _now()))


def statuses() -> Loaded[Statuses]:
    """Videos of all users by status."""
    return _statuses(rollup_runs().ended)


@away.noticed
@st.cache_data(ttl=5 * MINUTE, max_entries=2, show_spinner=False)
def estimate(budget: int | None) -> Loaded[Estimate]:
    """The cost of making the rollup in this process."""
    return measured(lambda: fleets.estimate(stores().records, fleet().value.view, budget))


def refresh() -> None:
    """For a refresh button: the next look reads all of these again."""
    for load in (_customers, _fleet, _limits, _live_limits, _statuses, estimate):
        load.clear()


def _now() -> datetime:
    return datetime.now(UTC)
