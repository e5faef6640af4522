"""The one handle on Firestore: calls with deadlines, safe retries, translated errors, metered reads and writes.

Messages are the API's raw protobuf classes, because the client library's wrappers and snapshots take ten times as long
as the rest of a read. The library's own retries are not used either: in this version a query's stream that breaks in
the middle ends in an unrelated error, or resumes wrongly. Here one call is one page, and a page is repeated whole from
its own cursor, so a broken stream never passes for a short one.

A call that changes Firestore is tried once: only its caller, `storage.actions.documents`, knows whether a change may be
repeated. The channel is Google's own for a live project and an open one for an emulator.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import google.auth
import grpc
from google.api_core.gapic_v1 import routing_header
from google.api_core.gapic_v1.client_info import METRICS_METADATA_KEY, ClientInfo
from google.auth.exceptions import GoogleAuthError
from google.cloud.firestore_v1 import __version__ as client_version
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.field_path import FieldPath
from google.cloud.firestore_v1.services.firestore.transports.grpc import FirestoreGrpcTransport
from google.oauth2 import service_account
from google.protobuf import empty_pb2, json_format
from google.protobuf.internal import api_implementation
from grpc import StatusCode

from storage.clients.circuit import Circuit, patient
from storage.clients.firestore_errors import SDK_ERRORS, STORE, TRANSIENT, status_of, translate, unanswered
from storage.clients.meter import Operation, missed, record
from storage.domain.indexes import missing_index
from storage.errors import BadCredentials, Unreachable, Unusable
from storage.settings.backends import FirestoreSettings

Document: Any = types.Document.pb()
Value: Any = types.Value.pb()
Write: Any = types.Write.pb()
Precondition: Any = types.Precondition.pb()
StructuredQuery: Any = types.StructuredQuery.pb()
StructuredAggregationQuery: Any = types.StructuredAggregationQuery.pb()
RunQueryRequest: Any = types.RunQueryRequest.pb()
RunQueryResponse: Any = types.RunQueryResponse.pb()
RunAggregationQueryRequest: Any = types.RunAggregationQueryRequest.pb()
RunAggregationQueryResponse: Any = types.RunAggregationQueryResponse.pb()
BatchGetDocumentsRequest: Any = types.BatchGetDocumentsRequest.pb()
BatchGetDocumentsResponse: Any = types.BatchGetDocumentsResponse.pb()
ListDocumentsRequest: Any = types.ListDocumentsRequest.pb()
ListDocumentsResponse: Any = types.ListDocumentsResponse.pb()
ListCollectionIdsRequest: Any = types.ListCollectionIdsRequest.pb()
ListCollectionIdsResponse: Any = types.ListCollectionIdsResponse.pb()
CommitRequest: Any = types.CommitRequest.pb()
CommitResponse: Any = types.CommitResponse.pb()
BeginTransactionRequest: Any = types.BeginTransactionRequest.pb()
BeginTransactionResponse: Any = types.BeginTransactionResponse.pb()
RollbackRequest: Any = types.RollbackRequest.pb()
Empty: Any = empty_pb2.Empty
REQUEST_TIME: Any = types.DocumentTransform.FieldTransform.ServerValue.REQUEST_TIME
_field_path: Any = FieldPath  # has types in part only


_OPERATION = "Signing in to Firestore"
_log = logging.getLogger(__name__)
_auth: Any = google.auth  # these four have types in part only
_service_account: Any = service_account.Credentials
_routing_header: Any = routing_header
_client_info: Any = ClientInfo
Metadata = tuple[tuple[str, str], ...]
T = TypeVar("T")
DATABASE = "(default)"
TRIES = 3
PAUSE_SECONDS = 0.1  # before the second try; doubled before the third, and spread at random
_SERVICE = "/google.firestore.v1.Firestore/"
_DOCUMENT = b"\n"  # the tag of an answer's document, with which servers begin
ReadTime = Callable[[Any], None]
READ_SECONDS = 8.0  # one try of a read that a person waits for
PAGE_SECONDS = 15.0  # one try of a page of thousands of documents
CHANGE_SECONDS = 15.0


def field_path(parts: tuple[str, ...]) -> str:
    """A field's path in the API's form, with quotes around parts that are not plain names."""
    return str(_field_path(*parts).to_api_repr())


def field_path_parts(path: str) -> tuple[str, ...]:
    """The parts of an API field path: the inverse of `field_path`."""
    return tuple(_field_path.from_api_repr(path).parts)


def runs_on_upb() -> bool:
    """Whether protobuf uses its C implementation; the pure Python one decodes some thirty times slower."""
    return bool(api_implementation.Type() == "upb")


def to_json(message: Any) -> str:
    """Any message as the API's canonical JSON, without loss: 64-bit numbers as text, NaN by name, bytes as base64.

    One line of ASCII, whatever its texts hold.
    """
    return json.dumps(json_format.MessageToDict(message), ensure_ascii=True, sort_keys=True)


def document_from_json(text: str) -> Any:
    """The `Document` that `to_json` wrote. Raises `ValueError` for anything else."""
    try:
        content = json.loads(text)
        if not isinstance(content, dict) or not isinstance(content.get("name"), str):
            raise ValueError("not a Firestore document: it has no name")
        return json_format.ParseDict(content, Document())
    except (json.JSONDecodeError, json_format.ParseError) as error:
        raise ValueError(f"not a Firestore document: {error}") from None


def open_channel(settings: FirestoreSettings, *, single_threaded: bool = True) -> Any:
    """A channel that connects at its first call. Raises `BadCredentials` without usable credentials.

    `single_threaded` removes the hand-off of every streamed message between two threads, which costs more than reading
    the message. The option is experimental in gRPC; where this version does not know it, reads are merely slower.
    """
    if not runs_on_upb():
        _log.warning("protobuf runs without its C implementation: reading Firestore takes some thirty times longer")
    options, path = _options(single_threaded), settings.credentials_path
    if settings.emulator_host:
        # An emulator is local: the environment's proxy for the internet must not get its calls.
        # One that was started again at this address is not to wait out the pauses of connections to the last one.
        options = [*options, ("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
        return grpc.insecure_channel(settings.emulator_host, options=options)
    credentials = _default_credentials(settings) if path is None else _credentials_of(path)
    return FirestoreGrpcTransport.create_channel(credentials=credentials, options=options)


def _options(single_threaded: bool) -> list[tuple[str, Any]]:
    # Like the client library: no limit on messages, since a page of documents may be large, and its keepalive.
    options: list[tuple[str, Any]] = [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.initial_reconnect_backoff_ms", 200),  # so that a second try finds a channel that reconnects too
        ("grpc.max_reconnect_backoff_ms", 10_000),
    ]
    experimental = getattr(grpc, "experimental", None)
    known = getattr(getattr(experimental, "ChannelOptions", None), "SingleThreadedUnaryStream", None)
    if single_threaded and known is not None:
        options.append((known, 1))
    return options


def _default_credentials(settings: FirestoreSettings) -> Any:
    try:
        return _auth.default(default_scopes=FirestoreGrpcTransport.AUTH_SCOPES)[0]
    except GoogleAuthError as error:
        raise translate(error, operation=_OPERATION, target=settings.project_id) from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # a file on this machine is malformed
        raise BadCredentials(
            f"{_OPERATION}: this machine's default Google credentials cannot be used.",
            remedy="Set FIREBASE_CREDENTIALS_PATH to the service account's JSON key file, or repair the credentials of "
            "gcloud (gcloud auth application-default login).",
            operation=_OPERATION,
            target="FIREBASE_CREDENTIALS_PATH",
        ) from None


def _credentials_of(path: Path) -> Any:
    """The credentials in a key file. No message quotes the file's content, and so none quotes the libraries' errors."""
    scopes = FirestoreGrpcTransport.AUTH_SCOPES
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        if content["type"] == "service_account":
            return _service_account.from_service_account_info(content, default_scopes=scopes)
        return _auth.load_credentials_from_dict(content, default_scopes=scopes)[0]
    except (GoogleAuthError, OSError, ValueError, LookupError, TypeError, AttributeError):
        raise BadCredentials(
            f"{_OPERATION}: the credentials file cannot be used.",
            remedy="Point FIREBASE_CREDENTIALS_PATH at the service account's JSON key file.",
            operation=_OPERATION,
            target="FIREBASE_CREDENTIALS_PATH",
        ) from None


def call_metadata(database: str, *, emulator: bool) -> Metadata:
    """The headers of every call: its database, the client's name, and for an emulator the owner's token."""
    metadata: list[tuple[str, str]] = [
        ("google-cloud-resource-prefix", database),
        _routing_header.to_grpc_metadata((("database", database),)),
        (METRICS_METADATA_KEY, _client_info(client_library_version=client_version).to_user_agent()),
    ]
    if emulator:
        metadata.append(("authorization", "Bearer owner"))  # as the client library does, to pass the security rules
    return tuple(metadata)


class Connection:
    """One channel. Safe to share between threads; open one for each process, after any fork."""

    def __init__(self, project_id: str, channel: Any, *, emulator: bool) -> None:
        self.project_id = project_id
        self.database = f"projects/{project_id}/databases/{DATABASE}"
        self.documents = f"{self.database}/documents"
        self.metadata = call_metadata(self.database, emulator=emulator)
        self._channel = channel
        self._closed = threading.Event()
        self.circuit = Circuit(STORE)

    def close(self) -> None:
        """Ends the channel and every call on it."""
        self._closed.set()
        self._channel.close()

    def name(self, path: str) -> str:
        """The full resource name of a path such as `users/U`; an empty path gives the root of all documents."""
        return f"{self.documents}/{path}" if path else self.documents

    def stream(self, method: str, request: Any, parse: Callable[[bytes], Any] | None) -> Any:
        """The call of a method that streams its answer, on raw message classes; without `parse`, the answers' bytes."""
        return self._channel.unary_stream(_SERVICE + method, request.SerializeToString, parse)

    def unary(self, method: str, request: Any, response: Any) -> Any:
        """The call of a method with a single answer, on raw message classes."""
        return self._channel.unary_unary(_SERVICE + method, request.SerializeToString, response.FromString)

    def attempt(
        self,
        once: Callable[[float], T],
        *,
        operation: str,
        target: str,
        seconds: float,
        tries: int = TRIES,
        change: bool = False,
        query: Any = None,
        summed: Sequence[str] = (),
        single: bool = False,
    ) -> T:
        """Calls `once` with its seconds, and again after a transient fault; ends after twice `seconds`.

        Raises what `translate` makes of the last fault. `query` and `summed` name the index that a query needs.
        `single`: the call may be slow by itself, so that it alone does not mean that Firestore hangs.
        """
        end = time.monotonic() + 2 * seconds
        number = 0
        while True:
            number += 1
            if self._closed.is_set():
                raise Unreachable(f"{operation}: the connection was closed.", operation=operation, target=target)
            began = self.circuit.ask(operation, target)
            limit = min(seconds, end - time.monotonic())
            try:
                result = once(limit)
                self.circuit.answered(began, f"{operation} {target}", limit)
                return result
            except SDK_ERRORS as error:
                silent = status_of(error) is StatusCode.DEADLINE_EXCEEDED and time.monotonic() - began >= limit * 0.9
                if silent:
                    self.circuit.timed_out(began, f"{operation} {target}", limit, single=single)
                else:
                    self.circuit.answered(usable=not unanswered(error))
                pause = PAUSE_SECONDS * 2 ** (number - 1) * random.uniform(0.5, 1.5)
                late = time.monotonic() + pause >= end or (silent and not patient())
                if late or number >= tries or status_of(error) not in TRANSIENT:
                    known = {} if query is None else {"definition": missing_index(query, {}, summed)}
                    fault = translate(
                        error, operation=operation, target=target, change=change, query=query is not None, **known
                    )
                    raise missed(fault) from error
                _log.info("%s: try %d ended with %s; trying again", operation, number, status_of(error))
            except Exception:  # raised by the reader of the answer: so there was an answer
                self.circuit.answered()
                raise
            self._closed.wait(pause)


