"""Looks at everything that belongs to a scope, in both stores. It changes nothing; a look that fails is an error.

The plan, the comparison before applying, and the proof at the end all use this look: the documents of the scope with
the keys that they name, the objects, the links, the states and the counters. Plan and comparison also ask whether a
missing object can be believed to be missing (`plans.surveyed`).

The look also notes what lies beside the scope, as evidence that nothing else was deleted: for clips the other objects
of their videos, for a video the user's next objects, for a user the next objects of the bucket, which a prefix that is
one character too short would have included.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from storage.actions.purge.counters import counted_totals
from storage.clients.threads import ContextThreads
from storage.domain.amounts import whole
from storage.domain.documents import RawDocument
from storage.domain.drafts import draft_of
from storage.domain.layout import OPS_PREFIX, Layout
from storage.domain.processing import silence_limit
from storage.domain.purge.counters import ClipSize, Totals, changes, sizes_of, wanted_counters
from storage.domain.purge.facts import DraftFact, Facts, LinkFact, NamedKey, ObjectFact, VideoFact
from storage.domain.purge.inventory import Inventory, judge
from storage.domain.purge.plan import SLUGS, CounterChange, PlannedDocument, PlannedObject, PlannedUpload, PurgePlan
from storage.domain.purge.scope import (
    PurgeLimits,
    Scope,
    all_prefixes,
    dangers,
    document_roots,
    home_prefixes,
    in_scope,
    points_into,
)
from storage.errors import Refused, Unusable
from storage.ids import is_stored_id
from storage.repositories.objects import Objects, list_known
from storage.repositories.queries import FoundDocument, Subtree, build
from storage.repositories.stores import Stores

CLIP_KEYS = ("r2_key", "thumbnail_r2_key", "raw_r2_key")
VIDEO_KEYS = ("highlights_json_key", "source_video_r2_key")
MOST_CLIPS_BESIDE = 2_000  # beyond this the user's other clips are not read to see whether they name the same objects
_STATE = ("status", "updated_at", "processing_progress.updated_at")
SLUG_FIELDS = ("share_slug", "slug")  # the product's name of the field, and that of older documents
_FIELDS = (*CLIP_KEYS, *VIDEO_KEYS, *_STATE, "file_size_bytes", "style", *SLUG_FIELDS)


Progress = Callable[[str], None]
MOST = 1_000  # of each prefix: one page of a listing
_LAST = "\U0010ffff"
HEADS = 12  # one listing is billed as 12.5 HEADs; up to so many objects under a prefix get a request each
THREADS = 8
SPARE_PAGES = 2
PAGE_KEYS = 1_000


@dataclass(slots=True)
class DocumentsFound:
    """The result of a look at the documents of a scope."""

    documents: list[PlannedDocument] = field(default_factory=list)
    youngest: datetime | None = None
    named: list[NamedKey] = field(default_factory=list)
    named_elsewhere: list[NamedKey] | None = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)
    claimed_thumbnails: list[str] = field(default_factory=list)
    videos: list[VideoFact] = field(default_factory=list)
    drafts: list[DraftFact] = field(default_factory=list)
    busy_elsewhere: list[str] = field(default_factory=list)
    links: list[LinkFact] = field(default_factory=list)
    clips: list[ClipSize] = field(default_factory=list)
    user_totals: Totals = field(default_factory=lambda: Totals(0, 0))
    user_videos: int = 0
    counters: list[CounterChange] = field(default_factory=list)
    slugs_named: dict[str, str] = field(default_factory=dict)  # the path of the clip whose share settings name it
    videos_seen: dict[str, VideoFact] = field(default_factory=dict)


def documents_of(stores: Stores, scope: Scope, now: datetime, progress: Callable[[str], None]) -> DocumentsFound:
    """Everything of the scope in Firestore, whatever the names of the collections."""
    tree = Subtree(stores.handle)
    found = DocumentsFound()
    patience = silence_limit(timedelta(minutes=stores.settings.stale_after_minutes), "analysis")
    roots = [*document_roots(scope), *([f"storage_accounting/{scope.uid}"] if scope.kind == "user" else [])]
    for there in tree.at(roots).values():
        if there is not None:
            _take(found, there, patience)
    for root in document_roots(scope):
        for number, document in enumerate(tree.below(root, _FIELDS), start=1):
            _take(found, document, patience)
            if number % 1_000 == 0:
                progress(f"{number:,} documents found below {root}")
    _take_links(found, stores, tree, scope, now)
    _surroundings(found, stores, tree, scope)
    return found


def _take(found: DocumentsFound, document: FoundDocument, patience: timedelta) -> None:
    """Notes one document of the scope and its content."""
    found.documents.append(PlannedDocument(document.path, document.update_time))
    found.youngest = max(found.youngest or document.create_time, document.create_time)
    parts = document.path.split("/")
    fields = document.fields
    if len(parts) == 4 and parts[2] == "videos":
        found.named += named_keys(document.path, fields, VIDEO_KEYS)
        found.videos_seen[parts[3]] = video_fact(parts[3], document)
    elif len(parts) == 4 and parts[2] == "analysis_drafts":
        draft = draft_of(RawDocument(document.path, fields, document.create_time, document.update_time))
        if draft.working:
            found.drafts.append(DraftFact(draft.draft_id, draft.updated_at or document.update_time, patience))
    elif len(parts) == 6 and parts[4] == "clips":
        named = named_keys(document.path, fields, CLIP_KEYS)
        served = not _is(fields.get("status"), "failed")
        found.named += [replace(item, served=served) for item in named]
        found.clips.append(clip_size(fields))
        if completed(fields.get("status")):
            found.claimed += [item.key for item in named if item.field == "r2_key"]
            found.claimed_thumbnails += [item.key for item in named if item.field == "thumbnail_r2_key"]
    elif len(parts) == 8 and parts[6] == "shares":
        slugs = {slug for name in SLUG_FIELDS if isinstance(slug := fields.get(name), str) and slug}
        found.slugs_named |= dict.fromkeys(slugs, "/".join(parts[:6]))


def completed(status: object) -> bool:
    """Whether a clip's status says completed, by the rule of the upload check."""
    return _is(status, "completed")


