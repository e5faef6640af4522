"""A TCP relay that can hang: it goes on taking connections and bytes, and gives nothing back."""

from __future__ import annotations

import queue
import socket
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

_PREFACE = 24  # bytes of HTTP/2 before its first frame
_FRAME_HEAD = 9
_HEADERS = 1


class HangingRelay:
    """In front of `upstream` (`host:port`); `address` is what a client is pointed at. Use it in a `with` block.

    `calls` counts the calls of HTTP/2, and so of gRPC, that came in; `connections` all that were taken.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(f"//{upstream}")
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._flowing = threading.Event()
        self._flowing.set()
        self._open: list[socket.socket] = []
        self.calls = 0
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]  # noqa: UP031 - a port is no text of ours
        threading.Thread(target=self._take, daemon=True).start()

    def hang(self) -> None:
        """From now on nothing is passed on, either way."""
        self.calls = self.connections = 0
        self._flowing.clear()

    def resume(self) -> None:
        """What was held back is passed on, and all that follows."""
        self._flowing.set()

    def _take(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            store = socket.create_connection(self._upstream)
            self._open += [client, store]
            for source, target, counting in ((client, store, True), (store, client, False)):
                threading.Thread(target=self._pass, args=(source, target, counting), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, counting: bool) -> None:
        frames, held = _Frames(), queue.SimpleQueue[bytes]()
        threading.Thread(target=self._send, args=(held, target), daemon=True).start()
        with suppress(OSError):
            while piece := source.recv(65_536):
                if counting:
                    self.calls += frames.headers_in(piece)
                held.put(piece)
        held.put(b"")

    def _send(self, held: queue.SimpleQueue[bytes], target: socket.socket) -> None:
        """Passes on what has come, as long as it flows; an empty piece ends it."""
        with suppress(OSError):
            while piece := held.get():
                self._flowing.wait()
                target.sendall(piece)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
        target.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._flowing.set()
        self._listener.close()
        for one in self._open:
            one.close()


class _Frames:
    """Counts the frames of one direction that begin a call."""

    def __init__(self) -> None:
        self._held = b""
        self._skip = _PREFACE

    def headers_in(self, piece: bytes) -> int:
        self._held += piece
        found = 0
        while len(self._held) >= self._skip + _FRAME_HEAD:
            head = self._held[self._skip : self._skip + _FRAME_HEAD]
            found += head[3] == _HEADERS
            self._held = self._held[self._skip + _FRAME_HEAD :]
            self._skip = int.from_bytes(head[:3])
        return found
