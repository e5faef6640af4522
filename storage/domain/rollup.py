"""The figures about all customers: added up user by user in flat memory, merged from shards, and kept in documents.

Every figure is a sum, a count, or the first hundred rows of a list, so it stays small with any number of users, and the
parts of several machines add up to the whole. Sizes are bytes; days are UTC.

The documents stay below the size limit, carry a version, and are whole or not used at all.
`ops_rollups/shard-003-of-016` holds one shard's figures as compressed JSON in `body`, and `...-part-2` the rest that
does not fit. `ops_rollups/head` names the complete division into shards, and holds the days of growth before it.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from storage.domain.amounts import INT64, MOST_BELIEVED, believed
from storage.domain.documents import User
from storage.domain.processing import silence_limit, step_in
from storage.domain.usage import Quota, Truth, Usage
from storage.errors import Unusable

TOP = 100  # the rows that each list keeps
DAYS = 30  # the points of growth that are kept
RECENT = timedelta(hours=26)  # a day, and the time of a run; older figures are not shown as today's
EMAIL_CHARS = 254  # the greatest length of an address; a longer text is no address
MOST_ODD = 20  # the number of impossible figures that a note names
QUOTAS = ("storage", "clips", "credits")
STEPS = ("analysis", "render", "finish")

Content = dict[str, Any]
"""The figures of a shard or of the whole fleet as plain values; see `RollupTally.content`."""


VERSION = 1
COLLECTION = "ops_rollups"
HEAD = f"{COLLECTION}/head"
MAX_SHARDS = 32  # with the head and two documents each, a view costs at most 65 reads
MAX_PARTS = 2
MAX_DIGITS = 60  # of a number that a document keeps as text
PART_BYTES = 900_000  # a document may have 1 MiB, names and all other fields included


@dataclass
class _Top:
    """Keeps the rows with the highest rank."""

    size: int = TOP
    rows: list[tuple[float, str, Content]] = field(default_factory=list)

    def offer(self, rank: float, row: Content) -> None:
        """Keeps the row if it ranks among the first; the uid decides between equals."""
        entry = (rank, str(row["uid"]), row)
        if len(self.rows) < self.size:
            heapq.heappush(self.rows, entry)
        elif entry[:2] > self.rows[0][:2]:
            heapq.heapreplace(self.rows, entry)

    def content(self) -> list[Content]:
        """The rows, the highest first."""
        return [row for _, _, row in sorted(self.rows, key=lambda entry: entry[:2], reverse=True)]


class RollupTally:
    """Adds up users one by one; `content` gives the figures at any time."""

    def __init__(self, now: datetime, top: int = TOP) -> None:
        self._since = now.astimezone(UTC).date() - timedelta(days=DAYS - 1)
        self._until = now.astimezone(UTC).date()
        self._totals: Counter[str] = Counter()
        self._plans: dict[str, Counter[str]] = {}
        self._states = {name: Counter[str]() for name in QUOTAS}
        self._near = {name: _Top(top) for name in QUOTAS}
        self._biggest, self._drifting = _Top(top), _Top(top)
        self._drift: dict[str, Counter[str]] = {}
        self._joined: Counter[str] = Counter()
        self._odd: dict[tuple[str, str], str] = {}
        self._odd_count = 0

    def add(self, user: User, found: Usage, truth: Truth | None) -> None:
        """Adds one user. A user whose truth could not be read counts as unread, and no figure counts as zero."""
        row = _row(user, found)
        self._totals["users"] += 1
        self._totals["phantom_users"] += not user.exists
        self._totals["unread_users"] += truth is None
        used, actual = self._believed(user.uid, found, truth)
        self._totals["used_bytes"] += used or 0
        self._totals["unknown_usage_users"] += used is None
        self._totals["clip_bytes"] += actual or 0
        self._totals["unsized_clips"] += found.unsized_clips or 0
        clips = truth.count if truth is not None else 0
        self._totals["clips"] += clips
        self._add_plan(user, found, used, clips)
        for name, quota in zip(QUOTAS, (found.storage, found.clips, found.credits), strict=True):
            if quota is not None:
                self._add_quota(name, quota, row)
        size = found.storage.used if found.actual_bytes is None else max(found.actual_bytes, found.storage.used or 0)
        if size:
            self._biggest.offer(size, {**row, "clips": clips})
        self._add_drift(found, row)
        if user.created_at is not None and self._since <= (day := user.created_at.date()) <= self._until:
            self._joined[day.isoformat()] += 1

    def content(self) -> Content:
        """The figures: `totals`, `plans`, `states` and `near` by quota, `biggest`, `drift`, `drifting`, `joined`."""
        return {
            "totals": dict(self._totals),
            "plans": {name: dict(counts) for name, counts in self._plans.items()},
            "states": {name: dict(counts) for name, counts in self._states.items()},
            "near": {name: top.content() for name, top in self._near.items()},
            "biggest": self._biggest.content(),
            "drift": {name: dict(counts) for name, counts in self._drift.items()},
            "drifting": self._drifting.content(),
            "joined": dict(self._joined),
        }

    def odd_notes(self) -> list[str]:
        """A note that names impossible figures and their users: the lists have them as they are, no sum has them."""
        if not self._odd:
            return []
        shown = "; ".join(f"{field} of customer {uid} says {value}" for (uid, field), value in self._odd.items())
        more = f"; and {self._odd_count - len(self._odd):,} more" if self._odd_count > len(self._odd) else ""
        return [f"Figures that cannot be true are in no sum here: {shown}{more}."]

    def _believed(self, uid: str, found: Usage, truth: Truth | None) -> tuple[int | None, int | None]:
        """The used bytes by the counter and by the clips, `None` where a figure is unknown or impossible."""
        used, actual = found.storage.used, found.actual_bytes
        if not believed(used):
            self._note_odd(uid, found.enforced_by, f"{used:,}")
            used = None
        if truth is not None and truth.complete and (actual is None or not believed(actual)):
            says = "more than can be added up" if actual is None else f"{actual:,}"
            self._note_odd(uid, "the sum of file_size_bytes", says)
            actual = None
        return used, actual

    def _note_odd(self, uid: str, field: str, says: str) -> None:
        self._odd_count += (uid, field) not in self._odd
        if len(self._odd) < MOST_ODD:
            self._odd.setdefault((uid, field), says)

    def _add_plan(self, user: User, found: Usage, used: int | None, clips: int) -> None:
        counts = self._plans.setdefault(found.plan.plan_id, Counter())
        counts["users"] += 1
        counts["unknown_plan_users"] += user.exists and not found.plan.known
        counts["used_bytes"] += used or 0
        counts["limit_bytes"] += found.storage.limit
        counts["clips"] += clips

    def _add_quota(self, name: str, quota: Quota, row: Content) -> None:
        self._states[name][quota.state] += 1
        if quota.state in {"near_limit", "exceeded"}:
            more = {"used": quota.used, "limit": quota.limit, "percent": quota.percent, "state": quota.state}
            self._near[name].offer(_near_rank(more), {**row, **more})

    def _add_drift(self, found: Usage, row: Content) -> None:
        worst = 0
        for counter in found.drifting:
            counts = self._drift.setdefault(counter.name, Counter())
            drift = counter.drift or 0
            counts["users"] += 1
            if abs(drift) > MOST_BELIEVED:
                self._note_odd(row["uid"], counter.name, f"{counter.counter:,}")
            summed = drift if abs(drift) <= MOST_BELIEVED else 0
            counts["sum"] += summed
            counts["absolute"] += abs(summed)
            if counter.name.endswith("_bytes"):
                worst = max(worst, abs(drift))
        if found.drifting:
            drifts = {counter.name: counter.drift for counter in found.drifting}
            self._drifting.offer(worst, {**row, "worst_bytes": worst, "drifts": drifts})


def merge(contents: Sequence[Content], top: int = TOP) -> Content:
    """The figures of all shards together: sums are added, lists merged and cut again."""
    return {
        "totals": _sum(content["totals"] for content in contents),
        "plans": _sum_each(content["plans"] for content in contents),
        "states": _sum_each(content["states"] for content in contents),
        "near": {name: _first([c["near"].get(name, []) for c in contents], _near_rank, top) for name in QUOTAS},
        "biggest": _first([content["biggest"] for content in contents], _size_rank, top),
        "drift": _sum_each(content["drift"] for content in contents),
        "drifting": _first([content["drifting"] for content in contents], lambda row: row["worst_bytes"], top),
        "joined": _sum(content["joined"] for content in contents),
    }


def standing(videos: pd.DataFrame, now: datetime, stale_after: timedelta) -> pd.DataFrame:
    """The videos in progress that their job has not touched for longer than such a job may be silent."""
    limits = [silence_limit(stale_after, step_in(row)) for row in videos.to_dict("records")]
    touched = videos["updated_at"].tolist()
    still = [pd.isna(at) or now - at >= limit for at, limit in zip(touched, limits, strict=True)]
    return videos[np.array(still, dtype=bool)]


def steps(videos: pd.DataFrame) -> dict[str, int]:
    """The number of videos in progress at each step, by their documents alone: `analysis`, `render` or `finish`.

    Rendering has begun where the progress names a scene, a finished scene or a clip; where all clips are done, only the
    status was never set. `videos` has `highlights_count`, `expected_clips`, `completed_clips`, `processing_progress`.
    """
    counts: Counter[str] = Counter(dict.fromkeys(STEPS, 0))
    columns = (videos[name] for name in ("expected_clips", "completed_clips", "processing_progress"))
    for expected, completed, progress in zip(*columns, strict=True):
        counts[_step(expected, completed, progress)] += 1
    return dict(counts)


def _step(expected: object, completed: object, progress: object) -> str:
    told = progress if isinstance(progress, Mapping) else {}
    done = max(_number(completed), _number(told.get("completed_clips")))
    wanted = max(_number(expected), _number(told.get("total_clips")))
    if wanted and done >= wanted:
        return "finish"
    begun = done or _number(told.get("completed_scenes")) or told.get("current_scene_id") is not None
    return "render" if begun or _number(told.get("total_clips")) else "analysis"


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | np.integer) and not isinstance(value, bool) else 0


def point(day: date, totals: Mapping[str, int], videos: int | None) -> Content:
    """One day of growth; `videos` is `None` in a shard that does not count them."""
    kept = {name: totals.get(name, 0) for name in ("users", "clips", "clip_bytes", "used_bytes")}
    return {"day": day.isoformat(), **kept, "videos": videos}


def with_point(points: Iterable[Content], new: Content) -> list[Content]:
    """The last `DAYS` points in order; the new point replaces an earlier one of its day."""
    by_day = {str(old["day"]): old for old in points} | {str(new["day"]): new}
    return [by_day[day] for day in sorted(by_day)][-DAYS:]


def merged_points(shards: Sequence[Sequence[Content]], earlier: Sequence[Content] = ()) -> list[Content]:
    """The growth of the fleet: the days that every shard has, after the days of an earlier division into shards."""
    by_day: dict[str, list[Content]] = {}
    for points in shards:
        for one in points:
            by_day.setdefault(str(one["day"]), []).append(one)
    whole = {str(old["day"]): dict(old) for old in earlier}
    whole |= {day: _added(day, ones) for day, ones in by_day.items() if len(ones) == len(shards)}
    return [whole[day] for day in sorted(whole)][-DAYS:]


def _added(day: str, ones: Sequence[Content]) -> Content:
    videos = [one["videos"] for one in ones if one["videos"] is not None]
    names = ("users", "clips", "clip_bytes", "used_bytes")
    return {
        "day": day,
        **{name: _whole_sum([one[name] for one in ones]) for name in names},
        "videos": sum(videos) if videos else None,
    }


def _whole_sum(numbers: Sequence[int | None]) -> int | None:
    """The sum, or `None` where a part of it is unknown."""
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _row(user: User, found: Usage) -> Content:
    return {
        "uid": user.uid,
        "email": user.email[:EMAIL_CHARS] if user.email else None,
        "plan": found.plan.plan_id,
        "used_bytes": found.storage.used,
        "actual_bytes": found.actual_bytes,
        "limit_bytes": found.storage.limit,
    }


def _near_rank(row: Content) -> float:
    """The rank by the used share, unrounded. Any use of a limit of 0 exceeds it and ranks before all others."""
    return float(row["used"] or 0) / row["limit"] if row["limit"] else float("inf")


def _size_rank(row: Content) -> float:
    return float(max(row["used_bytes"] or 0, row["actual_bytes"] or 0))


def _first(lists: Iterable[Sequence[Content]], rank: Any, top: int) -> list[Content]:
    kept = _Top(top)
    for rows in lists:
        for row in rows:
            kept.offer(rank(row), row)
    return kept.content()


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)


def _sum_each(groups: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    total: dict[str, Counter[str]] = {}
    for group in groups:
        for name, counts in group.items():
            total.setdefault(name, Counter()).update(counts)
    return {name: dict(counts) for name, counts in total.items()}


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard's figures. `read_at` is the time when reading began; `complete`: every user could be read.

    Only the first shard counts `videos` (by status) and `stuck` (stalled videos, by step), across all users. They are
    `None` in the other shards, and where Firestore refused the query; a note then says so. `table` is the object with a
    row for each of its users, empty where none was written.
    """

    index: int
    count: int
    read_at: datetime
    finished_at: datetime
    complete: bool
    reads: int
    content: Content
    points: Sequence[Content]
    videos: Mapping[str, int] | None = None
    stuck: Mapping[str, int] | None = None
    notes: Sequence[str] = ()
    table: str = ""


