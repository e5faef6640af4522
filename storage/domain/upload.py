"""Plans the upload of a clip: its key, the fields of its document, and the reasons to refuse it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage.domain.documents import Clip, ObjectInfo, RawDocument, Video
from storage.domain.layout import STYLES, ClipName, Layout, slug, thumbnail_of
from storage.domain.media import MediaLook
from storage.domain.processing import being_processed
from storage.errors import BadInput

DEFAULT_PRIORITY = 99
MAX_SCENE = 9_999
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """The clip to store: sizes in bytes, length in seconds. `thumbnail_bytes` is `None` without a thumbnail.

    `clip_id` names the clip where scene and style do not: a video may have several Top Scenes clips, all of scene 0.
    """

    scene_id: int
    style: str
    title: str | None
    size_bytes: int
    duration_seconds: float | None
    thumbnail_bytes: int | None
    replace: bool
    clip_id: str = ""


@dataclass(frozen=True, slots=True)
class UploadPlan:
    """The effect of an upload. `fields` are the future fields of the clip's document; counters gain the differences.

    `before` are the present fields of the document, `seen` its update time; `stored` and `stored_thumbnail` are the
    ETags of the objects at the two keys. All of them are preconditions of the upload.
    """

    uid: str
    video_id: str
    clip_id: str
    key: str
    thumbnail_key: str | None
    exists: bool
    seen: datetime | None
    before: Mapping[str, Any]
    fields: Mapping[str, Any]
    stored: str | None
    stored_thumbnail: str | None
    style: str
    size_difference: int
    count_difference: int
    refusals: tuple[str, ...]
    warnings: tuple[str, ...]


def check_style(style: str) -> str:
    """The style; raises `BadInput` unless it is lower-case words joined by '_'. Unknown styles pass: the product may
    have newer ones."""
    if not re.fullmatch(r"[a-z0-9]+(?:_[a-z0-9]+)*", style) or len(style) > 40:
        raise BadInput("STYLE is not the name of a style", field_name="style", remedy=f"One of: {', '.join(STYLES)}.")
    return style


def check_scene(scene: int) -> int:
    """The scene id; raises `BadInput` outside its range."""
    if not 0 <= scene <= MAX_SCENE:
        raise BadInput(f"SCENE must be from 0 to {MAX_SCENE:,}", field_name="scene", remedy="Give the scene's id.")
    return scene


def clip_id_of(video_id: str, wish: UploadRequest) -> str:
    """The id that the request names, else `{video_id}_{scene_id}_{style}`, as the backend names clips."""
    return wish.clip_id or f"{video_id}_{wish.scene_id}_{wish.style}"


def plan_upload(
    layout: Layout,
    video: Video,
    clip: Clip | None,
    document: RawDocument | None,
    stored: ObjectInfo | None,
    stored_thumbnail: ObjectInfo | None,
    other_names: Sequence[str],
    wish: UploadRequest,
    *,
    title: str,
    now: datetime,
    stale_after: timedelta,
    look: Callable[[ObjectInfo], MediaLook],
) -> UploadPlan:
    """The plan. `clip` is the value of `document`, `stored` the object at `target_key`, `stored_thumbnail` the one at
    the thumbnail's key; `other_names` are keys that other clips of the video name. `look` looks into the stored
    object, and is asked only where everything else says that it is intact.
    """
    name = ClipName(_priority(clip), wish.scene_id, slug(title), wish.style)
    key = target_key(layout, video, clip, name)
    thumbnail = thumbnail_of(key) if wish.thumbnail_bytes is not None else None
    old_size = clip.file_size_bytes or 0 if clip else 0
    warnings = [] if wish.style in STYLES else [f"{wish.style} is not a style that this desk knows."]
    if not video.exists:
        warnings.append("The video's document does not exist; the upload writes only the clip's.")
    return UploadPlan(
        uid=video.uid,
        video_id=video.video_id,
        clip_id=clip_id_of(video.video_id, wish),
        key=key,
        thumbnail_key=thumbnail,
        exists=clip is not None,
        seen=document.update_time if document else None,
        before=(document.fields or {}) if document else {},
        stored=stored.etag if stored else None,
        stored_thumbnail=stored_thumbnail.etag if stored_thumbnail else None,
        fields=_fields(video, clip, wish, name, key, thumbnail, title),
        style=wish.style,
        size_difference=wish.size_bytes - old_size,
        count_difference=0 if clip else 1,
        refusals=_refusals(video, clip, stored, other_names, key, wish, now, stale_after, look),
        warnings=tuple(warnings),
    )


def target_key(layout: Layout, video: Video, clip: Clip | None, name: ClipName) -> str:
    """The key that the document names, if it is an MP4 in this video's folder for clips; else the canonical key."""
    folder = layout.clip_key(video.uid, video.video_id, name).rpartition("/")[0]
    if clip and clip.r2_key and clip.r2_key.startswith(f"{folder}/") and clip.r2_key.lower().endswith(".mp4"):
        return clip.r2_key
    return layout.clip_key(video.uid, video.video_id, name)


