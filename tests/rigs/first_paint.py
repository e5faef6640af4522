"""Visits each page of the demo once: where headings stand while it loads, what it fetches, and what axe-core finds.

When it has come, the window gets four widths, one after the other: where the title stands then, and how wide all is.

A script records from the first paint on where each heading stands that can be seen; the page is looked at when it has
not changed for some frames, however long that takes. The script of a component comes when all else of the page is
there, as may happen on a busy machine: what a component without a height of its own moves is then moved each time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Browser, Page

from pages._ui.nav import SCREENS
from tests.rigs import axe
from tests.rigs.browser import SIZE
from tests.rigs.waiting import PATIENCE_MS, until

MOST_PIXELS = 8
STILL_FRAMES = 12
WIDTHS = (390, 1024, 1440, 2560)
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
    for (const link of document.querySelectorAll("link[rel=later]")) link.remove() // the scripts of other pages
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
WAITS = "[data-testid=stSkeleton], [data-testid=stSkeletonElement], [data-testid=stAppSkeleton]"
COMPLETE = """(frames) => {
  const app = document.querySelector("[data-testid=stApp]")
  const open = app?.dataset.testScriptState === "notRunning" && app.dataset.testConnectionState === "CONNECTED"
  const shown = !!app?.querySelector("h1") && !app.querySelector("WAITS") && !window.unseen && !window.scriptsToCome
  return open && window.stillFrames > frames && shown
}""".replace("WAITS", WAITS)
GRID = """() => {
  const main = document.querySelector("[data-testid=stMain]")
  const words = document.createRange() // not the element, which may have a margin inside
  words.selectNodeContents(main.querySelector("h1"))
  const title = words.getBoundingClientRect()
  const content = main.querySelector("[data-testid=stMainBlockContainer]")
  const room = getComputedStyle(content)
  const right = content.getBoundingClientRect().right - parseFloat(room.paddingRight)
  const beyond = Array.from(content.querySelectorAll("[data-testid=stElementContainer]"))
    .filter((one) => one.getBoundingClientRect().right > right + 1)
    .map((one) => one.textContent.trim().slice(0, 60))
  const seen = (one) => one.checkVisibility() && one.getBoundingClientRect().height > 0
  const boxes = (row) => Array.from(row.querySelectorAll("[data-testid=stVerticalBlock], [data-testid=stMetric]"))
    .filter((one) => seen(one) && parseFloat(getComputedStyle(one).borderTopWidth))
    .map((one) => one.getBoundingClientRect())
  const inside = (box, other) => other.left < box.left && box.right < other.right && other.top < box.top
  const cards = (row) => boxes(row).filter((box, _, all) => !all.some((other) => inside(box, other)))
  const differ = (box, other) => Math.abs(other.top - box.top) < 1 && Math.abs(other.height - box.height) > 1
  const rows = Array.from(content.querySelectorAll("[data-testid=stHorizontalBlock], [data-testid=stGrid]"))
  const uneven = rows.filter((row) => cards(row).some((box, _, all) => all.some((other) => differ(box, other))))
  const begins = (one) => Math.round(one.getBoundingClientRect().left)
  const line = "[data-testid=stVerticalBlock] > [data-testid=stElementContainer] [data-testid=stPageLink]"
  const indented = Array.from(content.querySelectorAll(line)).filter((one) => {
    const first = Array.from(one.querySelectorAll("a span")).find(seen)
    return first && Math.abs(begins(first) - begins(one.closest("[data-testid=stElementContainer]"))) > 1
  })
  const repairs = content.querySelectorAll(".st-key-video-ladder > * > [data-testid=stHorizontalBlock] > :last-child")
  const ends = new Set(Array.from(repairs, (one) => Math.round(one.getBoundingClientRect().right)))
  const named = (found) => found.map((one) => one.textContent.trim().slice(0, 60))
  return {
    uneven: named(uneven),
    indented: named(indented),
    ragged: window.innerWidth > 640 && ends.size > 1 ? Array.from(ends) : [],
    scrolls: main.scrollWidth > main.clientWidth || document.documentElement.scrollWidth > window.innerWidth,
    beyond,
    place: {
      top: Math.round(title.top + main.scrollTop),
      left: Math.round(title.left),
      width: Math.round(right - content.getBoundingClientRect().left),
    },
  }
}"""
ADDRESSES = {**{name: f"/{name}" for name, screen in SCREENS.items() if screen.listed}, "user": "/user?uid=u1"}


@dataclass(frozen=True)
class Visit:
    """Where each heading stood, one place after the other; the scripts that the head names for this page, and those
    that it used (what other pages will want is not fetched).

    `grids` holds, for each width of the window, where the title stands and how wide the page is, the rows whose cards
    have unequal heights, the links that do not begin where the text does, and whether the buttons of repairs end at
    different places (`GRID`). `violations`
    are those of the whole page, unfolded (`tests/rigs/axe.py`).
    """

    headings: dict[str, list[int]]
    named: set[str]
    fetched: set[str]
    charts: bool
    grids: dict[int, dict[str, object]]
    violations: dict[str, list[str]]
    address: str

    @property
    def farthest(self) -> int:
        """The pixels by which that heading moved which moved farthest."""
        return max((max(tops) - min(tops) for tops in self.headings.values()), default=0)

    @property
    def moved(self) -> dict[str, list[int]]:
        """The headings that moved further than they may."""
        return {text: tops for text, tops in self.headings.items() if max(tops) - min(tops) > MOST_PIXELS}


def visits(
    browser: Browser,
    url: str,
    *,
    first: Callable[[Page], object] = lambda page: None,
    last: Callable[[Page], object] = lambda page: None,
) -> dict[str, Visit]:
    """One visit to each page of the demo at this address; `first` gets the browser's page before them, `last` after."""
    with browser.new_context(viewport=SIZE) as context:
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(RECORDER)
        page = context.new_page()
        first(page)
        found = {name: _visit(page, url + address) for name, address in ADDRESSES.items()}
        video = page.locator("a.go").first.get_attribute("href") or ""
        found["video"] = _visit(page, f"{url}/{video.removeprefix('./')}")
        last(page)
        return found


