"""Reads the figures about all customers, from the rollup where it is recent, else from a bounded live reading.

Every figure says its source. The number of customers does not change the cost: it is the rollup's documents, or counts
that stop at a bound. The overview shows videos by status and the users near or over a limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pandas as pd

from storage.domain.documents import User, users_of
from storage.domain.rollup import RECENT
from storage.domain.usage import PlanLimits, Plans, Quota, Usage, evaluate_usage
from storage.errors import NotFound, Unusable
from storage.repositories.records import Records
from storage.repositories.rollups import FleetView, read_fleet

QUOTAS = ("storage", "clips", "credits")
# The numbers of users whose usage is read live, two documents each: on a first view (which may cost at most 100 reads
# for all customers), and when a person asks for more.
GLANCE_USERS = 27
SCAN_USERS = 500


COUNTED_LIVE = 2_000  # videos of one status that a view counts unasked, in two reads; beyond it, the rollup tells
LOOKED_AT = 60  # videos in progress or failed that a view of all customers diagnoses unasked
USERS_HERE = 20_000  # the most users for which a web process makes the rollup; with more, the shell makes it
READS_OF_A_USER = 4  # in a shard: the document, its accounting, and the clips added up twice
Source = Literal["rollup", "live"]


@dataclass(frozen=True, slots=True)
class LimitList:
    """Users in the order of the share of their worst quota that they use.

    `frame` has `uid`, `email`, `plan`, a percentage and a state for each of `QUOTAS` (`storage_percent`,
    `storage_state`, ...), `worst_percent`, `state` and `worker_refuses` (NA: a rollup does not say). It has a row for
    each user who is near or over a limit, or for whom the worker makes no clip, gravest first. `scanned` is the number
    of users read; `complete` is false when there are more. `source` says whether they were read now or by a rollup. A
    rollup keeps only the gravest; `more` says that further users are near or over a limit.
    """

    frame: pd.DataFrame
    scanned: int
    complete: bool
    read_at: datetime
    source: Literal["rollup", "live"] = "live"
    more: bool = False


def read_limits(records: Records, limits: Mapping[str, PlanLimits], now: datetime, *, scan: int) -> LimitList:
    """Evaluates up to `scan` users against their plans, by the counters that the product enforces."""
    plans = Plans(records.plans(), limits)
    people: list[User] = []
    cursor, read_at = None, None
    while len(people) < scan:
        page = records.users(page_size=min(300, scan - len(people)), cursor=cursor)
        page.unbroken()  # raises the error that cut the page short
        read_at = read_at or page.read_at
        people.extend(users_of(page))
        cursor = page.next_cursor
        if cursor is None:
            break
    books = records.accountings([person.uid for person in people])
    rows = [_row(evaluate_usage(person, plans, books.get(person.uid), None, now)) for person in people]
    return LimitList(gravest_first(rows), len(people), cursor is None, read_at or now)


def _row(found: Usage) -> dict[str, object]:
    quotas = _quotas(found)
    percents = {f"{name}_percent": _percent(quota) for name, quota in quotas.items()}
    known = [value for value in percents.values() if value is not None]
    refuses = found.worker is not None and found.worker.refuses
    return {
        "uid": found.uid,
        "email": found.email,
        "plan": found.plan.plan_id,
        **percents,
        **{f"{name}_state": quota.state if quota else None for name, quota in quotas.items()},
        "worst_percent": max(known, default=None),
        "state": "near_limit" if refuses and found.worst_state in {"ok", "unknown"} else found.worst_state,
        "worker_refuses": refuses,
    }


def _quotas(found: Usage) -> dict[str, Quota | None]:
    return {"storage": found.storage, "clips": found.clips, "credits": found.credits}


def _percent(quota: Quota | None) -> float | None:
    return quota.percent if quota else None


def gravest_first(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows near or over a limit, as `LimitList.frame`."""
    percents = [*(f"{name}_percent" for name in QUOTAS), "worst_percent"]
    texts = ["uid", "email", "plan", *(f"{name}_state" for name in QUOTAS), "state"]
    frame = pd.DataFrame(list(rows), columns=[*texts, *percents, "worker_refuses"])
    frame = frame.astype(
        dict.fromkeys(percents, "Float64") | dict.fromkeys(texts, "string") | {"worker_refuses": "boolean"}
    )
    frame = frame[frame["state"].isin(["exceeded", "near_limit"])]
    order = frame["state"].map({"exceeded": 0, "near_limit": 1})
    return (
        frame.assign(_order=order)
        .sort_values(["_order", "worst_percent"], ascending=[True, False], na_position="first")
        .drop(columns="_order")
        .reset_index(drop=True)
    )


@dataclass(frozen=True, slots=True)
class FleetAnswer:
    """The newest rollup, or the reason why none is usable: never written (`NotFound`), or of another version."""

    view: FleetView | None
    problem: NotFound | Unusable | None = None

    def recent(self, now: datetime) -> FleetView | None:
        """The rollup, if it is recent enough to stand for today."""
        return self.view if self.view is not None and not is_old(self.view, now) else None


@dataclass(frozen=True, slots=True)
class Statuses:
    """Numbers of videos by status as of `read_at`. `at_least` names the statuses whose number is a lower bound."""

    counts: Mapping[str, int]
    source: Source
    read_at: datetime
    at_least: frozenset[str] = frozenset()

    @property
    def few_to_look_at(self) -> bool:
        """Whether there are few enough videos to diagnose all that may need a person, unasked."""
        return sum(self.counts.get(name, 0) for name in ("processing", "failed")) <= LOOKED_AT


