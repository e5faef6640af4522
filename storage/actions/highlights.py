"""Writes a video's highlights where the product serves them from, and keeps the former ones so that an undo can
restore them.

Where the document is served, a new file would disable the product's guard against a second rendering: so the other
place is updated only where it exists already. Each place gets the form that the product reads there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from storage.actions.repair import RepairContext, Write, believable, event_of, not_promised
from storage.actions.replacing import Replacement
from storage.domain import highlights
from storage.domain.audit_chain import Event
from storage.domain.changes import ChangeSet, FieldChange, value_at
from storage.domain.documents import Video
from storage.domain.highlights import HighlightsState, Source
from storage.domain.policy import Action
from storage.domain.processing import being_processed
from storage.errors import BadInput, Refused, Stale
from storage.ids import check_stored_id
from storage.repositories.store_time import store_time
from storage.repositories.stores import Stores
from storage.services import highlights as highlights_store
from storage.services.highlights import Highlights, object_key


@dataclass(frozen=True, slots=True)
class HighlightsPlan:
    """Highlights to write, and the state of both places when this was planned.

    `overwrites` are the differences that a rebuild from the other place would undo in what customers get now, perhaps
    their own edits. The person who applies it must have seen them.
    """

    found: Highlights
    changes: ChangeSet
    entries: tuple[Mapping[str, Any], ...]
    overwrites: tuple[str, ...] = ()
    action: Action = "fix"

    @property
    def places(self) -> str:
        """The places to write, in words."""
        document = ["the document highlights/main"] if writes_document(self.found) else []
        return " and ".join([*document, *(["highlights.json"] if writes_file(self.found) else [])])

    def event(self, reason: str) -> Event:
        return event_of("highlights", self.changes, reason)

    def writes(self, context: RepairContext, actor: str, now: datetime) -> Sequence[Write]:
        problems = highlights.check_entries(self.entries)
        if not self.entries or problems:
            raise BadInput(
                "The highlights are not valid: " + ("; ".join(problems) or "none given"), field_name="highlights"
            )
        video = self.found.video
        present = both_places(context, video.uid, video.video_id)
        _refuse_processing(present.video)
        if not writes_file(self.found):
            return [Write(self.changes)]  # the precondition of each document is what was shown
        if _shape(present.object) != _shape(self.found.object):
            raise Stale(
                "highlights.json was changed since this was planned; it was left as it is.",
                reasons=[f"{present.object.place} was changed"],
                remedy="Look at the highlights again, then plan this again.",
            )
        content = highlights.compose(
            self.entries, video_url=video.video_url, video_title=video.video_title, custom_prompt=video.custom_prompt
        )
        key = object_key(context.stores.layout, video)
        file = Replacement(key, content, "application/json", self.found.object.etag, "highlights.json")
        return [Write(self.changes, (file,))]


def writes_file(found: Highlights) -> bool:
    """Whether to write `highlights.json`: where the file is served, else only where it exists already."""
    return found.deployment.highlights_source == "object" or found.object.presence == "present"


def writes_document(found: Highlights) -> bool:
    """Whether to write `highlights/main`: where it is or may be served, else only where it exists already."""
    return found.deployment.highlights_source != "object" or found.document.presence == "present"


def plan_rebuild(
    context: RepairContext, uid: str, video_id: str, source: Literal["object", "document"]
) -> HighlightsPlan:
    """The served highlights rebuilt from one of both places; `Refused` where that place has no usable list."""
    found = both_places(context, uid, video_id)
    plan = _highlights_plan(context, found, other_place(found, source))
    if found.served.source == source:
        return plan
    emptied = ("the list that customers get has no entries: the customer may have deleted them",)
    return replace(plan, overwrites=emptied if found.served.content == "empty" else found.differences)


def plan_put(context: RepairContext, uid: str, video_id: str, content: bytes) -> HighlightsPlan:
    """The served highlights made from a file; `BadInput` lists everything that is wrong with the file."""
    entries = highlights.check_file(content)
    return _highlights_plan(context, both_places(context, uid, video_id), entries)


def _highlights_plan(context: RepairContext, found: Highlights, entries: Sequence[Mapping[str, Any]]) -> HighlightsPlan:
    _refuse_processing(found.video)
    believable(context, found.video.uid, found.video.video_id)
    changes = plan_highlights(context.stores, found, entries, store_time(context.stores.handle))
    warning = not_promised(context) if writes_file(found) else ""
    if warning:
        changes = replace(changes, warnings=(*changes.warnings, warning))
    return HighlightsPlan(found, changes, tuple(entries))


def plan_highlights(
    stores: Stores, found: Highlights, entries: Sequence[Mapping[str, Any]], now: datetime
) -> ChangeSet:
    """The fields that change when these entries are written."""
    video = found.video
    base = f"users/{video.uid}/videos/{video.video_id}"
    paths = ([f"{base}/highlights/main"] if writes_document(found) else []) + ([base] if video.exists else [])
    held = stores.records.many(paths) if paths else {}
    wanted: dict[str, dict[str, Any]] = {}
    for path in paths:
        document = held[path]
        before = document.fields if document else None
        if path != base:
            wanted[path] = highlights.document_fields(entries, before, video=video, now=now)
            continue
        wanted[path] = {"highlights_count": len(entries)}
        if writes_file(found):
            wanted[path]["highlights_json_key"] = object_key(stores.layout, video)
    changes: list[FieldChange] = []
    seen = {}
    for path, values in wanted.items():
        document = held[path]
        if document is not None and document.update_time is not None:
            seen[path] = document.update_time
        present = document.fields if document else None
        changes += [FieldChange(path, name, value_at(present, name), value) for name, value in values.items()]
    warnings = () if video.exists else ("The video's document does not exist; only its highlights will be written.",)
    return ChangeSet("highlights", video.uid, video.video_id, tuple(changes), seen, warnings)


def other_place(found: Highlights, source: Source) -> tuple[Mapping[str, Any], ...]:
    """The entries of one place, from which to rebuild the other; `Refused` where that place has no usable list."""
    state = found.object if source == "object" else found.document
    if not state.usable:
        raise Refused(
            f"The {source} has no usable list of highlights to rebuild from.",
            reasons=[state.reason or state.presence],
            remedy="Give a file with --put.",
        )
    return state.entries


def both_places(context: RepairContext, uid: str, video_id: str) -> Highlights:
    """Both places as they are now.

    Raises the error that prevented reading one of them or finding out where the product serves highlights from: the
    unknown allows no change.
    """
    deployment = context.stores.deployment()
    if deployment.fault is not None:
        raise deployment.fault
    found = highlights_store.read(
        context.stores.records,
        context.stores.objects,
        deployment,
        check_stored_id(uid, "uid"),
        check_stored_id(video_id, "video_id"),
    )
    if found.errors:
        raise found.errors[0]
    return found


def _refuse_processing(video: Video) -> None:
    """Raises `Refused` while the product considers the video as being processed.

    A worker may write its highlights at any moment. While one renders, the missing or empty file prevents the product
    from starting a second rendering, which the customer would have to pay for.
    """
    if video.exists and being_processed(video.status):
        says = f"the status {video.status}" if video.status else "no status, which the product takes for processing"
        raise Refused(
            "Highlights are not written while the video is being processed.",
            reasons=[f"the video has {says}"],
            remedy="Wait until processing ends; if it has stalled, set the status first, then look again.",
        )


def _shape(state: HighlightsState) -> tuple[Any, ...]:
    return (
        state.presence,
        state.content,
        state.count,
        state.written_at,
        state.size_bytes,
        state.entries,
        state.etag,
    )
