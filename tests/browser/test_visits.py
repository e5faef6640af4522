"""What one visit to each page of the demo shows: while it loads, when it has come, and what the browser was given.

Nothing that was read moves, and no script is asked for late. When a page has come, it stands in one grid with all other
pages, on a phone as on the widest screen. Then everything on it is unfolded and everybody can use it: axe-core finds no
violation, light or dark. No secret or signature is in what reaches the browser, or in the log.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, WebSocket

from pages._ui.server import preloads
from storage.sandbox.demo import configured_folder
from tests.rigs import first_paint
from tests.rigs.browser import RunningApp, open_page
from tests.rigs.first_paint import ADDRESSES, Visit

UNNAMED: set[str] = set()  # what may be asked for late
NAMES = [*ADDRESSES, "video"]
RECENT = "clipdesk.customers."
SIGNED = (
    "https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com/clips/users/u1/v1/clips/clip_01_1_a_split.mp4"
    "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=PASTEDKEYID%2F20260301%2Fauto%2Fs3%2Faws4_request"
    "&X-Amz-Date=20260301T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=pastedsignature0123"
)


class Wire:
    """Everything that reaches the browser: the frames of sockets and the bodies of answers of the desk itself."""

    def __init__(self, page: Page) -> None:
        self.seen: list[str] = []
        page.on("websocket", self._listen)
        page.on("response", lambda answer: self.seen.append(answer.url))

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._frame)

    def _frame(self, payload: str | bytes) -> None:
        self.seen.append(payload if isinstance(payload, str) else payload.decode("utf-8", "replace"))


@dataclass(frozen=True)
class Visits:
    """Each page, and all that reached the browser; of a search, before a customer was opened, what the page held and
    showed; what the browser stored in the end."""

    pages: dict[str, Visit]
    wire: Wire
    content: str
    shown: str
    stored: str


@pytest.fixture(scope="module")
def visits(demo: RunningApp, browser: Browser) -> Visits:
    """Pages without the ids that they need, and the search with a signed link pasted into it; then every page."""
    heard: list[Wire] = []
    left: dict[str, str] = {}

    def search(page: Page) -> None:
        heard.append(Wire(page))
        for address in ("user", "video", f"find?{urlencode({'q': SIGNED})}"):
            open_page(page, f"{demo.url}/{address}")
        values = page.eval_on_selector_all("input, textarea", "fields => fields.map(field => field.value).join(' ')")
        left["content"] = page.content()
        left["shown"] = page.locator("body").inner_text() + values

    def stored(page: Page) -> None:
        left["stored"] = page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}])")

    found = first_paint.visits(browser, demo.url, first=search, last=stored)
    return Visits(found, heard[0], **left)


@pytest.mark.parametrize("name", NAMES)
def test_no_heading_moves_from_where_it_was_first_seen(visits: Visits, name: str) -> None:
    assert visits.pages[name].headings
    assert visits.pages[name].moved == {}


@pytest.mark.parametrize("name", NAMES)
def test_the_page_keeps_to_the_window_and_to_the_grid_of_all_pages(visits: Visits, name: str) -> None:
    for width, found in visits.pages[name].grids.items():
        assert (found["scrolls"], found["beyond"]) == (False, []), width
        assert (found["uneven"], found["indented"], found["ragged"]) == ([], [], []), width
        assert found["place"] == visits.pages["access"].grids[width]["place"], width


@pytest.mark.parametrize("name", NAMES)
def test_the_page_names_every_script_that_it_fetches_and_charts_only_where_one_is(visits: Visits, name: str) -> None:
    visit = visits.pages[name]
    assert {one.partition(".")[0] for one in visit.fetched - visit.named} <= UNNAMED
    assert (preloads.CHART in preloads.OF_PAGES.get(name, ())) == visit.charts


@pytest.mark.parametrize("name", NAMES)
def test_everybody_can_use_the_page_in_light_and_in_dark(visits: Visits, name: str) -> None:
    assert visits.pages[name].violations == {}


def test_every_kind_of_element_stands_in_the_manifest_of_streamlit() -> None:
    kinds = {*preloads.ALWAYS, *(kind for kinds in preloads.OF_PAGES.values() for kind in kinds)}
    assert kinds <= preloads.entries().keys()


def secrets() -> list[str]:
    """The keys of the running demo; each key id is public in every signed link, its secret nowhere."""
    running = json.loads((configured_folder() / "running.json").read_text(encoding="utf-8"))
    found = [running["secret_key"], running["read_secret_key"]]
    assert all(len(secret) > 20 for secret in found)
    return found


def test_no_secret_of_the_stores_reaches_browser_or_log(demo: RunningApp, visits: Visits) -> None:
    everything = "\n".join([*visits.wire.seen, visits.content, demo.output()])
    assert len(everything) > 10_000
    for secret in secrets():
        assert secret not in everything


def test_no_signature_stands_in_the_log_and_none_in_a_page_that_plays_nothing(demo: RunningApp, visits: Visits) -> None:
    assert "X-Amz-Signature=" not in demo.output()
    assert "pastedsignature0123" not in demo.output()
    assert "X-Amz-Signature" not in visits.content


def test_a_signed_link_that_was_pasted_is_dropped_and_never_shown(visits: Visits) -> None:
    assert "pastedsignature0123" not in visits.shown
    assert "PASTEDKEYID" not in visits.shown


def test_the_browser_stores_nothing_of_the_desk_beyond_its_cookies(visits: Visits) -> None:
    """Beside the customers that the person opened lately, as `pages/_ui/access/README.md` says."""
    assert not re.search(r"X-Amz-|users/", visits.stored)
    areas = json.loads(visits.stored)
    others = [(name, held) for area in areas for name, held in area.items() if not name.startswith(RECENT)]
    assert others
    assert "@" not in str(others)


def test_every_line_of_the_log_is_an_entry(demo: RunningApp, visits: Visits) -> None:
    lines = [line for line in demo.output().splitlines() if line.startswith("{")]
    for line in lines:
        assert {"time", "level", "logger", "message"} <= set(json.loads(line))
    loose = [line for line in demo.output().splitlines() if line.strip() and not line.startswith("{")]
    assert all("Streamlit app" in line or "URL:" in line for line in loose), loose
