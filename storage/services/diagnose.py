"""Diagnoses videos: gathers the facts about one video from both stores once, and lets the rules judge them.

`stuck` diagnoses every video that may need a person. It finds the candidates cheaply by their status and diagnoses them
one by one, some at a time. Candidates are videos in progress that nothing has touched past the limit (also videos
without `updated_at`), videos that failed lately, and the delivered videos that were touched last, because a status of
"completed" does not prove that the customer sees anything. The notes name the videos that were left out. Where the
index for a query across all users is missing, `stuck` reads the users one by one, and the answer names the index.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from storage.clients.meter import metering
from storage.domain import diagnosis, highlights, integrity
from storage.domain.amounts import exact_sum
from storage.domain.diagnosis import (
    Absent,
    ClipTally,
    Diagnosis,
    DraftDiagnosis,
    Fact,
    Known,
    ObjectTally,
    Outage,
    QuotaState,
    StuckVideo,
    Unknown,
    VideoFacts,
    groups,
    outages,
    worst_first,
)
from storage.domain.diagnosis.groups import FailedVideo, FailureGroup, Mark, failed_video
from storage.domain.diagnosis.outages import with_standing
from storage.domain.diagnosis.playing import Playing
from storage.domain.documents import VIDEOS, Table, User, Video
from storage.domain.drafts import DraftOrigin
from storage.domain.highlights import HighlightsState
from storage.domain.integrity import Controls, Report, Sample, UserFacts, media_objects
from storage.domain.integrity.contents import TOO_LARGE
from storage.domain.integrity.grid import VideoGrid, with_charge
from storage.domain.integrity.join import CLOCK_TOLERANCE, statuses
from storage.domain.purge.removed import Removed, removal_of
from storage.domain.usage import worker_refusal
from storage.errors import AccessDenied, MissingIndex, NotFound, StorageError
from storage.ids import check_stored_id
from storage.repositories.failure_groups import read_marks
from storage.repositories.jobs import jobs_of
from storage.services import drafts
from storage.services.highlights import read_documents
from storage.services.successes import last_successes
from storage.services.unlisted import unlisted
from storage.services.usage import read_account
from storage.services.verify import READERS, WHOLE, ReadScope, VerifyContext, each, gather, judged, with_looks
from storage.text import number

BY_ABSENCE = {"analysis_stalled", "highlights_missing", "clips_missing"}  # an empty bucket gives these verdicts too
NOT_ASKED = "It was not asked for, because the video's document was not read."


LOOKING = ReadScope(sample=Sample(thumbnails=False))
FEW = Sample(thumbnails=False, clips=24)
MOST_LOOKED = 240  # clips of all stuck videos that a list looks into: some 300 reads of the bucket
LIGHT = ReadScope(
    caches=False, uploads=False, links=False, readers=1
)  # many videos at once; each of them reads one after the other
IN_PROGRESS = ("processing",)
FAILED = ("failed",)
DELIVERED = ("analyzed", "completed")
_DECIDING = (
    *("uid", "video_id", "status", "updated_at", "failed_at", "created_at", "exists"),
    *("video_title", "error_message", "source_video_error", "youtube_id", "video_url"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One diagnosis with its facts (for the hand-over), the owner, and its cost.

    `clips` are the documents behind the diagnosis, with the time at which reading them began, and `gathered` are all
    the facts; both are `None` where Firestore gave no answer.
    """

    diagnosis: Diagnosis
    facts: VideoFacts
    user: Fact[User]
    cost: Mapping[str, int]
    error: StorageError | None = None
    clips: Table | None = None
    gathered: UserFacts | None = None


@dataclass(frozen=True, slots=True)
class VideoOwner:
    """The owner of a video and the state of the quotas, read once for all videos of the owner."""

    user: Fact[User]
    quota: Fact[QuotaState]


def diagnose(
    checker: VerifyContext,
    uid: str,
    video_id: str,
    *,
    scope: ReadScope = WHOLE,
    owner: VideoOwner | None = None,
    doubted: bool = False,
) -> Case:
    """The case of one video. Raises only `BadInput`, for a malformed id.

    `doubted` is for callers that are about to change something: where no object that the video claims was found, this
    looks for controls with any verdict, and it looks into the clips, as with the scope `LOOKING`.

    A store that refuses or is away gives a case with a verdict about that; `error` is then the store's error.
    """
    check_stored_id(uid, "uid")
    check_stored_id(video_id, "video_id")
    if doubted and scope.sample is None:
        scope = replace(scope, sample=LOOKING.sample)
    with metering() as meter:
        facts, found, error = _facts(checker, uid, video_id, scope, owner, doubted)
    clips = found.clips if found is not None else None
    return Case(diagnosis.diagnose(facts), facts, facts.user, meter.cost().as_dict(), error, clips, found)


