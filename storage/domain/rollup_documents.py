"""The documents that figures about all customers are kept in: below the size limit, versioned, whole or not at all.

`ops_rollups/shard-003-of-016` holds one shard's figures as compressed JSON in `body`, `...-part-2` what does not fit;
`ops_rollups/head` says which division into shards is complete, and the days of growth before it.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from storage.domain.amounts import INT64
from storage.domain.rollup import Content
from storage.errors import Unusable

VERSION = 1
COLLECTION = "ops_rollups"
HEAD = f"{COLLECTION}/head"
MAX_SHARDS = 32  # with the head and two documents each, a view costs 65 reads at the most
MAX_PARTS = 2
MAX_DIGITS = 60  # of a number that is kept as text
PART_BYTES = 900_000  # a document may have 1 MiB, names and all other fields included


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard's figures. `read_at` is when reading began; `complete`: every user could be read.

    `videos` (by status) and `stuck` (videos that nothing moves, by step) are counted across all users, by the first
    shard alone; `None` in the others, and where Firestore refused the question, which a note then says.
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


@dataclass(frozen=True, slots=True)
class Head:
    """Which division into shards counts, and growth before it."""

    count: int
    points: Sequence[Content]


def shard_path(index: int, count: int, part: int = 1) -> str:
    """Where a shard's document lies."""
    suffix = "" if part == 1 else f"-part-{part}"
    return f"{COLLECTION}/shard-{index:03d}-of-{count:03d}{suffix}"


def to_documents(shard: Shard) -> dict[str, dict[str, Any]]:
    """The shard's documents by path; as many rows of each list as fit."""
    body = _packed(shard)
    pieces = [body[start : start + PART_BYTES] for start in range(0, len(body), PART_BYTES)]
    common = {"version": VERSION, "shard": shard.index, "shards": shard.count, "parts": len(pieces)}
    about = {
        "read_at": shard.read_at, "finished_at": shard.finished_at, "complete": shard.complete, "reads": shard.reads,
        "users": shard.content["totals"].get("users", 0), "sha256": hashlib.sha256(body).hexdigest(),
    }  # fmt: skip
    return {
        shard_path(shard.index, shard.count, number): {
            **common, "part": number, "body": piece, **(about if number == 1 else {}),
        }
        for number, piece in enumerate(pieces, start=1)
    }  # fmt: skip


def from_documents(parts: Sequence[Mapping[str, Any]]) -> Shard:
    """The shard that `to_documents` wrote, from the fields of its parts in order. Raises `Unusable` for others."""
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
            _whole(first["shard"]), _whole(first["shards"]), _time(first["read_at"]), _time(first["finished_at"]),
            first["complete"] is True, _whole(first["reads"]), kept["content"], _points(kept["points"]),
            kept["videos"], kept["stuck"], [str(note) for note in kept["notes"]],
        )  # fmt: skip
    except KeyError as missing:
        raise _unusable(f"{missing.args[0]} is missing") from None
    except (TypeError, ValueError, AttributeError, zlib.error, RecursionError) as error:
        raise _unusable(str(error)) from None


def head_fields(head: Head) -> dict[str, Any]:
    """The fields of the head document. A sum beyond the 64 bits of Firestore's numbers is kept as text."""
    points = [
        {name: str(value) if isinstance(value, int) and value not in INT64 else value for name, value in point.items()}
        for point in head.points
    ]
    return {"version": VERSION, "shards": head.count, "points": points}


def head_from(fields: Mapping[str, Any]) -> Head:
    """The head that `head_fields` wrote."""
    check_version(fields)
    count, points = fields.get("shards"), fields.get("points")
    try:
        if not 1 <= _whole(count) <= MAX_SHARDS:
            raise ValueError("the number of shards is none")
        return Head(_whole(count), _points(points))
    except KeyError as missing:
        raise _unusable(f"{missing.args[0]} is missing") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise _unusable(str(error)) from None


def check_version(fields: Mapping[str, Any]) -> None:
    """Raises `Unusable` for figures of another version: they may mean something else."""
    if fields.get("version") != VERSION:
        raise Unusable(
            "The figures about all customers were written by another version of the desk.",
            remedy="Write them again: python -m storage rollup",
            target=COLLECTION,
        )


def _packed(shard: Shard) -> bytes:
    """The figures as compressed JSON; where ids are so long that they do not fit, with shorter lists."""
    content = dict(shard.content)
    while True:
        kept = {
            "content": content, "points": list(shard.points), "videos": shard.videos and dict(shard.videos),
            "stuck": shard.stuck and dict(shard.stuck), "notes": list(shard.notes),
        }  # fmt: skip
        body = zlib.compress(json.dumps(kept).encode(), 9)
        if len(body) <= MAX_PARTS * PART_BYTES:
            return body
        content["near"] = {name: rows[: len(rows) // 2] for name, rows in content["near"].items()}
        content |= {name: content[name][: len(content[name]) // 2] for name in ("biggest", "drifting")}


def _check_content(content: Mapping[str, Any]) -> None:
    """Raises `KeyError`, `TypeError` or `ValueError` for figures that `Tally.content` does not give."""
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
                raise TypeError("a row without the id of a user")
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
    """A number of a point, which the head keeps as text where it is beyond 64 bits."""
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
