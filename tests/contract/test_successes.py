"""The last success of a step, over our Firestore and Google's: one query a step, without what the desk itself wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from grpc import StatusCode

from storage.actions.objects import ObjectWriter
from storage.clients.meter import metering
from storage.domain.deployment import set_to
from storage.domain.diagnosis import Absent, Known, Stage, Unknown
from storage.repositories.objects import Objects
from storage.services.diagnose import Reach, stuck
from storage.services.successes import last_successes
from tests.contract.verify_world import Desk
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig
from tests.rigs.records import World, video

BOTH: tuple[Stage, ...] = ("analysis", "render")


@pytest.fixture
def world(firestore_rig: FirestoreRig) -> Iterator[World]:
    with World(firestore_rig) as made:
        yield made


@pytest.fixture
def desk(world: World, writer: ObjectWriter, objects: Objects) -> Desk:
    made = Desk(world, writer, objects, served="document")
    made.user()
    return made


def done(desk: Desk, video_id: str, *, hours: float) -> None:
    """A video that was analysed and completed that long ago."""
    at = desk.ago(hours=hours)
    path = f"users/u1/videos/{video_id}"
    fields = video(video_id, status="completed", created_at=at, updated_at=at, completed_at=at)
    desk.world.put(
        {
            path: fields,
            f"{path}/highlights/main": {"highlights": [{"id": 1, "start": "0:01", "end": "0:09"}], "created_at": at},
        }
    )


def test_the_newest_end_of_a_step_counts_unless_this_desk_wrote_it(desk: Desk) -> None:
    for number, hours in enumerate((9, 3, 1)):
        done(desk, f"vid-000{number}", hours=hours)
    done(desk, "vid-ahead", hours=-5)
    desk.put("ops_changes/c1", {"uid": "u1", "video_id": "vid-0002", "kind": "set-status"})
    with metering() as meter:
        found = last_successes(desk.checker, BOTH)
    assert found == {"analysis": Known(desk.ago(hours=3)), "render": Known(desk.ago(hours=3))}
    assert meter.cost().firestore_reads == 2 * (4 + 1), "four documents and one change for each step"


def test_nothing_that_succeeded_is_absent_and_costs_one_read_a_step(desk: Desk) -> None:
    with metering() as meter:
        assert last_successes(desk.checker, BOTH) == {"analysis": Absent(), "render": Absent()}
    assert meter.cost().firestore_reads == 2
    with metering() as meter:
        assert last_successes(desk.checker, ("delivery",)) == {}
    assert meter.cost().firestore_reads == 0


def test_where_the_product_serves_files_a_completed_video_stands_for_its_analysis(desk: Desk) -> None:
    done(desk, "vid-0001", hours=4)
    older = replace(desk.checker, deployment=set_to("object"))
    assert last_successes(older, ("analysis",)) == {"analysis": Known(desk.ago(hours=4))}


def outage(desk: Desk, hours: float) -> None:
    """Four analyses that stopped within two minutes."""
    for number in range(4):
        at = desk.ago(hours=hours) + timedelta(seconds=30 * number)
        fields = {"status": "processing", "created_at": at, "updated_at": at, "completed_at": None}
        desk.video(f"vid-{number}", highlights=None, **fields)


def test_an_outage_is_over_when_its_step_succeeded_later_and_goes_on_while_it_is_young(desk: Desk) -> None:
    outage(desk, hours=0.9)
    assert [one.standing.goes_on for one in stuck(desk.checker, Reach(delivered=0)).outages] == [True]
    done(desk, "vid-done", hours=0.2)
    (found,) = stuck(desk.checker, Reach(delivered=0)).outages
    assert (found.standing.goes_on, found.standing.last_success) == (False, desk.ago(hours=0.2))


def test_a_success_that_could_not_be_read_is_not_known_and_hides_no_outage(
    embedded: EmbeddedFirestore, writer: ObjectWriter, objects: Objects
) -> None:
    with World(embedded) as world:
        desk = Desk(world, writer, objects, served="document")
        desk.user()
        outage(desk, hours=20)
        world.faults.refuse(
            "RunQuery",
            StatusCode.PERMISSION_DENIED,
            "no",
            when=lambda request: "highlights" in [one.collection_id for one in request.structured_query.from_],
            times=2,
        )
        assert isinstance(last_successes(desk.checker, ("analysis",))["analysis"], Unknown)
        (found,) = stuck(desk.checker, Reach(delivered=0)).outages
    assert found.standing.goes_on is None
    assert "is not known" in found.standing.by
