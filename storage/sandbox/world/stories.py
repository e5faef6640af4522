"""Stories for `diagnose` (every verdict that data alone can cause, each on a video of its own), and about usage.

The stories about usage cover quotas, counters, shares and caches.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import timedelta

from storage.domain.layout import TOP_SCENES, ClipName
from storage.sandbox.world.builder import LAYOUT, Fields, Story, WorldBuilder, letters
from storage.sandbox.world.people import STORAGE_LIMITS, month, uid_of
from storage.sandbox.world.videos import (
    ABSENT,
    AddedClip,
    AddedVideo,
    VideoOrder,
    add_clip,
    add_video,
    add_with_clips,
    make_scenes,
    progress,
    unfinished_clip,
)

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FAILURES = (
    (
        "failed_transient",
        "failed_timeout",
        "Job failed after 3 retries: Transcript request timed out after 120 s",
    ),
    (
        "failed_transient",
        "failed_server_error",
        "Job failed after 3 retries: AI analysis failed: HTTP 503 Service Unavailable",
    ),
    (
        "failed_permanent",
        "failed_age_restricted",
        "Video cannot be processed: Download failed: Sign in to confirm your age. This video may be inappropriate",
    ),
    (
        "failed_permanent",
        "failed_private",
        "Video cannot be processed: Download failed: Private video. Sign in if you've been granted access to it",
    ),
)


def add_stuck_stories(world: WorldBuilder) -> None:
    """Adds all stories for `diagnose`."""
    _healthy(world)
    _waiting_for_analysis(world)
    _without_status(world)
    _status_stuck(world)
    _rendering(world)
    _highlights_gone(world)
    _highlights_in_one_place(world)
    _highlights_unusable(world)
    _clips_missing(world)
    _failed(world)
    _source_expired(world)


def _tell(
    world: WorldBuilder, name: str, video: AddedVideo, verdict: str, shows: str, *findings: str, key: str | None = None
) -> None:
    world.tell(Story(name, video.uid, shows, video.video_id, verdict=verdict, findings=findings, key=key))


def _healthy(world: WorldBuilder) -> None:
    title = "Über Brücken — café, naïveté & Fjordlichter"
    video, clips = add_with_clips(world, VideoOrder("zoe", "healthy", 9 * DAY, scenes=3, title=title))
    shows = "Everything in place: the highlights, and six clips with thumbnails"
    world.tell(Story("healthy", video.uid, shows, video.video_id, verdict="healthy", key=clips[0].key))
    video = add_video(world, VideoOrder("zoe", "analyzed", 2 * DAY, "analyzed", title="Warum Züge singen"))
    _tell(world, "analyzed", video, "healthy", "Analysed, nothing rendered yet: nothing is wrong")


def _waiting_for_analysis(world: WorldBuilder) -> None:
    order = VideoOrder(
        "dmitry", "waiting", 3 * MINUTE, "processing", highlights="none", title="Как устроен ночной поезд"
    )
    video = add_video(world, order)
    world.live[video.path] = {"created_at": 3 * MINUTE, "updated_at": 3 * MINUTE}
    _tell(world, "waiting", video, "waiting", "Begun three minutes ago, no highlights yet: the worker is at it")
    order = VideoOrder(
        "layla", "analysis stalled", 5 * HOUR, "processing", highlights="none", title="لماذا نحب المدن القديمة"
    )
    video = add_video(world, order, source_video_status="pending")
    _tell(world, "analysis_stalled", video, "analysis_stalled", "No highlights, and nothing has moved for five hours")


def _without_status(world: WorldBuilder) -> None:
    order = VideoOrder(
        "katya", "without status", 9 * HOUR, "processing", highlights="none", title="Голоса старого двора"
    )
    video = add_video(world, order, status=ABSENT, source_video_status="pending")
    shows = "The document has no status, which counts as processing; no query by status finds it, verify names it"
    _tell(world, "without_status", video, "analysis_stalled", shows, "incomplete_video")


def _status_stuck(world: WorldBuilder) -> None:
    video = add_video(world, VideoOrder("noam", "status stuck", 6 * HOUR, "processing", title="סוד הקפה של סבתא"))
    shows = "The highlights were written six hours ago, the status stayed 'processing', nothing was rendered"
    _tell(world, "status_stuck", video, "status_stuck", shows)
    order = VideoOrder("noam", "status stuck with clips", 11 * HOUR, "processing", title="שלושה ימים במדבר")
    touched = world.now - order.age + 12 * MINUTE
    video, _ = add_with_clips(world, order, updated_at=touched)
    world.documents[video.path]["processing_progress"] = progress(video, 4, touched - 6 * MINUTE, touched)
    shows = "All four expected clips are there since eleven hours; only the status was never set"
    _tell(world, "status_stuck_clips", video, "status_stuck", shows)


def _rendering(world: WorldBuilder) -> None:
    order = VideoOrder("priya", "rendering", 9 * MINUTE, "processing", scenes=4, made=3, title="सुबह पाँच बजे की चाय 🍵")
    touched = world.now - timedelta(seconds=40)
    video, _ = add_with_clips(world, order, updated_at=touched)
    world.documents[video.path]["processing_progress"] = progress(video, 3, world.now - 5 * MINUTE, touched)
    changes = unfinished_clip({"created_at": touched, "updated_at": touched})
    clip = add_clip(world, video, *video.ordered()[3], has_object=False, has_thumbnail=False, **changes)
    short = timedelta(seconds=40)
    world.live[video.path] = {
        "created_at": 9 * MINUTE,
        "updated_at": short,
        "processing_progress.started_at": 5 * MINUTE,
        "processing_progress.updated_at": short,
    }
    world.live[clip.path] = {"created_at": short, "updated_at": short}
    _tell(world, "rendering", video, "rendering", "Three of eight clips are done, and progress moved 40 seconds ago")
    order = VideoOrder("wei", "render stalled", 4 * HOUR, "processing", scenes=3, made=2, title="雨夜里的出租车司机")
    touched = world.now - timedelta(minutes=95)
    video, _ = add_with_clips(world, order, updated_at=touched)
    world.documents[video.path]["processing_progress"] = progress(video, 2, touched - 3 * MINUTE, touched)
    _tell(world, "render_stalled", video, "render_stalled", "Two of six clips, then no touch for 95 minutes")


def _highlights_gone(world: WorldBuilder) -> None:
    order = VideoOrder("haruka", "highlights missing", 4 * DAY, highlights="none", title="静かな朝の市場")
    video, _ = add_with_clips(world, order, highlights_count=2)
    shows = "Completed with intact clips, but without highlights: the customer still reads 'being processed'"
    _tell(
        world, "highlights_missing", video, "highlights_missing", shows, "missing_highlights", key=video.highlights_key
    )
    order = replace(
        order, name="highlights missing, analyzed", status="analyzed", age=3 * DAY, title="夜行列車の窓から"
    )
    video = add_video(world, order, highlights_count=2)
    shows = "Analysed says the status, but the highlights are in neither place"
    _tell(
        world,
        "highlights_missing_analyzed",
        video,
        "highlights_missing",
        shows,
        "missing_highlights",
        key=video.highlights_key,
    )


def _highlights_in_one_place(world: WorldBuilder) -> None:
    video, _ = add_with_clips(world, VideoOrder("haruka", "document only", 6 * DAY, title="珈琲と雨音"))
    shows = "The document highlights/main has the highlights, and there is no file: that is how it should be"
    _tell(world, "highlights_document_only", video, "healthy", shows)
    for number, title in enumerate(("Vintern på Gotland", "Sillens väg")):
        order = VideoOrder("bjorn", f"file only {number}", (20 + number) * DAY, highlights="object", title=title)
        video, _ = add_with_clips(world, order)
        shows = "Of the older product: the highlights are in highlights.json alone, which is not read any more"
        name = "highlights_file_only" if number == 0 else f"highlights_file_only_{number + 1}"
        _tell(world, name, video, "highlights_missing", shows, "missing_highlights")


def _highlights_unusable(world: WorldBuilder) -> None:
    for number, (kind, entries, shows) in enumerate(
        (("no_list", "pending", "a text instead of a list"), ("empty_list", [], "a list without entries"))
    ):
        order = VideoOrder(
            "minjun", f"highlights {kind}", (6 + number) * DAY, "analyzed", title=f"강릉 {number + 1}일차"
        )
        video = add_video(world, order)
        world.documents[f"{video.path}/highlights/main"]["highlights"] = entries
        shows = f"highlights/main has {shows}"
        findings = () if kind == "empty_list" else ("invalid_highlights",)
        _tell(world, f"highlights_{kind}", video, "highlights_invalid", shows, *findings)
    cut_off = b'{"highlights": [{"id": 1, "title": "\xea\xb2\xb0\xec\xa0\x95", "start": "00:0'
    for number, (kind, body, shows) in enumerate(
        (
            ("truncated", cut_off, "cut off in the middle"),
            ("not_json", b"<html><body>502 Bad Gateway</body></html>", "an error page instead of JSON"),
            ("zero_bytes", b"", "a file of 0 bytes"),
        )
    ):
        title = f"강릉 {number + 3}일차"
        video = add_video(
            world, VideoOrder("minjun", f"highlights {kind}", (8 + number) * DAY, "analyzed", title=title)
        )
        world.store(video.highlights_key, body, "application/json", video.analyzed_at)
        shows = f"highlights.json is {shows}; nobody reads it, for the document has the highlights"
        _tell(world, f"highlights_{kind}", video, "healthy", shows, key=video.highlights_key)


def _clips_missing(world: WorldBuilder) -> None:
    video = add_video(world, VideoOrder("ines", "clips missing", 5 * DAY, title="A última padaria da rua"))
    for number, scene, style in video.ordered():
        clip = add_clip(world, video, number, scene, style, has_object=number != 2)
        if number == 2:
            gone = clip
    shows = "Completed, but the object of one of four clips is not in the bucket (its thumbnail is)"
    story = Story("clips_missing", video.uid, shows, video.video_id, gone.clip_id, "clips_missing", key=gone.key)
    world.tell(replace(story, findings=("missing_object",)))
    video = add_video(world, VideoOrder("ines", "clips differ", 8 * DAY, title="Caderno de viagem: Açores"))
    for number, scene, style in video.ordered():
        changes: Fields = {"file_size_bytes": 9_437_184, "file_size_mb": 9.0} if number == 3 else {}
        clip = add_clip(world, video, number, scene, style, **changes)
        if number == 3:
            other = clip
    shows = "Completed, but one object is smaller than its document says: an upload that broke off"
    story = Story("clips_differ", video.uid, shows, video.video_id, other.clip_id, "clips_missing", key=other.key)
    world.tell(replace(story, findings=("size_mismatch",)))


def _failed(world: WorldBuilder) -> None:
    for number, (verdict, name, message) in enumerate(FAILURES):
        order = VideoOrder(
            "emeka",
            name,
            (5 + 7 * number) * HOUR,
            "failed",
            highlights="none",
            title=f"Lagos at Night, part {number + 1}",
        )
        at = world.now - order.age + 3 * MINUTE
        changes = {"error_message": message, "failed_at": at, "updated_at": at, "source_video_status": "failed"}
        video = add_video(world, order, **changes, source_video_error=message)
        _tell(world, name, video, verdict, f"Failed: {message}")
    message = (
        "Video cannot be processed: Quota exceeded: Storage quota exceeded "
        "(plan: free, limit_bytes: 1073741824, estimated_clip_bytes: 52428800)"
    )
    order = VideoOrder("olga", "quota blocked", 2 * HOUR, "failed", title="Розмова про каву і дощ")
    video = add_video(world, order, error_message=message)
    _tell(world, "quota_blocked", video, "quota_blocked", "Refused before rendering: the customer is over the quota")


def _source_expired(world: WorldBuilder) -> None:
    message = "Job failed after 3 retries: Download failed: HTTP Error 403: Forbidden"
    order = VideoOrder("ravi", "source expired", 2 * DAY, "failed", title="गंगा के किनारे एक शाम")
    video = add_video(world, order, error_message=message, source_video_status="expired", source_video_error=message)
    shows = "Highlights are there; the cached source video had expired and could not be fetched again"
    _tell(
        world,
        "source_expired",
        video,
        "failed_transient",
        shows,
        key=video.layout.source_key(video.uid, video.video_id),
    )


def add_usage_stories(world: WorldBuilder) -> None:
    """Adds all stories about quotas, counters, shares and caches."""
    _filled(world, "olga", 1.08, credits_used_this_month=214)
    world.tell(
        Story("over_quota", uid_of("olga"), "Over both limits: storage at some 110 %, 214 of 200 credits this month")
    )
    _filled(world, "tomas", 0.85, credits_used_this_month=170)
    world.tell(Story("near_limit", uid_of("tomas"), "Near both limits: storage and credits at some 85 %"))
    _plans(world)
    _drift(world)
    _incomplete(world)
    _shares(world)
    _deleted_shared_clip(world)
    _top_scenes(world)
    _caches(world)


def _filled(world: WorldBuilder, handle: str, part: float, **used: int) -> None:
    """Adds videos until the customer's clips exceed that part of the free plan's storage."""
    total, number, goal = 0, 0, part * STORAGE_LIMITS["free"]
    titles = ("La feria de abril", "Sopa de ajo", "Коли квітне каштан", "Тиха гавань")
    while total < goal:
        title = f"{titles[number % 2 + (0 if handle == 'tomas' else 2)]} {number + 1}"
        video = add_video(world, VideoOrder(handle, f"filler {number}", (6 + 5 * number) * DAY, scenes=3, title=title))
        for wanted in video.ordered():
            if total >= goal:
                break
            total += add_clip(world, video, *wanted).size
        number += 1
    world.documents[f"users/{uid_of(handle)}"] |= used


def _plans(world: WorldBuilder) -> None:
    tell = world.tell
    tell(
        Story("unknown_plan", uid_of("ahmed"), "The plan 'enterprise-2023' is unknown: it counts as free, and says so")
    )
    tell(Story("plan_in_capitals", uid_of("chloe"), "The plan is written 'PRO'"))
    tell(Story("half_plan_document", uid_of("priya"), "The plan document states one limit; the others are defaults"))
    tell(Story("limit_of_zero", uid_of("viktor"), "A plan that allows nothing, with something used: no percentage"))
    tell(Story("last_month", uid_of("yuki"), "The monthly counters are last month's, so nothing counts as used"))
    tell(Story("credits_and_clips", uid_of("giulia"), "The user document carries clips and credits; both are shown"))
    shows = "The user's own counters are 0, for nothing raises them any more; the accounting beside them is right"
    tell(Story("dead_counters", uid_of("mateo"), shows))
    tell(Story("no_accounting", uid_of("first"), "No storage_accounting document: the user's own counter is enforced"))
    tell(Story("null_email", uid_of("anonymous"), "The document has no e-mail address"))
    tell(Story("no_videos", uid_of("newcomer"), "Signed up yesterday, no video yet"))
    tell(Story("prefix_of_another", uid_of("first"), "The uid 'u1' is the beginning of another customer's, 'u10'"))
    tell(Story("prefixed_by_another", uid_of("tenth"), "The uid 'u10' begins with another customer's, 'u1'"))
    tell(Story("uid_with_a_bar", uid_of("oauth"), "The uid is an identity provider's, with '|' in it"))
    tell(Story("superadmin", uid_of("support"), "A superadmin of the product"))
    world.documents[f"users/{uid_of('giulia')}"] |= {"clips_used_this_month": 431, "credits_used_this_month": 1_260}
    world.documents[f"users/{uid_of('yuki')}"] |= {
        "usage_reset_month": month(world.now, 1),
        "credits_used_this_month": 3_980,
    }


def _drift(world: WorldBuilder) -> None:
    """Three lost updates and a failed delete; the user's own counters still have the values of an old recalculation."""
    uid = uid_of("sofia")
    world.shift(f"users/{uid}", total_storage_bytes=1_310_720, total_clips_count=4)
    world.shift(f"storage_accounting/{uid}", styled_clips_bytes=-262_144, styled_clips_count=-1)
    videos: list[AddedVideo] = []
    for number, title in enumerate(("El faro de noche", "Cartas a nadie")):
        video, _ = add_with_clips(world, VideoOrder("sofia", f"drift {number}", (12 + number) * DAY, title=title))
        videos.append(video)
    world.shift(videos[0].path, clips_count=-1)
    world.shift(videos[1].path, total_size_bytes=524_288)
    world.documents[videos[1].path]["clips_by_style"] = {"intelligent": 3, "split": 2}
    shows = "The counters of the user, of the accounting and of two videos are wrong, each by another amount"
    world.tell(Story("drift", uid, shows))
    world.tell(
        Story("drift_count", uid, "The video's clips_count is one too low", videos[0].video_id, verdict="healthy")
    )
    world.tell(
        Story(
            "drift_bytes",
            uid,
            "The video's total_size_bytes is 512 KiB too high",
            videos[1].video_id,
            verdict="healthy",
        )
    )


