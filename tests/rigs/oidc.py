"""A local OpenID Connect provider (oidc-provider-mock) as a process of its own, and the settings that point at it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.rigs.browser import free_port

START_SECONDS = 20.0
COOKIE_SECRET = "a cookie secret that only the tests know, long enough"
CLIENT_SECRET = "a client secret that only the tests know"


@contextmanager
def provider(people: list[Mapping[str, Any]], *, token_seconds: int = 3_600) -> Iterator[dict[str, str]]:
    """Runs a provider that knows these people (claims, `sub` included) and gives the desk's settings for it."""
    port = free_port()
    program = str(Path(sys.executable).parent / "oidc-provider-mock")
    command = [program, "--port", str(port), "--token-max-age", str(token_seconds)]
    for claims in people:
        command += ["--user-claims", json.dumps(claims)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    metadata = f"http://127.0.0.1:{port}/.well-known/openid-configuration"
    try:
        _wait(process, metadata)
        yield {
            "OIDC_METADATA_URL": metadata,
            "OIDC_CLIENT_ID": "clip-desk",
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_REDIRECT_URI": "http://127.0.0.1:{port}/oauth2callback",
            "OIDC_COOKIE_SECRET": COOKIE_SECRET,
        }
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError("the OpenID Connect provider did not start")
