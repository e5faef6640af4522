"""Reads a video's highlights from both places that hold them, and says what each of the two is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from storage.domain import highlights
from storage.domain.documents import Video
from storage.domain.highlights import MAX_FILE_BYTES, HighlightsState, Source
from storage.domain.layout import Layout
from storage.errors import NotFound, StorageError
from storage.ids import in_words
from storage.repositories.objects import Objects
from storage.repositories.records import Records


@dataclass(frozen=True, slots=True)
class Highlights:
    """Both places. `source` is the one whose list is used: the object first, as it is what customers get."""

    video: Video
    object: HighlightsState
    document: HighlightsState
    errors: tuple[StorageError, ...]

    @property
    def source(self) -> Source | None:
        """Where the highlights come from, `None` where neither place has a usable list."""
        return "object" if self.object.usable else "document" if self.document.usable else None

    @property
    def entries(self) -> tuple[Mapping[str, Any], ...]:
        """The entries of that place."""
        return self.object.entries if self.object.usable else self.document.entries


def object_key(layout: Layout, video: Video) -> str:
    """Where the object is: the key that the video's document names, else the layout's place."""
    named = video.highlights_json_key
    if named and layout.belongs_to(named, video.uid, video.video_id):
        return named
    return layout.highlights_key(video.uid, video.video_id)


def read(records: Records, objects: Objects, layout: Layout, uid: str, video_id: str) -> Highlights:
    """Both places. `NotFound` without the video; raises a place's error where the other one has nothing usable."""
    video = records.video(uid, video_id)
    if video is None:
        raise NotFound(
            f"There is no video {in_words(video_id)} of user {in_words(uid)}.",
            remedy="Look it up with find.",
            target=video_id,
        )
    errors: list[StorageError] = []
    found = Highlights(
        video, _object(objects, object_key(layout, video), errors), _document(records, video, errors), ()
    )
    if errors and found.source is None:
        raise errors[0]
    return Highlights(video, found.object, found.document, tuple(errors))


def _object(objects: Objects, key: str, errors: list[StorageError]) -> HighlightsState:
    try:
        info = objects.head(key)
        if info is None:
            return highlights.absent("object", key)
        if info.size_bytes > MAX_FILE_BYTES:
            return replace(highlights.too_large(key, info.size_bytes, info.last_modified), etag=info.etag)
        content = objects.get_bytes(key, MAX_FILE_BYTES)
    except NotFound:
        return highlights.absent("object", key)
    except StorageError as error:
        errors.append(error)
        return highlights.unknown("object", error.message, key, code=error.code)
    state = highlights.judge_object(content, key, written_at=info.last_modified, size_bytes=info.size_bytes)
    # Of before the bytes were read: a write over another object than the one that was read is refused for it.
    return replace(state, etag=info.etag)


def _document(records: Records, video: Video, errors: list[StorageError]) -> HighlightsState:
    path = f"users/{video.uid}/videos/{video.video_id}/highlights/main"
    try:
        document = records.highlights(video.uid, video.video_id)
    except StorageError as error:
        errors.append(error)
        return highlights.unknown("document", error.message, path, code=error.code)
    if document is None:
        return highlights.absent("document", path)
    return highlights.judge_document(document.fields, path, written_at=document.update_time)
