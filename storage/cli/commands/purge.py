"""`purge`: plan, approve, apply, status, resume, cancel, undo; and the worker that runs jobs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from storage.actions.purge.applying import Request, apply_plan
from storage.actions.purge.approving import approve
from storage.actions.purge.context import Purging, open_purging
from storage.actions.purge.controlling import cancel, resume
from storage.actions.purge.planning import make_plan, presented_plan, write_file
from storage.actions.purge.running import run_job
from storage.actions.purge.undoing import undo
from storage.actions.purge.worker import sweep
from storage.cli.actor import shell_actor, shell_reader
from storage.cli.commands.purge_output import job_document, say_job, say_plan
from storage.cli.context import Context
from storage.cli.output import print_json, progress, report_error, say, say_table
from storage.clients.meter import metering
from storage.domain.purge.job import Job
from storage.domain.purge.scope import Scope
from storage.errors import BackendError, BadInput, Refused
from storage.ids import check_id

Subparsers = argparse._SubParsersAction
Run = Callable[[argparse.Namespace, Context], int]

DESCRIPTION = """\
Deletes exactly what a plan shows, in both stores, and keeps it in quarantine so that it can be undone.

  purge plan UID --video VIDEO_ID --out plan.json --actor you@example.com     look; nothing is changed
  purge approve plan.json --actor colleague@example.com                       a whole user, above limits, --erase
  purge apply plan.json --confirm UID/VIDEO_ID --reason "why" --actor you@example.com
  purge status JOB_ID          purge undo JOB_ID --actor you@example.com --reason "why"