def _is(status: object, word: str) -> bool:
    return isinstance(status, str) and status.strip().lower() == word


def named_keys(path: str, fields: Mapping[str, Any], names: Sequence[str]) -> list[NamedKey]:
    """The keys that a document names: strings that are not empty."""
    return [NamedKey(fields[name], path, name) for name in names if isinstance(fields.get(name), str) and fields[name]]


def video_fact(video_id: str, document: FoundDocument | None) -> VideoFact:
    """The state of a video. Without status and times its last touch is Firestore's update time."""
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
    """A clip's share of the counters."""
    style = fields.get("style")
    return ClipSize(whole(fields.get("file_size_bytes")), style if isinstance(style, str) else None)


def _take_links(found: DocumentsFound, stores: Stores, tree: Subtree, scope: Scope, now: datetime) -> None:
    """Notes the share slugs whose documents name the scope, and those that the scope's share settings name."""
    clip_ids = {clip.clip_id for clip in scope.clips}
    slugs: dict[str, FoundDocument] = {}
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
    clips = {document.path for document in found.documents if document.path.count("/") == 5}
    for path, link in sorted(slugs.items()):
        found.documents.append(PlannedDocument(path, link.update_time))
        expires = link.fields.get("expires_at")
        over = link.fields.get("disabled_at") is not None or (isinstance(expires, datetime) and expires <= now)
        shown = found.slugs_named.get(path.removeprefix(SLUGS), "")  # where the link itself does not say
        if {"video_id", "clip_id"} <= link.fields.keys():
            shown = f"users/{scope.uid}/videos/{link.fields['video_id']}/clips/{link.fields['clip_id']}"
        found.links.append(LinkFact(path, live=not over and shown in clips))


def _surroundings(found: DocumentsFound, stores: Stores, tree: Subtree, scope: Scope) -> None:
    """What lies around the scope: its videos, the user's totals, the remaining counters, others that name its keys."""
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
    """The remaining clips, for each video that loses clips; notes the keys that they name."""
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
    """Notes the keys that the clips of the user's other videos name, unless there are too many clips to read."""
    if found.user_totals.count - len(found.clips) > MOST_CLIPS_BESIDE:
        found.named_elsewhere = None
        return
    frame = stores.records.clips(scope.uid).whole()
    found.user_videos = int(frame["video_id"].nunique())
    found.named_elsewhere = list(_keys_of(frame[frame["video_id"] != scope.video_id]))


def _keys_of(frame: pd.DataFrame) -> Iterable[NamedKey]:
    paths = frame["path"].tolist()
    for name in CLIP_KEYS:
        for path, key in zip(paths, frame[name].tolist(), strict=True):
            if isinstance(key, str) and key:
                yield NamedKey(key, path, name)


def silent(_: str) -> None:
    """Drops the message: the default where no caller shows the progress."""


