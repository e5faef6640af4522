"""Establishes who is asking: by the OIDC sign-in, by Cloudflare Access's assertion, or as a local user of the demo.

Cloudflare Access signs an assertion for each request, and only that assertion counts: anybody who reaches the desk past
the proxy can send the plain e-mail header. The issuer's public keys are kept by key id and fetched again at most once
an interval.
"""

from __future__ import annotations

import hmac
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import httpx
import streamlit as st
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from streamlit.web.server.server_util import get_cookie_secret

from pages._ui.access.sessions import SessionEnded, SignIn
from storage import logs
from storage.domain.policy import Role, Source
from storage.errors import Refused, Unreachable
from storage.settings.access import AccessSettings, AssertionSettings, address
from storage.settings.reader import LOOPBACK

REFETCH_SECONDS: Final = 10.0  # made-up key ids cannot make the desk ask more often than this
FRESH_SECONDS: Final = 3_600.0  # a withdrawn key is believed for at most this long, if the issuer answers
LAST_SECONDS: Final = 86_400.0  # and at most this long, if the issuer does not answer
_LARGEST: Final = 1_000_000  # bytes of a key set
_LEAST_BITS: Final = 2_048


HEADER: Final = "Cf-Access-Jwt-Assertion"
_LONGEST: Final = 16_384  # characters; a header longer than this is no assertion
_LEEWAY_SECONDS: Final = 30  # for "not before" and "issued at" alone: an expired assertion is expired
PERSONA: Final = "access__persona"  # session key: the persona that a local user plays
ROLE: Final = "as"  # the parameter of an address that names a persona without its domain
_ROLE_SEEN: Final = "access__role_seen"  # session key: what the address said when it last chose the persona
# The personas of a local user. Two of them are admins, because an approval needs two.
PERSONAS: Final[Mapping[str, frozenset[Role]]] = {
    "admin@demo.local": frozenset({"admin"}),
    "second-admin@demo.local": frozenset({"admin"}),
    "engineer@demo.local": frozenset({"engineer"}),
    "operations@demo.local": frozenset({"operations"}),
    "support@demo.local": frozenset({"support"}),
    "nobody@demo.local": frozenset(),
}


class SigningKeys:
    """One issuer's keys. Safe to share between threads; makes no request before the first question."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic, timeout_seconds: float = 5.0) -> None:
        self._url = url
        self._clock = clock
        self._timeout = timeout_seconds
        self._lock = threading.Lock()
        self._keys: dict[str, RSAKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None

    def get(self, key_id: str) -> RSAKey | None:
        """The key of this id, or `None` where the issuer has no such key.

        Raises `Unreachable` when the issuer's keys are not known and cannot be fetched.
        """
        with self._lock:
            known = self._keys.get(key_id)
            age = self._age(self._fetched_at)
            if known is not None and age < FRESH_SECONDS:
                return known
            if self._age(self._tried_at) >= REFETCH_SECONDS:
                self._refetch()
            if self._age(self._fetched_at) >= LAST_SECONDS:
                raise Unreachable(
                    "The desk could not fetch the keys that it checks sign-ins with.",
                    remedy="Check that this machine reaches ACCESS_TEAM_DOMAIN; then reload.",
                    operation="fetch signing keys",
                    target=self._url,
                )
            return self._keys.get(key_id)

    def _age(self, instant: float | None) -> float:
        return float("inf") if instant is None else self._clock() - instant

    def _refetch(self) -> None:
        """Replaces all keys with the issuer's present ones; keeps the old ones where the issuer does not answer."""
        self._tried_at = self._clock()
        try:
            with httpx.stream("GET", self._url, timeout=self._timeout, follow_redirects=False) as answer:
                answer.raise_for_status()
                content = b""
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > _LARGEST:
                        return
            published = httpx.Response(200, content=content).json()["keys"]
            keys = {key.kid: key for key in map(_usable, published) if key is not None and key.kid}
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return  # the answer holds no keys
        if keys:
            self._keys = keys
            self._fetched_at = self._clock()


def _usable(published: object) -> RSAKey | None:
    """One key of the set; `None` for a key of another kind, a broken or a weak one: it does not affect the others."""
    if not isinstance(published, dict) or published.get("kty") != "RSA":
        return None
    try:
        modulus = int.from_bytes(urlsafe_b64decode(published["n"] + "=="))
        return RSAKey.import_key(published) if modulus.bit_length() >= _LEAST_BITS else None
    except (JoseError, ValueError, KeyError, TypeError):
        return None


