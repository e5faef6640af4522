"""What is taken out of logs, and what a log line looks like."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages._ui.kit import feedback
from pages._ui.shell import question
from storage import logs
from storage import text as wording
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.layout import Layout
from storage.domain.policy import Actor
from storage.domain.search import recognise
from storage.errors import BadInput, Refused, Unreachable
from storage.logs import redacted
from storage.text import Secret, quoted, without_addresses
from tests.rigs.secret_corpus import ORDINARY, SECRETS, SIGNED

SECRET = "wJalrXUtnFEMIsecret/K7MDENG+bPxRfiCYkey"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a logger of ours writes as JSON lines."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines())
    logger = logging.getLogger("clipdesk")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(("text", "gone"), SECRETS)
def test_every_door_takes_secrets_out(text: str, gone: str, written: io.StringIO) -> None:
    """Log lines, incidents, hand-overs, what is searched for; reasons and actors are refused with one."""
    assert gone in text
    assert logs.REMOVED in redacted(text)
    logging.getLogger("clipdesk").warning("%s", text)
    logs.event("look", actor="ada@corp.test", target=text, outcome="done")
    feedback.record(ValueError(text), "testing")
    shown = [redacted(text), wording.redacted(text), quoted(text), question(text), written.getvalue()]
    with contextlib.suppress(BadInput):  # there may be nothing left to look for
        shown.append(repr(recognise(text, Layout("users/"))))
    assert not [one for one in shown if gone in one]
    with pytest.raises(BadInput):
        checked_reason(text)
    with pytest.raises(BadInput):
        normal_email(f"{text}@corp.test")


@pytest.mark.parametrize("text", ORDINARY)
def test_every_door_leaves_ordinary_text_as_it_is(text: str) -> None:
    assert redacted(text) == text
    assert question(text) == text
    assert checked_reason(text) == without_addresses(text), "a reason outlives the customer, and so keeps no address"


@given(st.text("ab.+-_'’@é \n", max_size=40))
def test_the_addresses_of_a_text_are_those_of_one_expression(text: str) -> None:
    assert without_addresses(text) == re.sub(r"[\w.+-][\w.+'’-]*@[\w-]+\.[\w.-]+", "[address]", text)


@pytest.mark.parametrize("part", ["x", "a'", "a+", "x@"])
def test_a_text_of_any_length_is_gone_through_once(part: str) -> None:
    """A reason of 100,000 letters took a minute."""
    text = part * 100_000
    assert without_addresses(text) == text
    with pytest.raises(BadInput, match="longer than 2,000"):
        checked_reason(text)


def test_known_secrets_go_wherever_they_stand_and_short_ones_do_not_eat_words() -> None:
    logs.register_secrets([Secret(SECRET), "ab"])
    assert redacted(f"x{SECRET}y cab") == f"x{logs.REMOVED}y cab"


def test_secrets_are_known_by_the_names_of_their_settings() -> None:
    values = {"OIDC_CLIENT_SECRET": "open-sesame-1", "AUDIT_HMAC_KEY": "seal-sesame-1", "R2_BUCKET_NAME": "my-bucket"}
    logs.know_settings(values)
    assert redacted("open-sesame-1 my-bucket seal-sesame-1") == "[removed] my-bucket [removed]"


@pytest.mark.parametrize(
    "piece",
    [
        "?", "-eyJaaaaaa", "Bearer ", "cookie=", "-----BEGIN PRIVATE KEY-----", "Signature=", "?X-Amz-", "eyJ.",
        "?state=&", "password:aaa", "token ", "a://", "'token': '", "authorization: aaaaaaaa", "x-amz-a", "%25",
    ],
)  # fmt: skip
def test_redaction_takes_time_in_proportion_to_the_text(piece: str) -> None:
    assert len(redacted(piece * (200_000 // len(piece)))) > 0  # a quadratic pattern would run into the test's time-out


@given(st.text())
def test_redaction_accepts_any_text(text: str) -> None:
    assert isinstance(redacted(text), str)


def test_an_event_says_who_what_to_what_with_which_outcome(written: io.StringIO) -> None:
    actor = Actor("ada@corp.test", frozenset({"admin"}), "oidc", ip="10.1.2.3")
    with logs.acting("recount", actor=actor, target="users/u1") as more:
        more["documents"] = 3
    (entry,) = lines(written)
    assert entry["actor"] == "ada@corp.test"
    assert entry["action"] == "recount"
    assert entry["target"] == "users/u1"
    assert entry["outcome"] == "done"
    assert entry["documents"] == 3
    assert entry["ip"] == "10.1.2.3"
    assert isinstance(entry["duration_ms"], float)


def test_a_refusal_and_a_failure_are_told_apart(written: io.StringIO) -> None:
    with pytest.raises(Refused), logs.acting("fix", actor="a@b.c"):
        raise Refused("no")
    with pytest.raises(Unreachable), logs.acting("fix", actor="a@b.c"):
        raise Unreachable("away")
    with pytest.raises(KeyError), logs.acting("fix", actor="a@b.c"):
        raise KeyError("x")
    assert [(entry["outcome"], entry.get("code")) for entry in lines(written)] == [
        ("refused", "refused"),
        ("failed", "unreachable"),
        ("failed", None),
    ]


def test_a_traceback_carries_no_secret(written: io.StringIO) -> None:
    logs.register_secrets([SECRET])
    try:
        raise ValueError(f"cannot use {SECRET} at {SIGNED}")
    except ValueError:
        logging.getLogger("clipdesk").exception("it failed at %s", SIGNED)
    (entry,) = lines(written)
    assert SECRET not in written.getvalue()
    assert "0123deadbeef" not in written.getvalue()
    assert "ValueError" in str(entry["trace"])


@pytest.mark.parametrize("hostile", ["a\nb\r\nc", "\x1b[31mred\x1b[0m", "\u202egpj.exe", "\u2028", '"}\n{"level":"x"}'])
def test_a_hostile_value_stays_within_its_line_and_acts_on_no_terminal(written: io.StringIO, hostile: str) -> None:
    logs.event("look", actor=hostile, target=hostile, outcome="done", title=hostile)
    text = written.getvalue()
    assert text.count("\n") == 1
    assert json.loads(text)["outcome"] == "done"
    assert not any(char in text for char in "\x1b\r\u202e\u2028")


def test_a_hundred_thousand_characters_become_a_line_that_can_be_read(written: io.StringIO) -> None:
    logging.getLogger("clipdesk").info("x" * 100_000)
    assert len(written.getvalue()) < 21_000


def test_a_record_whose_arguments_do_not_fit_is_logged_all_the_same() -> None:
    record = logging.LogRecord("clipdesk", logging.INFO, __file__, 1, "%d items", ("many",), None)
    assert json.loads(logs.JsonLines().format(record))["message"] == "%d items"
