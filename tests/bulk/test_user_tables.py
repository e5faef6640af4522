"""Whole tables of a user the second time: fewer reads, and the same rows as reading all of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from grpc import StatusCode

from storage.domain.documents import Table
from storage.errors import Unreachable
from storage.repositories.records import Records
from storage.services.usage import KEPT, UserTables
from tests.bulk.test_user_reads import Clock, a_video, at
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig
from tests.rigs.records import World, clip, reads_of


class Shelf:
    """A world with one user's tables."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = Clock()
        self.records = Records(world.handle, self.clock)
        self.tables = UserTables(self.records, self.clock)

    def fill(self, videos: int, clips: int) -> None:
        for number in range(videos):
            rows: dict[str, dict[str, Any]] = {at(number): a_video(number)}
            rows |= {f"{at(number)}/clips/c{scene:03d}": clip(f"v{number:03d}", scene) for scene in range(clips)}
            self.world.put(rows)

    def touch(self, number: int, **changes: Any) -> None:
        self.world.put({at(number): a_video(number, updated_at=self.clock.now, **changes)})


@pytest.fixture
def shelf(firestore_rig: FirestoreRig) -> Iterator[Shelf]:
    """On every kind of Firestore in turn."""
    with World(firestore_rig) as world:
        yield Shelf(world)


@pytest.fixture
def own(embedded: EmbeddedFirestore) -> Iterator[Shelf]:
    """On a Firestore of this test's own."""
    with World(embedded) as world:
        yield Shelf(world)


def same(one: Table, other: Table) -> None:
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert (one.complete, one.error) == (other.complete, other.error)
    assert sorted(map(str, one.oddities)) == sorted(map(str, other.oddities))


def test_the_second_time_costs_what_changed_and_a_count(own: Shelf) -> None:
    own.fill(200, 25)
    assert reads_of(lambda: own.tables.clips("u1"))[1] >= 5_000
    assert reads_of(lambda: own.tables.videos("u1"))[1] == 200
    own.clock.now += timedelta(minutes=10)
    assert reads_of(lambda: own.tables.clips("u1"))[1] <= 12
    for number in range(0, 200, 20):
        own.touch(number)
    videos, few = reads_of(lambda: own.tables.videos("u1"))
    clips, some = reads_of(lambda: own.tables.clips("u1"))
    assert few == 11
    assert some <= 10 + 250 + 2 * 5 + 1
    same(videos, own.records.videos("u1"))
    same(clips, own.records.clips("u1"))


UNSIZED = clip("v001", 9, status="failed", file_size_bytes=None)
CHANGES = {
    "a clip added to a touched video": (1, {f"{at(1)}/clips/new": clip("v001", 9)}),
    "a clip added without a touch": (None, {f"{at(1)}/clips/new": clip("v001", 9)}),
    "a clip of another size without a touch": (None, {f"{at(1)}/clips/c000": clip("v001", 0, file_size_bytes=7)}),
    "a clip with odd fields": (1, {f"{at(1)}/clips/c000": clip("v001", 0, file_size_bytes="x", style=None)}),
    "a clip deleted without a touch": (None, {f"{at(1)}/clips/c000": None}),
    "a clip without a size added without a touch": (None, {f"{at(1)}/clips/new": UNSIZED}),
    "a clip without a size deleted without a touch": (None, {f"{at(4)}/clips/unsized": None}),
    "all clips of a video deleted": (2, {f"{at(2)}/clips/c{scene:03d}": None for scene in range(3)}),
    "a new video": (50, {f"{at(50)}/clips/c000": clip("v050", 0)}),
    "a video deleted and its clips left": (None, {at(2): None}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_tables_are_what_reading_all_gives(shelf: Shelf, change: str) -> None:
    shelf.fill(5, 3)
    shelf.world.put({f"{at(3)}/clips/odd": clip("v003", 7, style=5), "users/u1/videos/ghost/clips/c": clip("ghost", 1)})
    shelf.world.put({f"{at(4)}/clips/unsized": UNSIZED})
    shelf.tables.videos("u1"), shelf.tables.clips("u1")
    shelf.clock.now += timedelta(minutes=10)
    touched, documents = CHANGES[change]
    if touched is not None:
        shelf.touch(touched)
    for path, fields in documents.items():
        if fields is None:
            shelf.world.client.document(path).delete()
        else:
            shelf.world.put({path: fields})
    for _ in range(2):
        same(shelf.tables.videos("u1"), shelf.records.videos("u1"))
        same(shelf.tables.clips("u1"), shelf.records.clips("u1"))
        shelf.clock.now += timedelta(minutes=10)


def test_an_outage_is_an_error_and_no_old_table(own: Shelf) -> None:
    own.fill(2, 2)
    own.tables.clips("u1")
    with own.world.faults.outage(StatusCode.UNAVAILABLE), pytest.raises(Unreachable):
        own.tables.clips("u1")
    same(own.tables.clips("u1"), own.records.clips("u1"))


def test_tables_are_read_anew_when_forgotten_after_an_hour_and_beyond_the_room(own: Shelf) -> None:
    own.fill(3, 4)
    own.tables.clips("u1")
    own.tables.forget("u1")
    assert reads_of(lambda: own.tables.clips("u1"))[1] >= 12
    own.clock.now += KEPT
    assert reads_of(lambda: own.tables.clips("u1"))[1] >= 12
    small = UserTables(own.records, own.clock, kept_rows=11)
    small.clips("u1")
    assert small._kept == {}
