"""What was refused is on record too: who, what and why, once, and within bounds; the refusal stands without it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from grpc import StatusCode

from storage.actions.audit import REFUSALS_A_MINUTE, record_refusal
from storage.domain.audit_chain import Event
from storage.errors import UNRECORDED, Refused
from tests.cli.conftest import Desk
from tests.cli.test_changes import customer, upload
from tests.purge.world import PurgeWorld
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig
from tests.rigs.seaweed import SeaweedRig

ADA = ("--actor", "ada@example.com", "--reason", "ticket 4711")


def refusals(desk: Desk) -> list[dict[str, object]]:
    events = desk.run("audit", "--json").json["events"]
    return [event for event in events if event["outcome"] == "refused"]


def test_a_status_against_the_evidence_is_on_record(desk: Desk) -> None:
    customer(desk)
    answer = desk.run("set-status", "u1", "vid-0001", "completed", *ADA, "--json")
    assert (answer.status, answer.json["error"]["code"]) == (4, "refused")
    (event,) = refusals(desk)
    assert (event["action"], event["actor"], event["reason"]) == ("set-status", "ada@example.com", "ticket 4711")
    assert (event["uid"], event["video_id"]) == ("u1", "vid-0001")
    detail = event["detail"]
    assert isinstance(detail, dict)
    assert (detail["status"], detail["code"]) == ("completed", "refused")
    assert detail["grounds"]


def test_a_refused_upload_is_on_record_once(desk: Desk) -> None:
    customer(desk)
    assert upload(desk).status == 0
    assert upload(desk).status == 4
    assert [event["action"] for event in refusals(desk)] == ["upload"]


def test_a_refusal_that_cannot_be_recorded_stands_and_says_so(desk: Desk, firestore_rig: FirestoreRig) -> None:
    customer(desk)
    assert isinstance(firestore_rig, EmbeddedFirestore)  # faults are injected into our own
    firestore_rig.faults.clear()
    firestore_rig.faults.refuse("Commit", StatusCode.PERMISSION_DENIED, times=None)
    answer = desk.run("set-status", "u1", "vid-0001", "completed", *ADA, "--json")
    firestore_rig.faults.clear()
    assert (answer.status, answer.json["error"]["code"]) == (4, "refused")
    assert UNRECORDED in answer.json["error"]["message"]
    assert refusals(desk) == []


def test_a_loop_of_refusals_does_not_flood_the_record(world: PurgeWorld) -> None:
    trail = world.purging.trail
    for number in range(200):
        event = Event("fix", "eve@example.com", uid=f"u{number % 100}")
        record_refusal(trail, event, Refused("no"))
    record_refusal(trail, Event("fix", "ada@example.com"), Refused("no"))
    events = world.log.search(limit=500)
    assert len([one for one in events if one["actor"] == "eve@example.com"]) == REFUSALS_A_MINUTE
    assert events[0]["actor"] == "ada@example.com", "another actor is not kept from the record"


def test_what_was_passed_over_is_counted_in_the_next_entry(world: PurgeWorld) -> None:
    trail = world.purging.trail
    for _ in range(5):
        record_refusal(trail, Event("fix", "eve@example.com", uid="u1"), Refused("no"))
    record_refusal(trail, Event("fix", "eve@example.com", uid="u2"), Refused("no"))
    assert [one["detail"].get("unrecorded") for one in world.log.search()] == [4, None]


@pytest.fixture
def world(r2_rig: SeaweedRig) -> Iterator[PurgeWorld]:
    with EmbeddedFirestore() as firestore:
        world = PurgeWorld(firestore, r2_rig.values(r2_rig.fresh_bucket()))
        yield world
        world.close()
