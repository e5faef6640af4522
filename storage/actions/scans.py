"""Keeps what a scan found, joins the parts of its shards, and removes what is past its time.

The table is written first, the summary after it: a scan that is killed between leaves a table without a summary, which
nothing reads and the next scan removes. A removal goes the other way.

A whole scan takes over what the newest one knows and becomes the newest itself, in one commit, under the precondition
that no other has become it meanwhile; else it begins again behind that one. So two that are kept at once lose nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from storage.actions.documents import MAX_CHANGES, Change, Create, Delete, FieldName, Update
from storage.actions.object_conditions import Expected
from storage.actions.writers import Writers
from storage.domain.integrity import Checked
from storage.domain.layout import Layout
from storage.domain.scans import coverage as extent
from storage.domain.scans.kept import (
    FOLDER,
    MAX_PARTS,
    NEWEST,
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
from storage.domain.scans.parts import TOGETHER, RunParts, given_parts, parts_of_run
from storage.errors import NotFound, Stale, StorageError, Unusable
from storage.repositories.object_listing import joined
from storage.repositories.objects import Objects
from storage.repositories.records import Records
from storage.repositories.scans import MOST_HEADS, read_kept, scan_records, table_content
from storage.services.scans import FindingRow, described

_OPERATION = "Keeping a scan"
_TYPE = "application/vnd.apache.parquet"
UNFINISHED = timedelta(minutes=15)  # a table without a summary may be one that is being kept just now
_TRIES = 8  # of a scan while others become the newest
_LOOKED_BACK = 5  # scans that are tried for what is known, where the table of the newest cannot be read
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
    part, rows = _part(outcome.coverage), list(findings)

    def found(before: KeptScan | None) -> pd.DataFrame:
        return described(keeper.records, keeper.layout, rows, set(identities(before.frame)) if before else set())

    if part is not None:
        head = _keep_part(keeper, outcome, found(last_whole(keeper)), part)
    else:
        head = _keep_whole(keeper, outcome, found)
    clean_up(keeper)
    return head


def parts_to_join(keeper: ScanKeeper, ids: Sequence[str] = (), run: str = "") -> RunParts:
    """The parts with these ids; without ids, those of the run, or of the run that kept a part last.

    Raises `NotFound` where parts are missing (it names their numbers), `BadInput` for what is no part of one scan.
    """
    records = scan_records(keeper.records)
    if ids:
        return given_parts([records.head(scan_id) for scan_id in ids])
    return parts_of_run(records.heads(MAX_PARTS, unreadable="skip"), run)


def join_scans(keeper: ScanKeeper, parts: RunParts) -> ScanHead:
    """Makes one scan of the parts that its shards kept, and removes them. Raises `NotFound` where another join took
    them meanwhile."""
    return _join(keeper, parts.heads, parts.replaced)


def _join(
    keeper: ScanKeeper,
    heads: Sequence[ScanHead],
    replaced: Sequence[ScanHead] = (),
    not_looked_at: tuple[str, ...] = (),
    doubt: str = "",
) -> ScanHead:
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
        run=heads[0].run,
    )
    found = pd.concat([part.frame for part in parts], ignore_index=True)
    of_shards = tuple(one.scan_id for one in heads if not one.cluster_scan)
    gone = [one.scan_id for one in (*heads, *replaced)]
    head = _keep_whole(keeper, outcome, lambda _: found, joined_from=of_shards, gone=gone)
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
    left = [head for head in scan_records(keeper.records).heads(MAX_PARTS, unreadable="skip") if head.cluster_scan]
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
    return _keep_part(keeper, outcome, found, _part(outcome.coverage) or (1, 1))


def join_ranges(keeper: ScanKeeper, heads: Sequence[ScanHead], not_looked_at: Sequence[str], doubt: str) -> ScanHead:
    """Makes one scan of the ranges that a cluster kept, and removes them. What it did not look at is not known."""
    return _join(keeper, heads, (), tuple(not_looked_at), doubt)


def last_whole(keeper: ScanKeeper) -> KeptScan | None:
    """The newest kept scan whose table can be read, among the last few; `None`: there is none."""
    return _readable(keeper, scan_records(keeper.records).heads(_LOOKED_BACK, parts=False, unreadable="skip"))


def _readable(keeper: ScanKeeper, heads: Iterable[ScanHead]) -> KeptScan | None:
    for head in heads:
        try:
            return read_kept(keeper.objects, head)
        except (NotFound, Unusable):
            continue
    return None


def new_scan_id(started_at: datetime) -> str:
    """An id that sorts by time."""
    return f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def clean_up(keeper: ScanKeeper) -> list[str]:
    """Removes scans past their time and tables without a summary; the ids. A store that refuses leaves the rest."""
    removed: list[str] = []
    try:
        now = keeper.clock()
        heads, whole = _all_heads(keeper)
        gone = {head.scan_id for head in expired(heads, now, keeper.days)}
        gone |= {head.scan_id for head in heads if head.cluster_scan and now - head.started_at > TOGETHER}
        _remove(keeper, sorted(gone))
        removed += sorted(gone)
        if not whole:
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


def _all_heads(keeper: ScanKeeper) -> tuple[tuple[ScanHead, ...], bool]:
    """The summaries that can be read, and whether these are all."""
    records = scan_records(keeper.records)
    try:
        heads = records.heads(MOST_HEADS, unreadable="raise")
    except Unusable:
        return records.heads(MOST_HEADS, unreadable="skip"), False
    return heads, len(heads) < MOST_HEADS


def replace_table(writers: Writers, kept: KeptScan, frame: pd.DataFrame, coverage: extent.Coverage) -> None:
    """Gives a kept scan other rows, where its table is still as it was read; else raises `Stale`."""
    made = replace(kept, frame=typed(frame), coverage=coverage)
    content, digest = table_content(made)
    writers.objects.put(table_key(kept.head.scan_id), content, _TYPE, expected=Expected(kept.etag))
    fields: dict[FieldName, Any] = {"rows": len(frame), "open": open_by_harm(made.frame), "sha256": digest}
    writers.documents.commit([Update(scan_path(kept.head.scan_id), fields)], operation=_OPERATION)


def _keep_part(keeper: ScanKeeper, outcome: ScanOutcome, found: pd.DataFrame, part: tuple[int, int]) -> ScanHead:
    head = _put(keeper, outcome, found, None, part=part)
    keeper.writers.documents.commit([Create(scan_path(head.scan_id), head_fields(head))], operation=_OPERATION)
    return head


def _keep_whole(
    keeper: ScanKeeper,
    outcome: ScanOutcome,
    found: Callable[[KeptScan | None], pd.DataFrame],
    *,
    joined_from: tuple[str, ...] = (),
    gone: Sequence[str] = (),
) -> ScanHead:
    """Keeps a whole scan behind the newest one, and removes the parts (`gone`) of which it was made.

    Where another scan becomes the newest meanwhile, it takes over what that one knows. Raises `NotFound` where the
    parts are gone already.
    """
    at_once = gone[: MAX_CHANGES - 2]
    for attempt in range(1, _TRIES + 1):
        place = keeper.records.raw(NEWEST)  # read before the newest scan: one that comes between is met at the commit
        heads = scan_records(keeper.records).heads(_LOOKED_BACK, parts=False, unreadable="skip")
        told = (place.fields or {}).get("at") if place is not None else None
        places = [head.at for head in heads if head.at] + ([told] if isinstance(told, datetime) else [])
        before, newest = _readable(keeper, heads), max(places, default=None)
        head = _put(keeper, outcome, found(before), before, joined_from=joined_from, newest=newest)
        changes: list[Change] = [Create(scan_path(head.scan_id), head_fields(head))]
        seen = place.update_time if place is not None else None
        changes.append(Create(NEWEST, {"at": head.at}) if place is None else Update(NEWEST, {"at": head.at}, seen))
        changes += [Delete(scan_path(scan_id), must_exist=True) for scan_id in at_once]
        try:
            keeper.writers.documents.commit(changes, operation=_OPERATION)
            break
        except Stale:
            with suppress(StorageError):  # the next clean-up removes a table without a summary
                keeper.writers.objects.delete([table_key(head.scan_id)])
            now = keeper.records.raw(NEWEST)
            if gone and (now.update_time if now is not None else None) == seen:
                raise NotFound(
                    "The parts are gone: another join took them.", remedy="See: python -m storage scans"
                ) from None
            if attempt == _TRIES:
                raise
    with suppress(StorageError):  # the scan is kept all the same
        keeper.writers.objects.delete([table_key(scan_id) for scan_id in at_once])
        _remove(keeper, gone[len(at_once) :])
    return head


def _put(
    keeper: ScanKeeper,
    outcome: ScanOutcome,
    found: pd.DataFrame,
    before: KeptScan | None,
    *,
    part: tuple[int, int] | None = None,
    joined_from: tuple[str, ...] = (),
    newest: datetime | None = None,
) -> ScanHead:
    """Stores the table of a scan; its summary, which is not written yet."""
    scan_id = new_scan_id(outcome.started_at)
    frame = known_after(found, outcome.coverage, before, scan_id, outcome.started_at)
    made = KeptScan(replace(_EMPTY, started_at=outcome.started_at), outcome.coverage, frame)
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
        newest=newest,
    )
    content, digest = table_content(made)
    keeper.writers.objects.put(table_key(scan_id), content, _TYPE, if_none_match=True)
    return replace(head, sha256=digest)


def _part(found: extent.Coverage) -> tuple[int, int] | None:
    only = found.ranges[0] if len(found.ranges) == 1 else None
    return (only.index, only.count) if only is not None and only.count > 1 else None


def _remove(keeper: ScanKeeper, scan_ids: Sequence[str]) -> None:
    """Removes summaries, then their tables."""
    for start in range(0, len(scan_ids), MAX_CHANGES):
        some = scan_ids[start : start + MAX_CHANGES]
        keeper.writers.documents.commit([Delete(scan_path(scan_id)) for scan_id in some], operation=_OPERATION)
        keeper.writers.objects.delete([table_key(scan_id) for scan_id in some])


def _scan_of(key: str) -> str:
    return key.removeprefix(FOLDER).partition("/")[0]


_AT = datetime.min.replace(tzinfo=UTC)
_EMPTY = ScanHead("", _AT, _AT, _AT, True, None, False, None, {}, None, {}, {}, {}, 0, 0, None, 0, 0, 0, 0)
