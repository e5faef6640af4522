"""Adopts or removes objects that no document names, and removes caches past their time: a sealed plan, a job, an undo.

The job runs in the engine of purges: a lease, a journal entry before and after each row, a worker that goes on where
another was killed. Each row is judged again at its turn. What it writes is a recorded change whose id follows from the
job and the row: a clip's document with its counters in one commit, or the deletion of exactly the object that was seen
after a verified copy of it is kept. So a change is taken back alone or with its job, and the copies live, expire and
are erased as those of all repairs.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from storage import files
from storage.actions import undoable, upload
from storage.actions.audit import attributed, refusals_recorded
from storage.actions.purge import plans
from storage.actions.purge.context import Purging
from storage.actions.purge.engine import BatchOutcome, Ending, Note, Seen
from storage.actions.purge.jobs import create_job, follow_up_job, others_at_work
from storage.actions.purge.lease import JobLease, LeaseLost
from storage.actions.purge.plan_ends import Discarding, discard, refuse_ended
from storage.actions.purge.sealing import key_to_check, key_to_seal
from storage.actions.purge.survey import refuse_dangers
from storage.actions.replacing import Removal
from storage.actions.watches import end_watch, watch_change
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.audit_chain import Event
from storage.domain.changes import ABSENT, ChangeSet, FieldChange
from storage.domain.orphans import (
    LIFE,
    OrphanAction,
    OrphanOutcome,
    OrphanPlan,
    OrphanRow,
    Outcome,
    check_keys,
    check_plan,
    orphan_plan_key,
)
from storage.domain.policy import Action, Actor, authorise
from storage.domain.purge.guards import Approval
from storage.domain.purge.job import ENDED, Job, JobTally, Kind, State, job_path, shortened
from storage.domain.purge.plan_end import PlanEnd
from storage.domain.purge.scope import GIB, Scope
from storage.domain.purge.seal import sealed_approval
from storage.domain.upload import UploadPlan
from storage.errors import BackendError, BadInput, NotFound, Refused, Stale, Unsettled
from storage.files import read_file
from storage.repositories.audit_log import AuditLog
from storage.repositories.jobs import Jobs
from storage.services.orphans import Looking, candidates

MOST_BYTES: Final = 16 * 1024**2
WORKER: Final = "worker"
COPY: Final = "object"  # the name of a removed object's copy: the desk's own keys hold no title
CHANGE: Final[Mapping[OrphanAction, str]] = {"adopt": "adopt", "remove": "remove-orphan"}  # kinds of changes
_KINDS: Final[Mapping[OrphanAction, Kind]] = {"adopt": "adopt", "remove": "remove"}
_NEEDED: Final[Mapping[OrphanAction, Action]] = {"adopt": "fix", "remove": "purge.apply"}
_TO_PLAN: Final[Mapping[OrphanAction, Action]] = {"adopt": "fix", "remove": "purge.plan"}
_EVENTS: Final[Mapping[OrphanAction, str]] = {"adopt": "orphan.adopt", "remove": "orphan.remove"}
_UNDOS: Final[Mapping[Kind, Kind]] = {"adopt": "adopt_undo", "remove": "remove_undo"}
_UNAPPLIED: Final = timedelta(days=1)
_LATEST: Final = 20  # entries of a customer in which to look for one that a killed worker made


def needed_action(action: OrphanAction) -> Action:
    """The permission that this needs: an adoption is a repair, a removal a purge."""
    return _NEEDED[action]


def needed_to_plan(action: OrphanAction) -> Action:
    """The permission that a plan needs: those who may not purge plan a removal for those who may."""
    return _TO_PLAN[action]


def looking(purging: Purging, scope: Scope, action: OrphanAction) -> Looking:
    """A look at the customer's objects as they are now, by Firestore's time."""
    return Looking(purging.stores, scope, action, purging.now(), timedelta(hours=purging.limits.idle_hours))


def make_orphan_plan(
    purging: Purging,
    scope: Scope,
    action: OrphanAction,
    actor: Actor,
    *,
    keys: Sequence[str] = (),
    caches: bool = False,
) -> OrphanPlan:
    """The plan for these keys, or for everything of the scope that `verify` finds without a document.

    `caches`: for the caches past their time instead. Changes nothing. A row that something speaks against is in the
    plan too, with the reason. Raises `BadInput`, `NotPermitted`, `Refused`, a store's error, and `NotFound` without any
    row.
    """
    detail = {"action": action, "scope": scope.spelled}
    event = attributed(actor, Event("orphans.plan", "-", uid=scope.uid, video_id=scope.video_id or "", detail=detail))
    with refusals_recorded(purging.trail, event):
        authorise(actor, needed_to_plan(action), now=purging.clock())
        if caches and action == "adopt":
            raise BadInput("A cache cannot be adopted", field_name="caches", remedy="Give --action remove.")
        refuse_dangers(scope, purging.stores.layout, purging.limits)
        look = looking(purging, scope, action)
        chosen = check_keys(keys or candidates(purging.stores, scope, action, look.now, caches=caches))
        if not chosen:
            what = "cache past its time" if caches else "object without a document"
            raise NotFound(f"There is no {what} of {scope.spelled}.", remedy="Look with verify.", target=scope.spelled)
        plan = OrphanPlan(
            plan_id=f"oplan-{look.now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}",
            maker=normal_email(actor.email),
            action=action,
            scope=scope,
            target=purging.target,
            created_at=look.now,
            expires_at=look.now + LIFE,
            rows=look.rows(chosen),
        )
        plan = replace(plan, seal=key_to_seal(purging).over("orphans plan", plan.fingerprint))
    purging.trail.append(attributed(actor, _event("orphans.plan", plan)))
    return plan


def write_orphan_plan(plan: OrphanPlan, path: Path) -> None:
    """Writes a plan for `orphans apply`; only its owner may read the file."""
    files.write_file(path, (json.dumps(plan.as_dict(), indent=1) + "\n").encode(), "--out")


def orphan_plan_in(path: Path) -> OrphanPlan:
    """A plan from a file; `BadInput` where there is none, `Stale` where it was altered."""
    return _plan_from(read_file(path, "FILE", MOST_BYTES))


def _plan_from(content: bytes) -> OrphanPlan:
    try:
        value = json.loads(content.decode())
    except (ValueError, RecursionError):
        raise BadInput("The plan is not JSON", field_name="FILE", remedy="Give the file as it was written.") from None
    return OrphanPlan.from_dict(value)


def store_orphan_plan(purging: Purging, plan: OrphanPlan) -> None:
    """Keeps a plan in the bucket, where a worker finds it."""
    purging.writers.objects.put(orphan_plan_key(plan.plan_id), json.dumps(plan.as_dict()).encode(), "application/json")


def stored_orphan_plan(purging: Purging, plan_id: str) -> OrphanPlan:
    """A plan from the bucket; `NotFound` where there is none, `Stale` where it was altered."""
    return _plan_from(purging.stores.objects.get_bytes(orphan_plan_key(plan_id), MOST_BYTES))


def check_orphan_seal(purging: Purging, plan: OrphanPlan) -> None:
    """Raises `Stale` unless this desk sealed the plan."""
    key = key_to_check(purging)
    if key is None or key.over("orphans plan", plan.fingerprint) != plan.seal:
        raise Stale(
            "The plan was not sealed by this desk: it was altered, or the key was changed since it was made.",
            reasons=("the seal does not fit the plan",),
            remedy="Make the plan again, and apply the file as it was written.",
        )


def second_person_needed(purging: Purging, plan: OrphanPlan) -> str:
    """Why one person is not enough, or an empty text: the bound of joint repairs, or that of purges."""
    count, limits = len(plan.willing), purging.limits
    most = limits.most_repairs if plan.action == "adopt" else limits.most_objects
    if count > most:
        return f"{count:,} objects are more than {most:,}"
    if plan.action == "remove" and plan.total_bytes > limits.most_bytes:
        return f"{plan.total_bytes:,} bytes are more than {limits.most_bytes / GIB:g} GiB"
    return ""


def approve_orphan_plan(purging: Purging, plan: OrphanPlan, actor: Actor) -> Approval:
    """Records that a person other than the maker agrees to exactly this plan. A second approval changes nothing."""
    event = attributed(actor, _event("orphans.approve", plan))
    with refusals_recorded(purging.trail, event):
        authorise(actor, "fix" if plan.action == "adopt" else "purge.approve", now=purging.clock())
        now, approver = purging.now(), normal_email(actor.email)
        check_plan(plan, purging.target, now)
        check_orphan_seal(purging, plan)
        if approver == plan.maker:
            raise Refused("The maker of a plan cannot approve it.", remedy="Have another person look at it.")
        refuse_ended(purging, plan.plan_id)
        approval = sealed_approval(Approval(plan.fingerprint, approver, now), key_to_seal(purging))
        store_orphan_plan(purging, plan)
        purging.trail.append(event)
        plans.keep_approval(purging, approval, plan.plan_id, plan.scope)
    return approval


def discard_orphan_plan(purging: Purging, plan: OrphanPlan, actor: Actor) -> PlanEnd:
    """Ends a plan of the actor's own, or any as an admin: nobody can approve or apply it any more."""
    event = _event("orphans.discard", plan)
    with refusals_recorded(purging.trail, attributed(actor, event)):
        check_plan(plan, purging.target, purging.now())
        check_orphan_seal(purging, plan)
    discarding = Discarding(plan.plan_id, plan.fingerprint, plan.maker, plan.job_id, needed_to_plan(plan.action))
    return discard(purging, discarding, event, actor)


