"""A reverse proxy with faults: real ones, on the wire, between the real client and a real store.

It passes the Host header through, so signatures made for the proxy's address still verify behind it. Everything that
passes is recorded; rules answer in the store's place, delay, cut, lose or rewrite what they match.
"""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Self
from urllib.parse import urlsplit

from tests.rigs.waiting import PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came in, undecoded."""

    method: str
    path: str
    query: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer in the store's place; the store never hears of it. `body` instead of the usual XML error, if given."""

    status: int
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def content(self) -> bytes:
        """The body to send."""
        if self.body is not None:
            return self.body
        return f'<?xml version="1.0"?><Error><Code>{self.code}</Code><Message>as asked</Message></Error>'.encode()


@dataclass(frozen=True, slots=True)
class Delay:
    """Hold the request back for a while, then pass it on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection: before the store hears of it, or, with `after_bytes`, in the middle of its answer."""

    after_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class LoseReply:
    """Let the store do it, then reset the connection without a word."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Change the body of the store's answer on the way back."""

    change: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Hang:
    """Take the request and never answer, until `clear` or `down`: at all, after the headers, or a byte now and then."""

    after: Literal["nothing", "headers"] = "nothing"
    trickle_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """Let somebody else do something first: when the request is here and the store has not heard of it."""

    act: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Afterwards:
    """Let somebody else do something when the store has done it and the client does not know yet."""

    act: Callable[[], object]


Action = Answer | Delay | Reset | LoseReply | Rewrite | Hang | Meanwhile | Afterwards


@dataclass(slots=True)
class Rule:
    """Which requests an action meets: by method, patterns in path and query, and which of the matching ones.

    `only` counts from 1; `None` stands for all of them.
    """

    action: Action
    method: str = ""
    path: str = ""
    query: str = ""
    only: frozenset[int] | None = None
    matched: int = 0

    def meets(self, seen: Seen) -> bool:
        """Whether the action is due; counts the match."""
        if self.method and self.method != seen.method:
            return False
        if not re.search(self.path, seen.path) or not re.search(self.query, seen.query):
            return False
        self.matched += 1
        return self.only is None or self.matched in self.only


class FaultProxy:
    """Listens on a port of its own; `endpoint` is what the client is pointed at. Use it in a `with` block."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.requests: list[Seen] = []
        self.sent: Counter[str] = Counter()
        """Bytes of answers' bodies, by path."""
        self.latency_seconds = 0.0
        self.rewrites: Callable[[str, str, Mapping[str, str], bytes], Mapping[str, str]] | None = None
        """Gives the headers of a request that changes something as the store is to see them, signed anew."""
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._port = 0
        self._server: _Server | None = None
        self.released = threading.Event()
        self.up()

    @property
    def endpoint(self) -> str:
        """The URL to use in the store's place; the same after `down` and `up`."""
        return f"http://127.0.0.1:{self._port}"

    def on(
        self, action: Action, *, method: str = "", path: str = "", query: str = "", only: set[int] | None = None
    ) -> Rule:
        """Adds a rule. The first rule that meets a request decides; `only` numbers its matches from 1."""
        rule = Rule(action, method, path, query, None if only is None else frozenset(only))
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Forgets rules and requests."""
        with self._lock:
            self._rules.clear()
            self.requests.clear()
            self.sent.clear()
            self.released.set()
            self.released = threading.Event()

    def count(self, method: str = "", path: str = "", query: str = "") -> int:
        """How many requests like this came in."""
        wanted = Rule(Delay(0), method, path, query)
        return sum(wanted.meets(seen) for seen in list(self.requests))

    def down(self) -> None:
        """Stops listening: connections are refused."""
        self.released.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def up(self) -> None:
        """Listens, again at the same port."""
        if self._server is None:
            self._server = _Server(("127.0.0.1", self._port), _Handler)
            self._server.proxy = self
            self._port = self._server.server_address[1]
            threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def take(self, seen: Seen) -> Action | None:
        """Records a request and tells which action it meets."""
        with self._lock:
            self.requests.append(seen)
            return next((rule.action for rule in self._rules if rule.meets(seen)), None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    proxy: FaultProxy

    def __init__(self, *args: object) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)  # type: ignore[arg-type]

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        self._open.add(request)
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def server_close(self) -> None:
        """Kept connections end as well: a store that is away answers nobody."""
        super().server_close()
        for connection in self._open:
            if connection.fileno() >= 0:
                connection.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65_536
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.upstream = http.client.HTTPConnection(*self.server.proxy.upstream, timeout=PATIENCE_SECONDS)

    def finish(self) -> None:
        self.upstream.close()
        super().finish()

    def handle_expect_100(self) -> bool:
        """The client waits for this before it sends its body."""
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the proxy's own list of requests is the log."""

    def handle_any(self) -> None:
        """One request, of any method."""
        path, _, query = self.path.partition("?")
        action = self.server.proxy.take(Seen(self.command, path, query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        wait = self.server.proxy.latency_seconds + (action.seconds if isinstance(action, Delay) else 0)
        if wait:
            time.sleep(wait)
        if isinstance(action, Meanwhile):
            action.act()
        if isinstance(action, Answer):
            self._send(action.status, [("Content-Type", "application/xml"), *action.headers.items()], action.content())
        elif isinstance(action, Reset) and action.after_bytes is None:
            self._reset()
        elif isinstance(action, Hang) and action.after == "nothing":
            self.server.proxy.released.wait()
            self._reset()
        else:
            self._pass_on(body, action)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = handle_any  # noqa: N815

    def _pass_on(self, body: bytes, action: Action | None) -> None:
        self.upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        headers: Mapping[str, str] = dict(self.headers.items())
        if self.server.proxy.rewrites is not None and self.command in {"PUT", "POST", "DELETE"}:
            headers = self.server.proxy.rewrites(self.command, self.path, headers, body)
        for name, value in headers.items():
            if name.lower() not in {"connection", "expect", "transfer-encoding"}:
                self.upstream.putheader(name, value)
        self.upstream.endheaders(body or None)
        reply = self.upstream.getresponse()
        content = reply.read()
        if isinstance(action, Afterwards):
            action.act()
        if isinstance(action, LoseReply):
            self._reset()
            return
        if isinstance(action, Rewrite):
            content = action.change(content)
        sent = [(name, value) for name, value in reply.getheaders() if name.lower() not in _OWN_HEADERS]
        length = int(reply.headers.get("Content-Length") or 0) if self.command == "HEAD" else len(content)
        cut = action.after_bytes if isinstance(action, Reset) else None
        if isinstance(action, Hang):
            self._send(reply.status, sent, b"", max(length, 1_000))
            while not self.server.proxy.released.wait(action.trickle_seconds or None):
                self.wfile.write(b" ")
                self.wfile.flush()
            self._reset()
            return
        self._send(reply.status, sent, content if cut is None else content[:cut], length)
        if cut is not None:
            self._reset()

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes, length: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != http.client.NO_CONTENT:
            self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        if self.command != "HEAD" and status != http.client.NO_CONTENT:
            self.server.proxy.sent[self.path.partition("?")[0]] += len(content)
            self.wfile.write(content)
        self.wfile.flush()

    def _reset(self) -> None:
        """Closes with a reset instead of a farewell."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


_OWN_HEADERS = {"connection", "content-length", "transfer-encoding", "keep-alive"}
