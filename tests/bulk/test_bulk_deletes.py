"""Many batches of deletes at once: every key answered in its place, fewer at a time where the store is busy."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections import Counter
from io import BytesIO
from typing import Any
from xml.etree import ElementTree
from zlib import crc32

import pytest
from botocore.awsrequest import AWSResponse
from urllib3 import HTTPResponse

from storage.actions.objects import AdaptiveConcurrency, ObjectWriter
from storage.clients import r2
from storage.clients.meter import metering
from storage.clients.r2 import batch_of
from storage.clients.threads import ContextThreads
from storage.errors import AccessDenied, Unreachable
from storage.repositories.objects import Objects
from tests.contract.r2_fixtures import AWKWARD, fill
from tests.rigs.http_faults import Answer, FaultProxy, Rewrite
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.waiting import PATIENCE_SECONDS

BATCH = 100
MANY = [f"users/u1/v{n % 7}/clips/{n:05d}.mp4" for n in range(6 * BATCH + BATCH // 2)]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of what a store takes in one batch, which `tests/contract/test_r2_deletes.py` sends."""
    monkeypatch.setattr("storage.actions.objects.BATCH_KEYS", BATCH)


def test_batches_side_by_side_answer_for_every_key_in_order(
    writer: ObjectWriter, far_writer: ObjectWriter, proxy: FaultProxy, objects: Objects
) -> None:
    there = MANY[::9]
    fill(writer, there)
    with metering() as meter:
        result = far_writer.delete(MANY)
    assert (result.complete, result.deleted) == (True, tuple(MANY))
    assert (proxy.count("POST"), meter.cost().r2_free) == (7, 7)
    assert len(objects.list_all("").frame) == 0


def test_a_busy_store_is_waited_for_on_every_lane(far_writer: ObjectWriter, proxy: FaultProxy) -> None:
    proxy.on(Answer(503, "SlowDown"), method="POST", only={2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    result = far_writer.delete(MANY)
    assert (result.complete, result.deleted) == (True, tuple(MANY))


def test_a_refusal_on_the_way_stops_all_and_each_key_stands_in_one_place(
    far_writer: ObjectWriter, proxy: FaultProxy
) -> None:
    proxy.on(Answer(403, "AccessDenied"), method="POST", only=set(range(3, 50)))
    result = far_writer.delete(MANY)
    assert isinstance(result.error, AccessDenied)
    places = Counter([*result.deleted, *(failure.key for failure in result.failed), *result.unknown])
    assert places == Counter(MANY)
    assert BATCH <= len(result.deleted) <= 2 * BATCH
    assert {failure.code for failure in result.failed} <= {"AccessDenied", "not_tried"}


def test_a_store_that_goes_away_leaves_unknown_what_was_under_way(far_writer: ObjectWriter, proxy: FaultProxy) -> None:
    proxy.on(Answer(500, "InternalError"), method="POST", only=set(range(2, 500)))
    result = far_writer.delete(MANY)
    assert isinstance(result.error, Unreachable)
    assert result.deleted == tuple(MANY[:BATCH])
    assert Counter([*result.deleted, *(failure.key for failure in result.failed), *result.unknown]) == Counter(MANY)
    assert result.unknown


@pytest.mark.parametrize(
    ("odd", "with_it"),
    [
        (b"<Deleted><Key>", b"<Deleted><VersionId>1</VersionId><Key>"),
        (b"<Deleted><Key>", b"<Deleted><!-- a --><Key>"),
        (b"<Deleted>", b"\n  <Deleted>"),
    ],
)
def test_answers_of_other_shapes_say_the_same(
    writer: ObjectWriter, far_writer: ObjectWriter, proxy: FaultProxy, odd: bytes, with_it: bytes
) -> None:
    keys = ["a&b<c>.mp4", "quote\"s'.mp4", "é😀.mp4", "plain.mp4"]
    fill(writer, keys)
    proxy.on(Rewrite(lambda body: body.replace(odd, with_it, 2)), method="POST")
    assert far_writer.delete(keys).deleted == tuple(keys)


def test_lanes_are_halved_when_the_store_is_busy_and_grow_one_by_one() -> None:
    lanes = AdaptiveConcurrency(8)
    seen = []
    for change in (lanes.slower, lanes.slower, lanes.slower, lanes.slower, lanes.faster, *[lanes.faster] * 9):
        change()
        seen.append(lanes.limit)
    assert seen == [4, 2, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8]


def test_no_more_run_at_once_than_there_are_lanes() -> None:
    lanes, running, most = AdaptiveConcurrency(3), 0, 0
    lock, met = threading.Lock(), threading.Barrier(3, timeout=PATIENCE_SECONDS)

    def work(_: int) -> None:
        nonlocal running, most
        with lanes.lane():
            with lock:
                running += 1
                most = max(most, running)
            met.wait()
            with lock:
                running -= 1

    with ContextThreads(max_workers=9) as threads:
        list(threads.map(work, range(9)))
    assert most == 3


@pytest.mark.parametrize("keys", [["only"], AWKWARD, ["a&b<c>]]>.mp4", "'\"", "\U0010ffff", "\x85\u2028"], MANY[:200]])
def test_the_body_of_a_batch_says_what_the_sdk_would_say(r2_rig: SeaweedRig, keys: list[str]) -> None:
    keys = [key for key in keys if "\n" not in key]
    sdk = r2.write_client(r2_rig.settings("desk")).sdk
    sent: list[Any] = []

    def keep(request: Any, **_: Any) -> Any:
        sent.append(request)
        return AWSResponse(request.url, 200, {}, HTTPResponse(BytesIO(b"<DeleteResult/>"), preload_content=False))

    sdk.meta.events.register("before-send.s3.DeleteObjects", keep)
    sdk.delete_objects(Bucket="desk", Delete={"Objects": [{"Key": key} for key in keys]})
    with batch_of(keys):
        sdk.delete_objects(Bucket="desk", Delete={"Objects": [{"Key": keys[0]}]})
    theirs, ours = (request.body for request in sent)
    assert ElementTree.canonicalize(ours) == ElementTree.canonicalize(theirs)
    assert sent[1].headers["x-amz-checksum-crc32"] == b64encode(crc32(ours).to_bytes(4, "big"))
