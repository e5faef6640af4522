"""Workers: a separate process for a job, and the sweep that takes up abandoned jobs and expired quarantines.

A worker puts together the steps of its kind of job and decides how the job closes.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from storage.actions import joint_repair, orphans, requests, row_plans, undoable
from storage.actions.purge.context import Purging
from storage.actions.purge.engine import Ending, Engine, Step
from storage.actions.purge.jobs import begin_emptying, expired, is_here
from storage.actions.purge.lease import JobLease, LeaseLost, StillHeld, claim, process_has_ended
from storage.actions.purge.plans import stored_plan
from storage.actions.purge.quarantine import record_of
from storage.actions.purge.sealing import check_applied
from storage.actions.purge.steps import (
    AbortUploads,
    DeleteDocuments,
    EmptyEarlier,
    EraseObjects,
    KeepObjects,
    LeftAlone,
    NoteNeighbours,
    Prove,
    SaveDocuments,
    SetCounters,
)
from storage.actions.purge.steps_keepers import FORGET, Forget, PutRowsBack, SaveRows, TakeRows
from storage.actions.purge.steps_undo import (
    EmptyQuarantine,
    ProveRestored,
    RecountAll,
    RestoreDocuments,
    RestoreObjects,
)
from storage.actions.watches import end_watch, watch_purge
from storage.clients.circuit import patiently
from storage.clients.r2_lease import asked_before_changes
from storage.domain.audit_chain import Event, Outcome
from storage.domain.purge.job import ENDED, ORPHANS, REPAIRS, Job, Kind, job_path
from storage.domain.purge.plan import PurgePlan, document_batches, slug_batches
from storage.errors import Refused, StorageError
from storage.repositories.audit_log import AuditLog

WORKER = "worker"
LATEST = 20  # audit events of a user's jobs in which to look for the end of a job whose worker was just cut off

_log = logging.getLogger(__name__)


def run_job(purging: Purging, job_id: str) -> Job:
    """Takes the job's lease and goes on until the job ends or rests; returns the job as it is then.

    Raises `StillHeld` while another worker holds it, `Refused` for a job that has ended, `LeaseLost` when another
    worker took it over; `failure` holds the error that stopped the job itself.
    """
    with (
        patiently(),
        claim(purging, job_id, partial(_record_end, purging)) as lease,
        asked_before_changes(lease.hold),
    ):
        try:
            _engine(purging, lease).run()
        except LeaseLost:
            raise
        except StorageError as error:  # before the first step: the plan of the job cannot be read
            lease.close("interrupted" if error.retryable else "failed", {"failure": error.as_dict()})
        except Exception as error:  # a fault of this program: the job must say so and must not be tried for ever
            _log.exception("job %s met a fault of the program", job_id)
            failure = {"code": "internal", "message": type(error).__name__, "remedy": "Report it with the log's lines."}
            lease.close("failed", {"failure": failure})
        job = lease.job
    if job.state in ENDED:
        _watch(purging, job)
    return job


def _watch(purging: Purging, job: Job) -> None:
    """Leaves a watch behind a purge; its undo ends it."""
    if job.kind == "purge":
        watch_purge(purging, job)
    elif job.kind == "undo":
        end_watch(purging.writers.documents, job.of)


def _engine(purging: Purging, lease: JobLease) -> Engine:
    job = lease.job
    if job.kind == "empty":
        return Engine(purging, lease, [EmptyQuarantine(purging, lease)], lambda: Ending("done"))
    if job.kind == "purge" and job.step == FORGET:  # the last step, after which the plan is no longer whole
        return Engine(purging, lease, [Forget(purging, lease)], _purge_ending(lease))
    if job.kind in REPAIRS or job.kind in ORPHANS:
        return Engine(purging, lease, [_rows(purging, lease)], partial(row_plans.ending, lease))
    plan = stored_plan(purging, job.plan_id)
    check_applied(purging, job, plan)
    if job.kind == "purge":
        return Engine(purging, lease, _purge_steps(purging, lease, plan), _purge_ending(lease))
    return Engine(purging, lease, _undo_steps(purging, lease, plan), _undo_ending(lease))


def _rows(purging: Purging, lease: JobLease) -> Step:
    """The step of a job of rows, which makes them or takes them back."""
    job = lease.job
    made = purging.jobs.get(job.of) if job.of else None
    if job.kind in REPAIRS:
        if made is not None:
            return joint_repair.UndoRows(purging, lease, joint_repair.made_rows(purging, made))
        return joint_repair.RepairRows(purging, lease, joint_repair.JOINT_PLANS.of_job(purging, job))
    if made is not None:
        return orphans.UndoOrphanRows(purging, lease, orphans.made_orphan_rows(purging, made))
    return orphans.OrphanRows(purging, lease, orphans.ORPHAN_PLANS.of_job(purging, job))


def _purge_steps(purging: Purging, lease: JobLease, plan: PurgePlan) -> Sequence[Step]:
    job = lease.job
    left_alone = _left_alone(purging, job, plan)
    objects: Step = EraseObjects(purging, lease, plan) if job.erase else KeepObjects(purging, lease, plan, job.job_id)
    saving: list[Step] = [SaveDocuments(purging, plan, job.job_id), SaveRows(purging, lease)]
    steps: list[Step] = [
        NoteNeighbours("neighbours", purging, lease, plan),
        *([] if job.erase else saving),
        DeleteDocuments("slugs", purging, lease, plan, slug_batches(plan), LeftAlone),
        AbortUploads(purging, lease, plan),
        objects,
        DeleteDocuments("documents", purging, lease, plan, document_batches(plan), left_alone),
        TakeRows(purging, lease),
        SetCounters("counters", purging, lease, plan),
        *([EmptyEarlier("earlier quarantines", purging, lease, plan)] if job.erase else []),
        Prove("proof", purging, lease, plan),
        *([Forget(purging, lease)] if job.erase else []),
    ]
    return steps


def _left_alone(purging: Purging, job: Job, plan: PurgePlan) -> Callable[[], LeftAlone]:
    """Reads the journal when the documents begin, after the objects are done, and keeps the result."""
    known: list[LeftAlone] = []

    def read() -> LeftAlone:
        if not known:
            record = record_of(purging.jobs, job.job_id, plan, erase=job.erase)
            known.append(LeftAlone(set(record.spared_keys), set(record.spared_paths)))
        return known[0]

    return read


def _purge_ending(lease: JobLease) -> Callable[[], Ending]:
    def ending() -> Ending:
        clean = not lease.job.residue and not lease.job.disturbed
        return Ending("done" if clean else "incomplete")

    return ending


def _undo_steps(purging: Purging, lease: JobLease, plan: PurgePlan) -> Sequence[Step]:
    job = lease.job
    record = record_of(purging.jobs, job.of, plan, erase=False)
    return [
        RestoreObjects(purging, lease, plan, record, job.of),
        RestoreDocuments(purging, lease, plan, record, job.of),
        PutRowsBack(purging, lease, job.of, record.rows),
        ProveRestored(purging, lease, plan, record, job.of),
        RecountAll("counters", purging, lease, plan),
        EmptyQuarantine(purging, lease),
    ]


def _undo_ending(lease: JobLease) -> Callable[[], Ending]:
    def ending() -> Ending:
        job = lease.job
        if job.residue:  # the copies stay until they expire, and a person may begin the undo again
            return Ending("incomplete", {}, {job_path(job.of): {"state": "incomplete"}})
        return Ending("done", {}, {job_path(job.of): {"state": "undone", "quarantine": "restored", "address": ""}})

    return ending


_ENDS: Mapping[Kind, str] = {
    "purge": "purge.end",
    "undo": "purge.undo.end",
    "empty": "purge.quarantine.end",
    "repair": "repair.end",
    "repair_undo": "repair.undo.end",
    "adopt": "orphans.end",
    "adopt_undo": "orphans.undo.end",
    "remove": "orphans.end",
    "remove_undo": "orphans.undo.end",
}


def _record_end(purging: Purging, job: Job) -> None:
    """Records the end of a run in the audit. The job's own journal has it too, so a failure here is only logged."""
    outcome: Outcome = "done" if job.state in {"done", "incomplete"} else "failed"
    tally = job.tally
    detail = {
        "state": job.state,
        "scope": job.scope.spelled,
        "objects": tally.objects,
        "bytes": tally.bytes,
        "documents": tally.documents,
        "residue": len(job.residue),
        **({"missing_acknowledged": job.missing_acknowledged} if job.missing_acknowledged else {}),
        "failure": dict(job.failure) if job.failure else {},
    }
    action = _ENDS[job.kind]
    event = Event(
        action,
        job.actor,
        outcome,
        job.reason,
        WORKER,
        uid=job.scope.uid,
        video_id=job.scope.video_id or "",
        clip_id=job.scope.clip_id,
        fingerprint=job.fingerprint,
        job_id=job.job_id,
        detail=detail,
    )
    try:
        if not _recorded(purging, job, action):
            purging.trail.append(event)
    except StorageError as error:
        _log.warning("the audit could not record the end of job %s: %s", job.job_id, error.message)


