"""Assertions of Cloudflare Access, with keys fetched over HTTP from a server that counts: only the right one passes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import OctKey, RSAKey

from pages._ui.access.identity import FRESH_SECONDS, LAST_SECONDS, REFETCH_SECONDS, BadAssertion, SigningKeys, verify
from storage.errors import Unreachable
from storage.settings.access import AssertionSettings
from tests.rigs.issuer import AUDIENCE, Issuer, encoded, rsa, running

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running() as server:
        yield server


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(issuer: Issuer, clock: Clock) -> SigningKeys:
    return SigningKeys(issuer.settings.keys_url, clock=clock)


def signed(issuer: Issuer, key: str = "first", header: dict[str, Any] | None = None, **changes: Any) -> str:
    return issuer.signed(NOW, key=key, header=header, **changes)


def test_a_right_assertion_says_who_it_is(issuer: Issuer, keys: SigningKeys) -> None:
    found = verify(signed(issuer), issuer.settings, keys, now=NOW)
    assert found.email == "Ada@Corp.test"
    assert found.expires_at == NOW + timedelta(hours=1)
    assert found.issued_at == NOW - timedelta(minutes=1)
    assert verify(signed(issuer, aud=AUDIENCE), issuer.settings, keys, now=NOW).subject == found.subject


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["somebody-elses-application"]},
        {"aud": None},
        {"aud": []},
        {"iss": "https://evil.cloudflareaccess.com"},
        {"iss": None},
        {"exp": int(NOW.timestamp())},
        {"exp": int(NOW.timestamp()) - 10},
        {"exp": None},
        {"exp": "never"},
        {"nbf": int(NOW.timestamp()) + 60},
        {"iat": int(NOW.timestamp()) + 60},
        {"nbf": "soon"},
    ],
    ids=str,
)
def test_a_claim_that_is_not_right_refuses_it(issuer: Issuer, keys: SigningKeys, changes: dict[str, Any]) -> None:
    token = signed(issuer, **changes)
    with pytest.raises(BadAssertion) as caught:
        verify(token, issuer.settings, keys, now=NOW)
    assert token not in str(caught.value)


def test_an_assertion_signed_by_somebody_else_under_our_key_id_is_forged(issuer: Issuer, keys: SigningKeys) -> None:
    forged = signed(issuer, "stranger", {"alg": "RS256", "kid": "first"})
    with pytest.raises(BadAssertion):
        verify(forged, issuer.settings, keys, now=NOW)


def test_a_payload_exchanged_under_a_right_signature_is_forged(issuer: Issuer, keys: SigningKeys) -> None:
    header, _, signature = signed(issuer).split(".")
    forged = f"{header}.{encoded(issuer.claims(NOW, email='boss@corp.test'))}.{signature}"
    with pytest.raises(BadAssertion):
        verify(forged, issuer.settings, keys, now=NOW)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "RS384", "PS256", ""])
def test_no_other_algorithm_counts_and_above_all_not_none(issuer: Issuer, keys: SigningKeys, algorithm: str) -> None:
    token = f"{encoded({'alg': algorithm, 'kid': 'first'})}.{encoded(issuer.claims(NOW))}."
    for signature in ("", signed(issuer).split(".")[2]):
        with pytest.raises(BadAssertion):
            verify(token + signature, issuer.settings, keys, now=NOW)


def test_the_public_key_is_no_shared_secret(issuer: Issuer, keys: SigningKeys) -> None:
    public = rsa("first").as_pem(private=False)
    confused = jwt.encode(
        {"alg": "HS256", "kid": "first"}, issuer.claims(NOW), OctKey.import_key(base64.b64encode(public))
    )
    with pytest.raises(BadAssertion):
        verify(confused, issuer.settings, keys, now=NOW)


@pytest.mark.parametrize("email", [None, "", "  ", 7, ["ada@corp.test"]])
def test_a_service_token_is_nobody(issuer: Issuer, keys: SigningKeys, email: Any) -> None:
    assert verify(signed(issuer, email=email, common_name="robot"), issuer.settings, keys, now=NOW).email == ""


def test_a_new_key_is_fetched_and_the_former_one_goes_on_while_it_is_published(
    issuer: Issuer, keys: SigningKeys, clock: Clock
) -> None:
    verify(signed(issuer), issuer.settings, keys, now=NOW)
    issuer.publish("first", "second")
    clock.seconds += REFETCH_SECONDS
    verify(signed(issuer, "second"), issuer.settings, keys, now=NOW)
    verify(signed(issuer, "first"), issuer.settings, keys, now=NOW)
    assert issuer.asked == 2


def test_a_withdrawn_key_is_not_believed_past_the_time_that_keys_stay_fresh(
    issuer: Issuer, keys: SigningKeys, clock: Clock
) -> None:
    verify(signed(issuer), issuer.settings, keys, now=NOW)
    issuer.publish("second")
    clock.seconds += FRESH_SECONDS
    with pytest.raises(BadAssertion):
        verify(signed(issuer), issuer.settings, keys, now=NOW)


def test_made_up_key_ids_do_not_make_us_ask_again_and_again(issuer: Issuer, keys: SigningKeys, clock: Clock) -> None:
    for number in range(200):
        with pytest.raises(BadAssertion):
            verify(signed(issuer, header={"alg": "RS256", "kid": f"made-up-{number}"}), issuer.settings, keys, now=NOW)
    assert issuer.asked == 1
    clock.seconds += REFETCH_SECONDS
    with pytest.raises(BadAssertion):
        verify(signed(issuer, header={"alg": "RS256", "kid": "one-more"}), issuer.settings, keys, now=NOW)
    assert issuer.asked == 2


@pytest.mark.parametrize(
    ("status", "content"),
    [(500, b"{}"), (302, b""), (200, b"<html>"), (200, b'{"keys": []}'), (200, b"[]"), (200, b"x" * 1_100_000)],
)
def test_an_issuer_that_is_away_keeps_the_known_keys_for_a_day_and_no_longer(
    issuer: Issuer, keys: SigningKeys, clock: Clock, status: int, content: bytes
) -> None:
    token = signed(issuer)
    verify(token, issuer.settings, keys, now=NOW)
    issuer.status, issuer.content = status, content
    clock.seconds += FRESH_SECONDS + 1
    assert verify(token, issuer.settings, keys, now=NOW).email
    clock.seconds += LAST_SECONDS
    with pytest.raises(Unreachable):
        verify(token, issuer.settings, keys, now=NOW)


def test_an_issuer_that_was_never_reached_is_said_to_be_away(issuer: Issuer, keys: SigningKeys) -> None:
    issuer.status = 503
    with pytest.raises(Unreachable):
        verify(signed(issuer), issuer.settings, keys, now=NOW)


def test_a_weak_or_broken_key_is_not_taken_and_does_not_spoil_the_others(issuer: Issuer, keys: SigningKeys) -> None:
    pem = generate_private_key(65_537, 1_024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.warns(SecurityWarning):
        small = RSAKey.import_key(pem, {"kid": "weak"})
    broken = {"kty": "RSA", "kid": "broken", "n": "AQAB"}
    published = [broken, "no key", small.as_dict(private=False), rsa("first").as_dict(private=False)]
    issuer.content = json.dumps({"keys": published}).encode()
    verify(signed(issuer), issuer.settings, keys, now=NOW)
    with pytest.raises(BadAssertion):
        verify(jwt.encode({"alg": "RS256", "kid": "weak"}, issuer.claims(NOW), small), issuer.settings, keys, now=NOW)


@given(
    st.one_of(st.text(max_size=200), st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}"))
)
def test_whatever_else_stands_there_is_refused_without_a_question_to_the_issuer(text: str) -> None:
    settings = AssertionSettings("http://127.0.0.1:9", (AUDIENCE,))
    with pytest.raises(BadAssertion):
        verify(text, settings, SigningKeys("http://127.0.0.1:9"), now=NOW)


def test_a_header_of_megabytes_is_refused(issuer: Issuer, keys: SigningKeys) -> None:
    with pytest.raises(BadAssertion):
        verify("a." * 1_000_000, issuer.settings, keys, now=NOW)
    assert issuer.asked == 0
