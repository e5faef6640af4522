"""What a purge of one customer leaves alone, and what does not hold it up: objects that other clips name too, another
customer's object in a clip that failed, links that lead nowhere, and an analysis that stalled.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage.actions import disclosure, repair
from storage.actions.purge.jobs import undo
from storage.actions.purge.worker import run_job
from storage.actions.repair import RepairContext
from storage.domain.purge.scope import Scope
from tests.purge.world import ADA, REASON, VIDEO, PurgeWorld

BESIDE = "video-bbb"
DRAFT = "users/u1/analysis_drafts/draft-0001"


def path_of(video_id: str, number: int) -> str:
    return f"users/u1/videos/{video_id}/clips/{video_id}_{number}_split"


def stem(uid: str, video_id: str, number: int) -> str:
    return f"users/{uid}/{video_id}/clips/clip_01_{number}_a title+%#_split"


def change(world: PurgeWorld, path: str, **values: object) -> None:
    found = world.stores.records.raw(path)
    assert found is not None
    world.put_documents({path: {**(found.fields or {}), **values}})


@pytest.mark.parametrize(
    ("scope", "other"),
    [(Scope.of("u1", VIDEO, [f"{VIDEO}_0_split"]), path_of(VIDEO, 1)), (Scope.of("u1", VIDEO), path_of(BESIDE, 0))],
    ids=["a clip", "a video"],
)
def test_an_object_that_a_clip_beside_names_too_stays_and_the_undo_brings_back_the_rest(
    world: PurgeWorld, scope: Scope, other: str
) -> None:
    world.add_user("u1", {VIDEO: 2, BESIDE: 1}, caches=False)
    shared = f"{stem('u1', VIDEO, 0)}.mp4"
    change(world, other, r2_key=shared)
    before = world.snapshot()
    plan = world.plan(scope)
    assert shared not in {item.key for item in plan.objects}
    assert plan.blocked == ()
    assert f"{shared} stays, because {other} names it too" in plan.warnings
    job = run_job(world.purging, world.apply(plan).job_id)
    assert (job.state, job.residue) == ("done", ())
    objects, documents = world.snapshot()
    assert objects[shared] == before[0][shared]
    assert path_of(VIDEO, 0) not in documents
    assert other in documents
    back = run_job(world.purging, undo(world.purging, job.job_id, REASON, ADA).job_id)
    assert (back.state, back.residue) == ("done", ())
    assert world.snapshot() == before


def test_an_ended_disclosure_does_not_hold_up_the_purge_and_the_other_customers_object_stays(world: PurgeWorld) -> None:
    world.add_user("u2", {VIDEO: 1}, caches=False)
    world.add_user("u1", {VIDEO: 1}, caches=False)
    theirs = f"{stem('u2', VIDEO, 0)}.mp4"
    change(world, path_of(VIDEO, 0), r2_key=theirs, filename="gone.mp4", scene_title="Gone", priority=1)
    assert any("belongs to customer u2" in line for line in world.plan(Scope.of("u1", VIDEO)).blocked)
    opened = world.open()
    bench = RepairContext(opened.stores, opened.writers, opened.trail, world.now)
    repair.apply(bench, ADA, disclosure.plan_disclosure(bench, "u1", VIDEO), REASON)
    plan = world.plan(Scope.of("u1", VIDEO))
    assert plan.blocked == ()
    (line,) = [line for line in plan.warnings if "belongs to customer u2" in line]
    assert line.endswith("the clip failed, and that object is not touched")
    assert run_job(world.purging, world.apply(plan).job_id).state == "done"
    assert theirs in world.objects()
    assert path_of(VIDEO, 0) not in world.documents()


def test_a_link_to_a_clip_that_is_gone_is_not_counted_as_working(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 1}, caches=False)  # with one link, to its clip
    ids = {"user_id": "u1", "video_id": VIDEO}
    world.put_documents(
        {
            "share_slugs/dangling-one": {**ids, "clip_id": f"{VIDEO}_7_split"},
            "share_slugs/dangling-two": {**ids, "video_id": "video-gone", "clip_id": "video-gone_1_split"},
        }
    )
    plan = world.plan(Scope.of("u1"))
    assert {item.path for item in plan.documents} >= {"share_slugs/dangling-one", "share_slugs/dangling-two"}
    assert [line for line in plan.warnings if "share link" in line] == [
        "1 public share link works now and will stop working"
    ]


@pytest.mark.parametrize(("silent", "blocks"), [(40, True), (46, False)])
def test_an_analysis_blocks_the_purge_of_its_user_only_until_it_has_stalled(
    world: PurgeWorld, silent: int, blocks: bool
) -> None:
    world.add_user("u1", {VIDEO: 1}, caches=False)
    touched = world.now() - timedelta(minutes=silent)
    world.put_documents({DRAFT: {"id": "draft-0001", "status": "analyzing", "updated_at": touched}})
    plan = world.plan(Scope.of("u1"))
    assert any("draft draft-0001 is being analysed" in line for line in plan.blocked) is blocks
    assert any("the analysis of draft draft-0001 never ended" in line for line in plan.warnings) is not blocks
