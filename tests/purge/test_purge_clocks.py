"""Two machines whose clocks differ: Firestore's time alone says whose a job is, what has expired and what is allowed.

What happens between two workers happens on the wire, at one request of the first: nothing waits for luck.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from grpc import StatusCode

from storage.actions.audit import AuditTrail
from storage.actions.purge import jobs, lease
from storage.actions.purge.context import SETTLING_SECONDS, Purging
from storage.actions.purge.jobs import Request, apply_plan, cancel, resume, undo
from storage.actions.purge.lease import LeaseLost, StillHeld, claim
from storage.actions.purge.plans import approve, make_plan
from storage.actions.purge.worker import abandoned_jobs, run_job, sweep
from storage.actions.repair import RepairContext, plan_status
from storage.domain.purge.scope import Scope
from storage.errors import Refused, Stale
from storage.repositories.jobs import Jobs
from storage.repositories.store_time import store_time
from tests.purge.victim import CountingProxy
from tests.purge.world import ADA, BOB, REASON, VIDEO, PurgeWorld
from tests.rigs.firestore import EmbeddedFirestore, FirestorePool, available_firestores
from tests.rigs.http_faults import Answer, Seen
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.waiting import PATIENCE_SECONDS, until

SCOPE = Scope.of("u1", VIDEO)
AHEAD = timedelta(hours=2)
PATH = f"users/u1/videos/{VIDEO}"


@pytest.fixture
def listening(seaweed: SeaweedRig) -> Iterator[CountingProxy]:
    """Tells of each request to the bucket store before that hears of it."""
    with CountingProxy(seaweed.endpoint) as proxy:
        yield proxy


@pytest.fixture(params=available_firestores())
def heard(
    request: pytest.FixtureRequest, firestores: FirestorePool, seaweed: SeaweedRig, listening: CountingProxy
) -> Iterator[PurgeWorld]:
    """A user with a video, on every kind of Firestore, the bucket behind the proxy."""
    values = {**seaweed.values(seaweed.fresh_bucket()), "R2_ENDPOINT_URL": listening.endpoint}
    made = PurgeWorld(firestores.rig(request.param), values)
    made.add_user("u1", {VIDEO: 1}, caches=False)
    yield made
    made.close()


def desk(world: PurgeWorld, ahead: timedelta) -> Purging:
    """Another machine's context, with its clock so far ahead."""
    return world.open(clock=lambda: world.now() + ahead)


def at_first(proxy: CountingProxy, act: Callable[[], None]) -> None:
    """Does something while the first deletion of objects is on its way."""

    def heard(seen: Seen) -> None:
        if seen.method == "POST" and "delete" in seen.query and not done:
            done.append(seen)
            act()

    done: list[Seen] = []
    proxy.heard = heard


# Both ways on our Firestore, one on Google's emulator.
WRONG = [("embedded", AHEAD), ("embedded", -AHEAD)] + [
    (kind, AHEAD) for kind in available_firestores() if kind != "embedded"
]


@pytest.mark.parametrize(("heard", "ahead"), WRONG, indirect=["heard"], ids=str)
def test_whose_clock_is_wrong_takes_no_job_from_a_worker_that_is_at_it(
    heard: PurgeWorld, listening: CountingProxy, ahead: timedelta
) -> None:
    before = heard.snapshot()
    plan = heard.plan(SCOPE)
    job_id = heard.apply(plan).job_id
    other, seen = desk(heard, ahead), list[str]()

    def interfere() -> None:
        assert abandoned_jobs(other) == ()
        assert sweep(other) == ()
        for attempt in (lambda: resume(other, job_id, BOB), lambda: run_job(other, job_id)):
            with pytest.raises(StillHeld):
                attempt()
        assert cancel(other, job_id, BOB).state == "running", "it is asked to stop, not stopped over its head"
        assert cancel(other, job_id, BOB).cancel_by == BOB.email
        with pytest.raises(Refused, match="cancel it first"):
            undo(other, job_id, REASON, BOB)
        seen.append("interfered")

    at_first(listening, interfere)
    job = run_job(heard.purging, job_id)
    assert seen == ["interfered"]
    assert (job.state, job.tally.objects, job.tally.documents > 0) == ("cancelled", len(plan.objects), True)
    back = run_job(other, undo(other, job_id, REASON, BOB).job_id)
    assert (back.state, back.residue) == ("done", ())
    assert heard.snapshot() == before


