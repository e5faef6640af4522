"""Applies a plan: every guard is checked here, whatever a page showed, and then a job is created that does the work."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from storage.actions.audit import by, refusals_recorded
from storage.actions.documents import Change, Create, Update
from storage.actions.purge.approving import approvals_that_hold
from storage.actions.purge.context import Purging
from storage.actions.purge.controlling import others_at_work
from storage.actions.purge.planning import about, claimed_detail, store_plan, surveyed
from storage.actions.purge.presence import look_at
from storage.actions.purge.sealing import check_sealed
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.audit_chain import Event
from storage.domain.policy import Actor, authorise
from storage.domain.purge.guards import Approval, check_confirmation, check_seal
from storage.domain.purge.job import Job, job_path
from storage.domain.purge.places import all_prefixes
from storage.domain.purge.plan import PlannedUpload, PurgePlan
from storage.domain.purge.world import World, moved
from storage.errors import Refused, Stale
from storage.repositories.subtree import Subtree

TRIES = 5
LIMITS = "ops_limits"


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for when applying a plan. `phrase` is the scope's name as typed."""

    phrase: str
    reason: str
    erase: bool = False


def job_id_of(plan: PurgePlan) -> str:
    """One plan is one job: whoever applies it twice meets the first."""
    return f"purge-{plan.plan_id.removeprefix('plan-')}"


def apply_plan(purging: Purging, plan: PurgePlan, request: Request, actor: Actor) -> Job:
    """Creates the job for a plan, ready to be run by a worker; nothing of the customer's is touched yet.

    Raises `BadInput` for a reason or address that cannot be used, `NotPermitted`, `Stale` for a plan that was altered,
    has expired or whose world moved (`reasons` says what), `Refused` with every other ground. Each refusal is recorded.
    """
    reason, email = checked_reason(request.reason), normal_email(actor.email)
    intent = Event("purge.apply", "-", reason=reason, detail=_detail(plan, request))
    event = by(actor, about(plan, intent))
    with refusals_recorded(purging.trail, event):
        authorise(actor, "purge.apply", now=purging.clock())
        now = purging.now()
        check_seal(plan, purging.target, purging.limits, now)
        check_sealed(purging, plan)
        counted = check_confirmation(
            plan,
            phrase=request.phrase,
            actor=email,
            erase=request.erase,
            approvals=approvals_that_hold(purging, plan),
            limits=purging.limits,
        )
        _refuse_others(purging, plan)
        _refuse_moved(purging, plan, now)
        store_plan(purging, plan)
        job = _job(purging, plan, request, email, reason, counted)
        purging.trail.append(replace(event, outcome="begun", job_id=job.job_id))
        return _create(purging, job, email)


def _detail(plan: PurgePlan, request: Request) -> dict[str, object]:
    return {
        "scope": plan.scope.spelled,
        "erase": request.erase,
        "objects": len(plan.objects),
        "bytes": plan.total_bytes,
        "documents": len(plan.documents),
        **claimed_detail(plan),
    }


def _refuse_others(purging: Purging, plan: PurgePlan) -> None:
    """One plan is applied once, and no two jobs work on the same things at a time."""
    mine = purging.jobs.find(job_id_of(plan))
    if mine is not None:
        raise _applied(mine)
    others = tuple(others_at_work(purging, plan.scope))
    if others:
        raise Refused(
            f"Another job is at it: {others[0]}.", reasons=others, remedy="Wait until it has ended, or cancel it."
        )


def _applied(job: Job) -> Refused:
    return Refused(
        f"This plan was applied already, by {job.actor}: job {job.job_id}, which is {job.state}.",
        reasons=(f"applied already as job {job.job_id}",),
        remedy=f"Look at `purge status {job.job_id}`; resume that job if it stopped.",
    )


def _refuse_moved(purging: Purging, plan: PurgePlan, now: datetime) -> None:
    """The world must hold nothing that the plan does not show just so, and the plan nothing that is not the scope's."""
    acknowledged = plan.claims is not None and plan.claims.acknowledged
    world = surveyed(purging, plan.scope, now, acknowledged=acknowledged, seen=[item.key for item in plan.objects])
    differences = (*moved(plan, world), *_beyond(purging, plan, world))
    if differences:
        raise Stale(
            "The world moved since the plan was made: " + "; ".join(differences[:5]) + ".",
            reasons=differences,
            remedy="Make the plan anew, look at it, and apply that one.",
        )