@dataclass(frozen=True, slots=True)
class RollupHead:
    """The division into shards that counts, and the growth before it."""

    count: int
    points: Sequence[Content]


def shard_path(index: int, count: int, part: int = 1) -> str:
    """The path of a shard's document."""
    suffix = "" if part == 1 else f"-part-{part}"
    return f"{COLLECTION}/shard-{index:03d}-of-{count:03d}{suffix}"


def to_documents(shard: Shard) -> dict[str, dict[str, Any]]:
    """The shard's documents by path, with as many rows of each list as fit."""
    body = _packed(shard)
    pieces = [body[start : start + PART_BYTES] for start in range(0, len(body), PART_BYTES)]
    common = {"version": VERSION, "shard": shard.index, "shards": shard.count, "parts": len(pieces)}
    about = {
        "read_at": shard.read_at,
        "finished_at": shard.finished_at,
        "complete": shard.complete,
        "reads": shard.reads,
        "users": shard.content["totals"].get("users", 0),
        "sha256": hashlib.sha256(body).hexdigest(),
        **({"table": shard.table} if shard.table else {}),
    }
    return {
        shard_path(shard.index, shard.count, number): {
            **common,
            "part": number,
            "body": piece,
            **(about if number == 1 else {}),
        }
        for number, piece in enumerate(pieces, start=1)
    }


