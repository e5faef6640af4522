"""Users, plans, accounting and transactions, read from every kind of Firestore."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from storage.domain.documents import USERS
from storage.errors import BadInput
from tests.rigs.firestore import FirestoreRig
from tests.rigs.records import NOON, World, reads_of, user, video


@pytest.fixture
def world(firestore_rig: FirestoreRig) -> Iterator[World]:
    """An empty project on every kind of Firestore in turn."""
    with World(firestore_rig) as opened:
        yield opened


def test_a_user_becomes_a_value_with_every_field(world: World) -> None:
    world.put({"users/u1": user("u1")})

    found, reads = reads_of(lambda: world.records.user("u1"))

    assert found is not None
    assert (found.uid, found.exists, found.email, found.plan, found.role) == ("u1", True, "u1@example.com", "pro", None)
    assert (found.created_at, found.settings, found.total_storage_bytes) == (NOON, {"theme": "dark"}, 3_000)
    assert (found.credits_used_this_month, found.clips_used_this_month) == (40, None)
    assert found.update_time is not None
    assert found.oddities == ()
    assert reads == 1


def test_a_user_of_whom_only_videos_are_left_is_a_phantom(world: World) -> None:
    world.put({"users/ghost/videos/video-01": video("video-01")})

    found, reads = reads_of(lambda: world.records.user("ghost"))

    assert found is not None
    assert (found.exists, found.email, found.update_time, found.oddities) == (False, None, None, ())
    assert reads == 2


def test_a_user_without_document_and_without_anything_below_is_proven_absent(world: World) -> None:
    world.put({"users/u10": user("u10"), "users/u10/videos/video-01": video("video-01")})

    assert reads_of(lambda: world.records.user("u1")) == (None, 2)


@pytest.mark.parametrize("uid", ["", ".", "..", "a/b", "__x__", "x" * 1_501])
def test_an_unusable_uid_is_refused_before_anything_is_read(world: World, uid: str) -> None:
    with pytest.raises(BadInput, match="uid"):
        reads_of(lambda: world.records.user(uid))
    with pytest.raises(BadInput, match="uid"):
        world.records.clips(uid)


def test_users_are_listed_in_pages_with_their_phantoms(world: World) -> None:
    world.put({f"users/u{number}": user(f"u{number}") for number in range(5)})
    world.put({"users/u2a/videos/video-01": video("video-01")})

    first, reads = reads_of(lambda: world.records.users(page_size=4))
    second = world.records.users(page_size=4, cursor=first.next_cursor)

    assert list(first.frame["uid"]) == ["u0", "u1", "u2", "u2a"]
    assert list(first.frame["exists"]) == [True, True, True, False]
    assert list(second.frame["uid"]) == ["u3", "u4"]
    assert (first.complete, first.error, second.complete, second.next_cursor) == (False, None, True, None)
    assert reads == first.reads == 4


def test_no_users_is_an_empty_table_with_all_columns(world: World) -> None:
    table, reads = reads_of(lambda: world.records.users())

    assert table.complete
    assert table.reads == reads == 1
    assert dict(table.frame.dtypes) == dict(USERS.empty().dtypes)


def test_going_through_all_users_takes_every_page_and_splits_into_shards(world: World) -> None:
    uids = [f"u{number:03}" for number in range(310)]
    world.put({f"users/{uid}": {"plan": "free"} for uid in uids})

    pages = list(world.records.iter_users())
    shards = [
        [uid for page in world.records.iter_users((index, 3)) for uid in page.frame["uid"]] for index in (1, 2, 3)
    ]

    assert [uid for page in pages for uid in page.frame["uid"]] == uids
    assert [page.complete for page in pages] == [*[False] * (len(pages) - 1), True]
    assert len(pages) > 1
    assert sorted(uid for shard in shards for uid in shard) == uids
    assert all(60 < len(shard) < 150 for shard in shards)


def test_going_on_after_a_uid_leaves_out_what_came_before_by_bytes(world: World) -> None:
    world.put({f"users/{uid}": {"plan": "free"} for uid in ("Zoe", "u1", "u10", "u2", "üñ")})

    (page,) = world.records.iter_users(after="u10")

    assert list(page.frame["uid"]) == ["u2", "üñ"]


@pytest.mark.parametrize("shard", [(0, 3), (4, 3), (1, 0)])
def test_a_shard_that_does_not_exist_is_refused(world: World, shard: tuple[int, int]) -> None:
    with pytest.raises(BadInput, match="shard"):
        next(world.records.iter_users(shard))


def test_users_are_found_by_exactly_their_address(world: World) -> None:
    world.put({"users/u1": user("u1"), "users/u2": user("u2", email="u1@example.com"), "users/u3": user("u3")})

    found = world.records.users_by_email("u1@example.com")

    assert list(found.frame["uid"]) == ["u1", "u2"]
    assert found.complete
    assert len(world.records.users_by_email("U1@EXAMPLE.COM").frame) == 0


def test_users_are_found_by_how_their_address_begins_and_a_cut_is_told(world: World) -> None:
    world.put({f"users/u{number}": user(f"u{number}", email=f"anna{number}@x.io") for number in range(3)})
    world.put({"users/u8": user("u8", email=None), "users/u9": user("u9", email="ann"), "users/u7": {"plan": "free"}})

    cut, reads = reads_of(lambda: world.records.users_by_email_prefix("anna", 2))
    whole = world.records.users_by_email_prefix("anna", 3)

    assert list(cut.frame["email"]) == ["anna0@x.io", "anna1@x.io"]
    assert (cut.complete, cut.error, reads, cut.reads) == (False, None, 3, 3)
    assert (len(whole.frame), whole.complete) == (3, True)


def test_an_empty_address_is_refused(world: World) -> None:
    with pytest.raises(BadInput, match="email"):
        world.records.users_by_email(" ")
    with pytest.raises(BadInput, match="limit"):
        world.records.users_by_email_prefix("a", 0)


def test_plans_are_read_one_by_one_and_all_at_once(world: World) -> None:
    world.put({"plans/pro": {"name": "Pro", "limits": {"storage_limit_bytes": 5}}, "plans/free": {"name": "Free"}})
    world.put({"plans/gone/history/1": {"name": "old"}})

    assert world.records.plan("pro") == {"name": "Pro", "limits": {"storage_limit_bytes": 5}}
    assert sorted(world.records.plans()) == ["free", "pro"]
    assert world.records.plan("studio") is None


def test_accounting_keeps_absent_null_and_zero_apart(world: World) -> None:
    world.put({"storage_accounting/u1": {"styled_clips_bytes": 0, "styled_clips_count": None, "raw_segments_bytes": 7}})

    found = world.records.accounting("u1")

    assert found is not None
    assert (found.uid, found.styled_clips_bytes, found.styled_clips_count) == ("u1", 0, None)
    assert (found.raw_segments_bytes, found.neural_cache_bytes) == (7, None)
    assert [(odd.field_name, odd.kind) for odd in found.oddities] == [("styled_clips_count", "null")]
    assert world.records.accounting("u2") is None
    assert list(world.records.accountings(["u1", "u2"])) == ["u1"]


def test_transactions_come_newest_first_and_those_without_a_time_are_told(world: World) -> None:
    rows = {f"users/u1/credit_transactions/t{n}": {"timestamp": NOON + timedelta(days=n)} for n in range(4)}
    world.put({**rows, "users/u1/credit_transactions/lost": {"credits_amount": 5}})

    cut, reads = reads_of(lambda: world.records.transactions("u1", limit=3))
    whole = world.records.transactions("u1", limit=4)

    assert list(cut.frame["transaction_id"]) == ["t3", "t2", "t1"]
    assert not cut.complete
    assert (cut.reads, reads) == (6, 6)  # four documents, and two counts
    for table in (cut, whole):
        assert (table.oddities[-1].field_name, table.oddities[-1].found) == ("timestamp", "1 not in this table")
    assert whole.complete
    assert len(world.records.transactions("u2").frame) == 0
