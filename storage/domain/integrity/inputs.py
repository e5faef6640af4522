"""The facts of an upload check: documents and listings as they were read, and how complete each reading is.

It also tells which keys need a request beside the listings, and where each video's highlights are. It makes no request.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from storage.domain.deployment import ASSUMED, Deployment
from storage.domain.documents import MultipartUpload, ObjectInfo, Table
from storage.domain.highlights import HighlightsState
from storage.domain.integrity.controls import Controls
from storage.domain.integrity.findings import Failure
from storage.domain.layout import MAX_KEY_BYTES, OPS_PREFIX, Layout, thumbnail_of
from storage.domain.media import MediaLook
from storage.domain.shares import ShareLink

LIST_FROM_KEYS = 13  # one listing costs as much as 12.5 HEAD requests, and answers for a thousand keys
MAX_FOREIGN_HEADS = 50  # only the report needs the keys that are not the user's, so their number is bounded


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """One prefix (ending with '/') with the bucket's listing. It proves absence only if `table.complete`."""

    prefix: str
    table: Table


@dataclass(frozen=True, slots=True)
class HeadAnswer:
    """The answer about one key outside the listed prefixes: the object, proven absent (both `None`), or a failure."""

    info: ObjectInfo | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, eq=False)
class UserFacts:
    """All facts about one user (or one video, when `video_id` is set). Documents are read before the bucket.

    That order matters: the worker uploads an object and then writes its document, so an object that a document names
    was there before the listing began, and an object that is newer than `read_at` needs no document yet.
    `user_exists` is `None` where the user's document was not or could not be read (`user_failure`). `highlights` and
    `highlights_documents` are by video id; where the product serves the file, a document is read only beside an
    unusable file, and where it serves the document, the file's content is not read.
    `links` are the public links that name the user, or the video; `None` where they were not read.
    `looks` are the looks into objects, by key (`None` where the caller asked for none), and `looked_at_bytes` the bytes
    read for them. `controls` are looked for only where the report wants them, and `known_customers` (other customers of
    the bucket, looked for in Firestore) where there are objects and no document.
    """

    uid: str
    user_exists: bool | None
    videos: Table
    clips: Table
    listings: tuple[Listing, ...]
    read_at: datetime
    video_id: str | None = None
    heads: Mapping[str, HeadAnswer] = field(default_factory=dict)
    highlights: Mapping[str, HighlightsState] = field(default_factory=dict)
    highlights_documents: Mapping[str, HighlightsState] = field(default_factory=dict)
    uploads: tuple[MultipartUpload, ...] = ()
    looks: Mapping[str, MediaLook] | None = None
    looked_at_bytes: int = 0
    user_failure: Failure | None = None
    uploads_failure: Failure | None = None
    links: tuple[ShareLink, ...] | None = None
    links_failure: Failure | None = None
    controls: Controls | None = None
    known_customers: Controls | None = None
    deployment: Deployment = ASSUMED


@dataclass(frozen=True, slots=True)
class Lookups:
    """The requests still to make: more prefixes to list, and single keys to HEAD. Sorted, without repetition."""

    prefixes: tuple[str, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HighlightsPlace:
    """The key of a video's `highlights.json`.

    `named`: the document names this key. `own` is false where the document names a key that is not the user's.
    """

    video_id: str
    key: str
    named: bool
    own: bool


def lookups(
    uid: str,
    videos: pd.DataFrame,
    clips: pd.DataFrame,
    listed: Sequence[str],
    layout: Layout,
    video_id: str | None = None,
) -> Lookups:
    """The keys that the documents name outside the listed prefixes. Many keys under one other prefix become a listing.

    `listed` are the prefixes that are listed anyway, each ending with '/'.
    """
    named = clips["r2_key"].fillna("")
    outside = named[(named != "") & ~named.str.startswith(tuple(listed))]
    keys = set(outside)
    keys.update(
        thumbnail_of(key)
        for key, has in zip(outside, clips["has_thumbnail"][outside.index], strict=True)
        if pd.isna(has) or has
    )
    for column in (clips["thumbnail_r2_key"], videos["highlights_json_key"]):
        keys.update(key for key in column.dropna() if key and not key.startswith(tuple(listed)))
    prefixes = layout.own_prefixes(uid)
    own = {key for key in keys if key.startswith(prefixes)}
    written = {*outside, *clips["thumbnail_r2_key"].dropna(), *videos["highlights_json_key"].dropna()} & keys
    foreign = sorted(
        key for key in written - own if not key.startswith(OPS_PREFIX) and len(key.encode()) <= MAX_KEY_BYTES
    )
    to_list = _worth_listing(own, prefixes, whole_video=video_id is not None)
    heads = {key for key in own if not key.startswith(to_list)} if to_list else own
    return Lookups(to_list, tuple(sorted(heads | set(foreign[:MAX_FOREIGN_HEADS]))))


def highlights_places(
    uid: str, videos: pd.DataFrame, known: Iterable[str], layout: Layout
) -> tuple[HighlightsPlace, ...]:
    """For each existing video, the key that its document names, else the layout's; `known` keys decide between layouts.

    For a video whose document names no key, the place is under the configured prefix, and under another known prefix
    only where the bucket is known to hold it there. The same holds for a document with a key that is not the user's.
    """
    keys = frozenset(known)
    existing = videos[videos["exists"].fillna(False).astype(bool)]
    rows = zip(existing["video_id"], existing["highlights_json_key"].fillna(""), strict=True)
    return tuple(highlights_place(uid, video_id, named, keys, layout) for video_id, named in rows)


def highlights_place(uid: str, video_id: str, named: str, known: Container[str], layout: Layout) -> HighlightsPlace:
    """As `highlights_places`, for one video; `named` is the key in its document, or empty."""
    own = not named or named.startswith(layout.own_prefixes(uid))
    if named and own:
        return HighlightsPlace(video_id, named, True, True)
    candidates = [Layout(prefix).highlights_key(uid, video_id) for prefix in layout.prefixes]
    key = next((candidate for candidate in candidates if candidate in known), candidates[0])
    return HighlightsPlace(video_id, key, False, own)


def _worth_listing(keys: Iterable[str], prefixes: tuple[str, ...], *, whole_video: bool) -> tuple[str, ...]:
    """The prefixes (of the user, or of one video in a video's check) with so many keys that a listing is cheaper."""
    counts: dict[str, int] = defaultdict(int)
    for key in keys:
        prefix = next(prefix for prefix in prefixes if key.startswith(prefix))
        if whole_video:
            folder, slash, _ = key[len(prefix) :].partition("/")
            prefix = key[: len(prefix) + len(folder) + len(slash)] if slash else prefix
        counts[prefix] += 1
    return tuple(sorted(prefix for prefix, count in counts.items() if count >= LIST_FROM_KEYS))
