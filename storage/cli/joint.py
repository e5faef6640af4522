"""`repair`: one plan that repairs many videos, one job with an outcome for each, and one undo."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from storage.actions import joint_repair
from storage.actions.joint_repair import (
    apply_joint_plan,
    approve_joint_plan,
    discard_joint_plan,
    joint_plan_in,
    make_joint_plan,
    outcomes,
    second_person_needed,
    undo_joint_repair,
    write_joint_plan,
)
from storage.actions.purge.context import Purging, open_purging
from storage.actions.purge.jobs import resume
from storage.actions.purge.worker import run_job
from storage.cli.context import Context, shell_actor
from storage.cli.output import print_json, progress, rfc3339, safe, say, say_table
from storage.cli.purge import refusing, say_discarded
from storage.clients.meter import unbudgeted
from storage.domain.diagnosis.outages import named
from storage.domain.joint_repair import JOINT_ACTIONS, JointAction, JointPlan, parse_rows, parse_videos
from storage.domain.purge.job import Job
from storage.errors import BadInput, NotFound, Refused
from storage.files import read_file, read_stdin
from storage.services import diagnose
from storage.services.diagnose import Reach
from storage.services.verify import checker


def run_plan(
    context: Context,
    rows: tuple[str, ...],
    outage: str | None,
    videos: str | None,
    action: str,
    out: str | None,
    actor: str,
) -> int:
    """Exit 0 where a row may be made, 1 where none may."""
    chosen = _action(action)
    if sum((bool(rows), outage is not None, videos is not None)) != 1:
        raise BadInput(
            "Give one of ROWS, --outage and --videos",
            field_name="videos",
            remedy="A row is UID/VIDEO_ID; diagnose --stuck lists the outages by id.",
        )
    who = shell_actor(actor)
    pairs = parse_videos(_text(videos)) if videos is not None else parse_rows(rows)
    purging = open_purging(context.stores, progress)
    if outage is not None:
        pairs = _of_outage(context, outage)
    plan = make_joint_plan(purging, pairs, chosen, who)
    if out is not None:
        write_joint_plan(plan, Path(out))
    if context.as_json:
        print_json(plan.as_dict() | {"willing": plan.willing})
    else:
        _say_plan(plan, second_person_needed(purging, plan), out)
    return 0 if plan.willing else 1


def _action(text: str) -> JointAction:
    for known in JOINT_ACTIONS:
        if text == known:
            return known
    raise BadInput(f"{text[:60]!r} is no action", field_name="action", remedy=f"One of: {', '.join(JOINT_ACTIONS)}.")


def _text(videos: str) -> str:
    read = read_stdin if videos == "-" else partial(read_file, Path(videos))
    try:
        return read("--videos", joint_repair.MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput("--videos is no text", field_name="videos", remedy="Give lines of UID/VIDEO_ID.") from None


def _of_outage(context: Context, outage_id: str) -> tuple[tuple[str, str], ...]:
    found = diagnose.stuck(checker(context.stores, context.now), Reach(delivered=0))
    if found.error is not None:
        raise found.error
    outage = named(found.outages, outage_id)
    if outage is None:
        known = ", ".join(one.id for one in found.outages) or "none"
        raise NotFound(
            f"There is no outage {safe(outage_id, 100)} now.",
            remedy=f"There are: {known}. List them: diagnose --stuck.",
            target=outage_id,
        )
    return outage.videos


def _say_plan(plan: JointPlan, needed: str, out: str | None) -> None:
    say(f"Repair {plan.action}, plan {plan.plan_id}: {plan.willing:,} of {len(plan.rows):,} rows would be made")
    rows: list[tuple[object, ...]] = []
    for row in plan.rows:
        if row.refused:
            rows.append((row.subject, "refused", "", row.refused))
        rows += [
            (
                row.subject,
                f"{change.path.rpartition('/')[2]}: {change.field}",
                _word(change.before),
                _word(change.after),
            )
            for change in row.changes
        ]
    say_table(("VIDEO", "FIELD", "BEFORE", "AFTER"), [tuple(safe(cell, 200) for cell in row) for row in rows])
    if needed:
        say(f"A second person must approve it: {needed}.")
    say(f"Nothing was changed. Valid until {rfc3339(plan.expires_at)}{f'; written to {out}' if out else ''}.")


def _word(text: str) -> str:
    if not text:
        return "(absent)"
    value = json.loads(text)
    return value if isinstance(value, str) else text


def run_approve(context: Context, file: Path, actor: str) -> int:
    """Exit 0 when the approval is on record, 4 when refused."""
    plan, who = joint_plan_in(file), shell_actor(actor)
    approval = approve_joint_plan(open_purging(context.stores), plan, who)
    if context.as_json:
        print_json({"plan_id": plan.plan_id, "approver": approval.approver, "at": approval.at})
    else:
        say(f"{approval.approver} approves plan {plan.plan_id}.")
    return 0


def run_discard(context: Context, file: Path, actor: str) -> int:
    """Exit 0 when nobody can apply the plan any more, 4 when refused."""
    plan, who = joint_plan_in(file), shell_actor(actor)
    say_discarded(context, discard_joint_plan(open_purging(context.stores), plan, who))
    return 0


def run_apply(context: Context, file: Path, reason: str, actor: str) -> int:
    """Runs the repair in this process. Exit 0 when every row was made, 1 when one was refused or failed."""
    plan, who = joint_plan_in(file), shell_actor(actor)
    purging = open_purging(context.stores, progress)
    job = refusing(context, lambda: apply_joint_plan(purging, plan, reason, who))
    return Refused.exit_status if job is None else _run(context, purging, job.job_id)


def run_resume(context: Context, job_id: str, actor: str) -> int:
    """Goes on with a repair or an undo that stopped. Exits as `apply` does."""
    who = shell_actor(actor)
    purging = open_purging(context.stores, progress)
    job = refusing(context, lambda: resume(purging, job_id, who))
    return Refused.exit_status if job is None else _run(context, purging, job.job_id)


def run_undo(context: Context, job_id: str, actor: str, reason: str) -> int:
    """Takes every row back, in this process. Exits as `apply` does."""
    who = shell_actor(actor)
    purging = open_purging(context.stores, progress)
    job = refusing(context, lambda: undo_joint_repair(purging, job_id, reason, who))
    return Refused.exit_status if job is None else _run(context, purging, job.job_id)


def run_status(context: Context, job_id: str) -> int:
    """Exit 0 when every row so far was made, 1 when one was refused or failed, or the job stopped."""
    purging = open_purging(context.stores)
    return _print(context, purging, purging.jobs.get(job_id))


def _run(context: Context, purging: Purging, job_id: str) -> int:
    with unbudgeted():
        return _print(context, purging, run_job(purging, job_id))


def _print(context: Context, purging: Purging, job: Job) -> int:
    rows = outcomes(purging.jobs, job.job_id)
    if context.as_json:
        found: dict[str, Any] = {"job_id": job.job_id, "state": job.state, "rows": [row.as_dict() for row in rows]}
        print_json(found | {"total": job.documents_total, "failure": dict(job.failure) if job.failure else None})
    else:
        say_table(
            ("VIDEO", "OUTCOME", "WHY"),
            [(safe(f"{row.uid}/{row.video_id}", 200), row.outcome, safe(row.why, 300)) for row in rows],
        )
        made = sum(row.outcome == "done" for row in rows)
        say(f"Job {job.job_id} is {job.state}: {made:,} of {job.documents_total:,} rows were made.")
        if job.failure:
            say(f"It stopped: {safe(job.failure.get('message', ''), 400)}")
        if job.kind == "repair" and made:
            say(f"Take it back: python -m storage repair undo {job.job_id} --actor EMAIL --reason TEXT")
    if job.failure:
        return 3
    return 0 if all(row.outcome == "done" for row in rows) else 1
