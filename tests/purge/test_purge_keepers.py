"""What the desk keeps of customers: a purge takes it out, an undo puts it back, an erasing forgets it."""

from __future__ import annotations

import json
import re
import signal
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from storage.actions import undoable
from storage.actions.purge.jobs import Request, apply_plan, resume, undo
from storage.actions.purge.keepers.keeper import TRIES, until_settled
from storage.actions.purge.plans import approve, certificate_of, store_plan
from storage.actions.purge.worker import run_job
from storage.actions.rollup import run_rollup
from storage.actions.search_index import write_index
from storage.domain.changes import ChangeSet, FieldChange
from storage.domain.purge.scope import Scope
from storage.domain.requests import NO_WORDS, TeamRequest, ticket_text
from storage.errors import Refused, Stale
from storage.repositories.decode import raw_document
from storage.repositories.requests import Requests
from storage.repositories.rollups import read_fleet
from tests.purge.victim import CountingProxy, Victims, moments
from tests.purge.world import ADA, BOB, REASON, VIDEO, PurgeWorld, when_done
from tests.rigs.desk import NOON
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.seaweed import SeaweedRig

BASE = f"users/u1/videos/{VIDEO}"
ADDRESS = "waltz.lover@example.org"
TITLE, FORMER = "Opening night in Vienna", "Closing night in Vienna"
SCENE = "Strauss begins"
NAMES = (ADDRESS, TITLE, FORMER, SCENE, "a title+%#")  # the last one is what the keys of the clips hold of a title
CHANGE = "change-of-title"
AUDIT = ("ops_audit", "_ops/audit/")


def told(world: PurgeWorld) -> dict[str, str]:
    """All that the desk keeps, by the collection or folder that holds it, as text in one form."""
    found = dict[str, list[str]]()
    for collection in world.stores.records.children(""):
        if collection.startswith("ops_"):
            found[collection] = list(_documents(world, "", collection))
    for key in world.own_keys():
        content = world.stores.objects.get_bytes(key, 10**8).decode(errors="replace")
        text = content if key.endswith(".jsonl") else json.dumps(_json(content), ensure_ascii=False)
        found.setdefault("/".join(key.split("/")[:2]) + "/", []).append(f"{key} {text}")
    return {place: "\n".join(sorted(lines)) for place, lines in found.items()}


def _json(content: str) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return content


def _documents(world: PurgeWorld, parent: str, collection: str) -> Iterator[str]:
    records = world.stores.records
    page, token = world.stores.handle.list_documents(parent, collection, operation="Listing for a test", page_size=300)
    assert not token
    for document in map(raw_document, page):
        fields = {
            name: zlib.decompress(value).decode() if isinstance(value, bytes) else value
            for name, value in (document.fields or {}).items()
        }
        yield f"{document.path} {json.dumps(fields, sort_keys=True, default=str, ensure_ascii=False)}"
        for below in records.children(document.path):
            yield from _documents(world, document.path, below)


def naming(world: PurgeWorld, *, audit: bool = False) -> dict[str, list[str]]:
    """The places that name the customer, with the names."""
    return {
        place: names
        for place, text in told(world).items()
        if (audit or not place.startswith(AUDIT)) and (names := [name for name in NAMES if name in text])
    }


@pytest.fixture
def kept(filled: PurgeWorld) -> PurgeWorld:
    """The customer u1 in the index and in the figures, and a repair of the title of one video; u10 beside."""
    _keep(filled)
    return filled


def _keep(world: PurgeWorld) -> None:
    records = world.stores.records

    def with_(path: str, **fields: str) -> None:
        document = records.raw(path)
        assert document is not None
        world.put_documents({path: {**(document.fields or {}), **fields}})

    with_("users/u1", email=ADDRESS)
    with_(BASE, video_title=FORMER)
    with_("users/u1/videos/video-bbb", video_title="Another evening")
    with_(f"{BASE}/clips/{VIDEO}_1_split", scene_title=SCENE)
    _repair(world)
    _roll_up(world)


def _repair(world: PurgeWorld) -> None:
    document = world.stores.records.raw(BASE)
    assert document is not None
    assert document.update_time is not None
    change = FieldChange(BASE, "video_title", FORMER, TITLE)
    undoable.apply(
        world.stores,
        world.purging.writers,
        ChangeSet("set-title", "u1", VIDEO, (change,), {BASE: document.update_time}),
        actor=ADA.email,
        reason=REASON,
        change_id=CHANGE,
        kept_until=world.now() + timedelta(days=7),
    )


