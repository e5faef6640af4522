"""Accounts as the backends of both generations leave them, on every kind of Firestore: what counts, what is well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from storage.actions.rollup import run_rollup
from storage.domain.usage import DEFAULT_LIMITS, Usage
from storage.repositories.records import Records
from storage.repositories.rollups import read_fleet
from storage.services.fleet import read_limits
from storage.services.usage import UserCache, read_account, read_full_usage
from tests.rigs.firestore import FirestoreRig
from tests.rigs.records import NOON, World, clip, reads_of, user, video

VIDEO, CLIPS = "users/u1/videos/v1", ("c1", "c2", "c3")
SHARE = {"share_slug": "abc", "clip_id": "c", "user_id": "u1", "video_id": "v1", "access_level": "view_playback"}


@pytest.fixture
def world(firestore_rig: FirestoreRig) -> Iterator[World]:
    with World(firestore_rig) as made:
        yield made


def full(world: World, *, ranged: bool = True) -> Usage:
    records = Records(world.handle, lambda: NOON, ranged=ranged)
    return read_full_usage(records, read_account(records, "u1", DEFAULT_LIMITS), NOON).usage


def glance(world: World) -> Usage:
    return UserCache(world.records, DEFAULT_LIMITS, lambda: NOON).account("u1")[1]


def wrong(found: Usage) -> dict[str, int | None]:
    return {counter.name: counter.drift for counter in found.counters if counter.is_wrong}


def shared_and_deleted(world: World) -> None:
    """A video of three shared clips, one deleted by the backend, which leaves its share; a deleted video with a share
    left below a deleted clip; and a share below a clip that never was. The counters are true."""
    whole = {f"{VIDEO}/clips/{name}": clip("v1", number) for number, name in enumerate(CLIPS)}
    gone = {"users/u1/videos/v2": video("v2"), "users/u1/videos/v2/clips/c9": clip("v2", 9)}
    shares = [*whole, "users/u1/videos/v2/clips/c9", f"{VIDEO}/clips/never"]
    world.put({"users/u1": user("u1", total_storage_bytes=2_000, total_clips_count=2)})
    world.put({VIDEO: video("v1", clips_count=2, total_size_bytes=2_000), **whole, **gone})
    world.put({f"{path}/shares/config": SHARE for path in shares})
    for path in (f"{VIDEO}/clips/c2", *gone):
        world.client.document(path).delete()


def test_what_was_deleted_above_a_share_is_no_document(world: World) -> None:
    shared_and_deleted(world)
    for table in (world.records.clips("u1"), world.records.clips("u1", "v1")):
        rows = table.frame[table.frame["video_id"] == "v1"].set_index("clip_id")
        assert rows["exists"].to_dict() == {"c1": True, "c2": False, "c3": True, "never": False}
        assert rows["update_time"].isna().to_dict() == {"c1": False, "c2": True, "c3": False, "never": True}
        assert table.oddities == ()
    videos = world.records.videos("u1").frame.set_index("video_id")
    assert videos["exists"].to_dict() == {"v1": True, "v2": False}
    (left,) = (one for one in world.records.documents("users/u1", "videos") if one.path.endswith("v2"))
    assert (left.fields, left.update_time) == (None, None)


@pytest.mark.parametrize("ranged", [True, False])
def test_what_is_left_of_deleted_clips_is_counted_nowhere(world: World, ranged: bool) -> None:
    shared_and_deleted(world)
    found = full(world, ranged=ranged)
    assert wrong(found) == {}
    assert (found.actual_bytes, found.unsized_clips) == (2_000, 0)
    assert not any(".v2." in counter.name for counter in found.counters)
    assert wrong(glance(world)) == {}
    run_rollup(world.records, world.writer, DEFAULT_LIMITS, lambda: NOON, stale_after=timedelta(minutes=15))
    totals = read_fleet(world.records).totals
    assert (totals.clips, totals.clip_bytes, totals.unsized_clips) == (2, 2_000, 0)
    world.put({"users/u1": user("u1", total_storage_bytes=2_000, total_clips_count=3)})
    assert wrong(full(world, ranged=ranged)) == {"user.total_clips_count": 1}  # no phantom makes up for it


def account(**changes: Any) -> dict[str, dict[str, Any]]:
    """An account with one clip, as every backend leaves it; `changes` are the user's."""
    return {
        "users/u1": user("u1", plan="free", **changes),
        VIDEO: video("v1", clips_count=1, total_size_bytes=1_000, clips_by_style={}),
        f"{VIDEO}/clips/c1": clip("v1", 1),
    }


