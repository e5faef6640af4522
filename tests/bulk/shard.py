"""One shard of a rollup in a process of its own."""

from __future__ import annotations

from datetime import datetime, timedelta

from storage.actions.documents import DocumentWriter
from storage.actions.rollup import run_rollup
from storage.clients.firestore import open_firestore
from storage.domain.usage import DEFAULT_LIMITS
from storage.repositories.records import Records
from storage.settings.backends import FirestoreSettings


def shard_of(host: str, project: str, number: int, now: datetime, stale_after: timedelta) -> None:
    """One shard of four, as a scheduler runs it."""
    handle = open_firestore(FirestoreSettings(project, None, host))
    run_rollup(
        Records(handle), DocumentWriter(handle), DEFAULT_LIMITS, lambda: now, stale_after=stale_after, shard=(number, 4)
    )
