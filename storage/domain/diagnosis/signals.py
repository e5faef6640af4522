"""The facts of a diagnosis, and the signals that the checks and the verdict share.

Facts are gathered once; each one is known, proven absent, or unknown with the reason. Signals are derived from them
once: age, stage, progress, kind of failure.
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
from storage.domain.purge.removed import Removed

T = TypeVar("T")


CLOCK_TOLERANCE = timedelta(minutes=5)  # clocks of worker, Firestore and this machine differ by less than this
Highlights = Literal["valid", "empty", "invalid", "absent", "unknown"]


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """A fact that was read."""

    value: T


@dataclass(frozen=True, slots=True)
class Absent:
    """A thing that is proven absent, by a 404 or a complete query."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that could not be read: the store refused, was away, or was not asked. `refused` marks a refusal."""

    message: str
    code: str = "unknown"
    remedy: str = ""
    refused: bool = False


Fact = Known[T] | Absent | Unknown


@dataclass(frozen=True, slots=True)
class ClipTally:
    """The numbers of the video's clip documents. The times are the first and last of writing or finishing one."""

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
        """The number of documents with another status or without one."""
        return self.total - self.completed - self.processing - self.failed


@dataclass(frozen=True, slots=True)
class ObjectTally:
    """The objects that completed clip documents claim. `intact` objects are there, have the right size, are not empty,
    and no look saw a fault in them; `playing` holds the results of the looks.

    `broken` counts by finding kind; `named` is the number of clips whose document claims an object. The times are those
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
        """The results of the looks into the existing objects; without looks, all of them count as not looked into."""
        return self.playing or Playing(unasked=self.intact + self.broken.get("size_mismatch", 0))


@dataclass(frozen=True, slots=True)
class QuotaState:
    """The owner's quotas that are used up (`storage`, `clips`, `credits`), and the plan that sets them.

    `worker_refuses` is the reason, in words, why the worker makes no clip even where the plan has room; else empty.
    """

    plan: str
    exceeded: tuple[str, ...] = ()
    worker_refuses: str = ""


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """All facts about one video at `now`. Each of the two highlights sources carries its own three answers.

    `origin` holds the charges for the video and the draft behind it; it is read only where that matters, and `removed`,
    the purge that took the video, only where the video is not there. `report` is
    the upload check of this video where one was possible. `source_present` says whether the cached source video is in
    the bucket; `None` where nobody looked or no answer came.
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
    removed: Fact[Removed] = field(default_factory=lambda: Unknown("It was not asked for."))
    source_present: bool | None = None
    report: Report | None = None
    deployment: Deployment = ASSUMED

    @property
    def highlights(self) -> HighlightsState:
        """The highlights that customers get from the two sources."""
        return together(self.highlights_object, self.highlights_document, self.deployment.highlights_source)

    @property
    def highlights_beside(self) -> HighlightsState:
        """The source that customers do not get."""
        return self.highlights_document if self.highlights.source == "object" else self.highlights_object


@dataclass(frozen=True, slots=True)
class Signals:
    """The signals of a video whose document was read.

    `touched_at` is the last usable sign of life in the document; `stalled` says that it is older than the `limit` of
    the job that the video waits for (`step`), or that there is none. `error_old`: an earlier job left the error, and a
    later successful job did not clear it. `expected` is the number of clips that the job was to make, `finished` the
    number that are there and intact; both are `None` where unknown. `page_opens`: the video's page shows more than
    "still being processed". `documented` and `in_progress` count clip documents with the status completed and
    processing; `job_incomplete` comes from the job's own progress. `ahead` names the times that lie in the future.
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
        """Whether the status claims that the worker is done."""
        return self.status in {"analyzed", "completed"}

    @property
    def being_processed(self) -> bool:
        """Whether the product treats the video as being processed: a worker may then write at any moment."""
        return being_processed(self.status)

    @property
    def all_there(self) -> bool:
        """Whether every clip that the job was to make is there and intact; false where the number is unknown.

        More clips than expected, while the job's own progress is incomplete, are clips of an earlier job.
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
    """Whether a later job got further than the job that left the error: a successful job does not clear it."""
    if status in {"analyzed", "completed"}:
        return True
    if status == "failed" or video.failed_at is None:
        return False
    started = video.processing_progress.started_at if video.processing_progress else None
    return any(at is not None and at > video.failed_at for at in (video.completed_at, started))


