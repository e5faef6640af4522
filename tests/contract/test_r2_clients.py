"""The handles themselves: what they count, what they take from the machine, what they send."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.utils import parse_timestamp

from storage.actions.objects import ObjectWriter
from storage.clients import r2
from storage.clients.meter import Cost, metering
from storage.errors import StorageError
from storage.repositories.objects import Objects
from tests.contract.r2_fixtures import fill
from tests.rigs.http_faults import Answer, FaultProxy, LoseReply, Reset
from tests.rigs.seaweed import NOBODY, SeaweedRig, pair

CLASS_A = "ListObjectsV2 ListMultipartUploads PutObject CopyObject CreateMultipartUpload UploadPart UploadPartCopy "
CLASS_A += "CompleteMultipartUpload ListParts CreateBucket ListBuckets SomethingNew"


def test_operations_are_billed_as_the_price_list_has_them() -> None:
    assert {r2.billed_as(name) for name in CLASS_A.split()} == {"r2_class_a"}
    assert {r2.billed_as(name) for name in ("HeadObject", "GetObject", "HeadBucket")} == {"r2_class_b"}
    free = ("DeleteObject", "DeleteObjects", "DeleteBucket", "AbortMultipartUpload")
    assert {r2.billed_as(name) for name in free} == {"r2_free"}


@pytest.mark.parametrize(
    "text",
    [
        "Thu, 26 Nov 2026 12:05:21 GMT",
        "2026-11-26T12:05:21.649Z",
        "2026-11-26T12:05:21Z",
        "2026-11-26T12:05:21+02:00",
        "20261126T120521Z",
        "1795694721",
        "Thursday, 26-Nov-26 12:05:21 GMT",
    ],
)
def test_a_time_in_an_answer_is_read_as_the_sdk_reads_it(text: str) -> None:
    assert r2.read_time(text) == parse_timestamp(text)


@pytest.mark.parametrize("text", ["Thu, GMT", "soonZ", "soon"])
def test_what_is_no_time_is_refused_as_the_sdk_refuses_it(text: str) -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        r2.read_time(text)


def test_reading_is_counted_by_class(writer: ObjectWriter, objects: Objects) -> None:
    fill(writer, [f"users/u1/{n}" for n in range(1_001)])
    with metering() as meter:
        objects.list_all("users/u1/")
        assert meter.cost() == Cost(r2_class_a=2)
        objects.head("users/u1/0")
        objects.get_bytes("users/u1/0", 100)
        assert meter.cost() == Cost(r2_class_a=2, r2_class_b=2)
        objects.multipart_uploads("users/u1/")
        objects.presign("users/u1/0", 60)
        objects.public_url("users/u1/0")
        assert meter.cost() == Cost(r2_class_a=3, r2_class_b=2)
        objects.head("users/u1/none")
        objects.head("users/u1/none")
        assert meter.cost() == Cost(r2_class_a=4, r2_class_b=4)  # one listing proves the bucket, once


def test_changes_are_counted_with_the_look_that_verifies_them(writer: ObjectWriter) -> None:
    with metering() as meter:
        writer.put("users/u1/a", b"1", "text/plain")
        assert meter.cost() == Cost(r2_class_a=1, r2_class_b=1)
        writer.copy("users/u1/a", "users/u1/b")
        assert meter.cost() == Cost(r2_class_a=2, r2_class_b=3)
        writer.delete(["users/u1/a", "users/u1/b"])
        assert meter.cost() == Cost(r2_class_a=2, r2_class_b=3, r2_free=1)


def test_an_upload_in_parts_counts_for_its_caller_on_every_thread(writer: ObjectWriter) -> None:
    with metering() as outer, metering() as meter:
        writer.put("users/u1/a", os.urandom(20 * 1_048_576), "video/mp4")
    assert meter.cost() == Cost(r2_class_a=5, r2_class_b=1)  # begin, three parts, complete; one look
    assert outer.cost() == meter.cost()


@pytest.mark.parametrize(
    ("action", "times", "counted"),
    [
        (Answer(503, "SlowDown"), {1}, 2),
        (Answer(500, "InternalError"), {1, 2}, 3),
        (LoseReply(), {1}, 2),
        (Reset(after_bytes=50), {1}, 2),
        (Answer(200, body=b"<ListBucketResult><Contents>"), {1}, 2),
        (Answer(403, "AccessDenied"), {1}, 0),
        (Answer(401, "Unauthorized"), {1}, 0),
        (Answer(400, "InvalidArgument"), {1}, 1),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_every_attempt_that_may_have_been_served_counts_and_a_refusal_does_not(
    far_objects: Objects, proxy: FaultProxy, action: Answer | Reset, times: set[int], counted: int
) -> None:
    proxy.on(action, only=times)
    with metering() as meter:
        far_objects.list_all("users/u1/")
    assert meter.cost() == Cost(r2_class_a=counted)


def test_an_answer_that_is_no_xml_counts_once(far_objects: Objects, proxy: FaultProxy) -> None:
    proxy.on(Answer(400, body=b"<<<"))
    with metering() as meter:
        assert far_objects.list_all("users/u1/").error is not None
    assert meter.cost() == Cost(r2_class_a=proxy.count("GET"))


def test_nothing_counts_while_nobody_answers(far_objects: Objects, proxy: FaultProxy) -> None:
    proxy.down()
    with metering() as meter:
        far_objects.list_all("users/u1/")
        with pytest.raises(StorageError):
            far_objects.head("users/u1/a")
    assert meter.cost() == Cost()


def test_a_refused_token_costs_nothing(r2_rig: SeaweedRig, bucket: str) -> None:
    objects = Objects(r2.read_client(r2_rig.settings(bucket, read=pair(NOBODY))), bucket)
    with metering() as meter:
        objects.list_all("")
    assert meter.cost() == Cost()


@pytest.fixture
def new_session() -> Iterator[None]:
    """The SDK's session is made in this test, as at the start of a process."""
    r2.session.cache_clear()
    yield
    r2.session.cache_clear()


