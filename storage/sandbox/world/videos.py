"""Builds videos, their scenes, highlights and clips as the worker leaves them; each story then makes its changes.

A clip has a document, the object that it names and the thumbnail, with their real sizes. Highlights come as object and
as document, in the forms of the analysis.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from storage.domain.layout import SLUG_LENGTH, ClipName, Layout, slug
from storage.sandbox.world.builder import LAYOUT, OLDER_LAYOUT, Fields, WorldBuilder, video_id, youtube_id
from storage.sandbox.world.people import WORDINGS, Customer, person_of, uid_of

# The sample clips by letter, with their length in seconds: a scene is as long as its clip.
CLIP_SECONDS = {"a": 6, "b": 7, "c": 5, "d": 6, "e": 6, "f": 5, "g": 4, "h": 5, "i": 7, "j": 6, "k": 8, "l": 4}
HOOKS = ("emotional", "educational", "controversial", "inspirational", "humorous", "dramatic", "surprising", "other")
PAD = 1.0  # seconds that a clip begins before its scene and ends after it


ABSENT = object()  # as a change: leave the field out
ANALYSIS = timedelta(minutes=4)
RENDERING = timedelta(minutes=7)
SOURCE_LIFE = timedelta(hours=24)
FIELDS_SINCE_DAYS = 200  # older videos lack the newer fields
Highlights = Literal["both", "object", "document", "none"]
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Scene:
    """One highlight: its number, its title, its place in the long video (seconds), and its clip."""

    number: int
    title: str
    start: int
    letter: str

    @property
    def seconds(self) -> int:
        """Length in seconds."""
        return CLIP_SECONDS[self.letter]

    @property
    def end(self) -> int:
        """The end in the long video, in seconds."""
        return self.start + self.seconds


def make_scenes(world: WorldBuilder, language: str, owner: str, count: int) -> tuple[Scene, ...]:
    """`count` scenes in order of time that do not overlap."""
    chance = world.chance("scenes", owner)
    titles = WORDINGS[language].scenes
    at, first, scenes = 0, chance.randrange(len(titles)), []
    for number in range(1, count + 1):
        at += chance.randint(25, 400)
        title = titles[(first + number) % len(titles)]
        scenes.append(Scene(number, title, at, chance.choice(sorted(CLIP_SECONDS))))
        at = scenes[-1].end
    return tuple(scenes)


def clock(seconds: int) -> str:
    """Seconds as `HH:MM:SS`."""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def highlight_entries(scenes: Sequence[Scene], *, pads: tuple[str, str]) -> list[dict[str, Any]]:
    """The scenes in the form of both places, which differ only in the names of the paddings."""
    return [
        {
            "id": scene.number,
            "title": scene.title,
            "description": f"{scene.title} ({clock(scene.start)})",
            "start": clock(scene.start),
            "end": clock(scene.end),
            "duration": scene.seconds,
            **dict.fromkeys(pads, PAD),
            "hook_category": HOOKS[scene.number % len(HOOKS)],
            "reason": "Strong opening line and a clear turn within the first seconds.",
        }
        for scene in scenes
    ]


def highlights_file(scenes: Sequence[Scene], video_url: str | None, video_title: str | None) -> bytes:
    """The content of `highlights.json` in the older worker's form."""
    content = {
        "highlights": highlight_entries(scenes, pads=("pad_before_seconds", "pad_after_seconds")),
        "video_url": video_url,
        "video_title": video_title,
        "custom_prompt": None,
    }
    return json.dumps(content, ensure_ascii=False).encode()


def add_highlights_document(world: WorldBuilder, video: AddedVideo, video_url: str, video_title: str) -> None:
    """Adds the document `highlights/main` below the video."""
    fields = {
        "video_id": video.video_id,
        "highlights": highlight_entries(video.scenes, pads=("pad_before", "pad_after")),
        "video_url": video_url,
        "video_title": video_title,
        "created_at": video.analyzed_at,
        "updated_at": video.analyzed_at,
    }
    world.put(f"{video.path}/highlights/main", fields)


@dataclass(frozen=True, slots=True)
class VideoOrder:
    """The order for a video: its customer, our name for it, its age, its scenes and styles.

    `made` is the number of the ordered clips that exist (`None`: all of them); `highlights` is their place.
    """

    handle: str
    name: str
    age: timedelta
    status: str = "completed"
    scenes: int = 2
    styles: tuple[str, ...] = ("intelligent", "split")
    made: int | None = None
    highlights: Highlights = "document"
    title: str | None = None
    short_id: bool = False


