"""What is purged, undone or erased is told by `find` and `diagnose`, and is never just not there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage.actions.purge.jobs import undo
from storage.actions.purge.worker import run_job, sweep
from storage.domain.diagnosis import Diagnosis
from storage.domain.purge.job import Job
from storage.domain.purge.scope import Scope
from storage.domain.search import Match
from storage.services.deeds import deeds
from storage.services.diagnose import diagnose
from storage.services.search import find
from storage.services.verify import checker
from tests.purge.world import ADA, REASON, VIDEO, PurgeWorld
from tests.rigs.desk import user_documents

ADDRESS = "u1@example.com"
CLIP = f"{VIDEO}_1_split"
KEY = f"users/u1/{VIDEO}/clips/clip_01_1_a title+%#_split.mp4"
SLUG = "Ab3dEf7hIj"
WAYS = (
    VIDEO,
    f"users/u1/videos/{VIDEO}",
    f"https://desk.example/video?uid=u1&video_id={VIDEO}",
    KEY,
    CLIP,
    f"https://viralclipai.io/c/{SLUG}",
)


def with_a_link(world: PurgeWorld) -> PurgeWorld:
    """A user with two videos, and nobody beside."""
    world.add_user("u1", {VIDEO: 2, "video-bbb": 1}, caches=False)
    link = {"user_id": "u1", "video_id": VIDEO, "clip_id": CLIP, "share_slug": SLUG}
    settings = f"users/u1/videos/{VIDEO}/clips/{CLIP}/shares/config"
    world.put_documents({f"share_slugs/{SLUG}": link, settings: link})
    return world


@pytest.fixture
def told(world: PurgeWorld) -> PurgeWorld:
    return with_a_link(world)


def look(world: PurgeWorld, text: str) -> list[Match]:
    return list(find(world.stores.records, text, world.stores.layout).matches)


def purges(world: PurgeWorld, text: str) -> list[str]:
    """The jobs of the purges that this text leads to."""
    return [match.removed.job_id for match in look(world, text) if match.removed is not None]


def case(world: PurgeWorld, video_id: str = VIDEO) -> Diagnosis:
    return diagnose(checker(world.stores, world.now), "u1", video_id).diagnosis


def undone(world: PurgeWorld, job: Job) -> None:
    assert run_job(world.purging, undo(world.purging, job.job_id, REASON, ADA).job_id).state == "done"


def test_a_purged_video_is_told_and_no_longer_once_it_is_back(told: PurgeWorld) -> None:
    assert purges(told, VIDEO) == []
    job = told.purge(Scope.of("u1", VIDEO))
    for text in WAYS:
        assert purges(told, text)[:1] == [job.job_id], text
    (match,) = (one for one in look(told, VIDEO) if one.type == "purged")
    answer = match.as_dict()
    assert (answer["job_id"], answer["undo_until"]) == (job.job_id, job.quarantine_until)
    assert (answer["uid"], answer["video_id"], answer["purge"]["by"]) == ("u1", VIDEO, ADA.email)
    assert ADA.email not in match.why
    assert REASON not in match.why

    found = case(told)
    assert (found.verdict, found.severity) == ("purged", "warning")
    assert [step.id for step in found.actions] == ["undo_purge", "purge_status"]
    assert f"purge undo {job.job_id}" in found.actions[0].command
    (evidence,) = (one.observed for one in found.evidence if one.check == "purge")
    assert ADA.email.partition("@")[0] in evidence or "[address]" in evidence
    assert job.job_id in evidence
    assert "can still bring it back until" in found.reply
    assert job.job_id not in found.reply

    undone(told, job)
    assert purges(told, VIDEO) == purges(told, CLIP) == []
    assert case(told).verdict != "purged"


@pytest.mark.parametrize("scope", [Scope.of("u1", VIDEO), Scope.of("u1")], ids=["video", "user"])
def test_the_timeline_of_what_came_back_says_who_removed_it_and_who_put_it_back(
    filled: PurgeWorld, scope: Scope
) -> None:
    undone(filled, filled.purge(scope))
    told = [(one.event, one.who, one.why) for one in deeds(filled.log, "u1", VIDEO)]
    assert ("The team removed it by a purge", ADA.email, REASON) in told
    assert ("The team put back what a purge had removed", ADA.email, REASON) in told
    assert not any("put back" in one.event for one in deeds(filled.log, "u10", VIDEO))


def test_a_purged_clip_of_a_video_that_stays_is_told_beside_the_video(told: PurgeWorld) -> None:
    job = told.purge(Scope.of("u1", VIDEO, [CLIP]))
    for text in (CLIP, f"users/u1/videos/{VIDEO}/clips/{CLIP}", KEY):
        assert purges(told, text) == [job.job_id], text
    assert [match.type for match in look(told, f"users/u1/videos/{VIDEO}/clips/{CLIP}")] == ["purged", "video"]
    assert purges(told, f"{VIDEO}_0_split") == purges(told, VIDEO) == []
    assert case(told).verdict != "purged"


def test_a_purged_user_is_told_by_uid_and_by_address_while_there_are_copies(each_world: PurgeWorld) -> None:
    told = with_a_link(each_world)
    job = told.purge(Scope.of("u1"))
    for text in ("u1", ADDRESS, ADDRESS.upper(), f"mailto:{ADDRESS}", *WAYS):
        assert purges(told, text)[:1] == [job.job_id], text
    assert case(told).verdict == case(told, "video-bbb").verdict == "purged"
    assert case(told, "video-ccc").verdict == "purged"  # whatever was there went with the account
    assert "Your account was deleted" in case(told).reply
    assert ADDRESS not in repr(told.stores.records.raw(job.path))
    undone(told, job)
    assert purges(told, "u1") == purges(told, ADDRESS) == []
    assert told.stores.records.user("u1") is not None


def test_an_erased_user_is_told_by_id_alone_and_cannot_come_back(told: PurgeWorld) -> None:
    job = told.purge(Scope.of("u1"), erase=True)
    for text in ("u1", *WAYS):
        assert purges(told, text)[:1] == [job.job_id], text
    assert look(told, ADDRESS) == []
    (match,) = look(told, "u1")
    assert match.as_dict()["undo_until"] is None
    assert "erased, for good" in match.why
    found = case(told)
    assert [step.id for step in found.actions] == ["purge_status"]
    assert "cannot be brought back" in found.reply


def test_a_purge_whose_copies_are_gone_says_so_and_forgets_the_address(filled: PurgeWorld) -> None:
    job = filled.purge(Scope.of("u1"))
    assert purges(filled, ADDRESS) == [job.job_id]
    filled.pass_time(timedelta(days=8))
    sweep(filled.purging)
    assert purges(filled, ADDRESS) == []
    (match,) = look(filled, "u1")
    assert "can no longer be put back" in match.why


def test_what_was_made_again_after_a_purge_is_there(filled: PurgeWorld) -> None:
    filled.purge(Scope.of("u1"))
    filled.put_documents(user_documents("u1", {VIDEO: 1}))
    assert [match.type for match in look(filled, "u1")] == ["user"]
    assert case(filled).verdict != "purged"
