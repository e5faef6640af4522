"""Wraps the pages in the desk's own rules for requests and answers.

* `SecurityHeaders`: every answer has the security headers and a content policy for the desk and the bucket's media.
* `Cookies`: Streamlit's cookies become `Secure` over https, and a sign-in cookie lives at most as long as a session.
* `Gate`: metrics, media and uploads, which Streamlit would serve to anybody, need a token or a sign-in; a path that
  nothing has is 404; it notes each sign-out.
* `ReturnTo`: Streamlit's sign-in always ends at the first page, so a short-lived cookie keeps the wanted page, which is
  opened afterwards. The wanted page comes from `Referer`; only a path of this server is kept or followed. Where the
  sign-in fails, that page opens too: it says why, and offers to sign in again.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from pages._ui import assets
from pages._ui.access import cookie, identity, settings
from pages._ui.access.screens import FAILED
from pages._ui.access.sessions import SessionEnded, sessions
from pages._ui.assets import base
from pages._ui.kit.session import CLIP_ID, DRAFT_ID, UID, VIDEO_ID
from pages._ui.nav import SCREENS
from pages._ui.server.page import HTML
from storage.domain.search import askable
from storage.errors import ConfigError, StorageError
from storage.logs import redacted
from storage.settings import backends, reader
from storage.settings.access import AccessSettings
from storage.settings.reader import LOOPBACK
from storage.text import is_signed

_DEMO_MEDIA: Final = "http://127.0.0.1:*"  # the stand-in takes any free port when the stores are opened
_FIXED: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Addresses of the desk hold ids: the media host does not get them; the desk itself does, and needs them at sign-in.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex, nofollow",
}
_MAX_AGE: Final = re.compile(r"(?i)(;\s*max-age=)(\d+)")
_READ_BY_SCRIPT: Final = "_streamlit_xsrf="  # the page sends it back in a header, so this one must not be HttpOnly
METRICS: Final = "/metrics"
HEALTH: Final = "/healthz"
_FOR_MONITORS: Final = (METRICS, "/_stcore/metrics")
_NEVER: Final = ("/_stcore/agent/", "/_stcore/script-health-check")  # unused here, and open to anybody if switched on
_DESK: Final = (METRICS, HEALTH, "/oauth2callback")
_STREAMLIT: Final = ("/_stcore/", "/auth/", "/media/", "/component/", "/app/static/")
_OWN_FILES: Final = f"/{assets.FOLDER}/"  # scripts of the desk's components; their route knows which there are
_STATIC: Final = Path(st.__file__).parent / "static"
_SIGNED_IN: Final = ("/media/", "/_stcore/upload_file/")
_SIGN_OUT: Final = "/auth/logout"
COOKIE: Final = "clip_desk_return"
_MINUTES: Final = 10
_IDS: Final = (UID, VIDEO_ID, CLIP_ID, DRAFT_ID)
_PATH: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,1999}")  # one slash, printable ASCII, no backslash
_NOT_PAGES: Final = ("/auth/", "/oauth2callback", "/_stcore/", "/media/", "/static/", "/component/")


def path_of(scope: Scope) -> str:
    """The request's path below the base path, always with a slash in front."""
    path = str(scope["path"])
    return path.removeprefix(base()) or "/" if path == base() or path.startswith(f"{base()}/") else path


def is_https(scope: Scope) -> bool:
    """True if the browser came over https, by the scheme, or behind a proxy by the configured address."""
    if scope.get("scheme") == "https":
        return True
    try:
        return settings.current().https_only
    except ConfigError:
        return False


def _inline_scripts() -> str:
    """The hashes, for a content policy, of the inline scripts in the page that the browser gets."""
    scripts = re.findall(r"<script>(.*?)</script>", HTML, re.DOTALL)
    return " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)


_INLINE: Final = _inline_scripts()


class SecurityHeaders:
    """ASGI middleware; WebSockets pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sets the headers on the answer's start."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        policy = content_policy(_media())

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _FIXED.items():
                    headers[name] = value
                headers["Content-Security-Policy"] = policy
                if path_of(scope).startswith("/media/"):
                    headers["Cache-Control"] = "private, no-store"
                if is_https(scope):
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        await self._app(scope, receive, sending)


def _media() -> tuple[str, ...]:
    """As `media_hosts`; none where the settings are unreadable, which the pages show."""
    try:
        return media_hosts(reader.read())
    except ConfigError:
        return ()


def media_hosts(values: Mapping[str, str]) -> tuple[str, ...]:
    """The origins that the browser may fetch images and videos from: the bucket's endpoint and its CDN domain."""
    if backends.is_demo(values):
        return (_DEMO_MEDIA,)
    try:
        r2 = backends.load(values).r2
    except ConfigError:
        return ()
    origins = [f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, (r2.endpoint_url, r2.public_url))]
    return tuple(dict.fromkeys(origin for origin in origins if origin != "://"))


