"""Requests to the team, as a keeper: ids, persons and times stay, as in the audit; an erasing empties the words."""

from __future__ import annotations

from dataclasses import dataclass

from storage.actions.documents import FieldName, Update
from storage.actions.purge.context import Purging
from storage.actions.purge.keepers.keeper import Keeper
from storage.domain.purge.job import Job
from storage.domain.purge.scope import Scope
from storage.errors import Stale
from storage.repositories.requests import Requests, StoredRequest

TRIES = 5
_OPERATION = "Reducing the requests about a customer"


@dataclass(frozen=True, slots=True)
class CustomersRequests(Keeper):
    """Reasons and answers were freed of addresses and titles as they were written; other words may still tell."""

    def forget(self, purging: Purging, job: Job) -> int:
        for attempt in range(1, TRIES + 1):
            try:
                return sum(_reduce(purging, one) for one in _about(purging, job.scope))
            except Stale:  # somebody answered it meanwhile
                if attempt == TRIES:
                    raise
        return 0


def _reduce(purging: Purging, stored: StoredRequest) -> bool:
    fields: dict[FieldName, object] = {name: "" for name in ("reason", "answer") if getattr(stored.request, name)}
    if fields:
        change = Update(stored.request.path, fields, stored.update_time)
        purging.writers.documents.commit([change], operation=_OPERATION)
    return bool(fields)


def _about(purging: Purging, scope: Scope) -> list[StoredRequest]:
    found = Requests(purging.stores.handle).of_user(scope.uid)
    whole = scope.kind == "user"
    return [one for one in found if whole or (one.request.video_id and scope.holds(one.request.video_id))]
