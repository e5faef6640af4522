"""From the list of what is stuck to the video, its status set, and the change taken back: in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from storage.actions.objects import ObjectWriter
from tests.rigs import axe
from tests.rigs.browser import ROOT, RunningApp, open_page, press, ran, settled, streamlit_app
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import World, clip, user, video
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.waiting import until

VIDEO = "users/u1/videos/vid-0001"
ENTRY = {"id": 1, "title": "The hook", "start": "00:00:01", "end": "00:00:09"}
LONG_AGO = datetime.now(UTC) - timedelta(days=2)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with EmbeddedFirestore() as firestore, World(firestore, single_threaded=False) as made:
        yield made


@pytest.fixture(scope="module")
def app(world: World, r2_rig: SeaweedRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """A live desk with one video: highlights and its only clip are there, the status was never set."""
    bucket = r2_rig.fresh_bucket()
    writer = ObjectWriter(r2_rig.writer(bucket), bucket)
    writer.put("users/u1/vid-0001/highlights.json", json.dumps({"highlights": [ENTRY]}).encode(), "application/json")
    media = ROOT / "storage" / "sandbox" / "media" / "clip_a.mp4"
    size = writer.put("users/u1/vid-0001/clips/clip_01_1_scene_split.mp4", media, "video/mp4").size_bytes
    old: dict[str, Any] = {"created_at": LONG_AGO, "updated_at": LONG_AGO, "completed_at": None}
    one = clip("vid-0001", 1, file_size_bytes=size, has_thumbnail=False, created_at=LONG_AGO)
    world.put(
        {
            "users/u1": user("u1"),
            VIDEO: video("vid-0001", status="processing", expected_clips=1, clips_count=1, **old),
            f"{VIDEO}/clips/vid-0001_1_split": one,
            "users/u1/videos/vid-0002": video("vid-0002", status="failed", error_message="Private video"),
        }
    )
    env = r2_rig.values(bucket) | world.values()
    with streamlit_app(ROOT / "app.py", tmp_path_factory.mktemp("log"), env=env) as running:
        yield running


def test_from_the_list_to_the_video_set_its_status_and_take_it_back(app: RunningApp, world: World, page: Page) -> None:
    open_page(page, f"{app.url}/processing")
    expect(page.get_by_text("Customers waiting")).to_be_visible()
    page.get_by_role("grid", name="Videos that need a person").get_by_role("gridcell").nth(1).click()  # beside the box
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_text("the status stayed")).to_be_visible()
    expect(page).to_have_url(re.compile("video_id=vid-0001"))
    drawer.get_by_role("link", name="Open video and repairs").click()
    expect(page.get_by_role("dialog")).to_have_count(0)  # what closes now would take the next one with it
    expect(page.get_by_role("button", name="Set the status…")).to_be_visible()
    ran(page)
    press(page, "Set the status…")
    dialog = page.get_by_role("dialog")
    show = dialog.get_by_role("button", name="Show what will change")
    expect(show).to_be_disabled()
    dialog.get_by_label("Reason, with the ticket").fill("ticket 4711")
    expect(show).to_be_enabled()
    show.click()
    confirm = dialog.get_by_role("button", name="Set the status to completed")
    expect(confirm).to_be_visible()
    assert world.fields(VIDEO)["status"] == "processing"
    confirm.click()
    expect(page.get_by_text("The status was set.")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    until(lambda: world.fields(VIDEO)["status"] == "completed")
    press(page, "Undo")
    expect(page.get_by_text("Everything was put back as it was.")).to_be_visible()
    assert world.fields(VIDEO)["status"] == "processing"
    assert world.fields(VIDEO)["completed_at"] is None


def test_a_dialog_that_was_closed_with_escape_opens_empty_again(app: RunningApp, world: World, page: Page) -> None:
    open_page(page, f"{app.url}/video?uid=u1&video_id=vid-0001")
    press(page, "Set the status…")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason, with the ticket").fill("ticket 4711")
    dialog.get_by_role("button", name="Show what will change").click()
    expect(dialog.get_by_role("button", name="Set the status to completed")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    press(page, "Set the status…")
    expect(page.get_by_label("Reason, with the ticket")).to_have_value("")
    expect(page.get_by_role("button", name="Show what will change")).to_be_disabled()
    expect(page.get_by_role("button", name="Set the status to completed")).to_have_count(0)
    assert world.fields(VIDEO)["status"] == "processing"


def test_ticked_rows_get_one_repair_by_keyboard_alone(app: RunningApp, page: Page) -> None:
    def palette(word: str, option: str) -> None:
        page.keyboard.press("ControlOrMeta+k")
        page.keyboard.type(word)
        expect(page.get_by_role("option", selected=True)).to_contain_text(option)
        page.keyboard.press("Enter")

    open_page(page, f"{app.url}/processing")
    expect(page.get_by_role("grid", name="Videos that need a person")).to_be_visible()
    expect(page.get_by_role("button", name="Find or go to")).to_be_visible()
    palette("to the list", "To the list: Videos that need a person")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Repair the 1 selected video…")).to_be_visible()
    settled(page)
    palette("repair the 1", "Repair the 1 selected video…")
    expect(page.get_by_role("radio", name="Set to failed, so that the customer can try again")).to_be_focused()
    settled(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show what will change")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("repair="))
    expect(page.get_by_label("Reason, with the ticket")).to_be_visible()


def test_the_drawer_closes_and_takes_its_video_out_of_the_address(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/processing?uid=u1&video_id=vid-0001")
    expect(page.get_by_role("dialog").get_by_text("What the customer sees")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("video_id"))


def test_a_step_of_the_drawer_opens_its_repair_in_place_and_the_drawer_takes_it_back(
    app: RunningApp, world: World, page: Page
) -> None:
    open_page(page, f"{app.url}/processing?uid=u1&video_id=vid-0001")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("What the customer sees")).to_be_visible()
    dialog.get_by_role("button", name="Set the status…").click()
    dialog.get_by_label("Reason, with the ticket").fill("ticket 4712")
    show = dialog.get_by_role("button", name="Show what will change")
    expect(show).to_be_enabled()
    show.click()
    dialog.get_by_role("button", name="Set the status to completed").click()
    expect(dialog.get_by_text("The status was set.")).to_be_visible()
    until(lambda: world.fields(VIDEO)["status"] == "completed")
    dialog.get_by_role("button", name="Undo").click()
    expect(dialog.get_by_text("Everything was put back as it was.")).to_be_visible()
    assert world.fields(VIDEO)["status"] == "processing"


def test_a_bar_leads_to_the_list_that_it_counts_in_one_step_or_in_a_new_tab(app: RunningApp, page: Page) -> None:
    open_page(page, app.url)
    bar = page.locator('path[aria-label="Failed: 1"]')
    expect(bar).to_be_visible()
    before = page.evaluate("() => history.length")
    with page.context.expect_page() as opened:
        bar.click(modifiers=["ControlOrMeta"])
    expect(opened.value).to_have_url(re.compile("processing-view=All%20failed"))
    opened.value.close()
    bar.dblclick()
    expect(page.get_by_role("grid", name="Failed videos, the newest first")).to_be_visible()
    assert page.evaluate("() => history.length") == before + 1
    page.go_back()
    expect(bar).to_be_visible()


@pytest.mark.parametrize("name", ["overview", "fleet", "uploads", "audit", "find?q=nobody"])
def test_everybody_can_use_a_page_that_has_nothing_to_show(app: RunningApp, page: Page, name: str) -> None:
    """Without a rollup, a scan and an entry."""
    open_page(page, f"{app.url}/{name}")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    axe.unfold(page)
    ran(page)
    assert axe.violations(page) == {}
