"""Preconditions on writes of objects, and a test of whether the store keeps them, on objects of the desk's own.

A store that does not know a precondition answers 200 and overwrites. So before the desk relies on one, it tries a
write below `_ops/health/` that the store must refuse: once for each kind of write, store and process.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

from storage.clients.r2 import R2Client
from storage.clients.r2_conditions import copy_destination
from storage.domain.documents import ObjectInfo
from storage.domain.layout import OPS_PREFIX
from storage.errors import Stale, StorageError, Unusable

Write = Literal["put", "copy", "complete", "delete"]
"""A put, a copy inside the bucket, the end of a multipart upload, the deletion of one key."""
Dialect = Literal["both", "s3", "r2", "none"]
"""The headers that the store keeps for a write: S3's, R2's own for copies, both sent at once, or none at all."""

NO_OBJECTS_ETAG = "0" * 32

_DIALECTS: Final[Mapping[Write, tuple[Dialect, ...]]] = {
    "put": ("s3",),
    "copy": ("both", "r2", "s3"),
    "complete": ("s3",),
    "delete": ("s3",),
}
_known: dict[tuple[str, str, Write, bool], Dialect] = {}  # kept by the process, since each change opens new writers
_looking = threading.Lock()


@dataclass(frozen=True, slots=True)
class Expected:
    """What a write expects at a key: the object with this ETag, or no object (`None`)."""

    etag: str | None

    def met_by(self, there: ObjectInfo | None) -> bool:
        """Whether the object there is the expected one."""
        return (there.etag if there else None) == self.etag

    @property
    def headers(self) -> dict[str, str]:
        return {"if_none_match": "*"} if self.etag is None else {"if_match": f'"{self.etag}"'}

    @property
    def parameters(self) -> dict[str, str]:
        """The precondition in the SDK's form."""
        return {"IfNoneMatch": "*"} if self.etag is None else {"IfMatch": f'"{self.etag}"'}


NOTHING: Final = Expected(None)


class Conditions:
    """Which preconditions one store keeps."""

    def __init__(self, client: R2Client) -> None:
        self._client = client

    def dialect(self, write: Write, expected: Expected) -> Dialect:
        """The headers for the precondition, `none` where the store does not keep it. Raises what prevents the test."""
        known = (self._client.endpoint, self._client.bucket, write, expected.etag is None)
        with _looking:
            if known not in _known:
                _known[known] = self._seen(write, expected)
            return _known[known]

    def kept(self) -> dict[str, bool]:
        """Whether the store keeps each precondition that repairs and undos rely on, by its name."""
        wrong = Expected(NO_OBJECTS_ETAG)
        asked: dict[str, tuple[Write, Expected]] = {
            "put over nothing": ("put", NOTHING),
            "put over what was seen": ("put", wrong),
            "copy over nothing": ("copy", NOTHING),
            "copy over what was seen": ("copy", wrong),
            "delete what was seen": ("delete", wrong),
        }
        return {name: self.dialect(*pair) != "none" for name, pair in asked.items()}

    def _seen(self, write: Write, like: Expected) -> Dialect:
        expected = NOTHING if like.etag is None else Expected(NO_OBJECTS_ETAG)
        key = f"{OPS_PREFIX}health/condition-{secrets.token_hex(8)}"
        source = f"{key}-source"
        try:
            for name in (key, source) if write == "copy" else (key,):
                self._client.call("put_object", name, Key=name, Body=b"canary", ContentType="text/plain")
            for dialect in _DIALECTS[write]:
                try:
                    _TRIES[write](self._client, key, expected, dialect)
                except Stale:
                    return dialect
                except Unusable:
                    continue  # the store does not accept this header; it may accept another
                if dialect == "both":
                    break  # the store accepted the write and kept no precondition
            return "none"
        finally:
            for name in (key, source) if write == "copy" else (key,):
                with suppress(StorageError):  # a few bytes of the desk's own; the answer matters more
                    self._client.call("delete_object", name, Key=name)


@contextmanager
def copy_condition(expected: Expected, dialect: Dialect) -> Iterator[dict[str, str]]:
    """Gives a copy within the block its precondition; yields the SDK's parameters for it."""
    with copy_destination(**expected.headers) if dialect in {"both", "r2"} else nullcontext():
        yield expected.parameters if dialect in {"both", "s3"} else {}


def _try_put(client: R2Client, key: str, expected: Expected, dialect: Dialect) -> None:
    client.call("put_object", key, Key=key, Body=b"other", **expected.parameters)


def _try_copy(client: R2Client, key: str, expected: Expected, dialect: Dialect) -> None:
    with copy_condition(expected, dialect) as parameters:
        source = {"Bucket": client.bucket, "Key": f"{key}-source"}
        client.call("copy_object", key, Key=key, CopySource=source, **parameters)


def _try_complete(client: R2Client, key: str, expected: Expected, dialect: Dialect) -> None:
    upload: dict[str, Any] = {"Key": key, "UploadId": client.call("create_multipart_upload", key, Key=key)["UploadId"]}
    try:
        part = client.call("upload_part", key, PartNumber=1, Body=b"other", **upload)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        client.call("complete_multipart_upload", key, MultipartUpload=parts, **expected.parameters, **upload)
    except StorageError:
        with suppress(StorageError):
            client.call("abort_multipart_upload", key, **upload)
        raise


def _try_delete(client: R2Client, key: str, expected: Expected, dialect: Dialect) -> None:
    client.call("delete_object", key, Key=key, **expected.parameters)


_TRIES: Final[Mapping[Write, Callable[[R2Client, str, Expected, Dialect], None]]] = {
    "put": _try_put,
    "copy": _try_copy,
    "complete": _try_complete,
    "delete": _try_delete,
}
