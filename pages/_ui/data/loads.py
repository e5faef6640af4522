"""Loads the answers that pages show; each load has its own cache and says when it was read and what it cost.

Ids are ordinary arguments, so nobody sees another customer's answer. A load raises an error and never caches it. No
presigned URL is cached here. A refresh button calls `refresh_user`, which reads what has changed since the last look.
After a change that the desk made, `forget_user` drops everything, because not every change leaves a trace to ask for.

Loads that many people look at all day are renewed in the background: past its `ttl` a page shows the value once more,
with the time of its reading, while a new one is on its way; past twice its `ttl`, or where a store is away, the page
waits and says so. A value that somebody is about to act on is never shown past its `ttl`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import streamlit as st

from pages._ui.data import purges
from pages._ui.data.purges import PlanStatus, PlanSummary
from pages._ui.data.resources import last_outages, looks, stores, users
from pages._ui.kit import away, feedback
from storage.actions import health, supposing, undoable
from storage.actions.health import Check
from storage.actions.supposing import Asked
from storage.actions.undoable import Recorded
from storage.actions.waiting_plans import WaitingPlan, waiting_plans_of
from storage.clients.meter import Cost, check_budgets, metering
from storage.domain.diagnosis import DraftDiagnosis, Entry
from storage.domain.diagnosis.signals import Fact
from storage.domain.diagnosis.timeline import Usual
from storage.domain.documents import RawDocument, Table
from storage.domain.drafts import DraftOrigin
from storage.domain.integrity import Report, Sample
from storage.domain.ledger import Ledger
from storage.domain.purge import removed
from storage.domain.purge.job import Job
from storage.domain.purge.removed import Removed
from storage.domain.search import SearchResult
from storage.domain.usage import Usage
from storage.domain.watches import NEEDS_PERSON, KeptWatch
from storage.domain.what_if import WhatIf
from storage.errors import StorageError
from storage.repositories.alerts import StoredAlert, read_alerts
from storage.repositories.jobs import Jobs
from storage.repositories.watches import Watches
from storage.services import audit_search, diagnose, search, usage, verify
from storage.services import drafts as drafting
from storage.services.audit_search import AuditPage, AuditQuery, audit_log
from storage.services.deeds import deeds as read_deeds
from storage.services.diagnose import Case, Reach, StuckList
from storage.services.drafts import DraftCase
from storage.services.ledger import read_ledger
from storage.services.usage import Account, FullUsage, SomeVideos
from storage.services.usual import read_usual
from storage.services.verify import VerifyContext
from storage.services.verify import checker as checker_over

T = TypeVar("T")
MINUTE = 60


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """An answer with the time it was asked for (UTC), what it cost in billed operations, and what it lacks.

    `unanswered`: an error for each store that did not answer a call of the load.
    """

    value: T
    read_at: datetime
    cost: Cost
    unanswered: tuple[StorageError, ...] = ()


def measured(load: Callable[[], T]) -> Loaded[T]:
    """The result of `load`. `OverBudget` where it read more than the page may, even if a part of it caught that."""
    read_at = datetime.now(UTC)
    with metering(read_budget=feedback.allowed()) as meter:
        value = load()
        check_budgets()
    return Loaded(value, read_at, meter.cost(), meter.unanswered())


def _now() -> datetime:
    return datetime.now(UTC)


@away.noticed
@st.cache_data(ttl=15, max_entries=1, refresh_mode="background", show_spinner=False)
def backends() -> Loaded[tuple[Check, ...]]:
    """Whether both backends answer."""
    return measured(lambda: health.backends(stores(), _now).checks)


@away.noticed
@st.cache_data(ttl=60 * MINUTE, max_entries=1, show_spinner=False)
def sample_checks() -> Loaded[tuple[Check, ...]]:
    """Whether key prefix and bucket match the documents. Both are settings, so this asks only once an hour."""

    def look() -> tuple[Check, ...]:
        checks = health.sample_checks(stores())
        for check in checks:
            if check.error is not None:
                raise check.error  # a store that did not answer just now must not count as failed for an hour
        return checks

    return measured(look)


def refresh_backends() -> None:
    """For a refresh button: the next look asks both backends again."""
    backends.clear()
    sample_checks.clear()


@away.noticed
@st.cache_data(ttl=MINUTE, max_entries=200, show_spinner=False)
def find(text: str, *, masked: bool) -> Loaded[SearchResult]:
    """The matches of a text, for somebody who sees addresses masked or whole."""
    opened = stores()
    r2 = opened.settings.r2
    return measured(
        lambda: search.find(
            opened.records, text, opened.layout, bucket=r2.bucket, public_url=r2.public_url, masked=masked
        )
    )


@away.noticed
@st.cache_data(ttl=30, max_entries=500, refresh_mode="background", show_spinner=False)
def user(uid: str) -> Loaded[tuple[Account, Usage]]:
    """A user's account, and usage with the truth by aggregation."""
    return measured(lambda: users().account(uid))


