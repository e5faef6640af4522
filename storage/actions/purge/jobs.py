"""Creates and controls jobs: applying a plan, cancel, resume, undo, and emptying an expired quarantine.

`apply_plan` checks every guard again, whatever a page showed, and creates the job that does the work. `undo` refuses
where it would overwrite something newer, and where no copy is left to restore from.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from storage.actions.audit import attributed, refusals_recorded
from storage.actions.documents import Change, Create, FieldName, Update
from storage.actions.purge.context import Purging
from storage.actions.purge.lease import StillHeld, process_has_ended
from storage.actions.purge.plan_ends import Discarding, applied_already, discard, refuse_ended
from storage.actions.purge.plans import about, approvals_that_hold, claimed_detail, store_plan, stored_plan, surveyed
from storage.actions.purge.quarantine import Quarantine, Record, record_of
from storage.actions.purge.sealing import check_applied, check_sealed
from storage.actions.purge.steps_undo import path_of, same_fields
from storage.actions.purge.survey import look_at, maybe_there
from storage.domain.actor_and_reason import checked_reason, normal_email, without_titles
from storage.domain.audit_chain import Event
from storage.domain.policy import Actor, authorise
from storage.domain.purge.guards import Approval, check_confirmation, check_seal
from storage.domain.purge.inventory import Inventory, moved
from storage.domain.purge.job import ENDED, GOES_ON_BY_ITSELF, NEEDED, RESUMABLE, Job, State, job_path
from storage.domain.purge.plan import KEPT_BATCH, PlannedUpload, PurgePlan, object_batches, saving_batches
from storage.domain.purge.plan_end import PlanEnd
from storage.domain.purge.removed import address_digest, taken_names
from storage.domain.purge.scope import Scope, all_prefixes, kept_documents, plan_key, quarantine_prefix
from storage.errors import Refused, Stale, StorageError
from storage.repositories.queries import Subtree

RESTING: frozenset[State] = frozenset({"cancelled", "failed"})
SYSTEM = "system"  # the actor of what the desk does by itself


TRIES = 5
LIMITS = "ops_limits"
MAX_REASONS = 50
MOST_TITLES = 50  # of a scope, that are taken out of a reason
_log = logging.getLogger(__name__)


def others_at_work(purging: Purging, scope: Scope, *, but: Collection[str] = ()) -> Iterator[str]:
    """Why no further job may work on this scope now: a line for each job that is or will be at work on (part of) it."""
    for job in purging.jobs.of_user(scope.uid):
        overlapping = scope.covers(job.scope) or job.scope.covers(scope)
        if overlapping and job.job_id not in but and job.state not in ENDED and job.state != "cancelled":
            yield f"job {job.job_id} works on {job.scope.spelled} and is {job.state}"


def cancel(purging: Purging, job_id: str, actor: Actor) -> Job:
    """Asks a job to stop after its present batch; a job without a worker is cancelled at once."""
    email = normal_email(actor.email)
    job = purging.jobs.get(job_id)
    event = job_event(actor, "purge.cancel", job, "")
    with refusals_recorded(purging.trail, event):
        needed = NEEDED.get(job.kind, "purge.apply")
        authorise(actor, "fix" if needed == "fix" else "purge.apply", now=purging.clock())
        if job.state not in RESUMABLE or job.kind == "empty":
            raise Refused(f"Job {job_id} is {job.state}; there is nothing to cancel.", remedy="Look at its status.")
        purging.trail.append(event)
        running = job.held and not process_has_ended(job.lease_owner)
        if running and job.cancel_by:
            return job  # asked already: a second write would make the lease look younger than it is
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
    """Checks that the actor may resume this job and records it; the caller then runs the job.

    For a purge with an undo under way it resumes the undo.
    """
    normal_email(actor.email)
    job = purging.jobs.get(job_id)
    if job.state == "undoing" and job.undo_job:
        job = purging.jobs.get(job.undo_job)
    event = job_event(actor, "purge.resume", job, "")
    with refusals_recorded(purging.trail, event):
        authorise(actor, NEEDED.get(job.kind, "purge.apply"), now=purging.clock())
        if job.state not in RESUMABLE:
            raise Refused(f"Job {job_id} is {job.state}; there is nothing to resume.", remedy="Look at its status.")
        _refuse_emptied(purging, job)
        if job.kind in {"purge", "undo"} and job.step != "forget":
            check_applied(purging, job, stored_plan(purging, job.plan_id))
        if job.held and not process_has_ended(job.lease_owner):
            raise StillHeld(
                f"A worker has job {job_id} now.", remedy="Wait until it has ended; its status shows the progress."
            )
        purging.trail.append(event)
        if job.state in RESTING or job.cancel_by:  # workers take up only jobs that no person stopped
            change = Update(job.path, {"state": "ready", "cancel_by": "", "failure": None}, job.update_time)
            try:
                purging.writers.documents.commit([change], operation="Resuming a job")
            except Stale as stale:
                raise changed_meanwhile(job) from stale
    return purging.jobs.get(job.job_id)


def _refuse_emptied(purging: Purging, job: Job) -> None:
    """Refuses once the copies are gone: the purge must take nothing more, and the undo has nothing to restore."""
    if job.kind == "purge" and job.quarantine == "emptied":
        raise Refused(
            f"The quarantine of job {job.job_id} was emptied: an undo could not restore what this job still deletes.",
            remedy="Cancel the job where necessary, and make a plan for what is left.",
        )
    if job.kind == "undo" and purging.jobs.get(job.of).quarantine == "emptied":
        raise Refused(
            f"The quarantine of job {job.of} was emptied: no copy is left to restore.",
            remedy="What the undo restored before then stays; its journal lists it.",
        )


def begin_emptying(
    purging: Purging, job: Job, email: str = SYSTEM, reason: str = "the quarantine expired"
) -> Job | None:
    """Creates the job that empties an expired quarantine; `None` when another process was quicker.

    The same commit ends an undo of it that rests, so that nobody resumes that undo while the copies disappear.
    """
    now = job.read_time or purging.now()
    emptying = replace(follow_up_job(job, email, reason, now), job_id=f"{job.job_id}-empty", kind="empty")
    changes: list[Change] = [
        Create(emptying.path, emptying.to_fields()),
        Update(job.path, {"quarantine": "emptied", "address": ""}, job.update_time),
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
    """Whether the quarantine of a purge has expired and may be emptied by its age.

    Its time was over, by Firestore's time, when the job was read, and no undo was asked for. Where an undo was asked
    for and did not restore everything, only a person may end the quarantine: `empty_quarantine`.
    """
    if job.quarantine != "kept" or not job.quarantine_over or job.undo_failed:
        return False
    return job.state in ENDED or job.state in RESTING


def is_here(purging: Purging, job: Job) -> bool:
    """Whether this bucket has the job's plan or part of its quarantine; raises where the bucket does not answer."""
    objects = purging.stores.objects
    if objects.head(plan_key(job.plan_id)) is not None:
        return True
    return bool(len(objects.list_all(quarantine_prefix(job.job_id), limit=1).unbroken()))


