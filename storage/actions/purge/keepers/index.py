"""The index that Find looks into, as a keeper: addresses, and titles of videos and clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from storage.actions.documents import Create, DocumentWriter, Update
from storage.actions.purge.context import Purging
from storage.actions.purge.keepers.keeper import Keeper, Row
from storage.domain.purge.scope import Scope
from storage.domain.search_index import (
    HEAD,
    VERSION,
    IndexHead,
    body_fields,
    bucket_of,
    buckets_of,
    line_of,
    packed,
    place_path,
    rows_of,
    title_path,
)
from storage.errors import Stale, Unusable
from storage.repositories.records import Records
from storage.repositories.search_index import index_records, read_head, read_rows

TRIES = 5
_OPERATION = "Changing the index of addresses and titles"


@dataclass(frozen=True, slots=True)
class Index(Keeper):
    """Its rows: `{"user": [uid, address]}` of a user, `{"title": [uid, video_id, clip_id, title]}` of titles."""

    def held(self, purging: Purging, scope: Scope) -> Iterator[Row]:
        records = purging.stores.records
        head = read_head(records)
        if head is None:
            return
        if scope.kind == "user":
            yield from ({"user": row} for row in read_rows(records, head.user_paths) if row[0] == scope.uid)
        seen: set[str] = set()
        for row in read_rows(records, _title_paths(records, head, scope.uid)):
            if _of(scope, row) and (line := line_of(row)) not in seen:  # a title is in the bucket of each of its words
                seen.add(line)
                yield {"title": row}

    def take(self, purging: Purging, scope: Scope, job_id: str) -> int:
        """Rewrites each document under its own update time. Raises `Stale` where others go on changing it.

        A whole user also goes out of what a rollup that was cut off left of other generations.
        """
        records = purging.stores.records
        head = read_head(records)
        if head is None:
            return 0
        whole = scope.kind == "user"
        titles = _title_paths(records, head, scope.uid)
        places = [place_path(head.generation, bucket_of(scope.uid, head.places))]
        unread = sorted({*index_records(records).paths_before("~")} - {HEAD, *head.paths}) if whole else []

        def rewrite(path: str, stays: Callable[[list[Any]], bool]) -> bool:
            def kept(rows: list[list[Any]]) -> list[list[Any]]:
                return [row for row in rows if stays(row)]

            return _rewritten(records, purging.writers.documents, path, kept)

        changed = [rewrite(path, lambda row: not _of(scope, row)) for path in titles]
        if whole:  # the places last: a worker that goes on after another finds the titles by them
            changed += [rewrite(path, lambda row: row[0] != scope.uid) for path in (*head.user_paths, *unread, *places)]
        return sum(changed)

    def put_back(self, purging: Purging, scope: Scope, job_id: str, rows: Sequence[Row]) -> int:
        """Adds them to the generation that is read now; an index that is gone or unreadable is written anew anyway."""
        records, writer = purging.stores.records, purging.writers.documents
        users = [list(row["user"]) for row in rows if "user" in row]
        titles = [list(row["title"]) for row in rows if "title" in row]
        for attempt in range(1, TRIES + 1):
            try:
                head = read_head(records)
                if head is None:
                    return 0
                _add_users(records, writer, head, users)
                _add_titles(records, writer, head, scope.uid, titles)
                return len(rows)
            except Unusable as error:
                purging.progress(f"{self.name}: {error.message} The next rollup names the customer again.")
                return 0
            except Stale:
                if attempt == TRIES:
                    raise
        return 0


def _of(scope: Scope, row: list[Any]) -> bool:
    """Whether a row of titles is about something of the scope."""
    return row[0] == scope.uid and scope.holds(row[1], row[2])


def _title_paths(records: Records, head: IndexHead, uid: str) -> list[str]:
    """The documents with titles of a user, by the page that says where they are."""
    places = read_rows(records, [place_path(head.generation, bucket_of(uid, head.places))])
    buckets = {bucket for row in places if row[0] == uid for bucket in row[1]}
    return [path for bucket in sorted(buckets) for path in head.title_paths(bucket)]


def _rewritten(
    records: Records, writer: DocumentWriter, path: str, change: Callable[[list[list[Any]]], list[list[Any]]]
) -> bool:
    """Rewrites a document with other rows under its update time; false where nothing changed, or it is gone."""
    for attempt in range(1, TRIES + 1):
        document = records.raw(path)
        if document is None:
            return False  # the next generation took its place
        rows = rows_of(document.fields)
        new = change(rows)
        if new == rows:
            return False
        bodies = packed([line_of(row) for row in new] or [line_of(["", [] if "-places-" in path else "", "", ""])])
        if len(bodies) > 1:  # it has no room for another row: the next rollup divides it anew
            return False
        try:
            writer.commit(
                [Update(path, {"version": VERSION, "body": bodies[0]}, document.update_time)], operation=_OPERATION
            )
        except Stale:
            if attempt == TRIES:
                raise
        else:
            return True
    return False


def _add_users(records: Records, writer: DocumentWriter, head: IndexHead, users: list[list[Any]]) -> None:
    known = {row[0] for row in read_rows(records, head.user_paths)} if users else set()
    new = [row for row in users if row[0] not in known]
    if new and head.user_paths:
        _rewritten(records, writer, head.user_paths[-1], lambda rows: [*_real(rows), *new])


def _add_titles(records: Records, writer: DocumentWriter, head: IndexHead, uid: str, titles: list[list[Any]]) -> None:
    """Adds each title to the bucket of each of its words; a bucket that had no document before gets its first."""
    count, parts = len(head.parts), list(head.parts)
    buckets = [(bucket, row) for row in titles for bucket in buckets_of(row[3], count)] if count else []
    for bucket in sorted({bucket for bucket, _ in buckets}):
        mine = [row for other, row in buckets if other == bucket]
        there = {line_of(row) for row in read_rows(records, head.title_paths(bucket))}
        _append(
            records,
            writer,
            title_path(head.generation, bucket, max(0, parts[bucket] - 1)),
            [row for row in mine if line_of(row) not in there],
        )
        parts[bucket] = max(1, parts[bucket])
    if parts != list(head.parts):
        document = records.raw(HEAD)
        if document is None or (document.fields or {}).get("generation") != head.generation:
            raise Stale("The index was replaced meanwhile.")
        writer.commit([Update(HEAD, {"parts": parts}, document.update_time)], operation=_OPERATION)
    found = {bucket for bucket, _ in buckets}
    if found:
        page = place_path(head.generation, bucket_of(uid, head.places))
        _rewritten(records, writer, page, lambda rows: _with_place(rows, uid, found))


def _append(records: Records, writer: DocumentWriter, path: str, new: list[list[Any]]) -> None:
    if new and records.raw(path) is None:
        writer.commit([Create(path, body_fields(packed([line_of(row) for row in new])[0]))], operation=_OPERATION)
    elif new:
        known = {line_of(row) for row in new}
        _rewritten(
            records,
            writer,
            path,
            lambda rows: [*(row for row in _real(rows) if line_of(row) not in known), *new],
        )


def _with_place(rows: list[list[Any]], uid: str, found: set[int]) -> list[list[Any]]:
    before = {bucket for row in rows if row[0] == uid for bucket in row[1]}
    if found <= before:
        return rows
    return [*(row for row in _real(rows) if row[0] != uid), [uid, sorted(before | found)]]


def _real(rows: list[list[Any]]) -> list[list[Any]]:
    """The rows without the one that stands in an empty document."""
    return [row for row in rows if row[0]]
