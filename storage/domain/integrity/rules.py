"""The rules of the upload check about clip documents, objects, missing parents and public links.

Each rule about clip documents is a mask over the join, and the finding for each row of the mask. A clip gives one
finding: a clip without key is not also missing, an object of 0 bytes is not also of another size, and the thumbnail of
a missing clip gives no finding. The rules about objects tell which objects no document explains, which are caches, and
which uploads never ended.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from storage.domain.integrity.contents import about_size, contents
from storage.domain.integrity.findings import CacheCount, Finding, Kind, Severity
from storage.domain.integrity.inputs import UserFacts
from storage.domain.integrity.join import (
    ABSENT,
    NO_SIZE,
    PRESENT,
    UNKNOWN,
    Array,
    Clips,
    ListedObjects,
    flags,
    from64,
    rows,
    utc64,
)
from storage.domain.layout import CACHE_FOLDERS, CACHE_KINDS, Layout, Standing, owner_of, thumbnail_of
from storage.domain.layout import Kind as KeyKind
from storage.text import age, number

_SHOWN_DUPLICATES = 5
THERE = {
    PRESENT: "An object is there.",
    ABSENT: "No object is there.",
    UNKNOWN: "Whether an object is there could not be looked at.",
}
FOREIGN: dict[Standing, str] = {
    "others": "a key of another customer",
    "desk": "a key of the desk itself",
    "outside": "a key outside the layout",
}
DISCLOSED = "Another customer's object is there: the product may show it to this one."


# Source of the expiries: the table "Objects in R2" of the product's domain description. Transcripts have none; neither
# have segments without silence and the source videos of older workers, which no rule of the bucket covers.
CACHE_EXPIRY: dict[KeyKind, timedelta] = {
    "source": timedelta(hours=24),
    "raw_segment": timedelta(days=7),
    "neural_cache": timedelta(days=7),
}
LIFECYCLE_GRACE = timedelta(hours=24)  # the bucket's rules remove objects "usually within 24 hours" of the expiry
_ENDED = "the normal end of a shared clip, whose settings the product leaves when it deletes the clip."
UPLOAD_LIMIT = timedelta(days=1)


def in_flight(clips: Clips, now: datetime, stale_after: timedelta) -> Array:
    """A mask of the clips that a worker may still write: young and in progress, or being replaced now.

    A clip is being replaced where the video is processing and the object differs in size and is itself young: the
    worker uploads the object before it writes the document.
    """
    young_object = clips.object.modified > utc64(now - stale_after)
    replaced = clips.video_processing & clips.claims & young_object & differs(clips)
    return (clips.in_progress & clips.young) | replaced


class ClipRules:
    """The rules over one join. `settled` marks the clips that are not in flight."""

    def __init__(self, facts: UserFacts, clips: Clips, settled: Array, layout: Layout, now: datetime) -> None:
        self.facts = facts
        self.clips = clips
        self.settled = settled
        self.layout = layout
        self.now = now
        self.claimed = settled & clips.claims & clips.object.own
        self.there = self.claimed & (clips.object.presence == PRESENT)

    def findings(self, by_name: Mapping[tuple[str, str], str]) -> Iterator[Finding]:
        """Every finding about clip documents. `by_name`: objects that documents without key explain by file name."""
        yield from self.stale()
        yield from self.without_key(by_name)
        yield from self.foreign()
        yield from self.missing()
        yield from self.empty()
        yield from self.sizes()
        yield from self.thumbnails()
        yield from contents(self.facts, self.clips, self.there)
        yield from self.duplicates()

    def stale(self) -> Iterator[Finding]:
        """Clips in progress past the limit: their worker is gone."""
        for i in rows(self.settled & self.clips.in_progress):
            touched = from64(self.clips.touched[i])
            detail = f"last touched {touched:%Y-%m-%d %H:%M} UTC" if touched else "no usable time in the document"
            actual = f"processing for {age(self.now - touched)}" if touched else "processing"
            detail = f"The document still says processing; {detail}."
            yield self._finding(i, "stale_clip", "warning", expected="completed", actual=actual, detail=detail)

    def without_key(self, by_name: Mapping[tuple[str, str], str]) -> Iterator[Finding]:
        """Completed clips that name no object."""
        keyless = flags(not key for key in self.clips.object.key)
        for i in rows(self.settled & self.clips.completed & keyless):
            found = by_name.get((self.clips.video_id[i], self.clips.filename[i]))
            hint = "An object with its file name is there." if found else "No object with its file name is there."
            detail = f"The document says completed, but names no object, so it cannot be delivered. {hint}"
            yield self._finding(i, "clip_without_key", "error", expected=found or "a key", actual=None, detail=detail)

    def foreign(self) -> Iterator[Finding]:
        """Clips with a key that is not this user's.

        Where the keys of clip and thumbnail are both wrong, one finding stands, unless only the thumbnail's discloses.
        """
        clip, thumbnail = self.clips.object, self.clips.thumbnail
        named = flags(bool(key) for key in clip.key)
        for i in rows(self.settled & named & ~clip.own):
            yield self._foreign(i, clip.key[i], clip.presence[i], "clip")
        pictured = flags(bool(key) for key in thumbnail.key)
        alone = clip.own | ~named | ((thumbnail.presence == PRESENT) & (clip.presence != PRESENT))
        for i in rows(self.settled & pictured & ~thumbnail.own & alone):
            yield self._foreign(i, thumbnail.key[i], thumbnail.presence[i], "thumbnail")

    def missing(self) -> Iterator[Finding]:
        """Clips whose document claims an object that is proven absent."""
        for i in rows(self.claimed & (self.clips.object.presence == ABSENT)):
            completed = self.clips.completed[i]
            says = "completed" if completed else f"{self.clips.status[i] or 'no status'}, and names an object"
            detail = f"The document says {says}; there is no object at its key."
            severity: Severity = "error" if completed else "warning"
            expected = _whole(self.clips.size[i])
            yield self._finding(i, "missing_object", severity, expected=expected, actual=None, detail=detail)

    def empty(self) -> Iterator[Finding]:
        """Clips with an object of 0 bytes."""
        for i in rows(self.there & (self.clips.object.size == 0)):
            detail = "The object is there and has 0 bytes."
            expected = _whole(self.clips.size[i])
            yield self._finding(i, "empty_object", "error", expected=expected, actual=0, detail=detail)

    def sizes(self) -> Iterator[Finding]:
        """Clips whose object has another size than their document says."""
        for i in rows(self.there & (self.clips.object.size != 0) & differs(self.clips)):
            expected, actual = _whole(self.clips.size[i]), _whole(self.clips.object.size[i])
            detail = f"The object differs from its document by {(actual or 0) - (expected or 0):+,} bytes."
            right, words = about_size(self.facts, self.clips.object.key[i], expected or 0)
            detail += words
            found = self._finding(i, "size_mismatch", "error", expected=expected, actual=actual, detail=detail)
            yield replace(found, right=right)

    def thumbnails(self) -> Iterator[Finding]:
        """Thumbnails are best effort: absence is never an error, and no finding where no document promises one."""
        thumbnail, wanted = self.clips.thumbnail, "a thumbnail"
        there = self.there & thumbnail.own
        for i in rows(there & (thumbnail.presence == ABSENT) & self.clips.promises_thumbnail):
            detail, key = "There is no object at the thumbnail's key.", thumbnail.key[i]
            yield self._finding(i, "missing_thumbnail", "warning", key, expected=wanted, actual=None, detail=detail)
        for i in rows(there & (thumbnail.size == 0)):
            detail, key = "The thumbnail is there and has 0 bytes.", thumbnail.key[i]
            yield self._finding(i, "empty_object", "warning", key, expected=wanted, actual=0, detail=detail)

    @property
    def without_thumbnail(self) -> int:
        """The number of existing clips without a thumbnail that no document promises: normal, so no finding."""
        pictured = self.clips.promises_thumbnail | (self.clips.thumbnail.presence != ABSENT)
        return int((self.there & ~pictured).sum())

    def duplicates(self) -> Iterator[Finding]:
        """One finding for each key that two or more documents name as their clip or as a thumbnail of their own."""
        owners: dict[str, set[tuple[str, str]]] = defaultdict(set)
        clips = self.clips
        documents = zip(clips.video_id, clips.clip_id, clips.object.key, clips.named_thumbnail, strict=True)
        for video_id, clip_id, key, picture in documents:
            if key:
                owners[key].add((video_id, clip_id))
            if picture:
                owners[picture].add((video_id, clip_id))
        for key, who in owners.items():
            if len(who) > 1:
                yield _duplicate(self.facts, key, sorted(who))

    def _foreign(self, i: int, key: str, presence: int, what: str) -> Finding:
        standing = self.layout.standing(key, self.facts.uid)
        there = standing == "others" and presence == PRESENT
        disclosed = there and self.clips.status[i] != "failed"
        expected = "a key of this customer"
        severity: Severity = "error"
        detail = f"The document's {what} key is not this customer's. {DISCLOSED if disclosed else THERE[int(presence)]}"
        if there and not disclosed:
            severity = "warning"
            detail += " The clip's status is failed, so the product does not deliver it."
        actual = FOREIGN.get(standing, "")
        if standing == "cache":
            kind = self.layout.parse(key).kind.replace("_", " ")
            actual = f"a key of the cache{'' if kind == 'unrecognised' else f' ({kind})'}, which expires"
            detail = (
                f"The document's {what} key is this customer's, in a folder whose files expire. {THERE[int(presence)]}"
            )
            if presence == PRESENT:
                severity = "warning"  # the customer has it for now
        found = self._finding(i, "foreign_key", severity, key, expected=expected, actual=actual, detail=detail)
        if not disclosed:
            return found
        place = self.clips.object if what == "clip" else self.clips.thumbnail
        times = [moment for column in (place.modified, self.clips.touched) if (moment := from64(column[i]))]
        return disclosed_by(found, self.facts, self.layout, self.now, times)

    def _finding(self, i: int, kind: Kind, severity: Severity, key: str | None = None, **values: Any) -> Finding:
        return Finding(
            kind,
            severity,
            self.facts.uid,
            video_id=self.clips.video_id[i],
            clip_id=self.clips.clip_id[i],
            key=key or self.clips.object.key[i] or None,
            seen_at=self.facts.read_at,
            **values,
        )


def disclosed_by(found: Finding, facts: UserFacts, layout: Layout, now: datetime, times: Sequence[datetime]) -> Finding:
    """The finding as a disclosure, with the object's owner, the latest possible beginning and the public links.

    The words name neither customer: a person who may see the owner reads `owner`.
    """
    since = max(times, default=None)
    live = [
        link.path
        for link in facts.links or ()
        if (link.video_id, link.clip_id) == (found.video_id, found.clip_id) and link.works(now)
    ]
    words = [found.detail]
    if since is not None:
        words.append(f"It has been so since {since:%Y-%m-%d %H:%M} UTC at the latest.")
    if facts.links is None:
        words.append("Whether public links lead to it was not looked at.")
    elif found.clip_id:
        words.append(
            f"Public links that lead to it now: {', '.join(live)}." if live else "No public link leads to it now."
        )
    return replace(
        found,
        detail=" ".join(words),
        disclosure=True,
        owner=owner_of(found.key or "", layout),
        since=since,
        links=tuple(live),
    )


def _duplicate(facts: UserFacts, key: str, who: list[tuple[str, str]]) -> Finding:
    shown = ", ".join(f"{video}/{clip}" for video, clip in who[:_SHOWN_DUPLICATES])
    more = f" and {len(who) - _SHOWN_DUPLICATES} more" if len(who) > _SHOWN_DUPLICATES else ""
    return Finding(
        "duplicate_key",
        "error",
        facts.uid,
        video_id=who[0][0],
        clip_id=who[0][1],
        key=key,
        expected="one document",
        actual=f"{len(who)} documents",
        detail=f"Named by {shown}{more}. Deleting one of them would break the others.",
        seen_at=facts.read_at,
    )


def differs(clips: Clips) -> Array:
    """A mask of the clips whose two sizes are known and differ. A size that the document lacks is not compared."""
    known = (clips.size != NO_SIZE) & (clips.object.size != NO_SIZE)
    result: Array = known & (clips.size != clips.object.size)
    return result


def _whole(size: np.int64) -> int | None:
    return None if size == NO_SIZE else int(size)


@dataclass(frozen=True, slots=True)
class Thing:
    """One object that no clip document names."""

    key: str
    video_id: str
    size_bytes: int
    modified: datetime | None
    kind: KeyKind = "unrecognised"


@dataclass(slots=True)
class Sorted:
    """The objects that no document names as clip or thumbnail, by their kind."""

    in_clip_folders: list[Thing] = field(default_factory=list)
    caches: list[Thing] = field(default_factory=list)
    highlights: list[Thing] = field(default_factory=list)
    unrecognised: int = 0

    def add(self, key: str, size: int, modified: datetime | None, prefixes: tuple[str, ...], layout: Layout) -> None:
        """Adds one object by its key; `prefixes` are the customer's own."""
        prefix = next((prefix for prefix in prefixes if key.startswith(prefix)), None)
        parts = key[len(prefix) :].split("/") if prefix else []
        if len(parts) >= 3 and parts[1] == "clips" and parts[-1]:
            self.in_clip_folders.append(Thing(key, parts[0], size, modified))
            return
        parsed = layout.parse(key)
        thing = Thing(key, parsed.video_id, size, modified, parsed.kind)
        if parsed.kind in CACHE_KINDS:
            self.caches.append(thing)
        elif parsed.kind == "highlights":
            self.highlights.append(thing)
        else:
            self.unrecognised += 1


