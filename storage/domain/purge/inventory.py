"""Concludes from the facts of a scope which objects go, what blocks the purge, and what to warn about.

An `Inventory` is what a scope holds at one moment; `moved` says how it differs from what a plan shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from storage.domain.layout import CACHE_KINDS, Layout, owner_of
from storage.domain.processing import being_processed
from storage.domain.purge.claims import Claims
from storage.domain.purge.facts import DraftFact, Facts, NamedKey, ObjectFact, VideoFact
from storage.domain.purge.losses import Look, claims_of, objections, remarks
from storage.domain.purge.plan import CounterChange, PlannedDocument, PlannedObject, PlannedUpload, PurgePlan
from storage.domain.purge.scope import PurgeLimits, Scope, home_prefixes, in_scope
from storage.text import age, number

MAX_REASONS = 50


RAW = "raw_r2_key"
YOUNG = timedelta(hours=1)
UNUSUAL_FACTOR = 3
MAX_LINES = 20


@dataclass(frozen=True, slots=True)
class Inventory:
    """A complete look at a scope; a look that could not be completed is an error instead. `shared`: the keys that stay
    because a clip beside the scope names them too."""

    objects: tuple[PlannedObject, ...]
    documents: tuple[PlannedDocument, ...]
    uploads: tuple[PlannedUpload, ...]
    counters: tuple[CounterChange, ...] = ()
    warnings: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    claims: Claims | None = None
    shared: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.objects or self.documents or self.uploads)


def moved(plan: PurgePlan, now: Inventory) -> tuple[str, ...]:
    """What exists now and differs from the plan: new, in another version, or blocked since.

    A planned item that is gone is no reason: applying may find less than the plan, never more.
    """
    return tuple(_shortened(_moved(plan, now)))


def _moved(plan: PurgePlan, now: Inventory) -> Iterator[str]:
    etags = {item.key: item.etag for item in plan.objects}
    sizes = {item.key: item.size_bytes for item in plan.objects}
    for item in now.objects:
        if item.key not in etags:
            yield f"new object: {item.key}"
        elif item.etag != etags[item.key] or item.size_bytes != sizes[item.key]:
            yield f"object changed (another ETag or size): {item.key}"
    seen = {item.path: item.update_time for item in plan.documents}
    for document in now.documents:
        if document.path not in seen:
            yield f"new document: {document.path}"
        elif document.update_time != seen[document.path]:
            yield f"document changed: {document.path}"
    yield from (f"a clip beside names it too now: {key}" for key in now.shared if key in etags)
    uploads = set(plan.uploads)
    yield from (f"new unfinished upload: {upload.key}" for upload in now.uploads if upload not in uploads)
    yield from (reason for reason in now.blocked if reason not in plan.blocked)
    if plan.claims is not None and now.claims is not None:
        known = {*plan.claims.missing, *etags}
        yield from (f"claimed and not there: {key}" for key in now.claims.missing if key not in known)


def _shortened(lines: Iterable[str]) -> list[str]:
    found = list(lines)
    if len(found) <= MAX_REASONS:
        return found
    return [*found[:MAX_REASONS], f"and {len(found) - MAX_REASONS:,} more"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The objects and uploads that go, and the keys that were listed but stay, by the reason."""

    objects: tuple[ObjectFact, ...]
    uploads: tuple[PlannedUpload, ...]
    shared: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()


def judge(facts: Facts, layout: Layout, limits: PurgeLimits, now: datetime, look: Look | None = None) -> Inventory:
    """The inventory that a plan is made from. `look` holds what was found out about the claims; without it this judges
    no claim unless it is implausible by itself.
    """
    chosen = choose(facts, layout)
    return Inventory(
        objects=tuple(sorted(PlannedObject(item.key, item.size_bytes, item.etag) for item in chosen.objects)),
        documents=tuple(sorted(facts.documents)),
        uploads=tuple(sorted(chosen.uploads)),
        counters=facts.counters,
        warnings=(*(remarks(facts, look) if look else ()), *_warnings(facts, chosen, layout, limits, now)),
        blocked=(*_blocked(facts, layout, limits, now), *objections(facts, look)),
        claims=claims_of(facts, look) if look else None,
        shared=chosen.shared,
    )


