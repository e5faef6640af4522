"""A worker that is killed, at whatever call, leaves a job that another one brings to the same end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from storage.actions.purge.jobs import undo
from storage.actions.purge.quarantine import record_of
from storage.actions.purge.worker import run_job
from storage.domain.purge.job import Job
from storage.domain.purge.plan import PurgePlan
from storage.domain.purge.scope import PurgeLimits, Scope
from tests.purge.victim import CountingProxy, Victims
from tests.purge.world import ADA, VIDEO, PurgeWorld
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.seaweed import SeaweedRig

KILLED = -9
PARTS = 4
MOST_CALLS, LEAST_CALLS = 400, 40
Snapshot = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture
def killing(embedded: EmbeddedFirestore, seaweed: SeaweedRig) -> Iterator[tuple[PurgeWorld, Victims]]:
    """A world whose every change passes where it can be counted."""
    with CountingProxy(seaweed.endpoint) as proxy:
        values = {**seaweed.values(seaweed.fresh_bucket()), "R2_ENDPOINT_URL": proxy.endpoint}
        world = PurgeWorld(embedded, values, PurgeLimits(per_actor_hour=10_000))
        world.add_user("u1", {VIDEO: 1, "video-bbb": 1})
        world.add_user("u10", {VIDEO: 1})
        yield world, Victims(world, proxy)
        world.close()


def assert_purged(world: PurgeWorld, plan: PurgePlan, job: Job, before: Snapshot) -> None:
    """Exactly the plan is gone, and every deletion stands in the record once."""
    assert (job.state, job.residue, job.disturbed, job.failure) == ("done", (), (), None)
    keys, paths = {item.key for item in plan.objects}, {item.path for item in plan.documents}
    objects, documents = world.snapshot()
    assert objects == {key: value for key, value in before[0].items() if key not in keys}
    assert set(documents) == set(before[1]) - paths
    record = record_of(world.purging.jobs, job.job_id, plan, erase=job.erase)
    assert sorted(record.deleted_keys) == sorted(keys)
    assert sorted(record.deleted_paths) == sorted(paths)
    assert (job.tally.objects, job.tally.documents) == (len(keys), len(paths))
    assert (job.tally.already_gone, job.tally.left_alone) == (0, 0)


def finish(world: PurgeWorld, victims: Victims, job_id: str, kill_at: int) -> tuple[Job, int | None]:
    """A worker that is killed, and one that goes on: what becomes of the job, and how the first one ended."""
    status = victims.run(job_id, kill_at=kill_at)
    if status != KILLED:
        return world.purging.jobs.get(job_id), status
    job = world.purging.jobs.get(job_id)
    return (job if job.state == "done" else run_job(world.purging, job_id)), status


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_change_it_makes_and_resumed_a_purge_and_its_undo_end_as_if_nothing_had_been(
    killing: tuple[PurgeWorld, Victims], part: int
) -> None:
    """The first worker is killed at its first change, the next one at its fifth, and so on until one is not killed."""
    world, victims = killing
    before = world.snapshot()
    kills = 0
    for kill_at in range(1 + part, MOST_CALLS, PARTS):
        world.begin_upload(f"users/u1/{VIDEO}/clips/clip_01_7_begun_split.mp4")
        plan = world.plan(Scope.of("u1", VIDEO))
        job, ended = finish(world, victims, world.apply(plan).job_id, kill_at)
        assert_purged(world, plan, job, before)
        back = undo(world.purging, job.job_id, "a mistake", ADA)
        undone, also_ended = finish(world, victims, back.job_id, kill_at)
        assert (undone.state, undone.residue) == ("done", ()), (kill_at, undone.failure)
        assert world.snapshot() == before, kill_at
        assert world.purging.jobs.get(job.job_id).state == "undone"
        for action, ended_job in (("purge.end", job), ("purge.undo.end", undone)):
            entry, *older = world.log.search(uid="u1", action=action, limit=2)
            assert (entry["job_id"], entry["outcome"]) == (ended_job.job_id, "done"), kill_at
            assert ended_job.job_id not in {one["job_id"] for one in older}, kill_at
        kills += (ended == KILLED) + (also_ended == KILLED)
        if ended != KILLED and also_ended != KILLED:
            break
    assert kills * PARTS > LEAST_CALLS, "the changes to be killed at must have been there"
    assert world.log.verify_chain().whole
