"""Rebuilds the documents of a video that nobody created: its own and its highlights, from the draft behind it.

The product renders a draft's scenes for a new video and creates no document for it. The document that its clips leave
there has no `created_at`, so no list shows it, and without highlights its page never opens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pandas as pd

from storage.actions.repair import RepairContext, Write, believable, event_of, existing_video
from storage.domain import drafts
from storage.domain.audit_chain import Event
from storage.domain.changes import ChangeSet, FieldChange, value_at
from storage.domain.diagnosis import Known, Unknown, undeliverable
from storage.domain.drafts import ClipFigure, DraftOrigin
from storage.domain.policy import Action
from storage.errors import Refused
from storage.repositories.store_time import store_time
from storage.services.diagnose import Case


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """What the video's own document and its highlights lack, as it would be written, and the draft behind it."""

    changes: ChangeSet
    draft_id: str
    scenes: int
    action: Action = "fix"

    def event(self, reason: str) -> Event:
        event = event_of("rebuild-record", self.changes, reason)
        return replace(event, detail={**event.detail, "draft_id": self.draft_id})

    def writes(self, context: RepairContext, actor: str, now: datetime) -> Sequence[Write]:
        """Both documents in one commit; `Stale` where a worker touched either meanwhile."""
        return [Write(self.changes)]


def plan_record(context: RepairContext, uid: str, video_id: str) -> RecordPlan:
    """The documents of a video that nobody created, from its draft's scenes and its clips; reads all evidence again.

    `Refused` for another diagnosis, where clips cannot be delivered, and where neither the draft's scenes nor the
    highlights exist; the store's own error where the evidence could not be read.
    """
    existing_video(context, uid, video_id)
    case = believable(context, uid, video_id)
    found, facts = case.diagnosis, case.facts
    if found.verdict != "record_incomplete":
        raise Refused(
            f"The video's document is not what hides it: {found.summary}",
            reasons=[found.summary],
            remedy="Run diagnose for the video; its next steps fit the evidence.",
        )
    broken = undeliverable(facts)
    if broken:
        raise Refused(
            f"Clips of this video cannot be delivered: {', '.join(broken)}.",
            reasons=broken,
            remedy="Replace them first (upload), so that the product does not call the video completed without them.",
        )
    if isinstance(facts.origin, Unknown):
        raise Refused(f"The origin of the video could not be read: {facts.origin.message}", remedy="Try again.")
    origin = facts.origin.value if isinstance(facts.origin, Known) else DraftOrigin("")
    stored = facts.highlights.usable
    if not stored and not origin.scenes:
        raise Refused(
            "There are neither highlights nor scenes of a draft to rebuild them from.",
            reasons=["no credit transaction names a draft" if not origin.draft_id else "the draft has no usable scene"],
            remedy="Set the status to failed, put the highlights from a file (highlights --put), then plan this again.",
        )
    return RecordPlan(_record_changes(context, case, origin, stored=stored), origin.draft_id, len(origin.scenes))


def _record_changes(context: RepairContext, case: Case, origin: DraftOrigin, *, stored: bool) -> ChangeSet:
    records, uid, video_id = context.stores.records, case.diagnosis.uid, case.diagnosis.video_id
    base, now = f"users/{uid}/videos/{video_id}", store_time(context.stores.handle)
    held = records.raw(base)
    fields = (held.fields if held else None) or {}
    served = case.facts.highlights
    count = served.count if served.usable else len(origin.scenes)
    wanted = {
        base: drafts.video_document(
            fields,
            origin,
            uid,
            video_id,
            _figures(records.clips(uid, video_id).whole()),
            highlights=count,
            file_key=context.stores.layout.highlights_key(uid, video_id),
            now=now,
        )
    }
    if not stored:
        title = drafts.title_of(fields, origin)
        wanted[f"{base}/highlights/main"] = drafts.highlights_document(origin, video_id, title, now)
    changes: list[FieldChange] = []
    seen = {}
    for path, values in wanted.items():
        document = held if path == base else records.raw(path)
        if document is not None and document.update_time is not None:
            seen[path] = document.update_time
        before = document.fields if document else None
        changes += [FieldChange(path, name, value_at(before, name), value) for name, value in values.items()]
    return ChangeSet("rebuild-record", uid, video_id, tuple(changes), seen)


def _figures(clips: pd.DataFrame) -> list[ClipFigure]:
    rows = clips[clips["exists"]][["style", "file_size_bytes", "created_at"]].itertuples(index=False)
    return [
        ClipFigure(
            "" if pd.isna(style) else str(style),
            0 if pd.isna(size) else int(size),
            None if pd.isna(made) else made.to_pydatetime(),
        )
        for style, size, made in rows
    ]
