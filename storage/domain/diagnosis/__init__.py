"""Still processing: one verdict for a video that does not move, with its evidence and the next safe step."""

from storage.domain.diagnosis.advice import Step
from storage.domain.diagnosis.answer import Diagnosis, Stage, diagnose, status_objections
from storage.domain.diagnosis.bundle import as_json, bundle
from storage.domain.diagnosis.evidence import Evidence
from storage.domain.diagnosis.facts import (
    Absent,
    ClipTally,
    Fact,
    Known,
    ObjectTally,
    QuotaState,
    Unknown,
    VideoFacts,
)
from storage.domain.diagnosis.failures import classify
from storage.domain.diagnosis.stuck import Outage, StuckVideo, outages, worst_first
from storage.domain.diagnosis.timeline import Entry
from storage.domain.diagnosis.verdict import VERDICTS, VerdictName

__all__ = [
    "VERDICTS",
    "Absent",
    "ClipTally",
    "Diagnosis",
    "Entry",
    "Evidence",
    "Fact",
    "Known",
    "ObjectTally",
    "Outage",
    "QuotaState",
    "Stage",
    "Step",
    "StuckVideo",
    "Unknown",
    "VerdictName",
    "VideoFacts",
    "as_json",
    "bundle",
    "classify",
    "diagnose",
    "outages",
    "status_objections",
    "worst_first",
]
