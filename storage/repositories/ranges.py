"""Reads ranges of customers from both stores as streams of rows in order, some pages ahead of whoever joins them.

A stream is read until it has gone past its first customer, so that whatever it holds before its last customer is whole:
memory holds a page, or the largest customer. Ids that are numbers are set apart (`numbers`): Firestore lists them
first, and a bucket among the texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

import pandas as pd

from storage.clients import firestore
from storage.domain.documents import OBJECTS, RawDocument, Schema, Table
from storage.domain.integrity.sound import ObjectRow
from storage.domain.layout import CACHE_FOLDERS, KNOWN_PREFIXES, OPS_PREFIX, Layout
from storage.domain.ranges import LAST, Range, just_before
from storage.errors import Unusable
from storage.ids import number_of
from storage.repositories.columns import DocumentPage, TableBuilder, decode_page
from storage.repositories.decode import raw_document, relative_path
from storage.repositories.objects import Objects
from storage.repositories.queries import RecordQueries, build
from storage.repositories.records import Records

PAGE = 5_000  # documents
R = TypeVar("R")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Placed(NamedTuple):
    """A document's row: its place in a decoded page, and what the reader of the stream made of it."""

    page: DocumentPage
    at: int
    row: Any


class Stream(Generic[R]):
    """Rows by customer, read page by page. `read` takes the place to go on from (`None`: the beginning)."""

    def __init__(self, read: Callable[[Any], tuple[Iterable[tuple[str, R]], Any]]) -> None:
        self._read = read
        self._place: Any = None
        self._rows: list[tuple[str, R]] = []
        self.ended = False
        self.numbers: set[str] = set()

    def fill(self) -> None:
        """Reads on until the stream has ended, or gone past its first customer."""
        while not self.ended and (not self._rows or self._rows[0][0] == self._rows[-1][0]):
            found, self._place = self._read(self._place)
            for uid, row in found:
                if uid.startswith("__id") and number_of(uid) is not None:
                    self.numbers.add(uid)
                else:
                    self._rows.append((uid, row))
            self.ended = self._place is None

    @property
    def whole_before(self) -> str:
        """The customer before whom everything was read; empty where the stream has ended."""
        return "" if self.ended else self._rows[-1][0]

    def take(self, end: str) -> dict[str, list[R]]:
        """Takes out the rows of the customers before `end` (empty: of all)."""
        count = len(self._rows) if not end else next((n for n, (uid, _) in enumerate(self._rows) if uid >= end), None)
        taken, self._rows = self._rows[:count], [] if count is None else self._rows[count:]
        return {uid: [row for _, row in rows] for uid, rows in groupby(taken, key=itemgetter(0))}


class RangeRecords(RecordQueries):
    """Reads across all customers by ranges of names, which need no index."""

    def users(self, span: Range, size: int) -> tuple[list[str], str]:
        """The first users in the range who have a document, and the uid that the rest begins with; empty at the end."""
        query = build("users", where=self._ids_between("users", span.start, span.end), fields=())
        found, following = self._page_of(query, "Reading the customers", None, size)
        return [uid for uid, _ in paths_in(found)], "" if following is None else relative_path(following).split("/")[1]

    def stream(
        self, collection_id: str, span: Range, rows: Callable[[list[bytes]], Iterable[tuple[str, R]]], *, names: bool
    ) -> Stream[R]:
        """A collection group below the users of the range; with `names`, Firestore sends nothing but the names."""
        query = self._below_users(collection_id, span.start, span.end, () if names else None)
        operation = f"Reading the {collection_id} of all customers"

        def read(place: str | None) -> tuple[Iterable[tuple[str, R]], str | None]:
            answers, following = self._page_of(query, operation, place, PAGE)
            return rows(answers), following

        return Stream(read)

    def few(self, collection_id: str, span: Range, most: int) -> dict[str, list[str]] | None:
        """The paths of a collection group below the users of the range by uid, or `None` where they are more."""
        query = self._below_users(collection_id, span.start, span.end, ())
        answers, following = self._page_of(query, f"Reading the {collection_id} of all customers", None, most)
        if following is not None:
            return None
        found: dict[str, list[str]] = {}
        for uid, path in paths_in(answers):
            found.setdefault(uid, []).append(path)
        return found

    def phantom(self, schema: Schema, paths: Iterable[str]) -> DocumentPage:
        """Rows for absent documents with these paths, as a listing would show them."""
        return decode_page(schema, (firestore.Document(name=self._handle.name(path)) for path in paths))


def range_records(records: Records) -> RangeRecords:
    """The same reads over the handle of these records."""
    return RangeRecords(records._handle, records._clock)


def placed(schema: Schema, answers: list[bytes], names: tuple[str, ...], make: Callable[..., R]) -> Iterator[Any]:
    """For each document its uid, and its place with the row made of these columns."""
    page = decode_page(schema, answers, most_oddities=len(answers) * len(schema.columns))
    columns = (_values(page.columns[schema.names.index(name)]) for name in ("uid", *names))
    for at, (uid, *cells) in enumerate(zip(*columns, strict=True)):
        yield uid, Placed(page, at, make(*cells))


