"""A browser that connects gets small answers at once."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pages._ui.server.lifespan import lifespan
from pages._ui.server.sockets import send_at_once

OPEN = Path("/dev/fd")


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket made as Streamlit makes its own: it does not name the protocol."""
    with socket.socket(family=socket.AF_INET) as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield one


def waits(listening: socket.socket) -> bool:
    """Whether what is sent to somebody who connects now waits for what was sent before."""
    with socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            return accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0


def test_no_answer_waits_for_the_one_before(listening: socket.socket) -> None:
    assert waits(listening)
    send_at_once()
    assert not waits(listening)


def test_all_else_that_is_open_stays_as_it_is(listening: socket.socket, tmp_path: Path) -> None:
    first, second = socket.socketpair()
    with first, second, socket.socket() as unheard, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(tmp_path / "socket"))
        local.listen()
        before = len(list(OPEN.iterdir()))
        send_at_once()
        assert len(list(OPEN.iterdir())) <= before
        first.sendall(b"still open")
        assert second.recv(32) == b"still open"
        assert unheard.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
    assert not waits(listening)


def test_the_server_sees_to_it_before_its_first_visitor(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        lifespan.__globals__, "_warm", lambda: None
    )  # the pages and stores, of which this test asks nothing

    async def begun() -> bool:
        async with lifespan(None):
            return waits(listening)

    every = sys.getswitchinterval()
    try:
        assert not asyncio.run(begun())
    finally:
        sys.setswitchinterval(every)