def touched_at(video: Video, now: datetime) -> datetime | None:
    """The last sign of life: `updated_at` of the document or of its progress.

    Without these, it is the time of the start or the creation, and last Firestore's own time. A time that lies further
    in the future than clocks may differ is ignored.
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
    """The names of the document's times that lie further in the future than clocks may differ."""
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
    """The highlights that customers get: from the source that the product serves, where that is known; else from
    either, and absence then needs proof from both."""
    found = facts.highlights
    if found.presence == "absent":
        return "absent"
    return "unknown" if found.presence == "unknown" or found.content is None else found.content


def unread(facts: VideoFacts) -> Unknown | None:
    """The first fact that a verdict about the video needs and that could not be read."""
    for fact in (facts.video, facts.clips, facts.objects):
        if isinstance(fact, Unknown):
            return fact
    found = facts.highlights
    if facts.deployment.highlights_source == "mixed" and facts.highlights_object.presence == "unknown":
        found = facts.highlights_object  # the older product may fail on this file
    if found.presence == "unknown":
        return Unknown(found.reason, found.code or "unknown", refused=_refused(found.code))
    return None


def clips_known(facts: VideoFacts) -> int:
    """The number of clip documents; 0 where they are absent or unknown."""
    return facts.clips.value.total if isinstance(facts.clips, Known) else 0


def clips_failed(facts: VideoFacts) -> int:
    """Number of clip documents that say failed, 0 where they are absent or unknown."""
    return facts.clips.value.failed if isinstance(facts.clips, Known) else 0


def disclosures(facts: VideoFacts) -> int:
    """The number of documents that name an existing object of another customer."""
    return sum(finding.disclosure for finding in facts.report.findings) if facts.report else 0


def missing(facts: VideoFacts) -> bool:
    """Whether the video's document is proven absent; documents below it do not matter."""
    return isinstance(facts.video, Absent) or (isinstance(facts.video, Known) and not facts.video.value.exists)


def purged(facts: VideoFacts) -> Removed | None:
    """The purge that took the video, where one did."""
    return facts.removed.value if isinstance(facts.removed, Known) else None


def source_fetched(video: Video) -> bool:
    """Whether the source video was in the cache once: only then can it have expired."""
    status = (video.source_video_status or "").strip().lower()
    return status in {"ready", "expired"} or video.source_video_expires_at is not None


def source_left_behind(video: Video, signals: Signals) -> bool:
    """Whether the document says that the source is downloading, while nothing has moved past the limit."""
    return (video.source_video_status or "").strip().lower() == "downloading" and signals.stalled


def remnant(video: Video) -> bool:
    """Whether the document is the remains of a deleted video: a job that still ran wrote its progress again."""
    names = ("status", "created_at", "video_title", "video_url", "clips_count", "completed_clips", "highlights_count")
    kept = [getattr(video, name) for name in (*names, "total_size_bytes", "completed_at", "failed_at")]
    return video.exists and video.processing_progress is not None and all(value is None for value in kept)


def charged_in_vain(facts: VideoFacts, video: Video) -> Charge | None:
    """The charge for a rendering that ended as completed and made no clip.

    The worker counts a clip that the quota refuses as failed, sets the video to completed, and leaves no error.
    """
    if not isinstance(facts.origin, Known) or not isinstance(facts.clips, Known):
        return None
    charge, last = facts.origin.value.last_rendering, facts.clips.value.last_at
    if charge is None or charge.charged_at is None or video.completed_at is None:
        return None
    ended = video.completed_at >= charge.charged_at
    return charge if ended and (last is None or last < charge.charged_at) else None


def lacking(video: Video) -> tuple[str, ...]:
    """The missing fields of the video's own document that the product needs.

    The product sorts a list of videos by `created_at` and leaves out videos without it.
    """
    rest = ("status", "video_title", "video_url")
    lost = tuple(name for name in rest if getattr(video, name) is None)
    return ("created_at", *lost) if uncreated(video) else lost


def uncreated(video: Video) -> bool:
    """Whether nobody ever wrote `created_at`. A value of another type counts: a list shows videos with the field."""
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
    """The number of clips that the job was to make, if the documents tell it; 0 and negative numbers tell nothing."""
    stated = [count for count in (video.expected_clips, progress.total_clips) if count is not None and count > 0]
    return max(stated, default=None)
