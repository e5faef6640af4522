"""`usage`: tells how much of the plan a customer uses, and whether the counters are true."""

from __future__ import annotations

from typing import Any

from storage.cli.context import Context
from storage.cli.output import percent, print_json, safe, say, say_table, size
from storage.clients.meter import metering
from storage.domain.usage import Quota, Usage, WorkerQuota, usage_notes, usage_reply
from storage.services import usage as account


def run_usage(context: Context, uid: str) -> int:
    """Exit 0 when every counter that the backend keeps is true, 1 when one drifts. A used-up quota is no fault."""
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
