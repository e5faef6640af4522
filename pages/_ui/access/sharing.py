"""Tells the other replicas of sign-outs at once, and learns of theirs with one read a minute for each process.

A thread does this while the server runs; a request costs no read. While Firestore does not answer, the process uses the
sign-outs that it knows, keeps trying, and says so in the log once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from pages._ui.access import settings
from pages._ui.access.sessions import Sessions, sessions
from storage.actions.sign_outs import SharedSignOuts
from storage.errors import ConfigError, StorageError, Unusable

LOOK_SECONDS: Final = 55.0  # between two looks, so that a sign-out is known everywhere within 60
AGAIN_SECONDS: Final = 5.0  # before another try after a fault
STOP_SECONDS: Final = 10.0  # how long the server's end waits for sign-outs that are not shared yet
PAUSE_SECONDS: Final = 1.0  # between two writes: Firestore accepts no more of them to one document

_log = logging.getLogger(__name__)


class Sharing:
    """`document` opens the shared document; it is called only where the settings have a sign-in."""

    def __init__(self, known: Sessions, document: Callable[[], SharedSignOuts]) -> None:
        self.looked = threading.Event()  # set after the first try, successful or not
        self._known = known
        self._document = document
        self._shared: SharedSignOuts | None = None
        self._news = threading.Event()
        self._ending = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._keep_going, name="sharing sign-outs", daemon=True)

    def start(self) -> None:
        """Starts the thread, which looks regularly and shares each sign-out."""
        self._known.on_sign_out = self._news.set
        self._thread.start()

    def stop(self) -> None:
        """Shares the sign-outs that are left and ends, after `STOP_SECONDS` at most where Firestore hangs."""
        self._ending.set()
        self._news.set()
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            _log.warning("Firestore did not answer at the end: a sign-out of the last moment may not have been shared")

    def once(self, *, look: bool) -> bool:
        """Reads the news of the other replicas (with `look`) and writes the news of this one. False where that failed.

        The write costs a read only where another replica has written meanwhile.
        """
        try:
            current = settings.current()
            if not current.signs_in:
                return True
            if self._shared is None:
                self._shared, look = self._document(), True
            if look:
                self._hear(self._shared)
            both = self._shared.publish(self._known.news(), longest=settings.limits(current).absolute)
            self._known.take(both)
        except ConfigError:
            return True  # the pages show it; nobody can sign in
        except StorageError as error:
            self._tell(error.message)
        except Exception:
            _log.exception("sign-outs could not be shared")
        else:
            self._tell("")
            return True
        self._shared = None  # the stores may have been opened again meanwhile
        return False

    def _hear(self, shared: SharedSignOuts) -> None:
        try:
            self._known.take(shared.look())
        except Unusable as error:  # the next write makes it again
            _log.warning("%s %s", error.message, error.remedy)

    def _keep_going(self) -> None:
        due, again = 0.0, AGAIN_SECONDS
        while True:
            self._news.clear()
            begun = time.monotonic()
            look = begun >= due
            done = self.once(look=look)
            self.looked.set()
            if self._ending.is_set():
                return
            if done:
                due, again = begun + LOOK_SECONDS if look else due, AGAIN_SECONDS
            self._ending.wait(PAUSE_SECONDS)
            self._news.wait(max(due - time.monotonic(), 0.0) if done else again)
            if not done:
                again = min(2 * again, LOOK_SECONDS)

    def _tell(self, fault: str) -> None:
        """Logs a fault once, not at every try, and logs once that it is over."""
        if fault and not self._failing:
            _log.warning(
                "sign-outs are not shared with the other replicas: %s This process uses those it knows, and tries "
                "again.",
                fault,
            )
        elif self._failing and not fault:
            _log.warning("sign-outs are shared with the other replicas again")
        self._failing = bool(fault)


def of_this_process() -> Sharing:
    """The sharing of this process's sign-outs, for the start of the server."""

    def document() -> SharedSignOuts:
        from pages._ui.data import resources
        from storage.actions.writers import open_writers

        stores = resources.stores()
        return SharedSignOuts(stores.records, open_writers(stores).documents, lambda: datetime.now(UTC))

    return Sharing(sessions, document)
