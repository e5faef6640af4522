"""Upload status: reads one user, one video or the whole bucket user by user, and lets the pure rules judge.

Memory stays flat: of a whole bucket, one user's facts are held at a time; reports are handed on as they come.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from storage.clients.meter import check as check_budgets
from storage.clients.meter import metering
from storage.domain.integrity import Checked, Failure, Finding, InFlight, Report, Totals
from storage.errors import AccessDenied, BackendError, BadCredentials, BadInput, NotFound, StorageError
from storage.ids import check_stored_id
from storage.repositories.records import Records
from storage.verify_facts import WHOLE, Checker, Scope, checker, failed, gather, judged

MAX_SHARDS = 1_000
MAX_REFUSED = 25  # one refusal can be a passing fault; so many in a row are a token without the right to list

Standing = Literal["still there", "gone", "unknown"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scan of the whole bucket is. `users_total` and `seconds_left` are `None` where they are not known."""

    users_done: int
    users_total: int | None
    seconds: float
    last_uid: str

    @property
    def users_per_second(self) -> float:
        """The rate since this run began."""
        return self.users_done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far."""
        if self.users_total is None or not self.users_per_second:
            return None
        return max(0, self.users_total - self.users_done) / self.users_per_second


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What became of one finding. `now` is the finding as it is found today, where it is still there."""

    finding: Finding
    standing: Standing
    checked_at: datetime
    now: Finding | None
    reason: str = ""


def verify_user(checker: Checker, uid: str, video_id: str | None = None, scope: Scope = WHOLE) -> Report:
    """One user, or one video of a user, with what it cost.

    Raises `BadInput` for an id that is none, `NotFound` where neither store holds anything under it, and what kept
    Firestore from answering at all; a bucket that refuses or is away is a report that says so.
    """
    check_stored_id(uid, "uid")
    if video_id is not None:
        check_stored_id(video_id, "video_id")
    with metering() as meter:
        facts = gather(checker, uid, video_id, scope)
        check_budgets()  # what was not read for want of budget is no finding
        facts, report = judged(checker, facts)
    empty = not len(facts.videos.frame) and not len(facts.clips.frame) and not report.checked.objects
    if empty and report.complete and not (facts.user_exists and video_id is None):
        what = f"no user {uid}" if video_id is None else f"no video {video_id} of user {uid}"
        raise NotFound(
            f"There is {what}: neither a document nor an object.",
            remedy="Look it up with find; ids are case-sensitive.",
            target=video_id or uid,
        )
    return report.with_cost(meter.cost().as_dict())


def verify_all(
    checker: Checker,
    *,
    shard: tuple[int, int] | None = None,
    resume_after: str | None = None,
    users_done: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
    scope: Scope = WHOLE,
) -> Iterator[Report]:
    """Every user in order of uid, phantoms too, one report each as it is done. Keep the last uid to go on from there.

    `shard` is (i, n); each uid belongs to exactly one of n by a stable hash. `resume_after` leaves out the uids up to
    and with this one; `users_done` of an earlier run keep the time left honest. A user whose documents cannot be read
    gives a report that is incomplete, and the scan goes on; it ends by raising where Firestore refuses the credential,
    where the users cannot be listed, or after `MAX_REFUSED` users in a row whom the bucket refused. Unfinished uploads
    are listed once for all, at the beginning.
    """
    started, done, refused = checker.clock(), 0, 0
    total = _users(checker.records, shard)
    total = None if total is None else max(0, total - users_done)
    scope = _with_uploads(checker, scope)
    for page in checker.records.iter_users(shard, resume_after):
        for uid in page.frame["uid"].tolist():
            report = _verify_one(checker, uid, scope)
            done += 1
            if on_progress is not None:
                on_progress(Progress(done, total, (checker.clock() - started).total_seconds(), uid))
            yield report
            denial = _denial(report)
            refused = refused + 1 if denial else 0
            if denial and refused >= MAX_REFUSED:
                raise AccessDenied(denial.message, remedy=denial.remedy, target=denial.target)


def recheck(checker: Checker, finding: Finding) -> Rechecked:
    """Looks at one finding again, with as few reads as prove it, and says whether it still stands.

    What is not found again is `gone` only if everything could be read; else it is `unknown`.
    """
    try:
        report = verify_user(checker, finding.uid, _narrowest(finding), Scope(caches=finding.kind == "unreadable"))
    except NotFound:
        return Rechecked(finding, "gone", checker.clock(), None, "Neither store holds anything there any more.")
    except StorageError as error:
        return Rechecked(finding, "unknown", checker.clock(), None, error.message)
    same = next((found for found in report.findings if found.identity == finding.identity), None)
    if same is not None and report.suspicion is None:
        return Rechecked(finding, "still there", report.read_at, same)
    if report.suspicion is not None:
        return Rechecked(finding, "unknown", report.read_at, same, report.suspicion.reason)
    if not report.complete:
        return Rechecked(finding, "unknown", report.read_at, None, report.failures[0].message)
    return Rechecked(finding, "gone", report.read_at, None)


def parse_shard(text: str) -> tuple[int, int]:
    """`I/N` with I from 1 to N; `BadInput` says what is off."""
    match = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text.strip())
    index, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= index <= count <= MAX_SHARDS:
        remedy = f"For example 1/4 for the first of four; at most {MAX_SHARDS:,} shards."
        raise BadInput("shard must be I/N with I from 1 to N", field_name="shard", remedy=remedy)
    return index, count


def _narrowest(finding: Finding) -> str | None:
    """The video where that is enough. Two videos may share a key, and a phantom user is seen on the user alone."""
    return None if finding.kind == "duplicate_key" else finding.video_id


def _verify_one(checker: Checker, uid: str, scope: Scope) -> Report:
    try:
        return verify_user(checker, uid, scope=scope)
    except AccessDenied:
        raise  # what Firestore refuses for one user it refuses for all
    except (BackendError, NotFound) as error:
        return _unread(checker, uid, failed("the user's documents", error))


def _denial(report: Report) -> Failure | None:
    codes = {AccessDenied.code, BadCredentials.code}
    return next((failure for failure in report.failures if failure.code in codes), None)


def _unread(checker: Checker, uid: str, failure: Failure) -> Report:
    """The report on a user of whom nothing could be read, or whom somebody deleted meanwhile."""
    at = checker.clock()
    gone = failure.code == NotFound.code
    finding = Finding(
        "unreadable",
        "error",
        uid,
        expected="an answer",
        actual=failure.code,
        detail=f"{failure.message} Nothing is known to be missing.",
        seen_at=at,
    )
    return Report(
        uid=uid,
        video_id=None,
        checked=Checked(users=1),
        findings=() if gone else (finding,),
        complete=gone,
        suspicion=None,
        caches=(),
        in_flight=InFlight(),
        read_at=at,
        failures=() if gone else (failure,),
    )


def _users(records: Records, shard: tuple[int, int] | None) -> int | None:
    """About how many users a scan will see: phantoms are not counted, and shards are taken as even."""
    try:
        count = records.count("users")
    except StorageError:
        return None
    return count if shard is None else -(-count // shard[1])


def _with_uploads(checker: Checker, scope: Scope) -> Scope:
    if not scope.uploads:
        return scope
    found = checker.objects.multipart_uploads("")
    return replace(scope, known_uploads=found.uploads) if found.complete else scope


__all__ = [
    "Checker",
    "Progress",
    "Rechecked",
    "Scope",
    "Totals",
    "checker",
    "parse_shard",
    "recheck",
    "verify_all",
    "verify_user",
]