def approvals_of_orphan_plan(purging: Purging, plan: OrphanPlan) -> tuple[Approval, ...]:
    """The approvals of a plan that this desk took."""
    return plans.approvals_by_seal(purging, plan.fingerprint)


def apply_orphan_plan(purging: Purging, plan: OrphanPlan, reason: str, actor: Actor) -> Job:
    """Creates the job of a plan, ready for a worker; changes nothing of the customer's yet.

    Raises `BadInput`, `NotPermitted`, `Stale` for a plan that was altered or has expired, and `Refused` on every other
    ground.
    """
    why, email = checked_reason(reason), normal_email(actor.email)
    event = attributed(actor, replace(_event("orphans.apply", plan), reason=why))
    with refusals_recorded(purging.trail, event):
        authorise(actor, needed_action(plan.action), now=purging.clock())
        check_plan(plan, purging.target, purging.now())
        check_orphan_seal(purging, plan)
        refuse_ended(purging, plan.plan_id)
        if not plan.willing:
            raise Refused("The plan has no row that may be made.", remedy="Its rows say why; make another plan.")
        given = approvals_of_orphan_plan(purging, plan)
        approved = sorted({one.approver for one in given if one.approver not in {email, plan.maker}})
        needed = second_person_needed(purging, plan)
        if needed and not approved:
            raise Refused(
                f"A second person must approve this plan: {needed}.",
                reasons=(f"a second person must approve this plan: {needed}",),
                remedy="Have another person look at the same plan and approve it: orphans approve FILE --actor EMAIL.",
            )
        mine = purging.jobs.find(plan.job_id)
        if mine is not None:
            raise Refused(
                f"This plan was applied already, by {mine.actor}: job {mine.job_id}, which is {mine.state}.",
                remedy=f"Look at it: orphans status {mine.job_id}.",
            )
        others = tuple(others_at_work(purging, plan.scope))
        if others:
            raise Refused(
                f"Another job works on it: {others[0]}.",
                reasons=others,
                remedy="Wait until it has ended, or cancel it.",
            )
        store_orphan_plan(purging, plan)
        job = _job(purging, plan, email, why, approved)
        purging.trail.append(replace(event, outcome="begun", job_id=job.job_id))
        return create_job(purging, job, email)