@away.noticed
@st.cache_data(ttl=5 * MINUTE, max_entries=50, show_spinner=False)
def full_usage(uid: str) -> Loaded[FullUsage]:
    """A user's usage with every counter checked against every clip."""

    def load() -> FullUsage:
        found = usage.read_account(stores().records, uid, stores().settings.plan_limits)
        return usage.read_full_usage(users(), found, _now())

    return measured(load)


@away.noticed
@st.cache_data(ttl=5 * MINUTE, max_entries=50, show_spinner=False)
def ledger(uid: str) -> Loaded[Ledger]:
    """Documents and bucket of a user side by side: every clip document, then a listing for each place of the user's."""

    def load() -> Ledger:
        videos, clips = users().videos(uid), users().clips(uid)
        return read_ledger(stores(), uid, videos, clips, _now())

    return measured(load)


@away.noticed
@st.cache_data(ttl=MINUTE, max_entries=100, show_spinner=False)
def what_if(uid: str, asked: Asked) -> Loaded[WhatIf]:
    """What was asked, applied to the user's documents: every clip document, and the plan's that it names."""
    return measured(lambda: supposing.answer(stores(), full_usage(uid).value, asked, _now()))


@away.noticed
@st.cache_data(ttl=30, max_entries=500, refresh_mode="background", show_spinner=False)
def some_videos(uid: str) -> Loaded[SomeVideos]:
    """A user's videos where they are few, else the newest."""
    return measured(lambda: users().newest_videos(uid))


@away.noticed
@st.cache_data(ttl=MINUTE, max_entries=100, show_spinner=False)
def all_videos(uid: str) -> Loaded[SomeVideos]:
    """All of a user's videos, phantoms too."""

    def load() -> SomeVideos:
        table = users().videos(uid)
        return SomeVideos(table, everything=table.complete, count=int(table.frame["exists"].sum()))

    return measured(load)


@away.noticed
@st.cache_data(ttl=30, max_entries=200, refresh_mode="background", show_spinner=False)
def transactions(uid: str) -> Loaded[Table]:
    """A user's newest credit transactions."""
    return measured(lambda: users().transactions(uid))


@away.noticed
@st.cache_data(ttl=MINUTE, max_entries=100, show_spinner=False)
def drafts(uid: str) -> Loaded[tuple[DraftDiagnosis, ...]]:
    """A user's newest drafts, judged by their own documents."""
    return measured(lambda: drafting.newest(checker(), uid))


@away.noticed
@st.cache_data(ttl=MINUTE, max_entries=100, show_spinner=False)
def draft(uid: str, draft_id: str) -> Loaded[DraftCase | None]:
    """One draft with its scenes and charges; `None` where there is none."""
    return measured(lambda: drafting.read_draft(checker(), uid, draft_id))


@away.noticed
@st.cache_data(ttl=MINUTE, max_entries=200, show_spinner=False)
def removals(uid: str) -> Loaded[tuple[Removed, ...]]:
    """What purges removed of a user, the newest first: a read for each purge, at least one."""
    return measured(lambda: removed.removals(Jobs(stores().handle).of_user(uid)))


@away.noticed
@st.cache_data(ttl=MINUTE, max_entries=200, show_spinner=False)
def last_changes(uid: str) -> Loaded[tuple[Recorded, ...]]:
    """The records of what the desk changed of a customer, in no order: a read for each, at least one."""
    return measured(lambda: undoable.of_user(stores(), uid))


