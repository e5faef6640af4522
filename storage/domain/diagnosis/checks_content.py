"""The checks of what the video has: highlights in both places, clip documents, counters, and the objects."""

from __future__ import annotations

from collections.abc import Iterator

from storage.domain.diagnosis.evidence import Evidence
from storage.domain.diagnosis.facts import Absent, Known, Unknown, VideoFacts
from storage.domain.diagnosis.signals import Signals
from storage.domain.diagnosis.verdict import BREAKING
from storage.domain.documents import Video
from storage.domain.highlights import HighlightsState, disagreement
from storage.text import number, quoted


def highlights(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    """Both sources, and whether they agree."""
    wanted = signals.settled or signals.rendering_begun
    stored, document = facts.highlights_object, facts.highlights_document
    yield Evidence("highlights_object", _content("highlights.json", stored), _content_ok(stored, wanted))
    # Older deployments have no document at all, so its absence is no fault.
    fine = True if document.presence == "absent" else _content_ok(document, wanted and not stored.usable)
    yield Evidence("highlights_document", _content("The document highlights/main", document), fine)
    if difference := disagreement(stored, document):
        yield Evidence("highlights_agree", f"The two places differ: {difference}.", False)


def _content(name: str, state: HighlightsState) -> str:
    if state.presence == "absent":
        return f"{name}: not there."
    if state.presence == "unknown":
        return f"{name}: could not be read ({quoted(state.reason)})."
    if state.content == "valid":
        return f"{name}: {state.count} highlights."
    return f"{name}: there, but {quoted(state.reason)}."


def _content_ok(state: HighlightsState, wanted: bool) -> bool | None:
    if state.presence == "unknown":
        return None
    if state.presence == "absent" or state.content == "empty":
        return not wanted
    return state.content == "valid"


def clip_documents(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    """How many clip documents there are, in which state, beside how many were expected."""
    if not isinstance(facts.clips, Known):
        yield Evidence("clip_documents", "They could not be read.", None)
        return
    tally = facts.clips.value
    others = [("processing", tally.processing), ("failed", tally.failed), ("of another status", tally.other)]
    parts = [f"{tally.completed} completed", *(f"{count} {what}" for what, count in others if count)]
    expected = f", {signals.expected} expected" if signals.expected is not None else ""
    short = signals.expected is not None and tally.completed < signals.expected and signals.status != "analyzed"
    fine = not short and not (tally.failed or (tally.processing and signals.settled))
    yield Evidence("clip_documents", f"{', '.join(parts)}{expected}.", fine)


def counters(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    """The video's own counters beside its clip documents; while it is being worked on they may lag."""
    if not isinstance(facts.clips, Known):
        return
    tally, wrong = facts.clips.value, []
    if video.clips_count is not None and video.clips_count != tally.total:
        wrong.append(f"clips_count says {video.clips_count}, there are {tally.total}")
    sized = tally.sized == tally.total
    if sized and video.total_size_bytes is not None and video.total_size_bytes != tally.size_bytes:
        wrong.append(f"total_size_bytes says {video.total_size_bytes:,}, they add up to {tally.size_bytes:,}")
    observed = "; ".join(wrong) if wrong else "The video's counters agree with its clip documents"
    yield Evidence("counters", f"{observed}.", not wrong or not signals.settled)


def clip_objects(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    """The objects that the completed clips claim."""
    if isinstance(facts.objects, Unknown):
        yield Evidence("clip_objects", "They could not be checked.", None)
        return
    if isinstance(facts.objects, Absent):
        return
    tally = facts.objects.value
    broken = {kind: tally.broken[kind] for kind in BREAKING if tally.broken.get(kind)}
    said = "".join(f"; {count} {kind.replace('_', ' ')}" for kind, count in broken.items())
    yield Evidence("clip_objects", f"{tally.intact} of {number(tally.named, 'clip')} intact{said}.", not broken)


def upload_check(facts: VideoFacts, video: Video, signals: Signals) -> Iterator[Evidence]:
    """What the upload check found besides: each other kind once, with its number."""
    if facts.report is None:
        return
    counted: dict[str, list[str]] = {}
    for finding in facts.report.findings:
        counted.setdefault(finding.kind, []).append(finding.severity)
    shown_elsewhere = {*BREAKING, "missing_highlights", "invalid_highlights", "unreadable"}
    for kind, severities in counted.items():
        if kind not in shown_elsewhere:
            observed = f"{number(len(severities), 'finding')} of this kind in the upload check."
            yield Evidence(kind, observed, set(severities) == {"info"})
    flying = facts.report.in_flight
    if flying.clips or flying.objects or flying.uploads:
        parts = (number(flying.clips, "clip"), number(flying.objects, "object"), number(flying.uploads, "upload"))
        yield Evidence("in_flight", f"Young enough to be still written: {', '.join(parts)}.", True)
