"""Builds clips: the document, the object it names and the thumbnail, sizes as they really are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from storage.domain.layout import SLUG_LENGTH, ClipName, slug
from storage.sandbox.world.draft import Draft, Fields
from storage.sandbox.world.scenes import Scene, clock
from storage.sandbox.world.videos import Order, Video, add_video, apply_changes

MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that was added: its ids, its document and the keys that belong to it."""

    clip_id: str
    path: str
    key: str
    thumbnail_key: str
    size: int


def clip_name(video: Video, priority: int, scene: Scene, style: str, title: str | None = None) -> ClipName:
    """The file name: ASCII as newer workers write it, the title's own letters for accounts of older deployments."""
    if title is None:
        title = slug(scene.title)
        if video.person.unicode_keys:
            title = scene.title.strip().lower().replace(" ", "_").replace("/", "_")[:SLUG_LENGTH]
    return ClipName(priority, scene.number, title, style)


def add_clip(
    draft: Draft,
    video: Video,
    number: int,
    scene: Scene,
    style: str,
    *,
    name: ClipName | None = None,
    has_object: bool = True,
    has_thumbnail: bool = True,
    **changes: Any,
) -> Clip:
    """One clip with its objects; `changes` replace fields of the document, and nothing else."""
    name = name or clip_name(video, number, scene, style)
    clip = Clip(
        f"{video.video_id}_{scene.number}_{style}",
        f"{video.path}/clips/{video.video_id}_{scene.number}_{style}",
        video.layout.clip_key(video.uid, video.video_id, name),
        video.layout.thumbnail_key(video.uid, video.video_id, name),
        draft.size_of(f"clip_{scene.letter}.mp4"),
    )
    made = min(video.analyzed_at + timedelta(seconds=40 * number), draft.now)
    if has_object:
        draft.store(clip.key, f"clip_{scene.letter}.mp4", "video/mp4", made)
    if has_thumbnail:
        draft.store(clip.thumbnail_key, f"clip_{scene.letter}.jpg", "image/jpeg", made)
    fields = {
        "clip_id": clip.clip_id,
        "video_id": video.video_id,
        "user_id": video.uid,
        "scene_id": scene.number,
        "scene_title": scene.title,
        "scene_description": f"{scene.title} ({clock(scene.start)})",
        "filename": clip.key.rpartition("/")[2],
        "style": style,
        "priority": number,
        "start_time": clock(scene.start),
        "end_time": clock(scene.end),
        "duration_seconds": float(scene.seconds),
        "file_size_bytes": clip.size,
        "file_size_mb": round(clip.size / MIB, 3),
        "has_thumbnail": has_thumbnail,
        "r2_key": clip.key,
        "thumbnail_r2_key": clip.thumbnail_key if has_thumbnail else None,
        "raw_r2_key": None,
        "status": "completed",
        "created_at": made,
        "completed_at": made,
        "updated_at": made,
        "created_by": video.uid,
    }
    draft.put(clip.path, apply_changes(fields, changes))
    return clip


def unfinished_clip(changes: Fields) -> Fields:
    """What the document of a clip says while it is being rendered, with changes."""
    fields = {"status": "processing", "completed_at": None, "r2_key": None, "thumbnail_r2_key": None}
    return {**fields, "file_size_bytes": 0, "file_size_mb": 0.0, **changes}


def add_with_clips(draft: Draft, order: Order, **changes: Any) -> tuple[Video, list[Clip]]:
    """A video and as many of its clips as the order says were made."""
    video = add_video(draft, order, **changes)
    wanted = video.ordered()[: order.made]
    return video, [add_clip(draft, video, number, scene, style) for number, scene, style in wanted]
