"""The steps about what the desk itself keeps of customers: saved, taken out, put back, and forgotten for good."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from storage.actions.purge.context import Purging
from storage.actions.purge.engine import BatchOutcome, Note, Seen
from storage.actions.purge.keepers.declared import KEEPERS
from storage.actions.purge.lease import JobLease
from storage.actions.purge.quarantine import SAVE_ROWS, Quarantine
from storage.domain.purge.job import Job
from storage.domain.purge.scope import kept_rows

TAKE_ROWS, FORGET = "take rows", "forget"


class _One:
    """A step of one batch that looks at nothing before it."""

    name: str

    def __init__(self, purging: Purging, lease: JobLease) -> None:
        self._purging = purging
        self._lease = lease

    @property
    def _job(self) -> Job:
        return self._lease.job

    def batches(self) -> int:
        return 1

    def look(self, batch: int) -> Seen:
        return {}


class SaveRows(_One):
    """Writes every keeper's rows of the scope into one file of the quarantine, before anything goes."""

    name = SAVE_ROWS

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        scope = self._job.scope
        lines = [
            json.dumps({"keeper": keeper.name, "row": row})
            for keeper in KEEPERS
            for row in keeper.held(self._purging, scope)
        ]
        if not lines:
            return BatchOutcome(entry={"count": 0})
        job_id = self._job.job_id
        digest = Quarantine(self._purging, job_id).write_documents(kept_rows(job_id), lines)
        return BatchOutcome(entry={"count": len(lines), "sha256": digest})


class TakeRows(_One):
    """Takes the rows of the scope out of every keeper."""

    name = TAKE_ROWS

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        taken = {}
        for keeper in KEEPERS:
            self._lease.hold()
            if count := keeper.take(self._purging, self._job.scope, self._job.job_id):
                taken[keeper.name] = count
        return BatchOutcome(entry={"taken": taken})


class PutRowsBack(_One):
    """Puts the saved rows of a purge back. `digest` is that of their file; empty: the purge saved none."""

    name = "rows back"

    def __init__(self, purging: Purging, lease: JobLease, of: str, digest: str) -> None:
        super().__init__(purging, lease)
        self._of = of
        self._digest = digest

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        rows = self._rows()
        back = {}
        for keeper in KEEPERS:
            if mine := rows.get(keeper.name):
                self._lease.hold()
                back[keeper.name] = keeper.put_back(self._purging, self._job.scope, self._of, mine)
        return BatchOutcome(entry={"back": back})

    def _rows(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        if not self._digest:
            return {}
        rows: dict[str, list[Mapping[str, object]]] = {}
        for line in Quarantine(self._purging, self._of).read_documents(kept_rows(self._of), self._digest):
            one = json.loads(line)
            rows.setdefault(one["keeper"], []).append(one["row"])
        return rows


class Forget(_One):
    """The end of an erasing that left nothing: of what the desk keeps, only ids, jobs and times stay."""

    name = FORGET

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> BatchOutcome:
        """Does nothing while something is left: the next erasing of the scope needs the papers, and forgets them."""
        if self._job.residue:
            return BatchOutcome(entry={"forgotten": {}})
        forgotten = {}
        for keeper in KEEPERS:
            self._lease.hold()
            if count := keeper.forget(self._purging, self._job):
                forgotten[keeper.name] = count
        return BatchOutcome(entry={"forgotten": forgotten})
