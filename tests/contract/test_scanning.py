"""A scan in a thread: it stops at its bound and when asked, keeps the gravest findings, and says how it ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from grpc import StatusCode

from storage.actions.rollup import run_rollup
from storage.domain.integrity import Finding
from storage.domain.usage import DEFAULT_LIMITS
from storage.errors import Refused
from storage.services import background, fleet_scan
from storage.services.background import Scan, Scans
from storage.services.fleet import estimate_scan, find_fleet
from tests.contract.verify_world import CLIP, Desk
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import World
from tests.rigs.waiting import PATIENCE_SECONDS


@pytest.fixture
def desk(embedded: EmbeddedFirestore, writer, objects) -> Iterator[Desk]:
    with World(embedded) as world:
        made = Desk(world, writer, objects)
        for number in range(4):
            made.user(f"u{number}")
            made.video(f"vid-000{number}", f"u{number}")
            made.clip(f"vid-000{number}", 1, f"u{number}", content=None if number == 1 else CLIP)
        yield made


def ended(scan: Scan) -> background.Snapshot:
    assert scan.wait(PATIENCE_SECONDS)
    return scan.snapshot()


def start(desk: Desk, scans: Scans | None = None, *, most: int = 100, after: str | None = None) -> Scan:
    return (scans or Scans()).start(desk.checker, most_users=most, resume_after=after, asked_by="ada@corp.test")


def test_every_user_is_checked_and_what_was_found_is_kept(desk):
    found = ended(start(desk))
    assert found.state == "done"
    assert found.complete
    assert found.totals["checked"]["users"] == 4
    assert [(finding.kind, finding.uid) for finding in found.findings] == [("missing_object", "u1")]
    assert found.ended_at is not None
    assert found.progress is not None
    assert found.progress.users_total == 4


def test_it_stops_at_its_bound_and_another_goes_on_from_there(desk):
    first = ended(start(desk, most=2))
    assert (first.state, first.last_uid, first.totals["checked"]["users"]) == ("bounded", "u1", 2)
    second = ended(start(desk, after=first.last_uid))
    assert (second.state, second.last_uid, second.totals["checked"]["users"]) == ("done", "u3", 2)
    assert second.findings == ()


def test_it_stops_after_the_users_with_whom_the_budget_of_reads_is_used_up_and_another_goes_on(desk, monkeypatch):
    monkeypatch.setattr(fleet_scan, "CHUNKS", (2,))
    scan = Scans().start(desk.checker, most_users=100, resume_after=None, asked_by="ada@corp.test", read_budget=7)
    first = ended(scan)
    assert (first.state, first.last_uid, first.complete) == ("budget", "u1", True)
    assert ended(start(desk, after=first.last_uid)).totals["checked"]["users"] == 2


def test_what_a_scan_costs_is_known_before_from_the_rollup_to_within_a_third(desk):
    for number in range(4):
        for scene in range(2, 8):
            desk.clip(f"vid-000{number}", scene, f"u{number}", content=CLIP)
    stale = desk.checker.stale_after
    run_rollup(desk.world.records, desk.world.writer, DEFAULT_LIMITS, desk.checker.clock, stale_after=stale)
    view = find_fleet(desk.world.records).view
    assert view is not None
    before = estimate_scan(view)
    billed = ended(start(desk)).totals["cost"]
    assert before is not None
    assert before["firestore_reads"] == pytest.approx(billed["firestore_reads"], rel=0.34)
    assert before["r2_class_a"] == pytest.approx(billed["r2_class_a"], rel=0.34)
    half = estimate_scan(view, 2)
    assert half is not None
    assert half["firestore_reads"] == before["firestore_reads"] // 2


def test_it_stops_when_it_is_told_to_and_only_one_runs_at_a_time(desk):
    scans, held, go_on = Scans(), threading.Event(), threading.Event()
    clock = desk.checker.clock

    def waiting() -> object:
        if threading.current_thread().name.startswith("scan-"):
            held.set()
            go_on.wait(PATIENCE_SECONDS)
        return clock()

    scan = scans.start(
        background.replace(desk.checker, clock=waiting), most_users=100, resume_after=None, asked_by="ada@corp.test"
    )
    assert held.wait(PATIENCE_SECONDS)
    with pytest.raises(Refused, match="running already"):
        start(desk, scans)
    assert not scans.cancel(scan.number + 1)
    assert scans.cancel(scan.number)
    go_on.set()
    found = ended(scan)
    assert (found.state, found.totals["checked"]["users"]) == ("cancelled", 1)
    assert ended(start(desk, scans)).state == "done"


def test_a_store_that_refuses_ends_it_with_its_error_and_not_as_done(desk):
    desk.world.faults.refuse("RunQuery", StatusCode.PERMISSION_DENIED, times=None)
    found = ended(start(desk))
    assert found.state == "failed"
    assert found.error is not None
    assert found.error.code == "access_denied"
    assert not found.complete
    assert not found.actionable


def test_a_mistake_of_the_desk_ends_it_as_broken_and_is_logged(desk, caplog):
    def broken() -> object:
        if threading.current_thread().name.startswith("scan-") and not scan_is_over.is_set():
            scan_is_over.set()
            raise ZeroDivisionError("on purpose")
        return desk.now

    scan_is_over = threading.Event()
    found = ended(Scan(
        1, background.replace(desk.checker, clock=broken), most_users=5, resume_after=None, asked_by="ada@corp.test"
    ).begin())  # fmt: skip
    assert (found.state, found.crashed, found.complete) == ("failed", True, False)
    assert "scan 1 broke" in caplog.text


def test_no_more_than_so_many_findings_are_kept_and_these_are_the_gravest(desk, monkeypatch):
    monkeypatch.setattr(background, "MAX_FINDINGS", 3)
    scan = start(desk)
    ended(scan)
    for number in range(5):
        scan._keep(Finding("orphan_object", "info", "u9", key=f"k{number}"))
    scan._keep(Finding("size_mismatch", "error", "u9", key="late"))
    found = scan.snapshot()
    assert [finding.severity for finding in found.findings] == ["error", "error", "info"]
    assert found.findings[2].key == "k0"
    assert found.dropped == 4


def test_a_user_whose_result_cannot_be_true_makes_a_doubt(desk):
    desk.user("u5")
    desk.video("vid-0005", "u5", highlights=None)
    for scene in range(1, 30):
        desk.clip("vid-0005", scene, "u5", content=None, thumbnail=None)
    found = ended(start(desk))
    assert [doubt.uid for doubt in found.doubts] == ["u5"]
    assert not found.actionable
