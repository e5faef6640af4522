"""The server's half of the player: what the browser may ask for, and what it gets."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from pages._ui.player import Ask, ClipCard, asks, cards, gallery
from pages._ui.player.component import _events
from storage.domain.documents import SignedUrl
from storage.errors import AccessDenied, BadInput, NotFound, NotPermitted, StorageError, Throttled, Unreachable
from tests.rigs.waiting import PATIENCE_SECONDS

NOW = datetime(2025, 11, 22, 10, 0, 0, tzinfo=UTC)
URL = "https://bucket.example/users/u1/v/clips/clip_01_2_a.mp4?X-Amz-Signature=s3cret"


def signed(minutes: float = 15, url: str = URL) -> SignedUrl:
    return SignedUrl(url, "users/u1/v/clips/clip_01_2_a.mp4", NOW + timedelta(minutes=minutes), "video/mp4")


def serve(error: Exception | None = None, url: str = URL) -> asks.LinkReply:
    def sign(clip_id: str, purpose: asks.Purpose) -> SignedUrl:
        if error:
            raise error
        return signed(url=url)

    return asks.serve(Ask("c1", "play", 7), sign, lambda: NOW)


def test_a_wish_is_answered_with_a_link_and_its_life() -> None:
    answer = serve()
    assert answer.left_ms == 15 * 60 * 1000
    assert asks.payload(answer) == {
        "id": "c1", "purpose": "play", "number": 7, "url": URL, "left": 900_000, "name": "clip_01_2_a.mp4",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (NotFound("404"), "missing", "The file is not in the bucket."),
        (AccessDenied("403 for HeadObject"), "refused", "The bucket refused the desk: 403 for HeadObject"),
        (NotPermitted("Viewers may not play."), "refused", "Viewers may not play."),
        (Unreachable("timed out"), "desk", "The desk could not reach the bucket: timed out"),
        (Throttled("slow down"), "desk", "The desk could not reach the bucket: slow down"),
        (BadInput("no key", field_name="r2_key"), "desk", "no key"),
        (StorageError("odd\x00"), "desk", "odd␀"),
    ],
)
def test_why_there_is_no_link_is_said_in_words(error: StorageError, kind: str, words: str) -> None:
    assert asks.payload(serve(error))["problem"] == {"kind": kind, "words": words}


def test_a_slip_while_signing_is_logged_without_the_link_and_shown_as_a_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, logger="clipdesk.pages"):
        answer = serve(RuntimeError(f"bad {URL}"))
    assert answer.words.startswith("The desk made a mistake here.")
    assert "s3cret" not in caplog.text + answer.words


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:video/mp4;base64,AA", "file:///etc/passwd", ""])
def test_an_address_that_is_not_of_the_web_never_reaches_the_browser(url: str) -> None:
    assert "url" not in asks.payload(serve(url=url))
    with pytest.raises(ValueError, match="http"):
        cards.payload(ClipCard("c1", poster_url=url))


def test_the_same_wish_is_served_once_and_a_newer_one_again() -> None:
    first = Ask("c1", "play", 1)
    answers = {first.channel: serve()}
    assert asks.unserved((first, Ask("c1", "renew", 7)), answers) == ()
    assert asks.unserved((Ask("c1", "renew", 8), Ask("c1", "copy", 1)), answers) == (
        Ask("c1", "renew", 8),
        Ask("c1", "copy", 1),
    )


def test_links_are_dropped_when_their_life_is_over_and_reasons_are_kept() -> None:
    answers = {("c1", "play"): serve(), ("c2", "play"): serve(NotFound("404"))}
    assert asks.alive(answers, NOW + timedelta(minutes=14)) == answers
    assert set(asks.alive(answers, NOW + timedelta(minutes=15))) == {("c2", "play")}


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["c1", "play", "id"]),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "purpose", "number", "x"]), inner),
        max_leaves=12,
    )
)
def test_whatever_a_browser_sends_only_wishes_about_shown_clips_are_read(value: object) -> None:
    for ask in asks.parse_asks(value, {"c1"}):
        assert ask.clip_id == "c1"
        assert ask.purpose in {"play", "renew", "download", "copy"}
        assert ask.number >= 0
    sent = {"ask": value, "open": value, "posters": value}
    events = _events(sent, {"c1"})
    assert events.opened in {None, "c1"}
    assert set(events.posters_expired) <= {"c1"}


def test_a_flood_of_wishes_is_cut() -> None:
    flood = [{"id": "c1", "purpose": "play", "number": number} for number in range(1_000)]
    assert len(asks.parse_asks(flood, {"c1"})) == asks.MAX_ASKS


def test_a_card_says_unknown_where_it_is_unknown_and_never_zero() -> None:
    shown = cards.payload(ClipCard("c1", None, duration_seconds=None, size_bytes=None, status=None))
    assert (shown["title"], shown["size"], shown["length"], shown["status"]) == ("c1", "size unknown", "", "—")
    assert cards.payload(ClipCard("c1", size_bytes=0))["size"] == "0 B"


def test_presence_has_three_answers_each_with_its_words() -> None:
    reasons = [cards.payload(ClipCard("c1", presence=one))["reason"] for one in ("present", "absent", "unknown")]
    assert reasons == ["", "The file is not in the bucket.", "Not known whether the file is there."]


def test_a_card_whose_file_is_not_there_is_not_called_completed() -> None:
    shown = cards.payload(ClipCard("c1", status="completed", presence="absent"))
    assert (shown["status"], shown["colour"]) == ("Broken", "red")
    assert cards.payload(ClipCard("c1", status="completed", presence="unknown"))["status"] == "Completed"


def test_times_reach_the_browser_as_milliseconds() -> None:
    shown = cards.payload(ClipCard("c1", media_url=URL, expires_at=NOW))
    assert shown["media"] == {"url": URL, "expires": int(NOW.timestamp() * 1000)}


def test_a_card_hides_its_links_when_it_is_printed() -> None:
    card = ClipCard("c1", poster_url=URL, media_url=URL)
    assert "s3cret" not in repr(card)
    assert "s3cret" not in repr(serve())


MOUNTED = """
import streamlit as st
from pages._ui import copying
from pages._ui.player import ClipCard, gallery
events = gallery([ClipCard("c1", "A clip")], key="clips", sign=lambda clip_id, purpose: None)
copying.copy_button("u__1", key="copy__u__1", what="customer id")
st.text(str(events))
"""


def test_a_page_with_a_gallery_runs_without_a_browser_and_nothing_has_happened_yet() -> None:
    app = AppTest.from_string(MOUNTED, default_timeout=PATIENCE_SECONDS).run()
    assert not app.exception
    assert app.text[0].value == "GalleryEvents(opened=None, asked=(), posters_expired=())"


def test_two_cards_of_one_clip_are_a_slip_of_the_page() -> None:
    with pytest.raises(ValueError, match="same clip_id"):
        gallery([ClipCard("c1"), ClipCard("c1")], key="clips")