def paths_in(answers: list[bytes]) -> Iterator[tuple[str, str]]:
    """For each document below a user, its uid and its path."""
    for answer in answers:
        path = relative_path(firestore.RunQueryResponse.FromString(answer).document.name)
        if path.startswith("users/"):
            yield path.split("/")[1], path


def documents_in(answers: list[bytes]) -> Iterator[RawDocument]:
    """The documents unchanged."""
    for answer in answers:
        yield raw_document(firestore.RunQueryResponse.FromString(answer).document)


def table_of(schema: Schema, rows: Iterable[Placed], phantoms: DocumentPage | None, read_at: datetime) -> Table:
    """The complete table of these rows, as a read of this customer alone would give it."""
    builder = TableBuilder(schema)
    for _, run in groupby(enumerate(rows), key=lambda one: (id(one[1].page), one[1].at - one[0])):
        part = [one for _, one in run]
        page, at, size = part[0].page, part[0].at, len(part)
        columns = [_slice(column, at, size) for column in page.columns]
        builder.add(DocumentPage(size, columns, page.oddities.of(_values(columns[schema.names.index("path")]))))
    if phantoms is not None or not builder.pages:
        builder.add(phantoms or builder.page([]))
    return builder.table(read_at=read_at, reads=0)


def _slice(column: Any, at: int, size: int) -> Any:
    return column[at : at + size] if isinstance(column, list) else column.slice(at, size)


def _values(column: Any) -> list[Any]:
    return column if isinstance(column, list) else column.to_pylist()


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One object of a listing: its place in a page's frame, and the row."""

    frame: pd.DataFrame
    at: int
    row: ObjectRow


@dataclass(frozen=True, slots=True)
class Home:
    """One prefix under which customers' folders lie, and the parts of the bucket that it takes.

    `spans` are the key after which a part begins and the key that ends it, each empty where there is none. Keys that
    begin with the uid lie between the shared folders, which belong to nobody.
    """

    prefix: str
    spans: tuple[tuple[str, str], ...] = (("", ""),)


def homes_of(layout: Layout) -> tuple[Home, ...]:
    """The homes of a layout: its own prefix first, then the other known ones and the folders of caches."""
    shared = shared_folders(layout)
    between = tuple(zip(["", *(f"{folder}{LAST}" for folder in shared)], [*shared, ""], strict=True))
    prefixes = dict.fromkeys((*layout.prefixes, *CACHE_FOLDERS))
    return tuple(Home(prefix) if prefix else Home(prefix, between) for prefix in prefixes)


def shared_folders(layout: Layout) -> list[str]:
    """The folders at the top of the bucket that are nobody's, in order."""
    found = {*layout.prefixes, *KNOWN_PREFIXES, *CACHE_FOLDERS, OPS_PREFIX} - {""}
    return sorted({f"{prefix.partition('/')[0]}/" for prefix in found})


def listing(objects: Objects, home: Home, span: Range) -> Iterator[tuple[list[tuple[str, ListedRow]], bool]]:
    """The objects of the customers of a range under one home, page by page, and whether more may follow.

    A page may hold customers before the range as well. Raises what the store raises, and `Unusable` where it lists in
    an order of its own.
    """
    for first, behind in home.spans:
        if (behind and span.start >= behind) or (span.end and first and span.end <= first):
            continue
        after = f"{home.prefix}{just_before(span.start)}" if span.start else ""
        last = ""
        for page in objects.list_pages(home.prefix, max(after, first) or None):
            rows, last, past = _rows(page.frame, home.prefix, behind, span, last)
            yield rows, not (past or page.complete)
            if past:
                break


def _rows(
    frame: pd.DataFrame, home: str, behind: str, span: Range, last: str
) -> tuple[list[tuple[str, ListedRow]], str, bool]:
    """The rows up to the range's end, the last customer met, and whether the page goes beyond the range."""
    found: list[tuple[str, ListedRow]] = []
    stamps = frame["last_modified"].array.asi8.tolist()
    columns = zip(frame["key"].tolist(), frame["size_bytes"].tolist(), stamps, strict=True)
    length = len(home)
    for at, (key, size, stamp) in enumerate(columns):
        if behind and key >= behind:
            return found, last, True
        uid, slash, _ = key[length:].partition("/")
        if not slash:
            continue  # an object beside the customers' folders
        if uid != last:
            if uid < last and f"{uid}/" < f"{last}/":
                raise Unusable("The store lists in an order of its own.", operation="list_objects_v2", target=home)
            if span.end and uid >= span.end and number_of(uid) is None:
                return found, last, True
            last = uid
        found.append((uid, ListedRow(frame, at, ObjectRow(key, size, _EPOCH + timedelta(microseconds=stamp)))))
    return found, last, False


def objects_table(rows: Iterable[ListedRow], read_at: datetime) -> Table:
    """The complete listing of these rows."""
    frames = []
    for _, run in groupby(enumerate(rows), key=lambda one: (id(one[1].frame), one[1].at - one[0])):
        part = [one for _, one in run]
        frames.append(part[0].frame.iloc[part[0].at : part[-1].at + 1])
    frame = pd.concat(frames, ignore_index=True) if frames else OBJECTS.empty()
    return Table(OBJECTS, frame, (), True, read_at)
