"""What reading gives when Firestore refuses, breaks off, is slow or is away: never a short table that looks whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from grpc import StatusCode

from storage.clients.meter import OverBudget, metering
from storage.domain.documents import Table
from storage.errors import (
    AccessDenied,
    BackendError,
    BadCredentials,
    MissingIndex,
    StorageError,
    Throttled,
    Unreachable,
    Unusable,
)
from storage.repositories.queries import build
from storage.repositories.records import Records
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.questions import QUESTIONS
from tests.rigs.records import World, clip, reads_of, user, video

CLIPS = 12


@pytest.fixture(params=[True, False], ids=["one thread a stream", "two threads a stream"])
def world(request: pytest.FixtureRequest, embedded: EmbeddedFirestore) -> Iterator[World]:
    """A user with clips, over a channel with gRPC's experimental option and one without."""
    with World(embedded, single_threaded=request.param) as opened:
        below = "users/u1/videos/v"
        opened.put({"users/u1": user("u1"), below: video("v"), "plans/pro": {"name": "Pro"}})
        opened.put({f"{below}/clips/c{n:02}": clip("v", n) for n in range(CLIPS)})
        yield opened


def test_every_public_question_is_among_those_asked_here() -> None:
    public = {name for name in dir(Records) if not name.startswith("_")}

    assert public == {name.partition(" ")[0] for name in QUESTIONS}


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (StatusCode.PERMISSION_DENIED, AccessDenied),
        (StatusCode.UNAUTHENTICATED, BadCredentials),
        (StatusCode.RESOURCE_EXHAUSTED, Throttled),
        (StatusCode.NOT_FOUND, BackendError),
        (StatusCode.UNIMPLEMENTED, Unusable),
    ],
)
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_refusal_is_an_error_and_never_an_empty_answer(
    world: World, question: str, code: StatusCode, error: type[StorageError]
) -> None:
    with world.faults.outage(code), pytest.raises(error) as caught:
        QUESTIONS[question](world.records)

    assert isinstance(caught.value, BackendError)
    assert caught.value.operation
    assert caught.value.remedy
    assert not isinstance(caught.value, LookupError)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_transient_fault_is_answered_by_asking_again(world: World, question: str) -> None:
    QUESTIONS[question](world.records)
    asked = dict(world.faults.calls)
    world.faults.clear()
    world.faults.refuse("*", StatusCode.UNAVAILABLE)

    QUESTIONS[question](world.records)

    assert sum(world.faults.calls.values()) == sum(asked.values()) + 1


def test_after_three_tries_it_is_out_of_reach(world: World) -> None:
    with world.faults.outage(StatusCode.UNAVAILABLE), pytest.raises(Unreachable) as caught:
        world.records.user("u1")

    assert world.faults.calls["BatchGetDocuments"] == 3
    assert caught.value.retryable
    assert "A fault on purpose" in caught.value.detail


@pytest.mark.parametrize("code", [StatusCode.UNAVAILABLE, StatusCode.INTERNAL, StatusCode.ABORTED])
@pytest.mark.parametrize("after", [0, 1, 5, CLIPS])
def test_a_stream_that_breaks_once_still_gives_the_whole_table_once(world: World, code: StatusCode, after: int) -> None:
    world.faults.break_stream("RunQuery", code, after=after)

    table, reads = reads_of(lambda: world.records.clips("u1"))

    assert table.frame["clip_id"].tolist() == [f"c{n:02}" for n in range(CLIPS)]
    assert (table.complete, table.error, table.oddities) == (True, None, ())
    assert reads == table.reads == CLIPS + after + 1  # what the broken stream sent is billed too


def test_a_first_page_that_never_comes_whole_is_an_error(world: World) -> None:
    world.faults.break_stream("RunQuery", StatusCode.INTERNAL, after=5, times=None)

    with pytest.raises(Unreachable):
        world.records.clips("u1")


def test_a_later_page_that_never_comes_whole_leaves_what_was_read_marked_incomplete(world: World) -> None:
    world.faults.break_stream("RunQuery", StatusCode.UNAVAILABLE, after=2, skip=1, times=None)

    table, reads = reads_of(lambda: Records(world.handle, bulk_page=5).clips("u1"))

    assert table.frame["clip_id"].tolist() == [f"c{n:02}" for n in range(5)]
    assert not table.complete
    assert isinstance(table.error, Unreachable)
    assert reads == table.reads == 6 + 3 * 2


def test_a_refusal_half_way_is_told_as_what_it_is(world: World) -> None:
    world.faults.refuse("RunQuery", StatusCode.PERMISSION_DENIED, skip=2, times=None)

    table = Records(world.handle, bulk_page=5).clips("u1")

    assert (len(table.frame), table.complete) == (10, False)
    assert isinstance(table.error, AccessDenied)