@pytest.mark.parametrize(("each_world", "ahead"), WRONG, indirect=["each_world"], ids=str)
def test_a_worker_that_ended_is_followed_after_one_lease_whatever_the_clocks_say(
    each_world: PurgeWorld, ahead: timedelta
) -> None:
    each_world.add_user("u1", {VIDEO: 1}, caches=False)
    short = each_world.open(limits=replace(each_world.settings.purge, lease_seconds=2))
    other = desk(each_world, ahead)
    job_id = each_world.apply(each_world.plan(SCOPE)).job_id
    claim(short, job_id)  # and nothing more is heard of it
    assert abandoned_jobs(other) == ()
    with pytest.raises(StillHeld):
        run_job(other, job_id)
    until(lambda: abandoned_jobs(other), "the end of the lease")
    (job,) = abandoned_jobs(other)
    assert job.update_time is not None
    assert job.read_time is not None
    assert job.read_time - job.update_time >= timedelta(seconds=2)
    assert [one.state for one in sweep(other)] == ["done"]


def test_a_batch_of_documents_that_arrives_after_its_worker_was_replaced_changes_nothing(filled: PurgeWorld) -> None:
    before, faults = filled.snapshot(), filled.firestore.faults  # type: ignore[attr-defined]
    job_id = filled.apply(filled.plan(SCOPE)).job_id
    undone: list[str] = []

    def replaced() -> None:
        filled.pass_time(timedelta(minutes=5))
        other = filled.open()
        assert cancel(other, job_id, BOB).state == "cancelled"
        back = run_job(other, undo(other, job_id, REASON, BOB).job_id)
        undone.append(back.state)

    faults.meanwhile("Commit", replaced, when=lambda request: any("/clips/" in one.delete for one in request.writes))
    with pytest.raises(LeaseLost):
        run_job(filled.purging, job_id)
    assert undone == ["done"]
    assert filled.snapshot() == before
    assert filled.purging.jobs.get(job_id).state == "undone"


def deletes_clips(request: Any) -> bool:
    return any("/clips/" in one.delete for one in request.writes)


def begins_objects(request: Any) -> bool:
    """Whether a commit notes in the journal that a batch of objects is begun."""
    entries = [one.update.fields for one in request.writes if "phase" in one.update.fields]
    said = [tuple(one[name].string_value for name in ("phase", "step") if name in one) for one in entries]
    return ("begin", "objects") in said


@pytest.mark.parametrize(("commit", "undone"), [(deletes_clips, False), (begins_objects, True)])
def test_a_worker_whose_answer_was_lost_and_that_was_replaced_before_it_asks_again_goes_on_with_nothing(
    filled: PurgeWorld, monkeypatch: pytest.MonkeyPatch, commit: Callable[[Any], bool], undone: bool
) -> None:
    """The job's document is much as that commit left it; but by now the job is cancelled, or all is put back."""
    before, faults = filled.snapshot(), filled.firestore.faults  # type: ignore[attr-defined]
    job_id = filled.apply(filled.plan(SCOPE)).job_id
    real, slept = lease._boot_seconds, list[float]()

    def replaced() -> None:
        filled.pass_time(timedelta(minutes=5))
        other = filled.open()
        assert cancel(other, job_id, BOB).state == "cancelled"
        if undone:
            assert run_job(other, undo(other, job_id, REASON, BOB).job_id).state == "done"
        slept.append(300.0)

    monkeypatch.setattr(lease, "_boot_seconds", lambda: real() + sum(slept))
    faults.lose_reply("Commit", StatusCode.UNAVAILABLE, when=commit)
    faults.meanwhile("Commit", replaced, when=commit, skip=1)
    with pytest.raises(LeaseLost):
        run_job(filled.purging, job_id)
    assert slept
    assert filled.purging.jobs.get(job_id).state == ("undone" if undone else "cancelled")
    if not undone:
        run_job(filled.purging, undo(filled.purging, job_id, REASON, BOB).job_id)
    assert filled.snapshot() == before


def test_a_stop_that_is_asked_for_while_an_answer_is_lost_is_heard(filled: PurgeWorld) -> None:
    faults = filled.firestore.faults  # type: ignore[attr-defined]
    job_id = filled.apply(filled.plan(SCOPE)).job_id
    faults.lose_reply("Commit", StatusCode.UNAVAILABLE, when=begins_objects)
    faults.meanwhile("Commit", lambda: cancel(filled.open(), job_id, BOB), when=begins_objects, skip=1)
    assert run_job(filled.purging, job_id).state == "cancelled"


