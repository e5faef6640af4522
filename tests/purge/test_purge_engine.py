"""A purge takes exactly what its plan shows, and its undo brings all of it back."""

from __future__ import annotations

import pytest

from storage.actions.purge.running import run_job
from storage.actions.purge.undoing import undo
from storage.domain.purge.scope import Scope
from tests.purge.world import ADA, PurgeWorld

VIDEOS = {"video-aaa": 3, "video-bbb": 2, "video-aaab": 1}


@pytest.mark.parametrize(
    "scope",
    [Scope.of("u1"), Scope.of("u1", "video-aaa"), Scope.of("u1", "video-aaa", ["video-aaa_0_split"])],
    ids=lambda s: s.kind,
)
def test_what_goes_is_what_the_plan_shows_and_undo_brings_it_back(world: PurgeWorld, scope: Scope) -> None:
    world.add_user("u1", VIDEOS)
    world.add_user("u10", {"video-aaa": 1})
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
