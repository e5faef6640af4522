"""The guard in front of pages and changes, run by Streamlit itself: who sees what, and what is refused when."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages._ui import nav
from pages._ui.access import identity
from pages._ui.access.sessions import sessions
from tests.access.test_server import LIVE
from tests.access.test_settings import ACCESS, OIDC
from tests.rigs.lists import lists
from tests.rigs.waiting import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(nav.SCREENS)
HOSTILE = "**x** ![p](http://evil.test/a.png) <img src=x> [l](javascript:alert(1)) :red[y] $z$ \u202e"

CHANGING = """
import streamlit as st
from pages._ui.access.guard import allowed, guarded, require
from pages._ui.access.guard import show

@guarded("fix")
def change(actor, what):
    st.session_state["changed"] = f"{actor.email} {what}"

@st.fragment
def part():
    if st.button("In a fragment", key="fragment"):
        st.text(f"done by {require('fix').email}")

def page():
    st.title("A page")
    st.text(f"may change: {allowed('fix')}")
    st.button("In a callback", key="callback", on_click=change, args=("this",))
    part()

show("access", page)
"""


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """No sign-in of one test is known to the next."""
    yield
    sessions.forget()


def person(email: str = "ada@corp.test", *, seconds: int = 3_600, **claims: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "is_logged_in": True,
        "iss": "https://id.corp.test",
        "sub": email,
        "email": email,
        "email_verified": True,
        "iat": now - 5,
        "exp": now + seconds,
        "nonce": "n",
        **claims,
    }


def run(source: str | Path, user: dict[str, Any] | None = None) -> AppTest:
    make = AppTest.from_file if isinstance(source, Path) else AppTest.from_string
    app = make(str(source), default_timeout=PATIENCE_SECONDS)
    app.user = user or {"is_logged_in": False}
    return app.run()


def words(app: AppTest) -> str:
    """Everything that a page shows as text, tables included."""
    return "\n".join(str(getattr(part, "value", "")) for block in (app.main, app.sidebar) for part in block)


def assert_refused(app: AppTest, key: str, why: str) -> None:
    """A callback's refusal stands on the page; a fragment's goes to the server's handler, which AppTest has not."""
    assert why in words(app) if key == "callback" else len(app.exception) == 1


@pytest.mark.parametrize("name", PAGES)
def test_a_page_run_on_its_own_shows_a_stranger_nothing_but_the_sign_in(
    name: str, no_settings: Callable[..., None]
) -> None:
    no_settings(**LIVE, **OIDC)
    app = run(nav.SCREENS[name].file)
    assert not app.exception
    assert [title.value for title in app.title] == ["Clip Desk"]
    assert [button.label for button in app.button] == ["Sign in"]
    assert len(lists(app)) + len(app.metric) + len(app.text_input) + len(app.selectbox) == 0
    assert words(app).count("\n") < 12


