"""Recognises customers with whom nothing can be wrong, from plain rows, at a hundredth of the rules' cost.

A scan of all customers meets mostly such customers. This module finds nothing and judges nothing: it says of a customer
that each document and each object is as it should be, with the numbers that the report then has, or it says nothing at
all (`None`), and the rules judge. A rule that is added to the others needs a line here only where it finds fault with a
customer who passes; `tests/contract/test_range_scan.py` holds both ways against each other in random worlds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from storage.domain.deployment import Deployment
from storage.domain.highlights import HighlightsState, together, unknown
from storage.domain.integrity.controls import ClaimCounts
from storage.domain.integrity.findings import Checked, InFlight, LookedInto, Report, key_prefixes
from storage.domain.integrity.highlights import PROMISING
from storage.domain.integrity.rules import Sorted, cache_counts
from storage.domain.layout import Layout, thumbnail_of
from storage.domain.shares import ShareLink
from storage.text import whole_minutes


class VideoRow(NamedTuple):
    """The facts of an existing video's document that matter here."""

    video_id: str
    status: str | None
    created_at: object
    highlights_key: str | None
    source_expires_at: datetime | None


class ClipRow(NamedTuple):
    """The facts of an existing clip's document that matter here."""

    video_id: str
    clip_id: str
    status: str | None
    key: str | None
    thumbnail: str | None
    has_thumbnail: bool | None
    size: int | None


class ObjectRow(NamedTuple):
    """One listed object."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Sound:
    """A customer whose documents and objects agree, the highlights apart."""

    uid: str
    videos: Sequence[VideoRow]
    clips: int
    sizes: Mapping[str, int]  # of all objects, by key
    found: int
    without_thumbnail: int
    things: Sorted

    def report(
        self,
        stored: Mapping[str, HighlightsState],
        documents: Mapping[str, HighlightsState],
        *,
        deployment: Deployment,
        now: datetime,
        read_at: datetime,
        stale_after: timedelta,
        links: tuple[ShareLink, ...] | None,
        looked_into: LookedInto | None,
    ) -> Report | None:
        """The report, where every video has the highlights that it promises, and good ones; both by video id."""
        served = deployment.highlights_source
        for video in self.videos:
            file = stored.get(video.video_id) or unknown("object", "")
            document = documents.get(video.video_id) or unknown("document", "")
            shown = together(file, document, served)
            if not shown.usable or shown.odd_times:
                return None
        expiries = {one.video_id: one.source_expires_at for one in self.videos if one.source_expires_at is not None}
        return Report(
            uid=self.uid,
            video_id=None,
            checked=Checked(1, len(self.videos), self.clips, len(self.sizes)),
            findings=(),
            complete=True,
            suspicion=None,
            caches=cache_counts(self.things, expiries, now, complete=True),
            in_flight=InFlight(minutes=whole_minutes(stale_after)),
            read_at=read_at,
            claimed=self.clips,
            without_thumbnail=self.without_thumbnail,
            unrecognised=self.things.unrecognised,
            claims=ClaimCounts(self.clips, 0, self.found),
            links=links,
            deployment=deployment,
            looked_into=looked_into,
        )


def sound(
    uid: str, videos: Sequence[VideoRow], clips: Sequence[ClipRow], objects: Sequence[ObjectRow], layout: Layout
) -> Sound | None:
    """The customer, where nothing can be found but in the highlights; `None` where the rules must judge.

    The caller has seen that the customer's document exists, that no document lies below an absent one, that everything
    was read and listed, and that there are neither public links nor unfinished uploads. `objects` are all that lie
    under the customer's prefixes.
    """
    prefixes = layout.own_prefixes(uid)
    if not all(_promising(video, prefixes) for video in videos):
        return None
    known, sizes = {video.video_id for video in videos}, {one.key: one.size for one in objects}
    explained, named, pictures = set[str](), set[str](), set[str]()
    without_thumbnail = 0
    for clip in clips:
        key = clip.key
        if not key or clip.video_id not in known or _plain(clip.status) != "completed" or not key.startswith(prefixes):
            return None
        if not clip.size or sizes.get(key) != clip.size:
            return None
        beside = thumbnail_of(key)
        picture = clip.thumbnail or beside
        if not picture.startswith(prefixes) or key in named or (clip.thumbnail and clip.thumbnail in named):
            return None
        named.add(key)
        if clip.thumbnail:
            named.add(clip.thumbnail)
        size = sizes.get(picture)
        if size == 0 or (size is None and (clip.thumbnail or clip.has_thumbnail)):
            return None
        if size is None:
            without_thumbnail += 1
        else:
            pictures.add(picture)
        explained |= {key, picture, beside}
    things = Sorted()
    for one in objects:
        if one.key not in explained:
            things.add(one.key, one.size, one.modified, prefixes, layout)
    if things.in_clip_folders or any(thing.video_id not in known for thing in things.highlights):
        return None
    keys = [key for key in (*(clip.key for clip in clips), *(video.highlights_key for video in videos)) if key]
    at_home = any(key.startswith(prefixes[0]) for key in keys)
    if not at_home and key_prefixes(layout, ((uid, key) for key in keys)).doubt:
        return None
    return Sound(uid, videos, len(clips), sizes, len(clips) + len(pictures), without_thumbnail, things)


def _promising(video: VideoRow, prefixes: tuple[str, ...]) -> bool:
    own = not video.highlights_key or video.highlights_key.startswith(prefixes)
    return own and _plain(video.status) in PROMISING and video.created_at is not None


def _plain(status: str | None) -> str:
    return (status or "").strip().lower()
