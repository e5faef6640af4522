"""The upload check: reads one user, one video or the whole bucket user by user, and lets the rules judge the facts.

It reads the documents first, then lists each prefix once, then reads the rest, and looks into clips last, where the
caller asks for that. Documents come first because the worker uploads an object before it writes the document: an object
that a document names must be in a listing that begins later. Reads of one step run side by side and are metered for the
caller. Memory stays flat: a check of the whole bucket holds one user's facts at a time and yields reports one by one.

`verify_strangers` checks users that only the bucket knows: objects under a uid without any document in Firestore, not
even a phantom. An interrupted purge leaves such objects behind, and a scan that starts from Firestore never meets them.
It finds the bucket's folders by jumping from one to the next: one billed listing and one document read for each uid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Literal, TypeVar

import pandas as pd

from storage.clients.meter import check_budgets, metering
from storage.clients.r2 import ContextThreads
from storage.domain import highlights, integrity
from storage.domain.deployment import Deployment
from storage.domain.documents import DTYPES, VIDEOS, MultipartUpload, Table, Video
from storage.domain.highlights import MAX_FILE_BYTES, HighlightsState
from storage.domain.integrity import (
    OF_CONTENTS,
    Checked,
    Failure,
    Finding,
    HeadAnswer,
    HighlightsPlace,
    InFlight,
    Listing,
    MediaObject,
    Report,
    Sample,
    UserFacts,
    highlights_places,
    lookups,
    promising,
)
from storage.domain.layout import Layout
from storage.domain.media import MediaLook
from storage.domain.shares import ShareLink, links_of
from storage.domain.usage import DEFAULT_LIMITS, PlanLimits
from storage.errors import AccessDenied, BackendError, BadCredentials, BadInput, NotFound, StorageError
from storage.ids import check_stored_id
from storage.repositories.objects import Objects, list_known
from storage.repositories.records import Records
from storage.repositories.stores import Stores
from storage.services import highlights as highlights_store
from storage.services.controls import Kept, customers_beside, folder_uids, kept_objects_of_others
from storage.services.media import KeptLooks, look_into

READERS = 8
MAX_DOCUMENTS = 200  # videos without a usable file whose documents are read, to tell which could be rebuilt

Clock = Callable[[], datetime]
T = TypeVar("T")
R = TypeVar("R")


MAX_SHARDS = 1_000
MAX_REFUSED = 25  # one refusal can be a passing fault; so many in a row mean a token without the right to list
Standing = Literal["still there", "gone", "unknown"]


@dataclass(frozen=True, slots=True)
class VerifyContext:
    """The context of checks and diagnoses: readers, deployment, clock, stale limit and the plans' limits.

    `kept` holds the last controls, so that a scan of many users does not look for them again for each; `looks` holds
    the looks into objects.
    """

    records: Records
    objects: Objects
    deployment: Deployment
    clock: Clock
    stale_after: timedelta
    plan_limits: Mapping[str, PlanLimits] = field(default_factory=lambda: DEFAULT_LIMITS)
    kept: Kept = field(default_factory=Kept, compare=False)
    looks: KeptLooks = field(default_factory=KeptLooks, compare=False)

    @property
    def layout(self) -> Layout:
        """The grammar of keys."""
        return self.deployment.layout


def checker(stores: Stores, clock: Clock, looks: KeptLooks | None = None) -> VerifyContext:
    """The context over open stores, with the limits from the settings; `looks` where the process keeps looks."""
    limit = timedelta(minutes=stores.settings.stale_after_minutes)
    limits, kept = stores.settings.plan_limits, looks or KeptLooks()
    return VerifyContext(stores.records, stores.objects, stores.deployment(), clock, limit, limits, looks=kept)


@dataclass(frozen=True, slots=True)
class ReadScope:
    """The extent of a check. `readers` is the number of reads that run side by side.

    Without `contents`, highlights.json is checked only for presence and for 0 bytes; without `caches` and `uploads`,
    the check does not list those; without `links`, it does not read public links. `known_uploads` and `known_links`
    hold one reading for all users instead of a reading for each. `sample` selects the clips and thumbnails to look
    into; `None` selects none.
    """

    contents: bool = True
    caches: bool = True
    uploads: bool = True
    readers: int = READERS
    links: bool = True
    known_uploads: tuple[MultipartUpload, ...] | None = None
    known_links: Mapping[str, tuple[ShareLink, ...]] | None = None  # by uid
    sample: Sample | None = None


WHOLE = ReadScope()
IN_DEPTH = ReadScope(sample=Sample())


def each(work: Callable[[T], R], items: Iterable[T], readers: int = READERS) -> list[R]:
    """The results in the order of the items; `readers` calls run at a time, metered for the caller. The first error is
    raised."""
    waiting = list(items)
    if readers <= 1 or len(waiting) <= 1:
        return [work(item) for item in waiting]
    with ContextThreads(max_workers=min(readers, len(waiting)), thread_name_prefix="verify") as threads:
        return list(threads.map(work, waiting))


def gather(
    checker: VerifyContext,
    uid: str,
    video_id: str | None,
    scope: ReadScope = WHOLE,
    *,
    video: Video | None = None,
    user_exists: bool | None = None,
) -> UserFacts:
    """The facts of one user, or of one video. Raises the error that stops all reading of the documents.

    `video` and `user_exists` save a read where the caller has just read those documents. Refusals and outages of the
    bucket are data in the facts, and so is a table of documents that was cut short.
    """
    records, objects, layout = checker.records, checker.objects, checker.layout
    read_at = checker.clock()
    exists, failure = _user(records, uid) if user_exists is None else (user_exists, None)
    videos, clips = _documents(records, uid, video_id, video, read_at, scope)
    prefixes = layout.user_prefixes(uid) if video_id is None else layout.video_prefixes(uid, video_id)
    prefixes = prefixes if scope.caches else prefixes[:1]
    below = "" if video_id is None else f"{video_id}/"
    prefixes = tuple(dict.fromkeys((*prefixes, *(f"{home}{below}" for home in layout.own_prefixes(uid)))))
    listings, heads = objects_of(objects, layout, uid, video_id, videos.frame, clips.frame, prefixes, scope.readers)
    uploads, uploads_failure = _uploads(objects, prefixes[0], scope)
    links, links_failure = _links(records, uid, video_id, scope)
    facts = UserFacts(
        uid=uid,
        video_id=video_id,
        user_exists=exists,
        user_failure=failure,
        videos=videos,
        clips=clips,
        listings=listings,
        heads=heads,
        uploads=uploads,
        uploads_failure=uploads_failure,
        links=links,
        links_failure=links_failure,
        read_at=read_at,
        deployment=checker.deployment,
    )
    facts = _with_highlights(checker, facts, scope)
    return facts if scope.sample is None else with_looks(checker, facts, scope.sample, scope.readers)


def objects_of(
    objects: Objects,
    layout: Layout,
    uid: str,
    video_id: str | None,
    videos: pd.DataFrame,
    clips: pd.DataFrame,
    prefixes: Sequence[str],
    readers: int = READERS,
) -> tuple[tuple[Listing, ...], dict[str, HeadAnswer]]:
    """The objects under the prefixes, and those that the documents name elsewhere. Refusals and outages are data."""
    keys = clips["r2_key"].dropna().tolist()
    listings = each(lambda prefix: Listing(prefix, list_known(objects, prefix, keys)), prefixes, readers)
    more = lookups(uid, videos, clips, prefixes, layout, video_id)
    listings += each(lambda prefix: Listing(prefix, objects.list_all(prefix)), more.prefixes, readers)
    heads = dict(zip(more.keys, each(lambda key: _head(objects, key), more.keys, readers), strict=True))
    return tuple(listings), heads


def with_looks(checker: VerifyContext, facts: UserFacts, sample: Sample, readers: int = READERS) -> UserFacts:
    """The facts with the looks into the sampled clips and thumbnails. A look without an answer is in them as such."""

    def seen(item: MediaObject) -> MediaLook:
        return look_into(checker.objects, item, checker.looks)

    wanted = integrity.media_objects(facts, checker.clock(), checker.stale_after, checker.layout, sample)
    looks = each(seen, wanted, readers)
    by_key = dict(zip((item.key for item in wanted), looks, strict=True))
    return replace(facts, looks=by_key, looked_at_bytes=sum(look.bytes_read for look in looks))


def judged(checker: VerifyContext, facts: UserFacts, *, doubted: bool = False) -> tuple[UserFacts, Report]:
    """The report on the facts, and the facts with the controls. Where no expected object was found, this looks for
    controls before it believes that; with `doubted` it always does.
    """
    now = checker.clock()

    def report() -> Report:
        return integrity.verify_user(facts, now, checker.stale_after, checker.layout)

    found = report()
    places = (checker.records, checker.objects, checker.layout, facts.uid)
    if (found.wants_controls or (doubted and not found.claims.found)) and facts.controls is None:
        facts = replace(facts, controls=kept_objects_of_others(*places, checker.kept, checker.clock))
    elif found.stranger and facts.known_customers is None:
        facts = replace(facts, known_customers=customers_beside(*places))
    else:
        return facts, found
    return facts, report()


def one_video(video: Video | None, read_at: datetime) -> Table:
    """A table of videos with only this one, or without rows."""
    row = {field.name: getattr(video, field.name) for field in fields(Video)} if video else {}
    row |= {"processing_progress": None, "styles_processed": None, "clips_by_style": None}
    values = [row] if video else []
    data = {c.name: pd.Series([each.get(c.name) for each in values], dtype=DTYPES[c.kind]) for c in VIDEOS.columns}
    return Table(VIDEOS, pd.DataFrame(data), video.oddities if video else (), True, read_at, reads=1)


def failed(target: str, error: StorageError) -> Failure:
    """An error in the form of the facts. It holds no secret, because errors of this package hold none."""
    return Failure(target, error.code, error.message, error.remedy)


def _user(records: Records, uid: str) -> tuple[bool | None, Failure | None]:
    try:
        user = records.user(uid)
    except StorageError as error:
        return None, failed("the user's document", error)
    return user is not None and user.exists, None


def _documents(
    records: Records, uid: str, video_id: str | None, video: Video | None, read_at: datetime, scope: ReadScope
) -> tuple[Table, Table]:
    def videos() -> Table:
        return records.videos(uid) if video_id is None else one_video(video or records.video(uid, video_id), read_at)

    def clips() -> Table:
        return records.clips(uid, video_id)

    both: tuple[Callable[[], Table], ...] = (videos, clips)
    found = each(lambda read: read(), both, scope.readers)
    return found[0], found[1]


def _head(objects: Objects, key: str) -> HeadAnswer:
    try:
        return HeadAnswer(objects.head(key))
    except BadInput:
        return HeadAnswer()  # no store can hold an object at such a key
    except StorageError as error:
        return HeadAnswer(failure=failed(key, error))


def _uploads(objects: Objects, prefix: str, scope: ReadScope) -> tuple[tuple[MultipartUpload, ...], Failure | None]:
    if not scope.uploads:
        return (), None
    if scope.known_uploads is not None:
        return tuple(upload for upload in scope.known_uploads if upload.key.startswith(prefix)), None
    found = objects.multipart_uploads(prefix)
    if found.complete:
        return found.uploads, None
    if found.error is not None:
        return found.uploads, failed(f"{prefix} (unfinished uploads)", found.error)
    return found.uploads, Failure(f"{prefix} (unfinished uploads)", "cut_short", "Reading stopped before the end.")


def _links(
    records: Records, uid: str, video_id: str | None, scope: ReadScope
) -> tuple[tuple[ShareLink, ...] | None, Failure | None]:
    if not scope.links:
        return None, None
    if scope.known_links is not None:
        return scope.known_links.get(uid, ()), None
    table = records.share_slugs(uid, video_id)
    failure = None if table.error is None else failed("the public links", table.error)
    return tuple(links_of(table.frame)), failure


def _with_highlights(checker: VerifyContext, facts: UserFacts, scope: ReadScope) -> UserFacts:
    """The facts with the highlights: always from the place that the product serves; from the other place for one video,
    or where it tells which highlights could be rebuilt."""
    records, objects, layout = checker.records, checker.objects, checker.layout
    known = {key: size for listing in facts.listings for key, size in _sizes(listing.table)}
    known |= {key: head.info.size_bytes for key, head in facts.heads.items() if head.info}
    places = highlights_places(facts.uid, facts.videos.frame, known, layout)
    served = checker.deployment.highlights_source
    if served == "document" and facts.video_id is None:
        scope = replace(scope, contents=False)
    states = each(lambda place: _stored(objects, facts, place, known, scope), places, scope.readers)
    stored = dict(zip((place.video_id for place in places), states, strict=True))
    if facts.video_id is not None:
        asked: Sequence[str] = list(stored)
    elif served == "document":
        asked = promising(facts)
    else:
        asked = sorted(name for name, state in stored.items() if not state.usable and not _unjudged(state))
        asked = asked[:MAX_DOCUMENTS] if served == "object" else asked
    documents = highlights_store.read_documents(records, facts.uid, asked)
    return replace(facts, highlights=stored, highlights_documents=documents)


def _unjudged(state: HighlightsState) -> bool:
    """Whether the source is present and its content was not read."""
    return state.presence == "present" and state.content is None


def _sizes(table: Table) -> Iterable[tuple[str, int]]:
    return zip(table.frame["key"].tolist(), table.frame["size_bytes"].tolist(), strict=True)


def _stored(
    objects: Objects, facts: UserFacts, place: HighlightsPlace, known: Mapping[str, int], scope: ReadScope
) -> HighlightsState:
    """The state of one `highlights.json`: from the listing alone where that settles it, else from its content."""
    key, size = place.key, known.get(place.key)
    listing = next((listing for listing in facts.listings if key.startswith(listing.prefix)), None)
    if size is None and listing is not None and listing.table.complete:
        return highlights.absent("object", key)
    if size is None and (head := facts.heads.get(key)) is not None:
        failure = head.failure
        return (
            highlights.unknown("object", failure.message, key, code=failure.code)
            if failure
            else (highlights.absent("object", key))
        )
    if size is None and listing is not None and facts.video_id is None:
        error = listing.table.error  # no request for each: the store that refused the listing would refuse them too
        return highlights.unknown("object", error.message if error else "", key, code=error.code if error else "")
    if size is not None and size > MAX_FILE_BYTES:
        return highlights.too_large(key, size)
    if size == 0:
        return highlights.judge_object(b"", key)
    if size is not None and not scope.contents:
        return HighlightsState("object", "present", place=key, size_bytes=size)
    state = highlights_store.read_object(objects, key)
    return state if facts.video_id is not None else state.without_entries()


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """The progress of a scan of the whole bucket. `users_total` and `seconds_left` are `None` where unknown."""

    users_done: int
    users_total: int | None
    seconds: float
    last_uid: str

    @property
    def users_per_second(self) -> float:
        """The users per second since this run began."""
        return self.users_done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """The estimated seconds to the end, at the rate so far."""
        if self.users_total is None or not self.users_per_second:
            return None
        return max(0, self.users_total - self.users_done) / self.users_per_second


@dataclass(frozen=True, slots=True)
class Rechecked:
    """The result of checking one finding again. `now` is the present finding, where it still stands."""

    finding: Finding
    standing: Standing
    checked_at: datetime
    now: Finding | None
    reason: str = ""


def verify_user(
    checker: VerifyContext, uid: str, video_id: str | None = None, scope: ReadScope | None = None
) -> Report:
    """The report on one user, or one video of a user, with its cost. Without a `scope`, a check of one video looks into
    its clips.

    Raises `BadInput` for a malformed id, `NotFound` where neither store holds anything under it, and the error of a
    Firestore that gives no answer at all. A bucket that refuses or is away gives a report that says so.
    """
    check_stored_id(uid, "uid")
    if video_id is not None:
        check_stored_id(video_id, "video_id")
    with metering() as meter:
        facts = gather(checker, uid, video_id, scope or (WHOLE if video_id is None else IN_DEPTH))
        check_budgets()  # a reading that the budget stopped must not become a finding
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
    checker: VerifyContext,
    *,
    shard: tuple[int, int] | None = None,
    resume_after: str | None = None,
    users_done: int = 0,
    on_progress: Callable[[ScanProgress], None] | None = None,
    scope: ReadScope = WHOLE,
) -> Iterator[Report]:
    """Yields a report for every user in order of uid, phantoms too. A caller that keeps the last uid can resume there.

    `shard` is (i, n); a stable hash assigns each uid to exactly one of n shards. `resume_after` leaves out the uids up
    to and including this one; `users_done` of an earlier run keeps the estimate of the time left correct. A user whose
    documents cannot be read gives an incomplete report, and the scan goes on. The scan raises where Firestore refuses
    the credential, where the users cannot be listed, or after the bucket refused `MAX_REFUSED` users in a row. It lists
    unfinished uploads once for all users, at the beginning.
    """
    started, done, refused = checker.clock(), 0, 0
    total = _users(checker.records, shard)
    total = None if total is None else max(0, total - users_done)
    scope = _with_links(checker, _with_uploads(checker, scope))
    for page in checker.records.iter_users(shard, resume_after):
        for uid in page.frame["uid"].tolist():
            report = _verify_one(checker, uid, scope)
            done += 1
            if on_progress is not None:
                on_progress(ScanProgress(done, total, (checker.clock() - started).total_seconds(), uid))
            yield report
            denial = _denial(report)
            refused = refused + 1 if denial else 0
            if denial and refused >= MAX_REFUSED:
                raise AccessDenied(denial.message, remedy=denial.remedy, target=denial.target)


def recheck(checker: VerifyContext, finding: Finding) -> Rechecked:
    """Checks one finding again, with as few reads as prove it, and says whether it still stands.

    A finding that is not found again is `gone` only if everything could be read; else it is `unknown`.
    """
    try:
        sample = Sample() if finding.kind in OF_CONTENTS or finding.kind == "unreadable" else None
        scope = ReadScope(caches=finding.kind == "unreadable", sample=sample)
        report = verify_user(checker, finding.uid, _narrowest(finding), scope)
    except NotFound:
        return Rechecked(finding, "gone", checker.clock(), None, "Neither store holds anything there any more.")
    except StorageError as error:
        return Rechecked(finding, "unknown", checker.clock(), None, error.message)
    return standing_in(finding, report)


def standing_in(finding: Finding, report: Report) -> Rechecked:
    """Whether a finding stands in a later report on its customer or video.

    What only a look into the clip shows is `unknown` in a report without looks.
    """
    same = next((found for found in report.findings if found.identity == finding.identity), None)
    if same is not None and report.suspicion is None:
        return Rechecked(finding, "still there", report.read_at, same)
    if report.suspicion is not None:
        return Rechecked(finding, "unknown", report.read_at, same, report.suspicion.reason)
    if not report.complete:
        return Rechecked(finding, "unknown", report.read_at, None, report.failures[0].message)
    if finding.kind in OF_CONTENTS and report.looked_into is None:
        return Rechecked(finding, "unknown", report.read_at, None, "The clips were not looked into.")
    return Rechecked(finding, "gone", report.read_at, None)


def parse_shard(text: str) -> tuple[int, int]:
    """(I, N) of a text `I/N` with I from 1 to N; raises `BadInput` with the fault."""
    match = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text.strip())
    index, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= index <= count <= MAX_SHARDS:
        remedy = f"For example 1/4 for the first of four; at most {MAX_SHARDS:,} shards."
        raise BadInput("shard must be I/N with I from 1 to N", field_name="shard", remedy=remedy)
    return index, count


def _narrowest(finding: Finding) -> str | None:
    """The video, if its check is enough. Two videos may share a key, and only the user's check sees a phantom user."""
    return None if finding.kind == "duplicate_key" else finding.video_id


