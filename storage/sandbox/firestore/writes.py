"""Writes: commits, the beginning and end of transactions, preconditions, masks, transforms and write results."""

from __future__ import annotations

from collections.abc import Iterable

from grpc import StatusCode

from storage.sandbox.firestore import names
from storage.sandbox.firestore.names import Name, database_named, document_named, same_database
from storage.sandbox.firestore.storage import Row, Rows
from storage.sandbox.firestore.transactions import Replies, Transactions, reply
from storage.sandbox.firestore.values import check_document
from storage.sandbox.firestore.wire import (
    BeginTransactionResponse,
    CallRefused,
    CommitResponse,
    Document,
    Empty,
    Message,
    Value,
    WriteResult,
    invalid,
    micros_of,
    set_time,
    unimplemented,
)

MAX_TRANSFORMS = 500  # per document
_NUMBERS = ("integer_value", "double_value")
_LEAST, _GREATEST = -(2**63), 2**63 - 1


def _transformed(fields: Message, transform: Message, now: int) -> Message:
    """Change `fields` by one transform and return the value for the client.

    `now` is the time of the commit in microseconds; a server timestamp has only milliseconds, as in production.
    """
    path = names.parse(transform.field_path)
    kind = transform.WhichOneof("transform_type")
    if kind is None:
        raise invalid("Operation type must be specified for field transformation.")
    if kind == "increment":
        result = _increased(names.find(fields, path), transform.increment)
    elif kind == "set_to_server_value" and transform.set_to_server_value == 1:
        result = Value()
        set_time(result.timestamp_value, now - now % 1_000)
    else:
        raise unimplemented(f"The transform {kind}")
    names.put(fields, path).CopyFrom(result)
    return result


def _increased(before: Message | None, by: Message) -> Message:
    """The sum as a new value: integers stay within 64 bits, a double gives a double, no number before counts as 0."""
    kind = by.WhichOneof("value_type")
    if kind not in _NUMBERS:
        raise invalid("Input must be int64 or double.")
    former = before.WhichOneof("value_type") if before is not None else None
    total = getattr(by, kind) + (getattr(before, former) if former in _NUMBERS else 0)
    if isinstance(total, float):
        return Value(double_value=total)
    return Value(integer_value=min(max(total, _LEAST), _GREATEST))


def target_of(write: Message, database: str) -> Name:
    """The name of the document of a write.

    Raises:
        Refused: INVALID_ARGUMENT, when the write names no document, or one of another database.
    """
    kind = write.WhichOneof("operation")
    if kind is None:
        raise invalid("empty write operation")
    if kind == "transform":
        raise unimplemented("A write of transforms alone")
    return same_database(document_named(write.update.name if kind == "update" else write.delete), database)


def apply(rows: Rows, write: Message, name: Name, now: int) -> Message:
    """Carry out one write on `name` at `now` (microseconds) and return its WriteResult.

    A write that changes nothing keeps the update time, as in production. Call it inside `rows.writing()`.

    Raises:
        Refused: for a failed precondition (NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION) or a document that
            Firestore would not take (INVALID_ARGUMENT). The caller must roll back.
    """
    row = rows.get(name.key)
    check_precondition(write.current_document, name, row)
    if write.WhichOneof("operation") == "delete":
        rows.delete(name.key)
        return WriteResult()
    before = Document.FromString(row.body) if row else None
    document = _merged(write, name, before)
    if len(write.update_transforms) > MAX_TRANSFORMS:
        raise invalid(f"At most {MAX_TRANSFORMS} transforms are allowed per document.")
    results = [_transformed(document.fields, transform, now) for transform in write.update_transforms]
    result = WriteResult(transform_results=results)
    check_document(name, document.fields)
    set_time(result.update_time, _store(rows, name, document, row, now))
    return result


