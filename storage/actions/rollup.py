"""Writes the figures about all customers: a shard's documents at once, and the head when all shards are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce
from typing import TypeVar

from storage.actions.document_changes import Change, Delete, Replace
from storage.actions.documents import DocumentWriter
from storage.domain import rollup
from storage.domain.rollup import Content
from storage.domain.rollup_documents import HEAD, MAX_PARTS, Head, Shard, head_fields, shard_path, to_documents
from storage.errors import Unusable
from storage.repositories.records import Records
from storage.repositories.rollups import read_head, read_shard, read_shards

T = TypeVar("T")
_OPERATION = "Writing the figures about all customers"


def write_shard(records: Records, writer: DocumentWriter, shard: Shard) -> tuple[str, ...]:
    """Replaces the shard's documents in one commit, keeping its days of growth; gives the paths written.

    Figures of another version are written over. The division into shards becomes the one that is read once every shard
    of it is there; until then readers keep the one before.
    """
    earlier = _readable(lambda: read_shard(records, shard.index, shard.count))
    kept: Sequence[Content] = earlier.points if earlier else ()
    documents = to_documents(replace(shard, points=reduce(rollup.with_point, shard.points, list(kept))))
    changes: list[Change] = [Replace(path, fields) for path, fields in documents.items()]
    unused = (shard_path(shard.index, shard.count, part) for part in range(2, MAX_PARTS + 1))
    changes += [Delete(path) for path in unused if path not in documents]
    writer.commit(changes, operation=_OPERATION)
    return (*documents, *_advance(records, writer, shard.count))


def _advance(records: Records, writer: DocumentWriter, count: int) -> tuple[str, ...]:
    """Makes this division the one that is read, if it is not yet, all of it is there, and none of it is older.

    One shard of a division that was used long ago does not bring back what its other shards say of that time.
    Keeps the growth before it.
    """
    head = _readable(lambda: read_head(records))
    if head is not None and head.count == count:
        return ()
    new = _whole(records, count)
    if new is None:
        return ()
    before: Sequence[Content] = ()
    if head is not None:
        old = _whole(records, head.count)
        if old is not None and _since(old) > _since(new):
            return ()
        before = rollup.merged_points([shard.points for shard in old], head.points) if old else head.points
    writer.set(HEAD, head_fields(Head(count, before)))
    return (HEAD,)


def _whole(records: Records, count: int) -> list[Shard] | None:
    """Every shard of a division, or `None` where one of them is not there."""
    shards = _readable(lambda: read_shards(records, count)) or []
    there = [shard for shard in shards if shard is not None]
    return there if len(there) == count else None


def _since(shards: Sequence[Shard]) -> datetime:
    """As of when the figures of these shards together are."""
    return min(shard.read_at for shard in shards)


def _readable(read: Callable[[], T]) -> T | None:
    """What is there, or `None` where it is of another version: it is then written anew."""
    try:
        return read()
    except Unusable:
        return None