def _incomplete(world: WorldBuilder) -> None:
    order = VideoOrder("mateo", "without times", 40 * DAY, title="Cuaderno sin fecha")
    video, _ = add_with_clips(world, order, created_at=ABSENT, updated_at=ABSENT)
    shows = "The document lacks created_at and updated_at, so a query ordered by them leaves it out"
    found = ("incomplete_video",)
    world.tell(Story("without_times", video.uid, shows, video.video_id, verdict="record_incomplete", findings=found))
    video, _ = add_with_clips(
        world, VideoOrder("mateo", "without touch", 30 * DAY, title="Ruido de fondo"), updated_at=ABSENT
    )
    world.tell(
        Story("without_updated_at", video.uid, "The document lacks updated_at", video.video_id, verdict="healthy")
    )


def _shares(world: WorldBuilder) -> None:
    order = VideoOrder("zoe", "shared", 11 * DAY, scenes=2, title="Nachtzug nach Łódź 🚂")
    video, clips = add_with_clips(world, order)
    kinds = (("live", {"expires_at": world.now + 14 * DAY}), ("expired", {"expires_at": world.now - DAY}))
    for clip, (kind, changes) in zip(clips, (*kinds, ("disabled", {"disabled_at": world.now - 2 * DAY})), strict=False):
        slug = _share(world, video, clip.clip_id, f"share {kind}", **changes)
        settings = {**world.documents[f"share_slugs/{slug}"], "watermark_enabled": False}
        world.put(f"{clip.path}/shares/config", settings)
        shows = f"A public share link that is {kind}: share_slugs/{slug}"
        world.tell(Story(f"share_{kind}", video.uid, shows, video.video_id, clip.clip_id, "healthy", key=clip.key))
    slug = _share(world, video, f"{video.video_id}_9_split", "share dangling", expires_at=world.now + 30 * DAY)
    shows = f"A public share link to a clip that was deleted: share_slugs/{slug}"
    gone = f"{video.video_id}_9_split"
    world.tell(Story("share_dangling", video.uid, shows, video.video_id, gone, "healthy", ("dangling_share",)))


