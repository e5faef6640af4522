"""What the R2 contract runs on: the store, a bucket for each test, handles on it, a proxy with faults, awkward keys."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from storage.actions.objects import ObjectWriter
from storage.clients import r2
from storage.clients.threads import ContextThreads
from storage.repositories.objects import Objects
from tests.rigs.http_faults import FaultProxy
from tests.rigs.seaweed import SeaweedRig, rig_of

AWKWARD = [
    f"users/u1/v1/clips/clip_01_1_{unicodedata.normalize('NFC', 'café')}_split.mp4",
    f"users/u1/v1/clips/clip_01_1_{unicodedata.normalize('NFD', 'café')}_split.mp4",
    "users/u1/v1/clips/clip_02_2_с пробелами_split.mp4",
    "users/u1/v1/clips/clip_03_3_a+b%20c%2B_split.mp4",
    "users/u1/v1/clips/clip_04_4_q?x=1&y=#frag_split.mp4",
    "users/u1/v1/clips/clip_05_5_\"quoted\"_'and'_<b>_split.mp4",
    "users/u1/v1/clips/clip_06_6_😀_split.mp4",
    " users/leading blank.txt",
    "users/u1/trailing blank ",
    "users/u1/tab\tnew\nline.txt",
    "users/u1/;:@=$,!*().txt",
]


MANY = 100


def fill(writer: ObjectWriter, keys: list[str], content: bytes = b"12345") -> None:
    """Puts small objects of the same bytes; more than `MANY` of them past the S3 interface (`SeaweedRig.copies`)."""
    straight = keys[: 1 if len(keys) > MANY else None]
    with ContextThreads(max_workers=8) as threads:
        list(threads.map(lambda key: writer._client.call("put_object", key, Key=key, Body=content), straight))
    bucket = writer._client.bucket
    rig_of(bucket).copies(bucket, keys[0], keys[len(straight) :])


@pytest.fixture(scope="session")
def r2_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedRig]:
    """One SeaweedFS for the whole run."""
    rig = SeaweedRig(tmp_path_factory.mktemp("seaweed"))
    yield rig
    rig.stop()


@pytest.fixture
def bucket(r2_rig: SeaweedRig) -> str:
    """An empty bucket of this test's own."""
    return r2_rig.fresh_bucket()


@pytest.fixture(scope="session")
def near(r2_rig: SeaweedRig) -> tuple[r2.R2Client, r2.R2Client]:
    """Handles for reading and for writing, straight to the store; any bucket can be had from them."""
    return r2_rig.reader("desk"), r2_rig.writer("desk")


@pytest.fixture
def objects(near: tuple[r2.R2Client, r2.R2Client], bucket: str) -> Objects:
    """Reading access to the bucket."""
    return Objects(near[0], bucket)


@pytest.fixture
def writer(near: tuple[r2.R2Client, r2.R2Client], bucket: str) -> ObjectWriter:
    """Writing access to it."""
    return ObjectWriter(near[1], bucket)


@pytest.fixture
def proxy(r2_rig: SeaweedRig, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """A proxy with faults in front of the store; the SDK tries again as ever, but does not wait before it does."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    with FaultProxy(r2_rig.endpoint) as faults:
        yield faults


@pytest.fixture
def far_objects(r2_rig: SeaweedRig, bucket: str, proxy: FaultProxy) -> Objects:
    """Reading access through the proxy."""
    return Objects(r2.read_client(r2_rig.settings(bucket, endpoint_url=proxy.endpoint)), bucket)


@pytest.fixture
def far_writer(r2_rig: SeaweedRig, bucket: str, proxy: FaultProxy) -> ObjectWriter:
    """Writing access through the proxy; it does not really wait."""
    settings = r2_rig.settings(bucket, endpoint_url=proxy.endpoint)
    return ObjectWriter(r2.write_client(settings), bucket, sleep=lambda _: None)
