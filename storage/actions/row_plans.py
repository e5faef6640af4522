"""What is done with every sealed plan of rows: kept, sealed, approved, discarded, applied as a job, taken back.

A joint repair and a plan for orphans differ in their rows alone; each declares its `RowPlans`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from storage import files
from storage.actions import undoable
from storage.actions.audit import attributed, refusals_recorded
from storage.actions.purge import plans
from storage.actions.purge.context import Purging
from storage.actions.purge.engine import BatchOutcome, Ending
from storage.actions.purge.jobs import follow_up_job
from storage.actions.purge.lease import JobLease
from storage.actions.purge.plan_ends import Discarding, discard, refuse_ended
from storage.actions.purge.sealing import check_sealed, check_sealed_for_job, key_to_seal
from storage.domain.actor_and_reason import normal_email
from storage.domain.audit_chain import Event
from storage.domain.policy import Action, Actor, authorise
from storage.domain.purge.guards import Approval
from storage.domain.purge.job import ENDED, Job, JobTally, Kind, State, job_path, shortened
from storage.domain.purge.plan import PlanTarget
from storage.domain.purge.plan_end import PlanEnd
from storage.domain.purge.scope import Scope
from storage.domain.purge.seal import sealed_approval
from storage.domain.row_plan import LIFE, PlanForm, RowPlan
from storage.errors import BadInput, NotFound, Refused, Stale
from storage.files import read_file

MOST_BYTES: Final = 16 * 1024**2
WORKER: Final = "worker"
LATEST: Final = 20  # entries of a customer in which to look for one that a killed worker made
_UNAPPLIED: Final = timedelta(days=1)

P = TypeVar("P", bound=RowPlan)


@dataclass(frozen=True, slots=True)
class RowPlans(Generic[P]):
    """One kind of plan. `command` is its group of commands, `sealed_as` the name that its seals cover."""

    form: PlanForm
    command: str
    sealed_as: str
    parse: Callable[[object], P]
    check: Callable[[P, PlanTarget, datetime], None]
    scope: Callable[[P], Scope]
    event: Callable[[str, P], Event]
    to_plan: Callable[[P], Action]
    to_approve: Callable[[P], Action]

    def new(self, purging: Purging, actor: Actor, at: datetime) -> dict[str, Any]:
        """The fields of a plan that is made at this time, but for its action and rows."""
        return {
            "plan_id": self.form.new_id(at, secrets.token_hex(4)),
            "maker": normal_email(actor.email),
            "target": purging.target,
            "created_at": at,
            "expires_at": at + LIFE,
        }

    def seal(self, purging: Purging, plan: P) -> str:
        return key_to_seal(purging).over(self.sealed_as, plan.fingerprint)

    def write(self, plan: P, path: Path) -> None:
        """Writes a plan for `apply`; only its owner may read the file."""
        files.write_file(path, (json.dumps(plan.as_dict(), indent=1) + "\n").encode(), "--out")

    def in_file(self, path: Path) -> P:
        """A plan from a file; `BadInput` where there is none, `Stale` where it was altered."""
        return self._from(read_file(path, "FILE", MOST_BYTES))

    def store(self, purging: Purging, plan: P) -> None:
        """Keeps a plan in the bucket, where a worker finds it."""
        content = json.dumps(plan.as_dict()).encode()
        purging.writers.objects.put(self.form.key(plan.plan_id), content, "application/json")

    def stored(self, purging: Purging, plan_id: str) -> P:
        """A plan from the bucket; `NotFound` where there is none, `Stale` where it was altered."""
        return self._from(plans.kept_content(purging, self.form.key(plan_id), plan_id, MOST_BYTES))

    def open_plans(self, purging: Purging, now: datetime) -> Iterator[P]:
        """The kept plans that may still be applied; it leaves out a plan whose content cannot be trusted."""
        for name in plans.open_ids(purging, self.form.key, self.form.plan_prefix, now - LIFE):
            try:
                plan = self.stored(purging, name)
                self.check_seal(purging, plan)
            except (BadInput, NotFound, Stale):
                continue
            if plan.plan_id == name and plan.expires_at > now:
                yield plan

    def _from(self, content: bytes) -> P:
        try:
            value = json.loads(content.decode())
        except (ValueError, RecursionError):
            remedy = "Give the file as it was written."
            raise BadInput("The plan is not JSON", field_name="FILE", remedy=remedy) from None
        return self.parse(value)

    def check_seal(self, purging: Purging, plan: P) -> None:
        """Raises `Stale` unless this desk sealed the plan."""
        check_sealed(purging, plan, self.sealed_as)

    def of_job(self, purging: Purging, job: Job) -> P:
        """The stored plan of a job; `Stale` unless the job was made from it, and this desk sealed it."""
        plan = self.stored(purging, job.plan_id)
        if plan.fingerprint != job.fingerprint or self.scope(plan) != job.scope:
            raise Stale("The stored plan is not the one that was applied.", remedy="Make the plan again.")
        check_sealed_for_job(purging, plan, self.sealed_as)
        return plan

    def check_open(self, purging: Purging, plan: P) -> None:
        """Raises unless the plan holds here and now, as this desk sealed it."""
        self.check(plan, purging.target, purging.now())
        self.check_seal(purging, plan)

    def approve(self, purging: Purging, plan: P, actor: Actor) -> Approval:
        """Records that a person other than the maker agrees to exactly this plan. A second approval changes nothing."""
        event = attributed(actor, self.event(f"{self.command}.approve", plan))
        with refusals_recorded(purging.trail, event):
            authorise(actor, self.to_approve(plan), now=purging.clock())
            now, approver = purging.now(), normal_email(actor.email)
            self.check_open(purging, plan)
            if approver == plan.maker:
                raise Refused("The maker of a plan cannot approve it.", remedy="Have another person look at it.")
            refuse_ended(purging, plan.plan_id)
            approval = sealed_approval(Approval(plan.fingerprint, approver, now), key_to_seal(purging))
            self.store(purging, plan)
            purging.trail.append(event)
            plans.keep_approval(purging, approval, plan.plan_id, self.scope(plan))
        return approval

    def discard(self, purging: Purging, plan: P, actor: Actor) -> PlanEnd:
        """Ends a plan of the actor's own, or any as an admin: nobody can approve or apply it any more."""
        event = self.event(f"{self.command}.discard", plan)
        with refusals_recorded(purging.trail, attributed(actor, event)):
            self.check_open(purging, plan)
        makes = self.to_plan(plan)
        discarding = Discarding(plan.plan_id, plan.fingerprint, plan.maker, plan.job_id, makes)
        return discard(purging, discarding, event, actor)

    def approvals(self, purging: Purging, plan: P) -> tuple[Approval, ...]:
        """The approvals of a plan that this desk took."""
        return plans.approvals_by_seal(purging, plan.fingerprint)

    def approvers(self, purging: Purging, plan: P, email: str, needed: str) -> tuple[str, ...]:
        """Who approved the plan besides its maker and this person; `Refused` where nobody did, and it is `needed`."""
        given = self.approvals(purging, plan)
        approved = tuple(sorted({one.approver for one in given if one.approver not in {email, plan.maker}}))
        if needed and not approved:
            raise Refused(
                f"A second person must approve this plan: {needed}.",
                reasons=(f"a second person must approve this plan: {needed}",),
                remedy="Have another person look at the same plan and approve it: "
                f"{self.command} approve FILE --actor EMAIL.",
            )
        return approved

    def job(
        self,
        purging: Purging,
        plan: P,
        kind: Kind,
        email: str,
        reason: str,
        approved: tuple[str, ...],
        *,
        objects: int = 0,
        size: int = 0,
        documents: int = 0,
    ) -> Job:
        """The job of the plan, not yet written, with its totals; `size` in bytes."""
        return Job(
            job_id=plan.job_id,
            kind=kind,
            of="",
            plan_id=plan.plan_id,
            fingerprint=plan.fingerprint,
            scope=self.scope(plan),
            maker=plan.maker,
            actor=email,
            approved_by=approved,
            reason=reason,
            erase=False,
            created_at=purging.now(),
            objects_total=objects,
            bytes_total=size,
            documents_total=documents,
        )

    def undo_of(self, purging: Purging, job: Job, kind: Kind, email: str, reason: str) -> Job:
        """The job that takes another back, not yet written; `Refused` where it cannot begin."""
        if job.state in {"ready", "running", "interrupted"}:
            raise Refused(f"Job {job.job_id} is {job.state}.", remedy="Wait until it has ended, then undo it.")
        if job.state == "undone":
            raise Refused(f"Job {job.job_id} was undone already.")
        back = replace(follow_up_job(job, email, reason, purging.now()), kind=kind)
        there = purging.jobs.find(back.job_id)
        if there is not None:
            raise Refused(
                f"Job {there.job_id} already undoes it and is {there.state}.",
                remedy=f"Resume it: {self.command} resume {there.job_id}; or undo single rows with undo-change.",
            )
        return back

    def drop(self, purging: Purging) -> int:
        """Deletes the stored plans that no job needs any more: of a job that ended, or that nobody applied in a day.

        A plan holds values of customers' documents, and an undo needs only the journal. Returns how many it deleted.
        """
        now, gone = purging.now(), []
        for page in purging.stores.objects.list_pages(self.form.place):
            for key, written in zip(page.frame["key"].tolist(), page.frame["last_modified"].tolist(), strict=True):
                job = purging.jobs.find(self.form.job_id(key.rpartition("/")[2].removesuffix(".json")))
                if job.state in ENDED if job is not None else now - written > _UNAPPLIED:
                    gone.append(key)
        if gone:
            purging.writers.objects.delete(gone)
        return len(gone)


