"""What pages do with objects that no document names: make a plan and keep it; all else as with every plan of rows."""

from __future__ import annotations

from typing import Final

from pages._ui.data import loads, purges
from pages._ui.data.row_plans import PagePlans
from storage.actions import orphans
from storage.domain.orphans import OrphanAction, OrphanOutcome, OrphanPlan
from storage.domain.policy import Actor
from storage.domain.purge.scope import Scope

PLANS: Final[PagePlans[OrphanPlan, OrphanOutcome]] = PagePlans(
    plans=orphans.ORPHAN_PLANS,
    noun="plan",
    opened_from="finding",
    second_person=orphans.second_person_needed,
    apply_plan=orphans.apply_orphan_plan,
    undo_job=orphans.undo_orphans,
    outcomes_of=orphans.orphan_outcomes,
    forget=loads.report.clear,
)


def make(actor: Actor, scope: Scope, action: OrphanAction, keys: tuple[str, ...], *, caches: bool) -> str:
    """Makes a plan, keeps it where every process finds it, and returns its id."""
    context = purges.context()
    return PLANS.keep(context, orphans.make_orphan_plan(context, scope, action, actor, keys=keys, caches=caches))
