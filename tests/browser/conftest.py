"""Gives browser tests a Chromium, or leaves them out where there is none; a run that must have one fails instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.rigs import browser as rig

_MISSING = "no chromium on this machine: the browser tests are left out"
collect_ignore_glob: list[str] = []

if rig.chromium() is None:
    if rig.browser_required():
        raise pytest.UsageError(
            "no chromium on this machine, and this run must have one (CI, CLIPDESK_REQUIRE_REFEREES)"
        )
    collect_ignore_glob = ["test_*.py"]


def pytest_configure(config: pytest.Config) -> None:
    """Says once that tests are left out; a report header comes too early for this folder's configuration."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if collect_ignore_glob and reporter is not None:
        reporter.write_line(_MISSING, yellow=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all tests."""
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
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            return page

        yield make
    assert errors == []


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A page of ordinary size in light appearance."""
    return new_page()
