"""Everybody can use a page in each of its states: something open on it, nothing found, refused, the stores away.

Whole pages of the demo: `test_visits.py`. What Streamlit itself draws against a rule, and the desk cannot mend, is
in `STREAMLIT`, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from pages._ui.nav import SCREENS
from tests.access.test_server import LIVE
from tests.access.test_settings import OIDC
from tests.rigs import axe
from tests.rigs.browser import ROOT, RunningApp, open_page, ran, streamlit_app
from tests.rigs.waiting import dead_port, until

# The rule, and a part of the HTML of the element. Upstream only the issue about accessibility as a whole is open:
# https://github.com/streamlit/streamlit/issues/8399
STREAMLIT = {
    "color-contrast": "Made with Streamlit v",  # the last line of the main menu, whose colour no setting changes
}
DIALOGS = {
    "a request": ("user?uid=u1", "Tell the team…"),
    "a repair": ("user?uid=u1", "Recount…"),
    "a repair of many videos": ("processing", "Repair all"),
    "the folded fields of a search": ("audit", "What, outcome, days"),
    "the main menu": ("access", "Main menu"),
}


# The contrast of each empty box and switch with the ground below it; axe-core does not look at what is no text.
EMPTY_MARKS = """() => {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
  const light = (...colours) => {
    for (const colour of colours) {
      pen.fillStyle = colour
      pen.fillRect(0, 0, 1, 1)
    }
    const parts = Array.from(pen.getImageData(0, 0, 1, 1).data.slice(0, 3), (one) => one / 255)
    const [red, green, blue] = parts.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
  }
  const ground = getComputedStyle(document.querySelector("[data-testid=stApp]")).backgroundColor
  return Array.from(document.querySelectorAll("[data-testid=stCheckbox] label:not([data-selected=true]) > span + div"))
    .map((one) => {
      const style = getComputedStyle(one)
      const mark = light(ground, one.childElementCount ? style.backgroundColor : style.borderTopColor)
      return Math.max(mark, light(ground)) / Math.min(mark, light(ground))
    })
}"""


def violations(page: Page, opened: str = "") -> dict[str, list[str]]:
    """Those of the desk's own."""
    own = {
        rule: [one for one in places if STREAMLIT.get(rule.partition(": ")[2], "\0") not in one]
        for rule, places in axe.violations(page, opened=opened).items()
    }
    return {rule: places for rule, places in own.items() if places}


@pytest.mark.parametrize(("address", "name"), DIALOGS.values(), ids=DIALOGS)
def test_with_this_open(demo: RunningApp, page: Page, address: str, name: str) -> None:
    open_page(page, f"{demo.url}/{address}")
    axe.unfold(page)
    page.get_by_role("button", name=re.compile(name)).first.click()
    opened = "[data-testid=stMainMenuPopover]" if "menu" in name else "[role=dialog]"
    expect(page.locator(opened)).to_be_visible()
    ran(page)
    assert violations(page, opened) == {}


def test_an_empty_box_and_a_switch_that_is_off_can_be_seen(demo: RunningApp, page: Page) -> None:
    open_page(page, f"{demo.url}/user?uid=u1&draft_id=none")
    axe.unfold(page)
    expect(page.get_by_text("Without the whole account")).to_be_visible()
    for scheme in axe.SCHEMES:
        page.emulate_media(color_scheme=scheme)
        ran(page)
        found = page.evaluate(EMPTY_MARKS)
        assert len(found) >= 2
        assert min(found) >= 3, scheme


@pytest.mark.parametrize("key", ["ControlOrMeta+k", "?"], ids=["what it offers", "the keys"])
def test_with_the_palette_open(demo: RunningApp, page: Page, key: str) -> None:
    open_page(page, f"{demo.url}/access")
    expect(page.get_by_role("button", name="Find or go to")).to_be_visible()
    page.keyboard.press(key)
    expect(page.get_by_role("dialog", name="Find or go to")).to_be_visible()
    assert violations(page) == {}


def test_with_the_diagnosis_of_a_row_open_whose_cell_then_has_the_focus_again(demo: RunningApp, page: Page) -> None:
    open_page(page, f"{demo.url}/processing")
    cell = page.get_by_role("grid", name="Videos that need a person").get_by_role("rowheader").nth(1)
    cell.focus()
    cell.press("Enter")
    expect(page.get_by_role("dialog").get_by_text("Evidence")).to_be_visible()
    ran(page)
    assert violations(page, "[role=dialog]") == {}
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(cell).to_be_focused()


def test_a_reply_says_in_which_language_it_is_and_stands_beside_the_staffs_own(demo: RunningApp, page: Page) -> None:
    open_page(page, f"{demo.url}/user?uid=u1")
    languages = page.get_by_role("combobox", name="Language of the reply")

    def offered() -> bool:
        """Whether the choices stand open: what is still drawn above them closes them again."""
        if languages.get_attribute("aria-expanded") != "true":
            languages.click()
        return page.get_by_role("option", name="Deutsch").is_visible()

    until(offered, "the languages")
    page.get_by_role("option", name="Deutsch").click()
    expect(page.locator("[lang=de] blockquote")).to_contain_text("Speicher")
    expect(page.locator("[lang=de] blockquote")).to_be_visible()
    expect(page.get_by_text("What it says, in English")).to_be_visible()
    assert violations(page) == {}


def test_a_page_that_a_person_goes_to_within_a_tab_is_said(demo: RunningApp, page: Page) -> None:
    open_page(page, f"{demo.url}/access")
    said = page.locator("body > [role=status]")
    expect(said).to_have_text("")
    page.get_by_role("link", name="Purge").click()
    expect(said).to_have_text("Purge")


