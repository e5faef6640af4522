"""Stories of the two-step flow: drafts in each state, and a video made from a draft that nobody created."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from storage.sandbox.world.builder import Story, WorldBuilder, video_id, youtube_id
from storage.sandbox.world.people import uid_of
from storage.sandbox.world.videos import VideoOrder, add_with_clips, clock

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
KEPT = 7 * DAY  # of the free plan


def add_draft_stories(world: WorldBuilder) -> None:
    """Adds all stories of this module."""
    _rendered(world)
    _states(world)


def _rendered(world: WorldBuilder) -> None:
    """Each clip wrote its count; nobody wrote other fields of the video, or its highlights."""
    order = VideoOrder("lucas", "made of a draft", 2 * DAY, highlights="none", title="O fiorde no inverno")
    video, clips = add_with_clips(world, order)
    draft_id = _draft(world, order.handle, "rendered", "completed", order.age, order.title, scenes=len(video.scenes))
    for scene in video.scenes:
        world.put(
            f"users/{video.uid}/analysis_drafts/{draft_id}/scenes/{scene.number}",
            {
                "id": scene.number,
                "analysis_draft_id": draft_id,
                "title": scene.title,
                "start": clock(scene.start),
                "end": clock(scene.end),
                "duration_secs": scene.seconds,
                "pad_before": 1.0,
                "pad_after": 1.0,
                "reason": "Strong opening line and a clear turn within the first seconds.",
            },
        )
    created = world.documents[video.path]["created_at"]
    _charge(world, video.uid, "analysis", 3, "Analyzed: O fiorde no inverno", created, draft_id=draft_id)
    told = {"scene_count": "2", "styles": "intelligent,split"}
    asked = {"draft_id": draft_id, "video_id": video.video_id, "metadata": told}
    _charge(world, video.uid, "scene_processing", 40, "Process 2 scenes (intelligent, split)", created, **asked)
    world.documents[video.path] = {"completed_clips": len(clips), "updated_at": video.rendered_at}
    shows = "Made of a draft: the clips are there and charged, and nobody created the video, so no list shows it"
    found = ("incomplete_video",)
    world.tell(Story("made_of_a_draft", video.uid, shows, video.video_id, verdict="record_incomplete", findings=found))


def _states(world: WorldBuilder) -> None:
    """Drafts alone: one is stalled, one failed, one has expired."""
    _draft(world, "mateo", "stalled", "analyzing", 6 * HOUR, None)
    timeout = "Job failed after 3 retries: Download failed: Connection reset by peer"
    _draft(world, "mateo", "failed", "failed", DAY, None, error_message=timeout)
    _draft(world, "mateo", "expired", "completed", 40 * DAY, "Cuaderno de viaje", scenes=4)
    shows = "Drafts: an analysis that stands still since six hours, one that failed, and one that has expired"
    world.tell(Story("drafts", uid_of("mateo"), shows))


def _draft(
    world: WorldBuilder,
    handle: str,
    name: str,
    status: str,
    age: timedelta,
    title: str | None,
    *,
    scenes: int = 0,
    **changes: Any,
) -> str:
    uid = uid_of(handle)
    draft_id, created = video_id(uid, f"draft {name}"), world.now - age
    fields = {
        "id": draft_id,
        "user_id": uid,
        "source_url": f"https://www.youtube.com/watch?v={youtube_id(f'{uid}/{name}')}",
        "status": status,
        "scene_count": scenes,
        "warning_count": 0,
        "created_at": created,
        "updated_at": created,
        "expires_at": created + KEPT,
        **({"video_title": title} if title else {}),
        **changes,
    }
    world.put(f"users/{uid}/analysis_drafts/{draft_id}", fields)
    return draft_id


def _charge(
    world: WorldBuilder, uid: str, kind: str, amount: int, description: str, at: datetime, **names: Any
) -> None:
    identity = video_id(uid, f"charge {kind} {names}")
    world.put(
        f"users/{uid}/credit_transactions/{identity}",
        {
            "id": identity,
            "user_id": uid,
            "timestamp": at,
            "operation_type": kind,
            "credits_amount": amount,
            "description": description,
            "balance_after": amount,
            "created_at": at,
            **names,
        },
    )