@dataclass(frozen=True, slots=True)
class AddedVideo:
    """A video in the world, with the facts that its clips need."""

    person: Customer
    uid: str
    video_id: str
    scenes: tuple[Scene, ...]
    styles: tuple[str, ...]
    analyzed_at: datetime
    rendered_at: datetime
    layout: Layout = field(default=LAYOUT)

    @property
    def path(self) -> str:
        """The video's document."""
        return f"users/{self.uid}/videos/{self.video_id}"

    @property
    def highlights_key(self) -> str:
        """The key of its highlights."""
        return self.layout.highlights_key(self.uid, self.video_id)

    def ordered(self) -> list[tuple[int, Scene, str]]:
        """Every ordered clip, in the order of rendering: priority, scene, style."""
        pairs = [(scene, style) for scene in self.scenes for style in self.styles]
        return [(number, scene, style) for number, (scene, style) in enumerate(pairs, start=1)]


def apply_changes(fields: Fields, changes: Fields) -> Fields:
    """The fields with changes; a change to `ABSENT` leaves the field out."""
    merged = {**fields, **changes}
    return {name: value for name, value in merged.items() if value is not ABSENT}


def add_video(world: WorldBuilder, order: VideoOrder, **changes: Any) -> AddedVideo:
    """Adds the video's document and its highlights, without clips."""
    person, uid = person_of(order.handle), uid_of(order.handle)
    identity = video_id(uid, order.name, short=order.short_id)
    created = world.now - order.age
    analyzed = min(created + ANALYSIS, world.now)
    video = AddedVideo(
        person,
        uid,
        identity,
        make_scenes(world, person.language, f"{uid}/{order.name}", order.scenes),
        order.styles,
        analyzed,
        min(analyzed + RENDERING, world.now),
        OLDER_LAYOUT if person.older else LAYOUT,
    )
    fields = _document(world, order, video, created)
    world.put(video.path, apply_changes(fields, changes))
    _add_highlights(world, order, video, fields)
    return video


def _document(world: WorldBuilder, order: VideoOrder, video: AddedVideo, created: datetime) -> Fields:
    young = order.age < timedelta(days=FIELDS_SINCE_DAYS)
    tube = youtube_id(f"{video.uid}/{order.name}")
    host = (
        "https://youtu.be/"
        if world.chance("link", video.video_id).random() < 0.2
        else "https://www.youtube.com/watch?v="
    )
    done = order.status in {"completed", "failed"}
    touched = video.rendered_at if done else video.analyzed_at if order.highlights != "none" else created
    fields: Fields = {
        "video_id": video.video_id,
        "user_id": video.uid,
        "video_url": host + tube,
        "video_title": order.title or f"{order.name}",
        "youtube_id": tube,
        "status": order.status,
        "created_at": created,
        "updated_at": touched,
        "completed_at": touched if order.status == "completed" else None,
        "failed_at": touched if order.status == "failed" else None,
        "error_message": None,
        "highlights_count": len(video.scenes) if order.highlights != "none" else 0,
        "custom_prompt": None,
        "styles_processed": list(order.styles) if video.person.older and order.status == "completed" else [],
        "crop_mode": "none",
        "target_aspect": "9:16",
        "highlights_json_key": video.highlights_key,
        **({} if video.person.older else {"clips_by_style": {}}),  # the backend fills this only when it deletes a clip
        "created_by": video.uid,
    }
    if video.person.older and young and order.status == "completed":
        total = len(video.scenes) * len(order.styles)
        fields |= {"expected_clips": total, "completed_clips": total}
    if not video.person.older and order.status == "completed":
        fields["processing_progress"] = None  # the remains of the rendering's progress
    return fields | (_source(world, video, order) if young else {})


def _source(world: WorldBuilder, video: AddedVideo, order: VideoOrder) -> Fields:
    """The source video's fields; while it is younger than a day, the cached object too."""
    expires = world.now - order.age + SOURCE_LIFE
    if order.age < timedelta(minutes=5):
        return {"source_video_status": "downloading"}
    key = video.layout.source_key(video.uid, video.video_id)
    ready = expires > world.now
    if ready:
        world.store(key, "source.mp4", "video/mp4", world.now - order.age + timedelta(minutes=2))
    return {
        "source_video_status": "ready" if ready else "expired",
        "source_video_r2_key": key,
        "source_video_expires_at": expires,
    }