def test_with_the_colours_of_the_system_what_is_chosen_and_what_is_on_can_be_told(demo: RunningApp, page: Page) -> None:
    page.emulate_media(forced_colors="active")
    open_page(page, f"{demo.url}/processing")
    switch = page.get_by_test_id("stCheckbox").first.locator("label > div").first
    shown = "node => [getComputedStyle(node).outlineStyle, getComputedStyle(node).forcedColorAdjust].join(' ')"
    assert switch.evaluate(shown) == "solid none"
    page.keyboard.press("ControlOrMeta+k")
    grounds = "rows => rows.slice(0, 2).map((row) => getComputedStyle(row).backgroundColor)"
    chosen, other = page.get_by_role("option").evaluate_all(grounds)
    assert chosen != other


def test_words_that_are_set_further_apart_are_not_cut(demo: RunningApp, page: Page) -> None:
    """By WCAG 1.4.12: the names of columns, badges and choices, which nobody can read otherwise."""
    open_page(page, f"{demo.url}/processing")
    grid = page.get_by_role("grid", name="Videos that need a person")
    expect(grid.get_by_role("row").nth(1)).to_be_visible()
    apart = "line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important"
    page.add_style_tag(content=f"* {{ {apart} }} p {{ margin-bottom: 2em !important }}")
    cut = """nodes => nodes
      .filter((one) => one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1)
      .map((one) => one.textContent)"""
    until(lambda: grid.locator(".head .text, .badge").evaluate_all(cut) == [], "columns as wide as their names")
    assert page.locator('[data-testid="stButtonGroup"] button').evaluate_all(cut) == []


def test_charts_have_the_colours_of_a_theme_that_is_switched_while_they_are_open(demo: RunningApp, page: Page) -> None:
    def colours(scheme: Literal["light", "dark"]) -> set[str]:
        page.emulate_media(color_scheme=scheme)
        until(lambda: page.evaluate(axe.SHOWN, axe.background(scheme)), f"the {scheme} colours", every_seconds=0.1)
        expect(page.get_by_test_id("stVegaLiteChart").locator("svg text").first).to_be_visible()
        page.evaluate(axe.STILL)
        drawn = page.get_by_test_id("stVegaLiteChart").locator("svg :is(text, path)")
        return set(drawn.evaluate_all("all => all.map((one) => `${one.tagName} ${getComputedStyle(one).fill}`)"))

    open_page(page, f"{demo.url}/fleet")
    before, after = colours("light"), colours("dark")
    open_page(page, f"{demo.url}/fleet")
    assert colours("dark") == after != before
    page.emulate_media(color_scheme="light")


def test_where_nothing_was_found(demo: RunningApp, page: Page) -> None:
    open_page(page, f"{demo.url}/find?q=nothing-of-this-name")
    expect(page.get_by_test_id("stMain")).to_contain_text("nothing-of-this-name")
    assert violations(page) == {}


def test_where_the_role_may_not_see_the_page(demo: RunningApp, page: Page) -> None:
    open_page(page, f"{demo.url}/purge")
    page.get_by_role("combobox", name="See the desk as").click()
    page.get_by_role("option", name="Support").click()
    expect(page.get_by_text("needs the role")).to_be_visible()
    assert violations(page) == {}


def test_where_somebody_has_no_role(demo: RunningApp, page: Page) -> None:
    open_page(page, f"{demo.url}/purge?as=nobody")
    expect(page.get_by_text("has no role here")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert violations(page) == {}


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """A desk, both of whose stores refuse each connection."""
    with dead_port() as port:
        env = {**LIVE, "R2_ENDPOINT_URL": f"http://127.0.0.1:{port}", "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{port}"}
        with streamlit_app(ROOT / "app.py", tmp_path_factory.mktemp("log"), env=env | {"R2_PUBLIC_URL": ""}) as running:
            yield running


@pytest.mark.parametrize("name", ["user", "video", *(name for name, screen in SCREENS.items() if screen.listed)])
def test_where_the_stores_are_away(away: RunningApp, page: Page, name: str) -> None:
    open_page(page, f"{away.url}/{name}?uid=u1&video_id=v1")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    if name not in {"find", "access"}:  # these ask no store by themselves
        expect(page.get_by_test_id("stAlert").nth(1)).to_be_visible()  # beside the banner
    assert violations(page) == {}


def test_where_the_desk_is_not_configured(tmp_path: Path, page: Page) -> None:
    with streamlit_app(ROOT / "app.py", tmp_path, env={"R2_BUCKET_NAME": "clips"}) as running:
        open_page(page, f"{running.url}/fleet")
        expect(page.get_by_text("Not configured")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        assert violations(page) == {}


@pytest.fixture(scope="module")
def signed_out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """A live desk whose sign-in leads nowhere."""
    with streamlit_app(ROOT / "app.py", tmp_path_factory.mktemp("log"), env={**LIVE, **OIDC}) as running:
        yield running


@pytest.mark.parametrize("query", ["", "?sign_in=refused"], ids=["nobody signed in", "refused by the provider"])
def test_where_people_sign_in(signed_out: RunningApp, page: Page, query: str) -> None:
    open_page(page, f"{signed_out.url}/audit{query}")
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert violations(page) == {}


def test_where_the_provider_is_away_the_desk_says_so_and_people_can_try_again(
    signed_out: RunningApp, page: Page
) -> None:
    open_page(page, f"{signed_out.url}/audit?uid=u1")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{signed_out.url}/audit?uid=u1&sign_in=unreachable")
    expect(page.get_by_role("heading", name="Clip Desk")).to_be_visible()
    expect(page.get_by_text("The sign-in provider cannot be reached")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    assert violations(page) == {}
