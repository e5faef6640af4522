"""How long a page takes until it is complete in a browser, beside a bare page of the same Streamlit.

    python -m benchmarks.felt [--rounds 5] [--page fleet] [--page audit]

A page is complete with the last change of its DOM, after which nothing changes for a second. Each round opens a page
three ways: cold (a browser profile that has nothing), warm (a new tab of that profile), and by the side bar of a tab
that has not shown it. The desk and the bare app are servers of their own and are looked at in turn.

By the side bar the time begins with Playwright's command to click, as in the measurement that the targets come from: it
waits until the link stands still, moves the pointer and presses. What of it passes after the page has got the click is
a row of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks.timing import Measured
from pages._ui.nav import HOME, SCREENS
from tests.rigs import first_paint
from tests.rigs.browser import LAUNCH_ARGS, ROOT, SIZE, chromium, streamlit_app
from tests.rigs.waiting import PATIENCE_MS, until

Way = Literal["cold", "warm", "click", "event"]
WAYS: Final[dict[Way, str]] = {
    "cold": "cold",
    "warm": "in a warm new tab",
    "click": "by the side bar",
    "event": "by the side bar, since its click",
}
ROUNDS: Final = 5
QUIET_MS: Final = 1_000
MOST: Final[dict[Way, float]] = {"cold": 1.6, "warm": 2.0, "click": 2.5}  # of an empty page; `event` has no target
MOST_CHARTED: Final = 1.3  # of a bare page with a table and a chart
EMPTY, CHARTED = "an empty page", "a bare page with a table and a chart"
WATCHER: Final = """
(() => {
  const felt = { begun: 0, clicked: 0, changed: 0, what: "" }
  window.felt = felt
  const named = (node) => node.closest?.("[data-testid]")?.dataset.testid ?? node.nodeName
  const watcher = new MutationObserver((changes) => {
    felt.changed = performance.now()
    const { type, target, attributeName } = changes.at(-1)
    felt.what = `${type} ${attributeName ?? ""} of ${named(target.nodeType === 1 ? target : target.parentElement)}`
  })
  document.addEventListener("DOMContentLoaded", () => {
    watcher.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true })
  })
})()
"""
LINK: Final = """(path) => {
  const links = Array.from(document.querySelectorAll("[data-testid=stSidebarNavLink]"))
  document.addEventListener("click", () => { felt.clicked = performance.now() }, { capture: true, once: true })
  felt.begun = felt.changed = performance.now()
  return links.find((one) => new URL(one.href).pathname === path)
}"""
COMPLETE: Final = """([path, quiet]) => {
  const app = document.querySelector("[data-testid=stApp]")
  const ran = app?.dataset.testScriptState === "notRunning" && app.dataset.testConnectionState === "CONNECTED"
  const shown = ran && !!app.querySelector("h1") && !app.querySelector("WAITS, [data-stale=true]")
  return shown && location.pathname === path && performance.now() - felt.changed > quiet
}""".replace("WAITS", first_paint.WAITS)
SEEN: Final = """() => ({
  seconds: (felt.changed - felt.begun) / 1000,
  since_click: (felt.changed - felt.clicked) / 1000,
  what: felt.what,
  charts: document.querySelectorAll("[data-testid=stVegaLiteChart]").length,
  elements: document.querySelectorAll("[data-testid=stMain] *").length,
  files: performance.getEntriesByType("resource").length,
})"""


@dataclass(frozen=True, slots=True)
class Look:
    """One page opened once: seconds until it was complete, what changed last, and what it then was.

    `since_click` means something only where it was opened by the side bar.
    """

    seconds: float
    since_click: float
    what: str
    charts: int
    elements: int
    files: int


@dataclass(frozen=True, slots=True)
class Felt:
    """One page opened one way: the rounds of the desk's page and of the bare page."""

    page: str
    way: Way
    charts: bool
    ours: Measured
    theirs: Measured
    last: Look

    @property
    def against(self) -> str:
        """The bare page."""
        return CHARTED if self.charts else EMPTY

    @property
    def most(self) -> float | None:
        """The largest ratio that is well, where there is one."""
        return MOST_CHARTED if self.charts and self.way in MOST else MOST.get(self.way)

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return self.ours.median / self.theirs.median


@dataclass(frozen=True, slots=True)
class Found:
    """All that was measured: the times, and by page what moved and what not everybody can use."""

    times: list[Felt]
    moved: dict[str, int]
    violations: dict[str, int]


class Server:
    """One of the two servers, as a browser opens its pages."""

    def __init__(self, url: str, addresses: dict[str, str]) -> None:
        self._url = url
        self.addresses = addresses

    def opened(self, context: BrowserContext, name: str) -> tuple[Page, Look]:
        """A new tab with this page, complete."""
        tab = context.new_page()
        tab.goto(self._url + self.addresses[name], wait_until="commit")
        return tab, self._complete(tab, name)

    def clicked(self, tab: Page, name: str) -> Look:
        """The page after a click in the side bar of this tab."""
        link = tab.evaluate_handle(LINK, self._path(name)).as_element()
        assert link is not None, name
        link.click()
        return self._complete(tab, name)

    def _path(self, name: str) -> str:
        return self.addresses[name].partition("?")[0]

    def _complete(self, tab: Page, name: str) -> Look:
        there = [self._path(name), QUIET_MS]
        until(lambda: tab.evaluate(COMPLETE, there), f"the end of {name}", every_seconds=0.1)
        return Look(**tab.evaluate(SEEN))


