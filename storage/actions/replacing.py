"""The objects of a change: what each replaces is copied aside first, and put back under the same preconditions.

Every step looks at what lies at the key and goes on from there, so that each can be done again after it was cut short.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, Self

from storage.actions.object_conditions import NOTHING, Expected
from storage.actions.objects import ObjectWriter, md5_of
from storage.domain.changes import kept_prefix
from storage.domain.documents import ObjectInfo
from storage.errors import Stale, StorageError
from storage.repositories.objects import Objects

Standing = Literal["written", "before", "other"]
"""What lies at a key: what the change wrote, what was there before, or something of somebody else's."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """An object to write over what was seen at its key (`seen` is its ETag, `None` for nothing)."""

    key: str
    source: bytes | BinaryIO
    content_type: str
    seen: str | None
    name: str  # of the copy that is kept of what was there

    @property
    def stream(self) -> BinaryIO:
        """The source from its beginning."""
        if isinstance(self.source, bytes):
            return io.BytesIO(self.source)
        self.source.seek(0)
        return self.source


@dataclass(frozen=True, slots=True)
class Overwritten:
    """An object that a change writes, as its record has it: the ETag that it gets, and the copy of what it replaces.

    `kept` is `None` where nothing was there. `before` is the ETag that lay there; records of older versions lack it,
    and the oldest the object's own too.
    """

    key: str
    kept: str | None
    etag: str
    before: str | None = None

    @classmethod
    def of(cls, replacement: Replacement, change_id: str) -> Self:
        """As it will be: one put in one piece has the MD5 of its bytes for its ETag."""
        kept = None if replacement.seen is None else f"{kept_prefix(change_id)}{replacement.name}"
        return cls(replacement.key, kept, md5_of(replacement.stream), replacement.seen)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(row["key"], row.get("kept"), row.get("etag") or "", row.get("before"))

    def as_row(self) -> dict[str, Any]:
        return {"key": self.key, "kept": self.kept, "etag": self.etag, "before": self.before}


def write(writer: ObjectWriter, replacement: Replacement, row: Overwritten) -> ObjectInfo:
    """Copies aside what is there and writes the object over just that; `Stale` where it is not what was seen."""
    if row.kept is not None:
        writer.copy(replacement.key, row.kept, source_etag=replacement.seen)
    expected = NOTHING if replacement.seen is None else Expected(replacement.seen)
    return writer.put(replacement.key, replacement.stream, replacement.content_type, expected=expected)


def standing(objects: Objects, row: Overwritten) -> Standing:
    """What lies at the key now."""
    return _standing(objects, row, objects.head(row.key))


def lost_copy(objects: Objects, row: Overwritten) -> bool:
    """Whether the copy that would be put back is there no more."""
    return row.kept is not None and objects.head(row.kept) is None


def give_back(objects: Objects, writer: ObjectWriter, row: Overwritten) -> bool:
    """Puts back what was there before; false where somebody else has written since, which is left."""
    there = objects.head(row.key)
    found = _standing(objects, row, there)
    if found != "written" or there is None:
        return found == "before"
    try:
        if row.kept is not None:
            writer.copy(row.kept, row.key, expected=Expected(there.etag))
        else:
            writer.delete_seen(row.key, there.etag)
    except Stale:
        return standing(objects, row) == "before"
    return True


def forget(writer: ObjectWriter, change_id: str, rows: Sequence[Overwritten]) -> StorageError | None:
    """Deletes the copies that a change kept, its own alone; the error that leaves any of them behind."""
    names = [row.kept for row in rows if row.kept is not None and row.kept.startswith(kept_prefix(change_id))]
    return writer.delete(names).first_error() if names else None


def _standing(objects: Objects, row: Overwritten, there: ObjectInfo | None) -> Standing:
    etag = there.etag if there else None
    if etag == row.before and (etag is not None or row.kept is None):
        return "before"  # also where the same bytes were written again
    if etag is not None and (not row.etag or etag == row.etag):
        return "written"
    # A copy of what was uploaded in parts has an ETag of its own.
    kept = objects.head(row.kept) if row.kept is not None else None
    return "before" if kept is not None and kept.etag == etag else "other"
