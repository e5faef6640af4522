"""The plans of rows that wait for a second person: joint repairs, adoptions, removals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from storage.actions import joint_repair, orphans
from storage.actions.purge.context import Purging
from storage.actions.row_plans import RowPlans
from storage.domain.joint_repair import JointPlan
from storage.domain.orphans import OrphanPlan
from storage.domain.policy import Action
from storage.domain.row_plan import RowPlan
from storage.text import number

P = TypeVar("P", bound=RowPlan)


@dataclass(frozen=True, slots=True)
class WaitingPlan:
    """A plan that only somebody other than its maker, who may do `approving`, can let go on. `what` names no
    customer."""

    plan_id: str
    what: str
    maker: str
    expires_at: datetime
    approving: Action


def waiting_plans_of(purging: Purging) -> Iterator[WaitingPlan]:
    """Those that the desk keeps: a listing for each kind, and for each open plan itself, its end and its approvals.

    A plan of the shell is kept once somebody approved or applied it.
    """
    now = purging.now()
    yield from _of(purging, now, joint_repair.JOINT_PLANS, joint_repair.second_person_needed, _repair)
    yield from _of(purging, now, orphans.ORPHAN_PLANS, orphans.second_person_needed, _orphans)


def _of(
    purging: Purging, now: datetime, plans: RowPlans[P], needed: Callable[[Purging, P], str], what: Callable[[P], str]
) -> Iterator[WaitingPlan]:
    for plan in plans.open_plans(purging, now):
        given = plans.approvals(purging, plan) if needed(purging, plan) else None
        if given is not None and all(one.approver == plan.maker for one in given):
            yield WaitingPlan(plan.plan_id, what(plan), plan.maker, plan.expires_at, plans.to_approve(plan))


def _repair(plan: JointPlan) -> str:
    return f"A joint repair of {number(plan.willing, 'row')}"


def _orphans(plan: OrphanPlan) -> str:
    done = "An adoption" if plan.action == "adopt" else "A removal"
    return f"{done} of {number(len(plan.willing), 'file')}"
