"""Repairs that replace objects, while the product's worker writes the same ones, or a store refuses in the middle."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from grpc import StatusCode

from storage.actions import documents
from storage.actions import repair as fixing
from storage.actions.highlights import plan_put
from storage.actions.purge.jobs import undo
from storage.actions.purge.worker import run_job, sweep
from storage.actions.repair import RepairContext
from storage.actions.upload import check_media
from storage.domain.purge.scope import Scope
from storage.errors import Refused, Stale, StorageError
from storage.sandbox.firestore.wire import CallRefused
from tests.purge.world import ADA, REASON, VIDEO, PurgeWorld
from tests.rigs.firestore_faults import FaultRule
from tests.rigs.http_faults import Action, Afterwards, Answer, FaultProxy, LoseReply, Meanwhile
from tests.rigs.seaweed import SeaweedRig

SCOPE = Scope.of("u1", VIDEO)
MEDIA = Path(__file__).resolve().parents[2] / "storage" / "sandbox" / "media"
FILE = f"users/u1/{VIDEO}/highlights.json"
STEM = f"users/u1/{VIDEO}/clips/clip_01_0_a title+%#_split"
CLIP, THUMBNAIL = f"{STEM}.mp4", f"{STEM}.jpg"
PATH = f"users/u1/videos/{VIDEO}"
ENTRY = {"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:11", "duration": 10}
PUT = json.dumps({"highlights": [ENTRY]}).encode()
OF_THE_WORKER = (b'{"highlights": [{"id": 7, "title": "of the worker"}]}', "application/json")


@pytest.fixture
def desk(far: PurgeWorld, monkeypatch: pytest.MonkeyPatch) -> PurgeWorld:
    """A customer behind the proxy. The clients try again as ever, and do not wait before they do."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(documents, "PAUSE_SECONDS", 0.0)
    far.add_user("u1", {VIDEO: 1}, caches=False)
    return far


def bench(world: PurgeWorld) -> RepairContext:
    """What a repair is made with, as another process would have it."""
    opened = world.open()
    return RepairContext(opened.stores, opened.writers, opened.trail, world.now)


def put_highlights(world: PurgeWorld) -> Callable[[], Any]:
    """Plans to put a file of highlights; gives what does it."""
    at = bench(world)
    plan = plan_put(at, "u1", VIDEO, PUT)
    return lambda: fixing.apply(at, ADA, plan, REASON)


def upload(world: PurgeWorld) -> Callable[[], Any]:
    """Plans to replace the clip and its thumbnail; gives what does it."""
    at = bench(world)
    media = check_media(io.BytesIO((MEDIA / "clip_a.mp4").read_bytes()), (MEDIA / "clip_a.jpg").read_bytes())
    plan = fixing.plan_replace(at, "u1", VIDEO, media, scene=0, style="split", replace_intact=True)
    found = plan.upload
    assert (found.key, found.thumbnail_key, found.refusals) == (CLIP, THUMBNAIL, ())
    return lambda: fixing.apply(at, ADA, plan, REASON)


@dataclass(frozen=True)
class Repair:
    """A kind of repair: what plans it and gives what does it, the object that it replaces, and the document."""

    plan: Callable[[PurgeWorld], Callable[[], Any]]
    key: str
    touched: str


REPAIRS = {
    "highlights": Repair(put_highlights, FILE, PATH),
    "upload": Repair(upload, CLIP, f"{PATH}/clips/{VIDEO}_0_split"),
}


@pytest.fixture(params=REPAIRS)
def repair(request: pytest.FixtureRequest) -> Repair:
    """Every kind of repair in turn."""
    return REPAIRS[request.param]


def at_path(key: str) -> str:
    """A pattern for the path of a request that writes the key, and no copy of it."""
    name = key.rpartition("/")[2]
    return rf"/u1/{VIDEO}/(clips/)?{name[:9]}[^/]*\.{name.rpartition('.')[2]}$"


def writes_the_customer(request: Any) -> bool:
    """Whether a commit changes something of the customer's."""
    return any("/documents/users/" in (write.update.name or write.delete) for write in request.writes)


def worker_writes(
    world: PurgeWorld, proxy: FaultProxy, key: str, moment: Callable[[Callable[[], None]], Action] = Meanwhile
) -> None:
    """Lets the product's worker write the object once, while the desk does or at another moment."""
    proxy.on(moment(lambda: world.put_objects({key: OF_THE_WORKER})), method="PUT", path=at_path(key), only={1})


