"""Faults on the wire at every call of a job: it goes on, or stops and is resumed, and ends as without them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
from grpc import StatusCode

from storage.actions.purge import worker
from storage.actions.purge.jobs import resume, undo
from storage.actions.purge.plans import approve
from storage.actions.purge.worker import run_job
from storage.clients import circuit, r2
from storage.clients.r2_deadlines import circuit_of
from storage.connect import connect
from storage.domain.purge.job import Job
from storage.domain.purge.scope import Scope
from storage.errors import Unreachable
from storage.sandbox.firestore.wire import CallRefused
from tests.purge.test_purge_kill import assert_purged
from tests.purge.world import ADA, BOB, REASON, VIDEO, PurgeWorld
from tests.rigs.firestore_faults import FaultRule
from tests.rigs.http_faults import Action, Afterwards, Answer, FaultProxy, Hang, LoseReply, Reset, Rewrite

COLOURS = 3  # each call has one of so many, by chance but always the same; each run strikes the calls of one colour


def coloured(colour: int) -> set[int]:
    """The numbers of the calls of a colour: every call has one, and no rhythm of a retry keeps meeting the same.

    Never three in a row have one colour: a call is tried three times.
    """
    chance, colours = random.Random(20261122), [0, 1]
    for _ in range(2_000):
        others = {colours[-1]} if colours[-1] == colours[-2] else set()
        colours.append(chance.choice([one for one in range(COLOURS) if one not in others]))
    return {number for number, one in enumerate(colours[2:], 1) if one == colour}


@pytest.fixture
def filled(far: PurgeWorld) -> PurgeWorld:
    """A world behind the proxy."""
    far.add_user("u1", {VIDEO: 2, "video-bbb": 1}, caches=False)
    far.add_user("u10", {VIDEO: 1}, caches=False)
    return far


@pytest.fixture
def small(far: PurgeWorld) -> PurgeWorld:
    """The same with as little as shows everything, for the tests that strike every call."""
    far.add_user("u1", {VIDEO: 1}, caches=False)
    far.add_user("u10", {VIDEO: 0}, caches=False)
    return far


def to_the_end(world: PurgeWorld, job_id: str) -> Job:
    """Runs a job as workers would, one after the other, until it has ended."""
    for _ in range(6):
        job = run_job(world.open(), job_id)
        if job.state in {"done", "incomplete", "failed"}:
            return job
    raise AssertionError(f"the job does not end: {job.state} {job.failure}")


def again(world: PurgeWorld, job_id: str) -> Job:
    """A person sets the job going again."""
    return run_job(world.purging, resume(world.purging, job_id, ADA).job_id)


def there_and_back(world: PurgeWorld, struck: Callable[[], Any], lifted: Callable[[], Any]) -> None:
    """Purges and undoes while faults strike; everything must come out as without them."""
    before = world.snapshot()
    plan = world.plan(Scope.of("u1", VIDEO))
    job_id = world.apply(plan).job_id
    struck()
    job = to_the_end(world, job_id)
    lifted()
    assert_purged(world, plan, job, before)
    undo_id = undo(world.purging, job_id, REASON, ADA).job_id
    struck()
    undone = to_the_end(world, undo_id)
    lifted()
    assert (undone.state, undone.residue) == ("done", ()), undone.failure
    assert world.snapshot() == before
    assert world.log.verify_chain().whole


CHANGES = ("PUT", "POST", "DELETE")
# By turns, as the SDK tries again after both alike.
REFUSALS = (Answer(500, "InternalError"), Answer(503, "SlowDown", {"Retry-After": "0"}))
HTTP_FAULTS: dict[str, tuple[tuple[Action, ...], tuple[str, ...]]] = {
    "500 or 503": (REFUSALS, ("",)),
    "reply lost": ((LoseReply(),), CHANGES),
}


@pytest.mark.parametrize(("name", "colour"), [(name, colour) for name in HTTP_FAULTS for colour in range(COLOURS)])
def test_a_bucket_that_fails_at_any_call_does_not_change_the_end(
    small: PurgeWorld, proxy: FaultProxy, name: str, colour: int
) -> None:
    actions, methods = HTTP_FAULTS[name]

    def strike() -> None:
        for method in methods:
            proxy.on(actions[colour % len(actions)], method=method, only=coloured(colour))

    there_and_back(small, strike, proxy.clear)


FIRESTORE_FAULTS: dict[str, tuple[str, str, StatusCode]] = {
    "unavailable": ("*", "before", StatusCode.UNAVAILABLE),
    "aborted": ("Commit", "before", StatusCode.ABORTED),
    "reply lost": ("Commit", "after reply", StatusCode.DEADLINE_EXCEEDED),
}


@pytest.mark.parametrize("colour", range(COLOURS))
@pytest.mark.parametrize("name", FIRESTORE_FAULTS)
def test_a_firestore_that_fails_at_any_call_does_not_change_the_end(small: PurgeWorld, name: str, colour: int) -> None:
    method, moment, code = FIRESTORE_FAULTS[name]
    faults = small.firestore.faults  # type: ignore[attr-defined]
    counted, struck = itertools.count(1), coloured(colour)

    def due(_: object) -> bool:
        return next(counted) in struck

    def strike() -> None:
        faults.add(FaultRule(method, moment, CallRefused(code, "on purpose"), when=due, times=None))  # type: ignore[arg-type]

    there_and_back(small, strike, faults.clear)


def _one_refused(body: bytes) -> bytes:
    """One deleted key told as an error that may pass."""
    start, end = body.index(b"<Deleted>"), body.index(b"</Deleted>") + len(b"</Deleted>")
    key = body[start:end].split(b"<Key>")[1].split(b"</Key>")[0]
    told = b"<Error><Key>" + key + b"</Key><Code>InternalError</Code><Message>no</Message></Error>"
    return body[:start] + told + body[end:]


def test_an_error_inside_a_good_answer_is_seen_and_its_key_tried_again(filled: PurgeWorld, proxy: FaultProxy) -> None:
    before = filled.snapshot()
    plan = filled.plan(Scope.of("u1", VIDEO))
    job_id = filled.apply(plan).job_id
    proxy.on(Rewrite(_one_refused), method="POST", query="delete", only={1})
    assert_purged(filled, plan, run_job(filled.purging, job_id), before)
    assert proxy.count(method="POST", query="delete") >= 2


def test_a_key_that_the_store_refuses_to_delete_stops_the_job_and_names_the_reason(
    filled: PurgeWorld, proxy: FaultProxy
) -> None:
    before = filled.snapshot()
    plan = filled.plan(Scope.of("u1", VIDEO))
    job_id = filled.apply(plan).job_id
    rule = proxy.on(
        Rewrite(lambda body: _one_refused(body).replace(b"InternalError", b"ObjectLockedByBucketPolicy")),
        method="POST",
        query="delete",
    )
    job = run_job(filled.purging, job_id)
    assert job.state == "failed"
    assert job.failure is not None
    assert job.failure["code"] == "access_denied"
    assert {item.path for item in plan.documents if not item.path.startswith("share_slugs/")} <= set(filled.documents())
    proxy.clear()
    assert rule.matched >= 1
    assert_purged(filled, plan, again(filled, job_id), before)


def test_a_copy_to_the_quarantine_that_fails_keeps_its_source(filled: PurgeWorld, proxy: FaultProxy) -> None:
    before = filled.snapshot()
    plan = filled.plan(Scope.of("u1", VIDEO))
    job_id = filled.apply(plan).job_id
    proxy.on(Answer(507, "InsufficientStorage"), method="PUT", path="quarantine/.*/objects/")
    job = run_job(filled.purging, job_id)
    assert job.state in {"failed", "interrupted"}
    assert filled.objects() == before[0]
    proxy.clear()
    assert_purged(filled, plan, again(filled, job_id), before)


def test_a_network_that_goes_away_interrupts_the_job_and_another_worker_ends_it(
    filled: PurgeWorld, proxy: FaultProxy
) -> None:
    before = filled.snapshot()
    plan = filled.plan(Scope.of("u1", VIDEO))
    job_id = filled.apply(plan).job_id
    proxy.on(Reset(), path="quarantine/.*/objects/")
    job = run_job(filled.open(pauses=()), job_id)
    assert (job.state, (job.failure or {})["code"]) == ("interrupted", "unreachable")
    proxy.clear()
    assert_purged(filled, plan, run_job(filled.purging, job_id), before)


def test_a_refused_credential_stops_the_job_and_says_so(filled: PurgeWorld) -> None:
    plan = filled.plan(Scope.of("u1", VIDEO))
    job_id = filled.apply(plan).job_id
    faults = filled.firestore.faults  # type: ignore[attr-defined]

    def deletes(request: Any) -> bool:
        return any(write.WhichOneof("operation") == "delete" for write in request.writes)

    faults.refuse("Commit", StatusCode.PERMISSION_DENIED, when=deletes, times=None)
    job = run_job(filled.purging, job_id)
    assert (job.state, (job.failure or {})["code"]) == ("failed", "access_denied")
    faults.clear()
    assert again(filled, job_id).state == "done"


def test_a_document_that_changes_half_way_is_left_with_all_that_hangs_above_it(filled: PurgeWorld) -> None:
    plan = filled.plan(Scope.of("u1"))
    approve(filled.purging, plan, BOB)
    job_id = filled.apply(plan).job_id
    changed = f"users/u1/videos/{VIDEO}/clips/{VIDEO}_1_split"
    faults = filled.firestore.faults  # type: ignore[attr-defined]
    done = [False]

    def deletes_it(request: Any) -> bool:
        if not done[0] and any(write.delete.endswith(changed) for write in request.writes):
            done[0] = True
            filled.put_documents({changed: {"status": "processing"}})
        return False

    faults.add(FaultRule("Commit", "before", when=deletes_it))
    job = run_job(filled.purging, job_id)
    assert job.state == "incomplete"
    left = {"users/u1", f"users/u1/videos/{VIDEO}", changed}
    assert {line.removeprefix("document: ") for line in job.residue} == left
    assert {path for path in filled.documents() if "u1" in path.split("/")} == left
    assert job.tally.left_alone == len(left)


def test_an_object_that_is_overwritten_meanwhile_is_not_deleted(filled: PurgeWorld, proxy: FaultProxy) -> None:
    plan = filled.plan(Scope.of("u1", VIDEO))
    job_id = filled.apply(plan).job_id
    key = next(item.key for item in plan.objects if item.key.endswith(".mp4") and "/clips/" in item.key)
    number = [item.key for item in plan.objects].index(key)

    taken = proxy.take
    done: list[bool] = []

    def take(seen: Any) -> Any:
        if seen.method == "PUT" and f"/objects/{number:06d}-" in seen.path and not done:
            done.append(True)
            filled.put_objects({key: (b"what the product wrote meanwhile", "video/mp4")})
        return taken(seen)

    proxy.take = take  # type: ignore[method-assign]
    job = run_job(filled.purging, job_id)
    assert done
    assert job.state == "incomplete"
    assert filled.objects()[key][0] == b"what the product wrote meanwhile"
    assert f"object: {key}" in job.residue
    documents = filled.documents()
    assert f"users/u1/videos/{VIDEO}" in documents, "the map to what is left must stay"
    assert any(f"/videos/{VIDEO}/clips/" in path for path in documents), "so must the clip that names it"
    assert job.tally.left_alone >= 3


@pytest.fixture
def quick(small: PurgeWorld, monkeypatch: pytest.MonkeyPatch) -> PurgeWorld:
    """The small world, whose bucket is given half a second for each call from here on."""
    monkeypatch.setattr(r2, "LOOKING", {"connect_timeout": 0.5, "read_timeout": 0.5})
    monkeypatch.setattr(r2, "CHANGING", {"connect_timeout": 0.5, "read_timeout": 0.5})
    small.close()
    small.stores = connect(small.settings)
    small.client = r2.write_client(small.settings.r2)
    small.purging = small.open()
    return small


@pytest.mark.parametrize("erase", [False, True])
def test_a_purge_that_meets_an_open_circuit_rests_and_goes_on_when_the_bucket_answers(
    quick: PurgeWorld, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, erase: bool
) -> None:
    before = quick.snapshot()
    plan = quick.plan(Scope.of("u1", VIDEO))
    if erase:
        approve(quick.purging, plan, BOB)
    job_id = quick.apply(plan, erase=erase).job_id
    with monkeypatch.context() as patch:
        patch.setattr(worker, "patiently", lambda: circuit.patiently(0.1))  # its patience is soon at an end
        first = {"method": "POST"} if erase else {"method": "PUT", "path": "quarantine"}
        proxy.on(Afterwards(lambda: proxy.on(Hang())), only={1}, **first)
        job = run_job(quick.open(), job_id)
        assert (job.state, (job.failure or {})["code"]) == ("interrupted", "unreachable")
        assert circuit_of(proxy.endpoint).open
        with pytest.raises(Unreachable, match="not asked again until"):
            again(quick, job_id)
        assert quick.purging.jobs.get(job_id).state == "interrupted"
    proxy.clear()
    circuit.ask_again()
    assert_purged(quick, plan, again(quick, job_id), before)
    assert quick.log.verify_chain().whole


def test_a_purge_is_not_broken_off_because_somebody_else_waited_in_vain(quick: PurgeWorld, proxy: FaultProxy) -> None:
    before = quick.snapshot()
    plan = quick.plan(Scope.of("u1", VIDEO))
    job_id = quick.apply(plan).job_id
    proxy.on(Hang(), only={1})
    assert quick.stores.objects.list_all("users/u10/").error is not None
    assert circuit_of(proxy.endpoint).open
    assert_purged(quick, plan, run_job(quick.open(), job_id), before)
    assert not circuit_of(proxy.endpoint).open
