"""What pages do with a sealed plan of rows: find it under its id, agree, apply it, follow its job, take it back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pages._ui.data import loads, purges
from storage.actions.purge import plan_ends
from storage.actions.purge.context import Purging
from storage.actions.row_plans import RowPlans
from storage.domain.places import REST
from storage.domain.policy import Actor
from storage.domain.purge.job import Job
from storage.domain.purge.plan_end import PlanEnd
from storage.domain.row_plan import RowPlan
from storage.errors import BadInput, NotFound, Stale
from storage.repositories.jobs import Jobs

P = TypeVar("P", bound=RowPlan)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class PlanStanding:
    """What became of a plan: its job where it was applied, its end where it was discarded, and whether its time, by
    Firestore's, is over."""

    job: Job | None
    discarded: PlanEnd | None
    expired: bool

    @property
    def open(self) -> bool:
        return self.job is None and self.discarded is None and not self.expired


@dataclass(frozen=True, slots=True)
class PagePlans(Generic[P, R]):
    """One kind of plan, as pages have it: its methods that change something take the actor first, as callbacks do.

    `opened_from` says where a person finds its address; `forget` drops what the desk read and a job changes.
    """

    plans: RowPlans[P]
    noun: str
    opened_from: str
    second_person: Callable[[Purging, P], str]
    apply_plan: Callable[[Purging, P, str, Actor], Job]
    undo_job: Callable[[Purging, str, str, Actor], Job]
    outcomes_of: Callable[[Jobs, str], Sequence[R]]
    forget: Callable[[], None]

    def is_plan(self, text: str) -> bool:
        """Whether the text names a plan; false for a job. `BadInput` for neither: it becomes part of a key."""
        form, name = self.plans.form, self.plans.command
        if re.fullmatch(form.plan_prefix + REST, text):
            return True
        if not re.fullmatch(f"{form.job_prefix}{REST}(-undo)?", text):
            raise BadInput(
                f"{name} in the address names no {self.noun}",
                field_name=name,
                remedy=f"Open it from the {self.opened_from}, or from the link that you were given.",
            )
        return False

    def plan(self, plan_id: str) -> P:
        """The plan under this id, as this desk sealed it. `NotFound` where it is gone, `Stale` where it was altered."""
        context = purges.context()
        try:
            found = self.plans.stored(context, plan_id)
        except NotFound as error:
            raise NotFound(
                "There is no such plan any more.",
                remedy="A plan is valid for half an hour. Make another.",
                target=plan_id,
            ) from error
        if found.plan_id != plan_id:
            raise Stale("Another plan is stored under this id.", remedy="Make a new plan.", target=plan_id)
        self.plans.check_seal(context, found)
        return found

    def keep(self, context: Purging, plan: P) -> str:
        """Keeps a new plan where every process finds it, and returns its id."""
        self.plans.store(context, plan)
        loads.waiting_plans.clear()
        return plan.plan_id

    def standing(self, found: P) -> PlanStanding:
        """What became of the plan so far: two reads, and one for Firestore's time."""
        context = purges.context()
        job, end = context.jobs.find(found.job_id), plan_ends.end_of(context, found.plan_id)
        over = context.now() >= found.expires_at
        return PlanStanding(job, end if end is not None and end.discarded else None, expired=over)

    def needs_second_person(self, found: P) -> str:
        """Why one person is not enough, or an empty text."""
        return self.second_person(purges.context(), found)

    def approvers(self, found: P) -> tuple[str, ...]:
        """Those who agreed to the plan; a read for each."""
        return tuple(sorted({one.approver for one in self.plans.approvals(purges.context(), found)}))

    def approve(self, actor: Actor, plan_id: str, fingerprint: str) -> None:
        self.plans.approve(purges.context(), self._as_shown(plan_id, fingerprint), actor)
        loads.waiting_plans.clear()

    def discard(self, actor: Actor, plan_id: str, fingerprint: str) -> None:
        """Ends the plan that the person saw: nobody can agree to it or apply it any more."""
        self.plans.discard(purges.context(), self._as_shown(plan_id, fingerprint), actor)
        loads.waiting_plans.clear()

    def apply(self, actor: Actor, plan_id: str, fingerprint: str, reason: str) -> str:
        """Applies the plan that the person saw, starts its worker, and returns the id of its job."""
        job = self.apply_plan(purges.context(), self._as_shown(plan_id, fingerprint), reason, actor)
        purges.start(job.job_id)
        loads.waiting_plans.clear()
        self.forget()
        return job.job_id

    def undo(self, actor: Actor, job_id: str, reason: str) -> str:
        """Begins to take everything back, starts the worker, and returns the id of that job."""
        job = self.undo_job(purges.context(), job_id, reason, actor)
        purges.start(job.job_id)
        loads.job.clear()
        self.forget()
        return job.job_id

    def outcomes(self, job: Job) -> Sequence[R]:
        """What became of each row so far."""
        return self.outcomes_of(purges.context().jobs, job.job_id)

    def _as_shown(self, plan_id: str, fingerprint: str) -> P:
        found = self.plan(plan_id)
        if found.fingerprint != fingerprint:
            raise Stale("The plan is not the one that was shown.", remedy="Open it again and check it.")
        return found
