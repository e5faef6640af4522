"""What a page of the demo does while it loads: nothing that was read moves, and no script is asked for late.

When it has come, everything on it is unfolded and everybody can use it: axe-core finds no violation, light or dark.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from pages._ui.server import preloads
from tests.rigs import first_paint
from tests.rigs.browser import RunningApp
from tests.rigs.first_paint import ADDRESSES, Visit

UNNAMED: set[str] = set()  # what may be asked for late


@pytest.fixture(scope="module")
def visits(demo: RunningApp, browser: Browser) -> dict[str, Visit]:
    """One visit to each page."""
    return first_paint.visits(browser, demo.url)


@pytest.mark.parametrize("name", [*ADDRESSES, "video"])
def test_no_heading_moves_from_where_it_was_first_seen(visits: dict[str, Visit], name: str) -> None:
    assert visits[name].headings
    assert visits[name].moved == {}


@pytest.mark.parametrize("name", [*ADDRESSES, "video"])
def test_the_page_names_every_script_that_it_fetches_and_charts_only_where_one_is(
    visits: dict[str, Visit], name: str
) -> None:
    visit = visits[name]
    assert {one.partition(".")[0] for one in visit.fetched - visit.named} <= UNNAMED
    assert (preloads.CHART in preloads.OF_PAGES.get(name, ())) == visit.charts


@pytest.mark.parametrize("name", [*ADDRESSES, "video"])
def test_everybody_can_use_the_page_in_light_and_in_dark(visits: dict[str, Visit], name: str) -> None:
    assert visits[name].violations == {}


def test_every_kind_of_element_stands_in_the_manifest_of_streamlit() -> None:
    kinds = {*preloads.ALWAYS, *(kind for kinds in preloads.OF_PAGES.values() for kind in kinds)}
    assert kinds <= preloads.entries().keys()
