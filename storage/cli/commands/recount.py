"""`recount`: the counters of a user before and after, and with `--apply` made true."""

from __future__ import annotations

import argparse

from storage.actions.audit import open_audit
from storage.actions.repair import apply_recount, plan_recount
from storage.cli.actor import shell_actor
from storage.cli.context import Context
from storage.cli.output import print_json, report_error, safe, say, say_table
from storage.clients.meter import agreed, metering
from storage.errors import BadInput, Refused
from storage.repositories.store_time import store_time


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Adds the command."""
    command = subparsers.add_parser(
        "recount",
        parents=[common],
        help="a user's counters beside the truth, and made true with --apply",
        description="Adds up the clip documents and shows every counter before and after. With --apply they are "
        "written, each under the condition that its document is as shown. Exit 1: some are wrong, nothing was written.",
    )
    command.add_argument("uid", metavar="UID", help="the user's id, as find prints it")
    command.add_argument("--apply", action="store_true", help="write the counters")
    command.add_argument("--reason", metavar="TEXT", help="why, with the ticket; needed with --apply")
    command.add_argument("--actor", metavar="EMAIL", help="who does it; recorded; needed with --apply")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when every counter is true (now), 1 when some are not and were not written, 4 when refused."""
    uid = arguments.uid
    if arguments.apply:
        for name in ("reason", "actor"):
            if not (getattr(arguments, name) or "").strip():
                raise BadInput(f"--{name} is needed with --apply", field_name=f"--{name}", remedy=f"Give --{name}.")
    stores, ids = context.stores, tuple[str, ...]()
    with metering() as meter:
        plan = plan_recount(stores, uid, store_time(stores.handle))
        document = {
            "uid": uid,
            "counters": [{"name": row.name, "before": row.before, "after": row.after} for row in plan.counters],
            "before": {row.name: row.before for row in plan.counters},
            "after": {row.name: row.after for row in plan.counters},
            "drifting": len(plan.drifting),
            "unsized_clips": plan.unsized_clips,
            "busy_videos": list(plan.busy),
            "too_large": [row.name for row in plan.too_large],
            "applied": False,
        }
        if arguments.apply:
            writers = context.writers()
            trail = open_audit(stores, writers)
            actor = shell_actor(arguments.actor)
            try:
                with agreed():  # what reading every clip has used up must not stop it between two counters
                    ids = apply_recount(stores, writers, trail, plan, actor, arguments.reason, context.now())
            except Refused as refused:
                report_error(refused, as_json=context.as_json, extra={**document, "reasons": list(refused.reasons)})
                return refused.exit_status
    document |= {"applied": arguments.apply, "change_ids": list(ids), "cost": meter.cost().as_dict()}
    if context.as_json:
        print_json(document)
    else:
        rows = plan.drifting or plan.counters
        say_table(("COUNTER", "BEFORE", "AFTER"), [(row.name, row.before, row.after) for row in rows])
        for row in plan.too_large:
            say(
                f"note: {safe(row.name)} stays as it is: the clips add up to {row.after:,}, beyond Firestore's numbers."
            )
        say(f"{len(plan.drifting):,} of {len(plan.counters):,} counters {'were' if arguments.apply else 'are'} wrong.")
    wrong = plan.too_large if arguments.apply else plan.drifting
    return 1 if wrong else 0
