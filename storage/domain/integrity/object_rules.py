"""The rules about objects: which of them no document explains, which are caches, and which uploads were never ended."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pandas as pd

from storage.domain.integrity.facts import UserFacts, own_prefixes
from storage.domain.integrity.findings import CacheCount, Finding
from storage.domain.integrity.join import Clips, Objects, from64, rows
from storage.domain.layout import CACHE_KINDS, Layout, thumbnail_of
from storage.domain.layout import Kind as KeyKind
from storage.domain.processing import being_processed

# Source of the expiries: the table "Objects in R2" of the product's domain description. Transcripts have none.
CACHE_EXPIRY: dict[KeyKind, timedelta] = {
    "source": timedelta(hours=24),
    "raw_segment": timedelta(days=7),
    "neural_cache": timedelta(days=7),
}
LIFECYCLE_GRACE = timedelta(hours=24)  # the bucket's rules remove "usually within 24 hours" of the expiry
UPLOAD_LIMIT = timedelta(days=1)


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
    """The objects that are not named as a clip or thumbnail, by what they are."""

    in_clip_folders: list[Thing] = field(default_factory=list)
    caches: list[Thing] = field(default_factory=list)
    highlights: list[Thing] = field(default_factory=list)
    unrecognised: int = 0


def sort_objects(facts: UserFacts, clips: Clips, objects: Objects, layout: Layout) -> Sorted:
    """Tells the objects that no clip document names apart. Accepts every key."""
    result = Sorted()
    explained = set(clips.object.key) | set(clips.thumbnail.key)
    explained.update(thumbnail_of(key) for key in clips.object.key if key)
    prefixes = own_prefixes(layout, facts.uid)
    for key, position in objects.at.items():
        if key in explained:
            continue
        size, modified = int(objects.size[position]), from64(objects.modified[position])
        prefix = next((prefix for prefix in prefixes if key.startswith(prefix)), None)
        parts = key[len(prefix) :].split("/") if prefix else []
        if len(parts) >= 3 and parts[1] == "clips" and parts[-1]:
            result.in_clip_folders.append(Thing(key, parts[0], size, modified))
            continue
        parsed = layout.parse(key)
        thing = Thing(key, parsed.video_id, size, modified, parsed.kind)
        if parsed.kind in CACHE_KINDS:
            result.caches.append(thing)
        elif parsed.kind == "highlights":
            result.highlights.append(thing)
        else:
            result.unrecognised += 1
    return result


def orphans(
    facts: UserFacts, clips: Clips, things: Sorted, explained: Collection[str], now: datetime, stale_after: timedelta
) -> tuple[list[Finding], int]:
    """Objects under the user's clips that no document names, and the number of those that are in flight instead.

    Nothing is an orphan while not all documents could be read. In flight: the video is processing (or a clip without
    a file name is) and the object is young; or the object is newer than the reading of the documents. `explained` are
    the keys that legacy documents without key explain by their file name.
    """
    if not (facts.clips.complete and facts.videos.complete):
        return [], 0
    writing = _being_written(facts, clips)
    findings, flying = [], 0
    for thing in things.in_clip_folders:
        if thing.key in explained:
            continue
        if _newer(thing, facts.clips.read_at) or (thing.video_id in writing and _newer(thing, now - stale_after)):
            flying += 1
            continue
        findings.append(_orphan(facts, thing, "No document names this object."))
    known = set(facts.videos.frame["video_id"]) | set(clips.video_id)
    for thing in things.highlights:
        if thing.video_id not in known and not _newer(thing, facts.videos.read_at):
            findings.append(_orphan(facts, thing, "There is no document of this video, nor any clip of it."))
    return findings, flying


def matched_by_name(clips: Clips, things: Sorted) -> dict[tuple[str, str], str]:
    """Keys of the objects that legacy documents without key explain by their file name, by video id and file name."""
    names = _file_names(clips)
    pairs = (((thing.video_id, thing.key.rpartition("/")[2]), thing.key) for thing in things.in_clip_folders)
    return {name: key for name, key in pairs if name in names}


def caches(facts: UserFacts, things: Sorted, now: datetime) -> tuple[CacheCount, ...]:
    """Objects and bytes of each kind of cache, judged by their own expiry; kinds without any object are left out."""
    videos = facts.videos.frame
    expiries = dict(zip(videos["video_id"], videos["source_video_expires_at"], strict=True))
    counts: dict[str, CacheCount] = {}
    for thing in things.caches:
        expires = _expires_at(thing, expiries)
        counts[thing.kind] = counts.get(thing.kind, CacheCount(thing.kind)) + CacheCount(
            thing.kind,
            objects=1,
            size_bytes=thing.size_bytes,
            expired=int(expires is not None and expires <= now),
            overdue=int(expires is not None and expires + LIFECYCLE_GRACE <= now),
            complete=all(listing.table.complete for listing in facts.listings),
        )
    return tuple(counts[kind] for kind in sorted(counts))


def uploads(facts: UserFacts, layout: Layout, now: datetime) -> tuple[list[Finding], int]:
    """Multipart uploads older than a day, and the number of younger ones (in flight).

    One whose age the store hides counts as a note: nothing proves that it is old.
    """
    findings, flying = [], 0
    for upload in facts.uploads:
        started = upload.initiated_at
        if started is not None and started > now - UPLOAD_LIMIT:
            flying += 1
            continue
        since = f"begun {started:%Y-%m-%d %H:%M} UTC" if started else "begun at an unknown time"
        findings.append(
            Finding(
                "unfinished_upload",
                "warning" if started else "info",
                facts.uid,
                video_id=facts.video_id or layout.parse(upload.key).video_id or None,
                key=upload.key,
                expected="completed or aborted",
                actual=since,
                detail="Its parts are stored and paid for, and show in no listing of objects.",
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


def _being_written(facts: UserFacts, clips: Clips) -> frozenset[str]:
    """Videos for which a worker may be writing clips that no document tells of yet.

    They are processing themselves, or have a young clip in progress whose document names no file: one that names its
    file explains that file, and no other.
    """
    videos = facts.videos.frame
    pairs = zip(videos["video_id"], videos["status"], strict=True)
    processing = (video_id for video_id, status in pairs if being_processed(status))
    young = rows(clips.in_progress & clips.young)
    nameless = (i for i in young if not clips.object.key[i] and not clips.filename[i])
    return frozenset(processing) | {clips.video_id[i] for i in nameless}


def _file_names(clips: Clips) -> frozenset[tuple[str, str]]:
    """Video and file name of each legacy document without key, and of the thumbnail beside that file."""
    rows = zip(clips.video_id, clips.filename, clips.object.key, strict=True)
    named = [(video_id, name) for video_id, name, key in rows if name and not key]
    return frozenset(named) | frozenset((video_id, thumbnail_of(name)) for video_id, name in named)


def _expires_at(thing: Thing, source_expiries: dict[str, datetime]) -> datetime | None:
    stated = source_expiries.get(thing.video_id) if thing.kind == "source" else None
    if stated is not None and not pd.isna(stated):
        return stated
    expiry = CACHE_EXPIRY.get(thing.kind)
    return thing.modified + expiry if expiry and thing.modified else None