def nothing_is_left(world: PurgeWorld) -> None:
    """No copy of what was replaced, and no change that is open."""
    assert world.own_keys("_ops/replaced/") == []
    assert world.own_keys("_ops/health/") == []


def test_what_the_worker_writes_just_before_a_repair_does_is_left_and_the_repair_refused(
    desk: PurgeWorld, proxy: FaultProxy, repair: Repair
) -> None:
    go = repair.plan(desk)
    before = desk.snapshot()
    worker_writes(desk, proxy, repair.key)
    with pytest.raises(Stale):
        go()
    assert desk.snapshot() == ({**before[0], repair.key: OF_THE_WORKER}, before[1])
    nothing_is_left(desk)


@pytest.mark.parametrize("there", ["something", "nothing"])
def test_of_two_who_store_the_same_file_at_once_the_one_who_is_refused_takes_nothing_from_the_other(
    desk: PurgeWorld, proxy: FaultProxy, repair: Repair, there: str
) -> None:
    """The object of the first is the very bytes that the second would have written, and is not the second's."""
    if there == "nothing":
        desk.purging.writers.objects.delete([repair.key])
    first, second = repair.plan(desk), repair.plan(desk)
    done: list[Any] = []

    def quicker() -> None:
        first()
        done.append(desk.snapshot())

    proxy.on(Meanwhile(quicker), method="PUT", path=at_path(repair.key), only={1})
    with pytest.raises(Stale):
        second()
    assert [desk.snapshot()] == done
    kept = desk.own_keys("_ops/replaced/")
    assert len({name.split("/")[2] for name in kept}) == (1 if kept else 0), "the copies of the first alone"


def test_a_record_that_names_what_another_change_kept_brings_nothing_of_it_to_its_own_customer(
    desk: PurgeWorld, repair: Repair
) -> None:
    repair.plan(desk)()
    secret = desk.own_keys("_ops/replaced/")
    desk.add_user("u2", {VIDEO: 1}, caches=False)
    own = repair.key.replace("/u1/", "/u2/")
    there = desk.stores.objects.head(own)
    assert there is not None
    forged = {
        "kind": "highlights", "uid": "u2", "video_id": VIDEO, "changes": [], "created": [], "undone_by": None,
        "state": "done", "kept_until": desk.now(), "at": desk.now(), "actor": "eve@example.com", "reason": REASON,
        "replaced": [{"key": own, "kept": secret[0], "etag": there.etag, "before": "0" * 32}],
    }  # fmt: skip
    desk.put_documents({"ops_changes/forged": forged})
    before = desk.snapshot()
    with pytest.raises(Refused, match="do not belong to its customer"):
        fixing.undo(bench(desk), ADA, "forged", REASON)
    sweep(desk.purging)
    assert desk.snapshot() == before
    assert desk.own_keys("_ops/replaced/") == secret, "nor does its age, or erasing, take what another change kept"


@pytest.mark.parametrize("there", ["something", "nothing"])
def test_what_the_worker_writes_while_a_repair_is_refused_is_neither_deleted_nor_overwritten(
    desk: PurgeWorld, repair: Repair, there: str
) -> None:
    if there == "nothing":
        desk.purging.writers.objects.delete([repair.key])
    go = repair.plan(desk)
    before = desk.snapshot()
    fields = desk.stores.records.raw(repair.touched)
    assert fields is not None
    done: list[bool] = []

    def as_it_commits(request: Any) -> bool:
        if not done and writes_the_customer(request):
            done.append(True)
            desk.put_objects({repair.key: OF_THE_WORKER})
            desk.put_documents({repair.touched: {**(fields.fields or {}), "touched": "by the worker"}})
        return False

    desk.firestore.faults.add(FaultRule("Commit", "before", when=as_it_commits))  # type: ignore[attr-defined]
    with pytest.raises(Stale):
        go()
    objects, now = desk.snapshot()
    assert done
    assert objects == {**before[0], repair.key: OF_THE_WORKER}
    assert {path: value for path, value in now.items() if path != repair.touched} == {
        path: value for path, value in before[1].items() if path != repair.touched
    }
    nothing_is_left(desk)


