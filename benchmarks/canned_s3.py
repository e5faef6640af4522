"""A canned S3 endpoint: a fixed set of keys behind a fixed delay, on two processes, so that clients are what is timed.

It lists, answers HEAD, and says of every delete that it was done, key by key, as a real store does. It checks no
signature and forgets everything: nothing here is fit for tests of behaviour.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, quote, unquote_plus

PAGE = 1_000
BUCKET = "bench"
_DELETE_KEYS = re.compile(rb"<Key>(.*?)</Key>", re.DOTALL)


class Shelf:
    """The keys in order, each with its piece of a listing ready."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = sorted(keys)
        self._pieces = [
            f"<Contents><Key>{quote(key, safe='/')}</Key><LastModified>2026-03-01T12:00:{n % 60:02d}.{n % 1000:03d}Z"
            f"</LastModified><ETag>&quot;{n:032x}&quot;</ETag><Size>{1_000_000 + n}</Size>"
            f"<StorageClass>STANDARD</StorageClass></Contents>"
            for n, key in enumerate(self.keys)
        ]

    def listing(self, query: dict[str, list[str]]) -> bytes:
        """One page of ListObjectsV2."""
        prefix = query.get("prefix", [""])[0]
        if query.get("delimiter"):
            return self._folders(prefix, query["delimiter"][0])
        size = min(PAGE, int(query.get("max-keys", [str(PAGE)])[0]))
        token, after = query.get("continuation-token"), query.get("start-after", [""])[0]
        start = int(token[0]) if token else bisect_right(self.keys, max(after, prefix)) if after else 0
        start = max(start, bisect_right(self.keys, prefix))
        stop = min(start + size, bisect_right(self.keys, prefix + "\U0010ffff"))
        more = stop < bisect_right(self.keys, prefix + "\U0010ffff")
        following = f"<NextContinuationToken>{stop}</NextContinuationToken>" if more else ""
        return _result(
            prefix, f"<KeyCount>{max(0, stop - start)}</KeyCount>", more, following + "".join(self._pieces[start:stop])
        )

    def _folders(self, prefix: str, delimiter: str) -> bytes:
        tails = (key[len(prefix) :].partition(delimiter)[0] for key in self.keys if key.startswith(prefix))
        found = dict.fromkeys(f"{prefix}{tail}{delimiter}" for tail in tails)
        pieces = "".join(f"<CommonPrefixes><Prefix>{quote(name, safe='/')}</Prefix></CommonPrefixes>" for name in found)
        return _result(prefix, f"<KeyCount>{len(found)}</KeyCount>", False, pieces)


def _result(prefix: str, count: str, more: bool, content: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{BUCKET}</Name><Prefix>{quote(prefix, safe='/')}</Prefix>{count}<MaxKeys>{PAGE}</MaxKeys>"
        f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>{content}</ListBucketResult>"
    ).encode()


def _deleted(body: bytes) -> bytes:
    rows = b"".join(b"<Deleted><Key>" + key + b"</Key></Deleted>" for key in _DELETE_KEYS.findall(body))
    return (
        b'<?xml version="1.0" encoding="UTF-8"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        + (b"" if b"<Quiet>true</Quiet>" in body else rows)
        + b"</DeleteResult>"
    )


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with kept connections; one request after the other on each."""

    def __init__(self, shelf: Shelf, delay_seconds: float) -> None:
        self._shelf, self._delay, self._buffer = shelf, delay_seconds, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].decode("latin-1")
            length = re.search(r"(?im)^content-length: (\d+)", head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            body, self._buffer = self._buffer[end + 4 : whole], self._buffer[whole:]
            answer = self._answer(*head.split(" ", 2)[:2], body)
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, answer)

    def _answer(self, method: str, target: str, body: bytes) -> bytes:
        path, _, text = target.partition("?")
        query = parse_qs(text, keep_blank_values=True)
        if method == "HEAD":
            return _reply(b"", "Content-Type: video/mp4\r\nLast-Modified: Sun, 01 Mar 2026 12:00:00 GMT\r\n", 1_000_000)
        if method == "DELETE":
            return b"HTTP/1.1 204 No Content\r\nx-amz-request-id: 1\r\n\r\n"
        if method == "POST" and "delete" in query:
            return _reply(_deleted(body))
        if method == "GET" and "location" in query:
            return _reply(b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>')
        if method == "GET" and unquote_plus(path).strip("/") == BUCKET:
            return _reply(self._shelf.listing(query))
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def _reply(body: bytes, headers: str = "Content-Type: application/xml\r\n", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    date = 'Date: Sun, 01 Mar 2026 12:00:00 GMT\r\nETag: "0123456789abcdef0123456789abcdef"\r\n'
    return f"HTTP/1.1 200 OK\r\n{date}{headers}x-amz-request-id: 1\r\nContent-Length: {size}\r\n\r\n".encode() + body


@contextmanager
def serving(keys: list[str], delay_seconds: float, processes: int = 2) -> Iterator[str]:
    """Serves the keys after a delay for each request; gives the endpoint's URL. Fork before gRPC is used."""
    probe = _socket(0)
    port = probe.getsockname()[1]
    shelf = Shelf(keys)
    listeners = [probe, *(_socket(port) for _ in range(processes - 1))]
    children = []
    for listener in listeners:
        child = os.fork()
        if not child:
            try:
                asyncio.run(_serve(listener, shelf, delay_seconds))
            finally:
                os._exit(0)
        children.append(child)
    for listener in listeners:
        listener.close()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _socket(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1_024)
    return listener


async def _serve(listener: socket.socket, shelf: Shelf, delay_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(shelf, delay_seconds), sock=listener)
    await server.serve_forever()
