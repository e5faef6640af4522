"""Closes what Streamlit serves to anybody: metrics, media, uploads; and notes a sign-out however it is reached."""

from __future__ import annotations

import asyncio
import hmac
from datetime import UTC, datetime
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pages._ui.access import assertion, identity, settings
from pages._ui.access.sessions import cookie_key, sessions
from pages._ui.server.address import path_of
from storage import config, environment
from storage.access_settings import AccessSettings
from storage.errors import ConfigError, StorageError
from storage.settings_reader import LOOPBACK

_METRICS: Final = "/_stcore/metrics"
_NEVER: Final = ("/_stcore/agent/", "/_stcore/script-health-check")  # not used here, and open to anybody if switched on
_SIGNED_IN: Final = ("/media/", "/_stcore/upload_file/")
_SIGN_OUT: Final = "/auth/logout"


class Gate:
    """ASGI middleware; WebSockets pass untouched, their pages have the guard."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 404 in place of what the request may not have."""
        if scope["type"] != "http" or await self._may_pass(HTTPConnection(scope), path_of(scope)):
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse("Not found", status_code=404)(scope, receive, send)

    async def _may_pass(self, request: HTTPConnection, path: str) -> bool:
        if path.startswith(_NEVER):
            return False
        if path == _METRICS:
            return _knows_token(request)
        if path.startswith(_SIGNED_IN):
            return await _is_signed_in(request)
        if path == _SIGN_OUT and (key := cookie_key(request.cookies.items())):
            sessions.sign_out(key, now=datetime.now(UTC))
        return True


def _knows_token(request: HTTPConnection) -> bool:
    try:
        token = settings.current().metrics_token
    except ConfigError:
        return False
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    return token is not None and hmac.compare_digest(given.encode(), token.reveal().encode())


async def _is_signed_in(request: HTTPConnection) -> bool:
    try:
        current = settings.current()
        values = environment.read()
        settings.refuse_to_serve(current, values)
    except ConfigError:
        return False
    if not current.signs_in:
        return config.is_demo(values) or (request.client is not None and request.client.host in LOOPBACK)
    now = datetime.now(UTC)
    if sessions.is_live(cookie_key(request.cookies.items()), settings.limits(current), now=now):
        return True
    return await asyncio.to_thread(_is_asserted, request.headers.get(assertion.HEADER, ""), current, now)


def _is_asserted(token: str, current: AccessSettings, now: datetime) -> bool:
    if not token or current.assertion is None:
        return False
    try:
        found = assertion.verify(token, current.assertion, identity.signing_keys(current.assertion.keys_url), now=now)
    except StorageError:
        return False
    return bool(found.email)
