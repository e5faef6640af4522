"""Reads what a person supposes, for the answer to "what if": the undo of a purge or a change, and another plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from storage.actions import undoable
from storage.domain.changes import FieldChange
from storage.domain.purge.plan import PurgePlan
from storage.domain.purge.scope import plan_key
from storage.domain.usage import PlanLimits, Plans
from storage.domain.what_if import (
    Basis,
    Supposed,
    WhatIf,
    on_plan,
    one_more,
    restored,
    what_if,
    with_changes,
    without,
    without_account,
)
from storage.errors import BadInput, NotFound
from storage.ids import in_words
from storage.repositories.jobs import Jobs
from storage.repositories.records import Records
from storage.repositories.stores import Stores
from storage.services.usage import FullUsage, read_plans

MAX_PLAN_BYTES = 512 * 1024**2


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were given; `without` has `VIDEO_ID` or `VIDEO_ID/CLIP_ID`."""

    plan: str | None
    without: tuple[str, ...]
    purged: bool
    undo: str | None
    video_of: str | None

    def __bool__(self) -> bool:
        return bool(self.plan or self.without or self.purged or self.undo or self.video_of)


def answer(stores: Stores, full: FullUsage, asked: Asked, now: datetime) -> WhatIf:
    """All that was asked, one after the other: the undo, the purges, the plan, the video."""
    found = full.account
    account = Basis(found.user, found.accounting, found.plans, full.truth)
    supposed = list[Supposed]()
    more = one_more(full.clips.frame, asked.video_of) if asked.video_of else None
    if asked.undo:
        supposed.append(undo_of(stores, found.uid, asked.undo))
    for name in asked.without:
        video_id, _, clip_id = name.partition("/")
        if video_id not in set(full.videos.frame["video_id"]) | set(full.clips.frame["video_id"]):
            raise NotFound(
                f"This customer has no video {in_words(video_id)}.", remedy="find lists them.", target=video_id
            )
        supposed.append(without(full.clips.frame, video_id, clip_id))
    if asked.purged:
        supposed.append(without_account())
    if asked.plan:
        account, plan = another_plan(stores.records, account, asked.plan, stores.settings.plan_limits)
        supposed.append(plan)
    if more is not None:
        supposed.append(more)
    return what_if(account, supposed, now)


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
        _about(uid, job.scope.uid, job.job_id)
        if job.kind != "purge" or job.quarantine != "kept" or job.quarantine_over:
            raise BadInput(
                f"{job.job_id} cannot be undone (any more)", field_name="if_undo", remedy="purge status says why."
            )
        content = stores.objects.get_bytes(plan_key(job.plan_id), MAX_PLAN_BYTES)
        return restored_by(job.job_id, PurgePlan.from_dict(json.loads(content)))
    try:
        found = undoable.read(stores.records, name)
    except NotFound:
        raise NotFound(
            f"There is neither a purge nor a change {in_words(name)}.",
            remedy="The audit of the customer names them: audit --uid UID.",
            target=name,
        ) from None
    _about(uid, found.uid, name)
    if found.settled:
        raise BadInput(f"The change {name} was undone already", field_name="if_undo", remedy="Choose another.")
    back = [FieldChange(one.path, one.field, one.after, one.before) for one in found.changes]
    created = [path for path in found.held.get("created") or () if path.split("/")[-2:-1] == ["clips"]]
    return with_changes(f"after the undo of the change {name}", back, uid, -len(created))


def restored_by(job_id: str, plan: PurgePlan) -> Supposed:
    """The undo of the purge that took what this plan names."""
    films = [one.size_bytes for one in plan.objects if "/clips/" in one.key and one.key.endswith(".mp4")]
    clips = [one.path for one in plan.documents if one.path.split("/")[-2] == "clips"]
    return restored(job_id, sum(films), len(clips))


def _about(uid: str, of: str, name: str) -> None:
    if uid != of:
        raise BadInput(
            f"{name} is not about this customer", field_name="if_undo", remedy="The audit names whose it is."
        )
