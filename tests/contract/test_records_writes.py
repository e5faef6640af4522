"""Changes to documents, on every kind of Firestore, and what happens when a reply gets lost or others interfere."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from grpc import StatusCode

from storage.actions.document_changes import Change, Create, Delete, Increment, Replace, Restore, Special, Update
from storage.actions.documents import MAX_CHANGES, Transaction
from storage.clients.meter import metering
from storage.domain.model import RawDocument
from storage.errors import AccessDenied, BadInput, NotFound, Stale, StorageError, Unreachable
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig
from tests.rigs.records import NOON, World

PATH = "users/u1/videos/v"


@pytest.fixture
def world(firestore_rig: FirestoreRig) -> Iterator[World]:
    """A project with one document, on every kind of Firestore in turn."""
    with World(firestore_rig) as opened:
        opened.put({PATH: {"status": "processing", "progress": {"done": 1, "all": 4}, "n": 1}})
        yield opened


@pytest.fixture
def shaky(embedded: EmbeddedFirestore) -> Iterator[World]:
    """The same on a Firestore that can be made to fail."""
    with World(embedded) as opened:
        opened.put({PATH: {"status": "processing", "progress": {"done": 1, "all": 4}, "n": 1}})
        yield opened


def now(world: World, path: str = PATH) -> RawDocument:
    """The document as it is, which must exist."""
    document = world.records.raw(path)
    assert document is not None
    return document


def fields(world: World, path: str = PATH) -> dict[str, Any]:
    """Its fields."""
    return dict(now(world, path).fields or {})


def seen(world: World, path: str = PATH) -> datetime:
    """Its update time."""
    moment = now(world, path).update_time
    assert moment is not None
    return moment


def test_an_update_changes_the_fields_named_and_no_others(world: World) -> None:
    done = world.writer.update(PATH, {"status": "failed", "progress.done": 2, "error_message": None})

    assert fields(world) == {
        "status": "failed",
        "progress": {"done": 2, "all": 4},
        "n": 1,
        "error_message": None,
    }
    assert done.update_times == {PATH: seen(world)}
    assert not done.confirmed_by_reading


def test_an_update_can_delete_count_up_and_take_the_servers_time(world: World) -> None:
    before = datetime.now(UTC) - timedelta(minutes=5)

    world.writer.update(
        PATH,
        {
            "progress.all": Special.DELETE_FIELD,
            "n": Increment(4),
            "touched": Special.SERVER_TIME,
            ("by.style", "split-ü"): 3,
        },
    )

    found = fields(world)
    assert (found["progress"], found["n"], found["by.style"]) == ({"done": 1}, 5, {"split-ü": 3})
    assert found["touched"] > before


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"a": 1, "a.b": 2},
        {"a..b": 1},
        {"": 1},
        {"a": [[1]]},
        {"a": datetime(2026, 1, 1)},
        {"a": 2**63},
        {"a": object()},
    ],
    ids=str,
)
def test_an_update_that_cannot_be_meant_is_refused_and_changes_nothing(world: World, changes: dict[Any, Any]) -> None:
    before = seen(world)

    with pytest.raises(BadInput):
        world.writer.update(PATH, changes)

    assert seen(world) == before


def test_an_update_of_a_document_that_is_gone_is_stale_and_says_so(world: World) -> None:
    with pytest.raises(Stale) as caught:
        world.writer.update("users/u2", {"plan": "free"})

    assert caught.value.reasons == ("users/u2 does not exist any more",)
    assert world.records.raw("users/u2") is None


@pytest.mark.parametrize("act", ["update", "delete"])
def test_a_change_of_what_has_changed_since_it_was_seen_is_stale_and_changes_nothing(world: World, act: str) -> None:
    before = seen(world)
    world.writer.update(PATH, {"n": 2})

    change = Update(PATH, {"n": 3}, before) if act == "update" else Delete(PATH, before)
    with pytest.raises(Stale) as caught:
        world.writer.commit([change])

    assert fields(world)["n"] == 2
    assert caught.value.reasons[0].startswith(f"{PATH} was changed at")
    assert caught.value.exit_status == 4


@pytest.mark.parametrize("act", ["update", "delete"])
def test_a_change_of_what_is_as_it_was_seen_goes_through(world: World, act: str) -> None:
    if act == "update":
        world.writer.update(PATH, {"n": 3}, last_update_time=seen(world))
        assert fields(world)["n"] == 3
    else:
        assert world.writer.delete(PATH, last_update_time=seen(world)).update_times == {PATH: None}
        assert world.records.raw(PATH) is None


def test_creating_needs_a_free_path_and_setting_does_not(world: World) -> None:
    world.writer.create("users/u2", {"plan": "free", "at": NOON})
    with pytest.raises(Stale) as caught:
        world.writer.create("users/u2", {"plan": "pro"})
    world.writer.set(PATH, {"only": "this"})

    assert caught.value.reasons == ("users/u2 exists already",)
    assert fields(world, "users/u2") == {"plan": "free", "at": NOON}
    assert fields(world) == {"only": "this"}


def test_deleting_what_is_gone_is_no_fault_unless_it_must_exist(world: World) -> None:
    world.writer.delete("users/nobody")

    with pytest.raises(Stale) as caught:
        world.writer.delete("users/nobody", must_exist=True)
    assert caught.value.reasons == ("users/nobody does not exist any more",)


def test_deleting_leaves_what_lies_below(world: World) -> None:
    world.put({f"{PATH}/clips/c": {"n": 1}})

    world.writer.delete(PATH)

    assert fields(world, f"{PATH}/clips/c") == {"n": 1}


def test_a_commit_is_applied_as_a_whole_or_not_at_all(world: World) -> None:
    changes: list[Change] = [Replace("a/1", {"n": 1}), Delete(PATH), Update("a/none", {"n": 1})]

    with pytest.raises(Stale):
        world.writer.commit(changes)

    assert world.records.raw("a/1") is None
    assert fields(world)["n"] == 1
    done = world.writer.commit([Replace("a/1", {"n": 1}), Create("a/2", {}), Delete(PATH)])
    assert done.update_times == {"a/1": seen(world, "a/1"), "a/2": seen(world, "a/2"), PATH: None}


def test_a_commit_takes_two_hundred_changes_and_no_more(world: World) -> None:
    world.writer.commit([Replace(f"a/{n}", {"n": n}) for n in range(MAX_CHANGES)])

    assert world.records.count("a") == MAX_CHANGES
    for too in ([], [Delete(f"a/{n}") for n in range(MAX_CHANGES + 1)]):
        with pytest.raises(BadInput, match="1 to 200"):
            world.writer.commit(too)
    assert world.records.count("a") == MAX_CHANGES


def test_writes_and_deletes_are_metered_when_they_were_applied(world: World) -> None:
    with metering() as meter:
        world.writer.commit([Replace("a/1", {}), Replace("a/2", {}), Delete("a/3")])
        with pytest.raises(Stale):
            world.writer.commit([Create("a/1", {}), Delete("a/2")])

    assert (meter.cost().firestore_writes, meter.cost().firestore_deletes) == (2, 1)
    assert meter.cost().firestore_reads == 2  # to say what moved


def test_a_document_comes_back_from_quarantine_field_for_field(world: World) -> None:
    world.client.document("q/d").set(
        {
            "f": float("nan"),
            "b": b"\x00",
            "m": {},
            "l": [],
            "none": None,
            "big": 2**62,
            "ref": world.client.document(PATH),
        }
    )
    exact = world.records.exact(["q/d", "q/none"])
    world.writer.delete("q/d")

    assert exact["q/none"] is None
    stored = exact["q/d"]
    assert stored is not None
    restored = Restore(stored)
    world.writer.restore(stored)

    assert restored.path == "q/d"
    again = world.records.exact(["q/d"])["q/d"]
    assert again is not None
    assert _without_times(again) == _without_times(stored)
    with pytest.raises(Stale):
        world.writer.restore(stored)


def _without_times(exact: str) -> dict[str, Any]:
    return {key: part for key, part in json.loads(exact).items() if not key.endswith("Time")}


def test_what_is_no_quarantined_document_is_refused(world: World) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        world.writer.restore("{}")


def test_content_that_firestore_does_not_take_is_bad_input(world: World) -> None:
    with pytest.raises(BadInput):
        world.writer.set("a/1", {"text": "x" * 1_100_000})

    assert world.records.raw("a/1") is None


def test_a_transaction_reads_and_then_changes(world: World) -> None:
    def work(transaction: Transaction) -> int:
        found = transaction.get(PATH)
        assert found is not None
        assert found.fields is not None
        assert transaction.get("users/none") is None
        transaction.add(Update(PATH, {"n": found.fields["n"] + 1}))
        transaction.add(Create("a/1", {"n": 1}))
        return int(found.fields["n"])

    assert world.writer.transaction(work) == 1
    assert (fields(world)["n"], fields(world, "a/1")) == (2, {"n": 1})


def test_a_transaction_whose_work_fails_changes_nothing(world: World) -> None:
    def work(transaction: Transaction) -> None:
        transaction.get(PATH)
        transaction.add(Delete(PATH))
        raise NotFound("gone")

    with pytest.raises(NotFound):
        world.writer.transaction(work)

    assert fields(world)["n"] == 1


def test_two_transactions_that_count_up_the_same_number_lose_none(world: World) -> None:
    def work(transaction: Transaction) -> None:
        found = transaction.get(PATH)
        assert found is not None
        assert found.fields is not None
        transaction.add(Update(PATH, {"n": found.fields["n"] + 1}))

    threads = [threading.Thread(target=lambda: world.writer.transaction(work)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert fields(world)["n"] == 3


def test_a_transaction_begins_again_when_others_interfere_and_gives_up_in_the_end(shaky: World) -> None:
    runs: list[int] = []

    def work(transaction: Transaction) -> None:
        runs.append(1)
        transaction.get(PATH)
        transaction.add(Update(PATH, {"n": len(runs)}))

    shaky.faults.refuse("Commit", StatusCode.ABORTED, times=2)
    shaky.writer.transaction(work)
    assert (len(runs), fields(shaky)["n"]) == (3, 3)

    shaky.faults.refuse("Commit", StatusCode.ABORTED, times=None)
    with pytest.raises(Stale):
        shaky.writer.transaction(work, tries=2)
    assert len(runs) == 5
    assert shaky.faults.calls["Rollback"] == 4


def test_a_transaction_whose_reply_got_lost_is_not_run_again(shaky: World) -> None:
    def work(transaction: Transaction) -> None:
        found = transaction.get(PATH)
        assert found is not None
        assert found.fields is not None
        transaction.add(Update(PATH, {"n": found.fields["n"] + 1}))

    shaky.faults.lose_reply("Commit", StatusCode.UNAVAILABLE)
    shaky.writer.transaction(work)
    assert fields(shaky)["n"] == 2

    shaky.faults.refuse("Commit", StatusCode.UNAVAILABLE)
    with pytest.raises(Unreachable, match="not known"):
        shaky.writer.transaction(work)
    assert fields(shaky)["n"] == 2


LOST: dict[str, Callable[[World], Change]] = {
    "update": lambda world: Update(PATH, {"n": 7, "progress.done": 4}, seen(world)),
    "delete": lambda world: Delete(PATH, seen(world)),
    "create": lambda world: Create("a/1", {"n": 1}),
    "server time": lambda world: Update(PATH, {"n": 7, "at": Special.SERVER_TIME}, seen(world)),
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

    change = Update(PATH, {"n": 7}, seen(shaky))
    shaky.faults.refuse("Commit", StatusCode.UNAVAILABLE, when=meanwhile)

    with pytest.raises(Unreachable, match="not known") as caught:
        shaky.writer.commit([change])

    assert fields(shaky)["n"] == 8
    assert f"{PATH} was changed at" in caught.value.detail


def test_counting_up_without_a_precondition_is_never_sent_twice(shaky: World) -> None:
    shaky.faults.lose_reply("Commit", StatusCode.UNAVAILABLE)

    with pytest.raises(Unreachable, match="not known"):
        shaky.writer.update(PATH, {"n": Increment(1)})

    assert shaky.faults.calls["Commit"] == 1
    assert fields(shaky)["n"] == 2


def test_counting_up_with_a_precondition_is_done_once_and_said_to_be_unknown(shaky: World) -> None:
    shaky.faults.lose_reply("Commit", StatusCode.UNAVAILABLE)

    with pytest.raises(Unreachable, match="not known"):
        shaky.writer.update(PATH, {"n": Increment(1)}, last_update_time=seen(shaky))

    assert fields(shaky)["n"] == 2


def test_when_no_try_comes_through_it_is_said_that_the_outcome_is_unknown(shaky: World) -> None:
    with shaky.faults.outage(), pytest.raises(Unreachable, match="whether the change was applied is not known"):
        shaky.writer.set("a/1", {"n": 1})


def test_contention_is_tried_again_and_told_in_the_end(shaky: World) -> None:
    shaky.faults.refuse("Commit", StatusCode.ABORTED, times=2)
    shaky.writer.update(PATH, {"n": 5})
    assert fields(shaky)["n"] == 5

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