def _job(purging: Purging, plan: OrphanPlan, email: str, reason: str, approved: Sequence[str]) -> Job:
    adopts = plan.action == "adopt"
    return Job(
        job_id=plan.job_id,
        kind=_KINDS[plan.action],
        of="",
        plan_id=plan.plan_id,
        fingerprint=plan.fingerprint,
        scope=plan.scope,
        maker=plan.maker,
        actor=email,
        approved_by=tuple(approved),
        reason=reason,
        erase=False,
        created_at=purging.now(),
        objects_total=0 if adopts else len(plan.rows),
        bytes_total=0 if adopts else plan.total_bytes,
        documents_total=len(plan.rows) if adopts else 0,
    )


def undo_orphans(purging: Purging, job_id: str, reason: str, actor: Actor) -> Job:
    """Creates the job that takes back every row, the last first; `Refused` where it cannot begin."""
    why, email = checked_reason(reason), normal_email(actor.email)
    job = purging.jobs.get(job_id)
    event = attributed(actor, Event("orphans.undo", "-", reason=why, fingerprint=job.fingerprint, job_id=job_id))
    with refusals_recorded(purging.trail, replace(event, uid=job.scope.uid)):
        if job.kind not in _UNDOS:
            raise Refused(f"Job {job_id} adopts or removes nothing.", remedy="Look at its status.")
        authorise(actor, "fix" if job.kind == "adopt" else "purge.undo", now=purging.clock())
        if job.state in {"ready", "running", "interrupted"}:
            raise Refused(f"Job {job_id} is {job.state}.", remedy="Wait until it has ended, then undo it.")
        if job.state == "undone":
            raise Refused(f"Job {job_id} was undone already.")
        back = replace(follow_up_job(job, email, why, purging.now()), kind=_UNDOS[job.kind])
        there = purging.jobs.find(back.job_id)
        if there is not None:
            raise Refused(
                f"Job {there.job_id} takes it back already and is {there.state}.",
                remedy=f"Go on with it: orphans resume {there.job_id}; or take single rows back with undo-change.",
            )
        others = tuple(others_at_work(purging, job.scope, but=(job_id,)))
        if others:
            raise Refused(f"Another job works on it: {others[0]}.", reasons=others, remedy="Wait until it has ended.")
        purging.trail.append(replace(event, uid=job.scope.uid, outcome="begun"))
        return create_job(purging, back, email)


