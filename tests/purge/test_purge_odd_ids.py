"""Purges of customers whose ids nobody would type: planned, applied, resumed, undone, like anybody's."""

from __future__ import annotations

import pytest

from storage.actions.purge.jobs import Request, apply_plan, cancel, resume, undo
from storage.actions.purge.plans import approve
from storage.actions.purge.worker import run_job
from storage.domain.purge.scope import Scope, dangers
from storage.errors import BadInput, Refused
from tests.purge.world import ADA, BOB, REASON, PurgeWorld, when_done
from tests.rigs.odd_ids import BLANK, LINE, LONG, NUMBER, ODD, UIDS, bucket_objects, documents


def with_odd_ids(world: PurgeWorld) -> PurgeWorld:
    """Customers with odd ids, and an ordinary one, in both stores."""
    world.put_documents(documents())
    world.put_objects(bucket_objects())
    return world


def test_customers_with_odd_ids_are_purged_resumed_and_given_back_to_the_letter(world: PurgeWorld) -> None:
    odd = with_odd_ids(world)
    before = odd.snapshot()
    odd.begin_upload(f"users/{BLANK}/{LINE}/clips/never.mp4")
    jobs = []
    for uid in UIDS:
        plan = odd.plan(Scope.of(uid))
        assert not plan.blocked
        approve(odd.purging, plan, BOB)
        job = odd.apply(plan)
        listener = when_done("objects", lambda job=job: cancel(odd.purging, job.job_id, ADA))
        stopped = run_job(odd.open(progress=listener), job.job_id)
        assert stopped.state == "cancelled"
        resume(odd.purging, job.job_id, ADA)
        ended = run_job(odd.purging, job.job_id)
        assert (ended.state, ended.residue, ended.disturbed) == ("done", (), ())
        jobs.append(job.job_id)
    assert not [key for key in odd.objects() if key.split("/")[1] in UIDS]
    assert not [path for path in odd.documents() if path.split("/")[1] in (*UIDS, *ODD)]
    for job_id in jobs:
        ended = run_job(odd.purging, undo(odd.purging, job_id, REASON, ADA).job_id)
        assert (ended.state, ended.residue) == ("done", ())
    assert odd.snapshot() == before


def test_one_video_and_one_clip_with_odd_ids_go_alone(world: PurgeWorld) -> None:
    odd = with_odd_ids(world)
    before = odd.snapshot()
    odd.begin_upload(f"users/{BLANK}/{ODD[5]}/clips/never.mp4")  # a key that no XML can carry as it is
    for scope in (Scope.of(BLANK, ODD[5]), Scope.of(BLANK, NUMBER, [f"{NUMBER}_0_split"])):
        job = odd.purge(scope)
        assert job.tally.uploads == (not scope.clips)
        assert (job.state, job.residue, job.disturbed) == ("done", (), ())
        gone = set(before[1]) - set(odd.documents())
        root = f"users/{BLANK}/videos/{scope.video_id}"
        assert gone
        assert all(path.startswith((f"{root}/", "share_slugs/")) or path == root for path in gone)
        run_job(odd.purging, undo(odd.purging, job.job_id, REASON, ADA).job_id)
        assert set(odd.documents()) == set(before[1])


def test_an_id_longer_than_any_key_is_purged_with_what_there_can_be_of_it(world: PurgeWorld) -> None:
    world.put_documents({f"users/{LONG}": {"plan": "pro"}, f"users/{LONG}/videos/{LONG}": {"status": "failed"}})
    before = world.documents()
    job = world.purge(Scope.of(LONG))
    assert (job.state, job.tally.documents) == ("done", 2)
    run_job(world.purging, undo(world.purging, job.job_id, REASON, ADA).job_id)
    assert world.documents() == before


def test_the_confirmation_is_typed_as_it_can_be_seen(world: PurgeWorld) -> None:
    world.add_user(BLANK, {LINE: 1}, caches=False)
    plan = world.plan(Scope.of(BLANK, LINE))
    assert plan.scope.typeable == "copy%20/line%0A"
    with pytest.raises(Refused, match="copy%20/line%0A"):
        apply_plan(world.purging, plan, Request("copy/line", REASON), ADA)
    assert apply_plan(world.purging, plan, Request("copy%20/line%0A", REASON), ADA).state == "ready"


@pytest.mark.parametrize("uid", ["", ".", "..", "a/b", "../u1", "__x__", "__id0__", "x" * 1_501, "\ud800"])
def test_what_could_lead_elsewhere_is_no_scope(uid: str) -> None:
    with pytest.raises(BadInput):
        Scope.of(uid)
    with pytest.raises(BadInput):
        Scope.of("u1", uid)


def test_the_desks_own_names_stay_refused_beside_datastores_numbers() -> None:
    assert not dangers(Scope.of(NUMBER), ("users/", ""), 2)
    assert all(dangers(Scope.of(uid), ("users/", ""), 2) for uid in ("_ops", "_x", "ops_jobs", "users"))
