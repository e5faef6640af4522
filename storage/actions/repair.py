"""Repairs of one video or one user: each is planned and shown, then `apply` makes it and `undo` takes it back.

A plan reads both stores and gives the fields and objects that will change. `apply` checks whether the actor may do this
now, whatever a page showed or hid; records in the audit that the repair begins; makes the change under the precondition
of what was shown; and records how it ended. Four doors lead from a click to the store: the dialog, `apply` here,
`undoable.apply`, and the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Literal, Protocol, get_args

import pandas as pd

from storage.actions import undoable, upload
from storage.actions.audit import AuditTrail, attributed, record_end, refusals_recorded
from storage.actions.object_conditions import NO_OBJECTS_ETAG, NOTHING, Expected
from storage.actions.replacing import Replacement
from storage.actions.undoable import Applied, Counted
from storage.actions.upload import Media
from storage.actions.watches import end_watch, watch_change
from storage.actions.writers import Writers
from storage.clients.circuit import patiently
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.amounts import whole, whole_column
from storage.domain.audit_chain import Event
from storage.domain.changes import ABSENT, ChangeSet, FieldChange, link_paths, strays, value_at
from storage.domain.diagnosis import Absent, status_objections
from storage.domain.documents import RawDocument
from storage.domain.ledger import WrongSize
from storage.domain.policy import Action, Actor, authorise
from storage.domain.processing import being_processed, silence_limit, step_in
from storage.domain.purge.counters import ClipSize, sizes_of, storable, totals, wanted_counters
from storage.domain.purge.plan import batches
from storage.domain.upload import UploadPlan
from storage.errors import BadInput, NotFound, Refused, Stale, StorageError
from storage.ids import check_stored_id, in_words
from storage.repositories.changes import CHANGES
from storage.repositories.queries import FoundDocument, Subtree
from storage.repositories.store_time import store_time
from storage.repositories.stores import Stores
from storage.services.diagnose import Case, diagnose
from storage.services.ledger import read_ledger
from storage.services.verify import VerifyContext, checker, each

Status = Literal["analyzed", "completed", "failed"]
STATUSES: tuple[Status, ...] = get_args(Status)
MAX_RECORDED = 50  # fields named in one audit entry
MOST_DOCUMENTS = 150  # of one commit
_SIZE = "file_size_bytes"


@dataclass(frozen=True, slots=True)
class RepairContext:
    """What a repair works with. `clock` returns the present, aware and in UTC."""

    stores: Stores
    writers: Writers
    trail: AuditTrail
    clock: Callable[[], datetime]

    @property
    def checker(self) -> VerifyContext:
        """Reads the evidence again and judges its age by Firestore's time: a fresh video must not seem stalled because
        this machine's clock is ahead."""
        now = store_time(self.stores.handle)
        return checker(self.stores, lambda: now)


@dataclass(frozen=True, slots=True)
class Write:
    """The content of one commit: fields, the objects before them, and the counters that rise with them."""

    changes: ChangeSet
    objects: tuple[Replacement, ...] = ()
    counted: tuple[Counted, ...] = ()


class RepairPlan(Protocol):
    """A repair as it was shown. The policy asks for `action`; the audit uses `name`."""

    @property
    def action(self) -> Action: ...

    def event(self, reason: str) -> Event:
        """The audit's event: the subject, the fields or keys, and the reason."""
        ...

    def writes(self, context: RepairContext, actor: str, now: datetime) -> Sequence[Write]:
        """The writes, each under its precondition; none where everything is correct.

        Raises what speaks against the repair when it is made: `Refused`, or `Stale` where what was shown has changed
        meanwhile. `now` is Firestore's time, `actor` a checked address.
        """
        ...


@dataclass(frozen=True, slots=True)
class Repaired:
    """A repair that was made: the ids that take it back (one for each commit), with the content of each."""

    applied: tuple[Applied, ...]

    @property
    def change_ids(self) -> tuple[str, ...]:
        return tuple(one.change_id for one in self.applied)

    @property
    def change_id(self) -> str:
        """The id of a repair that is always one commit: all but a recount."""
        return self.applied[0].change_id

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        return tuple(change for one in self.applied for change in one.changes)


