"""Stops jobs, sets them going again, and begins the emptying of quarantines that have expired."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime

from storage.actions.audit import by, refusals_recorded
from storage.actions.documents import Change, Create, Update
from storage.actions.purge.context import Purging
from storage.actions.purge.ledger import StillHeld
from storage.actions.purge.owner import surely_gone
from storage.actions.purge.planning import stored_plan
from storage.actions.purge.sealing import check_applied
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.audit_chain import Event
from storage.domain.policy import Action, Actor, authorise
from storage.domain.purge.job import ENDED, GOES_ON_BY_ITSELF, RESUMABLE, Job, State
from storage.domain.purge.scope import Scope
from storage.errors import Refused, Stale

RESTING: frozenset[State] = frozenset({"cancelled", "failed"})
SYSTEM = "system"  # what the desk does by itself


def others_at_work(purging: Purging, scope: Scope, *, but: Collection[str] = ()) -> Iterator[str]:
    """Why no further job may work on this scope now: one line for each job that is at (a part of) it, or soon will."""
    for job in purging.jobs.of_user(scope.uid):
        overlapping = scope.covers(job.scope) or job.scope.covers(scope)
        if overlapping and job.job_id not in but and job.state not in ENDED and job.state != "cancelled":
            yield f"job {job.job_id} works on {job.scope.spelled} and is {job.state}"


def cancel(purging: Purging, job_id: str, actor: Actor) -> Job:
    """Asks a job to stop after the batch under way; one that nobody runs is cancelled at once."""
    email = normal_email(actor.email)
    job = purging.jobs.get(job_id)
    event = job_event(actor, "purge.cancel", job, "")
    with refusals_recorded(purging.trail, event):
        authorise(actor, "purge.apply", now=purging.clock())
        if job.state not in RESUMABLE or job.kind == "empty":
            raise Refused(f"Job {job_id} is {job.state}; there is nothing to cancel.", remedy="Look at its status.")
        purging.trail.append(event)
        running = job.held and not surely_gone(job.lease_owner)
        if running and job.cancel_by:
            return job  # asked already: writing it again would make the lease look younger than it is
        change = (
            Update(job.path, {"cancel_by": email})
            if running
            else Update(job.path, {"state": "cancelled", "cancel_by": email, "lease_owner": ""}, job.update_time)
        )
        try:
            purging.writers.documents.commit([change], operation="Cancelling a job")
        except Stale as stale:
            raise changed_meanwhile(job) from stale
    return purging.jobs.get(job_id)


def resume(purging: Purging, job_id: str, actor: Actor) -> Job:
    """Checks that a person may set this job going again and records it; the caller then runs it.

    For a purge that is being undone it is the undo that goes on.
    """
    normal_email(actor.email)
    job = purging.jobs.get(job_id)
    if job.state == "undoing" and job.undo_job:
        job = purging.jobs.get(job.undo_job)
    event = job_event(actor, "purge.resume", job, "")
    with refusals_recorded(purging.trail, event):
        action: Action = "purge.undo" if job.kind == "undo" else "purge.apply"
        authorise(actor, action, now=purging.clock())
        if job.state not in RESUMABLE:
            raise Refused(f"Job {job_id} is {job.state}; there is nothing to resume.", remedy="Look at its status.")
        _refuse_emptied(purging, job)
        if job.kind != "empty":
            check_applied(purging, job, stored_plan(purging, job.plan_id))
        if job.held and not surely_gone(job.lease_owner):
            raise StillHeld(
                f"A worker is at job {job_id}.", remedy="Wait until it has ended; its status shows how far."
            )
        purging.trail.append(event)
        if job.state in RESTING or job.cancel_by:  # workers take up only what nobody stopped
            change = Update(job.path, {"state": "ready", "cancel_by": "", "failure": None}, job.update_time)
            try:
                purging.writers.documents.commit([change], operation="Setting a job going again")
            except Stale as stale:
                raise changed_meanwhile(job) from stale
    return purging.jobs.get(job.job_id)


def _refuse_emptied(purging: Purging, job: Job) -> None:
    """A purge takes nothing more, and an undo gives nothing back, once the copies are gone."""
    if job.kind == "purge" and job.quarantine == "emptied":
        raise Refused(
            f"The quarantine of job {job.job_id} was emptied: what it still took could not be given back.",
            remedy="Cancel it if need be, and make a plan for what is left.",
        )
    if job.kind == "undo" and purging.jobs.get(job.of).quarantine == "emptied":
        raise Refused(
            f"The quarantine of job {job.of} was emptied: nothing is left to put back.",
            remedy="What the undo had put back by then stays; its journal says what.",
        )


def begin_emptying(
    purging: Purging, job: Job, email: str = SYSTEM, reason: str = "the quarantine expired"
) -> Job | None:
    """Creates the job that empties an expired quarantine; `None` when somebody else was quicker.

    An undo of it that rests is ended by the same commit, so that nobody sets it going while its copies disappear.
    """
    now = job.read_time or purging.now()
    emptying = replace(following(job, email, reason, now), job_id=f"{job.job_id}-empty", kind="empty")
    changes: list[Change] = [
        Create(emptying.path, emptying.to_fields()),
        Update(job.path, {"quarantine": "emptied"}, job.update_time),
    ]
    undoing = purging.jobs.find(job.undo_job) if job.state == "undoing" else None
    if undoing is not None:
        if undoing.state not in RESTING:
            return None
        failure = {"code": "expired", "message": f"The quarantine was emptied: {reason}.", "remedy": ""}
        changes.append(Update(undoing.path, {"state": "failed", "failure": failure}, undoing.update_time))
    try:
        purging.writers.documents.commit(changes, operation="Beginning to empty a quarantine")
    except Stale:
        return None
    return purging.jobs.get(emptying.job_id)


def expired(purging: Purging, job: Job) -> bool:
    """Whether a purge's quarantine is due to be emptied by its age: its time was over when the job was read, by
    Firestore's time, and nobody wanted it back.

    Where an undo was asked for and not everything came back, only a person may end it: `empty_quarantine`.
    """
    if job.quarantine != "kept" or not job.quarantine_over or job.undo_failed:
        return False
    return job.state in ENDED or job.state in RESTING


def empty_quarantine(purging: Purging, job_id: str, phrase: str, reason: str, actor: Actor) -> Job:
    """Creates the job that empties a quarantine which its age does not end, ready to be run: nothing comes back then.

    Refused before its time, which is promised to everybody (erasing is the way to be quicker); while an undo is at
    work; and unless `phrase` is the scope spelled out.
    """
    checked, email = checked_reason(reason), normal_email(actor.email)
    job = purging.jobs.get(job_id)
    event = job_event(actor, "purge.empty", job, checked)
    with refusals_recorded(purging.trail, event):
        authorise(actor, "purge.apply", now=purging.clock())
        grounds = list(_not_to_be_emptied(purging, job, phrase))
        if grounds:
            raise Refused(
                "This quarantine is not emptied: " + "; ".join(grounds) + ".",
                reasons=grounds,
                remedy="Look at its status. To be quicker than its time, make a plan of the scope and erase.",
            )
        purging.trail.append(replace(event, outcome="begun"))
        emptying = begin_emptying(purging, job, email, checked)
        if emptying is None:
            raise changed_meanwhile(job)
    return emptying


def _not_to_be_emptied(purging: Purging, job: Job, phrase: str) -> Iterator[str]:
    if job.kind != "purge" or job.quarantine != "kept":
        yield f"job {job.job_id} keeps nothing" if job.kind == "purge" else f"job {job.job_id} is no purge"
        return
    if job.quarantine_until is not None and not job.quarantine_over:
        yield f"it is promised until {job.quarantine_until:%Y-%m-%d %H:%M} UTC"
    undo_job = purging.jobs.find(job.undo_job) if job.undo_job else None
    at_work = undo_job if job.state == "undoing" and undo_job is not None else job
    if at_work.state in GOES_ON_BY_ITSELF:
        yield f"job {at_work.job_id} is {at_work.state}; cancel it first"
    if not job.scope.is_named_by(phrase):
        yield f"the confirmation is not the scope's name, which is {job.scope.typeable!r}"


def following(job: Job, email: str, reason: str, now: datetime) -> Job:
    """The job that undoes a purge, not yet written; what it has to restore is what the purge counted."""
    return Job(
        job_id=f"{job.job_id}-undo",
        kind="undo",
        of=job.job_id,
        plan_id=job.plan_id,
        fingerprint=job.fingerprint,
        scope=job.scope,
        maker=job.maker,
        actor=email,
        approved_by=(),
        reason=reason,
        erase=False,
        created_at=now,
        objects_total=job.tally.objects,
        bytes_total=job.tally.bytes,
        documents_total=job.tally.documents,
    )


def job_event(actor: Actor, action: str, job: Job, reason: str) -> Event:
    """What the audit keeps of something done to a job."""
    scope = job.scope
    return by(
        actor,
        Event(
            action,
            "-",
            reason=reason,
            uid=scope.uid,
            video_id=scope.video_id or "",
            clip_id=scope.clip_id,
            fingerprint=job.fingerprint,
            job_id=job.job_id,
            detail={"scope": scope.spelled, "state": job.state},
        ),
    )


def changed_meanwhile(job: Job) -> Refused:
    """Somebody else did something to the job between looking and acting."""
    return Refused(f"Job {job.job_id} changed meanwhile.", remedy="Look at its status, then try again.")
