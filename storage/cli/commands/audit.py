"""`audit`: who did what, when and why, newest first; and whether the record is whole."""

from __future__ import annotations

import argparse

from storage.audit_search import audit_log
from storage.cli.context import Context
from storage.cli.output import print_json, say, say_table
from storage.domain.actor_and_reason import normal_email
from storage.repositories.audit_log import AuditLog


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Adds the command."""
    command = subparsers.add_parser(
        "audit",
        parents=[common],
        help="who did what, when and why",
        description="The newest entries of the audit, also about users and videos that no longer exist. With --verify "
        "the whole chain is read, and every missing or altered entry is reported (exit 1).",
    )
    command.add_argument("--uid", metavar="UID", help="only what concerns this user")
    command.add_argument("--actor", metavar="EMAIL", help="only what this person did")
    command.add_argument("--limit", metavar="N", type=int, default=50, help="how many, 50 by default")
    command.add_argument("--verify", action="store_true", help="check the chain")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0, or 1 when the chain does not hold."""
    uid = arguments.uid if arguments.uid is not None else ""
    actor = normal_email(arguments.actor, "--actor") if arguments.actor is not None else ""
    log = audit_log(context.stores)
    if arguments.verify:
        return _verify(log, context)
    events = log.search(uid=uid, actor=actor, limit=arguments.limit)
    if context.as_json:
        print_json({"events": events})
    else:
        rows = [(e["sequence"], e["at"], e["actor"], e["action"], e["outcome"], e["uid"], e["reason"]) for e in events]
        say_table(("NUMBER", "AT", "ACTOR", "ACTION", "OUTCOME", "USER", "REASON"), rows)
    return 0


def _verify(log: AuditLog, context: Context) -> int:
    report = log.verify_chain()
    rows = [{"sequence": item.sequence, "kind": item.kind, "detail": item.detail} for item in report.breaks]
    if context.as_json:
        answer = {"whole": report.whole, "entries": report.entries, "copies": report.copies, "ends": report.ends}
        print_json({**answer, "keyed": bool(log.keys), "breaks": rows})
    else:
        say_table(("NUMBER", "WHAT", "DETAIL"), [(row["sequence"], row["kind"], row["detail"]) for row in rows])
        state = "The chain is whole" if report.whole else "The chain does not hold"
        compared = f"{report.copies:,} copies and {report.ends:,} ends in the bucket compared"
        say(f"{state}: {report.entries:,} entries; {compared}.")
        if not log.keys:
            say("It is sealed without a key (AUDIT_HMAC_KEY): whoever may write all of it could forge it anew.")
    return 0 if report.whole else 1
