"""Stories for `diagnose`: every verdict that data alone can cause, each on a video of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from storage.sandbox.world.clips import add_clip, add_with_clips, unfinished_clip
from storage.sandbox.world.draft import Draft, Fields
from storage.sandbox.world.model import Story
from storage.sandbox.world.videos import Order, Video, add_video, progress

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FAILURES = (
    (
        "failed_transient",
        "failed_timeout",
        "ReadTimeout: transcript service did not answer within 120 s (attempt 3 of 3)",
    ),
    ("failed_transient", "failed_server_error", "Gemini request failed: HTTP 503 Service Unavailable"),
    (
        "failed_permanent",
        "failed_age_restricted",
        "ERROR: [youtube] Sign in to confirm your age. This video may be inappropriate",
    ),
    (
        "failed_permanent",
        "failed_private",
        "ERROR: [youtube] Private video. Sign in if you've been granted access to this video",
    ),
)


def add_stuck_stories(draft: Draft) -> None:
    """All of them."""
    _healthy(draft)
    _waiting_for_analysis(draft)
    _status_stuck(draft)
    _rendering(draft)
    _highlights_gone(draft)
    _highlights_in_one_place(draft)
    _highlights_unusable(draft)
    _clips_missing(draft)
    _failed(draft)
    _source_expired(draft)


def _tell(
    draft: Draft, name: str, video: Video, verdict: str, shows: str, *findings: str, key: str | None = None
) -> None:
    draft.tell(Story(name, video.uid, shows, video.video_id, verdict=verdict, findings=findings, key=key))


def _healthy(draft: Draft) -> None:
    title = "Über Brücken — café, naïveté & Fjordlichter"
    video, clips = add_with_clips(draft, Order("zoe", "healthy", 9 * DAY, scenes=3, title=title))
    shows = "Everything in place: highlights in both places, six clips with thumbnails"
    draft.tell(Story("healthy", video.uid, shows, video.video_id, verdict="healthy", key=clips[0].key))
    video = add_video(draft, Order("zoe", "analyzed", 2 * DAY, "analyzed", title="Warum Züge singen"))
    _tell(draft, "analyzed", video, "healthy", "Analysed, nothing rendered yet: nothing is wrong")


def _waiting_for_analysis(draft: Draft) -> None:
    order = Order("dmitry", "waiting", 3 * MINUTE, "processing", highlights="none", title="Как устроен ночной поезд")
    video = add_video(draft, order)
    draft.live[video.path] = {"created_at": 3 * MINUTE, "updated_at": 3 * MINUTE}
    _tell(draft, "waiting", video, "waiting", "Begun three minutes ago, no highlights yet: the worker is at it")
    order = Order(
        "layla", "analysis stalled", 5 * HOUR, "processing", highlights="none", title="لماذا نحب المدن القديمة"
    )
    video = add_video(draft, order, source_video_status="pending")
    _tell(draft, "analysis_stalled", video, "analysis_stalled", "No highlights, and nothing has moved for five hours")


def _status_stuck(draft: Draft) -> None:
    video = add_video(draft, Order("noam", "status stuck", 6 * HOUR, "processing", title="סוד הקפה של סבתא"))
    shows = "The highlights were written six hours ago, the status stayed 'processing', nothing was rendered"
    _tell(draft, "status_stuck", video, "status_stuck", shows)
    order = Order("noam", "status stuck with clips", 11 * HOUR, "processing", title="שלושה ימים במדבר")
    touched = draft.now - order.age + 12 * MINUTE
    video, _ = add_with_clips(draft, order, updated_at=touched, expected_clips=4, completed_clips=4)
    draft.documents[video.path]["processing_progress"] = progress(video, 4, touched - 6 * MINUTE, touched)
    shows = "All four expected clips are there since eleven hours; only the status was never set"
    _tell(draft, "status_stuck_clips", video, "status_stuck", shows)


def _rendering(draft: Draft) -> None:
    order = Order("priya", "rendering", 9 * MINUTE, "processing", scenes=4, made=3, title="सुबह पाँच बजे की चाय 🍵")
    touched = draft.now - timedelta(seconds=40)
    video, _ = add_with_clips(draft, order, updated_at=touched, expected_clips=8, completed_clips=3)
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
    order = Order("wei", "render stalled", 4 * HOUR, "processing", scenes=3, made=2, title="雨夜里的出租车司机")
    touched = draft.now - timedelta(minutes=95)
    video, _ = add_with_clips(draft, order, updated_at=touched, expected_clips=6, completed_clips=2)
    draft.documents[video.path]["processing_progress"] = progress(video, 2, touched - 3 * MINUTE, touched)
    _tell(draft, "render_stalled", video, "render_stalled", "Two of six clips, then no touch for 95 minutes")


def _highlights_gone(draft: Draft) -> None:
    order = Order("haruka", "highlights missing", 4 * DAY, highlights="none", title="静かな朝の市場")
    video, _ = add_with_clips(draft, order, highlights_count=2)
    draft.documents[video.path]["highlights_json_key"] = video.highlights_key
    shows = "Completed with intact clips, but without highlights: the customer still reads 'being processed'"
    _tell(
        draft, "highlights_missing", video, "highlights_missing", shows, "missing_highlights", key=video.highlights_key
    )
    order = replace(
        order, name="highlights missing, analyzed", status="analyzed", age=3 * DAY, title="夜行列車の窓から"
    )
    video = add_video(draft, order, highlights_count=2)
    draft.documents[video.path]["highlights_json_key"] = video.highlights_key
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
    order = Order("haruka", "document only", 6 * DAY, highlights="document", title="珈琲と雨音")
    video, _ = add_with_clips(draft, order)
    shows = "highlights.json is missing, but the document highlights/main has them: the customer has everything"
    key = video.highlights_key
    _tell(draft, "highlights_document_only", video, "healthy", shows, "missing_highlights", key=key)


def _highlights_unusable(draft: Draft) -> None:
    bodies = (
        (
            "truncated",
            b'{"highlights": [{"id": 1, "title": "\xea\xb2\xb0\xec\xa0\x95", "start": "00:0',
            "cut off in the middle",
        ),
        ("not_json", b"<html><body>502 Bad Gateway</body></html>", "an error page instead of JSON"),
        ("no_list", b'{"highlights": "pending", "video_url": null}', "JSON without a list of highlights"),
        ("zero_bytes", b"", "a file of 0 bytes"),
        ("empty_list", b'{"highlights": [], "video_url": null, "video_title": null}', "a list without entries"),
    )
    for number, (kind, body, shows) in enumerate(bodies):
        order = Order(
            "minjun",
            f"highlights {kind}",
            (6 + number) * DAY,
            "analyzed",
            highlights="none",
            title=f"강릉 {number + 1}일차",
        )
        video = add_video(draft, order, highlights_json_key=None)
        draft.documents[video.path]["highlights_json_key"] = video.highlights_key
        draft.store(video.highlights_key, body, "application/json", video.analyzed_at)
        findings = () if kind == "empty_list" else ("invalid_highlights",)
        _tell(
            draft,
            f"highlights_{kind}",
            video,
            "highlights_invalid",
            f"highlights.json is {shows}",
            *findings,
            key=video.highlights_key,
        )


def _clips_missing(draft: Draft) -> None:
    video = add_video(draft, Order("ines", "clips missing", 5 * DAY, title="A última padaria da rua"))
    for number, scene, style in video.ordered():
        clip = add_clip(draft, video, number, scene, style, has_object=number != 2)
        if number == 2:
            gone = clip
    shows = "Completed, but the object of one of four clips is not in the bucket (its thumbnail is)"
    story = Story("clips_missing", video.uid, shows, video.video_id, gone.clip_id, "clips_missing", key=gone.key)
    draft.tell(replace(story, findings=("missing_object",)))
    video = add_video(draft, Order("ines", "clips differ", 8 * DAY, title="Caderno de viagem: Açores"))
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
        order = Order(
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
    message = "Storage quota exceeded: 1.1 MiB of 1.0 MiB used. Rendering was not started."
    order = Order("olga", "quota blocked", 2 * HOUR, "failed", title="Розмова про каву і дощ")
    video = add_video(draft, order, error_message=message)
    _tell(draft, "quota_blocked", video, "quota_blocked", "Refused before rendering: the customer is over the quota")


def _source_expired(draft: Draft) -> None:
    message = "Source video expired before rendering started; fetch it again"
    order = Order("ravi", "source expired", 2 * DAY, "failed", title="गंगा के किनारे एक शाम")
    video = add_video(draft, order, error_message=message, source_video_status="expired", source_video_error=message)
    shows = "Highlights are there, but the source video expired before anything was rendered"
    _tell(
        draft,
        "source_expired",
        video,
        "failed_transient",
        shows,
        key=video.layout.source_key(video.uid, video.video_id),
    )
