"""Security headers and the content policy on every answer: the desk itself, and media from the bucket, nothing else."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages._ui.server.address import is_https, path_of
from storage import config, environment
from storage.errors import ConfigError

_DEMO_MEDIA: Final = "http://127.0.0.1:*"  # the stand-in takes any free port, and not before the first page
_FIXED: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Ids stand in the desk's addresses: the media host is not told them, the desk itself is (it needs it at sign-in).
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex, nofollow",
}


def _inline_scripts() -> str:
    """The scripts that stand in Streamlit's own page, as the hashes of a content policy."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
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
        policy = content_policy(media_hosts(environment.read()))

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


def media_hosts(values: Mapping[str, str]) -> tuple[str, ...]:
    """Where the browser may fetch images and videos from, as origins: the bucket's endpoint and its CDN domain."""
    if config.is_demo(values):
        return (_DEMO_MEDIA,)
    try:
        r2 = config.load(values).r2
    except ConfigError:
        return ()
    origins = [f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, (r2.endpoint_url, r2.public_url))]
    return tuple(dict.fromkeys(origin for origin in origins if origin != "://"))


def content_policy(media: tuple[str, ...]) -> str:
    """The Content-Security-Policy: what stands here is what Streamlit's pages need, tried page by page in a browser.

    `blob:` for scripts: components get theirs that way. `wasm-unsafe-eval`: its protobuf library. No text is run as
    script: charts interpret their expressions (Vega), and the one inline script is known by its hash. Styles stay
    inline: Emotion writes them as the page is drawn, and a style can ask only those whom this policy allows.
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
