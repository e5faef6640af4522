"""Structured logs: one JSON object a line on stderr, with actor, action, target, outcome and duration.

The formatter removes the secrets of this machine, and everything that looks like a secret, from every line.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from storage.domain.policy import Actor
from storage.errors import Refused, StorageError
from storage.text import REMOVED, Secret, without_secrets

_LEAST_SECRET: Final = 8  # shorter values would remove ordinary words from the log
# What a setting's name says about its value; `OIDC_CLIENT_ID` and similar names are public.
_SECRET_NAME: Final = re.compile(r"SECRET|ACCESS_KEY_ID|TOKEN|PASSWORD|PRIVATE_KEY|HMAC|ALERT_URLS", re.IGNORECASE)

_lock = threading.Lock()
_known: tuple[str, ...] = ()


_LONGEST: Final = 20_000  # characters of one message or traceback; the rest says nothing new
_CONTROL: Final = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)] if code not in (9, 10)} | {
    code: f"\\u{code:04x}" for code in [*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
}
_log = logging.getLogger("clipdesk")


def register_secrets(secrets: Iterable[Secret | str]) -> None:
    """Remembers values that must never be shown, in whatever text they appear."""
    global _known
    values = {secret.reveal() if isinstance(secret, Secret) else secret for secret in secrets}
    with _lock:
        kept = {value for value in values if len(value) >= _LEAST_SECRET} | set(_known)
        _known = tuple(sorted(kept, key=len, reverse=True))


def know_settings(values: Mapping[str, str]) -> None:
    """Remembers the values of those settings whose names say that they are secret; each part of a list apart."""
    for name, value in values.items():
        if _SECRET_NAME.search(name):
            register_secrets([value.strip(), *value.split()])


def redacted(text: str) -> str:
    """The text without secrets, signatures, tokens, cookies and keys; `[removed]` replaces each."""
    for secret in _known:
        if secret in text:
            text = text.replace(secret, REMOVED)
    return without_secrets(text)


class JsonLines(logging.Formatter):
    """One record as one line of JSON. No newline, control sequence or text direction of a value survives as such."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _clean(_message(record)),
        }
        event = getattr(record, "event", None)
        if isinstance(event, dict):
            entry.update({name: _clean(value) if isinstance(value, str) else value for name, value in event.items()})
        if record.exc_info:
            entry["trace"] = _clean(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False, default=lambda value: _clean(str(value)))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # the record's arguments do not fit its text: it is still logged, never a traceback
        return str(record.msg)


def _clean(text: str) -> str:
    text = redacted(text[: 2 * _LONGEST]).translate(_CONTROL)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text):,} characters)"


def start(level: int = logging.INFO) -> None:
    """Makes every logger of this process write such lines to stderr, also loggers with handlers of their own.

    Call it again after a library has set up its logging. The handlers stay; only their format changes.
    """
    formatter = JsonLines()
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stderr))
    root.setLevel(level)
    loggers = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    for logger in [root, *loggers]:
        for handler in logger.handlers:
            handler.setFormatter(formatter)


def event(action: str, *, actor: Actor | str, target: str = "", outcome: str, **more: Any) -> None:
    """Logs one thing that an actor did or tried. `target` is a key or path, never a URL."""
    who = actor.email if isinstance(actor, Actor) else actor
    fields: dict[str, Any] = {"actor": who, "action": action, "target": target, "outcome": outcome, **more}
    if isinstance(actor, Actor):
        fields |= {"source": actor.source, "ip": actor.ip}
    _log.info("%s %s", action, outcome, extra={"event": fields})


@contextmanager
def acting(action: str, *, actor: Actor | str, target: str = "", **more: Any) -> Iterator[dict[str, Any]]:
    """Logs the block when it ends, with its duration in milliseconds: done, refused or failed (and the error's code).

    It also logs what the block puts into the yielded dictionary. The error goes on to the caller.
    """
    found: dict[str, Any] = dict(more)
    begun = time.monotonic()
    outcome = "failed"
    try:
        yield found
        outcome = "done"
    except Refused as error:
        outcome, found["code"] = "refused", error.code
        raise
    except StorageError as error:
        found["code"] = error.code
        raise
    finally:
        duration = round((time.monotonic() - begun) * 1_000, 1)
        event(action, actor=actor, target=target, outcome=outcome, duration_ms=duration, **found)