def _verify_one(checker: VerifyContext, uid: str, scope: ReadScope) -> Report:
    try:
        return verify_user(checker, uid, scope=scope)
    except AccessDenied:
        raise  # Firestore would refuse the other users too
    except (BackendError, NotFound) as error:
        return _unread(checker, uid, failed("the user's documents", error))


def _denial(report: Report) -> Failure | None:
    codes = {AccessDenied.code, BadCredentials.code}
    return next((failure for failure in report.failures if failure.code in codes), None)


def _unread(checker: VerifyContext, uid: str, failure: Failure) -> Report:
    """The report on a user without any readable document, also on one that was deleted meanwhile."""
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
    """About the number of users that a scan will see: without phantoms, and as if shards were equally large."""
    try:
        count = records.count("users")
    except StorageError:
        return None
    return count if shard is None else -(-count // shard[1])


def _with_uploads(checker: VerifyContext, scope: ReadScope) -> ReadScope:
    if not scope.uploads:
        return scope
    found = checker.objects.multipart_uploads("")
    return replace(scope, known_uploads=found.uploads) if found.complete else scope


def _with_links(checker: VerifyContext, scope: ReadScope) -> ReadScope:
    """The scope with every public link, read at once: links are few, and asking for each user's would cost a read."""
    if not scope.links:
        return scope
    table = checker.records.share_slugs()
    if not table.complete:
        return scope
    by_user: dict[str, list[ShareLink]] = {}
    for link in links_of(table.frame):
        by_user.setdefault(link.uid, []).append(link)
    return replace(scope, known_links={uid: tuple(links) for uid, links in by_user.items()})


__all__ = [
    "ReadScope",
    "Rechecked",
    "ScanProgress",
    "VerifyContext",
    "checker",
    "parse_shard",
    "recheck",
    "verify_all",
    "verify_user",
]


def bucket_uids(checker: VerifyContext, after: str | None = None) -> Iterator[str]:
    """Every uid with a folder under the configured prefix, in the bucket's order, from behind `after` on."""
    yield from folder_uids(checker.objects, checker.layout, after)


def verify_strangers(checker: VerifyContext, after: str | None = None, scope: ReadScope = WHOLE) -> Iterator[Report]:
    """Yields a report for each user of the bucket whom Firestore does not know: all of the user's objects are left
    over."""
    for uid in bucket_uids(checker, after):
        if checker.records.user(uid) is None:
            yield verify_user(checker, uid, scope=scope)
