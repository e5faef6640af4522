"""Looks for objects that no document names and for caches past their time, and at everything around one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from storage.domain.documents import MultipartUpload
from storage.domain.integrity import MediaObject
from storage.domain.integrity.join import join
from storage.domain.integrity.rules import LIFECYCLE_GRACE, expires_at, sort_objects
from storage.domain.layout import place_of, thumbnail_of
from storage.domain.orphans import Around, ClipDocument, OrphanAction, OrphanFacts, OrphanRow, judge
from storage.domain.purge.scope import Scope
from storage.domain.shares import links_of
from storage.errors import Refused
from storage.repositories.stores import Stores
from storage.services.media import KeptLooks, look_into
from storage.services.verify import ReadScope, checker, each, gather, incomplete, judged

_SCOPE: Final = ReadScope(contents=False, links=False)
_TEXTS: Final = ("path", "clip_id", "scene_title", "filename", "r2_key", "thumbnail_r2_key")


def candidates(stores: Stores, scope: Scope, action: OrphanAction, now: datetime, *, caches: bool) -> tuple[str, ...]:
    """The keys that `verify` finds named by no document, or the caches past their time; sorted.

    For an adoption only those of clips: a thumbnail comes with its clip.
    Raises the error of a store where the check was not complete, and `Refused` where it cannot be true of the
    customer's data: then nothing is an orphan.
    """
    check = checker(stores, lambda: now)
    facts, report = judged(check, gather(check, scope.uid, scope.video_id, _SCOPE))
    if report.suspicion is not None:
        raise Refused(
            f"The result of the upload check cannot be true: {report.suspicion.reason}",
            reasons=(report.suspicion.reason,),
            remedy="Settle that first: verify says how.",
        )
    words = "It is not known which files no document names, as the upload check could not read everything"
    unread = incomplete(report.complete, next(iter(report.failures), None), words)
    if unread is not None:
        raise unread
    if not caches:
        keys = sorted(one.key for one in report.findings if one.kind == "orphan_object" and one.key)
        return tuple(key for key in keys if action == "remove" or key.endswith(".mp4"))
    clips, objects = join(facts, now, check.stale_after, check.layout)
    videos = facts.videos.frame
    stated = dict(zip(videos["video_id"], videos["source_video_expires_at"], strict=True))
    past = (
        thing.key
        for thing in sort_objects(facts, clips, objects, check.layout).caches
        if (at := expires_at(thing, stated)) is not None and at + LIFECYCLE_GRACE <= now
    )
    return tuple(sorted(past))


@dataclass(frozen=True, slots=True)
class Looking:
    """Looks at objects of one customer at one moment. What lies around a video is read once for all of its objects."""

    stores: Stores
    scope: Scope
    action: OrphanAction
    now: datetime
    idle: timedelta
    looks: KeptLooks = field(default_factory=KeptLooks)

    def rows(self, keys: Sequence[str]) -> tuple[OrphanRow, ...]:
        """A row for each key, in their order. Raises what a store refuses: nothing is known then."""
        videos = sorted({self._video_of(key) for key in keys})
        around = dict(zip(videos, each(self._around, videos), strict=True))
        return tuple(each(lambda key: self._row(key, around[self._video_of(key)]), keys))

    def _video_of(self, key: str) -> str:
        """The video of a key in the scope, else empty: of others nothing is read."""
        layout, scope = self.stores.layout, self.scope
        return place_of(key, layout)[1] if layout.belongs_to(key, scope.uid, scope.video_id) else ""

    def _row(self, key: str, around: Around) -> OrphanRow:
        stores, scope = self.stores, self.scope
        facts = OrphanFacts(key, None, around)
        if stores.layout.belongs_to(key, scope.uid, scope.video_id):
            facts = self._facts(facts)
        return judge(facts, self.action, scope, stores.layout, self.now, self.idle)

    def _facts(self, facts: OrphanFacts) -> OrphanFacts:
        objects, records, key = self.stores.objects, self.stores.records, facts.key
        parsed, info = self.stores.layout.parse(key), objects.head(key)
        if info is None or parsed.kind not in {"clip", "thumbnail"}:
            return replace(facts, info=info)
        clip_key = key if parsed.kind == "clip" else f"{key.rpartition('.')[0]}.mp4"
        named = records.find_clips(r2_key=clip_key).unbroken()
        facts = replace(facts, info=info, named_by=tuple(sorted(named["path"].tolist())))
        if self.action != "adopt" or parsed.kind != "clip" or facts.named_by:
            return facts
        film = MediaObject(key, "clip", info.size_bytes, info.etag, info.last_modified)
        return replace(facts, look=look_into(objects, film, self.looks), thumbnail=objects.head(thumbnail_of(key)))

    def _around(self, video_id: str) -> Around:
        if not video_id:
            return Around(None)
        records, uid = self.stores.records, self.scope.uid
        video = records.video(uid, video_id)
        clips = records.clips(uid, video_id).unbroken()
        uploads = list[MultipartUpload]()
        for prefix in self.stores.layout.own_prefixes(uid):
            found = self.stores.objects.multipart_uploads(f"{prefix}{video_id}/")
            if found.error is not None:
                raise found.error
            uploads += found.uploads
        links = links_of(records.share_slugs(uid, video_id).unbroken()) if self.action == "adopt" else ()
        public = frozenset(link.clip_id for link in links if link.works(self.now))
        return Around(video, _clips(clips), tuple(uploads), public)


def _clips(frame: pd.DataFrame) -> tuple[ClipDocument, ...]:
    there = frame[frame["exists"].fillna(False).astype(bool)]
    texts = there[[*_TEXTS]].fillna("")
    scenes = [None if pd.isna(scene) else int(scene) for scene in there["scene_id"]]
    return tuple(
        ClipDocument(path, clip_id, scene, title, filename, r2_key, thumbnail)
        for (path, clip_id, title, filename, r2_key, thumbnail), scene in zip(
            texts.itertuples(index=False, name=None), scenes, strict=True
        )
    )