def name_of(clip: Clip | None, wish: UploadRequest, title: str) -> ClipName:
    """The parts of the clip's file name."""
    return ClipName(_priority(clip), wish.scene_id, slug(title), wish.style)


def _priority(clip: Clip | None) -> int:
    return clip.priority if clip and clip.priority is not None and 0 <= clip.priority <= 999 else DEFAULT_PRIORITY


def _fields(
    video: Video, clip: Clip | None, wish: UploadRequest, name: ClipName, key: str, thumbnail: str | None, title: str
) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "clip_id": clip_id_of(video.video_id, wish),
        "video_id": video.video_id,
        "user_id": video.uid,
        "scene_id": wish.scene_id,
        "scene_title": title,
        "filename": key.rpartition("/")[2],
        "style": wish.style,
        "priority": name.priority,
        "file_size_bytes": wish.size_bytes,
        "file_size_mb": round(wish.size_bytes / MIB, 2),
        "r2_key": key,
        "status": "completed",
    }
    if wish.duration_seconds is not None:
        fields["duration_seconds"] = wish.duration_seconds
    if thumbnail is not None:
        fields |= {"has_thumbnail": True, "thumbnail_r2_key": thumbnail}
    elif clip is None:
        fields |= {"has_thumbnail": False, "thumbnail_r2_key": None}
    return fields


def _refusals(
    video: Video,
    clip: Clip | None,
    stored: ObjectInfo | None,
    other_names: Sequence[str],
    key: str,
    wish: UploadRequest,
    now: datetime,
    stale_after: timedelta,
    look: Callable[[ObjectInfo], MediaLook],
) -> tuple[str, ...]:
    found: list[str] = []
    if clip and being_processed(clip.status) and _young(clip.updated_at or clip.created_at, now, stale_after):
        found.append("A worker is rendering the clip now; wait until it is done or has stalled.")
    if key in other_names:
        found.append(f"Another clip's document names the same key: {key}")
    if wish.replace or stored is None or stored.size_bytes == 0:
        return tuple(found)
    if clip is None or clip.r2_key != key:
        found.append("An object lies at this key that no document of this clip names; --replace overwrites it.")
    elif clip.status == "completed" and stored.size_bytes == clip.file_size_bytes:
        seen = look(stored)
        if seen.plays == "plays" and seen.fault is None:
            found.append("The clip is there and intact; --replace overwrites it.")
        elif not seen.looked:
            found.append(
                "The clip is there, as large as its document says, and it is not known whether it plays; --replace "
                f"overwrites it. {seen.words}"
            )
    return tuple(found)


def _young(moment: datetime | None, now: datetime, limit: timedelta) -> bool:
    return moment is not None and now - moment < limit
