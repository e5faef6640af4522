"""A place that alerts are sent to, over HTTP: it keeps what it was sent, and may refuse, fail or hang."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Sink:
    """`taken` has the messages that it answered with 200, `asked` counts all requests; `status` is its answer.

    While `hanging` is set, it takes each request and answers none; while `trickling` is set, it answers byte by byte
    and never ends. `meanwhile` runs before each answer.
    """

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.asked = 0
        self.status = 200
        self.hanging = threading.Event()
        self.trickling = threading.Event()
        self.released = threading.Event()
        self.meanwhile: Callable[[], object] = lambda: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Its address for Apprise, with a secret in it."""
        return f"json://127.0.0.1:{self._server.server_port}/hook/s3cr3t-t0ken-of-the-hook"

    @property
    def text(self) -> str:
        """Everything that it took, as one text."""
        return "\n".join(f"{one['title']}\n{one['message']}" for one in self.taken)

    def _handler(sink) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler's own self is another
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                sink.asked += 1
                if sink.hanging.is_set():
                    sink.released.wait(60)
                    return
                if sink.trickling.is_set():
                    self.send_response(200)
                    self.send_header("Content-Length", "100000")
                    self.end_headers()
                    while not sink.released.wait(0.05):
                        self.wfile.write(b"x")
                    return
                sink.meanwhile()
                if sink.status == 200:
                    sink.taken.append(content)
                self.send_response(sink.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        return Handler

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def sink() -> Iterator[Sink]:
    """A sink that serves while the block runs."""
    made = Sink()
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join()
