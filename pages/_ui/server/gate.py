"""Closes what Streamlit serves to anybody: metrics, media, uploads; and notes a sign-out however it is reached."""

from __future__ import annotations

import asyncio
import hmac
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pages._ui.access import cookie, identity, settings
from pages._ui.access.sessions import SessionEnded, sessions
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
        if path == _SIGN_OUT:
            _note_sign_out(request)
        return True


def _knows_token(request: HTTPConnection) -> bool:
    try:
        token = settings.current().metrics_token
    except ConfigError:
        return False
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    return token is not None and hmac.compare_digest(given.encode(), token.reveal().encode())


async def _is_signed_in(request: HTTPConnection) -> bool:
    """Whether somebody asks who has a role at this moment, and whose sign-in has not ended."""
    try:
        current = settings.current()
        values = environment.read()
        settings.refuse_to_serve(current, values)
    except ConfigError:
        return False
    if not current.signs_in:
        return config.is_demo(values) or (request.client is not None and request.client.host in LOOPBACK)
    now = datetime.now(UTC)
    person = _by_cookie(request, current)
    if person is not None:
        admitted = sessions.is_live(person.sign_in, settings.limits(current), now=now)
    else:
        person = await asyncio.to_thread(_by_assertion, request.headers.get(identity.HEADER, ""), current, now)
        admitted = person is not None and not sessions.has_ended(person.sign_in, settings.limits(current), now=now)
    return admitted and person is not None and bool(current.book.roles_of(person.email, person.groups))


def _by_cookie(request: HTTPConnection, current: AccessSettings) -> identity.Person | None:
    claims = cookie.claims_of(request.cookies) if current.oidc is not None else None
    try:
        return None if claims is None else identity.person_of_claims(claims, current)
    except SessionEnded:
        return None


def _by_assertion(token: str, current: AccessSettings, now: datetime) -> identity.Person | None:
    if not token:
        return None
    try:
        return identity.person_of_assertion(token, current, now)
    except StorageError:
        return None


def _note_sign_out(request: HTTPConnection) -> None:
    """Ends the sign-in that the cookie proves. What anybody may make up is nobody's sign-in, and is not kept."""
    claims = cookie.claims_of(request.cookies)
    if claims is not None:
        with suppress(SessionEnded):
            sessions.sign_out(identity.sign_in_of(claims), now=datetime.now(UTC))
