"""Reads what a person supposes, for the answer to "what if": the undo of a purge or a change, and another plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from storage.actions import undoable
from storage.domain.changes import FieldChange
from storage.domain.purge.job import Job
from storage.domain.purge.plan import PurgePlan
from storage.domain.purge.scope import plan_key
from storage.domain.usage import PlanLimits, Plans
from storage.domain.what_if import Basis, Supposed, change_undone, on_plan, restored
from storage.errors import BadInput, NotFound
from storage.ids import in_words
from storage.repositories.jobs import Jobs
from storage.repositories.records import Records
from storage.repositories.stores import Stores
from storage.services.usage import read_plans

MAX_PLAN_BYTES = 512 * 1024**2


def another_plan(
    records: Records, account: Basis, written: str, limits: Mapping[str, PlanLimits]
) -> tuple[Basis, Supposed]:
    """The account with this plan's document beside its own, and the supposition: a read or two."""
    found = read_plans(records, written.strip(), limits)
    plans = Plans({**found.documents, **account.plans.documents}, account.plans.defaults)
    return replace(account, plans=plans), on_plan(written, plans)


def undo_of(stores: Stores, uid: str, name: str) -> Supposed:
    """The undo of a purge or of a change, by its id.

    `NotFound` where there is neither, `BadInput` where the undo is not of this user or no longer possible.
    """
    job = Jobs(stores.handle).find(name)
    if job is not None:
        return undo_of_purge(stores, uid, job)
    try:
        found = undoable.read(stores.records, name)
    except NotFound:
        raise NotFound(
            f"There is neither a purge nor a change {in_words(name)}.",
            remedy="The audit of the user names them: audit --uid UID.",
            target=name,
        ) from None
    _about(uid, found.uid, name)
    if found.settled:
        raise BadInput(f"The change {name} was undone already", field_name="if_undo", remedy="Choose another.")
    back = [FieldChange(one.path, one.field, one.after, one.before) for one in found.changes]
    created = [path for path in found.held.get("created") or () if path.split("/")[-2:-1] == ["clips"]]
    return change_undone(name, back, uid, -len(created))


def undo_of_purge(stores: Stores, uid: str, job: Job) -> Supposed:
    """The undo of a purge; its plan, which the bucket keeps, names the objects and documents that it took."""
    _about(uid, job.scope.uid, job.job_id)
    if job.kind != "purge" or job.quarantine != "kept" or job.quarantine_over:
        raise BadInput(
            f"{job.job_id} cannot be undone (any more)", field_name="if_undo", remedy="purge status says why."
        )
    content = stores.objects.get_bytes(plan_key(job.plan_id), MAX_PLAN_BYTES)
    plan = PurgePlan.from_dict(json.loads(content))
    films = [one.size_bytes for one in plan.objects if "/clips/" in one.key and one.key.endswith(".mp4")]
    clips = [one.path for one in plan.documents if one.path.split("/")[-2] == "clips"]
    return restored(job.job_id, sum(films), len(clips))


def _about(uid: str, of: str, name: str) -> None:
    if uid != of:
        raise BadInput(f"{name} is not about this user", field_name="if_undo", remedy="The audit names whose it is.")
