"""Commits, batches of writes, single writes, and the beginning and end of transactions."""

from __future__ import annotations

import secrets
import string

from storage.sandbox.firestore import field_paths
from storage.sandbox.firestore.answers import Answer, reply
from storage.sandbox.firestore.names import Name, collection_id, database_named, document_named, parent_named
from storage.sandbox.firestore.protos import (
    BatchWriteResponse,
    BeginTransactionResponse,
    CommitResponse,
    Document,
    Empty,
    Message,
    Status,
    Write,
    WriteResult,
    set_time,
)
from storage.sandbox.firestore.refusals import Refused, invalid
from storage.sandbox.firestore.rows import Rows
from storage.sandbox.firestore.transactions import Transactions
from storage.sandbox.firestore.writing import apply, target_of

_ALPHABET = string.ascii_letters + string.digits


class Writes:
    """Handlers of the calls that change something."""

    def __init__(self, rows: Rows, transactions: Transactions) -> None:
        self._rows = rows
        self._transactions = transactions

    def begin_transaction(self, request: Message) -> Answer:
        """BeginTransaction."""
        identity = self._transactions.begin(database_named(request.database), request.options)
        return reply(BeginTransactionResponse(transaction=identity))

    def rollback(self, request: Message) -> Answer:
        """Rollback; of a transaction that is over already, too."""
        database_named(request.database)
        self._transactions.close(request.transaction)
        return reply(Empty())

    def commit(self, request: Message) -> Answer:
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

    def batch_write(self, request: Message) -> Answer:
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
            except Refused as refused:
                status = Status(code=refused.number, message=refused.message)
            response.write_results.append(result)
            response.status.append(status)
        return reply(response)

    def create_document(self, request: Message) -> Answer:
        """CreateDocument, under the id given or one made up."""
        identity = request.document_id or "".join(secrets.choice(_ALPHABET) for _ in range(20))
        parent = parent_named(request.parent).child(collection_id(request.collection_id), identity)
        write = Write(update=request.document)
        write.current_document.exists = False
        return self._write_one(write, document_named(str(parent)), request)

    def update_document(self, request: Message) -> Answer:
        """UpdateDocument; without a precondition it also creates."""
        write = Write(update=request.document, current_document=request.current_document)
        if request.HasField("update_mask"):
            write.update_mask.CopyFrom(request.update_mask)
        return self._write_one(write, document_named(request.document.name), request)

    def delete_document(self, request: Message) -> Answer:
        """DeleteDocument; without a precondition also of one that is not there."""
        name = document_named(request.name)
        write = Write(delete=request.name, current_document=request.current_document)
        with self._rows.writing() as now:
            apply(self._rows, write, name, now)
        return reply(Empty())

    def _write_one(self, write: Message, name: Name, request: Message) -> Answer:
        """Write one document and answer with it, under the request's mask."""
        with self._rows.writing() as now:
            apply(self._rows, write, name, now)
            row = self._rows.get(name.key)
        document = Document.FromString(row.body if row else b"")
        if request.HasField("mask"):
            document = field_paths.masked(document, map(field_paths.parse, request.mask.field_paths))
        return reply(document, documents=1)

    def _settle(self, request: Message, database: str) -> None:
        """End the transaction of a commit, provided that nothing it read has changed."""
        transaction = self._transactions.find(request.transaction, database)
        if transaction.read_only and request.writes:
            raise invalid("Cannot modify entities in a read-only transaction.")
        self._transactions.close(request.transaction)
        transaction.check()
