"""What is remembered of a user: how many documents a look and the next one read, and that the next tells the truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from grpc import StatusCode

from storage.domain.documents import Table
from storage.domain.usage import DEFAULT_LIMITS
from storage.errors import NotFound, Unreachable
from storage.repositories.records import Records
from storage.services.usage import KEPT, NEWEST, OVERLAP, UserCache
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig, available_firestores
from tests.rigs.records import NOON, World, clip, reads_of, user, video


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON + timedelta(days=1)

    def __call__(self) -> datetime:
        return self.now


class Desk:
    """A world, the cache of its users, and a second one that never remembers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = Clock()
        self.records = Records(world.handle, self.clock)
        self.cache = UserCache(self.records, DEFAULT_LIMITS, self.clock)

    def plain(self) -> UserCache:
        return UserCache(self.records, DEFAULT_LIMITS, self.clock)

    def later(self, **passed: float) -> datetime:
        self.clock.now += timedelta(**passed) if passed else timedelta(minutes=10)
        return self.clock.now


@pytest.fixture
def desk(firestore_rig: FirestoreRig) -> Iterator[Desk]:
    """On every kind of Firestore in turn."""
    with World(firestore_rig) as world:
        yield Desk(world)


@pytest.fixture
def own(embedded: EmbeddedFirestore) -> Iterator[Desk]:
    """On a Firestore of this test's own."""
    with World(embedded) as world:
        yield Desk(world)


def at(number: int) -> str:
    return f"users/u1/videos/v{number:03d}"


def a_video(number: int, **changes: Any) -> dict[str, Any]:
    made = NOON + timedelta(minutes=number)
    return video(f"v{number:03d}", **{"created_at": made, "updated_at": made, **changes})


