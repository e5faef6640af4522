"""Copies of objects beyond what one copy may carry: part by part, on the store's side.

Written out rather than left to the SDK's transfer manager, whose copy in parts also asks for tags and annotations,
which R2 does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storage.clients.r2 import R2Client
from storage.domain.model import ObjectInfo

_KEPT = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Metadata")


def kept_headers(head: Mapping[str, Any]) -> dict[str, Any]:
    """What a copy takes over from its source, out of the answer to HEAD; an upload in parts starts without it."""
    return {name: head[name] for name in _KEPT if head.get(name)}


def copy_in_parts(
    client: R2Client, source: ObjectInfo, target_key: str, headers: Mapping[str, Any], part_bytes: int
) -> None:
    """Copies `source` to `target_key`; every part demands the source's ETag. Aborts the upload when a part fails."""
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
        client.call("complete_multipart_upload", target_key, MultipartUpload={"Parts": parts}, **upload)
    except BaseException:
        client.call("abort_multipart_upload", target_key, **upload)
        raise
