"""What a diagnosis is made from: facts gathered once, each of them known, proven absent, or unknown with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from storage.domain.documents import User, Video
from storage.domain.highlights import HighlightsState
from storage.domain.integrity import Report

T = TypeVar("T")


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
