"""`undo-change`: takes back what `set-status`, `highlights`, `recount` or `upload` wrote."""

from __future__ import annotations

import argparse

from storage.actions import repair
from storage.cli.actor import shell_actor
from storage.cli.context import Context
from storage.cli.output import plain, print_json, safe, say
from storage.domain.actor_and_reason import checked_reason
from storage.domain.changes import ABSENT


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Adds the command."""
    command = subparsers.add_parser("undo-change", parents=[common], help="take back a change of fields and objects")
    command.add_argument("change_id", metavar="CHANGE_ID", help="as the change printed it")
    command.add_argument("--actor", metavar="EMAIL", required=True, help="who does it; recorded")
    command.add_argument("--reason", metavar="TEXT", required=True, help="why, with the ticket")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when everything was put back, 4 when something was changed since."""
    change_id = arguments.change_id
    actor, reason = shell_actor(arguments.actor), checked_reason(arguments.reason)
    done = repair.undo(context.bench(), actor, change_id, reason)
    if context.as_json:
        changed = [
            {"path": c.path, "field": c.field, "after": None if c.after is ABSENT else plain(c.after)}
            for c in done.changes
        ]
        print_json({"change_id": change_id, "undone": changed})
    else:
        say(f"Put back {len(done.changes)} fields of change {safe(change_id)}.")
    return 0
