"""Writes: preconditions, masks, transforms, and what each write reports back."""

from __future__ import annotations

from collections.abc import Iterable

from grpc import StatusCode

from storage.sandbox.firestore import field_paths, transforms
from storage.sandbox.firestore.names import Name, document_named, same_database
from storage.sandbox.firestore.protos import Document, Message, WriteResult, micros_of, set_time
from storage.sandbox.firestore.refusals import Refused, invalid
from storage.sandbox.firestore.rows import Row, Rows
from storage.sandbox.firestore.values import check_document

MAX_TRANSFORMS = 500  # per document


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
    result = WriteResult(transform_results=transforms.apply(document.fields, wanted, now))
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
        raise Refused(StatusCode.NOT_FOUND, f"No document to update: {name}")
    if kind == "exists" and not precondition.exists and row is not None:
        raise Refused(StatusCode.ALREADY_EXISTS, f"Document already exists: {name}")
    if kind == "update_time":
        stored, required = row.updated if row else 0, micros_of(precondition.update_time)
        if stored != required:
            raise Refused(
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
        path = field_paths.parse(text)
        value = field_paths.find(write.update.fields, path)
        if value is None:
            field_paths.remove(document.fields, path)
        else:
            field_paths.put(document.fields, path).CopyFrom(value)
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
