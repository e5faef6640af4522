"""Still processing: gathers the facts about one video from both stores once, and lets the pure rules judge.

`storage.diagnose_stuck` asks the same for every video that may need a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import pandas as pd

from storage.account import read_account
from storage.clients.meter import metering
from storage.domain import diagnosis, highlights, integrity, usage
from storage.domain.amounts import exact_sum
from storage.domain.diagnosis import (
    Absent,
    ClipTally,
    Diagnosis,
    Fact,
    Known,
    ObjectTally,
    QuotaState,
    Unknown,
    VideoFacts,
)
from storage.domain.documents import Table, User, Video
from storage.domain.highlights import HighlightsState
from storage.domain.integrity import Report, UserFacts
from storage.domain.integrity.join import CLOCK_TOLERANCE, statuses
from storage.errors import AccessDenied, NotFound, StorageError
from storage.ids import check_stored_id
from storage.verify_facts import WHOLE, Checker, Scope, document_state, gather, judged

BY_ABSENCE = {"analysis_stalled", "highlights_missing", "clips_missing"}  # what an empty bucket looks like, too
NOT_ASKED = "It was not asked for, because the video's document was not read."


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One diagnosis with the facts under it (for the hand-over), the owner, and what it cost.

    `clips` are the very documents that it was made from, with the time at which reading them began; `None` where
    Firestore gave no answer.
    """

    diagnosis: Diagnosis
    facts: VideoFacts
    user: Fact[User]
    cost: Mapping[str, int]
    error: StorageError | None = None
    clips: Table | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """The user of a video and the state of the quotas; read once for all videos of the user."""

    user: Fact[User]
    quota: Fact[QuotaState]


def diagnose(
    checker: Checker,
    uid: str,
    video_id: str,
    *,
    scope: Scope = WHOLE,
    owner: Owner | None = None,
    doubted: bool = False,
) -> Case:
    """The case of one video. Raises only `BadInput`, for an id that is none.

    `doubted`: for whoever is about to change something. Where nothing that the video claims was found, controls are
    looked for, whatever the verdict.

    A store that refuses or is away makes a case whose verdict is about that; `error` is then what it said.
    """
    check_stored_id(uid, "uid")
    check_stored_id(video_id, "video_id")
    with metering() as meter:
        facts, clips, error = _facts(checker, uid, video_id, scope, owner, doubted)
    return Case(diagnosis.diagnose(facts), facts, facts.user, meter.cost().as_dict(), error, clips)


def read_owner(checker: Checker, uid: str) -> Owner:
    """User, plan and accounting: at most 3 reads. What could not be read is unknown."""
    try:
        account = read_account(checker.records, uid, checker.plan_limits)
    except NotFound:
        return Owner(Absent(), Absent())
    except StorageError as error:
        return Owner(unknown(error), unknown(error))
    found = usage.evaluate(uid, account.user, account.accounting, account.plan, None, None, checker.clock())
    quotas = {"storage": found.storage, "clips": found.clips, "credits": found.credits}
    exceeded = tuple(name for name, quota in quotas.items() if quota is not None and quota.state == "exceeded")
    return Owner(Known(account.user), Known(QuotaState(account.plan.plan_id, exceeded)))


def unknown(error: StorageError) -> Unknown:
    """An error as a fact."""
    return Unknown(error.message, error.code, error.remedy, refused=isinstance(error, AccessDenied))


def _facts(
    checker: Checker, uid: str, video_id: str, scope: Scope, owner: Owner | None, doubted: bool
) -> tuple[VideoFacts, Table | None, StorageError | None]:
    owner = owner or read_owner(checker, uid)
    try:
        video = checker.records.video(uid, video_id)
        found = gather(checker, uid, video_id, scope, video=video, user_exists=_exists(owner.user))
        found, report = judged(checker, found, doubted=doubted)
    except StorageError as fault:
        return _unread(checker, uid, video_id, owner, unknown(fault)), None, fault
    now = checker.clock()
    objects, error = _objects(checker, found, report, now)
    facts = VideoFacts(
        uid=uid,
        video_id=video_id,
        now=now,
        stale_after=checker.stale_after,
        video=Known(video) if video is not None else Absent(),
        clips=_clips(found, now),
        objects=objects,
        highlights_object=_stored(checker, found, video),
        highlights_document=_document(checker, found, uid, video_id),
        user=owner.user,
        quota=owner.quota,
        source_present=_source(checker, found, video),
        report=report,
    )
    if diagnosis.diagnose(facts).verdict in BY_ABSENCE and report.controls is None:
        _, report = judged(checker, found, doubted=True)
        facts = replace(facts, report=report)
    return facts, found.clips, error


