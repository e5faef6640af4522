"""Makes Streamlit's cookies stricter: `Secure` over https, and a sign-in cookie that lives as long as a session may."""

from __future__ import annotations

import re
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages._ui.access import settings
from pages._ui.server.address import is_https
from storage.errors import ConfigError

_MAX_AGE: Final = re.compile(r"(?i)(;\s*max-age=)(\d+)")
_READ_BY_SCRIPT: Final = "_streamlit_xsrf="  # sent back in a header by the page: the one that must not be HttpOnly


class Cookies:
    """ASGI middleware; WebSockets pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rewrites each `Set-Cookie` of the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and any(
                name.lower() == b"set-cookie" for name, _ in message["headers"]
            ):
                secure, longest = is_https(scope), _longest_seconds()
                message["headers"] = [
                    (name, _stricter(value.decode("latin-1"), secure, longest).encode("latin-1"))
                    if name.lower() == b"set-cookie"
                    else (name, value)
                    for name, value in message["headers"]
                ]
            await send(message)

        await self._app(scope, receive, sending)


def _longest_seconds() -> int:
    try:
        return settings.current().session_hours * 3_600
    except ConfigError:
        return 3_600


def _stricter(cookie: str, secure: bool, longest: int) -> str:
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    if cookie.startswith("_streamlit_user"):
        cookie = _MAX_AGE.sub(lambda found: f"{found[1]}{min(int(found[2]), longest)}", cookie)
    if secure and "secure" not in flags:
        cookie += "; Secure"
    if "httponly" not in flags and not cookie.startswith(_READ_BY_SCRIPT):
        cookie += "; HttpOnly"
    if not any(flag.startswith("samesite") for flag in flags):
        cookie += "; SameSite=Lax"
    return cookie
