"""Starts and follows purges for the pages: the bucket keeps the plans, and each job runs in its own process.

No function here calls `st.*` after an action has begun: Streamlit may cut a script off in the middle, and a job must
not lose the worker that runs it. `recovery` resumes a job that still lost its worker.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pages._ui.data import resources
from storage.actions.purge import jobs, plan_ends, plans, sealing, worker
from storage.actions.purge.context import Purging
from storage.actions.purge.jobs import Request
from storage.domain.actor_and_reason import normal_email
from storage.domain.policy import Actor
from storage.domain.purge.guards import Approval
from storage.domain.purge.job import Job
from storage.domain.purge.plan import PurgePlan
from storage.domain.purge.plan_end import PlanEnd
from storage.domain.purge.scope import Scope, certificate_key
from storage.errors import BadInput, NotFound, Stale
from storage.repositories.audit_log import AuditLog

MAX_DECLINES = 100
MAX_CERTIFICATE_BYTES = 4 * 1_048_576
START_SECONDS = 30.0  # how long a new job may wait for its worker on a busy machine before it counts as abandoned

_JOB_ID = re.compile(r"purge-\d{8}-\d{6}-[0-9a-f]{8}(-undo|-empty)?")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decline:
    """A person's recorded refusal of exactly one plan."""

    by: str
    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class PlanStatus:
    """The status of a plan: all that happened to it. An applied plan has a `job`, a plan that somebody discarded
    `discarded`; `read_at`: Firestore's time."""

    approvals: tuple[Approval, ...] = ()
    declines: tuple[Decline, ...] = ()
    job: Job | None = None
    read_at: datetime | None = None
    discarded: PlanEnd | None = None

    @property
    def ended(self) -> bool:
        return self.job is not None or self.discarded is not None

    def counting(self, plan: PurgePlan, email: str) -> tuple[Approval, ...]:
        """The approvals that would count if this person applied it."""
        return tuple(given for given in self.approvals if given.approver not in {email, plan.maker})


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A plan with the figures that take long for a large plan: its fingerprint, the number and bytes of its objects by
    the layout's kinds, the number of its documents by collection."""

    plan: PurgePlan
    fingerprint: str
    objects: Mapping[str, tuple[int, int]]
    documents: Mapping[str, int]


def context() -> Purging:
    """The purge context of this process, with the clock and the audit that the whole desk shares."""
    return resources.purging(resources.stores().settings.firestore.project_id)


def plan_id(text: str) -> str:
    """The id of a plan, or `BadInput`: it becomes part of a key."""
    return _matching(plans.PLAN_ID, text, "plan")


def job_id(text: str) -> str:
    """The id of a job, or `BadInput`."""
    return _matching(_JOB_ID, text, "job")


def make(scope: Scope, actor: Actor, *, acknowledge_missing: bool = False) -> str:
    """Makes the plan, stores it where every process of the desk finds it, and returns its id."""
    purging = context()
    maker = normal_email(actor.email)
    plan = plans.make_plan(purging, scope, actor, maker=maker, acknowledge_missing=acknowledge_missing)
    plans.store_plan(purging, plan)
    return plan.plan_id


def read_plan(name: str) -> PurgePlan:
    """The plan that is stored under this id, complete and sealed by this desk; `Stale` where it is not.

    A plan of an older version has no seal: it can be shown, but not applied.
    """
    plan = _kept_plan(name)
    if plan.seal:
        sealing.check_sealed(context(), plan)
    return plan


def _kept_plan(name: str) -> PurgePlan:
    try:
        plan = plans.stored_plan(context(), plan_id(name))
    except NotFound as error:
        raise NotFound(
            f"There is no plan {name}.",
            remedy="The desk keeps a plan of the shell once somebody approved or applied it. Else make a new plan.",
            target=name,
        ) from error
    if plan.plan_id != name:
        raise Stale("Another plan is stored under this id.", remedy="Make a new plan.", target=name)
    return plan


def summary(name: str) -> PlanSummary:
    """The plan with its sums."""
    plan, parse = read_plan(name), resources.stores().layout.parse
    objects: dict[str, tuple[int, int]] = {}
    for item in plan.objects:
        kind = parse(item.key).kind
        count, size = objects.get(kind, (0, 0))
        objects[kind] = (count + 1, size + item.size_bytes)
    documents = Counter(collection_of(item.path) for item in plan.documents)
    return PlanSummary(plan, plan.fingerprint, objects, dict(documents))


def collection_of(path: str) -> str:
    """The name of the collection that the document at this path belongs to."""
    return path.split("/")[-2] if "/" in path else path


