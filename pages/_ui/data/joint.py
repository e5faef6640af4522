"""What pages do with joint repairs: make a plan and keep it, agree to it, apply it, follow its job, take it back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pages._ui.data import loads, purges
from storage.actions import joint_repair
from storage.domain.joint_repair import JointAction, JointPlan, RowOutcome
from storage.domain.policy import Actor
from storage.domain.purge.job import Job
from storage.errors import BadInput, NotFound, Stale

_PLAN: Final = re.compile(r"rplan-[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")
_JOB: Final = re.compile(r"repair-[0-9]{8}-[0-9]{6}-[0-9a-f]{8}(-undo)?")


def is_plan(text: str) -> bool:
    """Whether the text names a plan; false for a job. `BadInput` for neither: it becomes part of a key."""
    if not _PLAN.fullmatch(text) and not _JOB.fullmatch(text):
        raise BadInput(
            "repair in the address names no repair",
            field_name="repair",
            remedy="Open it from the list, or from the link that you were given.",
        )
    return _PLAN.fullmatch(text) is not None


def make(pairs: Sequence[tuple[str, str]], action: JointAction, actor: Actor) -> str:
    """Makes a plan, keeps it where every process finds it, and returns its id."""
    context = purges.context()
    plan = joint_repair.make_joint_plan(context, pairs, action, actor)
    joint_repair.store_joint_plan(context, plan)
    return plan.plan_id


def plan(plan_id: str) -> JointPlan:
    """The plan under this id, as this desk sealed it. `NotFound` where it is gone, `Stale` where it was altered."""
    context = purges.context()
    try:
        found = joint_repair.stored_joint_plan(context, plan_id)
    except NotFound as error:
        raise NotFound(
            "There is no such repair plan any more.",
            remedy="A plan is valid for half an hour. Make another.",
            target=plan_id,
        ) from error
    if found.plan_id != plan_id:
        raise Stale("Another plan is stored under this id.", remedy="Make a new plan.", target=plan_id)
    joint_repair.check_joint_seal(context, found)
    return found


def needs_second_person(found: JointPlan) -> str:
    """Why one person is not enough, or an empty text."""
    return joint_repair.second_person_needed(purges.context(), found)


def approvers(found: JointPlan) -> tuple[str, ...]:
    """Those who agreed to the plan; a read for each."""
    given = joint_repair.approvals_of_joint(purges.context(), found)
    return tuple(sorted({one.approver for one in given}))


def approve(plan_id: str, fingerprint: str, actor: Actor) -> None:
    joint_repair.approve_joint_plan(purges.context(), _as_shown(plan_id, fingerprint), actor)


def apply(plan_id: str, fingerprint: str, reason: str, actor: Actor) -> str:
    """Applies the plan that the person saw, starts its worker, and returns the id of its job."""
    job = joint_repair.apply_joint_plan(purges.context(), _as_shown(plan_id, fingerprint), reason, actor)
    purges.start(job.job_id)
    return job.job_id


def undo(job_id: str, reason: str, actor: Actor) -> str:
    """Begins to take a repair back, starts the worker, and returns the id of that job."""
    job = joint_repair.undo_joint_repair(purges.context(), job_id, reason, actor)
    purges.start(job.job_id)
    loads.job.clear()
    return job.job_id


def outcomes(job: Job) -> tuple[RowOutcome, ...]:
    """What became of each row so far."""
    return joint_repair.outcomes(purges.context().jobs, job.job_id)


def _as_shown(plan_id: str, fingerprint: str) -> JointPlan:
    found = plan(plan_id)
    if found.fingerprint != fingerprint:
        raise Stale("The plan is not the one that was shown.", remedy="Open it again and check it.")
    return found
