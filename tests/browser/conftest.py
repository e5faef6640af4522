"""Gives browser tests a Chromium, or leaves them out where there is none; a run that must have one fails instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.rigs import browser as rig
from tests.rigs.waiting import PATIENCE_MS

FOLDER = Path(__file__).parent
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
        launched = playwright.chromium.launch(executable_path=rig.chromium(), args=list(rig.LAUNCH_ARGS))
        yield launched
        launched.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Makes pages in a browser profile of their own; keywords go to the profile. An error in a page's script fails."""
    errors: list[str] = []
    with ExitStack() as stack:

        def make(**options: Any) -> Page:
            context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **options})
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            return page

        yield make
    assert errors == []


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A page of ordinary size in light appearance."""
    return new_page()
