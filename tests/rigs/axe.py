"""Looks at a page with axe-core: violations of WCAG 2.2, level A and AA, in light and in dark appearance.

Beyond these levels: headings have levels without gaps.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, Literal

from playwright.sync_api import Page

from tests.rigs.browser import ROOT
from tests.rigs.waiting import until

SCRIPT: Final = ROOT / "tests" / "vendor" / "axe-core-4.14.1" / "axe.min.js"
SCHEMES: Final[Sequence[Literal["light", "dark"]]] = ("light", "dark")
# A colour counts when it has arrived: Streamlit lets those of buttons and fields pass over into each other.
SHOWN = """(background) => {
  const probe = document.createElement("i")
  probe.style.color = background
  const app = document.querySelector("[data-testid=stApp]")
  return getComputedStyle(app).backgroundColor === probe.style.color
    && !document.getAnimations().some((one) => one instanceof CSSTransition && one.playState === "running")
}"""
# What the desk's scripts give names and roles to has them some frames after it was drawn.
STILL = """() => new Promise((done) => {
  let frames = 0
  const watcher = new MutationObserver(() => { frames = 0 })
  watcher.observe(document.body, { subtree: true, childList: true, attributes: true })
  const look = () => {
    frames += 1
    if (frames <= 20) return requestAnimationFrame(look)
    watcher.disconnect()
    done()
  }
  look()
})"""
LOOK = """async ([within, options]) => {
  const looked = { resultTypes: ["violations"], iframes: false, ...options }
  const { violations } = await axe.run(within ? document.querySelector(within) : document, looked)
  const place = ({ target, html }) => `${target.flat().at(-1)}: ${html.slice(0, 200)}`
  return violations.map(({ id, nodes }) => [id, nodes.map(place)])
}"""
COLOURS: Final = ("color-contrast", "link-in-text-block")  # what differs from one appearance to the other
TAGS: Final = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def unfold(page: Page) -> None:
    """Opens whatever is folded."""
    page.evaluate("() => document.querySelectorAll('details:not([open]) > summary').forEach((one) => one.click())")


def violations(page: Page, *, opened: str = "") -> dict[str, list[str]]:
    """Where each rule is violated, by appearance and rule; empty where none is. The page is light afterwards.

    `opened` selects what stands over a page whose own colours another test looks at: only its colours are looked at.
    """
    page.evaluate(_script())
    found = {f"{scheme}: {rule}": places for scheme in SCHEMES for rule, places in _look(page, scheme, opened)}
    page.emulate_media(color_scheme="light")
    return found


def _look(page: Page, scheme: Literal["light", "dark"], opened: str) -> list[tuple[str, list[str]]]:
    page.emulate_media(color_scheme=scheme)
    until(lambda: page.evaluate(SHOWN, background(scheme)), f"the {scheme} colours of {page.url}", every_seconds=0.1)
    page.evaluate(STILL)
    looked: list[tuple[str, list[str]]] = []
    if scheme == "light":
        rules = {"heading-order": True, **(dict.fromkeys(COLOURS, False) if opened else {})}
        chosen = {rule: {"enabled": enabled} for rule, enabled in rules.items()}
        looked += page.evaluate(LOOK, [None, {"runOnly": TAGS, "rules": chosen}])
    if scheme == "dark" or opened:
        looked += page.evaluate(LOOK, [opened, {"runOnly": {"type": "rule", "values": COLOURS}}])
    return looked


@cache
def _script() -> str:
    return SCRIPT.read_text(encoding="utf-8")


def background(scheme: Literal["light", "dark"]) -> str:
    """The colour of a page in this appearance, as the settings give it."""
    return str(_theme()[scheme]["backgroundColor"])


@cache
def _theme() -> dict[str, Any]:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    theme: dict[str, Any] = settings["theme"]
    return theme
