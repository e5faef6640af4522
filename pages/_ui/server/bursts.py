"""Sends what a run of a page draws in bursts: for each message that comes alone, the browser draws the page again."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

HELD_SECONDS: Final = 0.05  # longer than most pages take, shorter than anybody notices
_LARGE: Final = 65_536  # bytes; a message that begins or ends a run is far smaller
_RUNS: Final = {"new_session": True, "script_finished": False}


class Bursts:
    """ASGI middleware for WebSockets: the messages of a run leave with its end, or together after a short time.

    Their order is kept. Outside a run each message leaves at once, and so does whatever is no message of Streamlit's.
    """

    def __init__(self, app: ASGIApp, held_seconds: float = HELD_SECONDS) -> None:
        self._app = app
        self._held_seconds = held_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        burst = _Burst(send, self._held_seconds)
        try:
            await self._app(scope, receive, burst.send)
        finally:
            burst.end()


class _Burst:
    def __init__(self, send: Send, held_seconds: float) -> None:
        self._send = send
        self._held_seconds = held_seconds
        self._held: list[Message] = []
        self._runs = False
        self._timer: asyncio.Task[None] | None = None
        self._sends = asyncio.Lock()

    async def send(self, message: Message) -> None:
        async with self._sends:  # while a slow browser takes the last burst, nothing is added to the next
            self._runs = _runs(message, self._runs)
            self._held.append(message)
            if not self._runs:
                self.end()
                await self._flush()
            elif self._timer is None:
                self._timer = asyncio.create_task(self._later())

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _later(self) -> None:
        await asyncio.sleep(self._held_seconds)
        self._timer = None
        async with self._sends:
            try:
                await self._flush()
            except OSError:  # the browser left; Streamlit hears of it where it waits for the browser's next message
                self._held.clear()

    async def _flush(self) -> None:
        held, self._held = self._held, []
        for message in held:
            await self._send(message)


def _runs(message: Message, before: bool) -> bool:
    """Whether a run goes on after this message."""
    payload = message.get("bytes") if message["type"] == "websocket.send" else None
    if payload is None:
        return False
    if len(payload) > _LARGE:
        return before
    return _RUNS.get(ForwardMsg.FromString(payload).WhichOneof("type") or "", before)
