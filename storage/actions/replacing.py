"""The objects of a change: each object that is replaced or removed is copied aside first, and restored under the same
preconditions.

Every step looks at what is at the key and goes on from there, so that an interrupted step can be repeated.
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
from storage.errors import NotFound, Stale, StorageError, Unreachable
from storage.repositories.objects import Objects
from storage.services.same_objects import same

Standing = Literal["written", "before", "other"]
"""What is at a key: what the change wrote, what was there before, or another writer's object."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """An object to write over the one that was seen at its key (`seen` is its ETag, `None` for none)."""

    key: str
    source: bytes | BinaryIO
    content_type: str
    seen: str | None
    name: str  # of the copy of the former object

    @property
    def stream(self) -> BinaryIO:
        """The source, at its beginning."""
        if isinstance(self.source, bytes):
            return io.BytesIO(self.source)
        self.source.seek(0)
        return self.source


@dataclass(frozen=True, slots=True)
class Removal:
    """An object to delete: exactly the one that was seen at its key (`seen` is its ETag); `name` is its copy's."""

    key: str
    seen: str
    name: str


@dataclass(frozen=True, slots=True)
class Overwritten:
    """An object that a change writes, as the change's record has it: its future ETag, and the copy of its predecessor.

    `kept` is `None` where no object was there. `before` is the predecessor's ETag; records of older versions lack it,
    and the oldest lack the object's own too. `removed`: the change deletes the object and writes none.
    """

    key: str
    kept: str | None
    etag: str
    before: str | None = None
    removed: bool = False

    @classmethod
    def of(cls, replacement: Replacement | Removal, change_id: str) -> Self:
        """The row before the write: the ETag of an object that is put in one piece is the MD5 of its bytes."""
        if isinstance(replacement, Removal):
            return cls(
                replacement.key, f"{kept_prefix(change_id)}{replacement.name}", "", replacement.seen, removed=True
            )
        kept = None if replacement.seen is None else f"{kept_prefix(change_id)}{replacement.name}"
        return cls(replacement.key, kept, md5_of(replacement.stream), replacement.seen)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(
            row["key"],
            row.get("kept"),
            row.get("etag") or "",
            row.get("before"),
            removed=bool(row.get("removed")),
        )

    def as_row(self) -> dict[str, Any]:
        row = {"key": self.key, "kept": self.kept, "etag": self.etag, "before": self.before}
        return {**row, "removed": True} if self.removed else row


def remove(objects: Objects, writer: ObjectWriter, removal: Removal, row: Overwritten) -> None:
    """Copies the object aside, compares the copy, and deletes exactly that object; `Stale` where it is another, or
    gone."""
    assert row.kept is not None
    try:
        copied = writer.copy(removal.key, row.kept, source_etag=removal.seen)
    except NotFound as gone:
        raise Stale("The object is gone.", reasons=[f"object {removal.key}"], target=removal.key) from gone
    if "-" in removal.seen + copied.etag and not same(objects, removal.key, row.kept):
        raise Unreachable("The copy differs from the object.", operation="copy_object", target=removal.key)
    writer.delete_seen(removal.key, removal.seen)


def write(writer: ObjectWriter, replacement: Replacement, row: Overwritten) -> ObjectInfo:
    """Copies the present object aside and overwrites exactly that one; `Stale` where it is not the one seen."""
    if row.kept is not None:
        writer.copy(replacement.key, row.kept, source_etag=replacement.seen)
    expected = NOTHING if replacement.seen is None else Expected(replacement.seen)
    return writer.put(replacement.key, replacement.stream, replacement.content_type, expected=expected)


def standing(objects: Objects, row: Overwritten) -> Standing:
    """What is at the key now."""
    return _standing(objects, row, objects.head(row.key))


def lost_copy(objects: Objects, row: Overwritten) -> bool:
    """Whether the copy that an undo would restore no longer exists."""
    return row.kept is not None and objects.head(row.kept) is None


def give_back(objects: Objects, writer: ObjectWriter, row: Overwritten) -> bool:
    """Restores the former object; false where another writer has written since, whose object is left alone."""
    there = objects.head(row.key)
    found = _standing(objects, row, there)
    if found != "written" or (there is None and not row.removed):
        return found == "before"
    try:
        if there is None:
            assert row.kept is not None
            writer.copy(row.kept, row.key, expected=NOTHING)
        elif row.kept is not None:
            writer.copy(row.kept, row.key, expected=Expected(there.etag))
        else:
            writer.delete_seen(row.key, there.etag)
    except Stale:
        return standing(objects, row) == "before"
    return True


def forget(writer: ObjectWriter, change_id: str, rows: Sequence[Overwritten]) -> StorageError | None:
    """Deletes the copies that this change kept, and no others; returns an error that left one behind."""
    names = [row.kept for row in rows if row.kept is not None and row.kept.startswith(kept_prefix(change_id))]
    return writer.delete(names).first_error() if names else None


def _standing(objects: Objects, row: Overwritten, there: ObjectInfo | None) -> Standing:
    etag = there.etag if there else None
    if row.removed and there is None:
        return "written"
    if etag == row.before and (etag is not None or row.kept is None):
        return "before"  # also where somebody wrote the same bytes again
    if etag is not None and not row.removed and (not row.etag or etag == row.etag):
        return "written"
    # A copy of a multipart object has an ETag of its own.
    kept = objects.head(row.kept) if row.kept is not None else None
    return "before" if kept is not None and kept.etag == etag else "other"
