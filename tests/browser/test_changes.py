"""What was drawn while it was permitted is refused when it is not any more: in a callback, a fragment and a dialog."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.access.test_server import LIVE
from tests.browser.test_sign_in import sign_in
from tests.rigs import oidc
from tests.rigs.browser import ROOT, RunningApp, open_page, press, settled, streamlit_app

AWAY = {**LIVE, "R2_ENDPOINT_URL": "http://127.0.0.1:9", "FIRESTORE_EMULATOR_HOST": "127.0.0.1:9", "R2_PUBLIC_URL": ""}
APP = ROOT / "tests" / "browser" / "apps" / "change_app.py"
PEOPLE = [{"sub": "ada", "email": "ada@corp.test", "email_verified": True}]
ENGINEER, SUPPORT = 'engineer = ["ada@corp.test"]\n', 'support = ["ada@corp.test"]\n'


@pytest.fixture(scope="module")
def roles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("roles") / "roles.toml"


@pytest.fixture(scope="module")
def app(roles: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    roles.write_text(ENGINEER)
    with oidc.provider(PEOPLE) as settings:
        env = {**AWAY, **settings, "ROLES_FILE": str(roles)}
        with streamlit_app(APP, tmp_path_factory.mktemp("log"), env=env) as running:
            yield running


@pytest.fixture(autouse=True)
def may_change(roles: Path) -> None:
    roles.write_text(ENGINEER)


def test_changes_are_made_while_they_are_permitted(app: RunningApp, page: Page) -> None:
    open_page(page, app.url)
    sign_in(page, "ada")
    press(page, "Change in a callback")
    press(page, "Change in a fragment")
    press(page, "Open the dialog")
    press(page, "Change in a dialog")
    expect(page.get_by_text("callback: 1, dialog: 1")).to_be_visible()
    expect(page.get_by_text("fragment: 1")).to_be_visible()


def test_a_role_taken_away_refuses_the_button_that_is_still_there(app: RunningApp, roles: Path, page: Page) -> None:
    open_page(page, app.url)
    sign_in(page, "ada")
    for way in ("Change in a callback", "Change in a fragment", "Change in a dialog"):
        if "dialog" in way:
            press(page, "Open the dialog")
        roles.write_text(SUPPORT)
        press(page, way)
        expect(page.get_by_text("Your roles do not allow this").first, way).to_be_visible()
        roles.write_text(ENGINEER)
        page.reload()
        settled(page)
        expect(page.get_by_text("callback: 0, dialog: 0"), way).to_be_visible()


def test_an_error_nobody_expected_is_a_number_on_the_page_and_a_traceback_in_the_log(
    app: RunningApp, page: Page
) -> None:
    open_page(page, app.url)
    sign_in(page, "ada")
    press(page, "Fail")
    shown = page.get_by_text("noted it as incident")
    expect(shown).to_be_visible()
    number = re.search(r"incident ([0-9a-f]{8})", shown.inner_text())
    assert number
    body = page.inner_text("body")
    assert "RuntimeError" not in body
    assert "only the log" not in body
    log = app.output()
    assert f"incident {number[1]}" in log
    assert "something that only the log may know" in log
    assert "0123dead" not in log


def test_past_its_expiry_a_sign_in_still_looks_and_no_longer_changes(tmp_path: Path, page: Page) -> None:
    roles = tmp_path / "roles.toml"
    roles.write_text(ENGINEER)
    with ExitStack() as stack:
        settings = stack.enter_context(oidc.provider(PEOPLE, token_seconds=1))
        env = {**AWAY, **settings, "ROLES_FILE": str(roles)}
        app = stack.enter_context(streamlit_app(APP, tmp_path, env=env))
        open_page(page, app.url)
        sign_in(page, "ada")
        expired = page.get_by_text("Your sign-in has expired").first
        for _ in range(50):
            press(page, "Change in a callback")
            if expired.is_visible():
                break
        expect(expired).to_be_visible()
        counted = page.get_by_text("callback: ").inner_text()
        press(page, "Change in a callback")
        expect(expired).to_be_visible()
        assert page.get_by_text("callback: ").inner_text() == counted
