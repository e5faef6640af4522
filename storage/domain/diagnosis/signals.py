"""What the checks and the verdict both need, derived once from the facts: age, stage, progress, kind of failure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from storage.domain.diagnosis.facts import Absent, Known, Unknown, VideoFacts
from storage.domain.diagnosis.failures import Failure, classify
from storage.domain.documents import Progress, Video
from storage.domain.processing import being_processed

CLOCK_TOLERANCE = timedelta(minutes=5)  # clocks of worker, Firestore and this machine differ by less than this
RENDER_TOUCH = timedelta(minutes=2)  # a live render touches the document at least this often (domain description)
RENDER_SLACK = timedelta(minutes=3)

Highlights = Literal["valid", "empty", "invalid", "absent", "unknown"]


@dataclass(frozen=True, slots=True)
class Signals:
    """Derived from the facts of a video whose document was read.

    `touched_at` is the last usable sign of life in the document; `stalled` says that it is older than the limit, or
    that there is none. `expected` is how many clips the job was to make, `finished` how many are there and intact:
    `None` where that is not known. `documented` and `in_progress` count clip documents that say completed and
    processing; `job_incomplete` is what the job's own progress says. `ahead` names the times that lie in the future.
    """

    status: str
    touched_at: datetime | None
    age: timedelta | None
    stalled: bool
    highlights: Highlights
    expected: int | None
    finished: int | None
    documented: int | None
    in_progress: int
    rendering_begun: bool
    job_incomplete: bool
    error_text: str
    failure: Failure
    ahead: tuple[str, ...]

    @property
    def settled(self) -> bool:
        """The status claims that the worker is done."""
        return self.status in {"analyzed", "completed"}

    @property
    def being_processed(self) -> bool:
        """The product takes it for being processed: a worker may write at any moment."""
        return being_processed(self.status)

    @property
    def all_there(self) -> bool:
        """Every clip that the job was to make is there and intact. Never true where the number is not known.

        More clips than expected, with the job's own progress incomplete, are the clips of an earlier job.
        """
        if self.expected is None or self.finished is None or self.in_progress:
            return False
        return self.finished == self.expected or (self.finished > self.expected and not self.job_incomplete)


def derive(facts: VideoFacts, video: Video) -> Signals:
    """The signals. No combination of missing, absurd or contradicting fields raises."""
    progress = video.processing_progress or Progress()
    touched = touched_at(video, facts.now)
    text = next((t for t in (video.error_message, progress.error_message, video.source_video_error) if t), "")
    clips = facts.clips.value if isinstance(facts.clips, Known) else None
    begun = bool(clips and clips.total) or _started(progress) or bool(video.completed_clips)
    return Signals(
        status=(video.status or "").strip().lower(),
        touched_at=touched,
        age=facts.now - touched if touched and touched <= facts.now else timedelta(0) if touched else None,
        stalled=touched is None or facts.now - touched >= facts.stale_after,
        highlights=highlights_of(facts),
        expected=_expected(video, progress),
        finished=facts.objects.value.intact if isinstance(facts.objects, Known) else None,
        documented=clips.completed if clips else None,
        in_progress=clips.processing if clips else 0,
        rendering_begun=begun,
        job_incomplete=_incomplete(progress),
        error_text=text,
        failure=classify(text),
        ahead=ahead(video, facts.now),
    )


def touched_at(video: Video, now: datetime) -> datetime | None:
    """The last sign of life: `updated_at` of the document or of its progress.

    Without any, when it was begun or created, at last Firestore's own time. A time further in the future than clocks
    differ says nothing about life and is passed over.
    """
    progress = video.processing_progress or Progress()
    groups = (
        (video.updated_at, progress.updated_at),
        (progress.started_at, video.created_at),
        (video.update_time,),
    )
    for group in groups:
        usable = [at for at in group if at is not None and at <= now + CLOCK_TOLERANCE]
        if usable:
            return max(usable)
    return None


def ahead(video: Video, now: datetime) -> tuple[str, ...]:
    """The names of the document's times that lie further in the future than clocks differ."""
    progress = video.processing_progress or Progress()
    times = {
        "created_at": video.created_at,
        "updated_at": video.updated_at,
        "completed_at": video.completed_at,
        "failed_at": video.failed_at,
        "processing_progress.started_at": progress.started_at,
        "processing_progress.updated_at": progress.updated_at,
    }
    return tuple(name for name, at in times.items() if at is not None and at > now + CLOCK_TOLERANCE)


def highlights_of(facts: VideoFacts) -> Highlights:
    """Both sources together: the video has highlights if either has some; absence needs proof from both."""
    stored, document = facts.highlights_object, facts.highlights_document
    if stored.usable or document.usable:
        return "valid"
    if "unknown" in {stored.presence, document.presence}:
        return "unknown"
    contents = {stored.content, document.content}
    if "invalid" in contents:
        return "invalid"
    return "empty" if "empty" in contents else "absent"


def unread(facts: VideoFacts) -> Unknown | None:
    """The first fact that a verdict about the video would need and that could not be read."""
    for fact in (facts.video, facts.clips, facts.objects):
        if isinstance(fact, Unknown):
            return fact
    stored, document = facts.highlights_object, facts.highlights_document
    if stored.presence == "unknown":
        return Unknown(stored.reason, stored.code or "unknown", refused=_refused(stored.code))
    if document.presence == "unknown" and not stored.usable:
        return Unknown(document.reason, document.code or "unknown", refused=_refused(document.code))
    return None


def clips_known(facts: VideoFacts) -> int:
    """Number of clip documents, 0 where they are absent or unknown."""
    return facts.clips.value.total if isinstance(facts.clips, Known) else 0


def disclosures(facts: VideoFacts) -> int:
    """How many documents name an object of another customer that is there."""
    return sum(finding.disclosure for finding in facts.report.findings) if facts.report else 0


def missing(facts: VideoFacts) -> bool:
    """The video's document is proven absent, whatever lies below it."""
    return isinstance(facts.video, Absent) or (isinstance(facts.video, Known) and not facts.video.value.exists)


def _refused(code: str) -> bool:
    return code in {"access_denied", "bad_credentials"}


def _started(progress: Progress) -> bool:
    counts = (progress.completed_scenes, progress.completed_clips, progress.failed_clips, progress.total_clips)
    return any(count is not None and count > 0 for count in counts) or progress.current_scene_id is not None


def _incomplete(progress: Progress) -> bool:
    pairs = ((progress.completed_clips, progress.total_clips), (progress.completed_scenes, progress.total_scenes))
    return any(total is not None and total > 0 and (done or 0) < total for done, total in pairs)


def _expected(video: Video, progress: Progress) -> int | None:
    """How many clips the job was to make, as far as the documents say so; nonsense (0, negative) says nothing."""
    stated = [count for count in (video.expected_clips, progress.total_clips) if count is not None and count > 0]
    return max(stated, default=None)