def empty_quarantine(purging: Purging, job_id: str, phrase: str, reason: str, actor: Actor) -> Job:
    """Creates the job that empties a quarantine before or beyond its expiry, ready to run: no undo is possible then.

    Refused before the promised time (erasing is the quicker way), while an undo is at work, and unless `phrase` is the
    scope spelled out.
    """
    checked, email = checked_reason(reason), normal_email(actor.email)
    job = purging.jobs.get(job_id)
    event = job_event(actor, "purge.empty", job, checked)
    with refusals_recorded(purging.trail, event):
        authorise(actor, "purge.apply", now=purging.clock())
        grounds = list(_objections_to_emptying(purging, job, phrase))
        if grounds:
            promised = job.quarantine == "kept" and not job.quarantine_over
            quicker = " To be quicker, make a plan of the scope and erase." if promised else ""
            raise Refused(
                "This quarantine is not emptied: " + "; ".join(grounds) + ".",
                reasons=grounds,
                remedy=f"Look at its status.{quicker}",
            )
        purging.trail.append(replace(event, outcome="begun"))
        emptying = begin_emptying(purging, job, email, checked)
        if emptying is None:
            raise changed_meanwhile(job)
    return emptying


def _objections_to_emptying(purging: Purging, job: Job, phrase: str) -> Iterator[str]:
    if job.kind != "purge" or job.quarantine != "kept":
        yield f"job {job.job_id} keeps nothing" if job.kind == "purge" else f"job {job.job_id} is not a purge"
        return
    if job.quarantine_until is not None and not job.quarantine_over:
        yield f"it is promised until {job.quarantine_until:%Y-%m-%d %H:%M} UTC"
    undo_job = purging.jobs.find(job.undo_job) if job.undo_job else None
    at_work = undo_job if job.state == "undoing" and undo_job is not None else job
    if at_work.state in GOES_ON_BY_ITSELF:
        yield f"job {at_work.job_id} is {at_work.state}; cancel it first"
    if not job.scope.is_named_by(phrase):
        yield f"the confirmation is not the scope's name, which is {job.scope.typeable!r}"
    if not is_here(purging, job):
        yield (
            f"neither its plan nor its copies are in bucket {purging.stores.objects.bucket}: compare R2_BUCKET_NAME "
            "with that of the desk that purged"
        )


