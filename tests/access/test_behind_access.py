"""The running desk behind Cloudflare Access: only a right assertion gets a page, over a real WebSocket."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.access.test_fresh_server import AWAY, first_run
from tests.rigs.browser import ROOT, RunningApp, streamlit_app
from tests.rigs.issuer import AUDIENCE, Issuer, encoded, running
from tests.rigs.waiting import until

HEADER = "Cf-Access-Jwt-Assertion"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """One issuer for all tests of this file."""
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def desk(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """One server for all tests of this file."""
    env = {
        **AWAY,
        "ACCESS_TEAM_DOMAIN": issuer.settings.issuer,
        "ACCESS_AUDIENCE": AUDIENCE,
        "ROLE_ADMIN": "ada@corp.test",
        "ROLE_SUPPORT": "group:support",
    }
    with streamlit_app(ROOT / "app.py", tmp_path_factory.mktemp("desk"), env=env) as app:
        yield app


def headings(app: RunningApp, **headers: str) -> list[str]:
    """The headings of the page that a request with these headers gets."""
    answers = first_run(app.url, "access", **headers)
    return [a.delta.new_element.heading.body for a in answers if a.delta.new_element.HasField("heading")]


def fresh(issuer: Issuer, **changes: Any) -> str:
    """An assertion that is right at this moment, but for the changes."""
    return issuer.signed(datetime.now(UTC), **changes)


def test_a_right_assertion_opens_the_page(desk: RunningApp, issuer: Issuer) -> None:
    assert headings(desk, **{HEADER: fresh(issuer)})[0] == "Access"


def test_a_group_in_the_assertions_custom_claims_gives_its_role(desk: RunningApp, issuer: Issuer) -> None:
    token = fresh(issuer, email="sam@corp.test", custom={"groups": ["support"]})
    assert headings(desk, **{HEADER: token})[0] == "Access"
    # No role: a word of why, and no page.
    assert headings(desk, **{HEADER: fresh(issuer, email="sam@corp.test")}) == ["Clip Desk"]


def test_the_plain_address_header_alone_is_worth_nothing(desk: RunningApp) -> None:
    assert headings(desk, **{"Cf-Access-Authenticated-User-Email": "ada@corp.test"}) == ["Clip Desk"]


@pytest.mark.parametrize("what", ["forged", "expired", "wrong audience", "wrong issuer", "unsigned", "service token"])
def test_any_other_assertion_opens_nothing(desk: RunningApp, issuer: Issuer, what: str) -> None:
    _, payload, _ = fresh(issuer).split(".")
    token = {
        "forged": fresh(issuer, key="stranger", header={"alg": "RS256", "kid": "first"}),
        "expired": fresh(issuer, exp=int(time.time()) - 1),
        "wrong audience": fresh(issuer, aud=["0123456789abcdef0123456789abcdef"]),
        "wrong issuer": fresh(issuer, iss="https://evil.cloudflareaccess.com"),
        "unsigned": f"{encoded({'alg': 'none', 'kid': 'first'})}.{payload}.",
        "service token": fresh(issuer, email=None, common_name="robot"),
    }[what]
    assert headings(desk, **{HEADER: token}) == ["Clip Desk"]
    assert token not in desk.output()


def test_a_rotated_key_is_learned_by_the_running_desk(desk: RunningApp, issuer: Issuer) -> None:
    issuer.publish("first", "second")
    token = fresh(issuer, key="second")
    # not before the interval between two questions is over
    until(lambda: headings(desk, **{HEADER: token})[0] == "Access", "the new key", every_seconds=1)
    assert headings(desk, **{HEADER: fresh(issuer)})[0] == "Access"
