"""Reads for the index of addresses and titles, and reads of it: a few documents, however many users there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from storage.domain.documents import USERS, Table
from storage.domain.search_index import COLLECTION, HEAD, IndexHead, Row, head_from, rows_of
from storage.repositories.decode import relative_path
from storage.repositories.queries import BULK_SECONDS, PageReader, RecordQueries, build, names_between, start_after
from storage.repositories.records import Records

PAGES_AT_ONCE = 4  # documents of up to a MiB that one call asks for


class IndexRecords(RecordQueries):
    """Reads across all users that only the index needs."""

    def titles(self, collection_id: str, field: str) -> Iterator[tuple[str, str]]:
        """The path and the title of every document of a collection group that has one, by path; a read each."""
        query = build(collection_id, group=True, fields=(field,))
        query.limit.value = self._bulk_page + 1
        while True:

            def consume(documents: Any) -> tuple[list[tuple[str, str]], str | None]:
                taken = PageReader(documents, self._bulk_page, seconds=BULK_SECONDS)
                titled = (one for one in taken.documents() if field in one.fields)
                found = [(relative_path(one.name), one.fields[field].string_value) for one in titled]
                return found, taken.following()

            page, following = self._handle.run_query(query, consume, operation="Reading titles")
            yield from ((path, title) for path, title in page if title)
            if following is None:
                return
            start_after(query, following)

    def paths_before(self, generation: str) -> list[str]:
        """The documents of earlier generations, by their names: a read each, at least one."""
        first, last = (self._handle.name(f"{COLLECTION}/{name}") for name in ("0", generation))
        query = build(COLLECTION, where=names_between(first, last), fields=())

        def names(documents: Any) -> list[str]:
            return [relative_path(document.name) for document in documents]

        return self._handle.run_query(query, names, operation="Looking for older indexes")

    def users_later(self, field: str, moment: datetime, limit: int) -> Table:
        """Users whose `created_at` or `updated_at` is later, the latest first."""
        query = build("users", where=[(field, ">", moment)], order_by=field, descending=True)
        return self._first(USERS, query, "Reading customers newer than the index", limit)

    def accounts_later(self, moment: datetime, limit: int) -> tuple[str, ...]:
        """The uids whose accounting was touched later: a new video's clips do that, and change no user's document."""
        query = build(
            "storage_accounting", where=[("updated_at", ">", moment)], order_by="updated_at", descending=True, fields=()
        )
        query.limit.value = limit
        return self._handle.run_query(
            query,
            lambda documents: tuple(document.name.rpartition("/")[2] for document in documents),
            operation="Reading accounts newer than the index",
        )


def index_records(records: Records) -> IndexRecords:
    """The same reads over the handle of these records."""
    return IndexRecords(records._handle, records._clock, bulk_page=records._bulk_page)


def read_head(records: Records) -> IndexHead | None:
    """The generation that is read, or `None`: there is no index. Raises `Unusable` for one of another version."""
    document = records.raw(HEAD)
    return None if document is None or document.fields is None else head_from(document.fields)


def read_rows(records: Records, paths: Sequence[str]) -> Iterator[Row]:
    """The rows of these documents; raises `Unusable` where one of them was replaced meanwhile."""
    for start in range(0, len(paths), PAGES_AT_ONCE):
        found = records.many(paths[start : start + PAGES_AT_ONCE])
        for path in paths[start : start + PAGES_AT_ONCE]:
            document = found[path]
            yield from rows_of(document.fields if document else None)
