"""A purge takes the customer out of kept scans and the table of all customers, an undo puts the rows back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from storage.actions.purge.jobs import undo
from storage.actions.purge.worker import run_job
from storage.actions.rollup import run_rollup
from storage.actions.scans import ScanKeeper, keep_scan
from storage.domain.purge.scope import Scope
from storage.domain.scans.coverage import Coverage, ScanRange
from storage.domain.scans.kept import ScanOutcome, plain_row, table_key
from storage.repositories.customers import read_customers
from storage.repositories.rollups import read_fleet
from storage.repositories.scans import read_kept, scan_records
from tests.purge.world import ADA, REASON, VIDEO, PurgeWorld


def finding(uid: str, video_id: str, clip_id: str, **more: Any) -> dict[str, Any]:
    key = f"users/{uid}/{video_id}/clips/{clip_id}.mp4"
    ids = {"uid": uid, "video_id": video_id, "clip_id": clip_id}
    return {"kind": "missing_object", "severity": "error", **ids, "key": key, "detail": "as found", **more}


@pytest.fixture
def scanned(filled: PurgeWorld) -> PurgeWorld:
    """Two kept scans, of which the second ends with the customer; another's document names a file of theirs."""
    world = filled
    keeper = ScanKeeper(
        world.stores.records, world.stores.objects, world.purging.writers, world.stores.layout, world.now, 90
    )
    theirs = {"owner": "u1", "since": None, "links": []}
    rows = [
        finding("u1", VIDEO, f"{VIDEO}_0_split"),
        finding("u1", VIDEO, f"{VIDEO}_1_split"),
        finding("u1", "video-bbb", "video-bbb_0_split"),
        finding("u10", "v", "c", kind="foreign_key", disclosure=theirs),
    ]
    for coverage in (Coverage(), Coverage((ScanRange(until="u1"),))):
        at = world.now()
        outcome = ScanOutcome(at, at, coverage, True, {"users": 2})
        keep_scan(keeper, outcome, [{**row, "last_seen_at": at} for row in rows])
    return world


def kept(world: PurgeWorld) -> list[list[Mapping[str, Any]]]:
    """The rows of each kept scan, in one order."""
    stores = world.stores
    scans = [read_kept(stores.objects, head) for head in scan_records(stores.records).heads(9)]
    return [sorted((plain_row(row) for row in scan.frame.to_dict("records")), key=str) for scan in scans]


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        (Scope.of("u1"), ["u10/v/c"]),
        (Scope.of("u1", VIDEO), ["u1/video-bbb/video-bbb_0_split", "u10/v/c"]),
        (Scope.of("u1", VIDEO, [f"{VIDEO}_1_split"]),
         [f"u1/{VIDEO}/{VIDEO}_0_split", "u1/video-bbb/video-bbb_0_split", "u10/v/c"]),
    ],
    ids=["user", "video", "clip"],
)  # fmt: skip
def test_a_purge_takes_the_findings_of_its_scope_out_of_every_scan_and_an_undo_puts_them_back(
    scanned: PurgeWorld, scope: Scope, left: list[str]
) -> None:
    before = kept(scanned)
    job = scanned.purge(scope)
    assert (job.state, job.failure) == ("done", None)
    for rows in kept(scanned):
        assert sorted(f"{row['uid']}/{row['video_id']}/{row['clip_id']}" for row in rows) == sorted(left)
        if scope.kind == "user":
            assert [row["owner"] for row in rows] == [None]
    for head in scan_records(scanned.stores.records).heads(9):
        limits = str(read_kept(scanned.stores.objects, head).coverage.as_dict())
        assert ("'u1'" in limits) == (scope.kind != "user" and head.before is not None)
        assert head.rows == sum(head.open.values()) == len(left)
    back = run_job(scanned.purging, undo(scanned.purging, job.job_id, REASON, ADA).job_id)
    assert (back.state, back.failure) == ("done", None)
    assert kept(scanned) == before


def test_an_erasing_leaves_nothing_of_the_customer_in_any_scan(scanned: PurgeWorld) -> None:
    assert scanned.purge(Scope.of("u1"), erase=True).state == "done"
    assert "u1" not in {row[name] for rows in kept(scanned) for row in rows for name in ("uid", "owner")}


def test_a_scan_whose_table_is_gone_hinders_no_purge(scanned: PurgeWorld) -> None:
    newest = scan_records(scanned.stores.records).heads(1)[0]
    scanned.purging.writers.objects.delete([table_key(newest.scan_id)])
    assert scanned.purge(Scope.of("u1")).state == "done"


def test_a_purge_of_a_user_takes_the_row_out_of_the_table_of_all_customers_and_an_undo_puts_it_back(
    filled: PurgeWorld,
) -> None:
    stores = filled.stores
    run_rollup(
        stores.records,
        filled.purging.writers.documents,
        filled.settings.plan_limits,
        filled.now,
        stale_after=timedelta(minutes=15),
        bucket=(stores.objects, filled.purging.writers),
    )
    (key,) = read_fleet(stores.records).tables
    before = read_customers(stores.objects, [key]).sort_by("uid").to_pylist()
    assert {"u1", "u10"} <= {row["uid"] for row in before}
    assert filled.purge(Scope.of("u1", VIDEO)).state == "done"
    assert read_customers(stores.objects, [key]).num_rows == len(before)
    job = filled.purge(Scope.of("u1"))
    assert (job.state, job.failure) == ("done", None)
    assert [row["uid"] for row in read_customers(stores.objects, [key]).to_pylist()] == [
        row["uid"] for row in before if row["uid"] != "u1"
    ]
    assert read_fleet(stores.records).tables == (key,)
    assert run_job(filled.purging, undo(filled.purging, job.job_id, REASON, ADA).job_id).state == "done"
    assert read_customers(stores.objects, [key]).sort_by("uid").to_pylist() == before
