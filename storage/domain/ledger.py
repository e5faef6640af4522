"""The three sides of a customer's storage: what the counter says, what the documents add up to, what the bucket holds.

The bucket's side is the size of the objects that clip documents name: each object once, thumbnails left out. Why it
is not the sum of the documents is told clip by clip, so that the causes add up to the difference to the byte. What
else of the customer lies in the bucket stands beside it and is part of no sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from storage.domain.amounts import exact_sum
from storage.domain.documents import Table
from storage.domain.integrity import UserFacts
from storage.domain.integrity.join import ABSENT, NO_SIZE, PRESENT, UNKNOWN, Array, Clips, join
from storage.domain.integrity.rules import Sorted, in_flight, matched_by_name, orphans, sort_objects
from storage.domain.layout import MAX_KEY_BYTES, Layout, parse_stem
from storage.errors import StorageError
from storage.text import number, size_words, whole_minutes

Cause = Literal["wrong_size", "missing", "in_flight", "duplicate_key"]
Beside = Literal["orphan", "in_flight", "quarantine", "cache", "deleted_share"]
CAUSES: tuple[Cause, ...] = ("wrong_size", "missing", "in_flight", "duplicate_key")
_WORDS: Mapping[str, str] = {
    "wrong_size": "wrong size in the document",
    "missing": "no object in the bucket",
    "duplicate_key": "object of another clip too",
    "orphan": "objects that no document names",
    "quarantine": "kept by purges for their undo",
    "cache": "caches, which expire",
    "deleted_share": "left of deleted shared clips",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """What one cause adds to the bucket's side (mostly a negative number), and at how many clips."""

    cause: Cause
    bytes: int
    clips: int


@dataclass(frozen=True, slots=True)
class Apart:
    """What lies beside the clips, of one kind. `bytes` and `objects` are `None` where that was not read to the end.

    `clips` are the deleted clips of which a share is left; 0 for the other kinds.
    """

    cause: Beside
    bytes: int | None
    objects: int | None
    clips: int = 0


@dataclass(frozen=True, slots=True)
class WrongSize:
    """A clip document whose size is not the object's. `before` is `None` where the document has no usable size.

    `mendable` is false, with the reason in `why`, where the object is no measure of the clip.
    """

    video_id: str
    clip_id: str
    key: str
    before: int | None
    after: int
    why: str = ""

    @property
    def path_in_user(self) -> str:
        return f"videos/{self.video_id}/clips/{self.clip_id}"

    @property
    def mendable(self) -> bool:
        return not self.why


@dataclass(frozen=True, slots=True)
class Ledger:
    """The documents' side, the bucket's side, and why they differ.

    `stored_bytes` and `differences` are `None` where the presence of a named object is not known; `notes` says why.
    """

    actual_bytes: int
    stored_bytes: int | None
    differences: tuple[Difference, ...] | None
    beside: tuple[Apart, ...]
    wrong_sizes: tuple[WrongSize, ...]
    notes: tuple[str, ...]
    stale_after: timedelta
    error: StorageError | None = None  # what kept the bucket from being listed to its end

    @property
    def mendable(self) -> tuple[WrongSize, ...]:
        return tuple(one for one in self.wrong_sizes if one.mendable)


def balance(
    facts: UserFacts, now: datetime, stale_after: timedelta, layout: Layout, kept: Sequence[Table] | None = ()
) -> Ledger:
    """The ledger of a user at `now` (aware).

    `kept` are the listings of what purges of this user keep for their undo; `None` where those could not be found.
    """
    clips, objects = join(facts, now, stale_after, layout)
    flying = in_flight(clips, now, stale_after)
    presence = _presence(clips, facts.uid, layout)
    sizes = [None if size == NO_SIZE else int(size) for size in clips.size]
    unseen = tuple(_unseen(facts, presence, layout))
    differences, stored = None, None
    if not unseen:
        counted = _counted_once(clips, presence, sizes, flying)
        differences = tuple(_differences(clips, presence, sizes, flying, counted))
        stored = sum(int(clips.object.size[i]) for i in counted)
    things = sort_objects(facts, clips, objects, layout)
    return Ledger(
        actual_bytes=sum(size or 0 for size in sizes),
        stored_bytes=stored,
        differences=differences,
        beside=tuple(_beside(facts, clips, things, kept, now, stale_after)),
        wrong_sizes=tuple(_wrong_sizes(clips, presence, sizes, flying)),
        notes=unseen or tuple(_doubts(clips, presence)),
        stale_after=stale_after,
        error=next((listing.table.error for listing in facts.listings if listing.table.error is not None), None),
    )


def cause_words(cause: Cause | Beside, ledger: Ledger) -> str:
    """A cause, or a kind of what lies beside, for a reader; with the limit by which something counts as in flight."""
    return (
        f"in flight (within {number(whole_minutes(ledger.stale_after), 'minute')})"
        if cause == "in_flight"
        else _WORDS[cause]
    )


