"""What the checks and the verdict both need, derived once from the facts: age, stage, progress, kind of failure.

What a diagnosis is made from: facts gathered once, each of them known, proven absent, or unknown with the reason.

Reads an error message as one of four kinds of failure, by documented patterns. Unknown texts stay unrecognised.

The messages come from the worker, from the downloader (yt-dlp's wording), from the model's API and from storage. Order
decides where a text fits two kinds: a provider that limits *us* ("429", "quota exceeded for requests per minute") is
transient although it says quota; a customer's quota comes next; then what no retry mends; then what one may.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeVar

from storage.domain.documents import Progress, User, Video
from storage.domain.highlights import HighlightsState
from storage.domain.integrity import Report
from storage.domain.processing import being_processed

T = TypeVar("T")


Failure = Literal["permanent", "transient", "quota", "unrecognised"]
_PROVIDER = (
    r"\b429\b|too many requests|rate.?limit|resource.?exhausted|requests? per (?:second|minute|day)|"
    r"generativelanguage|quota metric|youtube data api|not a bot|temporar"
)
_QUOTA = (
    r"quota|(?:storage|clips?|monthly|plan|credits?|usage|account) (?:limit|allowance)|"
    r"(?:insufficient|not enough|no|out of|run out of|exhausted)[\w ]{0,12} credits|credits? (?:exhausted|used up)|"
    r"upgrade (?:your|the) plan|storage (?:is )?full"
)
_PERMANENT = {
    "age-restricted": r"age.?(?:restrict|gate|verif)|confirm your age|inappropriate for some users",
    "members only": r"members?.?only|join this channel|subscribers? only|requires payment|rental",
    "copyright": r"copyright|\bdmca\b|blocked .{0,40}(?:on|by) .{0,20}(?:grounds|owner)|content id",
    "private": r"private video|video is private|\bis private\b|sign in if you.ve been granted|login required",
    "region": r"(?:not|n.t) (?:made this video )?available in your (?:country|region)|geo.?(?:restrict|block)",
    "removed": (
        r"removed by|(?:been|was) (?:removed|deleted)|no longer available|video unavailable|does(?: not|n.t) exist|"
        r"account .{0,40}terminated|video is (?:not |un)available"
    ),
    "live": r"live (?:event|stream)|premiere|is live\b|will begin in",
    "too long": r"too (?:long|short|large)|(?:duration|length|file size) .{0,30}(?:exceed|limit)|exceeds? (?:the )?max",
    "unsupported": (
        r"unsupported|not (?:a )?(?:valid|supported)|invalid (?:url|video|format|file)|unable to extract|\bdrm\b|"
        r"no (?:audio|video|suitable|captions|transcript|speech)|"
        r"(?:transcripts?|subtitles|captions) (?:are |is )?disabled"
    ),
}
_TRANSIENT = (
    r"time.?d?.?out|deadline|try again|retr(?:y|ies)|connect|reset by|refused|unreachable|network|\bdns\b|"
    r"\b5\d\d\b|internal (?:server )?error|bad gateway|unavailable|overload|out of memory|\boom\b|memory limit|"
    r"killed|sig(?:kill|term)|(?:worker|process|job) .{0,20}(?:died|lost|crash|restart|exit)|shut.?down|deploy|"
    r"interrupt|cancel|no space|disk|broken pipe|incomplete|time limit|http error 403"
)
_FLAGS = re.IGNORECASE | re.DOTALL
_SCANNED_CHARS = 4_000  # enough for any message; keeps hostile ones cheap
CLOCK_TOLERANCE = timedelta(minutes=5)  # clocks of worker, Firestore and this machine differ by less than this
RENDER_TOUCH = timedelta(minutes=2)  # a live render touches the document at least this often (domain description)
RENDER_SLACK = timedelta(minutes=3)
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
    """The objects that completed clip documents claim. `intact` are there with the right size and not empty.

    `broken` counts by finding kind; `named` is the number of clips whose document claims an object. Times are those
    of the objects in the video's clip folder.
    """

    named: int = 0
    intact: int = 0
    broken: Mapping[str, int] = field(default_factory=dict)
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class QuotaState:
    """Which quotas of the owner are used up (`storage`, `clips`, `credits`), and the plan that sets them."""

    plan: str
    exceeded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """Everything gathered about one video, at `now`. The two highlights sources carry their own three answers.

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
    source_present: bool | None = None
    report: Report | None = None


def classify(message: str | None) -> Failure:
    """The kind of failure that a message tells of; an empty or unknown one is `unrecognised`."""
    text = (message or "")[:_SCANNED_CHARS]
    if re.search(_PROVIDER, text, _FLAGS):
        return "transient"
    if re.search(_QUOTA, text, _FLAGS):
        return "quota"
    if permanent_cause(text):
        return "permanent"
    return "transient" if re.search(_TRANSIENT, text, _FLAGS) else "unrecognised"


def permanent_cause(message: str | None) -> str:
    """Which permanent cause a message names (`private`, `copyright`, ...), or an empty string."""
    text = (message or "")[:_SCANNED_CHARS]
    return next((cause for cause, pattern in _PERMANENT.items() if re.search(pattern, text, _FLAGS)), "")


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
