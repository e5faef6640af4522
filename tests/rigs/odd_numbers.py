"""Customers whose numbers lie at the edges of what Firestore holds, beside ordinary ones."""

from __future__ import annotations

from typing import Any

from tests.rigs.records import clip, user, video

MAX, MIN, EXACT = 2**63 - 1, -(2**63), 2**53
ORDINARY = ("plain-1", "plain-2")
VIDEO = "v1"
# By user: the counters of storage and of clips, and the sizes of the clips.
ODD: dict[str, tuple[Any, Any, list[Any]]] = {
    "at-most": (MAX, MAX, [MAX, 1_000, 5]),
    "at-least": (MIN, MIN, [MIN, -1]),
    "below-zero": (-5, -1, [-5, 10]),
    "no-number": (float("nan"), float("inf"), [float("nan"), float("inf"), 7]),
    "double": (1e300, -1e300, [1e300, 3, -1e300]),
    "inexact": (EXACT + 1, 2, [EXACT + 1, EXACT + 1]),
    "floats": (2_000.0, 2.0, [1_000, 1_000.0]),
}
TRUTH = {"at-most": MAX + 1_005, "at-least": MIN - 1, "below-zero": 5, "no-number": 7, "double": 3,
         "inexact": 2 * EXACT + 2, "floats": 2_000}  # fmt: skip


def key_of(uid: str, number: int) -> str:
    """Where the object of a clip lies."""
    return f"users/{uid}/{VIDEO}/clips/clip_01_{number}_scene_split.mp4"


def documents() -> dict[str, dict[str, Any]]:
    """Each of them with one video, on a plan whose storage limit is as large as a number can be."""
    found: dict[str, dict[str, Any]] = {
        "plans/pro": {"name": "Pro", "limits": {"storage_limit_bytes": MAX, "max_clips_per_month": 1e300}}
    }
    for uid, (size, count, sizes) in {**ODD, **{uid: (2_000, 2, [1_000, 1_000]) for uid in ORDINARY}}.items():
        found[f"users/{uid}"] = user(uid, total_storage_bytes=size, total_clips_count=count)
        found[f"users/{uid}/videos/{VIDEO}"] = video(VIDEO, clips_count=count, total_size_bytes=size)
        found |= {
            f"users/{uid}/videos/{VIDEO}/clips/{VIDEO}_{number}_split": clip(
                VIDEO, number, file_size_bytes=one, r2_key=key_of(uid, number)
            )
            for number, one in enumerate(sizes)
        }
    return found