def grid_of(case: Case, origin: Fact[DraftOrigin] | None = None) -> VideoGrid | None:
    """The grid of the case's video, by the charge of its last rendering where that is known; `None` without a check."""
    grid = case.facts.report.grid if case.facts.report is not None else None
    known = origin or case.facts.origin
    charge = known.value.last_rendering if isinstance(known, Known) else None
    if grid is None or charge is None or not charge.styles:
        return grid
    return with_charge(grid, charge.styles, charge.scenes)


def read_origin(checker: VerifyContext, case: Case) -> Fact[DraftOrigin]:
    """The charges of the video, where the case has not read them: a read for each, at least one."""
    if isinstance(case.facts.origin, Known):
        return case.facts.origin
    return _origin(checker, case.facts.uid, case.facts.video_id)


def to_look_into(checker: VerifyContext, case: Case, sample: Sample) -> int:
    """The number of clips in the sample without a look so far, by the looks that the checker keeps."""
    if case.gathered is None:
        return 0
    wanted = media_objects(case.gathered, checker.clock(), checker.stale_after, checker.layout, sample)
    return sum(not checker.looks.knows(checker.objects.bucket, item) for item in wanted)


def looked_into(checker: VerifyContext, case: Case, sample: Sample) -> Case:
    """The same case after a look into its clips; nothing else is read again. A case without clips comes back itself."""
    if case.gathered is None:
        return case
    with metering() as meter:
        found = with_looks(checker, case.gathered, sample)
        found, report = judged(checker, replace(found, controls=_controls(case)))
        objects, error = _objects(checker, found, report, case.facts.now)
    facts = replace(case.facts, objects=objects, report=report)
    cost = meter.cost().as_dict()
    return replace(case, diagnosis=diagnosis.diagnose(facts), facts=facts, cost=cost, error=error, gathered=found)


def _controls(case: Case) -> Controls | None:
    """The controls behind the case's judgement."""
    return case.facts.report.controls if case.facts.report is not None else None


def read_owner(checker: VerifyContext, uid: str) -> VideoOwner:
    """User, plan and accounting: 3 reads, or as `read_account` says. A fact that could not be read is unknown."""
    try:
        account = read_account(checker.records, uid, checker.plan_limits)
    except NotFound:
        return VideoOwner(Absent(), Absent())
    except StorageError as error:
        return VideoOwner(unknown(error), unknown(error))
    found = account.usage(None, checker.clock())
    quotas = {"storage": found.storage, "clips": found.clips, "credits": found.credits}
    exceeded = tuple(name for name, quota in quotas.items() if quota is not None and quota.state == "exceeded")
    return VideoOwner(Known(account.user), Known(QuotaState(found.plan.plan_id, exceeded, worker_refusal(found))))


def unknown(error: StorageError) -> Unknown:
    """The fact that stands for an error."""
    return Unknown(error.message, error.code, error.remedy, refused=isinstance(error, AccessDenied))


def _facts(
    checker: VerifyContext, uid: str, video_id: str, scope: ReadScope, owner: VideoOwner | None, doubted: bool
) -> tuple[VideoFacts, UserFacts | None, StorageError | None]:
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
        deployment=checker.deployment,
    )
    verdict = diagnosis.diagnose(facts).verdict
    if verdict == "record_incomplete" or (video is not None and _may_be_refused(owner, video)):
        facts = replace(facts, origin=_origin(checker, uid, video_id))
    if verdict == "not_found":
        facts = replace(facts, removed=_removed(checker, uid, video_id))
    if verdict in BY_ABSENCE and report.controls is None:
        found, report = judged(checker, found, doubted=True)
        facts = replace(facts, report=report)
    return facts, found, error


def _removed(checker: VerifyContext, uid: str, video_id: str) -> Fact[Removed]:
    """The purge that took the video: a read for each purge of this user, at least one."""
    try:
        found = removal_of(jobs_of(checker.records).of_user(uid), video_id)
    except StorageError as error:
        return unknown(error)
    return Absent() if found is None else Known(found)


