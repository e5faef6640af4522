"""Files without a document on Uploads: from a finding to its plan, adopted or removed, and back again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages._ui.access.identity import PERSONA
from pages._ui.data import purges
from pages._ui.kit import session
from storage.actions.purge.worker import run_job
from tests.rigs.clips import PICTURE, film
from tests.rigs.lists import choose, with_column
from tests.rigs.records import user, video
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.waiting import PATIENCE_SECONDS
from tests.ui.conftest import ROOT, LiveApp, param, words

LONG_AGO = datetime.now(UTC) - timedelta(days=3)
CLIP = "users/u1/vid-0001/clips/clip_09_9_left_over_split.mp4"
THUMBNAIL = f"{CLIP.removesuffix('.mp4')}.jpg"
YOUNG = "users/u1/vid-0001/clips/clip_09_8_young_split.mp4"
DOCUMENT = "users/u1/videos/vid-0001/clips/vid-0001_9_split"
REASON = "ticket 9: its document was lost"


@pytest.fixture
def desk(app: LiveApp, r2_rig: SeaweedRig, monkeypatch: pytest.MonkeyPatch) -> LiveApp:
    """A video with an orphan and its thumbnail, two days old, and one that is an hour old; workers run here."""
    at = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
    app.world.put({"users/u1": user("u1"), "users/u1/videos/vid-0001": video("vid-0001", **at)})
    for key in (CLIP, YOUNG):
        app.writer.put(key, film(), "video/mp4")
    app.writer.put(THUMBNAIL, PICTURE, "image/jpeg")
    now = datetime.now(UTC)
    ages = {CLIP: timedelta(days=2), THUMBNAIL: timedelta(days=2), YOUNG: timedelta(hours=1)}
    r2_rig.process.backdate_objects(app.bucket, {key: now - age for key, age in ages.items()})
    monkeypatch.setattr(purges, "start", lambda name: run_job(purges.context(), name))
    return app


def labels(page: AppTest) -> list[str]:
    return [one.label for one in page.button]


def press(page: AppTest, label: str) -> AppTest:
    return next(one for one in page.button if one.label.startswith(label)).click().run()


def finding(desk: LiveApp, key: str = CLIP, **more: Any) -> AppTest:
    """The page with this finding's details open."""
    return with_details(desk.open("uploads", uid="u1", **more), key)


def with_details(page: AppTest, key: str = CLIP) -> AppTest:
    row = list(with_column(page, "detail")["key"]).index(key)
    choose(page, "uploads-findings", [row])
    return page.run()


def plan_in(page: AppTest) -> str:
    """The plan that the address names."""
    plan_id = param(page, "orphans")
    assert plan_id.startswith("oplan-")
    return plan_id


def give(page: AppTest, reason: str, words_of: str) -> AppTest:
    return page.text_input(next(one.key for one in page.text_input if words_of in one.label)).input(reason).run()


def keys(desk: LiveApp) -> set[str]:
    return {key for page in desk.objects.list_pages("users/") for key in page.frame["key"]}


def test_a_finding_leads_to_an_adoption_and_back(desk: LiveApp) -> None:
    page = press(finding(desk), "Adopt…")
    text = words(page)
    assert "Adopt 1 file of u1/vid-0001" in text
    assert "vid-0001_9_split: “left over”, split, " in text
    assert "with its thumbnail" in text
    assert "No document names it" in text
    page = press(give(page, REASON, "Reason"), "Adopt 1 file")
    assert "1 of 1 file adopted" in words(page)
    assert desk.world.fields(DOCUMENT)["thumbnail_r2_key"] == THUMBNAIL
    page = press(give(page, "a mistake, ticket 10", "for the undo"), "Undo 1 file")
    assert "1 of 1 file undone" in words(page)
    assert desk.world.records.raw(DOCUMENT) is None