def follow_up_job(job: Job, email: str, reason: str, now: datetime) -> Job:
    """The job that undoes another, not yet written; its totals are what that one counted."""
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
    """The audit event for an action on a job."""
    scope = job.scope
    return attributed(
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
    """The refusal where another process changed the job between the look and the write."""
    return Refused(f"Job {job.job_id} changed meanwhile.", remedy="Look at its status, then try again.")


@dataclass(frozen=True, slots=True)
class Request:
    """A person's request to apply a plan. `phrase` is the scope's name as typed."""

    phrase: str
    reason: str
    erase: bool = False


def job_id_of(plan: PurgePlan) -> str:
    """The job id of a plan. One plan is one job: a person who applies it twice meets the first job."""
    return f"purge-{plan.plan_id.removeprefix('plan-')}"


def discard_plan(purging: Purging, plan: PurgePlan, actor: Actor) -> PlanEnd:
    """Ends a plan of the actor's own, or any as an admin: nobody can approve or apply it any more.

    Raises `NotPermitted`, `Stale` for a plan that was altered or has expired, and `Refused` for one that was applied.
    """
    detail = {"scope": plan.scope.spelled, "plan_id": plan.plan_id}
    event = about(plan, Event("purge.discard", "-", detail=detail))
    with refusals_recorded(purging.trail, attributed(actor, event)):
        check_seal(plan, purging.target, purging.limits, purging.now())
        check_sealed(purging, plan)
    discarding = Discarding(plan.plan_id, plan.fingerprint, plan.maker, job_id_of(plan), "purge.plan")
    return discard(purging, discarding, event, actor)


def apply_plan(purging: Purging, plan: PurgePlan, request: Request, actor: Actor) -> Job:
    """Creates the job for a plan, ready for a worker; changes nothing of the customer's yet.

    Raises `BadInput` for an unusable reason or address, `NotPermitted`, `Stale` for a plan that was altered or has
    expired, or whose scope changed (`reasons` says how), and `Refused` on every other ground. The audit records each
    refusal.
    """
    reason, email = without_titles(checked_reason(request.reason), _titles(purging, plan)), normal_email(actor.email)
    intent = Event("purge.apply", "-", reason=reason, detail=_detail(plan, request))
    event = attributed(actor, about(plan, intent))
    with refusals_recorded(purging.trail, event):
        authorise(actor, "purge.apply", now=purging.clock())
        now = purging.now()
        check_seal(plan, purging.target, purging.limits, now)
        check_sealed(purging, plan)
        refuse_ended(purging, plan.plan_id)
        counted = check_confirmation(
            plan,
            phrase=request.phrase,
            actor=email,
            erase=request.erase,
            approvals=approvals_that_hold(purging, plan),
            limits=purging.limits,
        )
        _refuse_others(purging, plan)
        _refuse_changed(purging, plan, now)
        store_plan(purging, plan)
        job = _job(purging, plan, request, email, reason, counted)
        purging.trail.append(replace(event, outcome="begun", job_id=job.job_id))
        return create_job(purging, job, email)


def _titles(purging: Purging, plan: PurgePlan) -> list[str]:
    """The titles of the first videos of the scope: a reason outlives them."""
    parts = [document.path.split("/") for document in plan.documents]
    videos = sorted({(part[1], part[3]) for part in parts if len(part) > 3 and part[2] == "videos"})[:MOST_TITLES]
    found = purging.stores.records.videos_by_ids(videos).frame if videos else None
    return [] if found is None else [str(title) for title in found["video_title"].dropna()]


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
    """Refuses a plan that was applied already, and a scope on which another job works."""
    mine = purging.jobs.find(job_id_of(plan))
    if mine is not None:
        raise applied_already(mine)
    others = tuple(others_at_work(purging, plan.scope))
    if others:
        raise Refused(
            f"Another job works on it: {others[0]}.", reasons=others, remedy="Wait until it has ended, or cancel it."
        )


def _refuse_changed(purging: Purging, plan: PurgePlan, now: datetime) -> None:
    """Refuses where the scope holds anything that the plan does not show as it is now, or the plan goes beyond it."""
    acknowledged = plan.claims is not None and plan.claims.acknowledged
    inventory = surveyed(purging, plan.scope, now, acknowledged=acknowledged, seen=[item.key for item in plan.objects])
    differences = (*moved(plan, inventory), *_outside_scope(purging, plan, inventory))
    if differences:
        raise Stale(
            "The scope changed since the plan was made: " + "; ".join(differences[:5]) + ".",
            reasons=differences,
            remedy="Make the plan again, look at it, and apply the new one.",
        )


def _outside_scope(purging: Purging, plan: PurgePlan, inventory: Inventory) -> Iterator[str]:
    """Objects, documents and uploads of the plan that exist, though the look at the scope did not find them.

    They are not the scope's. Only documents say which objects belong to a clip and whose a public link is. So this
    asks what they say now, and the deletion has the version that was seen as its precondition.
    """
    keys = {item.key for item in inventory.objects}
    rest = [item for item in plan.objects if item.key not in keys]
    if rest:
        gone = set(look_at(purging.stores.objects, rest, all_prefixes(plan.scope, purging.stores.layout)).absent)
        yield from (f"object not of the scope: {item.key}" for at, item in enumerate(rest) if at not in gone)
    paths = {document.path for document in inventory.documents}
    named = [document.path for document in plan.documents if document.path not in paths]
    found = Subtree(purging.stores.handle).at(named) if named else {}
    yield from (f"document not of the scope: {path}" for path, document in found.items() if document is not None)
    yield from _uploads_outside_scope(purging, set(plan.uploads) - set(inventory.uploads))


def _uploads_outside_scope(purging: Purging, uploads: Collection[PlannedUpload]) -> Iterator[str]:
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
        address=_address(purging, plan, request),
        took=taken_names(plan),
    )


