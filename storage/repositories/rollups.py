"""Reads the figures about all customers that a rollup wrote: a few documents, however many customers there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd

from storage.clients.firestore import FirestoreHandle
from storage.domain import rollup
from storage.domain.amounts import whole_column
from storage.domain.documents import RawDocument
from storage.domain.rollup import (
    COLLECTION,
    HEAD,
    MAX_PARTS,
    Content,
    RollupHead,
    Shard,
    check_version,
    from_documents,
    head_from,
    shard_path,
)
from storage.errors import NotFound
from storage.repositories.decode import raw_document
from storage.repositories.queries import build
from storage.repositories.records import Records

_PERSON = {"uid": "string", "email": "string", "plan": "string"}
_SIZES = {"used_bytes": "Int64", "actual_bytes": "Int64", "limit_bytes": "Int64"}
_NEAR = {"quota": "string", **_PERSON, "used": "Int64", "limit": "Int64", "percent": "Float64", "state": "string"}
_PLANS = {
    "plan": "string",
    "users": "Int64",
    "used_bytes": "Int64",
    "limit_bytes": "Int64",
    "clips": "Int64",
    "unknown_plan_users": "Int64",
}
_GROWTH = {
    "day": "datetime64[us, UTC]",
    "users": "Int64",
    "videos": "Int64",
    "clips": "Int64",
    "clip_bytes": "Int64",
    "used_bytes": "Int64",
    "joined": "Int64",
}
_DRIFT = {"counter": "string", "users": "Int64", "sum": "Int64", "absolute": "Int64"}


@dataclass(frozen=True, slots=True)
class FleetTotals:
    """Sums over all users. `unread_users` counts users whose clips could not be added up; the sums lack them."""

    users: int
    phantom_users: int
    unread_users: int
    unknown_usage_users: int
    clips: int
    unsized_clips: int
    clip_bytes: int
    used_bytes: int


@dataclass(frozen=True, slots=True)
class Part:
    """The making of one shard."""

    index: int
    read_at: datetime
    finished_at: datetime
    complete: bool
    users: int
    reads: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FleetView:
    """All customers at a glance, as of `read_at`, the time when reading the oldest part began.

    `complete`: every shard exists and read every user; else `missing_shards` and `notes` say what is missing.
    `videos` by status and `stuck` by step are `None` where they could not be counted. Frames: `near` (the first 100 of
    each quota near or over its limit; `states` has their number), `plans`, `biggest`, `growth` (a row a day, NA
    where no rollup ran), `drift` by counter, `drifting` (users by the largest drift in bytes).
    Days before `counted_since` were computed afterwards from creation dates: `used_bytes` is NA there, and their
    figures lack what was deleted since. `tables` are the objects that together have a row for each customer, none where
    one of them was not written. `made_with_reads` is the cost of making it; `parts` describes the making of
    each existing shard.
    """

    read_at: datetime
    finished_at: datetime
    complete: bool
    shards: int
    parts: tuple[Part, ...]
    missing_shards: tuple[int, ...]
    notes: tuple[str, ...]
    made_with_reads: int
    totals: FleetTotals
    videos: dict[str, int] | None
    stuck: dict[str, int] | None
    states: dict[str, dict[str, int]]
    near: pd.DataFrame
    plans: pd.DataFrame
    biggest: pd.DataFrame
    growth: pd.DataFrame
    drift: pd.DataFrame
    drifting: pd.DataFrame
    tables: tuple[str, ...] = ()

    @property
    def counted_since(self) -> date | None:
        """The first day that a rollup counted, where earlier days were computed afterwards; else `None`."""
        points = self.growth[self.growth["users"].notna()]
        counted = points[points["used_bytes"].notna()]
        return counted["day"].min().date() if len(counted) and len(counted) < len(points) else None


def read_fleet(records: Records) -> FleetView:
    """The newest figures; at most 65 reads. `NotFound` where none were ever written, `Unusable` for another version."""
    head = read_head(records)
    if head is None:
        raise _never()
    shards = read_shards(records, head.count)
    there = [shard for shard in shards if shard is not None]
    if not there:
        raise _never()
    missing = tuple(number for number, shard in enumerate(shards, start=1) if shard is None)
    return _view(head, there, missing)


def read_head(records: Records) -> RollupHead | None:
    """The division into shards that readers use; `None` where no rollup was ever complete."""
    found = records.raw(HEAD)
    return None if found is None or found.fields is None else head_from(found.fields)


def read_shards(records: Records, count: int) -> list[Shard | None]:
    """Every shard of a division in order, `None` for those that were never written."""
    first = [shard_path(number, count) for number in range(1, count + 1)]
    found = _fields(records, first)
    for fields in found.values():
        check_version(fields)
    more = {
        path: [shard_path(number, count, part) for part in range(2, _parts(found[path]) + 1)]
        for number, path in enumerate(first, start=1)
        if path in found
    }
    rest = _fields(records, [path for paths in more.values() for path in paths])
    return [
        from_documents([found[path], *(rest[other] for other in more[path] if other in rest)])
        if path in found
        else None
        for path in first
    ]


def read_shard(records: Records, index: int, count: int) -> Shard | None:
    """One shard as it was last written."""
    paths = [shard_path(index, count, part) for part in range(1, MAX_PARTS + 1)]
    found = _fields(records, paths)
    if paths[0] not in found:
        return None
    return from_documents([found[path] for path in paths[: _parts(found[paths[0]])] if path in found])


def every_document(handle: FirestoreHandle) -> tuple[RawDocument, ...]:
    """All shards' documents, also those of divisions that nobody reads any more; the head is left out."""
    found = handle.run_query(
        build(COLLECTION),
        lambda documents: tuple(raw_document(document) for document in documents),
        operation="Reading the figures about all customers",
    )
    return tuple(document for document in found if document.path != HEAD)


