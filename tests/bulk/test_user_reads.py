"""The page of a user: how many documents opening and refreshing it reads, and that a refresh tells the truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from grpc import StatusCode

from storage.domain.usage import DEFAULT_LIMITS
from storage.errors import NotFound, Unreachable
from storage.repositories.records import Records
from storage.services.usage import KEPT, KEPT_ANSWERS, NEWEST, OVERLAP, UserReads
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig
from tests.rigs.records import NOON, World, clip, reads_of, user, video


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON + timedelta(days=1)

    def __call__(self) -> datetime:
        return self.now


class Desk:
    """A world, the reads of its user page, and a second reader that never remembers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = Clock()
        self.records = Records(world.handle, self.clock)
        self.reads = UserReads(self.records, DEFAULT_LIMITS, self.clock)

    def plain(self) -> UserReads:
        return UserReads(self.records, DEFAULT_LIMITS, self.clock)

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


def whole_page(reads: UserReads) -> tuple[Any, ...]:
    """Everything that the page of a user loads."""
    account, usage = reads.account("u1")
    return account, usage, reads.videos("u1"), reads.transactions("u1")


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
    _, cold = reads_of(lambda: whole_page(own.reads))
    now = own.later()
    own.world.put({at(number): a_video(number, updated_at=now, status="failed") for number in range(0, 200, 10)})
    fresh, warm = reads_of(lambda: whole_page(own.reads))

    assert cold <= 130
    assert warm <= 30
    assert_same(fresh, whole_page(own.plain()))


def test_a_refresh_without_any_change_costs_less_still(own: Desk) -> None:
    fill(own)
    whole_page(own.reads)
    own.later()
    fresh, reads = reads_of(lambda: whole_page(own.reads))
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
@pytest.mark.parametrize("videos", [5, 30])
def test_a_refresh_gives_what_reading_anew_gives(desk: Desk, change: str, videos: int) -> None:
    fill(desk, videos, 60, 3)
    desk.world.put({at(27): a_video(27, total_size_bytes="?")} if videos == 30 else {at(0): a_video(0, status=None)})
    whole_page(desk.reads)
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

    assert_same(whole_page(desk.reads), whole_page(desk.plain()))
    desk.later()
    assert_same(whole_page(desk.reads), whole_page(desk.plain()))


def test_a_change_just_before_the_last_look_by_a_clock_that_is_late_is_seen(own: Desk) -> None:
    fill(own, 30, 30, 0)
    whole_page(own.reads)
    late = own.clock.now - OVERLAP + timedelta(seconds=1)
    own.world.put({at(29): a_video(29, updated_at=late, status="failed")})
    own.later()
    assert own.reads.videos("u1").table.frame["status"].iloc[0] == "failed"


def test_exactly_as_many_videos_as_are_shown_are_all_of_them(own: Desk) -> None:
    fill(own, NEWEST, NEWEST, 0)
    first, reads = reads_of(lambda: own.reads.videos("u1"))
    assert (first.everything, first.count, len(first.table.frame)) == (True, NEWEST, NEWEST)
    assert reads == NEWEST + 1
    own.later()
    again, reads = reads_of(lambda: own.reads.videos("u1"))
    assert (again.everything, reads) == (True, 2)


def test_another_plan_is_read_anew(own: Desk) -> None:
    fill(own, 3, 3, 0)
    assert own.reads.account("u1")[1].storage.limit == 10**9
    own.world.put({"users/u1": user("u1", plan="studio")})
    assert own.reads.account("u1")[0].plan.plan_id == "studio"


def test_what_leaves_no_trace_is_seen_after_an_hour_or_when_forgotten(own: Desk) -> None:
    fill(own, 3, 3, 0)
    whole_page(own.reads)
    own.world.put({at(1): a_video(1, clips_count=77)})
    own.later()
    assert 77 not in own.reads.videos("u1").table.frame["clips_count"].tolist()
    own.reads.forget("u1")
    assert 77 in own.reads.videos("u1").table.frame["clips_count"].tolist()
    own.world.put({at(1): a_video(1, clips_count=78)})
    own.later(seconds=KEPT.total_seconds() / 2)
    assert 78 not in own.reads.videos("u1").table.frame["clips_count"].tolist()
    own.later(seconds=KEPT.total_seconds() / 2)
    assert 78 in own.reads.videos("u1").table.frame["clips_count"].tolist()


def test_a_user_who_is_gone_is_not_found_although_remembered(own: Desk) -> None:
    own.world.put({"users/u1": user("u1")})
    own.reads.account("u1")
    own.world.client.document("users/u1").delete()
    with pytest.raises(NotFound):
        own.reads.account("u1")


def test_an_outage_on_refresh_is_an_error_and_no_old_answer(own: Desk) -> None:
    fill(own, 30, 30, 3)
    whole_page(own.reads)
    with own.world.faults.outage(StatusCode.UNAVAILABLE):
        for ask in (own.reads.account, own.reads.videos, own.reads.transactions):
            with pytest.raises(Unreachable):
                ask("u1")
    assert_same(whole_page(own.reads), whole_page(own.plain()))


def test_only_so_many_answers_are_remembered(own: Desk) -> None:
    for number in range(KEPT_ANSWERS + 20):
        own.reads.transactions(f"u{number}")
    assert len(own.reads._kept) == KEPT_ANSWERS


def test_every_question_finds_its_index_in_the_file() -> None:
    defined = json.loads((Path(__file__).parents[2] / "firestore.indexes.json").read_text())
    with EmbeddedFirestore(require_indexes=defined) as rig, World(rig) as world:
        desk = Desk(world)
        fill(desk, 30, 30, 3)
        whole_page(desk.reads)
        desk.later()
        whole_page(desk.reads)
    assert desk.records._refused == set()