def from_documents(parts: Sequence[Mapping[str, Any]]) -> Shard:
    """The shard that `to_documents` wrote, from the fields of its parts in order; raises `Unusable` for others."""
    first = parts[0]
    check_version(first)
    try:
        body = b"".join(part["body"] for part in parts)
        if hashlib.sha256(body).hexdigest() != first["sha256"]:
            raise ValueError("the parts do not fit together")
        kept = json.loads(zlib.decompress(body))
        _check_content(kept["content"])
        for counts in (kept["videos"], kept["stuck"]):
            _check_counts(counts or {})
        return Shard(
            _whole(first["shard"]),
            _whole(first["shards"]),
            _time(first["read_at"]),
            _time(first["finished_at"]),
            first["complete"] is True,
            _whole(first["reads"]),
            kept["content"],
            _points(kept["points"]),
            kept["videos"],
            kept["stuck"],
            [str(note) for note in kept["notes"]],
            str(first.get("table") or ""),
        )
    except KeyError as missing:
        raise _unusable(f"{missing.args[0]} is missing") from None
    except (TypeError, ValueError, AttributeError, zlib.error, RecursionError) as error:
        raise _unusable(str(error)) from None


def head_fields(head: RollupHead) -> dict[str, Any]:
    """The fields of the head document. A sum beyond the 64 bits of Firestore's numbers is a text."""
    points = [
        {name: str(value) if isinstance(value, int) and value not in INT64 else value for name, value in point.items()}
        for point in head.points
    ]
    return {"version": VERSION, "shards": head.count, "points": points}