def orphan_outcomes(jobs: Jobs, job_id: str) -> tuple[OrphanOutcome, ...]:
    """What became of each row so far, in the plan's order; read from the journal."""
    entries = (entry.get("row") for entry in jobs.journal(job_id) if entry.get("phase") == "end")
    return tuple(_outcome_of(row) for row in entries if isinstance(row, Mapping))


def _outcome_of(row: Mapping[str, Any]) -> OrphanOutcome:
    texts = (str(row.get(name) or "") for name in ("why", "change_id"))
    return OrphanOutcome(str(row["key"]), str(row["video_id"]), row["outcome"], *texts)


def _event(action: str, plan: OrphanPlan) -> Event:
    detail = {"action": plan.action, "scope": plan.scope.spelled, "rows": len(plan.rows), "plan_id": plan.plan_id}
    detail |= {"willing": len(plan.willing), "bytes": plan.total_bytes}
    scope = plan.scope
    return Event(action, "-", uid=scope.uid, video_id=scope.video_id or "", fingerprint=plan.fingerprint, detail=detail)


def _counted(lease: JobLease, outcome: OrphanOutcome, tally: JobTally) -> BatchOutcome:
    """The end of a row: its outcome goes into the journal, and the job lists what was not done."""
    if outcome.outcome == "done":
        return BatchOutcome(tally, {"row": outcome.as_dict()})
    residue = tuple(shortened([*lease.job.residue, f"{outcome.key}: {outcome.why}"]))
    return BatchOutcome(JobTally(left_alone=1), {"row": outcome.as_dict()}, {"residue": residue})


