"""Faults on purpose and counts of what was asked, on our own server."""

from __future__ import annotations

import threading

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from grpc import StatusCode

from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import World
from tests.rigs.waiting import until


@pytest.fixture
def clips(embedded: EmbeddedFirestore, embedded_db: firestore.Client) -> firestore.CollectionReference:
    """Ten clips, loaded without a call."""
    embedded.server.load(embedded_db.project, {f"clips/{n}": {"n": n} for n in range(10)})
    return embedded_db.collection("clips")


def test_a_refused_commit_does_nothing(embedded: EmbeddedFirestore, embedded_db: firestore.Client) -> None:
    embedded.faults.refuse("Commit", StatusCode.PERMISSION_DENIED, "Missing or insufficient permissions.")

    with pytest.raises(exceptions.PermissionDenied, match="insufficient permissions"):
        embedded_db.document("c/d").set({"v": 1})
    assert not embedded_db.document("c/d").get().exists
    embedded_db.document("c/d").set({"v": 1})


def test_a_commit_whose_reply_is_lost_is_done_all_the_same(
    embedded: EmbeddedFirestore, embedded_db: firestore.Client
) -> None:
    embedded.faults.lose_reply("Commit", StatusCode.UNAVAILABLE)

    with pytest.raises(exceptions.ServiceUnavailable):
        embedded_db.document("c/d").set({"v": 1}, retry=None)
    assert embedded_db.document("c/d").get().exists


def test_the_client_retries_a_lost_reply_and_the_precondition_then_fails(
    embedded: EmbeddedFirestore, embedded_db: firestore.Client
) -> None:
    embedded_db.document("c/d").set({"v": 1})
    embedded.faults.lose_reply("Commit", StatusCode.UNAVAILABLE)

    with pytest.raises(exceptions.NotFound):
        embedded_db.document("c/d").delete(option=embedded_db.write_option(exists=True))
    assert embedded.faults.calls["Commit"] == 3


@pytest.mark.parametrize(("after", "seen"), [(0, 0), (3, 3), (10, 10), (99, 10)])
def test_a_stream_breaks_after_some_documents(
    embedded: EmbeddedFirestore, clips: firestore.CollectionReference, after: int, seen: int
) -> None:
    embedded.faults.break_stream("RunQuery", StatusCode.UNAVAILABLE, after=after)
    request = {
        "parent": f"{clips._client._database_string}/documents",
        "structured_query": {"from_": [{"collection_id": "clips"}]},
    }
    arrived = []

    with pytest.raises(exceptions.ServiceUnavailable):  # noqa: PT012 - the loop is what breaks
        for answer in clips._client._firestore_api.run_query(request=request, retry=None):
            arrived.append(answer.document.name)
    assert len(arrived) == seen


def test_a_rule_means_some_requests_skips_some_and_is_spent(
    embedded: EmbeddedFirestore, embedded_db: firestore.Client
) -> None:
    embedded.faults.refuse(
        "ListDocuments", StatusCode.ABORTED, when=lambda request: request.collection_id == "other", times=None
    )
    embedded.faults.refuse(
        "Commit",
        StatusCode.ABORTED,
        when=lambda request: any(write.delete.endswith("/c/d") for write in request.writes),
        skip=1,
        times=2,
    )

    def outcome(path: str) -> str:
        try:
            embedded_db.document(path).delete(retry=None)
        except exceptions.Aborted:
            return "aborted"
        return "done"

    assert [outcome(path) for path in ("c/d", "c/e", "c/d", "c/e", "c/d", "c/d")] == [
        *("done", "done", "aborted", "done", "aborted", "done")
    ]


def test_an_outage_hits_everything_until_it_is_over(
    embedded: EmbeddedFirestore, clips: firestore.CollectionReference
) -> None:
    with embedded.faults.outage():
        for call in (clips.document("1").get, clips.document("1").delete, clips.count().get):
            with pytest.raises(exceptions.ServiceUnavailable):
                call(retry=None)
        with pytest.raises(exceptions.ServiceUnavailable):
            list(clips.list_documents(retry=None))

    assert clips.document("1").get().exists


def test_a_delay_holds_up_one_method_and_outlasts_a_deadline(
    embedded: EmbeddedFirestore, clips: firestore.CollectionReference
) -> None:
    embedded.faults.delay("RunQuery", seconds=0.3)

    with pytest.raises(exceptions.DeadlineExceeded):
        list(clips.stream(retry=None, timeout=0.05))
    assert clips.document("1").get().exists


def test_a_lifted_rule_strikes_no_more(
    embedded: EmbeddedFirestore,
    clips: firestore.CollectionReference,
) -> None:
    rule = embedded.faults.refuse("RunQuery", StatusCode.ABORTED, times=None)
    with pytest.raises(exceptions.Aborted):
        list(clips.stream(retry=None))
    embedded.faults.lift(rule)

    assert len(list(clips.stream())) == 10


def test_a_fault_of_a_world_ends_with_it_and_what_was_there_before_stays(embedded: EmbeddedFirestore) -> None:
    before = embedded.faults.delay("Commit", seconds=0)
    with World(embedded) as world:
        world.faults.refuse("Commit", StatusCode.PERMISSION_DENIED, times=None)
        assert len(embedded.faults.in_force()) == 2
    assert embedded.faults.in_force() == [before]


def test_rules_can_be_added_while_calls_run(
    embedded: EmbeddedFirestore,
    clips: firestore.CollectionReference,
) -> None:
    embedded.faults.delay("RunQuery", seconds=0.2)
    slow = threading.Thread(target=lambda: list(clips.stream()))
    slow.start()
    until(lambda: embedded.faults.calls["RunQuery"])
    embedded.faults.refuse("RunQuery", StatusCode.ABORTED)

    with pytest.raises(exceptions.Aborted):
        list(clips.stream(retry=None))
    slow.join()
    assert embedded.faults.calls["RunQuery"] == 2


def test_calls_documents_and_billed_reads_are_counted(
    embedded: EmbeddedFirestore, embedded_db: firestore.Client, clips: firestore.CollectionReference
) -> None:
    faults = embedded.faults
    assert not faults.calls

    list(clips.stream())
    list(clips.where(filter=FieldFilter("n", ">", 99)).stream())
    list(clips.order_by("n").limit(2).stream())
    assert (faults.calls["RunQuery"], faults.documents["RunQuery"]) == (3, 10 + 0 + 2)
    assert faults.reads["RunQuery"] == 10 + 1 + 2

    list(embedded_db.get_all([clips.document("1"), clips.document("none")]))
    assert (faults.documents["BatchGetDocuments"], faults.reads["BatchGetDocuments"]) == (1, 2)

    clips.count().get()
    assert (faults.documents["RunAggregationQuery"], faults.reads["RunAggregationQuery"]) == (0, 1)
    faults.clear()
    assert not faults.calls


def test_an_aggregation_is_billed_by_the_thousand(
    embedded: EmbeddedFirestore,
    embedded_db: firestore.Client,
) -> None:
    embedded.server.load(embedded_db.project, {f"c/{n}": {"n": n} for n in range(1_001)})

    assert embedded_db.collection("c").count().get()[0][0].value == 1_001
    assert embedded.faults.reads["RunAggregationQuery"] == 2
