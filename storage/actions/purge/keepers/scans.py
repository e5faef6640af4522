"""Kept scans, as a keeper: what was found of a customer, with address, titles and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from storage.actions.purge.context import Purging
from storage.actions.purge.keepers.keeper import Keeper, Row, until_settled
from storage.actions.scans import replace_table
from storage.domain.purge.scope import Scope
from storage.domain.scans.coverage import Coverage
from storage.domain.scans.kept import KeptScan, frame_of, identities, plain_row, typed
from storage.errors import NotFound
from storage.repositories.scans import MOST_HEADS, read_kept, scan_records


@dataclass(frozen=True, slots=True)
class KeptScans(Keeper):
    """Its rows: `{"scan", "finding"}` of the scope; `{"scan", "owner_of"}` where another customer's finding names the
    purged user as the owner of the file.

    The limits of a scan of some customers no longer name a purged user; an undo leaves them as they are, which only
    makes the scan claim less.
    """

    def held(self, purging: Purging, scope: Scope) -> Iterator[Row]:
        for kept in _scans(purging):
            mine, owned = _of(kept.frame, scope), _owned(kept.frame, scope)
            for row in kept.frame[mine].to_dict("records"):
                yield {"scan": kept.head.scan_id, "finding": plain_row(row)}
            for row in kept.frame[owned].to_dict("records"):
                yield {"scan": kept.head.scan_id, "owner_of": plain_row(row)}

    def take(self, purging: Purging, scope: Scope, job_id: str) -> int:
        def without(kept: KeptScan) -> tuple[pd.DataFrame, Coverage]:
            frame = kept.frame.copy()
            frame.loc[_owned(frame, scope), "owner"] = None
            coverage = kept.coverage.without(scope.uid) if scope.kind == "user" else kept.coverage
            return frame[~_of(frame, scope)], coverage

        return _rewrite(purging, without)

    def put_back(self, purging: Purging, scope: Scope, job_id: str, rows: Sequence[Row]) -> int:
        """Adds the rows to the scans that are still kept."""

        def with_rows(kept: KeptScan) -> tuple[pd.DataFrame, Coverage]:
            frame = kept.frame.copy()
            known = set(identities(frame))
            mine = frame_of(row["finding"] for row in rows if row["scan"] == kept.head.scan_id and "finding" in row)
            new = [identity not in known for identity in identities(mine)]
            owners = frame_of(row["owner_of"] for row in rows if row["scan"] == kept.head.scan_id and "owner_of" in row)
            owned = set(identities(owners))
            frame.loc[[identity in owned for identity in identities(frame)], "owner"] = scope.uid
            added = mine[new] if len(mine) else mine
            return (pd.concat([frame, added], ignore_index=True) if len(added) else frame), kept.coverage

        _rewrite(purging, with_rows)
        return len(rows)


def _scans(purging: Purging) -> Iterator[KeptScan]:
    """Every kept scan whose table is there."""
    stores = purging.stores
    for head in scan_records(stores.records).heads(MOST_HEADS, unreadable="raise"):
        try:
            yield read_kept(stores.objects, head)
        except NotFound:
            continue


def _of(frame: pd.DataFrame, scope: Scope) -> pd.Series:
    """The rows about something of the scope."""
    ids = zip(*(frame[name].tolist() for name in ("uid", "video_id", "clip_id")), strict=True)
    found = [
        uid == scope.uid and (scope.kind == "user" or scope.holds(video or "", clip or "")) for uid, video, clip in ids
    ]
    return pd.Series(found, index=frame.index, dtype=bool)


def _owned(frame: pd.DataFrame, scope: Scope) -> pd.Series:
    """The rows of other customers whose document names a file of the user."""
    if scope.kind != "user":
        return pd.Series(False, index=frame.index, dtype=bool)
    return (frame["owner"] == scope.uid) & (frame["uid"] != scope.uid)


def _rewrite(purging: Purging, change: Callable[[KeptScan], tuple[pd.DataFrame, Coverage]]) -> int:
    """Replaces each table that `change` gives other rows or limits, under the ETag with which it was read."""
    return until_settled(lambda: sum(_replaced(purging, kept, *change(kept)) for kept in _scans(purging)))


def _replaced(purging: Purging, kept: KeptScan, frame: pd.DataFrame, coverage: Coverage) -> bool:
    if coverage == kept.coverage and typed(frame).equals(typed(kept.frame)):
        return False
    replace_table(purging.writers, kept, frame, coverage)
    return True
