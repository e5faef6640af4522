"""The fix ladder as one person climbs it: every change is checked against the roles, recorded, and only then made.

Each function here asks whether the actor may do this now, whatever a page showed or hid; writes that it begins into the
audit; makes the change under the precondition of what was shown; and writes how it ended.

Writes a video's highlights to both places that hold them, keeping what was there so that it can be taken back.

Makes the stored counters of a user true: shows what would change, and writes it only if nothing moved since.

Two values stand for the two steps, as everywhere: `plan_recount` reads and gives the changes, `apply_recount` writes
exactly these under each document's update time and keeps what takes them back.

Sets a video's status, where the evidence of both stores allows it, under a precondition on what was looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Literal, TypeVar, get_args

import pandas as pd

from storage.actions import undoable, upload
from storage.actions.audit import AuditTrail, attributed, refusals_recorded
from storage.actions.object_conditions import NO_OBJECTS_ETAG, NOTHING, Expected
from storage.actions.replacing import Replacement
from storage.actions.undoable import Applied
from storage.actions.upload import Media, Stored
from storage.actions.writers import Writers
from storage.clients.circuit import patiently
from storage.domain import highlights
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.audit_chain import Event
from storage.domain.changes import ABSENT, ChangeSet, FieldChange, strays, value_at
from storage.domain.diagnosis import Absent, Diagnosis, status_objections
from storage.domain.documents import Video
from storage.domain.highlights import HighlightsState, Source
from storage.domain.policy import Action, Actor, authorise
from storage.domain.processing import being_processed
from storage.domain.purge.counters import ClipSize, sizes_of, storable, totals, wanted_counters
from storage.domain.purge.plan import batches
from storage.domain.upload import UploadPlan
from storage.errors import BadInput, NotFound, Refused, Stale, StorageError
from storage.ids import check_stored_id
from storage.repositories.changes import CHANGES
from storage.repositories.queries import FoundDocument, Subtree
from storage.repositories.store_time import store_time
from storage.repositories.stores import Stores
from storage.services import highlights as highlights_store
from storage.services.diagnose import Case, diagnose
from storage.services.highlights import Highlights, object_key
from storage.services.verify import VerifyContext, checker

Status = Literal["analyzed", "completed", "failed"]
STATUSES: tuple[Status, ...] = get_args(Status)
T = TypeVar("T")
MAX_RECORDED = 50  # fields named in one audit entry
_log = logging.getLogger(__name__)
MOST_DOCUMENTS = 150  # of one commit


def plan_highlights(stores: Stores, found: Highlights, entries: Sequence[Mapping[str, Any]]) -> ChangeSet:
    """The fields that will change when these entries are written to both places."""
    video = found.video
    base = f"users/{video.uid}/videos/{video.video_id}"
    wanted: dict[str, dict[str, Any]] = {
        f"{base}/highlights/main": {"highlights": [dict(entry) for entry in entries], "video_id": video.video_id}
    }
    if video.exists:
        key = object_key(stores.layout, video)
        wanted[base] = {"highlights_count": len(entries), "highlights_json_key": key}
    changes: list[FieldChange] = []
    seen = {}
    for path, values in wanted.items():
        document = stores.records.raw(path)
        if document is not None and document.update_time is not None:
            seen[path] = document.update_time
        now = document.fields if document else None
        changes += [FieldChange(path, name, value_at(now, name), value) for name, value in values.items()]
    warnings = () if video.exists else ("The video's document does not exist; only its highlights will be written.",)
    return ChangeSet("highlights", video.uid, video.video_id, tuple(changes), seen, warnings)


def other_place(found: Highlights, source: Source) -> tuple[Mapping[str, Any], ...]:
    """The entries of one place, to rebuild the other from; `Refused` where that place has no usable list."""
    state = found.object if source == "object" else found.document
    if not state.usable:
        raise Refused(
            f"The {source} has no usable list of highlights to rebuild from.",
            reasons=[state.reason or state.presence],
            remedy="Give a file with --put.",
        )
    return state.entries


def apply_highlights(
    stores: Stores,
    writers: Writers,
    found: Highlights,
    changes: ChangeSet,
    entries: Sequence[Mapping[str, Any]],
    *,
    actor: str,
    reason: str,
    change_id: str,
    kept_until: datetime,
) -> Applied:
    """Writes the object, then the documents; what the object held is kept. See `fields.apply_with_objects`.

    `Stale` when the object or a document is no longer what was found: it is left as it is.
    """
    problems = highlights.check_entries(entries)
    if not entries or problems:
        raise BadInput(
            "The highlights are not valid: " + ("; ".join(problems) or "none given"), field_name="highlights"
        )
    video = found.video
    content = highlights.compose(
        entries, video_url=video.video_url, video_title=video.video_title, custom_prompt=video.custom_prompt
    )
    file = Replacement(
        object_key(stores.layout, video), content, "application/json", found.object.etag, "highlights.json"
    )
    return undoable.apply_with_objects(
        stores, writers, changes, [file], actor=actor, reason=reason, change_id=change_id, kept_until=kept_until
    )


def check_status(status: str) -> Status:
    """The status, or `BadInput`."""
    if status not in STATUSES:
        raise BadInput(
            f"STATUS cannot be set to {status[:40]!r}", field_name="status", remedy=f"One of: {', '.join(STATUSES)}."
        )
    return status


def plan_status_change(
    stores: Stores, checker: VerifyContext, uid: str, video_id: str, status: Status, reason: str
) -> ChangeSet:
    """The fields that would change, with the evidence read anew.

    `NotFound` without the document, `Refused` with every objection of the evidence, and the store's own error where
    one kept the evidence from being read: unknown allows nothing.
    """
    path = f"users/{uid}/videos/{video_id}"
    case = diagnose(checker, uid, video_id, doubted=True)
    document = stores.records.raw(path)
    if document is None or document.update_time is None or isinstance(case.facts.video, Absent):
        raise NotFound(
            f"There is no document for video {video_id} of user {uid}.", remedy="Look it up with find.", target=video_id
        )
    _allowed(case, status)
    now = checker.clock()
    wanted = _fields(status, now, reason)
    changes = tuple(FieldChange(path, name, value_at(document.fields, name), value) for name, value in wanted.items())
    if value_at(document.fields, "status") == status:
        raise Refused(f"The status is {status} already.", remedy="Run diagnose to see what keeps the video from view.")
    return ChangeSet("set-status", uid, video_id, changes, {path: document.update_time})


def apply_status_change(writers: Writers, changes: ChangeSet, *, actor: str, reason: str) -> Applied:
    """Writes the fields; `Stale` when the document changed since `plan`, which read the evidence."""
    return undoable.apply(writers.documents, changes, actor=actor, reason=reason)


def _allowed(case: Case, status: Status) -> None:
    objections = status_objections(case.facts, status)
    if not objections:
        return
    if case.error is not None:
        raise case.error
    raise Refused(
        f"The evidence contradicts the status {status}: {' '.join(objections)}",
        reasons=objections,
        remedy="Run diagnose for the video; its next steps fit the evidence.",
    )


def _fields(status: Status, now: datetime, reason: str) -> dict[str, Any]:
    """What the backend writes with each status, as far as it can be told from outside."""
    common: dict[str, Any] = {"status": status, "updated_at": now}
    if status == "completed":
        return {**common, "completed_at": now, "failed_at": None, "error_message": None}
    if status == "failed":
        return {**common, "failed_at": now, "error_message": f"Set by support: {reason}"}
    return {**common, "failed_at": None, "error_message": None}


@dataclass(frozen=True, slots=True)
class RepairContext:
    """What a fix works with. `clock` gives the present, aware and in UTC."""

    stores: Stores
    writers: Writers
    trail: AuditTrail
    clock: Callable[[], datetime]

    @property
    def checker(self) -> VerifyContext:
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


def plan_status(bench: RepairContext, uid: str, video_id: str, wanted: str, reason: str) -> ChangeSet:
    """The fields that would change; `Refused` with every objection of the evidence, which is read anew."""
    return plan_status_change(
        bench.stores, bench.checker, uid, video_id, check_status(wanted), checked_reason(reason)
    )  # fmt: skip


def set_status(bench: RepairContext, actor: Actor, changes: ChangeSet, reason: str) -> Applied:
    """Writes the status; `Stale` when the video's document changed since the plan."""
    event = _event("set-status", changes, reason)
    return _recorded(bench, actor, "fix", event, lambda: apply_status_change(
        bench.writers, changes, actor=actor.email, reason=reason
    ), _change)  # fmt: skip


