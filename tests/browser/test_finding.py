"""Getting to an answer without the mouse, in the dark and on a phone: the slash key, the cursor, back and forward."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.rigs.browser import ROOT, RunningApp, open_page, streamlit_app
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import World, user, video
from tests.rigs.seaweed import SeaweedRig
from tests.ui.test_kit_config import SETTINGS, contrast


@pytest.fixture(scope="module")
def app(r2_rig: SeaweedRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """A live desk with one customer."""
    with EmbeddedFirestore() as firestore, World(firestore, single_threaded=False) as world:
        world.put({"users/u1": user("u1"), "users/u1/videos/vid-0001": video("vid-0001")})
        env = r2_rig.values(r2_rig.fresh_bucket()) | world.values()
        with streamlit_app(ROOT / "app.py", tmp_path_factory.mktemp("log"), env=env) as running:
            yield running


def test_a_slash_leads_from_any_page_to_the_customer_and_back_leads_back(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/uploads?uploads-scope=One+customer")
    field = page.get_by_label("User id or e-mail")
    field.click()
    page.keyboard.type("a/b")
    expect(field).to_have_value("a/b")  # in a field a slash is a slash
    field.blur()
    page.keyboard.press("/")
    box = page.get_by_test_id("stSidebar").get_by_role("searchbox")
    expect(box).to_be_focused()
    page.keyboard.type("u1@example.com")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/user\\?uid=u1"))
    expect(page.get_by_role("heading", name="u1@example.com")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("exact user id match")).to_be_visible()  # what was found, not an empty page
    page.go_forward()
    expect(page.get_by_role("heading", name="u1@example.com")).to_be_visible()


def test_the_page_find_has_the_cursor_in_its_box_at_once(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/find")
    box = page.get_by_test_id("stMain").get_by_role("searchbox")
    expect(box).to_be_focused()
    page.keyboard.type("vid-0001")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/video\\?.*video_id=vid-0001"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_chosen_can_be_read_and_what_has_the_focus_is_seen(
    app: RunningApp, page: Page, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    open_page(page, f"{app.url}/uploads?uploads-scope=One+customer")
    chosen = page.get_by_role("radio", name="One customer")
    assert contrast(colour(chosen.locator("p"), "color"), SETTINGS["theme"][scheme]["backgroundColor"]) >= 7
    page.get_by_label("User id or e-mail").click()
    page.keyboard.press("Shift+Tab")
    reached = page.get_by_role("radio", name="One customer")
    expect(reached).to_be_focused()
    expect(reached).to_have_css("outline-style", "solid")
    assert contrast(colour(reached, "outline-color"), SETTINGS["theme"][scheme]["backgroundColor"]) >= 3
    here = page.get_by_test_id("stSidebarNavLink").filter(has_text="Uploads")
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Fleet").focus()
    page.keyboard.press("Tab")
    expect(here).to_be_focused()
    expect(here).to_have_css("outline-style", "solid")


@pytest.mark.parametrize("name", ["find", "overview", "uploads", "processing"])
def test_no_page_moves_sideways_on_a_phone(app: RunningApp, page: Page, name: str) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    open_page(page, f"{app.url}/{name}")
    main = page.get_by_test_id("stMain")
    assert main.evaluate("one => one.scrollWidth - one.clientWidth") == 0


def test_a_screen_reader_hears_what_a_help_button_is_about_and_no_name_of_a_glyph(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/overview")
    expect(page.get_by_role("button", name="Help for as of").first).to_be_visible()
    expect(page.get_by_role("button", name="Help", exact=True)).to_have_count(0)
    expect(page.locator('p [role="img"][aria-label$=" icon"]:not([aria-hidden])')).to_have_count(0)


def colour(one: Locator, name: str) -> str:
    """The computed colour as `#rrggbb`."""
    parts = re.findall(r"\d+", one.evaluate("(one, name) => getComputedStyle(one).getPropertyValue(name)", name))
    return "#" + "".join(f"{int(part):02x}" for part in parts[:3])
