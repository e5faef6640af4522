"""Builds the facts of a diagnosis from a few plain values; what is not said is as in a healthy, completed video."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from storage.domain import highlights
from storage.domain.diagnosis import (
    Absent,
    ClipTally,
    Diagnosis,
    Fact,
    Known,
    ObjectTally,
    Unknown,
    VideoFacts,
    diagnose,
)
from storage.domain.diagnosis.playing import Playing
from storage.domain.documents import Progress, Video
from storage.domain.highlights import HighlightsState
from storage.domain.integrity import Checked, Finding, InFlight, Report

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STALE = timedelta(minutes=15)
REFUSED = Unknown("Not allowed to read.", "access_denied", refused=True)
AWAY = Unknown("No answer within 10 seconds.", "unreachable")

STORED = highlights.judge_object(b'{"highlights": [{"id": 1}, {"id": 2}]}', "users/u1/vid-0001/highlights.json")
NO_OBJECT = highlights.absent("object", "users/u1/vid-0001/highlights.json")
BROKEN_OBJECT = highlights.judge_object(b'{"highlights": [', "users/u1/vid-0001/highlights.json")
EMPTY_OBJECT = highlights.judge_object(b'{"highlights": []}', "users/u1/vid-0001/highlights.json")
UNREAD_OBJECT = highlights.unknown("object", "Not allowed.", code="access_denied")
NO_DOCUMENT = highlights.absent("document")
DOCUMENT = highlights.judge_document({"highlights": [{"id": 1}, {"id": 2}]})
UNREAD_DOCUMENT = highlights.unknown("document", "No answer.", code="unreachable")


def ago(**span: float) -> datetime:
    """That long before `NOW`."""
    return NOW - timedelta(**span)


def video(status: str | None = "completed", **values: Any) -> Video:
    """A video document; fields that are not given are `None`."""
    empty: dict[str, Any] = dict.fromkeys(field.name for field in fields(Video))
    base = {"uid": "u1", "video_id": "vid-0001", "exists": True, "oddities": ()}
    touched = {"updated_at": ago(days=2), "created_at": ago(days=3)}
    return Video(**{**empty, **base, **touched, "status": status, **values})


def progress(done: int | None, total: int | None, **values: Any) -> Progress:
    """The progress map of a job."""
    return Progress(completed_clips=done, total_clips=total, **values)


def clips(completed: int = 0, processing: int = 0, failed: int = 0, **values: Any) -> Known[ClipTally]:
    """Clip documents by status, 100 bytes each."""
    total = completed + processing + failed
    base = {"size_bytes": 100 * total, "sized": total}
    return Known(ClipTally(total, completed, processing, failed, **{**base, **values}))


def objects(intact: int = 0, **broken: int) -> Known[ObjectTally]:
    """Objects of completed clips; `broken` counts by finding kind."""
    return Known(ObjectTally(intact + sum(broken.values()), intact, broken))


def seen(playing: Playing, gone: int = 0) -> Known[ObjectTally]:
    """Clips that were looked into."""
    there = playing.there
    broken = {"missing_object": gone, "not_media": playing.does_not_play}
    return Known(ObjectTally(there + gone, there - playing.does_not_play, broken, playing=playing))


def upload_check(*findings: Finding) -> Report:
    """An upload check that was made to its end and found these."""
    return Report(
        uid="u1", video_id="vid-0001", checked=Checked(videos=1), findings=findings, complete=True, suspicion=None,
        caches=(), in_flight=InFlight(), read_at=NOW,
    )  # fmt: skip


def foreign(*, there: bool) -> Finding:
    """A clip's document that names another customer's key."""
    detail = "Another customer's object is there." if there else "No object is there."
    return Finding("foreign_key", "error", "u1", "vid-0001", "c1", detail=detail, disclosure=there)


def facts(
    document: Video | Fact[Video] | None = None,
    stored: HighlightsState = STORED,
    inside: HighlightsState = NO_DOCUMENT,
    documents: Fact[ClipTally] | None = None,
    things: Fact[ObjectTally] | None = None,
    **more: Any,
) -> VideoFacts:
    """The facts; without a word about clips, there are three and all are intact."""
    found: Fact[Video] = Known(document) if isinstance(document, Video) else document or Known(video())
    return VideoFacts(
        uid="u1",
        video_id="vid-0001",
        now=NOW,
        stale_after=STALE,
        video=found,
        clips=documents or clips(3),
        objects=things or objects(3),
        highlights_object=stored,
        highlights_document=inside,
        **more,
    )


def nothing_rendered(document: Video, stored: HighlightsState = NO_OBJECT, **more: Any) -> VideoFacts:
    """The facts of a video without any clip."""
    return facts(document, stored, documents=clips(), things=objects(), **more)


def verdict(found: VideoFacts) -> str:
    """Only the verdict's name."""
    return diagnose(found).verdict


def observed(found: Diagnosis, check: str) -> tuple[str, bool | None]:
    """What one check observed, and whether that is well."""
    evidence = next(item for item in found.evidence if item.check == check)
    return evidence.observed, evidence.ok


__all__ = ["Absent", "Known", "Unknown"]
