"""Reads objects of the bucket: listings as frames, single objects, signed and public URLs. Changes nothing.

Presence has three answers here: an object, `None` (or `NotFound`) where the store proved its absence, and a
`BackendError` where nothing is known. A 404 without a code is said of a missing object and of a missing bucket alike,
so absence counts only once the bucket itself has answered through this handle.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from storage.clients.r2 import R2Client
from storage.clients.r2_errors import timed_out
from storage.config import MAX_EXPIRY_SECONDS
from storage.domain.documents import ObjectInfo, SignedUrl, Table
from storage.domain.layout import encode_key
from storage.errors import AccessDenied, NotFound, Unreachable, Unusable
from storage.repositories import object_listing
from storage.repositories.object_checks import check_expiry, check_key, check_linkable, check_prefix
from storage.repositories.object_disposition import content_disposition
from storage.repositories.object_values import ObjectStream, Uploads, object_info


def utc_now() -> datetime:
    """The clock unless another is given: aware, UTC."""
    return datetime.now(UTC)


class Objects:
    """Reading access to one bucket. `clock` is asked when a listing begins and when a URL is signed."""

    def __init__(
        self, client: R2Client, bucket: str, *, public_url: str = "", clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._client = client.at(bucket)
        self._public_url = public_url.rstrip("/")
        self._clock = clock
        self._bucket_answered = False

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._client.bucket

    def list_pages(self, prefix: str, start_after: str | None = None, *, limit: int | None = None) -> Iterator[Table]:
        """Pages of at most 1,000 objects, each one billed listing; raises where a page cannot be had.

        Only the last page is `complete`; the `next_cursor` of the others is the `start_after` that goes on behind
        them. `limit` ends the listing after that many objects. The order is the store's.
        """
        check_prefix(prefix)
        return object_listing.pages(self._client, prefix, self._clock, start_after, limit)

    def list_all(self, prefix: str, *, limit: int | None = None) -> Table:
        """Everything under the prefix (empty, or ending with '/') as one table; `reads` is the number of pages.

        A listing that the backend cuts short, even at its first page, does not raise: the table is then not
        `complete` and carries the `error`. One that stops at `limit` is not complete either, without an error.
        """
        return object_listing.everything(self._client, prefix, self._clock, limit)

    def folders(self, prefix: str) -> tuple[str, ...]:
        """The names that end with '/' directly below the prefix, as the store orders them. Raises on failure."""
        return object_listing.folders(self._client, prefix)

    def multipart_uploads(self, prefix: str) -> Uploads:
        """Unfinished uploads under the prefix; a failure on the way is data, as with `list_all`."""
        return object_listing.unfinished_uploads(self._client, prefix, self._clock)

    def head(self, key: str) -> ObjectInfo | None:
        """The object without its bytes, or `None` where it is proven absent."""
        check_key(key)
        try:
            return object_info(key, self._client.call("head_object", key, Key=key))
        except NotFound:
            self.prove_bucket()
            return None
        except AccessDenied as denied:
            self._explain(denied)
            raise

    def open(self, key: str) -> ObjectStream:
        """The object's bytes as a stream with its description; `NotFound` where it is proven absent."""
        check_key(key)
        try:
            reply = self._client.call("get_object", key, Key=key)
        except NotFound:
            self.prove_bucket()
            raise
        return ObjectStream(self._client, reply["Body"], object_info(key, reply))

    def get_bytes(self, key: str, max_bytes: int) -> bytes:
        """The whole object; `Unusable` above `max_bytes`, `NotFound` where proven absent. Begins anew once if cut."""
        with self._open_small(key, max_bytes) as stream:
            try:
                return b"".join(stream)
            except Unreachable as error:
                if timed_out(error):
                    raise
                stream.close()
        with self._open_small(key, max_bytes) as stream:
            return b"".join(stream)

    def _open_small(self, key: str, max_bytes: int) -> ObjectStream:
        stream = self.open(key)
        if stream.info.size_bytes <= max_bytes:
            return stream
        stream.close()
        raise Unusable(
            f"The object has {stream.info.size_bytes:,} bytes; more than {max_bytes:,} are not read here.",
            remedy="Look at it with a download link.",
            operation="get_object",
            target=key,
        )

    def presign(
        self,
        key: str,
        expires_seconds: int,
        *,
        content_type: str | None = None,
        download_name: str | None = None,
        window_seconds: int = 0,
    ) -> SignedUrl:
        """A GET URL for one object, signed here: its success says nothing about the object or the token.

        Valid for at least `expires_seconds` (1 to 604,800). With `window_seconds`, URLs of one window are equal, so
        that a rerun does not load everything anew; they then live up to one window longer, never beyond seven days.
        `content_type` and `download_name` override what the store would answer with.
        """
        check_linkable(key)
        check_expiry(expires_seconds)
        window = max(0, min(window_seconds, MAX_EXPIRY_SECONDS - expires_seconds))
        now = self._clock().replace(microsecond=0)
        signed_at = now if window < 1 else now - timedelta(seconds=int(now.timestamp()) % window)
        life = expires_seconds + window
        overrides: dict[str, str] = {}
        if download_name is not None:
            overrides["response-content-disposition"] = content_disposition(download_name, download=True)
        if content_type:
            overrides["response-content-type"] = content_type
        return SignedUrl(
            url=self._client.sign(key, life, signed_at, overrides),
            key=key,
            expires_at=signed_at + timedelta(seconds=life),
            content_type=content_type or mimetypes.guess_type(key)[0] or "application/octet-stream",
        )

    def public_url(self, key: str) -> str | None:
        """The object's address at the CDN domain, or `None` where none is set. Whether it is there is not asked."""
        check_linkable(key)
        return f"{self._public_url}/{encode_key(key)}" if self._public_url else None

    def prove_bucket(self) -> None:
        """Asks for one key of the bucket unless it has answered before; raises what keeps it from answering."""
        if not self._bucket_answered:
            self._client.call("list_objects_v2", self.bucket, MaxKeys=1)
            self._bucket_answered = True

    def server_time(self) -> datetime:
        """The store's own time (aware, to the second), from the answer to a one-key listing."""
        reply = self._client.call("list_objects_v2", self.bucket, MaxKeys=1)
        self._bucket_answered = True
        try:
            return parsedate_to_datetime(reply["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(UTC)
        except (KeyError, ValueError):
            raise Unusable(
                "The store's answer has no usable date.", operation="list_objects_v2", target=self.bucket
            ) from None

    def _explain(self, denied: AccessDenied) -> None:
        """HEAD refuses without a reason: a listing that is refused too names it (key, signature, clock)."""
        try:
            self._client.call("list_objects_v2", self.bucket, MaxKeys=1)
        except AccessDenied as same:
            if type(same) is not type(denied):
                raise
