"""The rollup over a running Firestore: what it reads and writes, whole and in shards, and what a view of it costs."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pandas as pd
import pytest
from grpc import StatusCode

from storage.actions.rollup import Written, run_rollup, write_shard
from storage.clients.meter import metering
from storage.domain.rollup import HEAD, MAX_SHARDS, shard_path
from storage.domain.usage import DEFAULT_LIMITS
from storage.errors import AccessDenied, BadInput, NotFound, Unusable
from storage.repositories.records import Records
from storage.repositories.rollups import FleetView, read_fleet
from tests.bulk.shard import shard_of
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig
from tests.rigs.forked import processes
from tests.rigs.records import NOON, World, clip, reads_of, user, video
from tests.rigs.waiting import PATIENCE_SECONDS

STALE = timedelta(minutes=15)


@pytest.fixture
def world(firestore_rig: FirestoreRig) -> Iterator[World]:
    """An empty project on every kind of Firestore in turn."""
    with World(firestore_rig) as opened:
        yield opened


@pytest.fixture
def own(embedded: EmbeddedFirestore) -> Iterator[World]:
    """A world whose faults and counts are nobody else's."""
    with World(embedded) as opened:
        yield opened


def fleet(count: int) -> dict[str, dict[str, object]]:
    """So many users with two videos and three clips each."""
    documents: dict[str, dict[str, object]] = {"plans/pro": {"id": "pro", "limits": {"storage_limit_bytes": 10_000}}}
    for n in range(count):
        documents[f"users/u{n}"] = user(f"u{n}", total_storage_bytes=3_000 + 100 * (n % 100), created_at=NOON)
        for name, status in (("a", "completed"), ("b", "processing")):
            documents[f"users/u{n}/videos/{name}"] = video(name, status=status)
        documents |= {f"users/u{n}/videos/a/clips/c{scene}": clip("a", scene) for scene in range(3)}
    return documents


def run(world: World, *shard: int, now: datetime = NOON + timedelta(hours=1)) -> Written:
    return run_rollup(
        world.records, world.writer, DEFAULT_LIMITS, lambda: now, stale_after=STALE,
        shard=(shard[0], shard[1]) if shard else (1, 1),
    )  # fmt: skip


def test_the_view_says_what_the_documents_say(world: World) -> None:
    world.put(fleet(12))
    world.put({
        "users/u3": user("u3", total_storage_bytes=11_000, plan="gold"),
        "storage_accounting/u4": {"styled_clips_bytes": 9_000, "styled_clips_count": 3},
        "users/ghost/videos/v": video("v", status="failed"),
    })  # fmt: skip
    written = run(world)
    view, reads = reads_of(lambda: read_fleet(world.records))

    assert (written.error, view.complete, view.missing_shards, view.notes, reads) == (None, True, (), (), 2)
    assert view.read_at == NOON + timedelta(hours=1)
    assert (view.totals.users, view.totals.phantom_users, view.totals.clips) == (13, 1, 36)
    assert view.totals.clip_bytes == 36_000
    assert view.videos == {"processing": 12, "analyzed": 0, "completed": 12, "failed": 1, "other": 0}
    assert view.stuck == {"analysis": 12, "render": 0, "finish": 0}
    assert view.near["uid"].tolist() == ["u4"]
    assert view.near["percent"].tolist() == [90.0]
    assert view.plans.set_index("plan")["users"].to_dict() == {"free": 2, "pro": 11}
    assert view.biggest["uid"].tolist()[:2] == ["u3", "u4"]
    assert view.drift.set_index("counter")["users"].to_dict()["storage_accounting.styled_clips_bytes"] == 1
    assert view.growth["users"].tolist() == [13]
    assert view.growth["joined"].tolist() == [12]
    again = pickle.loads(pickle.dumps(view))
    assert again.totals == view.totals
    pd.testing.assert_frame_equal(again.near, view.near)


def _sums(request: Any) -> bool:
    """Whether a question is one for sums, as they are asked about a user's clips."""
    return len(request.structured_aggregation_query.aggregations) > 1