def plan_rebuild(bench: RepairContext, uid: str, video_id: str, source: Literal["object", "document"]) -> Rebuild:
    """Both places as they would be, made from one of them; `Refused` where that one has no usable list."""
    found = _both_places(bench, uid, video_id)
    return _rebuild(bench, found, other_place(found, source))


def plan_put(bench: RepairContext, uid: str, video_id: str, content: bytes) -> Rebuild:
    """Both places as they would be, made from a file; `BadInput` lists everything that is wrong with it."""
    entries = highlights.check_file(content)
    return _rebuild(bench, _both_places(bench, uid, video_id), entries)


def put_highlights(bench: RepairContext, actor: Actor, plan: Rebuild, reason: str) -> Applied:
    """Writes both places; `Stale` when the object or a document is no longer what it was at the plan."""
    change_id = undoable.new_id()

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
        return apply_highlights(
            bench.stores, bench.writers, plan.found, plan.changes, plan.entries, actor=actor.email, reason=reason,
            change_id=change_id, kept_until=_kept_until(bench, store_time(bench.stores.handle)),
        )  # fmt: skip

    event = _event("highlights", plan.changes, reason)
    event = replace(event, detail={**event.detail, "change_id": change_id})
    return _recorded(bench, actor, "fix", event, write, _change)