def test_what_the_worker_writes_right_after_a_repair_did_is_left_and_the_repair_refused(
    desk: PurgeWorld, proxy: FaultProxy, repair: Repair
) -> None:
    go = repair.plan(desk)
    before = desk.snapshot()
    worker_writes(desk, proxy, repair.key, Afterwards)
    with pytest.raises(Stale):
        go()
    assert desk.snapshot() == ({**before[0], repair.key: OF_THE_WORKER}, before[1])
    nothing_is_left(desk)


def test_a_repair_whose_document_moved_puts_every_object_back_as_it_was(
    desk: PurgeWorld, proxy: FaultProxy, repair: Repair
) -> None:
    fields = desk.stores.records.raw(repair.touched)
    assert fields is not None
    go = repair.plan(desk)
    before = desk.snapshot()
    moved = {repair.touched: {**(fields.fields or {}), "touched": "by the worker"}}
    proxy.on(Meanwhile(lambda: desk.put_documents(moved)), method="PUT", path=at_path(repair.key), only={1})
    with pytest.raises(Stale):
        go()
    assert desk.objects() == before[0]
    nothing_is_left(desk)


def test_a_repair_whose_commit_firestore_refuses_leaves_everything_as_it_was(desk: PurgeWorld, repair: Repair) -> None:
    go = repair.plan(desk)
    before = desk.snapshot()
    faults = desk.firestore.faults  # type: ignore[attr-defined]
    faults.refuse("Commit", StatusCode.PERMISSION_DENIED, when=writes_the_customer, times=None)
    with pytest.raises(StorageError) as refused:
        go()
    assert refused.value.code == "access_denied"
    faults.clear()
    assert desk.snapshot() == before
    nothing_is_left(desk)


def test_a_repair_whose_answers_are_lost_is_done_and_can_be_taken_back(desk: PurgeWorld, repair: Repair) -> None:
    go = repair.plan(desk)
    before = desk.snapshot()
    faults = desk.firestore.faults  # type: ignore[attr-defined]
    faults.lose_reply("Commit", StatusCode.DEADLINE_EXCEEDED, when=writes_the_customer, times=None)
    change_id = go().change_id
    assert desk.snapshot() != before
    fixing.undo(bench(desk), ADA, change_id, REASON)
    faults.clear()
    assert desk.snapshot() == before
    nothing_is_left(desk)
    with pytest.raises(Refused, match="undone already"):
        fixing.undo(bench(desk), ADA, change_id, REASON)


def test_a_repair_in_whose_middle_firestore_goes_away_is_told_and_can_be_taken_back(
    desk: PurgeWorld, repair: Repair
) -> None:
    go = repair.plan(desk)
    before = desk.snapshot()
    faults = desk.firestore.faults  # type: ignore[attr-defined]
    away: list[bool] = []

    def gone(request: Any) -> bool:
        if hasattr(request, "writes") and writes_the_customer(request):
            away.append(True)
        return bool(away)

    faults.refuse("*", StatusCode.UNAVAILABLE, when=gone, times=None)
    with pytest.raises(StorageError) as told:
        go()
    faults.clear()
    assert told.value.code == "unsettled"
    change_id = told.value.change_id  # type: ignore[attr-defined]
    assert change_id in told.value.remedy
    fixing.undo(bench(desk), ADA, change_id, REASON)
    assert desk.snapshot() == before


def test_taking_back_leaves_what_the_worker_writes_at_that_moment_and_says_so(
    desk: PurgeWorld, proxy: FaultProxy, repair: Repair
) -> None:
    go = repair.plan(desk)
    before = desk.snapshot()
    change_id = go().change_id
    worker_writes(desk, proxy, repair.key)
    with pytest.raises(Stale) as told:
        fixing.undo(bench(desk), ADA, change_id, REASON)
    assert told.value.reasons == (f"object {repair.key}",)
    assert desk.snapshot() == ({**before[0], repair.key: OF_THE_WORKER}, before[1])


def test_taking_back_that_was_cut_short_goes_on_where_it_stopped(
    desk: PurgeWorld, proxy: FaultProxy, repair: Repair
) -> None:
    go = repair.plan(desk)
    before = desk.snapshot()
    change_id = go().change_id
    proxy.on(Answer(500, "InternalError"), method="PUT", path=at_path(repair.key))
    with pytest.raises(StorageError) as told:
        fixing.undo(bench(desk), ADA, change_id, REASON)
    assert told.value.code == "unsettled"
    proxy.clear()
    fixing.undo(bench(desk), ADA, change_id, REASON)
    assert desk.snapshot() == before
    nothing_is_left(desk)


