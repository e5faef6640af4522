"""What pages do with objects that no document names: make a plan and keep it, agree, apply, follow the job, undo."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from pages._ui.data import loads, purges
from storage.actions import orphans
from storage.domain.orphans import OrphanAction, OrphanOutcome, OrphanPlan
from storage.domain.policy import Actor
from storage.domain.purge.job import Job
from storage.domain.purge.scope import Scope
from storage.errors import BadInput, NotFound, Stale

_PLAN: Final = re.compile(r"oplan-[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")
_JOB: Final = re.compile(r"orphans-[0-9]{8}-[0-9]{6}-[0-9a-f]{8}(-undo)?")


def is_plan(text: str) -> bool:
    """Whether the text names a plan; false for a job. `BadInput` for neither: it becomes part of a key."""
    if not _PLAN.fullmatch(text) and not _JOB.fullmatch(text):
        raise BadInput(
            "orphans in the address names no plan",
            field_name="orphans",
            remedy="Open it from the finding, or from the link that you were given.",
        )
    return _PLAN.fullmatch(text) is not None


def make(scope: Scope, action: OrphanAction, keys: tuple[str, ...], actor: Actor, *, caches: bool) -> str:
    """Makes a plan, keeps it where every process finds it, and returns its id."""
    context = purges.context()
    plan = orphans.make_orphan_plan(context, scope, action, actor, keys=keys, caches=caches)
    orphans.store_orphan_plan(context, plan)
    return plan.plan_id


def plan(plan_id: str) -> OrphanPlan:
    """The plan under this id, as this desk sealed it. `NotFound` where it is gone, `Stale` where it was altered."""
    context = purges.context()
    try:
        found = orphans.stored_orphan_plan(context, plan_id)
    except NotFound as error:
        raise NotFound(
            "There is no such plan any more.",
            remedy="A plan is valid for half an hour. Make another.",
            target=plan_id,
        ) from error
    if found.plan_id != plan_id:
        raise Stale("Another plan is stored under this id.", remedy="Make a new plan.", target=plan_id)
    orphans.check_orphan_seal(context, found)
    return found


def needs_second_person(found: OrphanPlan) -> str:
    """Why one person is not enough, or an empty text."""
    return orphans.second_person_needed(purges.context(), found)


def approvers(found: OrphanPlan) -> tuple[str, ...]:
    """Those who agreed to the plan; a read for each."""
    given = orphans.approvals_of_orphan_plan(purges.context(), found)
    return tuple(sorted({one.approver for one in given}))


def approve(plan_id: str, fingerprint: str, actor: Actor) -> None:
    orphans.approve_orphan_plan(purges.context(), _as_shown(plan_id, fingerprint), actor)


def apply(plan_id: str, fingerprint: str, reason: str, actor: Actor) -> str:
    """Applies the plan that the person saw, starts its worker, and returns the id of its job."""
    job = orphans.apply_orphan_plan(purges.context(), _as_shown(plan_id, fingerprint), reason, actor)
    purges.start(job.job_id)
    return job.job_id


def undo(job_id: str, reason: str, actor: Actor) -> str:
    """Begins to take everything back, starts the worker, and returns the id of that job."""
    job = orphans.undo_orphans(purges.context(), job_id, reason, actor)
    purges.start(job.job_id)
    loads.job.clear()
    return job.job_id


def kept_until(job: Job) -> datetime:
    """Until when the copies of removed files are kept, at least."""
    return job.created_at + purges.context().limits.quarantine_life


def outcomes(job: Job) -> tuple[OrphanOutcome, ...]:
    """What became of each row so far."""
    return orphans.orphan_outcomes(purges.context().jobs, job.job_id)


def _as_shown(plan_id: str, fingerprint: str) -> OrphanPlan:
    found = plan(plan_id)
    if found.fingerprint != fingerprint:
        raise Stale("The plan is not the one that was shown.", remedy="Open it again and check it.")
    return found
