"""The verbs of `purge` about jobs: status, certificate, resume, cancel, undo, list, and the worker that runs them."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable

from storage.actions.purge.context import Purging, open_purging
from storage.actions.purge.jobs import cancel, empty_quarantine, resume, undo
from storage.actions.purge.plans import certificate_of
from storage.actions.purge.worker import run_job, sweep
from storage.cli.actor import shell_actor
from storage.cli.commands.purge_output import job_document, say_certificate, say_job
from storage.cli.context import Context
from storage.cli.output import print_json, report_error, say, say_table
from storage.cli.output import progress as told
from storage.clients.meter import agreed
from storage.domain.purge.job import Job
from storage.errors import BackendError, BadInput, Refused

Run = Callable[[argparse.Namespace, Context], int]


def progress(line: str) -> None:
    """A line on stderr, if anybody still listens: a job must not end because its terminal did."""
    with contextlib.suppress(OSError):
        told(line)


def register_jobs(add: Callable[[str, str, Run], argparse.ArgumentParser]) -> None:
    """Adds the verbs with `add`, which makes a parser out of name, help and function."""
    add("status", "how far a job is and what it did", run_status).add_argument("job_id", metavar="JOB_ID")
    add("certificate", "what was erased, and what of it was verified", run_certificate).add_argument(
        "job_id", metavar="JOB_ID"
    )
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
    emptied = add("empty", "end a quarantine that stays because its undo failed; nothing comes back then", run_empty)
    emptied.add_argument("job_id", metavar="JOB_ID")
    emptied.add_argument("--confirm", metavar="TEXT", default="", help="the scope spelled out, as for apply")
    emptied.add_argument("--reason", metavar="TEXT", required=True, help="why")
    emptied.add_argument("--actor", metavar="EMAIL", required=True, help="who does it; recorded")
    add("list", "the newest jobs", run_list).add_argument("--limit", metavar="N", type=int, default=20)
    worker = add("worker", "run one job, or all that were abandoned and all quarantines that expired", run_worker)
    what = worker.add_mutually_exclusive_group(required=True)
    what.add_argument("--job", metavar="JOB_ID", help="this job")
    what.add_argument(
        "--sweep", action="store_true", help="what nobody runs any more; for a scheduler, every few minutes"
    )


def run_status(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0, or 1 where the job stopped with a fault or left something."""
    purging = open_purging(context.stores)
    job = purging.jobs.get(arguments.job_id)
    _print(job, purging, context)
    return 1 if job.state in {"incomplete", "failed"} else 0


def run_certificate(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0, or 1 where the proof found something left, or there is no certificate (yet)."""
    certificate = certificate_of(open_purging(context.stores), arguments.job_id)
    if context.as_json:
        print_json(certificate, sealed=True)
    else:
        say_certificate(certificate)
    return 0 if certificate["verified"]["clean"] else 1


def run_resume(arguments: argparse.Namespace, context: Context) -> int:
    """Goes on with the job here; exits as `apply`."""
    actor, job_id = shell_actor(arguments.actor), arguments.job_id
    purging = open_purging(context.stores, progress)
    job = resume(purging, job_id, actor)
    return run_to_end(purging, job.job_id, context)


def run_cancel(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when the job is cancelled or will stop after the batch under way."""
    actor, job_id = shell_actor(arguments.actor), arguments.job_id
    purging = open_purging(context.stores)
    _print(cancel(purging, job_id, actor), purging, context)
    return 0


def run_undo(arguments: argparse.Namespace, context: Context) -> int:
    """Undoes here; exit 0 when all is back, 1 when something could not be put back, 4 when refused."""
    actor, job_id = shell_actor(arguments.actor), arguments.job_id
    purging = open_purging(context.stores, progress)
    begun = refusing(context, lambda: undo(purging, job_id, arguments.reason, actor))
    if begun is None:
        return Refused.exit_status
    return run_to_end(purging, begun.job_id, context)


def run_empty(arguments: argparse.Namespace, context: Context) -> int:
    """Empties here; exit 0 when nothing is left of it, 3 when it stopped, 4 when refused."""
    actor, job_id = shell_actor(arguments.actor), arguments.job_id
    purging = open_purging(context.stores, progress)
    begun = refusing(context, lambda: empty_quarantine(purging, job_id, arguments.confirm, arguments.reason, actor))
    if begun is None:
        return Refused.exit_status
    return run_to_end(purging, begun.job_id, context)


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
    if arguments.job is not None:
        return run_to_end(purging, arguments.job, context)
    with agreed():
        jobs = sweep(purging)
    if context.as_json:
        print_json({"jobs": [job_document(job) for job in jobs]})
    else:
        for job in jobs:
            say_job(job)
        say(f"{len(jobs):,} jobs were worked on.")
    return max((_status(job) for job in jobs), default=0)


def refusing(context: Context, begin: Callable[[], Job]) -> Job | None:
    """The job, or `None` after telling of a refusal with every one of its grounds."""
    try:
        return begin()
    except Refused as refused:
        report_error(refused, as_json=context.as_json, extra={"reasons": list(refused.reasons)})
        if not context.as_json:
            for reason in refused.reasons:
                progress(f"  - {reason}")
        return None


def run_to_end(purging: Purging, job_id: str, context: Context) -> int:
    """Runs the job here and tells how it ended. Its plan told what it costs: no budget of reads stops it half way."""
    with agreed():
        return ended(run_job(purging, job_id), purging, context)


def ended(job: Job, purging: Purging, context: Context) -> int:
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
