"""Holds the stores, clients and long-lived values that all sessions of this process share.

Each `cache_resource` here is closed with the stores that it uses. A load that fails is never cached: the next call
tries again. Values that expire belong to `loads`.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import streamlit as st

from pages._ui.data import starting
from storage import connect
from storage.actions import audit
from storage.actions.audit import AuditTrail
from storage.actions.purge.context import Purging
from storage.actions.repair import RepairContext
from storage.actions.rollup import RollupRuns
from storage.actions.writers import open_writers
from storage.domain.diagnosis import Outage, VerdictName
from storage.repositories.jobs import Jobs
from storage.repositories.stores import Stores
from storage.services.background import Scans
from storage.services.media import KeptLooks
from storage.services.usage import UserCache

OUTAGES_HOLD: Final = timedelta(hours=2)  # how long a look at outages says something of now


@dataclass(slots=True)
class LastOutages:
    """The outages of the last list of stuck videos that this process read, for pages that do not read that list."""

    found: tuple[Outage, ...] = ()
    read_at: datetime | None = None

    def keep(self, found: tuple[Outage, ...], read_at: datetime) -> None:
        """Keeps the newer look."""
        if self.read_at is None or read_at >= self.read_at:
            self.found, self.read_at = found, read_at

    def of(self, uid: str, video_id: str, verdict: VerdictName, now: datetime) -> Outage | None:
        """The outage in which the video stopped, where the look is recent and the video still has that verdict."""
        if self.read_at is None or now - self.read_at > OUTAGES_HOLD:
            return None
        return next((one for one in self.found if one.verdict == verdict and (uid, video_id) in one.videos), None)


@dataclass(frozen=True, slots=True)
class _Opened:
    stores: Stores
    closing: ExitStack

    def close(self) -> None:
        self.closing.close()

    def usable(self) -> bool:
        """False once the demo behind the stores has ended, perhaps with another process: they are then opened again."""
        if self.stores.alive():
            return True
        self.close()  # Streamlit drops an invalid value without a release
        return False


def stores() -> Stores:
    """The stores of this process: opened by the first call, shared by all sessions, in demo mode with the stand-ins.

    Raises `ConfigError`, or `BackendError` where the stand-ins do not start; neither is cached: the next call tries
    again.
    """
    return _opened().stores


def close() -> None:
    """Closes what `stores` opened, and stops the stand-ins; for the end of the process."""
    scans.clear()
    rollup_runs.clear()
    _forget_what_rests_on_them()
    _opened.clear()  # releases through on_release


def _forget_what_rests_on_them() -> None:
    for over_the_stores in (users, trail, purging, looks, last_outages):
        over_the_stores.clear()


@st.cache_resource(show_spinner="Opening the stores…", on_release=_Opened.close, validate=_Opened.usable)
def _opened() -> _Opened:
    _forget_what_rests_on_them()
    with ExitStack() as stack:
        return _Opened(stack.enter_context(connect.opened(starting.say)), stack.pop_all())


@st.cache_resource(show_spinner=False, max_entries=1)
def users() -> UserCache:
    """The users whose pages this process drew, as it read them, so that the next look reads only changes."""
    return UserCache(stores().records, stores().settings.plan_limits, _now)


@st.cache_resource(show_spinner=False, max_entries=1)
def looks() -> KeptLooks:
    """What this process saw inside clips; the cache bounds its own size and holds no link."""
    return KeptLooks()


@st.cache_resource(show_spinner=False, max_entries=1)
def last_outages() -> LastOutages:
    """What this process saw of outages last; nothing at first."""
    return LastOutages()


@st.cache_resource(show_spinner=False, max_entries=4)
def trail(project_id: str) -> AuditTrail:
    """The audit of this process, which remembers where the chain ends; one for each project."""
    return audit.open_audit(stores(), open_writers(stores()))


def _now() -> datetime:
    return datetime.now(UTC)


def repair_context() -> RepairContext:
    """The context of a repair; its writers are opened for each repair and not kept."""
    found = stores()
    project = found.settings.firestore.project_id
    return RepairContext(found, open_writers(found), trail(project), _now)


@st.cache_resource(show_spinner=False, on_release=Scans.stop)
def scans() -> Scans:
    """The scans of many users that this process runs or ran last."""
    return Scans()


@st.cache_resource(show_spinner=False, on_release=RollupRuns.stop)
def rollup_runs() -> RollupRuns:
    """The rollups of all customers that this process makes or made last."""
    return RollupRuns()


@st.cache_resource(show_spinner=False, max_entries=4)
def purging(project_id: str) -> Purging:
    """The context of purges in this process, one for each project; it shares the audit with everything else."""
    opened = stores()
    writers = open_writers(opened)
    return Purging(opened, writers, trail(project_id), Jobs(opened.handle), opened.settings.purge)
