"""Makes the stored counters of a user true: shows what would change, and writes it only if nothing moved since.

Two values stand for the two steps, as everywhere: `plan_recount` reads and gives the changes, `apply_recount` writes
exactly these under each document's update time and keeps what takes them back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import pandas as pd

from storage.actions import fields
from storage.actions.audit import AuditTrail, by, refusals_recorded
from storage.clients.circuit import patiently
from storage.connect import Stores, Writers
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.audit_chain import Event
from storage.domain.changes import ABSENT, ChangeSet, FieldChange
from storage.domain.policy import Actor, authorise
from storage.domain.processing import being_processed
from storage.domain.purge.counters import ClipSize, sizes_of, storable, totals, wanted_counters
from storage.domain.purge.order import batches
from storage.errors import NotFound, Refused
from storage.repositories.subtree import Found, Subtree

MOST_DOCUMENTS = 150  # of one commit
MAX_RECORDED = 50


@dataclass(frozen=True, slots=True)
class CounterRow:
    """One counter before and after; `before` is `None` where the document does not have it."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class RecountPlan:
    """Every counter of a user, and the changes that make them true. `busy`: videos whose clips are being written."""

    uid: str
    counters: tuple[CounterRow, ...]
    changes: ChangeSet
    busy: tuple[str, ...]
    unsized_clips: int

    @property
    def drifting(self) -> tuple[CounterRow, ...]:
        """The counters that are wrong."""
        return tuple(row for row in self.counters if row.before != row.after)

    @property
    def too_large(self) -> tuple[CounterRow, ...]:
        """Those that no recount can write: the clips add up to more than a number of Firestore holds."""
        return tuple(row for row in self.drifting if not storable(row.after))


def plan_recount(stores: Stores, uid: str, now: datetime) -> RecountPlan:
    """Reads every clip and video of the user once. `NotFound` where there is neither; raises what a backend raises."""
    clips = stores.records.clips(uid).whole()
    clips = clips[clips["exists"]]
    videos = stores.records.videos(uid).whole()
    there = videos[videos["exists"]]
    by_video: dict[str, list[ClipSize]] = {str(video_id): [] for video_id in there["video_id"]}
    for video_id, group in clips.groupby("video_id"):
        if video_id in by_video:
            by_video[str(video_id)] = sizes_of(group)
    wanted = wanted_counters(uid, totals(sizes_of(clips)), by_video)
    found = {path: document for path, document in Subtree(stores.handle).at(list(wanted)).items() if document}
    if not found and clips.empty and videos.empty:
        raise NotFound(f"There is no user {uid}.", remedy="Look the user up with find.", target=uid)
    rows, changes = _compare(uid, wanted, found)
    busy = _busy(there, timedelta(minutes=stores.settings.stale_after_minutes), now)
    seen = {path: document.update_time for path, document in found.items()}
    return RecountPlan(
        uid, rows, ChangeSet("recount", uid, "", changes, seen), busy, int(clips["file_size_bytes"].isna().sum())
    )


def apply_recount(
    stores: Stores, writers: Writers, trail: AuditTrail, plan: RecountPlan, actor: Actor, reason: str, now: datetime
) -> tuple[str, ...]:
    """Writes the changes and gives the ids that take them back (one for each commit; mostly one, none if all is true).

    Raises `Refused` while clips of the user are being written, `Stale` when a document moved since the plan was made,
    `NotPermitted`, and `BadInput` for an actor or reason that cannot be used.
    """
    email, checked = normal_email(actor.email), checked_reason(reason)
    event = by(actor, Event("recount", "-", reason=checked, uid=plan.uid, detail=_detail(plan)))
    with refusals_recorded(trail, event):
        authorise(actor, "recount", now=now)
        if plan.busy:
            raise Refused(
                f"Clips are being written: {', '.join(plan.busy[:3])} is being processed.",
                reasons=[f"video {video_id} is being processed" for video_id in plan.busy],
                remedy="Wait until it has ended; counting now would count what is still to be added twice.",
            )
        if not plan.changes.effective:
            return ()
        trail.append(replace(event, outcome="begun"))
        with patiently():  # what was begun is not broken off because Firestore kept somebody else waiting
            applied = [
                fields.apply(writers.documents, part, actor=email, reason=checked) for part in _parts(plan.changes)
            ]
    ids = tuple(done.change_id for done in applied)
    trail.append(replace(event, detail={**event.detail, "change_ids": list(ids)}))
    return ids


def _compare(
    uid: str, wanted: Mapping[str, Mapping[str, Any]], found: Mapping[str, Found]
) -> tuple[tuple[CounterRow, ...], tuple[FieldChange, ...]]:
    rows, changes = list[CounterRow](), list[FieldChange]()
    for path, document in found.items():
        for name, after in wanted[path].items():
            before = document.fields.get(name, ABSENT)
            rows.append(CounterRow(f"{_short(uid, path)}.{name}", None if before is ABSENT else before, after))
            if storable(after):
                changes.append(FieldChange(path, name, before, after))
    return tuple(rows), tuple(changes)


def _short(uid: str, path: str) -> str:
    if path == f"users/{uid}":
        return "user"
    return "storage_accounting" if path.startswith("storage_accounting/") else f"video.{path.split('/')[3]}"


def _busy(videos: pd.DataFrame, stale_after: timedelta, now: datetime) -> tuple[str, ...]:
    """Videos that are being processed, unless nothing has touched them for long: then nobody is writing."""
    busy = []
    for row in videos[[being_processed(status) for status in videos["status"]]].itertuples(index=False):
        progress = row.processing_progress if isinstance(row.processing_progress, Mapping) else {}
        touches = [row.updated_at, progress.get("updated_at")]
        if pd.isna(row.status):
            touches.append(row.update_time)  # no status and perhaps no times: Firestore's own says when it was written
        times = [touch for touch in touches if isinstance(touch, datetime) and not pd.isna(touch)]
        if not times or now - max(times) < stale_after:
            busy.append(str(row.video_id))
    return tuple(sorted(busy))


def _parts(changes: ChangeSet) -> Sequence[ChangeSet]:
    """Cut so that each commit takes whole documents, and not more than Firestore likes in one."""
    ordered = sorted(changes.effective, key=lambda change: change.path)
    documents = [tuple(group) for _, group in groupby(ordered, key=lambda change: change.path)]
    return [
        replace(changes, changes=tuple(change for document in part for change in document))
        for part in batches(documents, MOST_DOCUMENTS)
    ]


def _detail(plan: RecountPlan) -> dict[str, Any]:
    rows = [{"name": row.name, "before": _plain(row.before), "after": _plain(row.after)} for row in plan.drifting]
    return {"counters": rows[:MAX_RECORDED], "drifting": len(plan.drifting)}


def _plain(value: Any) -> Any:
    """A counter as the audit can hold it: numbers as they are, anything else as its text."""
    return value if value is None or (isinstance(value, int) and storable(value)) else str(value)[:200]