def test_a_clip_that_was_stored_anew_is_taken_back_with_its_document_and_counters(desk: PurgeWorld) -> None:
    gone = f"{PATH}/clips/{VIDEO}_0_split"
    desk.purging.writers.objects.delete([CLIP, THUMBNAIL])
    desk.purging.writers.documents.delete(gone)
    media = check_media(io.BytesIO((MEDIA / "clip_a.mp4").read_bytes()), None)
    before = desk.snapshot()
    at = bench(desk)
    plan = fixing.plan_replace(at, "u1", VIDEO, media, scene=0, style="split", replace_intact=False)
    stored = fixing.apply(at, ADA, plan, REASON)
    assert desk.snapshot() != before
    fixing.undo(at, ADA, stored.change_id, REASON)
    assert desk.snapshot() == before


def test_what_a_repair_replaced_is_kept_as_long_as_a_quarantine_and_then_no_more(
    desk: PurgeWorld, repair: Repair
) -> None:
    change_id = repair.plan(desk)().change_id
    kept = desk.own_keys(f"_ops/replaced/{change_id}/")
    assert kept
    desk.pass_time(timedelta(days=6))
    sweep(desk.purging)
    assert desk.own_keys("_ops/replaced/") == kept
    desk.pass_time(timedelta(days=2))
    sweep(desk.purging)
    assert desk.own_keys("_ops/replaced/") == []
    now = desk.snapshot()
    with pytest.raises(Stale) as told:
        fixing.undo(bench(desk), ADA, change_id, REASON)
    assert "no longer exists" in told.value.reasons[0]
    assert desk.snapshot() == now


def test_erasing_a_video_empties_what_repairs_in_it_kept(desk: PurgeWorld, repair: Repair) -> None:
    repair.plan(desk)()
    assert desk.own_keys("_ops/replaced/")
    assert desk.purge(SCOPE, erase=True).state == "done"
    assert desk.own_keys("_ops/replaced/") == []


FAULTS: dict[str, tuple[Action, tuple[str, ...]]] = {
    "500": (Answer(500, "InternalError"), ("",)),
    "reply lost": (LoseReply(), ("PUT", "DELETE", "POST")),
}
TRIES = 3


def settled(world: PurgeWorld, before: Any, go: Callable[[], Any], lifted: Callable[[], Any]) -> str:
    """Makes a repair that meets a fault; in the end everything must be as before, by itself or by taking it back."""
    try:
        change_id, end = go().change_id, "done"
    except StorageError as fault:
        change_id, end = getattr(fault, "change_id", ""), fault.code
    lifted()
    assert (world.snapshot() != before) or end != "done"
    if change_id:
        fixing.undo(bench(world), ADA, change_id, REASON)
    assert world.snapshot() == before, end
    return end


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bucket_that_fails_at_any_call_of_a_repair_leaves_what_was_there_or_tells_what_takes_it_back(
    desk: PurgeWorld, proxy: FaultProxy, repair: Repair, fault: str
) -> None:
    before, ends = desk.snapshot(), set()
    for number in range(1, 80):
        go = repair.plan(desk)
        proxy.clear()
        action, methods = FAULTS[fault]
        rules = [proxy.on(action, method=method, only=set(range(number, number + TRIES))) for method in methods]
        ends.add(settled(desk, before, go, proxy.clear))
        if all(rule.matched < number for rule in rules):
            break
    assert number > 3, "the calls to fail at must have been there"
    assert "done" in ends
    assert {end for end in ends if end != "done"}


# Each pair of them meets once: what is committed is the same for both repairs, but for the document.
COMMITS = [
    ("highlights", "before", True),
    ("highlights", "after reply", False),
    ("upload", "before", False),
    ("upload", "after reply", True),
]


