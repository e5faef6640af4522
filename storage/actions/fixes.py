"""The door to every repair: checks the actor, puts on record that it begins and how it ended, and lets it run between.

Pages and shell come here and nowhere else for a change that is no purge and no recount.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from storage.actions import fields, highlights, status, upload
from storage.actions.audit import AuditTrail, by
from storage.actions.fields import Applied
from storage.actions.upload import Media, Stored
from storage.connect import Stores, Writers
from storage.domain.audit_chain import Event, Outcome
from storage.domain.changes import ChangeSet
from storage.domain.policy import Actor, authorise
from storage.domain.upload import UploadPlan
from storage.errors import NotPermitted, Refused, StorageError
from storage.highlights_store import Highlights

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """What a repair works with: readers, writers, the record, who asks, and when (aware UTC)."""

    stores: Stores
    writers: Writers
    trail: AuditTrail
    actor: Actor
    now: datetime


def set_status(desk: Desk, changes: ChangeSet, reason: str) -> Applied:
    """Writes a status that `status.plan` found allowed; `Stale` when the document moved since."""
    event = _event("set-status", changes.uid, changes.video_id, reason, fields=_names(changes))
    return _recorded(
        desk, event, lambda: status.apply(desk.writers, changes, actor=desk.actor.email, reason=reason), _change_id
    )


def write_highlights(
    desk: Desk, found: Highlights, changes: ChangeSet, entries: Sequence[Mapping[str, Any]], reason: str
) -> Applied:
    """Writes highlights to both places as `highlights.plan` showed; `Stale` when a document moved since."""
    event = _event("highlights", changes.uid, changes.video_id, reason, entries=len(entries))

    def work() -> Applied:
        return highlights.apply(
            desk.stores, desk.writers, found, changes, entries, actor=desk.actor.email, reason=reason
        )

    return _recorded(desk, event, work, _change_id)


def store_clip(desk: Desk, plan: UploadPlan, media: Media, reason: str) -> Stored:
    """Stores a clip as `upload.plan` showed; `Refused` with its reasons, `Stale` when the document moved since."""
    event = _event("upload", plan.uid, plan.video_id, reason, replaces=plan.exists, size_bytes=media.info.size_bytes)
    event = replace(event, clip_id=plan.clip_id, keys=tuple(filter(None, (plan.key, plan.thumbnail_key))))
    return _recorded(
        desk, event, lambda: upload.apply(desk.stores, desk.writers, plan, media, actor=desk.actor.email), _stored
    )


def undo_change(desk: Desk, change_id: str, reason: str) -> Applied:
    """Takes back what one of these, or a recount, wrote; `Stale` when it was changed since."""
    record = fields.read(desk.stores.records, change_id)
    event = _event("undo-change", record.uid, record.video_id, reason, change_id=change_id, of=record.kind)

    def work() -> Applied:
        return fields.undo(desk.stores.records, desk.writers, change_id, actor=desk.actor.email, reason=reason)

    return _recorded(desk, event, work, _change_id)


def _event(action: str, uid: str, video_id: str, reason: str, **detail: Any) -> Event:
    return Event(action, "-", reason=fields.check_reason(reason), uid=uid, video_id=video_id, detail=detail)


def _recorded(desk: Desk, event: Event, work: Callable[[], T], told: Callable[[T], dict[str, Any]]) -> T:
    """Runs the work of somebody who may do it; nothing is changed that could not be put on record before."""
    fields.check_actor(desk.actor.email)
    event = by(desk.actor, event)
    try:
        authorise(desk.actor, "fix", now=desk.now)
    except NotPermitted as error:
        desk.trail.append(replace(event, outcome="refused", detail={**event.detail, "code": error.code}))
        raise
    desk.trail.append(replace(event, outcome="begun"))
    try:
        result = work()
    except StorageError as error:
        outcome: Outcome = "refused" if isinstance(error, Refused) else "failed"
        desk.trail.append(replace(event, outcome=outcome, detail={**event.detail, "code": error.code}))
        raise
    desk.trail.append(replace(event, detail={**event.detail, **told(result)}))
    return result


def _names(changes: ChangeSet) -> list[str]:
    return [f"{change.field}" for change in changes.effective]


def _change_id(applied: Applied) -> dict[str, Any]:
    return {"change_id": applied.change_id}


def _stored(stored: Stored) -> dict[str, Any]:
    return {"etag": stored.object.etag}
