"""Stuck now: every video that needs a person, found cheaply by status and then diagnosed one by one, some at a time.

Candidates: videos in progress that nothing has touched past the limit (those without `updated_at` too), videos that
failed lately, and the delivered ones that were touched last, because a status of "completed" does not prove that the
customer sees anything. What was left out is said in the notes. Without the index for a question across all users, the
users are gone through one by one, and the answer says which index is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from storage.clients.meter import metering
from storage.diagnose import Case, Owner, diagnose, read_owner
from storage.domain.diagnosis import Known, Outage, StuckVideo, outages, worst_first
from storage.domain.documents import VIDEOS
from storage.domain.integrity.join import CLOCK_TOLERANCE, statuses
from storage.errors import MissingIndex, StorageError
from storage.text import number
from storage.verify_facts import READERS, Checker, Scope, each

LIGHT = Scope(caches=False, uploads=False, readers=1)  # many videos at once; each of them reads one after the other

IN_PROGRESS = ("processing",)
FAILED = ("failed",)
DELIVERED = ("analyzed", "completed")
COUNTED = 10_000  # videos of one status that are counted to find those of none: at most some 90 reads


@dataclass(frozen=True, slots=True)
class Reach:
    """How far to look. `candidates` bounds what is read for each group, `delivered` what is looked at of those done."""

    failed_within: timedelta = timedelta(days=30)
    delivered_within: timedelta = timedelta(days=30)
    delivered: int = 200
    candidates: int = 2_000


@dataclass(frozen=True, slots=True)
class StuckList:
    """The answer. `missing_index` is the definition to deploy where the list had to be made user by user.

    `looked_at` counts the videos that were diagnosed; `notes` say what was not looked at. `error` is the first thing
    that a store refused or did not answer: the verdicts of those videos are about that. `complete` is false there, and
    where more candidates are in progress or failed than were considered: then the list is a lower bound.
    """

    videos: tuple[StuckVideo, ...]
    outages: tuple[Outage, ...]
    looked_at: int
    notes: tuple[str, ...]
    missing_index: Mapping[str, Any] | None
    made_at: datetime
    cost: Mapping[str, int]
    error: StorageError | None = None
    complete: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The document of `diagnose --stuck --json`."""
        return {
            "videos": [video.as_dict() for video in self.videos],
            "outages": [outage.as_dict() for outage in self.outages],
            "looked_at": self.looked_at,
            "notes": list(self.notes),
            "complete": self.complete,
            "missing_index": dict(self.missing_index) if self.missing_index else None,
            "made_at": self.made_at,
            "cost": dict(self.cost),
        }


@dataclass(frozen=True, slots=True)
class _Candidates:
    """(uid, video id) pairs to diagnose, and what was left out on the way."""

    pairs: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    missing_index: Mapping[str, Any] | None = None
    cut: bool = False


def stuck(checker: Checker, reach: Reach = Reach()) -> StuckList:
    """Every video that needs a person, worst first, with outages. Raises what keeps the candidates from being found."""
    with metering() as meter:
        candidates = _candidates(checker, reach)
        owners = _owners(checker, candidates.pairs)
        cases = each(lambda pair: _case(checker, pair, owners), candidates.pairs, READERS)
    needy = [_row(case) for case in cases if case.diagnosis.needs_person]
    error = next((case.error for case in cases if case.error is not None), None)
    return StuckList(
        videos=worst_first(needy),
        outages=outages(needy),
        looked_at=len(cases),
        notes=candidates.notes,
        missing_index=candidates.missing_index,
        made_at=checker.clock(),
        cost=meter.cost().as_dict(),
        error=error,
        complete=error is None and not candidates.cut,
    )


def _case(checker: Checker, pair: tuple[str, str], owners: Mapping[str, Owner]) -> Case:
    found = diagnose(checker, *pair, scope=LIGHT, owner=owners[pair[0]])
    return replace(found, clips=None)  # of thousands of videos, nobody looks at the documents


def _owners(checker: Checker, pairs: tuple[tuple[str, str], ...]) -> dict[str, Owner]:
    uids = sorted({uid for uid, _ in pairs})
    return dict(zip(uids, each(lambda uid: read_owner(checker, uid), uids, READERS), strict=True))