def _may_be_refused(owner: VideoOwner, video: Video) -> bool:
    """Whether the video is completed and its owner has no room for a clip: the charges tell whether one was refused."""
    state = owner.quota.value if isinstance(owner.quota, Known) else None
    full = state is not None and bool(state.worker_refuses or "storage" in state.exceeded)
    return full and video.exists and (video.status or "").strip().lower() == "completed"


def _origin(checker: VerifyContext, uid: str, video_id: str) -> Fact[DraftOrigin]:
    try:
        return Known(drafts.origin_of(checker.records, uid, video_id))
    except StorageError as error:
        return unknown(error)


def _exists(user: Fact[User]) -> bool | None:
    if isinstance(user, Unknown):
        return None
    return isinstance(user, Known) and user.value.exists


def _unread(checker: VerifyContext, uid: str, video_id: str, owner: VideoOwner, fault: Unknown) -> VideoFacts:
    """The facts where Firestore gave no answer: the bucket is not asked, because its answer would prove nothing."""
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
        deployment=checker.deployment,
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
    checker: VerifyContext, found: UserFacts, report: Report, now: datetime
) -> tuple[Fact[ObjectTally], StorageError | None]:
    """The tally, or why there is none: the listing of the clips' prefix must be complete, and every key answered."""
    own = found.listings[0].table
    if not own.complete:
        error = own.error
        return (unknown(error), error) if error else (Unknown("The listing stopped before its end.", "cut_short"), None)
    counts = integrity.clip_objects(found, now, checker.stale_after, checker.layout)
    if counts.unknown and report.failures:
        failure = next((each for each in report.failures if "/" in each.target), report.failures[0])
        refused = failure.code in {"access_denied", "bad_credentials"}
        return Unknown(failure.message, failure.code, failure.remedy, refused=refused), None
    silent = [look for look in (found.looks or {}).values() if look.kind == "clip" and not look.looked]
    failed = next((look for look in silent if look.code != TOO_LARGE), None)
    if failed is not None and len(silent) == counts.unanswered == counts.claimed and not counts.broken:
        refused = failed.code in {"access_denied", "bad_credentials"}
        return Unknown(failed.words, failed.code, refused=refused), None
    broken = {str(kind): number for kind, number in counts.broken.items()}
    why = silent[0].words if silent else "players differ about it"
    playing = Playing(counts.plays, counts.does_not_play, counts.unanswered, counts.unasked, counts.troubled, why)
    return Known(ObjectTally(counts.claimed, counts.intact, broken, counts.first_at, counts.last_at, playing)), None


def _stored(checker: VerifyContext, found: UserFacts, video: Video | None) -> HighlightsState:
    if video is None or not video.exists:
        return highlights.unknown("object", "The video has no document, so highlights.json was not looked at.")
    return found.highlights[video.video_id]


def _document(checker: VerifyContext, found: UserFacts, uid: str, video_id: str) -> HighlightsState:
    known = found.highlights_documents.get(video_id)
    return known if known is not None else read_documents(checker.records, uid, [video_id])[video_id]


def _source(checker: VerifyContext, found: UserFacts, video: Video | None) -> bool | None:
    """Whether the cached source is there; `None` where its prefix was not listed to the end."""
    if video is None:
        return None
    key = video.source_video_r2_key or checker.layout.source_key(video.uid, video.video_id)
    for listing in found.listings:
        if key.startswith(listing.prefix):
            there = key in set(listing.table.frame["key"])
            return True if there else (False if listing.table.complete else None)
    return None


@dataclass(frozen=True, slots=True)
class Reach:
    """The extent of `stuck`. `candidates` bounds the reads for each group, `delivered` the finished videos to check."""

    failed_within: timedelta = timedelta(days=30)
    delivered_within: timedelta = timedelta(days=30)
    delivered: int = 200
    candidates: int = 2_000


@dataclass(frozen=True, slots=True)
class StuckList:
    """The answer. `missing_index` is the definition to deploy where the list had to be made user by user.

    `looked_at` counts the diagnosed videos; `notes` name those that were left out. `error` is the first error of a
    store; the verdicts of the videos concerned are about that. `complete` is false there, and where more candidates are
    in progress or failed than were considered, or where some videos without a known status (the product treats them as
    being processed, and no query finds them: `unlisted`) were not found: then the list is a lower bound.
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
    drafts: tuple[DraftDiagnosis, ...] = ()
    failed: tuple[FailedVideo, ...] = ()
    groups: tuple[FailureGroup, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The document of `diagnose --stuck --json`."""
        return {
            "videos": [video.as_dict() for video in self.videos],
            "drafts": [draft.as_dict() for draft in self.drafts],
            "outages": [outage.as_dict() for outage in self.outages],
            "failed": [video.as_dict() for video in self.failed],
            "groups": [group.as_dict() for group in self.groups],
            "looked_at": self.looked_at,
            "notes": list(self.notes),
            "complete": self.complete,
            "missing_index": dict(self.missing_index) if self.missing_index else None,
            "made_at": self.made_at,
            "cost": dict(self.cost),
        }


