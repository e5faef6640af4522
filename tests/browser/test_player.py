"""The clip player in a real browser: when it fetches, how it survives the page around it, and what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.rigs import browser, media, waiting
from tests.rigs.browser import until_script

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "tests" / "browser" / "apps" / "player_desk.py"
PLAYS_ON = "video => video.currentTime > 0.3 && !video.paused && video.error === null"


@dataclass
class Desk:
    """The page under test, its media server, and what the desk itself is told about the bucket."""

    url: str
    media: media.MediaServer
    control: Path

    def knows(self, **facts: Any) -> None:
        """What signing does from now on; see the script."""
        self.control.write_text(json.dumps(facts), encoding="utf-8")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("player")
    control = folder / "control.json"
    control.write_text("{}", encoding="utf-8")
    with media.serving(ROOT / "storage" / "sandbox" / "media") as files:
        env = {"MEDIA_BASE": files.base, "MEDIA_CONTROL": str(control)}
        with browser.streamlit_app(APP, folder, env=env) as app:
            yield Desk(app.url, files, control)


@pytest.fixture
def dead_port() -> Iterator[int]:
    with waiting.dead_port() as port:
        yield port


@pytest.fixture
def desk(running: Desk) -> Desk:
    running.media.reset()
    running.knows()
    return running


def play_button(page: Page, title: str = "The first clip") -> Locator:
    return page.get_by_role("button", name=f"Play: {title}")


def video(page: Page) -> Locator:
    return page.locator("video")


def start(page: Page, desk: Desk, query: str = "") -> None:
    browser.open_page(page, desk.url + query)
    play_button(page).click()
    until_script(video(page), PLAYS_ON)


def position(page: Page) -> float:
    return float(video(page).evaluate("video => video.currentTime"))


def test_a_clip_plays_in_its_card_after_a_click(page: Page, desk: Desk) -> None:
    start(page, desk)
    assert video(page).evaluate("video => [video.videoWidth > 0, video.readyState >= 2]") == [True, True]
    assert [status for _, _, status in desk.media.of("clip_a.mp4")] == [200]


def test_nothing_but_thumbnails_is_fetched_before_a_click_and_nothing_is_signed(page: Page, desk: Desk) -> None:
    browser.open_page(page, desk.url)
    expect(play_button(page)).to_be_visible()
    cards = page.get_by_test_id("stBidiComponentIsolated")
    until_script(cards, "node => node.shadowRoot.querySelectorAll('img')[1].complete")
    assert {name for name, _, _ in desk.media.requests} == {"clip_a.jpg", "clip_b.jpg"}
    expect(page.get_by_text("signed []")).to_be_visible()
    assert video(page).count() == 0


def test_a_clip_plays_with_the_keyboard_alone_and_the_focus_comes_back(page: Page, desk: Desk) -> None:
    browser.open_page(page, desk.url)
    play_button(page).focus()
    page.keyboard.press("Enter")
    until_script(video(page), PLAYS_ON)
    page.get_by_role("button", name="Close the player").press("Enter")
    expect(video(page)).to_have_count(0)
    expect(play_button(page)).to_be_focused()


def test_playing_goes_on_over_reruns_and_elements_put_above_without_fetching_again(page: Page, desk: Desk) -> None:
    start(page, desk)
    video(page).evaluate("video => { window.first = video; video.loop = true }")
    fetched = len(desk.media.of("clip_a.mp4"))
    page.get_by_role("button", name="Rerun", exact=True).click()
    expect(page.get_by_text("reruns 1")).to_be_visible()
    page.get_by_text("Insert above").click()
    expect(page.get_by_text("An element that pushes")).to_be_visible()
    before = position(page)
    until_script(video(page), f"video => video === window.first && !video.paused && video.currentTime !== {before}")
    assert len(desk.media.of("clip_a.mp4")) == fetched
    expect(page.get_by_text("signed ['play clip-a']")).to_be_visible()


def test_a_link_that_ends_while_playing_is_renewed_and_playing_goes_on_where_it_was(page: Page, desk: Desk) -> None:
    desk.media.extra["clip_a.mp4"] = media.tone(60)
    desk.media.stall_after(400_000)
    start(page, desk)
    video(page).evaluate("video => { video.currentTime = 5 }")
    until_script(video(page), "video => video.currentTime > 5.2")
    desk.media.expired.add(("clip_a.mp4", "1"))
    desk.media.release()
    until_script(video(page), "video => video.src.endsWith('token=2') && video.currentTime > 5.2 && !video.paused")
    assert [(token, status) for _, token, status in desk.media.of("clip_a.mp4")][-1] == ("2", 200)
    assert ("clip_a.mp4", "1", 403) in desk.media.requests
    expect(page.get_by_text("signed ['play clip-a', 'renew clip-a']")).to_be_visible()


def test_a_link_about_to_end_is_renewed_before_it_does(page: Page, desk: Desk) -> None:
    desk.knows(life=3)
    desk.media.extra["clip_a.mp4"] = media.tone(60)
    desk.media.stall_after(400_000)
    start(page, desk)
    desk.knows(life=900)
    until_script(video(page), "video => video.src.endsWith('token=2') && video.currentTime > 1 && !video.paused")
    assert {status for _, _, status in desk.media.of("clip_a.mp4")} <= {200, 206}


def test_a_link_that_ended_before_play_is_replaced_and_starts(page: Page, desk: Desk) -> None:
    desk.media.expired.add(("clip_a.mp4", "1"))
    browser.open_page(page, desk.url)
    play_button(page).click()
    until_script(video(page), PLAYS_ON)
    expect(page.get_by_text("signed ['play clip-a', 'renew clip-a']")).to_be_visible()
    assert desk.media.of("clip_a.mp4")[-1][1:] == ("2", 200)


def test_a_missing_file_is_called_missing(page: Page, desk: Desk) -> None:
    desk.knows(absent=["clip-a"])
    desk.media.missing.add("clip_a.mp4")
    browser.open_page(page, desk.url)
    play_button(page).click()
    expect(page.get_by_role("status").get_by_text("The file is not in the bucket.").first).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_a_refusal_is_told_apart_from_a_missing_file(page: Page, desk: Desk) -> None:
    desk.media.refused.add("clip_a.mp4")
    browser.open_page(page, desk.url)
    play_button(page).click()
    expect(page.get_by_text("The bucket answered, but did not deliver the file")).to_be_visible()


def test_what_the_desk_itself_may_not_do_is_said_in_its_words(page: Page, desk: Desk) -> None:
    desk.knows(denied=["clip-a"])
    browser.open_page(page, desk.url)
    play_button(page).click()
    expect(page.get_by_text("The bucket refused the desk: HeadObject was refused")).to_be_visible()
    desk.knows(forbidden=["clip-a"])
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Your role may not play clips.")).to_be_visible()
    assert desk.media.of("clip_a.mp4") == []


def test_trying_again_plays_once_the_fault_is_gone(page: Page, desk: Desk) -> None:
    desk.media.refused.add("clip_a.mp4")
    browser.open_page(page, desk.url)
    play_button(page).click()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    desk.media.refused.clear()
    page.get_by_role("button", name="Try again").click()
    until_script(video(page), PLAYS_ON)


def test_data_that_no_browser_plays_is_called_so_and_no_link_is_signed_for_it(page: Page, desk: Desk) -> None:
    desk.media.extra["clip_a.mp4"] = b"\x00\x00\x00\x18ftypisom" + bytes(5_000)
    browser.open_page(page, desk.url)
    play_button(page).click()
    expect(page.get_by_text("This browser cannot play the file")).to_be_visible()
    expect(page.get_by_text("signed ['play clip-a']")).to_be_visible()


def test_a_bucket_on_loopback_that_does_not_answer_is_explained(page: Page, desk: Desk, dead_port: int) -> None:
    dead = f"127.0.0.1:{dead_port}"
    desk.knows(base=f"http://{dead}")
    browser.open_page(page, desk.url)
    play_button(page).click()
    expect(page.get_by_text(f"Your browser cannot reach the demo's bucket at {dead}.")).to_be_visible()


def test_where_the_page_may_not_ask_whether_the_bucket_answers_it_claims_nothing(
    new_page: Callable[..., Page], desk: Desk, dead_port: int
) -> None:
    page = new_page()
    page.add_init_script(
        "const ask = window.fetch; window.fetch = (url, ...rest) => {"
        " if (!String(url).includes('clip_a')) return ask(url, ...rest);"
        " document.dispatchEvent(new Event('securitypolicyviolation'));"
        " return Promise.reject(new TypeError('blocked')) }"
    )
    desk.knows(base=f"http://127.0.0.1:{dead_port}")
    browser.open_page(page, desk.url)
    play_button(page).click()
    expect(page.get_by_text("refused, missing, or out of reach")).to_be_visible()


def test_starting_one_clip_pauses_the_other(page: Page, desk: Desk) -> None:
    start(page, desk)
    page.get_by_role("button", name="Play: <img").click()
    until_script(video(page).nth(1), PLAYS_ON)
    until_script(video(page).first, "video => video.paused")


def test_a_clip_whose_file_is_known_to_be_gone_offers_nothing_but_the_words(page: Page, desk: Desk) -> None:
    browser.open_page(page, desk.url)
    card = page.get_by_role("listitem").filter(has_text="A clip whose file is gone")
    expect(card.get_by_text("The file is not in the bucket.")).to_be_visible()
    for name in ("Play", "Copy a link", "Download"):
        expect(card.get_by_role("button", name=name)).to_have_count(0)


def test_an_unknown_presence_is_said_and_leaves_the_play_button(page: Page, desk: Desk) -> None:
    browser.open_page(page, desk.url)
    card = page.get_by_role("listitem").filter(has_text="R2 refused.")
    expect(card.get_by_role("button", name="Play")).to_be_visible()


def test_hostile_titles_are_only_text(page: Page, desk: Desk) -> None:
    browser.open_page(page, desk.url)
    title = page.get_by_role("listitem").nth(1).locator(".title > span")
    expect(title).to_have_text(f'<img src=x onerror="window.hacked=1"><b>bold</b> ![p]({desk.media.base}/leak.jpg)')
    assert title.locator("*").count() == 0
    assert page.evaluate("() => window.hacked") is None
    assert desk.media.of("leak.jpg") == []


def test_a_copied_link_is_signed_when_asked_for_and_shows_its_life(page: Page, desk: Desk) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    browser.open_page(page, desk.url)
    page.get_by_role("button", name="Copy a link: The first clip").click()
    expect(page.get_by_text("Link copied. Valid 14:")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == f"{desk.media.base}/clip_a.mp4?token=1"
    expect(page.get_by_text("signed ['copy clip-a']")).to_be_visible()
    assert desk.media.of("clip_a.mp4") == []


def test_a_download_starts_and_leaves_the_page_where_it_was(page: Page, desk: Desk) -> None:
    browser.open_page(page, desk.url)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download: The first clip").click()
    assert download.value.suggested_filename == "clip_a.mp4"
    expect(page.get_by_role("link", name="Save the file")).to_be_visible()
    expect(page.get_by_text("signed ['download clip-a']")).to_be_visible()


def test_pressing_a_title_opens_that_clip_once(page: Page, desk: Desk) -> None:
    browser.open_page(page, desk.url)
    page.get_by_role("listitem").nth(0).get_by_role("button", name=re.compile("^The first clip")).click()
    expect(page.get_by_text("opened clip-a")).to_be_visible()
    page.get_by_role("button", name="Rerun", exact=True).click()
    expect(page.get_by_text("opened None")).to_be_visible()


def test_a_page_may_sign_by_itself_and_give_the_link_in_the_next_run(page: Page, desk: Desk) -> None:
    start(page, desk, "/?own=1")
    assert [token for _, token, _ in desk.media.of("clip_a.mp4")] == ["1"]
    expect(page.get_by_role("button", name="Download")).to_have_count(0)


def test_thumbnails_whose_links_ended_are_asked_for_anew(page: Page, desk: Desk) -> None:
    desk.media.expired.add(("clip_a.jpg", "1"))
    browser.open_page(page, desk.url + "/?posters=1")
    until_script(page.locator("li.card"), "card => card.querySelector('img[src$=\"token=2\"]')?.naturalWidth > 0")
    assert desk.media.of("clip_a.jpg") == [("clip_a.jpg", "1", 403), ("clip_a.jpg", "2", 200)]


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (420, "dark")])
def test_the_large_player_plays_and_fits_the_window(
    page: Page, desk: Desk, width: int, scheme: Literal["light", "dark"]
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    start(page, desk, "/?single=1")
    box = page.locator("li.card").bounding_box()
    assert box is not None
    assert 0 <= box["x"] < box["x"] + box["width"] <= width


def test_the_words_on_a_card_keep_their_contrast_in_both_appearances(page: Page, desk: Desk) -> None:
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        browser.open_page(page, desk.url)
        cover = page.get_by_role("listitem").filter(has_text="A clip whose file is gone").locator(".cover")
        ink, ground = cover.evaluate("e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]")
        assert contrast(ink, ground) >= 4.5, (scheme, ink, ground)


def contrast(one: str, other: str) -> float:
    """The contrast of two CSS colours `rgb(r, g, b)`, as WCAG 2 reckons it."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
