"""Jobs as values: what may go on, by whom, how far it is; and the certificate that says what was verified."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest

from storage.domain.purge.job import (
    ENDED,
    GOES_ON_BY_ITSELF,
    RESUMABLE,
    Job,
    JobTally,
    Proof,
    State,
    certificate,
    entry_path,
    job_path,
    shortened,
    what_outlives,
)
from storage.domain.purge.scope import Scope, kept_documents, kept_object, plan_key, quarantine_prefix
from storage.errors import Unusable
from tests.domain.test_purge_scope_and_plan import NOW

JOB = Job(
    job_id="purge-1", kind="purge", of="", plan_id="plan-1", fingerprint="f" * 64,
    scope=Scope.of("u1", "v1", ["c2", "c1"]), maker="ada@example.com", actor="eve@example.com",
    approved_by=("bob@example.com",), reason="ticket 4711", erase=False, created_at=NOW,
    objects_total=10, bytes_total=100, documents_total=10, quarantine="kept", quarantine_until=NOW + timedelta(days=7),
)  # fmt: skip
PROOF = Proof(NOW, ("users/u1/v1/",), 0, 0, 0, (), 5, ())


def test_a_job_survives_its_document() -> None:
    full = replace(
        JOB, tally=JobTally(1, 2, 3, 4, 5, 6), residue=("object: k",), failure={"code": "x"}, lease_until=NOW, epoch=3
    )
    assert Job.from_fields(full.to_fields(), NOW) == replace(full, update_time=NOW)
    assert full.to_fields()["uid"] == "u1"
    assert full.to_fields()["scope"] == "u1/v1/2 clips"


@pytest.mark.parametrize(
    "change", [{"state": "odd"}, {"kind": "odd"}, {"tally": {"x": 1}}, {"target": {}}, {"tally": None}]
)
def test_a_document_that_is_no_job_is_told_so(change: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        Job.from_fields({**JOB.to_fields(), **change}, NOW)
    with pytest.raises(Unusable):
        Job.from_fields({}, NOW)


@pytest.mark.parametrize("state", get_args(State))
def test_every_state_either_goes_on_or_rests_or_has_ended(state: State) -> None:
    kinds = [state in GOES_ON_BY_ITSELF, state in {"cancelled", "failed", "undoing"}, state in ENDED]
    assert sum(kinds) == 1
    assert (state in RESUMABLE) == (state in GOES_ON_BY_ITSELF or state in {"cancelled", "failed"})


def test_a_lease_holds_until_its_end_and_then_the_job_is_abandoned() -> None:
    lease = timedelta(seconds=90)
    mine = replace(
        JOB, state="running", lease_owner="x", lease_until=NOW, lease_seconds=90,
        update_time=NOW, read_time=NOW + lease - timedelta(microseconds=1),
    )  # fmt: skip
    over = replace(mine, read_time=NOW + lease)
    assert (mine.held, mine.abandoned) == (True, False)
    assert (over.held, over.abandoned) == (False, True)
    for wrong in (timedelta(days=-9), timedelta(days=9)):
        assert replace(mine, lease_until=NOW + wrong).held, "what a worker's clock said has no part in it"
        assert not replace(over, lease_until=NOW + wrong).held
    assert replace(JOB, state="ready").abandoned
    assert not replace(over, state="cancelled").abandoned
    resting = replace(mine, state="interrupted", lease_owner="")
    assert not resting.held
    assert not resting.abandoned, "it rests before it is tried again by itself"
    assert replace(over, read_time=None).held, "where it is not known when it was read, nothing is known to be over"


def test_a_lease_whose_length_an_earlier_version_did_not_write_lasts_a_minute_or_longer_if_its_end_says_so() -> None:
    def held_after(seconds: float, until: timedelta) -> bool:
        read = NOW + timedelta(seconds=seconds)
        job = replace(JOB, state="running", lease_owner="x", lease_until=NOW + until, update_time=NOW, read_time=read)
        return job.held

    assert held_after(59, timedelta(seconds=60))
    assert not held_after(60, timedelta(seconds=60))
    assert held_after(59, timedelta(hours=-2)), "its worker's clock is behind"
    assert not held_after(60, timedelta(hours=-2))
    assert held_after(299, timedelta(seconds=300))
    assert not held_after(300, timedelta(seconds=300))


def test_how_far_and_how_fast() -> None:
    assert JOB.share_done == 0.0
    assert replace(JOB, tally=JobTally(objects=4, documents=1)).share_done == 0.25
    assert replace(JOB, tally=JobTally(objects=4, already_gone=6, documents=10)).share_done == 1.0
    assert replace(JOB, state="done").share_done == 1.0
    assert JOB.objects_per_second(NOW) == 0.0
    running = replace(JOB, started_at=NOW, tally=JobTally(objects=50))
    assert running.objects_per_second(NOW + timedelta(seconds=10)) == 5.0
    assert running.objects_per_second(NOW) == 0.0


def test_tallies_add_up() -> None:
    assert JobTally(1, 2, 3, 4, 5, 6).plus(JobTally(1, 1, 1, 1, 1, 1)) == JobTally(2, 3, 4, 5, 6, 7)


def test_the_desks_own_places_are_its_own() -> None:
    key = "users/u1/" + "é" * 500
    places = [plan_key("p"), quarantine_prefix("j"), kept_object("j", 7, key), kept_documents("j", 3)]
    assert all(place.startswith("_ops/") for place in places)
    assert len(kept_object("j" * 60, 10**6, key).encode()) < 200
    assert kept_object("j", 7, key) != kept_object("j", 7, key + "x")
    assert (job_path("j"), entry_path("j", 12)) == ("ops_jobs/j", "ops_jobs/j/journal/00000012")


def test_a_certificate_says_who_what_why_and_what_was_verified() -> None:
    made = certificate(replace(JOB, tally=JobTally(10, 100, 9, 1, 1)), PROOF, ["backups"], NOW)
    told = {name: made[name] for name in ("scope", "actor", "maker", "approved_by", "reason", "fingerprint", "erased")}
    assert told == {
        "scope": "u1/v1/2 clips", "actor": "eve@example.com", "maker": "ada@example.com",
        "approved_by": ["bob@example.com"], "reason": "ticket 4711", "fingerprint": "f" * 64, "erased": False,
    }  # fmt: skip
    assert (made["objects_deleted"], made["documents_deleted"], made["already_gone"]) == (10, 9, 1)
    assert made["verified"]["clean"] is True
    assert made["verified"]["neighbours"] == 5
    assert made["outlives"] == ["backups"]


def test_a_proof_is_clean_only_when_nothing_is_left_and_nothing_else_went() -> None:
    assert PROOF.clean
    assert not replace(PROOF, residue=("object: k",)).clean
    assert not replace(PROOF, disturbed=("object gone meanwhile: k",)).clean


def test_what_outlives_a_purge_depends_on_how_it_was_done() -> None:
    kept = "\n".join(what_outlives(JOB, wider=["purge-0"], public_url="https://cdn.example.com"))
    for words in ("point-in-time", "backups", "https://cdn.example.com", "quarantine keeps a copy until", "purge-0"):
        assert words in kept
    erased = "\n".join(what_outlives(replace(JOB, quarantine_until=None), wider=[], public_url=""))
    assert "quarantine" not in erased
    assert "CDN" not in erased


def test_long_lists_are_cut_and_say_so() -> None:
    assert shortened(["a"] * 3, 3) == ["a"] * 3
    assert shortened(["a"] * 1_003, 3) == ["a", "a", "a", "and 1,000 more"]
