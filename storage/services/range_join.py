"""The join of both stores over one range of customers, and the reports on them.

The range's part of each collection group is read first, then its part of the bucket is listed, as in `verify`: an
object that a document names was there before the listing began. Customers with whom nothing can be wrong are
recognised from the rows (`integrity.sound`). Of all others the very rules of `verify UID` judge the facts, taken from
the same rows. A customer of whom the range does not have everything for certain is read alone: an id that the stores
order differently, a listing that broke off, objects that were listed before the documents.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from storage.clients.meter import check_budgets, metering
from storage.clients.threads import ContextThreads
from storage.domain import highlights
from storage.domain.documents import CLIPS, VIDEOS
from storage.domain.highlights import HighlightsState
from storage.domain.integrity import Checked, Failure, Finding, InFlight, LookedInto, Report
from storage.domain.integrity.inputs import highlights_place
from storage.domain.integrity.sound import ClipRow, ObjectRow, Sound, VideoRow, sound
from storage.domain.ranges import EVERYBODY, Range, stands_out
from storage.errors import AccessDenied, BackendError, NotFound
from storage.ids import firestore_order, number_of
from storage.repositories.ranges import (
    Home,
    ListedRow,
    Placed,
    Stream,
    documents_in,
    homes_of,
    listing,
    objects_table,
    paths_in,
    placed,
    range_records,
    shared_folders,
    table_of,
)
from storage.services import highlights as highlights_store
from storage.services.verify import (
    ReadScope,
    VerifyContext,
    facts_of,
    failed,
    judged,
    prefixes_of,
    stored_file,
    verify_user,
    with_highlights,
    with_looks,
)

MAX_KEYS = 50_000  # objects of one home that a part holds at once
AT_ONCE = 16  # requests of one range
FEW_NAMES = 300  # documents of which names say everything: so few in a whole scan are read once, not for each range
_HIGHLIGHTS_PARTS, _SHARE_PARTS = 6, 8  # segments of the paths of highlights and of shares


class Stopped(Exception):
    """Nobody takes the reports any more."""


@dataclass(slots=True)
class _Rows:
    """Everything of one customer that a chunk has read."""

    uid: str
    exists: bool | None
    videos: list[Placed] = field(default_factory=list)
    clips: list[Placed] = field(default_factory=list)
    highlights: list[tuple[str, HighlightsState | None]] = field(default_factory=list)
    shares: list[str] = field(default_factory=list)
    objects: dict[str, list[ListedRow]] = field(default_factory=dict)  # by home

    @property
    def phantoms(self) -> tuple[list[str], list[str]]:
        """The paths of absent videos and clips that have documents below them."""
        clips = {path.rpartition("/shares/")[0] for path in self.shares}
        clips -= {_path(self.uid, one.row) for one in self.clips} if clips else set()
        below = {path.split("/")[3] for path in clips} | {one.row.video_id for one in self.clips}
        below |= {path.split("/")[3] for path, _ in self.highlights}
        videos = below - {one.row.video_id for one in self.videos}
        return [f"users/{self.uid}/videos/{name}" for name in sorted(videos, key=firestore_order)], sorted(clips)


def _path(uid: str, clip: ClipRow) -> str:
    return f"users/{uid}/videos/{clip.video_id}/clips/{clip.clip_id}"


class RangeJoin:
    """Joins ranges of one scan. Threads may share it."""

    def __init__(self, checker: VerifyContext, scope: ReadScope, stopped: threading.Event) -> None:
        self._checker, self._scope, self._stopped = checker, scope, stopped
        self._records = range_records(checker.records)
        self._layout = checker.layout
        self._served = checker.deployment.highlights_source
        self._few: dict[str, dict[str, list[ListedRow]]] = {}  # homes with so few objects that they are listed once
        self._few_names: dict[str, dict[str, list[str]]] = {}  # collections with few documents, likewise
        self._homes: list[Home] = []
        self._shared = tuple(folder[:-1] for folder in shared_folders(self._layout))
        uploads, home = scope.known_uploads or (), self._layout.prefix
        begun = (one.key[len(home) :].partition("/")[0] for one in uploads if one.key.startswith(home))
        self._uploading = frozenset(begun)

    def go_on(self) -> None:
        """Raises `Stopped` where nobody waits for the result."""
        if self._stopped.is_set():
            raise Stopped

    def look_ahead(self, span: Range) -> None:
        """Finds the collections and the homes with so few documents or objects that they are read once for the span.

        The layout's own home is read by ranges.
        """
        for collection_id in ("shares", "highlights") if self._served == "object" else ("shares",):
            try:
                few = self._records.few(collection_id, span, FEW_NAMES)
            except AccessDenied:
                raise
            except BackendError:
                continue  # each range asks again, and knows what to do about the answer
            if few is not None:
                self._few_names[collection_id] = few
        for home in homes_of(self._layout):
            found: dict[str, list[ListedRow]] | None = None
            if home.prefix != self._layout.prefix:
                with suppress(BackendError):
                    found = self._few_in(home)
            if found is None:
                self._homes.append(home)
            else:
                self._few[home.prefix] = found

    def _few_in(self, home: Home) -> dict[str, list[ListedRow]] | None:
        found: dict[str, list[ListedRow]] = defaultdict(list)
        if not home.prefix:
            pages = self._checker.objects.folder_pages("")
            if not set(next(pages)).difference(shared_folders(self._layout)) and next(pages, None) is None:
                return found  # nothing lies at the top but the shared folders
        for part in home.spans:
            for rows, more in listing(self._checker.objects, replace(home, spans=(part,)), EVERYBODY):
                if more and rows:
                    return None
                for uid, row in rows:
                    found[uid].append(row)
        return found

    def alone(self, uid: str) -> Report:
        """The report on one customer, read alone."""
        try:
            return verify_user(self._checker, uid, scope=self._scope)
        except AccessDenied:
            raise
        except (BackendError, NotFound) as error:
            return unread(self._checker, uid, failed("the customer's documents", error))

    def joined(self, span: Range, users: frozenset[str]) -> tuple[list[Report], set[str]]:
        """The reports of one range, and the customers in it whose ids are numbers, who are left out.

        It goes part by part: a part ends where the first stream does not know how it goes on.
        """
        read_at, reports, low = self._checker.clock(), list[Report](), span.start
        videos = self._records.stream("videos", span, _videos, names=False)
        clips = self._records.stream("clips", span, _clips, names=False)
        marked, shares = self._marked(span), self._shares(span)
        streams: tuple[Stream[Any], ...] = (videos, clips, marked, shares)
        with ContextThreads(max_workers=AT_ONCE, thread_name_prefix="range") as threads:
            while True:
                self.go_on()
                for _ in threads.map(Stream.fill, streams):
                    pass
                end = min((one.whole_before for one in streams if not one.ended), default=span.end)
                listed, end = self._listed(Range(low, end), threads)
                rows = self._rows(Range(low, end), users, listed.by_home, videos, clips, marked, shares)
                reports += self._judged(rows, end, listed.unknown_from, read_at, threads)
                if end == span.end:
                    return reports, set().union(*(one.numbers for one in streams))
                low = end

    def _shares(self, span: Range) -> Stream[str]:
        few = self._few_names.get("shares")
        if few is None:
            return self._records.stream("shares", span, paths_in, names=True)
        return Stream(lambda _: (_held(few, span), None))

    def _marked(self, span: Range) -> Stream[tuple[str, HighlightsState | None]]:
        """The documents of highlights by uid, judged where the product serves them."""
        few = self._few_names.get("highlights")
        if few is not None:
            return Stream(lambda _: (_named(_held(few, span)), None))
        if self._served == "object":
            return self._records.stream("highlights", span, lambda answers: _named(paths_in(answers)), names=True)
        return self._records.stream("highlights", span, _judged_highlights, names=False)

    def _listed(self, span: Range, threads: ContextThreads) -> tuple[_Listed, str]:
        """The range's objects by home, and the customer up to whom they are whole."""
        found = list(threads.map(partial(self._home, span), self._homes))
        end = min((one.end for one in found if one.end), default=span.end)
        by_home = {home.prefix: one.rows for home, one in zip(self._homes, found, strict=True)}
        unknown = min((one.unknown_from for one in found if one.unknown_from is not None), default=None)
        return _Listed(by_home, unknown), end

    def _home(self, span: Range, home: Home) -> _Part:
        rows: dict[str, list[ListedRow]] = defaultdict(list)
        count, last = 0, ""
        try:
            for page, more in listing(self._checker.objects, home, span):
                self.go_on()
                for uid, row in page:
                    if uid >= span.start and (not span.end or uid < span.end):
                        rows[uid].append(row)
                        last = max(last, uid)
                count += len(page)
                if more and count > MAX_KEYS and len(rows) > 1:
                    return _Part(rows, last)
        except BackendError:
            return _Part(rows, "", last)  # from this customer on, each is asked for alone
        return _Part(rows)

    def _rows(
        self,
        span: Range,
        users: frozenset[str],
        by_home: Mapping[str, Mapping[str, list[ListedRow]]],
        videos: Stream[Placed],
        clips: Stream[Placed],
        marked: Stream[tuple[str, HighlightsState | None]],
        shares: Stream[str],
    ) -> list[_Rows]:
        """Everything about the customers of a part, by uid. Objects of nobody that Firestore knows are left out."""
        found: dict[str, _Rows] = {uid: _Rows(uid, True) for uid in users if span.holds(uid)}

        def of(uid: str) -> _Rows:
            return found.setdefault(uid, _Rows(uid, False))

        for uid, some in videos.take(span.end).items():
            of(uid).videos = some
        for uid, some in clips.take(span.end).items():
            of(uid).clips = some
        for uid, states in marked.take(span.end).items():
            of(uid).highlights = states
        for uid, paths in shares.take(span.end).items():
            of(uid).shares = [path for path in paths if _is_share(path)]
        for home, customers in (*by_home.items(), *self._few.items()):
            for uid, objects in customers.items():
                if span.holds(uid) and number_of(uid) is None:
                    found.setdefault(uid, _Rows(uid, None)).objects[home] = objects
        return [found[uid] for uid in sorted(found)]

    def _judged(
        self,
        customers: Sequence[_Rows],
        end: str,
        unknown_from: str | None,
        read_at: datetime,
        threads: ContextThreads,
    ) -> list[Report]:
        joined = [one for one in customers if not self._needs_more(one, end, unknown_from)]
        candidates = {one.uid: found for one in joined if (found := self._sound(one)) is not None}
        stored = self._files(candidates, threads)
        reports: dict[str, Report | None] = {}
        for one in joined:
            if one.uid in candidates and (well := self._well(one, candidates[one.uid], stored, read_at)) is not None:
                reports[one.uid] = well
        known = {one.uid for one in joined}

        def otherwise(rows: _Rows) -> Report | None:
            self.go_on()
            if not rows.exists:  # the page of users may be older than the document
                user = self._checker.records.user(rows.uid)
                if user is None and rows.exists is None:
                    return None  # nobody that Firestore knows
                rows.exists = user is not None and user.exists
            if rows.uid in known:
                return self._by_rules(rows, stored.get(rows.uid), read_at)
            return self.alone(rows.uid)

        others = [one for one in customers if one.uid not in reports]
        reports |= dict(zip((one.uid for one in others), threads.map(otherwise, others), strict=True))
        return [made for one in customers if (made := reports[one.uid]) is not None]

    def _well(
        self, rows: _Rows, found: Sound, stored: Mapping[str, Mapping[str, HighlightsState]], read_at: datetime
    ) -> Report | None:
        return found.report(
            stored.get(rows.uid, {}),
            {path.split("/")[3]: state for path, state in rows.highlights if state is not None},
            deployment=self._checker.deployment,
            now=self._checker.clock(),
            read_at=read_at,
            stale_after=self._checker.stale_after,
            links=() if self._scope.links else None,
            looked_into=None if self._scope.sample is None else LookedInto(),
        )

    def _needs_more(self, rows: _Rows, end: str, unknown_from: str | None) -> bool:
        """Whether the customer must be read alone, because the range does not have everything of theirs for certain."""
        uid = rows.uid
        if stands_out(uid, end) or (unknown_from is not None and uid >= unknown_from) or uid.startswith(self._shared):
            return True
        if any(home in self._layout.prefixes and uid in few for home, few in self._few.items()):
            return True  # listed before the documents were read
        if any(uid in few for few in self._few_names.values()) and rows.phantoms != ([], []):
            return True  # what lies below an absent document was read before that
        named = [one.row.key for one in rows.clips] + [one.row.highlights_key for one in rows.videos]
        early = tuple(f"{home}{uid}/" for home in self._few)
        return any(key.startswith(early) for key in named if key)

    def _sound(self, rows: _Rows) -> Sound | None:
        """The customer, where the documents and objects agree in everything."""
        if not rows.exists or rows.uid in self._uploading or rows.phantoms != ([], []):
            return None
        scope = self._scope
        if (scope.links and scope.known_links is None) or (scope.uploads and scope.known_uploads is None):
            return None
        if rows.uid in (scope.known_links or ()):
            return None
        if scope.sample is not None and any(one.row.key and scope.sample.takes(one.row.key) for one in rows.clips):
            return None
        videos, clips = ([one.row for one in some] for some in (rows.videos, rows.clips))
        return sound(rows.uid, videos, clips, _objects(rows), self._layout)

    def _files(self, found: Mapping[str, Sound], threads: ContextThreads) -> dict[str, dict[str, HighlightsState]]:
        """The files of highlights of these customers, where the product serves files, by uid and video id."""
        states: dict[str, dict[str, HighlightsState]] = defaultdict(dict)
        if self._served == "document":
            return states
        asked = []
        for uid, one in found.items():
            for video in one.videos:
                place = highlights_place(uid, video.video_id, video.highlights_key or "", one.sizes, self._layout)
                if place.key in one.sizes:
                    asked.append((uid, video.video_id, place.key, one.sizes[place.key]))
                else:
                    states[uid][video.video_id] = highlights.absent("object", place.key)

        def read(one: tuple[str, str, str, int]) -> HighlightsState:
            self.go_on()
            _, _, key, size = one
            return stored_file(self._checker.objects, key, size, contents=self._scope.contents).without_entries()

        for (uid, video_id, _, _), state in zip(asked, threads.map(read, asked), strict=True):
            states[uid][video_id] = state
        check_budgets()  # a reading that the budget stopped must not become a finding
        return states

    def _by_rules(self, rows: _Rows, stored: Mapping[str, HighlightsState] | None, read_at: datetime) -> Report:
        """The report of the rules on the facts of `verify UID`, taken from the rows."""
        checker, uid = self._checker, rows.uid
        with metering() as meter:
            videos, clips = rows.phantoms
            tables = [
                table_of(schema, there, self._records.phantom(schema, gone) if gone else None, read_at)
                for schema, there, gone in ((VIDEOS, rows.videos, videos), (CLIPS, rows.clips, clips))
            ]
            prefixes = prefixes_of(self._layout, uid, None, self._scope)
            tail = len(uid) + 1
            listed = {one: objects_table(rows.objects.get(one[:-tail], ()), read_at) for one in prefixes}
            facts = facts_of(
                checker,
                uid,
                None,
                self._scope,
                exists=rows.exists is True,
                videos=tables[0],
                clips=tables[1],
                read_at=read_at,
                listed=listed,
            )
            facts = with_highlights(checker, facts, self._scope, stored=stored, documents=self._documents(rows))
            if self._scope.sample is not None:
                facts = with_looks(checker, facts, self._scope.sample, self._scope.readers)
            check_budgets()
            _, report = judged(checker, facts)
        return report.with_cost(meter.cost().as_dict())

    def _documents(self, rows: _Rows) -> Mapping[str, HighlightsState] | None:
        """The documents of highlights of all videos by id; `None` where only some are read, for each by itself."""
        if self._served == "object":
            return None
        known = {path.split("/")[3]: state for path, state in rows.highlights if state is not None}
        names = [one.row.video_id for one in rows.videos]
        below = f"users/{rows.uid}/videos"
        return {
            name: known.get(name) or highlights.absent("document", f"{below}/{name}/highlights/main") for name in names
        }


