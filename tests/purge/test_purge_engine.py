"""A purge takes exactly what its plan shows, and its undo brings all of it back."""

from __future__ import annotations

import pytest

from storage.actions.purge.jobs import undo
from storage.actions.purge.worker import run_job, sweep
from storage.domain.purge.scope import Scope
from tests.purge.world import ADA, PurgeWorld
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.seaweed import SeaweedRig

VIDEOS = {"video-aaa": 3, "video-bbb": 2, "video-aaab": 1}


@pytest.mark.parametrize(
    "scope",
    [Scope.of("u1"), Scope.of("u1", "video-aaa"), Scope.of("u1", "video-aaa", ["video-aaa_0_split"])],
    ids=lambda s: s.kind,
)
def test_what_goes_is_what_the_plan_shows_and_undo_brings_it_back(world: PurgeWorld, scope: Scope) -> None:
    world.add_user("u1", VIDEOS)
    world.add_user("u10", {"video-aaa": 1}, caches=False)
    before_objects, before_documents = world.snapshot()
    plan = world.plan(scope)
    job = world.purge(scope)
    assert job.state == "done", (job.failure, job.residue, job.disturbed)
    objects, documents = world.snapshot()
    gone = {item.key for item in plan.objects}
    assert set(before_objects) - set(objects) == gone
    assert {k: v for k, v in before_objects.items() if k not in gone} == objects
    assert set(before_documents) - set(documents) == {item.path for item in plan.documents}
    back = run_job(world.purging, undo(world.purging, job.job_id, "a mistake", ADA).job_id)
    assert back.state == "done", (back.failure, back.residue)
    assert world.snapshot() == (before_objects, before_documents)
    assert world.purging.jobs.get(job.job_id).state == "undone"
    assert not world.own_keys("_ops/quarantine/")


def test_no_index_is_needed_beyond_those_that_firestore_keeps_by_itself(seaweed: SeaweedRig) -> None:
    with EmbeddedFirestore(require_indexes={}) as strict:
        world = PurgeWorld(strict, seaweed.values(seaweed.fresh_bucket()))
        world.add_user("u1", VIDEOS)
        job = world.purge(Scope.of("u1", "video-aaa"))
        assert job.state == "done"
        assert run_job(world.purging, undo(world.purging, job.job_id, "a mistake", ADA).job_id).state == "done"
        assert [one.job_id for one in world.purging.jobs.recent(5)] == [f"{job.job_id}-undo", job.job_id]
        assert world.purge(Scope.of("u1"), erase=True).state == "done"
        assert sweep(world.purging) == ()
        assert world.log.search(uid="u1", actor=ADA.email, action="purge.end")
        assert world.log.verify_chain().whole
        world.close()
