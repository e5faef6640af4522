"""Gathers what a rollup knows of every customer: the document, the accounting, and the sums over the clips.

There are two ways, which give the same. `streamed` reads the clips of all customers by ranges, a read a clip, and the
titles that the index needs come with them. `asked` has Firestore add up each customer's clips, two requests and two
reads a customer or more. Both read users as a listing, because only a listing shows phantoms. Memory holds some
thousand customers; titles wait in files.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile, TemporaryFile
from typing import IO, Any, cast

from storage.clients.threads import ContextThreads
from storage.domain import usage
from storage.domain.documents import Accounting, Table, User, users_of
from storage.domain.search_index import TITLED, line_of, title_rows
from storage.domain.usage import Truth
from storage.errors import AccessDenied, BackendError
from storage.repositories.clip_sums import ClipSum, sum_records
from storage.repositories.records import Records

ASKED_AT_ONCE = 32  # customers whose clips Firestore adds up: requests that mostly wait
CUSTOMERS = 1_500  # of a range, and the rest of a page: how long pages are, the backend decides
RANGES = 4  # read at once
_IN_MEMORY = 1_000_000  # characters of the titles of one range

CustomerFacts = tuple[User, Accounting | None, Truth | None]
FactsPage = tuple[Table, list[CustomerFacts]]
"""A page of the listing of customers, and what is known of each; a truth is `None` where it could not be read."""


class TitleRows:
    """The rows of all titles as lines of JSON, in files without a name, which end with this process.

    `whole` is false where some could not be read.
    """

    def __init__(self) -> None:
        self.whole = True
        self._stack = ExitStack()
        self._files = {one: self._stack.enter_context(_file()) for one in TITLED}

    def take(self, some: Mapping[str, IO[str]]) -> None:
        """Adds the rows of a range and closes its files."""
        for name, file in some.items():
            file.seek(0)
            shutil.copyfileobj(file, self._files[name])
            file.close()

    def __iter__(self) -> Iterator[list[Any]]:
        for file in self._files.values():
            file.seek(0)
            yield from map(json.loads, file)

    def close(self) -> None:
        """Drops them."""
        self._stack.close()


def _file() -> IO[str]:
    return TemporaryFile("w+", encoding="utf-8", errors="replace", newline="\n")


def _file_of_range() -> IO[str]:
    form = {"encoding": "utf-8", "errors": "replace", "newline": "\n"}
    return cast(IO[str], SpooledTemporaryFile(_IN_MEMORY, "w+", **form))  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True)
class _Range:
    """Pages of users, and the customers that the range begins with and ends before, empty for no limit."""

    pages: Sequence[Table]
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class _Found:
    """What one range gave; `titles` is empty where it could not be read as a range."""

    pages: Sequence[FactsPage]
    titles: Mapping[str, IO[str]]


class CustomerReader:
    """Reads every customer once. `error` is the first one that kept a customer's clips from being added up."""

    def __init__(self, records: Records) -> None:
        self.error: BackendError | None = None
        self._records = records
        self._sums = sum_records(records)
        self._stopped = threading.Event()

    @property
    def streams(self) -> bool:
        """Whether the backend is not known to refuse what `streamed` asks for."""
        return self._sums.served

    def asked(self, shard: tuple[int, int] | None) -> Generator[FactsPage, None, None]:
        """The customers of a shard in order. Raises where users cannot be listed, or the credential is refused."""
        for page in self._records.iter_users(shard):
            yield self._asked(page)

    def streamed(self, titles: TitleRows) -> Generator[FactsPage, None, None]:
        """All customers in order, ranges read ahead; adds all titles. Raises as `asked`.

        The customers of a range that could not be read are asked for one by one, and its titles are missing.
        """
        threads = ContextThreads(max_workers=RANGES, thread_name_prefix="range")
        waiting: deque[Future[_Found]] = deque()
        ranges = self._ranges()
        try:
            while True:
                one = next(ranges, None)
                if one is not None:
                    waiting.append(threads.submit(self._range, one))
                while waiting and (one is None or len(waiting) > RANGES or waiting[0].done()):
                    found = waiting.popleft().result()
                    titles.whole = titles.whole and bool(found.titles)
                    titles.take(found.titles)
                    yield from found.pages
                if one is None:
                    return
        finally:
            self._stopped.set()
            threads.shutdown(wait=True, cancel_futures=True)
            for future in waiting:
                if not future.cancelled() and future.exception() is None:
                    _close(future.result().titles)

    def _ranges(self) -> Iterator[_Range]:
        pages: list[Table] = []
        start, customers = "", 0
        for page in self._records.iter_users():
            first = "" if page.frame.empty else str(page.frame["uid"].iloc[0])
            if customers >= CUSTOMERS and first:
                yield _Range(pages, start, first)
                pages, start, customers = [], first, 0
            pages.append(page)
            customers += len(page.frame)
        yield _Range(pages, start, "")

    def _range(self, one: _Range) -> _Found:
        if self._stopped.is_set():
            return _Found((), {})
        files: dict[str, IO[str]] = {}
        try:
            books = self._sums.accountings(one.start, one.end)
            sums: dict[str, ClipSum] = {}
            for collection_id in TITLED:
                files[collection_id] = _file_of_range()
                titled = self._titled(collection_id, one, sums)
                files[collection_id].writelines(f"{line_of(row)}\n" for row in title_rows(titled, collection_id))
        except AccessDenied:
            _close(files)
            raise  # what Firestore refuses for one user it refuses for all
        except BackendError:
            _close(files)
            return _Found([self._asked(page) for page in one.pages], {})
        return _Found([_with(page, books, sums) for page in one.pages], files)

    def _titled(self, collection_id: str, one: _Range, sums: dict[str, ClipSum]) -> Iterator[tuple[str, str]]:
        for page in self._sums.titled(collection_id, one.start, one.end):
            if self._stopped.is_set():
                return  # nobody takes what comes
            if collection_id == "clips":
                page.add_to(sums)
            yield from page.titled

    def _asked(self, page: Table) -> FactsPage:
        users = users_of(page)
        books = self._records.accountings([user.uid for user in users]) if users else {}
        with ContextThreads(max_workers=ASKED_AT_ONCE) as threads:
            truths = threads.map(lambda user: self._truth(user.uid), users)
            return page, [(user, books.get(user.uid), truth) for user, truth in zip(users, truths, strict=True)]

    def _truth(self, uid: str) -> Truth | None:
        try:
            return usage.truth_from_totals(self._records.clip_totals(uid))
        except AccessDenied:
            raise
        except BackendError as error:
            self.error = self.error or error
            return None


def _with(page: Table, books: Mapping[str, Accounting], sums: Mapping[str, ClipSum]) -> FactsPage:
    none = ClipSum()
    found: list[CustomerFacts] = []
    for user in users_of(page):
        clips = sums.get(user.uid, none)
        truth = Truth(clips.count, clips.sizes.total, clips.count - clips.sizes.count, None, complete=True)
        found.append((user, books.get(user.uid), truth))
    return page, found


def _close(files: Mapping[str, IO[str]]) -> None:
    for file in files.values():
        file.close()
