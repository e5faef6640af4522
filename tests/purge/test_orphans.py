"""Objects without a document are adopted or removed under a plan, wherever a worker is killed, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.actions.documents import Delete
from storage.actions.orphans import ORPHAN_PLANS, apply_orphan_plan, make_orphan_plan, orphan_outcomes, undo_orphans
from storage.actions.purge.context import Purging
from storage.actions.purge.jobs import resume
from storage.actions.purge.worker import run_job, sweep
from storage.actions.repair import RepairContext, undo
from storage.domain.orphans import OrphanAction, OrphanOutcome, OrphanPlan
from storage.domain.policy import Actor
from storage.domain.purge.job import Job
from storage.domain.purge.scope import SEAL_SECRET, PurgeLimits, Scope
from storage.errors import BadInput, NotFound, NotPermitted, Refused, Stale
from storage.services.verify import checker, verify_user
from storage.text import Secret
from tests.purge.test_purge_kill import KILLED
from tests.purge.victim import CountingProxy, Victims, moments
from tests.purge.world import ADA, BOB, REASON, VIDEO, PurgeWorld
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.seaweed import SeaweedRig

MEDIA = Path(__file__).resolve().parents[2] / "storage" / "sandbox" / "media"
FILM, PICTURE = (MEDIA / "clip_a.mp4").read_bytes(), (MEDIA / "clip_a.jpg").read_bytes()
FOLDER = f"users/u1/{VIDEO}/clips"
CLIP = f"{FOLDER}/clip_07_4_left_over_split.mp4"
THUMBNAIL = f"{FOLDER}/clip_07_4_left_over_split.jpg"
SOURCE = f"sources/u1/{VIDEO}/source.mp4"
DOCUMENT = f"users/u1/videos/{VIDEO}/clips/{VIDEO}_4_split"
ENGINEER = Actor("eve@example.com", frozenset({"engineer"}), "local")
U1 = Scope("u1")


def fill(world: PurgeWorld) -> PurgeWorld:
    """A customer with an orphan clip and its thumbnail, two days old, and a neighbour."""
    world.add_user("u1", {VIDEO: 2})
    world.add_user("u10", {VIDEO: 1}, caches=False)
    world.put_objects({CLIP: (FILM, "video/mp4"), THUMBNAIL: (PICTURE, "image/jpeg")})
    world.pass_time(timedelta(days=2))
    return world


@pytest.fixture
def orphans(world: PurgeWorld) -> Iterator[PurgeWorld]:
    yield fill(world)
    world.pass_time(-world.offset)  # the Firestore of all tests


def plan(world: PurgeWorld, action: OrphanAction, *keys: str, **more: Any) -> OrphanPlan:
    return make_orphan_plan(world.purging, U1, action, more.pop("actor", ADA), keys=keys, **more)


def applied(world: PurgeWorld, made: OrphanPlan, actor: Actor = ADA) -> Job:
    return run_job(world.purging, apply_orphan_plan(world.purging, made, REASON, actor).job_id)


def outcomes(world: PurgeWorld, job: Job) -> dict[str, OrphanOutcome]:
    return {one.key: one for one in orphan_outcomes(world.purging.jobs, job.job_id)}


def taken_back(world: PurgeWorld, job: Job) -> Job:
    return run_job(world.purging, undo_orphans(world.purging, job.job_id, "a mistake", ADA).job_id)


def kinds(world: PurgeWorld) -> set[str]:
    return set(verify_user(checker(world.stores, world.now), "u1").summary)


def fields(world: PurgeWorld, path: str) -> dict[str, Any]:
    held = world.stores.records.raw(path)
    return dict(held.fields or {}) if held is not None else {}


def test_a_clip_is_adopted_as_the_backend_writes_it_and_taken_back(orphans: PurgeWorld) -> None:
    before = orphans.snapshot()
    assert "orphan_object" in kinds(orphans)
    made = plan(orphans, "adopt")
    rows = {row.key: row for row in made.rows}
    assert set(rows) == {CLIP}, "a thumbnail comes with its clip"
    assert plan(orphans, "adopt", THUMBNAIL).rows[0].refused.startswith("Only a clip can be adopted")
    assert orphans.snapshot() == before, "a plan changes nothing"
    job = applied(orphans, made)
    assert [one.outcome for one in outcomes(orphans, job).values()] == ["done"]
    assert job.copies_until is None, "an adoption keeps no copy"
    held = fields(orphans, DOCUMENT)
    assert {name: held[name] for name in held if not name.endswith("_at")} == {
        "clip_id": f"{VIDEO}_4_split",
        "video_id": VIDEO,
        "user_id": "u1",
        "scene_id": 4,
        "scene_title": "left over",
        "filename": "clip_07_4_left_over_split.mp4",
        "style": "split",
        "priority": 7,
        "duration_seconds": pytest.approx(5, abs=1),
        "file_size_bytes": len(FILM),
        "file_size_mb": round(len(FILM) / 1024**2, 2),
        "has_thumbnail": True,
        "r2_key": CLIP,
        "thumbnail_r2_key": THUMBNAIL,
        "status": "completed",
        "created_by": "u1",
    }
    assert held["created_at"] == held["completed_at"] == rows[CLIP].modified
    assert "orphan_object" not in kinds(orphans)
    video = fields(orphans, f"users/u1/videos/{VIDEO}")
    assert (video["clips_count"], video["total_size_bytes"]) == (3, 21 + len(FILM))
    assert fields(orphans, "storage_accounting/u1")["styled_clips_bytes"] == 21 + len(FILM)
    assert taken_back(orphans, job).state == "done"
    assert orphans.snapshot() == before
    assert orphans.purging.jobs.get(job.job_id).state == "undone"


def test_files_are_removed_with_a_copy_and_put_back_byte_for_byte(orphans: PurgeWorld) -> None:
    before = orphans.snapshot()
    made = plan(orphans, "remove")
    assert [row.key for row in made.willing] == [THUMBNAIL, CLIP]
    job = applied(orphans, made)
    assert (job.state, job.tally.objects, job.tally.bytes) == ("done", 2, len(FILM) + len(PICTURE))
    left, documents = orphans.snapshot()
    assert set(before[0]) - set(left) == {CLIP, THUMBNAIL}
    assert documents == before[1]
    kept = orphans.own_keys("_ops/replaced/")
    assert len(kept) == 2
    changes = [fields(orphans, f"ops_changes/{one.change_id}") for one in outcomes(orphans, job).values()]
    assert job.copies_until == min(one["kept_until"] for one in changes)
    ending = orphans.purging.jobs.whose_copies_end(job.copies_until, job.copies_until + timedelta(minutes=1))
    assert [one.job_id for one in ending] == [job.job_id]
    assert not orphans.purging.jobs.whose_copies_end(orphans.now(), job.copies_until)
    assert not [key for key in kept if "left_over" in key], "the desk's own keys hold no title"
    entries = orphans.log.search(uid="u1", action="orphan.remove", limit=5)
    assert {key for entry in entries for key in entry["keys"]} == {
        CLIP.replace("left_over", "-"),
        THUMBNAIL.replace("left_over", "-"),
    }
    assert taken_back(orphans, job).state == "done"
    assert orphans.snapshot() == before
    assert not orphans.own_keys("_ops/replaced/")


def test_a_file_that_came_in_parts_is_put_back_byte_for_byte(orphans: PurgeWorld) -> None:
    """The ETag of such a file says nothing of its copy's content: both are read before anything is deleted."""
    orphans.purging.writers.objects.put(CLIP, FILM.ljust(9 * 1024**2, b"\0"), "video/mp4", {"made": "in parts"})
    orphans.pass_time(timedelta(days=2))
    info = orphans.stores.objects.head(CLIP)
    assert info is not None
    assert "-" in info.etag
    before = orphans.objects()
    job = applied(orphans, plan(orphans, "remove", CLIP))
    assert (job.state, CLIP in orphans.objects()) == ("done", False)
    assert taken_back(orphans, job).state == "done"
    assert orphans.objects() == before
    back = orphans.stores.objects.head(CLIP)
    assert back is not None
    assert back.metadata == info.metadata


