"""All videos that need a person, worst first; and outages, where many stopped at one step within minutes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage.domain.diagnosis.answer import Diagnosis, Stage
from storage.domain.diagnosis.verdict import VerdictName
from storage.domain.integrity import SEVERITIES

OUTAGE_VIDEOS = 3  # two can be chance; three at one step within minutes are looked at as one
OUTAGE_GAP = timedelta(minutes=5)  # between one stop and the next of the same outage

# Worst first: what one customer may see of another; a customer who waits in vain before one who has something; what
# can be lost before what only looks wrong.
_RANK: tuple[VerdictName, ...] = (
    "disclosure",
    "access_denied",
    "clips_missing",
    "highlights_missing",
    "highlights_invalid",
    "analysis_stalled",
    "render_stalled",
    "status_stuck",
    "failed_transient",
    "not_found",
    "quota_blocked",
    "failed_permanent",
    "waiting",
    "rendering",
    "healthy",
)

_NO_OUTAGE = frozenset({"failed_permanent", "quota_blocked", "not_found", "disclosure"})


@dataclass(frozen=True, slots=True)
class StuckVideo:
    """One video that needs a person, with whom it belongs to. `email` and `plan` are `None` where they are unknown."""

    diagnosis: Diagnosis
    email: str | None = None
    plan: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The diagnosis as `diagnose --json` prints it, with owner, plan and age in seconds."""
        age = self.diagnosis.age
        more = {"plan": self.plan, "age_seconds": None if age is None else int(age.total_seconds())}
        return {**self.diagnosis.as_dict(), **more}


@dataclass(frozen=True, slots=True)
class Outage:
    """Videos that stopped at one step, each within minutes of another: most likely one cause, to be mended once."""

    stage: Stage
    verdict: VerdictName
    first_at: datetime
    last_at: datetime
    videos: tuple[tuple[str, str], ...]

    @property
    def users(self) -> int:
        """How many users it touches."""
        return len({uid for uid, _ in self.videos})

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return {
            "stage": self.stage,
            "verdict": self.verdict,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "users": self.users,
            "videos": [{"uid": uid, "video_id": video_id} for uid, video_id in self.videos],
        }


def worst_first(videos: Iterable[StuckVideo]) -> tuple[StuckVideo, ...]:
    """Severity, then how bad the verdict is for the customer, then the oldest; the same whatever the order given."""
    return tuple(sorted(videos, key=_order))


def outages(videos: Sequence[StuckVideo], gap: timedelta = OUTAGE_GAP) -> tuple[Outage, ...]:
    """Groups of at least three, largest first, then the latest.

    Videos of unknown age join none, nor do those whose cause lies with the customer.
    """
    groups: dict[tuple[Stage, VerdictName], list[Diagnosis]] = defaultdict(list)
    for video in videos:
        found = video.diagnosis
        if found.since is not None and found.verdict not in _NO_OUTAGE:
            groups[found.stage, found.verdict].append(found)
    result = [
        _outage(stage, verdict, chain)
        for (stage, verdict), members in groups.items()
        for chain in _chains(members, gap)
        if len(chain) >= OUTAGE_VIDEOS
    ]
    return tuple(sorted(result, key=lambda outage: (-len(outage.videos), -outage.last_at.timestamp(), outage.stage)))


def _chains(members: list[Diagnosis], gap: timedelta) -> list[list[Diagnosis]]:
    """The members in runs in which each stopped at most `gap` after the one before."""
    chains: list[list[Diagnosis]] = []
    for member in sorted(members, key=lambda found: (found.since or found.looked_at, found.uid, found.video_id)):
        last = chains[-1][-1] if chains else None
        if last and last.since and member.since and member.since - last.since <= gap:
            chains[-1].append(member)
        else:
            chains.append([member])
    return chains


def _outage(stage: Stage, verdict: VerdictName, chain: list[Diagnosis]) -> Outage:
    times = [found.since for found in chain if found.since is not None]
    videos = tuple((found.uid, found.video_id) for found in chain)
    return Outage(stage, verdict, min(times), max(times), videos)


def _order(video: StuckVideo) -> tuple[int, int, timedelta, str, str]:
    found = video.diagnosis
    rank = _RANK.index(found.verdict)
    return (SEVERITIES.index(found.severity), rank, -(found.age or timedelta(0)), found.uid, found.video_id)
