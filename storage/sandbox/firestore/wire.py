"""The raw protobuf classes under the client library's typed ones, and the exception that refuses a call.

The client's classes wrap every field access in Python; the messages below have the same wire format without that
wrapping and are some ten times cheaper to read. They have no type stubs, hence `Any`. Any part of the server may raise
`CallRefused`, which carries the gRPC status for the caller.
"""

from __future__ import annotations

from typing import Any

from google.cloud.firestore_v1 import types
from google.protobuf import empty_pb2
from grpc import StatusCode

Message = Any
"""A protobuf message: its classes are made at run time, so a type checker does not know its fields."""

Value: Any = types.Value.pb()
Document: Any = types.Document.pb()
WriteResult: Any = types.WriteResult.pb()

BatchGetDocumentsRequest: Any = types.BatchGetDocumentsRequest.pb()
BatchGetDocumentsResponse: Any = types.BatchGetDocumentsResponse.pb()
BeginTransactionRequest: Any = types.BeginTransactionRequest.pb()
BeginTransactionResponse: Any = types.BeginTransactionResponse.pb()
CommitRequest: Any = types.CommitRequest.pb()
CommitResponse: Any = types.CommitResponse.pb()
ListCollectionIdsRequest: Any = types.ListCollectionIdsRequest.pb()
ListCollectionIdsResponse: Any = types.ListCollectionIdsResponse.pb()
ListDocumentsRequest: Any = types.ListDocumentsRequest.pb()
RollbackRequest: Any = types.RollbackRequest.pb()
RunAggregationQueryRequest: Any = types.RunAggregationQueryRequest.pb()
RunAggregationQueryResponse: Any = types.RunAggregationQueryResponse.pb()
RunQueryRequest: Any = types.RunQueryRequest.pb()
RunQueryResponse: Any = types.RunQueryResponse.pb()

Empty: Any = empty_pb2.Empty


def set_time(target: Message, micros: int) -> None:
    """Write `micros` (microseconds since 1970, UTC) into a Timestamp message."""
    target.seconds, rest = divmod(micros, 1_000_000)
    target.nanos = rest * 1_000
    target.SetInParent()


def micros_of(stamp: Message) -> int:
    """Microseconds since 1970 of a Timestamp message; finer parts are cut off, as Firestore does."""
    return int(stamp.seconds) * 1_000_000 + int(stamp.nanos) // 1_000


def embedded(field_number: int, body: bytes) -> bytes:
    """`body`, an already serialized message, as field `field_number` (1 to 15) of another message."""
    size = len(body)
    head = bytearray([field_number << 3 | 2])
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + body


class CallRefused(Exception):
    """Ends a call with `code` and `message`, in production's words where these are known."""

    def __init__(self, code: StatusCode, message: str) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message


def invalid(message: str) -> CallRefused:
    """The refusal of a request that can never succeed with any stored data."""
    return CallRefused(StatusCode.INVALID_ARGUMENT, message)


def unimplemented(what: str) -> CallRefused:
    """The refusal of a feature that Firestore has and this server lacks, instead of a wrong answer."""
    return CallRefused(StatusCode.UNIMPLEMENTED, f"{what} is not served by the embedded Firestore.")
