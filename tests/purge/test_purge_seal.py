"""A plan that was edited and sealed again is refused; what lies outside of its scope is, whatever its seal says."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from storage.actions.documents import Create, Update
from storage.actions.purge.context import Purging
from storage.actions.purge.jobs import Request, apply_plan, cancel, resume, undo
from storage.actions.purge.plans import approvals_that_hold, approve, decline, plan_from, store_plan, to_text
from storage.actions.purge.sealing import key_to_seal, seal_plan
from storage.actions.purge.worker import run_job
from storage.domain.policy import Actor
from storage.domain.purge.guards import Approval
from storage.domain.purge.plan import CounterChange, PlannedDocument, PlannedObject, PlannedUpload, PurgePlan
from storage.domain.purge.scope import SEAL_SECRET, Scope, plan_key
from storage.errors import Refused, Stale
from storage.logs import redacted
from storage.repositories.queries import build
from storage.text import Secret
from tests.purge.world import ADA, BOB, REASON, VIDEO, PurgeWorld, when_done

SCOPE = Scope.of("u1", VIDEO)
CLIP = Scope.of("u1", VIDEO, [f"{VIDEO}_0_split"])
OTHERS_LINK = f"share_slugs/slug-u10-{VIDEO}"
EVE = Actor("eve@example.com", frozenset({"admin"}), "local")


def resealed(plan: PurgePlan) -> PurgePlan:
    """As somebody with a text editor and a SHA-256 makes it whole again: out of JSON, with a fingerprint that fits."""
    return plan_from(to_text(replace(plan, seal="")).encode())


def version_of(world: PurgeWorld, path: str) -> PlannedDocument:
    found = world.stores.records.raw(path)
    assert found is not None
    assert found.update_time is not None
    return PlannedDocument(path, found.update_time)


def size_and_tag(world: PurgeWorld, key: str) -> PlannedObject:
    info = world.stores.objects.head(key)
    assert info is not None
    return PlannedObject(key, info.size_bytes, info.etag)


def test_a_plan_that_names_anothers_link_and_was_sealed_again_is_refused_and_the_link_stays(filled: PurgeWorld) -> None:
    before = filled.snapshot()
    plan = filled.plan(SCOPE)
    forged = resealed(replace(plan, documents=tuple(sorted((*plan.documents, version_of(filled, OTHERS_LINK))))))
    for attempt in (
        lambda: filled.apply(forged),
        lambda: approve(filled.purging, forged, BOB),
        lambda: decline(filled.purging, forged, REASON, BOB),
    ):
        with pytest.raises(Stale):
            attempt()
    assert filled.snapshot() == before
    assert filled.purging.jobs.recent() == ()
    grounds = [entry["detail"]["grounds"] for entry in filled.log.search(limit=20) if entry["outcome"] == "refused"]
    assert len(grounds) == 3


def outside_link(world: PurgeWorld, plan: PurgePlan) -> PurgePlan:
    return replace(plan, documents=tuple(sorted((*plan.documents, version_of(world, OTHERS_LINK)))))


def outside_object(world: PurgeWorld, plan: PurgePlan) -> PurgePlan:
    """Another clip's object of the same video: under the same prefix, and not of this scope."""
    key = next(key for key in world.objects() if f"{VIDEO}/clips/clip_01_1" in key and "/u1/" in key)
    return replace(plan, objects=tuple(sorted((*plan.objects, size_and_tag(world, key)))))


def outside_upload(world: PurgeWorld, plan: PurgePlan) -> PurgePlan:
    key = f"users/u1/{VIDEO}/clips/clip_01_1_other_split.mp4"
    return replace(plan, uploads=(PlannedUpload(key, world.begin_upload(key)),))


def outside_counter(world: PurgeWorld, plan: PurgePlan) -> PurgePlan:
    return replace(plan, counters=(*plan.counters, CounterChange("users/u10", "total_clips_count", 1, 0)))


@pytest.mark.parametrize("forge", [outside_link, outside_object, outside_upload, outside_counter])
def test_what_lies_outside_of_the_scope_is_refused_though_the_seal_is_right(
    filled: PurgeWorld, forge: Callable[[PurgeWorld, PurgePlan], PurgePlan]
) -> None:
    before = filled.snapshot()
    forged = seal_plan(filled.purging, forge(filled, filled.plan(CLIP)))
    with pytest.raises(Refused) as refused:
        filled.apply(forged)
    assert any("scope" in reason for reason in refused.value.reasons)
    assert filled.snapshot() == before
    assert filled.purging.jobs.recent() == ()


