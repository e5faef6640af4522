"""What an earlier version wrote is resumed, undone, read and verified: see `tests/kept`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from storage.actions import repair
from storage.actions.purge.jobs import cancel, undo
from storage.actions.purge.plans import approvals_of, certificate_of, plan_in, stored_plan
from storage.actions.purge.quarantine import record_of
from storage.actions.purge.worker import run_job
from storage.actions.repair import RepairContext
from storage.domain.purge.job import Job
from storage.repositories.audit_log import AuditLog
from storage.repositories.rollups import read_fleet
from tests.purge.world import ADA, BOB, REASON, VIDEO
from tests.rigs.kept import AUDIT_KEY, KeptWorld, kept_world
from tests.rigs.seaweed import SeaweedRig

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
