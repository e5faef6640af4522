"""Ranges of customers: shards leave nobody out, and who stands out of a range's part of the bucket is known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.domain.ranges import EVERYBODY, Range, just_before, shard_range, stands_out
from storage.ids import firestore_order, is_stored_id

UIDS = st.one_of(
    st.text(min_size=1, max_size=6).filter(is_stored_id),
    st.sampled_from(("__id7__", "__id-7__", "a", "a-b", "a/b".replace("/", "0"), "zz", "z\U0010ffff")),
    st.text("ab-./ 0", min_size=1, max_size=4).filter(is_stored_id),
)


@given(st.integers(1, 1_000), UIDS)
def test_each_customer_lies_in_exactly_one_shard(count: int, uid: str) -> None:
    assert sum(shard_range(index, count).holds(uid) for index in range(1, count + 1)) == 1


@pytest.mark.parametrize("count", [2, 3, 16, 100])
def test_shards_of_firebase_ids_are_about_equal(count: int) -> None:
    chance = random.Random(3)
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    uids = ["".join(chance.choices(letters, k=28)) for _ in range(100 * count)]
    sizes = [sum(map(shard_range(index, count).holds, uids)) for index in range(1, count + 1)]
    assert sum(sizes) == len(uids)
    assert max(sizes) < 160


def test_one_shard_is_everybody() -> None:
    assert shard_range(1, 1) == EVERYBODY


@given(UIDS, UIDS)
def test_who_does_not_stand_out_is_before_the_end_in_both_stores_or_in_neither(uid: str, end: str) -> None:
    if not stands_out(uid, end) and firestore_order(end)[1]:
        in_firestore, in_the_bucket = uid < end, f"{uid}/x" < end
        assert in_firestore == in_the_bucket or uid == end


@given(UIDS)
def test_a_listing_that_begins_just_before_a_customer_leaves_out_nothing_of_theirs(uid: str) -> None:
    start = just_before(uid)
    assert start < uid
    assert start < f"{uid}/x"


@given(UIDS, UIDS, UIDS)
def test_a_range_holds_its_start_and_not_its_end(uid: str, start: str, end: str) -> None:
    span = Range(start, end)
    if firestore_order(uid)[1]:
        assert span.holds(uid) == (start <= uid < end)
