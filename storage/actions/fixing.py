"""The fix ladder as one person climbs it: every change is checked against the roles, recorded, and only then made.

Each function here asks whether the actor may do this now, whatever a page showed or hid; writes that it begins into the
audit; makes the change under the precondition of what was shown; and writes how it ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeVar

from storage import highlights_store
from storage.actions import fields, highlights, status, upload
from storage.actions.audit import AuditTrail, by, refusals_recorded
from storage.actions.fields import Applied
from storage.actions.object_conditions import NO_OBJECTS_ETAG, NOTHING, Expected
from storage.actions.upload import Media, Stored
from storage.clients.circuit import patiently
from storage.connect import Stores, Writers
from storage.diagnose import diagnose
from storage.domain import highlights_file
from storage.domain.actor_and_reason import checked_reason
from storage.domain.audit_chain import Event
from storage.domain.changes import ChangeSet, strays
from storage.domain.diagnosis import Diagnosis
from storage.domain.highlights import HighlightsState
from storage.domain.model import Video
from storage.domain.policy import Action, Actor, authorise
from storage.domain.processing import being_processed
from storage.domain.upload import UploadPlan
from storage.errors import Refused, Stale, StorageError
from storage.highlights_store import Highlights
from storage.ids import check_stored_id
from storage.repositories.changes import CHANGES
from storage.repositories.store_time import store_time
from storage.verify_facts import Checker, checker

T = TypeVar("T")
MAX_RECORDED = 50  # fields named in one audit entry

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a fix works with. `clock` gives the present, aware and in UTC."""

    stores: Stores
    writers: Writers
    trail: AuditTrail
    clock: Callable[[], datetime]

    @property
    def checker(self) -> Checker:
        """What reads the evidence anew, and how old it is by Firestore's time: what is fresh may not be taken for
        stalled because this machine's clock is ahead."""
        now = store_time(self.stores.handle)
        return checker(self.stores, lambda: now)


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Highlights to write to both places, and what both were when it was planned."""

    found: Highlights
    changes: ChangeSet
    entries: tuple[Mapping[str, Any], ...]


def plan_status(bench: Bench, uid: str, video_id: str, wanted: str, reason: str) -> ChangeSet:
    """The fields that would change; `Refused` with every objection of the evidence, which is read anew."""
    return status.plan(
        bench.stores, bench.checker, uid, video_id, status.check_status(wanted), checked_reason(reason)
    )  # fmt: skip


def set_status(bench: Bench, actor: Actor, changes: ChangeSet, reason: str) -> Applied:
    """Writes the status; `Stale` when the video's document changed since the plan."""
    event = _event("set-status", changes, reason)
    return _recorded(bench, actor, "fix", event, lambda: status.apply(
        bench.writers, changes, actor=actor.email, reason=reason
    ), _change)  # fmt: skip


def plan_rebuild(bench: Bench, uid: str, video_id: str, source: Literal["object", "document"]) -> Rebuild:
    """Both places as they would be, made from one of them; `Refused` where that one has no usable list."""
    found = _both_places(bench, uid, video_id)
    return _rebuild(bench, found, highlights.other_place(found, source))


def plan_put(bench: Bench, uid: str, video_id: str, content: bytes) -> Rebuild:
    """Both places as they would be, made from a file; `BadInput` lists everything that is wrong with it."""
    entries = highlights_file.check_file(content)
    return _rebuild(bench, _both_places(bench, uid, video_id), entries)


