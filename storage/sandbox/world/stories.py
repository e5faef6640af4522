"""Stories for `diagnose` (every verdict that data alone can cause, each on a video of its own), and about usage.

The stories about usage cover quotas, counters, shares and caches.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import timedelta

from storage.domain.layout import TOP_SCENES, ClipName
from storage.sandbox.world.builder import LAYOUT, Draft, Fields, Story, letters
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


def add_stuck_stories(draft: Draft) -> None:
    """Adds all stories for `diagnose`."""
    _healthy(draft)
    _waiting_for_analysis(draft)
    _without_status(draft)
    _status_stuck(draft)
    _rendering(draft)
    _highlights_gone(draft)
    _highlights_in_one_place(draft)
    _highlights_unusable(draft)
    _clips_missing(draft)
    _failed(draft)
    _source_expired(draft)


def _tell(
    draft: Draft, name: str, video: AddedVideo, verdict: str, shows: str, *findings: str, key: str | None = None
) -> None:
    draft.tell(Story(name, video.uid, shows, video.video_id, verdict=verdict, findings=findings, key=key))


def _healthy(draft: Draft) -> None:
    title = "Über Brücken — café, naïveté & Fjordlichter"
    video, clips = add_with_clips(draft, VideoOrder("zoe", "healthy", 9 * DAY, scenes=3, title=title))
    shows = "Everything in place: the highlights, and six clips with thumbnails"
    draft.tell(Story("healthy", video.uid, shows, video.video_id, verdict="healthy", key=clips[0].key))
    video = add_video(draft, VideoOrder("zoe", "analyzed", 2 * DAY, "analyzed", title="Warum Züge singen"))
    _tell(draft, "analyzed", video, "healthy", "Analysed, nothing rendered yet: nothing is wrong")


def _waiting_for_analysis(draft: Draft) -> None:
    order = VideoOrder(
        "dmitry", "waiting", 3 * MINUTE, "processing", highlights="none", title="Как устроен ночной поезд"
    )
    video = add_video(draft, order)
    draft.live[video.path] = {"created_at": 3 * MINUTE, "updated_at": 3 * MINUTE}
    _tell(draft, "waiting", video, "waiting", "Begun three minutes ago, no highlights yet: the worker is at it")
    order = VideoOrder(
        "layla", "analysis stalled", 5 * HOUR, "processing", highlights="none", title="لماذا نحب المدن القديمة"
    )
    video = add_video(draft, order, source_video_status="pending")
    _tell(draft, "analysis_stalled", video, "analysis_stalled", "No highlights, and nothing has moved for five hours")


def _without_status(draft: Draft) -> None:
    order = VideoOrder(
        "katya", "without status", 9 * HOUR, "processing", highlights="none", title="Голоса старого двора"
    )
    video = add_video(draft, order, status=ABSENT, source_video_status="pending")
    shows = "The document has no status, which counts as processing; no query by status finds it, verify names it"
    _tell(draft, "without_status", video, "analysis_stalled", shows, "incomplete_video")


def _status_stuck(draft: Draft) -> None:
    video = add_video(draft, VideoOrder("noam", "status stuck", 6 * HOUR, "processing", title="סוד הקפה של סבתא"))
    shows = "The highlights were written six hours ago, the status stayed 'processing', nothing was rendered"
    _tell(draft, "status_stuck", video, "status_stuck", shows)
    order = VideoOrder("noam", "status stuck with clips", 11 * HOUR, "processing", title="שלושה ימים במדבר")
    touched = draft.now - order.age + 12 * MINUTE
    video, _ = add_with_clips(draft, order, updated_at=touched)
    draft.documents[video.path]["processing_progress"] = progress(video, 4, touched - 6 * MINUTE, touched)
    shows = "All four expected clips are there since eleven hours; only the status was never set"
    _tell(draft, "status_stuck_clips", video, "status_stuck", shows)


def _rendering(draft: Draft) -> None:
    order = VideoOrder("priya", "rendering", 9 * MINUTE, "processing", scenes=4, made=3, title="सुबह पाँच बजे की चाय 🍵")
    touched = draft.now - timedelta(seconds=40)
    video, _ = add_with_clips(draft, order, updated_at=touched)
    draft.documents[video.path]["processing_progress"] = progress(video, 3, draft.now - 5 * MINUTE, touched)
    changes = unfinished_clip({"created_at": touched, "updated_at": touched})
    clip = add_clip(draft, video, *video.ordered()[3], has_object=False, has_thumbnail=False, **changes)
    short = timedelta(seconds=40)
    draft.live[video.path] = {
        "created_at": 9 * MINUTE,
        "updated_at": short,
        "processing_progress.started_at": 5 * MINUTE,
        "processing_progress.updated_at": short,
    }
    draft.live[clip.path] = {"created_at": short, "updated_at": short}
    _tell(draft, "rendering", video, "rendering", "Three of eight clips are done, and progress moved 40 seconds ago")
    order = VideoOrder("wei", "render stalled", 4 * HOUR, "processing", scenes=3, made=2, title="雨夜里的出租车司机")
    touched = draft.now - timedelta(minutes=95)
    video, _ = add_with_clips(draft, order, updated_at=touched)
    draft.documents[video.path]["processing_progress"] = progress(video, 2, touched - 3 * MINUTE, touched)
    _tell(draft, "render_stalled", video, "render_stalled", "Two of six clips, then no touch for 95 minutes")


def _highlights_gone(draft: Draft) -> None:
    order = VideoOrder("haruka", "highlights missing", 4 * DAY, highlights="none", title="静かな朝の市場")
    video, _ = add_with_clips(draft, order, highlights_count=2)
    shows = "Completed with intact clips, but without highlights: the customer still reads 'being processed'"
    _tell(
        draft, "highlights_missing", video, "highlights_missing", shows, "missing_highlights", key=video.highlights_key
    )
    order = replace(
        order, name="highlights missing, analyzed", status="analyzed", age=3 * DAY, title="夜行列車の窓から"
    )
    video = add_video(draft, order, highlights_count=2)
    shows = "Analysed says the status, but the highlights are in neither place"
    _tell(
        draft,
        "highlights_missing_analyzed",
        video,
        "highlights_missing",
        shows,
        "missing_highlights",
        key=video.highlights_key,
    )


def _highlights_in_one_place(draft: Draft) -> None:
    video, _ = add_with_clips(draft, VideoOrder("haruka", "document only", 6 * DAY, title="珈琲と雨音"))
    shows = "The document highlights/main has the highlights, and there is no file: that is how it should be"
    _tell(draft, "highlights_document_only", video, "healthy", shows)
    for number, title in enumerate(("Vintern på Gotland", "Sillens väg")):
        order = VideoOrder("bjorn", f"file only {number}", (20 + number) * DAY, highlights="object", title=title)
        video, _ = add_with_clips(draft, order)
        shows = "Of the older product: the highlights are in highlights.json alone, which is not read any more"
        name = "highlights_file_only" if number == 0 else f"highlights_file_only_{number + 1}"
        _tell(draft, name, video, "highlights_missing", shows, "missing_highlights")


def _highlights_unusable(draft: Draft) -> None:
    for number, (kind, entries, shows) in enumerate(
        (("no_list", "pending", "a text instead of a list"), ("empty_list", [], "a list without entries"))
    ):
        order = VideoOrder(
            "minjun", f"highlights {kind}", (6 + number) * DAY, "analyzed", title=f"강릉 {number + 1}일차"
        )
        video = add_video(draft, order)
        draft.documents[f"{video.path}/highlights/main"]["highlights"] = entries
        shows = f"highlights/main has {shows}"
        findings = () if kind == "empty_list" else ("invalid_highlights",)
        _tell(draft, f"highlights_{kind}", video, "highlights_invalid", shows, *findings)
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
            draft, VideoOrder("minjun", f"highlights {kind}", (8 + number) * DAY, "analyzed", title=title)
        )
        draft.store(video.highlights_key, body, "application/json", video.analyzed_at)
        shows = f"highlights.json is {shows}; nobody reads it, for the document has the highlights"
        _tell(draft, f"highlights_{kind}", video, "healthy", shows, key=video.highlights_key)


def _clips_missing(draft: Draft) -> None:
    video = add_video(draft, VideoOrder("ines", "clips missing", 5 * DAY, title="A última padaria da rua"))
    for number, scene, style in video.ordered():
        clip = add_clip(draft, video, number, scene, style, has_object=number != 2)
        if number == 2:
            gone = clip
    shows = "Completed, but the object of one of four clips is not in the bucket (its thumbnail is)"
    story = Story("clips_missing", video.uid, shows, video.video_id, gone.clip_id, "clips_missing", key=gone.key)
    draft.tell(replace(story, findings=("missing_object",)))
    video = add_video(draft, VideoOrder("ines", "clips differ", 8 * DAY, title="Caderno de viagem: Açores"))
    for number, scene, style in video.ordered():
        changes: Fields = {"file_size_bytes": 9_437_184, "file_size_mb": 9.0} if number == 3 else {}
        clip = add_clip(draft, video, number, scene, style, **changes)
        if number == 3:
            other = clip
    shows = "Completed, but one object is smaller than its document says: an upload that broke off"
    story = Story("clips_differ", video.uid, shows, video.video_id, other.clip_id, "clips_missing", key=other.key)
    draft.tell(replace(story, findings=("size_mismatch",)))


def _failed(draft: Draft) -> None:
    for number, (verdict, name, message) in enumerate(FAILURES):
        order = VideoOrder(
            "emeka",
            name,
            (5 + 7 * number) * HOUR,
            "failed",
            highlights="none",
            title=f"Lagos at Night, part {number + 1}",
        )
        at = draft.now - order.age + 3 * MINUTE
        changes = {"error_message": message, "failed_at": at, "updated_at": at, "source_video_status": "failed"}
        video = add_video(draft, order, **changes, source_video_error=message)
        _tell(draft, name, video, verdict, f"Failed: {message}")
    message = (
        "Video cannot be processed: Quota exceeded: Storage quota exceeded "
        "(plan: free, limit_bytes: 1073741824, estimated_clip_bytes: 52428800)"
    )
    order = VideoOrder("olga", "quota blocked", 2 * HOUR, "failed", title="Розмова про каву і дощ")
    video = add_video(draft, order, error_message=message)
    _tell(draft, "quota_blocked", video, "quota_blocked", "Refused before rendering: the customer is over the quota")


def _source_expired(draft: Draft) -> None:
    message = "Job failed after 3 retries: Download failed: HTTP Error 403: Forbidden"
    order = VideoOrder("ravi", "source expired", 2 * DAY, "failed", title="गंगा के किनारे एक शाम")
    video = add_video(draft, order, error_message=message, source_video_status="expired", source_video_error=message)
    shows = "Highlights are there; the cached source video had expired and could not be fetched again"
    _tell(
        draft,
        "source_expired",
        video,
        "failed_transient",
        shows,
        key=video.layout.source_key(video.uid, video.video_id),
    )


def add_usage_stories(draft: Draft) -> None:
    """Adds all stories about quotas, counters, shares and caches."""
    _filled(draft, "olga", 1.08, credits_used_this_month=214)
    draft.tell(
        Story("over_quota", uid_of("olga"), "Over both limits: storage at some 110 %, 214 of 200 credits this month")
    )
    _filled(draft, "tomas", 0.85, credits_used_this_month=170)
    draft.tell(Story("near_limit", uid_of("tomas"), "Near both limits: storage and credits at some 85 %"))
    _plans(draft)
    _drift(draft)
    _incomplete(draft)
    _shares(draft)
    _deleted_shared_clip(draft)
    _top_scenes(draft)
    _caches(draft)


def _filled(draft: Draft, handle: str, part: float, **used: int) -> None:
    """Adds videos until the customer's clips exceed that part of the free plan's storage."""
    total, number, goal = 0, 0, part * STORAGE_LIMITS["free"]
    titles = ("La feria de abril", "Sopa de ajo", "Коли квітне каштан", "Тиха гавань")
    while total < goal:
        title = f"{titles[number % 2 + (0 if handle == 'tomas' else 2)]} {number + 1}"
        video = add_video(draft, VideoOrder(handle, f"filler {number}", (6 + 5 * number) * DAY, scenes=3, title=title))
        for wanted in video.ordered():
            if total >= goal:
                break
            total += add_clip(draft, video, *wanted).size
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
    shows = "The user's own counters are 0, for nothing raises them any more; the accounting beside them is right"
    tell(Story("dead_counters", uid_of("mateo"), shows))
    tell(Story("no_accounting", uid_of("first"), "No storage_accounting document: the user's own counter is enforced"))
    tell(Story("null_email", uid_of("anonymous"), "The document has no e-mail address"))
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
    """Three lost updates and a failed delete; the user's own counters still have the values of an old recalculation."""
    uid = uid_of("sofia")
    draft.shift(f"users/{uid}", total_storage_bytes=1_310_720, total_clips_count=4)
    draft.shift(f"storage_accounting/{uid}", styled_clips_bytes=-262_144, styled_clips_count=-1)
    videos: list[AddedVideo] = []
    for number, title in enumerate(("El faro de noche", "Cartas a nadie")):
        video, _ = add_with_clips(draft, VideoOrder("sofia", f"drift {number}", (12 + number) * DAY, title=title))
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
    order = VideoOrder("mateo", "without times", 40 * DAY, title="Cuaderno sin fecha")
    video, _ = add_with_clips(draft, order, created_at=ABSENT, updated_at=ABSENT)
    shows = "The document lacks created_at and updated_at, so a query ordered by them leaves it out"
    found = ("incomplete_video",)
    draft.tell(Story("without_times", video.uid, shows, video.video_id, verdict="record_incomplete", findings=found))
    video, _ = add_with_clips(
        draft, VideoOrder("mateo", "without touch", 30 * DAY, title="Ruido de fondo"), updated_at=ABSENT
    )
    draft.tell(
        Story("without_updated_at", video.uid, "The document lacks updated_at", video.video_id, verdict="healthy")
    )


