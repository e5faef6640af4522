"""One thing of a kind as a frozen value; many of a kind are frames (`storage.domain.schema`).

Fields follow the documents' names, so that what support reads here is what an engineer greps for. `None` means that
the document does not hold a usable value; whether it was absent, null or wrongly typed stands in `oddities`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.errors import Oddity


@dataclass(frozen=True, slots=True)
class User:
    """`users/{uid}`. `exists` is false for a phantom: documents below it, none at the path itself."""

    uid: str
    exists: bool
    email: str | None
    plan: str | None
    role: str | None
    created_at: datetime | None
    updated_at: datetime | None
    total_storage_bytes: int | None
    total_clips_count: int | None
    usage_reset_month: str | None
    clips_used_this_month: int | None
    credits_used_this_month: int | None
    settings: Mapping[str, Any] | None
    update_time: datetime | None
    oddities: tuple[Oddity, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """`processing_progress` of a video; any part may be missing."""

    total_scenes: int | None = None
    completed_scenes: int | None = None
    total_clips: int | None = None
    completed_clips: int | None = None
    failed_clips: int | None = None
    current_scene_id: int | None = None
    current_scene_title: str | None = None
    started_at: datetime | None = None
    updated_at: datetime | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class Video:
    """`users/{uid}/videos/{video_id}`. Sizes in bytes; `exists` is false for a phantom parent."""

    uid: str
    video_id: str
    exists: bool
    video_title: str | None
    status: str | None
    created_at: datetime | None
    updated_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None
    error_message: str | None
    video_url: str | None
    youtube_id: str | None
    highlights_count: int | None
    highlights_json_key: str | None
    custom_prompt: str | None
    crop_mode: str | None
    target_aspect: str | None
    created_by: str | None
    clips_count: int | None
    total_size_bytes: int | None
    clips_by_style: Mapping[str, Any] | None
    styles_processed: tuple[Any, ...] | None
    expected_clips: int | None
    completed_clips: int | None
    source_video_status: str | None
    source_video_r2_key: str | None
    source_video_expires_at: datetime | None
    source_video_error: str | None
    processing_progress: Progress | None
    update_time: datetime | None
    oddities: tuple[Oddity, ...] = ()


@dataclass(frozen=True, slots=True)
class Clip:
    """`users/{uid}/videos/{video_id}/clips/{clip_id}`. Sizes in bytes, durations in seconds."""

    uid: str
    video_id: str
    clip_id: str
    scene_id: int | None
    scene_title: str | None
    scene_description: str | None
    filename: str | None
    style: str | None
    priority: int | None
    start_time: str | None
    end_time: str | None
    duration_seconds: float | None
    file_size_bytes: int | None
    file_size_mb: float | None
    has_thumbnail: bool | None
    r2_key: str | None
    thumbnail_r2_key: str | None
    raw_r2_key: str | None
    status: str | None
    created_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime | None
    created_by: str | None
    exists: bool
    update_time: datetime | None
    oddities: tuple[Oddity, ...] = ()


@dataclass(frozen=True, slots=True)
class Accounting:
    """`storage_accounting/{uid}`: the newer counters, beside the user's own. Bytes and counts."""

    uid: str
    styled_clips_bytes: int | None
    styled_clips_count: int | None
    source_videos_bytes: int | None
    raw_segments_bytes: int | None
    neural_cache_bytes: int | None
    updated_at: datetime | None
    update_time: datetime | None
    oddities: tuple[Oddity, ...] = ()


@dataclass(frozen=True, slots=True)
class ClipTotals:
    """Sum and number of a user's (or a video's) clip documents, by aggregation on the server.

    `sized_count` counts the clips whose size is a number: the sum leaves the others out, so it is a lower bound
    whenever `sized_count < count`. `size_bytes` is `None` where Firestore's sum is not exact: it gives a rounded number
    for what lies beyond 64 bits, and for doubles above 2^53.
    """

    count: int
    sized_count: int
    size_bytes: int | None
    read_at: datetime


@dataclass(frozen=True, slots=True)
class RawDocument:
    """Any document as plain values, for the raw view and for quarantine. `fields` is `None` where there is none."""

    path: str
    fields: Mapping[str, Any] | None
    create_time: datetime | None
    update_time: datetime | None


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object as HEAD or a listing shows it; `content_type` is `None` from a listing."""

    key: str
    size_bytes: int
    etag: str
    last_modified: datetime
    content_type: str | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A bearer token: whoever has the URL reads the object until `expires_at`. Shows itself masked in `repr`."""

    url: str
    key: str
    expires_at: datetime
    content_type: str

    def __repr__(self) -> str:
        return f"SignedUrl(key={self.key!r}, expires_at={self.expires_at.isoformat()})"


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    """An upload that was begun and neither completed nor aborted. `initiated_at` is `None` where the store hides it."""

    key: str
    upload_id: str
    initiated_at: datetime | None
