"""Documents and keys as the product writes them, the same in every run."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

UID = "AbCdEfGhIjKlMnOpQrStUvWxYz12"
VIDEOS = 200
CLIPS = 20_000
TWELVE = (
    "scene_id",
    "scene_title",
    "style",
    "priority",
    "duration_seconds",
    "file_size_bytes",
    "has_thumbnail",
    "r2_key",
    "thumbnail_r2_key",
    "status",
    "created_at",
    "completed_at",
)
_START = datetime(2026, 1, 1, tzinfo=UTC)
_STYLES = ("split", "original", "intelligent_split_activity", "streamer_top_scenes")


def video_ids(count: int = VIDEOS) -> list[str]:
    """Ids of one user's videos."""
    chance = random.Random(11)
    return [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(count)]


def clip(video_id: str, number: int, uid: str = UID) -> dict[str, Any]:
    """A clip's document: 22 fields, some null."""
    style = _STYLES[number % len(_STYLES)]
    stem = f"clip_{number % 9:02d}_{number}_a_title_of_the_scene_{style}"
    made = _START + timedelta(seconds=number, microseconds=number * 37 % 1_000_000)
    return {
        "clip_id": f"{video_id}_{number}_{style}",
        "video_id": video_id,
        "user_id": uid,
        "scene_id": number,
        "scene_title": f"A title of the scene {number}",
        "scene_description": "Two or three lines on what happens in the scene, why it was chosen, what is said.",
        "filename": f"{stem}.mp4",
        "style": style,
        "priority": number % 9,
        "start_time": "00:01:12.500",
        "end_time": "00:01:58.250",
        "duration_seconds": 45.75,
        "file_size_bytes": 7_340_032 + number,
        "file_size_mb": 7.0,
        "has_thumbnail": number % 10 != 0,
        "r2_key": f"users/{uid}/{video_id}/clips/{stem}.mp4",
        "thumbnail_r2_key": f"users/{uid}/{video_id}/clips/{stem}.jpg" if number % 10 else None,
        "raw_r2_key": None,
        "status": "completed",
        "created_at": made,
        "completed_at": made + timedelta(seconds=40),
        "updated_at": None,
    }


def clips(count: int = CLIPS, videos: int = VIDEOS, uid: str = UID) -> dict[str, dict[str, Any]]:
    """Clips of one user by path, in the order in which Firestore gives them."""
    found = {}
    for video_id in sorted(video_ids(videos)):
        for number in range(count // videos):
            fields = clip(video_id, number, uid)
            found[f"users/{uid}/videos/{video_id}/clips/{fields['clip_id']}"] = fields
    return found


def keys(count: int = CLIPS) -> list[str]:
    """Keys of one user's clips."""
    return [str(fields["r2_key"]) for fields in clips(count).values()]
