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
from storage.clients.threads import ContextThreads
from storage.domain import highlights, integrity
from storage.domain.deployment import Deployment
from storage.domain.documents import DTYPES, VIDEOS, MultipartUpload, Table, Video
from storage.domain.highlights import MAX_FILE_BYTES, HighlightsState
from storage.domain.integrity import (
    OF_CONTENTS,
    Failure,
    Finding,
    HeadAnswer,
    HighlightsPlace,
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
from storage.errors import BackendError, BadInput, NotFound, StorageError, Unusable
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
_TASK_INDEX = ("JOB_COMPLETION_INDEX", "CLOUD_RUN_TASK_INDEX")  # of an indexed job, from 0
_TASKS = "CLOUD_RUN_TASK_COUNT"
_EXECUTION = "CLOUD_RUN_EXECUTION"
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
    records, read_at = checker.records, checker.clock()
    exists, failure = _user(records, uid) if user_exists is None else (user_exists, None)
    videos, clips = _documents(records, uid, video_id, video, read_at, scope)
    facts = facts_of(
        checker, uid, video_id, scope, exists=exists, failure=failure, videos=videos, clips=clips, read_at=read_at
    )
    facts = with_highlights(checker, facts, scope)
    return facts if scope.sample is None else with_looks(checker, facts, scope.sample, scope.readers)


def facts_of(
    checker: VerifyContext,
    uid: str,
    video_id: str | None,
    scope: ReadScope,
    *,
    exists: bool | None,
    failure: Failure | None = None,
    videos: Table,
    clips: Table,
    read_at: datetime,
    listed: Mapping[str, Table] | None = None,
) -> UserFacts:
    """The documents, and the objects, uploads and links that belong to them; without highlights and looks.

    `listed`: the tables of the prefixes of `prefixes_of`, where the caller has listed them already.
    """
    objects, layout = checker.objects, checker.layout
    prefixes = prefixes_of(layout, uid, video_id, scope)
    listings, heads = objects_of(
        objects, layout, uid, video_id, videos.frame, clips.frame, prefixes, scope.readers, listed
    )
    uploads, uploads_failure = _uploads(objects, prefixes[0], scope)
    links, links_failure = _links(checker.records, uid, video_id, scope)
    return UserFacts(
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


def prefixes_of(layout: Layout, uid: str, video_id: str | None, scope: ReadScope) -> tuple[str, ...]:
    """The prefixes that a check lists: those of the layout, then those of the other known layouts."""
    prefixes = layout.user_prefixes(uid) if video_id is None else layout.video_prefixes(uid, video_id)
    prefixes = prefixes if scope.caches else prefixes[:1]
    below = "" if video_id is None else f"{video_id}/"
    return tuple(dict.fromkeys((*prefixes, *(f"{home}{below}" for home in layout.own_prefixes(uid)))))


def objects_of(
    objects: Objects,
    layout: Layout,
    uid: str,
    video_id: str | None,
    videos: pd.DataFrame,
    clips: pd.DataFrame,
    prefixes: Sequence[str],
    readers: int = READERS,
    listed: Mapping[str, Table] | None = None,
) -> tuple[tuple[Listing, ...], dict[str, HeadAnswer]]:
    """The objects under the prefixes, and those that the documents name elsewhere. Refusals and outages are data.

    `listed`: the tables of these prefixes, where the caller has listed them already.
    """
    if listed is not None:
        listings = [Listing(prefix, listed[prefix]) for prefix in prefixes]
    else:
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
    data = {c.name: pd.array([each.get(c.name) for each in values], dtype=DTYPES[c.kind]) for c in VIDEOS.columns}
    return Table(VIDEOS, pd.DataFrame(data, copy=False), video.oddities if video else (), True, read_at, reads=1)


def failed(target: str, error: StorageError) -> Failure:
    """An error in the form of the facts. It holds no secret, because errors of this package hold none."""
    return Failure(target, error.code, error.message, error.remedy)


def _user(records: Records, uid: str) -> tuple[bool | None, Failure | None]:
    try:
        user = records.user(uid)
    except StorageError as error:
        return None, failed("the customer's document", error)
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
    """The unfinished uploads under the prefix."""
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
    """The public links that name the user, or the video."""
    if not scope.links:
        return None, None
    if scope.known_links is not None:
        return scope.known_links.get(uid, ()), None
    table = records.share_slugs(uid, video_id)
    failure = None if table.error is None else failed("the public links", table.error)
    return tuple(links_of(table.frame)), failure


def with_highlights(
    checker: VerifyContext,
    facts: UserFacts,
    scope: ReadScope,
    *,
    stored: Mapping[str, HighlightsState] | None = None,
    documents: Mapping[str, HighlightsState] | None = None,
) -> UserFacts:
    """The facts with the highlights: always from the place that the product serves; from the other place for one video,
    or where it tells which highlights could be rebuilt.

    `stored` and `documents` are by video id, where the caller has read them for every video already.
    """
    records, objects, layout = checker.records, checker.objects, checker.layout
    served = checker.deployment.highlights_source
    if stored is None:
        known = {key: size for listing in facts.listings for key, size in _sizes(listing.table)}
        known |= {key: head.info.size_bytes for key, head in facts.heads.items() if head.info}
        places = highlights_places(facts.uid, facts.videos.frame, known, layout)
        contents = scope.contents and not (served == "document" and facts.video_id is None)

        def judged(place: HighlightsPlace) -> HighlightsState:
            return _stored(objects, facts, place, known.get(place.key), contents=contents)

        states = each(judged, places, scope.readers)
        stored = dict(zip((place.video_id for place in places), states, strict=True))
    if facts.video_id is not None:
        asked: Sequence[str] = list(stored)
    elif served == "document":
        asked = promising(facts)
    else:
        asked = sorted(name for name, state in stored.items() if not state.usable and not _unjudged(state))
        asked = asked[:MAX_DOCUMENTS] if served == "object" else asked
    if documents is None:
        documents = highlights_store.read_documents(records, facts.uid, asked)
    else:
        documents = {name: documents[name] for name in asked}
    return replace(facts, highlights=stored, highlights_documents=documents)


def _unjudged(state: HighlightsState) -> bool:
    """Whether the source is present and its content was not read."""
    return state.presence == "present" and state.content is None


def _sizes(table: Table) -> Iterable[tuple[str, int]]:
    return zip(table.frame["key"].tolist(), table.frame["size_bytes"].tolist(), strict=True)


def _stored(
    objects: Objects, facts: UserFacts, place: HighlightsPlace, size: int | None, *, contents: bool
) -> HighlightsState:
    """The state of one `highlights.json`: from the listing alone where that settles it, else from its content."""
    key = place.key
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
    state = stored_file(objects, key, size, contents=contents)
    return state if facts.video_id is not None else state.without_entries()


def stored_file(objects: Objects, key: str, size: int | None, *, contents: bool) -> HighlightsState:
    """The state of a `highlights.json` of this size, which is read only where the size does not settle it."""
    if size is not None and size > MAX_FILE_BYTES:
        return highlights.too_large(key, size)
    if size == 0:
        return highlights.judge_object(b"", key)
    if size is not None and not contents:
        return HighlightsState("object", "present", place=key, size_bytes=size)
    return highlights_store.read_object(objects, key)


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
        what = f"no customer {uid}" if video_id is None else f"no video {video_id} of customer {uid}"
        raise NotFound(
            f"There is {what}: neither a document nor an object.",
            remedy="Look it up with find; ids are case-sensitive.",
            target=video_id or uid,
        )
    return report.with_cost(meter.cost().as_dict())


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


def incomplete(complete: bool, failure: Failure | None, words: str = "The scan is incomplete") -> StorageError | None:
    """The error of a check that could not read everything, made from its first failure."""
    if complete:
        return None
    if failure is None:
        return Unusable(f"{words}.", remedy="Run it again.")
    remedy = failure.remedy or "Run check: it tries each permission of R2_ACCESS_KEY_ID apart."
    error = BackendError(f"{words}: {failure.message}", remedy=remedy, target=failure.target)
    error.code = failure.code
    return error


def parse_shard(text: str, environment: Mapping[str, str] | None = None) -> tuple[int, int]:
    """(I, N) of a text `I/N` with I from 1 to N; raises `BadInput` with the fault.

    `auto/N`, and `auto` where the number of tasks is in the environment too, take I from an indexed job: Kubernetes
    sets `JOB_COMPLETION_INDEX`, Cloud Run `CLOUD_RUN_TASK_INDEX` and `CLOUD_RUN_TASK_COUNT`; both count from 0.
    """
    match = re.fullmatch(r"([0-9]{1,4}|auto)(?:/([0-9]{1,4}))?", text.strip())
    index, count = (match[1], match[2] or "") if match else ("", "")
    if index == "auto":
        told = environment or {}
        index, count = next((told[name] for name in _TASK_INDEX if told.get(name)), ""), count or told.get(_TASKS, "")
        if not index or not count:
            raise BadInput(
                f"--shard auto needs {' or '.join(_TASK_INDEX)} from an indexed job, and the number of its tasks",
                field_name="shard",
                remedy=f"Give it as auto/N where {_TASKS} is not set (Kubernetes), or name the shard: 1/4.",
            )
        index = str(int(index) + 1) if re.fullmatch("[0-9]{1,4}", index) else ""
    whole = [int(part) if re.fullmatch("[0-9]{1,4}", part) else 0 for part in (index, count)]
    if not 1 <= whole[0] <= whole[1] <= MAX_SHARDS:
        remedy = f"For example 1/4 for the first of four; at most {MAX_SHARDS:,} shards."
        raise BadInput("shard must be I/N with I from 1 to N", field_name="shard", remedy=remedy)
    return whole[0], whole[1]


def run_of_job(shard: str, environment: Mapping[str, str]) -> str:
    """The run of an indexed job from which `--shard auto` takes its part; empty where the platform names none.

    Cloud Run names each execution. A pod of Kubernetes is told only its index.
    """
    by_kubernetes = bool(environment.get(_TASK_INDEX[0]))
    return environment.get(_EXECUTION, "") if shard.strip().startswith("auto") and not by_kubernetes else ""


def _narrowest(finding: Finding) -> str | None:
    """The video, if its check is enough. Two videos may share a key, and only the user's check sees a phantom user."""
    return None if finding.kind == "duplicate_key" else finding.video_id


__all__ = [
    "ReadScope",
    "Rechecked",
    "VerifyContext",
    "checker",
    "parse_shard",
    "recheck",
    "run_of_job",
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
