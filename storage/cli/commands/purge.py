"""`purge`: plan, approve, decline, apply, status, resume, cancel, undo; and the worker that runs jobs."""

from __future__ import annotations

import argparse
from pathlib import Path

from storage.actions.purge.context import open_purging
from storage.actions.purge.jobs import Request, apply_plan
from storage.actions.purge.plans import approve, decline, make_plan, presented_plan, write_file
from storage.cli.actor import shell_actor, shell_reader
from storage.cli.commands.purge_jobs import Run, progress, refusing, register_jobs, run_to_end
from storage.cli.commands.purge_output import say_plan
from storage.cli.context import Context
from storage.cli.output import cost_line, print_json, safe, say
from storage.clients.meter import metering
from storage.domain.purge.cost import estimate
from storage.domain.purge.scope import Scope
from storage.errors import Refused

Subparsers = argparse._SubParsersAction


DESCRIPTION = """\
Deletes exactly what a plan shows, in both stores, and keeps it in quarantine so that it can be undone.

  purge plan UID --video VIDEO_ID --out plan.json --actor you@example.com     look; nothing is changed
  purge approve plan.json --actor colleague@example.com                       a whole user, above limits, --erase
  purge decline plan.json --actor colleague@example.com --reason "why"        a no, on record for the plan's maker
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
    plan.add_argument("uid", metavar="UID", help="the user's id, as find prints it")
    plan.add_argument("--video", metavar="VIDEO_ID", help="only this video")
    plan.add_argument("--clip", metavar="CLIP_ID", action="append", default=[], help="only this clip; may be repeated")
    plan.add_argument(
        "--acknowledge-missing",
        action="store_true",
        help="what completed clips claim and is not there may be purged all the same; recorded",
    )
    plan.add_argument("--out", metavar="FILE", type=Path, help="write the plan there, for approve and apply")
    plan.add_argument("--actor", metavar="EMAIL", help="who makes it; recorded, and then cannot approve it")
    applied = add("apply", "do what the plan shows", run_apply)
    applied.add_argument("file", metavar="FILE", type=Path)
    applied.add_argument(
        "--confirm",
        metavar="TEXT",
        default="",
        help="the scope spelled out: uid, uid/video, uid/video/clip; 'uid/video/3 clips'",
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
    declined = add("decline", "say no to exactly this plan as a second person, and why", run_decline)
    declined.add_argument("file", metavar="FILE", type=Path)
    declined.add_argument("--reason", metavar="TEXT", required=True, help="why; the plan's maker reads it")
    declined.add_argument("--actor", metavar="EMAIL", required=True, help="who declines; not the maker")
    register_jobs(add)


def run_plan(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 for a plan that can be applied, 1 for one that something stands against, or where nothing exists."""
    scope = Scope.of(arguments.uid, arguments.video, arguments.clip)
    actor = shell_reader(arguments.actor)
    purging = open_purging(context.stores, progress)
    with metering() as meter:
        plan = make_plan(purging, scope, actor, maker=actor.email, acknowledge_missing=arguments.acknowledge_missing)
    progress(cost_line(meter.cost().as_dict()).replace("cost:", "this plan took:"))
    progress(cost_line(estimate(plan, erase=False)).replace("cost:", "applying it takes about:"))
    if arguments.out is not None:
        write_file(plan, arguments.out)
    if context.as_json:
        print_json(
            plan.as_dict(), sealed=True
        )  # just this: what is printed can be kept and applied, fingerprint and all
    else:
        say_plan(plan, purging.limits)
    return 1 if plan.blocked else 0


def run_apply(arguments: argparse.Namespace, context: Context) -> int:
    """Applies and runs the job here. Exit 0 when nothing is left, 1 with residue, 3 when it stopped, 4 when refused."""
    actor = shell_actor(arguments.actor)
    purging = open_purging(context.stores, progress)
    plan = presented_plan(purging, arguments.file, actor, "purge.apply")
    request = Request(arguments.confirm, arguments.reason, arguments.erase)
    job = refusing(context, lambda: apply_plan(purging, plan, request, actor))
    if job is None:
        return Refused.exit_status
    progress(f"job {job.job_id} begins; should this process end, go on with: purge resume {job.job_id} --actor EMAIL")
    return run_to_end(purging, job.job_id, context)


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


def run_decline(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when the no is on record, 4 when it is not the actor's to give. It does not stop an apply by itself."""
    actor = shell_actor(arguments.actor)
    purging = open_purging(context.stores, progress)
    plan = presented_plan(purging, arguments.file, actor, "purge.decline")
    decline(purging, plan, arguments.reason, actor)
    if context.as_json:
        named = {"plan_id": plan.plan_id, "fingerprint": plan.fingerprint, "scope": plan.scope.spelled}
        print_json(named | {"declined_by": actor.email})
    else:
        say(f"Declined by {safe(actor.email)}: plan {plan.plan_id} with fingerprint {plan.fingerprint}")
    return 0