def test_one_row_is_taken_back_by_its_change_and_by_nobody_who_may_not(orphans: PurgeWorld) -> None:
    job = applied(orphans, plan(orphans, "remove"))
    change = outcomes(orphans, job)[CLIP].change_id
    purging = orphans.purging
    context = RepairContext(orphans.stores, purging.writers, purging.trail, purging.clock)
    with pytest.raises(NotPermitted):
        undo(context, ENGINEER, change, "ticket 9: wrong")
    undo(context, ADA, change, "ticket 9: wrong")
    assert CLIP in orphans.objects()
    assert THUMBNAIL not in orphans.objects()
    assert taken_back(orphans, job).state == "done"
    assert THUMBNAIL in orphans.objects()


def lone_upload(world: PurgeWorld) -> None:
    world.begin_upload(CLIP)


def named_by_own_document(world: PurgeWorld) -> None:
    world.put_documents({f"users/u1/videos/{VIDEO}/clips/other": {"r2_key": CLIP, "status": "completed"}})


def named_by_another_customer(world: PurgeWorld) -> None:
    world.put_documents({f"users/u10/videos/{VIDEO}/clips/theirs": {"r2_key": CLIP, "status": "completed"}})


def being_processed(world: PurgeWorld) -> None:
    path = f"users/u1/videos/{VIDEO}"
    world.put_documents({path: {**fields(world, path), "status": "processing", "updated_at": world.now()}})