Looks = Iterator[tuple[str, Way, Look]]


def visit(browser: Browser, server: Server, name: str, onwards: Sequence[str], *, begin: str = "") -> Looks:
    """Opens a page in a new profile, again in a new tab, and from there (or from `begin`) clicks to the others."""
    with browser.new_context(viewport=SIZE) as context:
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(WATCHER)
        tab, look = server.opened(context, name)
        yield name, "cold", look
        tab.close()
        tab, look = server.opened(context, name)
        yield name, "warm", look
        if begin:
            tab.close()
            tab, look = server.opened(context, begin)
            yield begin, "warm", look
        for other in onwards:
            yield other, "click", server.clicked(tab, other)


def routes(charts: dict[str, bool], wanted: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Each page with the pages that its warm tab clicks to: each listed page once, charts last.

    A tab that has shown a chart has its script; so no tab that clicks has shown one before.
    """
    listed = [name for name in wanted if SCREENS[name].listed]
    plain = [name for name in charts if SCREENS[name].listed and not charts[name]]
    onwards: dict[str, list[str]] = defaultdict(list)
    for number, name in enumerate(sorted(listed, key=charts.__getitem__)):
        start = plain[number % len(plain)]
        onwards[start if start != name else plain[(number + 1) % len(plain)]].append(name)
    return [(name, onwards[name]) for name in dict.fromkeys((*wanted, *onwards))]


def one_round(browser: Browser, desk: Server, bare: Server, way: Sequence[tuple[str, list[str]]]) -> Looks:
    """All pages once, the bare ones amid them."""
    half = len(way) // 2
    for name, onwards in way[:half]:
        yield from visit(browser, desk, name, onwards)
    yield from visit(browser, bare, "first", ["second"])
    yield from visit(browser, bare, "charted", ["second", "charted"], begin="first")
    for name, onwards in way[half:]:
        yield from visit(browser, desk, name, onwards)


@contextmanager
def servers(browser: Browser) -> Iterator[tuple[Server, Server, dict[str, first_paint.Visit]]]:
    """The desk over new sample data, and the bare app. Each of the desk's pages has been visited."""
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder)
        app = partial(streamlit_app, log_dir=logs, by_command=True)
        with (
            app(ROOT / "app.py", env={"DEMO_FOLDER": str(logs / "demo")}) as desk,
            app(ROOT / "benchmarks" / "bare.py") as bare,
        ):
            visits = first_paint.visits(browser, desk.url)
            addresses = {name: found.address.removeprefix(desk.url) for name, found in visits.items()}
            simple = {"first": "/", "second": "/second", "charted": "/charted"}
            yield Server(desk.url, addresses | {HOME: "/"}), Server(bare.url, simple), visits


def measure(rounds: int = ROUNDS, pages: Sequence[str] = ()) -> Found:
    """Everything, of all pages or of some. Raises `RuntimeError` where no Chromium is."""
    program = chromium()
    if program is None:
        raise RuntimeError("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(LAUNCH_ARGS))
        with servers(browser) as (desk, bare, visits):
            charts = {name: found.charts for name, found in visits.items()}
            way = routes(charts, pages or list(desk.addresses))
            looks: dict[tuple[str, Way], list[Look]] = defaultdict(list)
            for _ in visit(browser, bare, "charted", ["first", "second"]):
                pass  # the desk's server has shown each of its pages, so this one does, too
            for number in range(rounds):
                turned = way[number % len(way) :] + way[: number % len(way)]
                for name, how, look in one_round(browser, desk, bare, turned):
                    looks[name, how].append(look)
                sys.stderr.write(f"  round {number + 1} of {rounds}\n")
        browser.close()
    return Found(
        [_felt(looks, name, how, charts[name]) for name in charts for how in WAYS if looks[name, _opened(how)]],
        {name: one.farthest for name, one in visits.items()},
        {name: sum(map(len, one.violations.values())) for name, one in visits.items()},
    )


def _opened(how: Way) -> Way:
    return "click" if how == "event" else how


def _felt(looks: dict[tuple[str, Way], list[Look]], name: str, how: Way, charts: bool) -> Felt:
    opened = _opened(how)
    bare = "charted" if charts else "second" if opened == "click" else "first"
    seconds = attrgetter("since_click" if how == "event" else "seconds")
    ours, theirs = (Measured(page, tuple(map(seconds, looks[page, opened]))) for page in (name, bare))
    return Felt(name, how, charts, ours, theirs, looks[name, opened][-1])


def main() -> None:
    """Prints each page with what changed last on it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--page", action="append", choices=SCREENS, default=[])
    given = parser.parse_args()
    found = measure(given.rounds, given.page)
    for one in found.times:
        size = f"{one.last.charts} charts, {one.last.elements} elements, {one.last.files} files"
        times = f"{one.ratio:.2f} of {one.most or '-'}  {one.ours.median:.2f} s of {one.theirs.median:.2f} s"
        sys.stdout.write(f"{one.page:<11} {one.way:<6} {times}  {size}; last: {one.last.what}\n")
    sys.stdout.write(f"moved {found.moved}\nviolations {found.violations}\n")


if __name__ == "__main__":
    main()
