"""Repairs many videos in one go: one plan with the changes of every row, one job, an outcome for each row, one undo.

The job runs in the engine of purges: a lease, a journal entry before and after each row, a worker that goes on where
another was killed. Each row is planned again at its turn from evidence that is read again; the ids of its changes
follow from the job and the row, so a row that a killed worker had made is recognised and not made twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from storage.actions import highlights, repair, undoable
from storage.actions.audit import attributed, refusals_recorded
from storage.actions.highlights import HighlightsPlan
from storage.actions.purge.context import Purging
from storage.actions.purge.engine import BatchOutcome, Note, Seen
from storage.actions.purge.jobs import create_job
from storage.actions.purge.lease import JobLease, LeaseLost
from storage.actions.purge.plan_ends import refuse_ended
from storage.actions.repair import RepairContext, RepairPlan, StatusPlan, plan_recount, plan_status
from storage.actions.row_plans import LATEST, WORKER, RowPlans, copies_until, ended_row, take_back
from storage.actions.watches import end_watch, watch_change
from storage.domain import joint_repair as rules
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.audit_chain import Event
from storage.domain.joint_repair import (
    JointAction,
    JointPlan,
    JointRow,
    RowOutcome,
    ShownChange,
    check_pairs,
    check_plan,
)
from storage.domain.policy import Action, Actor, authorise
from storage.domain.purge.job import Job, JobTally
from storage.domain.row_plan import Outcome
from storage.errors import BackendError, BadInput, NotFound, Refused, Stale, StorageError, Unsettled
from storage.repositories.audit_log import AuditLog
from storage.repositories.jobs import Jobs

_REASON: Final = "the reason that is given when the plan is applied"


def needed_action(action: JointAction) -> Action:
    """The permission that a repair of this kind needs."""
    return "recount" if action == "recount" else "fix"


def context_of(purging: Purging) -> RepairContext:
    """The context of the single repairs that a joint one is made of."""
    return RepairContext(purging.stores, purging.writers, purging.trail, purging.clock)


def plan_of(context: RepairContext, action: JointAction, uid: str, video_id: str, reason: str) -> RepairPlan:
    """The repair of one row, from evidence that is read now; raises what speaks against it."""
    if action == "recount":
        return plan_recount(context.stores, uid, context.checker.clock())
    if action == "rebuild-highlights":
        return _rebuilt(context, uid, video_id)
    return plan_status(context, uid, video_id, action.partition(":")[2], reason)


def _rebuilt(context: RepairContext, uid: str, video_id: str) -> HighlightsPlan:
    """The served highlights from the other place, where the served ones are not usable."""
    found = highlights.both_places(context, uid, video_id)
    if found.served.usable:
        raise Refused("The highlights that customers get are usable: there is nothing to rebuild.")
    source = "document" if found.document.usable else "object"
    return highlights.plan_rebuild(context, uid, video_id, "document" if source == "document" else "object")


def _shown(plan: RepairPlan) -> tuple[tuple[ShownChange, ...], str]:
    """The changes of one row, and a digest of what it writes beside fields."""
    changes = plan.changes.effective if isinstance(plan, StatusPlan | HighlightsPlan | repair.RecountPlan) else ()
    content = ""
    if isinstance(plan, HighlightsPlan):
        text = json.dumps(list(plan.entries), sort_keys=True, default=str)
        content = hashlib.sha256(text.encode()).hexdigest()
    return rules.shown(changes), content


def _row(context: RepairContext, action: JointAction, uid: str, video_id: str) -> JointRow:
    try:
        changes, content = _shown(plan_of(context, action, uid, video_id, _REASON))
    except (Refused, NotFound) as error:
        return JointRow(uid, video_id, refused=error.message)
    if not changes:
        return JointRow(uid, video_id, refused="There is nothing to change: every field is correct already.")
    return JointRow(uid, video_id, changes, content)


def make_joint_plan(purging: Purging, pairs: Sequence[tuple[str, str]], action: JointAction, actor: Actor) -> JointPlan:
    """The plan for these videos as they are now; changes nothing. Raises `BadInput`, `NotPermitted`, a store's error.

    A row that the evidence speaks against is in the plan too, with the reason.
    """
    chosen = check_pairs(pairs, action)
    event = attributed(actor, Event("repair.plan", "-", detail={"action": action, "rows": len(chosen)}))
    with refusals_recorded(purging.trail, event):
        authorise(actor, needed_action(action), now=purging.clock())
        context = context_of(purging)
        rows = tuple(_row(context, action, uid, video_id) for uid, video_id in chosen)
        plan = JointPlan(action=action, rows=rows, **JOINT_PLANS.new(purging, actor, purging.now()))
        plan = replace(plan, seal=JOINT_PLANS.seal(purging, plan))
    purging.trail.append(attributed(actor, _event("repair.plan", plan)))
    return plan


def second_person_needed(purging: Purging, plan: JointPlan) -> str:
    """Why one person is not enough, or an empty text."""
    most = purging.limits.most_repairs
    return f"{plan.willing:,} rows are more than {most:,}" if plan.willing > most else ""


def apply_joint_plan(purging: Purging, plan: JointPlan, reason: str, actor: Actor) -> Job:
    """Creates the job of a plan, ready for a worker; changes nothing of a customer's yet.

    Raises `BadInput`, `NotPermitted`, `Stale` for a plan that was altered or has expired, and `Refused` on every other
    ground.
    """
    why, email = checked_reason(reason), normal_email(actor.email)
    event = attributed(actor, replace(_event("repair.apply", plan), reason=why))
    with refusals_recorded(purging.trail, event):
        authorise(actor, needed_action(plan.action), now=purging.clock())
        JOINT_PLANS.check_open(purging, plan)
        refuse_ended(purging, plan.plan_id)
        if not plan.willing:
            raise Refused("No row of the plan can be applied.", remedy="Its rows say why; make another plan.")
        approved = JOINT_PLANS.approvers(purging, plan, email, second_person_needed(purging, plan))
        JOINT_PLANS.store(purging, plan)
        job = JOINT_PLANS.job(purging, plan, "repair", email, why, approved, documents=len(plan.rows))
        purging.trail.append(replace(event, outcome="begun", job_id=job.job_id))
        return create_job(purging, job, email)


def undo_joint_repair(purging: Purging, job_id: str, reason: str, actor: Actor) -> Job:
    """Creates the job that takes back every row of a repair, the last first; `Refused` where it cannot begin."""
    why, email = checked_reason(reason), normal_email(actor.email)
    job = purging.jobs.get(job_id)
    event = attributed(actor, Event("repair.undo", "-", reason=why, fingerprint=job.fingerprint, job_id=job_id))
    with refusals_recorded(purging.trail, event):
        if job.kind != "repair":
            raise Refused(f"Job {job_id} is not a joint repair.", remedy="Take a purge back with purge undo.")
        authorise(actor, "fix", now=purging.clock())
        back = JOINT_PLANS.undo_of(purging, job, "repair_undo", email, why)
        purging.trail.append(replace(event, outcome="begun"))
        return create_job(purging, back, email)


def outcomes(jobs: Jobs, job_id: str) -> tuple[RowOutcome, ...]:
    """What became of each row so far, in the plan's order; read from the journal."""
    found = [_outcome_of(entry) for entry in jobs.journal(job_id) if entry.get("phase") == "end"]
    return tuple(one for one in found if one is not None)


