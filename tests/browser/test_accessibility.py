"""Everybody can use a page in each of its states: something open on it, nothing found, refused, the stores away.

Whole pages of the demo: `test_visits.py`. What Streamlit itself draws against a rule, and the desk cannot mend, is
in `STREAMLIT`, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.access.test_server import LIVE
from tests.access.test_settings import OIDC
from tests.rigs import axe
from tests.rigs.browser import ROOT, RunningApp, open_page, ran, streamlit_app
from tests.rigs.waiting import dead_port

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
    open_page(page, f"{demo.url}/user?uid=u1")
    axe.unfold(page)
    expect(page.get_by_text("Without the whole account")).to_be_visible()
    for scheme in axe.SCHEMES:
        page.emulate_media(color_scheme=scheme)
        ran(page)
        found = page.evaluate(EMPTY_MARKS)
        assert len(found) >= 2
        assert min(found) >= 3, scheme


def test_with_the_palette_open(demo: RunningApp, page: Page) -> None:
    open_page(page, f"{demo.url}/find")
    expect(page.get_by_test_id("stMain").get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("ControlOrMeta+k")
    expect(page.get_by_role("dialog", name="Find or go to")).to_be_visible()
    assert violations(page) == {}


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


def test_where_the_stores_are_away(away: RunningApp, page: Page) -> None:
    open_page(page, f"{away.url}/user?uid=u1")
    expect(page.get_by_test_id("stAlert").first).to_be_visible()
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