def plan_replace(
    bench: RepairContext, uid: str, video_id: str, media: Media, *, scene: int, style: str, replace_intact: bool,
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


def replace_clip(bench: RepairContext, actor: Actor, plan: UploadPlan, media: Media, reason: str) -> Stored:
    """Stores the clip in the worker's order; `Stale` when its document or an object moved. The old file is kept."""
    change_id = undoable.new_id()
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


def not_promised(bench: RepairContext) -> str:
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


def undo(bench: RepairContext, actor: Actor, change_id: str, reason: str) -> Applied:
    """Puts back what a change replaced, for those who may make such a change; `Stale` when a field changed since."""
    record = bench.stores.records.raw(f"{CHANGES}/{check_stored_id(change_id, 'change')}")
    known = (record.fields if record else None) or {}
    kind, uid, video_id = (str(known.get(name) or "") for name in ("kind", "uid", "video_id"))
    event = Event(
        "undo-change", "-", reason=checked_reason(reason), uid=uid, video_id=video_id,
        detail={"change_id": change_id, "kind": kind},
    )  # fmt: skip

    def taken_back() -> Applied:
        outside = strays(known, bench.stores.layout, change_id)
        if outside:
            raise Refused(
                "The record of this change names what is not the user's that it is about.",
                reasons=outside,
                remedy=f"Look who writes to {CHANGES}; put the values back by the action that fits.",
            )
        return undoable.undo(
            bench.stores.records, bench.stores.objects, bench.writers, change_id, actor=actor.email, reason=reason
        )

    return _recorded(bench, actor, "recount" if kind == "recount" else "fix", event, taken_back, lambda _: {})


def _recorded(
    bench: RepairContext,
    actor: Actor,
    action: Action,
    event: Event,
    make: Callable[[], T],
    named: Callable[[T], dict[str, Any]],
) -> T:
    """Makes the change between two entries of the audit. Without the first one nothing is changed."""
    event = attributed(actor, event)
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


def _ended(bench: RepairContext, event: Event) -> None:
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


def _kept_until(bench: RepairContext, now: datetime) -> datetime:
    """As long as a purge can be undone, so can a change that replaced an object."""
    return now + bench.stores.settings.purge.quarantine_life


def _change(applied: Applied) -> dict[str, Any]:
    return {"change_id": applied.change_id}


def _both_places(bench: RepairContext, uid: str, video_id: str) -> Highlights:
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


def _rebuild(bench: RepairContext, found: Highlights, entries: Sequence[Mapping[str, Any]]) -> Rebuild:
    _at_rest(found.video)
    _believable(bench, found.video.uid, found.video.video_id)
    changes = plan_highlights(bench.stores, found, entries)
    warning = not_promised(bench)
    if warning:
        changes = replace(changes, warnings=(*changes.warnings, warning))
    return Rebuild(found, changes, tuple(entries))


def _believable(bench: RepairContext, uid: str, video_id: str) -> Diagnosis:
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
    event = attributed(actor, Event("recount", "-", reason=checked, uid=plan.uid, detail=_detail(plan)))
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
                undoable.apply(writers.documents, part, actor=email, reason=checked) for part in _parts(plan.changes)
            ]
    ids = tuple(done.change_id for done in applied)
    trail.append(replace(event, detail={**event.detail, "change_ids": list(ids)}))
    return ids


def _compare(
    uid: str, wanted: Mapping[str, Mapping[str, Any]], found: Mapping[str, FoundDocument]
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
