"""Requests to the team, as a keeper: ids, persons and times stay, as in the audit; the words go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from storage.actions.documents import FieldName, Update
from storage.actions.purge.context import Purging
from storage.actions.purge.keepers.keeper import Keeper, Row, until_settled
from storage.domain.purge.job import Job
from storage.domain.purge.scope import Scope
from storage.domain.requests import TeamRequest
from storage.repositories.requests import Requests, StoredRequest

_WORDS: Final = ("reason", "answer")
_OPERATION = "Reducing the requests about a customer"


@dataclass(frozen=True, slots=True)
class CustomersRequests(Keeper):
    """Its rows: `{"request_id", "reason", "answer"}`. An open request stays open, for who asked waits for its answer.

    The words were freed of addresses and titles as they were written; other words may still tell.
    """

    def held(self, purging: Purging, scope: Scope) -> Iterator[Row]:
        for one in (stored.request for stored in _about(purging, scope)):
            if _words(one):
                yield {"request_id": one.request_id, **_words(one)}

    def take(self, purging: Purging, scope: Scope, job_id: str) -> int:
        return _change(purging, scope, lambda one: dict.fromkeys(_words(one), ""))

    def put_back(self, purging: Purging, scope: Scope, job_id: str, rows: Sequence[Row]) -> int:
        saved = {row["request_id"]: row for row in rows}

        def missing(one: TeamRequest) -> dict[str, str]:
            row = saved.get(one.request_id, {})
            return {name: row[name] for name in _WORDS if row.get(name) and not getattr(one, name)}

        _change(purging, scope, missing)
        return len(rows)

    def forget(self, purging: Purging, job: Job) -> int:
        return self.take(purging, job.scope, job.job_id)


def _words(one: TeamRequest) -> dict[str, str]:
    return {name: words for name in _WORDS if (words := getattr(one, name))}


def _change(purging: Purging, scope: Scope, words: Callable[[TeamRequest], dict[str, str]]) -> int:
    """Writes these words of each request about the scope that has any; returns how many were changed."""
    return until_settled(lambda: sum(_update(purging, one, words(one.request)) for one in _about(purging, scope)))


def _update(purging: Purging, stored: StoredRequest, words: dict[str, str]) -> bool:
    fields: dict[FieldName, object] = dict(words.items())
    if fields:
        change = Update(stored.request.path, fields, stored.update_time)
        purging.writers.documents.commit([change], operation=_OPERATION)
    return bool(fields)


def _about(purging: Purging, scope: Scope) -> list[StoredRequest]:
    found = Requests(purging.stores.handle).of_user(scope.uid)
    return [one for one in found if scope.holds(one.request.video_id, one.request.clip_id)]
