"""Writes: preconditions, masks, transforms, and what each write reports back.

Commits, batches of writes, single writes, and the beginning and end of transactions.

Field transforms: what the server computes from the stored value while it writes.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterable

from grpc import StatusCode

from storage.sandbox.firestore import names
from storage.sandbox.firestore.names import (
    Name,
    collection_id,
    database_named,
    document_named,
    parent_named,
    same_database,
)
from storage.sandbox.firestore.storage import Row, Rows
from storage.sandbox.firestore.transactions import Replies, Transactions, reply
from storage.sandbox.firestore.values import check_document, key_of
from storage.sandbox.firestore.wire import (
    BatchWriteResponse,
    BeginTransactionResponse,
    CallRefused,
    CommitResponse,
    Document,
    Empty,
    Message,
    Status,
    Value,
    Write,
    WriteResult,
    invalid,
    micros_of,
    set_time,
)

_Compute = Callable[[Message, Message], Message]

_NUMBERS = ("integer_value", "double_value")
_LEAST, _GREATEST = -(2**63), 2**63 - 1


MAX_TRANSFORMS = 500  # per document
_ALPHABET = string.ascii_letters + string.digits


def apply_transforms(fields: Message, transforms: Iterable[Message], now: int) -> list[Message]:
    """Change `fields` by each transform in turn and return the result values that the client is sent.

    `now` is the time of the commit in microseconds; a server timestamp has milliseconds only, as production's
    has. Array transforms report null.

    Raises:
        Refused: INVALID_ARGUMENT.
    """
    return [_transformed(fields, transform, now) for transform in transforms]


def _transformed(fields: Message, transform: Message, now: int) -> Message:
    path = names.parse(transform.field_path)
    kind = transform.WhichOneof("transform_type")
    before = names.find(fields, path)
    result = Value(null_value=0)
    if kind == "set_to_server_value" and transform.set_to_server_value == 1:
        set_time(result.timestamp_value, now - now % 1_000)
        after = result
    elif kind in _ARITHMETIC:
        after = result = _computed(before, getattr(transform, kind), _ARITHMETIC[kind])
    elif kind in _ARRAYS:
        after = _ARRAYS[kind](before, getattr(transform, kind).values)
    else:
        raise invalid("Operation type must be specified for field transformation.")
    after = Value.FromString(after.SerializeToString())  # `put` clears the place that `before` may come from
    names.put(fields, path).CopyFrom(after)
    return result


def _computed(before: Message | None, operand: Message, compute: _Compute) -> Message:
    if operand.WhichOneof("value_type") not in _NUMBERS:
        raise invalid("Input must be int64 or double.")
    if before is None or before.WhichOneof("value_type") not in _NUMBERS:
        return operand
    return compute(before, operand)


def _number(value: Message) -> int | float:
    number: int | float = getattr(value, value.WhichOneof("value_type"))
    return number


def _sum(before: Message, operand: Message) -> Message:
    total = _number(before) + _number(operand)
    if isinstance(total, float):
        return Value(double_value=total)
    return Value(integer_value=min(max(total, _LEAST), _GREATEST))


def _greater(before: Message, operand: Message) -> Message:
    return _not_a_number(before, operand) or (operand if _number(operand) > _number(before) else before)


def _lesser(before: Message, operand: Message) -> Message:
    return _not_a_number(before, operand) or (operand if _number(operand) < _number(before) else before)


def _not_a_number(*values: Message) -> Message | None:
    return next((value for value in values if _number(value) != _number(value)), None)


def _elements(value: Message | None) -> list[Message]:
    is_array = value is not None and value.WhichOneof("value_type") == "array_value"
    return list(value.array_value.values) if value is not None and is_array else []


def _array_of(elements: Iterable[Message]) -> Message:
    array = Value()
    array.array_value.SetInParent()
    array.array_value.values.extend(elements)
    return array


def _with_missing(before: Message | None, wanted: Iterable[Message]) -> Message:
    elements = _elements(before)
    present = {key_of(element) for element in elements}
    for element in wanted:
        key = key_of(element)
        if key not in present:
            present.add(key)
            elements.append(element)
    return _array_of(elements)


def _without(before: Message | None, unwanted: Iterable[Message]) -> Message:
    gone = {key_of(element) for element in unwanted}
    return _array_of(element for element in _elements(before) if key_of(element) not in gone)


_ARITHMETIC = {"increment": _sum, "maximum": _greater, "minimum": _lesser}
_ARRAYS = {"append_missing_elements": _with_missing, "remove_all_from_array": _without}


def target_of(write: Message, database: str) -> Name:
    """The document that a write is about.

    Raises:
        Refused: INVALID_ARGUMENT, when it names none, or one of another database.
    """
    kind = write.WhichOneof("operation")
    if kind is None:
        raise invalid("empty write operation")
    named = {"update": write.update.name, "delete": write.delete, "transform": write.transform.document}
    return same_database(document_named(named[kind]), database)


def apply(rows: Rows, write: Message, name: Name, now: int) -> Message:
    """Carry out one write on `name` at `now` (microseconds) and return its WriteResult.

    A write that changes nothing keeps the update time, as in production. Call it inside `rows.writing()`.

    Raises:
        Refused: for a failed precondition (NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION) or a document that
            Firestore would not take (INVALID_ARGUMENT). The caller has to roll back.
    """
    row = rows.get(name.key)
    check_precondition(write.current_document, name, row)
    if write.WhichOneof("operation") == "delete":
        rows.delete(name.key)
        return WriteResult()
    before = Document.FromString(row.body) if row else None
    document = _merged(write, name, before)
    wanted = [*write.update_transforms, *write.transform.field_transforms]
    if len(wanted) > MAX_TRANSFORMS:
        raise invalid(f"At most {MAX_TRANSFORMS} transforms are allowed per document.")
    result = WriteResult(transform_results=apply_transforms(document.fields, wanted, now))
    check_document(name, document.fields)
    set_time(result.update_time, _store(rows, name, document, row, now))
    return result


def check_precondition(precondition: Message, name: Name, row: Row | None) -> None:
    """Refuse a write whose condition the stored document does not meet.

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
    """Write whole documents without reading what they replace; for loading many.

    With `dated_by`, a document that has a past time in that field counts as written then.

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
    """The document as the write leaves it, before transforms: replaced, or changed where the mask says."""
    document = Document(name=str(name))
    merging = write.HasField("update_mask") or write.WhichOneof("operation") == "transform"
    source = before if merging else write.update
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
    """Write the document unless it is what is stored already; returns its update time."""
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
        """Rollback; of a transaction that is over already, too."""
        database_named(request.database)
        self._transactions.close(request.transaction)
        return reply(Empty())

    def commit(self, request: Message) -> Replies:
        """Commit: all writes or none; in a transaction only if what it read is still so."""
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

    def batch_write(self, request: Message) -> Replies:
        """BatchWrite: each write on its own, with a status of its own."""
        database = database_named(request.database)
        targets = [target_of(write, database) for write in request.writes]
        if len(set(targets)) < len(targets):
            raise invalid("the same document cannot be written more than once in a single request")
        response = BatchWriteResponse()
        for write, name in zip(request.writes, targets, strict=True):
            result, status = WriteResult(), Status()
            try:
                with self._rows.writing() as now:
                    result = apply(self._rows, write, name, now)
            except CallRefused as refused:
                status = Status(code=refused.number, message=refused.message)
            response.write_results.append(result)
            response.status.append(status)
        return reply(response)

    def create_document(self, request: Message) -> Replies:
        """CreateDocument, under the id given or one made up."""
        identity = request.document_id or "".join(secrets.choice(_ALPHABET) for _ in range(20))
        parent = parent_named(request.parent).child(collection_id(request.collection_id), identity)
        write = Write(update=request.document)
        write.current_document.exists = False
        return self._write_one(write, document_named(str(parent)), request)

    def update_document(self, request: Message) -> Replies:
        """UpdateDocument; without a precondition it also creates."""
        write = Write(update=request.document, current_document=request.current_document)
        if request.HasField("update_mask"):
            write.update_mask.CopyFrom(request.update_mask)
        return self._write_one(write, document_named(request.document.name), request)

    def delete_document(self, request: Message) -> Replies:
        """DeleteDocument; without a precondition also of one that is not there."""
        name = document_named(request.name)
        write = Write(delete=request.name, current_document=request.current_document)
        with self._rows.writing() as now:
            apply(self._rows, write, name, now)
        return reply(Empty())

    def _write_one(self, write: Message, name: Name, request: Message) -> Replies:
        """Write one document and answer with it, under the request's mask."""
        with self._rows.writing() as now:
            apply(self._rows, write, name, now)
            row = self._rows.get(name.key)
        document = Document.FromString(row.body if row else b"")
        if request.HasField("mask"):
            document = names.masked(document, map(names.parse, request.mask.field_paths))
        return reply(document, documents=1)

    def _settle(self, request: Message, database: str) -> None:
        """End the transaction of a commit, provided that nothing it read has changed."""
        transaction = self._transactions.find(request.transaction, database)
        if transaction.read_only and request.writes:
            raise invalid("Cannot modify entities in a read-only transaction.")
        self._transactions.close(request.transaction)
        transaction.check()
