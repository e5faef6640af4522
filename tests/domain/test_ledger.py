"""The ledger of a customer's storage: its causes add up to the byte, and what is not known is not told as zero."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.domain.documents import OBJECTS, Table
from storage.domain.integrity import Failure, HeadAnswer
from storage.domain.ledger import Ledger, balance, crossing, only_sizes_mend, over_by_mistake
from tests.domain.integrity_world import JUST_NOW, LAYOUT, NOW, OLD, STALE, World, denied, table

CLIPS = "users/u1/v1/clips/"


def of(world: World, kept: Sequence[Table] | None = ()) -> Ledger:
    return balance(world.facts(), NOW, STALE, LAYOUT, kept)


def causes(ledger: Ledger) -> dict[str, tuple[int, int]]:
    assert ledger.differences is not None
    return {one.cause: (one.bytes, one.clips) for one in ledger.differences}


def beside(ledger: Ledger) -> dict[str, tuple[int | None, int]]:
    return {one.cause: (one.bytes, one.clips) for one in ledger.beside}


def kept_by_a_purge(*sizes: int) -> Table:
    rows = [
        {"key": f"_ops/quarantine/j1/objects/{i}", "size_bytes": size, "etag": "e", "last_modified": OLD}
        for i, size in enumerate(sizes)
    ]
    return table(OBJECTS, rows)


WRITING = {"status": "processing", "updated_at": JUST_NOW}
CASES = {
    "all as documented": (World().video("v1").clip("v1"), 100, 100, {}),
    "object larger": (World().video("v1").clip("v1", size=130), 100, 130, {"wrong_size": (30, 1)}),
    "document without size": (World().video("v1").clip("v1", file_size_bytes=None), 0, 100, {"wrong_size": (100, 1)}),
    "no object": (World().video("v1").clip("v1", size=None), 100, 0, {"missing": (-100, 1)}),
    "no key": (World().video("v1").clip("v1", r2_key=""), 100, 0, {"missing": (-100, 1)}),
    "failed, and nothing claimed": (
        World().video("v1").clip("v1", size=None, status="failed", file_size_bytes=None),
        0,
        0,
        {},
    ),
    "being written": (World().video("v1").clip("v1", size=None, **WRITING), 100, 0, {"in_flight": (-100, 1)}),
    "named twice": (
        World().video("v1").clip("v1", clip_id="a", file_size_bytes=7).clip("v1", clip_id="b"),
        107,
        100,
        {"duplicate_key": (-7, 1)},
    ),
    "named twice, and the first is right": (
        World().video("v1").clip("v1", clip_id="a").clip("v1", clip_id="b", file_size_bytes=7),
        107,
        100,
        {"duplicate_key": (-7, 1)},
    ),
    "a key of the desk's own": (
        World().video("v1").clip("v1", r2_key="_ops/x/clips/clip_01_1_a_split.mp4", size=None),
        100,
        0,
        {"missing": (-100, 1)},
    ),
}


@pytest.mark.parametrize(("world", "actual", "stored", "expected"), CASES.values(), ids=CASES)
def test_each_difference_has_its_cause(
    world: World, actual: int, stored: int, expected: dict[str, tuple[int, int]]
) -> None:
    found = of(world)
    assert (found.actual_bytes, found.stored_bytes, causes(found)) == (actual, stored, expected)


def test_what_else_lies_there_stands_beside_the_sum() -> None:
    world = World().video("v1").clip("v1")
    world.object(f"{CLIPS}clip_01_9_lost_split.mp4", 11).object(
        f"{CLIPS}clip_01_8_new_split.mp4", 13, modified=JUST_NOW
    )
    world.object("sources/u1/v1/source.mp4", 500).object("users/u1/v1/neural/a.json.gz", 5)
    world.clip("v1", "clip_01_2_gone_split", size=70, thumbnail=False, clip_id="v1_2_split", exists=False)
    found = of(world, [kept_by_a_purge(3, 4)])
    assert found.stored_bytes == found.actual_bytes == 100
    assert beside(found) == {
        "orphan": (11, 0),
        "in_flight": (13, 0),
        "quarantine": (7, 0),
        "cache": (505, 0),
        "deleted_share": (70, 1),
    }
    assert beside(of(World().video("v1").clip("v1"))) == {}


def test_what_was_not_seen_is_unknown_and_says_why() -> None:
    world = World().video("v1").clip("v1")
    world.listing_error = denied()
    world.objects.clear()
    found = of(world, None)
    assert (found.stored_bytes, found.differences) == (None, None)
    assert "Not allowed to read the bucket." in found.notes[0]
    assert beside(found) == dict.fromkeys(("orphan", "in_flight", "quarantine", "cache", "deleted_share"), (None, 0))
    cut_short = World().video("v1").clip("v1")  # the object was listed, and then the listing broke off
    cut_short.listing_error = denied()
    assert of(cut_short).stored_bytes is None
    foreign = World().clip("v1", r2_key="users/u2/v1/clips/clip_01_1_a_split.mp4", size=None, thumbnail=False)
    assert of(foreign).stored_bytes is None  # nobody asked for it
    key = foreign.clip_rows[0]["r2_key"]
    foreign.more["heads"] = {key: HeadAnswer(failure=Failure(key, "unreachable", "No answer.", ""))}
    assert "No answer." in of(foreign).notes[0]
    foreign.more["heads"] = {key: HeadAnswer()}
    assert causes(of(foreign)) == {"missing": (-100, 1)}


def test_a_size_is_mended_only_from_an_object_that_measures_the_clip() -> None:
    world = World().video("v1").clip("v1", "clip_01_1_a_split", size=130).clip("v1", "clip_01_2_b_split", size=0)
    world.clip("v1", "clip_01_3_c_split", size=9, status="processing", updated_at=JUST_NOW)
    found = of(world)
    assert [(one.clip_id, one.before, one.after) for one in found.mendable] == [("v1_clip_01_1_a_split", 100, 130)]
    assert [one.why for one in found.wrong_sizes if not one.mendable] == [
        "the object is empty, so the clip is broken, and its size says nothing"
    ]


def test_an_empty_bucket_is_told_with_a_doubt() -> None:
    assert "Check bucket and key prefix" in of(World().video("v1").clip("v1", size=None)).notes[0]


@pytest.mark.parametrize(
    ("used", "truth", "stored", "said"),
    [
        (99, 10, 10, ""),
        (100, 99, 100, "documents add up to 99 B."),
        (100, 100, 99, "bucket have 99 B."),
        (100, 5, 6, "add up to 5 B and the objects in the bucket have 6 B."),
        (None, 5, 5, ""),
        (100, None, None, ""),
    ],
)
def test_over_by_a_wrong_number_is_known_from_either_side(used: Any, truth: Any, stored: Any, said: str) -> None:
    found = over_by_mistake(used, 100, truth, stored)
    assert said in found
    assert bool(said) == bool(found)
    assert only_sizes_mend(100, truth) is (truth not in (5, 10, 99))


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ([60, 30], None),
        ([60, 30, 10], ("c2", 90, 100)),
        ([60, None, 50, 5], ("c2", 60, 110)),
        ([100, -50, 60], ("c2", 50, 110)),
        ([100, -50], None),
    ],
)
def test_the_upload_that_reached_the_limit_is_named(sizes: Any, found: Any) -> None:
    world = World().video("v1")
    for n, size in enumerate(sizes):
        at = OLD + timedelta(hours=n)
        world.clip("v1", clip_id=f"c{n}", file_size_bytes=size, created_at=at)
    world.clip("v1", clip_id="gone", file_size_bytes=500, created_at=OLD, exists=False)
    crossed = crossing(world.facts().clips.frame, 100)
    assert (crossed and (crossed.clip_id, crossed.bytes_before, crossed.bytes_after)) == found
    world.clip("v1", clip_id="undated", file_size_bytes=99, created_at=None)
    first = crossing(world.facts().clips.frame, 160)
    assert first is None or first.undated == 1
    assert crossing(world.facts().clips.frame, 0) is None


SIZES = st.none() | st.integers(-(2**62), 2**62) | st.integers(0, 300)
MOMENTS = st.sampled_from([OLD, JUST_NOW])
KEYS = st.sampled_from(
    ["", "_ops/a.mp4", "sources/u1/v1/source.mp4", "u1/v1/clips/clip_01_1_a_split.mp4"]
    + [f"users/u1/v{n % 2}/clips/clip_01_{n}_a_split.mp4" for n in range(4)]
)
CLIP = st.tuples(
    st.sampled_from(["v0", "v1"]),
    KEYS,
    SIZES,
    st.sampled_from(["completed", "processing", "failed", None]),
    MOMENTS,
    st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(
    clips=st.lists(CLIP, max_size=8),
    objects=st.dictionaries(KEYS.filter(bool), st.tuples(st.integers(0, 2**50), MOMENTS), max_size=8),
    status=st.sampled_from(["completed", "processing"]),
)
def test_the_causes_add_up_to_the_byte(
    clips: list[tuple[str, str, int | None, str | None, datetime, bool]],
    objects: dict[str, tuple[int, datetime]],
    status: str,
) -> None:
    world = World(extra_prefixes=("u1/",)).video("v0", status).video("v1")
    for n, (video_id, key, size, state, at, exists) in enumerate(clips):
        world.clip(
            video_id, size=None, thumbnail=False, r2_key=key, clip_id=f"c{n}", file_size_bytes=size, status=state,
            updated_at=at, exists=exists,
        )  # fmt: skip
    world.objects.update(objects)
    found = of(world)
    there = [clip for clip in clips if clip[5]]
    named = {key for _, key, *_ in there if key in objects and not key.startswith("_ops/")}
    assert found.actual_bytes == sum(size or 0 for _, _, size, *_ in there)
    assert found.stored_bytes == sum(objects[key][0] for key in named)
    assert sum(bytes_ for bytes_, _ in causes(found).values()) == found.stored_bytes - found.actual_bytes
