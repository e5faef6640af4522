"""A local OpenID Connect provider (oidc-provider-mock) as a process of its own, and the settings that point at it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import httpx

from tests.rigs.waiting import PATIENCE_SECONDS, started

COOKIE_SECRET = "a cookie secret that only the tests know, long enough"
CLIENT_SECRET = "a client secret that only the tests know"
_METADATA = "/.well-known/openid-configuration"


@contextmanager
def provider(people: list[Mapping[str, Any]], *, token_seconds: int = 3_600) -> Iterator[dict[str, str]]:
    """Runs a provider that knows these people (claims, `sub` included) and gives the desk's settings for it."""
    program = str(Path(sys.executable).parent / "oidc-provider-mock")
    known = [part for claims in people for part in ("--user-claims", json.dumps(claims))]
    command = [program, "--token-max-age", str(token_seconds), *known]
    process, port = started(
        lambda port: subprocess.Popen([*command, "--port", str(port)], stdout=DEVNULL, stderr=DEVNULL),
        _answers,
        "the OpenID Connect provider",
    )
    metadata = f"http://127.0.0.1:{port}{_METADATA}"
    try:
        yield {
            "OIDC_METADATA_URL": metadata,
            "OIDC_CLIENT_ID": "clip-desk",
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_REDIRECT_URI": "http://127.0.0.1:{port}/oauth2callback",
            "OIDC_COOKIE_SECRET": COOKIE_SECRET,
        }
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{_METADATA}", timeout=10).status_code == 200
    except httpx.TransportError:
        return False
