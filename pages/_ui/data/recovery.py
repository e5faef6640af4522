"""Resumes abandoned purges, and empties expired quarantines, while the server runs."""

from __future__ import annotations

import logging
from itertools import count

from pages._ui.data import purges
from pages._ui.data.recurring import repeat
from storage.actions.purge import jobs, worker

LOOK_SECONDS = 30.0  # between two looks for jobs that nobody runs: one query each
LOOKS_PER_EMPTYING = 120  # quarantines last for days, so a look for expired ones once an hour is enough

_log = logging.getLogger(__name__)


async def keep_going() -> None:
    """Starts a worker for each abandoned job, and empties expired quarantines, until it is cancelled.

    A killed worker leaves a lease behind; when that has ended, this loop resumes the job. A look costs one read of
    Firestore where no job is running.
    """
    looks = count()
    await repeat(
        lambda: take_up(expired=next(looks) % LOOKS_PER_EMPTYING == 0),
        LOOK_SECONDS,
        _log,
        "abandoned jobs cannot be looked for",
    )


def take_up(*, expired: bool = False) -> tuple[str, ...]:
    """Starts a worker for each abandoned job; with `expired` also for each quarantine that is due to be emptied."""
    engine = purges.context()
    due = [job.job_id for job in worker.abandoned_jobs(engine) if not purges.starting(job)]
    if expired:
        for job in engine.jobs.in_quarantine():
            emptying = jobs.begin_emptying(engine, job) if jobs.expired(engine, job) else None
            due += [emptying.job_id] if emptying else []
    for name in due:
        purges.start(name)
    return tuple(due)