@dataclass(frozen=True, slots=True)
class _Candidates:
    """(uid, video id) pairs to diagnose, and notes about the videos that were left out."""

    pairs: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    missing_index: Mapping[str, Any] | None = None
    cut: bool = False
    failed: tuple[FailedVideo, ...] = ()


def stuck(checker: VerifyContext, reach: Reach = Reach()) -> StuckList:
    """Every video and draft that needs a person, worst first, with outages.

    Raises the error that stops the search for candidates.
    """
    with metering() as meter:
        candidates = _candidates(checker, reach)
        owners = _owners(checker, candidates.pairs)
        cases = each(lambda pair: _case(checker, pair, owners), candidates.pairs, READERS)
        cases, unseen = _looked_at(checker, cases)
        waiting = drafts.needy(checker, limit=reach.candidates, failed_within=reach.failed_within)
        needy = [_row(case) for case in cases if case.diagnosis.needs_person]
        together = outages(needy)
        diagnosed = [_row(case) for case in cases]
        addresses = {one.diagnosis.uid: one.email for one in diagnosed}
        failed = tuple(replace(one, email=addresses.get(one.uid)) for one in candidates.failed)
        steps = {outage.stage for outage in together} | groups.stages(candidates.failed, diagnosed)
        successes = last_successes(checker, steps)
        marks, unmarked = _marks(checker, candidates.failed, needy)
    error = next((case.error for case in cases if case.error is not None), None)
    return StuckList(
        videos=worst_first(needy),
        outages=with_standing(together, successes, now=checker.clock(), stale_after=checker.stale_after),
        looked_at=len(cases),
        notes=(*candidates.notes, *unseen, *waiting.notes, *unmarked),
        missing_index=candidates.missing_index,
        made_at=checker.clock(),
        cost=meter.cost().as_dict(),
        error=error,
        complete=error is None and not candidates.cut and waiting.complete,
        drafts=waiting.drafts,
        failed=failed,
        groups=groups.groups(
            failed,
            diagnosed,
            marks=marks,
            successes=successes,
            now=checker.clock(),
            stale_after=checker.stale_after,
        ),
    )


def _marks(
    checker: VerifyContext, failed: Sequence[FailedVideo], needy: Sequence[StuckVideo]
) -> tuple[Mapping[str, Mark], list[str]]:
    """What persons said of groups; a note where that could not be read. Nothing is read where there is no group."""
    if not failed and not needy:
        return {}, []
    try:
        return read_marks(checker.records), []
    except StorageError as error:
        return {}, [f"Which groups of failures were archived or resolved could not be read: {error.message}"]


def _case(checker: VerifyContext, pair: tuple[str, str], owners: Mapping[str, VideoOwner]) -> Case:
    found = diagnose(checker, *pair, scope=LIGHT, owner=owners[pair[0]])
    return found if _claims_clips(found) else _lean(found)


def _lean(found: Case) -> Case:
    return replace(found, clips=None, gathered=None)  # for thousands of videos, nobody needs the documents


def _claims_clips(found: Case) -> bool:
    """Whether the video seems to lack its status alone: only a look tells whether its clips are clips."""
    objects = found.facts.objects
    return found.diagnosis.verdict == "status_stuck" and isinstance(objects, Known) and objects.value.named > 0


def _looked_at(checker: VerifyContext, cases: Sequence[Case]) -> tuple[list[Case], tuple[str, ...]]:
    """The cases after a look into the clips of those that claim to be done, the longest waiting first, up to a bound;
    and a note about those without one."""
    claiming = [at for at, case in enumerate(cases) if _claims_clips(case)]
    claiming.sort(key=lambda at: cases[at].diagnosis.age or timedelta(0), reverse=True)
    chosen, room = list[int](), MOST_LOOKED
    for at in claiming:
        wanted = to_look_into(checker, cases[at], FEW)
        if wanted <= room:
            chosen.append(at)
            room -= wanted
    seen = each(lambda at: looked_into(checker, cases[at], FEW), chosen, READERS)
    after = dict(zip(chosen, seen, strict=True))
    left = len(claiming) - len(chosen)
    words = (
        "whose clips are all there: not looked into, so whether they play is not known; diagnose UID VIDEO_ID looks."
    )
    notes = (f"{number(left, 'video')} {words}",) if left else ()
    return [_lean(after.get(at, case)) for at, case in enumerate(cases)], notes