def put_highlights(bench: Bench, actor: Actor, plan: Rebuild, reason: str) -> Applied:
    """Writes both places; `Stale` when the object or a document is no longer what it was at the plan."""
    change_id = fields.new_id()

    def write() -> Applied:
        video = plan.found.video
        now = _both_places(bench, video.uid, video.video_id)
        _at_rest(now.video)
        if _shape(now.object) != _shape(plan.found.object):
            raise Stale(
                "highlights.json is no longer what it was when this was planned; it was left as it is.",
                reasons=[f"{now.object.place} was changed"],
                remedy="Look at the highlights again, then plan this anew.",
            )
        return highlights.apply(
            bench.stores, bench.writers, plan.found, plan.changes, plan.entries, actor=actor.email, reason=reason,
            change_id=change_id, kept_until=_kept_until(bench, store_time(bench.stores.handle)),
        )  # fmt: skip

    event = _event("highlights", plan.changes, reason)
    event = replace(event, detail={**event.detail, "change_id": change_id})
    return _recorded(bench, actor, "fix", event, write, _change)


def plan_replace(
    bench: Bench, uid: str, video_id: str, media: Media, *, scene: int, style: str, replace_intact: bool,
    title: str | None = None,
) -> UploadPlan:  # fmt: skip
    """What storing this file would do. What speaks against it stands in the plan's refusals."""
    _believable(bench, uid, video_id)
    plan = upload.plan(
        bench.stores, uid, video_id, media, scene=scene, style=style, title=title, replace=replace_intact,
        now=bench.clock(),
    )  # fmt: skip
    warning = not_promised(bench)
    return replace(plan, warnings=(*plan.warnings, warning)) if warning else plan


def replace_clip(bench: Bench, actor: Actor, plan: UploadPlan, media: Media, reason: str) -> Stored:
    """Stores the clip in the worker's order; `Stale` when its document or an object moved. The old file is kept."""
    change_id = fields.new_id()
    event = Event(
        "upload", "-", reason=checked_reason(reason), uid=plan.uid, video_id=plan.video_id, clip_id=plan.clip_id,
        keys=tuple(key for key in (plan.key, plan.thumbnail_key) if key),
        detail={"replaced": plan.exists, "size_bytes": media.info.size_bytes, "change_id": change_id},
    )  # fmt: skip

    def store() -> Stored:
        now = store_time(bench.stores.handle)
        return upload.apply(
            bench.stores, bench.writers, plan, media, actor=actor.email, reason=reason, change_id=change_id,
            kept_until=_kept_until(bench, now), now=now,
        )  # fmt: skip

    return _recorded(bench, actor, "fix", event, store, lambda stored: {"etag": stored.object.etag})


def not_promised(bench: Bench) -> str:
    """What the store cannot promise of a file that is replaced, in words; empty where it keeps conditions on puts."""
    conditions = bench.writers.objects.conditions
    try:
        if all(conditions.dialect("put", one) != "none" for one in (NOTHING, Expected(NO_OBJECTS_ETAG))):
            return ""
    except StorageError:
        return ""  # who may not write here hears of it when the change is made
    return (
        "This store keeps no conditions on writes: what the product writes to the same object between the last look "
        "and the write is overwritten, and nobody would see it. Stop the worker for this video first."
    )


def undo(bench: Bench, actor: Actor, change_id: str, reason: str) -> Applied:
    """Puts back what a change replaced, for those who may make such a change; `Stale` when a field changed since."""
    record = bench.stores.records.raw(f"{CHANGES}/{check_stored_id(change_id, 'change')}")
    known = (record.fields if record else None) or {}
    kind, uid, video_id = (str(known.get(name) or "") for name in ("kind", "uid", "video_id"))
    event = Event(
        "undo-change", "-", reason=checked_reason(reason), uid=uid, video_id=video_id,
        detail={"change_id": change_id, "kind": kind},
    )  # fmt: skip

    def taken_back() -> Applied:
        outside = strays(known, bench.stores.layout)
        if outside:
            raise Refused(
                "The record of this change names what is not the user's that it is about.",
                reasons=outside,
                remedy=f"Look who writes to {CHANGES}; put the values back by the action that fits.",
            )
        return fields.undo(
            bench.stores.records, bench.stores.objects, bench.writers, change_id, actor=actor.email, reason=reason
        )

    return _recorded(bench, actor, "recount" if kind == "recount" else "fix", event, taken_back, lambda _: {})


