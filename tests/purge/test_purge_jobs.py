"""Jobs under several hands: two people, two workers, leases that end, cancelling, sweeping, undoing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from storage.actions.purge import lease, steps
from storage.actions.purge.jobs import Request, apply_plan, begin_emptying, cancel, expired, resume, undo
from storage.actions.purge.lease import LeaseLost, StillHeld, claim
from storage.actions.purge.plans import approve
from storage.actions.purge.survey import Presence, look_at
from storage.actions.purge.worker import abandoned_jobs, run_job, sweep
from storage.domain.policy import Actor, permitted
from storage.domain.purge.scope import Scope
from storage.errors import NotPermitted, Refused, Stale
from tests.purge.world import ADA, BOB, REASON, VIDEO, PurgeWorld, when_done

SCOPE = Scope.of("u1", VIDEO)


def test_two_people_who_apply_one_plan_at_once_make_one_job(filled: PurgeWorld) -> None:
    plan = filled.plan(SCOPE)

    def go(actor: Actor) -> str:
        try:
            return apply_plan(filled.open(), plan, Request(SCOPE.spelled, REASON), actor).job_id
        except Refused:
            return ""

    with ThreadPoolExecutor(2) as threads:
        jobs = list(threads.map(go, (ADA, BOB)))
    assert sorted(map(bool, jobs)) == [False, True]
    assert run_job(filled.purging, max(jobs)).state == "done"


def test_a_plan_that_was_applied_is_not_applied_again(filled: PurgeWorld) -> None:
    plan = filled.plan(SCOPE)
    run_job(filled.purging, filled.apply(plan).job_id)
    with pytest.raises(Refused, match="applied already"):
        filled.apply(plan)


def test_two_workers_never_run_one_job_at_once(filled: PurgeWorld) -> None:
    job_id = filled.apply(filled.plan(SCOPE)).job_id
    with claim(filled.purging, job_id), pytest.raises(StillHeld):
        run_job(filled.open(), job_id)


def test_two_jobs_never_work_on_the_same_things_at_once(filled: PurgeWorld) -> None:
    wide, narrow = filled.plan(Scope.of("u1")), filled.plan(SCOPE)
    approve(filled.purging, wide, BOB)
    filled.apply(narrow)
    with pytest.raises(Refused, match="works on u1/video-aaa"):
        filled.apply(wide)


def test_a_job_whose_lease_ended_is_taken_over_and_the_late_worker_finds_out(filled: PurgeWorld) -> None:
    before = filled.snapshot()
    job_id = filled.apply(filled.plan(SCOPE)).job_id
    with claim(filled.purging, job_id) as late:
        assert abandoned_jobs(filled.purging) == ()
        filled.pass_time(timedelta(minutes=5))
        assert [job.job_id for job in abandoned_jobs(filled.purging)] == [job_id]
        assert [job.state for job in sweep(filled.open())] == ["done"]
        after = filled.snapshot()
        with pytest.raises(LeaseLost):
            late.begin("objects", 0, {})
    assert filled.snapshot() == after != before


def test_copies_are_not_emptied_under_an_undo_that_somebody_has_just_set_going(filled: PurgeWorld) -> None:
    before = filled.snapshot()
    for emptied_first in (False, True):
        job_id = run_job(filled.purging, filled.apply(filled.plan(SCOPE)).job_id).job_id
        back = undo(filled.purging, job_id, REASON, ADA)
        cancel(filled.purging, back.job_id, ADA)
        filled.pass_time(filled.settings.purge.quarantine_life)
        seen = filled.purging.jobs.get(job_id)  # as whoever is about to empty it sees it: the undo rests
        assert not expired(filled.purging, seen), "its undo was asked for: only a person ends it"
        if emptied_first:
            assert begin_emptying(filled.purging, seen) is not None
            with pytest.raises(Refused, match="no copy is left to restore"):
                resume(filled.purging, job_id, ADA)
        else:
            resume(filled.purging, job_id, ADA)
            assert begin_emptying(filled.purging, seen) is None
            assert run_job(filled.purging, back.job_id).state == "done"
            assert filled.snapshot() == before


def test_a_worker_that_slept_past_its_lease_touches_nothing_of_a_job_that_was_cancelled_and_undone_meanwhile(
    filled: PurgeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, job_id = filled.snapshot(), filled.apply(filled.plan(SCOPE)).job_id

    def meanwhile() -> None:
        filled.pass_time(timedelta(minutes=5))
        assert cancel(filled.open(), job_id, BOB).state == "cancelled"
        back = run_job(filled.open(), undo(filled.open(), job_id, REASON, BOB).job_id)
        assert (back.state, back.residue) == ("done", ())
        real = lease._boot_seconds  # as much time has passed for the worker
        monkeypatch.setattr(lease, "_boot_seconds", lambda: real() + 300)

    def look_and_sleep(*arguments: Any) -> Presence:
        seen = look_at(*arguments)
        if filled.offset == timedelta():
            meanwhile()
        return seen

    monkeypatch.setattr(steps, "look_at", look_and_sleep)  # its last look before it deletes
    with pytest.raises(LeaseLost):
        run_job(filled.purging, job_id)
    assert filled.snapshot() == before
    assert filled.purging.jobs.get(job_id).state == "undone"


def test_cancelling_stops_between_batches_and_the_rest_can_be_done_or_undone(filled: PurgeWorld) -> None:
    before = filled.snapshot()
    for ending in ("resume", "undo"):
        plan = filled.plan(SCOPE)
        job_id = filled.apply(plan).job_id
        listener = when_done("objects", partial(cancel, filled.open(), job_id, BOB))
        job = run_job(filled.open(progress=listener), job_id)
        assert (job.state, job.cancel_by) == ("cancelled", BOB.email)
        assert f"users/u1/videos/{VIDEO}" in filled.documents()
        if ending == "resume":
            job = run_job(filled.purging, resume(filled.purging, job_id, ADA).job_id)
            assert (job.state, job.tally.objects, job.tally.documents) == (
                "done",
                len(plan.objects),
                len(plan.documents),
            )
        back = run_job(filled.purging, undo(filled.purging, job_id, REASON, ADA).job_id)
        assert (back.state, back.residue) == ("done", ())
        assert filled.snapshot() == before


def test_a_cancellation_outlives_the_worker_that_did_not_hear_of_it(filled: PurgeWorld) -> None:
    job_id = filled.apply(filled.plan(SCOPE)).job_id
    with claim(filled.purging, job_id):
        assert cancel(filled.open(), job_id, BOB).state == "running"
    filled.pass_time(timedelta(minutes=5))
    assert [job.state for job in sweep(filled.open())] == ["cancelled"]
    assert run_job(filled.purging, resume(filled.purging, job_id, ADA).job_id).state == "done"


def test_a_job_that_nobody_began_is_cancelled_at_once(filled: PurgeWorld) -> None:
    before = filled.snapshot()
    job_id = filled.apply(filled.plan(SCOPE)).job_id
    assert cancel(filled.purging, job_id, ADA).state == "cancelled"
    assert sweep(filled.purging) == ()
    assert filled.snapshot() == before


def test_a_worker_does_not_begin_what_was_cancelled_before_it_came(filled: PurgeWorld) -> None:
    before = filled.snapshot()
    job_id = filled.apply(filled.plan(SCOPE)).job_id
    cancel(filled.purging, job_id, ADA)
    with pytest.raises(Refused, match="cancelled"):
        run_job(filled.purging, job_id)
    assert filled.snapshot() == before
    assert run_job(filled.purging, resume(filled.purging, job_id, ADA).job_id).state == "done"


def test_a_sweep_runs_what_nobody_began_and_leaves_what_is_held(filled: PurgeWorld) -> None:
    job_id = filled.apply(filled.plan(SCOPE)).job_id
    with claim(filled.purging, job_id):
        assert sweep(filled.open()) == ()
    filled.pass_time(timedelta(minutes=5))
    assert [job.state for job in sweep(filled.open())] == ["done"]


def test_more_purges_than_allowed_in_an_hour_are_refused(filled: PurgeWorld) -> None:
    tight = filled.open(limits=replace(filled.settings.purge, per_actor_hour=1))
    run_job(tight, apply_plan(tight, filled.plan(SCOPE), Request(SCOPE.spelled, REASON), ADA).job_id)
    plan = filled.plan(Scope.of("u1", "video-bbb"))
    with pytest.raises(Refused, match="within the last hour"):
        apply_plan(tight, plan, Request(plan.scope.spelled, REASON), ADA)
    assert apply_plan(tight, plan, Request(plan.scope.spelled, REASON), BOB).state == "ready"


@pytest.mark.parametrize("roles", [frozenset(), frozenset({"support"}), frozenset({"engineer"})], ids=str)
def test_every_action_checks_the_permission_itself_and_records_the_refusal(filled: PurgeWorld, roles: Any) -> None:
    stranger = Actor("eve@example.com", roles, "oidc")
    plan = filled.plan(SCOPE)
    job = filled.apply(plan)
    plans: list[Callable[[], Any]] = [lambda: filled.plan(SCOPE, stranger)]
    attempts: list[Callable[[], Any]] = [
        *([] if permitted(roles, "purge.plan") else plans),
        lambda: approve(filled.purging, plan, stranger),
        lambda: filled.apply(plan, stranger),
        lambda: cancel(filled.purging, job.job_id, stranger),
        lambda: resume(filled.purging, job.job_id, stranger),
        lambda: undo(filled.purging, job.job_id, REASON, stranger),
    ]
    for attempt in attempts:
        with pytest.raises(NotPermitted):
            attempt()
    told = filled.log.search(actor=stranger.email)
    refused = [("refused", "not_permitted")] * len(attempts)
    assert [(event["outcome"], event["detail"]["code"]) for event in told] == refused
    assert permitted(roles, "purge.plan") == ("engineer" in roles), "who operates may plan, and an admin applies"


def test_a_plan_has_its_time(filled: PurgeWorld) -> None:
    plan = filled.plan(SCOPE)
    filled.pass_time(timedelta(minutes=31))
    with pytest.raises(Stale, match="expired"):
        filled.apply(plan)


def test_less_than_the_plan_may_be_found(filled: PurgeWorld) -> None:
    plan = filled.plan(SCOPE)
    gone = plan.objects[0].key
    filled.purging.writers.objects.delete([gone])
    filled.purging.writers.documents.delete(f"users/u1/videos/{VIDEO}/highlights/main")
    job = run_job(filled.purging, filled.apply(plan).job_id)
    assert (job.state, job.tally.already_gone) == ("done", 2)
    assert (job.tally.objects, job.tally.documents) == (len(plan.objects) - 1, len(plan.documents) - 1)
