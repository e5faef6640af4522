"""Lists in a real browser: how a row opens by mouse and by keyboard, what Back returns to, what a tick means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.rigs import browser as rig
from tests.rigs.waiting import PATIENCE_MS, until

APP = Path(__file__).resolve().parent / "apps" / "table_desk.py"
FIRST = "asked for v 1&uid=x"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with rig.streamlit_app(APP, tmp_path_factory.mktemp("table")) as app:
        yield app.url


def grid(page: Page, name: str = "Videos") -> Locator:
    return page.get_by_role("grid", name=name)


def cell(page: Page, text: str) -> Locator:
    return grid(page).get_by_text(text, exact=True)


def focused(page: Page) -> str:
    """The text of the cell that has the focus."""
    return str(page.evaluate("() => document.activeElement?.shadowRoot?.activeElement?.textContent ?? ''"))


def test_a_click_anywhere_on_a_row_opens_it_in_place_once_and_back_is_one_press(page: Page, url: str) -> None:
    rig.open_page(page, url)
    before = page.evaluate("() => history.length")
    cell(page, "Completed").dblclick()
    expect(page.get_by_text(FIRST)).to_be_visible()
    expect(page.get_by_text("uid ['u/1']")).to_be_visible()
    assert len(page.context.pages) == 1
    assert page.evaluate("() => history.length") == before + 1
    page.go_back()
    expect(grid(page)).to_be_visible()


def test_a_row_is_a_link_to_the_browser_and_opens_a_tab_as_any_link_does(page: Page, url: str) -> None:
    rig.open_page(page, url)
    for options in ({"modifiers": ["ControlOrMeta"]}, {"button": "middle"}):
        with page.context.expect_page() as opened:
            cell(page, "0 B").click(**options)
        rig.settled(opened.value)
        expect(opened.value.get_by_text(FIRST)).to_be_visible()
        opened.value.close()
    expect(grid(page)).to_be_visible()


def test_the_keyboard_reaches_every_row_opens_it_and_returns_to_it(page: Page, url: str) -> None:
    rig.open_page(page, url)
    grid(page).get_by_role("row").nth(1).wait_for()
    page.get_by_text("Other order").click()
    expect(grid(page).get_by_role("rowheader").first).to_have_text("é+3")
    page.keyboard.press("Tab")
    assert focused(page) == "é+3"
    page.keyboard.press("ArrowDown")
    assert focused(page) == "v-2"
    page.keyboard.press("End")
    assert focused(page) == "Failed"
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    expect(page.get_by_text("chosen ['v-2']")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("asked for v-2")).to_be_visible()
    page.go_back()
    expect(grid(page)).to_be_visible()


def test_a_list_of_fifty_thousand_rows_is_as_it_was_after_back_and_after_a_reload(page: Page, url: str) -> None:
    rig.open_page(page, f"{url}/many")
    many = grid(page, "Customers")
    many.get_by_role("columnheader", name="Size").click()
    page.get_by_label("Filter: Customers").fill("CUSTOMER4 7")
    expect(page.get_by_text("3,730 of 50,000")).to_be_visible()
    page.get_by_label("Filter by Status").select_option("Failed")
    expect(page.get_by_text("1,247 of 50,000")).to_be_visible()
    assert many.get_by_role("columnheader", name="Size").get_attribute("aria-sort") == "descending"
    assert int(many.get_attribute("aria-rowcount") or 0) == 1_248
    assert many.get_by_role("row").count() < 60  # those in sight
    many.evaluate("node => { node.scrollTop = 3500 }")
    row = many.locator("[aria-rowindex='110']")
    name = row.get_by_role("rowheader").inner_text()
    row.get_by_role("gridcell").last.click()
    expect(page.get_by_text("asked for v", exact=True)).to_be_visible()
    for again in (page.go_back, page.reload):
        again()
        rig.settled(page)
        expect(page.get_by_text("1,247 of 50,000")).to_be_visible()
        expect(page.get_by_label("Filter: Customers")).to_have_value("CUSTOMER4 7")
        expect(row.get_by_role("rowheader")).to_have_text(name)  # only the rows in the list's sight are drawn
    assert "many.sort=-size" in page.url


def test_back_returns_in_one_press_to_the_ticks_and_the_place_on_the_page(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 1000, "height": 300})
    rig.open_page(page, url)
    grid(page).get_by_label("Select v-2").check()
    grid(page).get_by_label("Select é+3").check()
    expect(page.get_by_text("chosen ['v-2', 'é+3']")).to_be_visible()
    rig.settled(page)
    main = page.get_by_test_id("stMain")
    main.evaluate("node => { node.scrollTop = 120 }")
    until(lambda: page.evaluate("() => history.state?.clipdesk?.top") == 120, "the page's place to be kept")
    before = page.evaluate("() => history.length")
    cell(page, "2.00 KiB").click()
    expect(page.get_by_text("asked for v-2")).to_be_visible()
    assert page.evaluate("() => history.length") == before + 1
    page.go_back()
    expect(page.get_by_text("chosen ['v-2', 'é+3']")).to_be_attached()
    expect(grid(page).get_by_role("checkbox", name="Select v-2")).to_be_checked()
    expect(grid(page).get_by_role("checkbox", name="Select v 1&uid=x")).not_to_be_checked()
    rig.until_script(main, "node => node.scrollTop === 120")


def test_a_tick_is_an_id_and_is_dropped_when_the_order_changes(page: Page, url: str) -> None:
    rig.open_page(page, url)
    grid(page).get_by_label("Select v 1&uid=x").check()
    expect(page.get_by_text("chosen ['v 1&uid=x']")).to_be_visible()
    expect(page.get_by_text("3 rows · 1 selected")).to_be_visible()
    page.get_by_text("Other order").click()
    expect(page.get_by_text("chosen []")).to_be_visible()
    expect(grid(page).get_by_role("checkbox", checked=True)).to_have_count(0)
    grid(page).get_by_label("Select all rows").check()
    expect(page.get_by_text("chosen ['é+3', 'v-2', 'v 1&uid=x']")).to_be_visible()


def test_a_list_that_gives_what_was_clicked_gives_it_once_and_a_box_beside_it_opens_nothing(
    page: Page, url: str
) -> None:
    rig.open_page(page, url)
    grid(page, "Cases").get_by_label("Select é+3").check()
    expect(page.get_by_text("ticked ['é+3']")).to_be_visible()
    expect(page.get_by_text("opened []")).to_be_visible()
    grid(page, "Cases").get_by_text("v-2").dblclick()
    expect(page.get_by_text("opened ['v-2']")).to_be_visible()
    expect(page.get_by_text("ticked ['é+3']")).to_be_visible()
    page.get_by_text("Other order").click()
    expect(grid(page, "Cases").get_by_role("rowheader").first).to_have_text("é+3")
    expect(page.get_by_text("opened ['v-2']")).to_be_visible()


def test_cells_are_text_in_the_theme_and_are_copied_as_they_are(page: Page, url: str) -> None:
    rig.open_page(page, url)
    cells = grid(page).locator("[role=row]").nth(1).locator("[role=rowheader], [role=gridcell]:not(.tick)")
    expect(cells).to_have_text(["v 1&uid=x", "=1+1 ![x](http://evil.example/p.png)", "0 B", "Completed"])
    assert grid(page).locator("img").count() == 0
    light = cells.first.evaluate("node => getComputedStyle(node).color")
    page.emulate_media(color_scheme="dark")
    rig.until_script(cells.first, f"node => getComputedStyle(node).color !== {light!r}")
    cells.nth(1).focus()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("ControlOrMeta+c")
    assert page.evaluate("() => navigator.clipboard.readText()") == "=1+1 ![x](http://evil.example/p.png)"


def test_a_phone_shows_the_end_of_a_long_text_too_inside_its_row(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 900})
    rig.open_page(page, url)
    long = grid(page).get_by_text("<img src=x onerror=alert(1)>", exact=True)
    expect(long).to_be_visible()
    whole = "node => node.scrollWidth <= node.clientWidth && node.scrollHeight <= node.clientHeight"
    assert long.evaluate(whole)
    text, row = long.bounding_box(), grid(page).get_by_role("row").nth(2).bounding_box()
    assert text
    assert row
    assert row["y"] <= text["y"]
    assert text["y"] + text["height"] <= row["y"] + row["height"]


def test_the_download_holds_every_column_and_no_formula(page: Page, url: str) -> None:
    rig.open_page(page, url)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=False).last.click()
    assert re.fullmatch(r"videos-\d{4}-\d{2}-\d{2}\.csv", download.value.suggested_filename)
    lines = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == '"video_id","title","size","status","open"'
    assert lines[1].startswith('"v 1&uid=x","\'=1+1 ![x](http://evil.example/p.png)",0,')


def test_a_bar_below_a_list_covers_no_row_and_brings_no_second_bar(browser: Browser, url: str) -> None:
    """In a browser of its own: the one of the other tests hides all bars, as Playwright starts it."""
    with browser.browser_type.launch(
        executable_path=rig.chromium(),
        args=[*rig.LAUNCH_ARGS, *rig.SPARING_ARGS],
        ignore_default_args=["--hide-scrollbars"],
    ) as barred:
        page = barred.new_page(viewport={"width": 390, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        rig.open_page(page, url)
        expect(cell(page, "Completed")).to_be_visible()
        below, beside, rows = grid(page).evaluate(
            "(one) => [one.offsetHeight - one.clientHeight, one.offsetWidth - one.clientWidth,"
            " one.scrollHeight - one.clientHeight]"
        )
    assert below > 2  # the bar, and the frame above and below
    assert (beside, rows) == (2, 0)
