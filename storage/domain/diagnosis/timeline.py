"""The timeline of a video: the times of both stores and what persons did, in one order, with each silence marked.

A silence counts between two signs of the worker, from the time on for which its job may be silent; the entry that ended
it carries the mark. After the end of the work (completed, failed) nothing is due, so no silence counts there. What a
person did is no sign of the worker.

`durations` puts the time that each step took beside the usual one: the middle half of at least `FEWEST` other videos
with a source of about that length. The length of a source is known only from below, by the end of its last highlight.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

from storage.domain.diagnosis.evidence import EARLIEST
from storage.domain.diagnosis.signals import CLOCK_TOLERANCE, Known, VideoFacts
from storage.domain.documents import Progress
from storage.domain.highlights import seconds
from storage.domain.processing import silence_limit
from storage.text import age, quoted

Store = Literal["firestore", "bucket", "desk", "person"]
FEWEST = 5  # others to compare with
ALIKE = 2.0  # sources of half to twice the length are about as long
SLOW = 2.0  # times the upper end of the usual
_WORDS: Mapping[str, str] = {
    "set-status": "set the status",
    "highlights": "wrote the highlights",
    "upload": "stored a clip",
    "thumbnail": "wrote a thumbnail",
    "orphan.adopt": "adopted a file as a clip",
    "orphan.remove": "removed a file without a document",
    "end-disclosure": "ended a disclosure",
    "rebuild-record": "rebuilt the record",
    "recount": "corrected the counters",
    "undo-change": "took a change back",
    "purge.plan": "planned a purge",
    "purge.approve": "approved a purge",
    "purge.decline": "declined a purge",
    "purge.discard": "discarded a plan of a purge",
    "purge.apply": "applied a purge",
    "purge.undo": "began the undo of a purge",
    "purge.end": "removed it by a purge",
    "purge.undo.end": "put back what a purge had removed",
}
DEEDS: tuple[str, ...] = tuple(_WORDS)  # the actions of the audit that change a video
OF_ACCOUNTS = ("purge.end", "purge.undo.end")  # those that change it too where they are about its whole account


@dataclass(frozen=True, slots=True)
class Entry:
    """One time from a store, or one act of a person. `ahead`: it lies in the future, so a clock is wrong. `planned`: it
    is an expiry. `who` and `why` are of a person."""

    at: datetime
    store: Store
    event: str
    ahead: bool = False
    planned: bool = False
    gap_before: bool = False
    who: str = ""
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return {
            "at": self.at,
            "store": self.store,
            "event": self.event,
            "ahead": self.ahead,
            "gap": self.gap_before,
            "who": self.who or None,
            "why": self.why or None,
        }

    @property
    def reduced(self) -> Entry:
        """The entry for people who may not know who of the team did it, and why."""
        return replace(self, who="", why="")


def deed(at: datetime, action: str, who: str, why: str, outcome: str) -> Entry:
    """The entry for what a person did."""
    failed = ": it failed" if outcome == "failed" else ""
    return Entry(at, "person", f"The team {_WORDS.get(action, action)}{failed}", who=who, why=why)


def timeline(facts: VideoFacts, deeds: Sequence[Entry] = ()) -> tuple[Entry, ...]:
    """Every known time and deed, oldest first, with the present at the end and a mark at each silence."""
    ordered = sorted((*_entries(facts), *deeds), key=lambda entry: (entry.at, entry.store, entry.event))
    ends = _end(facts)
    signs = [entry for entry in ordered if not entry.ahead and not entry.planned and entry.store != "person"]
    silent = {
        id(later): later.at - earlier.at
        for earlier, later in pairwise(signs)
        if later.at - earlier.at >= _limit(facts, later) and (ends is None or later.at <= ends)
    }
    return tuple(_marked(entry, silent.get(id(entry))) for entry in ordered)


def _marked(entry: Entry, silence: timedelta | None) -> Entry:
    if silence is None:
        return entry
    return replace(entry, event=f"{entry.event} (after {age(silence)} of silence)", gap_before=True)


def _limit(facts: VideoFacts, later: Entry) -> timedelta:
    """The silence that the job of this time may have: the analysis, as long as there is no sign of its end."""
    begun = _ends_of_analysis(facts)
    step: Literal["analysis", "render"] = "analysis" if begun is None or later.at <= begun else "render"
    return silence_limit(facts.stale_after, step)


def _ends_of_analysis(facts: VideoFacts) -> datetime | None:
    """The earliest sign that the analysis was over; `None` where there is none."""
    video = facts.video.value if isinstance(facts.video, Known) else None
    progress = (video.processing_progress if video else None) or Progress()
    clips = facts.clips.value if isinstance(facts.clips, Known) else None
    signs = (
        facts.highlights_object.written_at,
        facts.highlights_document.written_at,
        progress.started_at,
        clips.first_at if clips and clips.total else None,
        video.completed_at if video else None,
    )
    return min((at for at in signs if at is not None and at >= EARLIEST), default=None)


def _end(facts: VideoFacts) -> datetime | None:
    """When the worker reported its end; the present where it has not, `None` where the time of the end is unknown."""
    video = facts.video.value if isinstance(facts.video, Known) else None
    status = ((video.status if video else None) or "").strip().lower()
    if video is None or status not in {"analyzed", "completed", "failed"}:
        return facts.now
    known = video.failed_at if status == "failed" else video.completed_at if status == "completed" else None
    last = known or video.updated_at
    return last if last is not None and last <= facts.now else facts.now - timedelta(microseconds=1)


def _entries(facts: VideoFacts) -> Iterator[Entry]:
    limit = facts.now + CLOCK_TOLERANCE
    for at, store, event in _times(facts):
        if at is not None and at >= EARLIEST:
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


@dataclass(frozen=True, slots=True)
class Usual:
    """What steps took lately. `analyses`: the least length of a source, and the time from creation to highlights, both
    in seconds. `paces`: seconds a clip, of renderings."""

    analyses: tuple[tuple[float, float], ...] = ()
    paces: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Duration:
    """The time that a step took (`at_most`: or less), beside the usual from `low` to `high`, of `others` videos."""

    step: Literal["analysis", "render"]
    seconds: float
    at_most: bool = False
    low: float | None = None
    high: float | None = None
    others: int = 0

    @property
    def slow(self) -> bool:
        """Whether it took far longer than usual."""
        return self.high is not None and self.seconds > SLOW * self.high

    @property
    def words(self) -> str:
        """The duration in words."""
        name = {"analysis": "Analysis", "render": "Rendering"}[self.step]
        took = f"{name}: {'at most ' if self.at_most else ''}{_span(self.seconds)}"
        if self.low is None or self.high is None:
            return f"{took}; too few others to compare with"
        kind = "with a source of about this length" if self.step == "analysis" else "with as many clips"
        slow = "far longer than usual: " if self.slow else ""
        low, high = _span(self.low), _span(self.high)
        return f"{took}; {slow}usual {kind}: {low if low == high else f'{low} to {high}'} (of {self.others})"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        usual = None if self.low is None or self.high is None else [round(self.low), round(self.high)]
        return {
            "step": self.step,
            "seconds": round(self.seconds),
            "at_most": self.at_most,
            "usual_seconds": usual,
            "others": self.others,
            "slow": self.slow,
        }


def durations(facts: VideoFacts, usual: Usual) -> tuple[Duration, ...]:
    """How long each step took that ended, beside the usual time."""
    return tuple(_durations(facts, usual))


def _durations(facts: VideoFacts, usual: Usual) -> Iterator[Duration]:
    video = facts.video.value if isinstance(facts.video, Known) else None
    ended = _ends_of_analysis(facts)
    if video is not None and video.created_at is not None and ended is not None and ended > video.created_at:
        length = source_seconds(facts.highlights.entries)
        alike = [took for other, took in usual.analyses if length and length / ALIKE <= other <= length * ALIKE]
        took = (ended - video.created_at).total_seconds()
        yield _beside(Duration("analysis", took, at_most=True), alike)  # the document may have been written again
    clips = facts.clips.value if isinstance(facts.clips, Known) else None
    if clips and clips.total > 1 and clips.first_at and clips.last_at and clips.last_at > clips.first_at:
        took = (clips.last_at - clips.first_at).total_seconds()
        yield _beside(Duration("render", took), [pace * (clips.total - 1) for pace in usual.paces])


def _beside(one: Duration, others: Sequence[float]) -> Duration:
    if len(others) < FEWEST:
        return replace(one, others=len(others))
    low, _, high = statistics.quantiles(others, n=4)
    return replace(one, low=max(0.0, low), high=high, others=len(others))


def source_seconds(entries: Sequence[Mapping[str, Any]]) -> float:
    """The length of the source in seconds, as far as the highlights reach; 0 where they tell nothing."""
    return max((end for entry in entries if (end := seconds(entry.get("end"))) is not None), default=0.0)


def _span(took: float) -> str:
    return age(timedelta(seconds=took))


def said(entry: Entry) -> str:
    """What a person did, with who and why where they are told."""
    by = f" ({entry.who})" if entry.who else ""
    return f"{entry.event}{by}: {quoted(entry.why, 200)}" if entry.why else f"{entry.event}{by}"