def check_precondition(precondition: Message, name: Name, row: Row | None) -> None:
    """Refuse a write whose precondition the stored document does not meet.

    Raises:
        Refused: NOT_FOUND, ALREADY_EXISTS or FAILED_PRECONDITION.
    """
    kind = precondition.WhichOneof("condition_type")
    if kind == "exists" and precondition.exists and row is None:
        raise CallRefused(StatusCode.NOT_FOUND, f"No document to update: {name}")
    if kind == "exists" and not precondition.exists and row is not None:
        raise CallRefused(StatusCode.ALREADY_EXISTS, f"Document already exists: {name}")
    if kind == "update_time":
        stored, required = row.updated if row else 0, micros_of(precondition.update_time)
        if stored != required:
            raise CallRefused(
                StatusCode.FAILED_PRECONDITION,
                f"the stored version ({stored}) does not match the required base version ({required})",
            )


def put_new(rows: Rows, documents: Iterable[tuple[Name, Message]], now: int, dated_by: str = "") -> None:
    """Write whole documents without reading those that they replace; for loading many.

    With `dated_by`, a document with a past time in that field counts as written at that time.

    Raises:
        Refused: INVALID_ARGUMENT for a document that Firestore would not take.
    """

    def row(name: Name, document: Message) -> tuple[Name, int, bytes]:
        check_document(name, document.fields)
        cell = document.fields[dated_by] if dated_by and dated_by in document.fields else None
        written = micros_of(cell.timestamp_value) if cell is not None and cell.HasField("timestamp_value") else now
        at = min(written, now)
        return name, at, _stamped(document, at, at)

    rows.put(row(name, document) for name, document in documents)


def _merged(write: Message, name: Name, before: Message | None) -> Message:
    """The document after the write and before transforms: replaced, or changed in the fields of the mask."""
    document = Document(name=str(name))
    source = before if write.HasField("update_mask") else write.update
    if source is not None:
        document.fields.MergeFrom(source.fields)
    for text in write.update_mask.field_paths:
        path = names.parse(text)
        value = names.find(write.update.fields, path)
        if value is None:
            names.remove(document.fields, path)
        else:
            names.put(document.fields, path).CopyFrom(value)
    return document


def _store(rows: Rows, name: Name, document: Message, row: Row | None, now: int) -> int:
    """Write the document unless the same one is already stored; return its update time."""
    created = micros_of(Document.FromString(row.body).create_time) if row else now
    if row is not None and _stamped(document, created, row.updated) == row.body:
        return row.updated
    rows.put([(name, now, _stamped(document, created, now))])
    return now


def _stamped(document: Message, created: int, updated: int) -> bytes:
    """The document with its times, serialized so that equal documents are equal bytes."""
    set_time(document.create_time, created)
    set_time(document.update_time, updated)
    body: bytes = document.SerializeToString(deterministic=True)
    return body


class Writes:
    """Handlers of the calls that change something."""

    def __init__(self, rows: Rows, transactions: Transactions) -> None:
        self._rows = rows
        self._transactions = transactions

    def begin_transaction(self, request: Message) -> Replies:
        """BeginTransaction."""
        identity = self._transactions.begin(database_named(request.database), request.options)
        return reply(BeginTransactionResponse(transaction=identity))

    def rollback(self, request: Message) -> Replies:
        """Rollback, also of a transaction that has already ended."""
        database_named(request.database)
        self._transactions.close(request.transaction)
        return reply(Empty())

    def commit(self, request: Message) -> Replies:
        """Commit: all writes or none; in a transaction only if its readings still hold."""
        database = database_named(request.database)
        targets = [target_of(write, database) for write in request.writes]
        response = CommitResponse()
        with self._rows.writing() as now:
            if request.transaction:
                self._settle(request, database)
            for write, name in zip(request.writes, targets, strict=True):
                response.write_results.append(apply(self._rows, write, name, now))
            set_time(response.commit_time, now)
        return reply(response)

    def _settle(self, request: Message, database: str) -> None:
        """End the transaction of a commit, if nothing that it read has changed."""
        transaction = self._transactions.find(request.transaction, database)
        self._transactions.close(request.transaction)
        transaction.check(self._rows)
