"""A small HTTP server for media files that expire, vanish, are refused or break off when a test says so."""

from __future__ import annotations

import io
import re
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from tests.rigs.waiting import PATIENCE_SECONDS

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg"}


@dataclass
class MediaServer:
    """Serves a folder. Names are file names; a link's number is its `token` in the query.

    `expired`: (name, token) pairs that get 403, `missing`: names that get 404, `refused`: names that get 403 always.
    `cut_bytes`: so many bytes of a file are sent, then nothing more until `release` breaks the connection.
    `requests` lists every request as (name, token, status), in order.
    """

    folder: Path
    port: int = 0
    expired: set[tuple[str, str]] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    cut_bytes: int | None = None
    released: threading.Event = field(default_factory=threading.Event)
    extra: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def base(self) -> str:
        """The address in front of a name."""
        return f"http://127.0.0.1:{self.port}"

    def of(self, name: str) -> list[tuple[str, str, int]]:
        """The requests for one name."""
        return [request for request in self.requests if request[0] == name]

    def reset(self) -> None:
        """Forgets every fault and every request."""
        for held in (self.expired, self.missing, self.refused, self.requests, self.extra):
            held.clear()
        self.release()

    def stall_after(self, count: int) -> None:
        """From now on a connection stalls after so many bytes, until `release`."""
        self.cut_bytes = count
        self.released = threading.Event()

    def release(self) -> None:
        """Breaks the connections that stall; new ones get everything."""
        self.cut_bytes = None
        self.released.set()

    def content(self, name: str) -> bytes | None:
        """The bytes under a name, or `None`."""
        if name in self.extra:
            return self.extra[name]
        path = self.folder / name
        return path.read_bytes() if path.is_file() else None

    def status(self, name: str, token: str) -> int:
        """What a request for this name with this token gets."""
        if name in self.refused or (name, token) in self.expired:
            return 403
        return 404 if name in self.missing or self.content(name) is None else 200


def tone(seconds: int) -> bytes:
    """A sound file of 32,000 bytes a second: long enough to break off while it plays, and made without any codec."""
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(32_000 * seconds))
    return content.getvalue()


@contextmanager
def serving(folder: Path) -> Iterator[MediaServer]:
    """The server, on a port of its own, until the block ends."""
    media = MediaServer(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"media": media}))
    server.daemon_threads = True
    media.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield media
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE_SECONDS)


class _Handler(BaseHTTPRequestHandler):
    media: MediaServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet; `requests` is the log."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        name = unquote(parts.path.lstrip("/"))
        token = parse_qs(parts.query).get("token", [""])[0]
        status = self.media.status(name, token)
        self.media.requests.append((name, token, status))
        with suppress(ConnectionError):
            if status == 200:
                self._send(name, self.media.content(name) or b"")
            else:
                self._refuse(status)

    def _refuse(self, status: int) -> None:
        body = b"<Error><Code>No</Code></Error>"
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send(self, name: str, content: bytes) -> None:
        match = _RANGE.fullmatch(self.headers.get("Range", ""))
        start = int(match[1]) if match else 0
        stop = int(match[2]) + 1 if match and match[2] else len(content)
        piece = content[start:stop]
        self.send_response(206 if match else 200)
        self.send_header("Content-Type", _TYPES.get(Path(name).suffix, "application/octet-stream"))
        self.send_header("Accept-Ranges", "bytes")
        if "download=1" in self.path:
            self.send_header("Content-Disposition", f'attachment; filename="{name}"')
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(piece)))
        if match:
            self.send_header("Content-Range", f"bytes {start}-{start + len(piece) - 1}/{len(content)}")
        self.end_headers()
        if self.media.cut_bytes is not None and len(piece) > self.media.cut_bytes:
            released = self.media.released
            self.wfile.write(piece[: self.media.cut_bytes])
            released.wait(PATIENCE_SECONDS)
            self.close_connection = True
            return
        self.wfile.write(piece)