def head_from(fields: Mapping[str, Any]) -> RollupHead:
    """The head that `head_fields` wrote."""
    check_version(fields)
    count, points = fields.get("shards"), fields.get("points")
    try:
        if not 1 <= _whole(count) <= MAX_SHARDS:
            raise ValueError("the number of shards is none")
        return RollupHead(_whole(count), _points(points))
    except KeyError as missing:
        raise _unusable(f"{missing.args[0]} is missing") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise _unusable(str(error)) from None


def check_version(fields: Mapping[str, Any]) -> None:
    """Raises `Unusable` for figures of another version, which may have another meaning."""
    if fields.get("version") != VERSION:
        raise Unusable(
            "The figures about all customers were written by another version of the desk.",
            remedy="Write them again: python -m storage rollup",
            target=COLLECTION,
        )


def _packed(shard: Shard) -> bytes:
    """The figures as compressed JSON, with shorter lists where long ids would exceed the size limit."""
    content = dict(shard.content)
    while True:
        kept = {
            "content": content,
            "points": list(shard.points),
            "videos": shard.videos and dict(shard.videos),
            "stuck": shard.stuck and dict(shard.stuck),
            "notes": list(shard.notes),
        }
        body = zlib.compress(json.dumps(kept).encode(), 9)
        if len(body) <= MAX_PARTS * PART_BYTES:
            return body
        content["near"] = {name: rows[: len(rows) // 2] for name, rows in content["near"].items()}
        content |= {name: content[name][: len(content[name]) // 2] for name in ("biggest", "drifting")}


def _check_content(content: Mapping[str, Any]) -> None:
    """Raises `KeyError`, `TypeError` or `ValueError` for figures that `RollupTally.content` does not give."""
    for name in ("totals", "joined"):
        _check_counts(content[name])
    for day in content["joined"]:
        date.fromisoformat(day)
    for name in ("plans", "states", "drift"):
        for counts in content[name].values():
            _check_counts(counts)
    for rows, numbers in (
        *((rows, ("used", "limit")) for rows in content["near"].values()),
        (content["biggest"], ("used_bytes", "actual_bytes", "clips")),
        (content["drifting"], ("used_bytes", "actual_bytes", "worst_bytes")),
    ):
        for row in rows:
            if not isinstance(row["uid"], str):
                raise TypeError("a row without the id of a customer")
            for name in numbers:
                if row[name] is not None:
                    _whole(row[name])
            if not isinstance(row.get("percent"), int | float | None) or not isinstance(row.get("drifts", {}), Mapping):
                raise TypeError("a row with a share or drifts that are none")


def _check_counts(counts: Mapping[str, Any]) -> None:
    for count in counts.values():
        _whole(count)


def _points(points: Any) -> list[Content]:
    found = []
    for point in points:
        date.fromisoformat(point["day"])
        numbers = {name: point[name] for name in ("users", "clips", "clip_bytes", "used_bytes", "videos")}
        found.append(
            {"day": point["day"], **{name: None if one is None else _kept_whole(one) for name, one in numbers.items()}}
        )
    return found


def _kept_whole(value: Any) -> int:
    """A number of a point; the head keeps a number beyond 64 bits as text."""
    return int(value) if isinstance(value, str) and len(value) < MAX_DIGITS else _whole(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"a {type(value).__name__} where a number should be")
    if abs(value) >= 10**MAX_DIGITS:
        raise ValueError(f"a number of more than {MAX_DIGITS} digits")
    return value


def _time(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"a {type(value).__name__} where a time should be")
    return value


def _unusable(why: str) -> Unusable:
    return Unusable(
        f"The figures about all customers cannot be read: {why[:200]}.",
        remedy="Write them again: python -m storage rollup",
        target=COLLECTION,
    )
