"""What happened here: what the jobs of purges tell of a thing that is gone, by whom, when, why, and until when it can
be put back.

A thing is never just not there while a job says more. Support is told everything but names of staff and reasons: those
may hold what one colleague wrote to another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from storage.domain.policy import Action
from storage.domain.purge.job import ENDED, Job
from storage.domain.purge.plan import PurgePlan
from storage.domain.purge.scope import Kind
from storage.text import moment, quoted

Phase = Literal["removed", "being removed", "being put back", "put back"]
MOST_NAMES = 2_000  # a document has at most 40,000 entries in indexes, and 1 MiB
_WHAT: dict[Kind, str] = {"user": "The account", "video": "The video", "clip": "The clip", "clips": "The clips"}
FULLY_TOLD: Final[Action] = "verify"  # the action of the policy whose holders are told names of staff and reasons


def address_digest(address: str) -> str:
    """By what a purged customer's address is found again while the purge can be undone; the job holds no address."""
    return hashlib.sha256("".join(address.split()).casefold().encode()).hexdigest()


def taken_names(plan: PurgePlan) -> tuple[str, ...]:
    """The videos and public links by which a purge is found that its scope does not name; a bounded number."""
    parts = [document.path.split("/") for document in plan.documents]
    videos = {part[3] for part in parts if len(part) > 3 and part[2] == "videos"} - {plan.scope.video_id}
    links = {f"/c/{part[1]}" for part in parts if part[0] == "share_slugs"}
    return tuple(sorted(name for name in videos | links if not name.startswith("__"))[:MOST_NAMES])


@dataclass(frozen=True, slots=True)
class Removed:
    """A purge as it stands. `undo_until` is `None` where nothing can be put back, or where no time ends that."""

    job_id: str
    uid: str
    video_id: str
    video_ids: tuple[str, ...]
    clip_ids: tuple[str, ...]
    kind: Kind
    spelled: str
    phase: Phase
    erased: bool
    by: str
    reason: str
    at: datetime
    can_be_undone: bool
    undo_until: datetime | None

    @property
    def there_again(self) -> bool:
        return self.phase == "put back"

    @property
    def until(self) -> str:
        """Until when it can be put back, as a sentence."""
        if self.there_again:
            return "It was put back."
        if self.phase == "being put back":
            return "It is being put back now."
        if self.erased:
            return "It was erased, for good: nothing of it is kept."
        if not self.can_be_undone:
            return "It can no longer be put back: the copies are gone."
        return f"It can be put back until {moment(self.undo_until)}." if self.undo_until else "It can be put back."

    def told(self, *, full: bool) -> str:
        """What happened, for a person who may be told names and reasons, or (not `full`) may not."""
        who = f"by {self.by}" if full else "by a person who may purge"
        why = f": {quoted(self.reason, 300)}" if full and self.reason else ""
        was = "is being removed" if self.phase == "being removed" else "was removed"
        were = was.replace("was", "were").replace("is ", "are ") if self.kind == "clips" else was
        when = f" on {moment(self.at)}" if self.phase != "being removed" else ""
        return f"{_WHAT[self.kind]} {were}{when} {who}{why} (job {self.job_id}). {self.until}"

    def as_dict(self) -> dict[str, Any]:
        return {
            "job_id": self.job_id,
            "scope": self.spelled,
            "phase": self.phase,
            "by": self.by,
            "reason": self.reason,
            "at": self.at,
            "erased": self.erased,
            "can_be_undone": self.can_be_undone,
            "undo_until": self.undo_until,
        }


def removed_by(job: Job) -> Removed | None:
    """What a job removed; `None` for one that is no purge, or took nothing."""
    tally, scope = job.tally, job.scope
    going = job.state not in ENDED and job.state != "undoing"
    if job.kind != "purge" or (going and not (tally.objects or tally.documents)):
        return None
    phase: Phase = "being removed" if going else "removed"
    if job.state in {"undoing", "undone"}:
        phase = "put back" if job.state == "undone" else "being put back"
    expired = job.quarantine_over and not job.undo_failed
    can = job.quarantine == "kept" and not job.erase and not expired and phase in {"removed", "being removed"}
    return Removed(
        job_id=job.job_id,
        uid=scope.uid,
        video_id=scope.video_id or "",
        video_ids=scope.video_ids,
        clip_ids=tuple(clip.clip_id for clip in scope.clips),
        kind=scope.kind,
        spelled=scope.spelled,
        phase=phase,
        erased=job.erase,
        by=job.actor,
        reason=job.reason,
        at=job.finished_at or job.started_at or job.created_at,
        can_be_undone=can,
        undo_until=job.quarantine_until if can and not job.undo_failed else None,
    )


def removals(jobs: Iterable[Job]) -> tuple[Removed, ...]:
    """What these jobs removed, the newest first."""
    found = (removed_by(job) for job in sorted(jobs, key=lambda job: job.created_at, reverse=True))
    return tuple(one for one in found if one is not None)


def removal_of(jobs: Iterable[Job], video_id: str = "", clip_id: str = "") -> Removed | None:
    """The newest purge that took this thing of its user (without ids, the user) and has not put it back."""
    mine = (job for job in jobs if job.scope.kind == "user" or (video_id and job.scope.holds(video_id, clip_id)))
    return next((one for one in removals(mine) if not one.there_again), None)
