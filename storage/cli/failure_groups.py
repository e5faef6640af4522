"""`failure-group`: what a person says of a group of equal failures."""

from __future__ import annotations

from storage.actions import failure_groups
from storage.actions.failure_groups import Wanted
from storage.cli.context import Context, shell_actor
from storage.cli.output import print_json, safe, say
from storage.repositories.failure_groups import read_marks


def run_failure_group(context: Context, group_id: str, state: Wanted, until_more: int, actor: str, reason: str) -> int:
    """Exit 0 when it is written."""
    seen = read_marks(context.stores.records).get(group_id)
    failure_groups.mark(context.bench(), shell_actor(actor), group_id, state, reason, seen=seen, until_more=until_more)
    if context.as_json:
        print_json({"group": group_id, "state": state, "until_more": until_more})
    else:
        say(f"The group {safe(group_id)} is {state}.")
    return 0
