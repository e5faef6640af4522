"""Uploads in parts, by the SDK's own transfer manager, metered for the caller on every thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Protocol

from s3transfer.manager import TransferConfig, TransferManager

from storage.clients.r2 import R2Client

PARTS_AT_ONCE = 4


class Readable(Protocol):
    """All that an upload needs of its source; one that can be sought is read again where a part is tried again."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; none at the end."""


class ContextThreads(ThreadPoolExecutor):
    """Threads that run in a copy of the submitter's context, so that its active meters count what they do."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As the base class, in a copy of the caller's context."""
        return super().submit(copy_context().run, fn, *args, **kwargs)


def upload(client: R2Client, stream: Readable, key: str, extra: Mapping[str, Any], part_bytes: int) -> None:
    """Sends a stream from where it stands; above `part_bytes` in parts, which are aborted when one fails."""
    config = TransferConfig(
        multipart_threshold=part_bytes, multipart_chunksize=part_bytes, max_request_concurrency=PARTS_AT_ONCE
    )
    with (
        client.translated("upload", key),
        TransferManager(client.sdk, config, executor_cls=ContextThreads) as manager,
    ):
        manager.upload(stream, client.bucket, key, extra_args=dict(extra)).result()