def _add_highlights(world: WorldBuilder, order: VideoOrder, video: AddedVideo, fields: Fields) -> None:
    if order.highlights in {"both", "object"}:
        body = highlights_file(video.scenes, fields["video_url"], fields["video_title"])
        world.store(video.highlights_key, body, "application/json", video.analyzed_at)
    if order.highlights in {"both", "document"}:
        add_highlights_document(world, video, fields["video_url"], fields["video_title"])


def progress(video: AddedVideo, done: int, started: datetime, touched: datetime, **changes: Any) -> Fields:
    """The field `processing_progress` with `done` clips finished."""
    per_scene = len(video.styles)
    at = min(done // per_scene, len(video.scenes) - 1)
    fields: Fields = {
        "total_scenes": len(video.scenes),
        "completed_scenes": done // per_scene,
        "total_clips": len(video.scenes) * per_scene,
        "completed_clips": done,
        "failed_clips": 0,
        "current_scene_id": video.scenes[at].number,
        "current_scene_title": video.scenes[at].title,
        "started_at": started,
        "updated_at": touched,
        "error_message": None,
    }
    return fields | changes


@dataclass(frozen=True, slots=True)
class AddedClip:
    """A clip in the world: its ids, its document and its keys."""

    clip_id: str
    path: str
    key: str
    thumbnail_key: str
    size: int


def clip_name(video: AddedVideo, priority: int, scene: Scene, style: str, title: str | None = None) -> ClipName:
    """The file name: ASCII as newer workers write it, the title's own letters for accounts of older deployments."""
    if title is None:
        title = slug(scene.title)
        if video.person.unicode_keys:
            title = scene.title.strip().lower().replace(" ", "_").replace("/", "_")[:SLUG_LENGTH]
    return ClipName(priority, scene.number, title, style)


def add_clip(
    world: WorldBuilder,
    video: AddedVideo,
    number: int,
    scene: Scene,
    style: str,
    *,
    name: ClipName | None = None,
    clip_id: str | None = None,
    has_object: bool = True,
    has_thumbnail: bool = True,
    **changes: Any,
) -> AddedClip:
    """Adds one clip with its objects; `changes` replace only fields of the document."""
    name = name or clip_name(video, number, scene, style)
    clip_id = clip_id or f"{video.video_id}_{scene.number}_{style}"
    clip = AddedClip(
        clip_id,
        f"{video.path}/clips/{clip_id}",
        video.layout.clip_key(video.uid, video.video_id, name),
        video.layout.thumbnail_key(video.uid, video.video_id, name),
        world.size_of(f"clip_{scene.letter}.mp4"),
    )
    made = min(video.analyzed_at + timedelta(seconds=40 * number), world.now)
    if has_object:
        world.store(clip.key, f"clip_{scene.letter}.mp4", "video/mp4", made)
    if has_thumbnail:
        world.store(clip.thumbnail_key, f"clip_{scene.letter}.jpg", "image/jpeg", made)
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
        "start_time": f"{clock(int(PAD))}.000",  # within the segment that was cut out of the source
        "end_time": f"{clock(int(PAD) + scene.seconds)}.000",
        "duration_seconds": float(scene.seconds),
        "file_size_bytes": clip.size,
        "file_size_mb": round(clip.size / MIB, 3),
        "has_thumbnail": has_thumbnail,
        "r2_key": clip.key,
        **({"thumbnail_r2_key": clip.thumbnail_key} if has_thumbnail else {}),
        "status": "completed",
        "created_at": made,
        "completed_at": made,
        "updated_at": made,
        "created_by": video.uid,
    }
    world.put(clip.path, apply_changes(fields, changes))
    return clip


def unfinished_clip(changes: Fields) -> Fields:
    """The document's fields of a clip during its rendering, with changes."""
    fields = {"status": "processing", "completed_at": None, "r2_key": None}
    return {**fields, "file_size_bytes": 0, "file_size_mb": 0.0, **changes}


def add_with_clips(world: WorldBuilder, order: VideoOrder, **changes: Any) -> tuple[AddedVideo, list[AddedClip]]:
    """Adds a video and as many of its clips as the order counts as made."""
    video = add_video(world, order, **changes)
    wanted = video.ordered()[: order.made]
    return video, [add_clip(world, video, number, scene, style) for number, scene, style in wanted]
