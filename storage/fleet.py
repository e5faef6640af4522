"""All customers at a glance: by the rollup where it is recent, else by a live look that is bounded; always labelled.

However many customers there are, what is read here costs the same: the rollup's documents, or counts that stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pandas as pd

from storage.domain.rollup import RECENT
from storage.errors import NotFound, Unusable
from storage.overview import LimitList, gravest_first
from storage.repositories.records import Records
from storage.repositories.rollups import FleetView, read_fleet

COUNTED_LIVE = 2_000  # videos of one status that a view counts by itself: two reads; beyond, the rollup says it
LOOKED_AT = 60  # videos in progress or failed that a view of all customers diagnoses by itself
USERS_HERE = 20_000  # users up to which a web process makes the rollup itself; beyond, it is a job for the shell
READS_OF_A_USER = 4  # the document, its accounting, and the clips added up twice

Source = Literal["rollup", "live"]


@dataclass(frozen=True, slots=True)
class FleetAnswer:
    """The newest rollup, or why there is none that can be used: never written (`NotFound`), or of another version."""

    view: FleetView | None
    problem: NotFound | Unusable | None = None

    def recent(self, now: datetime) -> FleetView | None:
        """The rollup if it may stand for today."""
        return self.view if self.view is not None and not is_old(self.view, now) else None


@dataclass(frozen=True, slots=True)
class Statuses:
    """Videos by status as of `read_at`. `at_least` names those of which there are this many or more."""

    counts: Mapping[str, int]
    source: Source
    read_at: datetime
    at_least: frozenset[str] = frozenset()

    @property
    def few_to_look_at(self) -> bool:
        """Whether all that may need a person can be diagnosed without being asked to."""
        return sum(self.counts.get(name, 0) for name in ("processing", "failed")) <= LOOKED_AT


@dataclass(frozen=True, slots=True)
class Estimate:
    """What making the rollup will cost, before it is made. `affordable`: this process may make it itself.

    `users` are counted up to `USERS_HERE`; `clips` is what the rollup before this one counted, or `None`.
    """

    users: int
    clips: int | None
    reads: int
    affordable: bool


def find_fleet(records: Records) -> FleetAnswer:
    """The newest rollup, at most 65 reads. Raises where Firestore refuses or is away: that is no answer."""
    try:
        return FleetAnswer(read_fleet(records))
    except (NotFound, Unusable) as problem:
        return FleetAnswer(None, problem)


def is_old(view: FleetView, now: datetime) -> bool:
    """Whether the figures are too old to be shown as today's."""
    return now - view.read_at > RECENT


def read_statuses(records: Records, known: FleetAnswer, now: datetime) -> Statuses:
    """Videos by status: live where that takes few reads, else as of the rollup, else live and cut at a bound."""
    view = known.recent(now)
    if view is not None and view.videos is not None and max(view.videos.values(), default=0) > COUNTED_LIVE:
        return Statuses(view.videos, "rollup", view.read_at)
    counts = records.status_counts(up_to=COUNTED_LIVE)
    return Statuses(counts, "live", now, frozenset(name for name, n in counts.items() if n >= COUNTED_LIVE))


def limits_of(view: FleetView) -> LimitList:
    """Who is near or over a limit, by the rollup. What is far from its limit is NA."""
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
    """Whether a quota has more users near or over it than the rollup keeps."""
    kept = view.near["quota"].value_counts()
    return any(near_or_over(view, quota) > int(kept.get(quota, 0)) for quota in view.states)


def near_or_over(view: FleetView, quota: str) -> int:
    """How many users are near or over this quota, listed or not."""
    counts = view.states.get(quota, {})
    return counts.get("near_limit", 0) + counts.get("exceeded", 0)


def estimate(records: Records, before: FleetView | None, read_budget: int | None) -> Estimate:
    """What a rollup of all users will read; counting them stops at a bound."""
    users = records.count("users", up_to=USERS_HERE + 1)
    clips = before.totals.clips if before is not None else None
    reads = rollup_reads(users, clips or 0)
    fits = read_budget is None or reads <= read_budget
    return Estimate(users, clips, reads, users <= USERS_HERE and fits)


def rollup_reads(users: int, clips: int, shards: int = 1) -> int:
    """About what one of so many shards reads. Each lists all users, since only a listing shows phantoms, and it has no
    ranges; the accounting and the sums are read of its own users alone."""
    own = (READS_OF_A_USER - 1) * users + 2 * clips // 1_000
    return users + -(-own // shards)


def estimate_scan(view: FleetView, users: int | None = None) -> dict[str, int] | None:
    """What comparing documents and bucket will be billed for so many users (all of them), by the rollup's averages.

    By the cost meter's names; `None` where the rollup could not count. Every document is read once, each user's two
    prefixes and uploads are listed, and one object of each video is got.
    """
    totals = view.totals
    if view.videos is None or not totals.users:
        return None
    share = 1.0 if users is None else min(1.0, users / totals.users)
    videos = sum(view.videos.values())
    return {
        "firestore_reads": round(share * (3 * totals.users + videos + totals.clips)),
        "r2_class_a": round(share * (3 * totals.users + 2 * totals.clips / 1_000)) + 1,
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