def _beyond(purging: Purging, plan: PurgePlan, world: World) -> Iterator[str]:
    """What the plan names, the look at its scope did not find, and is there all the same: it is not the scope's.

    A clip's own objects, and whose a public link is, only documents tell; so this is asked of what they say now, and
    deleting has the version that was seen as its precondition.
    """
    keys = {item.key for item in world.objects}
    rest = [item for item in plan.objects if item.key not in keys]
    if rest:
        gone = set(look_at(purging.stores.objects, rest, all_prefixes(plan.scope, purging.stores.layout)).absent)
        yield from (f"object not of the scope: {item.key}" for at, item in enumerate(rest) if at not in gone)
    paths = {document.path for document in world.documents}
    named = [document.path for document in plan.documents if document.path not in paths]
    found = Subtree(purging.stores.handle).at(named) if named else {}
    yield from (f"document not of the scope: {path}" for path, document in found.items() if document is not None)
    yield from _uploads_beyond(purging, set(plan.uploads) - set(world.uploads))


def _uploads_beyond(purging: Purging, uploads: Collection[PlannedUpload]) -> Iterator[str]:
    for folder in sorted({upload.key[: upload.key.rfind("/") + 1] for upload in uploads}):
        found = purging.stores.objects.multipart_uploads(folder)
        if found.error is not None:
            raise found.error
        there = {PlannedUpload(one.key, one.upload_id) for one in found.uploads}
        for upload in sorted(uploads):
            if upload in there or (upload.key.startswith(folder) and not found.complete):
                yield f"unfinished upload not of the scope: {upload.key}"


def _job(
    purging: Purging, plan: PurgePlan, request: Request, email: str, reason: str, approvals: tuple[Approval, ...]
) -> Job:
    now = purging.now()
    return Job(
        job_id=job_id_of(plan),
        kind="purge",
        of="",
        plan_id=plan.plan_id,
        fingerprint=plan.fingerprint,
        scope=plan.scope,
        maker=plan.maker,
        actor=email,
        approved_by=tuple(sorted(approval.approver for approval in approvals)),
        reason=reason,
        erase=request.erase,
        created_at=now,
        objects_total=len(plan.objects),
        bytes_total=plan.total_bytes,
        documents_total=len(plan.documents),
        missing_acknowledged=len(plan.claims.missing) if plan.claims is not None else 0,
        quarantine="none" if request.erase else "kept",
        quarantine_until=None if request.erase else now + purging.limits.quarantine_life,
    )


def _create(purging: Purging, job: Job, email: str) -> Job:
    """Writes the job together with the actor's purges of the last hour, so that two at once cannot pass the limit."""
    path = f"{LIMITS}/purges-{hashlib.sha256(email.encode()).hexdigest()[:32]}"
    for _ in range(TRIES):
        record = purging.stores.records.raw(path)
        times = (record.fields or {}).get("times", ()) if record else ()
        recent = [at for at in times if isinstance(at, datetime) and job.created_at - at < timedelta(hours=1)]
        if len(recent) >= purging.limits.per_actor_hour:
            raise Refused(
                f"{email} began {len(recent):,} purges within the last hour; more are not allowed.",
                reasons=(f"at most {purging.limits.per_actor_hour:,} purges an hour",),
                remedy="Wait, or ask a colleague.",
            )
        now = [*recent, job.created_at]
        counted: Change = Update(path, {"times": now}, record.update_time) if record else Create(path, {"times": now})
        try:
            done = purging.writers.documents.commit(
                [Create(job_path(job.job_id), job.to_fields()), counted], operation="Creating a job"
            )
        except Stale:
            there = purging.jobs.find(job.job_id)
            if there is not None:
                raise _applied(there) from None
            continue
        return replace(job, update_time=done.update_times[job.path])
    raise Refused("Others create jobs at the same time.", remedy="Try again.")
