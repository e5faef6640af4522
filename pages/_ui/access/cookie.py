"""Reads the claims in a request's sign-in cookie, as Streamlit reads them.

The cookie is signed. A large cookie comes in pieces: its signed head says how many there are, and each piece is signed
for its place. Other cookies with such names are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

_LARGEST: Final = 65_536  # characters of all cookies together; servers take less


def claims_of(cookies: Mapping[str, str]) -> dict[str, Any] | None:
    """The claims of a signed-in person, or `None` where the cookies carry none whose signature holds."""
    if USER_COOKIE_NAME not in cookies or sum(map(len, cookies.values())) > _LARGEST:
        return None
    secret = get_cookie_secret()

    def piece(name: str) -> bytes | None:
        value = cookies.get(name)
        return None if value is None else decode_signed_value(secret, name, value.encode("latin-1"))

    try:
        content = get_cookie_with_chunks(piece, USER_COOKIE_NAME)
        claims = json.loads(content) if content else None
    except ValueError:  # text that no header can hold, or no JSON
        return None
    return claims if isinstance(claims, dict) and claims.get("is_logged_in") is True else None
