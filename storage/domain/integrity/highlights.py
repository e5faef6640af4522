"""The rules about a video's highlights: they compare the promise of its status with the place the product serves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from storage.domain.highlights import HighlightsState, Source, together, unknown
from storage.domain.integrity.findings import Finding, Kind, Severity
from storage.domain.integrity.inputs import UserFacts
from storage.domain.integrity.join import ABSENT, PRESENT, UNKNOWN, Clips, rows, statuses, texts
from storage.domain.integrity.rules import DISCLOSED, THERE, disclosed_by, existing
from storage.domain.layout import Layout
from storage.text import number

_PLACES: Mapping[Source, str] = {"object": "highlights.json", "document": "The document highlights/main"}
PROMISING = frozenset({"analyzed", "completed"})  # a video with one of these statuses claims to have highlights


@dataclass(frozen=True, slots=True)
class _Row:
    """The facts of a video's document that the rules need."""

    video_id: str
    status: str
    named_key: str


def promising(facts: UserFacts) -> tuple[str, ...]:
    """The videos whose status claims highlights."""
    return tuple(row.video_id for row in _rows(facts) if row.status in PROMISING)


def highlights(facts: UserFacts, clips: Clips, layout: Layout) -> Iterator[Finding]:
    """The findings about the highlights of each existing video, in the place that the product serves.

    A video that is still processing, or failed, promises no highlights; an existing file must still be usable where the
    product serves files. Where it does not, files give no finding: the newer product writes none.
    """
    finished = Counter(clips.video_id[i] for i in rows(clips.completed))
    prefixes = layout.own_prefixes(facts.uid)
    served = facts.deployment.highlights_source
    for row in _rows(facts):
        if row.named_key and not row.named_key.startswith(prefixes):
            yield _foreign(facts, row, layout)
            continue
        stored = facts.highlights.get(row.video_id) or unknown("object", "")
        document = facts.highlights_documents.get(row.video_id) or unknown("document", "")
        found = together(stored, document, served)
        if found.usable and found.odd_times:
            yield _odd_times(facts, row, found)
        if found.usable or found.presence == "unknown" or (found.source == "document" and row.status not in PROMISING):
            continue
        if found.presence == "absent":
            yield from _absent(facts, row, found, document if served == "object" else stored)
        elif found.content is not None:
            yield from _unusable(facts, row, found, finished[row.video_id])


def _rows(facts: UserFacts) -> Iterator[_Row]:
    videos = facts.videos.frame
    columns = (videos["video_id"], statuses(videos["status"]), texts(videos["highlights_json_key"]))
    for video_id, status, named, there in zip(*columns, existing(videos["exists"]), strict=True):
        if there:
            yield _Row(video_id, status, named)


def _absent(facts: UserFacts, row: _Row, state: HighlightsState, other: HighlightsState) -> Iterator[Finding]:
    """The finding about absent highlights: `state` is the absent place, `other` the place to rebuild it from."""
    if row.status not in PROMISING and (not row.named_key or row.status in {"processing", "failed"}):
        return
    severity: Severity = "error" if row.status in PROMISING else "warning"
    detail = "The customer sees that the video is still being processed."
    if other.usable:
        detail += f" {_PLACES[other.source]} has {other.count} entries: it can be rebuilt from them."
    elif other.presence == "present" and other.content is None:
        detail += f" {_PLACES[other.source]} is there: perhaps it can be rebuilt from that."
    name = "highlights.json" if state.source == "object" else "highlights/main"
    expected = f"{name} ({row.status or 'no status'})"
    key = state.place if state.source == "object" else ""
    yield _finding(facts, row, "missing_highlights", severity, key, expected, None, detail)


def _unusable(facts: UserFacts, row: _Row, state: HighlightsState, clips_count: int) -> Iterator[Finding]:
    severity: Severity = "error" if row.status in PROMISING else "warning"
    expected = "a JSON object with a list" if state.source == "object" else "a document with a list"
    key = state.place if state.source == "object" else ""
    if state.content == "invalid":
        detail = f"{_PLACES[state.source]} cannot be used: {state.reason}."
        yield _finding(facts, row, "invalid_highlights", severity, key, expected, state.reason, detail)
    elif state.content == "empty" and clips_count:
        detail = f"The list is empty, though the video has {number(clips_count, 'completed clip')}."
        if state.source == "document":  # the page opens nevertheless, and a customer may delete every scene
            severity = "info"
        yield _finding(facts, row, "invalid_highlights", severity, key, expected, "an empty list", detail)


def _odd_times(facts: UserFacts, row: _Row, state: HighlightsState) -> Finding:
    """The finding about times that make no sense: the product shows the list, and cannot cut such an entry."""
    detail = f"{_PLACES[state.source]}: {'; '.join(state.odd_times)}."
    key = state.place if state.source == "object" else ""
    expected = "start before end, as HH:MM:SS"
    return _finding(facts, row, "invalid_times", "warning", key, expected, state.odd_times[0], detail)


def _foreign(facts: UserFacts, row: _Row, layout: Layout) -> Finding:
    other, head = layout.standing(row.named_key, facts.uid) == "others", facts.heads.get(row.named_key)
    presence = UNKNOWN if head is None or head.failure else PRESENT if head.info else ABSENT
    actual = "a key of another customer" if other else "a key outside the layout"
    disclosed = other and presence == PRESENT
    there = DISCLOSED if disclosed else THERE[presence]
    detail = f"The highlights key in the video's document is not this customer's. {there}"
    found = _finding(facts, row, "foreign_key", "error", row.named_key, "a key of this customer", actual, detail)
    if not disclosed or head is None or head.info is None:
        return found
    return disclosed_by(found, facts, layout, facts.read_at, [head.info.last_modified])


def _finding(
    facts: UserFacts,
    row: _Row,
    kind: Kind,
    severity: Severity,
    key: str,
    expected: str,
    actual: str | None,
    detail: str,
) -> Finding:
    return Finding(
        kind,
        severity,
        facts.uid,
        video_id=row.video_id,
        key=key or None,
        expected=expected,
        actual=actual,
        detail=detail,
        seen_at=facts.read_at,
    )
