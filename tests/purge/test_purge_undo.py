"""Quarantines: what an undo refuses, what it tells, when they are emptied, and what erasing does to earlier ones."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from storage.actions.purge.jobs import cancel, resume, undo
from storage.actions.purge.worker import run_job, sweep
from storage.clients.meter import metering
from storage.domain.purge.scope import Scope
from storage.errors import Refused
from tests.purge.world import ADA, REASON, VIDEO, PurgeWorld, when_done

SCOPE = Scope.of("u1", VIDEO)


def test_an_undo_waits_for_other_jobs_on_the_same_things(filled: PurgeWorld) -> None:
    first = filled.purge(SCOPE)
    filled.put_objects({f"users/u1/{VIDEO}/highlights.json": (b"left over", "application/json")})
    filled.apply(filled.plan(SCOPE))
    with pytest.raises(Refused, match="works on u1/video-aaa and is ready"):
        undo(filled.purging, first.job_id, REASON, ADA)


def test_an_expired_quarantine_is_emptied_and_its_purge_cannot_be_undone(filled: PurgeWorld) -> None:
    job = filled.purge(SCOPE)
    after = filled.snapshot()
    assert filled.own_keys(f"_ops/quarantine/{job.job_id}/")
    filled.pass_time(timedelta(days=6))
    assert sweep(filled.purging) == ()
    filled.pass_time(timedelta(days=2))
    swept = sweep(filled.purging)
    assert [(one.kind, one.state, one.of) for one in swept] == [("empty", "done", job.job_id)]
    assert not filled.own_keys("_ops/quarantine/")
    with pytest.raises(Refused, match="quarantine is emptied"):
        undo(filled.purging, job.job_id, REASON, ADA)
    assert filled.snapshot() == after
    assert sweep(filled.purging) == ()


def test_a_purge_that_was_cancelled_and_whose_quarantine_expired_takes_nothing_more(filled: PurgeWorld) -> None:
    job_id = filled.apply(filled.plan(SCOPE)).job_id
    listener = when_done("save", partial(cancel, filled.open(), job_id, ADA))
    assert run_job(filled.open(progress=listener), job_id).state == "cancelled"
    now = filled.snapshot()
    filled.pass_time(timedelta(days=8))
    assert [one.kind for one in sweep(filled.purging)] == ["empty"]
    with pytest.raises(Refused, match="an undo could not restore"):
        resume(filled.purging, job_id, ADA)
    assert filled.snapshot() == now
    assert filled.purge(SCOPE).state == "done"


@pytest.mark.parametrize("place", ["object", "document"])
def test_undo_is_refused_where_something_new_lives(filled: PurgeWorld, place: str) -> None:
    job = filled.purge(SCOPE)
    path, key = f"users/u1/videos/{VIDEO}", f"users/u1/{VIDEO}/highlights.json"
    if place == "object":
        filled.put_objects({key: (b"new", "application/json")})
    else:
        filled.put_documents({path: {"status": "processing"}})
    now = filled.snapshot()
    with pytest.raises(Refused) as refused:
        undo(filled.purging, job.job_id, REASON, ADA)
    assert refused.value.reasons == (f"{place} {key if place == 'object' else path}",)
    assert filled.snapshot() == now
    assert filled.own_keys(f"_ops/quarantine/{job.job_id}/")


def test_what_comes_up_during_an_undo_is_left_and_told_and_the_undo_can_be_begun_again(filled: PurgeWorld) -> None:
    before = filled.snapshot()
    job = filled.purge(SCOPE)
    undo_id = undo(filled.purging, job.job_id, REASON, ADA).job_id
    path = f"users/u1/videos/{VIDEO}"
    filled.put_documents({path: {"status": "new"}})
    first = run_job(filled.purging, undo_id)
    assert first.state == "incomplete"
    assert first.residue == (f"document is another: {path}",)
    assert filled.own_keys(f"_ops/quarantine/{job.job_id}/"), "the copies stay until it is settled"
    filled.purging.writers.documents.delete(path)
    again = run_job(filled.purging, undo(filled.purging, job.job_id, REASON, ADA).job_id)
    assert (again.job_id, again.state) == (undo_id, "done")
    assert filled.snapshot() == before


def test_a_copy_that_is_gone_from_the_quarantine_is_told(filled: PurgeWorld) -> None:
    job = filled.purge(SCOPE)
    copies = filled.own_keys(f"_ops/quarantine/{job.job_id}/objects/")
    filled.purging.writers.objects.delete(copies[:1])
    back = run_job(filled.purging, undo(filled.purging, job.job_id, REASON, ADA).job_id)
    assert (back.state, len(back.residue)) == ("incomplete", 1)
    assert back.residue[0].startswith("object missing: ")
    assert len(filled.own_keys(f"_ops/quarantine/{job.job_id}/objects/")) == len(copies) - 1


def test_erasing_empties_an_earlier_quarantine_of_the_same_scope(filled: PurgeWorld) -> None:
    first = filled.purge(SCOPE)
    other = filled.purge(Scope.of("u1", "video-bbb"))
    filled.put_objects({f"users/u1/{VIDEO}/highlights.json": (b"left over", "application/json")})
    erased = filled.purge(SCOPE, erase=True)
    assert erased.state == "done"
    assert not filled.own_keys(f"_ops/quarantine/{first.job_id}/")
    assert filled.own_keys(f"_ops/quarantine/{other.job_id}/")
    with pytest.raises(Refused, match="quarantine is emptied"):
        undo(filled.purging, first.job_id, REASON, ADA)
    with pytest.raises(Refused, match="erased"):
        undo(filled.purging, erased.job_id, REASON, ADA)


def test_an_undo_of_many_objects_begins_with_listings_and_not_with_a_question_for_each(world: PurgeWorld) -> None:
    world.add_user("u1", {"video-aaa": 40})
    plan = world.plan(Scope.of("u1", "video-aaa"))
    job_id = run_job(world.purging, world.apply(plan).job_id).job_id
    assert len(plan.objects) > 80
    with metering() as meter:
        undo(world.purging, job_id, REASON, ADA)
    assert meter.cost().r2_class_b < 20, "the plan, the journal and the kept documents"
    assert meter.cost().r2_class_a < 20


def test_an_undo_of_many_objects_finds_the_one_that_is_new_at_its_old_place(world: PurgeWorld) -> None:
    world.add_user("u1", {"video-aaa": 40})
    plan = world.plan(Scope.of("u1", "video-aaa"))
    job_id = run_job(world.purging, world.apply(plan).job_id).job_id
    world.put_objects({plan.objects[50].key: (b"rendered anew", "video/mp4")})
    with pytest.raises(Refused, match="Something new is at 1 of the places"):
        undo(world.purging, job_id, REASON, ADA)
