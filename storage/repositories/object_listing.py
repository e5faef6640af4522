"""Pages of a listing as typed frames, column by column, since a user can have tens of thousands of keys.

Unfinished uploads, descriptions of objects and streams are values. Arguments (keys, prefixes, lives of URLs) are
checked before any request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from storage.clients.r2 import NOT_XML, R2Client
from storage.clients.r2_listing import COLUMNS, PageColumns
from storage.domain.documents import OBJECTS, MultipartUpload, ObjectInfo, Table
from storage.domain.layout import MAX_KEY_BYTES
from storage.errors import BackendError, BadInput, StorageError, Unusable
from storage.settings.backends import MAX_EXPIRY_SECONDS

CHUNK_BYTES = 262_144
PAGE_KEYS = 1_000  # the store's largest page
Clock = Callable[[], datetime]


def check_key(key: str) -> str:
    """The key unchanged; `BadInput` where no store could hold it: empty, over 1,024 bytes, or not Unicode text."""
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise BadInput("The key holds half a character.", field_name="key", remedy="Copy the key again.") from None
    if not key:
        raise BadInput("The key is empty.", field_name="key", remedy="Give the object's whole key.")
    if length > MAX_KEY_BYTES:
        raise BadInput(
            f"The key has {length:,} bytes; a store holds {MAX_KEY_BYTES:,} at most.",
            field_name="key",
            remedy="Shorten the title part of the key.",
        )
    return key


def check_linkable(key: str) -> str:
    """As `check_key`, and `BadInput` for a segment `.` or `..`: browsers rewrite such a path."""
    check_key(key)
    if not {".", ".."}.isdisjoint(key.split("/")):
        raise BadInput(
            "A key with '.' or '..' between slashes cannot be linked to.",
            field_name="key",
            remedy="Copy the object to a key without them.",
        )
    return key


def check_prefix(prefix: str) -> None:
    """`ValueError` unless the prefix is empty or ends at a segment: `users/u1` would cover `users/u10/` too."""
    if prefix and not prefix.endswith("/"):
        raise ValueError("a prefix must be empty or end with '/'")


def check_expiry(seconds: int) -> int:
    """The life unchanged; `BadInput` outside 1 to 604,800 whole seconds, which the SDK itself does not enforce."""
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= MAX_EXPIRY_SECONDS:
        raise BadInput(
            f"A signed URL lives 1 to {MAX_EXPIRY_SECONDS:,} whole seconds.",
            field_name="expires_seconds",
            remedy="Give a number in that range; minutes are usual.",
        )
    return seconds


def page_frame(columns: PageColumns, prefix: str) -> pd.DataFrame:
    """The page as an `OBJECTS` frame, in the store's order; `Unusable` for an invalid key, size or time."""
    keys = columns.keys
    if not keys:
        return OBJECTS.empty()
    if any(not key for key in keys):
        raise _unusable(prefix, "an object without a key")
    if not all(key.startswith(prefix) for key in keys if key):
        raise _unusable(prefix, "a key outside the prefix that was asked for")
    return pd.DataFrame(
        {
            "key": pd.array(keys, dtype="string"),
            "size_bytes": _sizes(columns.sizes, prefix),
            "etag": pd.array([_bare(etag) for etag in columns.etags], dtype="string"),
            "last_modified": _times(columns.modified, prefix),
            "storage_class": pd.array([name or None for name in columns.storage_classes], dtype="string"),
        }
    )


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All pages as one frame with a plain index."""
    if not frames:
        return OBJECTS.empty()
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _sizes(texts: Sequence[str | None], prefix: str) -> pd.api.extensions.ExtensionArray:
    try:
        return pd.array(np.array([int(text or "") for text in texts], dtype="int64"), dtype="Int64")
    except (ValueError, OverflowError):
        raise _unusable(prefix, "a size that is not a number") from None


def _times(texts: Sequence[str | None], prefix: str) -> pd.Series:
    try:
        stamps = pa.array(texts, type=pa.string()).cast(pa.timestamp("us", tz="UTC"))
    except pa.ArrowInvalid:
        raise _unusable(prefix, "an invalid time") from None
    if stamps.null_count:
        raise _unusable(prefix, "an object without a time")
    return pd.Series(stamps.to_numpy(zero_copy_only=False).astype("datetime64[us]")).dt.tz_localize("UTC")


def _bare(etag: str | None) -> str | None:
    return etag.strip('"') if etag else None


def _unusable(prefix: str, what: str) -> Unusable:
    return Unusable(
        f"The store's listing holds {what}.",
        remedy="Check that R2_ENDPOINT_URL is an R2 endpoint.",
        operation="list_objects_v2",
        target=prefix,
    )


@dataclass(frozen=True, slots=True)
class Uploads:
    """Uploads that were begun, but neither completed nor aborted.

    `complete` is false when the listing stopped early; `error` then says why. `reads` is the number of pages.
    """

    uploads: tuple[MultipartUpload, ...]
    complete: bool
    read_at: datetime
    reads: int = 0
    error: StorageError | None = None


def object_info(key: str, reply: dict[str, Any]) -> ObjectInfo:
    """The description of an object in an answer to HEAD or GET; `Unusable` where size or time are missing."""
    size, modified = reply.get("ContentLength"), reply.get("LastModified")
    if not isinstance(size, int) or not isinstance(modified, datetime):
        raise Unusable(
            "The store's answer lacks the object's size or time.",
            remedy="Check that R2_ENDPOINT_URL is an R2 endpoint.",
            operation="head_object",
            target=key,
        )
    return ObjectInfo(
        key=key,
        size_bytes=size,
        etag=str(reply.get("ETag") or "").strip('"'),
        last_modified=modified.astimezone(UTC),
        content_type=reply.get("ContentType"),
        metadata=dict(reply.get("Metadata") or {}),
    )


@dataclass(frozen=True, slots=True)
class ObjectPart:
    """Some bytes of an object, and the store's description of the whole object."""

    content: bytes
    info: ObjectInfo


