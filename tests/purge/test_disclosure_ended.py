"""A disclosure is ended in one change: keys set right or clips set to failed, public links disabled; on record, and it
can be taken back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from storage.actions import disclosure, repair
from storage.actions.repair import RepairContext
from storage.domain.changes import strays
from storage.domain.policy import Actor
from storage.errors import NotPermitted, Refused, Stale
from storage.services.diagnose import diagnose
from tests.purge.world import ADA, REASON, VIDEO, PurgeWorld

PATH = f"users/u1/videos/{VIDEO}"
KEPT, LOST = f"{PATH}/clips/{VIDEO}_0_split", f"{PATH}/clips/{VIDEO}_1_split"
SLUG = f"share_slugs/slug-u1-{VIDEO}"
OLDER, LOSTS = "share_slugs/older1234567", "share_slugs/ofthelost123"
SUPPORT = Actor("sue@example.com", frozenset({"support"}), "local")


def stem(uid: str, number: int) -> str:
    return f"users/{uid}/{VIDEO}/clips/clip_01_{number}_a title+%#_split"


@pytest.fixture
def shown(world: PurgeWorld) -> PurgeWorld:
    """Two clips of u1 that name objects of u2. The first one's own object is there, the second one's is not."""
    world.add_user("u2", {VIDEO: 2}, caches=False)
    world.add_user("u1", {VIDEO: 3}, caches=False)
    theirs = {"r2_key": f"{stem('u2', 1)}.mp4", "thumbnail_r2_key": f"{stem('u2', 1)}.jpg"}
    ids = {"user_id": "u1", "video_id": VIDEO}
    change(world, KEPT, **theirs, filename=f"{stem('u1', 0).rpartition('/')[2]}.mp4")
    change(world, LOST, **theirs, filename="gone.mp4", scene_title="Gone", priority=1)
    change(world, f"{KEPT}/shares/config", share_slug=SLUG.rpartition("/")[2], access_level="view_playback")
    world.put_documents(
        {
            OLDER: {**ids, "clip_id": f"{VIDEO}_0_split"},
            LOSTS: {**ids, "clip_id": f"{VIDEO}_1_split"},
            "share_slugs/ofanother123": {**ids, "clip_id": f"{VIDEO}_2_split"},
        }
    )
    return world


def fields(world: PurgeWorld, path: str) -> dict[str, Any]:
    found = world.stores.records.raw(path)
    assert found is not None
    return dict(found.fields or {})


def change(world: PurgeWorld, path: str, **values: Any) -> None:
    world.put_documents({path: {**fields(world, path), **values}})


def bench(world: PurgeWorld) -> RepairContext:
    opened = world.open()
    return RepairContext(opened.stores, opened.writers, opened.trail, world.now)


def test_it_is_ended_recorded_and_taken_back(shown: PurgeWorld) -> None:
    at = bench(shown)
    case = diagnose(at.checker, "u1", VIDEO)
    assert case.diagnosis.verdict == "disclosure"
    (first, _) = sorted((one for one in case.facts.report.findings if one.disclosure), key=lambda one: one.clip_id)
    assert (first.owner, set(first.links)) == ("u2", {SLUG, OLDER})
    assert first.since is not None
    before = {path: fields(shown, path) for path in (KEPT, LOST, SLUG, OLDER, LOSTS, f"{KEPT}/shares/config")}
    plan = disclosure.plan_disclosure(at, "u1", VIDEO)
    assert {path: fields(shown, path) for path in before} == before, "planning changes nothing"
    done = repair.apply(at, ADA, plan, REASON)
    kept, lost = fields(shown, KEPT), fields(shown, LOST)
    assert (kept["r2_key"], kept["status"]) == (f"{stem('u1', 0)}.mp4", "completed")
    assert kept["thumbnail_r2_key"] == f"{stem('u1', 0)}.jpg"
    assert (lost["status"], lost["thumbnail_r2_key"], lost["has_thumbnail"]) == ("failed", None, False)
    for path in (SLUG, OLDER, LOSTS):
        assert isinstance(fields(shown, path)["disabled_at"], datetime), path
    settings = fields(shown, f"{KEPT}/shares/config")
    assert (settings["access_level"], settings["disabled_at"].tzinfo) == ("none", UTC)
    assert "disabled_at" not in fields(shown, "share_slugs/ofanother123"), "a link to a clip of its own stays"
    assert diagnose(at.checker, "u1", VIDEO).diagnosis.verdict != "disclosure"
    events = [(event["action"], event["outcome"]) for event in shown.log.search(uid="u1")]
    assert events == [("end-disclosure", "done"), ("end-disclosure", "begun")]
    with pytest.raises(Refused, match="names another customer's object"):
        disclosure.plan_disclosure(at, "u1", VIDEO)
    repair.undo(at, ADA, done.change_id, REASON)
    assert {path: fields(shown, path) for path in before} == before


def test_who_may_not_and_what_moved_changes_nothing(shown: PurgeWorld) -> None:
    at = bench(shown)
    plan = disclosure.plan_disclosure(at, "u1", VIDEO)
    with pytest.raises(NotPermitted):
        repair.apply(at, SUPPORT, plan, REASON)
    change(shown, OLDER, access_level="download")
    with pytest.raises(Stale):
        repair.apply(at, ADA, plan, REASON)
    assert fields(shown, KEPT)["r2_key"].startswith("users/u2/")
    assert "disabled_at" not in fields(shown, SLUG)


def test_a_record_that_names_somebody_elses_link_is_not_taken_back(shown: PurgeWorld) -> None:
    record = {"uid": "u1", "changes": [{"path": f"share_slugs/slug-u2-{VIDEO}", "field": "disabled_at"}]}
    layout = shown.stores.layout
    assert strays(record, layout, "c1", {f"share_slugs/slug-u2-{VIDEO}": "u2"})
    assert strays(record, layout, "c1")
    assert not strays(record, layout, "c1", {f"share_slugs/slug-u2-{VIDEO}": "u1"})
