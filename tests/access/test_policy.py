"""The policy as a matrix, through the check that actions make and through the guard that pages make."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages._ui.access import identity
from storage.domain.policy import (
    ACTIONS,
    CHANGES,
    LEAST_ROLE,
    MEANING,
    ROLES,
    Actor,
    SignInExpired,
    allowed_actions,
    authorise,
    permitted,
)
from storage.errors import NotPermitted
from tests.rigs.waiting import PATIENCE_SECONDS

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SUPPORT = {"look", "find", "preview", "link.send", "explain", "request", "address.reveal", "access.read"}
OPERATIONS = SUPPORT | {"diagnose", "verify", "recount", "alerts.read", "purge.plan", "address.see"}
ENGINEER = OPERATIONS | {"fix", "audit.own"}
ADMIN = ENGINEER | {"purge.apply", "purge.approve", "purge.undo", "audit.read", "alerts.try"}
MATRIX = {"nobody": set(), "support": SUPPORT, "operations": OPERATIONS, "engineer": ENGINEER, "admin": ADMIN}
CASES = [(role, action) for role in MATRIX for action in ACTIONS]


def actor(*roles: str, expires_at: datetime | None = None) -> Actor:
    return Actor("a@b.test", frozenset(roles), "oidc", sign_in_expires_at=expires_at)  # type: ignore[arg-type]


@pytest.mark.parametrize(("role", "action"), CASES)
def test_each_role_may_do_exactly_what_the_table_says(role: str, action: str) -> None:
    roles = () if role == "nobody" else (role,)
    assert permitted(roles, action) is (action in MATRIX[role])
    if action in MATRIX[role]:
        authorise(actor(*roles), action, now=NOW)  # type: ignore[arg-type]
    else:
        with pytest.raises(NotPermitted) as caught:
            authorise(actor(*roles), action, now=NOW)  # type: ignore[arg-type]
        assert LEAST_ROLE[action] in caught.value.remedy  # type: ignore[index]


def test_the_table_is_complete() -> None:
    assert set(LEAST_ROLE) == set(MEANING) == set(ACTIONS)
    assert set(LEAST_ROLE.values()) == set(ROLES)
    assert allowed_actions(("engineer",)) == ENGINEER


@pytest.mark.parametrize("roles", [("Admin",), ("root",), ("admin ",), ("",)])
def test_an_unknown_role_permits_nothing(roles: tuple[str, ...]) -> None:
    assert allowed_actions(roles) == set()


def test_an_unknown_action_is_permitted_to_nobody() -> None:
    assert not permitted(ROLES, "purge.everything")
    with pytest.raises(NotPermitted):
        authorise(actor("admin"), "purge.everything", now=NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("action", ACTIONS)
def test_an_expired_sign_in_may_look_and_change_nothing(action: str) -> None:
    expired = actor("admin", expires_at=NOW)
    if action in CHANGES:
        with pytest.raises(SignInExpired):
            authorise(expired, action, now=NOW)  # type: ignore[arg-type]
    else:
        authorise(expired, action, now=NOW)  # type: ignore[arg-type]
    authorise(actor("admin", expires_at=NOW + timedelta(seconds=1)), action, now=NOW)  # type: ignore[arg-type]


ASKING = """
import streamlit as st
from pages._ui.access.guard import require
from storage.domain.policy import ACTIONS
from storage.errors import NotPermitted

for action in ACTIONS:
    try:
        require(action)
    except NotPermitted:
        st.text(f"no {action}")
    else:
        st.text(f"yes {action}")
"""


@pytest.mark.parametrize("persona", identity.PERSONAS)
def test_the_guard_answers_as_the_table_does(persona: str, no_settings: Callable[..., None], tmp_path: Path) -> None:
    no_settings()
    app = AppTest.from_string(ASKING, default_timeout=PATIENCE_SECONDS)
    app.session_state[identity.PERSONA] = persona
    app.run()
    role = persona.partition("@")[0].removeprefix("second-")
    assert not app.exception
    assert [text.value for text in app.text] == [
        f"{'yes' if action in MATRIX[role] else 'no'} {action}" for action in ACTIONS
    ]
