"""Reads the requests to the team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from storage.clients.firestore import FirestoreHandle
from storage.domain.requests import COLLECTION, TeamRequest
from storage.repositories.decode import raw_document
from storage.repositories.queries import Condition, build, start_after

PAGE: Final = 100  # documents of one query
MOST: Final = 20  # pages of one reading; a customer or a person has fewer


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
        return _sorted(self._all([("state", "==", "open")]))

    def of_user(self, uid: str) -> tuple[StoredRequest, ...]:
        """Those about a customer, the newest first."""
        return _sorted(self._all([("uid", "==", uid)]))[::-1]

    def of_person(self, email: str) -> tuple[StoredRequest, ...]:
        """Those that a person asked, the newest first."""
        return _sorted(self._all([("asked_by", "==", email)]))[::-1]

    def answered_before(self, when: datetime) -> tuple[StoredRequest, ...]:
        """A page of those that were answered before then."""
        query = build(COLLECTION, where=[("answered_at", "<", when)], order_by="answered_at")
        return _requests(self._page(query, PAGE))

    def newest(self, limit: int) -> tuple[StoredRequest, ...]:
        """The newest, open or answered, the newest first."""
        query = build(COLLECTION, order_by="asked_at", descending=True)
        return _requests(self._page(query, limit))

    def _all(self, where: Sequence[Condition]) -> tuple[StoredRequest, ...]:
        """Page by page in the order of names, which is that of time: the newest are in the last one."""
        query = build(COLLECTION, where=list(where))
        found = list[Any]()
        for _ in range(MOST):
            page = self._page(query, PAGE)
            found += page
            if len(page) < PAGE:
                break
            start_after(query, page[-1].name)
        return _requests(found)

    def _page(self, query: Any, limit: int) -> list[Any]:
        query.limit.value = limit
        return self._handle.run_query(query, list, operation="Reading requests")


def _requests(documents: Sequence[Any]) -> tuple[StoredRequest, ...]:
    found = [raw_document(one) for one in documents]
    read = ((TeamRequest.from_fields(one.fields or {}), one.update_time) for one in found)
    return tuple(StoredRequest(one, update_time) for one, update_time in read if one is not None)


def _sorted(found: Sequence[StoredRequest]) -> tuple[StoredRequest, ...]:
    return tuple(sorted(found, key=lambda one: one.request.asked_at))