"""Receives Firestore's own time of a read, a protobuf timestamp."""


def open_firestore(settings: FirestoreSettings, *, single_threaded: bool = True) -> FirestoreHandle:
    """The handle for the configured project. Connects at the first call; raises `BadCredentials` without any."""
    channel = open_channel(settings, single_threaded=single_threaded)
    return FirestoreHandle(settings.project_id, channel, emulator_host=settings.emulator_host)


class FirestoreHandle:
    """One channel to one database. Safe to share between threads; open one for each process, after any fork."""

    def __init__(self, project_id: str, channel: Any, *, emulator_host: str = "") -> None:
        self.project_id = project_id
        self.emulator_host = emulator_host
        self.connection = connection = Connection(project_id, channel, emulator=bool(emulator_host))
        self._name, self._attempt, self._metadata = connection.name, connection.attempt, connection.metadata
        self._run_query = connection.stream("RunQuery", RunQueryRequest, RunQueryResponse.FromString)
        self._run_query_raw = connection.stream("RunQuery", RunQueryRequest, None)
        self._aggregate = connection.stream(
            "RunAggregationQuery", RunAggregationQueryRequest, RunAggregationQueryResponse.FromString
        )
        self._batch_get = connection.stream(
            "BatchGetDocuments", BatchGetDocumentsRequest, BatchGetDocumentsResponse.FromString
        )
        self._list_documents = connection.unary("ListDocuments", ListDocumentsRequest, ListDocumentsResponse)
        self._list_ids = connection.unary("ListCollectionIds", ListCollectionIdsRequest, ListCollectionIdsResponse)

    def name(self, path: str) -> str:
        """The full resource name of `users/U`."""
        return self._name(path)

    def close(self) -> None:
        """Ends the connection and every call on it."""
        self.connection.close()

    def run_query(
        self,
        query: Any,
        consume: Callable[[Iterable[Any]], T],
        *,
        operation: str,
        parent: str = "",
        seconds: float = READ_SECONDS,
        read_time: ReadTime | None = None,
        raw: bool = False,
    ) -> T:
        """Runs one page of a query and returns what `consume` makes of its documents.

        With `raw`, `consume` gets the bytes of the answers that hold a document each, and `read_time` nothing.
        Otherwise `read_time` gets the time of the read before `consume` gets the first document.
        Every call of `consume` starts afresh: after a break the stream is read again. Documents that it leaves unread
        are given up and no longer requested.
        Raises a `BackendError`; `MissingIndex` carries the index that the query needs.
        """
        request = RunQueryRequest(parent=self._name(parent), structured_query=query)

        def once(deadline: float) -> T:
            count = 0

            def documents() -> Iterator[Any]:
                nonlocal count
                for response in call:
                    if raw:
                        if response[:1] == _DOCUMENT or RunQueryResponse.FromString(response).HasField("document"):
                            count += 1
                            yield response
                        continue
                    if read_time is not None and response.HasField("read_time"):
                        read_time(response.read_time)
                    if response.HasField("document"):
                        count += 1
                        yield response.document

            run = self._run_query_raw if raw else self._run_query
            call = run(request, timeout=deadline, metadata=self._metadata)
            try:
                result = consume(documents())
            except BaseException:
                _record_reads(count)
                raise
            finally:
                call.cancel()  # does nothing to a call that has ended
            _record_reads(max(count, 1))
            return result

        return self._attempt(once, operation=operation, target=parent, seconds=seconds, query=query)

    def aggregate(
        self,
        query: Any,
        aggregations: Mapping[str, str],
        *,
        operation: str,
        parent: str = "",
        up_to: int | None = None,
        seconds: float = READ_SECONDS,
    ) -> dict[str, Any]:
        """Counts and sums on the server: `{"count": "", "bytes": "file_size_bytes"}` counts, and sums that field.

        Returns the raw value of each alias. The meter counts one read for every started 1,000 documents counted, at
        least one. With `up_to`, both the counting and its cost stop there.
        """
        whole = StructuredAggregationQuery(structured_query=query)
        for alias, field in aggregations.items():
            part = whole.aggregations.add(alias=alias)
            if field:
                part.sum.field.field_path = field
            else:
                part.count.SetInParent()
                if up_to is not None:
                    part.count.up_to.value = up_to
        request = RunAggregationQueryRequest(parent=self._name(parent), structured_aggregation_query=whole)
        counted = next((alias for alias, field in aggregations.items() if not field), None)

        def once(deadline: float) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for response in self._aggregate(request, timeout=deadline, metadata=self._metadata):
                found.update(response.result.aggregate_fields.items())
            if found.keys() != aggregations.keys():
                raise Unusable(f"{operation}: Firestore left out a result.", operation=operation, target=parent)
            count = found[counted].integer_value if counted else 0
            _record_reads(max(1, -(-count // 1_000)))
            return found

        summed = tuple(field for field in aggregations.values() if field)
        return self._attempt(
            once, operation=operation, target=parent, seconds=seconds, query=query, summed=summed, single=True
        )

    def batch_get(
        self,
        paths: Sequence[str],
        *,
        operation: str,
        transaction: bytes = b"",
        seconds: float = READ_SECONDS,
        read_time: ReadTime | None = None,
    ) -> dict[str, Any]:
        """The documents by path, in the given order; `None` where Firestore says that a document does not exist.

        `read_time` gets the time of the read.
        """
        names = {self._name(path): path for path in paths}
        request = BatchGetDocumentsRequest(database=self.connection.database, documents=list(names))
        if transaction:
            request.transaction = transaction

        def once(deadline: float) -> dict[str, Any]:
            answers: dict[str, Any] = {}
            try:
                for response in self._batch_get(request, timeout=deadline, metadata=self._metadata):
                    if read_time is not None and response.HasField("read_time"):
                        read_time(response.read_time)
                    kind = response.WhichOneof("result")
                    if kind == "found":
                        answers[response.found.name] = response.found
                    elif kind == "missing":
                        answers[response.missing] = None
            finally:
                _record_reads(len(answers))
            if answers.keys() != names.keys():
                raise Unusable(f"{operation}: Firestore left out a document.", operation=operation, target=paths[0])
            return {path: answers[name] for name, path in names.items()}

        tries = 1 if transaction else TRIES  # a transaction is repeated as a whole
        return self._attempt(
            once, operation=operation, target=paths[0], seconds=seconds, tries=tries, change=bool(transaction)
        )

    def list_documents(
        self,
        parent: str,
        collection_id: str,
        *,
        operation: str,
        page_size: int,
        page_token: str = "",
        show_missing: bool = True,
        fields: Sequence[str] | None = None,
        seconds: float = READ_SECONDS,
    ) -> tuple[Sequence[Any], str]:
        """One page of a collection by name, and the token of the next page (empty: this was the last).

        `show_missing`: with phantom parents, without fields and times. `fields`: only these (all when `None`).
        """
        request = ListDocumentsRequest(
            parent=self._name(parent),
            collection_id=collection_id,
            page_size=page_size,
            page_token=page_token,
            show_missing=show_missing,
        )
        if fields is not None:
            request.mask.field_paths.extend(fields)

        def once(deadline: float) -> tuple[Sequence[Any], str]:
            response = self._list_documents(request, timeout=deadline, metadata=self._metadata)
            _record_reads(max(1, len(response.documents)))
            return response.documents, response.next_page_token

        return self._attempt(once, operation=operation, target=f"{parent}/{collection_id}", seconds=seconds)

    def list_collection_ids(self, path: str, *, operation: str, seconds: float = READ_SECONDS) -> list[str]:
        """The ids of all collections below a document (or below the database), whether the document exists or not."""
        found: list[str] = []
        request = ListCollectionIdsRequest(parent=self._name(path), page_size=300)

        def once(deadline: float) -> Any:
            response = self._list_ids(request, timeout=deadline, metadata=self._metadata)
            _record_reads(1)
            return response

        while True:
            response = self._attempt(once, operation=operation, target=path, seconds=seconds)
            found.extend(response.collection_ids)
            if not response.next_page_token:
                return found
            request.page_token = response.next_page_token


def _record_reads(count: int) -> None:
    if count:
        record("firestore_reads", count)


class FirestoreChanges:
    """Commits and transactions over a handle's connection."""

    def __init__(self, handle: FirestoreHandle) -> None:
        self._connection = connection = handle.connection
        self._commit = connection.unary("Commit", CommitRequest, CommitResponse)
        self._begin = connection.unary("BeginTransaction", BeginTransactionRequest, BeginTransactionResponse)
        self._rollback = connection.unary("Rollback", RollbackRequest, Empty)

    def commit(
        self, writes: Sequence[Any], *, operation: str, transaction: bytes = b"", seconds: float = CHANGE_SECONDS
    ) -> Any:
        """Applies all writes or none; the answer has the commit time and one result for each write.

        Raises `Stale` when a precondition failed, `Unreachable` when nobody can know whether it was applied.
        """
        connection = self._connection
        request = CommitRequest(database=connection.database, writes=writes, transaction=transaction)
        deletes = sum(1 for write in writes if write.WhichOneof("operation") == "delete")

        def once(deadline: float) -> Any:
            response = self._commit(request, timeout=deadline, metadata=connection.metadata)
            _record("firestore_deletes", deletes)
            _record("firestore_writes", len(writes) - deletes)
            return response

        return connection.attempt(
            once, operation=operation, target=connection.project_id, seconds=seconds, tries=1, change=True
        )

    def begin(self, *, operation: str, retry_of: bytes = b"", seconds: float = CHANGE_SECONDS) -> bytes:
        """A new transaction that may write; `retry_of` names the failed one that it repeats."""
        connection = self._connection
        request = BeginTransactionRequest(database=connection.database)
        request.options.read_write.retry_transaction = retry_of

        def once(deadline: float) -> bytes:
            started: bytes = self._begin(request, timeout=deadline, metadata=connection.metadata).transaction
            return started

        return connection.attempt(once, operation=operation, target=connection.project_id, seconds=seconds, change=True)

    def rollback(self, transaction: bytes, *, operation: str, seconds: float = CHANGE_SECONDS) -> None:
        """Gives up a transaction and its locks."""
        connection = self._connection
        request = RollbackRequest(database=connection.database, transaction=transaction)

        def once(deadline: float) -> None:
            self._rollback(request, timeout=deadline, metadata=connection.metadata)

        connection.attempt(
            once, operation=operation, target=connection.project_id, seconds=seconds, tries=1, change=True
        )


def _record(operation: Operation, count: int) -> None:
    if count:
        record(operation, count)