def choose(facts: Facts, layout: Layout) -> Chosen:
    """All listed objects and uploads that are the scope's own, without those that a clip beside the scope names too.

    Outside the configured layout an object is the scope's only where its path gives it to the user or a document names
    it: a folder of the bucket may have a user's name by chance.
    """
    if facts.scope.clips:
        return _choose_clips(facts)
    named = {item.key for item in facts.named}
    elsewhere = {item.key for item in facts.named_elsewhere or ()}

    def own(key: str, home: bool) -> bool:
        return home or key in named or _theirs(key, facts.scope, layout)

    home = home_prefixes(facts.scope, layout)
    found = [item for item in facts.listed if own(item.key, item.home)]
    return Chosen(
        objects=tuple(item for item in found if item.key not in elsewhere),
        uploads=tuple(item for item in facts.uploads if own(item.key, item.key.startswith(home))),
        shared=tuple(item.key for item in found if item.key in elsewhere),
        strangers=tuple(item.key for item in facts.listed if not own(item.key, item.home)),
    )


def _theirs(key: str, scope: Scope, layout: Layout) -> bool:
    return owner_of(key, layout) == scope.uid and layout.belongs_to(key, scope.uid, scope.video_id)


def _choose_clips(facts: Facts) -> Chosen:
    """What the chosen clips name, with each one's twin (its thumbnail, its video); what other clips name too stays."""
    elsewhere = {item.key for item in facts.named_elsewhere or ()}
    named = {item.key for item in facts.named}
    twins = {_twin(item.key) for item in facts.named if item.field != RAW and item.key not in elsewhere}
    wanted = (named | twins) - elsewhere
    return Chosen(
        objects=tuple(item for item in facts.listed if item.key in wanted),
        uploads=tuple(item for item in facts.uploads if item.key in wanted),
        shared=tuple(item.key for item in facts.listed if item.key in named & elsewhere),
    )


def _twin(key: str) -> str:
    path = PurePosixPath(key)
    other = {".mp4": ".jpg", ".jpg": ".mp4"}.get(path.suffix)
    return key[: -len(path.suffix)] + other if other else ""


def _blocked(facts: Facts, layout: Layout, limits: PurgeLimits, now: datetime) -> Iterator[str]:
    for video in facts.videos:
        if _processed(video) and not _idle(video.touched_at, limits, now):
            yield (
                f"video {video.video_id} is being processed ({_since(video, now)}): wait for it, or set its status "
                "first"
            )
    for draft in facts.drafts:
        if not _stalled(draft, limits, now):
            quiet = f"last touched {age(now - draft.touched_at)} ago"
            yield f"draft {draft.draft_id} is being analysed ({quiet}): wait until its analysis has ended"
    yield from _few(_foreign(facts, layout, served=True))


def _stalled(draft: DraftFact, limits: PurgeLimits, now: datetime) -> bool:
    return now - draft.touched_at >= min(draft.patience, timedelta(hours=limits.idle_hours))


def _idle(touched_at: datetime | None, limits: PurgeLimits, now: datetime) -> bool:
    return touched_at is not None and now - touched_at >= timedelta(hours=limits.idle_hours)


def _processed(video: VideoFact) -> bool:
    return video.exists and being_processed(video.status)


def _status_in_words(video: VideoFact) -> str:
    """What the document says of its status where that is not the word `processing`."""
    if video.status == "processing":
        return "says processing"
    said = f"the unknown status {video.status[:40]!r}" if video.status else "no status"
    return f"has {said}, which the product takes for processing"


def _since(video: VideoFact, now: datetime) -> str:
    why = "" if video.status == "processing" else f"it {_status_in_words(video)}; "
    if video.touched_at is None:
        return f"{why}it does not say since when"
    return f"{why}last touched {age(now - video.touched_at)} ago"


def _foreign(facts: Facts, layout: Layout, *, served: bool) -> Iterator[str]:
    """Keys outside the scope. A clip that failed keeps such a key after a disclosure was ended, and blocks nothing: a
    purge deletes no object outside its scope."""
    for item in facts.named:
        if item.served is not served:
            continue
        if not layout.belongs_to(item.key, facts.scope.uid):
            others = owner_of(item.key, layout)
            whose = f"belongs to customer {others}" if others else "lies outside the layout"
            yield f"{item.path} names {item.key} in {item.field}, which {whose}"
        elif not in_scope(item.key, facts.scope, layout):
            yield f"{item.path} names {item.key} in {item.field}, which lies in another video of the customer"


