"""Finds outages: videos that stopped at one step faster than its usual rate explains, within minutes.

The rule is a scan statistic. For windows of 1, 2, 5, 15 and 30 minutes it asks how often chance alone would give so
many stops within one window, in a week at the step's usual rate; fewer than `CHANCE` times, and the window belongs to
an outage. Source of the approximation: S. E. Alm, "On the distribution of the scan statistic of a Poisson process",
1983: the expected number of such windows in the time T is the upper tail of a Poisson count, plus the rate times T
times the probability of one stop fewer, less the share of the mean in the count.

The usual rate of a step is the highest of three: its stops in the seven days before the window's last hour; its stops
in the two hours on each side of the window, up to `TRICKLE`; and `FLOOR`, because nothing seen is no rate of zero. The
stops of outages count for neither. Stops that somebody repaired since are not in the list, so the rate is a lower
bound. In a window of 15 minutes and more the usual rate is at least `TRICKLE`: stops one after another, four minutes
apart, are no burst, however many they are.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from storage.domain.diagnosis.diagnosis import Diagnosis, Stage, StuckVideo
from storage.domain.diagnosis.signals import Fact, Known, Unknown
from storage.domain.diagnosis.verdict import VerdictName
from storage.domain.processing import LONGEST, PATIENCE
from storage.domain.replies import Reply, Text
from storage.text import age, moment, number, rate

MINUTE = timedelta(minutes=1)
WINDOWS = tuple(n * MINUTE for n in (1, 2, 5, 15, 30))
GAP = timedelta(minutes=5)  # the longest time between two stops of one outage
FEWEST = 3  # two can be chance
CHANCE = 0.01  # of such windows by chance in a week
WEEK = timedelta(days=7)
LAST_HOUR = timedelta(hours=1)
AROUND = timedelta(hours=2)
FLOOR = 1 / timedelta(days=1).total_seconds()  # stops a second
TRICKLE = 1 / timedelta(minutes=4).total_seconds()
LONG_WINDOW = timedelta(minutes=15)
QUIET = timedelta(minutes=30)  # after so long without a new stop nobody can say that it goes on

_NO_OUTAGE = frozenset({"failed_permanent", "quota_blocked", "not_found", "purged", "disclosure", "access_denied"})
_JOBS: Mapping[Stage, int] = {"analysis": PATIENCE["analysis"], "render": PATIENCE["render"], "finish": LONGEST}


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether something still goes on. `goes_on` is `None` where that cannot be told; `by` says what tells it."""

    goes_on: bool | None
    by: str
    last_success: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return {"goes_on": self.goes_on, "goes_on_by": self.by, "last_success": self.last_success}


NOT_LOOKED = Standing(None, "A success of this step was not looked for.")


@dataclass(frozen=True, slots=True)
class Outage:
    """Videos that stopped at one step within minutes: most likely one cause needs one repair.

    `usual_per_day` is the rate of stops at this step that was taken as usual.
    """

    stage: Stage
    verdict: VerdictName
    first_at: datetime
    last_at: datetime
    videos: tuple[tuple[str, str], ...]
    usual_per_day: float = 0.0
    standing: Standing = NOT_LOOKED

    @property
    def id(self) -> str:
        """The id in addresses and commands: the same while the outage begins within the same five minutes."""
        at = self.first_at.astimezone(UTC)
        slot = at.replace(minute=at.minute - at.minute % 5, second=0, microsecond=0)
        return f"{self.stage}-{self.verdict}-{slot:%Y%m%dT%H%MZ}"

    @property
    def users(self) -> int:
        """The number of users that the outage affects."""
        return len({uid for uid, _ in self.videos})

    @property
    def rate_words(self) -> str:
        """The number and the time within which the videos stopped, beside the usual rate."""
        within = f"within {age(self.span)}" if self.span > MINUTE else "within a minute"
        return f"{number(len(self.videos), 'video')} {within}; {self.usual_words}"

    @property
    def span(self) -> timedelta:
        """The whole minutes within which the videos stopped, at least one."""
        return max(1, math.ceil((self.last_at - self.first_at) / MINUTE)) * MINUTE

    @property
    def usual_words(self) -> str:
        """The rate of stops at this step that is usual."""
        return f"usual at this step: at most {rate(self.usual_per_day)} a day"

    @property
    def answer(self) -> Reply:
        """The one reply to every customer of this outage."""
        began = Text(f"outage.{self.stage}", {"at": self.first_at})
        goes_on = self.standing.goes_on
        still = () if goes_on is None else (Text("outage.goes_on" if goes_on else "outage.over"),)
        return Reply((began, *still, Text("outage.end")))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return {
            "id": self.id,
            "stage": self.stage,
            "verdict": self.verdict,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "users": self.users,
            "usual_per_day": round(self.usual_per_day, 2),
            **self.standing.as_dict(),
            "reply": self.answer.words(),
            "videos": [{"uid": uid, "video_id": video_id} for uid, video_id in self.videos],
        }


def named(found: Sequence[Outage], identity: str) -> Outage | None:
    """The outage with this id. The first videos may have been repaired meanwhile, which moves its beginning: then the
    outage of the same step around that time."""
    exact = next((outage for outage in found if outage.id == identity), None)
    head, _, stamp = identity.rpartition("-")
    if exact is not None or not head:
        return exact
    try:
        slot = datetime.strptime(stamp, "%Y%m%dT%H%MZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    near = [
        outage
        for outage in found
        if outage.id.rpartition("-")[0] == head and outage.first_at - WINDOWS[-1] <= slot <= outage.last_at
    ]
    return min(near, key=lambda outage: abs(outage.first_at - slot), default=None)