def _roll_up(world: PurgeWorld) -> None:
    records, writer = world.stores.records, world.purging.writers.documents
    run_rollup(records, writer, world.settings.plan_limits, world.now, stale_after=timedelta(minutes=15))
    write_index(records, writer, world.now)


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        (Scope.of("u1"), {}),
        (Scope.of("u1", VIDEO), {"ops_index": [ADDRESS], "ops_rollups": [ADDRESS]}),
        (Scope.of("u1", VIDEO, [f"{VIDEO}_1_split"]), {
            "ops_index": [ADDRESS, TITLE], "ops_rollups": [ADDRESS], "ops_changes": [TITLE, FORMER],
        }),
    ],
    ids=["user", "video", "clip"],
)  # fmt: skip
def test_a_purge_takes_the_customer_out_of_what_the_desk_keeps_and_an_undo_puts_all_of_it_back(
    kept: PurgeWorld, scope: Scope, left: dict[str, list[str]]
) -> None:
    before, figures = told(kept), _figures(kept)
    job = kept.purge(scope)
    assert (job.state, job.failure) == ("done", None)
    papers = {"ops_jobs", "_ops/plans/", "_ops/jobs/", "_ops/quarantine/", "_ops/certificates/"}
    assert {place: names for place, names in naming(kept).items() if place not in papers} == left
    assert "u10@example.com" in told(kept)["ops_index"]
    back = run_job(kept.purging, undo(kept.purging, job.job_id, REASON, ADA).job_id)
    assert (back.state, back.failure) == ("done", None)
    after = told(kept)
    assert _rows(after["ops_index"]) == _rows(before["ops_index"])
    assert _figures(kept) == figures
    assert after["ops_changes"].replace('"taken_by": "", ', "") == before["ops_changes"]


def _rows(text: str) -> list[str]:
    """The rows in one order: an undo adds them at the end."""
    return sorted(re.split(r'\\n|"', text))


def _figures(world: PurgeWorld) -> list[str]:
    view = read_fleet(world.stores.records)
    return [str(frame.to_json()) for frame in (view.near, view.biggest, view.drifting)]


def test_an_undo_puts_the_customer_into_an_index_that_was_written_meanwhile(kept: PurgeWorld) -> None:
    job = kept.purge(Scope.of("u1"))
    _roll_up(kept)
    assert "ops_index" not in naming(kept)
    run_job(kept.purging, undo(kept.purging, job.job_id, REASON, ADA).job_id)
    assert naming(kept)["ops_index"] == [ADDRESS, TITLE, SCENE]


def test_an_undo_needs_no_index(kept: PurgeWorld) -> None:
    job = kept.purge(Scope.of("u1"))
    kept.put_documents({"ops_index/head": {"version": "spoilt"}})
    back = run_job(kept.purging, undo(kept.purging, job.job_id, REASON, ADA).job_id)
    assert (back.state, back.failure) == ("done", None)


def test_a_repair_cannot_be_taken_back_while_its_values_are_purged(kept: PurgeWorld) -> None:
    job = kept.purge(Scope.of("u1", VIDEO))
    stores = kept.stores
    (why,) = undoable.undoable(stores.records, stores.objects, CHANGE).moved
    assert why == f"What this change replaced went with the purge {job.job_id}."
    with pytest.raises(Refused, match=job.job_id):
        undoable.undo(stores.records, stores.objects, kept.purging.writers, CHANGE, actor=ADA.email, reason=REASON)
    run_job(kept.purging, undo(kept.purging, job.job_id, REASON, ADA).job_id)
    undoable.undo(stores.records, stores.objects, kept.purging.writers, CHANGE, actor=ADA.email, reason=REASON)
    document = stores.records.raw(BASE)
    assert document is not None
    assert (document.fields or {})["video_title"] == FORMER