def _exists(user: Fact[User]) -> bool | None:
    if isinstance(user, Unknown):
        return None
    return isinstance(user, Known) and user.value.exists


def _unread(checker: Checker, uid: str, video_id: str, owner: Owner, fault: Unknown) -> VideoFacts:
    """The facts where Firestore gave no answer: the bucket is not asked, because nothing would follow from it."""
    return VideoFacts(
        uid=uid,
        video_id=video_id,
        now=checker.clock(),
        stale_after=checker.stale_after,
        video=fault,
        clips=fault,
        objects=Unknown(NOT_ASKED),
        highlights_object=highlights.unknown("object", NOT_ASKED),
        highlights_document=highlights.unknown("document", NOT_ASKED),
        user=owner.user,
        quota=owner.quota,
    )


def _clips(found: UserFacts, now: datetime) -> Fact[ClipTally]:
    if not found.clips.complete:
        error = found.clips.error
        return unknown(error) if error else Unknown("Reading the clip documents stopped before the end.", "cut_short")
    frame = found.clips.frame
    frame = frame[frame["exists"].to_numpy(dtype=bool, na_value=True)]
    status = statuses(frame["status"])
    times = pd.concat([frame[name] for name in ("created_at", "completed_at", "updated_at")]).dropna()
    times = times[times <= now + CLOCK_TOLERANCE]
    return Known(
        ClipTally(
            total=len(frame),
            completed=status.count("completed"),
            processing=status.count("processing"),
            failed=status.count("failed"),
            size_bytes=exact_sum(frame["file_size_bytes"]),
            sized=int(frame["file_size_bytes"].notna().sum()),
            first_at=times.min().to_pydatetime() if len(times) else None,
            last_at=times.max().to_pydatetime() if len(times) else None,
        )
    )


def _objects(
    checker: Checker, found: UserFacts, report: Report, now: datetime
) -> tuple[Fact[ObjectTally], StorageError | None]:
    """The tally, or why there is none: the listing of the clips' own prefix must have ended, and every key answered."""
    own = found.listings[0].table
    if not own.complete:
        error = own.error
        return (unknown(error), error) if error else (Unknown("The listing stopped before its end.", "cut_short"), None)
    counts = integrity.clip_objects(found, now, checker.stale_after, checker.layout)
    if counts.unknown and report.failures:
        failure = next((each for each in report.failures if "/" in each.target), report.failures[0])
        refused = failure.code in {"access_denied", "bad_credentials"}
        return Unknown(failure.message, failure.code, failure.remedy, refused=refused), None
    broken = {str(kind): number for kind, number in counts.broken.items()}
    return Known(ObjectTally(counts.claimed, counts.intact, broken, counts.first_at, counts.last_at)), None


def _stored(checker: Checker, found: UserFacts, video: Video | None) -> HighlightsState:
    if video is None or not video.exists:
        return highlights.unknown("object", "It was not looked at: the video has no document.")
    return found.highlights[video.video_id]


def _document(checker: Checker, found: UserFacts, uid: str, video_id: str) -> HighlightsState:
    known = found.highlights_documents.get(video_id)
    return known if known is not None else document_state(checker.records, uid, video_id)


def _source(checker: Checker, found: UserFacts, video: Video | None) -> bool | None:
    """Whether the cached source is there; `None` where its prefix was not listed to the end."""
    if video is None:
        return None
    key = video.source_video_r2_key or checker.layout.source_key(video.uid, video.video_id)
    for listing in found.listings:
        if key.startswith(listing.prefix):
            there = key in set(listing.table.frame["key"])
            return True if there else (False if listing.table.complete else None)
    return None
