"""The only code that writes objects: puts, copies inside the bucket, deletes, and aborts of unfinished uploads.

A call that returns proves nothing: the code looks at the object after a put or a copy, and checks the answer for each
key of a batch of deletes, since a 200 for the batch is no proof for its keys. The number of batches in flight falls
when the store asks to slow down and rises slowly when it answers again.

The store copies objects beyond the size of one copy in parts. This module does that itself, because the SDK's transfer
manager also asks for tags and annotations, which R2 does not have.
"""

from __future__ import annotations

import hashlib
import io
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from storage.actions.object_conditions import NOTHING, Conditions, Dialect, Expected, Write, copy_condition
from storage.clients.r2 import R2Client, batch_of, upload
from storage.clients.r2_errors import code_of, told, wait_asked, was_retried
from storage.clients.r2_listing import DELETED_KEYS
from storage.clients.threads import ContextThreads
from storage.domain.documents import MultipartUpload, ObjectInfo
from storage.errors import (
    BadCredentials,
    BadInput,
    ClockSkew,
    NotFound,
    Stale,
    StorageError,
    Throttled,
    Unreachable,
    Unusable,
)
from storage.repositories.object_listing import check_key
from storage.repositories.objects import Objects

_KEPT = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Metadata")


LANES = 8  # at 25 ms a request 8 lanes keep one process busy; more only wait for that process
BATCH_KEYS = 1_000  # the store refuses more
ROUNDS = 5  # the most tries for a throttled or faulty key
FIRST_PAUSE_SECONDS = 0.5
THREADS = 16  # for single keys
_NOT_XML = re.compile("[\x00-\x1f\ufffe\uffff]")
_ONE_BY_ONE = frozenset({"NotImplemented", "InvalidRequest", "MalformedXML", "501"})
PART_BYTES = 8 * 1_048_576
SINGLE_LIMIT_BYTES = 5 * 1_073_741_824 - 1  # "just under 5 GiB": the limit of one put or one copy
COPY_PART_BYTES = 512 * 1_048_576  # 10,000 parts of this size are 4.9 TiB, the largest possible object


def kept_headers(head: Mapping[str, Any]) -> dict[str, Any]:
    """The headers that a copy takes from its source's HEAD answer; a multipart upload does not copy them by itself."""
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

    `condition` says what the copy may overwrite; the store checks it when the upload is completed. Returns the answer
    to that call: empty where the answer was lost but the upload was completed.
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
        except NotFound as gone:  # the first attempt completed it, and its answer was lost; the caller checks the copy
            if not was_retried(gone):
                raise
            return {}
    except BaseException:
        with suppress(NotFound):
            client.call("abort_multipart_upload", target_key, **upload)
        raise


