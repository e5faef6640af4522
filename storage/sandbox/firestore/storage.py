"""The stored documents: one sqlite table, one connection, one lock.

A row keeps its document serialized, so that a scan gives bytes and never parses. Write-ahead logging makes every
acknowledged commit survive any end of this process.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from storage.sandbox.firestore.names import Name, above, after, head

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    path BLOB NOT NULL UNIQUE, collection BLOB NOT NULL, grp TEXT NOT NULL, depth INTEGER NOT NULL,
    updated INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS by_collection ON documents (collection, path);
CREATE INDEX IF NOT EXISTS by_group ON documents (grp, path);
"""
_PUT = """
INSERT INTO documents (path, collection, grp, depth, updated, body) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (path) DO UPDATE SET updated = excluded.updated, body = excluded.body
"""


def now_micros() -> int:
    """The present in microseconds since 1970."""
    return time.time_ns() // 1_000


class Row(NamedTuple):
    """A stored document: path key, update time in microseconds, serialized Document message."""

    path: bytes
    updated: int
    body: bytes


@dataclass(frozen=True, slots=True)
class RowScope:
    """A range of rows: paths from `low` to before `high`, and only one collection or group of them if given."""

    low: bytes
    high: bytes
    collection: bytes | None = None
    group: str | None = None

    def narrowed(self, low: bytes = b"", high: bytes | None = None) -> RowScope:
        """The part of this scope from `low` to before `high`."""
        return replace(self, low=max(self.low, low), high=self.high if high is None else min(self.high, high))

    def where(self) -> tuple[str, list[object]]:
        """The scope as a condition in SQL, with its parameters."""
        terms = {"path >= ?": self.low, "path < ?": self.high}
        named = {"collection = ?": self.collection, "grp = ?": self.group}
        chosen: dict[str, object] = {**terms}
        chosen |= {term: value for term, value in named.items() if value is not None}
        return " AND ".join(chosen), list(chosen.values())


def collection_scope(collection: Name) -> RowScope:
    """The documents directly in one collection."""
    return RowScope(collection.key, above(collection.key), collection=collection.key)


def group_scope(parent: Name, group: str) -> RowScope:
    """The documents of every collection with the id `group` below `parent`."""
    return RowScope(parent.key, above(parent.key), group=group)


def subtree_scope(parent: Name) -> RowScope:
    """All documents below `parent`, in any collection, without `parent` itself."""
    return RowScope(after(parent.key), above(parent.key))


class Rows:
    """The table. Use it inside `reading()` or `writing()`, which hold the lock and give the time."""

    def __init__(self, path: Path | None, clock: Callable[[], int] = now_micros) -> None:
        """Open the file at `path` and create it with its folders where missing; without a path, use memory."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._clock = clock
        self._last_commit = 0
        self._database = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file; later reads fail."""
        with self._lock:
            self._database.close()

    @contextmanager
    def reading(self) -> Iterator[int]:
        """One consistent view inside the block; gives the read time in microseconds."""
        with self._lock:
            yield max(self._clock(), self._last_commit)

    @contextmanager
    def writing(self) -> Iterator[int]:
        """One atomic change; gives its commit time in microseconds, later than all earlier commit times."""
        with self._lock:
            self._last_commit = max(self._clock(), self._last_commit + 1)
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._last_commit
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def get(self, path: bytes) -> Row | None:
        """The document at exactly this key."""
        sql = "SELECT path, updated, body FROM documents WHERE path = ?"
        found = self._database.execute(sql, (path,)).fetchone()
        return Row(*found) if found else None

    def put(self, documents: Iterable[tuple[Name, int, bytes]]) -> None:
        """Write documents (name, update time in microseconds, body) and replace existing ones."""
        self._database.executemany(
            _PUT,
            (
                (name.key, name.parent.key, name.segments[-2], len(name.segments), updated, body)
                for name, updated, body in documents
            ),
        )

    def delete(self, path: bytes) -> None:
        """Delete the document at this key, if there is one."""
        self._database.execute("DELETE FROM documents WHERE path = ?", (path,))

    def scan(self, scope: RowScope, limit: int | None = None) -> Iterator[Row]:
        """The rows of `scope`, ordered by name, fetched one by one; take them while the lock is held."""
        where, values = scope.where()
        sql = f"SELECT path, updated, body FROM documents WHERE {where} ORDER BY path LIMIT ?"
        found = self._database.execute(sql, [*values, -1 if limit is None else limit])
        return map(Row._make, found)

    def count(self, scope: RowScope) -> int:
        """The number of documents in `scope`."""
        where, values = scope.where()
        [(number,)] = self._database.execute(f"SELECT count(*) FROM documents WHERE {where}", values)
        return int(number)

    def heads(self, below: Name, segments: int, later_than: bytes = b"") -> Iterator[bytes]:
        """The beginnings of the keys below `below`, cut `segments` further down: each once, in order.

        So the result includes collections without a document of their own, and documents that exist only as
        parents. Each costs one look into the index, with any number of keys below. `later_than` resumes after one.
        """
        end = above(below.key)
        start = above(later_than) if later_than else after(below.key)
        sql = "SELECT path FROM documents WHERE path >= ? AND path < ? ORDER BY path LIMIT 1"
        while found := self._database.execute(sql, (start, end)).fetchone():
            beginning = head(found[0], len(below.segments) + segments)
            yield beginning
            start = above(beginning)
