"""The public keys that an issuer signs with: fetched when needed, kept by key id, asked for again once an interval."""

from __future__ import annotations

import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Final

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from storage.errors import Unreachable

REFETCH_SECONDS: Final = 10.0  # made-up key ids cannot make us ask more often than this
FRESH_SECONDS: Final = 3_600.0  # a key that was withdrawn is not believed for longer than this, if the issuer answers
LAST_SECONDS: Final = 86_400.0  # nor, if it does not answer, for longer than this
_LARGEST: Final = 1_000_000  # bytes of a key set
_LEAST_BITS: Final = 2_048


class SigningKeys:
    """One issuer's keys. Safe to share between threads; makes no request before the first question."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic, timeout_seconds: float = 5.0) -> None:
        self._url = url
        self._clock = clock
        self._timeout = timeout_seconds
        self._lock = threading.Lock()
        self._keys: dict[str, RSAKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None

    def get(self, key_id: str) -> RSAKey | None:
        """The key of this id, or `None` where the issuer has no such key.

        Raises `Unreachable` when the issuer's keys are not known and cannot be had.
        """
        with self._lock:
            known = self._keys.get(key_id)
            age = self._age(self._fetched_at)
            if known is not None and age < FRESH_SECONDS:
                return known
            if self._age(self._tried_at) >= REFETCH_SECONDS:
                self._refetch()
            if self._age(self._fetched_at) >= LAST_SECONDS:
                raise Unreachable(
                    "The keys that sign-ins are checked with could not be fetched.",
                    remedy="Check that this machine reaches ACCESS_TEAM_DOMAIN; then reload.",
                    operation="fetch signing keys",
                    target=self._url,
                )
            return self._keys.get(key_id)

    def _age(self, instant: float | None) -> float:
        return float("inf") if instant is None else self._clock() - instant

    def _refetch(self) -> None:
        """Replaces all keys by those that the issuer has now; keeps what there is where it does not answer."""
        self._tried_at = self._clock()
        try:
            with httpx.stream("GET", self._url, timeout=self._timeout, follow_redirects=False) as answer:
                answer.raise_for_status()
                content = b""
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > _LARGEST:
                        return
            published = httpx.Response(200, content=content).json()["keys"]
            keys = {key.kid: key for key in map(_usable, published) if key is not None and key.kid}
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return  # not an answer that keys can be taken from
        if keys:
            self._keys = keys
            self._fetched_at = self._clock()


def _usable(published: object) -> RSAKey | None:
    """One key of the set, or `None` for one of another kind, a broken or a weak one: it does not spoil the others."""
    if not isinstance(published, dict) or published.get("kty") != "RSA":
        return None
    try:
        modulus = int.from_bytes(urlsafe_b64decode(published["n"] + "=="))
        return RSAKey.import_key(published) if modulus.bit_length() >= _LEAST_BITS else None
    except (JoseError, ValueError, KeyError, TypeError):
        return None
