"""Workers: a process of its own for a job, and the sweep that takes up what was abandoned or has expired."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from storage.actions import undoable
from storage.actions.purge.context import Purging
from storage.actions.purge.controlling import begin_emptying, expired
from storage.actions.purge.ledger import LeaseLost, StillHeld
from storage.actions.purge.owner import surely_gone
from storage.actions.purge.running import run_job
from storage.domain.purge.job import Job
from storage.domain.purge.own_keys import plan_key, quarantine_prefix
from storage.errors import Refused

ROOT = Path(__file__).resolve().parents[3]


def start_worker(job_id: str, environment: Mapping[str, str] | None = None) -> int:
    """Starts a process that runs the job and outlives this one; gives its process id.

    `environment` are settings to add to this process's own: what the demo's stand-ins need to be found. What the worker
    would say goes nowhere: this process's own streams end with it, and the job's document says all of it.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "storage", "purge", "worker", "--job", job_id, "--json"],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=process.wait, name=f"end of {job_id}", daemon=True).start()
    return process.pid


def abandoned_jobs(purging: Purging) -> tuple[Job, ...]:
    """The jobs that ought to go on and that nobody runs any more, as far as leases and processes tell.

    Whether a lease is over is Firestore's to say (see `Job`): a machine whose clock is wrong takes nothing over early.
    """
    return tuple(
        job for job in purging.jobs.going_on() if job.abandoned or (job.lease_owner and surely_gone(job.lease_owner))
    )


def _here(purging: Purging, job: Job) -> bool:
    """Whether this bucket is the one of the job: an empty prefix of another one is no quarantine that was emptied."""
    objects = purging.stores.objects
    if objects.head(plan_key(job.plan_id)) is not None:
        return True
    if len(objects.list_all(quarantine_prefix(job.job_id), limit=1).unbroken()):
        return True
    purging.progress(
        f"The quarantine of job {job.job_id} is not emptied: neither its plan nor its copies are in bucket "
        f"{objects.bucket}. Compare R2_BUCKET_NAME with that of the desk that purged."
    )
    return False


def sweep(purging: Purging) -> tuple[Job, ...]:
    """Runs every abandoned job to its end and empties every quarantine that has expired; gives what it worked on.

    What repairs replaced and kept is emptied when it is as old. Several may sweep at once: each job is run by the one
    that gets its lease.
    """
    worked: list[Job] = []
    due = [job.job_id for job in abandoned_jobs(purging)]
    for job in purging.jobs.in_quarantine():
        if expired(purging, job) and _here(purging, job):
            emptying = begin_emptying(purging, job)
            if emptying is not None:
                due.append(emptying.job_id)
    for job_id in due:
        try:
            worked.append(run_job(purging, job_id))
        except (StillHeld, LeaseLost):
            continue  # another worker has it
        except Refused:
            continue  # it ended meanwhile
    undoable.expire(purging.stores, purging.writers, purging.now())
    return tuple(worked)