@dataclass(frozen=True, slots=True)
class OrphanRows:
    """The step that makes each row of the plan, a batch for each."""

    purging: Purging
    lease: JobLease
    plan: OrphanPlan
    name: str = "rows"

    def batches(self) -> int:
        return len(self.plan.rows)

    def look(self, batch: int) -> Seen:
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        row = self.plan.rows[batch]
        outcome = self._made(row, f"{self.lease.job.job_id}-{batch}", again=again)
        adopts = self.plan.action == "adopt"
        tally = JobTally(documents=1) if adopts else JobTally(objects=1, bytes=row.size_bytes)
        return _counted(self.lease, outcome, tally)

    def _made(self, row: OrphanRow, first: str, *, again: bool) -> OrphanOutcome:
        if row.refused:
            return OrphanOutcome(row.key, row.video_id, "refused", row.refused)
        made = ""
        try:
            made, following = _earlier(self.purging, self.lease.job, first) if again else ("", first)
            if not made:
                self._check(row)
                self._write(row, following)
                made = following
            self._prove(row, made)
        except LeaseLost:
            raise  # the row is another worker's
        except (Refused, NotFound, BadInput, BackendError) as error:
            if isinstance(error, BackendError) and error.retryable:
                raise
            made = error.change_id if isinstance(error, Unsettled) else made
            words: Outcome = "failed" if made or isinstance(error, BackendError) else "refused"
            outcome = OrphanOutcome(row.key, row.video_id, words, error.message, made)
        else:
            outcome = OrphanOutcome(row.key, row.video_id, "done", change_id=made)
        if made:
            self._record(row, outcome, again=again)
            kind, job = CHANGE[self.plan.action], self.lease.job
            documents, now = self.purging.writers.documents, self.lease.now()
            watch_change(documents, made, kind, job.scope.uid, row.video_id, job.actor, now)
        return outcome

    def _check(self, row: OrphanRow) -> None:
        """Raises unless the same row comes out of what is read now."""
        (now,) = looking(self.purging, self.plan.scope, self.plan.action).rows([row.key])
        if now.refused:
            raise Refused(now.refused)
        if now != row:
            raise Stale("It changed since it was shown; look at it again.")

    def _write(self, row: OrphanRow, change_id: str) -> None:
        job, now, stores = self.lease.job, self.lease.now(), self.purging.stores
        changes = ChangeSet(CHANGE[self.plan.action], job.scope.uid, row.video_id, (), {})
        adoption = _adoption(job.scope.uid, row) if self.plan.action == "adopt" else None
        if adoption is not None:
            path = upload.document_path(adoption)
            times = {"created_at": row.modified, "completed_at": row.modified, "updated_at": now}
            fields = {**adoption.fields, **times}
            changes = replace(changes, changes=tuple(FieldChange(path, *one) for one in _from_nothing(fields)))
        self.lease.hold()
        undoable.apply(
            stores,
            self.purging.writers,
            changes,
            [Removal(row.key, row.etag, COPY)] if adoption is None else (),
            counted=() if adoption is None else upload.counters(stores, adoption),
            actor=job.actor,
            reason=job.reason,
            change_id=change_id,
            kept_until=now + stores.settings.purge.quarantine_life,
        )

    def _prove(self, row: OrphanRow, change_id: str) -> None:
        """Looks at the object again. An adopted one that another writer changed at the same moment is let go."""
        there = self.purging.stores.objects.head(row.key)
        if self.plan.action == "remove":
            if there is not None:
                raise Stale("Another object is at its key already; it was left alone.")
            return
        if there is None or there.etag != row.etag:
            self._take_back(change_id)
            raise Stale("The object changed while its document was made; the document was taken back.")

    def _take_back(self, change_id: str) -> None:
        stores, job = self.purging.stores, self.lease.job
        reason = f"{undoable.NOT_MADE} the object changed"
        undoable.undo(stores.records, stores.objects, self.purging.writers, change_id, actor=job.actor, reason=reason)

    def _record(self, row: OrphanRow, outcome: OrphanOutcome, *, again: bool) -> None:
        """One entry of the audit for the row; with `again` only where a killed worker had not made it."""
        job, name = self.lease.job, _EVENTS[self.plan.action]
        if again:
            entries = AuditLog(self.purging.stores.handle).search(uid=job.scope.uid, action=name, limit=_LATEST)
            if any((entry.get("detail") or {}).get("change_id") == outcome.change_id for entry in entries):
                return
        event = Event(name, job.actor, "done" if outcome.outcome == "done" else "failed", job.reason, WORKER)
        detail = {"change_id": outcome.change_id, "bytes": row.size_bytes}
        self.purging.trail.append(
            replace(
                event,
                uid=job.scope.uid,
                video_id=row.video_id,
                clip_id=row.clip_id,
                keys=(row.key,),
                job_id=job.job_id,
                detail=detail,
            )
        )


def _from_nothing(fields: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(name, ABSENT, value) for name, value in fields.items()]


def _adoption(uid: str, row: OrphanRow) -> UploadPlan:
    """The adoption as the upload of a clip whose object is there already."""
    return UploadPlan(
        uid=uid,
        video_id=row.video_id,
        clip_id=row.clip_id,
        key=row.key,
        thumbnail_key=row.document["thumbnail_r2_key"],
        exists=False,
        seen=None,
        before={},
        fields=row.document,
        stored=row.etag,
        stored_thumbnail=None,
        style=row.document["style"],
        size_difference=row.size_bytes,
        count_difference=1,
        refusals=(),
        warnings=(),
    )


