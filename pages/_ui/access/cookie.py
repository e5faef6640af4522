"""What the sign-in cookie of a request says, read as Streamlit reads it: signed, and in the pieces that it announces.

A large cookie comes in pieces. The head then says, signed, how many there are, and each is signed for its place; what
else a request carries under such names is not looked at.
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
    except ValueError:  # no text of a header, or no JSON
        return None
    return claims if isinstance(claims, dict) and claims.get("is_logged_in") is True else None