def _outcome_of(entry: Mapping[str, Any]) -> RowOutcome | None:
    row = entry.get("row")
    if not isinstance(row, Mapping):
        return None
    ids = tuple(map(str, row.get("change_ids") or ()))
    return RowOutcome(str(row["uid"]), str(row["video_id"]), row["outcome"], str(row.get("why") or ""), ids)


def _event(action: str, plan: JointPlan) -> Event:
    detail = {"action": plan.action, "rows": len(plan.rows), "willing": plan.willing, "plan_id": plan.plan_id}
    return Event(action, "-", fingerprint=plan.fingerprint, detail=detail)


def _needed(plan: JointPlan) -> Action:
    return needed_action(plan.action)


JOINT_PLANS: Final = RowPlans(
    form=rules.FORM,
    command="repair",
    sealed_as="repair plan",
    parse=JointPlan.from_dict,
    check=check_plan,
    scope=lambda _: rules.MANY,
    event=_event,
    to_plan=_needed,
    to_approve=_needed,
)


@dataclass(frozen=True, slots=True)
class RepairRows:
    """The step that makes each row of the plan, a batch for each."""

    purging: Purging
    lease: JobLease
    plan: JointPlan
    name: str = "rows"

    def batches(self) -> int:
        return len(self.plan.rows)

    def look(self, batch: int) -> Seen:
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        row = self.plan.rows[batch]
        outcome = self._made(row, batch, again=again)
        writes_objects = self.plan.action == "rebuild-highlights"
        until = copies_until(self.purging, self.lease, outcome.change_ids) if writes_objects else None
        return ended_row(self.lease, outcome.as_dict(), row.subject, JobTally(documents=1), until)

    def _made(self, row: JointRow, batch: int, *, again: bool) -> RowOutcome:
        refused = RowOutcome(row.uid, row.video_id, "refused", row.refused)
        if row.refused:
            return refused
        job, context = self.lease.job, context_of(self.purging)
        first, made = f"{job.job_id}-{batch}", list[str]()
        try:
            left, number = row.changes, 0
            if again:
                earlier = _earlier(self.purging, job, first)
                made, number = [*earlier.ids], earlier.following
                left = tuple(one for one in row.changes if (one.path, one.field) not in earlier.fields)
            if left:
                one = plan_of(context, self.plan.action, row.uid, row.video_id, job.reason)
                if _shown(one) != (left, row.content):
                    raise Stale("It changed since it was shown; look at it again.")
                for change_id in self._write(context, one, first, number):
                    made.append(change_id)
        except LeaseLost:
            raise  # the row is another worker's
        except (Refused, NotFound, BadInput, BackendError) as error:
            if isinstance(error, BackendError) and error.retryable:
                raise
            if isinstance(error, Unsettled):
                made.append(error.change_id)
            outcome = self._stopped(row, error, made)
        else:
            outcome = replace(refused, outcome="done", why="", change_ids=tuple(made))
        if made:
            self._record(row, outcome, again=again)
        for change_id in made:
            name = _EVENTS[self.plan.action]
            watch_change(
                self.purging.writers.documents, change_id, name, row.uid, row.video_id, job.actor, self.lease.now()
            )
        return outcome

    @staticmethod
    def _stopped(row: JointRow, error: StorageError, made: Sequence[str]) -> RowOutcome:
        """The outcome after an error. What was written before it stands, and an undo takes it back."""
        if not made:
            words: Outcome = "failed" if isinstance(error, BackendError) else "refused"
            return RowOutcome(row.uid, row.video_id, words, error.message)
        why = f"A part of it was written, the rest was not: {error.message}"
        return RowOutcome(row.uid, row.video_id, "failed", why, tuple(made))

    def _record(self, row: JointRow, outcome: RowOutcome, *, again: bool) -> None:
        """One entry of the audit for the row; with `again` only where a killed worker had not made it."""
        job, name = self.lease.job, _EVENTS[self.plan.action]
        if again:
            entries = AuditLog(self.purging.stores.handle).search(uid=row.uid, action=name, limit=LATEST)
            if any(entry["job_id"] == job.job_id and entry["video_id"] == row.video_id for entry in entries):
                return
        fields = [f"{change.path}: {change.field}" for change in row.changes[: repair.MAX_RECORDED]]
        detail = {"fields": fields, "change_ids": list(outcome.change_ids)}
        event = Event(name, job.actor, outcome.outcome, job.reason, WORKER, uid=row.uid, video_id=row.video_id)
        self.purging.trail.append(replace(event, job_id=job.job_id, detail=detail))

    def _write(self, context: RepairContext, one: RepairPlan, first: str, number: int) -> Iterator[str]:
        """One change for each commit of the row, numbered from `number`."""
        job, now = self.lease.job, self.lease.now()
        for following, write in enumerate(one.writes(context, job.actor, now), start=number):
            self.lease.hold()
            change_id = _numbered(first, following)
            undoable.apply(
                context.stores,
                context.writers,
                write.changes,
                write.objects,
                counted=write.counted,
                actor=job.actor,
                reason=job.reason,
                change_id=change_id,
                kept_until=now + context.stores.settings.purge.quarantine_life,
            )
            yield change_id


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What stands of a row that was begun before: its changes, the fields that they wrote, the next number."""

    ids: tuple[str, ...]
    fields: frozenset[tuple[str, str]]
    following: int


def _earlier(purging: Purging, job: Job, first: str) -> _Earlier:
    """What was written of a row; a change that was left half made is taken back first. `Refused` where a person took
    one back."""
    ids, fields, number = list[str](), set[tuple[str, str]](), 0
    while True:
        change_id = _numbered(first, number)
        try:
            change = undoable.read(purging.stores.records, change_id)
        except NotFound:
            return _Earlier(tuple(ids), frozenset(fields), number)
        number += 1
        if change.settled and not str(change.held.get("undone_reason") or "").startswith(undoable.NOT_MADE):
            raise Refused(f"Change {change_id} of this row was undone meanwhile.")
        if change.state == undoable.DONE and not change.undone_by:
            ids.append(change_id)
            fields |= {(one.path, one.field) for one in change.changes}
        elif not change.settled:
            undoable.undo(
                purging.stores.records,
                purging.stores.objects,
                purging.writers,
                change_id,
                actor=job.actor,
                reason=f"{undoable.NOT_MADE} the worker was stopped",
            )


def _numbered(first: str, number: int) -> str:
    return first if number == 0 else f"{first}-{number}"


_EVENTS: Final[Mapping[JointAction, str]] = {
    "set-status:failed": "set-status",
    "set-status:completed": "set-status",
    "recount": "recount",
    "rebuild-highlights": "highlights",
}


@dataclass(frozen=True, slots=True)
class UndoRows:
    """The step that takes back each row that was made, the last first."""

    purging: Purging
    lease: JobLease
    made: tuple[RowOutcome, ...]
    name: str = "rows"

    def batches(self) -> int:
        return len(self.made)

    def look(self, batch: int) -> Seen:
        return {}

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        row = self.made[batch]
        return ended_row(self.lease, self._back(row).as_dict(), f"{row.uid}/{row.video_id}", JobTally(documents=1))

    def _back(self, row: RowOutcome) -> RowOutcome:
        for change_id in reversed(row.change_ids):
            self.lease.hold()
            try:
                if take_back(self.purging, self.lease, change_id, row.uid, row.video_id):
                    end_watch(self.purging.writers.documents, change_id)
            except (Refused, NotFound) as error:
                return replace(row, outcome="refused", why=error.message)
        return replace(row, outcome="done", why="")


def made_rows(purging: Purging, job: Job) -> tuple[RowOutcome, ...]:
    """The rows of which a repair wrote anything, the last first."""
    return tuple(reversed([row for row in outcomes(purging.jobs, job.job_id) if row.change_ids]))
