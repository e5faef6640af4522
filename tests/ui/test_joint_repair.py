"""A joint repair on Processing: an outage in one go, row by row, by one person or two, and back again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages._ui.access.identity import PERSONA
from pages._ui.data import loads, purges
from storage.actions import alerts
from storage.actions.alerts import Sources
from storage.actions.purge.worker import run_job
from tests.rigs.lists import choose, lists, named, open_row
from tests.rigs.records import user, video
from tests.rigs.waiting import PATIENCE_SECONDS
from tests.ui.conftest import ROOT, LiveApp, param, words

LONG_AGO = datetime.now(UTC) - timedelta(hours=6)
REASON = "ticket 9: a worker died"


@pytest.fixture
def stuck(app: LiveApp, monkeypatch: pytest.MonkeyPatch) -> LiveApp:
    """Five videos of five customers that stopped within a minute; workers run in this process."""
    for number in range(5):
        at = LONG_AGO + timedelta(seconds=8 * number)
        name = f"vid-{number:04d}"
        held = video(name, status="processing", created_at=at, updated_at=at, completed_at=None)
        app.world.put({f"users/u{number}": user(f"u{number}"), f"users/u{number}/videos/{name}": held})
    monkeypatch.setattr(purges, "start", lambda name: run_job(purges.context(), name))
    return app


def press(page: AppTest, label: str) -> AppTest:
    return next(one for one in page.button if label in one.label).click().run()


def labels(page: AppTest) -> list[str]:
    return [one.label for one in page.button]


def planned(page: AppTest) -> AppTest:
    """The plan of the outage's repair, with the default action: set to failed."""
    return press(press(page, "Repair all"), "Show what will change")


def apply(page: AppTest) -> AppTest:
    page = page.text_input(next(one.key for one in page.text_input if "Reason" in one.label)).input(REASON).run()
    return press(page, "Repair 5 videos")


def plan_in(page: AppTest) -> str:
    """The plan that the address names."""
    plan_id = param(page, "repair")
    assert plan_id.startswith("rplan-")
    return plan_id


def statuses(app: LiveApp) -> list[Any]:
    return [app.world.fields(f"users/u{number}/videos/vid-{number:04d}")["status"] for number in range(5)]


def test_an_outage_is_repaired_row_by_row_and_taken_back(stuck: LiveApp) -> None:
    page = planned(stuck.open("processing", role="engineer"))
    text = words(page)
    assert "Set to failed, so that the customer can try again: 5 videos" in text
    assert "vid-0003" in text
    assert statuses(stuck) == ["processing"] * 5
    held = stuck.world.fields("users/u3/videos/vid-0003")
    stuck.world.put({"users/u3/videos/vid-0003": {**held, "updated_at": datetime.now(UTC)}})
    page = apply(page)
    text = words(page)
    assert "4 of 5 rows made" in text
    assert "Refused" in text
    assert statuses(stuck).count("failed") == 4
    reason = next(one.key for one in page.text_input if "for the undo" in one.label)
    page = press(page.text_input(reason).input("a mistake, ticket 10").run(), "Undo 4 rows")
    assert "4 of 4 rows undone" in words(page)
    assert statuses(stuck) == ["processing"] * 5


def test_ticked_rows_alone_become_one_repair_and_a_click_still_opens_the_drawer(stuck: LiveApp) -> None:
    page = stuck.open("processing", role="engineer")
    assert "Tick rows to repair several in one go." in words(page)
    ids = named(page, "Videos that need a person, worst first").value["video_id"].tolist()
    page = choose(page, "processing-stuck", [1, 3])
    page = press(press(page, "Repair the 2 selected videos"), "Show what will change")
    assert "Set to failed, so that the customer can try again: 2 videos" in words(page)
    reason = next(one.key for one in page.text_input if "Reason" in one.label)
    page = press(page.text_input(reason).input(REASON).run(), "Repair 2 videos")
    assert "2 of 2 rows made" in words(page)
    assert [f"vid-{number:04d}" for number, one in enumerate(statuses(stuck)) if one == "failed"] == sorted(
        [ids[1], ids[3]]
    )
    uid = f"u{int(ids[1].removeprefix('vid-'))}"
    text = words(stuck.open("video", role="engineer", uid=uid, video_id=ids[1]))
    assert "Last changes" in text
    assert "All rows of this joint repair" in text
    page = press(page, "Back to the list")
    page = open_row(page, "processing-stuck", 0)
    assert page.query_params["video_id"]


def test_ticked_rows_of_the_failed_list_become_one_repair(stuck: LiveApp) -> None:
    for number in range(3):
        held = stuck.world.fields(f"users/u{number}/videos/vid-{number:04d}")
        failed = {**held, "status": "failed", "error_message": "worker died"}
        stuck.world.put({f"users/u{number}/videos/vid-{number:04d}": failed})
    page = stuck.open("processing", role="engineer", **{"processing-view": "All failed"})
    page = choose(page, "processing-failed", [0, 2])
    page = press(press(page, "Repair the 2 selected videos"), "Show what will change")
    assert len(named(page, "What would change in each video").value) == 2


