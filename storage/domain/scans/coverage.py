"""What a scan looked at. What it did not look at is not known, so no comparison calls it gone, or new.

A scan looks at ranges of customers, in Firestore's order of ids, each within one shard. Within these, single customers
or clips may have stayed unread: the findings say which (`unreadable`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from storage.domain.integrity import OF_CONTENTS, Sample
from storage.domain.ranges import EVERYBODY, Range, just_before, shard_range
from storage.ids import firestore_order

_THUMBNAIL, _CLIP = ".jpg", ".mp4"


@dataclass(frozen=True, slots=True)
class ScanRange:
    """The customers behind `after` up to and including `until` (`None`: from the first, to the last), in one shard.

    `span` narrows it further, for an engine that reads by ranges.
    """

    index: int = 1
    count: int = 1
    after: str | None = None
    until: str | None = None
    span: Range = EVERYBODY

    def holds(self, uid: str) -> bool:
        """Whether the customer lies in it."""
        if not shard_range(self.index, self.count).holds(uid) or not self.span.holds(uid):
            return False
        place = _order(uid)
        return (self.after is None or place > _order(self.after)) and (
            self.until is None or place <= _order(self.until)
        )

    @property
    def whole(self) -> bool:
        """Whether it is all customers of its shard."""
        return self.after is None and self.until is None and self.span == EVERYBODY

    def without(self, uid: str) -> ScanRange:
        """The range with limits that do not name this customer; it never grows by that."""
        after, until = self.after, self.until
        if after == uid:
            after = f"{uid[:-1]}{chr(min(ord(uid[-1]) + 1, 0x10FFFF))}"
        if until == uid:
            before = ord(uid[-1]) - 1
            until = f"{uid[:-1]}{chr(before)}\U0010ffff" if before >= 0 else uid[:-1]
        span = self.span
        if span.start == uid:
            span = replace(span, start=f"{uid[:-1]}{chr(min(ord(uid[-1]) + 1, 0x10FFFF))}")
        if span.end == uid:
            span = replace(span, end=just_before(uid))
        return replace(self, after=after, until=until, span=span)


WHOLE_FLEET = (ScanRange(),)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The extent of a scan. `strangers`: also customers that only the bucket knows.

    `contents` is the percentage of clips that it looked into, `None` where it looked into none. `doubted`: the whole
    result cannot be true, so it proves nothing.
    """

    ranges: tuple[ScanRange, ...] = WHOLE_FLEET
    strangers: bool = False
    contents: float | None = None
    doubted: bool = False

    @property
    def whole(self) -> bool:
        """Whether every customer lies in it."""
        if any(one.whole and one.count == 1 for one in self.ranges):
            return True
        counts = {one.count for one in self.ranges if one.whole}
        shards = {(one.index, one.count) for one in self.ranges if one.whole}
        return any(all((index, count) in shards for index in range(1, count + 1)) for count in counts)

    def without(self, uid: str) -> Coverage:
        """The extent with limits that do not name this customer."""
        return replace(self, ranges=tuple(one.without(uid) for one in self.ranges))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, to be kept."""
        ranges = [
            {
                "index": one.index,
                "count": one.count,
                "after": one.after,
                "until": one.until,
                "start": one.span.start,
                "end": one.span.end,
            }
            for one in self.ranges
        ]
        return {"ranges": ranges, "strangers": self.strangers, "contents": self.contents, "doubted": self.doubted}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Coverage:
        """What `as_dict` gave. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        ranges = tuple(
            ScanRange(
                int(one["index"]),
                int(one["count"]),
                one["after"],
                one["until"],
                Range(str(one.get("start") or ""), str(one.get("end") or "")),
            )
            for one in kept["ranges"]
        )
        contents = kept["contents"]
        return cls(
            ranges, bool(kept["strangers"]), None if contents is None else float(contents), bool(kept["doubted"])
        )


def joined(parts: Iterable[Coverage]) -> Coverage:
    """The extent of several scans together. What only some of them did counts as not done."""
    found = list(parts)
    contents = [one.contents for one in found]
    known = [percent for percent in contents if percent is not None]
    return Coverage(
        tuple(one for part in found for one in part.ranges),
        all(part.strangers for part in found),
        min(known) if len(known) == len(contents) and known else None,
        any(part.doubted for part in found),
    )


def looked_at(rows: pd.DataFrame, coverage: Coverage, found: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """For each of these findings (`rows`), whether a scan that had `found` would have found it if it were there.

    Both have the columns of `storage.domain.scans.kept`. False where the scan's range ends before the customer, where a
    store did not answer for the customer or the clip, where the result about the customer cannot be true, and, of a
    finding that only a look into the clip shows, where it did not look.
    """
    if coverage.doubted or not len(rows):
        return np.zeros(len(rows), dtype=bool)
    seen = found[found["looked_at"]]
    unread = seen[seen["kind"] == "unreadable"]
    alone = unread["clip_id"].notna()
    closed = {*unread["uid"][~alone], *seen["uid"][seen["doubted"]]}
    clips = set(zip(unread["uid"][alone], unread["clip_id"][alone], strict=True))
    sample = Sample(coverage.contents) if coverage.contents is not None else None
    inside = {uid: any(one.holds(uid) for one in coverage.ranges) for uid in set(rows["uid"])}
    columns = (rows[name].tolist() for name in ("uid", "clip_id", "kind", "key", "stranger"))
    return np.array(
        [
            (coverage.strangers if stranger else inside[uid])
            and uid not in closed
            and (uid, clip_id) not in clips
            and (not _of_contents(kind, clip_id) or _sampled(sample, key))
            for uid, clip_id, kind, key, stranger in zip(*columns, strict=True)
        ],
        dtype=bool,
    )


def _of_contents(kind: str, clip_id: object) -> bool:
    """Whether only a look into a clip gives such a finding; a clip that could not be looked into is one as well."""
    return kind in OF_CONTENTS or (kind == "unreadable" and isinstance(clip_id, str))


def _sampled(sample: Sample | None, key: object) -> bool:
    if sample is None:
        return False
    if not isinstance(key, str):
        return sample.percent >= 100
    return sample.takes(f"{key.removesuffix(_THUMBNAIL)}{_CLIP}" if key.endswith(_THUMBNAIL) else key)


def _order(uid: str) -> tuple[int, bytes]:
    return firestore_order(uid.encode(errors="replace").decode())
