"""Takes out of a text that is about to be logged or shown what looks like a secret, and the secrets of this machine."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from typing import Final

from storage.config import Secret
from storage.domain.secret_patterns import REMOVED, without_secrets

_LEAST_SECRET: Final = 8  # shorter values would take ordinary words out of the log
# What a setting's name says about its value; `OIDC_CLIENT_ID` and its kin are public.
_SECRET_NAME: Final = re.compile(r"SECRET|ACCESS_KEY_ID|TOKEN|PASSWORD|PRIVATE_KEY|HMAC", re.IGNORECASE)

_lock = threading.Lock()
_known: tuple[str, ...] = ()


def know(secrets: Iterable[Secret | str]) -> None:
    """Remembers values that must never be shown, whatever they stand in."""
    global _known
    values = {secret.reveal() if isinstance(secret, Secret) else secret for secret in secrets}
    with _lock:
        kept = {value for value in values if len(value) >= _LEAST_SECRET} | set(_known)
        _known = tuple(sorted(kept, key=len, reverse=True))


def know_settings(values: Mapping[str, str]) -> None:
    """Remembers those of the settings whose names say that they are secret."""
    know(value.strip() for name, value in values.items() if _SECRET_NAME.search(name))


def redacted(text: str) -> str:
    """The text without secrets, signatures, tokens, cookies and keys; where one stood, `[removed]` stands."""
    for secret in _known:
        if secret in text:
            text = text.replace(secret, REMOVED)
    return without_secrets(text)
