"""What an earlier version wrote is resumed, undone, read and verified: see `tests/kept`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest

from storage.actions import alerts, repair
from storage.actions.alerts import Sources
from storage.actions.failure_groups import mark
from storage.actions.joint_repair import JOINT_PLANS, context_of, outcomes, undo_joint_repair
from storage.actions.orphans import ORPHAN_PLANS, orphan_outcomes, undo_orphans
from storage.actions.purge.jobs import Request, apply_plan, cancel, discard_plan, undo
from storage.actions.purge.keepers.declared import KEEPERS
from storage.actions.purge.plan_ends import end_of
from storage.actions.purge.plans import approvals_of, certificate_of, plan_in, stored_plan
from storage.actions.purge.quarantine import record_of
from storage.actions.purge.worker import run_job
from storage.actions.repair import RepairContext
from storage.actions.requests import answer
from storage.actions.scans import join_ranges, join_scans, keep_range, keep_scan, parts_to_join, ranges_to_go_on
from storage.actions.sign_outs import SharedSignOuts
from storage.actions.watches import look_again
from storage.clients.messengers import targets_of
from storage.domain.deployment import from_fields
from storage.domain.orphans import check_plan
from storage.domain.purge.job import Job
from storage.domain.scans.coverage import Coverage, ScanRange
from storage.domain.scans.kept import ScanOutcome, compare, plain_row
from storage.domain.sign_outs import fields_of
from storage.errors import Refused
from storage.repositories.alerts import read_alerts
from storage.repositories.audit_log import AuditLog
from storage.repositories.customers import read_customers
from storage.repositories.deployment import DeploymentRecords
from storage.repositories.failure_groups import read_marks
from storage.repositories.requests import Requests
from storage.repositories.rollups import read_fleet
from storage.repositories.scans import read_kept, scan_records
from storage.repositories.watches import Watches
from storage.services.verify import checker
from storage.text import Secret
from tests.purge.world import ADA, BOB, REASON, VIDEO
from tests.rigs.kept import AUDIT_KEY, FOLDER, Kept, KeptWorld, as_shown, holds, kept_world, scan_keeper
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.sink import sink

BASE = "users/u1/videos/vid-0001"
HIGHLIGHTS = "users/u1/vid-0001/highlights.json"


def only_job(world: KeptWorld, kind: str = "purge") -> Job:
    """The one job of this kind."""
    (job,) = (job for job in world.purging.jobs.recent() if job.kind == kind)
    return job


def undone(world: KeptWorld, job_id: str) -> None:
    """Undoes a purge and finds everything as it was before it."""
    back = run_job(world.purging, undo(world.purging, job_id, "a mistake, ticket 4712", ADA).job_id)
    assert (back.state, back.residue, back.failure) == ("done", (), None)
    assert world.purging.jobs.get(job_id).state == "undone"
    assert world.snapshot() == world.kept.before()
    assert not world.own_keys("_ops/quarantine/")
    assert AuditLog(world.stores.handle, world.stores.objects).verify_chain().whole


@pytest.mark.parametrize("name", ["cut-in-objects", "cut-in-documents"])
def test_a_job_that_was_cut_off_is_resumed_and_can_be_undone(seaweed: SeaweedRig, name: str) -> None:
    with kept_world(seaweed, name) as world:
        job = run_job(world.purging, only_job(world).job_id)
        assert (job.state, job.residue, job.disturbed, job.failure) == ("done", (), (), None)
        plan = stored_plan(world.purging, job.plan_id)
        record = record_of(world.purging.jobs, job.job_id, plan, erase=False)
        assert sorted(record.deleted_keys) == sorted(item.key for item in plan.objects)
        assert sorted(record.deleted_paths) == sorted(item.path for item in plan.documents)
        told = certificate_of(world.purging, job.job_id)
        assert told["certificate_of"] == job.job_id
        assert any("did not count what completed clips claimed" in line for line in told["outlives"])
        undone(world, job.job_id)


@pytest.mark.parametrize("name", ["cut-in-objects", "cut-in-documents"])
def test_a_job_that_was_cut_off_is_cancelled_and_undone(seaweed: SeaweedRig, name: str) -> None:
    with kept_world(seaweed, name) as world:
        job = cancel(world.purging, only_job(world).job_id, ADA)
        assert job.state == "cancelled"
        undone(world, job.job_id)


def test_an_undo_that_was_cut_off_is_resumed(seaweed: SeaweedRig) -> None:
    with kept_world(seaweed, "cut-in-undo") as world:
        back = run_job(world.purging, only_job(world, "undo").job_id)
        assert (back.state, back.residue, back.failure) == ("done", (), None)
        assert world.snapshot() == world.kept.before()


def test_a_quarantine_is_undone_byte_for_byte(seaweed: SeaweedRig) -> None:
    with kept_world(seaweed, "quarantine") as world:
        job = only_job(world)
        assert certificate_of(world.purging, job.job_id)["certificate_of"] == job.job_id
        undone(world, job.job_id)


def test_a_quarantine_with_line_separators_in_its_documents_is_undone_field_for_field(seaweed: SeaweedRig) -> None:
    with kept_world(seaweed, "quarantine-with-separators") as world:
        undone(world, only_job(world).job_id)


def test_a_plan_is_read_as_it_was_sealed_with_its_approval(seaweed: SeaweedRig, tmp_path: Path) -> None:
    with kept_world(seaweed, "plan") as world:
        path = tmp_path / "plan.json"
        path.write_text(world.kept.texts["plan.json"])
        plan = plan_in(path)
        assert plan.scope.spelled == f"u1/{VIDEO}"
        assert plan == stored_plan(world.purging, plan.plan_id)
        assert plan.fingerprint == json.loads(world.kept.texts["plan.json"])["fingerprint"]
        assert [approval.approver for approval in approvals_of(world.purging, plan.fingerprint)] == [BOB.email]


def test_the_figures_about_all_customers_are_read(seaweed: SeaweedRig) -> None:
    with kept_world(seaweed, "rollup-and-changes") as world:
        shown, view = json.loads(world.kept.texts["shown.json"]), read_fleet(world.stores.records)
        assert (view.complete, view.shards, view.missing_shards) == (True, 2, ())
        for name in ("users", "clips", "clip_bytes", "used_bytes"):
            assert getattr(view.totals, name) == shown["totals"][name] > 0


def test_changes_are_taken_back(seaweed: SeaweedRig) -> None:
    with kept_world(seaweed, "rollup-and-changes") as world:
        records = world.stores.records
        bench = RepairContext(world.stores, world.purging.writers, world.purging.trail, world.now)
        made = {fields["kind"]: path.rpartition("/")[2] for path, fields in _documents(world, "ops_changes").items()}
        for kind in ("highlights", "set-status", "recount"):  # the newest first, since they wrote the same documents
            repair.undo(bench, ADA, made[kind], REASON)
        video, user = records.raw(BASE), records.raw("users/u1")
        assert video is not None
        assert user is not None
        assert ((video.fields or {})["status"], (video.fields or {})["highlights_count"]) == ("processing", 1)
        assert ((user.fields or {})["total_storage_bytes"], (user.fields or {})["total_clips_count"]) == (7, 9)
        assert records.raw(f"{BASE}/highlights/main") is None
        assert len(json.loads(world.stores.objects.get_bytes(HIGHLIGHTS, 10_000))["highlights"]) == 1


def _documents(world: KeptWorld, collection: str) -> dict[str, dict[str, object]]:
    page, _ = world.stores.handle.list_documents("", collection, operation="Listing for a test", page_size=100)
    paths = [one.name.split("/documents/")[1] for one in page]
    return {path: dict(raw.fields or {}) for path, raw in world.stores.records.many(paths).items() if raw}


@pytest.mark.parametrize(
    ("name", "key", "entries", "copies"),
    [
        ("audit-unkeyed", b"", 7, 3),
        ("audit-keyed", AUDIT_KEY, 7, 3),
        ("audit-became-keyed", AUDIT_KEY, 14, 6),
    ],
)
def test_an_audit_chain_verifies_with_its_copies(
    seaweed: SeaweedRig, name: str, key: bytes, entries: int, copies: int
) -> None:
    with kept_world(seaweed, name) as world:
        report = AuditLog(world.stores.handle, world.stores.objects, key=key).verify_chain()
        assert report.breaks == ()
        assert (report.entries, report.copies) == (entries, copies)


def test_kept_scans_are_read_and_compared(seaweed: SeaweedRig) -> None:
    with kept_world(seaweed, "scans") as world:
        shown, stores = world.kept.shown, world.stores
        scans = [read_kept(stores.objects, head) for head in scan_records(stores.records).heads(9)]
        assert holds(as_shown([scan.head.as_dict() for scan in scans]), shown["heads"])
        assert holds(as_shown([scan.coverage.as_dict() for scan in scans]), shown["coverages"])
        rows = [[plain_row(row) for row in scan.frame.to_dict("records")] for scan in scans]
        assert holds(as_shown(rows), shown["rows"])
        _, _, newer, older = scans
        assert (newer.head.open, newer.head.carried) == ({"disclosure": 1, "not_playable": 2}, 1)
        found = compare(older, newer)
        assert (len(found.new), len(found.gone), found.still, found.not_looked_at) == (1, 1, 1, 1)
        assert older.frame.iloc[list(found.gone)]["kind"].tolist() == ["size_mismatch"]


def test_the_range_and_the_shard_that_were_kept_are_joined_with_those_that_follow(seaweed: SeaweedRig) -> None:
    with kept_world(seaweed, "scans") as world:
        keeper, now = scan_keeper(world), world.now()
        checked = {"users": 1, "videos": 1, "clips": 1, "objects": 2}
        ranges = ranges_to_go_on(keeper, 8, 5.0, now)
        assert (ranges.count, sorted(ranges.parts)) == (2, [1])
        first = ranges.parts[1]
        assert (first.cluster_scan, first.claimed, first.found) == (ranges.cluster_scan, 3, 2)
        following = Coverage((ScanRange(2, 2),), contents=5.0)
        second = keep_range(keeper, ranges, ScanOutcome(now, now, following, True, checked), [])
        whole = join_ranges(keeper, [first, second], [], "")
        assert (whole.complete, whole.part, whole.checked["users"], whole.open["disclosure"]) == (True, None, 3, 1)
        keep_scan(keeper, ScanOutcome(now, now, Coverage((ScanRange(2, 2),)), True, checked), [])
        of_shards = join_scans(keeper, parts_to_join(keeper))
        assert (of_shards.part, len(of_shards.joined_from), of_shards.checked["clips"]) == (None, 2, 4)


def test_a_joint_repair_that_was_cut_off_is_resumed_and_undone(seaweed: SeaweedRig, tmp_path: Path) -> None:
    with kept_world(seaweed, "joint-repair-cut") as world:
        purging, job = world.purging, only_job(world, "repair")
        path = tmp_path / "plan.json"
        path.write_text(world.kept.texts["plan.json"])
        plan = JOINT_PLANS.in_file(path)
        assert plan == JOINT_PLANS.stored(purging, job.plan_id)
        JOINT_PLANS.check_seal(purging, plan)
        assert holds(plan.as_dict(), json.loads(world.kept.texts["plan.json"]))
        assert [row.uid for row in plan.rows if row.refused] == ["nobody"]
        made = [(row.uid, row.outcome, len(row.change_ids)) for row in outcomes(purging.jobs, job.job_id)]
        assert made == [("u1", "done", 1), ("nobody", "refused", 0)]
        assert run_job(purging, job.job_id).state == "incomplete"
        made = [(row.uid, row.outcome, len(row.change_ids)) for row in outcomes(purging.jobs, job.job_id)]
        assert made == [("u1", "done", 1), ("nobody", "refused", 0), ("u2", "done", 1), ("u3", "done", 1)]
        assert len(world.log.search(uid="u2", action="set-status", limit=5)) == 1
        back = run_job(purging, undo_joint_repair(purging, job.job_id, "a mistake", ADA).job_id)
        assert (back.state, back.residue) == ("done", ())
        assert world.snapshot() == world.kept.before()


def test_a_plan_for_orphans_is_read_and_what_was_adopted_or_removed_is_taken_back(
    seaweed: SeaweedRig, tmp_path: Path
) -> None:
    with kept_world(seaweed, "orphans") as world:
        purging, path = world.purging, tmp_path / "plan.json"
        path.write_text(world.kept.texts["plan.json"])
        plan = ORPHAN_PLANS.in_file(path)
        assert plan == ORPHAN_PLANS.stored(purging, plan.plan_id)
        assert holds(plan.as_dict(), json.loads(world.kept.texts["plan.json"]))
        check_plan(plan, purging.target, purging.now())
        ORPHAN_PLANS.check_seal(purging, plan)
        assert [approval.approver for approval in ORPHAN_PLANS.approvals(purging, plan)] == [BOB.email]
        assert [(row.video_id, row.size_bytes, row.refused) for row in plan.rows] == [(VIDEO, 3_554, "")]
        for kind in ("remove", "adopt"):
            job = only_job(world, kind)
            (row,) = orphan_outcomes(purging.jobs, job.job_id)
            assert (row.video_id, row.outcome, bool(row.change_id)) == (VIDEO, "done", True)
            back = run_job(purging, undo_orphans(purging, job.job_id, "a mistake", ADA).job_id)
            assert (back.state, back.residue) == ("done", ())
        assert world.snapshot() == world.kept.before()


@pytest.fixture(scope="module")
def told(seaweed: SeaweedRig) -> Iterator[KeptWorld]:
    """Watches, alerts, requests and marks as they were kept, an hour later."""
    with kept_world(seaweed, "told-and-asked", timedelta(hours=1)) as world:
        yield world


def test_watches_are_read_and_looked_at_again(told: KeptWorld) -> None:
    watches = Watches(told.stores.handle)
    kept = {one.watch.name: one.watch for one in watches.newest()}
    assert holds(as_shown({name: one.to_fields() for name, one in kept.items()}), told.kept.shown["watches"])
    assert sorted(one.state for one in kept.values()) == ["came_back", "changed", "open", "open"]
    again = look_again(told.purging, told.now())
    assert sorted((one.of, one.uid, one.state, one.looks) for one in again) == [
        ("change", "u1", "open", 2),
        ("purge", "u5", "open", 2),
    ]


def test_alerts_are_read_with_who_was_told(told: KeptWorld) -> None:
    kept = {one.kept.alert.alert_id: one.kept for one in read_alerts(told.stores.handle)}
    assert holds(as_shown({name: one.to_fields() for name, one in kept.items()}), told.kept.shown["alerts"])
    assert {one.alert.rule for one in kept.values()} >= {"rollup_late", "did_not_hold", "request_waits"}
    assert [one.alert.rule for one in kept.values() if one.ended] == ["request_waits"]
    assert all(one.told for one in kept.values())
    assert any(one.failed for one in kept.values())


def test_requests_are_read_and_answered(told: KeptWorld) -> None:
    requests = Requests(told.stores.handle)
    kept = {one.request.request_id: one.request.as_dict() for one in requests.newest(9)}
    assert holds(as_shown(kept), told.kept.shown["requests"])
    (waits,) = requests.open()
    assert (waits.request.kind, waits.request.spelled, waits.request.reason) == ("delete", "u4", "T-13: asked again")
    done = answer(context_of(told.purging), BOB, waits.request.request_id, "done", "deleted")
    assert (done.state, requests.open()) == ("done", ())


def test_what_was_said_of_groups_of_failures_is_read_and_opened_again(told: KeptWorld) -> None:
    records = told.stores.records
    kept = read_marks(records)
    assert holds(as_shown({name: asdict(one) for name, one in kept.items()}), told.kept.shown["marks"])
    archived = kept["error-0123456789ab"]
    assert (archived.state, archived.until_more, archived.by) == ("archived", 20, ADA.email)
    mark(context_of(told.purging), BOB, "error-0123456789ab", "open", "it is back", seen=archived)
    assert list(read_marks(records)) == ["stop-ba9876543210"]


def test_the_table_of_all_customers_is_read(seaweed: SeaweedRig) -> None:
    with kept_world(seaweed, "rollup-table") as world:
        (key,) = read_fleet(world.stores.records).tables
        rows = read_customers(world.stores.objects, [key]).sort_by("uid").to_pylist()
        assert holds(as_shown(rows), world.kept.shown["rows"])
        assert [(row["uid"], row["plan"], row["state"]) for row in rows][1] == ("u2", "free", "exceeded")


def test_who_signed_out_which_backend_was_found_and_what_the_bucket_kept_of_an_alert_are_read(
    seaweed: SeaweedRig,
) -> None:
    with kept_world(seaweed, "small-notes") as world:
        shown, stores = world.kept.shown, world.stores
        shared = SharedSignOuts(stores.records, world.purging.writers.documents, world.now).look()
        assert fields_of(shared, world.now())["body"] == shown["signed_out"]["body"]
        assert (list(shared.ended), list(shared.seen)) == (["d1"], ["s1"])
        kept = DeploymentRecords(stores.handle, world.now).kept()
        found = from_fields(kept.fields if kept else None, world.now())
        assert found is not None
        assert holds(as_shown(found.as_fields()), shown["deployment"])
        sources = Sources(world.purging, lambda: checker(stores, world.now), world.now)
        with sink() as target:
            alerts.run(sources, targets_of((Secret(target.url),)))
        away = {one.kept.alert.rule: one.kept for one in read_alerts(stores.handle)}["store_away"]
        assert (away.ended, away.told, away.first_at.isoformat()) == (
            True,
            shown["away"]["told"],
            shown["away"]["first_at"],
        )


def test_the_ends_of_plans_are_read_and_hold(seaweed: SeaweedRig) -> None:
    with kept_world(seaweed, "plan-ends") as world:
        applied, discarded = world.kept.shown["ends"]
        for kept in (applied, discarded):
            end = end_of(world.purging, kept["plan_id"])
            assert end is not None
            assert holds(as_shown(end.to_fields()), kept)
        plan = stored_plan(world.purging, discarded["plan_id"])
        with pytest.raises(Refused, match=f"was discarded by {discarded['by']}"):
            apply_plan(world.purging, plan, Request(plan.scope.spelled, REASON), ADA)
        with pytest.raises(Refused, match="applied already"):
            discard_plan(world.purging, stored_plan(world.purging, applied["plan_id"]), ADA)


# Only written, or only their times are read.
READ_NOWHERE = {"ops_health", "_ops/health/", "ops_clock", "ops_scan_order"}


def test_every_place_where_the_desk_keeps_something_has_a_sample() -> None:
    samples = [Kept(path.name.removesuffix(".jsonl.gz")) for path in FOLDER.glob("*.gz")]
    names = [one.name.partition("/documents/")[2] for sample in samples for one in sample.documents]
    names += [one["key"] for sample in samples for one in sample.objects]
    places = {place for keeper in KEEPERS for place in keeper.places if place.startswith(("ops_", "_ops/"))}
    without = {place for place in places if not any(name.startswith(f"{place.rstrip('/')}/") for name in names)}
    assert without == READ_NOWHERE, "make one: tests/rigs/make_kept.py"
