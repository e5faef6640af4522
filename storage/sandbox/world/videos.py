"""Builds videos with their highlights and clips as the worker leaves them; a story then changes what it is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from storage.domain.layout import Layout
from storage.sandbox.world.accounts import person_of, uid_of
from storage.sandbox.world.draft import LAYOUT, LEGACY_LAYOUT, Draft, Fields, video_id, youtube_id
from storage.sandbox.world.people import Person
from storage.sandbox.world.scenes import Scene, add_highlights_document, highlights_file, make_scenes

ABSENT = object()  # as a change: leave the field out
ANALYSIS = timedelta(minutes=4)
RENDERING = timedelta(minutes=7)
SOURCE_LIFE = timedelta(hours=24)
FIELDS_SINCE_DAYS = 200  # older videos lack the fields that came later

Highlights = Literal["both", "object", "document", "none"]


@dataclass(frozen=True, slots=True)
class Order:
    """What to build: whose video, under which name of ours, how old, with which scenes and styles.

    `made` says how many of the ordered clips exist (all of them if `None`); `highlights` where they lie.
    """

    handle: str
    name: str
    age: timedelta
    status: str = "completed"
    scenes: int = 2
    styles: tuple[str, ...] = ("intelligent", "split")
    made: int | None = None
    highlights: Highlights = "both"
    title: str | None = None
    short_id: bool = False


@dataclass(frozen=True, slots=True)
class Video:
    """A video that was added, with what is needed to add clips to it."""

    person: Person
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
        """Where its highlights belong."""
        return self.layout.highlights_key(self.uid, self.video_id)

    def ordered(self) -> list[tuple[int, Scene, str]]:
        """Every clip asked for, in the order of rendering: priority, scene, style."""
        pairs = [(scene, style) for scene in self.scenes for style in self.styles]
        return [(number, scene, style) for number, (scene, style) in enumerate(pairs, start=1)]


def apply_changes(fields: Fields, changes: Fields) -> Fields:
    """The fields with changes; a change to `ABSENT` leaves the field out."""
    merged = {**fields, **changes}
    return {name: value for name, value in merged.items() if value is not ABSENT}


def add_video(draft: Draft, order: Order, **changes: Any) -> Video:
    """The video's document and its highlights, without clips."""
    person, uid = person_of(order.handle), uid_of(order.handle)
    identity = video_id(uid, order.name, short=order.short_id)
    created = draft.now - order.age
    analyzed = min(created + ANALYSIS, draft.now)
    video = Video(
        person,
        uid,
        identity,
        make_scenes(draft, person.language, f"{uid}/{order.name}", order.scenes),
        order.styles,
        analyzed,
        min(analyzed + RENDERING, draft.now),
        LEGACY_LAYOUT if person.prefixless else LAYOUT,
    )
    fields = _document(draft, order, video, created)
    draft.put(video.path, apply_changes(fields, changes))
    _add_highlights(draft, order, video, fields)
    return video


def _document(draft: Draft, order: Order, video: Video, created: datetime) -> Fields:
    young = order.age < timedelta(days=FIELDS_SINCE_DAYS)
    tube = youtube_id(f"{video.uid}/{order.name}")
    host = (
        "https://youtu.be/"
        if draft.chance("link", video.video_id).random() < 0.2
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
        "styles_processed": list(order.styles) if order.status == "completed" else [],
        "crop_mode": "none",
        "target_aspect": "9:16",
        "highlights_json_key": video.highlights_key if order.highlights in {"both", "object"} else None,
        "created_by": video.uid,
    }
    if young and order.status == "completed":
        total = len(video.scenes) * len(order.styles)
        fields |= {"expected_clips": total, "completed_clips": total}
    return fields | (_source(draft, video, order) if young else {})


def _source(draft: Draft, video: Video, order: Order) -> Fields:
    """The source video's fields; while it is younger than a day, the cached object too."""
    expires = draft.now - order.age + SOURCE_LIFE
    if order.age < timedelta(minutes=5):
        return {"source_video_status": "downloading", "source_video_r2_key": None, "source_video_expires_at": None}
    key = video.layout.source_key(video.uid, video.video_id)
    ready = expires > draft.now
    if ready:
        draft.store(key, "source.mp4", "video/mp4", draft.now - order.age + timedelta(minutes=2))
    return {
        "source_video_status": "ready" if ready else "expired",
        "source_video_r2_key": key,
        "source_video_expires_at": expires,
        "source_video_error": None,
    }


def _add_highlights(draft: Draft, order: Order, video: Video, fields: Fields) -> None:
    if order.highlights in {"both", "object"}:
        body = highlights_file(video.scenes, fields["video_url"], fields["video_title"])
        draft.store(video.highlights_key, body, "application/json", video.analyzed_at)
    if order.highlights in {"both", "document"}:
        add_highlights_document(draft, video.path, video.scenes, video.analyzed_at)


def progress(video: Video, done: int, started: datetime, touched: datetime, **changes: Any) -> Fields:
    """`processing_progress` with so many clips done."""
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