@pytest.mark.parametrize(
    "settings", [LIVE, {"R2_BUCKET_NAME": "clips"}, {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:8080"}], ids=["", "r2", "fs"]
)
@pytest.mark.parametrize("name", [*PAGES, "the entry point"])
def test_live_data_without_sign_in_serves_nobody_and_says_what_to_set(
    name: str, settings: dict[str, str], no_settings: Callable[..., None]
) -> None:
    no_settings(**settings)
    app = run(nav.SCREENS[name].file if name in nav.SCREENS else ROOT / "app.py", person())
    assert not app.exception
    assert "serves nothing" in words(app)
    assert "OIDC\\_METADATA\\_URL" in words(app) or "OIDC_METADATA_URL" in words(app)
    assert len(lists(app)) + len(app.button) + len(app.text_input) + len(app.selectbox) == 0


def test_a_half_configured_machine_gets_the_list_of_what_is_missing(no_settings: Callable[..., None]) -> None:
    no_settings(**OIDC, R2_BUCKET_NAME="Not A Bucket", R2_SECRET_ACCESS_KEY="never-to-be-shown")
    app = run(ROOT / "app.py", person())
    assert not app.exception
    for name in ("R2_BUCKET_NAME", "R2_ACCESS_KEY_ID", "R2_ACCOUNT_ID", "FIREBASE_PROJECT_ID"):
        assert name in words(app)
    assert "never-to-be-shown" not in words(app)


@pytest.mark.parametrize("content", ["admin = [", "admin = ['nobody']"])
def test_roles_that_cannot_be_read_give_nobody_anything(
    content: str, no_settings: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "roles.toml").write_text(content)
    no_settings(**LIVE, **OIDC, ROLES_FILE="roles.toml")
    assert "ROLES_FILE" in words(run(CHANGING, person()))


def test_an_admin_may_change_and_somebody_without_a_role_sees_no_page(no_settings: Callable[..., None]) -> None:
    no_settings(**LIVE, **OIDC)
    app = run(CHANGING, person())
    app.button(key="callback").click().run()
    assert app.session_state["changed"] == "ada@corp.test this"
    assert "may change: True" in words(app)
    stranger = run(CHANGING, person("eve@corp.test"))
    assert "A page" not in [title.value for title in stranger.title]
    assert "may change" not in words(stranger)
    assert "No access" in str(stranger.warning[0].proto) or "needs the role" in words(stranger)


@pytest.mark.parametrize("key", ["callback", "fragment"])
def test_a_role_taken_away_stops_the_button_that_was_drawn_before(
    key: str, no_settings: Callable[..., None], tmp_path: Path
) -> None:
    roles = tmp_path / "roles.toml"
    roles.write_text('engineer = ["ada@corp.test"]')
    no_settings(**LIVE, **{**OIDC, "ROLE_ADMIN": "", "ROLES_FILE": "roles.toml"})
    app = run(CHANGING, person())
    roles.write_text('support = ["ada@corp.test"]')
    app.button(key=key).click().run()
    assert "changed" not in app.session_state
    assert "done by" not in words(app)
    assert_refused(app, key, "do not allow this")


@pytest.mark.parametrize("key", ["callback", "fragment"])
def test_past_its_expiry_a_sign_in_looks_and_changes_nothing(key: str, no_settings: Callable[..., None]) -> None:
    no_settings(**LIVE, **OIDC)
    app = run(CHANGING, person(seconds=-1))
    assert [title.value for title in app.title] == ["A page"]
    app.button(key=key).click().run()
    assert "changed" not in app.session_state
    assert "done by" not in words(app)
    assert_refused(app, key, "has expired")


def test_a_session_past_its_hours_ends_in_the_middle_of_a_page(no_settings: Callable[..., None]) -> None:
    no_settings(**LIVE, **OIDC)
    old = person(iat=int(time.time()) - 11 * 3_600)
    app = run(CHANGING, old)
    assert [title.value for title in app.title] == ["Clip Desk"]
    assert "limit of 10 hours" in words(app)


@pytest.mark.parametrize(
    "claims",
    [
        {"email": ""},
        {"email": None},
        {"email": 7},
        {"email": "ada"},
        {"email_verified": False},
        {"email_verified": "false"},
        {"is_logged_in": False},
        {"is_logged_in": "yes"},
    ],
    ids=str,
)
def test_claims_that_name_nobody_let_nobody_in(claims: dict[str, Any], no_settings: Callable[..., None]) -> None:
    no_settings(**LIVE, **OIDC)
    app = run(CHANGING, person(**claims))
    assert not app.exception
    assert [title.value for title in app.title] == ["Clip Desk"]


@pytest.mark.parametrize("claim", ["iat", "exp"])
@pytest.mark.parametrize("value", [None, "soon", True, 1e300, -1e300, [], {}], ids=str)
def test_times_that_are_none_are_taken_as_unknown_and_not_as_an_error(
    claim: str, value: Any, no_settings: Callable[..., None]
) -> None:
    no_settings(**LIVE, **OIDC)
    assert not run(CHANGING, person(**{claim: value})).exception


def test_a_hostile_name_and_address_are_shown_as_text(no_settings: Callable[..., None]) -> None:
    no_settings(**LIVE, **{**OIDC, "ROLE_ADMIN": "", "ROLE_SUPPORT": "group:staff"})
    hostile = person(f"{HOSTILE}@corp.test", name=HOSTILE)
    panel = "from pages._ui.access import guard, screens; screens.panel(guard.actor())"
    for app in (
        run(panel, {**hostile, "groups": ["staff"]}),
        run(nav.SCREENS["access"].file, {**hostile, "groups": ["staff"]}),
        run(nav.SCREENS["purge"].file, {**hostile, "groups": ["staff"]}),
        run(nav.SCREENS["access"].file, hostile),
    ):
        assert not app.exception
        shown = "\n".join(element.value for element in [*app.markdown, *app.warning, *app.caption])
        assert "evil" in shown
        assert not re.search(
            r"(?<!\\)[!\[<$`]|(?<!\\)\*\*x|:red\[", shown.replace(":color[", "").replace(":small[", "")
        )


def test_a_plain_header_with_an_address_is_worth_nothing_and_neither_is_a_trusted_one(
    no_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    no_settings(**LIVE, **ACCESS)
    app = run(CHANGING, {"email": "ada@corp.test"})  # what Streamlit makes of a header that it was told to trust
    assert [title.value for title in app.title] == ["Clip Desk"]
    import streamlit as st

    monkeypatch.setattr(st, "get_option", lambda name: {"Cf-Access-Authenticated-User-Email": "email"})
    assert "trustedUserHeaders" in words(run(CHANGING, {"email": "ada@corp.test"}))


def test_the_demo_lets_a_local_user_play_every_role_and_says_that_it_is_the_demo(
    no_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    no_settings()
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_SECONDS)
    app.session_state[identity.PERSONA] = "nobody@demo.local"
    app.run()
    assert "has no role here" in words(app)
    assert list(app.selectbox(key=identity.PERSONA).options) == [
        "Admin",
        "Second admin",
        "Engineer",
        "Operations",
        "Support",
        "Nobody",
    ]


def test_a_session_state_that_names_nobody_known_is_no_way_in(no_settings: Callable[..., None]) -> None:
    no_settings(**LIVE, **OIDC)
    app = AppTest.from_string(CHANGING, default_timeout=PATIENCE_SECONDS)
    app.session_state[identity.PERSONA] = "admin@demo.local"
    app.user = {"is_logged_in": False}
    app.run()
    assert [title.value for title in app.title] == ["Clip Desk"]
