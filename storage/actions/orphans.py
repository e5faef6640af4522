"""Adopts or removes objects that no document names, and removes caches past their time: a sealed plan, a job, an undo.

The job runs in the engine of purges: a lease, a journal entry before and after each row, a worker that goes on where
another was killed. Each row is judged again at its turn. What it writes is a recorded change whose id follows from the
job and the row: a clip's document with its counters in one commit, or the deletion of exactly the object that was seen
after a verified copy of it is kept. So a change is taken back alone or with its job, and the copies live, expire and
are erased as those of all repairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from storage.actions import undoable, upload
from storage.actions.audit import attributed, refusals_recorded
from storage.actions.purge.context import Purging
from storage.actions.purge.engine import BatchOutcome, Note, Seen
from storage.actions.purge.jobs import create_job, others_at_work
from storage.actions.purge.lease import JobLease, LeaseLost
from storage.actions.purge.plan_ends import refuse_ended
from storage.actions.purge.survey import refuse_dangers
from storage.actions.replacing import Removal
from storage.actions.row_plans import LATEST, WORKER, RowPlans, copies_until, ended_row, take_back
from storage.actions.watches import end_watch, watch_change
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.audit_chain import Event
from storage.domain.changes import ABSENT, ChangeSet, FieldChange
from storage.domain.orphans import (
    FORM,
    OrphanAction,
    OrphanOutcome,
    OrphanPlan,
    OrphanRow,
    check_keys,
    check_plan,
)
from storage.domain.policy import Action, Actor, authorise
from storage.domain.purge.job import Job, JobTally, Kind
from storage.domain.purge.scope import Scope
from storage.domain.row_plan import Outcome
from storage.domain.upload import UploadPlan
from storage.errors import BackendError, BadInput, NotFound, Refused, Stale, Unsettled
from storage.repositories.audit_log import AuditLog
from storage.repositories.jobs import Jobs
from storage.services.orphans import Looking, candidates
from storage.text import size_words

COPY: Final = "object"  # the name of a removed object's copy: the desk's own keys hold no title
CHANGE: Final[Mapping[OrphanAction, str]] = {"adopt": "adopt", "remove": "remove-orphan"}  # kinds of changes
_KINDS: Final[Mapping[OrphanAction, Kind]] = {"adopt": "adopt", "remove": "remove"}
_NEEDED: Final[Mapping[OrphanAction, Action]] = {"adopt": "fix", "remove": "purge.apply"}
_TO_PLAN: Final[Mapping[OrphanAction, Action]] = {"adopt": "fix", "remove": "purge.plan"}
_EVENTS: Final[Mapping[OrphanAction, str]] = {"adopt": "orphan.adopt", "remove": "orphan.remove"}
_UNDOS: Final[Mapping[Kind, Kind]] = {"adopt": "adopt_undo", "remove": "remove_undo"}


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
            action=action, scope=scope, rows=look.rows(chosen), **ORPHAN_PLANS.new(purging, actor, look.now)
        )
        plan = replace(plan, seal=ORPHAN_PLANS.seal(purging, plan))
    purging.trail.append(attributed(actor, _event("orphans.plan", plan)))
    return plan


def second_person_needed(purging: Purging, plan: OrphanPlan) -> str:
    """Why one person is not enough, or an empty text: the bound of joint repairs, or that of purges."""
    count, limits = len(plan.willing), purging.limits
    most = limits.most_repairs if plan.action == "adopt" else limits.most_objects
    if count > most:
        return f"{count:,} objects are more than {most:,}"
    if plan.action == "remove" and plan.total_bytes > limits.most_bytes:
        return f"{size_words(plan.total_bytes)} are more than {size_words(limits.most_bytes)}"
    return ""


def apply_orphan_plan(purging: Purging, plan: OrphanPlan, reason: str, actor: Actor) -> Job:
    """Creates the job of a plan, ready for a worker; changes nothing of the customer's yet.

    Raises `BadInput`, `NotPermitted`, `Stale` for a plan that was altered or has expired, and `Refused` on every other
    ground.
    """
    why, email = checked_reason(reason), normal_email(actor.email)
    event = attributed(actor, replace(_event("orphans.apply", plan), reason=why))
    with refusals_recorded(purging.trail, event):
        authorise(actor, needed_action(plan.action), now=purging.clock())
        ORPHAN_PLANS.check_open(purging, plan)
        refuse_ended(purging, plan.plan_id)
        if not plan.willing:
            raise Refused("No row of the plan can be applied.", remedy="Its rows say why; make another plan.")
        approved = ORPHAN_PLANS.approvers(purging, plan, email, second_person_needed(purging, plan))
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
        ORPHAN_PLANS.store(purging, plan)
        adopts, count = plan.action == "adopt", len(plan.rows)
        job = ORPHAN_PLANS.job(
            purging,
            plan,
            _KINDS[plan.action],
            email,
            why,
            approved,
            objects=0 if adopts else count,
            size=0 if adopts else plan.total_bytes,
            documents=count if adopts else 0,
        )
        purging.trail.append(replace(event, outcome="begun", job_id=job.job_id))
        return create_job(purging, job, email)


def undo_orphans(purging: Purging, job_id: str, reason: str, actor: Actor) -> Job:
    """Creates the job that takes back every row, the last first; `Refused` where it cannot begin."""
    why, email = checked_reason(reason), normal_email(actor.email)
    job = purging.jobs.get(job_id)
    event = attributed(actor, Event("orphans.undo", "-", reason=why, fingerprint=job.fingerprint, job_id=job_id))
    with refusals_recorded(purging.trail, replace(event, uid=job.scope.uid)):
        if job.kind not in _UNDOS:
            raise Refused(f"Job {job_id} adopts or removes nothing.", remedy="Look at its status.")
        authorise(actor, "fix" if job.kind == "adopt" else "purge.undo", now=purging.clock())
        back = ORPHAN_PLANS.undo_of(purging, job, _UNDOS[job.kind], email, why)
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


ORPHAN_PLANS: Final = RowPlans(
    form=FORM,
    command="orphans",
    sealed_as="orphans plan",
    parse=OrphanPlan.from_dict,
    check=check_plan,
    scope=lambda plan: plan.scope,
    event=_event,
    to_plan=lambda plan: needed_to_plan(plan.action),
    to_approve=lambda plan: "fix" if plan.action == "adopt" else "purge.approve",
)


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
        if self.plan.action == "adopt":
            return ended_row(self.lease, outcome.as_dict(), row.key, JobTally(documents=1))
        tally = JobTally(objects=1, bytes=row.size_bytes)
        until = copies_until(self.purging, self.lease, [outcome.change_id] if outcome.change_id else [])
        return ended_row(self.lease, outcome.as_dict(), row.key, tally, until)

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
            raise Stale("The object changed while its document was made; the document was removed again.")

    def _take_back(self, change_id: str) -> None:
        stores, job = self.purging.stores, self.lease.job
        reason = f"{undoable.NOT_MADE} the object changed"
        undoable.undo(stores.records, stores.objects, self.purging.writers, change_id, actor=job.actor, reason=reason)

    def _record(self, row: OrphanRow, outcome: OrphanOutcome, *, again: bool) -> None:
        """One entry of the audit for the row; with `again` only where a killed worker had not made it."""
        job, name = self.lease.job, _EVENTS[self.plan.action]
        if again:
            entries = AuditLog(self.purging.stores.handle).search(uid=job.scope.uid, action=name, limit=LATEST)
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
            raise Refused(f"Change {change_id} of this row was undone meanwhile.")
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
        row = self.made[batch]
        return ended_row(self.lease, self._back(row).as_dict(), row.key, tally)

    def _back(self, row: OrphanOutcome) -> OrphanOutcome:
        self.lease.hold()
        try:
            take_back(self.purging, self.lease, row.change_id, self.lease.job.scope.uid, row.video_id)
        except (Stale, Refused, NotFound) as error:
            because = f" ({error.reasons[0]})" if isinstance(error, Stale | Refused) and error.reasons else ""
            return replace(row, outcome="refused", why=f"{error.message}{because}")
        end_watch(self.purging.writers.documents, row.change_id)
        return replace(row, outcome="done", why="")


def made_orphan_rows(purging: Purging, job: Job) -> tuple[OrphanOutcome, ...]:
    """The rows of which a job wrote anything, the last first."""
    return tuple(reversed([row for row in orphan_outcomes(purging.jobs, job.job_id) if row.change_id]))
