"""An issuer of assertions as Cloudflare Access is one: it publishes keys over real HTTP, and counts the questions."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from storage.settings.access import AssertionSettings

AUDIENCE = "4714c1358e65fe4b408ad6d432a5f878"


@cache
def rsa(name: str) -> RSAKey:
    """A key pair of this name, the same throughout a run: making one takes a while."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig"})


class Issuer(ThreadingHTTPServer):
    """Publishes its keys as a team does; `content` and `status` are what it answers with."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked = 0
        self.status = 200
        self.publish("first")

    def publish(self, *names: str) -> None:
        """Publishes exactly these keys from now on."""
        self.content = json.dumps({"keys": [rsa(name).as_dict(private=False) for name in names]}).encode()

    @property
    def settings(self) -> AssertionSettings:
        """The desk's settings that trust this issuer."""
        return AssertionSettings(f"http://127.0.0.1:{self.server_address[1]}", ("another-audience-tag", AUDIENCE))

    def claims(self, now: datetime, **changes: Any) -> dict[str, Any]:
        """The claims of a right assertion, but for the changes; `None` leaves one out."""
        seconds = int(now.timestamp())
        right = {
            "iss": self.settings.issuer,
            "aud": [AUDIENCE],
            "email": "Ada@Corp.test",
            "sub": "7335d417-61da-459d-899c-0a01c76a2f94",
            "iat": seconds - 60,
            "nbf": seconds - 60,
            "exp": seconds + 3_600,
            "type": "app",
        }
        return {name: value for name, value in {**right, **changes}.items() if value is not None}

    def signed(self, now: datetime, *, key: str = "first", header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Such an assertion, signed with the key of this name."""
        return jwt.encode(header or {"alg": "RS256", "kid": key}, self.claims(now, **changes), rsa(key))


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answers with the keys, or with what the test wants instead."""
        server = self.server
        assert isinstance(server, Issuer)
        assert self.path == "/cdn-cgi/access/certs"
        server.asked += 1
        self.send_response(server.status)
        self.end_headers()
        self.wfile.write(server.content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def running() -> Iterator[Issuer]:
    """An issuer that answers until the block ends."""
    server = Issuer()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def encoded(part: dict[str, Any]) -> str:
    """A part of a token as it stands in it."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
