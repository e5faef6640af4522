"""Firestore's own time. Decisions about stored times use this one, because machines' clocks differ."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from storage.clients.firestore import FirestoreHandle
from storage.errors import Unusable
from storage.repositories.decode import decode_time

PATH = "ops_clock/now"  # the document need not exist: the answer that it does not has a time too


class ReadAt:
    """Receives the time of a read; `at` is the last time received."""

    def __init__(self) -> None:
        self.at: datetime | None = None

    def __call__(self, stamp: Any) -> None:
        self.at = decode_time(stamp)


def store_time(handle: FirestoreHandle) -> datetime:
    """The present, aware and in UTC, by Firestore's time; costs one read. Raises Firestore's errors."""
    heard = ReadAt()
    handle.batch_get([PATH], operation="Asking Firestore for the time", read_time=heard)
    if heard.at is None:
        raise Unusable("Firestore's answer does not say when it was given.", operation="Asking Firestore for the time")
    return heard.at
