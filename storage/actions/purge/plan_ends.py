"""Ends a plan of any kind without applying it: its maker discards it, or an admin does.

The end is a document of its own (`storage/domain/purge/plan_end.py`), which applying creates together with the job.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from storage.actions.audit import attributed, refusals_recorded
from storage.actions.documents import Create
from storage.actions.purge.context import Purging
from storage.domain.actor_and_reason import normal_email
from storage.domain.audit_chain import Event
from storage.domain.places import place_of
from storage.domain.policy import Action, Actor, authorise, permitted
from storage.domain.purge.job import Job
from storage.domain.purge.plan_end import PlanEnd, plan_end_path, refuse_discarded
from storage.errors import NotPermitted, Refused, Stale


@dataclass(frozen=True, slots=True)
class Discarding:
    """The plan to discard: `job_id` is the job that applying it would make, `makes` the action that made it."""

    plan_id: str
    fingerprint: str
    maker: str
    job_id: str
    makes: Action


def end_of(purging: Purging, plan_id: str) -> PlanEnd | None:
    """How a plan ended; `None` while it is open, and where it expired."""
    found = purging.stores.records.raw(plan_end_path(plan_id))
    return PlanEnd.from_fields(found.fields) if found is not None and found.fields else None


def ends_of(purging: Purging, plan_ids: Collection[str]) -> Mapping[str, PlanEnd]:
    """The ends of those of these plans that have ended: a read for each plan."""
    found = purging.stores.records.many([plan_end_path(one) for one in plan_ids]) if plan_ids else {}
    ends = [PlanEnd.from_fields(one.fields) for one in found.values() if one is not None and one.fields]
    return {end.plan_id: end for end in ends}


def refuse_ended(purging: Purging, plan_id: str) -> None:
    """Raises `Refused` where the plan was discarded."""
    refuse_discarded(end_of(purging, plan_id))


def discard(purging: Purging, plan: Discarding, event: Event, actor: Actor) -> PlanEnd:
    """Discards a plan whose seal was checked; a second time changes nothing and returns the first end.

    Raises `NotPermitted` for anybody but the maker and admins, and `Refused` for a plan that was applied.
    """
    email, event = normal_email(actor.email), attributed(actor, event)
    with refusals_recorded(purging.trail, event):
        authorise(actor, plan.makes, now=purging.clock())
        if email != plan.maker:
            if not permitted(actor.roles, "purge.apply"):
                raise NotPermitted(
                    "Only the maker of a plan and an admin can discard it.",
                    remedy=f"Ask {plan.maker or 'an admin'}, or let it expire.",
                )
            authorise(actor, "purge.apply", now=purging.clock())
        before = end_of(purging, plan.plan_id)
        if before is not None and before.discarded:
            return before
        job = purging.jobs.find(plan.job_id)
        if job is not None:
            raise applied_already(job)
        purging.trail.append(replace(event, outcome="begun"))
        end = PlanEnd(plan.plan_id, plan.fingerprint, "discarded", email, purging.now())
        try:
            purging.writers.documents.commit([Create(end.path, end.to_fields())], operation="Discarding a plan")
        except Stale:
            end = _first_end(purging, plan)
    if end.by == email:
        purging.trail.append(event)
    return end


def _first_end(purging: Purging, plan: Discarding) -> PlanEnd:
    """The end that somebody else wrote meanwhile; `Refused` where they applied the plan."""
    job, end = purging.jobs.find(plan.job_id), end_of(purging, plan.plan_id)
    if job is not None:
        raise applied_already(job)
    if end is None:
        raise Refused("The plan changed meanwhile.", remedy="Look at it again.")
    return end


def applied_already(job: Job) -> Refused:
    """The refusal for a plan that has a job."""
    place = place_of(job.job_id)
    return Refused(
        f"This plan was applied already, by {job.actor}: job {job.job_id}, which is {job.state}.",
        reasons=(f"applied already, by {job.actor}: job {job.job_id}",),
        remedy=f"Look at `{place.command if place else 'purge'} status {job.job_id}`; resume that job if it stopped.",
    )
