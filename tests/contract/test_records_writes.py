"""Changes to documents, on every kind of Firestore, and what happens when a reply gets lost or others interfere."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.actions.documents import (
    MAX_CHANGES,
    Change,
    Create,
    Delete,
    DocumentTransaction,
    Increment,
    Replace,
    Restore,
    Special,
    Update,
)
from storage.clients.meter import metering
from storage.errors import BadInput, NotFound, Stale
from tests.rigs.firestore import FirestoreRig
from tests.rigs.naming import stable
from tests.rigs.records import NOON, World
from tests.rigs.waiting import PATIENCE_SECONDS

PATH = "users/u1/videos/v"


@pytest.fixture
def world(firestore_rig: FirestoreRig) -> Iterator[World]:
    """A project with one document, on every kind of Firestore in turn."""
    with World(firestore_rig) as opened:
        opened.put({PATH: {"status": "processing", "progress": {"done": 1, "all": 4}, "n": 1}})
        yield opened


def test_an_update_changes_the_fields_named_and_no_others(world: World) -> None:
    done = world.writer.update(PATH, {"status": "failed", "progress.done": 2, "error_message": None})

    assert world.fields(PATH) == {
        "status": "failed",
        "progress": {"done": 2, "all": 4},
        "n": 1,
        "error_message": None,
    }
    assert done.update_times == {PATH: world.update_time(PATH)}
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

    found = world.fields(PATH)
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
    ids=stable,
)
def test_an_update_that_cannot_be_meant_is_refused_and_changes_nothing(world: World, changes: dict[Any, Any]) -> None:
    before = world.update_time(PATH)

    with pytest.raises(BadInput):
        world.writer.update(PATH, changes)

    assert world.update_time(PATH) == before


def test_an_update_of_a_document_that_is_gone_is_stale_and_says_so(world: World) -> None:
    with pytest.raises(Stale) as caught:
        world.writer.update("users/u2", {"plan": "free"})

    assert caught.value.reasons == ("users/u2 does not exist any more",)
    assert world.records.raw("users/u2") is None


@pytest.mark.parametrize("act", ["update", "delete"])
def test_a_change_of_what_has_changed_since_it_was_seen_is_stale_and_changes_nothing(world: World, act: str) -> None:
    before = world.update_time(PATH)
    world.writer.update(PATH, {"n": 2})

    change = Update(PATH, {"n": 3}, before) if act == "update" else Delete(PATH, before)
    with pytest.raises(Stale) as caught:
        world.writer.commit([change])

    assert world.fields(PATH)["n"] == 2
    assert caught.value.reasons[0].startswith(f"{PATH} was changed at")
    assert caught.value.exit_status == 4


@pytest.mark.parametrize("act", ["update", "delete"])
def test_a_change_of_what_is_as_it_was_seen_goes_through(world: World, act: str) -> None:
    if act == "update":
        world.writer.update(PATH, {"n": 3}, last_update_time=world.update_time(PATH))
        assert world.fields(PATH)["n"] == 3
    else:
        assert world.writer.delete(PATH, last_update_time=world.update_time(PATH)).update_times == {PATH: None}
        assert world.records.raw(PATH) is None


def test_creating_needs_a_free_path_and_setting_does_not(world: World) -> None:
    world.writer.create("users/u2", {"plan": "free", "at": NOON})
    with pytest.raises(Stale) as caught:
        world.writer.create("users/u2", {"plan": "pro"})
    world.writer.set(PATH, {"only": "this"})

    assert caught.value.reasons == ("users/u2 exists already",)
    assert world.fields("users/u2") == {"plan": "free", "at": NOON}
    assert world.fields(PATH) == {"only": "this"}


def test_deleting_what_is_gone_is_no_fault_unless_it_must_exist(world: World) -> None:
    world.writer.delete("users/nobody")

    with pytest.raises(Stale) as caught:
        world.writer.delete("users/nobody", must_exist=True)
    assert caught.value.reasons == ("users/nobody does not exist any more",)


def test_deleting_leaves_what_lies_below(world: World) -> None:
    world.put({f"{PATH}/clips/c": {"n": 1}})

    world.writer.delete(PATH)

    assert world.fields(f"{PATH}/clips/c") == {"n": 1}


def test_a_commit_is_applied_as_a_whole_or_not_at_all(world: World) -> None:
    changes: list[Change] = [Replace("a/1", {"n": 1}), Delete(PATH), Update("a/none", {"n": 1})]

    with pytest.raises(Stale):
        world.writer.commit(changes)

    assert world.records.raw("a/1") is None
    assert world.fields(PATH)["n"] == 1
    done = world.writer.commit([Replace("a/1", {"n": 1}), Create("a/2", {}), Delete(PATH)])
    assert done.update_times == {"a/1": world.update_time("a/1"), "a/2": world.update_time("a/2"), PATH: None}


def test_a_commit_takes_a_batch_and_the_job_it_belongs_to_and_no_more(world: World) -> None:
    world.writer.commit([Replace(f"a/{n}", {"n": n}) for n in range(MAX_CHANGES)])

    assert world.records.count("a") == MAX_CHANGES
    for too in ([], [Delete(f"a/{n}") for n in range(MAX_CHANGES + 1)]):
        with pytest.raises(BadInput, match=f"1 to {MAX_CHANGES}"):
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
    def work(transaction: DocumentTransaction) -> int:
        found = transaction.get(PATH)
        assert found is not None
        assert found.fields is not None
        assert transaction.get("users/none") is None
        transaction.add(Update(PATH, {"n": found.fields["n"] + 1}))
        transaction.add(Create("a/1", {"n": 1}))
        return int(found.fields["n"])

    assert world.writer.transaction(work) == 1
    assert (world.fields(PATH)["n"], world.fields("a/1")) == (2, {"n": 1})


def test_a_transaction_whose_work_fails_changes_nothing(world: World) -> None:
    def work(transaction: DocumentTransaction) -> None:
        transaction.get(PATH)
        transaction.add(Delete(PATH))
        raise NotFound("gone")

    with pytest.raises(NotFound):
        world.writer.transaction(work)

    assert world.fields(PATH)["n"] == 1


def test_two_transactions_that_count_up_the_same_number_lose_none(world: World) -> None:
    def work(transaction: DocumentTransaction) -> None:
        found = transaction.get(PATH)
        assert found is not None
        assert found.fields is not None
        transaction.add(Update(PATH, {"n": found.fields["n"] + 1}))

    threads = [threading.Thread(target=lambda: world.writer.transaction(work)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)

    assert world.fields(PATH)["n"] == 3