"""


def register(subparsers: Subparsers[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Adds the command with its verbs."""
    purge = subparsers.add_parser(
        "purge",
        help="delete a clip, a video or a user: plan, approve, apply, undo",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = purge.add_subparsers(title="verbs", dest="verb", metavar="VERB", required=True)

    def add(name: str, help_text: str, run: Run) -> argparse.ArgumentParser:
        verb = verbs.add_parser(
            name, parents=[common], help=help_text, description=help_text[:1].upper() + help_text[1:]
        )
        verb.set_defaults(run=run)
        return verb

    plan = add("plan", "list everything that would go, and seal the list", run_plan)
    plan.add_argument("uid", metavar="UID")
    plan.add_argument("--video", metavar="VIDEO_ID", help="only this video")
    plan.add_argument("--clip", metavar="CLIP_ID", action="append", default=[], help="only this clip; may be repeated")
    plan.add_argument("--out", metavar="FILE", type=Path, help="write the plan there, for approve and apply")
    plan.add_argument("--actor", metavar="EMAIL", help="who makes it; recorded, and then cannot approve it")
    applied = add("apply", "do what the plan shows", run_apply)
    applied.add_argument("file", metavar="FILE", type=Path)
    applied.add_argument(
        "--confirm", metavar="TEXT", default="", help="the scope spelled out: uid, uid/video or uid/video/clip"
    )
    applied.add_argument("--reason", metavar="TEXT", required=True, help="why, with the ticket")
    applied.add_argument("--actor", metavar="EMAIL", required=True, help="who does it; recorded")
    applied.add_argument(
        "--erase", action="store_true", help="without quarantine, for legal requests; cannot be undone"
    )
    approved = add("approve", "approve exactly this plan as a second person", run_approve)
    approved.add_argument("file", metavar="FILE", type=Path)
    approved.add_argument(
        "--actor", metavar="EMAIL", required=True, help="who approves; not the maker, not who applies"
    )
    _register_jobs(add)


def _register_jobs(add: Callable[[str, str, Run], argparse.ArgumentParser]) -> None:
    add("status", "how far a job is and what it did", run_status).add_argument("job_id", metavar="JOB_ID")
    for name, help_text, run in (
        ("resume", "go on with a job that stopped", run_resume),
        ("cancel", "stop a job between two batches", run_cancel),
        ("undo", "put back what a purge took away", run_undo),
    ):
        verb = add(name, help_text, run)
        verb.add_argument("job_id", metavar="JOB_ID")
        verb.add_argument("--actor", metavar="EMAIL", required=True, help="who does it; recorded")
        if name == "undo":
            verb.add_argument("--reason", metavar="TEXT", required=True, help="why")
    add("list", "the newest jobs", run_list).add_argument("--limit", metavar="N", type=int, default=20)
    worker = add("worker", "run one job, or all that were abandoned and all quarantines that expired", run_worker)
    what = worker.add_mutually_exclusive_group(required=True)
    what.add_argument("--job", metavar="JOB_ID", help="this job")
    what.add_argument(
        "--sweep", action="store_true", help="what nobody runs any more; for a scheduler, every few minutes"
    )


def run_plan(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 for a plan that can be applied, 1 for one that something stands against, or where nothing exists."""
    scope = Scope.of(arguments.uid, arguments.video, arguments.clip)
    actor = shell_reader(arguments.actor)
    purging = open_purging(context.stores, progress)
    with metering() as meter:
        plan = make_plan(purging, scope, actor, maker=actor.email)
    cost = meter.cost()
    progress(
        f"cost: {cost.firestore_reads:,} reads, {cost.r2_class_a:,} class A and {cost.r2_class_b:,} class B operations"
    )
    if arguments.out is not None:
        write_file(plan, arguments.out)
    if context.as_json:
        print_json(plan.as_dict())  # just this: what is printed can be kept and applied, fingerprint and all
    else:
        say_plan(plan, purging.limits)
    return 1 if plan.blocked else 0


def run_apply(arguments: argparse.Namespace, context: Context) -> int:
    """Applies and runs the job here. Exit 0 when nothing is left, 1 with residue, 3 when it stopped, 4 when refused."""
    actor = shell_actor(arguments.actor)
    purging = open_purging(context.stores, progress)
    plan = presented_plan(purging, arguments.file, actor, "purge.apply")
    request = Request(arguments.confirm, arguments.reason, arguments.erase)
    job = _refusing(context, lambda: apply_plan(purging, plan, request, actor))
    if job is None:
        return Refused.exit_status
    progress(f"job {job.job_id} begins; should this process end, go on with: purge resume {job.job_id} --actor EMAIL")
    return _ended(run_job(purging, job.job_id), purging, context)


def run_approve(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when the approval is kept, 4 when it does not count."""
    actor = shell_actor(arguments.actor)
    purging = open_purging(context.stores, progress)
    plan = presented_plan(purging, arguments.file, actor, "purge.approve")
    given = approve(purging, plan, actor)
    if context.as_json:
        print_json(
            {
                "plan_id": plan.plan_id,
                "fingerprint": given.fingerprint,
                "scope": plan.scope.spelled,
                "approved_by": given.approver,
                "approved_at": given.at,
            }
        )
    else:
        say(f"Approved by {given.approver}: plan {plan.plan_id} with fingerprint {given.fingerprint}")
    return 0


def run_status(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0, or 1 where the job stopped with a fault or left something."""
    check_id(arguments.job_id, "JOB_ID")
    purging = open_purging(context.stores)
    job = purging.jobs.get(arguments.job_id)
    _print(job, purging, context)
    return 1 if job.state in {"incomplete", "failed"} else 0


def run_resume(arguments: argparse.Namespace, context: Context) -> int:
    """Goes on with the job here; exits as `apply`."""
    actor, job_id = shell_actor(arguments.actor), check_id(arguments.job_id, "JOB_ID")
    purging = open_purging(context.stores, progress)
    job = resume(purging, job_id, actor)
    return _ended(run_job(purging, job.job_id), purging, context)


def run_cancel(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when the job is cancelled or will stop after the batch under way."""
    actor, job_id = shell_actor(arguments.actor), check_id(arguments.job_id, "JOB_ID")
    purging = open_purging(context.stores)
    _print(cancel(purging, job_id, actor), purging, context)
    return 0


def run_undo(arguments: argparse.Namespace, context: Context) -> int:
    """Undoes here; exit 0 when all is back, 1 when something could not be put back, 4 when refused."""
    actor, job_id = shell_actor(arguments.actor), check_id(arguments.job_id, "JOB_ID")
    purging = open_purging(context.stores, progress)
    begun = _refusing(context, lambda: undo(purging, job_id, arguments.reason, actor))
    if begun is None:
        return Refused.exit_status
    return _ended(run_job(purging, begun.job_id), purging, context)


def run_list(arguments: argparse.Namespace, context: Context) -> int:
    """The newest jobs first."""
    if not 1 <= arguments.limit <= 500:
        raise BadInput("--limit must be from 1 to 500", field_name="--limit", remedy="For example 20.")
    jobs = open_purging(context.stores).jobs.recent(arguments.limit)
    if context.as_json:
        print_json({"jobs": [job_document(job) for job in jobs]})
    else:
        rows = [(job.job_id, job.kind, job.state, job.scope.spelled, job.actor, job.created_at) for job in jobs]
        say_table(("JOB", "KIND", "STATE", "SCOPE", "ACTOR", "BEGUN"), rows)
    return 0


def run_worker(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when all that was worked on ended well, 1 when something was left, 3 when something stopped."""
    purging = open_purging(context.stores, progress)
    if arguments.job:
        return _ended(run_job(purging, check_id(arguments.job, "JOB_ID")), purging, context)
    jobs = sweep(purging)
    if context.as_json:
        print_json({"jobs": [job_document(job) for job in jobs]})
    else:
        for job in jobs:
            say_job(job)
        say(f"{len(jobs):,} jobs were worked on.")
    return max((_status(job) for job in jobs), default=0)


def _refusing(context: Context, begin: Callable[[], Job]) -> Job | None:
    """The job, or `None` after telling of a refusal with every one of its grounds."""
    try:
        return begin()
    except Refused as refused:
        report_error(refused, as_json=context.as_json, extra={"reasons": list(refused.reasons)})
        if not context.as_json:
            for reason in refused.reasons:
                progress(f"  - {reason}")
        return None


def _ended(job: Job, purging: Purging, context: Context) -> int:
    """Tells how a run ended, about the purge also when it was its undo that ran."""
    if job.kind == "undo":
        job = purging.jobs.get(job.of)
    _print(job, purging, context)
    undo_job = purging.jobs.find(job.undo_job) if job.undo_job else None
    return _status(undo_job or job)


def _status(job: Job) -> int:
    if job.state in {"done", "undone"}:
        return 0
    return BackendError.exit_status if job.state in {"failed", "interrupted", "running"} else 1


def _print(job: Job, purging: Purging, context: Context) -> None:
    undo_job = purging.jobs.find(job.undo_job) if job.undo_job else None
    if not context.as_json:
        say_job(job, undo_job)
        return
    document = job_document(job, undo_job)
    failure = (undo_job or job).failure
    print_json({**document, "error": dict(failure)} if failure else document)