class ObjectStream:
    """One object's bytes in pieces of at most 256 KiB, and the store's description of the object.

    Iterating raises `Unreachable` when the bytes end before the announced size: a stream that ended without an error
    was whole. Use it in a `with` block, so that a reader that stops early returns its connection.
    """

    def __init__(self, client: R2Client, body: Any, info: ObjectInfo) -> None:
        self.info = info
        self._client = client
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield from self._client.chunks(self._body, CHUNK_BYTES, self.info.key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Returns the connection; unread bytes are dropped."""
        self._body.close()


def pages(client: R2Client, prefix: str, clock: Clock, start_after: str | None, limit: int | None) -> Iterator[Table]:
    """Pages of at most 1,000 objects, each one billed listing, until the end or `limit` objects. Raises on failure."""
    check_prefix(prefix)
    if limit is not None and limit < 1:
        raise ValueError("limit must be at least 1")
    if _beyond_keys(prefix):
        yield Table(OBJECTS, OBJECTS.empty(), (), True, clock())
        return
    way_on: dict[str, Any] = {"StartAfter": start_after} if start_after else {}
    left = limit
    while left is None or left > 0:
        page, token = _page(client, prefix, clock(), PAGE_KEYS if left is None else min(PAGE_KEYS, left), way_on)
        yield page
        if token is None:
            return
        if token == way_on.get("ContinuationToken"):
            raise _unusable_listing("list_objects_v2", prefix, "goes in a circle")
        way_on = {"ContinuationToken": token}
        left = None if left is None else left - len(page.frame)


def _beyond_keys(prefix: str) -> bool:
    """Whether no store can hold a key below the prefix: Firestore's ids may be longer than any key, and a store refuses
    a request for such a prefix."""
    return len(prefix.encode()) >= MAX_KEY_BYTES


def _page(
    client: R2Client, prefix: str, read_at: datetime, size: int, way_on: dict[str, Any]
) -> tuple[Table, str | None]:
    reply = client.call("list_objects_v2", prefix, Prefix=prefix, MaxKeys=size, **way_on)
    if COLUMNS not in reply:
        raise _unusable_listing("list_objects_v2", prefix, "is not one")
    frame = page_frame(reply[COLUMNS], prefix)
    token = reply.get("NextContinuationToken") if reply.get("IsTruncated") else None
    if reply.get("IsTruncated") and not (token and len(frame)):
        raise _unusable_listing("list_objects_v2", prefix, "stops and does not say how to go on")
    cursor = str(frame["key"].iloc[-1]) if token else None
    return Table(OBJECTS, frame, (), token is None, read_at, reads=1, next_cursor=cursor), token


def everything(client: R2Client, prefix: str, clock: Clock, limit: int | None) -> Table:
    """All pages as one table. A backend that fails on the way leaves it incomplete, with the error; never raises."""
    read_at, found, failed = clock(), list[Table](), None
    try:
        for page in pages(client, prefix, clock, None, limit):
            found.append(page)  # one by one: pages before a failure stay
    except BackendError as error:
        failed = error
    return Table(
        OBJECTS,
        joined([page.frame for page in found]),
        (),
        complete=failed is None and bool(found) and found[-1].complete,
        read_at=read_at,
        reads=len(found),
        error=failed,
        next_cursor=found[-1].next_cursor if found else None,
    )


def folders(client: R2Client, prefix: str) -> tuple[str, ...]:
    """The names that end with '/' directly below the prefix, one billed listing for every 1,000. Raises on failure."""
    return tuple(name for page in folder_pages(client, prefix) for name in page)


def folder_pages(client: R2Client, prefix: str) -> Iterator[list[str]]:
    """As `folders`, page by page, each one billed listing."""
    check_prefix(prefix)
    way_on: dict[str, Any] | None = {}
    while way_on is not None:
        reply = client.call("list_objects_v2", prefix, Prefix=prefix, Delimiter="/", MaxKeys=PAGE_KEYS, **way_on)
        if COLUMNS not in reply:
            raise _unusable_listing("list_objects_v2", prefix, "is not one")
        token = reply.get("NextContinuationToken") if reply.get("IsTruncated") else None
        if token is not None and token == way_on.get("ContinuationToken"):
            raise _unusable_listing("list_objects_v2", prefix, "goes in a circle")
        way_on = None if token is None else {"ContinuationToken": token}
        yield [str(item.get("Prefix")) for item in reply.get("CommonPrefixes", [])]


def unfinished_uploads(client: R2Client, prefix: str, clock: Clock) -> Uploads:
    """Every multipart upload under the prefix that was begun and not ended. As in `everything`, a failure is data."""
    check_prefix(prefix)
    read_at, found, reads, failed = clock(), list[MultipartUpload](), 0, None
    way_on: dict[str, Any] | None = None if _beyond_keys(prefix) else {}
    try:
        while way_on is not None:
            # No EncodingType: stores differ in whether they then encode, and the SDK does not decode this listing.
            reply = client.call("list_multipart_uploads", prefix, Prefix=prefix, MaxUploads=PAGE_KEYS, **way_on)
            reads += 1
            found.extend(_upload(item, prefix) for item in reply.get("Uploads", []))
            before, way_on = way_on, _markers(reply)
            if way_on is not None and (not way_on or way_on == before):
                raise _unusable_listing("list_multipart_uploads", prefix, "stops and does not say how to go on")
    except BackendError as error:
        failed = error
    return Uploads(tuple(found), failed is None, read_at, reads, failed)


def _markers(reply: dict[str, Any]) -> dict[str, Any] | None:
    """The parameters of the next page; `None` after the last."""
    if not reply.get("IsTruncated"):
        return None
    markers = {"KeyMarker": reply.get("NextKeyMarker"), "UploadIdMarker": reply.get("NextUploadIdMarker")}
    return {name: marker for name, marker in markers.items() if marker}


def _upload(item: dict[str, Any], prefix: str) -> MultipartUpload:
    key, upload_id, initiated = item.get("Key"), item.get("UploadId"), item.get("Initiated")
    shown = NOT_XML.sub("\ufffd", prefix)  # XML cannot hold such a character, and stores write this one instead
    if key and shown != prefix and key.startswith(shown) and "\ufffd" not in key[len(shown) :]:
        key = prefix + key[len(shown) :]  # the store compared the keys themselves with the prefix
    if not key or not upload_id or not str(key).startswith(prefix):
        raise _unusable_listing(
            "list_multipart_uploads", prefix, "holds an upload without key or id, or of another prefix"
        )
    return MultipartUpload(key, upload_id, initiated.astimezone(UTC) if isinstance(initiated, datetime) else None)


def _unusable_listing(operation: str, prefix: str, what: str) -> Unusable:
    return Unusable(
        f"The store's listing {what}.",
        remedy="Check that R2_ENDPOINT_URL is an R2 endpoint.",
        operation=operation,
        target=prefix,
    )