def begin(plan: PurgePlan, request: Request, actor: Actor) -> Job:
    """Applies the plan that the person saw, and starts the process of its worker."""
    purging = context()
    job = jobs.apply_plan(purging, _as_shown(plan), request, actor)
    start(job.job_id)
    return job


def approve(plan: PurgePlan, actor: Actor) -> Approval:
    """Records a second person's approval of the plan that they saw."""
    return plans.approve(context(), _as_shown(plan), actor)


def decline(plan: PurgePlan, reason: str, actor: Actor) -> None:
    """Records that a second person declines the plan that they saw, with the reason."""
    plans.decline(context(), _as_shown(plan), reason, actor)


def discard(plan: PurgePlan, actor: Actor) -> PlanEnd:
    """Ends the plan that the person saw, so that nobody applies it."""
    return jobs.discard_plan(context(), _as_shown(plan), actor)


def cancel(name: str, actor: Actor) -> Job:
    """Asks the job to stop after the batch under way."""
    return jobs.cancel(context(), job_id(name), actor)


def resume(name: str, actor: Actor) -> Job:
    """Resumes a job that stopped, or that no worker runs."""
    job = jobs.resume(context(), job_id(name), actor)
    start(job.job_id)
    return job


def undo(name: str, reason: str, actor: Actor) -> Job:
    """Begins the undo of a purge, and starts the process of its worker."""
    job = jobs.undo(context(), job_id(name), reason, actor)
    start(job.job_id)
    return job


def plan_status(summary: PlanSummary) -> PlanStatus:
    """Approvals, declines and the job of a plan, as they are now."""
    purging, plan, fingerprint = context(), summary.plan, summary.fingerprint
    entries = AuditLog(purging.stores.handle).search(action=plans.DECLINED, uid=plan.scope.uid, limit=MAX_DECLINES)
    end = plan_ends.end_of(purging, plan.plan_id)
    return PlanStatus(
        approvals=plans.approvals_that_hold(purging, plan),
        declines=tuple(
            Decline(str(entry["actor"]), str(entry["at"]), str(entry["reason"]))
            for entry in entries
            if entry.get("fingerprint") == fingerprint
        ),
        job=purging.jobs.find(jobs.job_id_of(plan)),
        read_at=purging.now(),
        discarded=end if end is not None and end.discarded else None,
    )


def open_plans(read: Callable[[str], PlanSummary]) -> tuple[PlanSummary, ...]:
    """The plans that may still be applied, the newest first: one listing, and each plan through `read`.

    It leaves out a plan whose content cannot be trusted: the page of that plan says why.
    """
    purging = context()
    now = purging.now()
    found: list[PlanSummary] = []
    for name in plans.open_plan_ids(purging, now):
        try:
            summary = read(name)
        except (BadInput, Stale) as error:
            _log.warning("plan %s cannot be shown: %s", name, error.message)
            continue
        if summary.plan.expires_at > now:
            found.append(summary)
    return tuple(found)


def certificate(name: str) -> Mapping[str, Any]:
    """The certificate of a purge that has ended; `NotFound` where none was written."""
    content = context().stores.objects.get_bytes(certificate_key(job_id(name)), MAX_CERTIFICATE_BYTES)
    value: Mapping[str, Any] = json.loads(content)
    return value


def starting(job: Job) -> bool:
    """Whether the job's first worker may still have been starting when the job was read, by Firestore's time."""
    age = job.read_time - job.created_at if job.read_time else timedelta()
    return job.state == "ready" and age.total_seconds() < START_SECONDS


def in_force(plan: PurgePlan, now: datetime) -> bool:
    return now < plan.expires_at


def _as_shown(plan: PurgePlan) -> PurgePlan:
    """The stored plan, which must be exactly the plan that the person saw; else `Stale`."""
    kept = _kept_plan(plan.plan_id)
    if kept.fingerprint != plan.fingerprint:
        raise Stale("The plan is not the one that was shown.", remedy="Open it again and check it.")
    return kept


def start(name: str) -> None:
    """Starts the worker. Where the system refuses another process, the job stays and `recovery` resumes it later."""
    try:
        worker.start_worker(name)
    except OSError as error:
        _log.warning("no process could be started for job %s: %s", name, error)


def _matching(pattern: re.Pattern[str], text: str, field_name: str) -> str:
    if not pattern.fullmatch(text):
        raise BadInput(
            f"{field_name} in the address is not the id of a {field_name}",
            field_name=field_name,
            remedy="Open it from the list of plans and jobs, or from the link that you were given.",
        )
    return text
