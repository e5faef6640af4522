"""Copies of objects beyond what one copy may carry: part by part, on the store's side.

Written out rather than left to the SDK's transfer manager, whose copy in parts also asks for tags and annotations,
which R2 does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from storage.clients.r2 import R2Client
from storage.clients.r2_errors import was_retried
from storage.domain.model import ObjectInfo
from storage.errors import NotFound

_KEPT = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Metadata")


def kept_headers(head: Mapping[str, Any]) -> dict[str, Any]:
    """What a copy takes over from its source, out of the answer to HEAD; an upload in parts starts without it."""
    return {name: head[name] for name in _KEPT if head.get(name)}


def copy_in_parts(
    client: R2Client,
    source: ObjectInfo,
    target_key: str,
    headers: Mapping[str, Any],
    part_bytes: int,
    condition: Mapping[str, str],
) -> Mapping[str, Any]:
    """Copies `source` to `target_key`; every part demands the source's ETag. Aborts the upload when a part fails.

    `condition` is of what the copy may overwrite, and is the store's to keep as the upload is completed, whose answer
    this gives: empty where it was lost and the upload is completed all the same.
    """
    begun = client.call("create_multipart_upload", target_key, Key=target_key, **headers)
    upload: dict[str, Any] = {"Key": target_key, "UploadId": begun["UploadId"]}
    try:
        parts = []
        for number, start in enumerate(range(0, source.size_bytes, part_bytes), start=1):
            end = min(start + part_bytes, source.size_bytes) - 1
            reply = client.call(
                "upload_part_copy",
                source.key,
                PartNumber=number,
                CopySource={"Bucket": client.bucket, "Key": source.key},
                CopySourceIfMatch=f'"{source.etag}"',
                CopySourceRange=f"bytes={start}-{end}",
                **upload,
            )
            parts.append({"PartNumber": number, "ETag": reply["CopyPartResult"]["ETag"]})
        try:
            return client.call(
                "complete_multipart_upload", target_key, MultipartUpload={"Parts": parts}, **condition, **upload
            )
        except NotFound as gone:  # the first attempt did it, and its answer was lost; the caller looks at the copy
            if not was_retried(gone):
                raise
            return {}
    except BaseException:
        with suppress(NotFound):
            client.call("abort_multipart_upload", target_key, **upload)
        raise
