"""Writes the index of addresses and titles that Find looks into, and takes one customer out of it.

A generation is written beside the one before it; the head then names it, and every older one goes, those too that a
killed run left. A run that began earlier never replaces what a later one wrote. Titles wait in files without a name,
not in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Any

from storage.actions.documents import Change, Create, Delete, DocumentWriter, FieldName, Update
from storage.clients.meter import Cost, metering
from storage.domain.documents import Table
from storage.domain.search_index import (
    HEAD,
    MAX_PARTS,
    MAX_TEXT,
    TITLED,
    USERS_OF_PLACE,
    IndexHead,
    Row,
    body_fields,
    bucket_count,
    bucket_of,
    buckets_of,
    head_fields,
    head_from,
    line_of,
    packed,
    place_path,
    title_path,
    title_rows,
    user_path,
)
from storage.errors import Stale, Unusable
from storage.repositories.records import Records
from storage.repositories.search_index import index_records

_OPERATION = "Writing the index of addresses and titles"
_MOST_FOR_SIZE = 256  # buckets that sizes are counted for before their number is known
_MOST_PLACES = 400  # files that are open at once
_DELETES = 100
TRIES = 5


@dataclass(frozen=True, slots=True)
class IndexWritten:
    """The generation that was written, and what it cost."""

    head: IndexHead
    cost: Cost


def addresses(page: Table) -> list[tuple[str, str]]:
    """The uids and addresses of a page of users."""
    rows = page.frame[["uid", "email"]].dropna().itertuples(index=False)
    return [(uid, email[:MAX_TEXT]) for uid, email in rows if email]


def write_index(
    records: Records,
    writer: DocumentWriter,
    clock: Callable[[], datetime],
    users: tuple[datetime, Iterable[tuple[str, str]]] | None = None,
    take_purged: Callable[[datetime], object] = lambda since: None,
    titles: Iterable[Row] | None = None,
) -> IndexWritten:
    """Reads the addresses of all users and the titles of all videos and clips, a read each, and writes them anew.

    `users` are the addresses where they were read already, and when that began; so are `titles`, by path. Raises where
    one of these reads fails, or a budget ends: the generation before then stays, with its time. Returns the later
    generation where another run wrote one meanwhile. `take_purged` takes out who was purged since then: before anybody
    reads the new generation, and once more after it, for a purge that looked at the former one.
    """
    read_at = clock() if users is None else users[0]
    found = users[1] if users else (one for page in records.iter_users() for one in addresses(page))
    with metering() as meter:
        document = records.raw(HEAD)
        before = _usable(document.fields if document else None)
        generation = _next_generation(before, read_at)
        lines = [line_of(list(one)) for one in found]
        bodies = packed(lines)
        for number, body in enumerate(bodies):
            writer.set(user_path(generation, number), body_fields(body))
        rows = _titles(records) if titles is None else titles
        number, parts, cut, places = _write_titles(rows, writer, generation, len(lines))
        head = IndexHead(
            generation, read_at, clock(), len(lines), number, len(bodies), tuple(parts), places, tuple(cut)
        )
        take_purged(read_at)
        current = _switch(records, writer, head)
        take_purged(read_at)
        _delete(writer, index_records(records).paths_before(current.generation))
    return IndexWritten(current, meter.cost())


def _switch(records: Records, writer: DocumentWriter, head: IndexHead) -> IndexHead:
    """Makes readers use this generation, unless they use a later one: then its documents go, and that one is returned.

    The documents of the generation that it replaces go too, whatever its name.
    """
    for attempt in range(1, TRIES + 1):
        document = records.raw(HEAD)
        there = _usable(document.fields if document else None)
        if there is not None and there.read_at > head.read_at:
            _delete(writer, head.paths)
            return there
        fields: dict[FieldName, Any] = dict(head_fields(head).items())
        seen = document.update_time if document is not None and document.fields is not None else None
        change: Change = Create(HEAD, head_fields(head)) if seen is None else Update(HEAD, fields, seen)
        try:
            writer.commit([change], operation=_OPERATION)
        except Stale:
            if attempt == TRIES:
                raise
        else:
            if there is not None:
                _delete(writer, there.paths)
            break
    return head


def _next_generation(before: IndexHead | None, read_at: datetime) -> str:
    generation = f"{read_at:%Y%m%d%H%M%S}"
    return f"{generation}b" if before is not None and before.generation == generation else generation


def _usable(fields: Mapping[str, Any] | None) -> IndexHead | None:
    try:
        return None if fields is None else head_from(fields)
    except Unusable:
        return None  # of another version, which nothing reads any more


def _delete(writer: DocumentWriter, paths: Sequence[str]) -> None:
    for start in range(0, len(paths), _DELETES):
        writer.commit([Delete(path) for path in paths[start : start + _DELETES]], operation=_OPERATION)


def _write_titles(
    titled: Iterable[Row], writer: DocumentWriter, generation: str, users: int
) -> tuple[int, list[int], list[int], int]:
    """The number of titles, the parts of each bucket, the buckets that were cut, and the pages of places."""
    titles = line_bytes = 0
    with ExitStack() as stack:
        rows = _spool(stack)
        for row in titled:
            line = line_of(row)
            rows.write(f"{line}\n")
            titles += 1
            line_bytes += (len(line.encode("utf-8", "replace")) + 1) * len(buckets_of(row[3], _MOST_FOR_SIZE))
        count = bucket_count(line_bytes)
        buckets = [_spool(stack) for _ in range(count)]
        places = [_spool(stack) for _ in range(min(_MOST_PLACES, 1 + users // USERS_OF_PLACE))]
        for line in _lines(rows):
            uid, _, _, title = json.loads(line)
            found = sorted(buckets_of(title, count))
            for bucket in found:
                buckets[bucket].write(f"{line}\n")
            places[bucket_of(uid, len(places))].write(f"{line_of([uid, found])}\n")
        parts, cut = [], []
        for number, spool in enumerate(buckets):
            bodies = packed(list(_lines(spool)))
            if len(bodies) > MAX_PARTS:
                cut.append(number)
            for part, body in enumerate(bodies[:MAX_PARTS]):
                writer.set(title_path(generation, number, part), body_fields(body))
            parts.append(min(len(bodies), MAX_PARTS))
        for number, spool in enumerate(places):
            writer.set(place_path(generation, number), body_fields(_places(spool)))
    return titles, parts, cut, len(places)


def _places(spool: IO[str]) -> bytes:
    where: dict[str, set[int]] = {}
    for line in _lines(spool):
        uid, found = json.loads(line)
        where.setdefault(uid, set()).update(found)
    return packed([line_of([uid, sorted(found)]) for uid, found in where.items()] or [line_of(["", []])])[0]


def _titles(records: Records) -> Iterator[Row]:
    for collection_id, (field, _) in TITLED.items():
        yield from title_rows(index_records(records).titles(collection_id, field), collection_id)


def _spool(stack: ExitStack) -> IO[str]:
    """A file without a name, which nobody else can open and which ends with this process."""
    return stack.enter_context(TemporaryFile("w+", encoding="utf-8", errors="replace", newline="\n"))


def _lines(spool: IO[str]) -> Iterator[str]:
    spool.seek(0)
    for line in spool:
        yield line.rstrip("\n")