def sort_objects(facts: UserFacts, clips: Clips, objects: ListedObjects, layout: Layout) -> Sorted:
    """Sorts the objects that no clip document names. Accepts every key."""
    result = Sorted()
    explained = set(clips.object.key) | set(clips.thumbnail.key)
    explained.update(thumbnail_of(key) for key in clips.object.key if key)
    prefixes = layout.own_prefixes(facts.uid)
    for key, position in objects.at.items():
        if key not in explained:
            result.add(key, int(objects.size[position]), from64(objects.modified[position]), prefixes, layout)
    return result


def orphans(
    facts: UserFacts, clips: Clips, things: Sorted, explained: Collection[str], now: datetime, stale_after: timedelta
) -> tuple[list[Finding], list[Thing]]:
    """Findings about objects under the user's clips that no document names, and the objects in flight.

    Without all documents there is no orphan. A young object is in flight whatever its video's status is: the worker
    stores the object before the document, also of a video that is completed or has no document yet. So is an object
    that is newer than the reading of the documents. `explained` are the keys that legacy documents without key explain
    by their file name.
    """
    if not (facts.clips.complete and facts.videos.complete):
        return [], []
    findings, flying = [], list[Thing]()
    since = min(facts.clips.read_at, now - stale_after)
    for thing in things.in_clip_folders:
        if thing.key in explained:
            continue
        if _newer(thing, since):
            flying.append(thing)
            continue
        findings.append(_orphan(facts, thing, "No document names this object."))
    known = set(facts.videos.frame["video_id"]) | set(clips.video_id)
    for thing in things.highlights:
        if thing.video_id in known:
            continue
        if _newer(thing, min(facts.videos.read_at, since)):
            flying.append(thing)
        else:
            findings.append(_orphan(facts, thing, "There is no document of this video, nor any clip of it."))
    return findings, flying


