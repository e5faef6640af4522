"""Hostile strings in a real browser: Streamlit's own Markdown shows them as they are, and asks nobody for anything."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pages._ui.kit.text import plain
from tests.rigs import browser, media

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "tests" / "browser" / "apps" / "text_desk.py"
ACTIVE = (
    "a, img, code, pre, strong, em, del, h1, h2, h3, ul, ol, li, table, blockquote, hr, input, svg, script, iframe, "
    ".katex, [style], [role=img]"
)
KNOWN = [
    "![x](http://evil.example/p.png)",
    "<img src=http://evil.example/p.png onerror=alert(1)>",
    "[click me](http://evil.example)",
    "<http://evil.example> http://evil.example HTTPS://EVIL.example www.evil.example WWW.Evil.Example",
    "alice@evil.example mailto:alice@evil.example",
    "[ref]: http://evil.example\n\n[ref]",
    "[^1] text\n\n[^1]: http://evil.example",
    ":red[colour] :red-background[x] :green-badge[ok] :small[x] :shimmer[x] :help[x]",
    ':color[x]{foreground="red"}',
    ":tada: :+1: :material/home: :material_home: :streamlit:",
    "a -> b <- c <-> d -- e >= f <= g ~= h",
    "$x^2$ $$y$$ \\(z\\) costs $5 and $6",
    "`code` ```mermaid\ngraph TD\n``` ~~~\nx\n~~~",
    "# heading\n## two\n- list\n1. one\n> quote\n---\n| a | b |\n|---|---|\n| c | d |",
    "**bold** __bold__ *it* _it_ ~~gone~~ ~gone~",
    "    four blanks\n\ttab",
    "&lt;b&gt; &#58;tada&#58; &amp;",
    "\\*not\\* \\\\ \\[x\\](y)",
    "\u202ereversed\u202c \u2066isolated\u2069 zero\u200bwidth \ufeffbom",
    "שלום <b>עולם</b> *abc*",
    "<script>alert(1)</script><!-- x --><style>*{display:none}</style>",
    "trailing backslash\\",
    "]] [[ }} {{ :color[\\@] ]",
]
PARTS = [
    *":@_[]()!`$*~<>-=#|{}\\&;/.+1",
    " ",
    "\n",
    "->",
    "--",
    "1. ",
    "&amp;",
    ":red[",
    "<b>",
    "www.",
    "http://",
    "https://",
]
PARTS += [
    "evil.example",
    "tada",
    "material/",
    "home",
    "material_home",
    "streamlit",
    "color[",
    "x",
    "é",
    "a@b.co",
    "\u202e",
    "ש",
]


def nasty() -> list[str]:
    """The known tricks, and strings put together from their parts, always the same ones."""
    chance = random.Random(20251122)
    made = ["".join(chance.choices(PARTS, k=chance.randint(2, 14))) for _ in range(260)]
    return KNOWN + [one for one in made if one.strip()]


@dataclass(frozen=True)
class Shown:
    """The page, the strings on it, and the server that it must never ask."""

    url: str
    cases: list[str]
    evil: media.MediaServer


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("text")
    cases = nasty()
    (folder / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
    with media.serving(folder) as evil:
        env = {"NASTY": str(folder / "cases.json"), "EVIL": evil.base}
        with browser.streamlit_app(APP, folder, env=env) as app:
            yield Shown(app.url, cases, evil)


@pytest.fixture
def asked(page: Page) -> list[str]:
    """Every address that the page asked for, but for the application's own."""
    found: list[str] = []
    page.on("request", lambda request: found.append(request.url))
    return found


def test_markdown_shows_every_hostile_string_as_it_is_and_makes_nothing_of_it(
    page: Page, shown: Shown, asked: list[str]
) -> None:
    browser.open_page(page, shown.url)
    page.wait_for_selector(f".st-key-case-{len(shown.cases) - 1} p", state="attached")
    drawn = page.evaluate(
        """([count, active]) => Array.from({ length: count }, (_, number) => {
          const one = document.querySelector(`.st-key-case-${number} [data-testid=stMarkdownContainer]`)
          return [one.textContent, Array.from(one.querySelectorAll(active), (node) => node.outerHTML)]
        })""",
        [len(shown.cases), ACTIVE],
    )
    for case, (text, active) in zip(shown.cases, drawn, strict=True):
        assert active == [], case
        assert text.strip() == plain(case, 400).strip(), case


def test_no_place_on_a_page_links_to_or_asks_a_foreign_host(page: Page, shown: Shown, asked: list[str]) -> None:
    browser.open_page(page, shown.url)
    places = page.locator(".st-key-places")
    expect(places.get_by_test_id("stTable")).to_be_visible()
    places.get_by_test_id("stMetric").hover()
    for name in ("a[href]:not([href^='#'])", "img"):
        assert places.locator(name).count() == 0
    page.get_by_role("button", name="x").first.hover()
    expect(page.get_by_role("tooltip").first).to_be_visible()
    assert (
        page.locator("[role=tooltip] a, [role=tooltip] img, [data-testid=stToast] a, [data-testid=stToast] img").count()
        == 0
    )
    assert [url for url in asked if not url.startswith((shown.url, "data:", "blob:"))] == []
    assert shown.evil.requests == []


def test_the_copy_button_copies_exactly_and_says_so(page: Page, shown: Shown) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    browser.open_page(page, shown.url)
    button = page.get_by_role("button", name="Copy customer id")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("customer id copied")).to_be_attached()
    expect(button).to_have_text("Copied")
    assert page.evaluate("() => navigator.clipboard.readText()") == "uid ✓ <b>*x*</b>"
    expect(button).to_have_text("Copy")
    page.get_by_role("button", name="Copy", exact=True).click()
    assert page.evaluate("() => navigator.clipboard.readText()") == "second"


def test_copying_works_where_a_browser_has_no_clipboard_interface(new_page: Callable[..., Page], shown: Shown) -> None:
    page = new_page()
    page.add_init_script(
        "Object.defineProperty(window, 'isSecureContext', { value: false });"
        "document.addEventListener('copy', () => { window.copied = document.activeElement.value })"
    )
    browser.open_page(page, shown.url)
    page.get_by_role("button", name="Copy customer id").click()
    expect(page.get_by_role("button", name="Copy customer id")).to_have_text("Copied")
    assert page.evaluate("() => window.copied") == "uid ✓ <b>*x*</b>"
    expect(page.get_by_role("button", name="Copy customer id")).to_be_focused()
