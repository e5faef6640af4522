"""Takes purged customers out of what the desk wrote from reads that began before their purge had ended.

A rollup or a scan reads for minutes. A customer whom it has read may be purged before it writes, and the purge finds
only what is written by then.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from storage.actions.purge.context import Purging
from storage.actions.purge.keepers.declared import KEEPERS
from storage.actions.purge.steps_keepers import FORGET, TAKE_ROWS
from storage.domain.purge.job import ENDED, RESUMABLE, Job

OF_ROLLUPS: Final = frozenset({"ops_index", "ops_rollups", "_ops/rollups/"})
OF_SCANS: Final = frozenset({"_ops/scans/"})
_ROWS_TAKEN: Final = frozenset({TAKE_ROWS, "counters", "earlier quarantines", "proof", FORGET})
_CLOCKS: Final = timedelta(minutes=5)  # jobs end by Firestore's time, a run begins by a machine's


def take_purged(purging: Purging, since: datetime, keepers: Collection[str]) -> int:
    """Takes the scope of each purge that took its rows since then out of these keepers, by their names; returns from
    how many documents and objects.

    To be called when everything is in place: a purge whose turn to take rows comes later finds all of it by itself.
    """
    jobs = {one.job_id: one for one in (*purging.jobs.ended_since(since - _CLOCKS), *purging.jobs.in_states(RESUMABLE))}
    mine = [keeper for keeper in KEEPERS if keeper.name in keepers]
    return sum(keeper.take(purging, job.scope, job.job_id) for job in jobs.values() if _took(job) for keeper in mine)


def _took(job: Job) -> bool:
    """Whether the purge has taken its rows, or is about to, and nobody has begun to put them back."""
    if job.kind != "purge" or job.undo_job or job.state in {"undoing", "undone"}:
        return False
    return job.state in ENDED or job.step in _ROWS_TAKEN