def _recorded(purging: Purging, job: Job, action: str) -> bool:
    """Whether an earlier worker recorded this very end and was gone before it could close the job.

    An undo that is begun again has the same id: an end from before its beginning is not this one. Both times are
    Firestore's, since the event's own time is that of the machine that wrote it.
    """
    if job.epoch == 1 or job.state not in ENDED:
        return False
    try:
        log = AuditLog(purging.stores.handle)
        entries = log.search(uid=job.scope.uid, action=action, limit=LATEST)
        numbers = [int(entry["sequence"]) for entry in entries if entry["job_id"] == job.job_id]
        return any(at >= job.created_at for at in log.written_at(numbers))
    except StorageError:
        return False  # two records are better than none


ROOT = Path(__file__).resolve().parents[3]


def start_worker(job_id: str, environment: Mapping[str, str] | None = None) -> int:
    """Starts a process that runs the job and outlives this one; returns its process id.

    `environment` are settings to add to this process's own, for example the addresses of the demo's stand-ins. The
    worker's output is dropped: this process's own streams end with it, and the job's document says all of it.
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
    """The jobs that should go on and have no worker any more, as far as leases and processes show.

    Firestore decides whether a lease is over (see `Job`): a machine with a wrong clock takes no job over early.
    """
    return tuple(
        job
        for job in purging.jobs.going_on()
        if job.abandoned or (job.lease_owner and process_has_ended(job.lease_owner))
    )


def _in_this_bucket(purging: Purging, job: Job) -> bool:
    """Whether this bucket is that of the job: an empty prefix in another bucket does not mean an emptied quarantine."""
    if is_here(purging, job):
        return True
    purging.progress(
        f"The quarantine of job {job.job_id} is not emptied: neither its plan nor its copies are in bucket "
        f"{purging.stores.objects.bucket}. Compare R2_BUCKET_NAME with that of the desk that purged."
    )
    return False


def sweep(purging: Purging) -> tuple[Job, ...]:
    """Runs every abandoned job to its end and empties every expired quarantine; returns the jobs that it worked on.

    It also empties what repairs replaced and kept, at the same age, and deletes requests that were answered long ago.
    Several processes may sweep at once: the one that gets a job's lease runs it.
    """
    worked: list[Job] = []
    due = [job.job_id for job in abandoned_jobs(purging)]
    for job in purging.jobs.in_quarantine():
        if expired(purging, job) and _in_this_bucket(purging, job):
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
    joint_repair.JOINT_PLANS.drop(purging)
    orphans.ORPHAN_PLANS.drop(purging)
    undoable.expire(purging.stores, purging.writers, purging.now())
    requests.expire(purging.stores, purging.writers, purging.now())
    return tuple(worked)
