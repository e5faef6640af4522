"""Users with videos, clips, highlights, accounting and objects: as data first, to be put into any store.

`user`, `video` and `clip` are one document each, as the backend writes it; `user_documents` is a whole user by path,
whose counters are true, and `user_objects` what those documents name, by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
_BATCH = 400


def user(uid: str, **changes: Any) -> dict[str, Any]:
    """A user's document as the backend writes it."""
    return {
        "uid": uid,
        "email": f"{uid}@example.com",
        "plan": "pro",
        "role": None,
        "created_at": NOON,
        "updated_at": NOON,
        "settings": {"theme": "dark"},
        "total_storage_bytes": 3_000,
        "total_clips_count": 3,
        "usage_reset_month": "2026-03",
        "credits_used_this_month": 40,
        **changes,
    }


def video(video_id: str, **changes: Any) -> dict[str, Any]:
    """A video's document as the backend writes it."""
    return {
        "video_id": video_id,
        "video_title": f"About {video_id}",
        "video_url": f"https://www.youtube.com/watch?v={video_id}",
        "youtube_id": video_id,
        "status": "completed",
        "created_at": NOON,
        "updated_at": NOON,
        "completed_at": NOON,
        "failed_at": None,
        "error_message": None,
        "highlights_count": 3,
        "styles_processed": ["split"],
        "clips_count": 3,
        "total_size_bytes": 3_000,
        "clips_by_style": {"split": 3},
        **changes,
    }


def clip(video_id: str, scene: int, **changes: Any) -> dict[str, Any]:
    """A clip's document as the backend writes it."""
    return {
        "clip_id": f"{video_id}_{scene}_split",
        "video_id": video_id,
        "scene_id": scene,
        "scene_title": f"Scene {scene}",
        "filename": f"clip_01_{scene}_scene_split.mp4",
        "style": "split",
        "priority": 1,
        "duration_seconds": 12.5,
        "file_size_bytes": 1_000,
        "has_thumbnail": True,
        "r2_key": f"users/u1/{video_id}/clips/clip_01_{scene}_scene_split.mp4",
        "status": "completed",
        "created_at": NOON + timedelta(seconds=scene),
        "updated_at": None,
        **changes,
    }


def user_documents(
    uid: str, videos: Mapping[str, int], *, prefix: str = "users/", caches: bool = True
) -> dict[str, dict[str, Any]]:
    """A user with everything: so many clips in each video, shares, highlights, transactions, true counters.

    Without `caches` no document names one: a purge with its undo asks the bucket nine times for each object.
    """
    clips = {
        f"users/{uid}/videos/{v}/clips/{v}_{n}_split": _clip(uid, v, n, prefix, caches=caches)
        for v, k in videos.items()
        for n in range(k)
    }
    total = sum(clip["file_size_bytes"] for clip in clips.values())
    documents: dict[str, dict[str, Any]] = {
        f"users/{uid}": {
            "uid": uid, "email": f"{uid}@example.com", "plan": "pro", "settings": {"a.b": [1, 2.5, None]},
            "total_storage_bytes": total, "total_clips_count": len(clips), "created_at": LONG_AGO,
        },
        f"storage_accounting/{uid}": {"styled_clips_bytes": total, "styled_clips_count": len(clips)},
        f"users/{uid}/credit_transactions/t1": {"timestamp": LONG_AGO, "credits_amount": -3},
        **clips,
    }  # fmt: skip
    for video_id, count in videos.items():
        path = f"users/{uid}/videos/{video_id}"
        own = [clip for key, clip in clips.items() if key.startswith(f"{path}/")]
        documents[path] = {
            "video_id": video_id, "status": "completed", "created_at": LONG_AGO, "updated_at": LONG_AGO,
            "clips_count": count,
            "total_size_bytes": sum(clip["file_size_bytes"] for clip in own),
            "clips_by_style": {"split": count} if count else {},
            "highlights_json_key": f"{prefix}{uid}/{video_id}/highlights.json",
            **({"source_video_r2_key": f"sources/{uid}/{video_id}/source.mp4"} if caches else {}),
        }  # fmt: skip
        documents[f"{path}/highlights/main"] = {
            "highlights": [{"id": 1, "title": "café", "start": "0:01", "end": "0:09"}]
        }
        if count:
            slug = f"slug-{uid}-{video_id}"
            clip_id = f"{video_id}_0_split"
            documents[f"{path}/clips/{clip_id}/shares/config"] = {"slug": slug, "access_level": "public"}
            documents[f"share_slugs/{slug}"] = {"user_id": uid, "video_id": video_id, "clip_id": clip_id}
    return documents


def _clip(uid: str, video_id: str, number: int, prefix: str, *, caches: bool) -> dict[str, Any]:
    stem = f"{prefix}{uid}/{video_id}/clips/clip_01_{number}_a title+%#_split"
    return {
        "clip_id": f"{video_id}_{number}_split", "scene_id": number, "style": "split", "status": "completed",
        "file_size_bytes": 10 + number, "r2_key": f"{stem}.mp4", "thumbnail_r2_key": f"{stem}.jpg",
        **({"raw_r2_key": f"clips/{uid}/{video_id}/raw/{number}.mp4"} if caches else {}), "created_at": LONG_AGO,
    }  # fmt: skip


def user_objects(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[bytes, str]]:
    """Every object that these documents name, with bytes of the size that they say, and its content type; of a video
    with a cached source the neural cache and the transcript too.
    """
    found: dict[str, tuple[bytes, str]] = {}
    for path, fields in documents.items():
        parts = path.split("/")
        if len(parts) == 6 and parts[4] == "clips":
            found[fields["r2_key"]] = (fields["r2_key"].encode().ljust(500)[: fields["file_size_bytes"]], "video/mp4")
            found[fields["thumbnail_r2_key"]] = (b"jpeg of " + fields["r2_key"].encode(), "image/jpeg")
            if "raw_r2_key" in fields:
                found[fields["raw_r2_key"]] = (b"raw " + path.encode(), "video/mp4")
        elif len(parts) == 4 and parts[2] == "videos":
            uid, video_id = parts[1], parts[3]
            found[fields["highlights_json_key"]] = (b'{"highlights": []}', "application/json")
            if "source_video_r2_key" not in fields:
                continue
            found[fields["source_video_r2_key"]] = (b"source", "video/mp4")
            prefix = fields["highlights_json_key"].removesuffix(f"{uid}/{video_id}/highlights.json")
            found[f"{prefix}{uid}/{video_id}/neural/cache.json.gz"] = (b"\x1f\x8b", "application/gzip")
            found[f"{prefix}{uid}/transcripts/{video_id}.txt.gz"] = (b"\x1f\x8bt", "application/gzip")
    return found


def put_documents(rig: FirestoreRig, project: str, documents: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes whole documents by path, past everything that is under test."""
    if isinstance(rig, EmbeddedFirestore):
        rig.server.load(project, documents)
        return
    client, left = rig.client(project), iter(documents.items())
    while part := list(islice(left, _BATCH)):
        batch = client.batch()
        for path, fields in part:
            batch.set(client.document(path), fields)
        batch.commit()
