"""What commands about plans of rows share: agreeing, discarding, applying, following, taking back, and their words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from storage.actions.purge.context import Purging, open_purging
from storage.actions.purge.jobs import resume
from storage.actions.purge.worker import run_job
from storage.actions.row_plans import RowPlans
from storage.cli.context import Context, shell_actor
from storage.cli.output import clock, print_json, progress, safe, say, say_table
from storage.cli.purge import is_id, is_kept_plan, refusing, say_discarded
from storage.clients.meter import unbudgeted
from storage.domain.policy import Actor
from storage.domain.purge.job import Job
from storage.domain.row_plan import RowPlan
from storage.errors import BadInput, Refused
from storage.repositories.jobs import Jobs
from storage.text import number

P = TypeVar("P", bound=RowPlan)
A = TypeVar("A", bound=str)


class MadeRow(Protocol):
    """What became of a row; `outcome` and `why` stand in its `as_dict` as well."""

    def as_dict(self) -> dict[str, Any]:
        """The row as commands print it."""
        ...


def named_action(text: str, known: Sequence[A]) -> A:
    """The action of this name; `BadInput` for any other."""
    for action in known:
        if text == action:
            return action
    raise BadInput(f"{text[:60]!r} is not an action", field_name="action", remedy=f"One of: {', '.join(known)}.")


def say_end_of_plan(plan: RowPlan, needed: str, out: str | None) -> None:
    """Prints whether a second person is needed, and until when the plan holds."""
    if needed:
        say(f"A second person must approve it: {needed}.")
    say(f"Nothing was changed. Valid until {clock(plan.expires_at)}{f'; written to {out}' if out else ''}.")


@dataclass(frozen=True, slots=True)
class Verbs(Generic[P]):
    """The verbs of one kind of plan. `heading` and `subject` name a row in the table of outcomes."""

    plans: RowPlans[P]
    apply_plan: Callable[[Purging, P, str, Actor], Job]
    undo_job: Callable[[Purging, str, str, Actor], Job]
    outcomes: Callable[[Jobs, str], Sequence[MadeRow]]
    heading: str
    subject: Callable[[Mapping[str, Any]], str]

    def approve(self, context: Context, file: Path, actor: str) -> int:
        """Exit 0 when the approval is on record, 4 when refused."""
        plan, who = self.plans.in_file(file), shell_actor(actor)
        approval = self.plans.approve(open_purging(context.stores), plan, who)
        if context.as_json:
            print_json({"plan_id": plan.plan_id, "approver": approval.approver, "at": approval.at})
        else:
            say(f"{approval.approver} approves plan {plan.plan_id}.")
        return 0

    def discard(self, context: Context, plan: str, actor: str) -> int:
        """Takes the plan's file, or the id of a plan that the desk keeps. Exit 0 when nobody can apply it any more."""
        who, kept = shell_actor(actor), is_kept_plan(plan, self.plans.command)
        purging = open_purging(context.stores)
        found = self.plans.stored(purging, plan) if kept else self.plans.in_file(Path(plan))
        say_discarded(context, self.plans.discard(purging, found, who))
        return 0

    def apply(self, context: Context, file: Path, reason: str, actor: str) -> int:
        """Runs the job in this process. Exit 0 when every row was done, 1 when one was refused or failed."""
        plan, who = self.plans.in_file(file), shell_actor(actor)
        purging = open_purging(context.stores, progress)
        return self._begin(context, purging, lambda: self.apply_plan(purging, plan, reason, who))

    def resume(self, context: Context, job_id: str, actor: str) -> int:
        """Goes on with a job or an undo that stopped. Exits as `apply` does."""
        who = shell_actor(actor)
        is_id(job_id, self.plans.command, "JOB_ID")
        purging = open_purging(context.stores, progress)
        return self._begin(context, purging, lambda: resume(purging, job_id, who))

    def undo(self, context: Context, job_id: str, actor: str, reason: str) -> int:
        """Takes every row back, in this process. Exits as `apply` does."""
        who = shell_actor(actor)
        is_id(job_id, self.plans.command, "JOB_ID")
        purging = open_purging(context.stores, progress)
        return self._begin(context, purging, lambda: self.undo_job(purging, job_id, reason, who))

    def status(self, context: Context, job_id: str) -> int:
        """Exit 0 when every row so far was done, 1 when one was refused or failed, or the job stopped."""
        is_id(job_id, self.plans.command, "JOB_ID")
        purging = open_purging(context.stores)
        return self._print(context, purging, purging.jobs.get(job_id))

    def _begin(self, context: Context, purging: Purging, create: Callable[[], Job]) -> int:
        job = refusing(context, create)
        if job is None:
            return Refused.exit_status
        with unbudgeted():
            return self._print(context, purging, run_job(purging, job.job_id))

    def _print(self, context: Context, purging: Purging, job: Job) -> int:
        rows = [row.as_dict() for row in self.outcomes(purging.jobs, job.job_id)]
        total = job.objects_total + job.documents_total
        made = sum(row["outcome"] == "done" for row in rows)
        if context.as_json:
            found: dict[str, Any] = {"job_id": job.job_id, "state": job.state, "rows": rows}
            found |= {"total": total, "copies_until": job.copies_until}
            print_json(found | {"failure": dict(job.failure) if job.failure else None})
        else:
            shown = [(safe(self.subject(row), 300), row["outcome"], safe(row["why"], 300)) for row in rows]
            say_table((self.heading, "OUTCOME", "WHY"), shown)
            say(f"Job {job.job_id} is {job.state}: {made:,} of {number(total, 'row')} done.")
            if job.failure:
                say(f"It stopped: {safe(job.failure.get('message', ''), 400)}")
            if not job.of and made and job.state != "undone":
                command = self.plans.command
                until = f", until {clock(job.copies_until)}" if job.copies_until else ""
                say(f"Undo it{until}: python -m storage {command} undo {job.job_id} --actor EMAIL --reason TEXT")
        if job.failure:
            return 3
        return 0 if made == len(rows) else 1
