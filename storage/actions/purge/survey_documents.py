"""The documents of a scope, with the keys that they name, the links, the states and the counters that follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from storage.actions.purge.counting import counted_totals
from storage.connect import Stores
from storage.domain.amounts import whole
from storage.domain.purge.counters import ClipSize, Totals, changes, sizes_of, wanted_counters
from storage.domain.purge.facts import LinkFact, NamedKey, VideoFact
from storage.domain.purge.order import SLUGS
from storage.domain.purge.places import document_roots, points_into
from storage.domain.purge.plan import CounterChange, PlannedDocument
from storage.domain.purge.scope import Scope
from storage.ids import is_stored_id
from storage.repositories.records_query import build
from storage.repositories.subtree import Found, Subtree

CLIP_KEYS = ("r2_key", "thumbnail_r2_key", "raw_r2_key")
VIDEO_KEYS = ("highlights_json_key", "source_video_r2_key")
MOST_CLIPS_BESIDE = 2_000  # more of the user's clips are not read just to see whether they name the same objects
_STATE = ("status", "updated_at", "processing_progress.updated_at")
_FIELDS = (*CLIP_KEYS, *VIDEO_KEYS, *_STATE, "file_size_bytes", "style", "slug")


@dataclass(slots=True)
class DocumentsFound:
    """What a look at the documents of a scope gathers."""

    documents: list[PlannedDocument] = field(default_factory=list)
    youngest: datetime | None = None
    named: list[NamedKey] = field(default_factory=list)
    named_elsewhere: list[NamedKey] | None = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)
    claimed_thumbnails: list[str] = field(default_factory=list)
    videos: list[VideoFact] = field(default_factory=list)
    busy_elsewhere: list[str] = field(default_factory=list)
    links: list[LinkFact] = field(default_factory=list)
    clips: list[ClipSize] = field(default_factory=list)
    user_totals: Totals = field(default_factory=lambda: Totals(0, 0))
    user_videos: int = 0
    counters: list[CounterChange] = field(default_factory=list)
    slugs_named: set[str] = field(default_factory=set)
    videos_seen: dict[str, VideoFact] = field(default_factory=dict)


def documents_of(stores: Stores, scope: Scope, now: datetime, progress: Callable[[str], None]) -> DocumentsFound:
    """Everything of the scope in Firestore, whatever the collections are called."""
    tree = Subtree(stores.handle)
    found = DocumentsFound()
    roots = [*document_roots(scope), *([f"storage_accounting/{scope.uid}"] if scope.kind == "user" else [])]
    for there in tree.at(roots).values():
        if there is not None:
            _take(found, there)
    for root in document_roots(scope):
        for number, document in enumerate(tree.below(root, _FIELDS), start=1):
            _take(found, document)
            if number % 1_000 == 0:
                progress(f"{number:,} documents found below {root}")
    _take_links(found, stores, tree, scope, now)
    _surroundings(found, stores, tree, scope)
    return found


def _take(found: DocumentsFound, document: Found) -> None:
    """Notes one document of the scope and what it says."""
    found.documents.append(PlannedDocument(document.path, document.update_time))
    found.youngest = max(found.youngest or document.create_time, document.create_time)
    parts = document.path.split("/")
    fields = document.fields
    if len(parts) == 4 and parts[2] == "videos":
        found.named += named_keys(document.path, fields, VIDEO_KEYS)
        found.videos_seen[parts[3]] = video_fact(parts[3], document)
    elif len(parts) == 6 and parts[4] == "clips":
        named = named_keys(document.path, fields, CLIP_KEYS)
        found.named += named
        found.clips.append(clip_size(fields))
        if completed(fields.get("status")):
            found.claimed += [item.key for item in named if item.field == "r2_key"]
            found.claimed_thumbnails += [item.key for item in named if item.field == "thumbnail_r2_key"]
    elif len(parts) == 8 and parts[6] == "shares" and isinstance(fields.get("slug"), str):
        found.slugs_named.add(fields["slug"])


def completed(status: object) -> bool:
    """Whether a clip's status says completed, read as the upload check reads it."""
    return isinstance(status, str) and status.strip().lower() == "completed"


def named_keys(path: str, fields: Mapping[str, Any], names: Sequence[str]) -> list[NamedKey]:
    """The keys that a document names: texts that are not empty."""
    return [NamedKey(fields[name], path, name) for name in names if isinstance(fields.get(name), str) and fields[name]]


def video_fact(video_id: str, document: Found | None) -> VideoFact:
    """The state of a video. One without status and times counts as touched when Firestore last saw it written."""
    if document is None:
        return VideoFact(video_id, exists=False, status=None, touched_at=None)
    fields = document.fields
    progress = fields.get("processing_progress")
    touches = [fields.get("updated_at"), progress.get("updated_at") if isinstance(progress, Mapping) else None]
    times = [touch for touch in touches if isinstance(touch, datetime)]
    status = fields.get("status")
    if not times and status is None:
        times = [document.update_time]
    return VideoFact(video_id, True, status if isinstance(status, str) else None, max(times) if times else None)


