"""Writing single objects: puts of every kind of source, copies, and what is refused."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from storage.actions.objects import PART_BYTES, ObjectWriter
from storage.clients import r2
from storage.errors import AccessDenied, BadInput, NotFound, Stale, Unusable
from storage.repositories.objects import Objects
from tests.contract.r2_fixtures import AWKWARD
from tests.rigs.http_faults import Answer, FaultProxy, LoseReply, Reset, Rewrite
from tests.rigs.seaweed import READER, SeaweedRig, pair

BIG = os.urandom(1024) * 17 * 1024  # 17 MiB: three parts


class Pipe(io.RawIOBase):
    """A stream that can be read once, as from a network."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._content.readinto(buffer)


def test_a_stored_object_is_described_as_it_was_put(writer: ObjectWriter, objects: Objects) -> None:
    info = writer.put("users/u1/v1/highlights.json", b'{"highlights": []}', "application/json", {"by": "desk"})
    assert (info.size_bytes, info.content_type, info.metadata) == (18, "application/json", {"by": "desk"})
    assert info.etag == hashlib.md5(b'{"highlights": []}').hexdigest()
    assert info.last_modified.utcoffset() is not None
    assert objects.head("users/u1/v1/highlights.json") == info
    assert objects.get_bytes("users/u1/v1/highlights.json", 18) == b'{"highlights": []}'


@pytest.mark.parametrize("key", AWKWARD, ids=ascii)
def test_awkward_keys_are_put_found_read_copied_and_deleted_as_they_are(
    writer: ObjectWriter, objects: Objects, key: str
) -> None:
    writer.put(key, key.encode(), "text/plain")
    copied = writer.copy(key, f"_ops/quarantine/{key}")
    assert objects.get_bytes(copied.key, 10_000) == key.encode()
    assert writer.delete([key]).deleted == (key,)
    assert objects.head(key) is None
    assert objects.list_all("").frame["key"].tolist() == [copied.key]


@pytest.mark.parametrize("kind", ["bytes", "file", "stream", "pipe"])
def test_big_sources_of_every_kind_arrive_whole_and_in_parts(
    tmp_path: Path, far_writer: ObjectWriter, proxy: FaultProxy, objects: Objects, kind: str
) -> None:
    (tmp_path / "clip.mp4").write_bytes(BIG)
    source = {"bytes": BIG, "file": tmp_path / "clip.mp4", "stream": io.BytesIO(b"skip" + BIG), "pipe": Pipe(BIG)}[kind]
    if isinstance(source, io.BytesIO):
        source.seek(4)
    info = far_writer.put("users/u1/v1/clips/a é.mp4", source, "video/mp4", {"scene": "1"})
    assert (info.size_bytes, info.content_type, info.metadata) == (len(BIG), "video/mp4", {"scene": "1"})
    assert proxy.count("PUT", query="partNumber") == 3
    assert b"".join(objects.open("users/u1/v1/clips/a é.mp4")) == BIG


@pytest.mark.parametrize("size", [0, 1, PART_BYTES])
def test_small_sources_go_in_one_piece(far_writer: ObjectWriter, proxy: FaultProxy, size: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * size)
    assert far_writer.put("users/u1/a", tmp_path / "a", "text/plain").size_bytes == size
    assert far_writer.put("users/u1/b", Pipe(b"y" * min(size, 100)), "text/plain").size_bytes == min(size, 100)
    assert proxy.count("POST") == 0


def test_an_upload_that_fails_leaves_no_parts_behind(
    far_writer: ObjectWriter, proxy: FaultProxy, objects: Objects
) -> None:
    proxy.on(Answer(403, "AccessDenied"), query="partNumber=2")
    with pytest.raises(AccessDenied):
        far_writer.put("users/u1/v1/a.mp4", BIG, "video/mp4")
    assert objects.multipart_uploads("").uploads == ()
    assert objects.head("users/u1/v1/a.mp4") is None


def test_a_part_that_fails_once_is_sent_again(far_writer: ObjectWriter, proxy: FaultProxy, objects: Objects) -> None:
    proxy.on(Reset(), query="partNumber=1", only={1})
    proxy.on(Answer(503, "SlowDown"), query="partNumber=2", only={1})
    far_writer.put("users/u1/v1/a.mp4", BIG, "video/mp4")
    assert b"".join(objects.open("users/u1/v1/a.mp4")) == BIG


def test_a_put_may_demand_that_nothing_is_there(writer: ObjectWriter, objects: Objects, tmp_path: Path) -> None:
    assert writer.put("_ops/lock", b"mine", "text/plain", if_none_match=True).size_bytes == 4
    with pytest.raises(Stale):
        writer.put("_ops/lock", b"yours", "text/plain", if_none_match=True)
    assert objects.get_bytes("_ops/lock", 10) == b"mine"
    (tmp_path / "big").write_bytes(BIG)
    assert writer.put("_ops/big", tmp_path / "big", "video/mp4", if_none_match=True).size_bytes == len(BIG)
    with pytest.raises(BadInput, match="known size"):
        writer.put("_ops/pipe", Pipe(b"x"), "text/plain", if_none_match=True)


