"""A rollup that reads all clips by ranges against one that asks for each customer's sums: the same, cell for cell.

The worlds are random: every kind of size that a document may hold, ids of Datastore, remains of customers, clips in odd
places, accounting of nobody.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from grpc import StatusCode

from storage.actions import rollup
from storage.actions.rollup import Written
from storage.domain.documents import RawDocument
from storage.domain.search_index import TITLED, title_rows
from storage.domain.usage import DEFAULT_LIMITS, Truth
from storage.errors import AccessDenied
from storage.repositories.queries import RecordQueries
from storage.repositories.records import Records
from storage.repositories.search_index import index_records
from storage.services import customer_facts
from storage.services.customer_facts import CustomerFacts, CustomerReader, TitleRows
from tests.bulk.test_bulk_rollup import STALE, fleet
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig, available_firestores
from tests.rigs.records import NOON, World, clip, reads_of, user, video

UIDS = ("a", "a-b", "a.b", "a b", "ab", "u1", "u10", "__id7__", "__id-3__", "é", "日本", "Zz", "users-x", "=1+1", "~~")
SIZES: tuple[Any, ...] = (
    None, 7, 7, 7, 1.0, 2.5, float("nan"), float("inf"), "7", True, 2**53, 2**53 + 1, float(2**53), 2.0**60, 2.0**63,
    2**63 - 1, 2**63 - 1, -5, -(2**63), 1e300, [1], {"a": 1},
)  # fmt: skip


def random_world(seed: int) -> dict[str, dict[str, Any]]:
    """Customers who have some of everything that changes a figure."""
    of = random.Random(seed)
    found: dict[str, dict[str, Any]] = {"plans/pro": {"id": "pro", "limits": {"storage_limit_bytes": 10_000}}}
    for uid in UIDS:
        plain = of.random() < 0.4  # whole sizes alone, so that sums are exact
        if of.random() < 0.8:
            size = of.choice((0, 9_000, 3.0, None, "many", 2**60))
            found[f"users/{uid}"] = user(uid, total_storage_bytes=size, plan=of.choice(("pro", "FREE", None, "gold")))
        elif of.random() < 0.3:
            found[f"users/{uid}/credit_transactions/t"] = {"timestamp": NOON}
        if of.random() < 0.4:
            found[f"storage_accounting/{uid}"] = {"styled_clips_bytes": of.choice((14, 10_000, "x"))}
        for number in range(of.randrange(4)):
            path = f"users/{uid}/videos/v{number}"
            if of.random() < 0.8:
                found[path] = video(f"v{number}", video_title=of.choice(("Opening night", "", None, 5, "Zweiter\nAkt")))
            for scene in range(of.randrange(6)):
                size = 7 if plain else of.choice(SIZES)
                title = of.choice(("Goal", "Goal", "日本 の 夜", None, " "))
                found[f"{path}/clips/c{scene}"] = clip(f"v{number}", scene, file_size_bytes=size, scene_title=title)
        for place in ("clips/here", "aaa/1/clips/c", "zzz/1/clips/c", "videos~/~/clips/c", "videos/v/x/y/clips/deep"):
            if of.random() < 0.15:
                found[f"users/{uid}/{place}"] = {"file_size_bytes": 7, "scene_title": "Elsewhere"}
    found["storage_accounting/nobody"] = {"styled_clips_bytes": 1}
    found["shows/s/clips/c"] = {"file_size_bytes": 7, "scene_title": "Nobody's"}
    return found


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and ranges so short that they end everywhere."""
    monkeypatch.setitem(RecordQueries._listing.__kwdefaults__, "page_size", 2)
    monkeypatch.setattr(customer_facts, "CUSTOMERS", 4)
    monkeypatch.setattr(customer_facts, "RANGES", 3)


def short(world: World) -> Records:
    return Records(world.handle, bulk_page=4)


def asked(records: Records) -> list[CustomerFacts]:
    return [one for _, facts in CustomerReader(records).asked(None) for one in facts]


def streamed(records: Records) -> tuple[list[CustomerFacts], list[list[Any]] | None]:
    """The customers, and the rows of titles, `None` where some are missing."""
    titles = TitleRows()
    try:
        facts = [one for _, some in CustomerReader(records).streamed(titles) for one in some]
        return facts, list(titles) if titles.whole else None
    finally:
        titles.close()


def titles_of(records: Records) -> list[list[Any]]:
    """The rows of titles by a read of their own."""
    index = index_records(records)
    return [row for name, (field, _) in TITLED.items() for row in title_rows(index.titles(name, field), name)]


def is_of(collection_id: str) -> Any:
    return lambda request: request.structured_query.from_[0].collection_id == collection_id


@pytest.mark.parametrize(
    ("firestore_rig", "seed"),
    [("embedded", 0), ("embedded", 1), ("embedded", 3), *((kind, 4) for kind in available_firestores())],
    indirect=["firestore_rig"],
)
def test_both_ways_know_the_same_of_every_customer_and_every_title(
    firestore_rig: FirestoreRig, short_pages: None, seed: int
) -> None:
    with World(firestore_rig) as world:
        world.put(random_world(seed))
        wanted = asked(world.records)
        found, titles = streamed(short(world))
        assert [user.uid for user, _, _ in wanted] == [user.uid for user, _, _ in found]
        assert found == wanted
        assert titles == titles_of(world.records)
        assert streamed(world.records) == (wanted, titles)
        assert any(truth.size_bytes is None for _, _, truth in wanted if truth)
        assert any(truth.size_bytes and truth.unsized_count for _, _, truth in wanted if truth)


