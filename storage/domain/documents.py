"""One thing of a kind as a frozen value; many of a kind are frames (`storage.domain.documents`).

Fields follow the documents' names, so that what support reads here is what an engineer greps for. `None` means that
the document does not hold a usable value; whether it was absent, null or wrongly typed stands in `oddities`.

Rows of a frame as the frozen values that single documents become: NA is `None`, and the path is left out.

The declared columns of every frame: name, kind, whether the backend always writes it, and its unit.

Source of the fields: the chapter "Documents in Firestore" of the product's domain description. A frame has exactly the
columns of its schema, in this order, whatever the documents held. Kinds and their pandas dtypes:

    text   string                 whole  Int64                  number  Float64
    flag   boolean                time   datetime64[us, UTC]    map, list  object (plain dict or list, else None)

Absent, null and wrongly typed values are all NA in the frame; which of the three it was stands in the oddities that
come with it. Zero is never used for any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pandas as pd

from storage.errors import FieldProblem, StorageError

ColumnKind = Literal["text", "whole", "number", "flag", "time", "map", "list"]
DTYPES: dict[ColumnKind, str] = {
    "text": "string",
    "whole": "Int64",
    "number": "Float64",
    "flag": "boolean",
    "time": "datetime64[us, UTC]",
    "map": "object",
    "list": "object",
}


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
    oddities: tuple[FieldProblem, ...] = ()


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
    oddities: tuple[FieldProblem, ...] = ()


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
    oddities: tuple[FieldProblem, ...] = ()


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
    oddities: tuple[FieldProblem, ...] = ()


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


def clip_of(row: Mapping[Any, Any]) -> Clip:
    """One row of a frame of clips."""
    return Clip(**_known(row))


def user_of(row: Mapping[Any, Any], oddities: tuple[FieldProblem, ...] = ()) -> User:
    """One row of a frame of users."""
    return User(**_known(row), oddities=oddities)


def _known(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: None if _is_na(value) else _plain(value) for name, value in row.items() if name != "path"}


def _is_na(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _plain(value: Any) -> Any:
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


@dataclass(frozen=True, slots=True)
class Column:
    """One field. `required`: its absence is an oddity. `nullable`: null is normal there. `from_path`: not a field."""

    name: str
    kind: ColumnKind
    required: bool = False
    nullable: bool = True
    from_path: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of one kind of document, in order."""

    name: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def fields(self) -> tuple[Column, ...]:
        """The columns that are read from fields of the document."""
        return tuple(column for column in self.columns if not column.from_path)

    def empty(self) -> pd.DataFrame:
        """A frame with all columns, their dtypes, and no row."""
        return pd.DataFrame({c.name: pd.Series([], dtype=DTYPES[c.kind]) for c in self.columns})


@dataclass(frozen=True, slots=True)
class Table:
    """A frame with what one must know to trust it.

    `complete` is false when reading stopped early; `error` then says why (or `None`: a limit that was asked for).
    `read_at` is when reading began; `reads` is the number of documents that were billed for it.
    """

    schema: Schema
    frame: pd.DataFrame
    oddities: tuple[FieldProblem, ...]
    complete: bool
    read_at: datetime
    reads: int = 0
    error: StorageError | None = None
    next_cursor: str | None = None

    def unbroken(self) -> pd.DataFrame:
        """The frame, read to its end or to the limit that was asked for; raises the error that cut it short."""
        if self.error is not None:
            raise self.error
        return self.frame

    def whole(self) -> pd.DataFrame:
        """The frame, read to its end; anything less raises what cut it short."""
        frame = self.unbroken()
        if not self.complete:
            raise ValueError(f"the table of {self.schema.name} was limited by its caller")
        return frame


def _path(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "text", required=True, nullable=False, from_path=True) for name in names)


def _meta() -> tuple[Column, ...]:
    """On every frame: the document's path, its update time, and whether the document itself exists."""
    return (
        Column("path", "text", required=True, nullable=False, from_path=True),
        Column("exists", "flag", required=True, nullable=False, from_path=True, note="false: a phantom parent"),
        Column("update_time", "time", from_path=True, note="Firestore's own, for preconditions"),
    )


def _must(kind: ColumnKind, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind, required=True, nullable=False) for name in names)


def _may(kind: ColumnKind, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name in names)


USERS = Schema(
    "users",
    (
        *_path("uid"),
        *_may("text", "email"),
        *_must("text", "plan"),
        *_may("text", "role"),
        *_must("time", "created_at", "updated_at"),
        *_must("whole", "total_storage_bytes", "total_clips_count"),
        *_may("text", "usage_reset_month"),
        *_may("whole", "clips_used_this_month", "credits_used_this_month"),
        *_may("map", "settings"),
        *_meta(),
    ),
)

VIDEOS = Schema(
    "videos",
    (
        *_path("uid", "video_id"),
        *_may("text", "video_title"),
        *_must("text", "status"),
        *_must("time", "created_at", "updated_at"),
        *_may("time", "completed_at", "failed_at"),
        *_may("text", "error_message", "video_url", "youtube_id"),
        *_may("whole", "highlights_count"),
        *_may("text", "highlights_json_key", "custom_prompt", "crop_mode", "target_aspect", "created_by"),
        *_must("whole", "clips_count", "total_size_bytes"),
        *_may("map", "clips_by_style"),
        *_may("list", "styles_processed"),
        *_may("whole", "expected_clips", "completed_clips"),
        *_may("text", "source_video_status", "source_video_r2_key"),
        *_may("time", "source_video_expires_at"),
        *_may("text", "source_video_error"),
        *_may("map", "processing_progress"),
        *_meta(),
    ),
)

CLIPS = Schema(
    "clips",
    (
        *_path("uid", "video_id", "clip_id"),
        *_may("whole", "scene_id"),
        *_may("text", "scene_title", "scene_description", "filename"),
        *_must("text", "style"),
        *_may("whole", "priority"),
        *_may("text", "start_time", "end_time"),
        *_may("number", "duration_seconds"),
        Column("file_size_bytes", "whole", required=True, nullable=False, note="bytes"),
        *_may("number", "file_size_mb"),
        *_may("flag", "has_thumbnail"),
        *_may("text", "r2_key", "thumbnail_r2_key", "raw_r2_key"),
        *_must("text", "status"),
        *_must("time", "created_at"),
        *_may("time", "completed_at", "updated_at"),
        *_may("text", "created_by"),
        *_meta(),
    ),
)

TRANSACTIONS = Schema(
    "credit_transactions",
    (
        *_path("uid", "transaction_id"),
        *_must("time", "timestamp"),
        *_must("text", "operation_type"),
        *_must("whole", "credits_amount"),
        *_may("text", "description"),
        *_may("whole", "balance_after"),
        *_may("text", "video_id"),
        *_meta(),
    ),
)

SHARES = Schema(
    "share_slugs",
    (
        *_path("slug"),
        *_must("text", "user_id", "video_id", "clip_id"),
        *_may("text", "access_level"),
        *_may("time", "created_at", "expires_at", "disabled_at"),
        *_meta(),
    ),
)

OBJECTS = Schema(
    "objects",
    (
        *_path("key"),
        Column("size_bytes", "whole", required=True, nullable=False, from_path=True),
        Column("etag", "text", required=True, nullable=False, from_path=True, note="without quotes"),
        Column("last_modified", "time", required=True, nullable=False, from_path=True),
        Column("storage_class", "text", from_path=True),
    ),
)

ALL: Sequence[Schema] = (USERS, VIDEOS, CLIPS, TRANSACTIONS, SHARES, OBJECTS)
