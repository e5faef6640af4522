"""Clips of a video and of a whole user, and their totals, read from every kind of Firestore."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from storage.domain.documents import CLIPS, Table
from storage.repositories import queries
from storage.repositories.queries import CLOCK_EVERY
from storage.repositories.records import Records
from tests.rigs.firestore import FirestoreRig
from tests.rigs.records import NOON, World, clip, reads_of, user, video

UNICODE_UID = "üñ-ユーザー😀"


@pytest.fixture
def world(firestore_rig: FirestoreRig) -> Iterator[World]:
    """An empty project on every kind of Firestore in turn."""
    with World(firestore_rig) as opened:
        yield opened


@pytest.fixture(params=["ranged", "video by video"])
def records(request: pytest.FixtureRequest, world: World) -> Records:
    """A reader that asks by range, and one for a backend that is known to refuse ranges."""
    return Records(world.handle, ranged=request.param == "ranged")


def put_users(world: World, *uids: str) -> None:
    """Users with two videos, one of them a phantom, with clips below both."""
    for uid in uids:
        below = f"users/{uid}/videos"
        world.put({f"users/{uid}": user(uid), f"{below}/video-1": video("video-1")})
        world.put({f"{below}/video-1/clips/c{n}": clip("video-1", n) for n in range(3)})
        world.put({f"{below}/video-1-b/clips/c{n}": clip("video-1-b", n) for n in range(2)})


def ids(table: Table) -> list[tuple[str, str]]:
    """Video and clip ids in the table's order."""
    return list(zip(table.frame["video_id"], table.frame["clip_id"], strict=True))


BOTH_VIDEOS = [
    ("video-1", "c0"),
    ("video-1", "c1"),
    ("video-1", "c2"),
    ("video-1-b", "c0"),
    ("video-1-b", "c1"),
]


def test_a_clip_becomes_a_value_with_every_field(world: World) -> None:
    world.put({"users/u1/videos/video-1/clips/c1": clip("video-1", 1, file_size_mb=1.5)})

    found, reads = reads_of(lambda: world.records.clip("u1", "video-1", "c1"))

    assert found is not None
    assert (found.uid, found.video_id, found.clip_id, found.exists) == ("u1", "video-1", "c1", True)
    assert (found.scene_id, found.file_size_bytes, found.file_size_mb) == (1, 1_000, 1.5)
    assert (found.has_thumbnail, found.updated_at, found.oddities, reads) == (True, None, (), 1)
    assert reads_of(lambda: world.records.clip("u1", "video-1", "c2")) == (None, 2)


def test_a_clip_of_which_only_shares_are_left_is_a_phantom(world: World) -> None:
    world.put({"users/u1/videos/video-1/clips/c1/shares/config": {"access_level": "public"}})

    found = world.records.clip("u1", "video-1", "c1")

    assert found is not None
    assert (found.exists, found.file_size_bytes, found.oddities) == (False, None, ())


@pytest.mark.parametrize("uid", ["u1", "u10", UNICODE_UID])
def test_a_users_clips_are_the_users_alone_with_those_below_phantom_videos(
    world: World, records: Records, uid: str
) -> None:
    put_users(world, "u", "u1", "u10", "u1\u00e9", UNICODE_UID, UNICODE_UID + "x")

    table = records.clips(uid)

    assert ids(table) == BOTH_VIDEOS
    assert set(table.frame["uid"]) == {uid}
    assert table.complete
    assert dict(table.frame.dtypes) == dict(CLIPS.empty().dtypes)


def test_one_videos_clips_are_that_videos_alone(world: World) -> None:
    put_users(world, "u1")

    table, reads = reads_of(lambda: world.records.clips("u1", "video-1"))

    assert ids(table) == BOTH_VIDEOS[:3]
    assert (table.complete, reads, table.reads) == (True, 3, 3)


def test_reading_by_range_costs_the_clips_and_one_look_for_what_is_left_of_deleted_ones(world: World) -> None:
    put_users(world, "u1")

    ranged, ranged_reads = reads_of(lambda: world.records.clips("u1"))
    each, each_reads = reads_of(lambda: Records(world.handle, ranged=False).clips("u1"))

    assert (ranged.reads, ranged_reads) == (6, 6)
    assert (each.reads, each_reads) == (7, 7)  # two videos listed, five clips


def test_both_ways_give_the_same_table_with_phantoms_of_clips_in_their_places(world: World) -> None:
    put_users(world, "u1", "u10")
    world.put({f"users/u1/videos/{path}/shares/config": {"n": 1} for path in ("video-1/clips/c0", "video-1/clips/c00")})
    world.put({"users/u1/videos/video-1-b/clips/gone/shares/config": {"n": 1}})
    world.put({"users/u1/videos/video-0/clips/bad": clip("video-0", 1, file_size_bytes="?", status=None)})

    ranged, each = world.records.clips("u1"), Records(world.handle, ranged=False).clips("u1")

    assert ids(ranged) == [
        ("video-0", "bad"),
        ("video-1", "c0"),
        ("video-1", "c00"),
        *BOTH_VIDEOS[1:],
        ("video-1-b", "gone"),
    ]
    assert ranged.frame["exists"].tolist() == [True, True, False, *[True] * 4, False]
    pd.testing.assert_frame_equal(ranged.frame, each.frame)
    assert sorted(map(repr, ranged.oddities)) == sorted(map(repr, each.oddities))
    assert {(odd.field_name, odd.kind) for odd in ranged.oddities} == {
        ("file_size_bytes", "wrong_type"),
        ("status", "null"),
    }


