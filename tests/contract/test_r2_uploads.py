"""Unfinished uploads: found with when they began, and aborted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from storage.actions.objects import ObjectWriter
from storage.domain.documents import MultipartUpload
from storage.errors import AccessDenied
from storage.repositories.objects import Objects
from tests.rigs.http_faults import Answer, FaultProxy
from tests.rigs.seaweed import SeaweedRig


def begin_upload(writer: ObjectWriter, key: str) -> str:
    """An upload with one part and no end."""
    begun = writer._client.call("create_multipart_upload", key, Key=key)
    writer._client.call("upload_part", key, Key=key, UploadId=begun["UploadId"], PartNumber=1, Body=b"part")
    return str(begun["UploadId"])


def test_unfinished_uploads_are_found_under_their_prefix_with_when_they_began(
    r2_rig: SeaweedRig, bucket: str, writer: ObjectWriter, objects: Objects
) -> None:
    keys = ["users/u1/v1/clips/é +.mp4", "users/u1/v2/b.mp4", "users/u10/v1/c.mp4"]
    begun = {key: begin_upload(writer, key) for key in keys}
    found = objects.multipart_uploads("users/u1/")
    assert (found.complete, found.error, found.reads) == (True, None, 1)
    assert {upload.key: upload.upload_id for upload in found.uploads} == {key: begun[key] for key in keys[:2]}
    now = datetime.now(UTC)
    for upload in found.uploads:
        assert upload.initiated_at is not None
        assert now - timedelta(minutes=5) < upload.initiated_at < now + timedelta(minutes=5)
    assert len(objects.multipart_uploads("").uploads) == 3


def test_unfinished_uploads_of_several_pages_are_all_found(
    r2_rig: SeaweedRig, bucket: str, writer: ObjectWriter, monkeypatch: pytest.MonkeyPatch, objects: Objects
) -> None:
    monkeypatch.setattr("storage.repositories.object_listing.PAGE_KEYS", 2)
    ids = {begin_upload(writer, f"users/u1/v1/{n}.mp4") for n in range(5)}
    found = objects.multipart_uploads("users/u1/")
    assert ({upload.upload_id for upload in found.uploads}, found.reads) == (ids, 3)


def test_a_failing_listing_of_uploads_is_not_an_empty_one(far_objects: Objects, proxy: FaultProxy) -> None:
    proxy.on(Answer(403, "AccessDenied"))
    found = far_objects.multipart_uploads("users/u1/")
    assert (found.uploads, found.complete, type(found.error)) == ((), False, AccessDenied)


def test_sample_data_can_hold_an_upload_and_an_object_that_are_days_old(
    r2_rig: SeaweedRig, bucket: str, writer: ObjectWriter, objects: Objects
) -> None:
    old = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    upload = MultipartUpload("users/u1/v1/old.mp4", begin_upload(writer, "users/u1/v1/old.mp4"), None)
    r2_rig.process.backdate_upload(bucket, upload, old)
    assert objects.multipart_uploads("").uploads == (MultipartUpload(upload.key, upload.upload_id, old),)
    writer.put("users/u1/v1/a é.jpg", b"picture", "image/jpeg")
    r2_rig.process.backdate_object(bucket, "users/u1/v1/a é.jpg", old)
    assert objects.list_all("").frame["last_modified"].tolist() == [pd.Timestamp(old)]
    assert objects.get_bytes("users/u1/v1/a é.jpg", 100) == b"picture"
    assert writer.abort_upload(upload)
    assert objects.multipart_uploads("").uploads == ()
    assert not writer.abort_upload(MultipartUpload(upload.key, "never-begun", None))
