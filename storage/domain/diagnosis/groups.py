"""Groups failures with equal messages and stops at equal steps, and tells the life of each group.

A message is compared without what differs from one video to the next: addresses, links, ids, quoted texts and numbers.
So equal failures are one group over days, however many hours lie between them.

The life of a group, the first that applies:

- `archived`: a person put it aside until so many more; fewer have come since.
- `resolved`: a person said so, and none came since; or the last one was more than a day ago, and its step succeeded
  after it; or none came for a week.
- `back`: it came again within the last week, after a person had put it aside or called it resolved; or in the last day,
  after three quiet days.
- `new`: the first one was in the last day.
- `escalating`: in the last day there were at least three, and a Poisson count at the usual rate reaches that number
  less than once in a thousand days. The usual rate is that of the 29 days before, and at least one a month.
- `known`: all others.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal, get_args

from storage.domain.diagnosis.diagnosis import Stage, StuckVideo
from storage.domain.diagnosis.failures import Failure, read_failure
from storage.domain.diagnosis.outages import NOT_LOOKED, Standing, lag, standing
from storage.domain.diagnosis.signals import Fact
from storage.text import redacted

Life = Literal["new", "escalating", "back", "known", "resolved", "archived"]
LIVES: tuple[Life, ...] = get_args(Life)  # those that need a look first
MarkState = Literal["archived", "resolved"]

DAY = timedelta(days=1)
WEEK = 7 * DAY
MONTH = 30 * DAY
QUIET = 3 * DAY  # after so long without one, the next one is `back`
FEWEST = 3
CHANCE = 0.001
MAX_TEXT = 300  # characters that are kept of a message: the list of all failures is cached whole
_SCANNED = 4_000

# What only the customer can change. Source: the reply for each cause; `region` is where we fetch from.
CUSTOMERS = frozenset(
    {"quota", "age-restricted", "members only", "copyright", "private", "removed", "live", "too long", "unsupported"}
)
_OUT = (
    (re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE), "<link>"),
    (re.compile(r"\S+@\S+\.\S+"), "<address>"),
    (re.compile(r"[\"“”«»‘’']([^\"“”«»‘’']{1,200})[\"“”«»‘’']"), "<text>"),
    (re.compile(r"(?<!\w)(?:/[\w.~%-]+){2,}/?"), "<path>"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{6,}\b"), "<id>"),
    (re.compile(r"\b[\w-]{20,}\b"), "<id>"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "#"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True, slots=True)
class FailedVideo:
    """One video with the status failed, as its own document tells it. `at` is `None` where no usable time is there;
    `alike` is the message as groups compare it; `email` is the owner's, where the owner was read."""

    uid: str
    video_id: str
    title: str
    at: datetime | None
    text: str
    kind: Failure
    cause: str
    alike: str
    email: str | None = None

    @property
    def customers(self) -> bool:
        """Whether it waits for the customer only: a quota, or a source video that only they can change."""
        return self.cause in CUSTOMERS and self.kind in {"permanent", "quota"}

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return {
            "uid": self.uid,
            "video_id": self.video_id,
            "title": self.title or None,
            "failed_at": self.at,
            "error": redacted(self.text),
            "kind": self.kind,
            "cause": self.cause or None,
            "waits_for_customer": self.customers,
        }