def apply(context: RepairContext, actor: Actor, plan: RepairPlan, reason: str) -> Repaired:
    """Makes the repair between two entries of the audit. Without the first entry nothing is changed.

    `NotPermitted`; `Refused` with what speaks against it; `Stale` where a document or an object differs from what was
    shown; `Unsettled` where it stopped half way, with the id that takes it back; `BadInput` for reason or address.
    """
    event = attributed(actor, plan.event(reason))
    with refusals_recorded(context.trail, event):
        email = normal_email(actor.email)
        authorise(actor, plan.action, now=context.clock())
        now = store_time(context.stores.handle)
        writes = plan.writes(context, email, now)
    ids = [undoable.new_id() for _ in writes]
    if not ids:
        return Repaired(())
    named = {"change_ids": ids} if len(ids) > 1 or plan.action == "recount" else {"change_id": ids[0]}
    event = replace(event, detail={**event.detail, **named})
    context.trail.append(replace(event, outcome="begun"))
    kept_until = now + context.stores.settings.purge.quarantine_life  # as long as a purge can be undone
    applied = list[Applied]()
    try:
        # What has begun must not stop because a store kept another caller waiting.
        with refusals_recorded(context.trail, event), patiently():
            for change_id, one in zip(ids, writes, strict=True):
                applied.append(
                    undoable.apply(
                        context.stores,
                        context.writers,
                        one.changes,
                        one.objects,
                        counted=one.counted,
                        actor=email,
                        reason=event.reason,
                        change_id=change_id,
                        kept_until=kept_until,
                    )
                )
    except StorageError as error:
        written = {"written": [one.change_id for one in applied]} if applied else {}
        _failed(context, replace(event, detail={**event.detail, **written}), error)
        raise
    record_end(context.trail, event)
    for made in applied:
        watch_change(context.writers.documents, made.change_id, event.action, event.uid, event.video_id, email, now)
    return Repaired(tuple(applied))


def undo(context: RepairContext, actor: Actor, change_id: str, reason: str) -> Applied:
    """Restores what a change replaced, for those who may make such a change; `Stale` when a field changed since."""
    record = context.stores.records.raw(f"{CHANGES}/{check_stored_id(change_id, 'change')}")
    known = (record.fields if record else None) or {}
    kind, uid, video_id = (str(known.get(name) or "") for name in ("kind", "uid", "video_id"))
    detail = {"change_id": change_id, "kind": kind}
    event = Event("undo-change", "-", reason=checked_reason(reason), uid=uid, video_id=video_id, detail=detail)
    event = attributed(actor, event)
    with refusals_recorded(context.trail, event):
        authorise(actor, undo_needs(kind), now=context.clock())
    context.trail.append(replace(event, outcome="begun"))
    try:
        with refusals_recorded(context.trail, event), patiently():
            outside = strays(known, context.stores.layout, change_id, _owners_of_links(context, known))
            if outside:
                raise Refused(
                    "The record of this change names things that do not belong to its customer.",
                    reasons=outside,
                    remedy=f"Find out who writes to {CHANGES}; restore the values by the action that fits.",
                )
            done = undoable.undo(
                context.stores.records,
                context.stores.objects,
                context.writers,
                change_id,
                actor=actor.email,
                reason=reason,
            )
    except StorageError as error:
        _failed(context, event, error)
        raise
    record_end(context.trail, event)
    end_watch(context.writers.documents, change_id)
    return done


def undo_needs(kind: str) -> Action:
    """The permission that taking back a change of this kind needs: the same as making it."""
    needed: dict[str, Action] = {"recount": "recount", "remove-orphan": "purge.undo"}
    return needed.get(kind, "fix")