def matched_by_name(clips: Clips, things: Sorted) -> dict[tuple[str, str], str]:
    """The keys of the objects that legacy documents without key explain, by video id and file name."""
    names = _file_names(clips)
    pairs = (((thing.video_id, thing.key.rpartition("/")[2]), thing.key) for thing in things.in_clip_folders)
    return {name: key for name, key in pairs if name in names}


def caches(facts: UserFacts, things: Sorted, now: datetime) -> tuple[CacheCount, ...]:
    """Objects and bytes of each kind of cache, judged by its own expiry; kinds without any object are left out."""
    videos = facts.videos.frame
    expiries = dict(zip(videos["video_id"], videos["source_video_expires_at"], strict=True))
    return cache_counts(things, expiries, now, complete=all(listing.table.complete for listing in facts.listings))


def cache_counts(
    things: Sorted, source_expiries: Mapping[str, datetime], now: datetime, *, complete: bool
) -> tuple[CacheCount, ...]:
    """As `caches`, with the stated expiries of source videos by video id."""
    counts: dict[str, CacheCount] = {}
    for thing in things.caches:
        expires = expires_at(thing, source_expiries)
        counts[thing.kind] = counts.get(thing.kind, CacheCount(thing.kind)) + CacheCount(
            thing.kind,
            objects=1,
            size_bytes=thing.size_bytes,
            expired=int(expires is not None and expires <= now),
            overdue=int(expires is not None and expires + LIFECYCLE_GRACE <= now),
            complete=complete,
        )
    return tuple(counts[kind] for kind in sorted(counts))


