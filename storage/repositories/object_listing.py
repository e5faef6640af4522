"""Listings page by page: objects as tables of the declared schema, unfinished uploads as values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from storage.clients.r2 import NOT_XML, R2Client
from storage.clients.r2_listing import COLUMNS
from storage.domain.documents import OBJECTS, MultipartUpload, Table
from storage.domain.layout import MAX_KEY_BYTES
from storage.errors import BackendError, Unusable
from storage.repositories.object_checks import check_prefix
from storage.repositories.object_frames import joined, page_frame
from storage.repositories.object_values import Uploads

PAGE_KEYS = 1_000  # the most that the store gives at once

Clock = Callable[[], datetime]


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
            raise _unusable("list_objects_v2", prefix, "goes in a circle")
        way_on = {"ContinuationToken": token}
        left = None if left is None else left - len(page.frame)


def _beyond_keys(prefix: str) -> bool:
    """Whether no store can hold a key below the prefix: Firestore's ids may be longer than any key, and a store that is
    asked for such a prefix refuses the question."""
    return len(prefix.encode()) >= MAX_KEY_BYTES


def _page(
    client: R2Client, prefix: str, read_at: datetime, size: int, way_on: dict[str, Any]
) -> tuple[Table, str | None]:
    reply = client.call("list_objects_v2", prefix, Prefix=prefix, MaxKeys=size, **way_on)
    if COLUMNS not in reply:
        raise _unusable("list_objects_v2", prefix, "is not one")
    frame = page_frame(reply[COLUMNS], prefix)
    token = reply.get("NextContinuationToken") if reply.get("IsTruncated") else None
    if reply.get("IsTruncated") and not (token and len(frame)):
        raise _unusable("list_objects_v2", prefix, "breaks off without a way on")
    cursor = str(frame["key"].iloc[-1]) if token else None
    return Table(OBJECTS, frame, (), token is None, read_at, reads=1, next_cursor=cursor), token


def everything(client: R2Client, prefix: str, clock: Clock, limit: int | None) -> Table:
    """All pages as one table. A backend that fails on the way leaves it incomplete, with the error; nothing raises."""
    read_at, found, failed = clock(), list[Table](), None
    try:
        for page in pages(client, prefix, clock, None, limit):
            found.append(page)  # one by one: what came before a failure stays
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
    check_prefix(prefix)
    found: list[str] = []
    way_on: dict[str, Any] = {}
    while True:
        reply = client.call("list_objects_v2", prefix, Prefix=prefix, Delimiter="/", MaxKeys=PAGE_KEYS, **way_on)
        if COLUMNS not in reply:
            raise _unusable("list_objects_v2", prefix, "is not one")
        found.extend(str(item.get("Prefix")) for item in reply.get("CommonPrefixes", []))
        token = reply.get("NextContinuationToken") if reply.get("IsTruncated") else None
        if token is None:
            return tuple(found)
        if token == way_on.get("ContinuationToken"):
            raise _unusable("list_objects_v2", prefix, "goes in a circle")
        way_on = {"ContinuationToken": token}


def unfinished_uploads(client: R2Client, prefix: str, clock: Clock) -> Uploads:
    """Every multipart upload under the prefix that was begun and not ended. As `everything`, a failure is data."""
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
                raise _unusable("list_multipart_uploads", prefix, "breaks off without a way on")
    except BackendError as error:
        failed = error
    return Uploads(tuple(found), failed is None, read_at, reads, failed)


def _markers(reply: dict[str, Any]) -> dict[str, Any] | None:
    """The parameters of the next page; `None` behind the last."""
    if not reply.get("IsTruncated"):
        return None
    markers = {"KeyMarker": reply.get("NextKeyMarker"), "UploadIdMarker": reply.get("NextUploadIdMarker")}
    return {name: marker for name, marker in markers.items() if marker}


def _upload(item: dict[str, Any], prefix: str) -> MultipartUpload:
    key, upload_id, initiated = item.get("Key"), item.get("UploadId"), item.get("Initiated")
    shown = NOT_XML.sub("\ufffd", prefix)  # XML has no way to write such a character, and stores put this in its place
    if key and shown != prefix and key.startswith(shown) and "\ufffd" not in key[len(shown) :]:
        key = prefix + key[len(shown) :]  # the store compared the keys themselves with the prefix
    if not key or not upload_id or not str(key).startswith(prefix):
        raise _unusable("list_multipart_uploads", prefix, "holds an upload without key or id, or of another prefix")
    return MultipartUpload(key, upload_id, initiated.astimezone(UTC) if isinstance(initiated, datetime) else None)


def _unusable(operation: str, prefix: str, what: str) -> Unusable:
    return Unusable(
        f"The store's listing {what}.",
        remedy="Check that R2_ENDPOINT_URL is an R2 endpoint.",
        operation=operation,
        target=prefix,
    )