def written_anew(world: PurgeWorld) -> None:
    world.put_objects({CLIP: (FILM + b"\0" * 9, "video/mp4")})


def gone(world: PurgeWorld) -> None:
    world.purging.writers.objects.delete([CLIP])


MEANWHILE = {
    "A document names it": named_by_own_document,
    "Another customer's document names it": named_by_another_customer,
    "An upload to this key": lone_upload,
    "being processed": being_processed,
    "There is no object": gone,
}


@pytest.mark.parametrize("action", ["adopt", "remove"])
@pytest.mark.parametrize("words", MEANWHILE)
def test_what_speaks_against_a_file_refuses_it_in_the_plan_and_at_its_turn(
    orphans: PurgeWorld, action: OrphanAction, words: str
) -> None:
    early = plan(orphans, action, CLIP)
    assert not early.rows[0].refused
    MEANWHILE[words](orphans)
    before = orphans.snapshot()
    (late,) = plan(orphans, action, CLIP).rows
    assert words in late.refused
    job = applied(orphans, early)
    assert job.state == "incomplete"
    assert words in outcomes(orphans, job)[CLIP].why
    assert orphans.snapshot() == before


@pytest.mark.parametrize("action", ["adopt", "remove"])
def test_a_file_that_was_written_anew_is_left_alone(orphans: PurgeWorld, action: OrphanAction) -> None:
    early = plan(orphans, action, CLIP)
    written_anew(orphans)
    before = orphans.snapshot()
    job = applied(orphans, early)
    # the store's own time of the new file is before the time that passed here, so that its age alone says nothing
    assert "changed since it was shown" in outcomes(orphans, job)[CLIP].why
    assert orphans.snapshot() == before


def test_a_young_file_a_name_of_no_known_form_and_another_customers_are_refused(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 1}, caches=False)
    world.add_user("u10", {VIDEO: 1}, caches=False)
    world.put_objects({CLIP: (FILM, "video/mp4"), f"{FOLDER}/upload.tmp": (b"x", "text/plain")})
    theirs = next(key for key in world.objects() if key.startswith("users/u10/") and key.endswith(".mp4"))
    mine = next(key for key in world.objects() if key.startswith(f"{FOLDER}/clip_01") and key.endswith(".mp4"))
    refused = [row.refused for row in plan(world, "remove", CLIP, f"{FOLDER}/upload.tmp", theirs, mine).rows]
    for words, said in zip(
        ("younger than a day", "no known form", "does not lie", "A document names"), refused, strict=True
    ):
        assert words in said
    with pytest.raises(Refused, match="No row"):
        apply_orphan_plan(world.purging, plan(world, "remove", theirs), REASON, ADA)


