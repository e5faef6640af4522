"""`set-status`: sets a video's status where the evidence allows it."""

from __future__ import annotations

import argparse

from storage.actions import repair
from storage.actions import repair as action
from storage.cli.actor import shell_actor
from storage.cli.context import Context
from storage.cli.output import print_json, safe, say, say_table
from storage.domain.actor_and_reason import checked_reason
from storage.domain.changes import ABSENT, rows


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Adds the command."""
    command = subparsers.add_parser(
        "set-status",
        parents=[common],
        help="set a video's status, where the evidence allows it",
        description="Sets the status after reading both stores: refused (4) when the evidence contradicts it, such as "
        "completed with clips missing, or when the document changed meanwhile.",
    )
    command.add_argument("uid", metavar="UID", help="the user's id, as find prints it")
    command.add_argument("video_id", metavar="VIDEO_ID", help="the video's id")
    command.add_argument("status", metavar="STATUS", help=", ".join(action.STATUSES))
    command.add_argument("--actor", metavar="EMAIL", required=True, help="who does it; recorded")
    command.add_argument("--reason", metavar="TEXT", required=True, help="why, with the ticket")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when it was written."""
    uid, video_id = arguments.uid, arguments.video_id
    status = action.check_status(arguments.status)
    actor, reason = shell_actor(arguments.actor), checked_reason(arguments.reason)
    bench = context.bench()
    changes = repair.plan_status(bench, uid, video_id, status, reason)
    done = repair.set_status(bench, actor, changes, reason)
    if context.as_json:
        print_json({"uid": uid, "video_id": video_id, "change_id": done.change_id, "changes": rows(changes)})
        return 0
    absent = "(absent)"
    say_table(
        ("FIELD", "BEFORE", "AFTER"),
        [(c.field, absent if c.before is ABSENT else c.before, c.after) for c in done.changes],
    )
    say(f"Written. Change {safe(done.change_id)} can be undone.")
    return 0
