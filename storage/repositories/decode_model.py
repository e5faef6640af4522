"""One document as a frozen value, by the same rules as the frames: what is odd in a table is odd here, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from storage.domain.documents import CLIPS, USERS, VIDEOS, Accounting, Clip, Column, Progress, Schema, User, Video
from storage.errors import Oddity
from storage.repositories.decode import EPOCH
from storage.repositories.decode_columns import decoder
from storage.repositories.decode_repair import Repair

ACCOUNTING = Schema(
    "storage_accounting",
    (
        Column("uid", "text", required=True, nullable=False, from_path=True),
        Column("styled_clips_bytes", "whole", required=True, nullable=False, note="bytes, billable"),
        Column("styled_clips_count", "whole", required=True, nullable=False, note="billable"),
        Column("source_videos_bytes", "whole", note="bytes, not billable"),
        Column("raw_segments_bytes", "whole", note="bytes, not billable"),
        Column("neural_cache_bytes", "whole", note="bytes, not billable"),
        Column("updated_at", "time"),
        Column("update_time", "time", from_path=True),
    ),
)

_PROGRESS_KINDS: dict[str, tuple[type, ...]] = {
    "current_scene_title": (str,),
    "error_message": (str,),
    "started_at": (datetime,),
    "updated_at": (datetime,),
}


def user(document: Any) -> User:
    """`users/{uid}`; of a phantom, only the uid is known."""
    return User(**_known(User, *_row(USERS, document)))


def video(document: Any) -> Video:
    """`users/{uid}/videos/{video_id}`; of a phantom, only the ids are known."""
    row, oddities = _row(VIDEOS, document)
    styles, progress = row["styles_processed"], row["processing_progress"]
    row["styles_processed"] = None if styles is None else tuple(styles)
    row["processing_progress"], odd = _progress(progress, row["path"])
    return Video(**_known(Video, row, (*oddities, *odd)))


def clip(document: Any) -> Clip:
    """`users/{uid}/videos/{video_id}/clips/{clip_id}`."""
    return Clip(**_known(Clip, *_row(CLIPS, document)))


def accounting(document: Any) -> Accounting:
    """`storage_accounting/{uid}`."""
    return Accounting(**_known(Accounting, *_row(ACCOUNTING, document)))


def _row(schema: Schema, document: Any) -> tuple[dict[str, Any], tuple[Oddity, ...]]:
    columns: list[list[Any]] = [[] for _ in schema.columns]
    repair = Repair()
    decoder(schema)([document], columns, repair)
    row = {column.name: _value(column, values[0]) for column, values in zip(schema.columns, columns, strict=True)}
    return row, repair.oddities()


def _value(column: Column, value: Any) -> Any:
    if column.kind == "time" and value is not None:
        return EPOCH + timedelta(microseconds=value)
    return value


def _known(model: type, row: Mapping[str, Any], oddities: tuple[Oddity, ...]) -> dict[str, Any]:
    """The columns that the model has; a frame has its path besides."""
    names = {field.name for field in fields(model)} - {"oddities"}
    return {**{name: row[name] for name in names}, "oddities": oddities}


def _progress(content: Mapping[str, Any] | None, path: str) -> tuple[Progress | None, tuple[Oddity, ...]]:
    """The parts of the map that are of their kind; every other part but null is `None` and told."""
    if content is None:
        return None, ()
    parts: dict[str, Any] = {}
    oddities: list[Oddity] = []
    for field in fields(Progress):
        value = content.get(field.name)
        kinds = _PROGRESS_KINDS.get(field.name, (int,))
        if kinds == (int,) and isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, kinds) and not isinstance(value, bool):
            parts[field.name] = value
        elif value is not None:
            name = f"processing_progress.{field.name}"
            oddities.append(Oddity(path, name, "wrong_type", f"a {type(value).__name__}"))
    return Progress(**parts), tuple(oddities)
