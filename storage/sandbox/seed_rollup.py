"""The figures about all customers of the sample data, so that the page that shows them has something at first start.

They are made as the command makes them. Only growth before today cannot be: it is worked out from the creation dates of
what is there, and a view says so of days for which nothing says what the counters were.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from storage.actions.documents import DocumentWriter
from storage.actions.rollup import run_rollup, write_shard
from storage.clients.firestore import FirestoreHandle
from storage.domain.rollup import DAYS, Content
from storage.domain.usage import DEFAULT_LIMITS
from storage.repositories.records import Records
from storage.sandbox.world.model import World

STALE_AFTER = timedelta(minutes=15)


def write_rollup(handle: FirestoreHandle, sample: World, there: Collection[str]) -> None:
    """Makes the figures as of the sample's own time. `there` are the paths of its documents that still exist."""
    records, writer = Records(handle), DocumentWriter(handle)
    shard = run_rollup(records, writer, DEFAULT_LIMITS, lambda: sample.now, stale_after=STALE_AFTER).shard
    today = sample.now.astimezone(UTC).date()
    points = growth({path: sample.documents[path] for path in there if path in sample.documents}, today)
    write_shard(records, writer, replace(shard, points=[*points, *shard.points]))


def growth(documents: Mapping[str, Mapping[str, Any]], today: date) -> list[Content]:
    """A point for each day before today: what is there now and says that it was created by the end of that day.

    What the counters said then is not known.
    """
    born = [(path.split("/"), fields.get("created_at"), fields) for path, fields in documents.items()]
    days = [today - timedelta(days=back) for back in range(DAYS - 1, 0, -1)]
    return [_point(day, [(p, f) for p, at, f in born if isinstance(at, datetime) and at.date() <= day]) for day in days]


def _point(day: date, born: list[tuple[list[str], Mapping[str, Any]]]) -> Content:
    clips = [fields for parts, fields in born if len(parts) == 6 and parts[4] == "clips"]
    sizes = [fields.get("file_size_bytes") for fields in clips]
    return {
        "day": day.isoformat(),
        "users": sum(len(parts) == 2 and parts[0] == "users" for parts, _ in born),
        "videos": sum(len(parts) == 4 and parts[2] == "videos" for parts, _ in born),
        "clips": len(clips),
        "clip_bytes": sum(size for size in sizes if isinstance(size, int)),
        "used_bytes": None,
    }
