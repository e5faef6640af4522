"""Where each document lies in Firestore: no id leads elsewhere, whatever it holds, and none is changed on the way."""

from __future__ import annotations

from storage.errors import BadInput
from storage.ids import check_stored_id


def user_path(uid: str) -> str:
    """`users/{uid}`; raises `BadInput` like all of these."""
    return f"users/{check_stored_id(uid, 'uid')}"


def video_path(uid: str, video_id: str) -> str:
    """`users/{uid}/videos/{video_id}`."""
    return f"{user_path(uid)}/videos/{check_stored_id(video_id, 'video_id')}"


def clip_path(uid: str, video_id: str, clip_id: str) -> str:
    """`users/{uid}/videos/{video_id}/clips/{clip_id}`."""
    return f"{video_path(uid, video_id)}/clips/{check_stored_id(clip_id, 'clip_id')}"


def highlights_path(uid: str, video_id: str) -> str:
    """`users/{uid}/videos/{video_id}/highlights/main`."""
    return f"{video_path(uid, video_id)}/highlights/main"


def accounting_path(uid: str) -> str:
    """`storage_accounting/{uid}`."""
    return f"storage_accounting/{check_stored_id(uid, 'uid')}"


def plan_path(plan_id: str) -> str:
    """`plans/{plan_id}`."""
    return f"plans/{check_stored_id(plan_id, 'plan_id')}"


def document_path(path: str) -> str:
    """Any document's path, unchanged: pairs of collection and document id, each of them checked."""
    segments = path.split("/")
    if len(segments) % 2:
        raise BadInput(
            f"path {path[:80]!r} is not a document's: it has {len(segments)} parts",
            field_name="path",
            remedy="Give collection and id in turns, as users/UID/videos/VIDEO_ID.",
        )
    for segment in segments:
        check_stored_id(segment, "path")
    return path
