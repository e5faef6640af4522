"""Videos without a known status are found by counting ranges of names, on every kind of Firestore."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.repositories.records import STATUSES
from storage.repositories.without_status import _middle
from tests.rigs.firestore import FirestoreRig, available_firestores
from tests.rigs.records import World, reads_of, video

STRANGE = ("users/u0007/videos/v3", "users/u0299/videos/v1", "users/élan/videos/v1", "users/__id7__/videos/v1")
ONE_USER = "users/u0500/videos/v00777"


@pytest.fixture(scope="module")
def world(firestore_rig: FirestoreRig) -> Iterator[World]:
    """1,505 videos: of 300 users with uids alike, of one user with very many, and a few without a known status."""
    with World(firestore_rig) as opened:
        videos = {f"users/u{n:04}/videos/v1": {"status": STATUSES[n % len(STATUSES)]} for n in range(300)}
        videos |= {f"users/u0500/videos/v{n:05}": {"status": "completed"} for n in range(1_200)}
        odd = [video("v", status=None), {"updated_at": None}, {"status": "queued_v2"}, {"status": 7}]
        opened.put({**videos, **dict(zip(STRANGE, odd, strict=True)), ONE_USER: {"video_id": "v"}})
        yield opened


NEAR = ("u0100", "u0250", "élan", "u0500")


@pytest.mark.parametrize(
    ("firestore_rig", "near"),
    [("embedded", ()), *((kind, NEAR) for kind in available_firestores())],
    indirect=["firestore_rig"],
    ids=lambda value: value if isinstance(value, str) else "some uids known" if value else "nothing known",
)
def test_each_is_found_for_a_fraction_of_the_reads(world: World, near: tuple[str, ...]) -> None:
    counts = world.records.status_counts()
    videos = sum(counts.values())
    assert counts["other"] == len(STRANGE) + 1
    found, reads = reads_of(
        lambda: world.records.videos_without_status(STATUSES, videos, counts["other"], most_reads=2_000, near=near)
    )
    assert set(found["path"]) == {*STRANGE, ONE_USER}
    assert reads < videos / 4


def test_a_status_that_is_another_text_is_asked_for(world: World) -> None:
    table, reads = reads_of(lambda: world.records.videos_of_other_statuses(STATUSES, 50))
    assert list(table.frame["path"]) == ["users/élan/videos/v1"]
    assert (table.complete, reads) == (True, len(STATUSES) + 1)


def test_it_stops_at_its_bound_and_reads_nothing_where_all_is_known(world: World) -> None:
    look = world.records.videos_without_status
    some, reads = reads_of(lambda: look(STATUSES, 1_505, 5, most_reads=40))
    assert len(some) < 5
    assert reads <= 60  # the last step may read one range
    assert reads_of(lambda: len(look(STATUSES, 1_500, 0, most_reads=40))) == (0, 0)


@given(st.text("abc\x01é~!-", max_size=4), st.text("abc\x01é~!-", max_size=4))
def test_a_middle_lies_between_and_can_be_a_path(one: str, other: str) -> None:
    start, end = sorted(text.replace("é", "z") for text in (one, other))
    middle = _middle(start, end, [])
    if middle:
        assert start < middle
        assert not end or middle < end
        assert all(middle.split("\x01"))