def test_a_user_of_whom_only_shares_of_deleted_clips_are_left_is_still_found(world: World, records: Records) -> None:
    world.put({"users/u1/videos/video-1/clips/gone/shares/config": {"n": 1}})

    table = records.clips("u1")

    assert ids(table) == [("video-1", "gone")]
    assert table.frame["exists"].tolist() == [False]


def test_no_clips_at_all_is_an_empty_complete_table(world: World, records: Records) -> None:
    put_users(world, "u10")

    table = records.clips("u1")

    assert (len(table.frame), table.complete, table.oddities) == (0, True, ())
    assert dict(table.frame.dtypes) == dict(CLIPS.empty().dtypes)


def test_documents_of_the_same_collection_name_elsewhere_are_left_out_and_told(world: World) -> None:
    put_users(world, "u1")
    world.put({"users/u1/videos/video-1/clips/c0/drafts/d/clips/x": {"n": 1}, "clips/root": {"n": 1}})

    table = world.records.clips("u1")

    assert ids(table) == BOTH_VIDEOS
    assert [(odd.path, odd.field_name, odd.kind) for odd in table.oddities] == [
        ("users/u1/videos/video-1/clips/c0/drafts/d/clips/x", "path", "bad_value")
    ]


@pytest.mark.parametrize("clips", [7, 8, 9])
def test_a_ranged_read_goes_over_pages_without_losing_or_doubling(world: World, clips: int) -> None:
    below = "users/u1/videos"
    world.put({f"{below}/v{n // 3}-{n % 3}/clips/c{n}": clip("v", n) for n in range(clips)})
    world.put({f"{below}/w/clips/c{n}/shares/config": {"n": n} for n in range(9)})

    table, reads = reads_of(lambda: Records(world.handle, bulk_page=4).clips("u1"))

    assert sorted(table.frame["clip_id"]) == sorted([*(f"c{n}" for n in range(clips)), *(f"c{n}" for n in range(9))])
    assert table.frame["path"].is_unique
    assert table.complete
    assert reads == table.reads == clips + (clips - 1) // 4 + 9 + 2  # a document more for each page that goes on


def test_more_clips_than_a_page_holds_are_read_to_the_last(world: World) -> None:
    expected = 2_007
    world.put({f"users/u1/videos/video-1/clips/c{n:05}": {"file_size_bytes": n} for n in range(expected)})

    table, reads = reads_of(lambda: Records(world.handle, bulk_page=2_000).clips("u1"))

    assert table.frame["clip_id"].tolist() == [f"c{n:05}" for n in range(expected)]
    assert table.frame["file_size_bytes"].tolist() == list(range(expected))
    assert (table.complete, reads) == (True, expected + 2)
    assert table.oddities[-1].kind == "not_kept"
    assert "not kept" in table.oddities[-1].found


def test_a_slow_stream_ends_its_page_early_and_the_next_page_goes_on_from_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = 3 * CLOCK_EVERY + 7
    world.put({f"users/u1/videos/video-1/clips/c{n:05}": {"file_size_bytes": n} for n in range(expected)})
    monkeypatch.setattr(queries, "BULK_SECONDS", 0.0)

    table, reads = reads_of(lambda: world.records.clips("u1"))

    assert table.frame["clip_id"].tolist() == [f"c{n:05}" for n in range(expected)]
    assert table.complete
    assert reads == expected + 3 + 1  # a document more for each of three pages that were cut, one for no shares


SIZES: list[Any] = [0, 5, 2.5, 1_000, -3, None, "12", math.nan, math.inf, True, [1], {"a": 1}]


def test_totals_count_all_clips_and_add_up_the_sizes_that_are_numbers_or_say_nothing(
    world: World, records: Records
) -> None:
    put_users(world, "u10")
    rows = {f"users/u1/videos/v{n % 3}/clips/c{n}": {"file_size_bytes": size} for n, size in enumerate(SIZES)}
    world.put({**rows, "users/u1/videos/v9/clips/none": {"status": "processing"}})

    totals = records.clip_totals("u1")

    assert (totals.count, totals.sized_count, totals.size_bytes) == (13, 5, None)  # no bytes add up to 1,004.5
    assert totals.read_at >= NOON
    world.put({"users/u1/videos/v2/clips/c2": {"file_size_bytes": 2.0}})
    totals = records.clip_totals("u1")
    assert (totals.count, totals.sized_count, totals.size_bytes) == (13, 5, 1_004)


def test_totals_of_one_video_and_of_nothing(world: World, records: Records) -> None:
    put_users(world, "u1", "u10")

    of_video, reads = reads_of(lambda: records.clip_totals("u1", "video-1-b"))
    of_nothing = records.clip_totals("u2")

    assert (of_video.count, of_video.sized_count, of_video.size_bytes, reads) == (2, 2, 2_000, 2)
    assert (of_nothing.count, of_nothing.sized_count, of_nothing.size_bytes) == (0, 0, 0)


def test_totals_cost_a_read_for_every_started_thousand_clips(world: World) -> None:
    world.put({f"users/u1/videos/v/clips/c{n:04}": {"file_size_bytes": 2} for n in range(1_001)})

    totals, reads = reads_of(lambda: world.records.clip_totals("u1"))

    assert (totals.count, totals.size_bytes, reads) == (1_001, 2_002, 4)
