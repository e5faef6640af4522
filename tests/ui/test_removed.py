"""What each role is told on Find, User and Video of something purged: nothing is just not there."""

from __future__ import annotations

import pytest

from storage.actions.purge.jobs import undo
from storage.actions.purge.worker import run_job
from storage.domain.purge.job import Job
from storage.domain.purge.scope import Scope
from tests.purge.world import ADA, REASON
from tests.ui.conftest import open_page
from tests.ui.purge_desk import CLIP, USER, VIDEO, PurgeDesk, a_customer, a_desk, read  # noqa: F401

NAMES = {"u1": {"uid": "u1"}, "video": {"uid": "u1", "video_id": "video-aaa"}}


def told(page: str, role: str, **query: str) -> str:
    return read(open_page(page, role=role, **query))


def reduced(text: str, job: Job) -> None:
    assert f"by a person who may purge (job {job.job_id})" in text
    assert ADA.email not in text
    assert REASON not in text


def full(text: str, job: Job) -> None:
    assert f"by {ADA.email}" in text
    assert REASON in text
    assert job.job_id in text


@pytest.mark.usefixtures("before")
def test_a_purged_account_is_told_to_every_role_on_every_page(desk: PurgeDesk) -> None:
    job = desk.world.purge(USER)
    ways = [("find", {"q": "u1"}), ("find", {"q": "u1@example.com"}), ("user", NAMES["u1"]), ("video", NAMES["video"])]
    for page, query in ways:
        for role, check in (("support", reduced), ("operations", full), ("admin", full)):
            text = told(page, role, **query)
            check(text, job)
            assert "It can be put back until" in text, (page, role)
            assert "There is no such" not in text
    assert "An admin of the desk can put it back" in told("user", "support", **NAMES["u1"])
    assert "Your account was deleted" in told("video", "support", **NAMES["video"])
    assert "Open the job, to undo it" in told("user", "admin", **NAMES["u1"])


@pytest.mark.usefixtures("before")
def test_parts_of_a_living_account_are_listed_until_they_are_back(desk: PurgeDesk) -> None:
    clip = desk.world.purge(CLIP)
    video = desk.world.purge(Scope.of("u1", "video-bbb"))
    assert "Removed: u1/video-aaa/video-aaa_0_split" in told("video", "support", **NAMES["video"])
    assert "video-bbb" not in told("video", "support", **NAMES["video"])
    user = told("user", "support", **NAMES["u1"])
    reduced(user, clip)
    reduced(user, video)
    gone = told("video", "support", clip_id="video-aaa_0_split", **NAMES["video"])
    assert "This video has no clip" not in gone
    run_job(desk.world.purging, undo(desk.world.purging, clip.job_id, REASON, ADA).job_id)
    open_page("video", role="admin", **NAMES["video"])
    from pages._ui.data import loads

    loads.refresh_user("u1")
    assert "Removed:" not in told("video", "support", **NAMES["video"])


@pytest.mark.usefixtures("before")
def test_an_erased_account_says_that_nothing_is_kept(desk: PurgeDesk) -> None:
    job = desk.world.purge(VIDEO, erase=True)
    text = told("video", "support", **NAMES["video"])
    reduced(text, job)
    assert "It was erased, for good" in text
    assert "cannot be brought back" in text