def _shares(draft: Draft) -> None:
    order = VideoOrder("zoe", "shared", 11 * DAY, scenes=2, title="Nachtzug nach Łódź 🚂")
    video, clips = add_with_clips(draft, order)
    kinds = (("live", {"expires_at": draft.now + 14 * DAY}), ("expired", {"expires_at": draft.now - DAY}))
    for clip, (kind, changes) in zip(clips, (*kinds, ("disabled", {"disabled_at": draft.now - 2 * DAY})), strict=False):
        slug = _share(draft, video, clip.clip_id, f"share {kind}", **changes)
        settings = {**draft.documents[f"share_slugs/{slug}"], "watermark_enabled": False}
        draft.put(f"{clip.path}/shares/config", settings)
        shows = f"A public share link that is {kind}: share_slugs/{slug}"
        draft.tell(Story(f"share_{kind}", video.uid, shows, video.video_id, clip.clip_id, "healthy", key=clip.key))
    slug = _share(draft, video, f"{video.video_id}_9_split", "share dangling", expires_at=draft.now + 30 * DAY)
    shows = f"A public share link to a clip that was deleted: share_slugs/{slug}"
    gone = f"{video.video_id}_9_split"
    draft.tell(Story("share_dangling", video.uid, shows, video.video_id, gone, "healthy", ("dangling_share",)))