@away.noticed
@st.cache_data(ttl=MINUTE, max_entries=200, show_spinner=False)
def clips(uid: str, video_id: str) -> Loaded[Table]:
    return measured(lambda: stores().records.clips(uid, video_id))


@away.noticed
@st.cache_data(ttl=MINUTE, max_entries=200, show_spinner=False)
def raw(path: str) -> Loaded[RawDocument | None]:
    """Any document as Firestore holds it."""
    return measured(lambda: stores().records.raw(path))


def checker() -> VerifyContext:
    """The context of upload checks and diagnoses, over this process's stores."""
    return checker_over(stores(), _now, looks())


@away.noticed
@st.cache_data(ttl=30, max_entries=200, show_spinner=False)
def case(uid: str, video_id: str) -> Loaded[Case]:
    """The diagnosis of one video. The answer says which store refused or was away, and is cached like any other."""
    return measured(lambda: diagnose.diagnose(checker(), uid, video_id))


@away.noticed
@st.cache_data(ttl=30, max_entries=200, show_spinner=False)
def deeds(uid: str, video_id: str) -> Loaded[tuple[Entry, ...]]:
    """What persons did to a video, from the audit."""
    return measured(lambda: read_deeds(audit_log(stores()), uid, video_id))


@away.noticed
@st.cache_data(ttl=60 * MINUTE, max_entries=1, show_spinner=False)
def usual() -> Loaded[Usual]:
    """What the steps of other videos took lately."""
    return measured(lambda: read_usual(stores().records))


@away.noticed
@st.cache_data(ttl=30, max_entries=200, show_spinner=False)
def looked_into(uid: str, video_id: str, read_at: datetime, clips: int | None) -> Loaded[Case]:
    """The diagnosis that was `read_at`, after a look into so many of its clips (`None`: all)."""
    known = case(uid, video_id)
    return measured(lambda: diagnose.looked_into(checker(), known.value, _sample(clips)))


@away.noticed
@st.cache_data(ttl=MINUTE, max_entries=200, show_spinner=False)
def origin(uid: str, video_id: str) -> Loaded[Fact[DraftOrigin]]:
    """The charges of a video, and the draft behind it."""
    known = case(uid, video_id).value
    return measured(lambda: diagnose.read_origin(checker(), known))


def to_look_into(known: Case, clips: int | None) -> int:
    """How many clips of the case this process has not looked into."""
    return diagnose.to_look_into(checker(), known, _sample(clips))


def _sample(clips: int | None) -> Sample:
    return Sample(thumbnails=False, clips=clips)


@away.noticed
@st.cache_data(ttl=2 * MINUTE, max_entries=4, refresh_mode="background", show_spinner=False)
def stuck(delivered: int = 0) -> Loaded[StuckList]:
    """Every video that needs a person, after a look also at the `delivered` last touched delivered videos."""
    found = measured(lambda: diagnose.stuck(checker(), Reach(delivered=delivered)))
    if found.value.error is None:
        last_outages().keep(found.value.outages, found.read_at)
    return found


@away.noticed
@st.cache_data(ttl=5 * MINUTE, max_entries=20, show_spinner=False)
def report(uid: str, video_id: str | None = None, contents: bool = False) -> Loaded[Report]:
    """The upload check of one video, with a look into its clips, or of one user, with that look only for `contents`."""
    scope = verify.IN_DEPTH if contents else None
    return measured(lambda: verify.verify_user(checker(), uid, video_id, scope))


@st.cache_resource(ttl=30 * MINUTE, max_entries=20, show_spinner=False)
def plan(name: str) -> PlanSummary:
    """A purge plan. Shared and not copied: it is frozen, never changes, and may have tens of thousands of rows."""
    return purges.summary(name)


@away.noticed
@st.cache_data(ttl=3, max_entries=100, show_spinner=False)
def plan_status(name: str, fingerprint: str) -> Loaded[PlanStatus]:
    """The status of this plan, as it was sealed: approvals, declines, its job."""
    return measured(lambda: purges.plan_status(plan(name)))


