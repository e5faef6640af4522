"""Reads kept scans: their summaries from Firestore, their tables from the bucket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from storage.domain.scans.coverage import Coverage
from storage.domain.scans.kept import (
    COLLECTION,
    COLUMNS,
    FLAGS,
    TIMES,
    KeptScan,
    ScanHead,
    ScanUnderWay,
    head_from,
    scan_path,
    table_key,
    typed,
)
from storage.errors import NotFound, Unusable
from storage.ids import check_stored_id
from storage.repositories.decode import raw_document
from storage.repositories.objects import Objects
from storage.repositories.parquet import parquet_bytes, read_parquet, table_of, unusable
from storage.repositories.queries import RecordQueries, build
from storage.repositories.records import Records

_TYPES = {**dict.fromkeys(FLAGS, pa.bool_()), **dict.fromkeys(TIMES, pa.timestamp("us", tz="UTC"))}
SCHEMA = pa.schema([(name, _TYPES.get(name, pa.string())) for name in COLUMNS])
MOST_HEADS = 5_000  # that a clean-up looks through
MOST_SINCE = 1_000  # summaries, of parts too, that a look at what is new reads


Unreadable = Literal["raise", "newest", "skip"]


class ScanRecords(RecordQueries):
    """The summaries of kept scans."""

    def heads(self, limit: int, *, parts: bool = True, unreadable: Unreadable = "newest") -> tuple[ScanHead, ...]:
        """The newest summaries, the newest first; without `parts`, only those of whole scans, by their place.

        Raises `Unusable` for one that cannot be read, as `unreadable` says: for each (`raise`), for the newest only,
        or for none (`skip`); the others are left out.
        """
        query = build(COLLECTION, order_by="kept_at" if parts else "at", descending=True)
        query.limit.value = limit

        def consume(documents: Iterable[Any]) -> tuple[ScanHead, ...]:
            found = []
            for place, document in enumerate(documents):
                try:
                    found.append(head_from(raw_document(document).fields or {}))
                except Unusable:
                    if unreadable == "raise" or (unreadable == "newest" and place == 0):
                        raise
            return tuple(found)

        return self._handle.run_query(query, consume, operation="Reading the kept scans")

    def kept_since(self, since: datetime) -> tuple[ScanHead, ...]:
        """The summaries of whole scans that were kept since, the newest first: a read for each, and for each part."""
        query = build(COLLECTION, where=[("kept_at", ">=", since)], order_by="kept_at", descending=True)
        query.limit.value = MOST_SINCE
        found = self._handle.run_query(
            query,
            lambda documents: tuple(head_from(raw_document(document).fields or {}) for document in documents),
            operation="Reading the kept scans",
        )
        return tuple(head for head in found if head.part is None)

    def under_way(self) -> ScanUnderWay | None:
        """The scan on a cluster that kept the newest of all summaries and is not joined yet; two reads, one without."""
        newest = next(iter(self.heads(1)), None)
        if newest is None or newest.part is None or not newest.cluster_scan:
            return None
        query = build(COLLECTION, where=[("cluster_scan", "==", newest.cluster_scan)])
        ranges = self._count(query, "Counting the ranges of a scan")
        return ScanUnderWay(newest.cluster_scan, newest.started_at, newest.kept_at, ranges, newest.part[1])

    def head(self, scan_id: str) -> ScanHead:
        """One summary; `NotFound` where there is none."""
        document = self._document(scan_path(check_stored_id(scan_id, "SCAN_ID")), "Reading a kept scan")
        if document is None:
            raise NotFound(
                f"There is no kept scan {scan_id}.",
                remedy="List them: python -m storage scans",
                target=scan_id,
            )
        return head_from(raw_document(document).fields or {})


def scan_records(records: Records) -> ScanRecords:
    """The same reads over the handle of these records."""
    return ScanRecords(records._handle, records._clock)


def read_kept(objects: Objects, head: ScanHead) -> KeptScan:
    """The scan with its table. Raises `NotFound` without the table, `Unusable` where it cannot be read."""
    key = table_key(head.scan_id)
    found = read_parquet(objects, key)
    try:
        coverage = Coverage.from_dict(json.loads(found.noted))
        return KeptScan(head, coverage, typed(found.table.select(list(COLUMNS)).to_pandas()), found.etag)
    except (KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise unusable(key, str(error)) from None


def findings_of_kind(objects: Objects, head: ScanHead, kind: str) -> list[tuple[str, str | None, str | None]]:
    """Customer, video and what was expected (JSON), of each finding of a kind. Reads only what that takes of a large
    table. Raises as `read_kept`."""
    columns = ["uid", "video_id", "expected"]
    table = read_parquet(objects, table_key(head.scan_id), ["kind", *columns], pc.field("kind") == kind).table
    return list(zip(*(table[name].to_pylist() for name in columns), strict=True))


def table_content(kept: KeptScan) -> tuple[bytes, str]:
    """The object of a scan's table, and its SHA-256."""
    columns = {name: [None if one is pd.NaT else one for one in kept.frame[name].tolist()] for name in COLUMNS}
    content = parquet_bytes(table_of(columns, SCHEMA), json.dumps(kept.coverage.as_dict()).encode())
    return content, hashlib.sha256(content).hexdigest()
