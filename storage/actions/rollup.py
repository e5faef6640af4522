"""Writes the figures about all customers: a shard's documents at once, and the head when all shards are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
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
    """Makes this division the one that is read, if it is not yet and all of it is there; keeps the growth before it."""
    head = _readable(lambda: read_head(records))
    if head is not None and head.count == count:
        return ()
    shards = _readable(lambda: read_shards(records, count)) or [None]
    if any(shard is None for shard in shards):
        return ()
    before: Sequence[Content] = ()
    if head is not None:
        old = [shard for shard in _readable(lambda: read_shards(records, head.count)) or [] if shard is not None]
        whole = len(old) == head.count
        before = rollup.merged_points([shard.points for shard in old], head.points) if whole else head.points
    writer.set(HEAD, head_fields(Head(count, before)))
    return (HEAD,)


def _readable(read: Callable[[], T]) -> T | None:
    """What is there, or `None` where it is of another version: it is then written anew."""
    try:
        return read()
    except Unusable:
        return None