def _warnings(facts: Facts, chosen: Chosen, layout: Layout, limits: PurgeLimits, now: datetime) -> Iterator[str]:
    if chosen.objects and not facts.documents:
        yield "no document names any of it: make sure that FIREBASE_PROJECT_ID is the project of this bucket"
    live = sum(link.live for link in facts.links)
    if live:
        yield f"{live:,} public share {'link works' if live == 1 else 'links work'} now and will stop working"
    yield from _few(_also_named(facts, chosen))
    harmless = _foreign(facts, layout, served=False)
    yield from _few(f"{line}: the clip failed, and that object is not touched" for line in harmless)
    if facts.named_elsewhere is None:
        yield "the customer has too many clips to check whether other clips name the same objects"
    yield from _size_warning(facts, chosen)
    young = [item.last_modified for item in chosen.objects if now - item.last_modified < YOUNG]
    if facts.youngest is not None and now - facts.youngest < YOUNG:
        young.append(facts.youngest)
    if young:
        yield "a part of it is less than an hour old"
    yield from _in_flight(facts, chosen, limits, now)
    for video in facts.videos:
        if _processed(video) and _idle(video.touched_at, limits, now):
            yield f"video {video.video_id} {_status_in_words(video)}, though nothing has touched it for long"
    for draft in facts.drafts:
        if _stalled(draft, limits, now):
            yield f"the analysis of draft {draft.draft_id} never ended, though nothing has touched it for long"
    yield from _oddities(facts, chosen, layout)


def _in_flight(facts: Facts, chosen: Chosen, limits: PurgeLimits, now: datetime) -> Iterator[str]:
    """Young clip files that no document names, whatever their video's status is: a worker stores the file first."""
    named = {item.key for item in facts.named}
    named |= {twin for key in named if (twin := _twin(key))}
    since = now - timedelta(minutes=limits.stale_minutes)
    flying = [
        item.key
        for item in chosen.objects
        if item.last_modified > since and item.key not in named and "/clips/" in item.key
    ]
    if flying:
        yield (
            f"in flight: {number(len(flying), 'object')} younger than {number(limits.stale_minutes, 'minute')} that no "
            f"document names, for example {min(flying)}: a worker may still write its document, so wait for that"
        )


def _oddities(facts: Facts, chosen: Chosen, layout: Layout) -> Iterator[str]:
    there = {item.key for item in facts.listed}
    # Caches expire, and the newer product names a highlights.json that it never writes.
    # Nobody listed the places of keys that are not the scope's own.
    expected = {
        item.key
        for item in facts.named
        if layout.parse(item.key).kind not in {*CACHE_KINDS, "highlights"}
        and layout.belongs_to(item.key, facts.scope.uid)
        and in_scope(item.key, facts.scope, layout)
    }
    missing = expected - there
    if missing:
        yield f"missing objects that documents name: {len(missing):,}, for example {min(missing)}"
    odd = [item.key for item in chosen.objects if layout.parse(item.key).kind == "unrecognised"]
    if odd:
        yield f"objects whose name has no known form: {len(odd):,}, for example {odd[0]}"
    if chosen.strangers:
        yield f"left alone as outside the layout: {len(chosen.strangers):,}, for example {chosen.strangers[0]}"
    phantoms = [video.video_id for video in facts.videos if not video.exists]
    if phantoms:
        yield f"videos without a document of their own: {len(phantoms):,}, for example {phantoms[0]}"
    if facts.busy_elsewhere:
        busy = ", ".join(facts.busy_elsewhere[:3])
        yield f"other videos of the customer are being processed ({busy}): recount afterwards"


def _also_named(facts: Facts, chosen: Chosen) -> Iterator[str]:
    staying = set(chosen.shared)
    by_key: defaultdict[str, list[NamedKey]] = defaultdict(list)
    raw = 0
    for item in facts.named_elsewhere or ():
        if item.key in staying:
            by_key[item.key].append(item)
    for key, others in sorted(by_key.items()):
        if all(item.field == RAW for item in others):
            raw += 1
            continue
        more = f" and {len(others) - 1:,} more" if len(others) > 1 else ""
        yield f"{key} stays, because {others[0].path} names it too{more}"
    if raw:
        yield f"raw segments that other clips name too stay: {raw:,}"


def _size_warning(facts: Facts, chosen: Chosen) -> Iterator[str]:
    if facts.scope.kind == "user" or facts.user_videos < UNUSUAL_FACTOR:
        return
    usual = facts.user_totals.size_bytes // facts.user_videos
    size = sum(item.size_bytes for item in chosen.objects)
    if usual and size > UNUSUAL_FACTOR * usual:
        yield f"{size:,} bytes go; a video of this customer usually has {usual:,}"


def _few(lines: Iterator[str]) -> Sequence[str]:
    found = list(lines)
    return (
        found if len(found) <= MAX_LINES else [*found[:MAX_LINES], f"and {len(found) - MAX_LINES:,} more of this kind"]
    )
