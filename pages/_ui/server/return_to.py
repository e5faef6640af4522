"""Brings people back to the page they wanted: Streamlit's sign-in always ends at the first page.

The page that sends somebody to sign in names itself in `Referer`; it is kept in a short-lived cookie until the provider
sends them back. Only a path of this server is ever kept or followed.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages._ui.access.screens import REFUSED
from pages._ui.server.address import base, path_of
from storage.redaction import redacted

COOKIE: Final = "clip_desk_return"
_MINUTES: Final = 10
_PATH: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,1999}")  # one slash, printable ASCII, no backslash
_NOT_PAGES: Final = ("/auth/", "/oauth2callback", "/_stcore/", "/media/", "/static/", "/component/")


class ReturnTo:
    """ASGI middleware; WebSockets pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keeps the page on the way to the provider, and goes there on the way back."""
        path = path_of(scope) if scope["type"] == "http" else ""
        if path == "/auth/login":
            send = self._keeping(HTTPConnection(scope), send)
        elif path == "/oauth2callback":
            send = self._returning(HTTPConnection(scope), send)
        await self._app(scope, receive, send)

    @staticmethod
    def _keeping(request: HTTPConnection, send: Send) -> Send:
        page = page_of(request.headers.get("referer", ""), request.headers.get("host", ""))

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and page:
                value = urlsafe_b64encode(page.encode("ascii")).decode("ascii")
                cookie = f"{COOKIE}={value}; Max-Age={_MINUTES * 60}; Path={base()}/; HttpOnly; SameSite=Lax"
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        return sending

    @staticmethod
    def _returning(request: HTTPConnection, send: Send) -> Send:
        page = _decoded(request.cookies.get(COOKIE, "")) or f"{base()}/"
        if "error" in request.query_params:
            page += f"{'&' if '?' in page else '?'}{REFUSED}=refused"

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (302, 303, 307):
                headers = MutableHeaders(scope=message)
                headers["location"] = page
                headers.append("set-cookie", f"{COOKIE}=; Max-Age=0; Path={base()}/; HttpOnly; SameSite=Lax")
            await send(message)

        return sending


def page_of(referer: str, host: str) -> str:
    """The path and query of a page of this server, or "" for anything else.

    A query that carries a signature or a token is dropped: it has no business in a cookie.
    """
    try:
        parts = urlsplit(referer)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host or parts.netloc != host:
        return ""
    pairs = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != REFUSED]
    query = f"?{urlencode(pairs)}" if pairs and all(redacted(value) == value for _, value in pairs) else ""
    return _checked(parts.path + query) or _checked(parts.path)


def _checked(page: str) -> str:
    path = unquote(page.partition("?")[0])
    if any(part in (".", "..") for part in path.split("/")):  # a browser would resolve it to something else
        return ""
    below = path.removeprefix(base())
    return page if _PATH.fullmatch(page) and not below.startswith(_NOT_PAGES) else ""


def _decoded(value: str) -> str:
    try:
        return _checked(urlsafe_b64decode(value.encode("ascii")).decode("ascii"))
    except ValueError:
        return ""
