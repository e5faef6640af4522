"""Credits and what if over a running Firestore of each kind: the entries in order, the document of another plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from storage.actions.supposing import another_plan
from storage.domain.usage import DEFAULT_LIMITS
from storage.domain.what_if import Basis, admission, what_if
from storage.services.ledger import read_credits
from storage.services.usage import FullUsage, read_account, read_full_usage
from tests.rigs.firestore import FirestoreRig
from tests.rigs.records import World, clip, reads_of, user, video

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MIB = 1024**2


@pytest.fixture
def world(firestore_rig: FirestoreRig) -> Iterator[World]:
    with World(firestore_rig) as world:
        world.put({
            "users/u1": user("u1", plan="free", credits_used_this_month=33, usage_reset_month="2026-11"),
            "storage_accounting/u1": {"styled_clips_bytes": 990 * MIB, "styled_clips_count": 2},
            "plans/free": {"id": "free", "limits": {"storage_limit_bytes": 1024 * MIB}},
            "plans/gold": {"id": "pro", "limits": {"storage_limit_bytes": 5 * 1024 * MIB}},
            "users/u1/videos/v1": video("v1"),
            "users/u1/videos/v1/clips/c1": clip("v1", 1, file_size_bytes=490 * MIB),
            "users/u1/videos/v1/clips/c2": clip("v1", 2, file_size_bytes=500 * MIB),
        })  # fmt: skip
        charges = ((10, 30, 5, 5), (11, 1, 3, 3), (11, 2, 30, 33))
        world.put({
            f"users/u1/credit_transactions/t{number}": {
                "timestamp": datetime(2026, month, day, tzinfo=UTC), "operation_type": "analysis",
                "credits_amount": amount, "balance_after": balance,
            }
            for number, (month, day, amount, balance) in enumerate(charges)
        })  # fmt: skip
        yield world


def whole(world: World) -> FullUsage:
    return read_full_usage(world.records, read_account(world.records, "u1", DEFAULT_LIMITS), NOW)


def test_the_credits_run_through_the_months_for_a_read_each(world: World) -> None:
    usage = whole(world).usage
    found, reads = reads_of(lambda: read_credits(world.records, usage, NOW))
    assert [(entry.month, entry.used_before, entry.used_after) for entry in found.entries] == [
        ("2026-10", 0, 5), ("2026-11", 0, 3), ("2026-11", 3, 33),
    ]  # fmt: skip
    assert (found.complete, found.beyond, list(found.notes)) == (True, 0, [])
    assert reads <= 5


def test_a_plan_that_only_firestore_knows_is_supposed_with_its_own_limits(world: World) -> None:
    full = whole(world)
    basis = Basis(full.account.user, full.account.accounting, full.account.plans, full.truth)
    basis, plan = another_plan(world.records, basis, "gold", DEFAULT_LIMITS)
    found = what_if(basis, [plan], NOW)
    assert (found.before.storage.limit, found.after.storage.limit) == (1024 * MIB, 5 * 1024 * MIB)
    assert (admission(found.before).worker_refuses, admission(found.after).worker_refuses) == (True, True)
    assert admission(found.after).may_upload is True  # the worker knows no plan gold, and goes by free