class BadAssertion(Refused):
    """The assertion is not valid: malformed, forged, expired, or meant for another application."""

    code = "bad_assertion"


@dataclass(frozen=True, slots=True)
class Assertion:
    """The claims of a valid assertion. `email` is empty for a service token, which is no person."""

    subject: str
    email: str
    issued_at: datetime | None
    expires_at: datetime
    claims: Mapping[str, Any]


def verify(token: str, settings: AssertionSettings, keys: SigningKeys, *, now: datetime) -> Assertion:
    """The claims of the assertion, after a check of its signature (RS256), issuer, audience and times.

    Raises `BadAssertion`, which never quotes the assertion, or `Unreachable` where the keys cannot be fetched.
    """
    if len(token) > _LONGEST:
        raise BadAssertion("The assertion of Cloudflare Access is too long to be one.")
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
    except (JoseError, ValueError, KeyError, TypeError):
        raise BadAssertion("The assertion of Cloudflare Access is malformed.") from None
    key_id = header.get("kid")
    key = keys.get(key_id) if isinstance(key_id, str) and header.get("alg") == "RS256" else None
    if key is None:
        raise BadAssertion("The assertion is not signed with a key of this Cloudflare Access team.")
    rules = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=0,
        iss={"essential": True, "value": settings.issuer},
        aud={"essential": True, "values": list(settings.audiences)},
        exp={"essential": True},
    )
    try:
        claims = jwt.decode(token, key, algorithms=["RS256"]).claims
        rules.validate({name: value for name, value in claims.items() if name not in {"nbf", "iat"}})
    except (JoseError, ValueError, KeyError, TypeError) as error:
        what = getattr(error, "error", "") or type(error).__name__
        raise BadAssertion(
            f"The assertion of Cloudflare Access was not accepted: {what}.", remedy="Reload the page to get a new one."
        ) from None
    return _assertion(claims, now)


def _assertion(claims: dict[str, Any], now: datetime) -> Assertion:
    latest = now.timestamp() + _LEEWAY_SECONDS
    issued = claims.get("iat")
    for early in (issued, claims.get("nbf")):
        if early is not None and (not isinstance(early, int | float) or early > latest):
            raise BadAssertion("The assertion of Cloudflare Access is not valid yet.", remedy="Check this clock.")
    email, subject = claims.get("email"), claims.get("sub")
    email = email.strip() if isinstance(email, str) else ""
    return Assertion(
        subject=subject if isinstance(subject, str) and subject else email,
        email=email,
        issued_at=datetime.fromtimestamp(issued, UTC) if issued is not None else None,
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        claims=claims,
    )


@dataclass(frozen=True, slots=True)
class Person:
    """A person whom `source` identified, without their roles. `email` is lower case."""

    email: str
    name: str
    groups: frozenset[str]
    source: Source
    sign_in: SignIn
    expires_at: datetime | None


def who(settings: AccessSettings, now: datetime) -> Person:
    """The person behind this run. Raises `SessionEnded` where nobody is signed in.

    A person counts as not signed in where the address is missing, or the provider says that it is not verified.
    """
    if not settings.signs_in:
        return _local(now)
    person = _from_oidc(settings) if settings.oidc is not None else None
    if person is None and settings.assertion is not None:
        person = _from_access(settings, now)
    if person is None:
        raise SessionEnded("not_signed_in", "You are not signed in.")
    return person


def is_local() -> bool:
    """True when the browser runs on this machine and addresses it by its own name (no rebound host name)."""
    host = (st.context.headers.get("Host") or "localhost").rsplit("@", 1)[-1]
    name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return st.context.ip_address is None and name in LOOPBACK


def ip() -> str:
    """The address that the request came from, as far as the server knows; 127.0.0.1 for this machine."""
    return st.context.ip_address or "127.0.0.1"


def adopt() -> None:
    """Lets the address choose the persona where it names another one than before: after a reload, in a new tab, by a
    link. Nothing looks at a persona where people sign in."""
    wanted = st.query_params.get(ROLE, "")
    if st.session_state.get(_ROLE_SEEN, "") == wanted:
        return
    st.session_state[_ROLE_SEEN] = wanted
    if f"{wanted}@demo.local" in PERSONAS:
        st.session_state[PERSONA] = f"{wanted}@demo.local"


def chosen() -> None:
    """A person has just chosen the persona, which the address names a little later."""
    st.session_state[_ROLE_SEEN] = st.query_params.get(ROLE, "")