def _owners_of_links(context: RepairContext, record: Mapping[str, Any]) -> dict[str, str]:
    """The owners of the public links in a change's record, by the links' own documents."""
    found = context.stores.records.many(link_paths(record))
    return {path: str((one.fields or {}).get("user_id") or "") for path, one in found.items() if one is not None}


def _failed(context: RepairContext, event: Event, error: StorageError) -> None:
    if not isinstance(error, Refused):  # a refusal is on record already
        record_end(context.trail, replace(event, outcome="failed", detail={**event.detail, "code": error.code}))


def event_of(action: str, changes: ChangeSet, reason: str) -> Event:
    """The audit event of a change of fields."""
    named = [f"{change.path}: {change.field}" for change in changes.effective]
    return Event(
        action,
        "-",
        reason=checked_reason(reason),
        uid=changes.uid,
        video_id=changes.video_id,
        detail={"fields": named[:MAX_RECORDED]},
    )


@dataclass(frozen=True, slots=True)
class StatusPlan:
    changes: ChangeSet
    action: Action = "fix"

    def event(self, reason: str) -> Event:
        return event_of("set-status", self.changes, reason)

    def writes(self, context: RepairContext, actor: str, now: datetime) -> Sequence[Write]:
        return [Write(self.changes)]


def plan_status(context: RepairContext, uid: str, video_id: str, wanted: str, reason: str) -> StatusPlan:
    """The fields that would change, with the evidence read again.

    `NotFound` without the document, `Refused` with every objection of the evidence, and the store's own error where
    the evidence could not be read: the unknown allows no change.
    """
    status, reason = check_status(wanted), checked_reason(reason)
    path = f"users/{uid}/videos/{video_id}"
    checker = context.checker
    # Read before the evidence: the write refuses what changes meanwhile.
    document, seen = existing_video(context, uid, video_id)
    case = diagnose(checker, uid, video_id, doubted=True)
    if isinstance(case.facts.video, Absent):
        raise _no_video(uid, video_id)
    _allowed(case, status)
    now = checker.clock()
    wished = _fields(status, now, reason)
    changes = tuple(FieldChange(path, name, value_at(document.fields, name), value) for name, value in wished.items())
    if value_at(document.fields, "status") == status:
        raise Refused(f"The status is {status} already.", remedy="Run diagnose to see what hides the video.")
    return StatusPlan(ChangeSet("set-status", uid, video_id, changes, {path: seen}))


def check_status(status: str) -> Status:
    """The status, or `BadInput`."""
    if status not in STATUSES:
        raise BadInput(
            f"STATUS cannot be set to {status[:40]!r}", field_name="status", remedy=f"One of: {', '.join(STATUSES)}."
        )
    return status


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
    """What the backend writes with each status, as far as an outsider can know."""
    common: dict[str, Any] = {"status": status, "updated_at": now}
    if status == "completed":
        return {**common, "completed_at": now, "failed_at": None, "error_message": None}
    if status == "failed":
        return {**common, "failed_at": now, "error_message": f"Set by support: {reason}"}
    return {**common, "failed_at": None, "error_message": None}


@dataclass(frozen=True, slots=True)
class ReplacePlan:
    """A clip and its media to store in the worker's order. `upload.refusals` holds what speaks against it."""

    upload: UploadPlan
    media: Media
    action: Action = "fix"

    def event(self, reason: str) -> Event:
        plan = self.upload
        return Event(
            "upload",
            "-",
            reason=checked_reason(reason),
            uid=plan.uid,
            video_id=plan.video_id,
            clip_id=plan.clip_id,
            keys=tuple(key for key in (plan.key, plan.thumbnail_key) if key),
            detail={"replaced": plan.exists, "size_bytes": self.media.info.size_bytes},
        )

    def writes(self, context: RepairContext, actor: str, now: datetime) -> Sequence[Write]:
        """The document makes the product see the object, and the counters rise in the same commit: all or nothing."""
        plan = self.upload
        if plan.refusals:
            raise Refused("The clip was not stored.", reasons=plan.refusals, remedy=" ".join(plan.refusals))
        changes = upload.document_changes(plan, actor, now)
        return [Write(changes, upload.files(plan, self.media), upload.counters(context.stores, plan))]


