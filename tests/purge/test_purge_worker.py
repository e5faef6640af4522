"""Workers as processes of their own: started and left alone, killed and replaced, erasing too."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from storage.actions.purge.jobs import begin_emptying
from storage.actions.purge.lease import claim, process_has_ended, this_process
from storage.actions.purge.plans import approve
from storage.actions.purge.worker import abandoned_jobs, run_job, start_worker, sweep
from storage.domain.purge.job import Job
from storage.domain.purge.scope import PurgeLimits, Scope
from tests.purge.test_purge_kill import KILLED, MOST_CALLS, assert_purged
from tests.purge.victim import CountingProxy, Victims, moments
from tests.purge.world import BOB, VIDEO, PurgeWorld
from tests.rigs import forked
from tests.rigs.desk import user_documents, user_objects
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.waiting import until

SCOPE = Scope.of("u1", VIDEO)


def once(world: PurgeWorld, job_id: str, *states: str) -> Job:
    """The job as soon as it is in one of the states."""
    until(lambda: world.purging.jobs.get(job_id).state in states, f"a job that is {' or '.join(states)}")
    return world.purging.jobs.get(job_id)


def test_a_worker_process_does_the_job_after_whoever_started_it_has_gone_on(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 1}, caches=False)
    before = world.snapshot()
    plan = world.plan(SCOPE)
    job_id = world.apply(plan).job_id
    pid = start_worker(job_id, world.values)
    assert os.getsid(pid) != os.getsid(0), "it has a session of its own, so no terminal or server takes it along"
    assert_purged(world, plan, once(world, job_id, "done"), before)


def test_a_worker_process_that_is_killed_is_replaced_by_a_sweep_at_once_on_the_same_machine(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 1}, caches=False)
    before = world.snapshot()
    plan = world.plan(SCOPE)
    job_id = world.apply(plan).job_id
    faults = world.firestore.faults  # type: ignore[attr-defined]
    faults.delay("Commit", 0.3, times=None)
    pid = forked.start_worker(job_id, world.values)
    held = once(world, job_id, "running")
    os.kill(pid, signal.SIGKILL)
    faults.clear()
    until(lambda: process_has_ended(held.lease_owner))
    assert [job.job_id for job in abandoned_jobs(world.purging)] == [job_id]
    assert [job.state for job in sweep(world.purging)] == ["done"]
    assert_purged(world, plan, world.purging.jobs.get(job_id), before)


def test_who_is_gone_and_who_may_be_there() -> None:
    mine = this_process()
    machine, pid, start, token = mine.split(":")
    assert not process_has_ended(mine)
    assert process_has_ended(f"{machine}:{pid}:{int(start) - 1}:{token}"), "another process had this number before"
    assert process_has_ended(f"{machine}:4194304:1:{token}")
    assert not process_has_ended(f"another-machine:{pid}:{start}:{token}")
    assert not process_has_ended("")


def test_a_lease_is_renewed_while_a_long_call_runs(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 1}, caches=False)
    quick = world.open(limits=replace(world.settings.purge, lease_seconds=1))
    with claim(quick, world.apply(world.plan(SCOPE)).job_id) as lease:
        first = lease.job.lease_until
        until(lambda: world.purging.jobs.get(lease.job.job_id).lease_until != first)
        now = world.purging.jobs.get(lease.job.job_id)
        assert now.lease_until is not None
        assert first is not None
        assert now.lease_until > first


@pytest.fixture
def killing(embedded: EmbeddedFirestore, seaweed: SeaweedRig) -> Iterator[tuple[PurgeWorld, Victims]]:
    """A world whose every change passes where it can be counted."""
    with CountingProxy(seaweed.endpoint) as proxy:
        values = {**seaweed.values(seaweed.fresh_bucket()), "R2_ENDPOINT_URL": proxy.endpoint}
        world = PurgeWorld(embedded, values, PurgeLimits(per_actor_hour=10_000))
        yield world, Victims(world, proxy)
        world.close()


def test_emptying_an_expired_quarantine_too_is_resumed_wherever_it_is_killed(
    killing: tuple[PurgeWorld, Victims],
) -> None:
    world, victims = killing
    kills = 0
    for kill_at in range(1, MOST_CALLS):
        world.add_user("u1", {VIDEO: 1}, caches=False)
        purged = world.purge(SCOPE)
        after = world.snapshot()
        emptying = begin_emptying(world.purging, purged)
        assert emptying is not None
        status = victims.run(emptying.job_id, kill_at=kill_at)
        job = world.purging.jobs.get(emptying.job_id)
        assert (job if job.state == "done" else run_job(world.purging, job.job_id)).state == "done"
        assert not world.own_keys(f"_ops/quarantine/{purged.job_id}/")
        assert world.snapshot() == after
        if status != KILLED:
            break
        kills += 1
    assert kills >= 5


def test_erasing_too_is_resumed_wherever_it_is_killed(killing: tuple[PurgeWorld, Victims]) -> None:
    """At every kind of change that a purge with quarantine does not make: the objects' step and its look before."""
    world, victims = killing
    documents = user_documents("u1", {VIDEO: 1}, caches=False)
    world.add_user("u10", {VIDEO: 1}, caches=False)

    def made(*, erase: bool, kill_at: int = 0) -> list[str]:
        world.put_documents(documents)
        world.put_objects(user_objects(documents))
        before = world.snapshot()
        plan = world.plan(SCOPE)
        approve(world.purging, plan, BOB)
        job_id = world.apply(plan, erase=erase).job_id
        assert victims.run(job_id, kill_at=kill_at) == (KILLED if kill_at else 0)
        job = world.purging.jobs.get(job_id)
        assert_purged(world, plan, job if job.state == "done" else run_job(world.purging, job_id), before)
        return victims.calls

    kept = made(erase=False)
    points = moments(made(erase=True), kept)
    for kill_at in points:
        made(erase=True, kill_at=kill_at)
    assert len(points) >= 3
    assert not world.own_keys("_ops/quarantine/"), "nor what the purge before it kept of the same video"
