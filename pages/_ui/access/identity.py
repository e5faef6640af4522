"""Who is asking: established from the OIDC sign-in, from Cloudflare Access's assertion, or a local user of the demo."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import streamlit as st
from streamlit.web.server.server_util import get_cookie_secret

from pages._ui.access import assertion
from pages._ui.access.sessions import SessionEnded, SignIn
from pages._ui.access.signing_keys import SigningKeys
from storage import logs
from storage.access_settings import AccessSettings
from storage.domain.policy import Role, Source
from storage.role_book import address
from storage.settings_reader import LOOPBACK

PERSONA: Final = "access__persona"  # session key: whom a local user plays
# Whom a local user may play. Two admins, since an approval takes two.
PERSONAS: Final[Mapping[str, frozenset[Role]]] = {
    "admin@demo.local": frozenset({"admin"}),
    "second-admin@demo.local": frozenset({"admin"}),
    "engineer@demo.local": frozenset({"engineer"}),
    "operations@demo.local": frozenset({"operations"}),
    "support@demo.local": frozenset({"support"}),
    "nobody@demo.local": frozenset(),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, as vouched for by `source`; what they may do is another question. `email` is lower case."""

    email: str
    name: str
    groups: frozenset[str]
    source: Source
    sign_in: SignIn
    expires_at: datetime | None


def who(settings: AccessSettings, now: datetime) -> Person:
    """The person behind this run. Raises `SessionEnded` where nobody is signed in.

    A person without an address, or whose provider says that it is not verified, is nobody.
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
    """Where the request came from, as far as the server knows; loopback has the name of this machine."""
    return st.context.ip_address or "127.0.0.1"


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
    """The person whom a provider's claims are about. Raises `SessionEnded` where they vouch for nobody."""
    email = claims.get("email")
    if not isinstance(email, str) or "@" not in email or claims.get("email_verified") in (False, "false"):
        raise SessionEnded(
            "refused",
            "Your provider did not vouch for an e-mail address of yours.",
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
    """Which sign-in a provider's claims came from: by whose it is and when it was issued, as the provider signed it.

    Raises `SessionEnded` where they do not say when (OpenID Connect demands it): it could not be told from others.
    """
    issued = _instant(claims.get("iat"))
    if issued is None:
        raise SessionEnded("refused", "Your provider did not say when you signed in.", remedy="Ask an administrator.")
    secret = get_cookie_secret()
    subject = digest(secret, str(claims.get("iss", "")), str(claims.get("sub", claims.get("email"))))
    return SignIn(digest(secret, subject, issued.isoformat()), subject, issued, here=True)


def _from_access(settings: AccessSettings, now: datetime) -> Person | None:
    token = st.context.headers.get(assertion.HEADER)
    if not token or settings.assertion is None:
        return None
    try:
        person = person_of_assertion(token, settings, now)
    except assertion.BadAssertion as error:
        logs.event("sign_in", actor="", outcome="refused", source="access", ip=ip(), why=error.message)
        raise SessionEnded("refused", error.message, remedy=error.remedy or "Reload the page.") from None
    if person is None:
        raise SessionEnded("refused", "A service token is not a person.", remedy="Open the desk as yourself.")
    return person


def person_of_assertion(token: str, settings: AccessSettings, now: datetime) -> Person | None:
    """The person whom Cloudflare Access vouches for; `None` for a service token.

    Raises `BadAssertion`, or `Unreachable` where the keys cannot be had.
    """
    if settings.assertion is None:
        return None
    found = assertion.verify(token, settings.assertion, signing_keys(settings.assertion.keys_url), now=now)
    if not found.email:
        return None
    if found.issued_at is None:
        raise assertion.BadAssertion("The assertion of Cloudflare Access does not say when it was issued.")
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
    """A short digest that names something without revealing it; only who has the secret can try guesses."""
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hmac.new(secret.encode(), text, sha256).hexdigest()[:32]


@lru_cache(maxsize=4)
def signing_keys(url: str) -> SigningKeys:
    """One set of keys for each issuer and process: configuration that changes gets another."""
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
