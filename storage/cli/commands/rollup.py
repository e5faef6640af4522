"""`rollup`: the figures about all customers, read once and kept for the pages that show them."""

from __future__ import annotations

import argparse
from datetime import timedelta

from storage import verify
from storage.actions import rollup
from storage.cli.commands import rollup_show
from storage.cli.context import Context
from storage.cli.output import print_json, progress, report_error, rfc3339, safe, say, size
from storage.clients.circuit import patiently
from storage.clients.meter import check as check_budgets
from storage.errors import BackendError
from storage.fleet import find_fleet, rollup_reads


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Adds the command."""
    command = subparsers.add_parser(
        "rollup",
        parents=[common],
        help="read all customers once and keep the figures that fleet pages are drawn from",
        description="Reads every user, the accounting and the clips' totals, and writes documents of the desk's own "
        "(ops_rollups). For a scheduler, once a day or oftener; with --shard on several machines, each with its own I; "
        "each of them lists all users, a read for each.",
    )
    command.add_argument(
        "--shard", metavar="I/N", default="1/1", help="only the I-th of N parts of the users (N <= 32)"
    )
    command.add_argument(
        "--show", action="store_true", help="print the newest figures instead of making them; a few reads"
    )
    command.add_argument(
        "--top", metavar="N", type=int, default=10, help="with --show, for people: rows of each list (default: 10)"
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when everything was read and written, 3 when some users could not be read (the rest is written).

    With `--show` 0, or 1 where the figures are incomplete, too old to stand for today, or not there at all.
    """
    if arguments.show:
        return rollup_show.run(arguments, context)
    return _make(arguments, context)


def _make(arguments: argparse.Namespace, context: Context) -> int:
    shard = verify.parse_shard(arguments.shard)
    stores = context.stores
    last = find_fleet(stores.records).view
    users, clips = (last.totals.users, last.totals.clips) if last else (stores.records.count("users"), 0)
    expected = rollup_reads(users, clips, shard[1])
    progress(f"estimate: about {expected:,} firestore reads, {users:,} of them to list the users")
    check_budgets(ahead=expected)
    with patiently():
        written = rollup.run_rollup(
            stores.records,
            context.writers().documents,
            stores.settings.plan_limits,
            context.now,
            stale_after=timedelta(minutes=stores.settings.stale_after_minutes),
            shard=shard,
            on_progress=lambda users: progress(f"{users:,} users"),
        )
    made, error = written.shard, None
    if written.error is not None:
        error = BackendError(made.notes[-1], remedy=written.error.remedy or "Run it again.")
        error.code = written.error.code
    if context.as_json:
        document = {
            "shard": f"{made.index}/{made.count}", "read_at": made.read_at, "finished_at": made.finished_at,
            "complete": made.complete, "totals": made.content["totals"], "plans": made.content["plans"],
            "states": made.content["states"], "drift": made.content["drift"], "videos": made.videos,
            "stuck": made.stuck, "notes": list(made.notes), "documents": list(written.paths),
            "cost": written.cost.as_dict(), **({"error": error.as_dict()} if error else {}),
        }  # fmt: skip
        print_json(document)
    else:
        totals = made.content["totals"]
        say(
            f"shard {made.index}/{made.count}, as of {rfc3339(made.read_at)}"
            + ("" if made.complete else " - INCOMPLETE")
        )
        users, clips = totals.get("users", 0), totals.get("clips", 0)
        say(f"{users:,} users, {clips:,} clips, {size(totals.get('clip_bytes', 0))}")
        for note in made.notes:
            say(f"note: {safe(note, 2_000)}")
        if error:
            report_error(error, as_json=False)
    return error.exit_status if error else 0
