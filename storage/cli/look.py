"""`find`, `usage` and `url`: the questions of support.

`audit`: who did what, when and why, newest first; and whether the record is whole.

`check`: is everything in place to work?
"""

from __future__ import annotations

import argparse
from typing import Any

from storage.actions import audit, health
from storage.actions.audit import UNKNOWN
from storage.actions.health import Health
from storage.cli.context import Context, shell_reader
from storage.cli.output import percent, print_json, progress, report_error, rfc3339, safe, say, say_table, size
from storage.clients.meter import metering
from storage.domain.actor_and_reason import normal_email
from storage.domain.audit_chain import Event
from storage.domain.documents import Clip
from storage.domain.usage import Quota, Usage, WorkerQuota, usage_notes, usage_reply
from storage.errors import AccessDenied, ConfigError, NotFound
from storage.repositories.audit_log import AuditLog
from storage.services import links
from storage.services import usage as account
from storage.services.audit_search import audit_log
from storage.services.search import find


def register_look(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Adds the three commands."""
    finder = subparsers.add_parser("find", parents=[common], help="find a user, video or clip from anything pasted")
    finder.add_argument(
        "query",
        metavar="QUERY",
        help="uid, e-mail address or its beginning, video id, clip id, file name, key, presigned or CDN URL, "
        "video URL, or a line of a log that contains one of these",
    )
    finder.set_defaults(run=run_find)
    usage = subparsers.add_parser("usage", parents=[common], help="a user's usage against the plan, and counter drift")
    usage.add_argument("uid", metavar="UID", help="the user's id, as find prints it")
    usage.set_defaults(run=run_usage)
    url = subparsers.add_parser("url", parents=[common], help="a short-lived link to a clip or its thumbnail")
    url.add_argument("uid", metavar="UID", help="the user's id, as find prints it")
    url.add_argument("video_id", metavar="VIDEO_ID", help="the video's id")
    url.add_argument("clip_id", metavar="CLIP_ID", help="the clip's id")
    url.add_argument("--thumbnail", action="store_true", help="the thumbnail instead of the clip")
    url.add_argument("--download", action="store_true", help="a download with a file name, with its shorter life")
    url.add_argument("--actor", metavar="EMAIL", help="who asks; recorded")
    url.set_defaults(run=run_url)


def run_find(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 with matches, 1 when nothing was found."""
    stores = context.stores
    r2 = stores.settings.r2
    with metering() as meter:
        found = find(stores.records, arguments.query, stores.layout, bucket=r2.bucket, public_url=r2.public_url)
    gaps = [error.as_dict() for error in found.gaps]
    nothing = NotFound(
        "Nothing was found.", remedy="Check the text for typing errors; ids are case-sensitive, a uid finds most."
    )
    if context.as_json:
        answer = {
            "query": found.query,
            "kind": found.kind,
            "matches": [match.as_dict() for match in found.matches],
            "searched": found.searched,
            "not_searched": gaps,
            "truncated": found.truncated,
            "cost": meter.cost().as_dict(),
        }
        print_json(answer if found.matches else answer | {"error": nothing.as_dict()})
        return 0 if found.matches else 1
    say(f"Taken for: {found.kind.replace('_', ' ')}")
    rows = [(m.type, m.uid, m.video_id or "-", m.clip_id or "-", m.label, m.why) for m in found.matches]
    if rows:
        say_table(("TYPE", "UID", "VIDEO", "CLIP", "LABEL", "WHY"), rows)
    else:
        say("Searched: " + safe("; ".join(found.searched), 1_000))
        report_error(nothing, as_json=False)
    for gap in found.gaps:
        report_error(gap, as_json=False)
    return 0 if found.matches else 1


def run_usage(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when every counter that the backend keeps is true, 1 when one drifts. A used-up quota is no such fault."""
    uid = arguments.uid
    stores = context.stores
    with metering() as meter:
        found = account.read_account(stores.records, uid, stores.settings.plan_limits)
        full = account.read_full_usage(stores.records, found, context.now())
    unread = next((table.error for table in (full.videos, full.clips) if table.error), None)
    if unread is not None:
        raise unread
    reply = usage_reply(full.usage, context.now())
    document = usage_document(full.usage) | {
        "reply": reply,
        "as_of": full.clips.read_at,
        "cost": meter.cost().as_dict(),
    }
    if context.as_json:
        print_json(document)
    else:
        _say_usage(full.usage)
    return 1 if full.usage.drifting else 0


def usage_document(usage: Usage) -> dict[str, Any]:
    """The answer of `usage --json`."""
    storage = usage.storage
    return {
        "uid": usage.uid,
        "email": usage.email,
        "plan": usage.plan.plan_id,
        "plan_known": usage.plan.known,
        "plan_written": usage.plan.written,
        "plan_tier": usage.plan.tier,
        "storage": {
            "used_bytes": storage.used,
            "actual_bytes": usage.actual_bytes,
            "limit_bytes": storage.limit,
            "percent": storage.percent,
            "state": storage.state,
            "enforced_by": usage.enforced_by,
        },
        "worker": _worker(usage.worker),
        "clips": _quota(usage.clips),
        "credits": _quota(usage.credits),
        "limit_sources": dict(usage.plan.sources),
        "counters": [
            {"name": c.name, "counter": c.counter, "truth": c.truth, "drift": c.drift}
            | ({"dead": True} if c.dead else {})
            for c in usage.counters
        ],
        "unsized_clips": usage.unsized_clips,
        "notes": list(usage_notes(usage)),
    }


def _worker(worker: WorkerQuota | None) -> dict[str, Any] | None:
    if worker is None:
        return None
    return {
        "limit_bytes": worker.limit_bytes,
        "room_bytes": worker.room_bytes,
        "refuses": worker.refuses,
        "tier": worker.tier,
    }


def _quota(quota: Quota | None) -> dict[str, Any] | None:
    if quota is None:
        return None
    return {"used": quota.used, "limit": quota.limit, "percent": quota.percent, "state": quota.state}


def _say_usage(usage: Usage) -> None:
    plan = usage.plan
    says = f"says {plan.written!r}, which is no plan" if plan.written else "names no plan"
    unknown = "" if plan.known else f" (the document {says}; it counts as free)"
    say(f"{safe(usage.uid)}  {safe(usage.email)}  plan {safe(plan.plan_id)}{safe(unknown)}")
    rows: list[tuple[object, ...]] = [
        (
            "storage",
            size(usage.storage.used),
            size(usage.storage.limit),
            percent(usage.storage.percent),
            usage.storage.state,
        )
    ]
    for name, quota in (("clips this month", usage.clips), ("credits this month", usage.credits)):
        if quota is not None:
            used = "unknown" if quota.used is None else f"{quota.used:,}"
            rows.append((name, used, f"{quota.limit:,}", percent(quota.percent), quota.state))
    say_table(("QUOTA", "USED", "LIMIT", "PERCENT", "STATE"), rows)
    say(f"The product enforces {usage.enforced_by}; the clips add up to {size(usage.actual_bytes)}.")
    if usage.unsized_clips:
        say(f"{usage.unsized_clips:,} clips have no usable size, so that sum is a lower bound.")
    drifting = usage.drifting
    if drifting:
        say_table(
            ("DRIFTING COUNTER", "COUNTER", "TRUTH", "DRIFT"), [(c.name, c.counter, c.truth, c.drift) for c in drifting]
        )
    for note in usage_notes(usage):
        say(safe(note, 600))
    unknown_counters = [c.name for c in usage.counters if c.drift is None and not c.dead]
    if unknown_counters:
        say(f"Not there or not usable: {safe(', '.join(unknown_counters), 1_000)}")
    elif not drifting:
        say("No counter drifts.")


def _record(context: Context, clip: Clip, key: str, arguments: argparse.Namespace) -> None:
    """Puts the link on record. The shell may hold credentials that cannot write: then it says so and goes on."""
    event = Event(
        "link.issue", UNKNOWN, uid=clip.uid, video_id=clip.video_id, clip_id=clip.clip_id, keys=(key,),
        detail={"purpose": "download" if arguments.download else "play"},
    )  # fmt: skip
    try:
        audit.open_audit(context.stores, context.writers()).append(
            audit.attributed(shell_reader(arguments.actor), event)
        )
    except AccessDenied as error:
        progress(f"warning: the link is not on record: {error.message}")


def run_url(arguments: argparse.Namespace, context: Context) -> int:
    """Prints the link. It is a bearer token: it goes to stdout and nowhere else."""
    uid = arguments.uid
    video_id = arguments.video_id
    clip_id = arguments.clip_id
    clip = links.find_clip(context.stores.records, uid, video_id, clip_id)
    kind: links.MediaKind = "thumbnail" if arguments.thumbnail else "clip"
    link = links.media_link(context.stores, clip, kind=kind, download=arguments.download)
    _record(context, clip, link.signed.key, arguments)
    signed = link.signed
    if link.doubt:
        progress(f"warning: {safe(link.doubt, 600)}; if that holds for other customers too, `check` says so")
    if context.as_json:
        document = {"url": signed.url, "expires_at": signed.expires_at, "key": signed.key}
        print_json(document | {"content_type": signed.content_type, "prefix_doubt": link.doubt or None})
        return 0
    say(signed.url)
    sys_note = f"{signed.content_type}, {size(link.object.size_bytes)}, good until {rfc3339(signed.expires_at)}"
    say(sys_note)
    return 0


def register_audit(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
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
    command.set_defaults(run=run_audit)


def run_audit(arguments: argparse.Namespace, context: Context) -> int:
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


def register_check(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    check = subparsers.add_parser(
        "check",
        parents=[common],
        help="configuration, Firestore, the key prefix, the bucket, and each permission apart",
        description="Checks the configuration, reads from Firestore, looks whether the bucket holds objects that "
        "documents name (an empty one answers as well), and tries each R2 permission on an object of its own below "
        "_ops/health/, which it takes away again.",
    )
    check.set_defaults(run=run_check)


def run_check(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when all is well, 1 when something is off, 2 for configuration, 3 when a backend refused or was away."""
    with metering() as meter:
        try:
            result = health.everything(context.stores, context.now)
        except ConfigError as error:
            result = health.refused_configuration(error)
    status = result.error.exit_status if result.error else 0 if result.ok else 1
    if context.as_json:
        document = {
            "mode": result.mode,
            "ok": result.ok,
            "checks": [check.as_dict() for check in result.checks],
            "cost": meter.cost().as_dict(),
        }
        print_json(document | ({"error": result.error.as_dict()} if result.error else {}))
    else:
        _say_check(result)
    return status


def _say_check(result: Health) -> None:
    say(f"mode: {result.mode}")
    width = max(len(check.name) for check in result.checks)
    for check in result.checks:
        say(f"{'ok  ' if check.ok else 'FAIL'}  {check.name:<{width}}  {safe(check.detail, 300)}")
        if not check.ok and check.remedy:
            say(f"      {'':<{width}}  -> {safe(check.remedy, 600)}")
    if result.error and not isinstance(result.error, ConfigError):
        report_error(result.error, as_json=False)