def _owners(checker: VerifyContext, pairs: tuple[tuple[str, str], ...]) -> dict[str, VideoOwner]:
    uids = sorted({uid for uid, _ in pairs})
    return dict(zip(uids, each(lambda uid: read_owner(checker, uid), uids, READERS), strict=True))


def _row(case: Case) -> StuckVideo:
    user = case.user.value if isinstance(case.user, Known) else None
    video = case.facts.video.value if isinstance(case.facts.video, Known) else None
    title = video.video_title if video else None
    return StuckVideo(case.diagnosis, user.email if user else None, user.plan if user else None, title)


def _candidates(checker: VerifyContext, reach: Reach) -> _Candidates:
    try:
        frames, notes, cut = _by_status(checker, reach)
    except MissingIndex as missing:
        notes = [f"Made customer by customer, which reads every video: {missing.message}"]
        return _selected(checker, reach, pd.concat(_by_user(checker), ignore_index=True), notes, missing.definition)
    return replace(_selected(checker, reach, pd.concat(frames, ignore_index=True), notes, None), cut=cut)


def _by_status(checker: VerifyContext, reach: Reach) -> tuple[list[pd.DataFrame], list[str], bool]:
    """Three queries across all users; and whether one of them stopped at the bound, or some videos are in none."""
    # The queries do not use `updated_at`: a clock that jumped ahead would hide a video for as long as it jumped.
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
    others = unlisted(checker, frames, reach.candidates)
    whole = others.complete and all(table.complete for table in tables)
    return [*frames, *others.frames], [*notes, *others.notes], not whole


def _by_user(checker: VerifyContext) -> list[pd.DataFrame]:
    """Every video of every user, with only the columns that decide."""
    kept = [VIDEOS.empty()[list(_DECIDING)]]
    for page in checker.records.iter_users():
        for uid in page.frame["uid"].tolist():
            kept.append(checker.records.videos(uid).unbroken()[list(_DECIDING)])
    return kept


def _selected(
    checker: VerifyContext, reach: Reach, frame: pd.DataFrame, notes: list[str], missing: Mapping[str, Any] | None
) -> _Candidates:
    """The pairs to diagnose, out of the videos found. An unknown status counts as in progress."""
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
    uncreated = delivered & frame["created_at"].isna() & ~alive.fillna(False)
    chosen = waiting | lately | uncreated | frame.index.isin(newest)
    pairs = zip(frame.loc[chosen, "uid"], frame.loc[chosen, "video_id"], strict=True)
    notes = [*notes, *_left_out(reach, failed, lately, delivered, newest)]
    return _Candidates(tuple(sorted(pairs)), tuple(notes), missing, failed=_failed(frame[failed], now))


def _failed(frame: pd.DataFrame, now: datetime) -> tuple[FailedVideo, ...]:
    """The failed videos by their own documents, which the search for candidates read anyhow; the newest first."""
    found = []
    for row in frame.astype("object").where(frame.notna(), None).to_dict("records"):
        times = (row["failed_at"], row["updated_at"], row["created_at"])
        at = next((at.to_pydatetime() for at in times if at is not None and at <= now + CLOCK_TOLERANCE), None)
        text = row.get("error_message") or row.get("source_video_error")
        ids = [one for one in (row.get("youtube_id"), row.get("video_url")) if one]
        found.append(failed_video(row["uid"], row["video_id"], row.get("video_title"), at, text, ids=ids))
    return tuple(sorted(found, key=lambda one: (one.at is None, -(one.at or now).timestamp(), one.uid, one.video_id)))


def _left_out(
    reach: Reach, failed: pd.Series, lately: pd.Series, delivered: pd.Series, newest: pd.Index
) -> Iterator[str]:
    old = int(failed.sum() - lately.sum())
    if old:
        yield f"{number(old, 'video')} that failed more than {reach.failed_within.days} days ago: not listed."
    unseen = int(delivered.sum()) - len(newest)
    if unseen > 0:
        yield f"{number(unseen, 'delivered video')} not looked at; `python -m storage verify --all` checks every one."