class AdaptiveConcurrency:
    """A limit on simultaneous batches: halved when the store is busy, raised by one after each good batch."""

    def __init__(self, most: int = LANES) -> None:
        self._most = self._limit = most
        self._active = 0
        self._free = threading.Condition()

    @property
    def limit(self) -> int:
        """How many may run now."""
        return self._limit

    @contextmanager
    def lane(self) -> Iterator[None]:
        """Waits for a free lane, and returns it at the end of the block."""
        with self._free:
            self._free.wait_for(lambda: self._active < self._limit)
            self._active += 1
        try:
            yield
        finally:
            with self._free:
                self._active -= 1
                self._free.notify_all()

    def slower(self) -> None:
        """Lowers the limit after the store asked to slow down."""
        with self._free:
            self._limit = max(1, self._limit // 2)

    def faster(self) -> None:
        """Raises the limit after a good batch."""
        with self._free:
            self._limit = min(self._most, self._limit + 1)
            self._free.notify_all()


@dataclass(frozen=True, slots=True)
class DeleteFailure:
    """One key that still exists, as far as known: the store's code (or `not_tried`), and the error behind it."""

    key: str
    code: str
    error: StorageError

    @property
    def message(self) -> str:
        return self.error.message


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """The outcome of every key: each is in exactly one of the three lists.

    `deleted`: the store said so. It says so also for keys that never existed, so this does not count objects.
    `failed`: refused, or never tried (`not_tried`) because of `error`. `unknown`: the answer was lost or left the
    key out; the object may be gone. A listing afterwards shows it.
    """

    deleted: tuple[str, ...] = ()
    failed: tuple[DeleteFailure, ...] = ()
    unknown: tuple[str, ...] = ()
    error: StorageError | None = None

    @property
    def complete(self) -> bool:
        """Whether the store confirmed every key."""
        return not self.failed and not self.unknown

    def first_error(self) -> StorageError | None:
        """The reason why a key was not confirmed, or `None` when all were."""
        if self.complete:
            return None
        if self.error is not None:
            return self.error
        return self.failed[0].error if self.failed else _left_out()


def delete_keys(client: R2Client, keys: Sequence[str], sleep: Callable[[float], None]) -> DeleteResult:
    """Deletes `keys` (checked, without repeats). Never raises for a backend's error: the result holds it.

    The first batch goes alone, so that a refused token is refused once; the others run at the same time, fewer of them
    as soon as the store asks to slow down.
    """
    run = _Run(client, sleep)
    plain = [key for key in keys if _fits_xml(key)]
    batches = [plain[start : start + BATCH_KEYS] for start in range(0, len(plain), BATCH_KEYS)]
    done = [run.delete(batches[0])] if batches else []
    if run.one_by_one or len(batches) < 3:
        done += [run.delete(batch) for batch in batches[1:]]
    else:
        with ContextThreads(max_workers=LANES) as threads:
            done += threads.map(run.delete, batches[1:])
    run.one_by_one = True
    done.append(run.delete([key for key in keys if not _fits_xml(key)]))
    return DeleteResult(
        tuple(key for part in done for key in part.deleted),
        tuple(failure for part in done for failure in part.failed),
        tuple(key for part in done for key in part.unknown),
        run.error,
    )


def _fits_xml(key: str) -> bool:
    """Whether a batch, which is XML, carries the key unchanged; control characters would be lost."""
    return _NOT_XML.search(key) is None


def _left_out() -> Unusable:
    return Unusable(
        "The store's answer to a deletion leaves out keys of the request.",
        remedy="List what is there now, then delete the rest.",
        operation="delete_objects",
    )


class _Run:
    """The state that all batches share: whether batches work with this store, their limit, and why the run stopped."""

    def __init__(self, client: R2Client, sleep: Callable[[float], None]) -> None:
        self.client = client
        self.sleep = sleep
        self.lanes = AdaptiveConcurrency()
        self.error: StorageError | None = None
        self.one_by_one = False

    def delete(self, keys: list[str]) -> _Batch:
        """Deletes at most one batch of keys."""
        batch = _Batch(self)
        batch.delete(keys)
        return batch


class _Batch:
    """The outcome of the keys of one batch."""

    def __init__(self, run: _Run) -> None:
        self.deleted: list[str] = []
        self.failed: list[DeleteFailure] = []
        self.unknown: list[str] = []
        self._run = run

    def delete(self, keys: list[str]) -> None:
        """Deletes keys; tries again, at most `ROUNDS` times, where the store is busy or does not answer."""
        pending: dict[str, StorageError] = {}
        for turn in range(ROUNDS):
            if not keys or self._run.error is not None:
                break
            if turn:
                pause = FIRST_PAUSE_SECONDS * 2 ** (turn - 1) * random.uniform(1.0, 1.5)
                self._run.sleep(max(pause, *map(wait_asked, set(pending.values()))))
            with self._run.lanes.lane():
                if self._run.error is not None:
                    break  # another batch met the error that stops them all
                pending = self._once(keys)
                keys = list(pending)
            if any(isinstance(error, Throttled) for error in pending.values()):
                self._run.lanes.slower()
            elif not pending:
                self._run.lanes.faster()
        for key in keys:
            self._give_up(key, pending.get(key))

    def _give_up(self, key: str, last: StorageError | None) -> None:
        if isinstance(last, Unreachable):
            self.unknown.append(key)
            self._run.error = self._run.error or last
        elif last is not None:
            self._fail(key, last)
        else:
            self._fail(key, self._run.error or _left_out(), "not_tried")

    def _once(self, keys: list[str]) -> dict[str, StorageError]:
        """One attempt for each key; returns the keys that deserve another, with the reason."""
        if not self._run.one_by_one:
            try:
                return self._batch(keys)
            except (Throttled, Unreachable) as error:
                return dict.fromkeys(keys, error)
            except StorageError as error:
                if code_of(error) not in _ONE_BY_ONE:
                    return self._stop(keys, error)
                self._run.one_by_one = True
        return self._one_by_one(keys)

    def _batch(self, keys: list[str]) -> dict[str, StorageError]:
        with batch_of(keys):
            first = {"Objects": [{"Key": keys[0]}]}  # for the SDK's check; the body that is sent names all keys
            reply = self._run.client.call("delete_objects", f"{len(keys)} objects", Delete=first)
        gone = {*reply.get(DELETED_KEYS, ()), *(item.get("Key") for item in reply.get("Deleted", []))}
        errors = {item.get("Key"): str(item.get("Code") or "") for item in reply.get("Errors", [])}
        again: dict[str, StorageError] = {}
        for key in keys:
            if key in errors:
                error = told(errors[key], "delete_objects", key, self._run.client.variables)
                if error.retryable:
                    again[key] = error
                elif errors[key] == "NoSuchKey":
                    self.deleted.append(key)
                else:
                    self._fail(key, error, errors[key])
            elif key in gone:
                self.deleted.append(key)
            else:
                self.unknown.append(key)
        return again

    def _one_by_one(self, keys: list[str]) -> dict[str, StorageError]:
        again: dict[str, StorageError] = {}
        with ContextThreads(max_workers=THREADS) as threads:
            for key, error in zip(keys, threads.map(self._single, keys), strict=True):
                if error is None or isinstance(error, NotFound):
                    self.deleted.append(key)
                elif error.retryable:
                    again[key] = error
                else:
                    self._fail(key, error)
                    if isinstance(error, BadCredentials | ClockSkew) or code_of(error) == "NoSuchBucket":
                        self._run.error = error
        return again

    def _single(self, key: str) -> StorageError | None:
        try:
            self._run.client.call("delete_object", key, Key=key)
        except StorageError as error:
            return error
        return None

    def _stop(self, keys: list[str], error: StorageError) -> dict[str, StorageError]:
        """Records that the store refused a whole batch: its keys failed, and further batches would be refused too."""
        self._run.error = error
        for key in keys:
            self._fail(key, error)
        return {}

    def _fail(self, key: str, error: StorageError, code: str = "") -> None:
        self.failed.append(DeleteFailure(key, code or code_of(error) or error.code, error))


class ObjectWriter:
    """Writing access to one bucket, from `storage.clients.r2.write_client`.

    `single_limit_bytes` is the limit of one copy, `copy_part_bytes` the size of the parts beyond it; `sleep` waits when
    the store asks to slow down.
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
        """Stores the source's bytes (of a stream: from its position) and returns the object as HEAD then shows it.

        Streamed; above 8 MiB in parts. `metadata` is ASCII. `expected` demands exactly that object at the key, and
        `if_none_match` demands none: else `Stale`, and nothing is changed. Both need a source of known size under
        5 GiB, sent in one piece. Where the store keeps no preconditions, a look before the write checks `expected`.
        `Stale` also where another writer's object is at the key right after; it is left alone.
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
        """Stores an empty object whose name is its whole content; does not look at it afterwards."""
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
            # When the answer to a first attempt was lost, the second attempt meets the first one's object.
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

        The source must not change meanwhile, and must have `source_etag` where that is given (else `Stale`).
        `Unusable` where the copy's size, type, metadata or, where comparable, ETag differ from the source's. The copy
        overwrites what is at `target_key`; with `expected` only exactly that object, else `Stale`, and nothing is
        changed. Where the store keeps no preconditions, a look before the copy checks it. `Stale` also where another
        writer's object is there right after; it is left alone. After a `Stale` the caller looks again: the copy may be
        there although its answer was lost.
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
            raise _differs(target_key, "The copy differs from its source.")
        return copied

    def delete(self, keys: Iterable[str]) -> DeleteResult:
        """Deletes the keys; returns the outcome of each (`DeleteResult`). Raises only `BadInput`, before it begins."""
        wanted = list(dict.fromkeys(check_key(key) for key in keys))
        return delete_keys(self._client, wanted, self._sleep)

    def delete_seen(self, key: str, etag: str) -> None:
        """Deletes the object with this ETag; `Stale` where another is there, which stays. A missing one counts as done.

        Where the store keeps no precondition for it, a look before the deletion checks the ETag.
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
        except Stale:  # also for an object that is gone, perhaps by an attempt whose answer was lost
            if self._objects.head(key) is not None:
                raise

    def abort_upload(self, upload: MultipartUpload) -> bool:
        """Ends an unfinished upload and frees its parts; false where it no longer existed."""
        try:
            self._client.call("abort_multipart_upload", upload.key, Key=upload.key, UploadId=upload.upload_id)
        except NotFound:
            return False
        return True

    def _head(self, key: str) -> ObjectInfo:
        info = self._objects.head(key)
        if info is None:
            raise NotFound(f"The object to copy does not exist: {key!r}.", operation="copy_object", target=key)
        return info

    def _look_for(self, key: str, expected: Expected) -> None:
        """The substitute where the store keeps no precondition: this look misses what is written after it."""
        if not expected.met_by(self._objects.head(key)):
            raise _another(key, "head_object")

    def _as_stored(self, key: str, size: int, written: str = "") -> ObjectInfo:
        """The object as HEAD shows it; `written` is the ETag in the store's answer to the write, where it gave one."""
        info = self._objects.head(key)
        if written and info is not None and info.etag != written:
            raise _another(key, "head_object")
        if info is None or info.size_bytes != size:
            raise _differs(key, "The store holds something other than what was sent.")
        return info


class _Counted:
    """A stream without seek that counts the bytes read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        """As the stream's own method."""
        data = self._stream.read(size)
        self.count += len(data)
        return data


def _bytes_left(stream: BinaryIO) -> int | None:
    """How many bytes are left; `None` where the stream cannot say."""
    if not stream.seekable():
        return None
    here = stream.tell()
    end = stream.seek(0, io.SEEK_END)
    stream.seek(here)
    return end - here


def md5_of(stream: BinaryIO) -> str:
    """The ETag that the store gives to an object that is put in one piece, from the stream's position."""
    digest = hashlib.md5(usedforsecurity=False)
    while piece := stream.read(PART_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def _etag(reply: Mapping[str, Any]) -> str:
    return str(reply.get("ETag") or "").strip('"')


def _another(key: str, operation: str) -> Stale:
    return Stale(
        "Another writer changed the object meanwhile; it was left as it is.",
        reasons=[f"object {key}"],
        remedy="Look at the object again, then decide.",
        operation=operation,
        target=key,
    )


def _differs(key: str, message: str) -> Unusable:
    return Unusable(
        message,
        remedy="Another writer may have used the same key. Look at the object, then try again.",
        operation="put_object",
        target=key,
    )