@pytest.mark.usefixtures("new_session")
def test_nothing_of_the_machine_reaches_the_handles(
    r2_rig: SeaweedRig, bucket: str, writer: ObjectWriter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    writer.put("users/u1/a", b"1", "text/plain")
    profile = tmp_path / "config"
    profile.write_text("[profile other]\nregion = us-east-1\ns3 =\n    addressing_style = virtual\n")
    for name, value in {
        "AWS_PROFILE": "does-not-exist",
        "AWS_CONFIG_FILE": str(profile),
        "AWS_ACCESS_KEY_ID": "AKIDOFTHEMACHINE0001",
        "AWS_SECRET_ACCESS_KEY": "secret of the machine",
        "AWS_SESSION_TOKEN": "token of the machine",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_supported",
        "AWS_MAX_ATTEMPTS": "9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    objects = Objects(r2.read_client(r2_rig.settings(bucket)), bucket)
    assert objects.list_all("").frame["key"].tolist() == ["users/u1/a"]
    assert "X-Amz-Security-Token" not in objects.presign("users/u1/a", 60).url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_MAX_ATTEMPTS", "abc"),
        ("AWS_RETRY_MODE", "wild"),
        ("AWS_DEFAULTS_MODE", "wild"),
        ("AWS_CA_BUNDLE", "/no/such/file"),
        ("AWS_REQUEST_CHECKSUM_CALCULATION", "wild"),
        ("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", "abc"),
        ("AWS_SDK_UA_APP_ID", "x" * 200),
        ("AWS_S3_US_EAST_1_REGIONAL_ENDPOINT", "wild"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "abc"),
        ("AWS_CSM_ENABLED", "true"),
        ("AWS_ENDPOINT_URL_S3", "::"),
        ("AWS_CONFIG_FILE", "BROKEN"),
        ("AWS_SHARED_CREDENTIALS_FILE", "BROKEN"),
        ("AWS_DATA_PATH", "/no/such/folder"),
        ("HOME", "HOME"),
    ],
)
@pytest.mark.usefixtures("new_session")
def test_a_malformed_value_of_the_machine_is_not_looked_at(
    r2_rig: SeaweedRig,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    value: str,
) -> None:
    folder = tmp_path / ".aws"
    folder.mkdir()
    for file in ("config", "credentials"):
        (folder / file).write_text("[[[broken")
    monkeypatch.setenv(name, {"BROKEN": str(folder / "config"), "HOME": str(tmp_path)}.get(value, value))
    monkeypatch.setenv("AWS_CSM_PORT", "abc")
    settings = r2_rig.settings(bucket)
    ObjectWriter(r2.write_client(settings), bucket).put("users/u1/a", b"1", "text/plain")
    client = r2.read_client(settings)
    assert Objects(client, bucket).list_all("").frame["key"].tolist() == ["users/u1/a"]
    assert client.sdk.meta.config.retries == {"mode": "standard", "total_max_attempts": 3}


def test_what_is_sent_carries_no_checksum_that_was_not_asked_for(
    r2_rig: SeaweedRig, bucket: str, objects: Objects
) -> None:
    client = r2.write_client(r2_rig.settings(bucket))
    sent: list[set[str]] = []
    client.sdk.meta.events.register(
        "before-send.s3", lambda request, **_: sent.append({name.lower() for name in request.headers})
    )
    writer = ObjectWriter(client, bucket)
    writer.put("users/u1/a", b"1", "text/plain")
    writer.put("users/u1/b", os.urandom(9 * 1_048_576), "video/mp4")
    assert len(sent) == 7  # put, look; begin, two parts, complete, look
    for headers in sent:
        assert not {name for name in headers if "checksum" in name or "crc" in name or name == "x-amz-trailer"}


def test_handles_show_no_secret(r2_rig: SeaweedRig) -> None:
    client = r2.read_client(r2_rig.settings("desk", read_is_separate=True))
    assert repr(client) == "R2Client(bucket='desk', token='R2_READ_ACCESS_KEY_ID')"
    assert client.at("desk") is client
    assert repr(client.at("other")) == "R2Client(bucket='other', token='R2_READ_ACCESS_KEY_ID')"