def _visit(page: Page, address: str) -> Visit:
    answer = page.goto(address)
    assert answer is not None
    until(lambda: page.evaluate(COMPLETE, STILL_FRAMES), f"the end of {address}", every_seconds=0.1)
    assert page.get_by_text("Something went wrong").count() == 0, address
    # Of the page as the server sends it: Streamlit's own script adds links for what it fetches late.
    named = re.findall(r'<(?!link rel="later")[^>]*(?:href|src)="([^"]+)"', answer.text())
    fetched = page.evaluate('() => performance.getEntriesByType("resource").map((one) => one.name)')
    charts = page.get_by_test_id("stVegaLiteChart").count() > 0
    headings = page.evaluate("() => structuredClone(window.headings)")
    grids = {width: _grid(page, width) for width in WIDTHS}
    page.set_viewport_size(SIZE)
    axe.unfold(page)
    until(lambda: page.evaluate(COMPLETE, STILL_FRAMES), f"{address}, unfolded", every_seconds=0.1)
    return Visit(headings, _files(named), _files(fetched), charts, grids, axe.violations(page), address)


def _grid(page: Page, width: int) -> dict[str, object]:
    page.set_viewport_size({"width": width, "height": SIZE["height"]})
    page.evaluate("() => { window.stillFrames = 0 }")
    until(lambda: page.evaluate(COMPLETE, STILL_FRAMES), f"the page at {width} pixels", every_seconds=0.1)
    found: dict[str, object] = page.evaluate(GRID)
    return found


def _files(addresses: list[str]) -> set[str]:
    return {one.rpartition("/")[2] for one in addresses if one.endswith(".js")}
