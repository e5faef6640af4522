"""Who is asking: established from the OIDC sign-in, from Cloudflare Access's assertion, or a local user of the demo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import streamlit as st

from pages._ui.access import assertion
from pages._ui.access.sessions import SessionEnded, SignIn, cookie_key, key_of
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
    email = claims.get("email")
    if not isinstance(email, str) or "@" not in email or claims.get("email_verified") in (False, "false"):
        raise SessionEnded(
            "refused",
            "Your provider did not vouch for an e-mail address of yours.",
            remedy="Sign in with an account whose address is verified.",
        )
    subject = f"{claims.get('iss', '')} {claims.get('sub', email)}"
    fallback = key_of(subject, str(claims.get("iat")), str(claims.get("nonce")))
    sign_in = SignIn(cookie_key(st.context.cookies.items()) or fallback, subject, _instant(claims.get("iat")))
    name = claims.get("name")
    return Person(
        email=address(email),
        name=name if isinstance(name, str) else "",
        groups=_groups(claims, settings.groups_claim),
        source="oidc",
        sign_in=sign_in,
        expires_at=_instant(claims.get("exp")),
    )


def _from_access(settings: AccessSettings, now: datetime) -> Person | None:
    token = st.context.headers.get(assertion.HEADER)
    if not token or settings.assertion is None:
        return None
    keys = signing_keys(settings.assertion.keys_url)
    try:
        found = assertion.verify(token, settings.assertion, keys, now=now)
    except assertion.BadAssertion as error:
        logs.event("sign_in", actor="", outcome="refused", source="access", ip=ip(), why=error.message)
        raise SessionEnded("refused", error.message, remedy=error.remedy or "Reload the page.") from None
    if not found.email:
        raise SessionEnded("refused", "A service token is not a person.", remedy="Open the desk as yourself.")
    custom = found.claims.get("custom")
    claims = {**custom, **found.claims} if isinstance(custom, dict) else found.claims
    return Person(
        email=address(found.email),
        name="",
        groups=_groups(claims, settings.groups_claim),
        source="access",
        sign_in=SignIn(key_of(token), f"{settings.assertion.issuer} {found.subject}", found.issued_at),
        expires_at=found.expires_at,
    )


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
