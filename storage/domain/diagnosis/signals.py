"""What the checks and the verdict both need, derived once from the facts: age, stage, progress, kind of failure.

What a diagnosis is made from: facts gathered once, each of them known, proven absent, or unknown with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeVar

from storage.domain.deployment import ASSUMED, Deployment
from storage.domain.diagnosis.failures import Failure, read_failure
from storage.domain.diagnosis.playing import Playing
from storage.domain.documents import Progress, User, Video
from storage.domain.drafts import Charge, DraftOrigin
from storage.domain.highlights import HighlightsState, page_opens, together
from storage.domain.integrity import Report
from storage.domain.processing import Step, being_processed, silence_limit, step_of

T = TypeVar("T")


CLOCK_TOLERANCE = timedelta(minutes=5)  # clocks of worker, Firestore and this machine differ by less than this
Highlights = Literal["valid", "empty", "invalid", "absent", "unknown"]


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """It was read."""

    value: T


@dataclass(frozen=True, slots=True)
class Absent:
    """It is proven not to be there: a 404, or a query that ended."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It could not be read: the store refused, was away, or was not asked. `refused` tells a no from no answer."""

    message: str
    code: str = "unknown"
    remedy: str = ""
    refused: bool = False


Fact = Known[T] | Absent | Unknown


@dataclass(frozen=True, slots=True)
class ClipTally:
    """The video's clip documents, counted. Times are the first and the last at which one was written or finished."""

    total: int = 0
    completed: int = 0
    processing: int = 0
    failed: int = 0
    size_bytes: int = 0
    sized: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def other(self) -> int:
        """Documents with another status, or none."""
        return self.total - self.completed - self.processing - self.failed


@dataclass(frozen=True, slots=True)
class ObjectTally:
    """The objects that completed clip documents claim. `intact` are there with the right size and not empty, and
    nothing was seen in them that is wrong; `playing` is what was seen in them at all.

    `broken` counts by finding kind; `named` is the number of clips whose document claims an object. Times are those
    of the objects in the video's clip folder.
    """

    named: int = 0
    intact: int = 0
    broken: Mapping[str, int] = field(default_factory=dict)
    first_at: datetime | None = None
    last_at: datetime | None = None
    playing: Playing | None = None

    @property
    def seen(self) -> Playing:
        """What was seen in the objects that are there; where nobody looked, that they were not looked into."""
        return self.playing or Playing(unasked=self.intact + self.broken.get("size_mismatch", 0))


@dataclass(frozen=True, slots=True)
class QuotaState:
    """Which quotas of the owner are used up (`storage`, `clips`, `credits`), and the plan that sets them.

    `worker_refuses` says in words why the worker makes no clip, though by the plan there may be room; empty: it does.
    """

    plan: str
    exceeded: tuple[str, ...] = ()
    worker_refuses: str = ""


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """Everything gathered about one video, at `now`. The two highlights sources carry their own three answers.

    `origin` is what was charged for the video, and the draft that it was made of: asked for only where that matters.
    `report` is the upload check of this video where it could be made. `source_present` says whether the cached source
    video is in the bucket; `None` where that was not looked at or could not be.
    """

    uid: str
    video_id: str
    now: datetime
    stale_after: timedelta
    video: Fact[Video]
    clips: Fact[ClipTally]
    objects: Fact[ObjectTally]
    highlights_object: HighlightsState
    highlights_document: HighlightsState
    user: Fact[User] = field(default_factory=lambda: Unknown("It was not asked for."))
    quota: Fact[QuotaState] = field(default_factory=lambda: Unknown("It was not asked for."))
    origin: Fact[DraftOrigin] = field(default_factory=lambda: Unknown("It was not asked for."))
    source_present: bool | None = None
    report: Report | None = None
    deployment: Deployment = ASSUMED

    @property
    def highlights(self) -> HighlightsState:
        """What customers get of the two sources."""
        return together(self.highlights_object, self.highlights_document, self.deployment.highlights_source)

    @property
    def highlights_beside(self) -> HighlightsState:
        """The other of the two."""
        return self.highlights_document if self.highlights.source == "object" else self.highlights_object


