"""The rules about videos: parents that do not exist, and highlights that are missing or unusable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from storage.domain.highlights import HighlightsState
from storage.domain.integrity.clip_rules import DISCLOSED, THERE
from storage.domain.integrity.facts import UserFacts, own_prefixes
from storage.domain.integrity.findings import Finding, Kind, Severity
from storage.domain.integrity.join import ABSENT, PRESENT, UNKNOWN, Clips, rows, statuses, texts
from storage.domain.layout import Layout, owner_of

PROMISING = frozenset({"analyzed", "completed"})  # a video with one of these says that it has highlights


@dataclass(frozen=True, slots=True)
class _Row:
    """What the rules need of a video's document."""

    video_id: str
    status: str
    named_key: str


def phantoms(facts: UserFacts, clips: Clips) -> Iterator[Finding]:
    """Parents that do not exist above documents that do. Nothing is claimed from a reading that did not end."""
    videos = facts.videos.frame
    if facts.user_exists is False and len(videos) + len(clips):
        yield _phantom(facts, None, None, f"{len(videos)} videos and {len(clips)} clips lie below it.")
    exists = dict(zip(videos["video_id"], _existing(videos["exists"]), strict=True))
    numbers = Counter(clips.video_id)
    gone = {video_id for video_id, there in exists.items() if not there}
    if facts.videos.complete:
        gone |= set(facts.clips.frame["video_id"]) - set(exists)
    for video_id in sorted(gone):
        yield _phantom(facts, video_id, None, f"{numbers[video_id]} clip documents lie below it.")
    frame = facts.clips.frame
    for video_id, clip_id, there in zip(frame["video_id"], frame["clip_id"], frame["exists"].tolist(), strict=True):
        if there is False:
            yield _phantom(facts, video_id, clip_id, "Documents (share settings) lie below it.")


def highlights(facts: UserFacts, clips: Clips, layout: Layout) -> Iterator[Finding]:
    """What each existing video promises about its highlights, beside what the bucket holds.

    A video that is still processing, or failed, promises none; if one is there all the same, it must be usable. Where
    only the object is missing and the document `highlights/main` has the list, that is a warning: a video has
    highlights if either source has some, and the file can be rebuilt.
    """
    finished = Counter(clips.video_id[i] for i in rows(clips.completed))
    prefixes = own_prefixes(layout, facts.uid)
    for row in _rows(facts):
        if row.named_key and not row.named_key.startswith(prefixes):
            yield _foreign(facts, row, layout)
            continue
        state = facts.highlights.get(row.video_id)
        if state is None or state.presence == "unknown":
            continue
        if state.presence == "absent":
            yield from _absent(facts, row, state, facts.highlights_documents.get(row.video_id))
        else:
            yield from _unusable(facts, row, state, finished[row.video_id])


def _rows(facts: UserFacts) -> Iterator[_Row]:
    videos = facts.videos.frame
    columns = (videos["video_id"], statuses(videos["status"]), texts(videos["highlights_json_key"]))
    for video_id, status, named, there in zip(*columns, _existing(videos["exists"]), strict=True):
        if there:
            yield _Row(video_id, status, named)


def _existing(column: pd.Series) -> list[bool]:
    return [value is True for value in column.tolist()]


def _absent(facts: UserFacts, row: _Row, state: HighlightsState, document: HighlightsState | None) -> Iterator[Finding]:
    if row.status not in PROMISING and (not row.named_key or row.status in {"processing", "failed"}):
        return
    in_document = document is not None and document.usable
    severity: Severity = "warning" if in_document or row.status not in PROMISING else "error"
    detail = "The customer sees that the video is still being processed."
    if in_document and document is not None:
        detail = f"The document highlights/main has {document.count} entries: the file can be rebuilt from it."
    expected = f"highlights.json ({row.status or 'no status'})"
    yield _finding(facts, row, "missing_highlights", severity, state.place, expected, None, detail)


def _unusable(facts: UserFacts, row: _Row, state: HighlightsState, clips_count: int) -> Iterator[Finding]:
    severity: Severity = "error" if row.status in PROMISING else "warning"
    expected = "a JSON object with a list"
    if state.content == "invalid":
        detail = f"The file cannot be used: {state.reason}."
        yield _finding(facts, row, "invalid_highlights", severity, state.place, expected, state.reason, detail)
    elif state.content == "empty" and clips_count:
        detail = f"The list is empty, though the video has {clips_count} completed clips."
        yield _finding(facts, row, "invalid_highlights", severity, state.place, expected, "an empty list", detail)


def _foreign(facts: UserFacts, row: _Row, layout: Layout) -> Finding:
    owner, head = owner_of(row.named_key, layout), facts.heads.get(row.named_key)
    other = bool(owner) and owner != facts.uid
    presence = UNKNOWN if head is None or head.failure else PRESENT if head.info else ABSENT
    actual = "a key of another user" if other else "a key outside the layout"
    disclosed = other and presence == PRESENT
    there = DISCLOSED if disclosed else THERE[presence]
    detail = f"The highlights key in the video's document is not this user's. {there}"
    found = _finding(facts, row, "foreign_key", "error", row.named_key, "a key of this user", actual, detail)
    return replace(found, disclosure=disclosed)


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


def _phantom(facts: UserFacts, video_id: str | None, clip_id: str | None, detail: str) -> Finding:
    return Finding(
        "phantom_parent",
        "warning",
        facts.uid,
        video_id=video_id,
        clip_id=clip_id,
        expected="a document",
        actual=None,
        detail=f"The document does not exist. {detail}",
        seen_at=facts.read_at,
    )
