"""`purge`: its verbs about plans (plan, approve, decline, apply) and about jobs.

The verbs about jobs are status, certificate, resume, cancel, undo, empty, list, and worker, which runs jobs. This
module also prints plans and jobs, for scripts and for people.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from storage.actions.purge.context import Purging, open_purging
from storage.actions.purge.jobs import Request, apply_plan, cancel, discard_plan, empty_quarantine, resume, undo
from storage.actions.purge.plans import (
    approve,
    certificate_of,
    decline,
    make_plan,
    presented_plan,
    stored_plan,
    write_file,
)
from storage.actions.purge.worker import run_job
from storage.actions.purge.worker import sweep as sweep_all
from storage.cli.context import Context, shell_actor, shell_reader
from storage.cli.output import clock, cost_line, print_json, report_error, safe, say, say_table, size
from storage.cli.output import progress as told
from storage.clients.meter import metering, unbudgeted
from storage.domain.places import place_of
from storage.domain.purge.guards import second_person_needed
from storage.domain.purge.job import ORPHANS, REPAIRS, Job
from storage.domain.purge.plan import PurgePlan, estimate
from storage.domain.purge.plan_end import PlanEnd
from storage.domain.purge.scope import PurgeLimits, Scope
from storage.errors import BackendError, BadInput, Refused
from storage.text import number

SHOWN = 10


def job_document(job: Job, undo: Job | None = None) -> dict[str, Any]:
    """A job as `--json` shows it. The numbers of an undo count what came back."""
    verb = "restored" if job.kind == "undo" else "deleted"
    tally = job.tally
    document: dict[str, Any] = {
        "job_id": job.job_id,
        "kind": job.kind,
        "state": job.state,
        "scope": job.scope.spelled,
        "plan_id": job.plan_id,
        "fingerprint": job.fingerprint,
        "actor": job.actor,
        "approved_by": list(job.approved_by),
        "reason": job.reason,
        "erase": job.erase,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "step": job.step,
        "batch": job.batch,
        "totals": {"objects": job.objects_total, "bytes": job.bytes_total, "documents": job.documents_total},
        f"objects_{verb}": tally.objects,
        f"documents_{verb}": tally.documents,
        f"bytes_{verb}": tally.bytes,
        "uploads_aborted": tally.uploads,
        "already_gone": tally.already_gone,
        "left_alone": tally.left_alone,
        "missing_acknowledged": job.missing_acknowledged,
        "residue": list(job.residue),
        "disturbed": list(job.disturbed),
        "objects_per_second": round(job.objects_per_second(job.finished_at or job.update_time or job.created_at), 1),
        "quarantine": job.quarantine,
        "quarantine_until": job.quarantine_until,
        "undo_failed": job.undo_failed,
        "undo_refused": dict(job.undo_refused) if job.undo_refused else None,
        "failure": dict(job.failure) if job.failure else None,
    }
    if job.kind == "purge":
        document["undo"] = None if undo is None else job_document(undo)
    if undo is not None and undo.residue:
        document["residue"] = list(undo.residue)
    return document


def say_certificate(certificate: dict[str, Any]) -> None:
    """Prints a certificate for a person: every field in a line of its own."""
    for name, value in certificate.items():
        if isinstance(value, dict):
            say(f"{name}:")
            for part, inner in value.items():
                say(f"  {part}: {safe(inner, 1_000)}")
        elif isinstance(value, list):
            say(f"{name}:")
            for line in value:
                say(f"  - {safe(line, 1_000)}")
        else:
            say(f"{name}: {safe(value, 2_000)}")


def say_plan(plan: PurgePlan, limits: PurgeLimits) -> None:
    """Prints a plan for a person: what it deletes, its warnings, and what an apply needs."""
    say(f"Purge of {safe(plan.scope.spelled, 400)} ({plan.scope.kind}), plan {plan.plan_id}")
    say(
        f"  {number(len(plan.objects), 'object')}, {size(plan.total_bytes)}; "
        f"{number(len(plan.documents), 'document')}; "
        f"{number(len(plan.uploads), 'unfinished upload')}"
    )
    rows: list[tuple[object, ...]] = [(item.key, size(item.size_bytes)) for item in plan.objects[:SHOWN]]
    rows += [(item.path, "document") for item in plan.documents[:SHOWN]]
    say_table(("TO DELETE", "SIZE"), rows)
    more = max(0, len(plan.objects) - SHOWN) + max(0, len(plan.documents) - SHOWN)
    if more:
        say(f"and {more:,} more; the plan's JSON has all of them")
    if plan.counters:
        say_table(("COUNTER", "BEFORE", "AFTER"), [(f"{c.path} {c.field}", c.before, c.after) for c in plan.counters])
    for title, lines in (("WARNING", plan.warnings), ("BLOCKED", plan.blocked)):
        for line in lines:
            say(f"{title}: {safe(line, 600)}")
    claims = plan.claims
    if claims is not None and claims.claimed:
        controls = f"; {claims.controls.words}" if claims.controls is not None else ""
        say(f"Completed clips claim {number(claims.claimed, 'object')}; {claims.found:,} are there{controls}.")
    needed = second_person_needed(plan, limits, erase=False)
    if needed:
        say(f"A second person must approve it: {', '.join(needed)}.")
    say(f"Fingerprint {plan.fingerprint}; valid until {plan.expires_at:%Y-%m-%d %H:%M:%S} UTC")


def say_job(job: Job, undo: Job | None = None) -> None:
    """Prints a job for a person."""
    verb = "restored" if job.kind == "undo" else "deleted"
    if job.kind in REPAIRS | ORPHANS:
        _say_rows(job)
        return
    say(f"Job {job.job_id}: {job.kind} of {safe(job.scope.spelled, 400)}, {job.state}")
    say(
        f"  {verb}: {job.tally.objects:,} of {job.objects_total:,} objects ({size(job.tally.bytes)}), "
        f"{job.tally.documents:,} of {job.documents_total:,} documents"
    )
    if job.tally.already_gone or job.tally.left_alone:
        say(f"  already gone: {job.tally.already_gone:,}; left alone because changed: {job.tally.left_alone:,}")
    if job.missing_acknowledged:
        unseen = number(job.missing_acknowledged, "object")
        say(f"  claimed but never seen, as acknowledged: {unseen}; nothing proves that they are gone")
    if job.undo_failed:
        say(
            "  its undo has begun and has not ended: the copies are kept past their time until the undo ends "
            f"(purge undo {job.job_id}, or resume) or a person deletes them (purge empty {job.job_id})"
        )
        if job.undo_refused:
            say(f"  the undo was refused: {safe(job.undo_refused.get('message', ''), 1_000)}")
    elif job.quarantine == "kept" and job.quarantine_until:
        say(f"  can be undone until {job.quarantine_until:%Y-%m-%d %H:%M} UTC: purge undo {job.job_id}")
    for title, lines in (("LEFT", job.residue), ("OTHER FILE AFFECTED", job.disturbed)):
        for line in lines:
            say(f"{title}: {safe(line, 1_200)}")
    if job.failure:
        say(f"Stopped: {safe(job.failure.get('message', ''), 1_000)}")
    if undo is not None:
        say_job(undo)


def _say_rows(job: Job) -> None:
    """Prints a job of rows, which deletes nothing as a purge does: its own command has each row."""
    total, place = job.objects_total + job.documents_total, place_of(job.job_id)
    say(f"Job {job.job_id}: {job.kind.replace('_', ' ')} of {number(total, 'row')}, {job.state}")
    say(f"  done: {job.tally.objects + job.tally.documents:,}; left alone: {job.tally.left_alone:,}")
    if job.failure:
        say(f"Stopped: {safe(job.failure.get('message', ''), 1_000)}")
    if place is not None:
        say(f"  each row: {place.command} status {job.job_id}")


def progress(line: str) -> None:
    """Prints a line on stderr if the terminal is still there: a job must not end with its terminal."""
    with contextlib.suppress(OSError):
        told(line)


def run_status(context: Context, job_id: str) -> int:
    """Prints the job. Exit 0, or 1 where the job stopped with a fault or left something."""
    purging = open_purging(context.stores)
    job = purging.jobs.get(job_id)
    _print(job, purging, context)
    return 1 if job.state in {"incomplete", "failed"} else 0


def run_certificate(context: Context, job_id: str) -> int:
    """Prints the certificate. Exit 0, or 1 where the proof found something left or there is no certificate (yet)."""
    certificate = certificate_of(open_purging(context.stores), job_id)
    if context.as_json:
        print_json(certificate, sealed=True)
    else:
        say_certificate(certificate)
    return 0 if certificate["verified"]["clean"] else 1


def run_resume(context: Context, job_id: str, actor: str) -> int:
    """Goes on with the job in this process; exits as `apply` does."""
    who = shell_actor(actor)
    purging = open_purging(context.stores, progress)
    job = resume(purging, job_id, who)
    return run_to_end(purging, job.job_id, context)


def run_cancel(context: Context, job_id: str, actor: str) -> int:
    """Exit 0 when the job is cancelled or will stop after the present batch."""
    who = shell_actor(actor)
    purging = open_purging(context.stores)
    _print(cancel(purging, job_id, who), purging, context)
    return 0


def run_undo(context: Context, job_id: str, actor: str, reason: str) -> int:
    """Runs the undo in this process. Exit 0 when all is back, 1 when something could not come back, 4 when refused."""
    who = shell_actor(actor)
    purging = open_purging(context.stores, progress)
    begun = refusing(context, lambda: undo(purging, job_id, reason, who))
    if begun is None:
        return Refused.exit_status
    return run_to_end(purging, begun.job_id, context)


def run_empty(context: Context, job_id: str, confirm: str, reason: str, actor: str) -> int:
    """Empties the quarantine in this process. Exit 0 when nothing of it is left, 3 when it stopped, 4 when refused."""
    who = shell_actor(actor)
    purging = open_purging(context.stores, progress)
    begun = refusing(context, lambda: empty_quarantine(purging, job_id, confirm, reason, who))
    if begun is None:
        return Refused.exit_status
    return run_to_end(purging, begun.job_id, context)


def run_list(context: Context, limit: int) -> int:
    """Prints the jobs, the newest first."""
    if not 1 <= limit <= 500:
        raise BadInput("--limit must be from 1 to 500", field_name="--limit", remedy="For example 20.")
    jobs = open_purging(context.stores).jobs.recent(limit)
    if context.as_json:
        print_json({"jobs": [job_document(job) for job in jobs]})
    else:
        rows = [(job.job_id, job.kind, job.state, job.scope.spelled, job.actor, clock(job.created_at)) for job in jobs]
        say_table(("JOB", "KIND", "STATE", "SCOPE", "ACTOR", "BEGUN"), rows)
    return 0


def run_worker(context: Context, job: str | None, sweep: bool) -> int:
    """Exit 0 when all the jobs that ran ended well, 1 when something was left, 3 when a job stopped."""
    if (job is not None) == sweep:
        raise BadInput("Give --job or --sweep, and not both", field_name="job", remedy="For a scheduler: --sweep.")
    purging = open_purging(context.stores, progress)
    if job is not None:
        return run_to_end(purging, job, context)
    with unbudgeted():
        jobs = sweep_all(purging)
    if context.as_json:
        print_json({"jobs": [job_document(done) for done in jobs]})
    else:
        for done in jobs:
            say_job(done)
        say(f"Worked on {number(len(jobs), 'job')}.")
    return max((_status(done) for done in jobs), default=0)


def refusing(context: Context, begin: Callable[[], Job]) -> Job | None:
    """The job, or `None` after printing a refusal with all its reasons."""
    try:
        return begin()
    except Refused as refused:
        report_error(refused, as_json=context.as_json, extra={"reasons": list(refused.reasons)})
        if not context.as_json:
            for reason in refused.reasons:
                if reason not in refused.message:
                    progress(f"  - {reason}")
        return None


def run_to_end(purging: Purging, job_id: str, context: Context) -> int:
    """Runs the job in this process and prints how it ended. Its plan showed the cost, so no read budget stops it."""
    with unbudgeted():
        return ended(run_job(purging, job_id), purging, context)


def ended(job: Job, purging: Purging, context: Context) -> int:
    """Prints how a run ended; where an undo ran, the purge is printed too."""
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


def run_plan(
    context: Context,
    uid: str,
    video: str | None,
    clip: Sequence[str],
    acknowledge_missing: bool,
    out: Path | None,
    actor: str | None,
) -> int:
    """Exit 0 for a plan that can be applied, 1 for a blocked plan or where nothing exists."""
    scope = Scope.of(uid, video, list(clip))
    who = shell_reader(actor)
    purging = open_purging(context.stores, progress)
    with metering() as meter:
        plan = make_plan(purging, scope, who, maker=who.email, acknowledge_missing=acknowledge_missing)
    progress(cost_line(meter.cost().as_dict()).replace("cost:", "this plan took:"))
    progress(cost_line(estimate(plan, erase=False)).replace("cost:", "applying it takes about:"))
    if out is not None:
        write_file(plan, out)
    if context.as_json:
        print_json(
            plan.as_dict(), sealed=True
        )  # the plan alone: a person can keep the output and apply it, with its fingerprint
    else:
        say_plan(plan, purging.limits)
    return 1 if plan.blocked else 0


def run_apply(context: Context, file: Path, confirm: str, reason: str, actor: str, erase: bool) -> int:
    """Applies the plan and runs the job here. Exit 0 without residue, 1 with it, 3 when it stopped, 4 when refused."""
    who = shell_actor(actor)
    purging = open_purging(context.stores, progress)
    plan = presented_plan(purging, file, who, "purge.apply")
    request = Request(confirm, reason, erase)
    job = refusing(context, lambda: apply_plan(purging, plan, request, who))
    if job is None:
        return Refused.exit_status
    progress(
        f"job {job.job_id} begins; if this process ends, continue it with: purge resume {job.job_id} --actor EMAIL"
    )
    return run_to_end(purging, job.job_id, context)


def run_approve(context: Context, file: Path, actor: str) -> int:
    """Exit 0 when the approval is kept, 4 when it does not count."""
    who = shell_actor(actor)
    purging = open_purging(context.stores, progress)
    plan = presented_plan(purging, file, who, "purge.approve")
    given = approve(purging, plan, who)
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


def run_decline(context: Context, file: Path, reason: str, actor: str) -> int:
    """Exit 0 when the refusal is recorded, 4 when the actor may not decline. It does not stop an apply by itself."""
    who = shell_actor(actor)
    purging = open_purging(context.stores, progress)
    plan = presented_plan(purging, file, who, "purge.decline")
    decline(purging, plan, reason, who)
    if context.as_json:
        named = {"plan_id": plan.plan_id, "fingerprint": plan.fingerprint, "scope": plan.scope.spelled}
        print_json(named | {"declined_by": who.email})
    else:
        say(f"Declined by {safe(who.email)}: plan {plan.plan_id} with fingerprint {plan.fingerprint}")
    return 0


def run_discard(context: Context, plan: str, actor: str) -> int:
    """Takes the plan's file, or the id of a plan that the desk keeps. Exit 0 when nobody can apply it any more."""
    who, kept = shell_actor(actor), is_kept_plan(plan, "purge")
    purging = open_purging(context.stores, progress)
    found = stored_plan(purging, plan) if kept else presented_plan(purging, Path(plan), who, "purge.discard")
    say_discarded(context, discard_plan(purging, found, who))
    return 0