def test_a_restoring_that_arrives_after_its_worker_was_replaced_changes_nothing(filled: PurgeWorld) -> None:
    faults = filled.firestore.faults  # type: ignore[attr-defined]
    job_id = filled.purge(SCOPE).job_id
    after, back = filled.snapshot(), undo(filled.purging, job_id, REASON, ADA)

    def replaced() -> None:
        filled.pass_time(timedelta(minutes=5))
        assert cancel(filled.open(), back.job_id, BOB).state == "cancelled"

    def restores(request: Any) -> bool:
        return any(f"/documents/{PATH}" in one.update.name for one in request.writes)

    faults.meanwhile("Commit", replaced, when=restores)
    with pytest.raises(LeaseLost):
        run_job(filled.purging, back.job_id)
    assert filled.snapshot()[1] == after[1], "no document was put back by the worker that lost the job"


def test_a_deletion_is_not_sent_again_by_a_worker_that_was_replaced_meanwhile(
    embedded: EmbeddedFirestore, seaweed: SeaweedRig, listening: CountingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store says that it is busy, and until it does somebody else has the job."""
    values = {**seaweed.values(seaweed.fresh_bucket()), "R2_ENDPOINT_URL": listening.endpoint}
    world = PurgeWorld(embedded, values)
    world.add_user("u1", {VIDEO: 1}, caches=False)
    before, job_id = world.snapshot(), world.apply(world.plan(SCOPE)).job_id
    real = lease._boot_seconds
    slept: list[float] = []

    def replaced() -> None:
        world.pass_time(timedelta(minutes=5))
        other = world.open()
        assert cancel(other, job_id, BOB).state == "cancelled"
        assert run_job(other, undo(other, job_id, REASON, BOB).job_id).state == "done"
        slept.append(300.0)
        listening.on(Answer(503, "SlowDown"), method="POST", query="delete", only={1})

    monkeypatch.setattr(lease, "_boot_seconds", lambda: real() + sum(slept))
    at_first(listening, replaced)
    with pytest.raises(LeaseLost):
        run_job(world.purging, job_id)
    assert slept
    assert world.snapshot() == before
    world.close()


def test_a_deletion_that_arrives_after_everything_was_put_back_is_found_before_the_copies_are_given_up(
    heard: PurgeWorld, listening: CountingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker was killed when it had sent it, and the next one on the same machine takes over at once."""
    before, job_id = heard.snapshot(), heard.apply(heard.plan(SCOPE)).job_id
    sent, arrive = threading.Event(), threading.Event()

    def on_its_way() -> None:
        sent.set()
        assert arrive.wait(PATIENCE_SECONDS)

    at_first(listening, on_its_way)
    with ThreadPoolExecutor(1) as threads:
        killed = threads.submit(run_job, heard.purging, job_id)
        assert sent.wait(PATIENCE_SECONDS)
        for module in (jobs, lease):
            monkeypatch.setattr(module, "process_has_ended", lambda _: True)
        waited: list[float] = []

        def arrives(seconds: float) -> None:
            waited.append(seconds)
            assert heard.snapshot() == before, "all is back; the deletion is still on its way"
            arrive.set()
            with pytest.raises(LeaseLost):
                killed.result(PATIENCE_SECONDS)

        other = heard.open(wait=arrives)
        assert cancel(other, job_id, BOB).state == "cancelled"
        back = run_job(other, undo(other, job_id, REASON, BOB).job_id)
    assert back.state == "incomplete"
    assert all(line.startswith("object missing: ") for line in back.residue)
    assert 0 < waited[0] <= SETTLING_SECONDS
    assert run_job(other, undo(other, job_id, REASON, BOB).job_id).state == "done"
    assert heard.snapshot() == before


def test_no_quarantine_is_emptied_early_and_none_is_kept_from_being_undone_by_a_wrong_clock(
    each_world: PurgeWorld,
) -> None:
    each_world.add_user("u1", {VIDEO: 1}, caches=False)
    before, other = each_world.snapshot(), desk(each_world, timedelta(days=8))
    job = each_world.purge(SCOPE)
    assert sweep(other) == ()
    assert each_world.own_keys(f"_ops/quarantine/{job.job_id}/")
    assert run_job(other, undo(other, job.job_id, REASON, BOB).job_id).state == "done"
    assert each_world.snapshot() == before


def test_a_quarantine_lives_by_the_time_of_firestore_though_the_desk_that_purged_was_ahead(filled: PurgeWorld) -> None:
    other = desk(filled, timedelta(days=30))
    plan = filled.plan(SCOPE)
    job = run_job(other, apply_plan(other, plan, Request(SCOPE.spelled, REASON), ADA).job_id)
    filled.pass_time(timedelta(days=7, minutes=1))
    with pytest.raises(Refused, match="expired"):
        undo(desk(filled, -timedelta(days=30)), job.job_id, REASON, ADA)
    assert [one.kind for one in sweep(desk(filled, -timedelta(days=30)))] == ["empty"]


def test_a_plan_holds_and_lapses_by_the_time_of_firestore(filled: PurgeWorld) -> None:
    ahead, behind = desk(filled, AHEAD), desk(filled, -AHEAD)
    plan, wide = filled.plan(SCOPE), filled.plan(Scope.of("u1"))
    assert approve(ahead, wide, BOB).at < datetime.now(UTC) + timedelta(minutes=5)
    assert apply_plan(ahead, plan, Request(SCOPE.spelled, REASON), ADA).state == "ready"
    late = filled.plan(Scope.of("u10"))
    filled.pass_time(timedelta(minutes=31))
    for other in (behind, ahead):
        with pytest.raises(Stale, match="expired"):
            approve(other, late, BOB)
        with pytest.raises(Stale, match="expired"):
            apply_plan(other, late, Request(late.scope.spelled, REASON), ADA)


def test_a_wrong_clock_neither_unblocks_a_video_that_is_worked_on_nor_lets_more_purges_through(
    filled: PurgeWorld,
) -> None:
    other = desk(filled, timedelta(days=2))
    tight = replace(other, limits=replace(filled.settings.purge, per_actor_hour=1))
    first = filled.plan(Scope.of("u10"))
    approve(filled.purging, first, BOB)
    apply_plan(filled.purging, first, Request("u10", REASON), ADA)
    plan = filled.plan(SCOPE)
    with pytest.raises(Refused, match="within the last hour"):
        apply_plan(tight, plan, Request(SCOPE.spelled, REASON), ADA)
    touched = {"status": "processing", "updated_at": datetime.now(UTC) - timedelta(minutes=1)}
    filled.purging.writers.documents.update(PATH, touched)  # type: ignore[arg-type]
    assert "being processed" in make_plan(other, SCOPE, ADA, maker=ADA.email).blocked[0]
    bench = RepairContext(other.stores, other.writers, other.trail, other.clock)
    with pytest.raises(Refused, match="touched a moment ago"):
        plan_status(bench, "u1", VIDEO, "failed", REASON)


def test_an_undo_that_is_begun_again_is_on_record_again_whatever_the_clock_of_the_first_worker_said(
    filled: PurgeWorld,
) -> None:
    job = filled.purge(SCOPE)
    early = filled.open()
    documents, objects = early.writers.documents, early.writers.objects
    early = replace(early, trail=AuditTrail(documents, filled.log, objects, clock=lambda: filled.now() + AHEAD))
    back = undo(filled.purging, job.job_id, REASON, ADA)
    filled.put_documents({PATH: {"status": "new"}})
    assert run_job(early, back.job_id).state == "incomplete"
    filled.purging.writers.documents.delete(PATH)
    assert run_job(filled.purging, undo(filled.purging, job.job_id, REASON, ADA).job_id).state == "done"
    ends = filled.log.search(uid="u1", action="purge.undo.end")
    assert [entry["detail"]["state"] for entry in ends] == ["done", "incomplete"]


def test_the_time_of_firestore_is_its_own(each_world: PurgeWorld, filled: PurgeWorld) -> None:
    first = store_time(each_world.stores.handle)
    done = each_world.purging.writers.documents.set("ops_clock/now", {"n": 1})
    second = store_time(each_world.stores.handle)
    written = done.update_times["ops_clock/now"]
    assert written is not None
    assert first < written <= second
    filled.firestore.offset += AHEAD  # type: ignore[attr-defined]
    assert store_time(filled.stores.handle) - datetime.now(UTC) > AHEAD - timedelta(minutes=1)
    assert Jobs(filled.stores.handle).going_on() == ()
