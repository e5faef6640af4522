"""What is looked at all day is read again in the background: shown once more with its time, then replaced."""

from __future__ import annotations

import time

import pytest
from streamlit.runtime.caching import cache_utils

from pages._ui.data import loads
from pages._ui.kit import feedback
from tests.rigs.records import user
from tests.rigs.waiting import until
from tests.ui.conftest import LiveApp, words

PAST_ITS_LIFE = 31.0


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit's clock of what is fresh runs ahead; that of what is too old to be shown does not."""
    monkeypatch.setattr(cache_utils, "TTLCACHE_TIMER", lambda: time.monotonic() + PAST_ITS_LIFE)


def test_past_its_life_it_is_shown_once_more_as_of_when_it_was_read_and_then_replaced(app: LiveApp, request) -> None:
    app.world.put({"users/u1": user("u1", email="before@example.com")})
    assert "before@example.com" in words(app.open("user", uid="u1"))
    first = loads.user("u1")
    app.world.put({"users/u1": user("u1", email="after@example.com")})

    request.getfixturevalue("later")
    assert loads.user("u1").read_at == first.read_at  # nobody waits, and it does not claim to be newer than it is
    until(lambda: loads.user("u1").read_at != first.read_at, "the newer figures")
    shown = loads.user("u1")
    assert shown.value[0].user.email == "after@example.com"
    assert shown.cost.firestore_reads  # what was billed without anybody waiting is told too


def test_a_change_that_the_desk_made_is_not_shown_as_it_was_before(app: LiveApp, request) -> None:
    app.world.put({"users/u1": user("u1", email="before@example.com")})
    loads.user("u1")
    app.world.put({"users/u1": user("u1", email="after@example.com")})
    request.getfixturevalue("later")
    loads.forget_user("u1")
    assert loads.user("u1").value[0].user.email == "after@example.com"


def test_what_reads_without_a_page_has_the_budget_of_a_page_that_nobody_allowed_more(monkeypatch) -> None:
    monkeypatch.setenv("READ_BUDGET", "77")
    assert feedback.allowed() == 77
    assert feedback.allowed("user") == 77
