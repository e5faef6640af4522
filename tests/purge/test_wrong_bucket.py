"""Workers that are pointed at another bucket, and what an earlier purge took: neither is a loss of anybody's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from storage.actions.purge.context import Purging
from storage.actions.purge.jobs import empty_quarantine, resume, undo
from storage.actions.purge.worker import run_job, sweep
from storage.actions.writers import open_writers
from storage.connect import connect
from storage.domain.purge.scope import Scope
from storage.errors import Refused
from tests.purge.world import ADA, REASON, VIDEO, PurgeWorld, when_done
from tests.rigs.seaweed import SeaweedRig

SCOPE = Scope.of("u1", VIDEO)


@pytest.fixture
def elsewhere(filled: PurgeWorld, seaweed: SeaweedRig) -> Iterator[Purging]:
    """The desk of the same project on another bucket, which is empty."""
    bucket = replace(filled.settings.r2, bucket=seaweed.fresh_bucket())
    stores = connect(replace(filled.settings, r2=bucket))
    yield replace(filled.purging, stores=stores, writers=open_writers(stores))
    stores.close()


def test_a_sweep_on_another_bucket_empties_no_quarantine(filled: PurgeWorld, elsewhere: Purging) -> None:
    job = filled.purge(SCOPE)
    copies = filled.own_keys(f"_ops/quarantine/{job.job_id}/")
    filled.pass_time(timedelta(days=8))
    told: list[str] = []
    assert sweep(replace(elsewhere, progress=told.append)) == ()
    assert filled.purging.jobs.get(job.job_id).quarantine == "kept"
    assert "R2_BUCKET_NAME" in told[0]
    assert filled.own_keys(f"_ops/quarantine/{job.job_id}/") == copies
    assert [done.state for done in sweep(filled.purging)] == ["done"]
    assert filled.own_keys(f"_ops/quarantine/{job.job_id}/") == []


def test_a_person_on_another_bucket_ends_no_quarantine(filled: PurgeWorld, elsewhere: Purging) -> None:
    job = filled.purge(SCOPE)
    filled.pass_time(timedelta(days=8))
    with pytest.raises(Refused, match="R2_BUCKET_NAME"):
        empty_quarantine(elsewhere, job.job_id, SCOPE.spelled, REASON, ADA)
    assert filled.purging.jobs.get(job.job_id).quarantine == "kept"
    emptying = empty_quarantine(filled.purging, job.job_id, SCOPE.spelled, REASON, ADA)
    assert run_job(filled.purging, emptying.job_id).state == "done"
    assert filled.own_keys(f"_ops/quarantine/{job.job_id}/") == []


def test_a_purge_goes_on_in_no_other_bucket_though_that_is_a_copy(filled: PurgeWorld, elsewhere: Purging) -> None:
    job_id = filled.apply(filled.plan(SCOPE)).job_id
    before = filled.snapshot()
    keys = [*before[0], *filled.own_keys("_ops/plans/"), *filled.own_keys("_ops/secrets/")]
    for key in keys:
        elsewhere.writers.objects.put(key, filled.stores.objects.get_bytes(key, 10**7), "video/mp4")
    assert [(job.job_id, job.state) for job in sweep(elsewhere)] == [(job_id, "failed")]
    failure = filled.purging.jobs.get(job_id).failure
    assert failure is not None
    assert "R2_BUCKET_NAME" in failure["remedy"]
    assert filled.snapshot() == before
    assert run_job(filled.purging, resume(filled.purging, job_id, ADA).job_id).state == "done"


def test_a_new_plan_takes_up_what_a_purge_left_although_it_took_the_objects(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 2}, caches=False)
    clip = f"users/u1/videos/{VIDEO}/clips/{VIDEO}_0_split"
    fields = {"status": "completed", "r2_key": f"users/u1/{VIDEO}/clips/clip_01_0_a title+%#_split.mp4"}
    listener = when_done("objects", lambda: world.put_documents({clip: fields}))
    job = run_job(world.open(progress=listener), world.apply(world.plan(SCOPE)).job_id)
    assert job.state == "incomplete", "the clip's document was written meanwhile, so it stays"
    plan = world.plan(SCOPE)
    assert plan.blocked == ()
    assert plan.claims is not None
    assert plan.claims.missing == ()
    assert run_job(world.purging, world.apply(plan).job_id).state == "done"


def test_what_an_undone_purge_gave_back_and_is_gone_again_is_a_loss_as_any_other(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 1}, caches=False)
    world.add_user("u2", {VIDEO: 1}, caches=False)
    job = world.purge(SCOPE)
    run_job(world.purging, undo(world.purging, job.job_id, REASON, ADA).job_id)
    assert world.plan(SCOPE).blocked == ()
    world.purging.writers.objects.delete([key for key in world.objects() if "/u1/" in key and "/clips/clip_" in key])
    plan = world.plan(SCOPE)
    assert "--acknowledge-missing" in plan.blocked[0]
    assert plan.claims is not None
    assert plan.claims.controls is not None
    assert plan.claims.controls.there == 1
