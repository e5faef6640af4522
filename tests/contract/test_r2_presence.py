"""Reading single objects: presence in three answers, bytes whole or not at all."""

from __future__ import annotations

import os

import pytest

from storage.actions.objects import ObjectWriter
from storage.clients import r2
from storage.errors import AccessDenied, BackendError, BadCredentials, NotFound, NotPermitted, Unreachable, Unusable
from storage.repositories.objects import Objects
from tests.rigs.http_faults import Answer, FaultProxy, Reset
from tests.rigs.seaweed import NOBODY, READER, SeaweedRig, pair

BIG = os.urandom(1024) * 17 * 1024  # 17 MiB: three parts


def test_presence_has_three_answers(r2_rig: SeaweedRig, writer: ObjectWriter, objects: Objects, bucket: str) -> None:
    writer.put("users/u1/v1/a.mp4", b"1", "video/mp4")
    assert objects.head("users/u1/v1/a.mp4") is not None
    assert objects.head("users/u1/v1/b.mp4") is None
    denied = Objects(r2.read_client(r2_rig.settings(bucket, read=pair(NOBODY))), bucket)
    for key in ("users/u1/v1/a.mp4", "users/u1/v1/b.mp4"):
        with pytest.raises(AccessDenied):
            denied.head(key)


def test_a_missing_bucket_is_no_missing_object(r2_rig: SeaweedRig) -> None:
    objects = Objects(r2.read_client(r2_rig.settings("no-such-bucket")), "no-such-bucket")
    for ask in (objects.head, objects.open, lambda key: objects.get_bytes(key, 10)):
        with pytest.raises(BackendError, match="no such bucket") as caught:
            ask("users/u1/v1/a.mp4")
        assert not isinstance(caught.value, NotFound)
        assert "R2_BUCKET_NAME" in caught.value.remedy


def test_absence_is_proven_with_one_listing_for_a_handle(far_objects: Objects, proxy: FaultProxy) -> None:
    assert [far_objects.head(f"users/u1/{n}") for n in range(3)] == [None] * 3
    assert (proxy.count("HEAD"), proxy.count("GET")) == (3, 1)


def test_absence_is_not_claimed_while_the_bucket_cannot_be_asked(far_objects: Objects, proxy: FaultProxy) -> None:
    proxy.on(Answer(403, "AccessDenied"), method="GET")
    with pytest.raises(AccessDenied):
        far_objects.head("users/u1/v1/a.mp4")
    proxy.clear()
    assert far_objects.head("users/u1/v1/a.mp4") is None


def test_a_404_from_something_that_is_no_store_proves_nothing(far_objects: Objects, proxy: FaultProxy) -> None:
    proxy.on(Answer(404, body=b"<html>not here</html>"))
    for ask in (far_objects.head, far_objects.open):
        with pytest.raises(BackendError) as caught:
            ask("users/u1/v1/a.mp4")
        assert not isinstance(caught.value, NotFound)


def test_a_refused_head_names_its_reason_where_a_listing_tells_it(
    r2_rig: SeaweedRig, bucket: str, far_objects: Objects, proxy: FaultProxy
) -> None:
    wrong = r2_rig.settings(bucket, read=pair((READER[0], "not-the-secret")))
    with pytest.raises(BadCredentials, match="right secret"):
        Objects(r2.read_client(wrong), bucket).head("users/u1/v1/a.mp4")
    proxy.on(Answer(403), method="HEAD")
    with pytest.raises(AccessDenied) as caught:
        far_objects.head("users/u1/v1/a.mp4")
    assert type(caught.value) is AccessDenied


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_faulty_head_is_an_outage_and_no_absence(far_objects: Objects, proxy: FaultProxy, status: int) -> None:
    proxy.on(Answer(status), method="HEAD")
    with pytest.raises(Unreachable):
        far_objects.head("users/u1/v1/a.mp4")
    assert proxy.count("HEAD") == 3


def test_reading_is_bounded_and_does_not_fetch_what_is_too_long(writer: ObjectWriter, objects: Objects) -> None:
    writer.put("users/u1/v1/highlights.json", b"x" * 1_001, "application/json")
    with pytest.raises(Unusable, match="1,001 bytes"):
        objects.get_bytes("users/u1/v1/highlights.json", 1_000)
    assert len(objects.get_bytes("users/u1/v1/highlights.json", 1_001)) == 1_001
    writer.put("users/u1/v1/empty", b"", "text/plain")
    assert objects.get_bytes("users/u1/v1/empty", 0) == b""
    with pytest.raises(NotFound):
        objects.get_bytes("users/u1/v1/none", 1_000)


def test_bytes_that_break_off_once_are_read_again_and_twice_are_an_outage(
    writer: ObjectWriter, far_objects: Objects, proxy: FaultProxy
) -> None:
    writer.put("users/u1/v1/a.bin", b"x" * 300_000, "application/octet-stream")
    proxy.on(Reset(after_bytes=100_000), path="a.bin", only={1})
    assert far_objects.get_bytes("users/u1/v1/a.bin", 300_000) == b"x" * 300_000
    proxy.clear()
    proxy.on(Reset(after_bytes=100_000), path="a.bin")
    with pytest.raises(Unreachable):
        far_objects.get_bytes("users/u1/v1/a.bin", 300_000)
    with far_objects.open("users/u1/v1/a.bin") as stream, pytest.raises(Unreachable):
        list(stream)


def test_a_stream_gives_pieces_and_can_be_left_early(writer: ObjectWriter, objects: Objects) -> None:
    writer.put("users/u1/v1/a.mp4", BIG, "video/mp4")
    with objects.open("users/u1/v1/a.mp4") as stream:
        assert (stream.info.size_bytes, stream.info.content_type) == (len(BIG), "video/mp4")
        assert next(iter(stream)) == BIG[:262_144]
    with objects.open("users/u1/v1/a.mp4") as stream:
        assert b"".join(stream) == BIG


def test_the_reading_handle_refuses_to_change_anything_before_it_leaves_the_machine(
    r2_rig: SeaweedRig, bucket: str, proxy: FaultProxy
) -> None:
    client = r2.read_client(r2_rig.settings(bucket, endpoint_url=proxy.endpoint))
    for operation, parameters in (
        ("put_object", {"Key": "a", "Body": b""}),
        ("delete_object", {"Key": "a"}),
        ("delete_objects", {"Delete": {"Objects": [{"Key": "a"}]}}),
        ("copy_object", {"Key": "a", "CopySource": f"{bucket}/b"}),
        ("delete_bucket", {}),
    ):
        with pytest.raises(NotPermitted):
            client.call(operation, "a", **parameters)
    assert proxy.requests == []


def test_the_stores_clock_can_be_asked(objects: Objects) -> None:
    time = objects.server_time()
    assert time.utcoffset() is not None
    assert time.microsecond == 0