def role_in_address(email: str) -> str:
    """How an address names this persona; empty for the first one, which needs no name."""
    return "" if email == next(iter(PERSONAS)) else email.partition("@")[0]


def _local(now: datetime) -> Person:
    email = str(st.session_state.get(PERSONA))
    if email not in PERSONAS:
        email = next(iter(PERSONAS))
    return Person(email, email.partition("@")[0], frozenset(), "local", SignIn("local", email, now), None)


def _from_oidc(settings: AccessSettings) -> Person | None:
    claims = st.user.to_dict()
    if claims.get("is_logged_in") is not True:
        return None
    return person_of_claims(claims, settings)


def person_of_claims(claims: Mapping[str, Any], settings: AccessSettings) -> Person:
    """The person whom a provider's claims describe. Raises `SessionEnded` where they confirm no e-mail address."""
    email = claims.get("email")
    if not isinstance(email, str) or "@" not in email or claims.get("email_verified") in (False, "false"):
        raise SessionEnded(
            "refused",
            "Your provider did not confirm your e-mail address.",
            remedy="Sign in with an account whose address is verified.",
        )
    name = claims.get("name")
    return Person(
        email=address(email),
        name=name if isinstance(name, str) else "",
        groups=_groups(claims, settings.groups_claim),
        source="oidc",
        sign_in=sign_in_of(claims),
        expires_at=_instant(claims.get("exp")),
    )


def sign_in_of(claims: Mapping[str, Any]) -> SignIn:
    """The sign-in that a provider's claims came from: the person and the time of issue, as the provider signed them.

    Raises `SessionEnded` where the claims have no time of issue (OpenID Connect demands it): without it one sign-in
    cannot be told from another.
    """
    issued = _instant(claims.get("iat"))
    if issued is None:
        raise SessionEnded(
            "refused", "Your provider did not say when you signed in.", remedy="Ask an admin of the desk."
        )
    secret = get_cookie_secret()
    subject = digest(secret, str(claims.get("iss", "")), str(claims.get("sub", claims.get("email"))))
    return SignIn(digest(secret, subject, issued.isoformat()), subject, issued, here=True)


def _from_access(settings: AccessSettings, now: datetime) -> Person | None:
    token = st.context.headers.get(HEADER)
    if not token or settings.assertion is None:
        return None
    try:
        person = person_of_assertion(token, settings, now)
    except BadAssertion as error:
        logs.event("sign_in", actor="", outcome="refused", source="access", ip=ip(), why=error.message)
        raise SessionEnded("refused", error.message, remedy=error.remedy or "Reload the page.") from None
    if person is None:
        raise SessionEnded("refused", "A service token is not a person.", remedy="Open the desk as yourself.")
    return person


def person_of_assertion(token: str, settings: AccessSettings, now: datetime) -> Person | None:
    """The person whom the assertion of Cloudflare Access names; `None` for a service token.

    Raises `BadAssertion`, or `Unreachable` where the keys cannot be fetched.
    """
    if settings.assertion is None:
        return None
    found = verify(token, settings.assertion, signing_keys(settings.assertion.keys_url), now=now)
    if not found.email:
        return None
    if found.issued_at is None:
        raise BadAssertion("The assertion of Cloudflare Access does not say when it was issued.")
    custom = found.claims.get("custom")
    claims = {**custom, **found.claims} if isinstance(custom, dict) else found.claims
    secret = " ".join(settings.assertion.audiences)  # nothing secret is known here; the same on all replicas
    subject = digest(secret, settings.assertion.issuer, found.subject)
    return Person(
        email=address(found.email),
        name="",
        groups=_groups(claims, settings.groups_claim),
        source="access",
        sign_in=SignIn(digest(secret, subject, found.issued_at.isoformat()), subject, found.issued_at),
        expires_at=found.expires_at,
    )


def digest(secret: str, *parts: str) -> str:
    """A short digest that identifies a value without revealing it; guesses need the secret."""
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hmac.new(secret.encode(), text, sha256).hexdigest()[:32]


@lru_cache(maxsize=4)
def signing_keys(url: str) -> SigningKeys:
    """One set of keys for each issuer in this process; a changed setting gets its own."""
    return SigningKeys(url)


def _groups(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    value = claims.get(claim)
    if isinstance(value, str):
        return frozenset({value})
    return frozenset(group for group in value if isinstance(group, str)) if isinstance(value, list) else frozenset()


def _instant(value: Any) -> datetime | None:
    """A claim of seconds as an instant; `None` where it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return None
