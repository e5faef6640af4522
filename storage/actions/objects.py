"""Writes objects of the bucket: puts, copies inside the bucket, deletes, aborts of unfinished uploads.

Nothing is believed because a call returned: a put and a copy are looked at afterwards, a delete is answered key by
key. Only `storage.actions` opens this, and only where configuration allows writing.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from storage.actions.object_conditions import NOTHING, Conditions, Dialect, Expected, Write, copy_condition
from storage.actions.object_copies import copy_in_parts, kept_headers
from storage.actions.object_deletes import DeleteResult, delete_keys
from storage.clients.r2 import R2Client
from storage.clients.r2_errors import was_retried
from storage.clients.r2_transfer import upload
from storage.domain.model import MultipartUpload, ObjectInfo
from storage.errors import BadInput, NotFound, Stale, Unusable
from storage.repositories.object_checks import check_key
from storage.repositories.objects import Objects

PART_BYTES = 8 * 1_048_576
SINGLE_LIMIT_BYTES = 5 * 1_073_741_824 - 1  # "just under 5 GiB": what one put or one copy may carry
COPY_PART_BYTES = 512 * 1_048_576  # 10,000 parts of this size are 4.9 TiB, the most that an object may have


class ObjectWriter:
    """Writing access to one bucket, from `storage.clients.r2.write_client`.

    `single_limit_bytes` is what one copy may carry, `copy_part_bytes` the size of the parts beyond it, `sleep` how it
    waits when the store asks to slow down.
    """

    def __init__(
        self,
        client: R2Client,
        bucket: str,
        *,
        single_limit_bytes: int = SINGLE_LIMIT_BYTES,
        copy_part_bytes: int = COPY_PART_BYTES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client.at(bucket)
        self._objects = Objects(client, bucket)
        self._single_limit = single_limit_bytes
        self._copy_part = copy_part_bytes
        self._sleep = sleep
        self.conditions = Conditions(self._client)

    def put(
        self,
        key: str,
        source: bytes | Path | BinaryIO,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
        if_none_match: bool = False,
        expected: Expected | None = None,
    ) -> ObjectInfo:
        """Stores the source's bytes (a stream's from where it stands) and returns the object as HEAD then shows it.

        Streamed; above 8 MiB in parts. `metadata` is ASCII. With `expected`, only where just that lies at the key, and
        with `if_none_match` where nothing does: else `Stale`, and nothing is changed. This needs a source of known size
        under 5 GiB, sent in one piece; where the store keeps no conditions, `expected` is only looked for before.
        `Stale` too where somebody else's object lies there right after; it is left.
        `Unusable` where the stored size is not the size that was sent.
        """
        check_key(key)
        extra = {"ContentType": content_type, "Metadata": dict(metadata or {})}
        expected = NOTHING if if_none_match else expected
        if isinstance(source, bytes):
            return self._put_stream(key, io.BytesIO(source), extra, expected)
        if isinstance(source, Path):
            with source.open("rb") as stream:
                return self._put_stream(key, stream, extra, expected)
        return self._put_stream(key, source, extra, expected)

    def mark(self, key: str) -> None:
        """Stores an empty object whose name is all that it says; it is not looked at afterwards."""
        check_key(key)
        self._client.call("put_object", key, Key=key, Body=b"", ContentType="application/octet-stream")

    def _put_stream(self, key: str, stream: BinaryIO, extra: dict[str, Any], expected: Expected | None) -> ObjectInfo:
        size = _bytes_left(stream)
        if expected is not None:
            if size is None or size > self._single_limit:
                raise BadInput(
                    "A put that must not overwrite needs a source of known size under 5 GiB.",
                    field_name="source",
                    remedy="Give a file or bytes.",
                )
            return self._put_expected(key, stream, size, extra, expected)
        if size is not None and size <= PART_BYTES:
            self._client.call("put_object", key, Key=key, Body=stream, **extra)
            return self._as_stored(key, size)
        counted = _Counted(stream)
        upload(self._client, counted if size is None else stream, key, extra, PART_BYTES)
        return self._as_stored(key, counted.count if size is None else size)

    def _put_expected(
        self, key: str, stream: BinaryIO, size: int, extra: dict[str, Any], expected: Expected
    ) -> ObjectInfo:
        kept = self.conditions.dialect("put", expected) != "none"
        if not kept:
            self._look_for(key, expected)
        start = stream.tell()
        try:
            condition = expected.parameters if kept else {}
            reply = self._client.call("put_object", key, Key=key, Body=stream, **condition, **extra)
        except Stale as stale:
            # When the answer to a first attempt was lost, the second one meets what the first one wrote.
            stream.seek(start)
            there = self._objects.head(key) if was_retried(stale) else None
            if there is None or there.etag != md5_of(stream):
                raise
            return there
        return self._as_stored(key, size, written=_etag(reply))

    def copy(
        self, source_key: str, target_key: str, *, source_etag: str | None = None, expected: Expected | None = None
    ) -> ObjectInfo:
        """Copies inside the bucket, on the store's side, with content type and metadata; returns the copy.

        The source must not change meanwhile, nor be another than `source_etag` where that is given (`Stale`).
        `Unusable` where the copy's size, type, metadata or, where comparable, ETag differ from the source's. What lies
        at `target_key` is overwritten; with `expected` only just that, else `Stale`, and nothing is changed. Where the
        store keeps no conditions, that is only looked for before. `Stale` too where somebody else's object lies there
        right after; it is left. After a `Stale`, the caller looks: an answer that was lost leaves the copy there.
        """
        check_key(source_key)
        check_key(target_key)
        if source_key == target_key:
            raise BadInput("Source and target are the same key.", field_name="target_key", remedy="Give another key.")
        source = self._head(source_key)
        if source_etag is not None and source.etag != source_etag:
            raise Stale("The object is not the one that was seen.", operation="copy_object", target=source_key)
        whole = source.size_bytes <= self._single_limit
        write: Write = "copy" if whole else "complete"
        dialect: Dialect = "none" if expected is None else self.conditions.dialect(write, expected)
        if expected is not None and dialect == "none":
            self._look_for(target_key, expected)
        with copy_condition(expected or NOTHING, dialect) as condition:
            if whole:
                reply = self._client.call(
                    "copy_object",
                    source_key,
                    Key=target_key,
                    CopySource={"Bucket": self._client.bucket, "Key": source_key},
                    CopySourceIfMatch=f'"{source.etag}"',
                    MetadataDirective="COPY",
                    **condition,
                )
                written = _etag(reply.get("CopyObjectResult") or {})
            else:
                headers = kept_headers(self._client.call("head_object", source_key, Key=source_key))
                written = _etag(copy_in_parts(self._client, source, target_key, headers, self._copy_part, condition))
        copied = self._as_stored(target_key, source.size_bytes, written="" if expected is None else written)
        same = (copied.content_type, copied.metadata) == (source.content_type, source.metadata)
        comparable = whole and "-" not in source.etag + copied.etag
        if not same or (comparable and copied.etag != source.etag):
            raise _differs(target_key, "The copy is not like its source.")
        return copied

    def delete(self, keys: Iterable[str]) -> DeleteResult:
        """Deletes the keys and answers for each one; see `DeleteResult`. Raises only `BadInput`, before anything."""
        wanted = list(dict.fromkeys(check_key(key) for key in keys))
        return delete_keys(self._client, wanted, self._sleep)

    def delete_seen(self, key: str, etag: str) -> None:
        """Deletes the object of this ETag; `Stale` where another lies there, which is left. One that is gone is gone.

        Where the store keeps no condition for it, it is only looked for before.
        """
        seen = Expected(etag)
        kept = self.conditions.dialect("delete", seen) != "none"
        if not kept:
            there = self._objects.head(check_key(key))
            if there is None:
                return
            if not seen.met_by(there):
                raise _another(key, "delete_object")
        try:
            self._client.call("delete_object", key, Key=check_key(key), **(seen.parameters if kept else {}))
        except NotFound:
            return
        except Stale:  # of an object that is gone as well, perhaps by an attempt whose answer was lost
            if self._objects.head(key) is not None:
                raise

    def abort_upload(self, upload: MultipartUpload) -> bool:
        """Ends an unfinished upload and frees its parts; false where it was not there any more."""
        try:
            self._client.call("abort_multipart_upload", upload.key, Key=upload.key, UploadId=upload.upload_id)
        except NotFound:
            return False
        return True

    def _head(self, key: str) -> ObjectInfo:
        info = self._objects.head(key)
        if info is None:
            raise NotFound(f"The object to copy is not there: {key!r}.", operation="copy_object", target=key)
        return info

    def _look_for(self, key: str, expected: Expected) -> None:
        """All that can be done where the store keeps no condition: what is written after this look is not seen."""
        if not expected.met_by(self._objects.head(key)):
            raise _another(key, "head_object")

    def _as_stored(self, key: str, size: int, written: str = "") -> ObjectInfo:
        """The object as HEAD shows it; `written` is the ETag that the store gave to what was written, where it did."""
        info = self._objects.head(key)
        if written and info is not None and info.etag != written:
            raise _another(key, "head_object")
        if info is None or info.size_bytes != size:
            raise _differs(key, "What the store holds now is not what was sent.")
        return info


class _Counted:
    """A stream that cannot be sought, counting what is read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        """As the stream's own."""
        data = self._stream.read(size)
        self.count += len(data)
        return data


def _bytes_left(stream: BinaryIO) -> int | None:
    """How many bytes lie ahead; `None` where the stream cannot say."""
    if not stream.seekable():
        return None
    here = stream.tell()
    end = stream.seek(0, io.SEEK_END)
    stream.seek(here)
    return end - here


def md5_of(stream: BinaryIO) -> str:
    """What the store gives as ETag to an object that is put in one piece, from where the stream stands."""
    digest = hashlib.md5(usedforsecurity=False)
    while piece := stream.read(PART_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def _etag(reply: Mapping[str, Any]) -> str:
    return str(reply.get("ETag") or "").strip('"')


def _another(key: str, operation: str) -> Stale:
    return Stale(
        "Somebody else wrote the object meanwhile; it was left as it is.",
        reasons=[f"object {key}"],
        remedy="Look at the object again, then decide.",
        operation=operation,
        target=key,
    )


def _differs(key: str, message: str) -> Unusable:
    return Unusable(
        message,
        remedy="Another writer may have been at the same key. Look at the object, then try again.",
        operation="put_object",
        target=key,
    )