def _earlier(purging: Purging, job: Job, first: str) -> tuple[str, str]:
    """The change that a former worker made for a row, else empty, and the id of the next one to make.

    A removal that stopped after its deletion is ended; any other change that was left half made is taken back.
    `Refused` where a person took it back.
    """
    stores, number = purging.stores, 0
    while True:
        change_id = first if number == 0 else f"{first}-{number}"
        try:
            change = undoable.read(stores.records, change_id)
        except NotFound:
            return "", change_id
        number += 1
        if change.undone_by and not str(change.held.get("undone_reason") or "").startswith(undoable.NOT_MADE):
            raise Refused(f"Change {change_id} of this row was taken back meanwhile.")
        if change.settled:
            continue
        if change.state == undoable.DONE or undoable.finish(stores, purging.writers, change_id):
            return change_id, ""
        undoable.undo(
            stores.records,
            stores.objects,
            purging.writers,
            change_id,
            actor=job.actor,
            reason=f"{undoable.NOT_MADE} the worker was stopped",
        )


@dataclass(frozen=True, slots=True)
class UndoOrphanRows:
    """The step that takes back each row that was made, the last first."""

    purging: Purging
    lease: JobLease
    made: tuple[OrphanOutcome, ...]
    name: str = "rows"

    def batches(self) -> int:
        return len(self.made)

    def look(self, batch: int) -> Seen:
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        adopted = self.lease.job.kind == "adopt_undo"
        tally = JobTally(documents=1) if adopted else JobTally(objects=1)
        return _counted(self.lease, self._back(self.made[batch]), tally)

    def _back(self, row: OrphanOutcome) -> OrphanOutcome:
        job, stores = self.lease.job, self.purging.stores
        self.lease.hold()
        try:
            if not undoable.read(stores.records, row.change_id).settled:
                undoable.undo(
                    stores.records,
                    stores.objects,
                    self.purging.writers,
                    row.change_id,
                    actor=job.actor,
                    reason=job.reason,
                )
                detail = {"change_id": row.change_id, "kind": job.kind, "job": job.job_id}
                event = Event("undo-change", job.actor, "done", job.reason, WORKER, uid=job.scope.uid)
                self.purging.trail.append(replace(event, video_id=row.video_id, job_id=job.job_id, detail=detail))
        except (Stale, Refused, NotFound) as error:
            because = f" ({error.reasons[0]})" if isinstance(error, Stale | Refused) and error.reasons else ""
            return replace(row, outcome="refused", why=f"{error.message}{because}")
        end_watch(self.purging.writers.documents, row.change_id)
        return replace(row, outcome="done", why="")


def made_orphan_rows(purging: Purging, job: Job) -> tuple[OrphanOutcome, ...]:
    """The rows of which a job wrote anything, the last first."""
    return tuple(reversed([row for row in orphan_outcomes(purging.jobs, job.job_id) if row.change_id]))


def orphans_ending(lease: JobLease) -> Ending:
    """How such a job, or its undo, closes: `incomplete` where a row was refused or failed."""
    job = lease.job
    state: State = "incomplete" if job.residue else "done"
    if not job.of:
        return Ending(state)
    return Ending(state, {}, {job_path(job.of): {"state": "incomplete" if job.residue else "undone"}})


def check_orphan_job(purging: Purging, job: Job, plan: OrphanPlan) -> None:
    """Raises `Stale` unless the job was made from this plan, which this desk sealed."""
    if plan.fingerprint != job.fingerprint or plan.scope != job.scope:
        raise Stale("The stored plan is not the one that was applied.", remedy="Make the plan again.")
    check_orphan_seal(purging, plan)


def drop_orphan_plans(purging: Purging) -> int:
    """Deletes the stored plans that no job needs any more: of a job that ended, or that nobody applied in a day.

    An undo needs only the journal and the records of the changes. Returns how many it deleted.
    """
    now, gone = purging.now(), []
    for page in purging.stores.objects.list_pages(orphan_plan_key("").removesuffix(".json")):
        for key, written in zip(page.frame["key"].tolist(), page.frame["last_modified"].tolist(), strict=True):
            plan_id = key.rpartition("/")[2].removesuffix(".json")
            job = purging.jobs.find(f"orphans-{plan_id.removeprefix('oplan-')}")
            if job.state in ENDED if job is not None else now - written > _UNAPPLIED:
                gone.append(key)
    if gone:
        purging.writers.objects.delete(gone)
    return len(gone)