def unread(clips: Table, stale_after: timedelta, error: StorageError) -> Ledger:
    """The ledger where nothing at all was seen of the bucket."""
    frame = clips.frame[clips.frame["exists"].to_numpy(dtype=bool, na_value=True)]
    kinds: tuple[Beside, ...] = ("orphan", "in_flight", "quarantine", "cache", "deleted_share")
    beside = tuple(Apart(kind, None, None) for kind in kinds)
    notes = (f"How much of this customer is stored is not known. {error.message}",)
    return Ledger(exact_sum(frame["file_size_bytes"]), None, None, beside, (), notes, stale_after, error)


def _presence(clips: Clips, uid: str, layout: Layout) -> Array:
    """Whether each named object is there. No key, or one that cannot be a customer's object, names nothing."""
    nothing = [
        not key or layout.standing(key, uid) == "desk" or len(key.encode(errors="replace")) > MAX_KEY_BYTES
        for key in clips.object.key
    ]
    result: Array = np.where(np.array(nothing, dtype=bool), ABSENT, clips.object.presence)
    return result


def _counted_once(clips: Clips, presence: Array, sizes: Sequence[int | None], flying: Array) -> frozenset[int]:
    """For each object that is there, the one clip under which it is counted.

    Of several, one that is not in flight and says the object's size is preferred, then the first by its ids.
    """
    by_key: dict[str, list[int]] = defaultdict(list)
    for i in np.flatnonzero(presence == PRESENT).tolist():
        by_key[clips.object.key[i]].append(i)

    def rank(i: int) -> tuple[bool, bool, str, str]:
        differs = sizes[i] != int(clips.object.size[i])
        return bool(flying[i]), differs, clips.video_id[i], clips.clip_id[i]

    return frozenset(min(group, key=rank) for group in by_key.values())


def _differences(
    clips: Clips, presence: Array, sizes: Sequence[int | None], flying: Array, counted: frozenset[int]
) -> Iterator[Difference]:
    """Each clip has one cause: what it adds to the bucket's side beyond what its document says."""
    total, numbers = dict.fromkeys(CAUSES, 0), dict.fromkeys(CAUSES, 0)
    for i, size in enumerate(sizes):
        added = (int(clips.object.size[i]) if i in counted else 0) - (size or 0)
        cause: Cause = "missing"
        if flying[i]:
            cause = "in_flight"
        elif presence[i] == PRESENT:
            cause = "wrong_size" if i in counted else "duplicate_key"
        promised = clips.claims[i] and i not in counted and not flying[i]
        if added or promised:
            total[cause] += added
            numbers[cause] += 1
    for cause in CAUSES:
        if numbers[cause]:
            yield Difference(cause, total[cause], numbers[cause])


def _wrong_sizes(clips: Clips, presence: Array, sizes: Sequence[int | None], flying: Array) -> Iterator[WrongSize]:
    for i in np.flatnonzero((presence == PRESENT) & ~flying).tolist():
        there = int(clips.object.size[i])
        if sizes[i] == there:
            continue
        why = ""
        if not clips.object.own[i]:
            why = "the document names a key outside this customer's own place"
        elif there == 0:
            why = "the object is empty, so the clip is broken, and its size says nothing"
        yield WrongSize(clips.video_id[i], clips.clip_id[i], clips.object.key[i], sizes[i], there, why)


def _beside(
    facts: UserFacts,
    clips: Clips,
    things: Sorted,
    kept: Sequence[Table] | None,
    now: datetime,
    stale_after: timedelta,
) -> Iterator[Apart]:
    """What else is there; a kind of which nothing is there is left out, one that was not read to the end is unknown."""
    listed = all(listing.table.complete for listing in facts.listings)
    by_name = matched_by_name(clips, things)
    found, young = orphans(facts, clips, things, by_name.values(), now, stale_after)
    gone = _deleted_clips(facts)
    rows: dict[Beside, list[int]] = {"orphan": [], "deleted_share": []}
    for finding in found:
        of_deleted = _clip_of(finding.key or "", finding.video_id or "") in gone
        rows["deleted_share" if of_deleted else "orphan"].append(int(finding.actual or 0))
    whole = listed and facts.clips.complete and facts.videos.complete
    yield from _apart("orphan", rows["orphan"], known=whole)
    yield from _apart("in_flight", [thing.size_bytes for thing in young], known=whole)
    held = [size for table in kept or () for size in table.frame["size_bytes"]]
    yield from _apart("quarantine", held, known=kept is not None and all(table.complete for table in kept))
    yield from _apart("cache", [thing.size_bytes for thing in things.caches], known=listed)
    yield from _apart("deleted_share", rows["deleted_share"], known=listed and facts.clips.complete, clips=len(gone))


