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
from tests.purge.victim import CountingProxy, Victims, moments
from tests.purge.world import ADA, VIDEO, PurgeWorld
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.seaweed import SeaweedRig

KILLED = -9
MOST_CALLS, LEAST_KILLS = 400, 40
Snapshot = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture
def killing(embedded: EmbeddedFirestore, seaweed: SeaweedRig) -> Iterator[tuple[PurgeWorld, Victims]]:
    """A world whose every change passes where it can be counted."""
    with CountingProxy(seaweed.endpoint) as proxy:
        values = {**seaweed.values(seaweed.fresh_bucket()), "R2_ENDPOINT_URL": proxy.endpoint}
        world = PurgeWorld(embedded, values, PurgeLimits(per_actor_hour=10_000))
        world.add_user("u1", {VIDEO: 1, "video-bbb": 0}, caches=False)
        world.add_user("u10", {VIDEO: 1}, caches=False)
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


def test_killed_at_every_kind_of_change_and_resumed_a_purge_and_its_undo_end_as_if_nothing_had_been(
    killing: tuple[PurgeWorld, Victims],
) -> None:
    """The first pair of workers is not killed and tells what there is to be killed at."""
    world, victims = killing
    before = world.snapshot()
    purging, undoing = [0], [0]
    kills, wanted = 0, 0
    for number in range(MOST_CALLS):
        if number >= max(len(purging), len(undoing)):
            break
        kill_at, kill_undo_at = ((points[number:] or [0])[0] for points in (purging, undoing))
        world.begin_upload(f"users/u1/{VIDEO}/clips/clip_01_7_begun_split.mp4")
        plan = world.plan(Scope.of("u1", VIDEO))
        job, ended = finish(world, victims, world.apply(plan).job_id, kill_at)
        if not number:
            purging += moments(victims.calls)
        assert_purged(world, plan, job, before)
        back = undo(world.purging, job.job_id, "a mistake", ADA)
        undone, also_ended = finish(world, victims, back.job_id, kill_undo_at)
        if not number:
            undoing += moments(victims.calls)
            wanted = len(purging) + len(undoing) - 2
        assert (undone.state, undone.residue) == ("done", ()), (kill_at, undone.failure)
        assert world.snapshot() == before, kill_at
        assert world.purging.jobs.get(job.job_id).state == "undone"
        for action, ended_job in (("purge.end", job), ("purge.undo.end", undone)):
            entry, *older = world.log.search(uid="u1", action=action, limit=2)
            assert (entry["job_id"], entry["outcome"]) == (ended_job.job_id, "done"), kill_at
            assert ended_job.job_id not in {one["job_id"] for one in older}, kill_at
        kills += (ended == KILLED) + (also_ended == KILLED)
    assert kills == wanted > LEAST_KILLS, "the changes to be killed at must have been there"
    assert world.log.verify_chain().whole
