"""`audit`: who did what, when and why, newest first; and whether the record is whole."""

from __future__ import annotations

from storage.cli.context import Context
from storage.cli.output import print_json, say, say_table
from storage.domain.actor_and_reason import normal_email
from storage.repositories.audit_log import AuditLog
from storage.services.audit_search import audit_log


def run_audit(context: Context, uid: str | None, actor: str | None, limit: int, verify: bool) -> int:
    """Prints the newest entries or verifies the chain. Exit 0, or 1 when the chain does not hold."""
    address = normal_email(actor, "--actor") if actor is not None else ""
    log = audit_log(context.stores)
    if verify:
        return _verify(log, context)
    events = log.search(uid=uid or "", actor=address, limit=limit)
    if context.as_json:
        print_json({"events": events})
    else:
        rows = [(e["sequence"], e["at"], e["actor"], e["action"], e["outcome"], e["uid"], e["reason"]) for e in events]
        say_table(("NUMBER", "AT", "ACTOR", "ACTION", "OUTCOME", "CUSTOMER", "REASON"), rows)
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
            say("It is sealed without a key (AUDIT_HMAC_KEY): a person who may write all of it could forge all of it.")
    return 0 if report.whole else 1
