"""Reads objects of the bucket: listings as frames, single objects, signed and public URLs. Changes nothing.

Presence has three answers: an object, `None` (or `NotFound`) where the store proved its absence, and a `BackendError`
where nothing is known. A 404 without a code can mean a missing object or a missing bucket, so absence counts only
after the bucket itself has answered through this handle.

One listing goes from page to page by a token and so waits for every page in turn. A large prefix is therefore listed
in several ranges at once; folders, or keys that should exist, divide it. That costs at most one more page for each
range, and one more listing for every 1,000 folders that it must ask for. The ranges rely on R2's order of keys; a store
with another order is listed again in one go.

Anybody may have chosen the file names in `Content-Disposition`, so they are escaped here.
"""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from urllib.parse import quote

from storage.clients.r2 import R2Client
from storage.clients.r2_errors import code_of, timed_out
from storage.clients.threads import ContextThreads
from storage.domain.documents import OBJECTS, ObjectInfo, SignedUrl, Table
from storage.domain.layout import encode_key
from storage.errors import AccessDenied, BackendError, BadInput, NotFound, Unreachable, Unusable
from storage.repositories import object_listing
from storage.repositories.clock import utc_now
from storage.repositories.object_listing import (
    ObjectPart,
    ObjectStream,
    Uploads,
    check_expiry,
    check_key,
    check_linkable,
    check_prefix,
    joined,
    object_info,
)
from storage.settings.backends import MAX_EXPIRY_SECONDS

MAX_NAME_BYTES = 180  # below every file system's 255, with room for a "(1)" that a browser adds
_ATTR_CHAR = "!#$&+-.^_`|~"  # RFC 5987: the characters that need no encoding, besides letters and digits
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


RANGES = 8
KEYS_A_RANGE = 1_000  # known keys that justify a range of their own and the page that it costs more


def content_disposition(name: str, download: bool) -> str:
    """The header's value (RFC 6266): `attachment` or `inline`, an ASCII name, and the true one where it differs.

    The name is made safe first (`safe_file_name`). The value is printable ASCII whatever the name, so it can neither
    end the header nor name a folder.
    """
    safe = safe_file_name(name)
    plain = _ascii(safe)
    value = f'{"attachment" if download else "inline"}; filename="{plain}"'
    return value if plain == safe else f"{value}; filename*=UTF-8''{quote(safe, safe=_ATTR_CHAR)}"


