"""Two real servers over one Firestore, as behind one address: a sign-out on one is known on the other, and for good."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string

from pages._ui.access.sharing import LOOK_SECONDS
from storage.domain.sign_outs import PATH
from tests.access.test_fresh_server import AWAY, first_run, headings
from tests.access.test_settings import OIDC
from tests.rigs.browser import ROOT, RunningApp, streamlit_app
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import World
from tests.rigs.sign_in import claims, header, signed
from tests.rigs.waiting import PATIENCE_SECONDS, until

SITE = "https://desk.corp.test"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
MUCH = random.Random(9).randbytes(4_500).hex()  # a cookie that holds this comes in pieces
SECRET = OIDC["OIDC_COOKIE_SECRET"]
NOBODY = "http://127.0.0.1:9/.well-known/openid-configuration"  # no provider is asked here


@pytest.fixture
def world() -> Iterator[World]:
    with EmbeddedFirestore() as firestore, World(firestore) as made:
        yield made


@pytest.fixture
def env(world: World) -> dict[str, str]:
    return {**AWAY, **OIDC, **world.values(), "OIDC_METADATA_URL": NOBODY}


def seen(app: RunningApp, cookies: dict[str, str]) -> list[str]:
    """The headings that a browser with these cookies gets from this replica."""
    token = generate_xsrf_token_string()
    kept = header({**cookies, "_streamlit_xsrf": token})
    return headings(first_run(app.url, "access", site=SITE, token=token, Cookie=kept))


def test_a_kept_cookie_opens_nothing_after_the_sign_out_whatever_a_browser_sends_beside_it(
    env: dict[str, str], tmp_path: Path
) -> None:
    whole = signed(claims(), SECRET)
    pieces = signed(claims("bob@corp.test", note=MUCH), SECRET)
    value = whole["_streamlit_user"]
    twin = {"_streamlit_user": value[:-1] + LETTERS[LETTERS.index(value[-1]) ^ 1]}  # the last two bits say nothing
    with streamlit_app(ROOT / "app.py", tmp_path, env={**env, "ROLE_ADMIN": "ada@corp.test bob@corp.test"}) as desk:
        for cookies in (whole, pieces):
            assert seen(desk, cookies)[0] == "Access"
            sign_out(desk, cookies)
        for kept in (whole, {**whole, "_streamlit_user_9": "x"}, twin, pieces, {**pieces, "_streamlit_user_9": "x"}):
            assert seen(desk, kept) == ["Clip Desk"]


def test_a_sign_out_on_one_replica_ends_the_sign_in_on_the_other_within_a_minute_and_after_a_restart(
    env: dict[str, str], world: World, tmp_path: Path
) -> None:
    assert LOOK_SECONDS <= 55, "a sign-out is known everywhere within 60 s, with time for the reading"
    ada, bob = signed(claims("ada@corp.test"), SECRET), signed(claims("bob@corp.test"), SECRET)
    env = {**env, "ROLE_ADMIN": "ada@corp.test bob@corp.test"}
    with streamlit_app(ROOT / "app.py", tmp_path, env=env) as one:
        with streamlit_app(ROOT / "app.py", tmp_path, env=env) as other:
            for replica in (one, other):
                assert seen(replica, ada)[0] == seen(replica, bob)[0] == "Access"
            before = calls(world)
            sign_out(one, ada)
            assert seen(one, ada) == seen(one, {**ada, "_streamlit_user_9": "x"}) == ["Clip Desk"], "here at once"
            until(lambda: seen(other, ada) == ["Clip Desk"], "the sign-out on the other replica", every_seconds=5)
            assert seen(other, {**ada, "_streamlit_user_9": "x"}) == ["Clip Desk"]
            assert seen(other, bob)[0] == "Access"
            assert calls(world) - before <= 8, "looks go by the clock, not by requests"
        with streamlit_app(ROOT / "app.py", tmp_path, env=env) as restarted:
            assert seen(restarted, ada) == ["Clip Desk"]
            assert seen(restarted, bob)[0] == "Access"
    kept = world.records.raw(PATH)
    assert kept is not None
    for secret in ("ada", "corp.test", ada["_streamlit_user"][:20], "n-0S6"):
        assert secret not in str(kept.fields)


def sign_out(app: RunningApp, cookies: dict[str, str]) -> None:
    """As the browser does at the end of a sign-out: by the address alone."""
    asked = {"Host": "desk.corp.test", "Cookie": header(cookies)}
    assert httpx.get(f"{app.url}/auth/logout", headers=asked, timeout=PATIENCE_SECONDS).status_code == 302


def calls(world: World) -> int:
    """How often Firestore was asked for single documents, or to write."""
    return world.faults.calls["BatchGetDocuments"] + world.faults.calls["Commit"]
