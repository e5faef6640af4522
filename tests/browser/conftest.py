"""Gives browser tests a Chromium, or leaves them out where there is none; a run that must have one fails instead."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from tests.rigs import browser as rig
from tests.rigs.waiting import PATIENCE_MS

FOLDER = Path(__file__).parent
FAILED = pytest.StashKey[bool]()
MUCH_HISTORY = 20  # entries of a tab, which has room for 50: a test may count them
MISSING = "no chromium on this machine: the browser tests are left out"

if rig.chromium() is None and rig.browser_required():
    raise pytest.UsageError("no chromium on this machine, and this run must have one (CI, CLIPDESK_REQUIRE_REFEREES)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves this folder's tests out where no browser is there to run them."""
    if rig.chromium() is None:
        left_out = [item for item in items if FOLDER in item.path.parents]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def pytest_report_collectionfinish() -> str | None:
    """Says once that tests are left out."""
    return MISSING if rig.chromium() is None else None


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One headless Chromium for this folder, and no longer: Playwright keeps an event loop in this thread."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=rig.chromium(), args=[*rig.LAUNCH_ARGS, *rig.SPARING_ARGS]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rig.RunningApp]:
    """The demo as `make run` starts it, for tests that only look."""
    with rig.streamlit_app(rig.ROOT / "app.py", tmp_path_factory.mktemp("demo-log"), by_command=True) as app:
        yield app


class Tab:
    """One tab for all tests that want no browser profile of their own: what a page's scripts are compiled to stays.

    A page opens in a fifth of the time that it takes in a new profile. Cookies, storage, permissions, size, appearance
    and listeners are every test's own; after a test that failed, so is the profile.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._page: Page | None = None
        self._listeners: list[tuple[Any, Callable[..., Any]]] = []
        self.errors: list[str] = []

    def fresh(self) -> Page:
        """The tab as a new one would be."""
        if self._page is None:
            self._page = self._opened()
        page = self._page
        page.set_viewport_size(rig.SIZE)
        page.emulate_media(color_scheme="light", forced_colors="none")
        self.errors.clear()
        return page

    def leave(self, *, failed: bool) -> None:
        """Forgets what a test did."""
        page, self._page = self._page, None
        if page is None:
            return
        if failed or page.is_closed():
            page.context.close()
            return
        for event, act in self._listeners:
            page.remove_listener(event, act)
        self._listeners.clear()
        for other in page.context.pages:
            if other is not page:
                other.close()
        address = urlsplit(page.url)
        if address.scheme in {"http", "https"}:  # a page without an address has no storage
            page.evaluate("() => { localStorage.clear(); sessionStorage.clear() }")
            if not _go_aside(page, f"{address.scheme}://{address.netloc}"):
                page.context.close()
                return
        else:
            page.goto("about:blank")
        page.context.clear_cookies()
        page.context.clear_permissions()
        self._page = page
        if page.evaluate("() => history.length") > MUCH_HISTORY:
            self._page = self._heard(page.context)
            self._page.goto(page.url)
            page.close()

    def _opened(self) -> Page:
        return self._heard(self._browser.new_context(**rig.PROFILE))

    def _heard(self, context: BrowserContext) -> Page:
        self._listeners.clear()
        page = _page_of(context, self.errors)
        listen = page.on

        def on(event: Any, act: Callable[..., Any]) -> None:
            self._listeners.append((event, act))
            listen(event, act)

        page.on = on  # type: ignore[method-assign]
        return page


def _go_aside(page: Page, origin: str) -> bool:
    """Leaves a page for one without scripts of the same server; false where the server no longer answers.

    The browser makes a new process for a page of another site, also after `about:blank`, and that doubles the cost of
    opening it.
    """
    try:
        page.goto(f"{origin}/_stcore/health")
    except Error:
        return False  # the browser is on its way to its own page about that, which no other address can follow yet
    return True


def _page_of(context: BrowserContext, errors: list[str]) -> Page:
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    return page


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Makes pages in a browser profile of their own; keywords go to the profile. An error in a page's script fails."""
    errors: list[str] = []
    with ExitStack() as stack:

        def make(**options: Any) -> Page:
            context = browser.new_context(**{**rig.PROFILE, **options})
            stack.callback(context.close)
            return _page_of(context, errors)

        yield make
    assert errors == []


@pytest.fixture(scope="package")
def tab(browser: Browser) -> Tab:
    """The tab of this folder."""
    return Tab(browser)


@pytest.fixture
def page(tab: Tab, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of ordinary size in light appearance. An error in a page's script fails."""
    yield tab.fresh()
    errors = list(tab.errors)
    tab.leave(failed=bool(errors) or request.node.stash.get(FAILED, False))
    assert errors == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tells the fixture of the page how the test ended."""
    report = yield
    item.stash[FAILED] = report.failed
    return report
