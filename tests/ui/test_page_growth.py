"""What the pages about all customers are billed does not grow with the customers, nor with the findings of a scan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.actions.rollup import run_rollup
from storage.actions.scans import ScanKeeper, keep_scan
from storage.actions.writers import Writers
from storage.domain.layout import Layout
from storage.domain.scans.coverage import Coverage
from storage.domain.scans.kept import ScanHead, ScanOutcome, head_fields, scan_path
from storage.domain.usage import DEFAULT_LIMITS
from tests.conftest import close_the_pages
from tests.rigs.http_faults import FaultProxy
from tests.rigs.records import clip, user, video
from tests.ui.conftest import LiveApp, words

NOW = datetime.now(UTC).replace(microsecond=0)
FEW, MANY = 20, 400
EACH = 6  # clips and findings of a customer: so that also few hold more clips than a look for controls reads
PAGES = ("overview", "fleet", "uploads", "processing")


@dataclass(frozen=True)
class Bill:
    """What the stores counted: documents, listings, and single objects."""

    reads: int
    lists: int
    gets: int


def customers(app: LiveApp, first: int, last: int) -> None:
    documents: dict[str, dict[str, Any]] = {}
    for number in range(first, last):
        path = f"users/u{number:04}"
        documents[path] = user(f"u{number:04}", total_storage_bytes=10**12)  # all of them over a limit
        documents[f"{path}/videos/v"] = video("v")
        documents |= {f"{path}/videos/v/clips/c{place}": clip("v", place) for place in range(EACH)}
    app.world.put(documents)


def scan(app: LiveApp, count: int, at: datetime) -> ScanHead:
    """A kept scan with some findings of each customer."""
    writers = Writers(app.writer, app.world.writer)
    keeper = ScanKeeper(app.world.records, app.objects, writers, Layout("users/"), lambda: at, 90)
    rows = [
        {
            "kind": "missing_object",
            "severity": "error",
            "uid": f"u{number:04}",
            "video_id": "v",
            "clip_id": f"c{place}",
            "key": f"users/u{number:04}/v/clips/c{place}.mp4",
            "detail": "as found",
            "last_seen_at": at,
        }
        for number in range(count)
        for place in range(EACH)
    ]
    head = keep_scan(keeper, ScanOutcome(at, at, Coverage(), True, {"users": count}), rows)
    assert head.findings == EACH * count
    return head


def figures(app: LiveApp, at: datetime) -> None:
    writers = Writers(app.writer, app.world.writer)
    stale = timedelta(minutes=15)
    bucket = (app.objects, writers)
    run_rollup(app.world.records, app.world.writer, DEFAULT_LIMITS, lambda: at, stale_after=stale, bucket=bucket)


def bill(app: LiveApp, proxy: FaultProxy, name: str) -> Bill:
    """Opens a page in a process that knows nothing yet."""
    close_the_pages()
    proxy.clear()
    app.world.faults.clear()
    assert "Something went wrong" not in words(app.open(name))
    lists = proxy.count("GET", query="list-type|uploads")
    return Bill(app.world.faults.reads.total(), lists, proxy.count("GET") + proxy.count("HEAD") - lists)


def test_twenty_times_the_customers_and_findings_cost_a_page_no_more(
    app: LiveApp, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "document")  # which is found out once an hour, and billed apart
    customers(app, 0, FEW)
    yesterday = NOW - timedelta(days=1)
    stuck = video("v", status="processing", updated_at=yesterday, created_at=yesterday)
    app.world.put({f"users/u0000/videos/stuck{number}": stuck for number in range(3)})
    head = scan(app, FEW, yesterday)
    former = [NOW - timedelta(days=2 + number) for number in range(60)]  # more scans than the trend shows
    app.world.put({
        scan_path(f"s{at:%Y%m%d}"): {**head_fields(head), "scan_id": f"s{at:%Y%m%d}", "kept_at": at, "at": at}
        for at in former
    })  # fmt: skip
    figures(app, NOW - timedelta(hours=1))
    small = {name: bill(app, proxy, name) for name in PAGES}

    customers(app, FEW, MANY)
    scan(app, MANY, NOW)
    figures(app, NOW)
    large = {name: bill(app, proxy, name) for name in PAGES}
    assert large == small
    assert all(one.reads <= 200 for one in large.values()), large