def _of_all(request: Any) -> bool:
    """Whether a question is one for the clips of many customers."""
    return request.structured_query.from_[0].collection_id == "clips"


def views_equal(one: FleetView, other: FleetView) -> None:
    assert (one.totals, one.videos, one.stuck, one.states) == (other.totals, other.videos, other.stuck, other.states)
    for name in ("near", "plans", "biggest", "growth", "drift", "drifting"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))


def test_shards_add_up_to_the_whole_and_count_only_when_all_are_there(own: World) -> None:
    own.put(fleet(40))
    run(own)
    whole = read_fleet(own.records)
    for number in (2, 1):
        run(own, number, 3)
        assert read_fleet(own.records).shards == 1
    run(own, 3, 3)
    view, reads = reads_of(lambda: read_fleet(own.records))

    assert (view.shards, view.complete, reads) == (3, True, 4)
    views_equal(view, whole)


def test_growth_goes_on_over_days_and_over_another_division(own: World) -> None:
    own.put(fleet(4))
    for days in range(3):
        run(own, now=NOON + timedelta(days=days))
    for number in (1, 2):
        run(own, number, 2, now=NOON + timedelta(days=3))
    run(own, 1, 2, now=NOON + timedelta(days=4))

    growth = read_fleet(own.records).growth
    assert growth["day"].dt.day.tolist() == [1, 2, 3, 4]
    assert growth["users"].tolist() == [4, 4, 4, 4]
    assert growth["videos"].tolist() == [8, 8, 8, 8]
    assert growth["joined"].tolist() == [4, 0, 0, 0]


def test_one_shard_of_a_division_of_long_ago_does_not_bring_back_its_other_shards(own: World) -> None:
    own.put(fleet(4))
    for number in (1, 2):
        run(own, number, 2, now=NOON)
    run(own, now=NOON + timedelta(days=9))
    run(own, 1, 2, now=NOON + timedelta(days=10))
    view = read_fleet(own.records)
    assert (view.shards, view.read_at) == (1, NOON + timedelta(days=9))
    run(own, 2, 2, now=NOON + timedelta(days=10))
    view = read_fleet(own.records)
    assert (view.shards, view.read_at) == (2, NOON + timedelta(days=10))
    assert view.growth["day"].dt.day.tolist() == [1, 10, 11]


def test_shards_of_separate_processes_at_once_a_killed_one_and_two_of_the_same_add_up(own: World) -> None:
    own.put(fleet(40))
    run(own)
    whole = read_fleet(own.records)
    own.faults.refuse("Commit", StatusCode.PERMISSION_DENIED)  # one of them ends before it has written anything
    moment = NOON + timedelta(hours=2)
    begun = [
        processes.Process(target=shard_of, args=(own.rig.host, own.project, number, moment, STALE))
        for number in (1, 2, 3, 4, 2)
    ]
    for process in begun:
        process.start()
    for process in begun:
        process.join(PATIENCE_SECONDS)
    assert sum(process.exitcode != 0 for process in begun) == 1
    for number in range(1, 5):
        if own.records.raw(shard_path(number, 4)) is None:
            assert read_fleet(own.records).shards == 1  # until it is there, the division before stands
            run(own, number, 4)
    view = read_fleet(own.records)
    assert (view.shards, view.complete) == (4, True)
    views_equal(view, whole)


def test_a_view_costs_the_same_at_one_ten_and_a_hundred_times_the_data(own: World) -> None:
    costs = []
    for count in (5, 50, 500):
        own.put(fleet(count))
        run(own)
        view, reads = reads_of(lambda: read_fleet(own.records))
        assert view.totals.users == count
        costs.append(reads)
    assert costs == [2, 2, 2]


def test_the_costliest_view_stays_below_a_hundred_reads(own: World) -> None:
    own.put(fleet(3))
    for number in range(1, MAX_SHARDS + 1):
        run(own, number, MAX_SHARDS)
    view, reads = reads_of(lambda: read_fleet(own.records))
    assert (view.shards, view.totals.users, reads) == (MAX_SHARDS, 3, MAX_SHARDS + 1)
    assert 2 * MAX_SHARDS + 1 <= 100


