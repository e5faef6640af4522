"""The rules about the contents of clips and thumbnails, and the choice of those to look into.

The worker renders a clip with a second of padding on both sides, so its length may differ from its document's by that
much and a rounding (source: the product's highlights, `pad_before` and `pad_after`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from storage.domain.integrity.findings import Finding, Kind, LookedInto, RightSize, Severity
from storage.domain.integrity.inputs import UserFacts
from storage.domain.integrity.join import PRESENT, Array, Clips, Place, from64, rows
from storage.domain.media import CONTENT_TYPES, MediaKind, MediaLook

PADDING_SECONDS = 2.5
SLACK_PERCENT = 10
TOO_LARGE = "too_large_to_look_into"
UNSOUND: frozenset[Kind] = frozenset(("not_media", "truncated_media"))
# What only a look into the object tells: to check such a finding again, the object is looked into again.
OF_CONTENTS: frozenset[Kind] = UNSOUND | {"duration_mismatch", "no_audio_track", "wrong_content_type"}


@dataclass(frozen=True, slots=True)
class MediaObject:
    """One object to look into, with the facts from a listing."""

    key: str
    kind: MediaKind
    size_bytes: int
    etag: str
    modified: datetime | None


@dataclass(frozen=True, slots=True)
class Sample:
    """The share of objects to look into, in percent: chosen by key, always the same ones, and at most so many clips."""

    percent: float = 100.0
    thumbnails: bool = True
    clips: int | None = None

    def takes(self, key: str) -> bool:
        """Whether the object belongs to the sample."""
        place = int.from_bytes(hashlib.sha256(key.encode(errors="replace")).digest()[:4], "big") / 2**32
        return place * 100 < self.percent


def to_look_into(facts: UserFacts, clips: Clips, settled: Array, sample: Sample) -> tuple[MediaObject, ...]:
    """The clips of the sample that exist and are claimed, in the order of the documents, each with its thumbnail."""
    theirs = clips.object.own | clips.object.cached
    there = settled & clips.claims & theirs & (clips.object.presence == PRESENT)
    chosen = [i for i in rows(there & (clips.object.size > 0)) if sample.takes(clips.object.key[i])][: sample.clips]
    found = {clips.object.key[i]: _object(clips.object, i, "clip") for i in chosen}
    picture = clips.thumbnail
    for i in chosen if sample.thumbnails else ():
        if picture.own[i] and picture.presence[i] == PRESENT and picture.size[i] > 0:
            found.setdefault(picture.key[i], _object(picture, i, "thumbnail"))
    etags = _etags(facts, found)
    return tuple(MediaObject(key, kind, size, etags.get(key, ""), at) for key, (kind, size, at) in found.items())


def _object(place: Place, i: int, kind: MediaKind) -> tuple[MediaKind, int, datetime | None]:
    return kind, int(place.size[i]), from64(place.modified[i])


def _etags(facts: UserFacts, wanted: dict[str, tuple[MediaKind, int, datetime | None]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for listing in facts.listings:
        frame = listing.table.frame
        pairs = zip(frame["key"].tolist(), frame["etag"].tolist(), strict=True)
        found |= {key: etag for key, etag in pairs if key in wanted and isinstance(etag, str)}
    return found | {key: head.info.etag for key, head in facts.heads.items() if head.info and key not in found}


def looked_into(facts: UserFacts) -> LookedInto | None:
    """The numbers of the looks; `None` where the check looked into nothing."""
    if facts.looks is None:
        return None
    seen = [look for look in facts.looks.values() if look.looked]
    clips = sum(look.kind == "clip" for look in seen)
    return LookedInto(clips, len(seen) - clips, facts.looked_at_bytes, len(facts.looks) - len(seen))


def contents(facts: UserFacts, clips: Clips, there: Array) -> Iterator[Finding]:
    """The findings about contents. An object without a look gives no finding."""
    looks = facts.looks or {}
    for i in rows(there) if looks else ():
        for key in (clips.object.key[i], clips.thumbnail.key[i]):
            look = looks.get(key)
            if look is not None:
                yield from _about(facts, clips, i, key, look)
                yield from _film(facts, clips, i, look)


def _about(facts: UserFacts, clips: Clips, i: int, key: str, look: MediaLook) -> Iterator[Finding]:
    if look.fault is not None:
        what = "a whole MP4" if look.kind == "clip" else "a whole JPEG"
        needs = look.needs_bytes if look.needs_bytes and look.needs_bytes > look.size_bytes else None
        actual = look.size_bytes if needs else "something else" if look.fault == "not_media" else "cut short"
        yield _finding(facts, clips, i, look.fault, "error", key, needs or what, actual, look.words)
    if look.wrong_type:
        wanted, told = CONTENT_TYPES[look.kind], look.content_type or ""
        detail = f"The store calls it {told[:100] or 'nothing'}; most players go by the content all the same."
        yield _finding(facts, clips, i, "wrong_content_type", "warning", key, wanted, told[:100], detail)


def _film(facts: UserFacts, clips: Clips, i: int, look: MediaLook) -> Iterator[Finding]:
    film, key = look.film, clips.object.key[i]
    if film is None or look.plays != "plays":
        return
    if film.sound is None:
        yield _finding(facts, clips, i, "no_audio_track", "info", key, "a sound", "none", "The clip has no sound.")
    told, seconds = float(clips.seconds[i]), film.seconds
    if not told > 0 or seconds is None or (clips.shortened[i] and seconds < told):
        return
    if abs(seconds - told) > max(PADDING_SECONDS, told * SLACK_PERCENT / 100):
        detail = f"The document says {told:.1f} s, the clip plays {seconds:.1f} s."
        yield _finding(
            facts, clips, i, "duration_mismatch", "warning", key, f"{told:.1f} s", f"{seconds:.1f} s", detail
        )


def about_size(facts: UserFacts, key: str, documented: int) -> tuple[RightSize | None, str]:
    """Which of two sizes is right, where the file itself tells, and a sentence on it that begins with a blank."""
    look = (facts.looks or {}).get(key)
    if look is None or not look.looked:
        return None, ""
    needs, size = look.needs_bytes, look.size_bytes
    if look.fault == "not_media":
        return None, " What is there is no clip, so its size tells nothing."
    if look.fault == "truncated_media":
        if needs is None or needs <= size:
            return None, " The object is cut short."
        right: RightSize = "document" if needs == documented else "neither"
        words = "as the document says" if right == "document" else "neither size is right"
        return right, f" The object is cut short: by its own index it should have {needs:,} bytes, {words}."
    if needs == documented and size > documented:
        return (
            "document",
            " The document is right: the clip ends there, and what follows in the object is something else.",
        )
    return "object", " The object is right: it is whole and plays. The document's size is wrong."


def _finding(
    facts: UserFacts,
    clips: Clips,
    i: int,
    kind: Kind,
    severity: Severity,
    key: str,
    expected: str | int,
    actual: str | int,
    detail: str,
) -> Finding:
    return Finding(
        kind,
        severity,
        facts.uid,
        video_id=clips.video_id[i],
        clip_id=clips.clip_id[i],
        key=key,
        expected=expected,
        actual=actual,
        detail=detail,
        seen_at=facts.read_at,
    )