def uploads(facts: UserFacts, layout: Layout, now: datetime) -> tuple[list[Finding], int]:
    """Findings about multipart uploads older than a day, and the number of younger ones (in flight).

    An upload whose age the store hides gives a note: nothing proves that it is old.
    """
    findings, flying = [], 0
    for upload in facts.uploads:
        started = upload.initiated_at
        if started is not None and started > now - UPLOAD_LIMIT:
            flying += 1
            continue
        since = f"started {started:%Y-%m-%d %H:%M} UTC" if started else "started at an unknown time"
        findings.append(
            Finding(
                "unfinished_upload",
                "warning" if started else "info",
                facts.uid,
                video_id=facts.video_id or layout.parse(upload.key).video_id or None,
                key=upload.key,
                expected="completed or aborted",
                actual=since,
                detail="Its parts are stored and paid for, and no listing of objects shows them.",
                seen_at=facts.read_at,
            )
        )
    return findings, flying


def _newer(thing: Thing, moment: datetime) -> bool:
    return thing.modified is not None and thing.modified > moment


def _orphan(facts: UserFacts, thing: Thing, detail: str) -> Finding:
    return Finding(
        "orphan_object",
        "warning",
        facts.uid,
        video_id=thing.video_id or None,
        key=thing.key,
        expected="a document",
        actual=thing.size_bytes,
        detail=detail,
        seen_at=facts.read_at,
    )


