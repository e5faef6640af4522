"""The page Purge from the deed on: jobs that are done, left, cancelled, resumed, undone; lists and downloads."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from pages._ui.data import loads, purges, recovery
from pages._ui.views.purge import job as purge_job
from pages._ui.views.purge import plan as purge_plan
from storage.actions.purge.jobs import begin_emptying, undo
from storage.actions.purge.plans import approve, to_text
from storage.actions.purge.worker import run_job
from storage.domain.purge.plan import PlannedObject
from storage.domain.purge.scope import Scope
from storage.errors import Unreachable
from storage.export import safe_csv
from tests.ui.conftest import open_page, param
from tests.ui.purge_desk import (  # noqa: F401 - fixtures, found by name
    CLIP,
    MAKER,
    SECOND,
    USER,
    VIDEO,
    a_customer,
    a_desk,
    at,
    fill,
    has,
    press,
    read,
)


def test_a_clip_goes_by_two_clicks_and_its_name_and_comes_back(desk, before):
    app = press(desk.open(uid="u1", video_id="video-aaa", clip_id="video-aaa_0_split"), "purge-make")
    plan = purges.read_plan(param(app, "plan"))
    press(fill(app, plan))
    job_id = param(app, "job")
    job = desk.ended(job_id)
    assert (job.state, job.reason) == ("done", "customer asked (ticket T-1)")
    gone = {item.key for item in plan.objects}
    assert set(before[0]) - set(desk.world.objects()) == gone
    shown = desk.open(job=job_id)
    text = read(shown)
    assert "Nothing is left, no other file was lost" in text
    assert "3 of 3 objects" in text or "6 of 6 objects and documents" in text
    looker = desk.open(role="operations", job=job_id)
    stopped = looker.button(at(looker, "purge-undo_stopped"))
    assert stopped.disabled
    assert "needs the role admin" in stopped.help
    shown.text_input(at(shown, "purge-undo_reason")).set_value("a mistake").run()
    press(shown, "purge-undo-")
    assert param(shown, "job") == f"{job_id}-undo"
    assert desk.ended(f"{job_id}-undo").state == "done"
    assert desk.world.snapshot() == before
    assert "Everything that the purge deleted was put back" in read(desk.open(job=job_id))
    assert "This plan was applied" in read(desk.open(plan=plan.plan_id))


def test_a_job_without_a_worker_is_cancelled_and_resumed_by_hand(desk, before):
    plan = desk.plan(VIDEO)
    job = desk.world.apply(plan, MAKER)
    desk.world.pass_time(timedelta(minutes=2))
    app = desk.open(job=job.job_id)
    assert "No worker has it" in read(app)
    press(app, "purge-cancel")
    assert desk.world.purging.jobs.get(job.job_id).state == "cancelled"
    assert "Cancelled" in read(app)
    assert desk.world.snapshot() == before
    press(app, "purge-resume")
    assert desk.ended(job.job_id).state == "done"


def test_what_a_dead_worker_left_is_taken_up_and_what_is_young_is_left_alone(desk, before):
    old = desk.world.apply(desk.plan(CLIP), MAKER)
    desk.world.pass_time(timedelta(minutes=2))
    young = desk.world.apply(desk.plan(Scope.of("u1", "video-bbb")), MAKER)
    assert recovery.take_up() == (old.job_id,)
    assert desk.ended(old.job_id).state == "done"
    assert desk.world.purging.jobs.get(young.job_id).state == "ready"


def test_a_quarantine_that_expired_is_emptied(desk, before):
    job = desk.world.purge(CLIP)
    desk.world.pass_time(timedelta(days=8))
    assert recovery.take_up(expired=True) == (f"{job.job_id}-empty",)
    assert desk.ended(f"{job.job_id}-empty").state == "done"
    assert not desk.world.own_keys(f"_ops/quarantine/{job.job_id}/")
    assert "can no longer be undone" in read(desk.open(job=job.job_id))


def test_an_emptying_that_failed_says_so_and_is_resumed_by_hand(desk, before):
    purged = desk.world.purge(CLIP)
    emptying = begin_emptying(desk.world.purging, purged)
    failure = {"code": "access_denied", "message": "the token may not delete", "remedy": "give it the right"}
    desk.world.put_documents({emptying.path: replace(emptying, state="failed", failure=failure).to_fields()})
    app = desk.open(job=emptying.job_id)
    assert "the token may not delete" in read(app)
    assert not has(app, "purge-cancel")
    press(app, "purge-resume")
    assert desk.ended(emptying.job_id).state == "done"
    assert not desk.world.own_keys(f"_ops/quarantine/{purged.job_id}/")


def test_a_purge_whose_undo_failed_is_not_said_to_be_being_undone(desk, before):
    world = desk.world
    job = world.purge(CLIP)
    begun = undo(world.purging, job.job_id, "the wrong clip", MAKER)
    failure = {"code": "unusable_answer", "message": "the copy is not as it was written", "remedy": ""}
    world.put_documents({begun.path: replace(begun, state="failed", failure=failure).to_fields()})
    text = read(desk.open(job=job.job_id))
    assert "It is being undone" not in text
    assert "has not ended" in text
    assert f"python -m storage purge empty {job.job_id}" in text


def test_residue_is_shown_as_what_it_is(desk, before):
    job = run_job(desk.world.purging, desk.world.apply(desk.plan(VIDEO), MAKER).job_id)
    left = {"state": "incomplete", "residue": ("object: users/u1/video-aaa/clips/[x](http://evil.test).mp4",)}
    fields = replace(job, **left).to_fields()
    desk.world.put_documents({job.path: fields})
    text = read(desk.open(job=job.job_id))
    assert "Still there: 1" in " ".join([text, *(str(e.proto.title) for e in desk.open(job=job.job_id).error)])
    assert "Ended, incomplete" in text


def test_the_lists_name_what_waits_and_what_was_done(desk, before):
    waiting, ready = desk.plan(USER), desk.plan(CLIP)
    job = desk.world.purge(Scope.of("u10", "video-aaa"))
    app = desk.open()
    text = read(app)
    assert "Needs a second person" in text
    assert waiting.scope.spelled in text
    assert ready.plan_id in text
    assert job.job_id in text
    approve(desk.world.purging, waiting, SECOND)
    purges.context()
    press(app, "page_refresh")
    assert "Approved, ready to apply" in read(app)


def test_what_is_downloaded_opens_as_text_in_a_spreadsheet(desk, before):
    plan = replace(desk.plan(CLIP), objects=(PlannedObject("=cmd|' /C calc'!A0", 3, "e"),))
    content = safe_csv(purge_plan.everything(plan)).decode()
    assert "\"'=cmd" in content
    assert "http" not in content + to_text(plan)


def test_a_certificate_prints_as_plain_text_with_what_it_cannot_cover(desk, before):
    job = desk.world.purge(CLIP)
    text = purge_job.as_text(purges.certificate(job.job_id))
    for fact in (job.job_id, job.fingerprint, CLIP.spelled, "Objects left: 0", "point-in-time recovery"):
        assert fact in text


def test_steps_are_told_for_every_kind_of_job(desk, before):
    job = desk.world.apply(desk.plan(CLIP), MAKER)
    assert {step.place for step in purge_job.steps(job)} == {"next"}
    moving = replace(job, state="running", step="objects", batch=2)
    places = {step.name: step.place for step in purge_job.steps(moving)}
    assert (places["slugs"], places["objects"], places["documents"]) == ("done", "now", "next")
    assert "earlier quarantines" not in places
    assert "save" not in {step.name for step in purge_job.steps(replace(job, erase=True))}
    done = run_job(desk.world.purging, job.job_id)
    assert {step.place for step in purge_job.steps(done)} == {"done"}
    assert purge_job.handled(done) == purge_job.total(done)
    strange = purge_job.steps(replace(job, kind="undo", step="a step to come"))
    assert strange[-1].words == "a step to come"


def test_a_rate_is_told_only_where_something_was_done(desk):
    start = desk.world.now()
    samples: list[purge_job.ProgressSample] = []
    for second in range(40):
        samples = purge_job.sampled(samples, start + timedelta(seconds=second), second * 10)
    assert len(samples) == 21
    assert purge_job.rate(samples) == pytest.approx(10.0)
    assert purge_job.rate(samples[:1]) is None
    assert purge_job.rate([replace(sample, done=5) for sample in samples]) is None


def test_the_look_for_abandoned_jobs_goes_on_after_a_fault_and_tells_of_it_once(monkeypatch, caplog):
    looks = []

    def fail(*, expired: bool) -> None:
        looks.append(expired)
        raise Unreachable("Firestore is away")

    async def some_looks() -> None:
        going = asyncio.create_task(recovery.keep_going())
        while len(looks) < 3:
            await asyncio.sleep(0.01)
        going.cancel()

    monkeypatch.setattr(recovery, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(recovery, "take_up", fail)
    asyncio.run(some_looks())
    assert looks[:3] == [True, False, False]
    assert caplog.text.count("Firestore is away") == 1


def test_the_overview_says_whether_a_purge_is_running_to_those_who_may_see_it(desk, before):
    assert "No purge is running." in read(open_page("overview"))
    desk.world.apply(desk.plan(VIDEO), MAKER)
    desk.world.pass_time(timedelta(minutes=2))  # begun, and nobody's now
    loads.forget_purges()
    text = read(open_page("overview"))
    assert "Purge of **u1/video-aaa**" in text.replace("\\", "")
    assert "No purge is running." not in text
    assert "Purge of **u1/video-aaa**" in read(open_page("overview", role="operations")).replace("\\", "")
    assert "urge" not in read(open_page("overview", role="support"))
