"""Stories about quotas, counters, shares and caches."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

from storage.sandbox.world.accounts import STORAGE_LIMITS, month, uid_of
from storage.sandbox.world.clips import Clip, add_clip, add_with_clips
from storage.sandbox.world.draft import LAYOUT, Draft, letters
from storage.sandbox.world.model import Story
from storage.sandbox.world.scenes import make_scenes
from storage.sandbox.world.videos import ABSENT, Order, Video, add_video

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def add_usage_stories(draft: Draft) -> None:
    """All of them."""
    _filled(draft, "olga", 1.08, clips_used_this_month=23)
    draft.tell(
        Story("over_quota", uid_of("olga"), "Over both limits: storage at some 110 %, 23 of 20 clips this month")
    )
    _filled(draft, "tomas", 0.85, clips_used_this_month=17)
    draft.tell(Story("near_limit", uid_of("tomas"), "Near both limits: storage and clips at some 85 %"))
    _plans(draft)
    _drift(draft)
    _incomplete(draft)
    _shares(draft)
    _caches(draft)


def _filled(draft: Draft, handle: str, part: float, **used: int) -> None:
    """Adds videos until the customer's clips pass that part of the free plan's storage."""
    total, number, goal = 0, 0, part * STORAGE_LIMITS["free"]
    titles = ("La feria de abril", "Sopa de ajo", "Коли квітне каштан", "Тиха гавань")
    while total < goal:
        title = f"{titles[number % 2 + (0 if handle == 'tomas' else 2)]} {number + 1}"
        video = add_video(draft, Order(handle, f"filler {number}", (6 + 5 * number) * DAY, scenes=3, title=title))
        made = 0
        for wanted in video.ordered():
            if total >= goal:
                break
            total += add_clip(draft, video, *wanted).size
            made += 1
        draft.documents[video.path] |= {"expected_clips": made, "completed_clips": made}
        number += 1
    draft.documents[f"users/{uid_of(handle)}"] |= used


def _plans(draft: Draft) -> None:
    tell = draft.tell
    tell(
        Story("unknown_plan", uid_of("ahmed"), "The plan 'enterprise-2023' is unknown: it counts as free, and says so")
    )
    tell(Story("plan_in_capitals", uid_of("chloe"), "The plan is written 'PRO'"))
    tell(Story("half_plan_document", uid_of("priya"), "The plan document states one limit; the others are defaults"))
    tell(Story("limit_of_zero", uid_of("viktor"), "A plan that allows nothing, with something used: no percentage"))
    tell(Story("last_month", uid_of("yuki"), "The monthly counters are last month's, so nothing counts as used"))
    tell(Story("credits_and_clips", uid_of("giulia"), "The user document carries clips and credits; both are shown"))
    tell(Story("no_accounting", uid_of("first"), "No storage_accounting document: the user's own counter is enforced"))
    tell(Story("null_email", uid_of("anonymous"), "The e-mail address is null"))
    tell(Story("no_videos", uid_of("newcomer"), "Signed up yesterday, no video yet"))
    tell(Story("prefix_of_another", uid_of("first"), "The uid 'u1' is the beginning of another customer's, 'u10'"))
    tell(Story("prefixed_by_another", uid_of("tenth"), "The uid 'u10' begins with another customer's, 'u1'"))
    tell(Story("uid_with_a_bar", uid_of("oauth"), "The uid is an identity provider's, with '|' in it"))
    tell(Story("superadmin", uid_of("support"), "A superadmin of the product"))
    draft.documents[f"users/{uid_of('giulia')}"] |= {"clips_used_this_month": 431, "credits_used_this_month": 1_260}
    draft.documents[f"users/{uid_of('yuki')}"] |= {
        "usage_reset_month": month(draft.now, 1),
        "credits_used_this_month": 3_980,
    }


def _drift(draft: Draft) -> None:
    """Three lost updates and a failed delete, each of which reached other counters."""
    uid = uid_of("sofia")
    draft.shift(f"users/{uid}", total_storage_bytes=1_310_720, total_clips_count=4)
    draft.shift(f"storage_accounting/{uid}", styled_clips_bytes=-262_144, styled_clips_count=-1)
    videos: list[Video] = []
    for number, title in enumerate(("El faro de noche", "Cartas a nadie")):
        video, _ = add_with_clips(draft, Order("sofia", f"drift {number}", (12 + number) * DAY, title=title))
        videos.append(video)
    draft.shift(videos[0].path, clips_count=-1)
    draft.shift(videos[1].path, total_size_bytes=524_288)
    draft.documents[videos[1].path]["clips_by_style"] = {"intelligent": 3, "split": 2}
    shows = "The counters of the user, of the accounting and of two videos are wrong, each by another amount"
    draft.tell(Story("drift", uid, shows))
    draft.tell(
        Story("drift_count", uid, "The video's clips_count is one too low", videos[0].video_id, verdict="healthy")
    )
    draft.tell(
        Story(
            "drift_bytes",
            uid,
            "The video's total_size_bytes is 512 KiB too high",
            videos[1].video_id,
            verdict="healthy",
        )
    )


def _incomplete(draft: Draft) -> None:
    order = Order("mateo", "without times", 40 * DAY, title="Cuaderno sin fecha")
    video, _ = add_with_clips(draft, order, created_at=ABSENT, updated_at=ABSENT)
    shows = "The document lacks created_at and updated_at, so a query ordered by them leaves it out"
    draft.tell(Story("without_times", video.uid, shows, video.video_id, verdict="healthy"))
    video, _ = add_with_clips(
        draft, Order("mateo", "without touch", 30 * DAY, title="Ruido de fondo"), updated_at=ABSENT
    )
    draft.tell(
        Story("without_updated_at", video.uid, "The document lacks updated_at", video.video_id, verdict="healthy")
    )


def _shares(draft: Draft) -> None:
    order = Order("zoe", "shared", 11 * DAY, scenes=2, title="Nachtzug nach Łódź 🚂")
    video, clips = add_with_clips(draft, order)
    kinds = (("live", {"expires_at": draft.now + 14 * DAY}), ("expired", {"expires_at": draft.now - DAY}))
    for clip, (kind, changes) in zip(clips, (*kinds, ("disabled", {"disabled_at": draft.now - 2 * DAY})), strict=False):
        slug = _share(draft, video, clip.clip_id, f"share {kind}", **changes)
        draft.documents[f"{clip.path}/shares/config"] = {**draft.documents[f"share_slugs/{slug}"], "share_slug": slug}
        shows = f"A public share link that is {kind}: share_slugs/{slug}"
        draft.tell(Story(f"share_{kind}", video.uid, shows, video.video_id, clip.clip_id, "healthy", key=clip.key))
    slug = _share(draft, video, f"{video.video_id}_9_split", "share dangling", expires_at=draft.now + 30 * DAY)
    shows = f"A public share link to a clip that was deleted: share_slugs/{slug}"
    draft.tell(Story("share_dangling", video.uid, shows, video.video_id, f"{video.video_id}_9_split", "healthy"))


def _share(draft: Draft, video: Video, clip_id: str, name: str, **changes: object) -> str:
    slug = letters(f"{name}/{clip_id}", 12)
    fields = {
        "user_id": video.uid,
        "video_id": video.video_id,
        "clip_id": clip_id,
        "access_level": "view_playback",
        "created_at": video.rendered_at,
        "expires_at": None,
        "disabled_at": None,
    }
    draft.put(f"share_slugs/{slug}", {**fields, **changes})
    return slug


def _caches(draft: Draft) -> None:
    order = Order("ravi", "with caches", 12 * HOUR, scenes=3, title="मानसून की पहली रात")
    video, clips = add_with_clips(draft, order)
    _raw_segments(draft, video, clips)
    for name in ("faces", "speakers", "motion"):
        body = gzip.compress(json.dumps({"model": name, "frames": list(range(0, 2_400, 3))}).encode(), mtime=0)
        draft.store(LAYOUT.neural_key(video.uid, video.video_id, name), body, "application/gzip", video.rendered_at)
    for number in range(3):
        scenes = make_scenes(draft, "hi", f"transcript {number}", 3)
        body = gzip.compress("\n".join(scene.title for scene in scenes).encode(), mtime=0)
        key = LAYOUT.transcript_key(video.uid, letters(f"transcript {number}", 16).lower())
        draft.store(key, body, "application/gzip", draft.now - number * DAY)
    shows = "Source, raw segments, neural cache and transcripts lie in the bucket beside the billed clips"
    draft.tell(Story("caches", video.uid, shows, video.video_id, verdict="healthy"))
    video, _ = add_with_clips(draft, Order("ravi", "overdue cache", 5 * DAY, title="लौटते हुए परिंदे"))
    key = LAYOUT.source_key(video.uid, video.video_id)
    draft.store(key, "source.mp4", "video/mp4", video.analyzed_at)
    shows = "The cached source video expired four days ago and is still in the bucket"
    draft.tell(Story("overdue_cache", video.uid, shows, video.video_id, verdict="healthy", key=key))


def _raw_segments(draft: Draft, video: Video, clips: list[Clip]) -> None:
    for scene in video.scenes:
        key = LAYOUT.raw_key(video.uid, video.video_id, f"scene_{scene.number}")
        draft.store(key, f"clip_{scene.letter}.mp4", "video/mp4", video.analyzed_at)
        for clip in clips:
            if draft.documents[clip.path]["scene_id"] == scene.number:
                draft.documents[clip.path]["raw_r2_key"] = key
