"""Getting to an answer without the mouse, in the dark and on a phone: the slash key, the cursor, back and forward."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from pages._ui import assets
from tests.rigs import axe
from tests.rigs.browser import ROOT, RunningApp, open_page, settled, streamlit_app
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import World, clip, user, video
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.waiting import until
from tests.ui.test_kit_config import SETTINGS, contrast


@pytest.fixture(scope="module")
def app(r2_rig: SeaweedRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """A live desk with one customer."""
    with EmbeddedFirestore() as firestore, World(firestore, single_threaded=False) as world:
        made = {f"users/u1/videos/vid-0001/clips/vid-0001_{n}_split": clip("vid-0001", n) for n in range(1, 31)}
        world.put({"users/u1": user("u1"), "users/u1/videos/vid-0001": video("vid-0001"), **made})
        env = r2_rig.values(r2_rig.fresh_bucket()) | world.values()
        with streamlit_app(ROOT / "app.py", tmp_path_factory.mktemp("log"), env=env) as running:
            yield running


def test_a_slash_leads_from_any_page_to_the_customer_and_back_leads_back(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/uploads?uploads-scope=One+customer")
    field = page.get_by_label("Customer id or e-mail")
    field.click()
    page.keyboard.type("a/b")
    expect(field).to_have_value("a/b")  # in a field a slash is a slash
    field.blur()
    expect(page.get_by_role("button", name="Find or go to")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Find or go to")).to_be_focused()
    page.keyboard.type("u1@example.com")
    before = page.evaluate("() => history.length")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/user\\?uid=u1"))
    expect(page.get_by_role("heading", name="u1@example.com")).to_be_visible()
    assert page.evaluate("() => history.length") == before + 1  # the search and its only match are one step
    page.go_back()
    expect(page.get_by_label("Customer id or e-mail")).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("heading", name="u1@example.com")).to_be_visible()


def test_the_page_find_has_the_cursor_in_its_box_at_once(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/find")
    box = page.get_by_test_id("stMain").get_by_role("searchbox")
    expect(box).to_be_focused()
    box.blur()
    page.keyboard.press("/")
    expect(box).to_be_focused()  # the palette leaves it the slash key
    page.keyboard.type("vid-0001")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/video\\?.*video_id=vid-0001"))


def test_a_link_to_a_clip_shows_that_clip_first_in_sight_and_named(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/video?uid=u1&video_id=vid-0001&clip_id=vid-0001_29_split")
    panel = page.locator(".st-key-video-clip-panel")
    expect(panel.get_by_text("Clip Scene 29")).to_be_in_viewport()
    expect(page.get_by_role("list", name="Clips of this video").get_by_role("listitem").first).to_contain_text(
        "Scene 29"
    )


def put(page: Page, text: str) -> None:
    """Copies the text."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("text => navigator.clipboard.writeText(text)", text)


def paste(page: Page, text: str | None) -> None:
    """What the browser tells a page when somebody pastes outside of a field; `None`: a file alone."""
    page.evaluate(
        """text => {
          const clipboardData = new DataTransfer()
          if (text === null) clipboardData.items.add(new File(["x"], "a.mp4"))
          else clipboardData.setData("text/plain", text)
          const told = { clipboardData, bubbles: true, composed: true, cancelable: true }
          document.body.dispatchEvent(new ClipboardEvent("paste", told))
        }""",
        text,
    )


def test_what_is_pasted_outside_of_a_field_is_looked_for_at_once_and_one_back_undoes_it(
    app: RunningApp, page: Page
) -> None:
    open_page(page, f"{app.url}/uploads?uploads-scope=One+customer")
    expect(page.get_by_role("button", name="Find or go to")).to_be_visible()
    put(page, "Hello,\nmy clip does not play. My address is U1@Example.com, thanks")
    field = page.get_by_label("Customer id or e-mail")
    field.click()
    page.keyboard.press("ControlOrMeta+v")
    expect(field).to_have_value(re.compile("U1@Example.com"))  # in a field it is pasted
    field.fill("")
    field.blur()
    before = page.evaluate("() => history.length")
    page.keyboard.press("ControlOrMeta+v")
    page.keyboard.press("ControlOrMeta+v")  # as a key that is held down does
    expect(page).to_have_url(re.compile("/user\\?uid=u1"))
    expect(page.get_by_role("heading", name="u1@example.com")).to_be_visible()
    told = page.get_by_role("status").filter(has_text="Looked for what you pasted: “Hello")
    expect(told).to_be_visible()
    assert axe.violations(page) == {}
    assert page.evaluate("() => history.length") == before + 1
    page.go_back()
    expect(page.get_by_label("Customer id or e-mail")).to_be_visible()
    expect(told).to_be_hidden()


