"""Compresses the files of Streamlit's own page once, and keeps the whole answers.

Streamlit leaves its scripts and styles uncompressed, because the usual middleware would compress them again for every
visitor. Their names hold a hash of their content, so here the first visitor's answer serves all others: a page needs
over a hundred of these files at once, and Streamlit reads each from the disk anew. Only these files and the page itself
are compressed: nothing of a customer's is in them, so no secret stands beside what a stranger chose (which compression
would let them guess).
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from typing import Final, TypeVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages._ui.server.page import is_page

LEVEL: Final = 9  # some 100 ms once for the largest script
LEAST_BYTES: Final = 1_024
MOST_FILES: Final = 400  # Streamlit has some 250 scripts and styles
_TYPES: Final = ("text/javascript", "application/javascript", "text/css", "text/html", "application/json", "image/svg")
K = TypeVar("K")
V = TypeVar("V")


class Compressed:
    """ASGI middleware; WebSockets, ranges, media and whatever is compressed already pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._answers: OrderedDict[tuple[str, str], tuple[Message, Message]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with the compressed body where the browser takes it."""
        if scope["type"] != "http" or scope["method"] != "GET" or not _may(scope):
            await self._app(scope, receive, send)
            return
        asked = (str(scope.get("scheme")), str(scope["path"]))
        if asked in self._answers:
            for message in self._answers[asked]:
                await send(message)
            return
        begun: Message | None = None
        body = bytearray()

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start" and _suits(message):
                begun = message
                return
            if begun is None:
                await send(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                answer = await self._answer(begun, bytes(body))
                if _may_stay(begun):
                    _keep(self._answers, asked, answer)
                for each in answer:
                    await send(each)

        await self._app(scope, receive, sending)

    async def _answer(self, begun: Message, body: bytes) -> tuple[Message, Message]:
        headers = MutableHeaders(scope=begun)
        headers.add_vary_header("Accept-Encoding")
        if len(body) >= LEAST_BYTES:
            body = await self._compressed(body)
            headers["Content-Encoding"] = "gzip"
            headers["Content-Length"] = str(len(body))
            if "etag" in headers:  # the same file in another form is another representation
                headers["ETag"] = f'{headers["etag"].removesuffix(chr(34))}-gzip"'
        return begun, {"type": "http.response.body", "body": body}

    async def _compressed(self, body: bytes) -> bytes:
        name = hashlib.sha256(body).hexdigest()
        packed = self._kept.get(name)
        if packed is None:
            packed = await asyncio.to_thread(gzip.compress, body, LEVEL, mtime=0)
        _keep(self._kept, name, packed)
        return packed


def _keep(kept: OrderedDict[K, V], name: K, value: V) -> None:
    """Keeps this one, and gives up what was kept first where there are too many."""
    kept[name] = value
    kept.move_to_end(name)
    while len(kept) > MOST_FILES:
        kept.popitem(last=False)


def _may(scope: Scope) -> bool:
    """Whether it is a file of Streamlit's page, or the page, asked for whole by a browser that takes gzip."""
    headers = Headers(scope=scope)
    if "gzip" not in headers.get("accept-encoding", "") or "range" in headers or "if-none-match" in headers:
        return False
    path = str(scope["path"])
    return "/static/" in path or is_page(path)


def _may_stay(begun: Message) -> bool:
    """Whether the answer is the same for everybody, for as long as the desk runs."""
    headers = Headers(raw=begun["headers"])
    return "immutable" in headers.get("cache-control", "") and "set-cookie" not in headers


def _suits(message: Message) -> bool:
    headers = Headers(raw=message["headers"])
    return (
        message["status"] == 200
        and "content-encoding" not in headers
        and headers.get("content-type", "").startswith(_TYPES)
    )
