"""Loads kept scans: their summaries again each few minutes, the table of one as long as it stays the same."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from pages._ui.data.loads import MINUTE, Loaded, measured
from pages._ui.data.resources import scans, stores
from pages._ui.kit import away
from storage.actions.purge.context import open_purging
from storage.actions.purge.meanwhile import OF_SCANS, take_purged
from storage.actions.scans import ScanKeeper, keep_scan
from storage.domain.problems import Scanned, scanned
from storage.domain.scans.comparison import repeat_offenders
from storage.domain.scans.kept import KeptScan, ScanHead, ScanOutcome, ScanUnderWay, identities
from storage.repositories.scans import read_kept, scan_records
from storage.services.background import KeepScan
from storage.services.scans import TREND, FindingRow


def trend() -> Loaded[tuple[ScanHead, ...]]:
    """The last whole scans, the newest first; read again as soon as this process has kept another."""
    return _trend(scans().ended)


@away.noticed
@st.cache_data(ttl=5 * MINUTE, max_entries=2, refresh_mode="background", show_spinner=False)
def _trend(ended: int) -> Loaded[tuple[ScanHead, ...]]:
    return measured(lambda: scan_records(stores().records).heads(TREND, parts=False))


def last() -> Loaded[ScanHead | None]:
    """The last whole scan, or `None`: none is kept."""
    return _last(scans().ended)


@away.noticed
@st.cache_data(ttl=5 * MINUTE, max_entries=2, refresh_mode="background", show_spinner=False)
def _last(ended: int) -> Loaded[ScanHead | None]:
    return measured(lambda: next(iter(scan_records(stores().records).heads(1, parts=False)), None))


@away.noticed
@st.cache_data(ttl=15, max_entries=1, show_spinner=False)
def under_way() -> Loaded[ScanUnderWay | None]:
    """How far a scan on a cluster is; `None` where none is going on that keeps its ranges."""
    return measured(lambda: scan_records(stores().records).under_way())


def kept(head: ScanHead) -> Loaded[KeptScan]:
    """The scan with its table; another table of the same scan (a customer was taken out) is read anew."""
    return _kept(head.scan_id, head.sha256, head)


@st.cache_resource(ttl=60 * MINUTE, max_entries=3, show_spinner=False)
def _kept(scan_id: str, sha256: str, _head: ScanHead) -> Loaded[KeptScan]:
    return measured(lambda: read_kept(stores().objects, _head))


def of_customer(uid: str) -> Loaded[Scanned | None]:
    """What the last kept scan knows of one customer, or `None`: none is kept. Every page shares the reading of it."""
    head = last()
    if head.value is None:
        return Loaded(None, head.read_at, head.cost)
    found = kept(head.value)
    return Loaded(scanned(found.value, uid), found.read_at, head.cost + found.cost)


def offenders(kept: KeptScan) -> list[dict[str, Any]]:
    """Where findings come up again and again."""
    return _offenders(kept.head.scan_id, kept.head.sha256, kept)


@st.cache_data(ttl=60 * MINUTE, max_entries=3, show_spinner=False)
def _offenders(scan_id: str, sha256: str, _kept: KeptScan) -> list[dict[str, Any]]:
    fresh = _kept.frame[_kept.frame["first_scan"] == scan_id]
    return repeat_offenders(_kept.frame, set(identities(fresh)))


def refresh() -> None:
    """For a refresh button: the next look asks for newer scans."""
    for load in (_trend, _last, under_way):
        load.clear()


def keep() -> KeepScan:
    """Keeps what a scan of this process found."""
    opened = stores()
    days = opened.settings.scan_retention_days

    def put_away(outcome: ScanOutcome, findings: Iterable[FindingRow]) -> str:
        purging = open_purging(opened)
        keeper = ScanKeeper(opened.records, opened.objects, purging.writers, opened.layout, _now, days)
        head = keep_scan(keeper, outcome, findings)
        take_purged(purging, outcome.started_at, OF_SCANS)
        return head.scan_id

    return put_away


def _now() -> datetime:
    return datetime.now(UTC)
