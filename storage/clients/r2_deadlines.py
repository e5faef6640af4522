"""Holds the SDK's calls to a deadline: no retries after a timeout, no trickling answer, no stale connection.

The SDK's read timeout limits one wait for the next bytes. A store that sends one byte a second never meets it, and
after a timeout the SDK asks twice more. A person who looks must not wait for that; patient work may
(`circuit.patiently`).
"""

from __future__ import annotations

import http.client
import io
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from botocore.awsrequest import AWSHTTPConnection, AWSHTTPConnectionPool, AWSHTTPSConnection, AWSHTTPSConnectionPool
from botocore.exceptions import (
    BotoCoreError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    ReadTimeoutError,
)

from storage.clients.circuit import Circuit, patient
from storage.clients.r2_errors import STORE
from storage.errors import StorageError

ANSWER_SECONDS = 6.0  # the limit for a whole answer, and one more second for each:
ANSWER_BYTES_A_SECOND = 65_536
IDLE_SECONDS = 50.0  # a kept connection that rested longer may be dead without notice: a new one is opened

_ABOUT_NO_SINGLE_OBJECT = frozenset({"ListObjectsV2", "ListMultipartUploads", "HeadBucket", "CreateBucket"})

_circuits: WeakValueDictionary[str, Circuit] = WeakValueDictionary()
_circuits_lock = threading.Lock()


def circuit_of(endpoint_url: str) -> Circuit:
    """The circuit of the store at this endpoint: one for all tokens and handles of the process."""
    host = urlsplit(endpoint_url).netloc.lower()
    with _circuits_lock:
        found = _circuits.get(host)
        if found is None:
            found = _circuits[host] = Circuit(STORE)
        return found


class NotRepeated(BotoCoreError):  # type: ignore[misc]  # the SDK has no types
    """The SDK would ask again after a timeout, and nobody waits for that; `cause` is the timeout."""

    fmt = "not asked again after a timeout"

    def __init__(self, cause: BaseException) -> None:
        super().__init__()
        self.cause = cause


class Watch:
    """Puts the attempts of one SDK client under a circuit."""

    def __init__(self, sdk: Any, circuit: Circuit, *, connect_seconds: float, read_seconds: float) -> None:
        self.circuit = circuit
        self._seconds = {ConnectTimeoutError: connect_seconds, ReadTimeoutError: read_seconds}
        self._read_seconds = read_seconds
        self._here = threading.local()  # all attempts of a call run on its own thread
        events = sdk.meta.events
        events.register_first("before-call.s3", self._begin)
        events.register_first("before-send.s3", self._ask)
        events.register("response-received.s3", self._end)

    def _begin(self, **_: Any) -> None:
        self._here.late = None

    def _ask(self, request: Any, event_name: str, **_: Any) -> None:
        late = getattr(self._here, "late", None)
        if late is not None and not patient():
            raise NotRepeated(late)
        target = urlsplit(request.url)
        operation = event_name.rpartition(".")[2]
        single = operation not in _ABOUT_NO_SINGLE_OBJECT
        self._here.target = target.path if single else f"{target.path}?{target.query}"
        self._here.single = single
        self._here.began = None  # `_end` reports only attempts that asked the circuit
        self._here.began = self.circuit.ask(operation, target.path)

    def _end(self, exception: BaseException | None, response_dict: Mapping[str, Any] | None = None, **_: Any) -> None:
        began = getattr(self._here, "began", None)
        self._here.began = None
        if began is None or isinstance(exception, StorageError):  # the desk's own refusal: nothing was sent
            return
        # The SDK has no timeout for looking a name up: a lookup that took too long was silence, whatever its result.
        connecting = isinstance(exception, ConnectTimeoutError | EndpointConnectionError | ProxyConnectionError)
        late = connecting and time.monotonic() - began >= self._seconds[ConnectTimeoutError]
        if exception is None or not (late or isinstance(exception, ConnectTimeoutError | ReadTimeoutError)):
            usable = exception is None and (response_dict or {}).get("status_code", 200) < 500
            self.circuit.answered(began, self._here.target, self._read_seconds, usable=usable)
            return
        self._here.late = exception
        seconds = self._seconds[ConnectTimeoutError if connecting else ReadTimeoutError]
        self.circuit.timed_out(began, self._here.target, seconds, single=self._here.single and not connecting)

    def chunks(self, body: Any, size: int, target: str) -> Iterator[bytes]:
        """The pieces of a streamed body. A body that stops coming counts for the circuit as one slow object."""
        began = time.monotonic()
        try:
            for piece in body.iter_chunks(size):
                yield piece
                began = time.monotonic()
        except ReadTimeoutError:
            self.circuit.timed_out(began, target, self._read_seconds, single=True)
            raise


def bound_answers(sdk: Any) -> None:
    """Puts a deadline on each whole answer, and an age on each kept connection, of an SDK client.

    The SDK has no setting for either, so its pools get connections that have them.
    """
    session = sdk._endpoint.http_session
    session._pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    session._manager.pool_classes_by_scheme = session._pool_classes_by_scheme


class _Timed(io.RawIOBase):
    """The bytes of one answer as they come, until its time is up."""

    def __init__(self, raw: Any, sock: Any) -> None:
        self._raw = raw
        self._sock = sock
        self._began = time.monotonic()
        self._bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._began + ANSWER_SECONDS + self._bytes / ANSWER_BYTES_A_SECOND - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        usual = self._sock.gettimeout()
        self._sock.settimeout(left if usual is None else min(left, usual))
        try:
            count: int | None = self._raw.readinto(buffer)
        finally:
            with suppress(OSError):  # closed meanwhile
                self._sock.settimeout(usual)
        self._bytes += count or 0
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: Any, *arguments: Any, **keywords: Any) -> None:
        super().__init__(sock, *arguments, **keywords)
        if isinstance(self.fp, io.BufferedReader):
            self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock))


class _Aging:
    """A connection that counts as dropped when it has rested too long."""

    response_class = _Answer
    used_at = 0.0

    def request(self, *arguments: Any, **keywords: Any) -> Any:
        self.used_at = time.monotonic()
        return super().request(*arguments, **keywords)  # type: ignore[misc]

    @property
    def is_connected(self) -> bool:
        connected: bool = super().is_connected  # type: ignore[misc]
        return connected and time.monotonic() - self.used_at < IDLE_SECONDS


class _Connection(_Aging, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _TlsConnection(_Aging, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _Pool(AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _Connection


class _TlsPool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _TlsConnection