def test_a_put_whose_answer_was_lost_knows_its_own_object_from_anothers(
    far_writer: ObjectWriter, proxy: FaultProxy, objects: Objects
) -> None:
    proxy.on(LoseReply(), method="PUT", only={1})
    assert far_writer.put("_ops/lock", b"mine", "text/plain", if_none_match=True).size_bytes == 4
    proxy.clear()
    proxy.on(LoseReply(), method="PUT", only={1})
    with pytest.raises(Stale):
        far_writer.put("_ops/lock", b"yours", "text/plain", if_none_match=True)
    assert objects.get_bytes("_ops/lock", 10) == b"mine"


def test_a_put_that_is_stored_otherwise_is_not_taken_for_done(far_writer: ObjectWriter, proxy: FaultProxy) -> None:
    proxy.on(Answer(200, body=b""), method="PUT")  # says yes and stores nothing
    with pytest.raises(Unusable, match="other than what was sent"):
        far_writer.put("users/u1/v1/a.mp4", b"12345", "video/mp4")


def test_a_copy_keeps_bytes_type_and_metadata(writer: ObjectWriter, objects: Objects) -> None:
    source = writer.put("users/u1/v1/clips/é +.mp4", b"12345", "video/mp4", {"scene": "1"})
    copied = writer.copy(source.key, "_ops/quarantine/j1/é +.mp4")
    assert (copied.size_bytes, copied.etag, copied.content_type, copied.metadata) == (
        source.size_bytes,
        source.etag,
        "video/mp4",
        {"scene": "1"},
    )
    assert objects.get_bytes(copied.key, 10) == b"12345"
    assert objects.head(source.key) == source


def test_a_copy_beyond_the_single_limit_goes_in_parts_and_keeps_the_same(
    r2_rig: SeaweedRig, bucket: str, proxy: FaultProxy, objects: Objects
) -> None:
    client = r2.write_client(r2_rig.settings(bucket, endpoint_url=proxy.endpoint))
    writer = ObjectWriter(client, bucket, single_limit_bytes=10 * 1_048_576, copy_part_bytes=6 * 1_048_576)
    writer.put("users/u1/v1/source é.mp4", BIG, "video/mp4", {"scene": "1"})
    proxy.clear()
    copied = writer.copy("users/u1/v1/source é.mp4", "_ops/quarantine/copy.mp4")
    assert (copied.size_bytes, copied.content_type, copied.metadata) == (len(BIG), "video/mp4", {"scene": "1"})
    assert proxy.count("PUT", query="partNumber") == 3
    assert b"".join(objects.open("_ops/quarantine/copy.mp4")) == BIG
    proxy.on(Answer(403, "AccessDenied"), query="partNumber=2")
    with pytest.raises(AccessDenied):
        writer.copy("users/u1/v1/source é.mp4", "_ops/quarantine/other.mp4")
    assert objects.multipart_uploads("").uploads == ()
    assert objects.head("_ops/quarantine/other.mp4") is None


def test_a_copy_of_nothing_or_onto_itself_changes_nothing(writer: ObjectWriter, objects: Objects) -> None:
    with pytest.raises(NotFound):
        writer.copy("users/u1/none", "_ops/x")
    with pytest.raises(BadInput, match="same key"):
        writer.copy("users/u1/a", "users/u1/a")
    assert len(objects.list_all("").frame) == 0


def test_a_source_that_changes_under_a_copy_is_noticed(
    far_writer: ObjectWriter, writer: ObjectWriter, proxy: FaultProxy, objects: Objects
) -> None:
    writer.put("users/u1/a", b"first", "text/plain")

    def meanwhile(answer: bytes) -> bytes:
        writer.put("users/u1/a", b"other", "text/plain")
        return answer

    proxy.on(Rewrite(meanwhile), method="HEAD", only={1})
    with pytest.raises(Stale):
        far_writer.copy("users/u1/a", "_ops/copy")
    assert objects.head("_ops/copy") is None


@pytest.mark.parametrize("key", ["", "x" * 1_025, "é" * 513, "half \ud83d"], ids=["empty", "long", "wide", "half"])
def test_keys_that_no_store_could_hold_are_refused_before_anything_is_asked(
    far_writer: ObjectWriter, far_objects: Objects, proxy: FaultProxy, key: str
) -> None:
    for ask in (
        lambda: far_writer.put(key, b"", "text/plain"),
        lambda: far_writer.copy(key, "a"),
        lambda: far_writer.copy("a", key),
        lambda: far_writer.delete(["a", key]),
        lambda: far_objects.head(key),
        lambda: far_objects.open(key),
        lambda: far_objects.presign(key, 60),
        lambda: far_objects.public_url(key),
    ):
        with pytest.raises(BadInput) as caught:
            ask()
        assert caught.value.field_name == "key"
    assert proxy.requests == []


def test_the_reading_token_cannot_write_even_through_the_writing_handle(
    r2_rig: SeaweedRig, bucket: str, objects: Objects
) -> None:
    weak = ObjectWriter(r2.write_client(r2_rig.settings(bucket, write=pair(READER))), bucket)
    with pytest.raises(AccessDenied, match="may not do this") as caught:
        weak.put("users/u1/a", b"1", "text/plain")
    assert "Object Read & Write" in caught.value.remedy
    assert "R2_ACCESS_KEY_ID" in caught.value.remedy
    assert len(objects.list_all("").frame) == 0