def _address(purging: Purging, plan: PurgePlan, request: Request) -> str:
    """The digest of the customer's address, by which Find tells of the purge while it can be undone."""
    if plan.scope.kind != "user" or request.erase:
        return ""
    user = purging.stores.records.user(plan.scope.uid)
    return address_digest(user.email) if user is not None and user.email else ""


def create_job(purging: Purging, job: Job, email: str) -> Job:
    """Writes the job, the end of its plan and the actor's purges of the last hour together.

    So two at once cannot pass the limit, and a plan that somebody discards at the same time is applied or discarded,
    never both. `Refused` for a discarded plan.
    """
    end = PlanEnd(job.plan_id, job.fingerprint, "applied", email, job.created_at)
    ended = [] if job.of else [Create(end.path, end.to_fields())]  # an undo has the plan of the job that it undoes
    path = f"{LIMITS}/purges-{hashlib.sha256(email.encode()).hexdigest()[:32]}"
    for _ in range(TRIES):
        record = purging.stores.records.raw(path)
        times = (record.fields or {}).get("times", ()) if record else ()
        recent = [at for at in times if isinstance(at, datetime) and job.created_at - at < timedelta(hours=1)]
        if len(recent) >= purging.limits.per_actor_hour:
            raise Refused(
                f"{email} began {len(recent):,} purges within the last hour; no more are allowed.",
                reasons=(f"at most {purging.limits.per_actor_hour:,} purges an hour",),
                remedy="Wait, or ask a colleague.",
            )
        now = [*recent, job.created_at]
        counted: Change = Update(path, {"times": now}, record.update_time) if record else Create(path, {"times": now})
        try:
            done = purging.writers.documents.commit(
                [Create(job_path(job.job_id), job.to_fields()), counted, *ended], operation="Creating a job"
            )
        except Stale:
            there = purging.jobs.find(job.job_id)
            if there is not None:
                raise applied_already(there) from None
            refuse_ended(purging, job.plan_id)
            continue
        return replace(job, update_time=done.update_times[job.path])
    raise Refused("Others create jobs at the same time.", remedy="Try again.")


