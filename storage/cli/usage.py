"""`usage`: tells how much of the plan a customer uses, and whether the counters are right."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from storage.actions.supposing import Asked, answer
from storage.cli.context import Context
from storage.cli.output import percent, print_json, safe, say, say_table, size
from storage.cli.replies import reply_document, say_reply
from storage.cli.what_if import say_what_if
from storage.clients.meter import metering
from storage.domain.credits import CreditLedger
from storage.domain.ledger import Ledger, cause_words, crossing, only_sizes_mend, over_by_mistake
from storage.domain.replies import Language
from storage.domain.usage import Quota, Usage, WorkerQuota, usage_notes, usage_reply
from storage.domain.what_if import admission_document, admission_words
from storage.services import usage as account
from storage.services.ledger import read_credits, read_ledger
from storage.text import whole_minutes


def run_usage(
    context: Context,
    uid: str,
    if_plan: str | None,
    if_without: tuple[str, ...],
    if_purged: bool,
    if_undo: str | None,
    if_video_of: str | None,
    reply_language: Language,
) -> int:
    """Exit 0 when every counter that the backend keeps is right, 1 when one is wrong. A used-up quota is no fault."""
    stores = context.stores
    asked = Asked(if_plan, if_without, if_purged, if_undo, if_video_of)
    with metering() as meter:
        found = account.read_account(stores.records, uid, stores.settings.plan_limits)
        full = account.read_full_usage(stores.records, found, context.now())
        unread = next((table.error for table in (full.videos, full.clips) if table.error), None)
        if unread is not None:
            raise unread
        supposed = answer(stores, full, asked, context.now()) if asked else None
        ledger = read_ledger(stores, uid, full.videos, full.clips, context.now())
        credits = read_credits(stores.records, full.usage, context.now())
    reply = usage_reply(full.usage, context.now(), ledger.stored_bytes)
    crossed = crossing(full.clips.frame, full.usage.storage.limit)
    document = usage_document(full.usage, ledger) | {
        "crossed": asdict(crossed) | {"plan": full.usage.plan.plan_id, "plan_then": None} if crossed else None,
        "credit_ledger": credits.as_dict(),
        **admission_document(full.usage),
        **({"what_if": supposed.as_dict()} if supposed else {}),
        "reply": reply.words(),
        **reply_document(reply, reply_language),
        "as_of": full.clips.read_at,
        "cost": meter.cost().as_dict(),
    }
    if context.as_json:
        print_json(document)
    else:
        _say_usage(full.usage, ledger)
        say(safe(admission_words(full.usage), 400))
        if crossed:
            say(safe(crossed.sentence(full.usage.plan.plan_id, full.usage.storage.limit), 600))
        say_credits(credits)
        if supposed:
            say_what_if(supposed)
        say_reply(reply, reply_language)
    return 1 if full.usage.drifting else 0


def say_credits(ledger: CreditLedger) -> None:
    """The months of the credit ledger, and what does not add up; nothing where there is no entry."""
    rows = [
        (one.month, f"{one.entries:,}", f"{one.charged:,}", f"{one.used:,}", "" if one.whole else "begun before")
        for one in ledger.months
    ]
    if rows:
        say_table(("CREDITS IN", "ENTRIES", "CHARGED", "USED AT ITS END", ""), rows)
    for note in ledger.notes:
        say(safe(note, 600))


def usage_document(usage: Usage, ledger: Ledger) -> dict[str, Any]:
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
            **ledger_document(ledger),
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
        "notes": [*_first(usage, ledger), *usage_notes(usage), *ledger.notes],
    }


def ledger_document(ledger: Ledger) -> dict[str, Any]:
    """The bucket's side: `null` where it is not known. Causes and kinds of which there is nothing are left out."""
    differences = ledger.differences
    return {
        "stored_bytes": ledger.stored_bytes,
        "differences": None if differences is None else [asdict(one) for one in differences],
        "beside": [asdict(one) for one in ledger.beside],
        "in_flight_minutes": whole_minutes(ledger.stale_after),
    }


def _first(usage: Usage, ledger: Ledger) -> list[str]:
    """The notes that a person must know before reading the figures."""
    storage = usage.storage
    said = over_by_mistake(storage.used, storage.limit, usage.actual_bytes, ledger.stored_bytes)
    command = "recount --sizes" if only_sizes_mend(storage.limit, usage.actual_bytes) else "recount"
    return [f"{said} {command} corrects it."] if said else []


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


def _say_usage(usage: Usage, ledger: Ledger) -> None:
    plan = usage.plan
    says = f"says {plan.written!r}, which is not a plan" if plan.written else "names no plan"
    unknown = "" if plan.known else f" (the document {says}; it counts as free)"
    say(f"{safe(usage.uid)}  {safe(usage.email)}  plan {safe(plan.plan_id)}{safe(unknown)}")
    for note in _first(usage, ledger):
        say(safe(note, 600))
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
    say(f"The limit is checked against {usage.enforced_by}; the clips add up to {size(usage.actual_bytes)}.")
    if usage.unsized_clips:
        say(f"Clips without a usable size: {usage.unsized_clips:,}, so that sum is a lower bound.")
    _say_ledger(ledger)
    drifting = usage.drifting
    if drifting:
        say_table(
            ("WRONG COUNTER", "STORED", "ACTUAL", "DIFFERENCE"),
            [(c.name, c.counter, c.truth, c.drift) for c in drifting],
        )
    for note in (*usage_notes(usage), *ledger.notes):
        say(safe(note, 600))
    unknown_counters = [c.name for c in usage.counters if c.drift is None and not c.dead]
    if unknown_counters:
        say(f"Counters that are missing or not usable: {safe(', '.join(unknown_counters), 1_000)}")
    elif not drifting:
        say("Every counter is right.")


def _say_ledger(ledger: Ledger) -> None:
    """The bucket's side, why it is not that of the documents, and what lies beside."""
    if ledger.stored_bytes is not None:
        say(f"The bucket holds {size(ledger.stored_bytes)} of objects of these clips.")
    rows: list[tuple[object, ...]] = [
        (cause_words(one.cause, ledger), f"{one.bytes:+,}", f"{one.clips:,}") for one in ledger.differences or ()
    ]
    if rows:
        say_table(("BUCKET MINUS DOCUMENTS", "BYTES", "CLIPS"), rows)
    beside = [
        (cause_words(one.cause, ledger), size(one.bytes), "unknown" if one.objects is None else f"{one.objects:,}")
        for one in ledger.beside
    ]
    if beside:
        say_table(("BESIDE THE CLIPS", "SIZE", "OBJECTS"), beside)