def _deleted_shared_clip(world: WorldBuilder) -> None:
    """A deleted clip as the product leaves it: the link is gone with the clip, but its share settings remain."""
    video, _ = add_with_clips(world, VideoOrder("layla", "deleted shared clip", 13 * DAY, title="مقهى على الرصيف"))
    gone = f"{video.video_id}_8_split"
    slug = _share(world, video, gone, "deleted share")
    settings = {**world.documents.pop(f"share_slugs/{slug}"), "watermark_enabled": False}
    world.put(f"{video.path}/clips/{gone}/shares/config", settings)
    shows = "Below a clip that was deleted the settings of its share are left: that is no clip, and counts as none"
    story = Story("deleted_shared_clip", video.uid, shows, video.video_id, None, "healthy", ("phantom_parent",))
    world.tell(story)


def _share(world: WorldBuilder, video: AddedVideo, clip_id: str, name: str, **changes: object) -> str:
    slug = letters(f"{name}/{clip_id}", 12)
    fields = {
        "share_slug": slug,
        "user_id": video.uid,
        "video_id": video.video_id,
        "clip_id": clip_id,
        "access_level": "view_playback",
        "created_at": video.rendered_at,
    }
    world.put(f"share_slugs/{slug}", {**fields, **changes})
    return slug