def test_a_plan_with_a_fitting_seal_is_applied_though_some_of_it_is_gone(filled: PurgeWorld) -> None:
    plan = filled.plan(SCOPE)
    gone = plan.objects[0].key
    filled.purging.writers.objects.delete([gone])
    filled.purging.writers.documents.delete(f"share_slugs/slug-u1-{VIDEO}")
    job = run_job(filled.purging, filled.apply(plan).job_id)
    assert (job.state, job.tally.already_gone) == ("done", 2)


def keyed(world: PurgeWorld, key: str) -> Purging:
    settings = replace(world.stores.settings, audit_key=Secret(key))
    return world.open(stores=replace(world.stores, settings=settings))


def test_the_key_is_that_of_the_configuration_where_there_is_one(filled: PurgeWorld) -> None:
    with_key, other = keyed(filled, "k" * 32), keyed(filled, "o" * 32)
    plan = filled.plan(SCOPE)
    assert plan.seal.startswith("deployment:")
    request = Request(plan.scope.spelled, REASON)
    with pytest.raises(Stale, match=r"sealed with the deployment's own secret, and this machine .* AUDIT_HMAC_KEY"):
        apply_plan(with_key, plan, request, ADA)
    with_its_key = seal_plan(with_key, plan)
    with pytest.raises(Stale, match="sealed with an AUDIT_HMAC_KEY"):
        apply_plan(filled.purging, with_its_key, request, ADA)
    with pytest.raises(Stale, match="not sealed by this desk"):
        apply_plan(other, with_its_key, request, ADA)
    assert run_job(with_key, apply_plan(with_key, with_its_key, request, ADA).job_id).state == "done"