def made(world: World, records: Records, monkeypatch: pytest.MonkeyPatch, *, stream: bool) -> tuple[Written, Any]:
    """What a rollup wrote, and the documents of the index but for the generation's name."""
    with monkeypatch.context() as patch:
        if not stream:
            patch.setattr(rollup, "_affords_titles", lambda records: False)
        written = rollup.run_rollup(records, world.writer, DEFAULT_LIMITS, lambda: NOON, stale_after=STALE)
    assert written.index is not None
    found: list[RawDocument | None] = [world.records.raw(path) for path in written.index.head.paths]
    return written, [dict(one.fields or {}) if one else None for one in found]


def test_what_is_written_is_the_same_but_for_its_cost(
    embedded: EmbeddedFirestore, short_pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with World(embedded) as world:
        world.put(random_world(11))
        one, index = made(world, world.records, monkeypatch, stream=False)
        other, streamed_index = made(world, short(world), monkeypatch, stream=True)
        assert other.shard.content == one.shard.content
        assert (other.shard.videos, other.shard.stuck, other.shard.points) == (
            one.shard.videos, one.shard.stuck, one.shard.points,
        )  # fmt: skip
        assert other.shard.notes == one.shard.notes != []
        assert streamed_index == index


def test_a_rollup_of_everybody_costs_pages_and_is_billed_less_than_asking_for_each(
    embedded: EmbeddedFirestore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with World(embedded) as world:
        world.put(fleet(40))
        calls = world.faults.calls
        costs, requests = [], []
        for stream in (False, True):
            calls.clear()
            (written, _), reads = reads_of(lambda way=stream: made(world, world.records, monkeypatch, stream=way))
            assert written.shard.content["totals"]["clips"] == 120
            costs.append(reads)
            requests.append(calls["RunQuery"] + calls["ListDocuments"] + calls["RunAggregationQuery"])
        assert costs[0] - costs[1] > 40 * 2
        assert requests[0] > 40 * 2
        assert requests[1] < 25  # counts, plans, users, accounting, clips, videos, and what is written


def test_a_range_has_so_many_customers_however_short_the_pages_are_in_which_they_come(
    embedded: EmbeddedFirestore, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = []
    with World(embedded) as world:
        world.put(fleet(40))
        for page in (20, 3):
            monkeypatch.setitem(RecordQueries._listing.__kwdefaults__, "page_size", page)
            monkeypatch.setattr(customer_facts, "CUSTOMERS", 20)
            world.faults.calls.clear()
            assert len(streamed(world.records)[0]) == 40
            queries.append(world.faults.calls["RunQuery"])
    assert queries == [6, 6]  # accounting, videos and clips of two ranges


def test_customers_who_change_meanwhile_are_counted_as_they_were_or_as_they_are(
    embedded: EmbeddedFirestore, short_pages: None
) -> None:
    with World(embedded) as world:
        world.put(fleet(12))
        before = {user.uid: truth for user, _, truth in asked(world.records)}

        def change() -> None:
            for n in (1, 5, 9):
                world.put({f"users/u{n}/videos/a/clips/new{n}": clip("a", 9, file_size_bytes=50)})
                world.writer.delete(f"users/u{n + 1}/videos/a/clips/c0")
            world.put({f"users/new{n}": user(f"new{n}") for n in range(3)})
            world.put({f"users/new{n}/videos/a/clips/c": clip("a", 1) for n in range(3)})
            world.writer.delete("users/u3")

        world.faults.meanwhile("RunQuery", change, when=is_of("clips"), skip=2)
        found, titles = streamed(short(world))
        after = {user.uid: truth for user, _, truth in asked(world.records)}
        assert {user.uid for user, _, _ in found} >= before.keys()
        assert all(truth in (before.get(user.uid), after[user.uid], NOTHING) for user, _, truth in found)
        assert any(truth != before.get(user.uid) for user, _, truth in found)
        assert titles is not None


def ends_at_u2(request: Any) -> bool:
    """Whether it asks for the clips of one of the two ranges that meet at this customer."""
    return is_of("clips")(request) and "/users/u2" in str(request.structured_query.where)


NOTHING = Truth(0, 0, 0, None, complete=True)


def test_a_range_that_breaks_off_is_asked_for_customer_by_customer_and_the_index_stays(
    embedded: EmbeddedFirestore, short_pages: None
) -> None:
    with World(embedded) as world:
        world.put(fleet(12))
        wanted = asked(world.records)
        world.faults.break_stream("RunQuery", StatusCode.INTERNAL, after=1, when=ends_at_u2, times=None)
        found, titles = streamed(short(world))
        assert (found, titles) == (wanted, None)
        world.faults.break_stream("RunQuery", StatusCode.INTERNAL, after=1, when=is_of("clips"), times=None)
        written = rollup.run_rollup(short(world), world.writer, DEFAULT_LIMITS, lambda: NOON, stale_after=STALE)
        assert (written.error, written.shard.complete, written.shard.content["totals"]["clips"]) == (None, True, 36)
        assert written.index is None
        assert written.index_error is not None


def test_a_refused_read_of_clips_ends_it_and_nothing_is_written(embedded: EmbeddedFirestore) -> None:
    with World(embedded) as world:
        world.put(fleet(5))
        world.faults.refuse("RunQuery", StatusCode.PERMISSION_DENIED, when=is_of("clips"), times=None)
        with pytest.raises(AccessDenied):
            rollup.run_rollup(world.records, world.writer, DEFAULT_LIMITS, lambda: NOON, stale_after=STALE)
        assert world.records.raw("ops_rollups/shard-001-of-001") is None
