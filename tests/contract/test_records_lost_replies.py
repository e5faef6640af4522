"""Changes when replies get lost, others interfere, or Firestore refuses: nothing is done twice unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from grpc import StatusCode

from storage.actions.documents import Change, Create, Delete, DocumentTransaction, Increment, Replace, Special, Update
from storage.errors import AccessDenied, Stale, StorageError, Unreachable
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import World

PATH = "users/u1/videos/v"


@pytest.fixture
def shaky(embedded: EmbeddedFirestore) -> Iterator[World]:
    """A project with one document on a Firestore that can be made to fail."""
    with World(embedded) as opened:
        opened.put({PATH: {"status": "processing", "progress": {"done": 1, "all": 4}, "n": 1}})
        yield opened


def test_a_transaction_begins_again_when_others_interfere_and_gives_up_in_the_end(shaky: World) -> None:
    runs: list[int] = []

    def work(transaction: DocumentTransaction) -> None:
        runs.append(1)
        transaction.get(PATH)
        transaction.add(Update(PATH, {"n": len(runs)}))

    shaky.faults.refuse("Commit", StatusCode.ABORTED, times=2)
    shaky.writer.transaction(work)
    assert (len(runs), shaky.fields(PATH)["n"]) == (3, 3)

    shaky.faults.refuse("Commit", StatusCode.ABORTED, times=None)
    with pytest.raises(Stale):
        shaky.writer.transaction(work, tries=2)
    assert len(runs) == 5
    assert shaky.faults.calls["Rollback"] == 4


def test_a_transaction_whose_reply_got_lost_is_not_run_again(shaky: World) -> None:
    def work(transaction: DocumentTransaction) -> None:
        found = transaction.get(PATH)
        assert found is not None
        assert found.fields is not None
        transaction.add(Update(PATH, {"n": found.fields["n"] + 1}))

    shaky.faults.lose_reply("Commit", StatusCode.UNAVAILABLE)
    shaky.writer.transaction(work)
    assert shaky.fields(PATH)["n"] == 2

    shaky.faults.refuse("Commit", StatusCode.UNAVAILABLE)
    with pytest.raises(Unreachable, match="not known"):
        shaky.writer.transaction(work)
    assert shaky.fields(PATH)["n"] == 2


LOST: dict[str, Callable[[World], Change]] = {
    "update": lambda world: Update(PATH, {"n": 7, "progress.done": 4}, world.update_time(PATH)),
    "delete": lambda world: Delete(PATH, world.update_time(PATH)),
    "create": lambda world: Create("a/1", {"n": 1}),
    "server time": lambda world: Update(PATH, {"n": 7, "at": Special.SERVER_TIME}, world.update_time(PATH)),
}


@pytest.mark.parametrize("change", LOST)
@pytest.mark.parametrize("code", [StatusCode.UNAVAILABLE, StatusCode.INTERNAL, StatusCode.DEADLINE_EXCEEDED])
def test_a_lost_reply_is_found_out_by_reading(shaky: World, change: str, code: StatusCode) -> None:
    shaky.faults.lose_reply("Commit", code)

    done = shaky.writer.commit([LOST[change](shaky)])

    assert done.confirmed_by_reading
    assert shaky.faults.calls["Commit"] == 2


def test_a_commit_without_precondition_is_simply_sent_again(shaky: World) -> None:
    shaky.faults.lose_reply("Commit", StatusCode.UNAVAILABLE)

    done = shaky.writer.commit([Replace("a/1", {"n": 1}), Delete(PATH)])

    assert not done.confirmed_by_reading
    assert shaky.faults.calls["Commit"] == 2


def test_after_a_lost_try_somebody_elses_change_is_not_taken_for_ones_own(shaky: World) -> None:
    def meanwhile(_: Any) -> bool:
        shaky.put({PATH: {"n": 8}})
        return True

    change = Update(PATH, {"n": 7}, shaky.update_time(PATH))
    shaky.faults.refuse("Commit", StatusCode.UNAVAILABLE, when=meanwhile)

    with pytest.raises(Unreachable, match="not known") as caught:
        shaky.writer.commit([change])

    assert shaky.fields(PATH)["n"] == 8
    assert f"{PATH} was changed at" in caught.value.detail


def test_counting_up_without_a_precondition_is_never_sent_twice(shaky: World) -> None:
    shaky.faults.lose_reply("Commit", StatusCode.UNAVAILABLE)

    with pytest.raises(Unreachable, match="not known"):
        shaky.writer.update(PATH, {"n": Increment(1)})

    assert shaky.faults.calls["Commit"] == 1
    assert shaky.fields(PATH)["n"] == 2


def test_counting_up_with_a_precondition_is_done_once_and_said_to_be_unknown(shaky: World) -> None:
    shaky.faults.lose_reply("Commit", StatusCode.UNAVAILABLE)

    with pytest.raises(Unreachable, match="not known"):
        shaky.writer.update(PATH, {"n": Increment(1)}, last_update_time=shaky.update_time(PATH))

    assert shaky.fields(PATH)["n"] == 2


def test_when_no_try_comes_through_it_is_said_that_the_outcome_is_unknown(shaky: World) -> None:
    with shaky.faults.outage(), pytest.raises(Unreachable, match="whether the change was applied is not known"):
        shaky.writer.set("a/1", {"n": 1})


def test_contention_is_tried_again_and_told_in_the_end(shaky: World) -> None:
    shaky.faults.refuse("Commit", StatusCode.ABORTED, times=2)
    shaky.writer.update(PATH, {"n": 5})
    assert shaky.fields(PATH)["n"] == 5

    shaky.faults.refuse("Commit", StatusCode.ABORTED, times=None)
    with pytest.raises(Stale, match="other writers"):
        shaky.writer.update(PATH, {"n": 6})


def test_a_denied_change_names_the_role_for_changing(shaky: World) -> None:
    shaky.faults.refuse("*", StatusCode.PERMISSION_DENIED, times=None)

    for act in (lambda: shaky.writer.delete(PATH), lambda: shaky.writer.transaction(lambda _: None)):
        with pytest.raises(AccessDenied) as caught:
            act()
        assert "roles/datastore.user" in caught.value.remedy
    error: StorageError = caught.value
    assert error.exit_status == 3
