"""Signing in through a real provider, in a real browser: who gets in, to which page, and for how long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.rigs import oidc
from tests.rigs.browser import ROOT, RunningApp, open_page, settled, streamlit_app

PEOPLE = [
    {"sub": "ada", "email": "Ada@Corp.test", "email_verified": True, "name": "Ada Admin"},
    {"sub": "sam", "email": "sam@corp.test", "email_verified": True, "name": "Sam Support"},
    {"sub": "eve", "email": "eve@corp.test", "email_verified": True, "name": "Eve Nobody"},
    {"sub": "una", "email": "ada@corp.test", "email_verified": False, "name": "Una Unverified"},
    {"sub": "gus", "email": "gus@corp.test", "email_verified": True, "groups": ["clips-engineers"]},
]
ROLES = 'admin = ["ada@corp.test"]\nsupport = ["sam@corp.test"]\nengineer = ["group:clips-engineers"]\n'


@dataclass(frozen=True)
class Desk:
    """The running desk with sign-in, and the file that says who has which role."""

    app: RunningApp
    roles: Path

    def url(self, page: str = "") -> str:
        return f"{self.app.url}/{page}"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The real app on the demo's data, with OIDC; one server for all tests of this file."""
    folder = tmp_path_factory.mktemp("desk")
    roles = folder / "roles.toml"
    roles.write_text(ROLES)
    with oidc.provider(PEOPLE) as settings:
        env = {**settings, "ROLES_FILE": str(roles), "ACCESS_CONTACT": "desk-owners@corp.test"}
        with streamlit_app(ROOT / "app.py", folder, env=env) as app:
            yield Desk(app, roles)


@pytest.fixture(autouse=True)
def same_roles(desk: Desk) -> None:
    """Each test begins with the roles as they were given."""
    desk.roles.write_text(ROLES)


def sign_in(page: Page, sub: str) -> None:
    """From the sign-in screen to the page that was wanted, through the provider's form."""
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.locator("input[name=sub]").fill(sub)
    page.get_by_role("button", name="Authorize", exact=True).click()
    page.wait_for_url(re.compile(r"^http://127\.0\.0\.1:\d+/(?!oauth2)"))
    settled(page)


def test_signing_in_leads_back_to_the_page_and_query_that_were_asked_for(desk: Desk, page: Page) -> None:
    open_page(page, desk.url("access?uid=u%2B1&note=a%20b"))
    expect(page.get_by_role("heading", name="The policy")).to_have_count(0)
    sign_in(page, "ada")
    assert page.url == desk.url("access?uid=u%2B1&note=a+b")
    expect(page.get_by_role("heading", name="The policy")).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Ada Admin")


def test_the_menu_and_the_page_depend_on_the_role_and_a_refused_page_says_whom_to_ask(desk: Desk, page: Page) -> None:
    open_page(page, desk.url("purge"))
    sign_in(page, "sam")
    assert page.url == desk.url("purge")
    expect(page.get_by_text("needs the role operations")).to_be_visible()
    expect(page.get_by_text("desk-owners@corp.test")).to_be_visible()
    menu = page.get_by_test_id("stSidebarNav")
    expect(menu).to_contain_text("Find")
    expect(menu).not_to_contain_text("Purge")


def test_somebody_without_a_role_sees_no_page_at_all(desk: Desk, page: Page) -> None:
    open_page(page, desk.url())
    sign_in(page, "eve")
    expect(page.get_by_text("has no role here")).to_be_visible()
    expect(page.get_by_test_id("stSidebarNav")).to_have_count(0)


def test_an_address_that_the_provider_did_not_verify_is_nobodys(desk: Desk, page: Page) -> None:
    open_page(page, desk.url())
    sign_in(page, "una")
    expect(page.get_by_text("did not confirm your e-mail address")).to_be_visible()


def test_a_role_may_come_from_a_group_of_the_provider(desk: Desk, page: Page) -> None:
    open_page(page, desk.url("access"))
    sign_in(page, "gus")
    expect(page.get_by_text("with the role engineer")).to_be_visible()


def test_a_sign_in_refused_at_the_provider_says_so_and_shows_nothing(desk: Desk, page: Page) -> None:
    open_page(page, desk.url("audit"))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Deny", exact=True).click()
    page.wait_for_url(re.compile(r"/audit\?sign_in=refused$"))
    settled(page)
    expect(page.get_by_text("cancelled or refused by the provider")).to_be_visible()
    expect(page.get_by_role("heading", name="Audit")).to_have_count(0)


def test_a_role_that_is_taken_away_or_given_works_at_the_next_action(desk: Desk, page: Page) -> None:
    open_page(page, desk.url("access"))
    sign_in(page, "ada")
    expect(page.get_by_text("with the role admin")).to_be_visible()
    desk.roles.write_text(ROLES.replace("ada@corp.test", "someone.else@corp.test"))
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Purge").click()
    settled(page)
    expect(page.get_by_text("has no role here")).to_be_visible()
    desk.roles.write_text(ROLES)
    page.reload()
    settled(page)
    expect(page.get_by_test_id("stSidebarNav")).to_be_visible()


def test_signing_out_in_one_tab_signs_out_every_tab_at_its_next_action(desk: Desk, page: Page) -> None:
    open_page(page, desk.url("access"))
    sign_in(page, "ada")
    other = page.context.new_page()
    open_page(other, desk.url("access"))
    expect(other.get_by_role("heading", name="The policy")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="End session").click()
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    other.get_by_test_id("stSidebarNav").get_by_role("link", name="Find").click()
    settled(other)
    expect(other.get_by_text("You signed out")).to_be_visible()
    expect(other.get_by_test_id("stSidebarNav")).to_have_count(0)
    sign_in(other, "ada")
    expect(other.get_by_role("heading", name="Find")).to_be_visible()


def test_the_sign_in_is_kept_where_no_script_reads_it_no_longer_than_a_session_and_not_in_the_log(
    desk: Desk, page: Page
) -> None:
    open_page(page, desk.url())
    sign_in(page, "sam")
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    now = page.evaluate("() => Date.now() / 1000")
    for name in ("_streamlit_user", "_streamlit_user_tokens"):
        assert cookies[name]["httpOnly"]
        assert cookies[name]["sameSite"] == "Lax"
        assert cookies[name]["expires"] <= now + 10 * 3_600
    assert "clip_desk_return" not in cookies
    log = desk.app.output()
    kept = [cookie["value"] for name, cookie in cookies.items() if name.startswith("_streamlit_user")]
    for secret in (oidc.COOKIE_SECRET, oidc.CLIENT_SECRET, *kept):
        assert secret not in log
    assert "code=" not in log


def test_nothing_is_asked_of_anybody_else_and_the_content_policy_blocks_nothing_that_is_needed(
    desk: Desk, page: Page
) -> None:
    asked: set[str] = set()
    complaints: list[str] = []
    open_page(page, desk.url())
    sign_in(page, "ada")
    page.on("request", lambda request: asked.add(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    for name in ("", "video"):  # every page, with hostile content: test_hostile_world.py
        open_page(page, desk.url(name))
    outside = {url for url in asked if not re.match(r"(https?|ws)://127\.0\.0\.1:\d+/|data:|blob:", url)}
    assert outside == set()
    assert [text for text in complaints if "Content Security Policy" in text or "Content-Security-Policy" in text] == []
