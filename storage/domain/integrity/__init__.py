"""The rules of the upload check: they compare the claims of the documents with the objects in the bucket."""

from storage.domain.integrity.contents import OF_CONTENTS, MediaObject, Sample
from storage.domain.integrity.controls import ClaimCounts, Controls
from storage.domain.integrity.findings import (
    KINDS,
    SEVERITIES,
    CacheCount,
    Checked,
    Failure,
    Finding,
    InFlight,
    Kind,
    LookedInto,
    Report,
    ScanTotals,
    Severity,
    Suspicion,
    count_by_kind,
)
from storage.domain.integrity.highlights import promising
from storage.domain.integrity.inputs import (
    HeadAnswer,
    HighlightsPlace,
    Listing,
    Lookups,
    UserFacts,
    highlights_places,
    lookups,
)
from storage.domain.integrity.report import ClipObjects, TroubledClip, clip_objects, media_objects, verify_user

__all__ = [
    "KINDS",
    "OF_CONTENTS",
    "SEVERITIES",
    "CacheCount",
    "Checked",
    "ClaimCounts",
    "ClipObjects",
    "Controls",
    "Failure",
    "Finding",
    "HeadAnswer",
    "HighlightsPlace",
    "InFlight",
    "Kind",
    "Listing",
    "LookedInto",
    "Lookups",
    "MediaObject",
    "Report",
    "Sample",
    "ScanTotals",
    "Severity",
    "Suspicion",
    "TroubledClip",
    "UserFacts",
    "clip_objects",
    "count_by_kind",
    "highlights_places",
    "lookups",
    "media_objects",
    "promising",
    "verify_user",
]
