"""`orphans`: adopts or removes objects that no document names, and removes caches past their time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from storage.actions.orphans import (
    apply_orphan_plan,
    approve_orphan_plan,
    discard_orphan_plan,
    make_orphan_plan,
    orphan_outcomes,
    orphan_plan_in,
    second_person_needed,
    undo_orphans,
    write_orphan_plan,
)
from storage.actions.purge.context import Purging, open_purging
from storage.actions.purge.jobs import resume
from storage.actions.purge.worker import run_job
from storage.cli.context import Context, shell_actor
from storage.cli.output import print_json, progress, rfc3339, safe, say, say_table, size
from storage.cli.purge import refusing, say_discarded
from storage.clients.meter import unbudgeted
from storage.domain.orphans import ORPHAN_ACTIONS, OrphanAction, OrphanPlan
from storage.domain.purge.job import Job
from storage.domain.purge.scope import Scope
from storage.errors import BadInput, Refused


def run_plan(
    context: Context,
    uid: str,
    video_id: str | None,
    action: str,
    key: tuple[str, ...],
    caches: bool,
    out: str | None,
    actor: str,
) -> int:
    """Exit 0 where a row may be made, 1 where none may."""
    chosen, who = _action(action), shell_actor(actor)
    if key and caches:
        raise BadInput("Give --key or --caches, and not both", field_name="key", remedy="A key may be a cache's too.")
    purging = open_purging(context.stores, progress)
    plan = make_orphan_plan(purging, Scope.of(uid, video_id), chosen, who, keys=key, caches=caches)
    if out is not None:
        write_orphan_plan(plan, Path(out))
    if context.as_json:
        print_json(plan.as_dict() | {"willing": len(plan.willing), "bytes": plan.total_bytes})
    else:
        _say_plan(plan, second_person_needed(purging, plan), out)
    return 0 if plan.willing else 1


def _action(text: str) -> OrphanAction:
    for known in ORPHAN_ACTIONS:
        if text == known:
            return known
    raise BadInput(f"{text[:60]!r} is no action", field_name="action", remedy=f"One of: {', '.join(ORPHAN_ACTIONS)}.")


def _say_plan(plan: OrphanPlan, needed: str, out: str | None) -> None:
    count = len(plan.willing)
    say(
        f"{plan.action} of {safe(plan.scope.spelled, 400)}, plan {plan.plan_id}: {count:,} of {len(plan.rows):,} "
        f"objects, {size(plan.total_bytes)}"
    )
    rows = [
        (row.key, size(row.size_bytes), row.clip_id, f"REFUSED: {row.refused}" if row.refused else row.why)
        for row in plan.rows
    ]
    say_table(("OBJECT", "SIZE", "CLIP", "WHY"), [tuple(safe(cell, 300) for cell in row) for row in rows])
    if needed:
        say(f"A second person must approve it: {needed}.")
    say(f"Nothing was changed. Valid until {rfc3339(plan.expires_at)}{f'; written to {out}' if out else ''}.")


def run_approve(context: Context, file: Path, actor: str) -> int:
    """Exit 0 when the approval is on record, 4 when refused."""
    plan, who = orphan_plan_in(file), shell_actor(actor)
    approval = approve_orphan_plan(open_purging(context.stores), plan, who)
    if context.as_json:
        print_json({"plan_id": plan.plan_id, "approver": approval.approver, "at": approval.at})
    else:
        say(f"{approval.approver} approves plan {plan.plan_id}.")
    return 0


def run_discard(context: Context, file: Path, actor: str) -> int:
    """Exit 0 when nobody can apply the plan any more, 4 when refused."""
    plan, who = orphan_plan_in(file), shell_actor(actor)
    say_discarded(context, discard_orphan_plan(open_purging(context.stores), plan, who))
    return 0


def run_apply(context: Context, file: Path, reason: str, actor: str) -> int:
    """Runs the job in this process. Exit 0 when every row was made, 1 when one was refused or failed."""
    plan, who = orphan_plan_in(file), shell_actor(actor)
    purging = open_purging(context.stores, progress)
    job = refusing(context, lambda: apply_orphan_plan(purging, plan, reason, who))
    return Refused.exit_status if job is None else _run(context, purging, job.job_id)


def run_resume(context: Context, job_id: str, actor: str) -> int:
    """Goes on with a job or an undo that stopped. Exits as `apply` does."""
    who = shell_actor(actor)
    purging = open_purging(context.stores, progress)
    job = refusing(context, lambda: resume(purging, job_id, who))
    return Refused.exit_status if job is None else _run(context, purging, job.job_id)


def run_undo(context: Context, job_id: str, actor: str, reason: str) -> int:
    """Takes every row back, in this process. Exits as `apply` does."""
    who = shell_actor(actor)
    purging = open_purging(context.stores, progress)
    job = refusing(context, lambda: undo_orphans(purging, job_id, reason, who))
    return Refused.exit_status if job is None else _run(context, purging, job.job_id)


def run_status(context: Context, job_id: str) -> int:
    """Exit 0 when every row so far was made, 1 when one was refused or failed, or the job stopped."""
    purging = open_purging(context.stores)
    return _print(context, purging, purging.jobs.get(job_id))


def _run(context: Context, purging: Purging, job_id: str) -> int:
    with unbudgeted():
        return _print(context, purging, run_job(purging, job_id))


def _print(context: Context, purging: Purging, job: Job) -> int:
    rows = orphan_outcomes(purging.jobs, job.job_id)
    total = job.objects_total + job.documents_total
    if context.as_json:
        found: dict[str, Any] = {"job_id": job.job_id, "state": job.state, "rows": [row.as_dict() for row in rows]}
        print_json(found | {"total": total, "failure": dict(job.failure) if job.failure else None})
    else:
        say_table(("OBJECT", "OUTCOME", "WHY"), [(safe(row.key, 300), row.outcome, safe(row.why, 300)) for row in rows])
        made = sum(row.outcome == "done" for row in rows)
        say(f"Job {job.job_id} is {job.state}: {made:,} of {total:,} rows were made.")
        if job.failure:
            say(f"It stopped: {safe(job.failure.get('message', ''), 400)}")
        if not job.of and made:
            say(f"Take it back: python -m storage orphans undo {job.job_id} --actor EMAIL --reason TEXT")
    if job.failure:
        return 3
    return 0 if all(row.outcome == "done" for row in rows) else 1
