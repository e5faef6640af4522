"""`rollup`: reads the figures about all customers once and keeps them for the pages that show them.

`rollup --show` prints the newest figures, as the page Fleet shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pandas as pd

from storage.actions import rollup
from storage.actions.purge.context import open_purging
from storage.actions.purge.meanwhile import OF_ROLLUPS, take_purged
from storage.actions.search_index import IndexWritten
from storage.cli.context import Context
from storage.cli.output import (
    clock,
    percent,
    print_json,
    progress,
    report_error,
    safe,
    say,
    say_deployment,
    say_table,
    size,
)
from storage.clients.circuit import patiently
from storage.clients.meter import check_budgets, metering
from storage.domain.rollup import TOP
from storage.errors import BackendError, BadInput
from storage.repositories.rollups import FleetView, read_fleet
from storage.services import fleet, verify
from storage.services.fleet import asked_reads, find_fleet, rollup_reads
from storage.settings.reader import read as read_environment
from storage.text import number


def run_rollup(context: Context, shard: str, show: bool, top: int) -> int:
    """Exit 0 when everything was read and written, 3 when some users could not be read (the rest is written).

    With `--show` exit 0, or 1 where the figures are incomplete, too old to stand for today, or were never written.
    """
    if show:
        return _run_show(context, shard, top)
    return _make(context, shard)


def _run_show(context: Context, shard: str, top: int) -> int:
    """Exit 0, or 1 where the figures are incomplete or old. Raises `NotFound` where nobody ever wrote any."""
    if shard != "1/1":
        raise BadInput("--show and --shard cannot be combined", field_name="show", remedy="Give one of them.")
    if not 0 <= top <= TOP:
        raise BadInput(
            f"--top must be from 0 to {TOP}", field_name="top", remedy=f"A list keeps its first {TOP} customers."
        )
    records = context.stores.records  # opened before anything is counted
    with metering() as meter:
        view = read_fleet(records)
    now = context.now()
    if context.as_json:
        found = context.stores.deployment().as_dict()
        print_json(fleet.as_document(view, now) | {"deployment": found, "cost": meter.cost().as_dict()})
    else:
        say_deployment(context.stores.deployment())
        _say(view, top, old=fleet.is_old(view, now))
    return 1 if not view.complete or fleet.is_old(view, now) else 0


def _say(view: FleetView, top: int, *, old: bool) -> None:
    marks = [word for word, wrong in (("OLD", old), ("INCOMPLETE", not view.complete)) if wrong]
    say(
        f"as of {clock(view.read_at)}, {len(view.parts)} of {number(view.shards, 'shard')}, made with "
        f"{number(view.made_with_reads, 'read')}{''.join(f' - {mark}' for mark in marks)}"
    )
    totals = view.totals
    say(f"{number(totals.users, 'customer')}, {number(totals.clips, 'clip')}, {size(totals.clip_bytes)}")
    say("videos: " + _counts(view.videos))
    say("stalled: " + _counts(view.stuck))
    for note in view.notes:
        say(f"note: {safe(note, 2_000)}")
    for quota, counts in view.states.items():
        say(f"{quota}: {_counts(counts)}")
    near = [(r.quota, r.state, _percent(r.percent), r.plan, r.uid, _or(r.email)) for r in view.near.itertuples()]
    by_quota = [row for quota in view.states for row in [one for one in near if one[0] == quota][:top]]
    _list("near or over a limit", ("QUOTA", "STATE", "PERCENT", "PLAN", "UID", "EMAIL"), by_quota)
    biggest = [
        (size(_int(r.actual_bytes)), _int(r.clips), r.plan, r.uid, _or(r.email))
        for r in view.biggest.head(top).itertuples()
    ]
    _list("biggest", ("SIZE", "CLIPS", "PLAN", "UID", "EMAIL"), biggest)
    drift = [(r.counter, f"{r.users:,}", f"{r.sum:+,}", f"{r.absolute:,}") for r in view.drift.itertuples()]
    _list("wrong counters", ("COUNTER", "CUSTOMERS", "SUM", "OFF BY"), drift)
    drifting = [(size(_int(r.worst_bytes)), r.uid, _or(r.email)) for r in view.drifting.head(top).itertuples()]
    _list("customers with wrong counters, the worst first", ("OFF BY", "UID", "EMAIL"), drifting)
    days = view.growth.tail(top).itertuples() if top else ()
    growth = [
        (f"{r.day:%Y-%m-%d}", *map(_number, (r.users, r.videos, r.clips, r.joined)), size(_int(r.clip_bytes)))
        for r in days
    ]
    if view.counted_since is not None:
        say(f"note: the figures of days before {view.counted_since} come from creation dates; no rollup counted them.")
    _list("growth by day", ("DAY", "CUSTOMERS", "VIDEOS", "CLIPS", "JOINED", "SIZE"), growth)


def _list(title: str, headers: tuple[str, ...], rows: list[Any]) -> None:
    if rows:
        say()
        say(f"{title}:")
        say_table(headers, rows)


def _counts(counts: Mapping[str, int] | None) -> str:
    return "unknown" if counts is None else ", ".join(f"{number:,} {name}" for name, number in counts.items()) or "none"


def _int(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def _number(value: Any) -> str:
    return "-" if pd.isna(value) else f"{int(value):,}"


def _percent(value: Any) -> str:
    return percent(None if pd.isna(value) else value)


def _or(value: Any) -> str:
    return "-" if pd.isna(value) else str(value)


def _make(context: Context, shard_text: str) -> int:
    shard = verify.parse_shard(shard_text, read_environment())
    stores = context.stores
    last = find_fleet(stores.records).view
    users, clips = (last.totals.users, last.totals.clips) if last else (stores.records.count("users"), 0)
    expected = least = asked_reads(users, clips, shard[1])
    if shard[1] == 1:
        titles = clips + sum((last.videos if last and last.videos else {}).values())
        expected = rollup_reads(users, stores.records.count("storage_accounting"), titles)
    more = "" if last or shard[1] > 1 else ", and one for each video and clip"
    progress(f"estimate: about {expected:,} firestore reads, {users:,} of them to list the customers{more}")
    check_budgets(ahead=min(expected, least))
    purging = open_purging(stores)
    with patiently():
        written = rollup.run_rollup(
            stores.records,
            purging.writers.documents,
            stores.settings.plan_limits,
            context.now,
            stale_after=timedelta(minutes=stores.settings.stale_after_minutes),
            shard=shard,
            on_progress=lambda users: progress(number(users, "customer")),
            on_index=lambda reads: progress(f"index: about {reads:,} firestore reads, one for each title"),
            bucket=(stores.objects, purging.writers),
            take_purged=lambda since: take_purged(purging, since, OF_ROLLUPS),
        )
    made, error = written.shard, None
    index, unindexed = written.index, written.index_error
    if written.error is not None:
        error = BackendError(made.notes[-1], remedy=written.error.remedy or "Run it again.")
        error.code = written.error.code
    if context.as_json:
        document = {
            "shard": f"{made.index}/{made.count}",
            "read_at": made.read_at,
            "finished_at": made.finished_at,
            "complete": made.complete,
            "totals": made.content["totals"],
            "plans": made.content["plans"],
            "states": made.content["states"],
            "drift": made.content["drift"],
            "videos": made.videos,
            "stuck": made.stuck,
            "notes": list(made.notes),
            "documents": list(written.paths),
            "deployment": stores.deployment().as_dict(),
            "cost": written.cost.as_dict(),
            "index": None if index is None else _index_document(index),
            "table": made.table or None,
            **({"table_error": written.table_error.as_dict()} if written.table_error else {}),
            **({"index_error": unindexed.as_dict()} if unindexed else {}),
            **({"error": error.as_dict()} if error else {}),
        }
        print_json(document)
    else:
        totals = made.content["totals"]
        say(
            f"shard {made.index}/{made.count}, as of {clock(made.read_at)}" + ("" if made.complete else " - INCOMPLETE")
        )
        users, clips = totals.get("users", 0), totals.get("clips", 0)
        say(f"{number(users, 'customer')}, {number(clips, 'clip')}, {size(totals.get('clip_bytes', 0))}")
        say_deployment(stores.deployment())
        for note in made.notes:
            say(f"note: {safe(note, 2_000)}")
        if index is not None:
            say(f"index: {index.head.users:,} addresses and {index.head.titles:,} titles of videos and clips")
        for fault in (written.table_error, unindexed, error):
            if fault:
                report_error(fault, as_json=False)
    fault = error or unindexed or written.table_error
    return fault.exit_status if fault else 0


def _index_document(index: IndexWritten) -> dict[str, Any]:
    head = index.head
    return {
        "read_at": head.read_at,
        "finished_at": head.finished_at,
        "users": head.users,
        "titles": head.titles,
        "documents": len(head.paths) + 1,
        "cost": index.cost.as_dict(),
    }
