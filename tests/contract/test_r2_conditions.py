"""Conditions on writes: what each kind of store keeps of them, and what a write does where one is kept or is not."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from storage.actions.object_conditions import NO_OBJECTS_ETAG, NOTHING, Expected
from storage.actions.objects import ObjectWriter
from storage.clients import r2
from storage.errors import Stale
from storage.repositories.objects import Objects
from tests.rigs.http_faults import Afterwards, Answer, FaultProxy, LoseReply, Meanwhile
from tests.rigs.seaweed import SeaweedRig

KEY = "users/u1/v1/highlights.json"
OTHERS = b"somebody else's"
STORES: dict[str, Callable[[SeaweedRig], Any]] = {
    "S3": lambda rig: None,
    "R2": lambda rig: rig.as_r2_words_it,
    "none": lambda rig: rig.without_conditions,
}
SEEN = Expected(NO_OBJECTS_ETAG)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, r2_rig: SeaweedRig, proxy: FaultProxy) -> str:
    """Each kind of store in turn, behind the proxy."""
    proxy.rewrites = STORES[request.param](r2_rig)
    return str(request.param)


def test_what_a_store_keeps_is_seen_on_objects_of_the_desks_own_and_asked_once(
    store: str, far_writer: ObjectWriter, proxy: FaultProxy, objects: Objects
) -> None:
    kept = far_writer.conditions.kept()
    assert set(kept.values()) == {"S3": {True}, "R2": {True, False}, "none": {False}}[store]
    assert [name for name, well in kept.items() if not well] == (
        ["delete what was seen"] if store == "R2" else [] if store == "S3" else list(kept)
    )
    assert all("/_ops/health/" in seen.path for seen in proxy.requests)
    assert objects.list_all("").frame.empty
    asked = len(proxy.requests)
    assert far_writer.conditions.kept() == kept
    assert len(proxy.requests) == asked


def test_a_store_that_takes_no_header_of_one_kind_is_asked_with_the_other(
    far_writer: ObjectWriter, proxy: FaultProxy
) -> None:
    proxy.on(Answer(501, "NotImplemented"), method="PUT", path="_ops/health/condition-[0-9a-f]*$", only={2})
    assert far_writer.conditions.dialect("copy", NOTHING) == "s3"


def test_a_write_over_another_object_than_was_seen_is_refused_and_leaves_it(
    store: str, far_writer: ObjectWriter, objects: Objects
) -> None:
    seen = far_writer.put(KEY, b"first", "text/plain", expected=NOTHING)
    for expected in (NOTHING, SEEN):
        with pytest.raises(Stale):
            far_writer.put(KEY, b"second", "text/plain", expected=expected)
        with pytest.raises(Stale):
            far_writer.copy(far_writer.put("_ops/kept", b"kept", "text/plain").key, KEY, expected=expected)
    with pytest.raises(Stale):
        far_writer.delete_seen(KEY, NO_OBJECTS_ETAG)
    assert objects.get_bytes(KEY, 100) == b"first"
    again = far_writer.put(KEY, b"second", "text/plain", expected=Expected(seen.etag))
    back = far_writer.copy("_ops/kept", KEY, expected=Expected(again.etag))
    far_writer.delete_seen(KEY, back.etag)
    far_writer.delete_seen(KEY, back.etag)
    assert objects.head(KEY) is None


@pytest.mark.parametrize("write", ["put", "copy"])
def test_what_somebody_else_writes_right_after_is_told_and_left(
    store: str, far_writer: ObjectWriter, writer: ObjectWriter, proxy: FaultProxy, objects: Objects, write: str
) -> None:
    writer.put("_ops/kept", b"kept", "text/plain")
    proxy.on(Afterwards(lambda: writer.put(KEY, OTHERS, "text/plain")), method="PUT", path=KEY, only={1})
    writes: dict[str, Callable[[], object]] = {
        "put": lambda: far_writer.put(KEY, b"mine", "text/plain", expected=NOTHING),
        "copy": lambda: far_writer.copy("_ops/kept", KEY, expected=NOTHING),
    }
    with pytest.raises(Stale):
        writes[write]()
    assert objects.get_bytes(KEY, 100) == OTHERS


@pytest.mark.parametrize("there", [True, False])
def test_a_write_whose_answer_was_lost_knows_what_it_wrote(
    far_writer: ObjectWriter, writer: ObjectWriter, proxy: FaultProxy, objects: Objects, there: bool
) -> None:
    expected = Expected(writer.put(KEY, b"first", "text/plain").etag) if there else NOTHING
    proxy.on(LoseReply(), method="PUT", path=KEY, only={1})
    stored = far_writer.put(KEY, b"mine", "text/plain", expected=expected)
    proxy.on(LoseReply(), method="DELETE", path=KEY, only={1})
    far_writer.delete_seen(KEY, stored.etag)
    assert objects.head(KEY) is None


def test_a_copy_in_parts_is_refused_as_it_is_completed_over_what_somebody_else_wrote(
    r2_rig: SeaweedRig, bucket: str, writer: ObjectWriter, proxy: FaultProxy, objects: Objects
) -> None:
    client = r2.write_client(r2_rig.settings(bucket, endpoint_url=proxy.endpoint))
    far = ObjectWriter(client, bucket, single_limit_bytes=6 * 1_048_576, copy_part_bytes=6 * 1_048_576)
    writer.put("_ops/kept", os.urandom(7 * 1_048_576), "video/mp4")
    proxy.on(
        Meanwhile(lambda: writer.put(KEY, OTHERS, "text/plain")), method="POST", path=KEY, query="uploadId", only={1}
    )
    with pytest.raises(Stale):
        far.copy("_ops/kept", KEY, expected=NOTHING)
    assert objects.get_bytes(KEY, 100) == OTHERS
    assert objects.multipart_uploads("").uploads == ()
    writer.delete([KEY])
    proxy.on(LoseReply(), method="POST", path=KEY, query="uploadId", only={1})
    with pytest.raises(Stale):  # its second try meets what the first one made: whoever copies looks for that
        far.copy("_ops/kept", KEY, expected=NOTHING)
    assert b"".join(objects.open(KEY)) == b"".join(objects.open("_ops/kept"))
    assert objects.multipart_uploads("").uploads == ()