def _file_names(clips: Clips) -> frozenset[tuple[str, str]]:
    """(video id, file name) of each legacy document without key, and of the thumbnail beside that file."""
    rows = zip(clips.video_id, clips.filename, clips.object.key, strict=True)
    named = [(video_id, name) for video_id, name, key in rows if name and not key]
    return frozenset(named) | frozenset((video_id, thumbnail_of(name)) for video_id, name in named)


def expires_at(thing: Thing, source_expiries: Mapping[str, datetime]) -> datetime | None:
    if thing.kind == "source" and not thing.key.startswith(CACHE_FOLDERS):
        return None
    stated = source_expiries.get(thing.video_id) if thing.kind == "source" else None
    if stated is not None and not pd.isna(stated):
        return stated
    expiry = CACHE_EXPIRY.get(thing.kind)
    return thing.modified + expiry if expiry and thing.modified else None


def phantoms(facts: UserFacts, clips: Clips) -> Iterator[Finding]:
    """Findings about absent parents of existing documents. An incomplete reading gives none."""
    videos = facts.videos.frame
    if facts.user_exists is False and len(videos) + len(clips):
        yield _phantom(facts, None, None, f"Below it: {number(len(videos), 'video')}, {number(len(clips), 'clip')}.")
    exists = dict(zip(videos["video_id"], existing(videos["exists"]), strict=True))
    numbers = Counter(clips.video_id)
    frame = facts.clips.frame
    left = [
        (video_id, clip_id)
        for video_id, clip_id, there in zip(frame["video_id"], frame["clip_id"], frame["exists"].tolist(), strict=True)
        if there is False
    ]
    shared = {video_id for video_id, _ in left}
    gone = {video_id for video_id, there in exists.items() if not there}
    if facts.videos.complete:
        gone |= set(frame["video_id"]) - set(exists)
    for video_id in sorted(gone):
        if not numbers[video_id] and video_id in shared:
            yield _phantom(facts, video_id, None, f"Only what is left of shared clips lies below it: {_ENDED}", "info")
        else:
            yield _phantom(facts, video_id, None, f"Below it: {number(numbers[video_id], 'clip document')}.")
    for video_id, clip_id in left:
        yield _phantom(facts, video_id, clip_id, f"Share settings lie below it: {_ENDED}", "info")


def dangling(facts: UserFacts, clips: Clips, now: datetime) -> Iterator[Finding]:
    """Notes on public links to absent clips, only where all clips were read, and after the link was made.

    The product leaves such links when it deletes clips. They deserve a note, because a link leads to any clip with its
    id.
    """
    if not facts.links or not facts.clips.complete:
        return
    there = set(zip(clips.video_id, clips.clip_id, strict=True))
    for link in facts.links:
        young = link.created_at is not None and link.created_at > facts.clips.read_at
        if (link.video_id, link.clip_id) in there or young:
            continue
        state = "is live" if link.works(now) else link.state(now)
        detail = (
            f"The public link {link.path} {state}. Its clip does not exist, so it leads nowhere: the product leaves "
            "such links behind when it deletes clips."
        )
        if link.works(now):
            detail += " A new rendering of the same scene and style would be public through it at once."
        yield Finding(
            "dangling_share",
            "info",
            facts.uid,
            video_id=link.video_id,
            clip_id=link.clip_id,
            key=link.path,
            expected="a clip",
            actual=None,
            detail=detail,
            seen_at=facts.read_at,
        )


def existing(column: pd.Series) -> list[bool]:
    return [value is True for value in column.tolist()]


def _phantom(
    facts: UserFacts, video_id: str | None, clip_id: str | None, detail: str, severity: Severity = "warning"
) -> Finding:
    return Finding(
        "phantom_parent",
        severity,
        facts.uid,
        video_id=video_id,
        clip_id=clip_id,
        expected="a document",
        actual=None,
        detail=f"The document does not exist. {detail}",
        seen_at=facts.read_at,
    )