def plan_replace(
    context: RepairContext,
    uid: str,
    video_id: str,
    media: Media,
    *,
    scene: int,
    style: str,
    replace_intact: bool,
    title: str | None = None,
    clip_id: str = "",
) -> ReplacePlan:
    """What storing this file would do. The plan's refusals hold what speaks against it."""
    believable(context, uid, video_id)
    plan = upload.plan(
        context.stores,
        uid,
        video_id,
        media,
        scene=scene,
        style=style,
        title=title,
        replace=replace_intact,
        now=context.clock(),
        clip_id=clip_id,
    )
    warning = not_promised(context)
    return ReplacePlan(replace(plan, warnings=(*plan.warnings, warning)) if warning else plan, media)


def not_promised(context: RepairContext) -> str:
    """What the store cannot promise when a file is replaced, in words; empty where it keeps preconditions on puts."""
    conditions = context.writers.objects.conditions
    try:
        if all(conditions.dialect("put", one) != "none" for one in (NOTHING, Expected(NO_OBJECTS_ETAG))):
            return ""
    except StorageError:
        return ""  # a person without write access learns of it when the change is made
    return (
        "This store keeps no conditions on writes: what the product writes to the same object between the last look "
        "and the write is overwritten, and nobody would see it. Stop the worker for this video first."
    )


def existing_video(context: RepairContext, uid: str, video_id: str) -> tuple[RawDocument, datetime]:
    """The video's document and its update time; `NotFound` without one, before any request for other objects."""
    document = context.stores.records.raw(f"users/{uid}/videos/{video_id}")
    if document is None or document.update_time is None:
        raise _no_video(uid, video_id)
    return document, document.update_time


def _no_video(uid: str, video_id: str) -> NotFound:
    return NotFound(
        f"There is no document for video {in_words(video_id)} of customer {in_words(uid)}.",
        remedy="Look it up with find.",
        target=video_id,
    )


def believable(context: RepairContext, uid: str, video_id: str) -> Case:
    """A new diagnosis; `Refused` where the bucket's answer cannot be true, since no change may rest on it."""
    fault = context.stores.deployment().fault if context.stores.settings.r2.key_prefix is None else None
    if fault is not None:  # then the prefix to write under is a guess
        raise fault
    case = diagnose(context.checker, uid, video_id, doubted=True)
    if case.error is not None:
        raise case.error
    suspicion = case.diagnosis.suspicion
    if suspicion is not None and not suspicion.repairs:
        raise Refused(
            f"Nothing is changed on this evidence: {suspicion.reason}",
            reasons=[suspicion.reason],
            remedy=" ".join(suspicion.how_to_check),
        )
    return case


@dataclass(frozen=True, slots=True)
class CounterRow:
    """One counter before and after; `before` is `None` where the document does not have it.

    `dead`: the backend no longer keeps it. A recount corrects it all the same, so that its value misleads nobody.
    """

    name: str
    before: Any
    after: Any
    dead: bool = False


@dataclass(frozen=True, slots=True)
class RecountPlan:
    """Every counter of a user, and the changes that correct them. `busy`: videos whose clips are being written."""

    uid: str
    counters: tuple[CounterRow, ...]
    changes: ChangeSet
    busy: tuple[str, ...]
    unsized_clips: int
    sizes: tuple[WrongSize, ...] = ()  # clip documents that get their object's size
    left: tuple[WrongSize, ...] = ()  # clip documents that keep a size which is not their object's
    action: Action = "recount"

    def event(self, reason: str) -> Event:
        return Event("recount", "-", reason=checked_reason(reason), uid=self.uid, detail=_detail(self))

    def writes(self, context: RepairContext, actor: str, now: datetime) -> Sequence[Write]:
        """One commit as a rule; more where the user has very many videos."""
        if self.busy:
            raise Refused(
                f"Clips are being written: {', '.join(self.busy[:3])} is being processed.",
                reasons=[f"video {video_id} is being processed" for video_id in self.busy],
                remedy="Wait until it has ended; a recount now would make the product count those clips twice.",
            )
        _unmoved(context.stores, self.sizes)
        return [Write(part) for part in _parts(self.changes)]

    @property
    def drifting(self) -> tuple[CounterRow, ...]:
        """The counters to write: all wrong ones, the dead ones too."""
        return tuple(row for row in self.counters if row.before != row.after)

    @property
    def wrong(self) -> tuple[CounterRow, ...]:
        """The counters that are wrong, except dead ones, which nobody expects to be right."""
        return tuple(row for row in self.drifting if not row.dead)

    @property
    def too_large(self) -> tuple[CounterRow, ...]:
        """Counters that no recount can write: the clips add up to more than a number of Firestore holds."""
        return tuple(row for row in self.drifting if not storable(row.after))