def _row(case: Case) -> StuckVideo:
    user = case.user.value if isinstance(case.user, Known) else None
    return StuckVideo(case.diagnosis, user.email if user else None, user.plan if user else None)


def _candidates(checker: Checker, reach: Reach) -> _Candidates:
    try:
        frames, notes, cut = _by_status(checker, reach)
    except MissingIndex as missing:
        notes = [f"Made user by user, which reads every video: {missing.message}"]
        return _selected(checker, reach, pd.concat(_by_user(checker), ignore_index=True), notes, missing.definition)
    return replace(_selected(checker, reach, pd.concat(frames, ignore_index=True), notes, None), cut=cut)


def _by_status(checker: Checker, reach: Reach) -> tuple[list[pd.DataFrame], list[str], bool]:
    """Three questions across all users; whether one of them was cut at the bound."""
    # Not narrowed by `updated_at` here: a clock that jumped ahead would hide a video for as long as it jumped.
    asked = {"in progress": IN_PROGRESS, "failed": FAILED, "delivered": DELIVERED}
    if not reach.delivered:
        del asked["delivered"]
    tables = [checker.records.videos_by_status(group, limit=reach.candidates) for group in asked.values()]
    notes = [
        f"Only the first {len(table.frame):,} {group} videos were considered."
        for table, group in zip(tables, asked, strict=True)
        if not table.complete
    ]
    frames = [table.unbroken() for table in tables]
    counts = checker.records.status_counts(up_to=COUNTED)
    strange = counts["other"]
    if COUNTED in counts.values():
        notes.append("Too many videos to count here: whether some are without a known status, the rollup says.")
    elif strange:
        notes.append(f"{number(strange, 'video')} without a known status: only `python -m storage verify --all` looks.")
    return frames, notes, not all(table.complete for table in tables)


def _by_user(checker: Checker) -> list[pd.DataFrame]:
    """Every video of every user; only the columns that decide are kept."""
    kept = [VIDEOS.empty()[list(_DECIDING)]]
    for page in checker.records.iter_users():
        for uid in page.frame["uid"].tolist():
            kept.append(checker.records.videos(uid).unbroken()[list(_DECIDING)])
    return kept


_DECIDING = ("uid", "video_id", "status", "updated_at", "failed_at", "created_at", "exists")


def _selected(
    checker: Checker, reach: Reach, frame: pd.DataFrame, notes: list[str], missing: Mapping[str, Any] | None
) -> _Candidates:
    """The pairs worth a diagnosis, out of the videos found. An unknown status counts as in progress."""
    now = checker.clock()
    frame = frame[frame["exists"].to_numpy(dtype=bool, na_value=False)].drop_duplicates(["uid", "video_id"])
    status = pd.Series(statuses(frame["status"]), index=frame.index, dtype="object")
    touched = frame["updated_at"].fillna(frame["failed_at"]).fillna(frame["created_at"])
    failed = status.isin(FAILED)
    delivered = status.isin(DELIVERED)
    alive = (frame["updated_at"] > now - checker.stale_after) & (frame["updated_at"] <= now + CLOCK_TOLERANCE)
    waiting = ~failed & ~delivered & ~alive.fillna(False)
    lately = failed & ~(touched < now - reach.failed_within).fillna(False)
    recent = delivered & ~(touched < now - reach.delivered_within).fillna(False)
    newest = touched[recent].sort_values(ascending=False, kind="stable", na_position="first").index[: reach.delivered]
    chosen = waiting | lately | frame.index.isin(newest)
    pairs = zip(frame.loc[chosen, "uid"], frame.loc[chosen, "video_id"], strict=True)
    return _Candidates(tuple(sorted(pairs)), (*notes, *_left_out(reach, failed, lately, delivered, newest)), missing)


def _left_out(
    reach: Reach, failed: pd.Series, lately: pd.Series, delivered: pd.Series, newest: pd.Index
) -> Iterator[str]:
    old = int(failed.sum() - lately.sum())
    if old:
        yield f"{number(old, 'video')} that failed more than {reach.failed_within.days} days ago: not listed."
    unseen = int(delivered.sum()) - len(newest)
    if unseen > 0:
        yield f"{number(unseen, 'delivered video')} not looked at; `python -m storage verify --all` checks every one."
