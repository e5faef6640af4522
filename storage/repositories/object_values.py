"""What reading objects gives back besides frames: descriptions, streams, unfinished uploads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from storage.clients.r2 import R2Client
from storage.domain.documents import MultipartUpload, ObjectInfo
from storage.errors import StorageError, Unusable

CHUNK_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Uploads:
    """Uploads that were begun and neither completed nor aborted.

    `complete` is false when the listing stopped early; `error` then says why. `reads` is the number of pages.
    """

    uploads: tuple[MultipartUpload, ...]
    complete: bool
    read_at: datetime
    reads: int = 0
    error: StorageError | None = None


def object_info(key: str, reply: dict[str, Any]) -> ObjectInfo:
    """What HEAD or GET says about an object; `Unusable` where size or time are missing."""
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


class ObjectStream:
    """One object's bytes in pieces of at most 256 KiB, and what the store says about it.

    Iterating raises `Unreachable` when the bytes end before the announced size: a stream that ended without an error
    was whole. Use it in a `with` block, so that a reader that stops early gives its connection back.
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
        """Gives the connection back; what was not read is dropped."""
        self._body.close()
