"""The index that `rollup` writes: what Find gets out of it, for how many reads, how fresh, and how a customer goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from storage.actions.search_index import write_index
from storage.domain.layout import Layout
from storage.domain.search import SearchResult
from storage.domain.search_index import HEAD, place_path, title_path, user_path
from storage.repositories.search_index import index_records, read_head
from storage.services.search import find
from tests.rigs.firestore import FirestoreRig
from tests.rigs.pasted import WORLD
from tests.rigs.records import World, clip, reads_of, user, video

MADE = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
LATER = MADE + timedelta(hours=5)


@pytest.fixture
def world(firestore_rig: FirestoreRig) -> Iterator[World]:
    """On every kind of Firestore in turn."""
    with World(firestore_rig) as world:
        world.put(WORLD)
        titles = ("Opening Night", "Finale à l'Opéra", "Зимняя ёлка", "夏の花火大会")
        world.put({
            f"users/u2/videos/vid-jp01/clips/vid-jp01_{scene}_split": clip("vid-jp01", scene, scene_title=title)
            for scene, title in enumerate(titles, start=1)
        })  # fmt: skip
        write_index(world.records, world.writer, lambda: MADE)
        yield world


def paths(found: SearchResult) -> list[str]:
    return ["/".join(filter(None, (one.uid, one.video_id, one.clip_id))) for one in found.matches]


def look(world: World, text: str) -> tuple[SearchResult, int]:
    return reads_of(lambda: find(world.records, text, Layout()))  # type: ignore[no-any-return]


def kept(world: World) -> set[str]:
    return set(index_records(world.records).paths_before("~"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LOVELACE", "u1"), ("correo.example", "u2"), ("Ada Lovelace", "u1"), ("best cafe", "u1/vid-0001"),
        ("opening night", "u2/vid-jp01/vid-jp01_1_split"), ("夜景", "u2/vid-jp01"), ("최고의 순간", "u2/vid-kr01"),
        ("FINALE A L'OPERA", "u2/vid-jp01/vid-jp01_2_split"), ("ЗИМНЯЯ ЕЛКА", "u2/vid-jp01/vid-jp01_3_split"),
        ("花火", "u2/vid-jp01/vid-jp01_4_split"),
    ],
)  # fmt: skip
def test_parts_and_titles_are_found_in_the_index_for_few_reads(world: World, text: str, expected: str) -> None:
    found, reads = look(world, text)
    assert expected in paths(found)
    assert any("in the index as of 2026-11-20 06:30 UTC" in what for what in found.searched)
    assert reads <= 20


@pytest.mark.parametrize("part", ["ada", "ada.", "lovelace", "@example.com", "Ada Lovelace", "ada.lovelace@example.co"])
def test_who_sees_addresses_masked_finds_nobody_by_a_part_of_one_and_is_told(world: World, part: str) -> None:
    assert "u1" in paths(find(world.records, part, Layout()))
    found = find(world.records, part, Layout(), masked=True)
    assert [one for one in found.matches if one.type == "user"] == []
    assert "finds a customer by the whole one" in found.withheld


@pytest.mark.parametrize("whole", ["ada.lovelace@example.com", "ADA.Lovelace@Example.com"])
def test_who_sees_addresses_masked_finds_by_the_whole_of_one_in_any_case(world: World, whole: str) -> None:
    assert paths(find(world.records, whole, Layout(), masked=True)) == ["u1"]


def test_what_is_newer_than_the_index_is_read_and_said(world: World) -> None:
    world.put({
        "users/new": user("new", email="grace.hopper@navy.example", created_at=LATER, updated_at=LATER),
        "storage_accounting/u3": {"styled_clips_bytes": 1, "styled_clips_count": 1, "updated_at": LATER},
        "users/u3/videos/vid-new1": video("vid-new1", video_title="Compilers explained", updated_at=LATER),
    })  # fmt: skip
    for text, expected in (("hopper", "new"), ("compilers explained", "u3/vid-new1")):
        found, _ = look(world, text)
        assert paths(found) == [expected]
        assert any("newer than the index" in what or "since the index" in what for what in found.searched)


def test_nothing_found_says_what_cannot_be_searched_with_and_without_an_index(world: World) -> None:
    found, _ = look(world, "nobody wrote this")
    assert (found.matches, found.cannot[-1]) == ((), "titles of clips that are newer than the index (as of 2026-11-20 "
                                                     "06:30 UTC)")  # fmt: skip
    world.writer.delete(HEAD)
    found, _ = look(world, "ЗИМНЯЯ ЕЛКА")
    assert found.matches == ()
    assert any("the first 500 customers: no index" in what for what in found.searched)
    assert "titles of clips, and of other videos: there is no index; a rollup writes it" in found.cannot
    assert paths(look(world, "BEST CAFE")[0]) == ["u1/vid-0001"]


def test_a_generation_takes_the_place_of_the_one_before_whole(world: World) -> None:
    first = read_head(world.records)
    world.put({"users/u1": user("u1", email="moved@example.com")})
    written = write_index(world.records, world.writer, lambda: MADE)
    assert first is not None
    assert first.generation != written.head.generation
    assert set(world.records.many(first.paths).values()) == {None}
    assert read_head(world.records) == written.head
    assert written.cost.firestore_reads > 0
    assert paths(look(world, "moved@")[0]) == ["u1"]


def test_the_next_run_removes_what_a_killed_one_left_and_an_earlier_one_never_replaces_a_later(world: World) -> None:
    half = f"{MADE + timedelta(hours=1):%Y%m%d%H%M%S}"
    left = [user_path(half, 0), title_path(half, 0, 0), place_path(half, 0)]
    world.put({path: {"version": 1, "body": b"half"} for path in left})
    assert paths(look(world, "LOVELACE")[0]) == ["u1"]  # nobody reads it

    later = write_index(world.records, world.writer, lambda: LATER).head
    assert kept(world) == {HEAD, *later.paths}

    assert write_index(world.records, world.writer, lambda: LATER - timedelta(minutes=1)).head == later
    assert kept(world) == {HEAD, *later.paths}
