"""A prefix listed in ranges gives what one listing gives, whatever the folders, the order and the faults."""

from __future__ import annotations

import pandas as pd
import pytest

from storage.actions.objects import ObjectWriter
from storage.clients import r2
from storage.clients.meter import metering
from storage.errors import AccessDenied, Unreachable
from storage.repositories.objects import Objects, list_in_ranges, list_known
from tests.contract.r2_fixtures import AWKWARD, fill
from tests.rigs.http_faults import Answer, FaultProxy
from tests.rigs.seaweed import SeaweedRig

KEYS = [f"users/u1/v{n % 12:02d}/clips/{n:04d}.mp4" for n in range(2_400)]


@pytest.fixture(scope="module")
def crowded(r2_rig: SeaweedRig) -> str:
    """A bucket with 2,400 objects of u1 in twelve videos, and three of a neighbour."""
    name = r2_rig.fresh_bucket()
    writer = ObjectWriter(r2_rig.writer(name), name)
    fill(writer, [*KEYS, *(f"users/u10/v{n}/clips/x.mp4" for n in range(3))])
    return name


@pytest.fixture
def far(r2_rig: SeaweedRig, proxy: FaultProxy, crowded: str) -> Objects:
    """Reading access to the crowded bucket through the proxy."""
    return Objects(r2.read_client(r2_rig.settings(crowded, endpoint_url=proxy.endpoint)), crowded)


@pytest.mark.parametrize("ranges", [1, 3, 8, 50])
def test_ranges_give_the_very_table_of_one_listing(far: Objects, proxy: FaultProxy, ranges: int) -> None:
    whole = far.list_all("users/u1/")
    proxy.clear()
    with metering() as meter:
        table = list_in_ranges(far, "users/u1/", ranges=ranges)
    pd.testing.assert_frame_equal(table.frame, whole.frame)
    assert (table.complete, table.error, table.next_cursor) == (True, None, None)
    assert table.reads == meter.cost().r2_class_a == proxy.count("GET")
    assert proxy.count("GET", query="delimiter") == 1
    assert table.reads <= 3 + 1 + min(ranges, 12)


def test_known_folders_are_not_asked_for_and_wrong_ones_do_no_harm(far: Objects, proxy: FaultProxy) -> None:
    names = ["users/u1/v03", "users/u1/v03", "users/u1/nobody", "zzz", "a", "users/u1/v07/clips/"]
    table = list_in_ranges(far, "users/u1/", names)
    assert table.frame["key"].tolist() == sorted(KEYS)
    assert table.complete
    assert proxy.count("GET", query="delimiter") == 0


def test_an_empty_prefix_is_a_complete_empty_table(objects: Objects) -> None:
    table = list_in_ranges(objects, "users/none/")
    assert (table.complete, len(table.frame), table.error) == (True, 0, None)
    assert list(table.frame.columns) == list(objects.list_all("users/none/").frame.columns)


def test_awkward_keys_are_all_there(writer: ObjectWriter, objects: Objects) -> None:
    fill(writer, AWKWARD)
    for folders in (None, AWKWARD):
        table = list_in_ranges(objects, "", folders)
        assert sorted(table.frame["key"]) == sorted(AWKWARD)
        assert table.complete


def test_a_store_with_an_order_of_its_own_is_listed_in_one_go(writer: ObjectWriter, objects: Objects) -> None:
    keys = [f"users/u1/{video}/clips/{n}.mp4" for video in ("v1", "v1-b", "v1-b.c", "v1.d", "v2") for n in range(3)]
    fill(writer, keys)
    for cuts in (None, ["users/u1/v1/"], ["users/u1/v1-b/"], ["users/u1/v1", "users/u1/v1.d/"]):
        table = list_in_ranges(objects, "users/u1/", cuts)
        assert (table.complete, table.error) == (True, None)
        assert sorted(table.frame["key"]) == sorted(keys)
        assert table.frame["key"].is_unique


def test_a_range_that_breaks_leaves_what_lies_before_it_and_where_to_go_on(far: Objects, proxy: FaultProxy) -> None:
    proxy.on(Answer(500, "InternalError"), query="start-after=users%2Fu1%2Fv06")
    table = list_in_ranges(far, "users/u1/", ["users/u1/v03", "users/u1/v06", "users/u1/v09"])
    assert (table.complete, type(table.error)) == (False, Unreachable)
    assert table.frame["key"].tolist() == [key for key in sorted(KEYS) if key < "users/u1/v06"]
    assert table.next_cursor == table.frame["key"].iloc[-1]
    proxy.clear()
    rest = pd.concat([page.frame for page in far.list_pages("users/u1/", table.next_cursor)])
    assert [*table.frame["key"], *rest["key"]] == sorted(KEYS)


def test_a_refused_listing_is_an_error_and_no_empty_table(far: Objects, proxy: FaultProxy) -> None:
    proxy.on(Answer(403, "AccessDenied"))
    table = list_in_ranges(far, "users/u1/")
    assert (table.complete, type(table.error), len(table.frame)) == (False, AccessDenied, 0)


@pytest.mark.parametrize("videos", [1, 2_400])
def test_keys_that_documents_name_divide_one_large_video_and_thousands_of_small_ones(
    r2_rig: SeaweedRig, proxy: FaultProxy, near: tuple[r2.R2Client, r2.R2Client], bucket: str, videos: int
) -> None:
    keys = [f"users/u1/v{n % videos:04d}/clips/{n:04d}.mp4" for n in range(2_400)]
    writer = ObjectWriter(near[1], bucket)
    fill(writer, keys[:1])
    r2_rig.copies(bucket, keys[0], keys[1:])
    objects = Objects(r2.read_client(r2_rig.settings(bucket, endpoint_url=proxy.endpoint)), bucket)
    hostile = ["users/u1/", "users/u1/v0000", "users/u1/v0000/clips", "users/u1/\x00.mp4", "users/u1/\ud800.mp4", "x"]
    table = list_known(objects, "users/u1/", [*keys, *hostile, f"users/u1/{'long' * 400}.mp4"])
    assert (table.complete, table.frame["key"].tolist()) == (True, sorted(keys))
    assert table.reads == proxy.count("GET") <= 5
    assert proxy.count("GET", query="start-after") == 1  # two ranges, the second behind a key
    proxy.clear()
    assert list_known(objects, "users/u1/", keys[:1_999]).reads == proxy.count("GET") == 3  # few: one listing
