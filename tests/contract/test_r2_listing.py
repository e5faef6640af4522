"""Listings of the bucket: pages, prefixes, awkward keys, and what happens when the store fails on the way."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

from storage.actions.objects import ObjectWriter
from storage.clients import r2
from storage.domain.documents import DTYPES, OBJECTS
from storage.errors import AccessDenied, BackendError, BadCredentials, Throttled, Unreachable, Unusable
from storage.repositories.objects import Objects
from tests.contract.r2_fixtures import AWKWARD, fill
from tests.rigs.http_faults import Answer, Delay, FaultProxy, Reset, Rewrite
from tests.rigs.seaweed import NOBODY, UNLISTING, SeaweedRig, pair


@pytest.fixture(scope="module")
def crowded(r2_rig: SeaweedRig) -> str:
    """A bucket with 2,300 objects of user u1 and three of user u10."""
    name = r2_rig.fresh_bucket()
    writer = ObjectWriter(r2_rig.writer(name), name)
    fill(writer, [f"users/u1/v{n % 7}/clips/{n:04d}.mp4" for n in range(2_300)])
    fill(writer, [f"users/u10/v1/clips/{n}.mp4" for n in range(3)])
    return name


def far(r2_rig: SeaweedRig, proxy: FaultProxy, bucket: str) -> Objects:
    return Objects(r2.read_client(r2_rig.settings(bucket, endpoint_url=proxy.endpoint)), bucket)


def test_an_empty_bucket_is_a_complete_empty_table_with_all_columns_and_their_types(objects: Objects) -> None:
    table = objects.list_all("")
    assert (table.complete, table.error, len(table.frame), table.reads) == (True, None, 0, 1)
    assert {name: str(kind) for name, kind in table.frame.dtypes.items()} == {
        column.name: DTYPES[column.kind] for column in OBJECTS.columns
    }
    assert list(table.frame.columns) == list(OBJECTS.empty().columns)


def test_more_than_a_page_is_read_to_its_end_one_billed_listing_a_page(
    r2_rig: SeaweedRig, crowded: str, proxy: FaultProxy
) -> None:
    table = far(r2_rig, proxy, crowded).list_all("users/u1/")
    assert (len(table.frame), table.reads, table.complete, table.next_cursor) == (2_300, 3, True, None)
    assert proxy.count("GET") == 3
    assert set(table.frame["key"]) == {f"users/u1/v{n % 7}/clips/{n:04d}.mp4" for n in range(2_300)}
    assert table.frame.index.equals(pd.RangeIndex(2_300))
    assert {name: str(kind) for name, kind in table.frame.dtypes.items()} == {
        column.name: DTYPES[column.kind] for column in OBJECTS.columns
    }


def test_a_prefix_never_covers_another_user_whose_id_begins_alike(r2_rig: SeaweedRig, crowded: str) -> None:
    objects = Objects(r2_rig.reader(crowded), crowded)
    assert len(objects.list_all("users/u10/").frame) == 3
    assert not objects.list_all("users/u1/").frame["key"].str.startswith("users/u10/").any()
    for prefix in ("users/u1", "users/u1/v1/clips/0", "/users"):
        with pytest.raises(ValueError, match="prefix"):
            objects.list_all(prefix)
        with pytest.raises(ValueError, match="prefix"):
            objects.list_pages(prefix)
        with pytest.raises(ValueError, match="prefix"):
            objects.multipart_uploads(prefix)


def test_pages_can_be_taken_up_again_behind_their_last_key(r2_rig: SeaweedRig, crowded: str) -> None:
    objects = Objects(r2_rig.reader(crowded), crowded)
    first = next(iter(objects.list_pages("users/u1/")))
    assert (len(first.frame), first.complete, first.next_cursor) == (1_000, False, first.frame["key"].iloc[-1])
    rest = list(objects.list_pages("users/u1/", first.next_cursor))
    assert [page.complete for page in rest] == [False, True]
    assert len({*first.frame["key"], *(key for page in rest for key in page.frame["key"])}) == 2_300


@pytest.mark.parametrize(("limit", "reads"), [(1, 1), (1_000, 1), (1_500, 2)])
def test_a_limit_ends_the_listing_and_says_that_it_is_not_all(
    r2_rig: SeaweedRig, crowded: str, limit: int, reads: int
) -> None:
    table = Objects(r2_rig.reader(crowded), crowded).list_all("users/u1/", limit=limit)
    assert (len(table.frame), table.reads, table.complete, table.error) == (limit, reads, False, None)
    assert table.next_cursor == table.frame["key"].iloc[-1]


def test_a_limit_that_everything_fits_in_leaves_the_table_complete(r2_rig: SeaweedRig, crowded: str) -> None:
    objects = Objects(r2_rig.reader(crowded), crowded)
    assert objects.list_all("users/u10/", limit=3).complete
    with pytest.raises(ValueError, match="limit"):
        objects.list_all("users/u10/", limit=0)


def test_awkward_keys_come_back_code_point_for_code_point(writer: ObjectWriter, objects: Objects) -> None:
    for key in AWKWARD:
        writer.put(key, key.encode(), "text/plain")
    table = objects.list_all("")
    assert sorted(table.frame["key"]) == sorted(AWKWARD)
    for key in AWKWARD:
        assert objects.get_bytes(key, 10_000) == key.encode()


def test_columns_say_the_same_as_the_sdks_own_reading(
    r2_rig: SeaweedRig, bucket: str, writer: ObjectWriter, objects: Objects
) -> None:
    for key in AWKWARD:
        writer.put(key, key.encode(), "text/plain")
    plain = r2.write_client(r2_rig.settings(bucket)).sdk
    plain.meta.events.unregister(r2.LISTING_EVENT, r2.take_columns)
    rows = plain.list_objects_v2(Bucket=bucket)["Contents"]
    frame = objects.list_all("").frame
    assert frame["key"].tolist() == [row["Key"] for row in rows]
    assert frame["size_bytes"].tolist() == [row["Size"] for row in rows]
    assert frame["etag"].tolist() == [row["ETag"].strip('"') for row in rows]
    assert frame["storage_class"].tolist() == [row["StorageClass"] for row in rows]
    assert [stamp.to_pydatetime() for stamp in frame["last_modified"]] == [row["LastModified"] for row in rows]


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (Answer(500, "InternalError"), Unreachable),
        (Answer(503, "ServiceUnavailable", {"Retry-After": "0"}), Unreachable),
        (Answer(503, "SlowDown"), Throttled),
        (Answer(429, "TooManyRequests"), Throttled),
        (Answer(403, "AccessDenied"), AccessDenied),
        (Answer(401, "Unauthorized"), BadCredentials),
        (Answer(200, body=b"<html>sign in</html>"), Unusable),
        (Answer(200, body=b"<ListBucketResult><Contents>"), Unreachable),
        (Answer(200, body=b""), Unusable),
        (Reset(), Unreachable),
        (Reset(after_bytes=700), Unreachable),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)[:60]),
)
def test_a_listing_that_breaks_keeps_what_it_has_and_says_so(
    r2_rig: SeaweedRig, crowded: str, proxy: FaultProxy, action: Answer | Reset, kind: type[BackendError]
) -> None:
    objects = far(r2_rig, proxy, crowded)
    proxy.on(action, query="continuation-token")
    table = objects.list_all("users/u1/")
    assert (len(table.frame), table.reads, table.complete) == (1_000, 1, False)
    assert type(table.error) is kind
    assert table.next_cursor == table.frame["key"].iloc[-1]
    proxy.clear()
    proxy.on(action)
    table = objects.list_all("users/u1/")
    assert (len(table.frame), table.reads, table.complete, type(table.error)) == (0, 0, False, kind)
    assert list(table.frame.columns) == list(OBJECTS.names)


@pytest.mark.parametrize("action", [Answer(500, "InternalError"), Answer(429, "SlowDown"), Reset(), Reset(700)])
def test_a_fault_that_passes_is_not_noticed(
    r2_rig: SeaweedRig, crowded: str, proxy: FaultProxy, action: Answer | Reset
) -> None:
    proxy.on(action, query="continuation-token", only={1})
    table = far(r2_rig, proxy, crowded).list_all("users/u1/")
    assert (len(table.frame), table.complete, table.error) == (2_300, True, None)
    assert proxy.count(query="continuation-token") == 3


def test_a_store_that_is_away_and_one_that_answers_again(r2_rig: SeaweedRig, crowded: str, proxy: FaultProxy) -> None:
    objects = far(r2_rig, proxy, crowded)
    proxy.down()
    table = objects.list_all("users/u10/")
    assert (table.complete, type(table.error), len(table.frame)) == (False, Unreachable, 0)
    proxy.up()
    assert len(objects.list_all("users/u10/").frame) == 3


def test_an_answer_that_comes_too_late_is_an_outage(
    r2_rig: SeaweedRig, crowded: str, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(r2.LOOKING, "read_timeout", 0.15)
    proxy.on(Delay(0.5))
    table = far(r2_rig, proxy, crowded).list_all("users/u10/")
    assert (table.complete, type(table.error)) == (False, Unreachable)


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (b"<Size>5</Size>", b"<Size>many</Size>"),
        (b"<Size>5</Size>", b""),
        (b"<Key>users", b"<Key>others"),
        (b"<LastModified>2", b"<LastModified>x2"),
        (b"<IsTruncated>false", b"<IsTruncated>true"),
    ],
)
def test_a_listing_that_cannot_be_right_is_not_taken_for_one(
    r2_rig: SeaweedRig, crowded: str, proxy: FaultProxy, pattern: bytes, replacement: bytes
) -> None:
    proxy.on(Rewrite(lambda body: body.replace(pattern, replacement)))
    table = far(r2_rig, proxy, crowded).list_all("users/u10/")
    assert (table.complete, type(table.error), len(table.frame)) == (False, Unusable, 0)


def test_a_listing_that_goes_in_a_circle_ends(r2_rig: SeaweedRig, crowded: str, proxy: FaultProxy) -> None:
    page = (
        b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>"
        b"<Contents><Key>users/u1/a</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
        b"</ListBucketResult>"
    )
    proxy.on(Answer(200, body=page))
    table = far(r2_rig, proxy, crowded).list_all("users/u1/")
    assert (table.complete, type(table.error), table.reads) == (False, Unusable, 2)
    assert table.frame["etag"].isna().all()


def test_a_token_that_may_not_list_leaves_presence_unknown(r2_rig: SeaweedRig, crowded: str) -> None:
    for token in (UNLISTING, NOBODY):
        settings = r2_rig.settings(crowded, read=pair(token), read_is_separate=True)
        table = Objects(r2.read_client(settings), crowded).list_all("users/u1/")
        assert (table.complete, type(table.error), len(table.frame)) == (False, AccessDenied, 0)
        assert table.error is not None
        assert "R2_READ_ACCESS_KEY_ID" in table.error.remedy
        assert "unknown" in table.error.message


def test_reading_begins_at_the_time_of_the_clock(r2_rig: SeaweedRig, crowded: str) -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    objects = Objects(r2.read_client(r2_rig.settings(crowded)), crowded, clock=lambda: moment)
    assert objects.list_all("users/u10/").read_at == moment
    assert objects.multipart_uploads("").read_at == moment
