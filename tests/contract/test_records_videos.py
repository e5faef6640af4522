"""Videos, highlights and share links, read from every kind of Firestore."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from storage.domain.documents import Progress
from storage.errors import BadInput
from tests.rigs.firestore import FirestoreRig
from tests.rigs.records import NOON, World, clip, reads_of, video


@pytest.fixture
def world(firestore_rig: FirestoreRig) -> Iterator[World]:
    """An empty project on every kind of Firestore in turn."""
    with World(firestore_rig) as opened:
        yield opened


def test_a_video_becomes_a_value_with_its_progress(world: World) -> None:
    progress = {"total_clips": 4, "completed_clips": 1.0, "started_at": NOON, "current_scene_title": "One", "x": 1}
    world.put({"users/u1/videos/video-01": video("video-01", processing_progress=progress)})

    found, reads = reads_of(lambda: world.records.video("u1", "video-01"))

    assert found is not None
    assert (found.uid, found.video_id, found.exists, found.status) == ("u1", "video-01", True, "completed")
    assert found.processing_progress == Progress(
        total_clips=4, completed_clips=1, started_at=NOON, current_scene_title="One"
    )
    assert (found.styles_processed, found.clips_by_style) == (("split",), {"split": 3})
    assert (found.completed_at, found.failed_at, found.oddities, reads) == (NOON, None, (), 1)


def test_progress_that_is_not_as_it_should_be_is_told_part_by_part(world: World) -> None:
    progress = {"total_clips": "4", "failed_clips": True, "completed_clips": None, "updated_at": "yesterday"}
    world.put({"users/u1/videos/video-01": video("video-01", processing_progress=progress)})
    world.put({"users/u1/videos/video-02": video("video-02", processing_progress="soon")})

    found = world.records.video("u1", "video-01")
    other = world.records.video("u1", "video-02")

    assert found is not None
    assert found.processing_progress == Progress()
    assert sorted(odd.field_name for odd in found.oddities) == [
        "processing_progress.failed_clips",
        "processing_progress.total_clips",
        "processing_progress.updated_at",
    ]
    assert other is not None
    assert other.processing_progress is None
    assert [(odd.field_name, odd.kind) for odd in other.oddities] == [("processing_progress", "wrong_type")]


def test_a_video_of_which_only_clips_are_left_is_a_phantom(world: World) -> None:
    world.put({"users/u1/videos/video-01/clips/c1": clip("video-01", 1)})

    found, reads = reads_of(lambda: world.records.video("u1", "video-01"))

    assert found is not None
    assert (found.exists, found.status, found.oddities, reads) == (False, None, (), 2)
    assert reads_of(lambda: world.records.video("u1", "video-02")) == (None, 2)


def test_videos_are_listed_with_their_phantoms_and_only_the_users_own(world: World) -> None:
    world.put({f"users/u1/videos/video-{n:02}": video(f"video-{n:02}") for n in range(3)})
    world.put({"users/u1/videos/video-01a/clips/c1": clip("video-01a", 1)})
    world.put({"users/u10/videos/video-09": video("video-09")})

    table, reads = reads_of(lambda: world.records.videos("u1"))

    assert list(table.frame["video_id"]) == ["video-00", "video-01", "video-01a", "video-02"]
    assert list(table.frame["exists"]) == [True, True, False, True]
    assert (table.complete, table.oddities, reads, table.reads) == (True, (), 4, 4)
    assert table.frame["update_time"].isna().tolist() == [False, False, True, False]


def test_videos_go_over_pages_and_stop_at_a_limit_with_a_cursor(world: World) -> None:
    ids = [f"video-{n:03}" for n in range(305)]
    world.put({f"users/u1/videos/{video_id}": {"status": "completed"} for video_id in ids})

    whole = world.records.videos("u1")
    first = world.records.videos("u1", limit=301)
    rest = world.records.videos("u1", cursor=first.next_cursor)

    assert list(whole.frame["video_id"]) == ids
    assert whole.complete
    assert (len(first.frame), first.complete, first.error) == (301, False, None)
    assert [*first.frame["video_id"], *rest.frame["video_id"]] == ids


def test_the_newest_videos_come_with_the_number_of_those_that_no_order_shows(world: World) -> None:
    world.put({f"users/u1/videos/video-{n}": video(f"video-{n}", created_at=NOON + timedelta(n)) for n in range(4)})
    half_written = {"video_id": "video-x", "status": "processing"}
    world.put({"users/u1/videos/video-x": half_written, "users/u1/videos/video-y": half_written})

    cut, reads = reads_of(lambda: world.records.recent_videos("u1", 3))
    whole = world.records.recent_videos("u1", 4)

    assert list(cut.table.frame["video_id"]) == ["video-3", "video-2", "video-1"]
    assert (cut.table.complete, cut.without_created_at, reads, cut.table.reads) == (False, 2, 6, 6)
    assert (whole.table.complete, whole.without_created_at) == (True, 2)


def test_videos_are_fetched_by_their_ids_in_order_without_those_that_are_absent(world: World) -> None:
    world.put({f"users/u1/videos/video-{n:03}": {"status": "failed"} for n in range(310)})
    ids = [("u1", f"video-{n:03}") for n in reversed(range(310))]

    table, reads = reads_of(lambda: world.records.videos_by_ids([*ids, ("u1", "none"), ("u2", "video-001")]))

    assert [("u1", video_id) for video_id in table.frame["video_id"]] == ids
    assert (table.complete, reads, table.reads) == (True, 312, 312)
    assert len(world.records.videos_by_ids([]).frame) == 0


def test_highlights_and_shares_are_given_as_they_stand(world: World) -> None:
    below = "users/u1/videos/video-01"
    world.put({f"{below}/highlights/main": {"highlights": [{"id": 1, "title": "x"}]}})
    world.put({f"{below}/clips/c1/shares/config": {"access_level": "public", "expires_at": NOON}})

    highlights = world.records.highlights("u1", "video-01")
    (share,) = world.records.shares("u1", "video-01", "c1")

    assert highlights is not None
    assert highlights.fields == {"highlights": [{"id": 1, "title": "x"}]}
    assert world.records.highlights("u1", "video-02") is None
    assert (share.path, share.fields) == (
        f"{below}/clips/c1/shares/config",
        {"access_level": "public", "expires_at": NOON},
    )
    assert world.records.shares("u1", "video-01", "c2") == ()


def test_share_links_are_found_by_user_and_video(world: World) -> None:
    link = {"user_id": "u1", "video_id": "v1", "clip_id": "c1"}
    world.put({"share_slugs/a": link, "share_slugs/b": {**link, "video_id": "v2"}})
    world.put({"share_slugs/c": {**link, "user_id": "u10"}})

    table, reads = reads_of(lambda: world.records.share_slugs("u1"))

    assert list(table.frame["slug"]) == ["a", "b"]
    assert (table.complete, reads) == (True, 2)
    assert list(world.records.share_slugs("u1", "v2").frame["slug"]) == ["b"]
    assert len(world.records.share_slugs("u2").frame) == 0


def test_any_document_and_its_collections_can_be_looked_at(world: World) -> None:
    world.put({"users/u1/videos/video-01/clips/c1": clip("video-01", 1), "users/u1/odd/x": {"n": 1}})

    assert world.records.raw("users/u1") is None
    assert world.records.children("users/u1") == ["odd", "videos"]
    assert world.records.children("") == ["users"]
    assert world.records.children("users/u2") == []
    document = world.records.raw("users/u1/odd/x")
    assert document is not None
    assert document.fields == {"n": 1}
    (phantom,) = world.records.documents("users/u1", "videos")
    assert (phantom.path, phantom.fields) == ("users/u1/videos/video-01", None)


@pytest.mark.parametrize("path", ["users", "users/u1/videos", "users//u1", "/users/u1", "users/.."])
def test_a_path_that_is_no_documents_is_refused(world: World, path: str) -> None:
    with pytest.raises(BadInput, match="path"):
        world.records.raw(path)