def _deleted_shared_clip(draft: Draft) -> None:
    """A deleted clip as the product leaves it: the link is gone with the clip, but its share settings remain."""
    video, _ = add_with_clips(draft, VideoOrder("layla", "deleted shared clip", 13 * DAY, title="مقهى على الرصيف"))
    gone = f"{video.video_id}_8_split"
    slug = _share(draft, video, gone, "deleted share")
    settings = {**draft.documents.pop(f"share_slugs/{slug}"), "watermark_enabled": False}
    draft.put(f"{video.path}/clips/{gone}/shares/config", settings)
    shows = "Below a clip that was deleted the settings of its share are left: that is no clip, and counts as none"
    story = Story("deleted_shared_clip", video.uid, shows, video.video_id, None, "healthy", ("phantom_parent",))
    draft.tell(story)


def _share(draft: Draft, video: AddedVideo, clip_id: str, name: str, **changes: object) -> str:
    slug = letters(f"{name}/{clip_id}", 12)
    fields = {
        "share_slug": slug,
        "user_id": video.uid,
        "video_id": video.video_id,
        "clip_id": clip_id,
        "access_level": "view_playback",
        "created_at": video.rendered_at,
    }
    draft.put(f"share_slugs/{slug}", {**fields, **changes})
    return slug