def test_the_secret_of_the_deployment_is_made_once_and_never_shown(
    filled: PurgeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    plan = filled.plan(SCOPE)
    secret = filled.stores.objects.get_bytes(SEAL_SECRET, 1_000).decode()
    assert len(secret) == 64
    assert key_to_seal(filled.open()) == key_to_seal(filled.purging), "another process finds the same"
    assert filled.stores.objects.get_bytes(SEAL_SECRET, 1_000).decode() == secret
    shown = to_text(plan) + caplog.text + repr(key_to_seal(filled.purging)) + repr(filled.purging)
    assert secret not in shown
    assert secret not in redacted(f"it is {secret}, and so on")
    for document in filled.stores.handle.run_query(
        build("ops_audit"), lambda found: [str(one) for one in found], operation="Looking"
    ):
        assert secret not in document


def test_two_processes_that_seal_first_at_once_share_one_secret(filled: PurgeWorld) -> None:
    other = filled.open()
    put = filled.purging.writers.objects.put
    made: list[str] = []

    def beaten(*arguments: Any, **keywords: Any) -> Any:
        made.append(key_to_seal(other).source)  # at the very moment that this process puts its own
        return put(*arguments, **keywords)

    filled.purging.writers.objects.put = beaten  # type: ignore[method-assign]
    assert key_to_seal(filled.purging) == key_to_seal(other)
    assert made == ["deployment"]


def test_a_secret_that_was_made_anew_asks_for_new_plans_in_words_and_they_are_applied(filled: PurgeWorld) -> None:
    plan = filled.plan(SCOPE)
    filled.purging.writers.objects.delete([SEAL_SECRET])
    with pytest.raises(Stale, match="key was changed since"):
        apply_plan(filled.open(), plan, Request(plan.scope.spelled, REASON), ADA)
    assert SEAL_SECRET not in filled.own_keys(), "checking makes no secret"
    elsewhere = filled.open()
    key_to_seal(elsewhere)
    again = seal_plan(elsewhere, plan)
    assert filled.apply(again).state == "ready", "a process that knows the old one reads the new one"


def test_a_plan_of_an_older_version_is_read_and_refused_in_words(filled: PurgeWorld) -> None:
    old = resealed(filled.plan(SCOPE))
    assert "seal" not in old.as_dict()
    with pytest.raises(Stale, match="older version of the desk") as refused:
        filled.apply(old)
    assert "again" in refused.value.remedy


def test_an_approval_that_was_only_written_there_does_not_count(filled: PurgeWorld) -> None:
    plan = filled.plan(Scope.of("u1"))
    fields = {"fingerprint": plan.fingerprint, "approver": BOB.email, "at": filled.now(), "plan_id": plan.plan_id}
    filled.purging.writers.documents.commit([Create("ops_approvals/made-up", {**fields, "seal": plan.seal})])
    assert approvals_that_hold(filled.purging, plan) == ()
    with pytest.raises(Refused, match="second person"):
        filled.apply(plan)
    given = approve(filled.purging, plan, BOB)
    assert approvals_that_hold(filled.purging, plan) == (given,)
    assert filled.apply(plan).approved_by == (BOB.email,)
    assert isinstance(given, Approval)


def cut_off(world: PurgeWorld) -> str:
    job_id = world.apply(world.plan(SCOPE)).job_id
    listener = when_done("neighbours", lambda: cancel(world.open(), job_id, ADA))  # heard of while saving
    assert run_job(world.open(progress=listener), job_id).state == "cancelled"
    return job_id


def test_a_job_whose_stored_plan_was_edited_is_neither_resumed_nor_undone_by_it(filled: PurgeWorld) -> None:
    job_id = cut_off(filled)
    before = filled.snapshot()
    job = filled.purging.jobs.get(job_id)
    plan = plan_from(filled.stores.objects.get_bytes(plan_key(job.plan_id), 10**7))
    store_plan(filled.purging, resealed(outside_link(filled, plan)))
    for attempt in (lambda: resume(filled.purging, job_id, ADA), lambda: undo(filled.purging, job_id, REASON, ADA)):
        with pytest.raises(Stale, match="not the one that was applied"):
            attempt()
    assert filled.snapshot() == before
    store_plan(filled.purging, plan)
    assert run_job(filled.purging, resume(filled.purging, job_id, ADA).job_id).state == "done"


def test_a_job_of_an_older_version_has_a_plan_without_a_seal_and_goes_on_and_back(filled: PurgeWorld) -> None:
    before = filled.snapshot()
    job_id = cut_off(filled)
    job = filled.purging.jobs.get(job_id)
    plan = plan_from(filled.stores.objects.get_bytes(plan_key(job.plan_id), 10**7))
    store_plan(filled.purging, resealed(plan))
    assert run_job(filled.purging, resume(filled.purging, job_id, ADA).job_id).state == "done"
    assert run_job(filled.purging, undo(filled.purging, job_id, REASON, ADA).job_id).state == "done"
    assert filled.snapshot() == before


def test_a_job_spares_anothers_link_even_where_its_plan_and_its_document_were_both_edited(filled: PurgeWorld) -> None:
    job_id = cut_off(filled)
    job = filled.purging.jobs.get(job_id)
    plan = plan_from(filled.stores.objects.get_bytes(plan_key(job.plan_id), 10**7))
    forged = resealed(outside_link(filled, plan))
    store_plan(filled.purging, forged)
    filled.purging.writers.documents.commit([Update(job.path, {"fingerprint": forged.fingerprint})])
    run_job(filled.purging, resume(filled.purging, job_id, ADA).job_id)
    slugs = [entry for entry in filled.purging.jobs.journal(job_id) if entry.get("step") == "slugs"]
    assert [entry["moved"] for entry in slugs if entry["phase"] == "end"] == [[1]]
    assert OTHERS_LINK in filled.documents()


def test_a_key_that_was_changed_keeps_no_undo_from_bringing_all_back(filled: PurgeWorld) -> None:
    before = filled.snapshot()
    job = filled.purge(SCOPE)
    filled.purging.writers.objects.delete([SEAL_SECRET])
    later = keyed(filled, "n" * 32)
    assert run_job(later, undo(later, job.job_id, REASON, ADA).job_id).state == "done"
    assert filled.snapshot() == before


def test_a_purge_that_stopped_half_way_goes_on_after_a_change_of_key_where_the_former_one_is_known(
    filled: PurgeWorld,
) -> None:
    with_key, later = keyed(filled, "k" * 32), keyed(filled, "n" * 32)
    plan = seal_plan(with_key, filled.plan(SCOPE))
    job_id = apply_plan(with_key, plan, Request(plan.scope.spelled, REASON), ADA).job_id
    cancel(with_key, job_id, ADA)
    with pytest.raises(Stale) as refused:
        resume(later, job_id, ADA)
    assert "AUDIT_HMAC_FORMER_KEYS" in refused.value.remedy
    settings = replace(later.stores.settings, audit_former_keys=(Secret("k" * 32),))
    knowing = filled.open(stores=replace(filled.stores, settings=settings))
    with pytest.raises(Stale):
        approve(knowing, plan, BOB)
    assert run_job(knowing, resume(knowing, job_id, ADA).job_id).state == "done"


def test_the_json_of_a_plan_keeps_its_fingerprint_and_adds_its_seal(filled: PurgeWorld) -> None:
    plan = filled.plan(SCOPE)
    said = json.loads(to_text(plan))
    assert said["fingerprint"] == plan.fingerprint
    assert said["seal"] == plan.seal
    for edited in ("", "deployment:" + "0" * 64, "nonsense", "deployment:\ud800"):
        with pytest.raises(Stale):
            filled.apply(plan_from(json.dumps({**said, "seal": edited}).encode()))
    assert plan_from(to_text(plan).encode()) == plan
