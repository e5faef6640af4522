"""How long a sign-in lasts, and what signing out does to every tab."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pages._ui.access import sessions as module
from pages._ui.access.sessions import Limits, SessionEnded, Sessions, SignIn

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIMITS = Limits(idle=timedelta(minutes=30), absolute=timedelta(hours=10))
ADA = SignIn("ada-1", "ada", NOW)


def reason(sessions: Sessions, sign_in: SignIn, now: datetime) -> str:
    with pytest.raises(SessionEnded) as caught:
        sessions.admit(sign_in, LIMITS, now=now)
    return caught.value.reason


def test_a_session_ends_when_it_was_idle_and_stays_ended() -> None:
    sessions = Sessions()
    sessions.admit(ADA, LIMITS, now=NOW)
    sessions.admit(ADA, LIMITS, now=NOW + timedelta(minutes=29))
    sessions.admit(ADA, LIMITS, now=NOW + timedelta(minutes=58))
    assert reason(sessions, ADA, NOW + timedelta(minutes=88)) == "idle"
    assert reason(sessions, ADA, NOW + timedelta(minutes=89)) == "idle"


def test_what_a_page_does_by_itself_does_not_keep_a_session_alive() -> None:
    sessions = Sessions()
    sessions.admit(ADA, LIMITS, now=NOW)
    for minute in range(1, 30):
        sessions.admit(ADA, LIMITS, now=NOW + timedelta(minutes=minute), active=False)
    assert reason(sessions, ADA, NOW + timedelta(minutes=30)) == "idle"


def test_a_session_ends_after_its_hours_however_busy_it_was() -> None:
    sessions = Sessions()
    for quarter in range(40):
        sessions.admit(ADA, LIMITS, now=NOW + timedelta(minutes=15 * quarter))
    assert reason(sessions, ADA, NOW + timedelta(hours=10)) == "too_long"


def test_an_old_sign_in_brought_to_a_restarted_server_is_as_old_as_it_is() -> None:
    assert reason(Sessions(), SignIn("k", "ada", NOW - timedelta(hours=11)), NOW) == "too_long"


def test_a_sign_in_from_the_future_begins_now() -> None:
    sessions = Sessions()
    sessions.admit(SignIn("k", "ada", NOW + timedelta(days=9)), LIMITS, now=NOW)
    assert reason(sessions, SignIn("k", "ada", NOW + timedelta(days=9)), NOW + timedelta(hours=10)) == "too_long"


def test_signing_out_ends_every_sign_in_of_the_person_and_nobody_elses() -> None:
    sessions = Sessions()
    phone, bob = SignIn("ada-2", "ada", NOW + timedelta(minutes=1)), SignIn("bob-1", "bob", NOW)
    later = NOW + timedelta(minutes=2)
    for one in (ADA, phone, bob):
        sessions.admit(one, LIMITS, now=later)
    sessions.sign_out(ADA, now=later)
    assert reason(sessions, ADA, later) == reason(sessions, phone, later) == "signed_out"
    sessions.admit(bob, LIMITS, now=later)
    assert not sessions.is_live(ADA, LIMITS, now=later)
    assert sessions.is_live(bob, LIMITS, now=later)


def test_an_older_sign_in_that_this_process_had_not_met_is_out_too_and_a_newer_one_is_in() -> None:
    sessions = Sessions()
    sessions.admit(ADA, LIMITS, now=NOW)
    sessions.sign_out(ADA, now=NOW)
    assert reason(sessions, SignIn("ada-0", "ada", NOW - timedelta(minutes=5)), NOW) == "signed_out"
    sessions.admit(SignIn("ada-3", "ada", NOW + timedelta(seconds=1)), LIMITS, now=NOW)


def test_signing_out_of_a_sign_in_that_was_never_used_here_keeps_it_out() -> None:
    sessions = Sessions()
    sessions.sign_out(ADA, now=NOW)
    assert reason(sessions, ADA, NOW) == "signed_out"


def test_only_what_passed_the_guard_is_live() -> None:
    sessions = Sessions()
    assert not sessions.is_live(ADA, LIMITS, now=NOW)
    sessions.admit(ADA, LIMITS, now=NOW)
    assert sessions.is_live(ADA, LIMITS, now=NOW + timedelta(minutes=29))
    assert not sessions.is_live(ADA, LIMITS, now=NOW + timedelta(minutes=30))


def test_memory_is_bounded_and_the_longest_unseen_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 200)
    sessions = Sessions()
    people = [SignIn(str(number), str(number), NOW) for number in range(250)]
    for number, one in enumerate(people):
        sessions.admit(one, LIMITS, now=NOW + timedelta(milliseconds=number))
    assert len(sessions._known) == len(sessions._of) == 200
    assert not sessions.is_live(people[0], LIMITS, now=NOW + timedelta(seconds=1))
    assert sessions.is_live(people[-1], LIMITS, now=NOW + timedelta(seconds=1))


def test_who_signs_in_over_and_over_pushes_nobody_else_out_and_undoes_no_sign_out() -> None:
    sessions = Sessions()
    sessions.admit(ADA, LIMITS, now=NOW)
    again = [SignIn(f"eve-{number}", "eve", NOW + timedelta(seconds=number)) for number in range(25_000)]
    sessions.admit(again[0], LIMITS, now=NOW)
    sessions.sign_out(again[0], now=NOW)
    for number, one in enumerate(again[1:]):
        sessions.admit(one, LIMITS, now=NOW + timedelta(milliseconds=number))
    assert len(sessions._known) == 51
    assert sessions.is_live(ADA, LIMITS, now=NOW + timedelta(minutes=1))
    assert reason(sessions, again[0], NOW + timedelta(minutes=1)) == "signed_out"


def test_sign_outs_are_kept_for_as_long_as_a_cookie_may_live_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    sessions = Sessions()
    people = [SignIn(str(number), str(number), NOW) for number in range(6)]
    for number, one in enumerate(people[:4]):
        sessions.sign_out(one, now=NOW + timedelta(days=number))
    assert list(sessions._out) == ["1", "2", "3"]
    assert reason(sessions, people[2], NOW + timedelta(minutes=1)) == "signed_out"
    sessions.sign_out(people[4], now=NOW + timedelta(days=60))
    assert list(sessions._out) == ["4"], "past the cookie's life nobody needs to know"