def test_a_second_click_gets_the_plan_of_the_first_until_it_is_discarded(
    desk: LiveApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = desk.open("uploads", uid="u1")

    def made() -> str:
        page.query_params.clear()
        page.query_params["uid"] = "u1"
        return plan_in(press(with_details(page.run()), "Adopt…"))

    first = made()
    assert made() == first
    press(page, "Discard this plan")
    second = made()
    assert second != first
    monkeypatch.setattr(session, "SAME_CLICK_SECONDS", 0.0)  # a later click makes a plan of what is there then
    assert made() != second


def test_everything_that_was_found_is_removed_but_for_what_is_young(desk: LiveApp) -> None:
    page = press(desk.open("uploads", uid="u1"), "Remove 3 files…")
    assert "1 file would be left alone" in words(page)
    page = press(give(page, REASON, "Reason"), "Remove 2 files")
    assert "2 of 3 files removed" in words(page)
    assert list(with_column(page, "outcome")["outcome"]) == ["Left alone", "Done", "Done"]
    assert {CLIP, THUMBNAIL, YOUNG} & keys(desk) == {YOUNG}
    assert "The copies are kept until" in words(page)
    page = press(give(page, "a mistake, ticket 10", "for the undo"), "Undo 2 files")
    assert {CLIP, THUMBNAIL, YOUNG} <= keys(desk)
    home = desk.open("purge")
    assert "Undo of a removal" in list(with_column(home, "kind")["kind"])


def test_each_role_sees_the_steps_that_it_may_take(desk: LiveApp) -> None:
    offered = {role: finding(desk, role=role).button for role in ("operations", "engineer", "admin")}
    steps = {
        role: {one.label: one.help for one in found if one.label in {"Adopt…", "Remove…"} and one.disabled}
        for role, found in offered.items()
    }
    assert (steps["engineer"], steps["admin"], list(steps["operations"])) == ({}, {}, ["Adopt…"])
    assert "the role engineer" in steps["operations"]["Adopt…"]
    page = press(finding(desk, role="operations"), "Remove…")
    assert "An admin applies it" in words(page)
    assert "Remove 1 file" not in labels(page)
    assert "Remove 1 file" in labels(desk.open("uploads", orphans=plan_in(page)))
    plan_id = plan_in(press(finding(desk), "Adopt…"))
    text = words(desk.open("uploads", role="operations", orphans=plan_id))
    assert "left_over" not in text
    assert "do not allow" in text


def test_a_second_person_opens_the_plan_by_its_address_and_agrees(
    desk: LiveApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PURGE_SECOND_PERSON_OBJECTS", "1")
    page = press(desk.open("uploads", uid="u1"), "Remove 3 files…")
    assert "A second person must approve" in words(page)
    assert "Remove 2 files" not in labels(page)
    plan_id = plan_in(page)
    other = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_SECONDS)
    other.session_state[PERSONA] = "second-admin@demo.local"
    other.switch_page("pages/uploads.py")
    other.query_params["orphans"] = plan_id
    assert "Approved by" in words(press(other.run(), "Approve this plan"))
    assert "Remove 2 files" in labels(page.run())


def test_its_maker_discards_a_plan_and_an_admin_no_longer_applies_it(desk: LiveApp) -> None:
    page = press(finding(desk, role="operations"), "Remove…")
    plan_id = plan_in(page)
    assert "Discarded by operations@demo.local" in words(press(page, "Discard this plan"))
    page = desk.open("uploads", orphans=plan_id)
    assert "Discarded by operations@demo.local" in words(page)
    assert not {"Remove 1 file", "Discard this plan"} & set(labels(page))
    assert CLIP in keys(desk)


@pytest.mark.parametrize("name", ["oplan-20260101-000000-00000000", "orphans-20260101-000000-00000000", "../x"])
def test_an_address_that_names_no_plan_says_so(desk: LiveApp, name: str) -> None:
    text = words(desk.open("uploads", orphans=name))
    assert "no such" in text or "There is no job" in text or "names no plan" in text
    assert "Something went wrong" not in text
