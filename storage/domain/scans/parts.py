"""Which parts of shards make one scan: those of one run, each shard once, and none missing.

A run is one call of an indexed job, or what `verify --run` names. Only their times tell apart parts without a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from storage.domain.scans.kept import ScanHead
from storage.errors import BadInput, NotFound
from storage.text import moment

TOGETHER: Final = timedelta(hours=24)  # parts without a run that began further apart are not of one scan
_RUN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_NAMED: Final = 20  # of a list in an error


@dataclass(frozen=True, slots=True)
class RunParts:
    """The parts of one scan in the order of their shards, and the parts of the same run that newer ones replaced.

    `notes` say in words what is not certain.
    """

    heads: tuple[ScanHead, ...]
    replaced: tuple[ScanHead, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def run(self) -> str:
        """The run of all of them; empty where they name none."""
        return self.heads[0].run

    def as_dict(self) -> dict[str, Any]:
        """What a join adds to the summary, as `scans join --json` prints it."""
        names = ("scan_id", "run", "started_at", "finished_at")
        parts = [{"part": list(shard_of(one)), **{name: getattr(one, name) for name in names}} for one in self.heads]
        return {"parts": parts, "notes": list(self.notes)}


def check_run(run: str) -> str:
    """The name of a run; raises `BadInput` for what cannot be one."""
    if not _RUN.fullmatch(run):
        raise BadInput(
            "a run is named by 1 to 100 letters, digits, and any of . _ : - after the first",
            field_name="run",
            remedy="For example --run 2026-11-26, the same for all shards of one run and for no other.",
        )
    return run


def shard_of(head: ScanHead) -> tuple[int, int]:
    """(I, N) of a part."""
    return head.part or (0, 0)


def given_parts(heads: Sequence[ScanHead]) -> RunParts:
    """The parts that somebody named. Raises `BadInput` where they are not of one scan, `NotFound` where one is
    missing."""
    whole = next((head for head in heads if head.part is None), None)
    if whole is not None:
        raise _not_one(f"{whole.scan_id} is not a part of a scan", "List them: python -m storage scans")
    runs = {head.run: head for head in heads}
    if len(runs) > 1:
        told = ", ".join(f"{name(head)} is of {f'run {run}' if run else 'no run'}" for run, head in runs.items())
        raise _not_one(f"parts of several runs make no scan: {told}", "Give parts of one run, or --run RUN.")
    count, chosen = shard_of(heads[0])[1], dict[int, ScanHead]()
    for head in heads:
        index, of = shard_of(head)
        if of != count:
            raise _not_one(f"{head.scan_id} is of another number of shards", "Leave it out.")
        if index in chosen:
            raise _not_one(f"shard {name(head)} is given twice", "Give one of the two.")
        chosen[index] = head
    return _whole(chosen, heads[0].run, count)


def parts_of_run(heads: Iterable[ScanHead], run: str) -> RunParts:
    """The newest part of each shard of the run; without one, of the run that kept a part last. `heads` are the
    summaries of parts and whole scans, the newest first.

    Parts that name no run are taken where they began within a day of the newest, and `notes` says so. Raises `NotFound`
    where shards are missing, `BadInput` where the run kept parts of several numbers of shards.
    """
    found = list(heads)
    waiting = [head for head in found if head.part is not None and not head.cluster_scan]
    if run and not any(head.run == run for head in waiting):
        raise _none_of(run, found, waiting)
    if not waiting:
        raise NotFound(
            "There are no parts to join.", remedy="Keep them: python -m storage verify --all --shard I/N --keep"
        )
    newest = next(head for head in waiting if not run or head.run == run)
    run, count = newest.run, shard_of(newest)[1]
    mine = [head for head in waiting if head.run == run]
    if run:
        other = next((head for head in mine if shard_of(head)[1] != count), None)
        if other is not None:
            words = f"run {run} kept parts of {count} shards, and {name(other)}"
            raise _not_one(words, "Name the parts that belong together: scans join SCAN_ID SCAN_ID ...")
    else:
        mine = [head for head in mine if shard_of(head)[1] == count]
        mine = [head for head in mine if newest.started_at - head.started_at <= TOGETHER]
    chosen: dict[int, ScanHead] = {}
    for head in mine:
        chosen.setdefault(shard_of(head)[0], head)
    parts = _whole(chosen, run, count, waiting)
    older = tuple(head for head in mine if head is not chosen[shard_of(head)[0]])
    return RunParts(parts.heads, older) if run else RunParts(parts.heads, notes=tuple(_doubts(parts.heads, older)))


def name(head: ScanHead) -> str:
    """The shard of a part, as `--shard` takes it."""
    index, count = shard_of(head)
    return f"{index}/{count}"


def _whole(chosen: dict[int, ScanHead], run: str, count: int, waiting: Sequence[ScanHead] = ()) -> RunParts:
    missing = [f"{index}/{count}" for index in range(1, count + 1) if index not in chosen]
    if not missing:
        return RunParts(tuple(chosen[index] for index in sorted(chosen)))
    began = [head.started_at for head in chosen.values()]
    there = f"{len(chosen)} of {count} are kept, which began {_span(began)}"
    others = dict.fromkeys(head.run for head in waiting if head.run != run and head.run)
    more = f" Other runs have parts too: {', '.join(list(others)[:_NAMED])}; --run joins one." if others else ""
    again = f" --run {run}" if run else ""
    raise NotFound(
        f"Not every shard{f' of run {run}' if run else ''} has kept its part: {', '.join(missing[:_NAMED])} missing; "
        f"{there}.",
        remedy=f"Run those: verify --all --keep --shard {missing[0]}{again}; then join again.{more}",
    )


def _none_of(run: str, found: Sequence[ScanHead], waiting: Sequence[ScanHead]) -> NotFound:
    joined = next((head for head in found if head.part is None and head.run == run), None)
    if joined is not None:
        return NotFound(
            f"No part of run {run} waits: it is joined as {joined.scan_id}.",
            remedy=f"See: python -m storage scans show {joined.scan_id}",
        )
    runs = dict.fromkeys(f"run {head.run}" if head.run else "no run" for head in waiting)
    there = f"Parts are kept of: {', '.join(list(runs)[:_NAMED])}." if runs else "No part of any run is kept."
    return NotFound(f"No part of run {run} is kept.", remedy=there)


def _doubts(heads: Sequence[ScanHead], older: Sequence[ScanHead]) -> Iterable[str]:
    began = [head.started_at for head in heads]
    yield (
        f"These parts name no run, so the newest of each shard was taken: they began {_span(began)}. "
        "verify --run tells runs apart."
    )
    if older:
        shards = ", ".join(sorted({name(head) for head in older})[:_NAMED])
        yield f"Older parts of {shards} wait beside these, from the same day: they may be of another run."


def _span(times: Sequence[datetime]) -> str:
    first, last = moment(min(times)), moment(max(times))
    return f"at {first}" if first == last else f"from {first} to {last}"


def _not_one(message: str, remedy: str) -> BadInput:
    return BadInput(message, field_name="SCAN_ID", remedy=remedy)
