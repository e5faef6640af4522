"""Decides how long a sign-in lasts: an idle limit, an absolute limit, and signing out everywhere.

The signed content identifies a sign-in: the person and the time of issue. Nothing else in a request counts, so a cookie
that somebody kept, took apart or extended is still the same sign-in. This process decides by its own knowledge and by
the knowledge that all replicas share (`pages._ui.access.sharing`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from storage.domain.sign_outs import KEPT, Ended, Shared
from storage.errors import Refused

_MOST: Final = 20_000  # sign-ins remembered at once; far more than people
_MOST_EACH: Final = 50  # of one person, so that many sign-ins of one person push nobody else out

Reason = Literal["signed_out", "idle", "too_long", "not_signed_in", "refused"]


class SessionEnded(Refused):
    """Nobody is signed in, or the session has ended; `reason` says why."""

    code = "sign_in_needed"

    def __init__(self, reason: Reason, message: str, *, remedy: str = "Sign in again.") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in of one person. `key` and `subject` (the person) reveal nothing of the values they were made from.

    `here`: the person signed in at the desk, so the issue was the first use. A person who signed in elsewhere (to the
    proxy in front) may come hours later.
    """

    key: str
    subject: str
    issued_at: datetime
    here: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a sign-in may be idle, and how long it may last at all."""

    idle: timedelta
    absolute: timedelta


@dataclass(slots=True)
class _Known:
    """A sign-in that this process has met. `issued_at` is by the issuer's clock; `begun_at` is no later than `met_at`.

    `unheard`: this process met it before it had news of the other replicas, which may know that it was idle by then.
    """

    subject: str
    issued_at: datetime
    begun_at: datetime
    seen_at: datetime
    met_at: datetime
    used_before: datetime
    unheard: bool
    ended: SessionEnded | None = None


@dataclass(slots=True)
class Sessions:
    """All sign-ins that this process has met, and all sign-outs that it knows of. Safe to share between threads.

    `on_sign_out` is called after each new sign-out, so that the other replicas learn of it at once.
    """

    on_sign_out: Callable[[], None] = lambda: None
    _known: dict[str, _Known] = field(default_factory=dict)
    _of: dict[str, set[str]] = field(default_factory=dict)  # keys by person
    _out: dict[str, Ended] = field(default_factory=dict)
    _seen_by_all: Mapping[str, datetime] = field(default_factory=dict)
    _informed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, sign_in: SignIn, limits: Limits, *, now: datetime, active: bool = True) -> bool:
        """Admits a live session and notes its activity; raises `SessionEnded` for a session that has ended.

        A call that a page makes by itself (a fragment that polls) is no activity: it passes `active=False`. Returns
        whether this process meets the sign-in for the first time.
        """
        with self._lock:
            known = self._known.get(sign_in.key)
            new = known is None
            if known is None:
                known = self._meet(sign_in, now)
            ended = self._ended(known, limits, now)
            if ended is not None:
                raise ended
            if active:
                known.seen_at = now
            return new

    def sign_out(self, sign_in: SignIn, *, now: datetime) -> None:
        """Ends this sign-in, and every other one of the person that was issued no later or is known here.

        Each tab notices at its next action.
        """
        with self._lock:
            others = [self._known[key].issued_at for key in self._of.get(sign_in.subject, ())]
            ended = Ended(max([sign_in.issued_at, *others]), now + KEPT)
            before = self._out.get(sign_in.subject)
            if before is not None and before.before >= ended.before:
                return
            self._out[sign_in.subject] = ended
            self._forget_sign_outs(now)
        self.on_sign_out()

    def is_live(self, sign_in: SignIn, limits: Limits, *, now: datetime) -> bool:
        """True for a sign-in that passed the guard in this process and has not ended; notes no activity."""
        with self._lock:
            known = self._known.get(sign_in.key)
            return known is not None and self._ended(known, limits, now) is None

    def has_ended(self, sign_in: SignIn, limits: Limits, *, now: datetime) -> bool:
        """True for a sign-in that is known to have ended; notes no activity."""
        with self._lock:
            known = self._known.get(sign_in.key)
            if known is None:
                return self._signed_out(sign_in)
            return self._ended(known, limits, now) is not None

    def take(self, shared: Shared) -> None:
        """Adds the knowledge that the replicas share."""
        with self._lock:
            for subject, one in shared.ended.items():
                mine = self._out.get(subject, one)
                self._out[subject] = Ended(max(mine.before, one.before), max(mine.until, one.until))
            for key, at in shared.seen.items():
                if (known := self._known.get(key)) is not None:
                    known.seen_at = max(known.seen_at, at)
            for key, known in self._known.items():
                if known.unheard:
                    known.used_before = min(shared.seen.get(key, known.used_before), known.met_at)
                    known.unheard = False
            self._seen_by_all = shared.seen
            self._informed = True

    def news(self) -> Shared:
        """What this process can tell the other replicas; times of use in whole seconds."""
        with self._lock:
            seen = {key: known.seen_at.replace(microsecond=0) for key, known in self._known.items()}
            return Shared(dict(self._out), seen)

    def forget(self) -> None:
        """Forgets everything, like a process that has just started."""
        with self._lock:
            for held in (self._known, self._of, self._out):
                held.clear()
            self._seen_by_all, self._informed = {}, False

    def _meet(self, sign_in: SignIn, now: datetime) -> _Known:
        issued = sign_in.issued_at
        seen = self._seen_by_all.get(sign_in.key)
        if seen is None and self._informed and sign_in.here:
            seen = issued  # nobody has used it since
        unheard = not self._informed and sign_in.here
        seen_at, used_before = min(seen or now, now), min(issued, now) if unheard else now
        known = _Known(sign_in.subject, issued, min(issued, now), seen_at, now, used_before, unheard)
        self._known[sign_in.key] = known
        mine = self._of.setdefault(sign_in.subject, set())
        mine.add(sign_in.key)
        if len(mine) > _MOST_EACH:
            self._drop_one_of(mine)
        elif len(self._known) > _MOST:
            self._drop_one_of(self._known)
        return known

    def _drop_one_of(self, keys: Iterable[str]) -> None:
        """Forgets the sign-in that was unused for longest. Its sign-out, if any, stays known."""
        key = min(keys, key=lambda key: self._known[key].seen_at)
        known = self._known.pop(key)
        self._of[known.subject].discard(key)
        if not self._of[known.subject]:
            del self._of[known.subject]

    def _forget_sign_outs(self, now: datetime) -> None:
        """Drops the sign-outs that no longer matter, and where there are too many also those that end soonest."""
        soonest = sorted(self._out, key=lambda subject: self._out[subject].until)
        for number, subject in enumerate(soonest):
            if self._out[subject].until <= now or number < len(soonest) - _MOST:
                del self._out[subject]

    def _signed_out(self, one: SignIn | _Known) -> bool:
        out = self._out.get(one.subject)
        return out is not None and one.issued_at <= out.before

    def _ended(self, known: _Known, limits: Limits, now: datetime) -> SessionEnded | None:
        if self._signed_out(known):
            return SessionEnded("signed_out", "You signed out.")
        if known.ended is None:
            known.ended = self._past_a_limit(known, limits, now)
        return None if known.ended is None else SessionEnded(known.ended.reason, known.ended.message)

    @staticmethod
    def _past_a_limit(known: _Known, limits: Limits, now: datetime) -> SessionEnded | None:
        if now - known.begun_at >= limits.absolute:
            hours = limits.absolute.total_seconds() / 3_600
            return SessionEnded("too_long", f"Your session reached its limit of {hours:g} hours.")
        idle_then = timedelta() if known.unheard else known.met_at - known.used_before
        if max(now - known.seen_at, idle_then) >= limits.idle:
            minutes = limits.idle.total_seconds() / 60
            return SessionEnded("idle", f"Your session ended after {minutes:g} minutes without use.")
        return None


sessions: Final = Sessions()
