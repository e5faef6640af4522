"""What a handler gives back: serialized replies, and what they count for."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from storage.sandbox.firestore.protos import Message, micros_of
from storage.sandbox.firestore.refusals import invalid
from storage.sandbox.firestore.transactions import Transaction, Transactions


@dataclass(frozen=True, slots=True)
class Answer:
    """Serialized replies in order: exactly one for a plain call, any number for a stream.

    `documents` is how many documents they hold, `reads` how many reads production would bill for them.
    """

    messages: Iterable[bytes]
    documents: int = 0
    reads: int = 0


def reply(message: Message, documents: int = 0, reads: int = 0) -> Answer:
    """The answer to a plain call."""
    return Answer((message.SerializeToString(),), documents, reads)


def consistency(request: Message, database: str, open_ones: Transactions) -> tuple[Transaction | None, bytes]:
    """The transaction that a read belongs to, if any, and its id if the request began it.

    A read time is taken for "now" as long as it is not in the future: no history is kept.

    Raises:
        Refused: INVALID_ARGUMENT, for a transaction that is not open or a read time to come.
    """
    kind = request.WhichOneof("consistency_selector")
    if kind == "transaction":
        return open_ones.find(request.transaction, database), b""
    if kind == "new_transaction":
        identity = open_ones.begin(database, request.new_transaction)
        return open_ones.find(identity, database), identity
    if kind == "read_time" and micros_of(request.read_time) > time.time_ns() // 1_000:
        raise invalid("The requested 'read_time' cannot be in the future.")
    return None, b""
