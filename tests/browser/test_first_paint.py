"""What a page of the demo does while it loads: nothing that was read moves, and no script is asked for late.

When it has come, everything on it is unfolded and everybody can use it: axe-core finds no violation, light or dark.

A script records from the first paint on where each heading stands that can be seen; the page is looked at when it has
not changed for some frames, however long that takes. The script of a component comes when all else of the page is
there, as may happen on a busy machine: what a component without a height of its own moves is then moved each time.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page

from pages._ui.nav import SCREENS
from pages._ui.server import preloads
from tests.rigs import axe
from tests.rigs.browser import RunningApp
from tests.rigs.waiting import PATIENCE_MS, until

MOST_PIXELS = 8
STILL_FRAMES = 12
UNNAMED: set[str] = set()  # what may be asked for late
RECORDER = """
(() => {
  const addressed = URL.createObjectURL.bind(URL)
  window.scriptsToCome = 0
  window.restOfPage = async () => {
    const there = () => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning"
    for (let frames = 0; frames < FRAMES; frames = there() ? frames + 1 : 0) await new Promise(requestAnimationFrame)
    window.scriptsToCome -= 1
    window.stillFrames = 0
  }
  URL.createObjectURL = (given) => {
    if (given.type !== "text/javascript") return addressed(given)
    window.scriptsToCome += 1
    return addressed(new Blob(["await window.restOfPage();", given], { type: given.type }))
  }
  const seen = {}
  window.headings = seen
  window.stillFrames = 0
  const watcher = new MutationObserver(() => { window.stillFrames = 0 })
  document.addEventListener("DOMContentLoaded", () => {
    watcher.observe(document.body, { subtree: true, childList: true, attributes: true })
  })
  const look = () => {
    window.stillFrames += 1
    const main = document.querySelector("[data-testid=stMain]")
    const counts = {}
    window.unseen = 0
    for (const one of main?.querySelectorAll("h1, h2, h3, h4, h5, h6") ?? []) {
      const box = one.getBoundingClientRect()
      if (!box.height) continue
      if (!one.checkVisibility({ opacityProperty: true, visibilityProperty: true })) {
        window.unseen += 1
        continue
      }
      const text = one.textContent.trim()
      counts[text] = (counts[text] ?? 0) + 1
      const tops = (seen[`${text} (${counts[text]})`] ??= [])
      const top = Math.round(box.top + main.scrollTop)
      if (tops.at(-1) !== top) tops.push(top)
    }
    requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
})()
""".replace("FRAMES", str(STILL_FRAMES))
COMPLETE = """(frames) => {
  const app = document.querySelector("[data-testid=stApp]")
  const open = app?.dataset.testScriptState === "notRunning" && app.dataset.testConnectionState === "CONNECTED"
  const waits = "[data-testid=stSkeleton], [data-testid=stSkeletonElement], [data-testid=stAppSkeleton]"
  const shown = !!app?.querySelector("h1") && !app.querySelector(waits) && !window.unseen && !window.scriptsToCome
  return open && window.stillFrames > frames && shown
}"""
ADDRESSES = {**{name: f"/{name}" for name, screen in SCREENS.items() if screen.listed}, "user": "/user?uid=u1"}


@dataclass(frozen=True)
class Visit:
    """Where each heading stood, one place after the other; the scripts that the head names, and those that came.

    `violations` are those of the whole page, unfolded (`tests/rigs/axe.py`).
    """

    headings: dict[str, list[int]]
    named: set[str]
    fetched: set[str]
    charts: bool
    violations: dict[str, list[str]]


@pytest.fixture(scope="module")
def visits(demo: RunningApp, browser: Browser) -> dict[str, Visit]:
    """One visit to each page."""
    with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(RECORDER)
        page = context.new_page()
        found = {name: _visit(page, demo.url + address) for name, address in ADDRESSES.items()}
        video = page.locator("a.go").first.get_attribute("href")
        return found | {"video": _visit(page, f"{demo.url}/{video}")}


def _visit(page: Page, address: str) -> Visit:
    page.goto(address)
    until(lambda: page.evaluate(COMPLETE, STILL_FRAMES), f"the end of {address}", every_seconds=0.1)
    assert page.get_by_text("Something went wrong").count() == 0, address
    named, fetched = page.evaluate(
        """() => [
          Array.from(document.head.querySelectorAll("link[href], script[src]"), (one) => one.href || one.src),
          performance.getEntriesByType("resource").map((one) => one.name),
        ]"""
    )
    charts = page.get_by_test_id("stVegaLiteChart").count() > 0
    headings = page.evaluate("() => structuredClone(window.headings)")
    axe.unfold(page)
    until(lambda: page.evaluate(COMPLETE, STILL_FRAMES), f"{address}, unfolded", every_seconds=0.1)
    return Visit(headings, _files(named), _files(fetched), charts, axe.violations(page))


def _files(addresses: list[str]) -> set[str]:
    return {one.rpartition("/")[2] for one in addresses if one.endswith(".js")}


@pytest.mark.parametrize("name", [*ADDRESSES, "video"])
def test_no_heading_moves_from_where_it_was_first_seen(visits: dict[str, Visit], name: str) -> None:
    headings = visits[name].headings
    assert headings
    moved = {text: tops for text, tops in headings.items() if max(tops) - min(tops) > MOST_PIXELS}
    assert moved == {}


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