@pytest.mark.parametrize("scope", [Scope.of("u1"), Scope.of("u1", VIDEO)], ids=["user", "video"])
def test_an_erasing_leaves_ids_jobs_and_times_and_forgets_earlier_purges_too(kept: PurgeWorld, scope: Scope) -> None:
    earlier = kept.purge(Scope.of("u1", VIDEO, [f"{VIDEO}_0_split"]))
    run_job(kept.purging, undo(kept.purging, earlier.job_id, REASON, ADA).job_id)
    unused = kept.plan(scope)
    store_plan(kept.purging, unused)
    assert "a title+%#" in told(kept)["_ops/plans/"]
    job = kept.purge(scope, erase=True)
    assert (job.state, job.failure) == ("done", None)
    whole = scope.kind == "user"
    assert naming(kept) == ({} if whole else {"ops_index": [ADDRESS], "ops_rollups": [ADDRESS]})
    again = kept.purging.jobs.get(job.job_id)
    assert (again.scope, again.actor, again.reason) == (scope, ADA.email, REASON)
    assert certificate_of(kept.purging, job.job_id)["verified"]["clean"] is True
    assert kept.purging.jobs.get(earlier.job_id).state == "undone"
    assert kept.own_keys("_ops/quarantine/") == []
    with pytest.raises(Refused, match="went with the purge"):
        undoable.undo(
            kept.stores.records, kept.stores.objects, kept.purging.writers, CHANGE, actor=ADA.email, reason=REASON
        )


def test_an_index_that_cannot_be_read_stops_a_purge_before_anything_goes(kept: PurgeWorld) -> None:
    before = kept.snapshot()
    kept.put_documents({"ops_index/head": {"version": "spoilt"}})
    job = kept.purge(Scope.of("u1"))
    assert job.state == "failed"
    assert job.failure is not None
    assert "rollup" in job.failure["remedy"]
    assert kept.snapshot() == before
    _roll_up(kept)
    assert run_job(kept.purging, resume(kept.purging, job.job_id, ADA).job_id).state == "done"
    assert "ops_index" not in naming(kept)


def test_neither_the_audit_nor_a_job_names_the_customer_whatever_the_reason_says(kept: PurgeWorld) -> None:
    plan = kept.plan(Scope.of("u1", VIDEO))
    approve(kept.purging, plan, BOB)
    why = f"asked by {ADDRESS} about {TITLE.upper()}"
    job = run_job(kept.purging, apply_plan(kept.purging, plan, Request(plan.scope.spelled, why, True), ADA).job_id)
    assert (job.state, job.reason) == ("done", "asked by [address] about [title]")
    named = naming(kept, audit=True)
    assert not {"ops_jobs", "ops_audit", "_ops/audit/", "_ops/certificates/", "_ops/plans/"} & set(named)


def test_a_purge_takes_the_words_out_of_requests_and_an_undo_puts_them_back(kept: PurgeWorld) -> None:
    clip = f"{VIDEO}_1_split"
    about = [("u1", "", ""), ("u1", VIDEO, ""), ("u1", VIDEO, clip), ("u1", "video-bbb", ""), ("u10", "", "")]
    asked = [
        TeamRequest(
            f"req-20260301-120000-0000000{number}",
            "delete",
            *ids,
            "of Vienna",
            ADA.email,
            NOON,
            state="declined",
            answer="in Vienna",
            answered_by=BOB.email,
            answered_at=NOON,
        )
        for number, ids in enumerate(about)
    ]
    kept.put_documents({one.path: one.as_dict() for one in asked})
    store = Requests(kept.stores.handle)

    def telling() -> list[int]:
        """Those whose words are there; of the others nothing but these is gone."""
        stored = {one.request.request_id: one.request for one in store.newest(9)}
        found = [stored[one.request_id] for one in asked]
        assert [replace(one, reason="of Vienna", answer="in Vienna") for one in found] == asked
        assert {(one.reason, one.answer) for one in found} <= {("of Vienna", "in Vienna"), ("", "")}
        return [number for number, one in enumerate(found) if one.reason]

    job = kept.purge(Scope.of("u1", VIDEO, [clip]))
    assert telling() == [0, 1, 3, 4]
    run_job(kept.purging, undo(kept.purging, job.job_id, REASON, ADA).job_id)
    assert telling() == [0, 1, 2, 3, 4]
    job = kept.purge(Scope.of("u1"))
    assert telling() == [4]
    assert ticket_text(store.of_user("u1")[0].request, "").count(NO_WORDS) == 2
    run_job(kept.purging, undo(kept.purging, job.job_id, REASON, ADA).job_id)
    assert telling() == [0, 1, 2, 3, 4]
    meanwhile = replace(asked[1], request_id="req-20260301-120000-00000009")
    listener = when_done("take rows", lambda: kept.put_documents({meanwhile.path: meanwhile.as_dict()}))
    kept.purging = kept.open(progress=listener)
    kept.purge(Scope.of("u1", VIDEO), erase=True)
    assert telling() == [0, 3, 4]
    (late,) = (one.request for one in store.of_user("u1") if one.request.request_id == meanwhile.request_id)
    assert late == replace(meanwhile, reason="", answer="")


