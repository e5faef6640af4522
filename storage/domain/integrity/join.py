"""Joins the documents of a user's clips with the objects in the bucket, exactly on the key and column by column.

Keys are compared code point by code point. Presence has three answers: `PRESENT`; `ABSENT`, which only a complete
listing or a 404 proves; `UNKNOWN`. Columns are NumPy arrays, because masks over them cost the same for a user with one
clip as for a user with twenty thousand. Times in them are UTC, and "no time" compares as false with everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from storage.domain.integrity.inputs import UserFacts
from storage.domain.layout import OPS_PREFIX, Layout, cache_prefixes, thumbnail_of
from storage.domain.processing import being_processed

CLOCK_TOLERANCE = timedelta(minutes=5)  # a time further in the future than this does not tell an age

UNKNOWN, ABSENT, PRESENT = 0, 1, 2
NO_SIZE = -(2**63)  # marks a missing size in a column of sizes; nothing can have this size

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class ListedObjects:
    """Every listed or requested object, once; `at` gives the position of a key in the columns."""

    at: dict[str, int]
    size: Array
    modified: Array

    @property
    def keys(self) -> Iterable[str]:
        """The keys, in the order of the columns."""
        return self.at.keys()

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """For each clip, one key that its document implies and the object there. An empty key is `UNKNOWN`.

    `own` and `cached` are `Layout.standing` of the key, as masks.
    """

    key: Sequence[str]
    own: Array
    cached: Array
    presence: Array
    size: Array
    modified: Array


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """A row for each existing clip document.

    `claims`: the document says that its object is there. `young`: a worker may still write it. `seconds`: the length
    in the document, NaN without one; `shortened`: silence was cut out of the clip, so it plays shorter.
    `promises_thumbnail`: the document names a thumbnail, or says that there is one.
    """

    video_id: Sequence[str]
    clip_id: Sequence[str]
    status: Sequence[str]
    filename: Sequence[str]
    in_progress: Array
    completed: Array
    claims: Array
    young: Array
    touched: Array
    named_thumbnail: Sequence[str]
    video_processing: Array
    size: Array
    seconds: Array
    shortened: Array
    promises_thumbnail: Array
    object: Place
    thumbnail: Place

    def __len__(self) -> int:
        return len(self.clip_id)


def join(facts: UserFacts, now: datetime, stale_after: timedelta, layout: Layout) -> tuple[Clips, ListedObjects]:
    """Joins documents and objects. Takes well under a second for 20,000 clips with thumbnails."""
    objects = _objects(facts)
    frame = facts.clips.frame
    frame = frame[frame["exists"].to_numpy(dtype=bool, na_value=True)]  # a phantom says nothing about an object
    keys, named = texts(frame["r2_key"]), texts(frame["thumbnail_r2_key"])
    thumbnails = [name or (thumbnail_of(key) if key else "") for name, key in zip(named, keys, strict=True)]
    status = statuses(frame["status"])
    completed, in_progress = _equal(status, "completed"), _equal(status, "processing")
    # An absent or unknown status claims an object when it names one; `failed` and `processing` claim none.
    other = ~in_progress & ~_equal(status, "failed") & flags(bool(key) for key in keys)
    touched = _touched(frame, now)
    processing = {v for v, s in zip(facts.videos.frame["video_id"], _video_statuses(facts), strict=True) if s}
    has = frame["has_thumbnail"].to_numpy(dtype="float64", na_value=np.nan)
    promises = flags(bool(name) for name in named) | (has == 1)
    clips = Clips(
        video_id=frame["video_id"].tolist(),
        clip_id=frame["clip_id"].tolist(),
        status=status,
        filename=texts(frame["filename"]),
        in_progress=in_progress,
        completed=completed,
        claims=completed | other,
        young=touched > utc64(now - stale_after),
        touched=touched,
        named_thumbnail=named,
        video_processing=flags(video_id in processing for video_id in frame["video_id"]),
        size=sizes(frame["file_size_bytes"]),
        seconds=frame["duration_seconds"].to_numpy(dtype="float64", na_value=np.nan),
        shortened=flags("/silence_removed/" in raw for raw in texts(frame["raw_r2_key"])),
        promises_thumbnail=promises,
        object=_place(keys, objects, facts, layout),
        thumbnail=_place(thumbnails, objects, facts, layout),
    )
    return clips, objects


def texts(column: pd.Series) -> list[str]:
    """The column as plain texts; a missing value is empty."""
    return [value if isinstance(value, str) else "" for value in column.tolist()]


def statuses(column: pd.Series) -> list[str]:
    """Statuses for comparisons: lower case, without blanks around them; a missing value is empty."""
    return [text.strip().lower() for text in texts(column)]


def flags(values: Iterable[bool]) -> Array:
    """A mask from plain truth values."""
    return np.fromiter(values, dtype=bool)


def rows(mask: Array) -> list[int]:
    """The positions at which a mask is true."""
    return [int(i) for i in np.flatnonzero(mask)]


def sizes(column: pd.Series) -> Array:
    """The column as whole bytes, `NO_SIZE` for a missing value; floats would round above 2^53."""
    result: Array = column.to_numpy(dtype="int64", na_value=NO_SIZE)
    return result


def times(column: pd.Series) -> Array:
    """The column as times in UTC, NaT for a missing value."""
    result: Array = column.to_numpy(dtype="datetime64[us]")
    return result


def utc64(moment: datetime) -> np.datetime64:
    """An aware time in the form of the columns."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def from64(moment: np.datetime64) -> datetime | None:
    """A time of the columns as an aware time; `None` for NaT."""
    return None if np.isnat(moment) else moment.astype("datetime64[us]").item().replace(tzinfo=UTC)


