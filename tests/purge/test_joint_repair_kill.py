"""A worker of a joint repair that is killed, at whatever call, leaves a job that another one brings to the same end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from grpc import StatusCode

from storage.actions import repair, undoable
from storage.actions.joint_repair import apply_joint_plan, make_joint_plan, outcomes, undo_joint_repair
from storage.actions.purge.worker import run_job
from storage.domain.purge.scope import PurgeLimits
from storage.errors import Unreachable
from storage.repositories.watches import Watches
from tests.purge.test_purge_kill import KILLED
from tests.purge.victim import CountingProxy, Victims, moments
from tests.purge.world import ADA, REASON, VIDEO, PurgeWorld
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import user, video
from tests.rigs.seaweed import SeaweedRig

PAIRS = tuple((f"u{number}", f"video-{number}") for number in range(2))


@pytest.fixture
def killing(embedded: EmbeddedFirestore, seaweed: SeaweedRig) -> Iterator[tuple[PurgeWorld, Victims]]:
    """Two videos of two customers that stopped hours ago, and a place where every change can be counted."""
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


def in_several_commits(world: PurgeWorld, monkeypatch: pytest.MonkeyPatch) -> str:
    """The job of a recount that writes each of the customer's documents in a commit of its own."""
    monkeypatch.setattr(repair, "MOST_DOCUMENTS", 1)
    world.add_user("u1", {VIDEO: 2, "video-bbb": 1}, caches=False)
    for path in (f"users/u1/videos/{VIDEO}", "users/u1/videos/video-bbb"):
        held = world.stores.records.raw(path)
        assert held is not None
        world.put_documents({path: {**(held.fields or {}), "clips_count": 77, "total_size_bytes": 7}})
    plan = make_joint_plan(world.purging, [("u1", "")], "recount", ADA)
    return apply_joint_plan(world.purging, plan, REASON, ADA).job_id


def writes_the_second(request: Any) -> bool:
    return any(one.update.name.endswith("/videos/video-bbb") for one in request.writes)


def counters(world: PurgeWorld) -> list[int]:
    found = (world.stores.records.raw(f"users/u1/videos/{name}") for name in (VIDEO, "video-bbb"))
    return [int((one.fields or {})["clips_count"]) for one in found if one is not None]


@pytest.mark.parametrize("code", [StatusCode.UNAVAILABLE, StatusCode.INTERNAL])
def test_a_row_of_several_commits_that_stopped_between_them_is_made_to_its_end(
    world: PurgeWorld, monkeypatch: pytest.MonkeyPatch, code: StatusCode
) -> None:
    job_id = in_several_commits(world, monkeypatch)
    faults = world.firestore.faults  # type: ignore[attr-defined]
    faults.refuse("Commit", code, when=writes_the_second, times=None)
    stopped = run_job(world.purging, job_id)
    faults.clear()
    assert (stopped.state, counters(world)) == ("interrupted", [2, 77])
    assert run_job(world.purging, job_id).state == "done"
    (row,) = outcomes(world.purging.jobs, job_id)
    assert (row.outcome, len(row.change_ids), counters(world)) == ("done", 2, [2, 1])
    watched = {one.watch.name for one in Watches(world.stores.handle).of_user("u1")}
    assert watched == set(row.change_ids)


def test_what_was_written_of_a_row_that_failed_is_told_and_taken_back(
    world: PurgeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = in_several_commits(world, monkeypatch)
    faults = world.firestore.faults  # type: ignore[attr-defined]
    faults.refuse("Commit", StatusCode.PERMISSION_DENIED, when=writes_the_second, times=None)
    assert run_job(world.purging, job_id).state == "incomplete"
    faults.clear()
    (row,) = outcomes(world.purging.jobs, job_id)
    assert (row.outcome, len(row.change_ids), counters(world)) == ("failed", 1, [2, 77])
    assert "part" in row.why
    back = undo_joint_repair(world.purging, job_id, "a mistake", ADA).job_id
    assert run_job(world.purging, back).state == "done"
    assert counters(world) == [77, 77]


@pytest.mark.parametrize("killed", [False, True])
def test_a_row_that_was_taken_back_because_a_store_was_away_is_made_after_all(
    world: PurgeWorld, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    """The file is written before the fields: what stops between them is taken back, by this worker or the next."""
    world.add_user("u1", {VIDEO: 1}, caches=False)
    key = f"users/u1/{VIDEO}/highlights.json"
    entries = [{"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:09"}]
    world.put_documents({f"users/u1/videos/{VIDEO}/highlights/main": {"highlights": entries}})
    world.put_objects({key: (b"no JSON", "application/json")})
    plan = make_joint_plan(world.purging, [("u1", VIDEO)], "rebuild-highlights", ADA)
    assert plan.willing == 1, plan.rows
    job_id = apply_joint_plan(world.purging, plan, REASON, ADA).job_id
    faults = world.firestore.faults  # type: ignore[attr-defined]

    def ends_the_change(request: Any) -> bool:
        return len(request.writes) > 1 and any("/ops_changes/" in one.update.name for one in request.writes)

    faults.refuse("Commit", StatusCode.UNAVAILABLE, when=ends_the_change, times=None)
    with pytest.MonkeyPatch.context() as patch:
        if killed:
            patch.setattr(undoable, "_roll_back", stop)
        stopped = run_job(world.purging, job_id)
    faults.clear()
    assert stopped.state == "interrupted", stopped.failure
    ended = run_job(world.purging, job_id)
    (row,) = outcomes(world.purging.jobs, job_id)
    assert (ended.state, row.outcome) == ("done", "done"), row.why
    change = world.stores.records.raw(f"ops_changes/{row.change_ids[0]}")
    assert change is not None
    assert ended.copies_until == (change.fields or {})["kept_until"]
    assert b"One" in world.objects()[key][0]
    back = undo_joint_repair(world.purging, job_id, "a mistake", ADA).job_id
    assert run_job(world.purging, back).state == "done"
    assert world.objects()[key][0] == b"no JSON"


def test_a_row_whose_highlights_cannot_be_written_does_not_stop_the_others(world: PurgeWorld) -> None:
    whole = {"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:09"}
    for uid, entry in (("u1", {"title": "No times"}), ("u2", whole)):
        world.add_user(uid, {VIDEO: 1}, caches=False)
        world.put_documents({f"users/{uid}/videos/{VIDEO}/highlights/main": {"highlights": [entry]}})
    world.put_objects({f"users/u1/{VIDEO}/highlights.json": (b"no JSON", "application/json")})
    world.purging.writers.objects.delete([f"users/u2/{VIDEO}/highlights.json"])
    plan = make_joint_plan(world.purging, [("u1", VIDEO), ("u2", VIDEO)], "rebuild-highlights", ADA)
    job_id = apply_joint_plan(world.purging, plan, REASON, ADA).job_id
    ended = run_job(world.purging, job_id)
    assert (ended.state, ended.copies_until) == ("incomplete", None), "what was not there leaves no copy"
    assert [row.outcome for row in outcomes(world.purging.jobs, job_id)] == ["refused", "done"]


def stop(*_: object, **__: object) -> bool:
    """As if the worker had been killed after its last write."""
    raise Unreachable("The worker was stopped.")
