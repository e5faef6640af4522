"""Reads a video's highlights from both places that hold them, and judges each place. Only this module reads them.

A place is proven absent, could not be read, is not usable, or holds a list. An error of reading becomes data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from storage.domain import highlights
from storage.domain.deployment import Deployment
from storage.domain.documents import RawDocument, Video
from storage.domain.highlights import MAX_FILE_BYTES, HighlightsState, Source
from storage.domain.layout import Layout
from storage.errors import BadInput, NotFound, StorageError
from storage.ids import check_stored_id, in_words
from storage.repositories.objects import Objects
from storage.repositories.records import Records


@dataclass(frozen=True, slots=True)
class Highlights:
    """Both places of a video, and which of them the product serves."""

    video: Video
    object: HighlightsState
    document: HighlightsState
    deployment: Deployment

    @property
    def served(self) -> HighlightsState:
        """The highlights that customers get."""
        return highlights.together(self.object, self.document, self.deployment.highlights_source)

    @property
    def other(self) -> HighlightsState:
        """The place that customers do not get their highlights from."""
        return self.document if self.served.source == "object" else self.object

    @property
    def source(self) -> Source | None:
        """The place that gives customers their highlights, `None` where they get none."""
        return self.served.source if self.served.usable else None

    @property
    def entries(self) -> tuple[Mapping[str, Any], ...]:
        """The entries that customers get."""
        return self.served.entries if self.served.usable else ()

    @property
    def differences(self) -> tuple[str, ...]:
        """The differences of the other place, where both places have a list."""
        return highlights.differences(self.served, self.other)

    @property
    def errors(self) -> tuple[StorageError, ...]:
        """The errors of reading either place."""
        return tuple(state.fault for state in (self.object, self.document) if state.fault is not None)


def object_key(layout: Layout, video: Video) -> str:
    """The key of the object: the one that the video's document names, else the layout's."""
    named = video.highlights_json_key
    if named and layout.belongs_to(named, video.uid, video.video_id):
        return named
    return layout.highlights_key(video.uid, video.video_id)


def read(records: Records, objects: Objects, deployment: Deployment, uid: str, video_id: str) -> Highlights:
    """Both places. Raises `NotFound` without the video, and any error of reading the highlights that customers get."""
    video = records.video(uid, video_id)
    if video is None:
        raise NotFound(
            f"There is no video {in_words(video_id)} of customer {in_words(uid)}.",
            remedy="Look it up with find.",
            target=video_id,
        )
    found = Highlights(
        video,
        read_object(objects, object_key(deployment.layout, video)),
        read_documents(records, uid, [video_id])[video_id],
        deployment,
    )
    if found.served.fault is not None:
        raise found.served.fault
    return found


def read_object(objects: Objects, key: str) -> HighlightsState:
    """The highlights at the key. The etag is that of the bytes read, so that a write over other bytes is refused."""
    try:
        info, content = objects.read_small(key, MAX_FILE_BYTES)
    except (NotFound, BadInput):  # no store can hold an object at a malformed key
        return highlights.absent("object", key)
    except StorageError as fault:
        return highlights.unread("object", fault, key)
    if content is None:
        state = highlights.too_large(key, info.size_bytes, info.last_modified)
    else:
        state = highlights.judge_object(content, key, written_at=info.last_modified, size_bytes=info.size_bytes)
    return replace(state, etag=info.etag)


def read_documents(records: Records, uid: str, video_ids: Sequence[str]) -> dict[str, HighlightsState]:
    """The documents `highlights/main` of these videos of one user, a read each. A failure is data of all videos."""
    places = {name: f"users/{check_stored_id(uid, 'uid')}/videos/{name}/highlights/main" for name in video_ids}
    if not places:
        return {}
    try:
        found = records.many(list(places.values()))
    except StorageError as fault:
        return {name: highlights.unread("document", fault, place) for name, place in places.items()}
    states = {}
    for name, place in places.items():
        states[name] = judged_document(found[place], place)
    return states


def judged_document(document: RawDocument | None, place: str) -> HighlightsState:
    """The state of a document `highlights/main` that was read; `None` or one without fields: proven absent."""
    if document is None or document.fields is None:
        return highlights.absent("document", place)
    return highlights.judge_document(document.fields, place, written_at=document.update_time)