def test_the_plan_lives_in_the_address_and_a_second_person_agrees(
    stuck: LiveApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPAIR_SECOND_PERSON_ROWS", "4")
    page = planned(stuck.open("processing"))
    assert "A second person must approve" in words(page)
    assert "Repair 5 videos" not in labels(page)
    assert "Approve this plan" not in labels(page)
    plan_id = plan_in(page)
    other = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_SECONDS)
    other.session_state[PERSONA] = "second-admin@demo.local"
    other.switch_page("pages/processing.py")
    other.query_params["repair"] = plan_id
    agreed = press(other.run(), "Approve this plan")
    assert "Approved by" in words(agreed)
    page = apply(page.run())
    assert "5 of 5 rows made" in words(page)


def test_a_plan_that_waits_for_a_second_person_waits_on_their_overview_and_is_told(
    stuck: LiveApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPAIR_SECOND_PERSON_ROWS", "4")
    plan_id = plan_in(planned(stuck.open("processing", role="engineer")))
    assert "A joint repair of 5 rows" not in words(stuck.open("overview", role="engineer"))  # their own
    page = stuck.open("overview")
    assert "A joint repair of 5 rows" in words(page)
    (link,) = [one.proto for one in page.get("page_link") if one.proto.label == "Look and answer"]
    assert (link.page, link.query_string) == ("processing", f"repair={plan_id}")
    (alert,) = [one for one in alerts.gather(sources()).alerts if one.rule == "purge_waits"]
    assert (alert.key, alert.page) == (plan_id, f"/processing?repair={plan_id}")
    assert alert.summary.startswith("A joint repair of 5 rows waits for a second person until")
    press(stuck.open("processing", repair=plan_id), "Approve this plan")
    assert "A joint repair of 5 rows" not in words(stuck.open("overview"))
    assert not [one for one in alerts.gather(sources()).alerts if one.rule == "purge_waits"]


def sources() -> Sources:
    return Sources(purges.context(), loads.checker, lambda: datetime.now(UTC))


def test_its_maker_discards_a_plan_and_nobody_applies_it_any_more(stuck: LiveApp) -> None:
    page = planned(stuck.open("processing", role="engineer"))
    plan_id = plan_in(page)
    text = words(press(page, "Discard this plan"))
    assert "Discarded by engineer@demo.local" in text
    assert not {"Repair 5 videos", "Discard this plan"} & set(labels(page))
    again = stuck.open("processing", repair=plan_id)  # also after F5, and for an admin
    assert "Discarded by engineer@demo.local" in words(again)
    assert not {"Repair 5 videos", "Discard this plan"} & set(labels(again))
    assert statuses(stuck) == ["processing"] * 5


def test_only_its_maker_and_an_admin_may_discard_a_plan(stuck: LiveApp) -> None:
    plan_id = plan_in(planned(stuck.open("processing")))
    assert "Discard this plan" not in labels(stuck.open("processing", role="engineer", repair=plan_id))
    own = plan_in(planned(stuck.open("processing", role="engineer")))
    page = press(stuck.open("processing", repair=own), "Discard this plan")
    assert "Discarded by admin@demo.local" in words(page)


def test_the_address_of_a_plan_that_was_applied_leads_to_its_job(stuck: LiveApp) -> None:
    page = planned(stuck.open("processing", role="engineer"))
    plan_id = plan_in(page)
    apply(page)
    page = stuck.open("processing", role="engineer", repair=plan_id)
    assert "Applied by engineer@demo.local" in words(page)
    assert not {"Repair 5 videos", "Discard this plan"} & set(labels(page))
    job_id = plan_id.replace("rplan-", "repair-")
    (link,) = [one.proto for one in page.get("page_link") if "Open job" in one.proto.label]
    assert (link.page, link.query_string) == ("processing", f"repair={job_id}")


@pytest.mark.parametrize("role", ["support", "operations"])
def test_others_can_press_no_repair_and_see_no_plan(stuck: LiveApp, role: str) -> None:
    page = planned(stuck.open("processing"))
    plan_id = plan_in(page)
    page = stuck.open("processing", role=role)
    assert all(one.disabled and "the role" in one.help for one in page.button if "Repair" in one.label)
    assert all(one.data["select"] == "none" for one in lists(page))
    assert "vid-0003" not in words(stuck.open("processing", role=role, repair=plan_id))


@pytest.mark.parametrize("name", ["rplan-20260101-000000-00000000", "repair-20260101-000000-00000000", "../x"])
def test_an_address_that_names_no_repair_says_so(stuck: LiveApp, name: str) -> None:
    text = words(stuck.open("processing", repair=name))
    assert "no such" in text or "There is no job" in text or "names no repair" in text
    assert "Something went wrong" not in text
