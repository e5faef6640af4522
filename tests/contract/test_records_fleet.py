"""Finding and counting across all users, on every kind of Firestore."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from storage.errors import BadInput
from tests.rigs.firestore import FirestoreRig
from tests.rigs.records import NOON, World, clip, reads_of, video


@pytest.fixture
def world(firestore_rig: FirestoreRig) -> Iterator[World]:
    """An empty project on every kind of Firestore in turn."""
    with World(firestore_rig) as opened:
        yield opened


def test_videos_are_found_across_users_by_id_and_by_youtube_id(world: World) -> None:
    world.put({f"users/u{n}/videos/v{n}": video(f"v{n}", youtube_id="same") for n in range(3)})

    by_id, reads = reads_of(lambda: world.records.find_videos(video_id="v1"))
    by_youtube = world.records.find_videos(youtube_id="same")
    by_url = world.records.find_videos(video_url="https://www.youtube.com/watch?v=v2")

    assert list(by_id.frame["path"]) == ["users/u1/videos/v1"]
    assert (by_id.complete, reads) == (True, 1)
    assert list(by_youtube.frame["uid"]) == ["u0", "u1", "u2"]
    assert list(by_url.frame["uid"]) == ["u2"]
    assert len(world.records.find_videos(video_id="none").frame) == 0


def test_clips_are_found_across_users_and_a_cut_is_told(world: World) -> None:
    world.put({f"users/u{n}/videos/v/clips/c{n}": clip("v", n, filename="a b+é.mp4") for n in range(4)})

    by_name, reads = reads_of(lambda: world.records.find_clips(filename="a b+é.mp4", limit=3))

    assert list(by_name.frame["clip_id"]) == ["c0", "c1", "c2"]
    assert (by_name.complete, by_name.error, reads) == (False, None, 4)
    assert list(world.records.find_clips(clip_id="v_2_split").frame["uid"]) == ["u2"]
    assert list(world.records.find_clips(r2_key="users/u1/v/clips/clip_01_3_scene_split.mp4").frame["uid"]) == ["u3"]


def test_looking_for_nothing_or_for_two_things_is_refused(world: World) -> None:
    with pytest.raises(BadInput, match="give one of"):
        world.records.find_videos()
    with pytest.raises(BadInput, match="give one of"):
        world.records.find_clips(clip_id="a", filename="b")
    with pytest.raises(BadInput, match="give one of"):
        world.records.find_clips(r2_key="")


def test_videos_by_status_keep_those_untouched_for_long_and_those_that_cannot_say(world: World) -> None:
    states = {
        "fresh": video("fresh", status="processing", updated_at=NOON),
        "old": video("old", status="processing", updated_at=NOON - timedelta(hours=1)),
        "text": video("text", status="processing", updated_at="2026-03-01T12:00:00Z"),
        "none": {"status": "processing"},
        "null": video("null", status="processing", updated_at=None),
        "done": video("done", status="completed", updated_at=NOON - timedelta(hours=1)),
    }
    world.put({f"users/u1/videos/{video_id}": fields for video_id, fields in states.items()})

    stuck, reads = reads_of(lambda: world.records.videos_by_status(["processing"], NOON - timedelta(minutes=15)))
    everything = world.records.videos_by_status(["processing", "completed"])

    assert list(stuck.frame["video_id"]) == ["none", "null", "old", "text"]
    assert (stuck.complete, reads, stuck.reads) == (True, 5, 5)
    assert len(everything.frame) == 6


def test_a_limit_on_videos_by_status_counts_the_rows_and_not_what_was_looked_at(world: World) -> None:
    rows = {
        f"users/u1/videos/v{n}": {"status": "processing", "updated_at": NOON - timedelta(days=n % 2)} for n in range(9)
    }
    world.put(rows)

    cut = world.records.videos_by_status(["processing"], NOON, limit=3)
    whole = world.records.videos_by_status(["processing"], NOON, limit=4)

    assert list(cut.frame["video_id"]) == ["v1", "v3", "v5"]
    assert (cut.complete, cut.error) == (False, None)
    assert list(whole.frame["video_id"]) == ["v1", "v3", "v5", "v7"]


@pytest.mark.parametrize("statuses", [[], [f"s{n}" for n in range(31)]])
def test_no_states_and_more_than_firestore_takes_are_refused(world: World, statuses: list[str]) -> None:
    with pytest.raises(BadInput, match="states"):
        world.records.videos_by_status(statuses)


def test_states_are_counted_on_the_server_with_unknown_ones_as_other(world: World) -> None:
    states = ["completed"] * 3 + ["processing", "failed", "Completed", None]
    world.put({f"users/u{n}/videos/v": {"status": status} for n, status in enumerate(states)})
    world.put({"users/u9/videos/v": {"video_id": "v"}})

    counts, reads = reads_of(lambda: world.records.status_counts())

    assert counts == {"processing": 1, "analyzed": 0, "completed": 3, "failed": 1, "other": 3}
    assert reads == 5


def test_documents_of_a_collection_group_are_counted_for_a_read_each_thousand(world: World) -> None:
    world.put({f"users/u{n % 7}/videos/v{n}": {"n": n} for n in range(1_001)})

    assert reads_of(lambda: world.records.count("videos")) == (1_001, 2)
    assert reads_of(lambda: world.records.count("clips")) == (0, 1)
    with pytest.raises(BadInput):
        world.records.count("users/u1")