def clip_size(fields: Mapping[str, Any]) -> ClipSize:
    """What a clip's document adds to the counters."""
    style = fields.get("style")
    return ClipSize(whole(fields.get("file_size_bytes")), style if isinstance(style, str) else None)


def _take_links(found: DocumentsFound, stores: Stores, tree: Subtree, scope: Scope, now: datetime) -> None:
    """The share slugs that say that they are the scope's, and those that its share settings name."""
    clip_ids = {clip.clip_id for clip in scope.clips}
    slugs: dict[str, Found] = {}
    for video_id in scope.video_ids or (None,):
        table = stores.records.share_slugs(scope.uid, video_id).whole()
        paths = [
            path
            for path, clip_id in zip(table["path"], table["clip_id"], strict=True)
            if not clip_ids or clip_id in clip_ids
        ]
        slugs.update({path: link for path, link in tree.at(paths).items() if link is not None})
    named = [f"{SLUGS}{slug}" for slug in sorted(found.slugs_named) if is_stored_id(slug)]
    for path, link in tree.at([path for path in named if path not in slugs]).items():
        if link is not None and points_into(scope, link.fields):
            slugs[path] = link
    for path, link in sorted(slugs.items()):
        found.documents.append(PlannedDocument(path, link.update_time))
        expires = link.fields.get("expires_at")
        over = link.fields.get("disabled_at") is not None or (isinstance(expires, datetime) and expires <= now)
        found.links.append(LinkFact(path, live=not over))


def _surroundings(found: DocumentsFound, stores: Stores, tree: Subtree, scope: Scope) -> None:
    """What lies around the scope: its videos, the user's totals, the counters that stay, who else names its keys."""
    user = f"users/{scope.uid}"
    if scope.kind == "user":
        below = (
            document.path.split("/") for document in found.documents if document.path.startswith(f"{user}/videos/")
        )
        found.videos = [found.videos_seen.get(i) or video_fact(i, None) for i in sorted({parts[3] for parts in below})]
        return
    found.user_totals = counted_totals(stores, scope.uid)
    paths = [user, f"storage_accounting/{scope.uid}", *(f"{user}/videos/{video_id}" for video_id in scope.video_ids)]
    around = tree.at(paths)
    found.videos = [video_fact(i, around[f"{user}/videos/{i}"]) for i in scope.video_ids]
    found.busy_elsewhere = sorted(busy_videos(stores, scope.uid) - set(scope.video_ids))
    staying = _clips_beside(found, stores, scope) if scope.clips else {}
    if not scope.clips:
        _videos_beside(found, stores, scope)
    left = found.user_totals.less(found.clips)
    for path, counters in wanted_counters(scope.uid, left, staying).items():
        document = around[path]
        if document is not None:
            found.counters += changes(path, document.fields, counters)


def busy_videos(stores: Stores, uid: str) -> set[str]:
    """The user's videos whose status is `processing`."""
    query = build("videos", where=[("status", "==", "processing")], fields=())
    return stores.handle.run_query(
        query,
        lambda documents: {document.name.rpartition("/")[2] for document in documents},
        operation="Looking for videos being processed",
        parent=f"users/{uid}",
    )


def _clips_beside(found: DocumentsFound, stores: Stores, scope: Scope) -> dict[str, list[ClipSize]]:
    """The clips that stay, for each video that clips are taken from; notes the keys that they name."""
    going = set(document_roots(scope))
    staying: dict[str, list[ClipSize]] = {}
    found.named_elsewhere = []
    for video_id in scope.video_ids:
        frame = stores.records.clips(scope.uid, video_id).whole()
        frame = frame[~frame["path"].isin(going) & frame["exists"]]
        found.named_elsewhere += _keys_of(frame)
        staying[video_id] = sizes_of(frame)
    return staying


def _videos_beside(found: DocumentsFound, stores: Stores, scope: Scope) -> None:
    """Notes the keys that the clips of the user's other videos name, unless there are too many to read for that."""
    if found.user_totals.count - len(found.clips) > MOST_CLIPS_BESIDE:
        found.named_elsewhere = None
        return
    frame = stores.records.clips(scope.uid).whole()
    found.user_videos = int(frame["video_id"].nunique())
    found.named_elsewhere = list(_keys_of(frame[frame["video_id"] != scope.video_id]))


def _keys_of(frame: pd.DataFrame) -> Iterable[NamedKey]:
    for name in CLIP_KEYS:
        column = frame[["path", name]].dropna()
        for path, key in zip(column["path"], column[name], strict=True):
            if key:
                yield NamedKey(key, path, name)
