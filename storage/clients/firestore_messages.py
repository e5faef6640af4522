"""The raw protobuf classes of the Firestore API: proto-plus wrappers around them would take most of a read's time."""

from __future__ import annotations

import json
from typing import Any

from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.field_path import FieldPath
from google.protobuf import empty_pb2, json_format
from google.protobuf.internal import api_implementation

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
_field_path: Any = FieldPath  # typed in part only


def field_path(parts: tuple[str, ...]) -> str:
    """A field's path as the API writes it, with quotes around parts that are no plain names."""
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