def safe_file_name(name: str) -> str:
    """A name that any file system accepts and that shows what it is; `download` where nothing is left of it.

    Path separators, quotes and characters with a meaning for shells or Windows become `_`; control characters,
    direction marks and lone surrogates are dropped, and so are dots and blanks at the ends; long names keep their
    ending.
    """
    visible = "".join(char for char in name if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"})
    kept = re.sub(r'[/\\:*?"<>|%]', "_", visible)
    kept = re.sub(r"\s+", " ", kept).strip(" .")
    kept = _shorten(kept).strip(" .")
    if _DEVICE.match(kept):
        kept = f"_{kept}"
    return kept or "download"


def _ascii(name: str) -> str:
    """The nearest ASCII name: accents are dropped, other letters become `_`."""
    base = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    return re.sub(r'[^ -~]|[/\\:*?"<>|%]', "_", base)


def _shorten(name: str) -> str:
    encoded = name.encode()
    if len(encoded) <= MAX_NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending.encode()) > 16:
        stem, dot, ending = name, "", ""
    room = MAX_NAME_BYTES - len(f"{dot}{ending}".encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + ending


class Objects:
    """Reading access to one bucket. It reads `clock` when a listing begins and when it signs a URL."""

    def __init__(
        self, client: R2Client, bucket: str, *, public_url: str = "", clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._client = client.at(bucket)
        self._public_url = public_url.rstrip("/")
        self._clock = clock
        self._bucket_answered = False

    @property
    def bucket(self) -> str:
        return self._client.bucket

    def list_pages(self, prefix: str, start_after: str | None = None, *, limit: int | None = None) -> Iterator[Table]:
        """Pages of at most 1,000 objects, each one billed listing; raises where a page fails.

        Only the last page is `complete`; the `next_cursor` of each other page is the `start_after` of the page after
        it. `limit` ends the listing after that many objects. The order is the store's.
        """
        check_prefix(prefix)
        return object_listing.pages(self._client, prefix, self._clock, start_after, limit)

    def list_all(self, prefix: str, *, limit: int | None = None) -> Table:
        """Everything under the prefix (empty, or ending with '/') as one table; `reads` is the number of pages.

        A listing that the backend cuts short, even at its first page, does not raise: the table is then not
        `complete` and has the `error`. A listing that stops at `limit` is not complete either, but has no error.
        """
        return object_listing.everything(self._client, prefix, self._clock, limit)

    def folders(self, prefix: str) -> tuple[str, ...]:
        """The names that end with '/' directly below the prefix, in the store's order. Raises on failure."""
        return object_listing.folders(self._client, prefix)

    def folder_pages(self, prefix: str) -> Iterator[list[str]]:
        """As `folders`, page by page; a page may hold fewer than 1,000, where objects lie beside the folders."""
        return object_listing.folder_pages(self._client, prefix)

    def multipart_uploads(self, prefix: str) -> Uploads:
        """Unfinished uploads under the prefix; a failure on the way is data, as in `list_all`."""
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

    def part(self, key: str, offset: int, length: int, etag: str = "") -> ObjectPart:
        """`length` bytes from `offset` on, of the object as it was with this `etag`. Starts again once if cut.

        `Stale` where the object has changed, `NotFound` where it is proven absent, `Unusable` without such bytes.
        """
        check_key(key)
        condition = {"IfMatch": f'"{etag}"'} if etag else {}
        wanted = f"bytes={offset}-{offset + length - 1}"
        try:
            return self._part(key, length, wanted, condition)
        except Unreachable as error:
            if timed_out(error) or code_of(error):  # where the store had a fault, the SDK has tried again already
                raise
        return self._part(key, length, wanted, condition)

    def _part(self, key: str, length: int, wanted: str, condition: dict[str, str]) -> ObjectPart:
        try:
            reply = self._client.call("get_object", key, Key=key, Range=wanted, **condition)
        except NotFound:
            self.prove_bucket()
            raise
        except AccessDenied as denied:
            self._explain(denied)
            raise
        with ObjectStream(self._client, reply["Body"], object_info(key, reply)) as stream:
            _, _, whole = str(reply.get("ContentRange") or "").rpartition("/")
            if stream.info.size_bytes != length or not whole.isdigit():
                raise Unusable(
                    "The store's answer is not the requested part of the object.",
                    remedy="Check that R2_ENDPOINT_URL is an R2 endpoint.",
                    operation="get_object",
                    target=key,
                )
            return ObjectPart(b"".join(stream), replace(stream.info, size_bytes=int(whole)))

    def get_bytes(self, key: str, max_bytes: int) -> bytes:
        """The whole object; `Unusable` above `max_bytes`, `NotFound` where proven absent. Starts again once if cut."""
        info, content = self.read_small(key, max_bytes)
        if content is not None:
            return content
        raise Unusable(
            f"The object has {info.size_bytes:,} bytes; more than {max_bytes:,} are not read here.",
            remedy="Look at it with a download link.",
            operation="get_object",
            target=key,
        )

    def read_small(self, key: str, max_bytes: int) -> tuple[ObjectInfo, bytes | None]:
        """The object's description and its bytes, from one answer; `None` instead of more than `max_bytes`.

        `NotFound` where it is proven absent. Starts again once if the answer was cut.
        """
        for last in (False, True):
            with self.open(key) as stream:
                if stream.info.size_bytes > max_bytes:
                    return stream.info, None
                try:
                    return stream.info, b"".join(stream)
                except Unreachable as error:
                    if last or timed_out(error):
                        raise
        raise AssertionError("unreachable")

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

        Valid for at least `expires_seconds` (1 to 604,800). With `window_seconds`, all URLs of one window are equal, so
        that a rerun does not load everything again; they then live up to one window longer, never beyond seven days.
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
        """The object's address at the CDN domain, or `None` without one. Does not check that the object exists."""
        check_linkable(key)
        return f"{self._public_url}/{encode_key(key)}" if self._public_url else None

    def prove_bucket(self) -> None:
        """Requests one key of the bucket unless the bucket has answered before; raises the error that prevents it."""
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
        """HEAD refuses without a reason: a listing, if also refused, names it (key, signature, clock)."""
        try:
            self._client.call("list_objects_v2", self.bucket, MaxKeys=1)
        except AccessDenied as same:
            if type(same) is not type(denied):
                raise


class _OutOfOrder(Unusable):
    """The store does not list keys in the order of their characters, so ranges of a listing are no ranges of keys."""


def list_known(objects: Objects, prefix: str, keys: Iterable[str]) -> Table:
    """As `Objects.list_all(prefix)`, divided at keys that documents name, where many pages would have to wait in turn.

    As keys they divide one large video as well as thousands of small ones. Fewer than two thousand: one listing.
    """
    known = sorted({key for key in keys if key.startswith(prefix) and _fit(key)})
    ranges = min(RANGES, len(known) // KEYS_A_RANGE)
    if ranges < 2:
        return objects.list_all(prefix)
    step = -(-len(known) // ranges)
    return _listed(objects, prefix, known[step::step])


def list_in_ranges(objects: Objects, prefix: str, folders: Sequence[str] | None = None, ranges: int = RANGES) -> Table:
    """The same table as `Objects.list_all(prefix)`, read in up to `ranges` parts at once.

    `folders` are names below the prefix where they are known (for example from Firestore); they only say where to
    divide, so a wrong one does no harm. Without them the folders are listed. As in `list_all`, a backend that fails on
    the way leaves an incomplete table with the error, and `next_cursor` says where to go on; the rows end at the first
    gap.
    """
    extra = 0
    if folders is None:
        try:
            folders = objects.folders(prefix)
        except BackendError:
            return objects.list_all(prefix)
        extra = max(1, -(-len(folders) // 1_000))
    return _listed(objects, prefix, _cuts(prefix, folders, ranges), extra)


def _listed(objects: Objects, prefix: str, cuts: Sequence[str], reads: int = 0) -> Table:
    """The keys after each cut, up to and including the next, at once. `reads` were made already."""
    bounds = list(zip((None, *cuts), (*cuts, None), strict=True))
    with ContextThreads(max_workers=len(bounds)) as threads:
        parts = list(threads.map(lambda bound: _part(objects, prefix, *bound), bounds))
    reads += sum(part.reads for part in parts)
    if any(isinstance(part.error, _OutOfOrder) for part in parts):
        whole = objects.list_all(prefix)
        return replace(whole, reads=whole.reads + reads)
    return _combined(parts, reads)


def _cuts(prefix: str, folders: Sequence[str], ranges: int) -> list[str]:
    """Folders at even distances: a range is everything after one, up to and including the next.

    Each ends with "/": a store that keeps folders takes a name without it for the whole folder and begins after that.
    """
    names = sorted({f"{name.rstrip('/')}/" for name in folders if name.startswith(prefix) and name != prefix})
    step = max(1, -(-len(names) // max(1, ranges)))
    return names[step::step]


def _fit(key: str) -> bool:
    """Whether the key can divide a listing: a document may name anything, even a folder or an impossible key."""
    try:
        check_key(key)
    except BadInput:
        return False
    return key.isprintable() and "." in key.rpartition("/")[2]


def _part(objects: Objects, prefix: str, after: str | None, until: str | None) -> Table:
    """The keys after `after`, up to and including `until`. The table holds the backend's errors."""
    pages: list[Table] = []
    error: BackendError | None = None
    ended, started = False, utc_now()
    try:
        for page in objects.list_pages(prefix, after):
            keys = page.frame["key"]
            _check_order(keys.tolist(), after if not pages else pages[-1].frame["key"].iloc[-1], prefix)
            ended = until is not None and len(keys) > 0 and keys.iloc[-1] > until
            pages.append(replace(page, frame=page.frame[keys <= until]) if ended else page)
            if ended or len(pages[-1].frame) == 0:
                break
    except BackendError as fault:
        error = fault
    complete = error is None and bool(pages) and (ended or pages[-1].complete)
    frames = [page.frame for page in pages if len(page.frame)]
    return Table(OBJECTS, joined(frames), (), complete, started, reads=len(pages), error=error)


def _check_order(keys: list[str], before: str | None, prefix: str) -> None:
    chain = keys if before is None else [before, *keys]
    if any(one >= other for one, other in pairwise(chain)):
        raise _OutOfOrder("The store lists in an order of its own.", operation="list_objects_v2", target=prefix)


def _combined(parts: Sequence[Table], reads: int) -> Table:
    """The parts up to the first incomplete one, as one table."""
    broken = next((number for number, part in enumerate(parts) if not part.complete), None)
    kept = parts if broken is None else parts[: broken + 1]
    frame = joined([part.frame for part in kept if len(part.frame)]).reset_index(drop=True)
    return Table(
        OBJECTS,
        frame,
        (),
        complete=broken is None,
        read_at=min(part.read_at for part in parts),
        reads=reads,
        error=None if broken is None else parts[broken].error,
        next_cursor=None if broken is None or not len(frame) else str(frame["key"].iloc[-1]),
    )