def survey(stores: Stores, scope: Scope, limits: PurgeLimits, now: datetime, progress: Progress = silent) -> Inventory:
    """The scope as it is now, for the proof at the end; it does not judge claims that are missing.

    Raises `Refused` for a scope that is too risky to look at, and the errors of the backends.
    """
    refuse_dangers(scope, stores.layout, limits)
    return judge(look(stores, scope, now, progress), stores.layout, limits, now)


def refuse_dangers(scope: Scope, layout: Layout, limits: PurgeLimits) -> None:
    """Raises `Refused`, with every ground, when an id of the scope is a reserved word or too short."""
    grounds = dangers(scope, layout.prefixes, limits.shortest_id)
    if grounds:
        raise Refused(
            "This scope is not purged: " + "; ".join(grounds) + ".",
            reasons=grounds,
            remedy="Give the ids exactly as Firestore shows them.",
        )


def look(stores: Stores, scope: Scope, now: datetime, progress: Progress = silent) -> Facts:
    """The facts of a scope: documents first, since they name keys, then the objects."""
    found = documents_of(stores, scope, now, progress)
    prefixes = all_prefixes(scope, stores.layout)
    home = frozenset(home_prefixes(scope, stores.layout))
    listed: list[ObjectFact] = []
    uploads: list[PlannedUpload] = []
    keys = [one.key for one in found.named]
    for prefix in prefixes:
        listed += _objects(stores, prefix, keys, home=prefix in home, progress=progress)
        uploads += _uploads(stores, prefix)
    return _facts(scope, stores.layout, found, listed, uploads, prefixes)


def _facts(
    scope: Scope,
    layout: Layout,
    found: DocumentsFound,
    listed: list[ObjectFact],
    uploads: list[PlannedUpload],
    prefixes: tuple[str, ...],
) -> Facts:
    def looked_for(keys: Sequence[str]) -> tuple[str, ...]:
        """Without keys outside the scope's own prefixes: nobody listed their places, and such a plan is blocked."""
        return tuple(key for key in keys if layout.belongs_to(key, scope.uid) and in_scope(key, scope, layout))

    return Facts(
        scope=scope,
        documents=tuple(found.documents),
        youngest=found.youngest,
        named=tuple(found.named),
        named_elsewhere=None if found.named_elsewhere is None else tuple(found.named_elsewhere),
        claimed=looked_for(found.claimed),
        claimed_thumbnails=looked_for(found.claimed_thumbnails),
        videos=tuple(found.videos),
        drafts=tuple(found.drafts),
        busy_elsewhere=tuple(found.busy_elsewhere),
        links=tuple(found.links),
        clips=tuple(found.clips),
        user_totals=found.user_totals,
        user_videos=found.user_videos,
        counters=tuple(found.counters),
        listed=tuple(listed),
        uploads=tuple(uploads),
        prefixes=prefixes,
    )


def _objects(stores: Stores, prefix: str, keys: Sequence[str], *, home: bool, progress: Progress) -> list[ObjectFact]:
    """Every object under one prefix; a listing that does not end raises."""
    table = list_known(stores.objects, prefix, keys)
    frame = table.unbroken()
    if not table.complete:
        raise Unusable(
            f"The listing of {prefix!r} did not end.", remedy="Look again.", operation="list_objects_v2", target=prefix
        )
    if len(frame) >= 1_000:
        progress(f"{len(frame):,} objects listed under {prefix}")
    return _rows(frame, home=home)


def _rows(frame: pd.DataFrame, *, home: bool) -> list[ObjectFact]:
    columns = (frame[name].tolist() for name in ("key", "size_bytes", "etag", "last_modified"))
    return [
        ObjectFact(key, int(size), etag, modified.to_pydatetime(), home)
        for key, size, etag, modified in zip(*columns, strict=True)
    ]


def _uploads(stores: Stores, prefix: str) -> list[PlannedUpload]:
    found = stores.objects.multipart_uploads(prefix)
    if found.error is not None:
        raise found.error
    if not found.complete:
        raise Unusable(
            f"The listing of unfinished uploads under {prefix!r} did not end.",
            remedy="Look again.",
            operation="list_multipart_uploads",
            target=prefix,
        )
    return [PlannedUpload(upload.key, upload.upload_id) for upload in found.uploads]


def snapshot(stores: Stores, plan: PurgePlan) -> dict[str, str]:
    """ETags of the neighbours by key. They may change, since the product goes on; only a loss matters."""
    going = {item.key for item in plan.objects}
    found: dict[str, str] = {}
    for folder, behind in _places(stores, plan):
        for page in stores.objects.list_pages(folder, behind, limit=MOST):
            found.update(zip(page.frame["key"].tolist(), page.frame["etag"].tolist(), strict=True))
    return {
        key: etag
        for key, etag in found.items()
        if key not in going and not key.startswith(OPS_PREFIX) and not _part_of(plan, key, stores)
    }


