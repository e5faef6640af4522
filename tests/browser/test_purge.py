"""A purge as a person does it, in a real browser: plan, review, wrong phrase, right phrase, progress, leaving, undo."""

from __future__ import annotations

import re
from collections.abc import Iterator
from threading import Event, Thread

import pytest
from playwright.sync_api import Locator, Page, expect

from storage.actions.purge.worker import run_job
from storage.domain.purge.scope import Scope
from tests.purge.world import PurgeWorld, when_done
from tests.rigs import axe
from tests.rigs.browser import ROOT, RunningApp, open_page, press, ran, settled, streamlit_app
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.waiting import PATIENCE_SECONDS

VIDEO, CLIPS = "video-aaa", 40
SCOPE = f"customer-1/{VIDEO}"


@pytest.fixture(scope="module")
def world(r2_rig: SeaweedRig) -> Iterator[PurgeWorld]:
    """A customer with a video of many clips, and a neighbour whose id begins the same."""
    with EmbeddedFirestore() as firestore:
        made = PurgeWorld(firestore, r2_rig.values(r2_rig.fresh_bucket()))
        made.add_user("customer-1", {VIDEO: CLIPS, "video-bbb": 1})
        made.add_user("customer-10", {VIDEO: 1})
        yield made
        made.close()


@pytest.fixture(scope="module")
def app(world: PurgeWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The desk over this world, on loopback, where a local user may play any role."""
    with streamlit_app(ROOT / "app.py", tmp_path_factory.mktemp("log"), env=world.values) as running:
        yield running


def button(page: Page, label: str) -> Locator:
    return page.get_by_role("button", name=label, exact=True)


def fill(page: Page, label: str, text: str) -> None:
    page.get_by_label(label, exact=True).fill(text)


def planned(page: Page, app: RunningApp, video_id: str = VIDEO) -> None:
    """From the address to the plan, reviewed, and its confirmation open."""
    open_page(page, f"{app.url}/purge?uid=customer-1&video_id={video_id}")
    button(page, "Make the plan").click()
    page.wait_for_url("**plan=plan-*")
    settled(page)
    press(page, "Continue to the confirmation")
    expect(page.get_by_label("Reason", exact=True)).to_be_focused()
    settled(page)  # the ticks below it are drawn too


def confirmed(page: Page, phrase: str) -> None:
    """Every field of the confirmation filled."""
    box = page.locator(".st-key-purge-confirm_box")
    fill(page, "Reason", "the customer asked for it")
    fill(page, "Ticket (if there is one)", "T-1")
    for tick in box.locator('[data-testid="stCheckbox"] label').all()[1:]:  # the first one is the switch for erasing
        tick.click()
        settled(page)
    fill(page, "Id to confirm", phrase)
    settled(page)


def test_a_purge_from_the_plan_to_its_undo(app: RunningApp, world: PurgeWorld, page: Page) -> None:
    before = world.snapshot()
    planned(page, app)
    expect(page.get_by_text(re.compile("public share link works now"))).to_be_visible()
    page.get_by_text(re.compile(r"^Objects \d")).click()
    expect(page.get_by_role("grid", name="Objects to delete")).to_be_visible()
    confirmed(page, f"{SCOPE[:-1]}b")
    expect(button(page, "Delete the video")).to_be_disabled()
    expect(page.get_by_text("To continue: type the id exactly.")).to_be_visible()
    assert world.snapshot() == before
    fill(page, "Id to confirm", SCOPE)
    expect(button(page, "Delete the video")).to_be_enabled()
    button(page, "Delete the video").click()
    page.wait_for_url("**job=purge-*")
    address = page.url
    expect(page.get_by_text(re.compile(r"of [\d,]+ objects and documents"))).to_be_visible()
    again = page.context.new_page()
    page.close()  # the tab is closed while the job goes on

    open_page(again, address)
    expect(again.get_by_text("Nothing is left, no other file was lost")).to_be_visible()
    objects, documents = world.snapshot()
    assert {key for key in objects if f"customer-1/{VIDEO}/" in key} == set()
    assert {path for path in documents if f"customer-1/videos/{VIDEO}" in path} == set()
    beside = {key: value for key, value in before[0].items() if f"customer-1/{VIDEO}/" not in key}
    assert objects == beside
    axe.unfold(again)
    assert axe.violations(again) == {}

    fill(again, "Reason for the undo", "it was the wrong video")
    expect(button(again, "Put everything back")).to_be_enabled()
    button(again, "Put everything back").click()
    again.wait_for_url("**-undo")
    expect(again.get_by_text("Everything is back")).to_be_visible()
    assert world.snapshot() == before
    open_page(again, f"{app.url}/audit?uid=customer-1")
    button(again, "Check the integrity of all entries").click()
    expect(again.get_by_text("The chain is whole")).to_be_visible()


def test_what_was_typed_is_gone_after_the_confirmation_was_left(app: RunningApp, page: Page) -> None:
    planned(page, app, "video-bbb")
    confirmed(page, "customer-1/video-bbb")
    expect(button(page, "Delete the video")).to_be_enabled()
    assert axe.violations(page) == {}
    page.get_by_label("Id to confirm").press("Escape")
    expect(page.get_by_label("Id to confirm")).to_have_count(0)
    press(page, "Continue to the confirmation")
    expect(page.get_by_label("Id to confirm")).to_have_value("")
    expect(button(page, "Delete the video")).to_be_disabled()
    address = page.url
    confirmed(page, "customer-1/video-bbb")
    page.get_by_role("link", name="Audit").first.click()
    page.wait_for_url("**/audit*")
    settled(page)
    page.go_back()
    page.wait_for_url(address)
    settled(page)
    expect(button(page, "Continue to the confirmation")).to_be_visible()


def test_two_clips_chosen_in_the_table_are_what_the_plan_holds(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/purge?uid=customer-1&video_id={VIDEO}")
    page.get_by_text("Only some of its clips").click()
    boxes = page.get_by_role("grid", name="Clips of the video").get_by_role("row").get_by_role("checkbox")
    for row in (1, 2):  # the first is the header's, for all rows
        boxes.nth(row).check()
        ran(page)
    button(page, "Make the plan for 2 clips").click()
    page.wait_for_url("**plan=plan-*")
    settled(page)
    expect(page.get_by_role("heading", name=f"Plan: purge {SCOPE}/2 clips")).to_be_visible()


def test_everybody_can_use_the_page_of_a_job_in_the_middle_of_its_run(
    app: RunningApp, world: PurgeWorld, page: Page
) -> None:
    begun, seen = Event(), Event()

    def stay() -> None:
        begun.set()
        seen.wait(PATIENCE_SECONDS)

    world.add_user("customer-2", {VIDEO: 1}, caches=False)
    job = world.apply(world.plan(Scope("customer-2", VIDEO)))
    worker = Thread(target=run_job, args=(world.open(progress=when_done("objects", stay)), job.job_id))
    worker.start()
    try:
        assert begun.wait(PATIENCE_SECONDS)
        open_page(page, f"{app.url}/purge?job={job.job_id}")
        expect(page.get_by_role("progressbar")).to_be_visible()
        expect(page.get_by_role("button", name="Cancel")).to_be_visible()
        assert axe.violations(page) == {}
    finally:
        seen.set()
        worker.join()
    expect(page.get_by_text("Nothing is left, no other file was lost")).to_be_visible()