def failed_video(
    uid: str, video_id: str, title: str | None, at: datetime | None, text: str | None, *, ids: Sequence[str] = ()
) -> FailedVideo:
    """The failed video with its message read; `ids` are more ids that its message may name."""
    found, said = read_failure(text), (text or "")[:_SCANNED]
    alike = normalised(said, (uid, video_id, *ids)) or "(no message)"
    return FailedVideo(uid, video_id, title or "", at, said[:MAX_TEXT], found.kind, found.cause, alike)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a person said: `archived` until `until_more` new ones, or `resolved`. `at` is the store's time."""

    state: MarkState
    at: datetime
    by: str
    reason: str
    until_more: int = 0


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Videos that failed with equal messages (`error`), or stopped at one step in one way (`stop`).

    `videos` are (uid, video id), the newest first; `text` holds no id, address or number. `usual_per_day` is the rate
    of the 29 days before the last.
    """

    id: str
    sort: Literal["error", "stop"]
    text: str
    kind: str
    cause: str
    stage: Stage
    videos: tuple[tuple[str, str], ...]
    first_at: datetime | None
    last_at: datetime | None
    last_day: int
    usual_per_day: float
    life: Life
    standing: Standing = NOT_LOOKED
    mark: Mark | None = None
    since_mark: int = 0
    customers: bool = False

    @property
    def users(self) -> int:
        """The number of customers concerned."""
        return len({uid for uid, _ in self.videos})

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return {
            "id": self.id,
            "sort": self.sort,
            "text": self.text,
            "kind": self.kind,
            "cause": self.cause or None,
            "stage": self.stage,
            "count": len(self.videos),
            "users": self.users,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "last_day": self.last_day,
            "usual_per_day": round(self.usual_per_day, 2),
            "life": self.life,
            "waits_for_customer": self.customers,
            **self.standing.as_dict(),
        }


def normalised(text: str, ids: Sequence[str] = ()) -> str:
    """The message without what differs from one video to the next (also these ids), in lower case."""
    said = text[:_SCANNED]
    for one in sorted(filter(None, ids), key=len, reverse=True):
        said = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", "<id>", said)
    for pattern, stands_for in _OUT:
        said = pattern.sub(stands_for, said)
    return said.strip().casefold()[:MAX_TEXT]


def group_id(sort: str, text: str) -> str:
    """The id of a group: the same on every machine and day."""
    return f"{sort}-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class _Member:
    uid: str
    video_id: str
    at: datetime | None
    stage: Stage
    kind: str
    cause: str
    customers: bool = False


def groups(
    failed: Iterable[FailedVideo],
    stuck: Iterable[StuckVideo],
    *,
    marks: Mapping[str, Mark],
    successes: Mapping[Stage, Fact[datetime]],
    now: datetime,
    stale_after: timedelta,
) -> tuple[FailureGroup, ...]:
    """All groups: what needs a look first, then the largest. `successes` hold the last success of each step."""
    found = [
        _group(sort, text, members, marks, successes, now, stale_after)
        for (sort, text), members in _members(failed, stuck).items()
    ]
    return tuple(sorted(found, key=lambda one: (LIVES.index(one.life), one.customers, -len(one.videos), one.id)))


def stages(failed: Iterable[FailedVideo], stuck: Iterable[StuckVideo]) -> set[Stage]:
    """The steps of the groups, for which a last success is worth a query."""
    return {_stage(members) for members in _members(failed, stuck).values()} - {"none", "delivery"}


_STOPS = frozenset({"analysis_stalled", "render_stalled", "status_stuck"})


def _members(
    failed: Iterable[FailedVideo], stuck: Iterable[StuckVideo]
) -> dict[tuple[Literal["error", "stop"], str], list[_Member]]:
    found: dict[tuple[Literal["error", "stop"], str], list[_Member]] = defaultdict(list)
    diagnosed = {(one.diagnosis.uid, one.diagnosis.video_id): one.diagnosis for one in stuck}
    for video in failed:
        known = diagnosed.get((video.uid, video.video_id))
        stage = known.stage if known is not None else "none"
        member = _Member(video.uid, video.video_id, video.at, stage, video.kind, video.cause, video.customers)
        found["error", video.alike].append(member)
    for one in diagnosed.values():
        if one.verdict in _STOPS:
            member = _Member(one.uid, one.video_id, one.since, one.stage, one.verdict, "")
            found["stop", f"{one.verdict} at {one.stage}"].append(member)
    return found


def _stage(members: Sequence[_Member]) -> Stage:
    counted = Counter(member.stage for member in members if member.stage != "none")
    return counted.most_common(1)[0][0] if counted else "none"


def _group(
    sort: Literal["error", "stop"],
    text: str,
    members: Sequence[_Member],
    marks: Mapping[str, Mark],
    successes: Mapping[Stage, Fact[datetime]],
    now: datetime,
    stale_after: timedelta,
) -> FailureGroup:
    ordered = sorted(members, key=lambda one: (one.at is not None, one.at or now, one.uid, one.video_id), reverse=True)
    times = sorted(one.at for one in members if one.at is not None)
    stage, identity = _stage(members), group_id(sort, text)
    success = successes.get(stage)
    delay = lag(stage, stale_after) if sort == "stop" else timedelta(0)
    goes_on = standing(times[-1], success, now=now, lag=delay) if times and success is not None else NOT_LOOKED
    mark = marks.get(identity)
    kinds = Counter((one.kind, one.cause) for one in members)
    (kind, cause), _ = kinds.most_common(1)[0]
    return FailureGroup(
        id=identity,
        sort=sort,
        text=text,
        kind=kind,
        cause=cause,
        stage=stage,
        videos=tuple((one.uid, one.video_id) for one in ordered),
        first_at=times[0] if times else None,
        last_at=times[-1] if times else None,
        last_day=sum(at > now - DAY for at in times),
        usual_per_day=usual_per_day(times, now),
        life=life(times, mark, goes_on, now),
        standing=goes_on,
        mark=mark,
        since_mark=sum(at > mark.at for at in times) if mark else 0,
        customers=all(one.customers for one in members),
    )


def usual_per_day(times: Sequence[datetime], now: datetime) -> float:
    """The rate of the 29 days before the last day."""
    return sum(now - MONTH < at <= now - DAY for at in times) / 29


def life(times: Sequence[datetime], mark: Mark | None, goes_on: Standing, now: datetime) -> Life:
    """Where the group stands, by its sorted times; the module's own text has the rule."""
    later = [at for at in times if mark is not None and at > mark.at]
    if mark is not None and mark.state == "archived" and len(later) < mark.until_more:
        return "archived"
    if mark is not None and mark.state == "resolved" and not later:
        return "resolved"
    if not times:
        return "known"
    came_back = later[max(0, mark.until_more - 1) :] if mark is not None else []
    if (came_back and came_back[0] > now - WEEK) or _after_quiet(times, now):
        return "back"
    if times[0] > now - DAY:
        return "new"
    last_day = sum(at > now - DAY for at in times)
    if last_day >= FEWEST and _reaches(last_day, max(usual_per_day(times, now), 1 / 30)) < CHANCE:
        return "escalating"
    quiet = now - times[-1]
    if quiet > WEEK or (goes_on.goes_on is False and quiet > DAY):
        return "resolved"
    return "known"


def _after_quiet(times: Sequence[datetime], now: datetime) -> bool:
    """Whether one of the last day came after three quiet days."""
    return any(after > now - DAY and after - before >= QUIET for before, after in pairwise(times))


def _reaches(count: int, mean: float) -> float:
    """The probability that a Poisson count with this mean is at least `count`."""
    return max(0.0, 1.0 - math.fsum(_poisson(number, mean) for number in range(count)))


def _poisson(number: int, mean: float) -> float:
    return math.exp(number * math.log(mean) - mean - math.lgamma(number + 1))