@dataclass(frozen=True, slots=True)
class Signals:
    """Derived from the facts of a video whose document was read.

    `touched_at` is the last usable sign of life in the document; `stalled` says that it is older than the `limit` of
    the job that it waits for (`step`), or that there is none. `error_old`: an earlier job left the error, and a later
    one that went well does not clear it. `expected` is how many clips the job was to make, `finished` how many are
    there and intact: `None` where that is not known. `page_opens`: the video's page shows more than that it is still
    being processed. `documented` and `in_progress` count clip documents that say completed and processing;
    `job_incomplete` is what the job's own progress says. `ahead` names the times that lie in the future.
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
    failure_cause: str
    error_old: bool
    step: Step
    limit: timedelta
    ahead: tuple[str, ...]
    page_opens: bool | None = None

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
    status = (video.status or "").strip().lower()
    found, expected = highlights_of(facts), _expected(video, progress)
    rendering = video.processing_progress is not None or expected is not None or bool(video.completed_clips)
    analysed = found == "valid" or (found == "unknown" and bool(video.highlights_count))
    step = step_of(rendering=rendering, highlights=analysed)
    limit = silence_limit(facts.stale_after, step)
    failure = read_failure(text)
    return Signals(
        status=status,
        touched_at=touched,
        age=facts.now - touched if touched and touched <= facts.now else timedelta(0) if touched else None,
        stalled=touched is None or facts.now - touched >= limit,
        highlights=found,
        expected=expected,
        finished=facts.objects.value.intact if isinstance(facts.objects, Known) else None,
        documented=clips.completed if clips else None,
        in_progress=clips.processing if clips else 0,
        rendering_begun=begun,
        job_incomplete=_incomplete(progress),
        error_text=text,
        failure=failure.kind,
        failure_cause=failure.cause,
        error_old=bool(text) and _error_old(video, status),
        step=step,
        limit=limit,
        ahead=ahead(video, facts.now),
        page_opens=page_opens(facts.highlights_object, facts.highlights_document, facts.deployment.highlights_source),
    )


def _error_old(video: Video, status: str) -> bool:
    """Whether a later job got further than the one that left the error: nothing clears it when that goes well."""
    if status in {"analyzed", "completed"}:
        return True
    if status == "failed" or video.failed_at is None:
        return False
    started = video.processing_progress.started_at if video.processing_progress else None
    return any(at is not None and at > video.failed_at for at in (video.completed_at, started))


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
    """What customers get: of the one source that the product serves, where that is known; else of either, and then
    absence needs proof from both."""
    found = facts.highlights
    if found.presence == "absent":
        return "absent"
    return "unknown" if found.presence == "unknown" or found.content is None else found.content


def unread(facts: VideoFacts) -> Unknown | None:
    """The first fact that a verdict about the video would need and that could not be read."""
    for fact in (facts.video, facts.clips, facts.objects):
        if isinstance(fact, Unknown):
            return fact
    found = facts.highlights
    if facts.deployment.highlights_source == "mixed" and facts.highlights_object.presence == "unknown":
        found = facts.highlights_object  # it may be one that the older product stumbles over
    if found.presence == "unknown":
        return Unknown(found.reason, found.code or "unknown", refused=_refused(found.code))
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


def source_fetched(video: Video) -> bool:
    """The source video was in the cache once: only then can it have expired."""
    status = (video.source_video_status or "").strip().lower()
    return status in {"ready", "expired"} or video.source_video_expires_at is not None


def source_left_behind(video: Video, signals: Signals) -> bool:
    """The document says that the source is being downloaded, and nothing has moved past the limit."""
    return (video.source_video_status or "").strip().lower() == "downloading" and signals.stalled


def remnant(video: Video) -> bool:
    """All that is left of a deleted video: a job that still ran wrote its progress once more, which made a document."""
    names = ("status", "created_at", "video_title", "video_url", "clips_count", "completed_clips", "highlights_count")
    kept = [getattr(video, name) for name in (*names, "total_size_bytes", "completed_at", "failed_at")]
    return video.exists and video.processing_progress is not None and all(value is None for value in kept)


def charged_in_vain(facts: VideoFacts, video: Video) -> Charge | None:
    """The charge for a rendering that ended as completed, and of which no clip came.

    The worker counts a clip that the quota refuses as failed, calls the video completed, and leaves no error.
    """
    if not isinstance(facts.origin, Known) or not isinstance(facts.clips, Known):
        return None
    charge, last = facts.origin.value.last_rendering, facts.clips.value.last_at
    if charge is None or charge.charged_at is None or video.completed_at is None:
        return None
    ended = video.completed_at >= charge.charged_at
    return charge if ended and (last is None or last < charge.charged_at) else None


def lacking(video: Video) -> tuple[str, ...]:
    """The fields of the video's own document that the product cannot do without, and that it does not hold.

    A list of videos is sorted by `created_at`, and leaves out whatever has none.
    """
    rest = ("status", "video_title", "video_url")
    lost = tuple(name for name in rest if getattr(video, name) is None)
    return ("created_at", *lost) if uncreated(video) else lost


def uncreated(video: Video) -> bool:
    """Nobody ever wrote a `created_at`. One of another type is there, and a list shows what holds the field."""
    odd = any(one.field_name == "created_at" and one.kind != "missing" for one in video.oddities)
    return video.exists and video.created_at is None and not odd


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