@pytest.mark.parametrize(("repair", "moment", "lasting"), COMMITS, indirect=["repair"])
def test_a_firestore_that_fails_at_any_commit_of_a_repair_leaves_what_was_there_or_tells_what_takes_it_back(
    desk: PurgeWorld, repair: Repair, moment: Any, lasting: bool
) -> None:
    before = desk.snapshot()
    faults = desk.firestore.faults  # type: ignore[attr-defined]
    for number in range(12):
        go = repair.plan(desk)
        code = StatusCode.PERMISSION_DENIED if moment == "before" else StatusCode.DEADLINE_EXCEEDED
        rule = FaultRule("Commit", moment, CallRefused(code, "on purpose"), skip=number, times=None if lasting else 1)
        faults.add(rule)
        if settled(desk, before, go, lambda rule=rule: faults.lift(rule)) == "done" and rule.skip:
            break
    assert number >= 3, "the record, the fields, and the audit before and after"


@pytest.fixture(params=["as it is", "as R2 words it"])
def worded(request: pytest.FixtureRequest, desk: PurgeWorld, proxy: FaultProxy, seaweed: SeaweedRig) -> PurgeWorld:
    """The world over a store that keeps S3's own conditions, and over one that keeps R2's for copies."""
    if request.param == "as R2 words it":
        proxy.rewrites = seaweed.as_r2_words_it
    return desk


def taken(world: PurgeWorld) -> str:
    """The job that undoes a purge of the video, ready to run."""
    job = run_job(world.purging, world.apply(world.plan(SCOPE)).job_id)
    assert job.state == "done"
    return undo(world.purging, job.job_id, REASON, ADA).job_id


@pytest.mark.parametrize("moment", [Meanwhile, Afterwards])
def test_an_undo_of_a_purge_leaves_what_the_worker_writes_as_it_copies_and_tells_it(
    worded: PurgeWorld, proxy: FaultProxy, moment: Any
) -> None:
    before = worded.snapshot()
    undo_id = taken(worded)
    worker_writes(worded, proxy, FILE, moment)
    back = run_job(worded.purging, undo_id)
    assert worded.objects()[FILE] == OF_THE_WORKER
    assert (back.state, back.residue) == ("incomplete", (f"object is another: {FILE}",))
    assert worded.snapshot() == ({**before[0], FILE: OF_THE_WORKER}, before[1])
    assert worded.own_keys("_ops/quarantine/"), "the copy stays until it is settled"


def test_an_undo_whose_answers_are_lost_knows_its_own_copies(worded: PurgeWorld, proxy: FaultProxy) -> None:
    before = worded.snapshot()
    undo_id = taken(worded)
    proxy.on(LoseReply(), method="PUT", path=f"/u1/{VIDEO}/", only={1, 3, 5, 7})
    back = run_job(worded.purging, undo_id)
    assert (back.state, back.residue) == ("done", ())
    assert worded.snapshot() == before


def test_over_a_store_that_forgets_conditions_it_is_said_and_what_comes_after_a_copy_is_left(
    desk: PurgeWorld, proxy: FaultProxy, seaweed: SeaweedRig
) -> None:
    proxy.rewrites = seaweed.without_conditions
    before = desk.snapshot()
    undo_id = taken(desk)
    worker_writes(desk, proxy, FILE, Afterwards)
    said: list[str] = []
    back = run_job(desk.open(progress=said.append), undo_id)
    assert any("keeps no conditions on copies" in line for line in said)
    assert (back.state, back.residue) == ("incomplete", (f"object is another: {FILE}",))
    assert desk.snapshot() == ({**before[0], FILE: OF_THE_WORKER}, before[1])


def test_over_a_store_that_forgets_conditions_a_repair_warns_first_and_still_leaves_what_it_can_see(
    desk: PurgeWorld, proxy: FaultProxy, seaweed: SeaweedRig
) -> None:
    proxy.rewrites = seaweed.without_conditions
    at = bench(desk)
    plan = plan_put(at, "u1", VIDEO, PUT)
    assert any("keeps no conditions" in warning for warning in plan.changes.warnings)
    before = desk.snapshot()
    worker_writes(desk, proxy, FILE, Afterwards)
    with pytest.raises(Stale):
        fixing.apply(at, ADA, plan, REASON)
    assert desk.snapshot() == ({**before[0], FILE: OF_THE_WORKER}, before[1])
    proxy.clear()
    done = fixing.apply(at, ADA, plan_put(at, "u1", VIDEO, PUT), REASON)
    fixing.undo(at, ADA, done.change_id, REASON)
    assert desk.snapshot() == ({**before[0], FILE: OF_THE_WORKER}, before[1])