def plan_recount(stores: Stores, uid: str, now: datetime, *, sizes: bool = False) -> RecountPlan:
    """Reads every clip and video of the user once. `NotFound` without either; raises the backends' errors.

    With `sizes`, clip documents get the sizes of their objects first, and the counters add up those.
    """
    video_table, clip_table = stores.records.videos(uid), stores.records.clips(uid)
    videos, clips = video_table.whole(), clip_table.whole()
    clips = clips[clips["exists"]]
    of_sizes, wrong = _Sizes(), tuple[WrongSize, ...]()
    if sizes:
        found_sizes = read_ledger(stores, uid, video_table, clip_table, now)
        if found_sizes.error is not None:
            raise found_sizes.error
        wrong = found_sizes.wrong_sizes
        of_sizes = _mended(stores, uid, found_sizes.mendable)
        clips = of_sizes.applied(clips)
    there = videos[videos["exists"]]
    by_video: dict[str, list[ClipSize]] = {str(video_id): [] for video_id in there["video_id"]}
    for video_id, group in clips.groupby("video_id"):
        if video_id in by_video:
            by_video[str(video_id)] = sizes_of(group)
    wanted = wanted_counters(uid, totals(sizes_of(clips)), by_video)
    found = {path: document for path, document in Subtree(stores.handle).at(list(wanted)).items() if document}
    if not found and clips.empty and videos.empty:
        raise NotFound(f"There is no customer {in_words(uid)}.", remedy="Look the customer up with find.", target=uid)
    rows, changes = _compare(uid, wanted, found)
    busy = _busy(there, timedelta(minutes=stores.settings.stale_after_minutes), now)
    seen = {**of_sizes.seen, **{path: document.update_time for path, document in found.items()}}
    return RecountPlan(
        uid,
        rows,
        ChangeSet("recount", uid, "", (*of_sizes.changes, *changes), seen),
        busy,
        int(clips["file_size_bytes"].isna().sum()),
        sizes=tuple(one for one in wrong if one.mendable),
        left=tuple(one for one in wrong if not one.mendable),
    )


@dataclass(frozen=True, slots=True)
class _Sizes:
    """The changes of sizes in clip documents, with the update time of each."""

    changes: tuple[FieldChange, ...] = ()
    seen: Mapping[str, datetime] = field(default_factory=dict)

    def applied(self, clips: pd.DataFrame) -> pd.DataFrame:
        """The clips as they will be."""
        after = {change.path: change.after for change in self.changes}
        pairs = zip(clips["path"], clips["file_size_bytes"], strict=True)
        return clips.assign(file_size_bytes=whole_column([after.get(path, size) for path, size in pairs]))


def _mended(stores: Stores, uid: str, wrong: Sequence[WrongSize]) -> _Sizes:
    """`Stale` where a document was written since its size was compared with the object's."""
    paths = {f"users/{uid}/{one.path_in_user}": one for one in wrong}
    changes, seen = list[FieldChange](), dict[str, datetime]()
    for path, document in Subtree(stores.handle).at(list(paths)).items():
        one = paths[path]
        before = ABSENT if document is None else document.fields.get(_SIZE, ABSENT)
        if document is None or (document.fields.get("r2_key"), whole(before)) != (one.key, one.before):
            raise Stale(f"The clip {in_words(one.clip_id)} was written a moment ago.", remedy="Look again.")
        changes.append(FieldChange(path, _SIZE, before, one.after))
        seen[path] = document.update_time
    return _Sizes(tuple(changes), seen)


