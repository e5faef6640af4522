"""Watches, as a keeper: which video or customer was repaired or purged, and is looked at again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from storage.actions.documents import Delete, Restore
from storage.actions.purge.context import Purging
from storage.actions.purge.keepers.keeper import Keeper, Row
from storage.domain.purge.scope import Scope
from storage.errors import Stale
from storage.repositories.watches import Watches

_OPERATION = "Changing the watches of a customer"


@dataclass(frozen=True, slots=True)
class CustomersWatches(Keeper):
    """Its rows: `{"path", "document"}`, a watch as JSON without loss. The watch of the purge itself comes after it."""

    def held(self, purging: Purging, scope: Scope) -> Iterator[Row]:
        paths = _about(purging, scope)
        for path, exact in (purging.stores.records.exact(paths) if paths else {}).items():
            if exact is not None:
                yield {"path": path, "document": exact}

    def take(self, purging: Purging, scope: Scope, job_id: str) -> int:
        paths = _about(purging, scope)
        for path in paths:
            purging.writers.documents.commit([Delete(path)], operation=_OPERATION)
        return len(paths)

    def put_back(self, purging: Purging, scope: Scope, job_id: str, rows: Sequence[Row]) -> int:
        for row in rows:
            try:
                purging.writers.documents.commit([Restore(row["document"])], operation=_OPERATION)
            except Stale:
                continue  # it is there again
        return len(rows)


def _about(purging: Purging, scope: Scope) -> list[str]:
    """The paths of the watches about anything of the scope."""
    found = (one.watch for one in Watches(purging.stores.handle).of_user(scope.uid))
    whole = scope.kind == "user"
    return [one.path for one in found if whole or (one.video_id and scope.holds(one.video_id))]
