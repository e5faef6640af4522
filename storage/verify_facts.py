"""Gathers what an upload check is judged from: documents first, then one listing for each prefix, then what is left.

Documents come first, because the worker uploads an object before it writes the document: whatever a document names must
be in a listing that begins later. Reads of one step run side by side, and are metered for the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import TypeVar

import pandas as pd

from storage.clients.r2 import ContextThreads
from storage.connect import Stores
from storage.controls import Kept, customers_beside, kept_objects_of_others
from storage.domain import highlights, integrity
from storage.domain.documents import DTYPES, VIDEOS, MultipartUpload, Table, Video
from storage.domain.highlights import MAX_FILE_BYTES, HighlightsState
from storage.domain.integrity import (
    Failure,
    Head,
    HighlightsPlace,
    Listing,
    Report,
    UserFacts,
    highlights_places,
    lookups,
)
from storage.domain.layout import Layout
from storage.domain.usage import DEFAULT_LIMITS, PlanLimits
from storage.errors import BadInput, NotFound, StorageError
from storage.repositories.objects import Objects, list_known
from storage.repositories.records import Records

READERS = 8
MAX_DOCUMENTS = (
    200  # so many videos without a usable file are looked up in Firestore too; beyond, something else is off
)

Clock = Callable[[], datetime]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Checker:
    """What every check and diagnosis needs: the readers, the layout, the clock, the stale limit, the plans' limits.

    `kept` is the last look at objects of other customers, so that a scan of many does not repeat it for each.
    """

    records: Records
    objects: Objects
    layout: Layout
    clock: Clock
    stale_after: timedelta
    plan_limits: Mapping[str, PlanLimits] = field(default_factory=lambda: DEFAULT_LIMITS)
    kept: Kept = field(default_factory=Kept, compare=False)


def checker(stores: Stores, clock: Clock) -> Checker:
    """The checker over open stores, with the limits that configuration sets."""
    limit = timedelta(minutes=stores.settings.stale_after_minutes)
    return Checker(stores.records, stores.objects, stores.layout, clock, limit, stores.settings.plan_limits)


@dataclass(frozen=True, slots=True)
class Scope:
    """How much to look at. `readers` is how many reads run side by side.

    Without `contents`, highlights.json is checked for presence and 0 bytes only; without `caches` and `uploads`, those
    are not listed. `known_uploads` replaces a listing for each user by one that was made for all.
    """

    contents: bool = True
    caches: bool = True
    uploads: bool = True
    readers: int = READERS
    known_uploads: tuple[MultipartUpload, ...] | None = None


WHOLE = Scope()


def each(work: Callable[[T], R], items: Iterable[T], readers: int = READERS) -> list[R]:
    """The results in order, some at a time, metered for the caller. The first error ends it."""
    waiting = list(items)
    if readers <= 1 or len(waiting) <= 1:
        return [work(item) for item in waiting]
    with ContextThreads(max_workers=min(readers, len(waiting)), thread_name_prefix="verify") as threads:
        return list(threads.map(work, waiting))


def gather(
    checker: Checker,
    uid: str,
    video_id: str | None,
    scope: Scope = WHOLE,
    *,
    video: Video | None = None,
    user_exists: bool | None = None,
) -> UserFacts:
    """The facts of one user, or of one video. Raises what keeps the documents from being read at all.

    `video` and `user_exists` save a read where the caller has just read those documents.
    The bucket's refusals and outages are data in the facts, and so is a table of documents that was cut short.
    """
    records, objects, layout = checker.records, checker.objects, checker.layout
    read_at = checker.clock()
    exists, failure = _user(records, uid) if user_exists is None else (user_exists, None)
    videos, clips = _documents(records, uid, video_id, video, read_at, scope)
    prefixes = layout.user_prefixes(uid) if video_id is None else layout.video_prefixes(uid, video_id)
    prefixes = prefixes if scope.caches else prefixes[:1]
    keys = clips.frame["r2_key"].dropna().tolist()
    listings = each(lambda prefix: Listing(prefix, list_known(objects, prefix, keys)), prefixes, scope.readers)
    more = lookups(uid, videos.frame, clips.frame, prefixes, layout, video_id)
    listings += each(lambda prefix: Listing(prefix, objects.list_all(prefix)), more.prefixes, scope.readers)
    heads = dict(zip(more.keys, each(lambda key: _head(objects, key), more.keys, scope.readers), strict=True))
    uploads, uploads_failure = _uploads(objects, prefixes[0], scope)
    facts = UserFacts(
        uid=uid,
        video_id=video_id,
        user_exists=exists,
        user_failure=failure,
        videos=videos,
        clips=clips,
        listings=tuple(listings),
        heads=heads,
        uploads=uploads,
        uploads_failure=uploads_failure,
        read_at=read_at,
    )
    return _with_highlights(checker, facts, scope)


def judged(checker: Checker, facts: UserFacts, *, doubted: bool = False) -> tuple[UserFacts, Report]:
    """The report on the facts. Where nothing of what ought to be there was found, controls are looked for before it is
    believed; `doubted` looks for them all the same. The facts come back with them.
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
    """The table of videos that holds just this one, or none."""
    row = {field.name: getattr(video, field.name) for field in fields(Video)} if video else {}
    row |= {"processing_progress": None, "styles_processed": None, "clips_by_style": None}
    values = [row] if video else []
    data = {c.name: pd.Series([each.get(c.name) for each in values], dtype=DTYPES[c.kind]) for c in VIDEOS.columns}
    return Table(VIDEOS, pd.DataFrame(data), video.oddities if video else (), True, read_at, reads=1)


