"""Upload status: what the documents say exists, judged beside what the bucket holds."""

from storage.domain.integrity.clip_objects import ClipObjects, clip_objects
from storage.domain.integrity.controls import Claims, Controls
from storage.domain.integrity.facts import Head, Listing, UserFacts, own_prefixes
from storage.domain.integrity.findings import (
    KINDS,
    SEVERITIES,
    CacheCount,
    Checked,
    Failure,
    Finding,
    InFlight,
    Kind,
    Report,
    Severity,
    Suspicion,
    count_by_kind,
)
from storage.domain.integrity.lookups import HighlightsPlace, Lookups, highlights_places, lookups
from storage.domain.integrity.scan import verify_user
from storage.domain.integrity.totals import Totals

__all__ = [
    "KINDS",
    "SEVERITIES",
    "CacheCount",
    "Checked",
    "Claims",
    "ClipObjects",
    "Controls",
    "Failure",
    "Finding",
    "Head",
    "HighlightsPlace",
    "InFlight",
    "Kind",
    "Listing",
    "Lookups",
    "Report",
    "Severity",
    "Suspicion",
    "Totals",
    "UserFacts",
    "clip_objects",
    "count_by_kind",
    "highlights_places",
    "lookups",
    "own_prefixes",
    "verify_user",
]
