"""Reads the requests to the team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from storage.clients.firestore import FirestoreHandle
from storage.domain.requests import COLLECTION, TeamRequest
from storage.repositories.decode import raw_document
from storage.repositories.queries import Condition, build

MOST: Final = 100  # of one reading


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A request with the update time of its document, for preconditions."""

    request: TeamRequest
    update_time: datetime | None


class Requests:
    """No query here needs an index that Firestore does not keep by itself. A read for each found, one where none is."""

    def __init__(self, handle: FirestoreHandle) -> None:
        self._handle = handle

    def open(self) -> tuple[StoredRequest, ...]:
        """Those that wait for an answer, the oldest first."""
        return _sorted(self._run([("state", "==", "open")]))

    def of_user(self, uid: str) -> tuple[StoredRequest, ...]:
        """Those about a customer, the newest first."""
        return _sorted(self._run([("uid", "==", uid)]))[::-1]

    def of_person(self, email: str) -> tuple[StoredRequest, ...]:
        """Those that a person asked, the newest first."""
        return _sorted(self._run([("asked_by", "==", email)]))[::-1]

    def newest(self, limit: int) -> tuple[StoredRequest, ...]:
        """The newest, open or answered, the newest first."""
        return self._run([], order_by="asked_at", limit=limit)

    def _run(
        self, where: Sequence[Condition], *, order_by: str | None = None, limit: int = MOST
    ) -> tuple[StoredRequest, ...]:
        query = build(COLLECTION, where=list(where), order_by=order_by, descending=order_by is not None)
        query.limit.value = limit
        found = self._handle.run_query(
            query, lambda documents: [raw_document(one) for one in documents], operation="Reading requests"
        )
        read = ((TeamRequest.from_fields(one.fields or {}), one.update_time) for one in found)
        return tuple(StoredRequest(one, update_time) for one, update_time in read if one is not None)


def _sorted(found: Sequence[StoredRequest]) -> tuple[StoredRequest, ...]:
    return tuple(sorted(found, key=lambda one: one.request.asked_at))
