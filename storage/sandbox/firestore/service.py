"""The gRPC surface: which calls are served, and how a request becomes a handler's answer or a status."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from storage.sandbox.firestore import protos
from storage.sandbox.firestore.answers import Answer
from storage.sandbox.firestore.committing import Writes
from storage.sandbox.firestore.faults import Faults, broken, strike
from storage.sandbox.firestore.protos import Message
from storage.sandbox.firestore.queries import Demand, Queries
from storage.sandbox.firestore.reading import Reads
from storage.sandbox.firestore.refusals import Refused, invalid
from storage.sandbox.firestore.rows import Rows
from storage.sandbox.firestore.transactions import Transactions

SERVICE = "google.firestore.v1.Firestore"
MAX_REQUEST_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Method:
    """One call: the class of its requests, its handler, and whether the answer is a stream."""

    request: Any
    handle: Callable[[Message], Answer]
    streams: bool = False


class Service(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Serves the calls in its table; gRPC answers UNIMPLEMENTED for all others."""

    def __init__(self, rows: Rows, faults: Faults, demand: Demand | None) -> None:
        transactions = Transactions()
        self._faults = faults
        self._methods = _methods(
            Reads(rows, transactions), Writes(rows, transactions), Queries(rows, transactions, demand)
        )

    def service(self, handler_call_details: Any) -> Any:
        """Find the handler for a call; part of gRPC's interface."""
        service, _, name = handler_call_details.method.removeprefix("/").partition("/")
        method = self._methods.get(name) if service == SERVICE else None
        if method is None:
            return None

        def replies(raw: bytes, context: Any) -> Iterator[bytes]:
            return self._replies(name, method, raw, context)

        if method.streams:
            return grpc.unary_stream_rpc_method_handler(replies)
        return grpc.unary_unary_rpc_method_handler(lambda raw, context: next(replies(raw, context)))

    def _replies(self, name: str, method: Method, raw: bytes, context: Any) -> Iterator[bytes]:
        try:
            request = _parsed(method, raw)
            rules = self._faults.meet(name, request)
            strike(rules, "before")
            answer = method.handle(request)
            self._faults.record(name, answer.documents, answer.reads)
            strike(rules, "after reply")
            yield from broken(iter(answer.messages), rules)
        except Refused as refused:
            context.abort(refused.code, refused.message)


def _parsed(method: Method, raw: bytes) -> Message:
    if len(raw) > MAX_REQUEST_BYTES:
        raise invalid(f"Request payload size exceeds the limit: {MAX_REQUEST_BYTES} bytes.")
    try:
        return method.request.FromString(raw)
    except DecodeError as error:
        raise invalid(f"The request cannot be read: {error}") from error


def _methods(reads: Reads, writes: Writes, queries: Queries) -> dict[str, Method]:
    aggregation = protos.RunAggregationQueryRequest
    return {
        "GetDocument": Method(protos.GetDocumentRequest, reads.get_document),
        "BatchGetDocuments": Method(protos.BatchGetDocumentsRequest, reads.batch_get_documents, streams=True),
        "ListDocuments": Method(protos.ListDocumentsRequest, reads.list_documents),
        "ListCollectionIds": Method(protos.ListCollectionIdsRequest, reads.list_collection_ids),
        "RunQuery": Method(protos.RunQueryRequest, queries.run_query, streams=True),
        "RunAggregationQuery": Method(aggregation, queries.run_aggregation_query, streams=True),
        "PartitionQuery": Method(protos.PartitionQueryRequest, queries.partition_query),
        "Commit": Method(protos.CommitRequest, writes.commit),
        "BatchWrite": Method(protos.BatchWriteRequest, writes.batch_write),
        "BeginTransaction": Method(protos.BeginTransactionRequest, writes.begin_transaction),
        "Rollback": Method(protos.RollbackRequest, writes.rollback),
        "CreateDocument": Method(protos.CreateDocumentRequest, writes.create_document),
        "UpdateDocument": Method(protos.UpdateDocumentRequest, writes.update_document),
        "DeleteDocument": Method(protos.DeleteDocumentRequest, writes.delete_document),
    }
