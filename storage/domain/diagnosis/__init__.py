"""Gives a video one verdict, with the evidence for it and the next safe step."""

from storage.domain.diagnosis.advice import NextStep
from storage.domain.diagnosis.diagnosis import (
    Diagnosis,
    Stage,
    StuckVideo,
    as_json,
    bundle,
    diagnose,
    status_objections,
    undeliverable,
    worst_first,
)
from storage.domain.diagnosis.drafts import DraftDiagnosis, DraftFacts, diagnose_draft
from storage.domain.diagnosis.evidence import Evidence
from storage.domain.diagnosis.failures import classify
from storage.domain.diagnosis.outages import Outage, outages
from storage.domain.diagnosis.signals import (
    Absent,
    ClipTally,
    Fact,
    Known,
    ObjectTally,
    QuotaState,
    Unknown,
    VideoFacts,
)
from storage.domain.diagnosis.timeline import Entry
from storage.domain.diagnosis.verdict import VERDICTS, VerdictName

__all__ = [
    "VERDICTS",
    "Absent",
    "ClipTally",
    "Diagnosis",
    "DraftDiagnosis",
    "DraftFacts",
    "Entry",
    "Evidence",
    "Fact",
    "Known",
    "NextStep",
    "ObjectTally",
    "Outage",
    "QuotaState",
    "Stage",
    "StuckVideo",
    "Unknown",
    "VerdictName",
    "VideoFacts",
    "as_json",
    "bundle",
    "classify",
    "diagnose",
    "diagnose_draft",
    "outages",
    "status_objections",
    "undeliverable",
    "worst_first",
]
