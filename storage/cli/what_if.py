"""`usage UID --if-...`: what a purge, an undo, another plan or one more video would do, before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storage.actions import supposing
from storage.cli.context import Context
from storage.cli.output import percent, safe, say, say_table, size
from storage.domain import what_if
from storage.domain.usage import Quota, Usage
from storage.domain.what_if import Admission, Basis, Supposed, WhatIf, admission
from storage.errors import NotFound
from storage.ids import in_words
from storage.services.usage import FullUsage


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were given; `without` has `VIDEO_ID` or `VIDEO_ID/CLIP_ID`."""

    plan: str | None
    without: Sequence[str]
    purged: bool
    undo: str | None
    video_of: str | None

    def __bool__(self) -> bool:
        return bool(self.plan or self.without or self.purged or self.undo or self.video_of)


def answer(context: Context, full: FullUsage, asked: Asked) -> WhatIf:
    """All that was asked, one after the other: the undo, the purges, the plan, the video."""
    stores, found = context.stores, full.account
    account = Basis(found.user, found.accounting, found.plans, full.truth)
    supposed = list[Supposed]()
    more = what_if.one_more(full.clips.frame, asked.video_of) if asked.video_of else None
    if asked.undo:
        supposed.append(supposing.undo_of(stores, found.uid, asked.undo))
    for name in asked.without:
        video_id, _, clip_id = name.partition("/")
        if video_id not in set(full.videos.frame["video_id"]) | set(full.clips.frame["video_id"]):
            raise NotFound(f"This user has no video {in_words(video_id)}.", remedy="find lists them.", target=video_id)
        supposed.append(what_if.without(full.clips.frame, video_id, clip_id))
    if asked.purged:
        supposed.append(what_if.without_account())
    if asked.plan:
        account, plan = supposing.another_plan(stores.records, account, asked.plan, stores.settings.plan_limits)
        supposed.append(plan)
    if more is not None:
        supposed.append(more)
    return what_if.what_if(account, supposed, context.now())


def say_what_if(found: WhatIf) -> None:
    """Both states side by side, then what the worker would make, then the notes."""
    say(f"What if: {safe('; '.join(found.supposed), 600)}")
    before, after = found.before, found.after
    rows: list[tuple[object, ...]] = [("plan", safe(before.plan.plan_id), safe(after.plan.plan_id))]
    rows.append(("storage", _bytes(before.storage), _bytes(after.storage)))
    rows.append(("clip documents", size(before.actual_bytes), size(after.actual_bytes)))
    pairs = (("clips this month", before.clips, after.clips), ("credits this month", before.credits, after.credits))
    rows += [(name, _count(one), _count(other)) for name, one, other in pairs if one is not None or other is not None]
    first, second = admission(before), admission(after)
    rows.append(("may upload", _may(first), _may(second)))
    rows.append(("worker", _worker(before), _worker(after)))
    say_table(("WHAT IF", "NOW", "THEN"), rows)
    if found.made is not None:
        made = found.made
        why = f": {made.why}" if made.why else ""
        charged = f"and {made.credits:,} credits are charged{why}."
        say(safe(f"Of {made.asked:,} clips the worker makes {made.made:,}, {charged}", 300))
    for note in found.notes:
        say(safe(note, 600))


def _bytes(quota: Quota) -> str:
    return f"{size(quota.used)} of {size(quota.limit)}, {percent(quota.percent)}, {quota.state}"


def _count(quota: Quota | None) -> str:
    if quota is None:
        return "-"
    used = "unknown" if quota.used is None else f"{quota.used:,}"
    return f"{used} of {quota.limit:,}, {quota.state}"


def _may(found: Admission) -> str:
    if found.may_upload is None:
        return "unknown"
    return "yes" if found.may_upload else f"no: {'; '.join(found.why_not)}"


def _worker(usage: Usage) -> str:
    worker = usage.worker
    if worker is None:
        return "unknown"
    does = "refuses" if worker.refuses else "makes clips"
    return f"{does}, {size(worker.room_bytes)} left of {size(worker.limit_bytes)}"