def _parts(fields: Mapping[str, Any]) -> int:
    parts = fields.get("parts")
    return min(MAX_PARTS, parts) if isinstance(parts, int) else 1


def _fields(records: Records, paths: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    if not paths:
        return {}
    return {
        path: document.fields
        for path, document in records.many(paths).items()
        if document is not None and document.fields is not None
    }


def _never() -> NotFound:
    return NotFound(
        "There are no figures about all customers yet.",
        remedy="Write them: python -m storage rollup (from a scheduler, at least once a day).",
        target=HEAD,
    )


def _view(head: RollupHead, shards: Sequence[Shard], missing: tuple[int, ...]) -> FleetView:
    content = rollup.merge([shard.content for shard in shards])
    notes = [note for shard in shards for note in shard.notes]
    if missing:
        notes.append(f"{len(missing)} of {head.count} parts were never written.")
    points = rollup.merged_points([shard.points for shard in shards], head.points) if not missing else head.points
    totals = content["totals"]
    return FleetView(
        read_at=min(shard.read_at for shard in shards),
        finished_at=max(shard.finished_at for shard in shards),
        complete=not missing and all(shard.complete for shard in shards),
        shards=head.count,
        parts=tuple(_part(shard) for shard in shards),
        missing_shards=missing,
        notes=tuple(dict.fromkeys(notes)),
        made_with_reads=sum(shard.reads for shard in shards),
        totals=FleetTotals(**{name: totals.get(name, 0) for name in FleetTotals.__dataclass_fields__}),
        videos=next((dict(shard.videos) for shard in shards if shard.videos is not None), None),
        stuck=next((dict(shard.stuck) for shard in shards if shard.stuck is not None), None),
        states=content["states"],
        near=_frame([{"quota": name, **row} for name, rows in content["near"].items() for row in rows], _NEAR),
        plans=_frame([{"plan": name, **counts} for name, counts in sorted(content["plans"].items())], _PLANS),
        biggest=_frame(content["biggest"], {**_PERSON, **_SIZES, "clips": "Int64"}),
        growth=_growth(points, content["joined"]),
        drift=_frame([{"counter": name, **counts} for name, counts in sorted(content["drift"].items())], _DRIFT),
        tables=tuple(shard.table for shard in shards) if not missing and all(s.table for s in shards) else (),
        drifting=_frame(content["drifting"], {**_PERSON, **_SIZES, "worst_bytes": "Int64", "drifts": "object"}),
    )


def _part(shard: Shard) -> Part:
    users = int(shard.content["totals"].get("users", 0))
    return Part(shard.index, shard.read_at, shard.finished_at, shard.complete, users, shard.reads, tuple(shard.notes))


def _growth(points: Sequence[Content], joined: Mapping[str, int]) -> pd.DataFrame:
    """A row for every known day, in order. New users are known also for days without a point."""
    by_day = {str(one["day"]): dict(one) for one in points}
    for day, count in joined.items():
        by_day.setdefault(day, {"day": day})["joined"] = count
    rows = [{"joined": 0, **by_day[day]} for day in sorted(by_day)]
    return _frame(rows, _GROWTH)


def _frame(rows: Sequence[Content], types: Mapping[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=list(types), dtype="object")
    if "day" in types:
        frame["day"] = pd.to_datetime(frame["day"], utc=True)
    whole = {
        name: whole_column(frame[name].where(frame[name].notna(), None).tolist())
        for name, kind in types.items()
        if kind == "Int64"
    }
    return frame.assign(**whole).astype({name: kind for name, kind in types.items() if kind != "Int64"})
