"""Takes secrets, signatures, tokens and cookies out of any text that is about to be logged, recorded or shown."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from typing import Final

from storage.config import Secret

REMOVED: Final = "[removed]"
_LEAST_SECRET: Final = 8  # shorter values would take ordinary words out of the log
# What a setting's name says about its value; `OIDC_CLIENT_ID` and its kin are public.
_SECRET_NAME: Final = re.compile(r"SECRET|ACCESS_KEY_ID|TOKEN|PASSWORD|PRIVATE_KEY", re.IGNORECASE)
# The query of a URL that carries a signature, a code or a token goes as a whole; the address stays.
_QUERY: Final = re.compile(r"\?[^\s'\"<>]+")
_TELLING: Final = re.compile(
    r"X-Amz-|AWSAccessKeyId=|Signature=|[?&](?:code|state|id_token|access_token)=", re.IGNORECASE
)
_PATTERNS: Final = (
    # Such parameters standing alone, encoded or not.
    re.compile(
        r"(?P<keep>\b(?:X-Amz-(?:Signature|Credential|Security-Token)|AWSAccessKeyId|Signature|id_token|access_token"
        r"|client_secret|id_token_hint)(?:=|%3D|\"?:\s*\"?))[^\s&'\"<>,;}]+",
        re.IGNORECASE,
    ),
    re.compile(r"(?P<keep>\b(?:set-)?cookie['\"]?\s*[:=,]\s*b?['\"]?)[^'\"\r\n]+", re.IGNORECASE),
    re.compile(r"(?P<keep>\b(?:_streamlit_(?:user|user_tokens|session)(?:_\d+)?|CF_Authorization)=)[^\s;'\"]+"),
    re.compile(r"(?P<keep>\b(?:Bearer|Basic|AWS4-HMAC-SHA256)\s+)[^\s'\"].*?(?=['\"\r\n]|$)", re.IGNORECASE),
    re.compile(r"(?P<keep>cf-access-jwt-assertion['\"]?\s*[:=,]\s*b?['\"]?)[^\s'\"]+", re.IGNORECASE),
    re.compile(r"(?P<keep>)\beyJ[A-Za-z0-9_-]{6,4096}\.[A-Za-z0-9_-]{6,4096}\.[A-Za-z0-9_-]*"),  # a JWT
    re.compile(r"(?P<keep>)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL),
)

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
    text = _QUERY.sub(lambda query: f"?{REMOVED}" if _TELLING.search(query[0]) else query[0], text)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<keep>{REMOVED}", text)
    return text