def undo(purging: Purging, job_id: str, reason: str, actor: Actor) -> Job:
    """Creates the job that undoes a purge, ready for a worker.

    Refused where something new is at a place that the undo would restore, where the purge was erased, emptied or
    undone before, and while a worker has the purge. After a request for an undo only a person ends the quarantine.
    """
    checked, email = checked_reason(reason), normal_email(actor.email)
    job = purging.jobs.get(job_id)
    event = job_event(actor, "purge.undo", job, checked)
    with refusals_recorded(purging.trail, event):
        authorise(actor, "purge.undo", now=purging.clock())
        _refuse_undo(purging, job)
        try:
            _refuse_occupied(purging, job)
        except StorageError as error:
            _note_undo_refused(purging, job, error)
            raise
        undoing = follow_up_job(job, email, checked, job.read_time or purging.now())
        purging.trail.append(replace(event, outcome="begun", job_id=undoing.job_id))
        before = purging.jobs.find(undoing.job_id)
        first: Change
        if before is None:
            first = Create(undoing.path, undoing.to_fields())
        else:  # an earlier undo left something; begin the undo again
            restarted = replace(undoing, sequence=before.sequence, epoch=before.epoch)
            fields: dict[FieldName, object] = dict(restarted.to_fields().items())
            first = Update(undoing.path, fields, before.update_time)
        second = Update(job.path, {"state": "undoing", "undo_job": undoing.job_id}, job.update_time)
        try:
            purging.writers.documents.commit([first, second], operation="Creating an undo")
        except Stale as stale:
            raise changed_meanwhile(job) from stale
    return purging.jobs.get(undoing.job_id)


def _refuse_occupied(purging: Purging, job: Job) -> None:
    plan = stored_plan(purging, job.plan_id)
    check_applied(purging, replace(job, kind="undo"), plan)
    occupied = _occupied(purging, job, plan, record_of(purging.jobs, job.job_id, plan, erase=False))
    if occupied:
        raise Refused(
            f"Something new is at {len(occupied):,} of the places to restore: {occupied[0]}.",
            reasons=occupied[:MAX_REASONS],
            remedy="Move it away, or leave the purge as it is.",
        )


def _note_undo_refused(purging: Purging, job: Job, why: StorageError) -> None:
    """Notes that an undo was asked for and refused: the quarantine is then no longer emptied by its age."""
    try:
        purging.writers.documents.commit(
            [Update(job.path, {"undo_refused": why.as_dict()})], operation="Noting that an undo was refused"
        )
    except StorageError as error:
        _log.warning("the refusal of an undo of job %s could not be noted: %s", job.job_id, error.message)


def _refuse_undo(purging: Purging, job: Job) -> None:
    grounds = list(others_at_work(purging, job.scope, but=(job.job_id,)))
    if job.kind != "purge":
        grounds.append(f"job {job.job_id} is not a purge")
    elif job.erase:
        grounds.append("it was erased, without a quarantine")
    elif job.quarantine != "kept":
        grounds.append(f"its quarantine is {job.quarantine}")
    elif job.quarantine_until is not None and job.quarantine_over and not job.undo_failed:
        grounds.append(f"its quarantine expired at {job.quarantine_until:%Y-%m-%d %H:%M} UTC")
    if job.state == "undoing":
        grounds.append(f"job {job.undo_job} undoes it already; resume that job")
    elif job.state in {"ready", "running", "interrupted"}:
        grounds.append(f"it is {job.state}; cancel it first")
    if grounds:
        raise Refused(
            "This purge cannot be undone: " + "; ".join(grounds) + ".", reasons=grounds, remedy="Look at its status."
        )


def _occupied(purging: Purging, job: Job, plan: PurgePlan, record: Record) -> tuple[str, ...]:
    """The keys and paths where the purge deleted something and something else exists now."""
    quarantine, found = Quarantine(purging, job.job_id), list[str]()
    prefixes = all_prefixes(plan.scope, purging.stores.layout)
    # After a purge almost nothing is there: one listing says so, where single requests would ask for each key.
    sure = maybe_there(purging.stores.objects, frozenset(record.deleted_keys), prefixes)
    for index, batch in enumerate(object_batches(plan, erase=False)):
        mine = [item for item in batch if item.key in sure]
        numbers = {item.key: index * KEPT_BATCH + position for position, item in enumerate(batch)}
        presence = look_at(purging.stores.objects, mine, prefixes) if mine else None
        for position in presence.moved if presence else ():
            item = mine[position]
            if not quarantine.same_as_kept(numbers[item.key], item):
                found.append(f"object {item.key}")
    deleted, tree = frozenset(record.deleted_paths), Subtree(purging.stores.handle)
    for batch_number, documents in enumerate(saving_batches(plan)):
        there = tree.messages([item.path for item in documents if item.path in deleted])
        occupied = {path: document for path, document in there.items() if document is not None}
        if occupied:
            name = kept_documents(job.job_id, batch_number)
            lines = quarantine.read_documents(name, record.digests[batch_number])
            kept = {path: line for line in lines if (path := path_of(line)) in occupied}
            found += [f"document {path}" for path, line in kept.items() if not same_fields(line, occupied[path])]
    return tuple(found)
