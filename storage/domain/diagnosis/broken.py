"""What is broken for the customer in one video, in a sentence that names the clips: the red head of its page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from storage.domain.diagnosis.advice import suspected
from storage.domain.diagnosis.diagnosis import Diagnosis
from storage.domain.diagnosis.playing import NAMED, titled
from storage.domain.diagnosis.signals import Known, VideoFacts
from storage.domain.diagnosis.verdict import VerdictName
from storage.text import number

_BADGES: Final[dict[VerdictName, str]] = {
    "disclosure": "Another customer's file",
    "record_incomplete": "In no list",
    "highlights_missing": "Customer sees “processing”",
    "highlights_invalid": "Customer sees an error",
    "status_stuck": "Customer sees “processing”",
    "analysis_stalled": "Stopped",
    "render_stalled": "Stopped",
}
CLIPS_MISSING: Final = "Clips missing"
REASONS: Final = {
    "missing_object": "the file is not there",
    "empty_object": "the file is empty",
    "size_mismatch": "the file has another size than documented",
    "clip_without_key": "no file is named",
    "foreign_key": "the file is not this customer's",
    "not_media": "the file is not a video",
    "truncated_media": "the file ends too early",
}


@dataclass(frozen=True, slots=True)
class Broken:
    """A few words for a badge, and the sentence below the title."""

    badge: str
    sentence: str


def broken_for_customer(facts: VideoFacts, found: Diagnosis) -> Broken | None:
    """What is broken as far as it was seen; `None` where nothing was, and where the bucket cannot be believed."""
    if suspected(facts):
        return None
    if found.verdict == "clips_missing":
        return _clips(facts, found)
    badge = _BADGES.get(found.verdict)
    if badge is None:
        return None
    clips = _clips(facts, found)
    besides = f" {clips.sentence}" if clips is not None and clips.badge != CLIPS_MISSING else ""
    return Broken(badge, f"What the customer sees: {found.customer_sees}{besides}")


def _clips(facts: VideoFacts, found: Diagnosis) -> Broken | None:
    known = facts.objects.value if isinstance(facts.objects, Known) else None
    if known is None or known.seen.harmless:
        return None
    clips = known.seen.unplayable
    if not clips:
        return Broken(CLIPS_MISSING, f"What the customer sees: {found.customer_sees}")
    reasons = _reasons(facts)
    named = [
        f"{titled(clip)}: {clip.why.rstrip('.') or reasons.get(clip.clip_id, 'it cannot be played')}"
        for clip in clips[:NAMED]
    ]
    more = [f"and {number(len(clips) - NAMED, 'other clip')}"] if len(clips) > NAMED else []
    verb = "does" if len(clips) == 1 else "do"
    head = f"{len(clips):,} of {number(known.named, 'clip')} {verb} not play"
    return Broken(head, f"{head}: {'; '.join([*named, *more])}.")


def _reasons(facts: VideoFacts) -> dict[str, str]:
    """The first reason of each clip by its id, from the upload check."""
    found: dict[str, str] = {}
    for finding in facts.report.findings if facts.report is not None else ():
        if finding.clip_id and finding.kind in REASONS:
            found.setdefault(finding.clip_id, REASONS[finding.kind])
    return found