@pytest.mark.parametrize(
    ("key", "content", "documents", "words"),
    [
        (CLIP, FILM[: len(FILM) // 2], {}, "does not play"),
        (f"{FOLDER}/clip_07_4_x_hologram.mp4", FILM, {}, "style is not known"),
        (f"{FOLDER}/clip_07_0_x_split.mp4", FILM, {}, "exists already"),
        ("users/u1/video-gone/clips/clip_07_4_x_split.mp4", FILM, {}, "no document of its video"),
        (
            CLIP,
            FILM,
            {"share_slugs/s9": {"user_id": "u1", "video_id": VIDEO, "clip_id": f"{VIDEO}_4_split"}},
            "public link",
        ),
    ],
)
def test_what_the_customer_could_not_use_or_everybody_could_see_is_not_adopted(
    orphans: PurgeWorld, key: str, content: bytes, documents: dict[str, Any], words: str
) -> None:
    orphans.put_objects({key: (content, "video/mp4")})
    orphans.put_documents(documents)
    (row,) = plan(orphans, "adopt", key).rows
    assert words in row.refused


def test_a_compilation_has_the_id_that_the_product_gives_it(orphans: PurgeWorld) -> None:
    key = f"{FOLDER}/top_3_scenes_night_20251201_101500_streamer_top_scenes.mp4"
    orphans.put_objects({key: (FILM, "video/mp4")})
    (row,) = plan(orphans, "adopt", key).rows
    assert row.clip_id == f"{VIDEO}_compilation_20251201_101500_streamer_top_scenes"
    assert (row.document["scene_id"], row.document["priority"]) == (0, 0)


def test_caches_are_removed_past_their_time_and_not_before(orphans: PurgeWorld) -> None:
    orphans.pass_time(-timedelta(hours=1))
    assert "time ends on" in plan(orphans, "remove", SOURCE).rows[0].refused
    raw = f"clips/u1/{VIDEO}/raw/0.mp4"
    orphans.pass_time(timedelta(days=1))
    made = plan(orphans, "remove", caches=True)
    assert [row.key for row in made.willing] == [SOURCE]
    assert "time ends on" in plan(orphans, "remove", raw).rows[0].refused
    before = orphans.snapshot()
    job = applied(orphans, made)
    assert set(before[0]) - set(orphans.objects()) == {SOURCE}
    assert taken_back(orphans, job).state == "done"
    assert orphans.snapshot() == before


def test_a_document_that_changed_since_is_not_taken_back(orphans: PurgeWorld) -> None:
    for added in ({DOCUMENT: {"loved": True}}, {f"{DOCUMENT}/shares/config": {"share_slug": "s"}}):
        job = applied(orphans, plan(orphans, "adopt", CLIP))
        held = fields(orphans, DOCUMENT)
        orphans.put_documents({path: {**(held if path == DOCUMENT else {}), **more} for path, more in added.items()})
        back = taken_back(orphans, job)
        assert back.state == "incomplete"
        assert "was added" in outcomes(orphans, back)[CLIP].why
        assert fields(orphans, DOCUMENT)["r2_key"] == CLIP
        gone = [Delete(path) for path in {DOCUMENT: 0, **added}]
        orphans.purging.writers.documents.commit(gone, operation="Cleaning up")


def test_something_new_at_the_place_of_a_removed_file_stays(orphans: PurgeWorld) -> None:
    job = applied(orphans, plan(orphans, "remove"))
    orphans.put_objects({CLIP: (b"rendered again", "video/mp4")})
    back = taken_back(orphans, job)
    assert back.state == "incomplete"
    assert {key: one.outcome for key, one in outcomes(orphans, back).items()} == {CLIP: "refused", THUMBNAIL: "done"}
    assert orphans.objects()[CLIP][0] == b"rendered again"


def test_roles_bounds_seal_and_life_guard_a_plan(orphans: PurgeWorld) -> None:
    with pytest.raises(NotPermitted):
        apply_orphan_plan(orphans.purging, plan(orphans, "remove", actor=ENGINEER), REASON, ENGINEER)
    with pytest.raises(NotPermitted):
        plan(orphans, "adopt", actor=Actor("ops@example.com", frozenset({"operations"}), "local"))
    with pytest.raises(BadInput):
        plan(orphans, "adopt", caches=True)
    with pytest.raises(NotFound):
        make_orphan_plan(orphans.purging, Scope("u10"), "remove", ADA)
    made = plan(orphans, "adopt", CLIP, actor=ENGINEER)
    value = made.as_dict()
    value["rows"][0]["document"]["file_size_bytes"] = 1
    with pytest.raises(Stale):
        OrphanPlan.from_dict(value)
    with pytest.raises(Stale, match="sealed"):
        apply_orphan_plan(orphans.purging, OrphanPlan.from_dict(made.as_dict() | {"seal": "deployment:0"}), REASON, ADA)
    orphans.pass_time(timedelta(minutes=31))
    with pytest.raises(Stale, match="expired"):
        apply_orphan_plan(orphans.purging, made, REASON, ENGINEER)


def test_a_job_goes_on_after_a_change_of_key_where_the_former_one_is_known(orphans: PurgeWorld) -> None:
    def holding(key: str, *former: str) -> Purging:
        secrets = {"audit_key": Secret(key), "audit_former_keys": tuple(Secret(one) for one in former)}
        return orphans.open(stores=replace(orphans.stores, settings=replace(orphans.stores.settings, **secrets)))

    made = make_orphan_plan(holding("k" * 32), U1, "adopt", ADA, keys=[CLIP])
    job = apply_orphan_plan(holding("k" * 32), made, REASON, ADA)
    stopped = run_job(holding("n" * 32), job.job_id)
    assert stopped.state == "failed"
    assert "AUDIT_HMAC_FORMER_KEYS" in str(stopped.failure)
    knowing = holding("n" * 32, "k" * 32)
    with pytest.raises(Stale, match="sealed"):
        ORPHAN_PLANS.approve(knowing, made, BOB)
    assert run_job(knowing, resume(knowing, job.job_id, ADA).job_id).state == "done"


def test_a_process_that_knows_an_earlier_secret_reads_the_one_that_another_made(orphans: PurgeWorld) -> None:
    plan(orphans, "adopt", CLIP)
    orphans.purging.writers.objects.delete([SEAL_SECRET])
    made = make_orphan_plan(orphans.open(), U1, "adopt", ADA, keys=[CLIP])
    ORPHAN_PLANS.check_seal(orphans.purging, made)


def test_above_the_bound_a_second_person_agrees(orphans: PurgeWorld) -> None:
    few = orphans.open(limits=PurgeLimits(most_objects=1, lease_seconds=5))
    made = make_orphan_plan(few, U1, "remove", ADA)
    with pytest.raises(Refused, match="second person"):
        apply_orphan_plan(few, made, REASON, ADA)
    with pytest.raises(Refused, match="maker"):
        ORPHAN_PLANS.approve(few, made, ADA)
    ORPHAN_PLANS.approve(few, made, BOB)
    assert run_job(few, apply_orphan_plan(few, made, REASON, ADA).job_id).approved_by == (BOB.email,)
    with pytest.raises(Refused, match="applied already"):
        apply_orphan_plan(few, made, REASON, ADA)


def test_a_purge_and_such_a_job_keep_out_of_each_others_way(orphans: PurgeWorld) -> None:
    made, purge = plan(orphans, "remove"), orphans.plan(Scope("u1", VIDEO))
    waiting = apply_orphan_plan(orphans.purging, made, REASON, ADA)
    with pytest.raises(Refused, match="Another job"):
        orphans.apply(purge)
    run_job(orphans.purging, waiting.job_id)
    purged = orphans.apply(orphans.plan(Scope("u1", VIDEO)))
    with pytest.raises(Refused, match="Another job"):
        undo_orphans(orphans.purging, waiting.job_id, "a mistake", ADA)
    assert run_job(orphans.purging, purged.job_id).state == "done"
    back = taken_back(orphans, waiting)
    assert back.state == "incomplete", "what was removed went with the purge"
    assert CLIP not in orphans.objects()


def test_an_erasing_takes_the_copies_too(orphans: PurgeWorld) -> None:
    applied(orphans, plan(orphans, "remove"))
    assert orphans.purge(U1, erase=True).state == "done"
    assert not orphans.own_keys("_ops/replaced/")


def test_copies_expire_and_stored_plans_go_with_their_jobs(orphans: PurgeWorld) -> None:
    job = applied(orphans, plan(orphans, "remove"))
    assert orphans.own_keys("_ops/orphans/")
    assert ORPHAN_PLANS.drop(orphans.purging) == 1
    orphans.pass_time(timedelta(days=8))
    sweep(orphans.purging)
    assert not orphans.own_keys("_ops/replaced/")
    back = taken_back(orphans, job)
    assert "no longer exists" in outcomes(orphans, back)[CLIP].why


@pytest.fixture
def killing(embedded: EmbeddedFirestore, seaweed: SeaweedRig) -> Iterator[tuple[PurgeWorld, Victims]]:
    with CountingProxy(seaweed.endpoint) as proxy:
        values = {**seaweed.values(seaweed.fresh_bucket()), "R2_ENDPOINT_URL": proxy.endpoint}
        world = PurgeWorld(embedded, values, PurgeLimits(per_actor_hour=10_000))
        yield world, Victims(world, proxy)
        world.pass_time(-world.offset)
        world.close()


@pytest.mark.parametrize("action", ["adopt", "remove"])
def test_killed_at_every_kind_of_change_the_job_and_its_undo_end_as_if_nothing_had_been(
    killing: tuple[PurgeWorld, Victims], action: OrphanAction
) -> None:
    """The first pair of workers is not killed and tells what there is to be killed at."""
    world, victims = killing
    fill(world)
    before, keys = world.snapshot(), [CLIP] if action == "adopt" else [CLIP, THUMBNAIL]
    making, undoing, kills = [0], [0], 0
    for number in range(40):
        if number >= max(len(making), len(undoing)):
            break
        kill_at, kill_undo_at = ((points[number:] or [0])[0] for points in (making, undoing))
        world.pass_time(timedelta(days=2))  # what was put back is young again
        job_id = apply_orphan_plan(world.purging, plan(world, action, *keys), REASON, ADA).job_id
        kills += victims.run(job_id, kill_at=kill_at) == KILLED
        making += moments(victims.calls) if not number else []
        job = world.purging.jobs.get(job_id)
        job = job if job.state == "done" else run_job(world.purging, job_id)
        assert (job.state, job.residue) == ("done", ()), (kill_at, job.failure, job.residue)
        objects, documents = world.snapshot()
        assert set(before[0]) - set(objects) == (set(keys) if action == "remove" else set()), kill_at
        assert documents.keys() - before[1].keys() == ({DOCUMENT} if action == "adopt" else set()), kill_at
        entries = world.log.search(uid="u1", action=f"orphan.{action}", limit=9)
        assert [entry["job_id"] for entry in entries].count(job_id) == len(keys), kill_at

        back = undo_orphans(world.purging, job_id, "a mistake", ADA).job_id
        kills += victims.run(back, kill_at=kill_undo_at) == KILLED
        undoing += moments(victims.calls) if not number else []
        undone = world.purging.jobs.get(back)
        undone = undone if undone.state == "done" else run_job(world.purging, back)
        assert (undone.state, undone.residue) == ("done", ()), (kill_undo_at, undone.failure)
        assert world.snapshot() == before, (kill_at, kill_undo_at)
    assert kills >= 10
