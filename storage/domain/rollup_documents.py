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
from datetime import datetime
from typing import Any

from storage.domain.rollup import Content
from storage.errors import Unusable

VERSION = 1
COLLECTION = "ops_rollups"
HEAD = f"{COLLECTION}/head"
MAX_SHARDS = 32  # with the head and two documents each, a view costs 65 reads at the most
MAX_PARTS = 2
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
        return Shard(
            first["shard"], first["shards"], first["read_at"], first["finished_at"], first["complete"] is True,
            first["reads"], kept["content"], kept["points"], kept["videos"], kept["stuck"], kept["notes"],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, zlib.error):
        raise _unusable() from None


def head_fields(head: Head) -> dict[str, Any]:
    """The fields of the head document."""
    return {"version": VERSION, "shards": head.count, "points": list(head.points)}


def head_from(fields: Mapping[str, Any]) -> Head:
    """The head that `head_fields` wrote."""
    check_version(fields)
    count, points = fields.get("shards"), fields.get("points")
    if not isinstance(count, int) or not 1 <= count <= MAX_SHARDS or not isinstance(points, list):
        raise _unusable()
    return Head(count, points)


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


def _unusable() -> Unusable:
    return Unusable(
        "The figures about all customers cannot be read.",
        remedy="Write them again: python -m storage rollup",
        target=COLLECTION,
    )
