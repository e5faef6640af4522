"""Checks the assertion that Cloudflare Access signs for each request; nothing else in the request says who asks.

The plain e-mail header is worth nothing: anybody who reaches the desk past the proxy can send it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError

from pages._ui.access.signing_keys import SigningKeys
from storage.access_settings import AssertionSettings
from storage.errors import Refused

HEADER: Final = "Cf-Access-Jwt-Assertion"
_LONGEST: Final = 16_384  # characters; a header longer than this is no assertion
_LEEWAY_SECONDS: Final = 30  # for "not before" and "issued at" alone: an expired assertion is expired


class BadAssertion(Refused):
    """The assertion is not one to believe: malformed, forged, expired, or meant for something else."""

    code = "bad_assertion"


@dataclass(frozen=True, slots=True)
class Assertion:
    """What Access vouches for. `email` is empty for a service token, which is nobody."""

    subject: str
    email: str
    issued_at: datetime | None
    expires_at: datetime
    claims: Mapping[str, Any]


def verify(token: str, settings: AssertionSettings, keys: SigningKeys, *, now: datetime) -> Assertion:
    """What the assertion says, once signature (RS256), issuer, audience and times were found right.

    Raises `BadAssertion`, which never quotes the assertion, or `Unreachable` where the keys cannot be had.
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
