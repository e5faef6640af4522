"""The server as one object: start it, point the real client at it, stop it.

`Service` is the gRPC surface: the table of calls, and the way from a request to a handler's answer or a status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import grpc
from google.protobuf.message import DecodeError

from storage.sandbox.firestore import wire
from storage.sandbox.firestore.names import document_named
from storage.sandbox.firestore.queries import Demand, Queries, demand_of
from storage.sandbox.firestore.reads import Reads
from storage.sandbox.firestore.storage import Rows, now_micros
from storage.sandbox.firestore.transactions import Replies, Transactions
from storage.sandbox.firestore.values import document
from storage.sandbox.firestore.wire import CallRefused, Message, invalid, micros_of, unimplemented
from storage.sandbox.firestore.writes import Writes, put_new

SERVICE = "google.firestore.v1.Firestore"
MAX_REQUEST_BYTES = 10 * 1024 * 1024

Around = Callable[[str, Message, Callable[[], Replies]], Iterable[bytes]]
"""A wrapper around each call. It gets the method (`"RunQuery"`), the request and the call, runs the call or not, and
gives the messages to send. The caller gets any `CallRefused` that it raises, also in the middle of a stream."""

_WORKERS = 16
_OPTIONS = [
    ("grpc.so_reuseport", 0),  # a taken port is an error; otherwise two servers would share the calls
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),  # above Firestore's limit, so that our own refusal answers
]


def plainly(_method: str, _request: Message, call: Callable[[], Replies]) -> Iterable[bytes]:
    """Runs the call without anything around it."""
    return call().messages


@dataclass(frozen=True, slots=True)
class Method:
    """One call: the class of its requests, its handler, and whether the answer is a stream."""

    request: Any
    handle: Callable[[Message], Replies]
    streams: bool = False


class Service(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Serves the calls in its table, and refuses Firestore's others by name."""

    def __init__(self, rows: Rows, around: Around, demand: Demand | None) -> None:
        transactions = Transactions()
        self._around = around
        self._methods = _methods(Reads(rows, transactions), Writes(rows, transactions), Queries(rows, demand))

    def service(self, handler_call_details: Any) -> Any:
        """Find the handler for a call; part of gRPC's interface."""
        service, _, name = handler_call_details.method.removeprefix("/").partition("/")
        if service != SERVICE:
            return None
        method = self._methods.get(name)
        if method is None:
            refused = unimplemented(f"The call {name}")
            return grpc.stream_stream_rpc_method_handler(
                lambda _, context: context.abort(refused.code, refused.message)
            )

        def replies(raw: bytes, context: Any) -> Iterator[bytes]:
            return self._replies(name, method, raw, context)

        if method.streams:
            return grpc.unary_stream_rpc_method_handler(replies)
        return grpc.unary_unary_rpc_method_handler(lambda raw, context: next(replies(raw, context)))

    def _replies(self, name: str, method: Method, raw: bytes, context: Any) -> Iterator[bytes]:
        try:
            request = _parsed(method, raw)
            yield from self._around(name, request, lambda: method.handle(request))
        except CallRefused as refused:
            context.abort(refused.code, refused.message)


def _refusing(refused: CallRefused) -> Callable[[Any, Any], Any]:
    return lambda _, context: context.abort(refused.code, refused.message)


def _parsed(method: Method, raw: bytes) -> Message:
    if len(raw) > MAX_REQUEST_BYTES:
        raise invalid(f"Request payload size exceeds the limit: {MAX_REQUEST_BYTES} bytes.")
    try:
        return method.request.FromString(raw)
    except DecodeError as error:
        raise invalid(f"The request cannot be read: {error}") from error


def _methods(reads: Reads, writes: Writes, queries: Queries) -> dict[str, Method]:
    aggregation = wire.RunAggregationQueryRequest
    return {
        "BatchGetDocuments": Method(wire.BatchGetDocumentsRequest, reads.batch_get_documents, streams=True),
        "ListDocuments": Method(wire.ListDocumentsRequest, reads.list_documents),
        "ListCollectionIds": Method(wire.ListCollectionIdsRequest, reads.list_collection_ids),
        "RunQuery": Method(wire.RunQueryRequest, queries.run_query, streams=True),
        "RunAggregationQuery": Method(aggregation, queries.run_aggregation_query, streams=True),
        "Commit": Method(wire.CommitRequest, writes.commit),
        "BeginTransaction": Method(wire.BeginTransactionRequest, writes.begin_transaction),
        "Rollback": Method(wire.RollbackRequest, writes.rollback),
    }


class FirestoreServer:
    """A Firestore on 127.0.0.1 that the real client reaches through `FIRESTORE_EMULATOR_HOST`.

    With a `path` the documents live in that file and an acknowledged commit survives even the kill of the
    process; without one they live in memory until `stop`. Databases of different projects never see each
    other. With `require_indexes` (the content of `firestore.indexes.json`), the server refuses queries that
    production would refuse for a missing index. `clock` gives the server's own time in microseconds since 1970.
    `around` wraps every call (README.md, Faults).
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        port: int = 0,
        around: Around = plainly,
        require_indexes: Mapping[str, Any] | None = None,
        clock: Callable[[], int] = now_micros,
    ) -> None:
        self._port = port
        self._rows = Rows(path, clock)
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="firestore")
        self._grpc: Any = grpc.server(
            self._workers,
            handlers=[Service(self._rows, around, demand_of(require_indexes))],
            options=_OPTIONS,
        )

    def start(self) -> str:
        """Listen, and return `127.0.0.1:PORT`. Port 0 takes a free one.

        Raises:
            RuntimeError: when the port is taken.
        """
        port = self._grpc.add_insecure_port(f"127.0.0.1:{self._port}")
        self._grpc.start()
        return f"127.0.0.1:{port}"

    def stop(self) -> None:
        """Cut off running calls and close the file; a stopped server stays stopped."""
        self._grpc.stop(None).wait()
        self._workers.shutdown()
        self._rows.close()

    def load(self, project_id: str, documents: Mapping[str, Mapping[str, Any]], *, dated_by: str = "") -> None:
        """Write whole documents (path such as `users/u1` -> fields as Python values) in one transaction.

        They replace documents under the same paths. This is far quicker than writing through a client. With
        `dated_by`, the time in that field becomes the document's update time, as it is with documents of some age.

        Raises:
            Refused: INVALID_ARGUMENT for a path or document that Firestore would not take; nothing is
            written. TypeError: for a value of a type that Firestore does not have.
        """
        root = f"projects/{project_id}/databases/(default)/documents/"
        names = {path: document_named(root + path) for path in documents}
        with self._rows.writing() as now:
            encoded = ((name, document(name, documents[path])) for path, name in names.items())
            put_new(self._rows, encoded, now, dated_by)

    def put_back(self, documents: Iterable[Message]) -> None:
        """Write whole `Document` messages as they are, create and update times included, in one transaction."""
        with self._rows.writing():
            self._rows.put(
                (document_named(one.name), micros_of(one.update_time), one.SerializeToString(deterministic=True))
                for one in documents
            )

    def __enter__(self) -> Self:
        self.host = self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
