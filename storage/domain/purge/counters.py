"""The correct values of the stored counters, and the changes that lead to them.

Invariants (from the product's domain description): the user's totals, the accounting's `styled_*` and each video's
totals are the sums over the clip documents. A clip of unknown size counts as a clip and adds no bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from storage.domain.amounts import INT64
from storage.domain.purge.plan import CounterChange, CounterValue

MAX_SHOWN_CHARS = 80
COUNTERS = frozenset(
    {
        "total_storage_bytes",
        "total_clips_count",
        "styled_clips_bytes",
        "styled_clips_count",
        "total_size_bytes",
        "clips_count",
        "clips_by_style",
    }
)


@dataclass(frozen=True, slots=True)
class ClipSize:
    """A clip's share of the counters; `None` where the document does not say."""

    size_bytes: int | None
    style: str | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums over some clips."""

    count: int
    size_bytes: int

    def less(self, clips: Iterable[ClipSize]) -> Totals:
        """The totals without these clips; never below zero."""
        gone = totals(clips)
        return Totals(max(0, self.count - gone.count), max(0, self.size_bytes - gone.size_bytes))


def sizes_of(clips: pd.DataFrame) -> list[ClipSize]:
    """The share of each clip of a frame in the counters."""
    pairs = zip(clips["file_size_bytes"], clips["style"], strict=True)
    return [ClipSize(None if pd.isna(size) else int(size), None if pd.isna(style) else style) for size, style in pairs]


def totals(clips: Iterable[ClipSize]) -> Totals:
    """The sums over these clips."""
    sizes = [clip.size_bytes or 0 for clip in clips]
    return Totals(len(sizes), sum(sizes))


def user_counters(left: Totals) -> dict[str, CounterValue]:
    """The correct counters of `users/{uid}`."""
    return {"total_storage_bytes": left.size_bytes, "total_clips_count": left.count}


def accounting_counters(left: Totals) -> dict[str, CounterValue]:
    """The correct counters of `storage_accounting/{uid}`."""
    return {"styled_clips_bytes": left.size_bytes, "styled_clips_count": left.count}


def video_counters(clips: Iterable[ClipSize]) -> dict[str, CounterValue]:
    """The correct counters of a video's document, for the clips that the video has."""
    kept = list(clips)
    left = totals(kept)
    by_style = Counter(clip.style for clip in kept if clip.style)
    return {
        "total_size_bytes": left.size_bytes,
        "clips_count": left.count,
        "clips_by_style": dict(sorted(by_style.items())),
    }


def wanted_counters(
    uid: str, left: Totals, videos: Mapping[str, Iterable[ClipSize]]
) -> dict[str, dict[str, CounterValue]]:
    """The correct counters of each document, by path: user, accounting, and the given videos."""
    user = f"users/{uid}"
    wanted = {user: user_counters(left), f"storage_accounting/{uid}": accounting_counters(left)}
    return wanted | {f"{user}/videos/{video_id}": video_counters(clips) for video_id, clips in videos.items()}


def changes(
    path: str, fields: Mapping[str, Any], wanted: Mapping[str, CounterValue], *, also_missing: bool = False
) -> tuple[CounterChange, ...]:
    """The counters of one document that are wrong.

    Deployments differ in the counters that they keep, so a counter that the document lacks is added only where
    `also_missing` is set. A sum that no field can hold is left out: the counter stays, since any other number would be
    wrong too.
    """
    kept = ((name, value) for name, value in wanted.items() if storable(value) and (also_missing or name in fields))
    found = ((name, shown(fields.get(name)), value) for name, value in kept)
    return tuple(CounterChange(path, name, before, after) for name, before, after in found if before != after)


def storable(value: CounterValue) -> bool:
    """Whether Firestore can hold the number: it stores 64 bits, and a sum of such numbers may need more."""
    return not isinstance(value, int) or value in INT64


def shown(value: object) -> CounterValue:
    """A stored counter as a plan can carry it: a number or a map of numbers unchanged, anything else described."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, Mapping) and all(isinstance(count, int) for count in value.values()):
        return {str(name): int(count) for name, count in sorted(value.items())}
    return f"{type(value).__name__}: {value!r}"[:MAX_SHOWN_CHARS]
