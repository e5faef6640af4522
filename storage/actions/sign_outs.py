"""Keeps what all replicas know of sign-ins in one document: one read for a look, a write only where it adds something.

A write carries the document's update time, so when two replicas write at once, both end up in the document.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from storage.actions.documents import Create, DocumentWriter, FieldName, Update
from storage.domain.documents import RawDocument
from storage.domain.sign_outs import PATH, Shared, fields_of, from_fields
from storage.errors import Stale, Unusable
from storage.repositories.records import Records

_TRIES: Final = 5
_OPERATION: Final = "Sharing sign-outs"


class SharedSignOuts:
    """The document as this process last read it."""

    def __init__(self, records: Records, documents: DocumentWriter, now: Callable[[], datetime]) -> None:
        self._records = records
        self._documents = documents
        self._now = now
        self._found: RawDocument | None = None
        self._looked = False

    def look(self) -> Shared:
        """What all replicas know: one read. Raises Firestore's errors, or `Unusable` for an unreadable document."""
        self._found = self._records.raw(PATH)
        self._looked = True
        return self._as_found()

    def publish(self, mine: Shared, *, longest: timedelta) -> Shared:
        """Adds what this process knows and returns both together. Writes only where that adds something.

        The write drops entries that are no longer needed. It reads only where nothing was read yet, or another replica
        wrote meanwhile; it replaces an unreadable document. Raises Firestore's errors, or `Stale` when other replicas
        wrote every time: then nothing was changed.
        """
        for left in range(_TRIES - 1, -1, -1):
            there, now = self._there(), self._now()
            both = there.with_(mine, now, longest=longest)
            if both == there.with_(Shared(), now, longest=longest):
                break
            try:
                self._write(fields_of(both, now))
                break
            except Stale:
                self._looked = False
                if not left:
                    raise
        return both

    def _write(self, fields: dict[str, Any]) -> None:
        found = self._found
        changed: dict[FieldName, Any] = {(name,): value for name, value in fields.items()}
        change = Create(PATH, fields) if found is None else Update(PATH, changed, found.update_time)
        done = self._documents.commit([change], operation=_OPERATION)
        self._found = RawDocument(PATH, fields, None, done.update_times[PATH])

    def _there(self) -> Shared:
        try:
            return self._as_found() if self._looked else self.look()
        except Unusable:
            return Shared()

    def _as_found(self) -> Shared:
        return Shared() if self._found is None or self._found.fields is None else from_fields(self._found.fields)
