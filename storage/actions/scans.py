"""Keeps what a scan found, joins the parts of its shards, and removes what is past its time.

The table is written first, the summary after it: a scan that is killed between leaves a table without a summary, which
nothing reads and the next scan removes. A removal goes the other way.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from storage.actions.documents import Create, Delete, FieldName, Update
from storage.actions.object_conditions import Expected
from storage.actions.writers import Writers
from storage.domain.integrity import Checked
from storage.domain.layout import Layout
from storage.domain.scans import coverage as extent
from storage.domain.scans.kept import (
    FOLDER,
    MAX_PARTS,
    KeptScan,
    ScanHead,
    ScanOutcome,
    compare,
    expired,
    head_fields,
    head_of,
    identities,
    known_after,
    open_by_harm,
    scan_path,
    table_key,
    typed,
)
from storage.errors import BadInput, NotFound, StorageError, Unusable
from storage.repositories.object_listing import joined
from storage.repositories.objects import Objects
from storage.repositories.records import Records
from storage.repositories.scans import MOST_HEADS, read_kept, scan_records, table_content
from storage.services.scans import FindingRow, described

_OPERATION = "Keeping a scan"
_TYPE = "application/vnd.apache.parquet"
UNFINISHED = timedelta(minutes=15)  # a table without a summary may be one that is being kept just now
TOGETHER = timedelta(hours=24)  # parts that began further apart are not of one scan
_AT_ONCE = 400  # summaries that one commit removes
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class ScanKeeper:
    """Both stores, to keep scans in. `days` is how long they stay."""

    records: Records
    objects: Objects
    writers: Writers
    layout: Layout
    clock: Clock
    days: int


def keep_scan(keeper: ScanKeeper, outcome: ScanOutcome, findings: Iterable[FindingRow]) -> ScanHead:
    """Keeps a scan beside what was known before, then removes what is past its time. Raises where a store refuses.

    The scan of one of several shards is kept as a part, which `join_scans` joins.
    """
    before = last_whole(keeper)
    part = _part(outcome.coverage)
    known = set(identities(before.frame)) if before else set()
    found = described(keeper.records, keeper.layout, findings, known)
    scan_id = new_scan_id(outcome.started_at)
    head = _write(keeper, scan_id, outcome, found, None if part else before, part=part)
    clean_up(keeper)
    return head


def join_scans(keeper: ScanKeeper, ids: Sequence[str] = ()) -> ScanHead:
    """Makes one scan of the parts that its shards kept, and removes them; without ids, of the newest part of each.

    Raises `NotFound` where parts are missing (it names their numbers), `BadInput` for what is no part of one scan.
    """
    return _join(keeper, _chosen(keeper, ids))


def _join(keeper: ScanKeeper, heads: list[ScanHead], not_looked_at: tuple[str, ...] = (), doubt: str = "") -> ScanHead:
    parts = [read_kept(keeper.objects, head) for head in heads]
    ranges = extent.joined(part.coverage for part in parts)
    ranges = replace(ranges, doubted=ranges.doubted or bool(doubt))
    checked = sum((Checked(**head.checked) for head in heads), Checked())
    looks = [head.looked_into for head in heads if head.looked_into]
    outcome = ScanOutcome(
        started_at=min(head.started_at for head in heads),
        finished_at=max(head.finished_at for head in heads),
        coverage=ranges,
        complete=not not_looked_at and all(head.complete for head in heads),
        checked=checked.as_dict(),
        looked_into={name: sum(one.get(name, 0) for one in looks) for name in looks[0]} if looks else None,
        not_looked_at=(
            *not_looked_at,
            *(
                f"shard {head.part[0]}/{head.part[1]}: {words}"
                for head in heads
                if head.part
                for words in head.not_looked_at
            ),
        ),
        doubt=doubt or next((head.doubt for head in heads if head.doubt), ""),
    )
    found = pd.concat([part.frame for part in parts], ignore_index=True)
    scan_id = new_scan_id(outcome.started_at)
    of_shards = tuple(one.scan_id for one in heads if not one.cluster_scan)
    head = _write(keeper, scan_id, outcome, found, last_whole(keeper), joined_from=of_shards)
    _remove(keeper, [one.scan_id for one in heads])
    clean_up(keeper)
    return head


@dataclass(frozen=True, slots=True)
class KeptRanges:
    """The ranges that a scan on a cluster has kept so far, each as a part of `count`, and how to keep another.

    `known` are the findings of the last whole scan, whose documents need not be read again.
    """

    cluster_scan: str
    count: int
    parts: Mapping[int, ScanHead]
    known: Collection[tuple[str | None, ...]] = frozenset()


def ranges_to_go_on(keeper: ScanKeeper, count: int, contents: float | None, now: datetime) -> KeptRanges:
    """The newest scan on a cluster that ended before its join, if it began within a day and looked into as much; else a
    new one of `count` ranges."""
    before = last_whole(keeper)
    known = frozenset(identities(before.frame)) if before else frozenset()
    left = [head for head in scan_records(keeper.records).heads(MAX_PARTS) if head.cluster_scan]
    left = [head for head in left if head.contents == contents and now - head.started_at <= TOGETHER]
    if not left:
        return KeptRanges(new_scan_id(now), count, {}, known)
    parts = [head for head in left if head.cluster_scan == left[0].cluster_scan]
    by_index = {head.part[0]: head for head in parts if head.part}
    return KeptRanges(left[0].cluster_scan, next(head.part[1] for head in parts if head.part), by_index, known)


def keep_range(keeper: ScanKeeper, ranges: KeptRanges, outcome: ScanOutcome, rows: Iterable[FindingRow]) -> ScanHead:
    """Keeps one range of a scan on a cluster, until `join_ranges`."""
    outcome = replace(outcome, cluster_scan=ranges.cluster_scan)
    found = described(keeper.records, keeper.layout, rows, ranges.known)
    return _write(keeper, new_scan_id(outcome.started_at), outcome, found, None, part=_part(outcome.coverage))


def join_ranges(keeper: ScanKeeper, heads: Sequence[ScanHead], not_looked_at: Sequence[str], doubt: str) -> ScanHead:
    """Makes one scan of the ranges that a cluster kept, and removes them. What it did not look at is not known."""
    return _join(keeper, list(heads), tuple(not_looked_at), doubt)


def last_whole(keeper: ScanKeeper) -> KeptScan | None:
    """The newest kept scan with its table, or `None`: there is none, or its table is not to be read any more."""
    for head in scan_records(keeper.records).heads(1, parts=False):
        try:
            return read_kept(keeper.objects, head)
        except (NotFound, Unusable):
            return None
    return None


def new_scan_id(started_at: datetime) -> str:
    """An id that sorts by time."""
    return f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def clean_up(keeper: ScanKeeper) -> list[str]:
    """Removes scans past their time and tables without a summary; the ids. A store that refuses leaves the rest."""
    removed: list[str] = []
    try:
        now = keeper.clock()
        heads = scan_records(keeper.records).heads(MOST_HEADS)
        gone = {head.scan_id for head in expired(heads, now, keeper.days)}
        gone |= {head.scan_id for head in heads if head.cluster_scan and now - head.started_at > TOGETHER}
        _remove(keeper, sorted(gone))
        removed += sorted(gone)
        if len(heads) == MOST_HEADS:
            return removed  # a table may belong to a summary that was not read
        kept = {head.scan_id for head in heads}
        table = joined([page.frame for page in keeper.objects.list_pages(FOLDER)])
        left = [
            key
            for key, modified in zip(table["key"].tolist(), table["last_modified"].tolist(), strict=True)
            if _scan_of(key) not in kept and now - modified > UNFINISHED
        ]
        keeper.writers.objects.delete(left)
        removed += sorted({_scan_of(key) for key in left})
    except StorageError:
        return removed  # the scan is kept all the same, and the next one tries again
    return removed


def replace_table(writers: Writers, kept: KeptScan, frame: pd.DataFrame, coverage: extent.Coverage) -> None:
    """Gives a kept scan other rows, where its table is still as it was read; else raises `Stale`."""
    made = replace(kept, frame=typed(frame), coverage=coverage)
    content, digest = table_content(made)
    writers.objects.put(table_key(kept.head.scan_id), content, _TYPE, expected=Expected(kept.etag))
    fields: dict[FieldName, Any] = {"rows": len(frame), "open": open_by_harm(made.frame), "sha256": digest}
    writers.documents.commit([Update(scan_path(kept.head.scan_id), fields)], operation=_OPERATION)


def _write(
    keeper: ScanKeeper,
    scan_id: str,
    outcome: ScanOutcome,
    found: pd.DataFrame,
    before: KeptScan | None,
    *,
    part: tuple[int, int] | None = None,
    joined_from: tuple[str, ...] = (),
) -> ScanHead:
    frame = known_after(found, outcome.coverage, before, scan_id)
    made = KeptScan(_EMPTY, outcome.coverage, frame)
    compared = compare(before or KeptScan(_EMPTY, extent.Coverage(), frame.iloc[:0]), made)
    head = head_of(
        scan_id,
        outcome,
        frame,
        compared,
        kept_at=keeper.clock(),
        before=before.head.scan_id if before else None,
        part=part,
        joined_from=joined_from,
    )
    content, digest = table_content(made)
    head = replace(head, sha256=digest)
    keeper.writers.objects.put(table_key(scan_id), content, _TYPE, if_none_match=True)
    keeper.writers.documents.commit([Create(scan_path(scan_id), head_fields(head))], operation=_OPERATION)
    return head


def _chosen(keeper: ScanKeeper, ids: Sequence[str]) -> list[ScanHead]:
    records = scan_records(keeper.records)
    heads = [records.head(scan_id) for scan_id in ids] if ids else list(records.heads(MAX_PARTS))
    parts = [head for head in heads if head.part is not None and (ids or not head.cluster_scan)]
    if len(parts) < len(heads) and ids:
        whole = next(head.scan_id for head in heads if head.part is None)
        raise BadInput(
            f"{whole} is not a part of a scan", field_name="SCAN_ID", remedy="List them: python -m storage scans"
        )
    if not parts:
        raise NotFound(
            "There are no parts to join.", remedy="Keep them: python -m storage verify --all --shard I/N --keep"
        )
    count = parts[0].part[1] if parts[0].part else 0
    chosen: dict[int, ScanHead] = {}
    for head in parts:
        index, of = head.part or (0, 0)
        if of == count and (ids or parts[0].started_at - head.started_at <= TOGETHER):
            if ids and index in chosen:
                raise BadInput(
                    f"shard {index}/{of} is given twice", field_name="SCAN_ID", remedy="Give one of the two."
                )
            chosen.setdefault(index, head)
        elif ids:
            raise BadInput(
                f"{head.scan_id} is of another number of shards", field_name="SCAN_ID", remedy="Leave it out."
            )
    missing = [f"{index}/{count}" for index in range(1, count + 1) if index not in chosen]
    if missing:
        raise NotFound(
            f"Not every shard has kept its part: {', '.join(missing[:20])} missing.",
            remedy="Run those with --keep, then join again.",
        )
    return [chosen[index] for index in sorted(chosen)]


def _part(found: extent.Coverage) -> tuple[int, int] | None:
    only = found.ranges[0] if len(found.ranges) == 1 else None
    return (only.index, only.count) if only is not None and only.count > 1 else None


def _remove(keeper: ScanKeeper, scan_ids: Sequence[str]) -> None:
    """Removes summaries, then their tables."""
    for start in range(0, len(scan_ids), _AT_ONCE):
        some = scan_ids[start : start + _AT_ONCE]
        keeper.writers.documents.commit([Delete(scan_path(scan_id)) for scan_id in some], operation=_OPERATION)
        keeper.writers.objects.delete([table_key(scan_id) for scan_id in some])


def _scan_of(key: str) -> str:
    return key.removeprefix(FOLDER).partition("/")[0]


_AT = datetime.min
_EMPTY = ScanHead("", _AT, _AT, _AT, True, None, False, None, {}, None, {}, {}, {}, 0, 0, None, 0, 0, 0, 0)