def test_a_listing_that_fails_on_its_second_page_can_be_taken_up_where_it_stopped(world: World) -> None:
    world.put({f"users/u2/videos/video-{n:03}": {"status": "failed"} for n in range(310)})
    rule = world.faults.refuse("ListDocuments", StatusCode.RESOURCE_EXHAUSTED, skip=1, times=None)

    table = world.records.videos("u2")
    world.faults.lift(rule)
    rest = world.records.videos("u2", cursor=table.next_cursor)

    assert 0 < len(table.frame) < 310
    assert not table.complete
    assert isinstance(table.error, Throttled)
    assert [*table.frame["video_id"], *rest.frame["video_id"]] == [f"video-{n:03}" for n in range(310)]
    assert rest.complete


def test_going_through_users_raises_when_a_page_fails(world: World) -> None:
    world.put({f"users/x{n:03}": {"plan": "free"} for n in range(310)})
    world.faults.refuse("ListDocuments", StatusCode.PERMISSION_DENIED, skip=1, times=None)

    pages = world.records.iter_users()

    assert not next(pages).complete
    with pytest.raises(AccessDenied):
        next(pages)


@pytest.mark.parametrize("code", [StatusCode.FAILED_PRECONDITION, StatusCode.INVALID_ARGUMENT])
def test_where_ranges_are_refused_each_video_is_read_and_ranges_are_left_alone(world: World, code: StatusCode) -> None:
    whole = world.records.clips("u1"), world.records.clip_totals("u1")
    fresh = Records(world.handle)
    for method in ("RunQuery", "RunAggregationQuery"):
        world.faults.refuse(method, code, when=_is_group, times=None)

    for _ in range(2):
        assert fresh.clips("u1").frame.equals(whole[0].frame)
        assert fresh.clip_totals("u1").size_bytes == whole[1].size_bytes == CLIPS * 1_000

    assert world.faults.calls["RunQuery"] == 3  # two for the whole, one refused
    assert fresh.clips("u1").complete


def _is_group(request: Any) -> bool:
    query = getattr(request, "structured_query", None) or request.structured_aggregation_query.structured_query
    return bool(query.from_[0].all_descendants)


def test_when_shares_cannot_be_read_the_clips_are_marked_incomplete(world: World) -> None:
    world.faults.refuse(
        "RunQuery",
        StatusCode.PERMISSION_DENIED,
        when=lambda request: request.structured_query.from_[0].collection_id == "shares",
    )

    table = world.records.clips("u1")

    assert (len(table.frame), table.complete) == (CLIPS, False)
    assert isinstance(table.error, AccessDenied)


def test_reading_video_by_video_stops_at_the_first_that_fails_and_says_so(world: World) -> None:
    world.put({f"users/u1/videos/w{n:02}/clips/c": clip("w", n) for n in range(20)})
    world.faults.refuse(
        "ListDocuments",
        StatusCode.PERMISSION_DENIED,
        when=lambda request: request.parent.endswith("/w03"),
        times=None,
    )

    table = Records(world.handle, ranged=False).clips("u1")

    assert table.frame["video_id"].unique().tolist() == ["v", "w00", "w01", "w02"]
    assert not table.complete
    assert isinstance(table.error, AccessDenied)


def test_a_missing_index_carries_its_definition(world: World) -> None:
    world.faults.refuse("RunQuery", StatusCode.FAILED_PRECONDITION, "", times=None)

    with pytest.raises(MissingIndex) as caught:
        world.records.find_videos(youtube_id="x")

    assert caught.value.definition["collectionGroup"] == "videos"
    assert caught.value.definition["fieldPath"] == "youtube_id"
    assert "firestore.indexes.json" in caught.value.remedy


def test_a_server_that_does_not_answer_in_time_is_out_of_reach(world: World) -> None:
    world.faults.delay("BatchGetDocuments", seconds=1.0, times=None)

    with pytest.raises(Unreachable, match="in time"):
        world.handle.batch_get(["users/u1"], operation="Reading", seconds=0.05)


def test_a_server_that_dies_in_the_middle_of_an_answer_gives_an_error_and_no_short_one(world: World) -> None:
    world.put({f"big/d{n:04}": {"text": "x" * 2_000} for n in range(2_000)})
    seen: list[int] = []

    def consume(documents: Iterable[Any]) -> int:
        for number, _ in enumerate(documents):
            seen.append(number)
            if len(seen) == 3:
                world.rig.stop()
        return len(seen)

    with pytest.raises(Unreachable):
        world.handle.run_query(build("big"), consume, operation="Reading")

    assert 3 <= len(seen) < 2_000


def test_what_is_metered_is_what_the_server_would_bill(world: World) -> None:
    world.faults.clear()

    with metering() as meter:
        for question in QUESTIONS.values():
            question(world.records)

    assert meter.cost().firestore_reads == sum(world.faults.reads.values())
    assert (meter.cost().firestore_writes, meter.cost().firestore_deletes) == (0, 0)


def test_a_budget_ends_a_long_read_with_what_was_read_until_then(world: World) -> None:
    with metering(read_budget=8):
        table: Table = Records(world.handle, bulk_page=5).clips("u1")

    assert not table.complete
    assert isinstance(table.error, OverBudget)
    assert len(table.frame) == 5