def content_policy(media: tuple[str, ...]) -> str:
    """The Content-Security-Policy: exactly what Streamlit's pages need, tried page by page in a browser.

    Components get their scripts through `blob:`. Streamlit's protobuf library needs `wasm-unsafe-eval`. No text runs as
    script: charts interpret their expressions (Vega), and the policy has the hashes of the two inline scripts. Styles
    stay inline: Emotion writes them while the page is drawn, and a style can ask only hosts that this policy allows.
    """
    hosts = " ".join(("", *media))
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' {_INLINE} 'wasm-unsafe-eval' blob:",
            "script-src-attr 'none'",
            "style-src 'self' 'unsafe-inline'",
            f"img-src 'self' data: blob:{hosts}",
            f"media-src 'self' blob:{hosts}",
            f"connect-src 'self' data:{hosts}",  # the player asks the media host whether it answers at all
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "frame-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "object-src 'none'",
            "base-uri 'self'",
        )
    )


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


class Gate:
    """ASGI middleware; WebSockets pass untouched, their pages have the guard."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 404 where the request has no permission, and where nothing has this path."""
        if scope["type"] != "http" or await self._may_pass(HTTPConnection(scope), path_of(scope)):
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse("Not found", status_code=404)(scope, receive, send)

    async def _may_pass(self, request: HTTPConnection, path: str) -> bool:
        if path.startswith(_NEVER) or not _is_served(path):
            return False
        if path in _FOR_MONITORS:
            return _knows_token(request)
        if path.startswith(_SIGNED_IN):
            return await _is_signed_in(request)
        if path == _SIGN_OUT:
            _note_sign_out(request)
        return True


def _is_served(path: str) -> bool:
    """Whether anything has this path: a page, a route of Streamlit or of the desk, or a file of Streamlit's own.

    Streamlit would answer any other path with its first page and status 200. Its browser part asks below a page's own
    path first (`/user/_stcore/health`), and expects a 404 there.
    """
    first, _, rest = path.strip("/").partition("/")
    if not first or (first in SCREENS and not rest) or path in _DESK or path.startswith((*_STREAMLIT, _OWN_FILES)):
        return True
    return ".." not in path and (_STATIC / path.strip("/")).is_file()


def _knows_token(request: HTTPConnection) -> bool:
    try:
        token = settings.current().metrics_token
    except ConfigError:
        return False
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    return token is not None and hmac.compare_digest(given.encode(), token.reveal().encode())


async def _is_signed_in(request: HTTPConnection) -> bool:
    """Whether the request comes from a person who has a role at this moment and a sign-in that has not ended."""
    try:
        current = settings.current()
        values = reader.read()
        settings.refuse_to_serve(current, values)
    except ConfigError:
        return False
    if not current.signs_in:
        return backends.is_demo(values) or (request.client is not None and request.client.host in LOOPBACK)
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
    """Ends the sign-in that the cookie proves. A forged cookie proves none, and is not kept."""
    claims = cookie.claims_of(request.cookies)
    if claims is not None:
        with suppress(SessionEnded):
            sessions.sign_out(identity.sign_in_of(claims), now=datetime.now(UTC))


class ReturnTo:
    """ASGI middleware; WebSockets pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keeps the wanted page on the way to the provider, and goes to it on the way back."""
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
            if message["type"] == "http.response.start" and message["status"] >= 400:
                message["status"] = 302  # Streamlit's own answer is two words, without a way back
                MutableHeaders(scope=message)["location"] = _failed(page or f"{base()}/", "unreachable")
            elif message["type"] == "http.response.start" and page:
                value = urlsafe_b64encode(page.encode("ascii")).decode("ascii")
                cookie = f"{COOKIE}={value}; Max-Age={_MINUTES * 60}; Path={base()}/; HttpOnly; SameSite=Lax"
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        return sending

    @staticmethod
    def _returning(request: HTTPConnection, send: Send) -> Send:
        page = _decoded(request.cookies.get(COOKIE, "")) or f"{base()}/"
        refused, code = "error" in request.query_params, "code" in request.query_params

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (302, 303, 307):
                headers = MutableHeaders(scope=message)
                why = "refused" if refused else "unconfirmed" if code and _is_cleared(headers) else ""
                headers["location"] = _failed(page, why) if why else page
                headers.append("set-cookie", f"{COOKIE}=; Max-Age=0; Path={base()}/; HttpOnly; SameSite=Lax")
            await send(message)

        return sending


def _failed(page: str, why: str) -> str:
    return f"{page}{'&' if '?' in page else '?'}{FAILED}={why}"


def _is_cleared(headers: MutableHeaders) -> bool:
    """Whether the answer takes the sign-in's cookie away, as Streamlit does where it got no token for the code."""
    set_here = [SimpleCookie(one).get(USER_COOKIE_NAME) for one in headers.getlist("set-cookie")]
    return any(one is not None and one["max-age"] == "0" for one in set_here)


def page_of(referer: str, host: str) -> str:
    """The path and query of a page of this server, or "" for anything else.

    A query with a signature or a token is dropped, because a cookie must not hold one. An id may look like a token.
    """
    try:
        parts = urlsplit(referer)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host or parts.netloc != host:
        return ""
    pairs = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != FAILED]
    query = f"?{urlencode(pairs)}" if pairs and all(_may_stay(*pair) for pair in pairs) else ""
    return _checked(parts.path + query) or _checked(parts.path)


def _may_stay(name: str, value: str) -> bool:
    return redacted(value) == value or (askable(value) == value if name not in _IDS else not is_signed(value))


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