def _video_statuses(facts: UserFacts) -> list[bool]:
    return [being_processed(status) for status in statuses(facts.videos.frame["status"])]


def _equal(values: list[str], wanted: str) -> Array:
    return flags(value == wanted for value in values)


def _touched(frame: pd.DataFrame, now: datetime) -> Array:
    """The time when the worker last touched each document: its own times first, Firestore's only without these.

    Times in the future are left out: a clock that jumped does not tell an age.
    """
    limit = utc64(now + CLOCK_TOLERANCE)
    touched = np.full(len(frame), np.datetime64("NaT", "us"))
    for name in ("update_time", "created_at", "updated_at"):  # the last usable one wins
        column = times(frame[name])
        touched = np.where(column <= limit, column, touched)
    return touched


def _objects(facts: UserFacts) -> ListedObjects:
    """Every known object, by key, without the desk's own; nothing counts twice."""
    at: dict[str, int] = {}
    found: list[Array] = []
    modified: list[Array] = []
    start = 0
    for listing in facts.listings:
        frame = listing.table.frame
        for position, key in enumerate(frame["key"].tolist(), start):
            if not key.startswith(OPS_PREFIX):
                at.setdefault(key, position)
        found.append(sizes(frame["size_bytes"]))
        modified.append(times(frame["last_modified"]))
        start += len(frame)
    asked = [head.info for _, head in sorted(facts.heads.items()) if head.info]
    for position, info in enumerate(asked, start):
        at.setdefault(info.key, position)
    found.append(np.array([info.size_bytes for info in asked], dtype="int64"))
    modified.append(np.array([utc64(info.last_modified) for info in asked], dtype="datetime64[us]"))
    return ListedObjects(at, np.concatenate(found), np.concatenate(modified))


def _place(keys: list[str], objects: ListedObjects, facts: UserFacts, layout: Layout) -> Place:
    complete = tuple(listing.prefix for listing in facts.listings if listing.table.complete)
    answered = {key for key, head in facts.heads.items() if not head.failure}
    prefixes = layout.own_prefixes(facts.uid)
    at = np.fromiter((objects.at.get(key, -1) for key in keys), dtype=np.int64, count=len(keys))
    found = at >= 0
    proven = flags(bool(key) and (key.startswith(complete) or key in answered) for key in keys)
    # One more row at the end stands for "nothing there"; position -1 takes it.
    size = np.append(objects.size, NO_SIZE)[at]
    modified = np.append(objects.modified, np.datetime64("NaT", "us"))[at]
    presence = np.where(found, PRESENT, np.where(proven, ABSENT, UNKNOWN))
    own, cached = (flags(key.startswith(places) for key in keys) for places in (prefixes, cache_prefixes(facts.uid)))
    return Place(keys, own, cached & ~own, presence, size, modified)
