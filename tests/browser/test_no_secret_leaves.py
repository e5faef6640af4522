"""A scan of the running demo for the secrets and signatures that it was given: pages, sockets, storage, and the log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, WebSocket

from pages._ui.nav import SCREENS
from storage.sandbox.demo import configured_folder
from tests.rigs.browser import RunningApp, open_page
from tests.rigs.waiting import PATIENCE_MS

SIGNED = (
    "https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com/clips/users/u1/v1/clips/clip_01_1_a_split.mp4"
    "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=PASTEDKEYID%2F20260301%2Fauto%2Fs3%2Faws4_request"
    "&X-Amz-Date=20260301T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=pastedsignature0123"
)


class Wire:
    """Everything that reaches the browser: the frames of sockets and the bodies of answers of the desk itself."""

    def __init__(self, page: Page, origin: str) -> None:
        self.seen: list[str] = []
        self._origin = origin
        page.on("websocket", self._listen)
        page.on("response", lambda answer: self.seen.append(answer.url))

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._frame)

    def _frame(self, payload: str | bytes) -> None:
        self.seen.append(payload if isinstance(payload, str) else payload.decode("utf-8", "replace"))


def secrets() -> list[str]:
    """The keys of the running demo; each key id is public in every signed link, its secret nowhere."""
    running = json.loads((configured_folder() / "running.json").read_text(encoding="utf-8"))
    found = [running["secret_key"], running["read_secret_key"]]
    assert all(len(secret) > 20 for secret in found)
    return found


@dataclass(frozen=True)
class Visit:
    """What one visit of every page left behind: at the browser, on its wire, in its storage."""

    wire: str
    content: str
    shown: str
    stored: str


@pytest.fixture(scope="module")
def visit(demo: RunningApp, browser: Browser) -> Iterator[Visit]:
    """Every page by its address, with nothing given, and at last the search with a signed link pasted into it."""
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        wire = Wire(page, demo.url)
        for name in SCREENS:
            open_page(page, f"{demo.url}/{name}")
        open_page(page, f"{demo.url}/find?{urlencode({'q': SIGNED})}")
        values = page.eval_on_selector_all("input, textarea", "fields => fields.map(field => field.value).join(' ')")
        shown = page.locator("body").inner_text() + values
        stored = page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}])")
        yield Visit("\n".join(wire.seen), page.content(), shown, stored)


def test_no_secret_of_the_stores_reaches_browser_or_log(demo: RunningApp, visit: Visit) -> None:
    everything = "\n".join([visit.wire, visit.content, demo.output()])
    assert len(everything) > 10_000
    for secret in secrets():
        assert secret not in everything


def test_no_signature_stands_in_the_log_and_none_in_a_page_that_plays_nothing(demo: RunningApp, visit: Visit) -> None:
    assert "X-Amz-Signature=" not in demo.output()
    assert "pastedsignature0123" not in demo.output()
    assert "X-Amz-Signature" not in visit.content


def test_a_signed_link_that_was_pasted_is_dropped_and_never_shown(visit: Visit) -> None:
    assert "pastedsignature0123" not in visit.shown
    assert "PASTEDKEYID" not in visit.shown


def test_the_browser_stores_nothing_of_the_desk_beyond_its_cookies(visit: Visit) -> None:
    assert not re.search(r"X-Amz-|@|users/", visit.stored)


def test_every_line_of_the_log_is_an_entry(demo: RunningApp, visit: Visit) -> None:
    lines = [line for line in demo.output().splitlines() if line.startswith("{")]
    for line in lines:
        assert {"time", "level", "logger", "message"} <= set(json.loads(line))
    loose = [line for line in demo.output().splitlines() if line.strip() and not line.startswith("{")]
    assert all("Streamlit app" in line or "URL:" in line for line in loose), loose