def failed(target: str, error: StorageError) -> Failure:
    """An error as the facts carry it: without secrets, because errors of this package hold none."""
    return Failure(target, error.code, error.message, error.remedy)


def _user(records: Records, uid: str) -> tuple[bool | None, Failure | None]:
    try:
        user = records.user(uid)
    except StorageError as error:
        return None, failed("the user's document", error)
    return user is not None and user.exists, None


def _documents(
    records: Records, uid: str, video_id: str | None, video: Video | None, read_at: datetime, scope: Scope
) -> tuple[Table, Table]:
    def videos() -> Table:
        return records.videos(uid) if video_id is None else one_video(video or records.video(uid, video_id), read_at)

    def clips() -> Table:
        return records.clips(uid, video_id)

    both: tuple[Callable[[], Table], ...] = (videos, clips)
    found = each(lambda read: read(), both, scope.readers)
    return found[0], found[1]


def _head(objects: Objects, key: str) -> Head:
    try:
        return Head(objects.head(key))
    except BadInput:
        return Head()  # no store can hold an object at such a key
    except StorageError as error:
        return Head(failure=failed(key, error))


def _uploads(objects: Objects, prefix: str, scope: Scope) -> tuple[tuple[MultipartUpload, ...], Failure | None]:
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


def _with_highlights(checker: Checker, facts: UserFacts, scope: Scope) -> UserFacts:
    records, objects, layout = checker.records, checker.objects, checker.layout
    known = {key: size for listing in facts.listings for key, size in _sizes(listing.table)}
    known |= {key: head.info.size_bytes for key, head in facts.heads.items() if head.info}
    places = highlights_places(facts.uid, facts.videos.frame, known, layout)
    states = each(lambda place: _stored(objects, facts, place, known, scope), places, scope.readers)
    stored = dict(zip((place.video_id for place in places), states, strict=True))
    wanting = [video_id for video_id, state in stored.items() if not state.usable and state.content is not None]
    wanting += [video_id for video_id, state in stored.items() if state.presence != "present"]
    if facts.video_id is not None:
        wanting = list(stored)
    asked: Sequence[str] = sorted(wanting)[:MAX_DOCUMENTS]
    documents = each(lambda video_id: document_state(records, facts.uid, video_id), asked, scope.readers)
    return replace(facts, highlights=stored, highlights_documents=dict(zip(asked, documents, strict=True)))


def _sizes(table: Table) -> Iterable[tuple[str, int]]:
    return zip(table.frame["key"].tolist(), table.frame["size_bytes"].tolist(), strict=True)


def _stored(
    objects: Objects, facts: UserFacts, place: HighlightsPlace, known: Mapping[str, int], scope: Scope
) -> HighlightsState:
    """One `highlights.json`: from the listing alone where that settles it, else by reading it."""
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
        error = listing.table.error  # not asked one by one: what refused the listing would refuse each
        return highlights.unknown("object", error.message if error else "", key, code=error.code if error else "")
    if size is not None and size > MAX_FILE_BYTES:
        return highlights.too_large(key, size)
    if size == 0:
        return highlights.judge_object(b"", key)
    if size is not None and not scope.contents:
        return HighlightsState("object", "present", place=key, size_bytes=size)
    state = _read(objects, key)
    return state if facts.video_id is not None else state.without_entries()


def _read(objects: Objects, key: str) -> HighlightsState:
    try:
        with objects.open(key) as stream:
            if stream.info.size_bytes > MAX_FILE_BYTES:
                return highlights.too_large(key, stream.info.size_bytes, stream.info.last_modified)
            written_at = stream.info.last_modified
            content = b"".join(stream)
    except (NotFound, BadInput):
        return highlights.absent("object", key)
    except StorageError as error:
        return highlights.unknown("object", error.message, key, code=error.code)
    return highlights.judge_object(content, key, written_at=written_at)


def document_state(records: Records, uid: str, video_id: str) -> HighlightsState:
    """What `highlights/main` of the video holds; a failure is data."""
    place = f"users/{uid}/videos/{video_id}/highlights/main"
    try:
        document = records.highlights(uid, video_id)
    except StorageError as error:
        return highlights.unknown("document", error.message, place, code=error.code)
    if document is None:
        return highlights.absent("document", place)
    return highlights.judge_document(document.fields, place, written_at=document.update_time)
