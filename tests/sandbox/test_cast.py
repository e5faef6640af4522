"""Every verdict and every finding that data can cause has a story, and the data really are as the story says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from storage.domain.diagnosis import VERDICTS
from storage.domain.integrity import KINDS
from storage.domain.layout import Layout
from storage.domain.media import MediaLook, look
from storage.sandbox.world.builder import Story
from tests.sandbox.sample import (
    NOW,
    OBJECTS,
    WORLD,
    clip_of,
    clips_of,
    documents,
    has_highlights_document,
    highlights_object,
    intact,
    listed_highlights,
    video_of,
)

OF_DATA = set(VERDICTS) - {"access_denied", "purged"}  # those are the stores' and the desk's doing
STALE = timedelta(minutes=15)
LAYOUT = Layout("")


def highlights_entries(story: Story) -> list[dict[str, str]]:
    """The entries of the document, as the product serves them."""
    return WORLD.documents[f"users/{story.uid}/videos/{story.video_id}/highlights/main"]["highlights"]


def stories(verdict: str) -> list[Story]:
    return [story for story in WORLD.cast.values() if story.verdict == verdict]


def quiet_for(story: Story) -> timedelta:
    """How long ago the video, or its job, was last touched."""
    video = video_of(story)
    progress = video.get("processing_progress") or {}
    times = [video.get("updated_at"), progress.get("updated_at"), video.get("created_at")]
    return min((NOW - at for at in times[:2] if at), default=NOW - times[2] if times[2] else timedelta.max)


def test_every_verdict_that_data_can_cause_has_a_story_and_no_other_word_is_used() -> None:
    used = {story.verdict for story in WORLD.cast.values() if story.verdict}
    assert used == OF_DATA


def test_every_finding_that_data_can_cause_has_a_story_and_no_other_word_is_used() -> None:
    used = {kind for story in WORLD.cast.values() for kind in story.findings}
    assert used == set(KINDS) - {"unreadable"}


def test_every_story_says_what_it_shows_and_names_what_exists() -> None:
    for name, story in WORLD.cast.items():
        assert story.name == name
        assert story.shows
        below = f"users/{story.uid}/videos/{story.video_id}"
        if story.video_id and not name.startswith("phantom_video"):
            assert below in WORLD.documents, name
        if story.clip_id and name != "share_dangling":
            assert f"{below}/clips/{story.clip_id}" in WORLD.documents, name


def test_healthy_videos_have_highlights_and_every_clip_that_they_document() -> None:
    blemished = {"stale_clip", "duplicate_key", "without_size"}
    for story in stories("healthy"):
        assert listed_highlights(story), story.name
        assert video_of(story)["status"] in {"completed", "analyzed"}
        assert story.name in blemished or all(intact(clip) for clip in clips_of(story)), story.name


def test_waiting_is_young_and_has_nothing_yet() -> None:
    for story in stories("waiting"):
        assert quiet_for(story) < STALE
        assert video_of(story)["status"] == "processing"
        assert highlights_object(story) is None
        assert not has_highlights_document(story)


def test_a_stalled_analysis_is_old_and_has_nothing_yet() -> None:
    for story in stories("analysis_stalled"):
        assert quiet_for(story) > 2 * STALE
        assert video_of(story).get("status", "processing") == "processing"
        assert highlights_object(story) is None
        assert not has_highlights_document(story)
        assert not clips_of(story)


def test_a_stuck_status_has_everything_but_the_status() -> None:
    for story in stories("status_stuck"):
        assert quiet_for(story) > 2 * STALE
        assert listed_highlights(story)
        progress = video_of(story).get("processing_progress") or {}
        assert len([clip for clip in clips_of(story) if intact(clip)]) == progress.get("total_clips", 0)


def test_rendering_moves_and_stalled_rendering_does_not() -> None:
    for verdict, low, high in (
        ("rendering", timedelta(0), timedelta(minutes=2)),
        ("render_stalled", STALE, timedelta.max),
    ):
        for story in stories(verdict):
            video = video_of(story)
            assert low <= quiet_for(story) <= high, story.name
            done = len([clip for clip in clips_of(story) if intact(clip)])
            progress = video["processing_progress"]
            assert 0 < done == progress["completed_clips"] < progress["total_clips"]


def test_missing_highlights_have_no_document_though_the_status_promises_one() -> None:
    files = set()
    for story in stories("highlights_missing"):
        assert video_of(story)["status"] in {"analyzed", "completed"}
        assert not has_highlights_document(story)
        files.add(highlights_object(story) is not None)
    assert files == {True, False}, "of the older product, and of today's"


def test_invalid_highlights_have_a_document_that_cannot_be_used() -> None:
    kinds = set()
    for story in stories("highlights_invalid"):
        assert has_highlights_document(story)
        assert not listed_highlights(story)
        kinds.add(type(WORLD.documents[f"users/{story.uid}/videos/{story.video_id}/highlights/main"]["highlights"]))
    assert kinds <= {str, list}


def test_missing_clips_have_a_completed_video_and_a_clip_that_cannot_be_delivered() -> None:
    for story in stories("clips_missing"):
        assert video_of(story)["status"] == "completed"
        own = LAYOUT.belongs_to
        if set(story.findings) & {"not_media", "truncated_media"}:
            assert seen_in(story).plays == "does not play"
            continue
        assert any(not intact(clip) or not own(clip["r2_key"], story.uid) for clip in clips_of(story)), story.name


def test_failures_say_why() -> None:
    for verdict in ("failed_transient", "failed_permanent", "quota_blocked"):
        for story in stories(verdict):
            assert video_of(story)["status"] == "failed"
            assert video_of(story)["error_message"]
            assert video_of(story)["failed_at"] <= NOW
    assert {story.uid for story in stories("quota_blocked")} == {WORLD.cast["over_quota"].uid}


def seen_in(story: Story) -> MediaLook:
    content = OBJECTS[str(story.key)].content()
    return look("clip", len(content), lambda offset, length: content[offset : offset + length])


def not_there(story: Story) -> bool:
    return story.key not in OBJECTS and story.key is not None


CAUSES: dict[str, Callable[[Story], bool]] = {
    "missing_object": lambda s: not_there(s) and clip_of(s)["status"] == "completed",
    "size_mismatch": lambda s: 0 < OBJECTS[str(s.key)].size != clip_of(s)["file_size_bytes"],
    "empty_object": lambda s: OBJECTS[str(s.key)].size == 0 < clip_of(s)["file_size_bytes"],
    "missing_thumbnail": lambda s: not_there(s) and clip_of(s)["thumbnail_r2_key"] == s.key and intact(clip_of(s)),
    "orphan_object": lambda s: (
        s.key in OBJECTS and all(s.key != clip.get("r2_key") for _, clip in documents("users", "videos", "clips"))
    ),
    "missing_highlights": lambda s: not has_highlights_document(s),
    "invalid_highlights": lambda s: has_highlights_document(s) and not listed_highlights(s),
    "clip_without_key": lambda s: clip_of(s)["status"] == "completed" and clip_of(s)["r2_key"] is None,
    "foreign_key": lambda s: clip_of(s)["r2_key"] == s.key and not LAYOUT.belongs_to(str(s.key), s.uid),
    "duplicate_key": lambda s: [clip["r2_key"] for clip in clips_of(s)].count(s.key) == 2,
    "phantom_parent": lambda s: (
        f"users/{s.uid}" not in WORLD.documents
        or f"users/{s.uid}/videos/{s.video_id}" not in WORLD.documents
        or s.name == "deleted_shared_clip"
    ),
    "dangling_share": lambda s: f"users/{s.uid}/videos/{s.video_id}/clips/{s.clip_id}" not in WORLD.documents,
    "unfinished_upload": lambda s: any(u.key == s.key and u.age > timedelta(days=1) for u in WORLD.uploads),
    "incomplete_video": lambda s: not {"created_at", "status"} <= video_of(s).keys(),
    "stale_clip": lambda s: clip_of(s)["status"] == "processing" and NOW - clip_of(s)["updated_at"] > 2 * STALE,
    "not_media": lambda s: intact(clip_of(s)) and seen_in(s).fault == "not_media",
    "truncated_media": lambda s: intact(clip_of(s)) and seen_in(s).fault == "truncated_media",
    "duration_mismatch": lambda s: clip_of(s)["duration_seconds"] == 48 and seen_in(s).plays == "plays",
    "no_audio_track": lambda s: seen_in(s).plays == "plays" and "no sound" in seen_in(s).words,
    "invalid_times": lambda s: any(one["end"] <= one["start"] for one in highlights_entries(s)),
    "wrong_content_type": lambda s: OBJECTS[str(s.key)].content_type != "video/mp4" and seen_in(s).plays == "plays",
}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "unreadable"])
def test_every_finding_has_its_cause_in_the_data(kind: str) -> None:
    told = [story for story in WORLD.cast.values() if kind in story.findings]
    assert told
    for story in told:
        assert CAUSES[kind](story), story.name


def test_a_young_upload_and_a_young_clip_stand_beside_the_old_ones() -> None:
    assert min(upload.age for upload in WORLD.uploads) < timedelta(hours=1)
    rendering = WORLD.cast["rendering"]
    assert [clip["status"] for clip in clips_of(rendering)].count("processing") == 1


def test_two_outages_left_fourteen_videos_each_at_one_step_within_minutes() -> None:
    assert set(WORLD.outages) == {"outage_analysis", "outage_rendering"}
    for name, videos in WORLD.outages.items():
        assert len(set(videos)) == 14
        assert len({uid for uid, _ in videos}) == 14
        times = [WORLD.documents[f"users/{uid}/videos/{video_id}"]["updated_at"] for uid, video_id in videos]
        assert max(times) - min(times) < timedelta(minutes=10)
        assert (WORLD.cast[name].uid, WORLD.cast[name].video_id) == videos[0]


def test_share_links_are_live_expired_disabled_and_dangling() -> None:
    shares = {fields["clip_id"]: fields for _, fields in documents("share_slugs")}
    live, expired, disabled = (shares[str(WORLD.cast[f"share_{k}"].clip_id)] for k in ("live", "expired", "disabled"))
    assert live["expires_at"] > NOW
    assert "disabled_at" not in live
    assert expired["expires_at"] < NOW
    assert disabled["disabled_at"] < NOW
    dangling = WORLD.cast["share_dangling"]
    assert dangling.clip_id in shares
    assert f"users/{dangling.uid}/videos/{dangling.video_id}/clips/{dangling.clip_id}" not in WORLD.documents
    configured = {clip_id for (_, _, clip_id, _), _ in documents("users", "videos", "clips", "shares")}
    gone = f"{WORLD.cast['deleted_shared_clip'].video_id}_8_split"
    assert configured == set(shares) - {dangling.clip_id} | {gone}


def test_legacy_clips_lack_what_older_deployments_did_not_write() -> None:
    for clip in clips_of(WORLD.cast["legacy_clips"]):
        assert clip["filename"] == ""
        assert not {"updated_at", "has_thumbnail"} & clip.keys()
    assert [("file_size_bytes" in clip) for clip in clips_of(WORLD.cast["without_size"])].count(False) == 2
    assert not {"created_at", "updated_at"} & video_of(WORLD.cast["without_times"]).keys()
    older = WORLD.cast["with_prefix"]
    assert all(clip["r2_key"].startswith(f"users/{older.uid}/") for clip in clips_of(older))
    assert all(intact(clip) for clip in clips_of(older))


def test_keys_hold_letters_that_need_encoding() -> None:
    keys = "".join(str(story.key) for name, story in WORLD.cast.items() if name.startswith("key_"))
    assert not [char for char in " +%#&?=éЖ\u0301'~;" if char not in keys]


def test_the_hostile_account_holds_what_must_be_shown_harmlessly() -> None:
    hostile = [story for name, story in WORLD.cast.items() if name.startswith("hostile_")]
    titles = [video_of(story)["video_title"] for story in hostile]
    for part in ("](https://example.invalid/pixel.png)", "<script>", "=HYPERLINK(", "\u202e", "\x1b[31m", "\u200d"):
        assert any(part in title for title in titles), part
    assert len(video_of(WORLD.cast["hostile_error"])["error_message"]) > 95_000
    assert {story.uid for story in hostile} == {"qa-hostile-strings"}


def test_caches_lie_in_the_bucket_and_one_has_outlived_its_time() -> None:
    kinds = {LAYOUT.parse(key).kind for key in OBJECTS if WORLD.cast["caches"].uid in key.split("/")}
    assert kinds >= {"source", "raw_segment", "neural_cache", "transcript"}
    overdue = WORLD.cast["overdue_cache"]
    assert video_of(overdue)["source_video_expires_at"] < NOW - timedelta(days=1)
    assert overdue.key in OBJECTS