def test_a_paste_before_the_palette_has_come_is_not_lost(app: RunningApp, page: Page) -> None:
    held: list[Route] = []
    page.route("**/palette/palette.js", lambda route: held.append(route), times=1)
    open_page(page, f"{app.url}/fleet")
    until(lambda: page.evaluate("() => typeof window.clipdeskEarly") and held, "the palette's script to be asked for")
    paste(page, "vid-0001")
    held.pop().continue_()
    expect(page).to_have_url(re.compile("/video\\?.*video_id=vid-0001"))


def test_an_empty_box_looks_for_what_is_clearly_no_word_and_waits_with_words(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/fleet")
    found = palette(page)
    put(page, "Audit")
    page.keyboard.press("ControlOrMeta+v")
    expect(found.get_by_role("option", selected=True)).to_contain_text("Audit")
    page.keyboard.press("Escape")
    put(page, "video=vid-0001 failed")
    palette(page)
    page.keyboard.type("x")
    page.keyboard.press("ControlOrMeta+v")
    expect(found.get_by_role("option", selected=True)).to_have_text("Find “xvideo=vid-0001 failed”")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("ControlOrMeta+v")  # over all that stands there
    expect(page).to_have_url(re.compile("/video\\?.*video_id=vid-0001"))
    open_page(page, f"{app.url}/find")
    expect(page.get_by_test_id("stMain").get_by_role("searchbox")).to_be_focused()
    expect(page.get_by_role("button", name="Find or go to")).to_be_visible()  # the palette listens
    page.keyboard.press("ControlOrMeta+v")
    expect(page).to_have_url(re.compile("/video\\?.*video_id=vid-0001"))


CLEAR = {
    "marta.zolc@example.pl": True,
    "Hello, I am Marta (marta@example.pl)": True,
    "https://youtu.be/dQw4w9WgXcQ": True,
    "H0bjmS6saiDCeLK5JUVRFif8L06p": True,
    "users/u1/vid-0001/clips/clip_01_1_scene_split.mp4": True,
    "users/u1/videos/x": True,
    "vid-0001": True,
    "Audit": False,
    "Über Nacht nach Österreich": False,
    "What is new in 2026-11-27 at 4K, and/or 8K?": False,
    "u10": False,
    "a" * 100_000: False,
    "a@" * 50_000: True,
}


def test_what_is_clearly_no_word(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/find")
    told = page.evaluate(
        "async ([address, texts]) => { const { isClear } = await import(address); return texts.map(isClear) }",
        [assets.address("palette/pasted.js"), list(CLEAR)],
    )
    assert dict(zip(CLEAR, told, strict=True)) == CLEAR


def test_a_pasted_text_of_any_kind_is_bounded_and_its_signature_stays_out_of_the_address_and_the_log(
    app: RunningApp, page: Page
) -> None:
    open_page(page, f"{app.url}/find?q=nothing-0001")
    box = page.get_by_test_id("stMain").get_by_role("searchbox")
    expect(page.get_by_role("button", name="Find or go to")).to_be_visible()
    signed = "https://bucket.test/users/u9/v9/clips/a.mp4?X-Amz-Signature=0123deadbeef&X-Amz-Expires=900"
    for text, asked in (
        ("a" * 100_000, "a" * 2_000),
        (f"see\n{signed}\r\nplease", "see https://bucket.test/users/u9/v9/clips/a.mp4 please"),
        ("half \ud83d of it", "half \ufffd of it"),
        ("\u202eevil <b>words</b>", "\u202eevil <b>words</b>"),
    ):
        paste(page, text)
        expect(box).to_have_value(asked)
        assert len(page.url) < 3_000
        assert "deadbeef" not in page.url + json.dumps(page.evaluate("() => [history.state, {...localStorage}]"))
    assert "deadbeef" not in app.output()
    expect(page.get_by_text("Nothing was found.")).to_be_visible()
    assert page.get_by_test_id("stMain").locator("b").count() == 0


def test_nothing_is_looked_for_while_the_page_asks_something_or_nothing_was_copied(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/user?uid=u1&as=support")
    expect(page.get_by_role("button", name="Find or go to")).to_be_visible()
    for nothing in (None, " \n "):
        paste(page, nothing)
    page.get_by_role("button", name="Tell the team").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    paste(page, "vid-0001")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    settled(page)
    assert "/user?uid=u1" in page.url
    paste(page, "vid-0001")  # now it is
    expect(page).to_have_url(re.compile("/video\\?.*video_id=vid-0001"))


def test_the_form_of_a_link_to_send_is_filled_by_keyboard_and_stays_open_meanwhile(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/video?uid=u1&video_id=vid-0001&clip_id=vid-0001_29_split&as=support")
    expect(page.locator(".st-key-video-clip-panel").get_by_text("Clip Scene 29")).to_be_visible()
    life = page.get_by_label("Valid for", exact=True)
    expect(life).to_be_hidden()
    found = palette(page)
    page.keyboard.type("open Scene 29")
    expect(found.get_by_role("option").filter(has_text="Scene 29").first).to_be_visible()  # a button of the gallery
    page.keyboard.press("Escape")
    choose(page, "a link to")
    expect(life).to_be_visible()
    choose(page, "valid")
    expect(life).to_be_focused()
    page.keyboard.type("24")

    def offered() -> bool:
        """Whether the choices stand open: what scrolls to the field closes them again."""
        if life.get_attribute("aria-expanded") != "true":
            life.press("ArrowDown")
        return page.get_by_role("option", name="24 hours").is_visible()

    until(offered, "the choices")
    page.keyboard.press("Enter")
    expect(life).to_have_value("24 hours")
    settled(page)
    choose(page, "reason")
    reason = page.get_by_label("Reason, with the ticket")
    expect(reason).to_be_focused()
    page.keyboard.type("T-7 asked")
    expect(page.get_by_role("button", name="Make the link")).to_be_enabled()
    expect(reason).to_be_visible()  # each of these drew the page again
    reason.blur()
    paste(page, "vid-0001")  # a reason that is begun would be lost
    expect(reason).to_have_value("T-7 asked")


def palette(page: Page) -> Locator:
    """The palette, opened from the keyboard."""
    expect(page.get_by_role("button", name="Find or go to")).to_be_visible()
    page.keyboard.press("ControlOrMeta+k")
    opened = page.get_by_role("dialog", name="Find or go to")
    expect(opened).to_be_visible()
    return opened


def choose(page: Page, words: str) -> None:
    """Takes what the palette offers first for these words."""
    palette(page)
    page.keyboard.type(words)
    page.keyboard.press("Enter")


def test_the_palette_goes_to_pages_does_what_the_page_offers_and_knows_pinned_customers(
    app: RunningApp, page: Page
) -> None:
    open_page(page, f"{app.url}/user?uid=u1")
    expect(page.get_by_role("heading", name="u1@example.com")).to_be_visible()
    before = page.evaluate("() => history.length")
    found = palette(page)
    page.keyboard.type("list videos")
    expect(found.get_by_role("option", name="To the list: The customer's videos")).to_be_visible()
    page.keyboard.press("Escape")
    palette(page)
    page.keyboard.type("csv")
    expect(found.get_by_role("option", selected=True)).to_have_text("CSV: The customer's videos")
    page.keyboard.press("Escape")
    choose(page, "pin u1")
    expect(found).to_be_hidden()
    palette(page)
    page.keyboard.type("aud")
    expect(found.get_by_role("option", selected=True)).to_contain_text("Audit")
    expect(found.get_by_role("option").nth(1)).to_have_text("Find “aud”")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Audit", exact=True)).to_be_visible()
    assert page.evaluate("() => history.length") == before + 1
    palette(page)
    expect(found.get_by_text("Pinned customers")).to_be_visible()
    page.keyboard.press("Enter")  # the first is the pinned one
    expect(page.get_by_role("heading", name="u1@example.com")).to_be_visible()
    palette(page)
    page.keyboard.type("?")
    expect(found.get_by_text("Ticks the row")).to_be_visible()
    page.keyboard.press("Escape")
    expect(found).to_be_hidden()


def test_the_palette_offers_folds_ticks_fields_and_nothing_that_is_folded_away(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/uploads")
    found = palette(page)
    option = found.get_by_role("option")
    for word, offered in (
        ("how to check everything", "How to check everything from a shell, and some customers here"),
        ("copy commands", None),
        ("customers at most", None),
    ):
        page.keyboard.type(word)
        expect(option).to_have_text([*([offered] if offered else []), f"Find “{word}”"])
        page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("how to")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Customers at most")).to_be_visible()
    palette(page)
    for word, offered in (("copy commands", "Copy commands"), ("customers at most", "Customers at mostfield")):
        page.keyboard.type(word)
        expect(option).to_have_text([offered, f"Find “{word}”"])
        page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("Escape")
    open_page(page, f"{app.url}/processing")
    choose(page, "include del")
    expect(
        page.get_by_role("switch", name="Include delivered videos").or_(page.get_by_role("checkbox"))
    ).to_be_checked()


def test_a_key_pressed_before_the_palette_has_come_is_not_lost(app: RunningApp, page: Page) -> None:
    held: list[Route] = []
    page.route("**/palette/palette.js", lambda route: held.append(route), times=1)
    open_page(page, f"{app.url}/fleet")
    until(lambda: page.evaluate("() => typeof window.clipdeskEarly") and held, "the palette's script to be asked for")
    page.keyboard.press("/")
    page.keyboard.type("u1x@example.com")
    for _ in range(len("x@example.com")):
        page.keyboard.press("Backspace")
    page.keyboard.type("@example.com")
    page.keyboard.press("Enter")
    held.pop().continue_()
    expect(page).to_have_url(re.compile("/user\\?uid=u1"))


def test_what_is_typed_into_the_palette_is_text(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/fleet")
    found = palette(page)
    page.keyboard.type("<img src=x onerror=alert(1)>")
    expect(found.get_by_role("option")).to_have_text("Find “<img src=x onerror=alert(1)>”")
    assert found.locator("img").count() == 0


def test_the_role_of_a_desk_without_sign_in_stays_in_the_address_on_the_next_page_and_after_a_reload(
    app: RunningApp, page: Page
) -> None:
    open_page(page, f"{app.url}/find?as=support")
    menu = page.get_by_test_id("stSidebarNav")
    expect(menu.get_by_role("link", name="Fleet")).to_be_visible()
    expect(menu.get_by_role("link", name="Purge")).to_have_count(0)
    expect(page.get_by_role("button", name="Find or go to")).to_be_visible()
    menu.get_by_role("link", name="Fleet").click()
    expect(page).to_have_url(re.compile(r"/fleet\?as=support$"))
    page.reload()
    settled(page)
    expect(page.get_by_text("Viewing as support")).to_be_visible()
    expect(page.get_by_role("button", name="Find or go to")).to_be_visible()


def test_what_somebody_else_opened_in_this_browser_is_not_shown(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/user?uid=u1")
    expect(page.get_by_role("heading", name="u1@example.com")).to_be_visible()
    kept = "() => Object.keys(localStorage).filter((name) => name.startsWith('clipdesk.customers.'))"
    until(lambda: page.evaluate(kept), "what this browser keeps")
    (own,) = page.evaluate(kept)
    page.evaluate("(own) => { localStorage.setItem(own + 'x', localStorage.getItem(own)) }", own)
    page.reload()
    settled(page)
    expect(palette(page).get_by_text("Recent customers")).to_be_visible()
    assert page.evaluate(kept) == [own]
    assert "example.com" not in app.output()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_chosen_can_be_read_and_what_has_the_focus_is_seen(
    app: RunningApp, page: Page, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    open_page(page, f"{app.url}/uploads?uploads-scope=One+customer")
    chosen = page.get_by_role("radio", name="One customer")
    assert contrast(colour(chosen.locator("p"), "color"), SETTINGS["theme"][scheme]["backgroundColor"]) >= 7
    page.get_by_label("Customer id or e-mail").click()
    page.keyboard.press("Shift+Tab")
    reached = page.get_by_role("radio", name="One customer")
    expect(reached).to_be_focused()
    expect(reached).to_have_css("outline-style", "solid")
    assert contrast(colour(reached, "outline-color"), SETTINGS["theme"][scheme]["backgroundColor"]) >= 3
    here = page.get_by_test_id("stSidebarNavLink").filter(has_text="Uploads")
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Fleet").focus()
    page.keyboard.press("Tab")
    expect(here).to_be_focused()
    expect(here).to_have_css("outline-style", "solid")


@pytest.mark.parametrize("name", ["find", "overview", "uploads", "processing"])
def test_no_page_moves_sideways_on_a_phone(app: RunningApp, page: Page, name: str) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    open_page(page, f"{app.url}/{name}")
    main = page.get_by_test_id("stMain")
    assert main.evaluate("one => one.scrollWidth - one.clientWidth") == 0


def test_a_screen_reader_hears_what_a_help_button_is_about_and_no_name_of_a_glyph(app: RunningApp, page: Page) -> None:
    open_page(page, f"{app.url}/overview")
    expect(page.get_by_role("button", name="Help for as of").first).to_be_visible()
    expect(page.get_by_role("button", name="Help", exact=True)).to_have_count(0)
    expect(page.locator('p [role="img"][aria-label$=" icon"]:not([aria-hidden])')).to_have_count(0)


def colour(one: Locator, name: str) -> str:
    """The computed colour as `#rrggbb`."""
    parts = re.findall(r"\d+", one.evaluate("(one, name) => getComputedStyle(one).getPropertyValue(name)", name))
    return "#" + "".join(f"{int(part):02x}" for part in parts[:3])
