"""Reads drafts of the two-step flow: one with its scenes and charges, a user's newest, and those that need a person.

`origin_of` tells which draft a video was made from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from storage.domain.diagnosis import DraftDiagnosis, DraftFacts, diagnose_draft
from storage.domain.drafts import (
    ENDED_BADLY,
    WORKING,
    AnalysisDraft,
    Charge,
    DraftOrigin,
    DraftScene,
    charge_of,
    draft_of,
    scenes_of,
)
from storage.errors import MissingIndex
from storage.ids import is_stored_id
from storage.repositories.drafts import draft_path
from storage.repositories.records import Records
from storage.services.verify import VerifyContext
from storage.text import number


@dataclass(frozen=True, slots=True)
class DraftCase:
    """One draft with its scenes and charges, and its diagnosis."""

    draft: AnalysisDraft
    scenes: tuple[DraftScene, ...]
    charges: tuple[Charge, ...]
    diagnosis: DraftDiagnosis


def origin_of(records: Records, uid: str, video_id: str) -> DraftOrigin:
    """The charges for a video and the draft it was made from: 1 read for each charge, draft and scene."""
    charges = tuple(charge_of(document) for document in records.charges_of(uid, "video_id", video_id))
    draft_id = next((charge.draft_id for charge in charges if is_stored_id(charge.draft_id)), "")
    document = records.raw(draft_path(uid, draft_id)) if draft_id else None
    if document is None:
        return DraftOrigin(draft_id, charges)
    return DraftOrigin(draft_id, charges, draft_of(document), scenes_of(records.draft_scenes(uid, draft_id)))


def read_draft(checker: VerifyContext, uid: str, draft_id: str) -> DraftCase | None:
    """The draft and its diagnosis; `None` where the draft is proven absent."""
    records = checker.records
    document = records.raw(draft_path(uid, draft_id))
    if document is None:
        return None
    draft = draft_of(document)
    scenes = scenes_of(records.draft_scenes(uid, draft_id))
    charges = tuple(charge_of(one) for one in records.charges_of(uid, "draft_id", draft_id))
    facts = DraftFacts(draft, checker.clock(), checker.stale_after, scenes, charges)
    return DraftCase(draft, scenes, charges, diagnose_draft(facts))


def newest(checker: VerifyContext, uid: str, limit: int = 50) -> tuple[DraftDiagnosis, ...]:
    """The user's newest drafts, judged by their own documents: 1 read each."""
    drafts = [draft_of(document) for document in checker.records.drafts(uid, limit)]
    return tuple(diagnose_draft(DraftFacts(draft, checker.clock(), checker.stale_after)) for draft in drafts)


@dataclass(frozen=True, slots=True)
class NeedyDrafts:
    """Drafts that need a person, worst and oldest first; `notes` say which drafts were left out."""

    drafts: tuple[DraftDiagnosis, ...]
    notes: tuple[str, ...] = ()
    complete: bool = True


def needy(checker: VerifyContext, *, limit: int, failed_within: timedelta) -> NeedyDrafts:
    """Drafts with an analysis that is stalled or failed lately: 1 read for each that waits, runs or failed."""
    try:
        documents = checker.records.drafts_by_status([*WORKING, *ENDED_BADLY], limit)
    except MissingIndex as missing:
        return NeedyDrafts((), (f"Drafts were not looked at: {missing.message}",), complete=False)
    now = checker.clock()
    judged = [diagnose_draft(DraftFacts(draft_of(one), now, checker.stale_after)) for one in documents]
    found = [draft for draft in judged if draft.needs_person]
    recent = [
        draft for draft in found if draft.status not in ENDED_BADLY or (draft.age or timedelta(0)) <= failed_within
    ]
    notes = []
    if len(documents) >= limit:
        notes.append(f"Only the first {limit:,} drafts in progress or failed were considered.")
    if len(recent) < len(found):
        old = len(found) - len(recent)
        notes.append(f"{number(old, 'draft')} that failed more than {failed_within.days} days ago: not listed.")
    ordered = sorted(recent, key=lambda d: (d.severity, d.verdict, -(d.age or timedelta(0)), d.uid, d.draft_id))
    return NeedyDrafts(tuple(ordered), tuple(notes), len(documents) < limit)
