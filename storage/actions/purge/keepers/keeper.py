"""What a keeper is: one declaration for each place where the desk keeps something of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from storage.actions.purge.context import Purging
from storage.domain.purge.job import Job
from storage.domain.purge.scope import Scope
from storage.errors import Stale

TRIES = 5
Row = Mapping[str, Any]
"""A row that a purge took out, as plain JSON values: what `put_back` needs."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """A place where the desk keeps something of its own: what a purge takes out of it, and how an undo puts it back.

    `places` are its collections (`ops_index`) and its folders of the bucket (`_ops/plans/`). `holds` says in words what
    it holds of a customer, `purged` what a purge, and `erased` what an erasing does with it: `docs/purge.md` has them.

    Every purge calls `held`, saves the rows with its quarantine, and calls `take` once the customer's own documents are
    gone. An undo calls `put_back`. An erasing saves nothing; when nothing of the scope is left, it calls `forget`. Each
    of `take`, `put_back` and `forget` may be called again after a worker was cut off, and then does only the rest.
    """

    places: tuple[str, ...]
    holds: str
    purged: str = ""
    erased: str = ""

    @property
    def name(self) -> str:
        """Its first place, by which the saved rows name it: as fixed as the place itself."""
        return self.places[0]

    def held(self, purging: Purging, scope: Scope) -> Iterator[Row]:
        """The rows that the keeper holds of the scope; changes nothing."""
        yield from ()

    def take(self, purging: Purging, scope: Scope, job_id: str) -> int:
        """Takes these rows out; returns how many documents or objects held any."""
        return 0

    def put_back(self, purging: Purging, scope: Scope, job_id: str, rows: Sequence[Row]) -> int:
        """Puts rows of `held` back, beside what came since; returns how many are in place."""
        return 0

    def forget(self, purging: Purging, job: Job) -> int:
        """After an erasing: reduces what the desk keeps of the scope for good to ids, jobs and times."""
        return 0


def until_settled(work: Callable[[], int]) -> int:
    """The number that `work` returns. It begins again where somebody changed what it read meanwhile.

    Raises the last `Stale` after some tries.
    """
    for _ in range(TRIES - 1):
        with suppress(Stale):
            return work()
    return work()