def _recorded(
    bench: Bench,
    actor: Actor,
    action: Action,
    event: Event,
    make: Callable[[], T],
    named: Callable[[T], dict[str, Any]],
) -> T:
    """Makes the change between two entries of the audit. Without the first one nothing is changed."""
    event = by(actor, event)
    with refusals_recorded(bench.trail, event):
        authorise(actor, action, now=bench.clock())
    bench.trail.append(replace(event, outcome="begun"))
    try:
        # What was begun is not broken off because a store kept somebody else waiting.
        with refusals_recorded(bench.trail, event), patiently():
            made = make()
    except StorageError as error:
        if not isinstance(error, Refused):
            _ended(bench, replace(event, outcome="failed", detail={**event.detail, "code": error.code}))
        raise
    _ended(bench, replace(event, detail={**event.detail, **named(made)}))
    return made


def _ended(bench: Bench, event: Event) -> None:
    """The change is made or refused by now, so an audit that is away is told and does not hide how it ended."""
    try:
        bench.trail.append(event)
    except StorageError as error:
        _log.warning("the end of %s (%s) is not in the audit: %s", event.action, event.outcome, error.message)


def _event(action: str, changes: ChangeSet, reason: str) -> Event:
    named = [f"{change.path}: {change.field}" for change in changes.effective]
    return Event(
        action, "-", reason=checked_reason(reason), uid=changes.uid, video_id=changes.video_id,
        detail={"fields": named[:MAX_RECORDED]},
    )  # fmt: skip


def _kept_until(bench: Bench, now: datetime) -> datetime:
    """As long as a purge can be undone, so can a change that replaced an object."""
    return now + bench.stores.settings.purge.quarantine_life


def _change(applied: Applied) -> dict[str, Any]:
    return {"change_id": applied.change_id}


def _both_places(bench: Bench, uid: str, video_id: str) -> Highlights:
    """Both places as they are; raises what kept either from being read, since unknown allows nothing."""
    found = highlights_store.read(
        bench.stores.records, bench.stores.objects, bench.stores.layout,
        check_stored_id(uid, "uid"), check_stored_id(video_id, "video_id"),
    )  # fmt: skip
    if found.errors:
        raise found.errors[0]
    return found


def _at_rest(video: Video) -> None:
    """`Refused` while the product takes the video for being processed.

    A worker may write its highlights at any moment; and while one renders, the missing or empty file is what keeps the
    product from starting a second rendering, which the customer would be charged for.
    """
    if video.exists and being_processed(video.status):
        says = f"the status {video.status}" if video.status else "no status, which the product takes for processing"
        raise Refused(
            "Highlights are not written while the video is being processed.",
            reasons=[f"the video has {says}"],
            remedy="Wait for its end; if it has stalled, set its status first, then look again.",
        )


def _rebuild(bench: Bench, found: Highlights, entries: Sequence[Mapping[str, Any]]) -> Rebuild:
    _at_rest(found.video)
    _believable(bench, found.video.uid, found.video.video_id)
    changes = highlights.plan(bench.stores, found, entries)
    warning = not_promised(bench)
    if warning:
        changes = replace(changes, warnings=(*changes.warnings, warning))
    return Rebuild(found, changes, tuple(entries))


def _believable(bench: Bench, uid: str, video_id: str) -> Diagnosis:
    """The diagnosis made anew; `Refused` where the bucket's answer cannot be true: it feeds no change."""
    case = diagnose(bench.checker, uid, video_id, doubted=True)
    if case.error is not None:
        raise case.error
    suspicion = case.diagnosis.suspicion
    if suspicion is not None and not suspicion.repairs:
        raise Refused(
            f"Nothing is changed on this evidence: {suspicion.reason}",
            reasons=[suspicion.reason],
            remedy=" ".join(suspicion.how_to_check),
        )
    return case.diagnosis


def _shape(state: HighlightsState) -> tuple[Any, ...]:
    return (
        state.presence, state.content, state.count, state.written_at, state.size_bytes, state.entries, state.etag,
    )  # fmt: skip