def outages(videos: Sequence[StuckVideo]) -> tuple[Outage, ...]:
    """The outages among all stuck videos, the largest first, then the latest.

    Videos of unknown age, and videos with a cause on the customer's side, join no outage.
    """
    groups: dict[tuple[Stage, VerdictName], list[Diagnosis]] = defaultdict(list)
    for video in videos:
        found = video.diagnosis
        if found.since is not None and found.verdict not in _NO_OUTAGE:
            groups[found.stage, found.verdict].append(found)
    result = [
        _outage(stage, verdict, members[start:stop], rate)
        for (stage, verdict), group in groups.items()
        for members in [sorted(group, key=lambda one: (one.since or one.looked_at, one.uid, one.video_id))]
        for start, stop, rate in bursts([one.since.timestamp() for one in members if one.since is not None])
    ]
    return tuple(sorted(result, key=lambda outage: (-len(outage.videos), -outage.last_at.timestamp(), outage.stage)))


def _outage(stage: Stage, verdict: VerdictName, members: Sequence[Diagnosis], rate: float) -> Outage:
    times = [one.since for one in members if one.since is not None]
    pairs = tuple((one.uid, one.video_id) for one in members)
    return Outage(stage, verdict, min(times), max(times), pairs, rate * timedelta(days=1).total_seconds())


def bursts(times: Sequence[float]) -> Iterator[tuple[int, int, float]]:
    """The bursts among sorted times (in seconds): first place, place behind the last, and the usual rate a second.

    The shortest windows come first, so that a burst takes in no stops around it that a longer window would add.
    """
    inside: set[int] = set()
    for window in WINDOWS:
        while new := _exceptional(times, [place for place in range(len(times)) if place not in inside], window):
            inside |= new
    usual = [at for place, at in enumerate(times) if place not in inside]
    for start, stop in _runs(times, sorted(inside)):
        yield start, stop, _usual_rate(usual, times[start], times[stop - 1])


def _exceptional(times: Sequence[float], places: Sequence[int], window: timedelta) -> set[int]:
    """Those of the places that lie in a window of this length that chance does not explain."""
    span, usual = window.total_seconds(), [times[place] for place in places]
    found: set[int] = set()
    for start, first in enumerate(usual):
        stop = bisect_right(usual, first + span)
        if stop - start < FEWEST:
            continue
        rate = _usual_rate(usual, first, usual[stop - 1])
        if window >= LONG_WINDOW:
            rate = max(rate, TRICKLE)
        if by_chance(stop - start, span, rate) < CHANCE:
            found.update(places[start:stop])
    return found


def _usual_rate(usual: Sequence[float], first: float, last: float) -> float:
    """The usual rate a second around stops from `first` to `last`."""
    week, hour, around = (one.total_seconds() for one in (WEEK, LAST_HOUR, AROUND))
    before = bisect_left(usual, first - hour) - bisect_left(usual, first - week)
    beside = bisect_left(usual, first) - bisect_left(usual, first - around)
    beside += bisect_right(usual, last + around) - bisect_right(usual, last)
    return max(FLOOR, before / (week - hour), min(TRICKLE, beside / (2 * around)))


def by_chance(count: int, span: float, rate: float) -> float:
    """How often a week of stops at this rate (a second) would have `count` of them within `span` seconds."""
    mean = rate * span
    if count <= mean:
        return math.inf
    tail = 1.0 - sum(_poisson(n, mean) for n in range(count)) if count < 40 else _poisson(count, mean)
    upcrossings = (1 - mean / count) * rate * max(0.0, WEEK.total_seconds() - span) * _poisson(count - 1, mean)
    return max(0.0, tail) + upcrossings


def _poisson(count: int, mean: float) -> float:
    return math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))


def _runs(times: Sequence[float], places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The places in runs without a gap longer than `GAP`; stops between two places of a run belong to it."""
    if not places:
        return
    start = places[0]
    for before, after in pairwise(places):
        if times[after] - times[before] > GAP.total_seconds():
            yield start, before + 1
            start = after
    yield start, places[-1] + 1


def standing(last_at: datetime, success: Fact[datetime], *, now: datetime, lag: timedelta = timedelta(0)) -> Standing:
    """Whether stops or failures of which the last was at `last_at` go on. `lag`: how long a stop stays unseen."""
    known = success.value if isinstance(success, Known) else None
    if known is not None and known > last_at:
        return Standing(False, f"The step succeeded {moment(known)}, after the last of them.", known)
    recent = now - last_at < lag + QUIET
    since = f"The last one was {age(max(timedelta(0), now - last_at))} ago"
    if isinstance(success, Unknown):
        why = f"whether the step succeeded since is not known: {success.message}"
        return Standing(True if recent else None, f"{since}; {why}", None)
    nothing = "the step was not seen to succeed since" if known is not None else "no success of the step was found"
    if recent:
        return Standing(True, f"{since}, and {nothing}.", known)
    return Standing(None, f"{since}, none since; but {nothing}.", known)


def with_standing(
    found: Sequence[Outage], successes: Mapping[Stage, Fact[datetime]], *, now: datetime, stale_after: timedelta
) -> tuple[Outage, ...]:
    """The outages, each with whether it goes on by the last success of its step."""
    return tuple(
        replace(
            outage,
            standing=standing(
                outage.last_at, successes.get(outage.stage, NO_STEP), now=now, lag=lag(outage.stage, stale_after)
            )
            if outage.stage in _JOBS
            else Standing(None, "Delivery is not a job, so no success can show whether it goes on."),
        )
        for outage in found
    )


NO_STEP: Fact[datetime] = Unknown("It was not looked for.")


def lag(stage: Stage, stale_after: timedelta) -> timedelta:
    """How long a stop at this step stays unseen: the longest silence of a job that still counts as alive."""
    return stale_after * _JOBS.get(stage, 0)
