"""Sign-in cookies as Streamlit makes them: signed with a secret, whole or in pieces; and as a browser sends them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from streamlit.auth_util import set_cookie_with_chunks
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

COOKIE = "_streamlit_user"


def claims(email: str = "ada@corp.test", *, origin: str = "https://desk.corp.test", **changes: Any) -> dict[str, Any]:
    """What Streamlit keeps of a person who has just signed in, but for the changes."""
    now = int(time.time())
    return {
        "iss": "https://id.corp.test",
        "sub": email,
        "aud": "desk",
        "iat": now - 5,
        "exp": now + 3_600,
        "nonce": "n-0S6",
        "email": email,
        "email_verified": True,
        "origin": origin,
        "is_logged_in": True,
        "provider": "default",
        **changes,
    }


def signed(content: Mapping[str, Any], secret: str) -> dict[str, str]:
    """The cookies of a sign-in: one, or with much content a head and pieces."""
    made: dict[str, str] = {}

    def sign(name: str, value: str) -> bytes:
        return create_signed_value(secret, name, value)

    def keep(name: str, value: str) -> None:
        made[name] = sign(name, value).decode()

    set_cookie_with_chunks(keep, sign, COOKIE, dict(content), cookie_attr_size=80)
    return made


def header(cookies: Mapping[str, str]) -> str:
    """The request's header."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