def ended_row(
    lease: JobLease, row: dict[str, Any], subject: str, tally: JobTally, copies_until: datetime | None = None
) -> BatchOutcome:
    """The end of a row: its outcome goes into the journal, and the job lists what was not done.

    `copies_until`: as `copies_until` says it of the row; the job notes it.
    """
    kept = {} if copies_until is None else {"copies_until": copies_until}
    if row["outcome"] == "done":
        return BatchOutcome(tally, {"row": row}, kept)
    residue = tuple(shortened([*lease.job.residue, f"{subject}: {row['why']}"]))
    return BatchOutcome(JobTally(left_alone=1), {"row": row}, {"residue": residue, **kept})


def copies_until(purging: Purging, lease: JobLease, change_ids: Sequence[str]) -> datetime | None:
    """When the first copy ends that these changes keep; `None` where they keep none, or the job knows of earlier ones.

    The rows are made in turn, so the first that keeps a copy loses it first.
    """
    if lease.job.copies_until is not None:
        return None
    found = [undoable.read(purging.stores.records, change_id) for change_id in change_ids]
    kept = [one.held.get("kept_until") for one in found if any(row.kept for row in one.rows)]
    return min((at for at in kept if isinstance(at, datetime)), default=None)


def take_back(purging: Purging, lease: JobLease, change_id: str, uid: str, video_id: str) -> bool:
    """Takes one change of a row back, on record; false where it was taken back already. Raises as `undoable.undo`.

    The caller holds the lease first, where nothing takes the loss of it for a refused row.
    """
    job, stores = lease.job, purging.stores
    if undoable.read(stores.records, change_id).settled:
        return False
    undoable.undo(stores.records, stores.objects, purging.writers, change_id, actor=job.actor, reason=job.reason)
    detail = {"change_id": change_id, "kind": job.kind, "job": job.job_id}
    event = Event("undo-change", job.actor, "done", job.reason, WORKER, uid=uid, video_id=video_id)
    purging.trail.append(replace(event, job_id=job.job_id, detail=detail))
    return True


def ending(lease: JobLease) -> Ending:
    """How a job of rows, or its undo, closes: `incomplete` where a row was refused or failed."""
    job = lease.job
    state: State = "incomplete" if job.residue else "done"
    if not job.of:
        return Ending(state)
    return Ending(state, {}, {job_path(job.of): {"state": "incomplete" if job.residue else "undone"}})
