"""Begins the undo of a purge: refused where it would overwrite something new, or has nothing left to restore from."""

from __future__ import annotations

import logging
from dataclasses import replace

from storage.actions.audit import refusals_recorded
from storage.actions.documents import Change, Create, FieldName, Update
from storage.actions.purge.context import Purging
from storage.actions.purge.controlling import changed_meanwhile, following, job_event, others_at_work
from storage.actions.purge.planning import stored_plan
from storage.actions.purge.presence import look_at, maybe_there
from storage.actions.purge.quarantine import Quarantine
from storage.actions.purge.record import Record, record_of
from storage.actions.purge.sealing import check_applied
from storage.actions.purge.steps_undo_proof import path_of, same_fields
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.policy import Actor, authorise
from storage.domain.purge.job import Job
from storage.domain.purge.order import KEPT_BATCH, object_batches, saving_batches
from storage.domain.purge.own_keys import kept_documents
from storage.domain.purge.places import all_prefixes
from storage.domain.purge.plan import PurgePlan
from storage.errors import Refused, Stale, StorageError
from storage.repositories.subtree import Subtree

MAX_REASONS = 50

_log = logging.getLogger(__name__)


def undo(purging: Purging, job_id: str, reason: str, actor: Actor) -> Job:
    """Creates the job that undoes a purge, ready to be run by a worker.

    Refused where something new lives at a place that it would restore, for what was erased, emptied or undone before,
    and while a worker has the purge. Once an undo was asked for, the quarantine stays until a person ends it.
    """
    checked, email = checked_reason(reason), normal_email(actor.email)
    job = purging.jobs.get(job_id)
    event = job_event(actor, "purge.undo", job, checked)
    with refusals_recorded(purging.trail, event):
        authorise(actor, "purge.undo", now=purging.clock())
        _refuse_undo(purging, job)
        try:
            _refuse_occupied(purging, job)
        except StorageError as error:
            _keep_for_a_person(purging, job, error)
            raise
        undoing = following(job, email, checked, job.read_time or purging.now())
        purging.trail.append(replace(event, outcome="begun", job_id=undoing.job_id))
        before = purging.jobs.find(undoing.job_id)
        first: Change
        if before is None:
            first = Create(undoing.path, undoing.to_fields())
        else:  # an earlier undo left something; begin it again
            anew = replace(undoing, sequence=before.sequence, epoch=before.epoch)
            fields: dict[FieldName, object] = dict(anew.to_fields().items())
            first = Update(undoing.path, fields, before.update_time)
        second = Update(job.path, {"state": "undoing", "undo_job": undoing.job_id}, job.update_time)
        try:
            purging.writers.documents.commit([first, second], operation="Creating an undo")
        except Stale as stale:
            raise changed_meanwhile(job) from stale
    return purging.jobs.get(undoing.job_id)


def _refuse_occupied(purging: Purging, job: Job) -> None:
    plan = stored_plan(purging, job.plan_id)
    check_applied(purging, replace(job, kind="undo"), plan)
    occupied = _occupied(purging, job, plan, record_of(purging.jobs, job.job_id, plan, erase=False))
    if occupied:
        raise Refused(
            f"Something new lives where {len(occupied):,} of it would go back: {occupied[0]}.",
            reasons=occupied[:MAX_REASONS],
            remedy="Move it away, or leave the purge as it is.",
        )


def _keep_for_a_person(purging: Purging, job: Job, why: StorageError) -> None:
    """Notes that somebody wanted it back and could not have it: the quarantine is then no longer emptied by its age."""
    try:
        purging.writers.documents.commit(
            [Update(job.path, {"undo_refused": why.as_dict()})], operation="Noting that an undo was refused"
        )
    except StorageError as error:
        _log.warning("that an undo of job %s was refused could not be noted: %s", job.job_id, error.message)


def _refuse_undo(purging: Purging, job: Job) -> None:
    grounds = list(others_at_work(purging, job.scope, but=(job.job_id,)))
    if job.kind != "purge":
        grounds.append(f"job {job.job_id} is no purge")
    elif job.erase:
        grounds.append("it was erased, without a quarantine")
    elif job.quarantine != "kept":
        grounds.append(f"its quarantine is {job.quarantine}")
    elif job.quarantine_until is not None and job.quarantine_over and not job.undo_failed:
        grounds.append(f"its quarantine expired at {job.quarantine_until:%Y-%m-%d %H:%M} UTC")
    if job.state == "undoing":
        grounds.append(f"it is being undone by job {job.undo_job}; resume that one")
    elif job.state in {"ready", "running", "interrupted"}:
        grounds.append(f"it is {job.state}; cancel it first")
    if grounds:
        raise Refused(
            "This purge cannot be undone: " + "; ".join(grounds) + ".", reasons=grounds, remedy="Look at its status."
        )


def _occupied(purging: Purging, job: Job, plan: PurgePlan, record: Record) -> tuple[str, ...]:
    """What is now where the purge deleted something, and is not what it deleted."""
    quarantine, found = Quarantine(purging, job.job_id), list[str]()
    prefixes = all_prefixes(plan.scope, purging.stores.layout)
    # After a purge next to nothing is there: a listing says so at once, where each key would be asked for alone.
    sure = maybe_there(purging.stores.objects, frozenset(record.deleted_keys), prefixes)
    for index, batch in enumerate(object_batches(plan, erase=False)):
        mine = [item for item in batch if item.key in sure]
        numbers = {item.key: index * KEPT_BATCH + position for position, item in enumerate(batch)}
        presence = look_at(purging.stores.objects, mine, prefixes) if mine else None
        for position in presence.moved if presence else ():
            item = mine[position]
            if not quarantine.same_as_kept(numbers[item.key], item):
                found.append(f"object {item.key}")
    deleted, tree = frozenset(record.deleted_paths), Subtree(purging.stores.handle)
    for batch_number, documents in enumerate(saving_batches(plan)):
        there = tree.messages([item.path for item in documents if item.path in deleted])
        occupied = {path: document for path, document in there.items() if document is not None}
        if occupied:
            name = kept_documents(job.job_id, batch_number)
            lines = quarantine.read_documents(name, record.digests[batch_number])
            kept = {path: line for line in lines if (path := path_of(line)) in occupied}
            found += [f"document {path}" for path, line in kept.items() if not same_fields(line, occupied[path])]
    return tuple(found)
