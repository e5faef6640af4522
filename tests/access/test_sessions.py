"""How long a sign-in lasts, and what signing out does to every tab."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pages._ui.access.sessions import Limits, SessionEnded, Sessions, SignIn, cookie_key, key_of

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
    assert reason(sessions, SignIn("k", "ada"), NOW + timedelta(hours=10)) == "too_long"


def test_signing_out_ends_every_sign_in_of_the_person_and_nobody_elses() -> None:
    sessions = Sessions()
    phone, bob = SignIn("ada-2", "ada", NOW + timedelta(minutes=1)), SignIn("bob-1", "bob", NOW)
    later = NOW + timedelta(minutes=2)
    for one in (ADA, phone, bob):
        sessions.admit(one, LIMITS, now=later)
    sessions.sign_out(ADA.key, now=later)
    assert reason(sessions, ADA, later) == reason(sessions, phone, later) == "signed_out"
    sessions.admit(bob, LIMITS, now=later)
    assert not sessions.is_live(ADA.key, LIMITS, now=later)
    assert sessions.is_live(bob.key, LIMITS, now=later)


def test_an_older_sign_in_that_this_process_had_not_met_is_out_too_and_a_newer_one_is_in() -> None:
    sessions = Sessions()
    sessions.admit(ADA, LIMITS, now=NOW)
    sessions.sign_out(ADA.key, now=NOW)
    assert reason(sessions, SignIn("ada-0", "ada", NOW - timedelta(minutes=5)), NOW) == "signed_out"
    sessions.admit(SignIn("ada-3", "ada", NOW), LIMITS, now=NOW)


def test_signing_out_of_a_sign_in_that_was_never_used_here_keeps_it_out() -> None:
    sessions = Sessions()
    sessions.sign_out("ada-1", now=NOW)
    assert reason(sessions, ADA, NOW) == "signed_out"


def test_only_what_passed_the_guard_is_live() -> None:
    sessions = Sessions()
    assert not sessions.is_live("", LIMITS, now=NOW)
    assert not sessions.is_live("made-up", LIMITS, now=NOW)
    sessions.admit(ADA, LIMITS, now=NOW)
    assert sessions.is_live(ADA.key, LIMITS, now=NOW + timedelta(minutes=29))
    assert not sessions.is_live(ADA.key, LIMITS, now=NOW + timedelta(minutes=30))


def test_memory_is_bounded_and_the_longest_unseen_go_first() -> None:
    sessions = Sessions()
    for number in range(20_050):
        sessions.admit(SignIn(str(number), str(number), NOW), LIMITS, now=NOW + timedelta(milliseconds=number))
    assert len(sessions._known) == 20_000
    assert not sessions.is_live("0", LIMITS, now=NOW + timedelta(seconds=21))
    assert sessions.is_live("20049", LIMITS, now=NOW + timedelta(seconds=21))


def test_the_key_of_a_sign_in_covers_all_pieces_of_its_cookie_and_reveals_none() -> None:
    whole = [("_streamlit_user", "chunks-2"), ("_streamlit_user_1", "aaa"), ("_streamlit_user_2", "bbb")]
    key = cookie_key([("other", "x"), *reversed(whole), ("_streamlit_user_tokens", "t")])
    assert key == cookie_key(whole) == key_of("chunks-2", "aaa", "bbb")
    assert key != cookie_key(whole[:2])
    assert "aaa" not in key
    assert cookie_key([("_streamlit_user_tokens", "t")]) == ""