def _unmoved(stores: Stores, sizes: Sequence[WrongSize]) -> None:
    """`Stale` where an object no longer has the size that was shown."""
    for one, there in zip(sizes, each(lambda one: stores.objects.head(one.key), sizes), strict=True):
        if there is None or there.size_bytes != one.after:
            raise Stale(f"The object of the clip {in_words(one.clip_id)} has changed.", remedy="Look again.")


def _compare(
    uid: str, wanted: Mapping[str, Mapping[str, Any]], found: Mapping[str, FoundDocument]
) -> tuple[tuple[CounterRow, ...], tuple[FieldChange, ...]]:
    rows, changes = list[CounterRow](), list[FieldChange]()
    accounted = f"storage_accounting/{uid}" in found
    for path, document in found.items():
        for name, after in wanted[path].items():
            before = document.fields.get(name, ABSENT)
            if name == "clips_by_style" and before == {}:
                after = before  # the backend leaves it so until a clip is deleted, so it is not wrong
            dead = accounted and path == f"users/{uid}"
            rows.append(CounterRow(f"{_short(uid, path)}.{name}", None if before is ABSENT else before, after, dead))
            if storable(after):
                changes.append(FieldChange(path, name, before, after))
    return tuple(rows), tuple(changes)


def _short(uid: str, path: str) -> str:
    if path == f"users/{uid}":
        return "user"
    return "storage_accounting" if path.startswith("storage_accounting/") else f"video.{path.split('/')[3]}"


def _busy(videos: pd.DataFrame, stale_after: timedelta, now: datetime) -> tuple[str, ...]:
    """Videos in processing, except those that nothing has touched for long: no worker writes those."""
    busy = []
    for row in videos[[being_processed(status) for status in videos["status"]]].itertuples(index=False):
        progress = row.processing_progress if isinstance(row.processing_progress, Mapping) else {}
        touches = [row.updated_at, progress.get("updated_at")]
        if pd.isna(row.status):
            touches.append(row.update_time)  # no status, perhaps no times: Firestore's own time of the last write
        times = [touch for touch in touches if isinstance(touch, datetime) and not pd.isna(touch)]
        limit = silence_limit(stale_after, step_in(row._asdict()))
        if not times or now - max(times) < limit:
            busy.append(str(row.video_id))
    return tuple(sorted(busy))


def _parts(changes: ChangeSet) -> Sequence[ChangeSet]:
    """The changes in parts: each commit gets whole documents, and no more than one commit should take."""
    # The clips' own documents come before the counters that add them up.
    ordered = sorted(changes.effective, key=lambda change: (change.field != _SIZE, change.path))
    documents = [tuple(group) for _, group in groupby(ordered, key=lambda change: change.path)]
    return [
        replace(changes, changes=tuple(change for document in part for change in document))
        for part in batches(documents, MOST_DOCUMENTS)
    ]


def _detail(plan: RecountPlan) -> dict[str, Any]:
    rows = [{"name": row.name, "before": _plain(row.before), "after": _plain(row.after)} for row in plan.drifting]
    detail = {"counters": rows[:MAX_RECORDED], "drifting": len(plan.drifting)}
    if not plan.sizes:
        return detail
    sizes = [{"clip_id": one.clip_id, "before": one.before, "after": one.after} for one in plan.sizes]
    return {**detail, "sizes": sizes[:MAX_RECORDED], "wrong_sizes": len(sizes)}


def _plain(value: Any) -> Any:
    """A counter as the audit can hold it: numbers unchanged, anything else as text."""
    return value if value is None or (isinstance(value, int) and storable(value)) else str(value)[:200]
