"""Lets answers leave this process at once, however small they are.

Streamlit's server makes its socket without naming the protocol, and asyncio switches off Nagle's algorithm only where
TCP is named (`asyncio.base_events._set_nodelay`). The body of a small file then waits until its headers are
acknowledged, for which Linux takes 40 ms, and a message of a page until the message before is acknowledged.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

_OPEN: Final = Path("/dev/fd")  # what this process has open, by number, on Linux and macOS


def send_at_once() -> None:
    """Switches Nagle's algorithm off for each connection that a listening socket of this process will accept."""
    numbers = [int(one.name) for one in _OPEN.iterdir() if one.is_socket()] if _OPEN.exists() else []
    for number in numbers:
        # Whatever does not listen, or is not TCP, stays as it is.
        with suppress(OSError), socket.fromfd(number, socket.AF_INET, socket.SOCK_STREAM) as one:
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
