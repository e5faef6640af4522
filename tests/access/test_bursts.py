"""What a run of a page draws reaches the browser together, in its order, and also while a run goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from pages._ui.server.bursts import Bursts

NEVER: Final = 3_600.0
SOON: Final = 0.001
TURNS: Final = 20  # of the loop, in which a message that is not held back would have left


def sent(kind: str, size: int = 0) -> Message:
    """A message of this kind, as Streamlit gives it to the server; `size` is that of its text."""
    said = ForwardMsg(hash=f"{kind}{'x' * size}")
    if kind == "script_finished":
        said.script_finished = ForwardMsg.FINISHED_SUCCESSFULLY
    else:
        getattr(said, kind).SetInParent()
    return {"type": "websocket.send", "bytes": said.SerializeToString()}


BEGIN, DRAWN, END, STATUS = (sent(kind) for kind in ("new_session", "delta", "script_finished", "session_event"))
LARGE: Final = sent("delta", 100_000)
ACCEPTED: Final[Message] = {"type": "websocket.accept"}
CLOSED: Final[Message] = {"type": "websocket.close"}


def bursts(app: Callable[[Send, list[Message]], Awaitable[None]], held_seconds: float) -> list[Message]:
    """What the browser gets of this app, which sees what it has got so far."""
    got: list[Message] = []

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        await app(send, got)

    async def browser(message: Message) -> None:
        got.append(message)

    async def nothing() -> Message:
        raise AssertionError("nobody asks")

    asyncio.run(Bursts(served, held_seconds)({"type": "websocket"}, nothing, browser))
    return got


@pytest.mark.parametrize("last", [END, CLOSED], ids=["the end of the run", "the end of the connection"])
def test_what_a_run_draws_leaves_with_its_end(last: Message) -> None:
    async def app(send: Send, got: list[Message]) -> None:
        for one in (ACCEPTED, STATUS, BEGIN, DRAWN, LARGE, DRAWN):
            await send(one)
        assert got == [ACCEPTED, STATUS]
        await send(last)
        assert got == [ACCEPTED, STATUS, BEGIN, DRAWN, LARGE, DRAWN, last]
        await send(STATUS)

    assert bursts(app, NEVER)[-1] == STATUS


def test_a_long_run_is_seen_while_it_goes_on() -> None:
    async def app(send: Send, got: list[Message]) -> None:
        await send(BEGIN)
        for count in range(2, 5):
            await send(DRAWN)
            while len(got) < count:
                await asyncio.sleep(0)
        await send(END)

    assert bursts(app, SOON) == [BEGIN, DRAWN, DRAWN, DRAWN, END]


def test_while_a_browser_is_slow_nothing_is_added_behind_it() -> None:
    """Streamlit counts what waits, and gives up a browser that takes nothing."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(BEGIN)
        await taking.wait()
        more = asyncio.create_task(send(DRAWN))
        for _ in range(TURNS):
            await asyncio.sleep(0)
        assert not more.done()
        free.set()
        await more
        await send(END)

    async def browser(message: Message) -> None:
        got.append(message)
        taking.set()
        await free.wait()

    async def nothing() -> Message:
        raise AssertionError("nobody asks")

    async def served() -> None:
        await Bursts(app, SOON)({"type": "websocket"}, nothing, browser)

    got: list[Message] = []
    taking, free = asyncio.Event(), asyncio.Event()
    asyncio.run(served())
    assert got == [BEGIN, DRAWN, END]


def test_a_browser_that_left_during_a_run_is_no_error() -> None:
    failed: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
        await send(BEGIN)
        await left.wait()
        await send(DRAWN)

    async def browser(message: Message) -> None:
        left.set()
        raise OSError("gone")

    async def nothing() -> Message:
        raise AssertionError("nobody asks")

    left = asyncio.Event()
    asyncio.run(Bursts(app, SOON)({"type": "websocket"}, nothing, browser))
    assert not failed


def test_other_connections_pass() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert send is browser

    async def browser(message: Message) -> None:
        raise AssertionError("nothing was sent")

    async def nothing() -> Message:
        raise AssertionError("nobody asks")

    asyncio.run(Bursts(app)({"type": "http"}, nothing, browser))
