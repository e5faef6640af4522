"""When what happened, from the times of both stores in one order, with the silence that matters marked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

from storage.domain.diagnosis.facts import Known, VideoFacts
from storage.domain.diagnosis.signals import CLOCK_TOLERANCE
from storage.domain.documents import Progress
from storage.text import age

Store = Literal["firestore", "bucket", "desk"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One time that a store holds. `ahead`: it lies in the future, so a clock is wrong. `planned`: it is an expiry."""

    at: datetime
    store: Store
    event: str
    ahead: bool = False
    planned: bool = False
    gap_before: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return {"at": self.at, "store": self.store, "event": self.event, "ahead": self.ahead, "gap": self.gap_before}


def timeline(facts: VideoFacts) -> tuple[Entry, ...]:
    """Every time that is known, oldest first, closed by this moment, with the gap that matters marked.

    That is the silence up to now where the worker has not said that it is done, else the longest one between two
    times. A silence counts from the stale limit on, and is marked at the entry that ended it.
    """
    ordered = sorted(_entries(facts), key=lambda entry: (entry.at, entry.store, entry.event))
    past = [entry for entry in ordered if not entry.ahead and not entry.planned]
    silences = [(later.at - earlier.at, later) for earlier, later in pairwise(past)]
    until_now = [silence for silence in silences if silence[1].store == "desk" and silence[0] >= facts.stale_after]
    between = [silence for silence in silences if silence[1].store != "desk"]
    chosen = until_now if until_now and not _done(facts) else between
    longest, ended = max(chosen, default=(timedelta(0), None), key=lambda silence: silence[0])
    if ended is None or longest < facts.stale_after:
        return tuple(ordered)
    marked = replace(ended, event=f"{ended.event} (after {age(longest)} of silence)", gap_before=True)
    return tuple(marked if entry is ended else entry for entry in ordered)


def _done(facts: VideoFacts) -> bool:
    status = (facts.video.value.status or "") if isinstance(facts.video, Known) else ""
    return status.strip().lower() in {"analyzed", "completed", "failed"}


def _entries(facts: VideoFacts) -> Iterator[Entry]:
    limit = facts.now + CLOCK_TOLERANCE
    for at, store, event in _times(facts):
        if at is not None:
            yield Entry(at, store, event, ahead=at > limit)
    if isinstance(facts.video, Known) and (expiry := facts.video.value.source_video_expires_at) is not None:
        yield Entry(expiry, "firestore", "the cached source expires", planned=True)
    yield Entry(facts.now, "desk", "looked at")


def _times(facts: VideoFacts) -> Iterator[tuple[datetime | None, Store, str]]:
    if isinstance(facts.video, Known):
        video = facts.video.value
        progress = video.processing_progress or Progress()
        yield video.created_at, "firestore", "video created"
        yield progress.started_at, "firestore", "rendering started"
        yield progress.updated_at, "firestore", "progress last written"
        yield video.updated_at, "firestore", "video last touched"
        yield video.completed_at, "firestore", "video completed"
        yield video.failed_at, "firestore", "video failed"
    if isinstance(facts.clips, Known) and facts.clips.value.total:
        clips = facts.clips.value
        yield clips.first_at, "firestore", "first clip document"
        yield clips.last_at, "firestore", f"last of {clips.total} clip documents"
    yield facts.highlights_object.written_at, "bucket", "highlights.json written"
    yield facts.highlights_document.written_at, "firestore", "highlights document written"
    if isinstance(facts.objects, Known):
        objects = facts.objects.value
        yield objects.first_at, "bucket", "first clip object"
        yield objects.last_at, "bucket", "last clip object"