def is_id(name: str, command: str, field_name: str) -> bool:
    """Whether the text is the id of a plan or a job of these commands; `BadInput` for that of one of others."""
    place = place_of(name)
    if place is not None and place.command != command:
        remedy = f"Its commands: python -m storage {place.command} --help."
        raise BadInput(f"{field_name}: {name} is {place.noun}", field_name=field_name, remedy=remedy)
    return place is not None


def is_kept_plan(plan: str, command: str) -> bool:
    """Whether the text is the id of a plan, else it is the path of one; `BadInput` for any other id."""
    place = place_of(plan) if is_id(plan, command, "PLAN") else None
    if place is not None and place.kind == "job":
        remedy = f"A plan that was applied is not discarded; {command} undo takes its job back."
        raise BadInput(f"PLAN: {plan} is {place.noun}", field_name="PLAN", remedy=remedy)
    return place is not None


def say_discarded(context: Context, end: PlanEnd) -> None:
    """Prints the end of a plan of any kind."""
    if context.as_json:
        named = {"plan_id": end.plan_id, "fingerprint": end.fingerprint}
        print_json(named | {"discarded_by": end.by, "discarded_at": end.at})
    else:
        say(f"Discarded by {safe(end.by)} at {clock(end.at)}: plan {end.plan_id}. Nobody can apply it any more.")
