"""A worker of a joint repair that is killed, at whatever call, leaves a job that another one brings to the same end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from storage.actions.joint_repair import apply_joint_plan, make_joint_plan, outcomes, undo_joint_repair
from storage.actions.purge.worker import run_job
from storage.domain.purge.scope import PurgeLimits
from tests.purge.test_purge_kill import KILLED
from tests.purge.victim import CountingProxy, Victims, moments
from tests.purge.world import ADA, REASON, PurgeWorld
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import user, video
from tests.rigs.seaweed import SeaweedRig

PAIRS = tuple((f"u{number}", f"video-{number}") for number in range(4))


@pytest.fixture
def killing(embedded: EmbeddedFirestore, seaweed: SeaweedRig) -> Iterator[tuple[PurgeWorld, Victims]]:
    """Four videos of four customers that stopped hours ago, and a place where every change can be counted."""
    with CountingProxy(seaweed.endpoint) as proxy:
        values = {**seaweed.values(seaweed.fresh_bucket()), "R2_ENDPOINT_URL": proxy.endpoint}
        world = PurgeWorld(embedded, values, PurgeLimits(per_actor_hour=10_000))
        yield world, Victims(world, proxy)
        world.close()


def stop_all(world: PurgeWorld) -> None:
    at = world.now() - timedelta(hours=6)
    for uid, video_id in PAIRS:
        stuck = video(video_id, status="processing", created_at=at, updated_at=at, completed_at=None)
        world.put_documents({f"users/{uid}": user(uid), f"users/{uid}/videos/{video_id}": stuck})


def statuses(world: PurgeWorld) -> set[str]:
    found = (world.stores.records.raw(f"users/{uid}/videos/{video_id}") for uid, video_id in PAIRS)
    return {str((one.fields or {})["status"]) for one in found if one is not None}


def test_killed_at_every_kind_of_change_a_repair_and_its_undo_end_as_if_nothing_had_been(
    killing: tuple[PurgeWorld, Victims],
) -> None:
    """The first pair of workers is not killed and tells what there is to be killed at."""
    world, victims = killing
    making, undoing = [0], [0]
    kills = 0
    for number in range(40):
        if number >= max(len(making), len(undoing)):
            break
        kill_at, kill_undo_at = ((points[number:] or [0])[0] for points in (making, undoing))
        stop_all(world)
        plan = make_joint_plan(world.purging, PAIRS, "set-status:failed", ADA)
        job_id = apply_joint_plan(world.purging, plan, REASON, ADA).job_id
        kills += victims.run(job_id, kill_at=kill_at) == KILLED
        if not number:
            making += moments(victims.calls)
        job = world.purging.jobs.get(job_id)
        job = job if job.state == "done" else run_job(world.purging, job_id)
        assert (job.state, job.residue) == ("done", ()), (kill_at, job.failure, job.residue)
        rows = outcomes(world.purging.jobs, job_id)
        assert [(row.uid, row.outcome, len(row.change_ids)) for row in rows] == [(uid, "done", 1) for uid, _ in PAIRS]
        assert statuses(world) == {"failed"}
        made = world.log.search(uid="u0", action="set-status", limit=5)
        assert [entry["job_id"] for entry in made].count(job_id) == 1, kill_at

        back = undo_joint_repair(world.purging, job_id, "a mistake", ADA).job_id
        kills += victims.run(back, kill_at=kill_undo_at) == KILLED
        if not number:
            undoing += moments(victims.calls)
        undone = world.purging.jobs.get(back)
        undone = undone if undone.state == "done" else run_job(world.purging, back)
        assert (undone.state, undone.residue) == ("done", ()), (kill_undo_at, undone.failure)
        assert statuses(world) == {"processing"}
        assert world.purging.jobs.get(job_id).state == "undone"
    assert kills >= 10
