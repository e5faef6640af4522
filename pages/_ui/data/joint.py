"""What pages do with joint repairs: make a plan and keep it; all else as with every plan of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pages._ui.data import loads, purges
from pages._ui.data.row_plans import PagePlans
from storage.actions import joint_repair
from storage.domain.joint_repair import JointAction, JointPlan, RowOutcome
from storage.domain.policy import Actor

PLANS: Final[PagePlans[JointPlan, RowOutcome]] = PagePlans(
    plans=joint_repair.JOINT_PLANS,
    noun="repair",
    opened_from="list",
    second_person=joint_repair.second_person_needed,
    apply_plan=joint_repair.apply_joint_plan,
    undo_job=joint_repair.undo_joint_repair,
    outcomes_of=joint_repair.outcomes,
    forget=loads.stuck.clear,
)


def make(actor: Actor, pairs: Sequence[tuple[str, str]], action: JointAction) -> str:
    """Makes a plan, keeps it where every process finds it, and returns its id."""
    context = purges.context()
    return PLANS.keep(context, joint_repair.make_joint_plan(context, pairs, action, actor))