KEEPERS_OWN = ("ops_index", "ops_rollups", "ops_changes", "ops_watches", "PUT _ops/rollups")
PAPERS = ("PUT _ops/plans", "PUT _ops/certificates", "ops_jobs/journal")


@contextmanager
def _killing(embedded: EmbeddedFirestore, seaweed: SeaweedRig) -> Iterator[tuple[PurgeWorld, Victims]]:
    with CountingProxy(seaweed.endpoint) as proxy:
        values = {**seaweed.values(seaweed.fresh_bucket()), "R2_ENDPOINT_URL": proxy.endpoint}
        world = PurgeWorld(embedded, values)
        world.add_user("u1", {VIDEO: 2, "video-bbb": 1}, caches=False)
        world.add_user("u10", {VIDEO: 1}, caches=False)
        _keep(world)
        yield world, Victims(world, proxy)
        world.close()


def _ended(world: PurgeWorld, victims: Victims, job_id: str, kill_at: int) -> bool:
    """Runs a job whose worker may be killed to its end; whether it was killed."""
    killed = victims.run(job_id, kill_at=kill_at) == -signal.SIGKILL
    if killed and world.purging.jobs.get(job_id).state != "done":
        run_job(world.purging, job_id)
    job = world.purging.jobs.get(job_id)
    assert (job.state, job.failure, job.residue) == ("done", None, ())
    return killed


def _of_keepers(calls: list[str], kinds: tuple[str, ...]) -> list[int]:
    return [number for number in moments(calls) if calls[number - 1].startswith(kinds)]


def test_a_worker_killed_while_it_takes_rows_or_puts_them_back_leaves_a_job_that_ends_the_same(
    embedded: EmbeddedFirestore, seaweed: SeaweedRig
) -> None:
    with _killing(embedded, seaweed) as (world, victims):
        before, figures = _rows(told(world)["ops_index"]), _figures(world)
        taking, putting, kills, number = [0], [0], 0, 0
        while number < max(len(taking), len(putting)):
            kill_at, kill_back_at = ((points[number:] or [0])[0] for points in (taking, putting))
            job = world.apply(world.plan(Scope.of("u1", VIDEO)))
            kills += _ended(world, victims, job.job_id, kill_at)
            taking += [] if number else _of_keepers(victims.calls, KEEPERS_OWN)
            assert _outside_papers(world) == {"ops_index": [ADDRESS], "ops_rollups": [ADDRESS]}, kill_at
            back = undo(world.purging, job.job_id, REASON, ADA)
            kills += _ended(world, victims, back.job_id, kill_back_at)
            putting += [] if number else _of_keepers(victims.calls, KEEPERS_OWN)
            assert _rows(told(world)["ops_index"]) == before, kill_back_at
            assert _figures(world) == figures, kill_back_at
            assert TITLE in told(world)["ops_changes"], kill_back_at
            number += 1
        assert kills == len(taking) + len(putting) - 2 > 4


def _outside_papers(world: PurgeWorld) -> dict[str, list[str]]:
    papers = {"ops_jobs", "_ops/plans/", "_ops/jobs/", "_ops/quarantine/", "_ops/certificates/"}
    return {place: names for place, names in naming(world).items() if place not in papers}


def test_an_erasing_killed_while_it_forgets_leaves_nothing_either(
    embedded: EmbeddedFirestore, seaweed: SeaweedRig
) -> None:
    points, number = [0], 0
    while number < len(points):
        with _killing(embedded, seaweed) as (world, victims):
            plan = world.plan(Scope.of("u1"))
            approve(world.purging, plan, BOB)
            killed = _ended(world, victims, world.apply(plan, erase=True).job_id, points[number])
            assert killed == (number > 0), points[number]
            if not number:
                last = max(at for at, kind in enumerate(victims.calls) if kind.startswith("ops_index"))
                late = moments(victims.calls[last:])
                points += [last + at for at in late if victims.calls[last + at - 1].startswith(PAPERS)]
            assert naming(world) == {}, points[number]
        number += 1
    assert number > 2


def test_a_keeper_begins_again_where_somebody_changed_what_it_read_and_not_for_ever() -> None:
    changed = iter([*[True] * (TRIES - 1), False, *[True] * TRIES])

    def work() -> int:
        if next(changed):
            raise Stale("Somebody changed it meanwhile.")
        return 3

    assert until_settled(work) == 3
    with pytest.raises(Stale):
        until_settled(work)