@dataclass(frozen=True, slots=True)
class _Part:
    """The objects of a range under one home, by customer.

    They are whole before `end` (empty: to the range's end), and not known from the customer `unknown_from` on.
    """

    rows: Mapping[str, list[ListedRow]]
    end: str = ""
    unknown_from: str | None = None


@dataclass(frozen=True, slots=True)
class _Listed:
    """The objects of a range by home and customer; not known from the customer `unknown_from` on."""

    by_home: Mapping[str, Mapping[str, list[ListedRow]]]
    unknown_from: str | None


def _videos(answers: list[bytes]) -> Iterator[tuple[str, Placed]]:
    names = ("video_id", "status", "created_at", "highlights_json_key", "source_video_expires_at")
    return placed(VIDEOS, answers, names, VideoRow)


def _clips(answers: list[bytes]) -> Iterator[tuple[str, Placed]]:
    names = ("video_id", "clip_id", "status", "r2_key", "thumbnail_r2_key", "has_thumbnail", "file_size_bytes")
    return placed(CLIPS, answers, names, ClipRow)


def _judged_highlights(answers: list[bytes]) -> Iterator[tuple[str, tuple[str, HighlightsState | None]]]:
    for document in documents_in(answers):
        parts = document.path.split("/")
        if len(parts) == _HIGHLIGHTS_PARTS and parts[0] == "users" and parts[2] == "videos":
            state = highlights_store.judged_document(document, document.path).without_entries()
            yield parts[1], (document.path, state if parts[5] == "main" else None)


def _named(paths: Iterable[tuple[str, str]]) -> Iterator[tuple[str, tuple[str, HighlightsState | None]]]:
    return ((uid, (path, None)) for uid, path in paths if path.count("/") == _HIGHLIGHTS_PARTS - 1)


def _held(few: Mapping[str, list[str]], span: Range) -> Iterator[tuple[str, str]]:
    return ((uid, path) for uid, paths in few.items() if span.holds(uid) for path in paths)


def _is_share(path: str) -> bool:
    parts = path.split("/")
    return len(parts) == _SHARE_PARTS and parts[0:5:2] == ["users", "videos", "clips"]


def _objects(rows: _Rows) -> list[ObjectRow]:
    return [one.row for some in rows.objects.values() for one in some]


def unread(checker: VerifyContext, uid: str, failure: Failure) -> Report:
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
