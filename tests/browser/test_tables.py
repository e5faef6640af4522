"""Tables in a real browser: what a tick means, where a link leads, what a download holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.rigs import browser

APP = Path(__file__).resolve().parent / "apps" / "table_app.py"
ROW = 35  # pixels; Streamlit's rows are drawn on a canvas, so they are found by their place


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with browser.streamlit_app(APP, tmp_path_factory.mktemp("table")) as app:
        yield app.url


def tick(page: Page, row: int) -> None:
    box = page.get_by_test_id("stDataFrame").locator("canvas").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 18, box["y"] + ROW * (row + 1) + 17)
    page.mouse.move(5, 5)


def test_a_tick_is_an_id_and_is_dropped_when_the_order_changes(page: Page, url: str) -> None:
    browser.open_page(page, url)
    tick(page, 0)
    expect(page.get_by_text("chosen ['v 1&uid=x']")).to_be_visible()
    expect(page.get_by_text("3 shown · 1 selected")).to_be_visible()
    page.get_by_text("Other order").click()
    expect(page.get_by_text("chosen []")).to_be_visible()


def test_cells_show_text_as_it_is_and_sizes_as_exact_numbers_to_assistive_technology(page: Page, url: str) -> None:
    browser.open_page(page, url)
    rows = page.get_by_test_id("stDataFrame").locator("[role=row]")
    rows.nth(1).wait_for(state="attached")
    read = [rows.nth(row).locator("[role=gridcell]").all_text_contents() for row in (1, 2, 3)]
    assert [cells[-1] for cells in read] == ["0", "2048", ""]
    assert all(cells[-2] == "=1+1 ![x](http://evil.example/p.png)" for cells in read)


def test_a_link_opens_the_page_in_a_new_tab_with_the_very_id(page: Page, url: str) -> None:
    browser.open_page(page, url)
    header = page.get_by_test_id("stDataFrame").locator("canvas").first.bounding_box()
    assert header is not None
    with page.context.expect_page() as opened:
        for offset in range(60, 400, 12):
            page.mouse.click(header["x"] + offset, header["y"] + ROW + 17)
            if len(page.context.pages) > 1:
                break
    target = opened.value
    browser.settled(target)
    expect(target.get_by_text("asked for v 1&uid=x")).to_be_visible()
    expect(target.get_by_text("uid ok True")).to_be_visible()


def test_the_download_holds_every_column_and_no_formula(page: Page, url: str) -> None:
    browser.open_page(page, url)
    page.get_by_test_id("stDataFrame").hover()
    expect(page.get_by_role("button", name="Download as CSV")).to_be_hidden()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=False).last.click()
    assert download.value.suggested_filename == "videos.csv"
    lines = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == '"video_id","title","size","open"'
    assert lines[1].startswith('"v 1&uid=x","\'=1+1 ![x](http://evil.example/p.png)",0,')