def compare(stores: Stores, plan: PurgePlan, before: Mapping[str, str]) -> tuple[str, ...]:
    """The neighbours that are gone, one line each. A HEAD request checks each one that the listing lacks."""
    now = snapshot(stores, plan)
    lacking = [key for key in before if key not in now]
    return tuple(f"object gone meanwhile: {key}" for key in lacking if stores.objects.head(key) is None)


def _places(stores: Stores, plan: PurgePlan) -> list[tuple[str, str | None]]:
    """The folder to list and the key after which to begin, for each place beside the scope."""
    if plan.scope.clips:
        return [(prefix, None) for prefix in all_prefixes(plan.scope, stores.layout)]
    places: list[tuple[str, str | None]] = []
    for prefix in home_prefixes(plan.scope, stores.layout):
        parent = prefix[: prefix.rstrip("/").rfind("/") + 1]
        places.append((parent, prefix + _LAST))
    return places


def _part_of(plan: PurgePlan, key: str, stores: Stores) -> bool:
    """Whether a key belongs to the scope itself; for clips only planned keys do, and the caller leaves those out."""
    return not plan.scope.clips and in_scope(key, plan.scope, stores.layout)


@dataclass(frozen=True, slots=True)
class Presence:
    """The positions of objects that are gone or exist in another version. All others are as seen."""

    absent: tuple[int, ...]
    moved: tuple[int, ...]

    def as_seen(self, count: int) -> list[int]:
        """The positions of the objects that exist exactly as they were seen."""
        other = {*self.absent, *self.moved}
        return [position for position in range(count) if position not in other]


def look_at(objects: Objects, items: Sequence[PlannedObject], prefixes: Sequence[str]) -> Presence:
    """Looks at every item. The items are sorted by key, and each lies under one of the prefixes.

    Raises where the store does not answer: then nothing is known.
    """
    groups: defaultdict[str, list[PlannedObject]] = defaultdict(list)
    for item in items:
        groups[next((prefix for prefix in prefixes if item.key.startswith(prefix)), "")].append(item)
    there: dict[str, tuple[int, str]] = {}
    for prefix, inside in groups.items():
        if prefix and len(inside) > HEADS:
            there.update(_listed(objects, prefix, inside))
    there.update(_heads(objects, [item.key for item in items if item.key not in there]))
    return _compared(items, there)


def maybe_there(objects: Objects, keys: frozenset[str], prefixes: Sequence[str]) -> frozenset[str]:
    """The keys that may exist: all but those that complete listings of the prefixes prove to be absent.

    Few keys are all returned, since listings would cost more than a request for each. Every key lies under a prefix.
    """
    if len(keys) <= HEADS * len(prefixes):
        return keys
    listings = [list_known(objects, prefix, keys) for prefix in prefixes]
    there = {key for listing in listings for key in listing.unbroken()["key"]}
    return keys & there if all(listing.complete for listing in listings) else keys


def _listed(objects: Objects, prefix: str, inside: Sequence[PlannedObject]) -> dict[str, tuple[int, str]]:
    """The part of a prefix's listing that should hold these keys.

    Stores differ in their order, so a key that the listing lacks does not count as absent; it gets its own request.
    """
    first, last = inside[0].key, inside[-1].key
    start_after = first[:-1] if len(first) > len(prefix) + 1 else None  # just before the first
    found: dict[str, tuple[int, str]] = {}
    most = len(inside) // PAGE_KEYS + SPARE_PAGES
    for number, page in enumerate(objects.list_pages(prefix, start_after), start=1):
        keys = page.frame["key"].tolist()
        versions = zip(page.frame["size_bytes"].tolist(), page.frame["etag"].tolist(), strict=True)
        found.update(zip(keys, versions, strict=True))
        if not keys or keys[-1] >= last or number >= most:
            break
    return found


def _heads(objects: Objects, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
    if not keys:
        return {}
    with ContextThreads(max_workers=THREADS) as threads:
        heads = list(threads.map(objects.head, keys))
    return {info.key: (info.size_bytes, info.etag) for info in heads if info is not None}


def _compared(items: Sequence[PlannedObject], there: dict[str, tuple[int, str]]) -> Presence:
    absent, moved = [], []
    for position, item in enumerate(items):
        seen = there.get(item.key)
        if seen is None:
            absent.append(position)
        elif seen != (item.size_bytes, item.etag):
            moved.append(position)
    return Presence(tuple(absent), tuple(moved))
