"""Transactions: all or nothing, and never on what has changed meanwhile."""

from __future__ import annotations

import threading

import pytest
from google.api_core import exceptions
from google.cloud import firestore

from storage.sandbox.firestore import transactions
from tests.rigs.firestore import FirestoreRig
from tests.rigs.waiting import PATIENCE_SECONDS


def test_a_transaction_commits_what_it_wrote_from_what_it_read(db: firestore.Client) -> None:
    db.document("c/from").set({"n": 5})

    @firestore.transactional
    def move(transaction: firestore.Transaction) -> int:
        amount = db.document("c/from").get(transaction=transaction).get("n")
        transaction.update(db.document("c/from"), {"n": 0})
        transaction.set(db.document("c/to"), {"n": amount})
        return amount

    assert move(db.transaction()) == 5
    assert [snapshot.get("n") for snapshot in db.collection("c").stream()] == [0, 5]


def test_an_error_inside_rolls_back(db: firestore.Client) -> None:
    @firestore.transactional
    def fail(transaction: firestore.Transaction) -> None:
        transaction.set(db.document("c/d"), {"n": 1})
        raise LookupError

    with pytest.raises(LookupError):
        fail(db.transaction())
    assert not db.document("c/d").get().exists


def test_a_failed_precondition_fails_the_whole_transaction(db: firestore.Client) -> None:
    transaction = db.transaction()
    transaction._begin()
    transaction.set(db.document("c/d"), {"n": 1})
    transaction.update(db.document("c/missing"), {"n": 1})

    with pytest.raises(exceptions.NotFound):
        transaction._commit()
    transaction._rollback()
    assert not db.document("c/d").get().exists


def test_two_threads_count_without_losing_a_step(firestore_rig: FirestoreRig, db: firestore.Client) -> None:
    counter = db.document("c/counter")
    counter.set({"n": 0})

    @firestore.transactional
    def step(transaction: firestore.Transaction) -> None:
        seen = counter.get(transaction=transaction).get("n")
        transaction.update(counter, {"n": seen + 1})

    def steps() -> None:
        for _ in range(2):
            step(db.transaction(max_attempts=50))

    threads = [threading.Thread(target=steps) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.get().get("n") == 4


def test_of_a_transaction_and_a_writer_outside_only_one_prevails(db: firestore.Client) -> None:
    """Our server lets the writer through and aborts the transaction; the emulator the other way round."""
    reference = db.document("c/d")
    reference.set({"by": "nobody"})
    transaction = db.transaction()
    transaction._begin()
    assert reference.get(transaction=transaction).get("by") == "nobody"
    winners = []

    for name, write in (
        ("outside", lambda: reference.update({"by": "outside"}, retry=None, timeout=PATIENCE_SECONDS)),
        ("inside", lambda: (transaction.update(reference, {"by": "inside"}), transaction._commit())),
    ):
        try:
            write()
            winners.append(name)
        except exceptions.Aborted:
            continue

    assert [reference.get().get("by")] == winners


def test_a_finished_transaction_is_of_no_more_use(db: firestore.Client) -> None:
    transaction = db.transaction()
    transaction._begin()
    identity = transaction.id
    transaction._commit()
    request = {"database": db._database_string, "writes": [], "transaction": identity}

    with pytest.raises(exceptions.InvalidArgument):
        db._firestore_api.commit(request=request, metadata=db._rpc_metadata)
    with pytest.raises(exceptions.InvalidArgument):
        db._firestore_api.commit(request={**request, "transaction": b"made up"}, metadata=db._rpc_metadata)
    db._firestore_api.rollback(
        request={"database": db._database_string, "transaction": identity}, metadata=db._rpc_metadata
    )


@pytest.mark.parametrize("limit", ["MAX_AGE_SECONDS", "MAX_IDLE_SECONDS"])
def test_our_server_closes_a_transaction_that_takes_too_long(
    embedded_db: firestore.Client, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    transaction = embedded_db.transaction()
    transaction._begin()
    monkeypatch.setattr(transactions, limit, -1.0)

    with pytest.raises(exceptions.InvalidArgument):
        transaction._commit()


def test_our_server_aborts_when_a_document_that_was_read_was_made_changed_or_deleted(
    embedded_db: firestore.Client,
) -> None:
    reference = embedded_db.document("c/d")
    for change in (lambda: reference.set({"n": 1}), lambda: reference.set({"n": 2}), reference.delete):
        transaction = embedded_db.transaction()
        transaction._begin()
        reference.get(transaction=transaction)
        change()

        transaction.set(embedded_db.document("other/d"), {"n": 1})
        with pytest.raises(exceptions.Aborted):
            transaction._commit()
    assert not embedded_db.document("other/d").get().exists


def test_a_transaction_can_follow_one_that_failed(db: firestore.Client) -> None:
    begin, database = db._firestore_api.begin_transaction, db._database_string
    first = begin(request={"database": database}, metadata=db._rpc_metadata).transaction
    db._firestore_api.rollback(request={"database": database, "transaction": first}, metadata=db._rpc_metadata)
    again = {"database": database, "options": {"read_write": {"retry_transaction": first}}}

    assert begin(request=again, metadata=db._rpc_metadata).transaction != first