def test_what_a_shard_costs_grows_with_users_and_not_with_clips(own: World) -> None:
    own.put(fleet(20))
    few = run(own, 2, 2).cost.firestore_reads
    own.put({f"users/u{n}/videos/a/clips/x{scene}": clip("a", scene) for n in range(20) for scene in range(40)})
    assert run(own, 2, 2).cost.firestore_reads - few <= 1
    own.put(fleet(40))
    assert run(own, 2, 2).cost.firestore_reads <= 2 * few + 10


def test_users_whose_clips_cannot_be_added_up_are_said_to_be_missing(own: World) -> None:
    own.put(fleet(5))
    own.faults.refuse("RunAggregationQuery", StatusCode.INTERNAL, times=30, when=_sums)
    own.faults.refuse("RunQuery", StatusCode.INTERNAL, times=None, when=_of_all)
    written = run(own)
    view = read_fleet(own.records)
    assert written.error is not None
    assert (view.complete, view.totals.users) == (False, 5)
    assert 1 <= view.totals.unread_users <= 5
    assert "could not be added up" in view.notes[0]


def test_a_refused_credential_writes_nothing(own: World) -> None:
    own.put(fleet(5))
    own.faults.refuse("RunAggregationQuery", StatusCode.PERMISSION_DENIED, times=None)
    with pytest.raises(AccessDenied):
        run(own)
    assert own.records.raw(shard_path(1, 1)) is None


def test_without_the_index_by_status_the_rest_is_there_with_a_note() -> None:
    with EmbeddedFirestore(require_indexes={}) as rig, World(rig) as world:
        world.put(fleet(3))
        run_rollup(Records(world.handle, ranged=False), world.writer, DEFAULT_LIMITS, lambda: NOON, stale_after=STALE)
        view = read_fleet(world.records)
    assert (view.videos, view.stuck, view.totals.clips) == (None, None, 9)
    assert "Videos are not counted" in view.notes[0]


def test_no_figures_are_not_found_and_those_of_another_version_are_unusable_until_written_anew(own: World) -> None:
    with pytest.raises(NotFound, match="no figures"):
        read_fleet(own.records)
    own.put({HEAD: {"version": 99}, shard_path(1, 1): {"version": 99}})
    with pytest.raises(Unusable, match="another version"):
        read_fleet(own.records)
    own.put(fleet(1))
    run(own)
    assert read_fleet(own.records).totals.users == 1


def test_a_shard_that_vanished_is_named_and_nothing_is_taken_for_whole(own: World) -> None:
    own.put(fleet(9))
    for number in (1, 2):
        run(own, number, 2)
    own.writer.delete(shard_path(2, 2))
    view = read_fleet(own.records)
    assert (view.complete, view.missing_shards) == (False, (2,))
    assert "1 of 2 parts" in view.notes[0]


@pytest.mark.parametrize("shard", [(0, 1), (2, 1), (1, MAX_SHARDS + 1)])
def test_shards_that_are_none_are_refused_before_anything_is_read(own: World, shard: tuple[int, int]) -> None:
    with metering() as meter, pytest.raises(BadInput, match="shard"):
        run(own, *shard)
    assert meter.cost().firestore_reads == 0


def test_a_longer_shard_is_replaced_whole_by_a_shorter_one(own: World) -> None:
    own.put(fleet(2))
    shard = run(own).shard
    wide = replace(shard, notes=[sha256(b"%d" % n).hexdigest() for n in range(30_000)])
    assert len(write_shard(own.records, own.writer, wide)) == 2
    assert len(read_fleet(own.records).notes) == len(set(wide.notes))
    write_shard(own.records, own.writer, shard)
    assert own.records.raw(shard_path(1, 1, 2)) is None
    assert read_fleet(own.records).notes == ()