def _top_scenes(draft: Draft) -> None:
    """A compilation: it has no single scene, and its name has the time of the request."""
    order = VideoOrder("lin", "top scenes", 3 * DAY, scenes=3, styles=("streamer",), title="夜市直播精华")
    video, _ = add_with_clips(draft, order)
    moment = "20251201_101500"
    stem = f"top_3_scenes_night_market_{moment}_{TOP_SCENES}"
    clip = add_clip(
        draft,
        video,
        0,
        replace(video.scenes[0], number=0, title="Top 3 Scenes"),
        TOP_SCENES,
        clip_id=f"{video.video_id}_compilation_{moment}_{TOP_SCENES}",
        name=ClipName(0, 0, "night_market", TOP_SCENES, written=stem),
    )
    shows = "Beside three clips a Top Scenes compilation, which plays like any other"
    draft.tell(Story("top_scenes", video.uid, shows, video.video_id, clip.clip_id, "healthy", key=clip.key))


def _caches(draft: Draft) -> None:
    order = VideoOrder("ravi", "with caches", 12 * HOUR, scenes=3, title="मानसून की पहली रात")
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
    key = LAYOUT.silence_removed_key(video.uid, video.video_id, "1")
    draft.store(key, "clip_a.mp4", "video/mp4", video.rendered_at)
    draft.store(f"{video.uid}/{video.video_id}/source.mp4", "source.mp4", "video/mp4", video.analyzed_at)
    shows = "Sources, raw and silence-free segments, neural cache and transcripts lie beside the billed clips"
    draft.tell(Story("caches", video.uid, shows, video.video_id, verdict="healthy"))
    video, _ = add_with_clips(draft, VideoOrder("ravi", "overdue cache", 5 * DAY, title="लौटते हुए परिंदे"))
    key = LAYOUT.source_key(video.uid, video.video_id)
    draft.store(key, "source.mp4", "video/mp4", video.analyzed_at)
    shows = "The cached source video expired four days ago and is still in the bucket"
    draft.tell(Story("overdue_cache", video.uid, shows, video.video_id, verdict="healthy", key=key))


def _raw_segments(draft: Draft, video: AddedVideo, clips: list[AddedClip]) -> None:
    for scene in video.scenes:
        key = LAYOUT.raw_key(video.uid, video.video_id, f"scene_{scene.number}")
        draft.store(key, f"clip_{scene.letter}.mp4", "video/mp4", video.analyzed_at)
        for clip in clips:
            if draft.documents[clip.path]["scene_id"] == scene.number:
                draft.documents[clip.path]["raw_r2_key"] = key