def fill(desk: Desk, videos: int = 200, clips: int = 5_000, transactions: int = 60) -> None:
    documents: dict[str, dict[str, Any]] = {
        "users/u1": user("u1"),
        "plans/pro": {"id": "pro", "limits": {"storage_limit_bytes": 10**9}},
        "storage_accounting/u1": {"styled_clips_bytes": 1_000 * clips, "styled_clips_count": clips},
    }
    for number in range(videos):
        documents[at(number)] = a_video(number)
        for scene in range(clips // videos):
            documents[f"{at(number)}/clips/c{scene:03d}"] = clip(f"v{number:03d}", scene)
    for number in range(transactions):
        stamp = NOON + timedelta(minutes=number)
        documents[f"users/u1/credit_transactions/t{number:03d}"] = {
            "timestamp": stamp, "operation_type": "render", "credits_amount": -1,
        }  # fmt: skip
    desk.world.put(documents)


def whole_page(cache: UserCache) -> tuple[Any, ...]:
    """Everything that the page of a user loads."""
    account, usage = cache.account("u1")
    return account, usage, cache.newest_videos("u1"), cache.transactions("u1")


def assert_same(fresh: tuple[Any, ...], plain: tuple[Any, ...]) -> None:
    assert fresh[:2] == plain[:2]
    for one, other in ((fresh[2].table, plain[2].table), (fresh[3], plain[3])):
        pd.testing.assert_frame_equal(one.frame, other.frame)
        assert (one.complete, sorted(map(str, one.oddities))) == (other.complete, sorted(map(str, other.oddities)))
    assert (fresh[2].everything, fresh[2].count, fresh[2].hidden) == (
        plain[2].everything,
        plain[2].count,
        plain[2].hidden,
    )


def test_a_page_of_200_videos_and_5000_clips_costs_little_cold_and_less_when_refreshed(own: Desk) -> None:
    fill(own)
    _, cold = reads_of(lambda: whole_page(own.cache))
    now = own.later()
    own.world.put({at(number): a_video(number, updated_at=now, status="failed") for number in range(0, 200, 10)})
    fresh, warm = reads_of(lambda: whole_page(own.cache))

    assert cold <= 130
    assert warm <= 30
    assert_same(fresh, whole_page(own.plain()))


def test_a_refresh_without_any_change_costs_less_still(own: Desk) -> None:
    fill(own)
    whole_page(own.cache)
    own.later()
    fresh, reads = reads_of(lambda: whole_page(own.cache))
    assert reads <= 11
    assert_same(fresh, whole_page(own.plain()))


CHANGES: dict[str, dict[str, dict[str, Any] | None]] = {
    "one changed": {at(29): a_video(29, status="processing")},
    "an old one changed": {at(1): a_video(1, status="processing")},
    "a new one": {at(900): a_video(900)},
    "a new one and an old one": {at(900): a_video(900), at(2): a_video(2, status="failed")},
    "one deleted": {at(29): None},
    "one deleted and one new": {at(29): None, at(901): a_video(901)},
    "one that says no creation time": {at(902): a_video(902, created_at=None)},
    "one with an odd field": {at(28): a_video(28, clips_count="many")},
    "all changed": {at(number): a_video(number, status="failed") for number in range(30)},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("firestore_rig", "videos"),
    [("embedded", 5), *((kind, 30) for kind in available_firestores())],
    indirect=["firestore_rig"],
)
def test_a_refresh_gives_what_reading_anew_gives(desk: Desk, change: str, videos: int) -> None:
    fill(desk, videos, 60, 3)
    desk.world.put({at(27): a_video(27, total_size_bytes="?")} if videos == 30 else {at(0): a_video(0, status=None)})
    whole_page(desk.cache)
    now = desk.later()
    for path, fields in CHANGES[change].items():
        if fields is None:
            desk.world.client.document(path).delete()
        else:
            desk.world.put({path: {**fields, "updated_at": now}})
    desk.world.put({
        "users/u1": user("u1", total_storage_bytes=7),
        f"{at(0)}/clips/new": clip("v000", 99),
        "users/u1/credit_transactions/new": {"timestamp": now, "operation_type": "x", "credits_amount": 1},
    })  # fmt: skip

    assert_same(whole_page(desk.cache), whole_page(desk.plain()))
    desk.later()
    assert_same(whole_page(desk.cache), whole_page(desk.plain()))


def test_a_change_just_before_the_last_look_by_a_clock_that_is_late_is_seen(own: Desk) -> None:
    fill(own, 30, 30, 0)
    whole_page(own.cache)
    late = own.clock.now - OVERLAP + timedelta(seconds=1)
    own.world.put({at(29): a_video(29, updated_at=late, status="failed")})
    own.later()
    assert own.cache.newest_videos("u1").table.frame["status"].iloc[0] == "failed"


def test_exactly_as_many_videos_as_are_shown_are_all_of_them(own: Desk) -> None:
    fill(own, NEWEST, NEWEST, 0)
    first, reads = reads_of(lambda: own.cache.newest_videos("u1"))
    assert (first.everything, first.count, len(first.table.frame)) == (True, NEWEST, NEWEST)
    assert reads == NEWEST + 1
    own.later()
    again, reads = reads_of(lambda: own.cache.newest_videos("u1"))
    assert (again.everything, reads) == (True, 2)


def test_another_plan_is_read_anew(own: Desk) -> None:
    fill(own, 3, 3, 0)
    assert own.cache.account("u1")[1].storage.limit == 10**9
    own.world.put({"users/u1": user("u1", plan="studio")})
    assert own.cache.account("u1")[1].plan.plan_id == "studio"


def test_what_leaves_no_trace_is_seen_after_an_hour_or_when_forgotten(own: Desk) -> None:
    fill(own, 3, 3, 0)
    whole_page(own.cache)
    own.world.put({at(1): a_video(1, clips_count=77)})
    own.later()
    assert 77 not in own.cache.newest_videos("u1").table.frame["clips_count"].tolist()
    own.cache.forget("u1")
    assert 77 in own.cache.newest_videos("u1").table.frame["clips_count"].tolist()
    own.world.put({at(1): a_video(1, clips_count=78)})
    own.later(seconds=KEPT.total_seconds() / 2)
    assert 78 not in own.cache.newest_videos("u1").table.frame["clips_count"].tolist()
    own.later(seconds=KEPT.total_seconds() / 2)
    assert 78 in own.cache.newest_videos("u1").table.frame["clips_count"].tolist()


def test_a_user_who_is_gone_is_not_found_although_remembered(own: Desk) -> None:
    own.world.put({"users/u1": user("u1")})
    own.cache.account("u1")
    own.world.client.document("users/u1").delete()
    with pytest.raises(NotFound):
        own.cache.account("u1")


def test_an_outage_on_refresh_is_an_error_and_no_old_answer(own: Desk) -> None:
    fill(own, 30, 30, 3)
    whole_page(own.cache)
    with own.world.faults.outage(StatusCode.UNAVAILABLE):
        for ask in (own.cache.account, own.cache.newest_videos, own.cache.transactions):
            with pytest.raises(Unreachable):
                ask("u1")
    assert_same(whole_page(own.cache), whole_page(own.plain()))


def test_only_so_many_answers_are_remembered(own: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.services.usage.KEPT_ANSWERS", 6)
    for number in range(9):
        own.cache.transactions(f"u{number}")
    assert len(own.cache._kept) == 6


def test_every_question_finds_its_index_in_the_file() -> None:
    defined = json.loads((Path(__file__).parents[2] / "firestore.indexes.json").read_text())
    with EmbeddedFirestore(require_indexes=defined) as rig, World(rig) as world:
        desk = Desk(world)
        fill(desk, 30, 30, 3)
        whole_page(desk.cache)
        desk.later()
        whole_page(desk.cache)
    assert desk.records._refused == set()


def shelve(desk: Desk, videos: int, clips: int) -> None:
    """So many videos with so many clips each."""
    for number in range(videos):
        rows: dict[str, dict[str, Any]] = {at(number): a_video(number)}
        rows |= {f"{at(number)}/clips/c{scene:03d}": clip(f"v{number:03d}", scene) for scene in range(clips)}
        desk.world.put(rows)


def touch(desk: Desk, number: int, **changes: Any) -> None:
    desk.world.put({at(number): a_video(number, updated_at=desk.clock.now, **changes)})


def same(one: Table, other: Table) -> None:
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert (one.complete, one.error) == (other.complete, other.error)
    assert sorted(map(str, one.oddities)) == sorted(map(str, other.oddities))


def test_the_second_time_costs_what_changed_and_a_count(own: Desk) -> None:
    shelve(own, 200, 25)
    assert reads_of(lambda: own.cache.clips("u1"))[1] >= 5_000
    assert reads_of(lambda: own.cache.videos("u1"))[1] == 200
    own.clock.now += timedelta(minutes=10)
    assert reads_of(lambda: own.cache.clips("u1"))[1] <= 12
    for number in range(0, 200, 20):
        touch(own, number)
    videos, few = reads_of(lambda: own.cache.videos("u1"))
    clips, some = reads_of(lambda: own.cache.clips("u1"))
    assert few == 11
    assert some <= 10 + 250 + 2 * 5 + 1
    same(videos, own.records.videos("u1"))
    same(clips, own.records.clips("u1"))


UNSIZED = clip("v001", 9, status="failed", file_size_bytes=None)
TABLE_CHANGES = {
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


@pytest.mark.parametrize("change", TABLE_CHANGES)
def test_tables_are_what_reading_all_gives(desk: Desk, change: str) -> None:
    shelve(desk, 5, 3)
    desk.world.put({f"{at(3)}/clips/odd": clip("v003", 7, style=5), "users/u1/videos/ghost/clips/c": clip("ghost", 1)})
    desk.world.put({f"{at(4)}/clips/unsized": UNSIZED})
    desk.cache.videos("u1"), desk.cache.clips("u1")
    desk.clock.now += timedelta(minutes=10)
    touched, documents = TABLE_CHANGES[change]
    if touched is not None:
        touch(desk, touched)
    for path, fields in documents.items():
        if fields is None:
            desk.world.client.document(path).delete()
        else:
            desk.world.put({path: fields})
    for _ in range(2):
        same(desk.cache.videos("u1"), desk.records.videos("u1"))
        same(desk.cache.clips("u1"), desk.records.clips("u1"))
        desk.clock.now += timedelta(minutes=10)


def test_an_outage_is_an_error_and_no_old_table(own: Desk) -> None:
    shelve(own, 2, 2)
    own.cache.clips("u1")
    with own.world.faults.outage(StatusCode.UNAVAILABLE), pytest.raises(Unreachable):
        own.cache.clips("u1")
    same(own.cache.clips("u1"), own.records.clips("u1"))


def test_tables_are_read_anew_when_forgotten_after_an_hour_and_beyond_the_room(own: Desk) -> None:
    shelve(own, 3, 4)
    own.cache.clips("u1")
    own.cache.forget("u1")
    assert reads_of(lambda: own.cache.clips("u1"))[1] >= 12
    own.clock.now += KEPT
    assert reads_of(lambda: own.cache.clips("u1"))[1] >= 12
    small = UserCache(own.records, DEFAULT_LIMITS, own.clock, kept_rows=11)
    small.clips("u1")
    assert small._kept == {}