@st.cache_resource(ttl=5, max_entries=1, show_spinner=False)
def open_plans() -> Loaded[tuple[PlanSummary, ...]]:
    """The plans that may still be applied, the newest first; shared and not copied, as each of them is."""
    return measured(lambda: purges.open_plans(plan))


@away.noticed
@st.cache_data(ttl=5, max_entries=1, show_spinner=False)
def waiting_plans() -> Loaded[tuple[WaitingPlan, ...]]:
    """The joint repairs, adoptions and removals that wait for a second person."""
    return measured(lambda: tuple(waiting_plans_of(purges.context())))


@away.noticed
@st.cache_data(ttl=5, max_entries=4, show_spinner=False)
def jobs(limit: int) -> Loaded[tuple[Job, ...]]:
    """The newest purge jobs, the newest first."""
    return measured(lambda: purges.context().jobs.recent(limit))


@away.noticed
@st.cache_data(ttl=5, max_entries=1, show_spinner=False)
def jobs_going_on() -> Loaded[tuple[Job, ...]]:
    """The purge jobs that a worker should be running, the newest first: one read where there is none."""
    return measured(
        lambda: tuple(sorted(purges.context().jobs.going_on(), key=lambda job: job.created_at, reverse=True))
    )


@away.noticed
@st.cache_data(ttl=0.8, max_entries=200, show_spinner=False)
def job(name: str) -> Loaded[Job]:
    """One job as it is now; cached just long enough that several people who watch it cost one read."""
    return measured(lambda: purges.context().jobs.get(name))


@away.noticed
@st.cache_data(ttl=MINUTE, max_entries=1, refresh_mode="background", show_spinner=False)
def watches() -> Loaded[tuple[KeptWatch, ...]]:
    """What is watched after a repair or purge, and what did not hold, that first: a read for each, at most 20."""

    def load() -> tuple[KeptWatch, ...]:
        found = Watches(stores().handle).in_state({"open", *NEEDS_PERSON}, 20)
        return tuple(sorted((one.watch for one in found), key=lambda one: (one.state == "open", one.made_at)))

    return measured(load)


@away.noticed
@st.cache_data(ttl=15, max_entries=1, show_spinner=False)
def alerts() -> Loaded[tuple[StoredAlert, ...]]:
    """The alerts that stand or stood within a month, the last changed first."""
    return measured(lambda: read_alerts(stores().handle))


@away.noticed
@st.cache_data(ttl=MINUTE, max_entries=50, show_spinner=False)
def certificate(name: str) -> Loaded[Mapping[str, Any]]:
    """The certificate of a purge that has ended."""
    return measured(lambda: purges.certificate(name))


@away.noticed
@st.cache_data(ttl=15, max_entries=50, show_spinner=False)
def audit(question: AuditQuery, limit: int, before: int | None) -> Loaded[AuditPage]:
    return measured(lambda: audit_search.search(audit_log(stores()), question, limit=limit, before=before))


@away.noticed
@st.cache_data(ttl=5 * MINUTE, max_entries=50, show_spinner=False)
def names(paths: tuple[str, ...]) -> Loaded[Mapping[str, str]]:
    """The addresses of these customers and the titles of these videos, by path, a read each; nothing for the others."""

    def load() -> Mapping[str, str]:
        found = stores().records.many(paths)
        fields = {path: (document.fields or {}) if document else {} for path, document in found.items()}
        named = {path: one.get("video_title") or one.get("email") for path, one in fields.items()}
        return {path: name for path, name in named.items() if isinstance(name, str) and name.strip()}

    return measured(load)


def forget_purges() -> None:
    """Drops the cached plans and jobs; to be called after a change to one of them."""
    for load in (plan_status, open_plans, jobs, jobs_going_on, job, certificate, audit):
        load.clear()


def refresh_user(uid: str) -> None:
    """For a refresh button: the next look asks both stores again, only for changes where those can be asked for."""
    for load in (user, full_usage, ledger, some_videos, all_videos, transactions, removals, last_changes):
        load.clear(uid)
    for whole in (what_if, origin, clips, find, raw, case, deeds, looked_into, report, drafts, draft):
        whole.clear()


def forget_user(uid: str) -> None:
    """After a change that the desk made: the next look reads everything again."""
    users().forget(uid)
    stuck.clear()
    refresh_user(uid)
