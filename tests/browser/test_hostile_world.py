"""A world in which every string is hostile, on every page in a real browser: text, shortened, harmless, laid out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from pages._ui.nav import SCREENS
from storage.actions import rollup
from storage.actions.objects import ObjectWriter
from storage.domain.usage import DEFAULT_LIMITS
from tests.rigs import browser
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.hostile import CLIP, LONG, TEXT, UID, VIDEO, documents
from tests.rigs.records import World
from tests.rigs.seaweed import SeaweedRig

PLACE = {"uid": UID, "video_id": VIDEO}
QUERIES: dict[str, dict[str, str]] = {
    **{name: {} for name in SCREENS},
    "find": {"q": UID},
    "user": {"uid": UID},
    "video": {**PLACE, "clip_id": CLIP},
    "uploads": {"uid": UID},
    "purge": PLACE,
}
ACTING = """() => {
  const own = [location.origin, 'blob:', 'data:']
  const bad = (url) => url && !own.some((start) => new URL(url, location.href).href.startsWith(start))
  const found = []
  for (const node of document.querySelectorAll('a[href], img[src], iframe, object, embed, form[action], script[src]')) {
    const url = node.getAttribute('href') || node.getAttribute('src') || node.getAttribute('action')
    if (bad(url) && !url.includes('X-Amz-Signature')) found.push(node.outerHTML.slice(0, 200))
  }
  for (const node of document.querySelectorAll('*'))
    for (const { name } of node.attributes) if (name.startsWith('on')) found.push(node.outerHTML.slice(0, 200))
  return found
}"""
OVERFLOWING = """() => {
  const main = document.querySelector('[data-testid=stMain]')
  const wide = main.scrollWidth > main.clientWidth + 1 || document.body.scrollWidth > innerWidth + 1
  const long = [...main.querySelectorAll('p, span, code, h1, h2, h3')].filter((one) => one.innerText?.length > 4000)
  return { wide, long: long.map((one) => one.innerText.slice(0, 80)) }
}"""


@dataclass(frozen=True)
class Desk:
    """The desk over the hostile world."""

    app: browser.RunningApp
    bucket_origin: str


@pytest.fixture(scope="module")
def desk(r2_rig: SeaweedRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Live against an emulator on this machine, as an admin."""
    bucket = r2_rig.fresh_bucket()
    writer = ObjectWriter(r2_rig.writer(bucket), bucket)
    with EmbeddedFirestore() as firestore, World(firestore) as world:
        world.put(documents())
        entries = [{"id": 1, "title": LONG, "start": "00:01", "end": "00:09", "reason": TEXT, "description": LONG}]
        writer.put(
            f"users/{UID}/{VIDEO}/highlights.json", json.dumps({"highlights": entries}).encode(), "application/json"
        )
        for name in (
            "clip_01_1_a_split.mp4",
            "clip_09_9_<img src=x onerror=alert(1)>_split.mp4",
            f"=1+1|{'W' * 120}.mp4",
        ):
            writer.put(f"users/{UID}/{VIDEO}/clips/{name}", b"no film", "text/html")
        stale = timedelta(minutes=15)
        rollup.run_rollup(world.records, world.writer, DEFAULT_LIMITS, lambda: datetime.now(UTC), stale_after=stale)
        env = r2_rig.values(bucket) | world.values()
        with browser.streamlit_app(browser.ROOT / "app.py", tmp_path_factory.mktemp("desk"), env=env) as app:
            yield Desk(app, r2_rig.endpoint)


@pytest.mark.parametrize("name", sorted(SCREENS))
def test_a_page_of_hostile_strings_shows_text_and_nothing_acts(name: str, desk: Desk, page: Page) -> None:
    path = "" if name == "overview" else name  # the first page has no address of its own
    asked, dialogs, complaints = list[str](), list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    browser.open_page(page, f"{desk.app.url}/{path}?{urlencode(QUERIES[name])}")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    browser.see_all(page)  # what is drawn, and asked for, only once it is in sight
    assert page.get_by_text(re.compile("Something went wrong|Page not found")).count() == 0
    assert page.evaluate(ACTING) == []
    assert page.evaluate(OVERFLOWING) == {"wide": False, "long": []}
    own = (f"{desk.app.url}/", desk.app.url.replace("http", "ws") + "/", f"{desk.bucket_origin}/", "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert (dialogs, complaints) == ([], [])
    assert urlsplit(page.url).netloc == urlsplit(desk.app.url).netloc


def test_the_log_of_a_hostile_world_is_still_one_entry_a_line(desk: Desk) -> None:
    lines = desk.app.output().splitlines()
    assert not any(char in line for line in lines for char in "\x1b\x07\x00\u202e")
    assert all(len(line) < 20_000 for line in lines)
