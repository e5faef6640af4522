"""The page that a browser gets first: Streamlit's own, with what the desk adds to its head.

Everything else of the desk comes over the WebSocket, seconds later where the browser is cold. So the style sheet stands
here, which holds before anything is drawn, and so do the names of the scripts that the page will want, and a script
that says where the server is and remembers a key that somebody presses before the palette is there.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages._ui import assets
from pages._ui.nav import HOME, SCREENS
from pages._ui.server import preloads

_BEGIN: Final = "<head>"
_END: Final = "</head>"


def _made() -> str:
    own = preloads.streamlits_page()
    added = f"<style>\n{assets.read('page.css')}</style>\n    <script>\n{assets.read('early.js')}</script>"
    return own.replace(_BEGIN, f"{_BEGIN}\n    {added}", 1)


HTML: Final = _made()


@cache
def of(name: str) -> str:
    """The page for this screen of the desk: it also names the scripts that the screen will want."""
    placed = HTML.replace(_BEGIN, f'{_BEGIN}\n    <meta name="clipdesk-base" content="{assets.base()}/" />', 1)
    return placed.replace(_END, f"  {preloads.links(name)}\n  {_END}", 1)


def is_page(path: str) -> bool:
    """Whether a page of the desk has this path, rather than a file."""
    name = _name(path)
    return "/static/" not in path and (not name or name in SCREENS)


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


class FirstPage:
    """ASGI middleware: answers with this page where Streamlit would answer with its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replaces the whole answer, also one that says that the browser has Streamlit's page already."""
        if scope["type"] != "http" or scope["method"] != "GET" or not is_page(str(scope["path"])):
            await self._app(scope, receive, send)
            return
        replaced = False

        async def sending(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                kind = dict(message["headers"]).get(b"content-type", b"text/html")  # 304 names no type
                replaced = message["status"] in (200, 304) and kind.startswith(b"text/html")
                if replaced:
                    html = of(_name(str(scope["path"])) or HOME)
                    answer = Response(html, media_type="text/html", headers={"Cache-Control": "no-cache"})
                    await answer(scope, receive, send)
            if not replaced:
                await send(message)

        await self._app(scope, receive, sending)
