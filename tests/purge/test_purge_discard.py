"""A plan that is discarded: by whom, what is left of it, and that it and its job never both exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from storage.actions.audit import AuditTrail
from storage.actions.joint_repair import JOINT_PLANS, apply_joint_plan, make_joint_plan
from storage.actions.orphans import ORPHAN_PLANS, apply_orphan_plan, make_orphan_plan
from storage.actions.purge.jobs import Request, apply_plan, discard_plan
from storage.actions.purge.plan_ends import end_of
from storage.actions.purge.plans import approve, decline, open_plan_ids, open_plans, store_plan
from storage.domain.policy import Actor
from storage.domain.purge.scope import Scope, plan_key
from storage.errors import NotPermitted, Refused, Stale
from tests.purge.world import ADA, BOB, REASON, VIDEO, PurgeWorld
from tests.rigs.records import video

SCOPE = Scope.of("u1", VIDEO)
OPS = Actor("ops@example.com", frozenset({"operations"}), "local")
OTHER = Actor("other@example.com", frozenset({"engineer"}), "local")
ENGINEER = Actor("eve@example.com", frozenset({"engineer"}), "local")
ORPHAN = f"users/u1/{VIDEO}/clips/clip_07_4_left_over_split.mp4"
Kind = tuple[Callable[..., Any], ...]


@pytest.fixture(autouse=True)
def the_present(world: PurgeWorld) -> Iterator[None]:
    yield
    world.pass_time(-world.offset)  # the Firestore of all tests


def purge_plan(world: PurgeWorld, maker: Actor) -> Any:
    made = world.plan(SCOPE, maker)
    store_plan(world.purging, made)
    return made


def joint_plan(world: PurgeWorld, maker: Actor) -> Any:
    at = world.now() - timedelta(hours=6)
    stuck = video("stuck", status="processing", created_at=at, updated_at=at, completed_at=None)
    world.put_documents({"users/u1/videos/stuck": stuck})
    made = make_joint_plan(world.purging, [("u1", "stuck")], "set-status:failed", maker)
    JOINT_PLANS.store(world.purging, made)
    return made


def orphan_plan(world: PurgeWorld, maker: Actor) -> Any:
    world.put_objects({ORPHAN: (b"film", "video/mp4")})
    world.pass_time(timedelta(days=2))  # a younger file may belong to an upload that goes on
    made = make_orphan_plan(world.purging, Scope("u1"), "remove", maker, keys=[ORPHAN])
    ORPHAN_PLANS.store(world.purging, made)
    return made


def apply_purge(purging: Any, plan: Any, reason: str, actor: Actor) -> Any:
    return apply_plan(purging, plan, Request(plan.scope.spelled, reason), actor)


KINDS: dict[str, tuple[Kind, Actor, str]] = {
    "purge": ((purge_plan, discard_plan, approve, apply_purge), OPS, "purge.discard"),
    "repair": ((joint_plan, JOINT_PLANS.discard, JOINT_PLANS.approve, apply_joint_plan), ENGINEER, "repair.discard"),
    "orphans": ((orphan_plan, ORPHAN_PLANS.discard, ORPHAN_PLANS.approve, apply_orphan_plan), ADA, "orphans.discard"),
}


def refused(acts: Sequence[Callable[[], Any]], match: str) -> None:
    for act in acts:
        with pytest.raises(Refused, match=match):
            act()


@pytest.mark.parametrize("kind", KINDS)
def test_its_maker_discards_it_and_nobody_approves_or_applies_it_any_more(filled: PurgeWorld, kind: str) -> None:
    (make, discard, agree, apply), maker, action = KINDS[kind]
    purging, plan = filled.purging, make(filled, maker)
    before = filled.snapshot()
    with pytest.raises(NotPermitted, match="Only the maker"):
        discard(purging, plan, OTHER)
    end = discard(purging, plan, maker)
    assert (end.ended, end.by, end.fingerprint) == ("discarded", maker.email, plan.fingerprint)
    assert discard(purging, plan, BOB) == end, "the first end stays"
    refused(
        [partial(agree, purging, plan, BOB), partial(apply, purging, plan, REASON, ADA)],
        f"was discarded by {maker.email}",
    )
    told = filled.log.search(action=action)
    assert [(one["actor"], one["outcome"]) for one in told] == [
        (maker.email, "done"),
        (maker.email, "begun"),
        ("other@example.com", "refused"),
    ]
    assert {one["fingerprint"] for one in told} == {plan.fingerprint}
    assert filled.purging.jobs.recent() == ()
    assert filled.snapshot() == before


def test_an_admin_discards_a_plan_of_somebody_else_and_the_open_plans_no_longer_have_it(filled: PurgeWorld) -> None:
    gone, stays = purge_plan(filled, OPS), purge_plan(filled, OPS)
    discard_plan(filled.purging, gone, ADA)
    other = plan_key(f"{stays.plan_id}-undo")  # as the ids of jobs end
    filled.purging.writers.objects.put(other, b"{}", "application/json")
    refused([partial(decline, filled.purging, gone, REASON, BOB)], f"was discarded by {ADA.email}")
    assert open_plan_ids(filled.purging, filled.purging.now()) == (stays.plan_id,)
    assert [plan.plan_id for plan in open_plans(filled.purging)] == [stays.plan_id]


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_that_was_applied_is_not_discarded(filled: PurgeWorld, kind: str) -> None:
    (make, discard, _, apply), maker, _ = KINDS[kind]
    plan = make(filled, maker)
    job = apply(filled.purging, plan, REASON, ADA)
    refused([partial(discard, filled.purging, plan, maker)], f"applied already, by {ADA.email}: job {job.job_id}")
    end = end_of(filled.purging, plan.plan_id)
    assert end is not None
    assert (end.ended, end.by) == ("applied", ADA.email)


def test_a_plan_of_another_fingerprint_and_an_expired_one_are_not_discarded(filled: PurgeWorld) -> None:
    plan = purge_plan(filled, OPS)
    with pytest.raises(Stale, match="seal"):
        discard_plan(filled.purging, replace(plan, maker=OTHER.email), OTHER)
    filled.pass_time(timedelta(minutes=31))
    with pytest.raises(Stale, match="expired"):
        discard_plan(filled.purging, plan, OPS)
    assert end_of(filled.purging, plan.plan_id) is None


def test_a_plan_that_is_discarded_while_somebody_applies_it_makes_no_job(filled: PurgeWorld) -> None:
    """The apply has passed every look, and puts itself on record, when somebody discards the plan."""
    plan = purge_plan(filled, OPS)
    purging = filled.open()
    discarded: list[Any] = []

    def discards() -> datetime:
        if not discarded:
            discarded.append(discard_plan(filled.open(), plan, OPS))
        return filled.now()

    trail = AuditTrail(purging.writers.documents, filled.log, purging.writers.objects, clock=discards)
    with pytest.raises(Refused, match=f"was discarded by {OPS.email}"):
        apply_purge(replace(purging, trail=trail), plan, REASON, ADA)
    assert discarded
    assert filled.purging.jobs.recent() == ()


def test_two_who_discard_and_apply_one_plan_at_once_end_in_exactly_one(filled: PurgeWorld) -> None:
    for _ in range(4):
        plan = orphan_plan(filled, ADA)
        acts = (
            lambda made=plan: ORPHAN_PLANS.discard(filled.open(), made, ADA),
            lambda made=plan: apply_orphan_plan(filled.open(), made, REASON, BOB),
        )

        def went(act: Callable[[], Any]) -> bool:
            try:
                act()
            except Refused:
                return False
            return True

        with ThreadPoolExecutor(2) as threads:
            discarded, applied = threads.map(went, acts)
        end = end_of(filled.purging, plan.plan_id)
        assert end is not None
        assert (discarded, applied) == (end.discarded, not end.discarded)
        assert (filled.purging.jobs.find(plan.job_id) is None) == end.discarded
        if applied:
            return  # the scope has a job now: a further plan would be refused for that