PLANS = {"plans/free": {"id": "free", "name": "Free", "limits": {"monthly_credits_included": 150}}}
BOOKS = {"storage_accounting/u1": {"styled_clips_bytes": 1_000, "styled_clips_count": 1}}
WELL = {
    "today: totals no longer raised": account(total_storage_bytes=0, total_clips_count=0) | BOOKS | PLANS,
    "today: totals raised by an older one, never lowered": account(total_storage_bytes=9_000) | BOOKS | PLANS,
    "older: totals are what counts": account(total_storage_bytes=1_000, total_clips_count=1),
}


@pytest.mark.parametrize("story", WELL)
def test_an_account_that_is_well_has_no_wrong_counter(world: World, story: str) -> None:
    world.put(WELL[story])
    for found in (full(world), glance(world)):
        assert wrong(found) == {}
        assert found.drifting == ()


def test_an_unknown_plan_costs_one_read_more_and_counts_as_the_free_one_s_document_says(world: World) -> None:
    world.put({"users/u1": user("u1", plan="platinum", usage_reset_month="2026-03"), **PLANS})
    found, reads = reads_of(lambda: read_account(world.records, "u1", DEFAULT_LIMITS).usage(None, NOON))
    assert (found.plan.plan_id, found.plan.known, found.credits.limit) == ("free", False, 150)
    assert reads == 4
    world.put({"users/u1": user("u1", plan="pro"), "plans/pro": {"id": "pro"}})
    assert reads_of(lambda: read_account(world.records, "u1", DEFAULT_LIMITS))[1] == 3


def test_the_worker_goes_by_plan_tier_and_by_the_accounting(world: World) -> None:
    world.put({"users/u1": user("u1", plan="free", plan_tier="Pro"), "storage_accounting/u1": {
        "styled_clips_bytes": 2 * 1024**3, "styled_clips_count": 1,
    }})  # fmt: skip
    found = glance(world)
    assert (found.storage.state, found.worker.tier, found.worker.refuses) == ("exceeded", "pro", False)


def test_the_overview_lists_for_whom_the_worker_makes_no_clip_whatever_the_plan_says(world: World) -> None:
    used = {"room": 100, "full": 990, "pro": 990}
    world.put({"plans/free": {"id": "free", "limits": {"storage_limit_bytes": 10 * 1024**3}}})
    for uid, mebibytes in used.items():
        world.put({f"users/{uid}": user(uid, plan="pro" if uid == "pro" else "free", usage_reset_month=None)})
        world.put({f"storage_accounting/{uid}": {
            "styled_clips_bytes": mebibytes * 1024**2, "styled_clips_count": 9,
        }})  # fmt: skip
    found = read_limits(world.records, DEFAULT_LIMITS, NOON, scan=30)
    assert found.frame[["uid", "state", "storage_state", "worker_refuses"]].values.tolist() == [
        ["full", "near_limit", "ok", True]
    ]


def test_what_a_transaction_says_of_its_draft_is_read(world: World) -> None:
    world.put({"users/u1/credit_transactions/t1": {
        "timestamp": NOON, "created_at": NOON, "operation_type": "analysis", "credits_amount": 3, "balance_after": 43,
        "draft_id": "d1", "metadata": {"scenes": "4"},
    }})  # fmt: skip
    table = world.records.transactions("u1")
    row = table.frame.to_dict("records")[0]
    assert (row["draft_id"], row["metadata"], row["created_at"], row["balance_after"]) == (
        "d1", {"scenes": "4"}, NOON, 43,
    )  # fmt: skip
    assert table.oddities == ()