def _apart(cause: Beside, sizes: Sequence[int], *, known: bool, clips: int = 0) -> Iterator[Apart]:
    if not known:
        yield Apart(cause, None, None, clips)
    elif sizes or clips:
        yield Apart(cause, exact_sum(sizes), len(sizes), clips)


def _deleted_clips(facts: UserFacts) -> frozenset[tuple[str, str]]:
    """The clips that are deleted and of which a share's settings are left, by video and clip id."""
    frame = facts.clips.frame
    there = frame["exists"].to_numpy(dtype=bool, na_value=True)
    left = frame[~there]
    return frozenset(zip(left["video_id"], left["clip_id"], strict=True))


def _clip_of(key: str, video_id: str) -> tuple[str, str]:
    """The ids of the clip whose object or thumbnail the worker puts at this key."""
    name = parse_stem(key.rpartition("/")[2].rpartition(".")[0])
    return video_id, f"{video_id}_{name.scene_id}_{name.style}" if name else ""


def _unseen(facts: UserFacts, presence: Array, layout: Layout) -> Iterator[str]:
    """Why the bucket's side is not known; nothing where it is."""
    homes = layout.own_prefixes(facts.uid)
    broken = [listing for listing in facts.listings if listing.prefix in homes and not listing.table.complete]
    unknown = int((presence == UNKNOWN).sum())
    if not (broken or unknown or not facts.clips.complete):
        return
    failures = [listing.table.error.message for listing in broken if listing.table.error is not None]
    failures += [head.failure.message for head in facts.heads.values() if head.failure is not None]
    if facts.clips.error is not None:
        failures.insert(0, facts.clips.error.message)
    what = "How much of this customer is stored is not known"
    if unknown:
        what += f": whether the object is there was not seen for {number(unknown, 'clip')}"
    yield f"{what}. {failures[0] if failures else 'Reading stopped before the end.'}"


def _doubts(clips: Clips, presence: Array) -> Iterator[str]:
    named = sum(1 for i, key in enumerate(clips.object.key) if key and clips.claims[i])
    if named and not (presence == PRESENT).any():
        yield (
            f"Of {number(named, 'clip')} not one object is there. Check bucket and key prefix with verify before you "
            "believe that."
        )


@dataclass(frozen=True, slots=True)
class Crossing:
    """The clip with which the clips that are there today reached the limit, in the order of their creation.

    `undated` clips have no creation time and are counted before all others.
    """

    at: datetime
    video_id: str
    clip_id: str
    bytes_before: int
    bytes_after: int
    undated: int

    def sentence(self, plan_name: str, limit: int) -> str:
        """The crossing for a reader. Deleted clips and earlier plans are on record nowhere, and the words say so."""
        undated = f" {number(self.undated, 'clip')} without a creation time count as older." if self.undated else ""
        return (
            f"Of the clips that are there today, {self.clip_id} reached the limit of {size_words(limit)} (plan "
            f"{plan_name}, as it is today) on {self.at:%Y-%m-%d %H:%M} UTC: from {size_words(self.bytes_before)} to "
            f"{size_words(self.bytes_after)}. The plan of that time is not recorded.{undated}"
        )


def crossing(clips: pd.DataFrame, limit: int) -> Crossing | None:
    """When the documents' sizes, added up by `created_at`, reached the limit for the last time.

    `None` where they are below it today, where the limit is 0, or where only clips without a time are enough for it.
    """
    there = clips[clips["exists"].to_numpy(dtype=bool, na_value=False)]
    dated = there["created_at"].notna()
    ordered = there[dated].sort_values(["created_at", "video_id", "clip_id"], kind="stable")
    total = exact_sum(there.loc[~dated, "file_size_bytes"])
    found = None
    columns = ["created_at", "video_id", "clip_id", "file_size_bytes"]
    for at, video_id, clip_id, size in ordered[columns].itertuples(index=False):
        before, total = total, total + (0 if pd.isna(size) else int(size))
        if before < limit <= total:
            found = Crossing(at.to_pydatetime(), video_id, clip_id, before, total, int((~dated).sum()))
    return found if limit > 0 and total >= limit else None


def over_by_mistake(used: int | None, limit: int, truth: int | None, stored: int | None = None) -> str:
    """That the counter has reached the limit while another side lies below it; empty where that is not so.

    `truth` is the sum over the clip documents, `stored` the bucket's side; `None` where one is not known.
    """
    if used is None or limit <= 0 or used < limit:
        return ""
    sides = {"clip documents add up to": truth, "objects in the bucket have": stored}
    below = [f"the {words} {size_words(size)}" for words, size in sides.items() if size is not None and size < limit]
    if not below:
        return ""
    return (
        f"This customer is over the limit by a wrong number: the counter says {size_words(used)} of "
        f"{size_words(limit)}, but {' and '.join(below)}."
    )


def only_sizes_mend(limit: int, truth: int | None) -> bool:
    """Whether adding up the documents leaves such a customer over the limit, so that their sizes must be mended."""
    return truth is None or truth >= limit