def _top_scenes(world: WorldBuilder) -> None:
    """A compilation: it has no single scene, and its name has the time of the request."""
    order = VideoOrder("lin", "top scenes", 3 * DAY, scenes=3, styles=("streamer",), title="夜市直播精华")
    video, _ = add_with_clips(world, order)
    moment = "20251201_101500"
    stem = f"top_3_scenes_night_market_{moment}_{TOP_SCENES}"
    clip = add_clip(
        world,
        video,
        0,
        replace(video.scenes[0], number=0, title="Top 3 Scenes"),
        TOP_SCENES,
        clip_id=f"{video.video_id}_compilation_{moment}_{TOP_SCENES}",
        name=ClipName(0, 0, "night_market", TOP_SCENES, written=stem),
    )
    shows = "Beside three clips a Top Scenes compilation, which plays like any other"
    world.tell(Story("top_scenes", video.uid, shows, video.video_id, clip.clip_id, "healthy", key=clip.key))


def _caches(world: WorldBuilder) -> None:
    order = VideoOrder("ravi", "with caches", 12 * HOUR, scenes=3, title="मानसून की पहली रात")
    video, clips = add_with_clips(world, order)
    _raw_segments(world, video, clips)
    for name in ("faces", "speakers", "motion"):
        body = gzip.compress(json.dumps({"model": name, "frames": list(range(0, 2_400, 3))}).encode(), mtime=0)
        world.store(LAYOUT.neural_key(video.uid, video.video_id, name), body, "application/gzip", video.rendered_at)
    for number in range(3):
        scenes = make_scenes(world, "hi", f"transcript {number}", 3)
        body = gzip.compress("\n".join(scene.title for scene in scenes).encode(), mtime=0)
        key = LAYOUT.transcript_key(video.uid, letters(f"transcript {number}", 16).lower())
        world.store(key, body, "application/gzip", world.now - number * DAY)
    key = LAYOUT.silence_removed_key(video.uid, video.video_id, "1")
    world.store(key, "clip_a.mp4", "video/mp4", video.rendered_at)
    world.store(f"{video.uid}/{video.video_id}/source.mp4", "source.mp4", "video/mp4", video.analyzed_at)
    shows = "Sources, raw and silence-free segments, neural cache and transcripts lie beside the billed clips"
    world.tell(Story("caches", video.uid, shows, video.video_id, verdict="healthy"))
    video, _ = add_with_clips(world, VideoOrder("ravi", "overdue cache", 5 * DAY, title="लौटते हुए परिंदे"))
    key = LAYOUT.source_key(video.uid, video.video_id)
    world.store(key, "source.mp4", "video/mp4", video.analyzed_at)
    shows = "The cached source video expired four days ago and is still in the bucket"
    world.tell(Story("overdue_cache", video.uid, shows, video.video_id, verdict="healthy", key=key))


def _raw_segments(world: WorldBuilder, video: AddedVideo, clips: list[AddedClip]) -> None:
    for scene in video.scenes:
        key = LAYOUT.raw_key(video.uid, video.video_id, f"scene_{scene.number}")
        world.store(key, f"clip_{scene.letter}.mp4", "video/mp4", video.analyzed_at)
        for clip in clips:
            if world.documents[clip.path]["scene_id"] == scene.number:
                world.documents[clip.path]["raw_r2_key"] = key
