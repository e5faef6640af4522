"""How long a sign-in lasts: idle and absolute limits, and signing out everywhere. Kept in this process alone.

With several replicas the proxy keeps one person on one of them (sticky sessions), so that all tabs meet the same
registry; after a restart the browser's cookie, which signing out removed, decides.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Literal

from storage.errors import Refused

_MOST: Final = 20_000  # sign-ins remembered at once; far more than people
_FORGET: Final = timedelta(days=40)  # beyond the longest life of the sign-in cookie (30 days, and a day of grace)
_COOKIE: Final = "_streamlit_user"

Reason = Literal["signed_out", "idle", "too_long", "not_signed_in", "refused"]


class SessionEnded(Refused):
    """Nobody is signed in, or not any more; `reason` says why."""

    code = "sign_in_needed"

    def __init__(self, reason: Reason, message: str, *, remedy: str = "Sign in again.") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SignIn:
    """One time that somebody signed in. `key` identifies it without revealing what it was made from."""

    key: str
    subject: str
    issued_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a sign-in may be idle, and how long it may last at all."""

    idle: timedelta
    absolute: timedelta


@dataclass(slots=True)
class _Known:
    subject: str
    issued_at: datetime
    seen_at: datetime
    ended: SessionEnded | None = None


@dataclass(slots=True)
class Sessions:
    """All sign-ins that this process has met. Safe to share between threads."""

    _known: dict[str, _Known] = field(default_factory=dict)
    _out_before: dict[str, datetime] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, sign_in: SignIn, limits: Limits, *, now: datetime, active: bool = True) -> bool:
        """Lets a living session pass and notes its activity; raises `SessionEnded` for one that has ended.

        What a page does by itself (a fragment that polls) is not activity: pass `active=False`. Returns whether this
        sign-in is met for the first time.
        """
        with self._lock:
            known = self._known.get(sign_in.key)
            new = known is None
            if known is None:
                known = self._meet(sign_in, now)
            if known.ended is None:
                known.ended = self._ending(known, limits, now)
            if known.ended is not None:
                raise SessionEnded(known.ended.reason, known.ended.message)
            if active:
                known.seen_at = now
            return new

    def sign_out(self, key: str, *, now: datetime) -> None:
        """Ends this sign-in and every other known one of the same person; each tab notices at its next action."""
        ended = SessionEnded("signed_out", "You signed out.")
        with self._lock:
            known = self._known.get(key)
            if known is None:
                self._known[key] = _Known("", now, now, ended)
                return
            others = [other for other in self._known.values() if other.subject == known.subject]
            for other in others:
                other.ended = ended
            self._out_before[known.subject] = max(other.issued_at for other in others)

    def is_live(self, key: str, limits: Limits, *, now: datetime) -> bool:
        """True for a sign-in that passed the guard in this process and has not ended; notes no activity."""
        with self._lock:
            known = self._known.get(key)
            return known is not None and known.ended is None and self._ending(known, limits, now) is None

    def _meet(self, sign_in: SignIn, now: datetime) -> _Known:
        issued = min(sign_in.issued_at or now, now)
        known = _Known(sign_in.subject, issued, now)
        if issued < self._out_before.get(sign_in.subject, issued):
            known.ended = SessionEnded("signed_out", "You signed out.")
        self._known[sign_in.key] = known
        if len(self._known) > _MOST:
            self._forget(now)
        return known

    def _forget(self, now: datetime) -> None:
        """Drops what cannot matter any more, then the sign-ins that were not seen for longest."""
        for key in [key for key, known in self._known.items() if now - known.issued_at > _FORGET]:
            del self._known[key]
        oldest = sorted(self._known, key=lambda key: self._known[key].seen_at)
        for key in oldest[: len(self._known) - _MOST]:
            del self._known[key]

    @staticmethod
    def _ending(known: _Known, limits: Limits, now: datetime) -> SessionEnded | None:
        if now - known.issued_at >= limits.absolute:
            hours = limits.absolute.total_seconds() / 3_600
            return SessionEnded("too_long", f"A session lasts {hours:g} hours at most, and yours has.")
        if now - known.seen_at >= limits.idle:
            minutes = limits.idle.total_seconds() / 60
            return SessionEnded("idle", f"Nothing was done here for {minutes:g} minutes, so the session ended.")
        return None


def key_of(*parts: str) -> str:
    """A key for a sign-in, from what is secret about it."""
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def cookie_key(cookies: Iterable[tuple[str, str]]) -> str:
    """The key of the sign-in that a request's cookies carry, or "" where they carry none.

    The cookie may come in pieces (`_streamlit_user`, `_streamlit_user_1`, ...); that of the tokens does not count.
    """
    pieces = sorted(
        (name, value)
        for name, value in cookies
        if name == _COOKIE or (name.startswith(f"{_COOKIE}_") and name.removeprefix(f"{_COOKIE}_").strip("_").isdigit())
    )
    return key_of(*(value for _, value in pieces)) if pieces else ""


sessions: Final = Sessions()
