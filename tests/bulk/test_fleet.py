"""What stands for all customers: the rollup where it is recent, counts that stop where there is none, and estimates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from storage.actions.rollup import run_rollup
from storage.domain.rollup import RECENT
from storage.domain.usage import DEFAULT_LIMITS
from storage.errors import NotFound, Unusable
from storage.services import fleet
from storage.services.fleet import FleetAnswer, estimate, find_fleet, limits_of, read_statuses
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import NOON, World, reads_of, user, video


@pytest.fixture
def world(embedded: EmbeddedFirestore) -> Iterator[World]:
    with World(embedded) as opened:
        yield opened


def fill(world: World, users: int = 6) -> None:
    for number in range(users):
        uid = f"u{number}"
        world.put({
            f"users/{uid}": user(uid, total_storage_bytes=10**12 if number == 0 else 10, credits_used_this_month=3_900),
            f"users/{uid}/videos/v": video("v", status="completed" if number else "failed"),
        })  # fmt: skip


def rolled_up(world: World) -> FleetAnswer:
    run_rollup(world.records, world.writer, DEFAULT_LIMITS, lambda: NOON, stale_after=timedelta(minutes=15))
    return find_fleet(world.records)


def test_counts_stop_at_their_bound_and_say_which_did(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "COUNTED_LIVE", 3)
    fill(world)
    found = read_statuses(world.records, find_fleet(world.records), NOON)
    assert (found.source, found.counts["completed"], found.counts["failed"]) == ("live", 3, 1)
    assert found.at_least == {"completed"}


def test_a_recent_rollup_says_what_would_be_dear_to_count_and_an_old_one_does_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world)
    known = rolled_up(world)
    assert read_statuses(world.records, known, NOON).source == "live"  # few are counted now
    monkeypatch.setattr(fleet, "COUNTED_LIVE", 3)
    found, reads = reads_of(lambda: read_statuses(world.records, known, NOON + RECENT))
    assert (found.source, found.counts["completed"], found.read_at, found.at_least, reads) == (
        "rollup", 5, NOON, frozenset(), 0,
    )  # fmt: skip
    assert read_statuses(world.records, known, NOON + RECENT + timedelta(seconds=1)).source == "live"


def test_one_row_a_user_with_the_gravest_state_and_the_worst_percentage(world: World) -> None:
    fill(world)
    view = rolled_up(world).view
    assert view is not None
    found = limits_of(view)
    assert (found.source, found.scanned, found.complete, found.more, found.read_at) == ("rollup", 6, True, False, NOON)
    rows = found.frame.set_index("uid")
    assert rows.index.is_unique
    assert (rows.index[0], rows.loc["u0", "state"]) == ("u0", "exceeded")
    assert rows.loc["u0", "worst_percent"] == rows.loc["u0", "storage_percent"] > 100
    assert rows.loc["u0", "storage_state"] == "exceeded"


def test_many_users_are_counted_to_a_bound_and_are_no_job_for_this_process(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world)
    world.put({"storage_accounting/u0": {"styled_clips_bytes": 1}})
    few = estimate(world.records, None, None)
    titles = world.records.count("videos") + world.records.count("clips")
    assert (few.users, few.titles, few.reads, few.affordable) == (6, titles, 7 + titles, True)
    assert titles > 0
    assert not estimate(world.records, None, 6 + titles).affordable
    monkeypatch.setattr(fleet, "USERS_HERE", 4)
    many = estimate(world.records, None, None)
    assert (many.users, many.affordable, many.at_least) == (5, False, True)


def test_figures_that_were_never_written_or_are_of_another_version_are_told_apart(world: World) -> None:
    assert isinstance(find_fleet(world.records).problem, NotFound)
    world.put({"ops_rollups/head": {"version": 99}})
    found = find_fleet(world.records)
    assert found.view is None
    assert isinstance(found.problem, Unusable)