@dataclass(frozen=True, slots=True)
class Estimate:
    """The cost of a rollup, before it is made. `affordable`: this process may make it itself.

    `users` are counted up to `USERS_HERE`. `titles`, the videos and clips, is their number in the rollup before this
    one; without one they are counted up to the same bound. `at_least`: they are more than were counted, and so are the
    reads.
    """

    users: int
    titles: int
    reads: int
    affordable: bool
    at_least: bool = False


def find_fleet(records: Records) -> FleetAnswer:
    """The newest rollup, in at most 65 reads. Raises where Firestore refuses or is away: that is no answer."""
    try:
        return FleetAnswer(read_fleet(records))
    except (NotFound, Unusable) as problem:
        return FleetAnswer(None, problem)


def is_old(view: FleetView, now: datetime) -> bool:
    """Whether the figures are too old to be shown as today's."""
    return now - view.read_at > RECENT


def read_statuses(records: Records, known: FleetAnswer, now: datetime) -> Statuses:
    """Videos by status: live where that takes few reads, else from the rollup, else live up to a bound."""
    view = known.recent(now)
    if view is not None and view.videos is not None and max(view.videos.values(), default=0) > COUNTED_LIVE:
        return Statuses(view.videos, "rollup", view.read_at)
    counts = records.status_counts(up_to=COUNTED_LIVE)
    return Statuses(counts, "live", now, frozenset(name for name, n in counts.items() if n >= COUNTED_LIVE))


def limits_of(view: FleetView) -> LimitList:
    """The users near or over a limit, from the rollup. A quota far from its limit is NA."""
    rows: dict[str, dict[str, Any]] = {}
    for one in view.near.to_dict("records"):
        row = rows.setdefault(one["uid"], {name: one[name] for name in ("uid", "email", "plan", "state")})
        row[f"{one['quota']}_percent"], row[f"{one['quota']}_state"] = one["percent"], one["state"]
        if one["state"] == "exceeded":
            row["state"] = "exceeded"
    for row in rows.values():
        known = [row[name] for name in row if name.endswith("_percent") and not pd.isna(row[name])]
        row["worst_percent"] = max(known, default=None)
    found = gravest_first(list(rows.values()))
    return LimitList(found, view.totals.users, view.complete, view.read_at, source="rollup", more=_more(view))


def _more(view: FleetView) -> bool:
    """Whether more users are near or over a quota than the rollup keeps."""
    kept = view.near["quota"].value_counts()
    return any(near_or_over(view, quota) > int(kept.get(quota, 0)) for quota in view.states)


def near_or_over(view: FleetView, quota: str) -> int:
    """The number of users near or over this quota, listed or not."""
    counts = view.states.get(quota, {})
    return counts.get("near_limit", 0) + counts.get("exceeded", 0)


def estimate(records: Records, before: FleetView | None, read_budget: int | None) -> Estimate:
    """The reads that a rollup of all users will take; counting stops at a bound."""
    users, accountings = (records.count(name, up_to=USERS_HERE + 1) for name in ("users", "storage_accounting"))
    if before is not None and before.videos is not None:
        counts = [before.totals.clips, sum(before.videos.values())]
        more = False
    else:
        counts = [records.count(name, up_to=USERS_HERE + 1) for name in ("clips", "videos")]
        more = max(counts) > USERS_HERE
    reads = rollup_reads(users, accountings, sum(counts))
    fits = read_budget is None or (reads <= read_budget and not more)
    return Estimate(users, sum(counts), reads, users <= USERS_HERE and fits, more)


def rollup_reads(users: int, accountings: int, titles: int) -> int:
    """About the number of reads of a rollup of all users, with the index: of each user and accounting document, and of
    each video and clip, whose titles and sizes are read at once."""
    return users + accountings + titles


def asked_reads(users: int, clips: int, shards: int = 1) -> int:
    """About the number of reads of one shard of `shards`, without the index. Each shard lists all users, because only a
    listing shows phantoms and it has no ranges; it reads the accounting and the sums of its own users only."""
    own = (READS_OF_A_USER - 1) * users + 2 * clips // 1_000
    return users + -(-own // shards)


SCAN_LISTINGS = 5  # what a scan lists before and beside its ranges


def estimate_scan(view: FleetView, users: int | None = None) -> dict[str, int] | None:
    """The billed operations of comparing documents with the bucket for `users` (by default all), by the rollup's
    averages.

    The keys are the cost meter's names; `None` where the rollup could not count. The comparison reads every document
    once, those of highlights too, lists the bucket once by ranges, and gets one object of each video where the product
    keeps highlights there.
    """
    totals = view.totals
    if view.videos is None or not totals.users:
        return None
    share = 1.0 if users is None else min(1.0, users / totals.users)
    videos = sum(view.videos.values())
    return {
        "firestore_reads": round(share * (totals.users + 2 * videos + totals.clips)),
        "r2_class_a": SCAN_LISTINGS + round(share * (2 * totals.clips + 2 * videos + totals.users) / 1_000),
        "r2_class_b": round(share * videos),
    }


def as_document(view: FleetView, now: datetime) -> dict[str, Any]:
    """The answer of `rollup --show --json`."""
    return {
        "read_at": view.read_at,
        "finished_at": view.finished_at,
        "old": is_old(view, now),
        "complete": view.complete,
        "shards": view.shards,
        "missing_shards": list(view.missing_shards),
        "parts": list(view.parts),
        "notes": list(view.notes),
        "made_with_reads": view.made_with_reads,
        "counted_since": view.counted_since.isoformat() if view.counted_since else None,
        "totals": view.totals,
        "videos": view.videos,
        "stuck": view.stuck,
        "states": view.states,
        **{name: getattr(view, name) for name in ("near", "plans", "biggest", "growth", "drift", "drifting")},
    }
