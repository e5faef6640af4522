"""Attacks on the audit by somebody who may write to Firestore, made with the real clients, and how each one shows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from storage.actions.audit import DESK, AuditTrail
from storage.actions.documents import Change, Create, Delete, Update
from storage.domain.audit_chain import COPY_FAILED, VOUCH, Event, Link, end_of, entry
from storage.errors import AccessDenied
from storage.repositories.audit_log import COPIES_PREFIX, ENDS_PREFIX, HEAD_PATH, AuditLog, copy_key, entry_path
from tests.purge.test_audit_trail import look, weighty
from tests.purge.world import PurgeWorld
from tests.rigs.http_faults import Answer, FaultProxy
from tests.rigs.waiting import until

KEY = b"0123456789abcdef"
OTHER = b"fedcba9876543210"


class Audit:
    """The audit of a world, sealed with `key`; each `process` of it has read nothing yet."""

    def __init__(self, world: PurgeWorld, key: bytes = KEY, former: tuple[bytes, ...] = ()) -> None:
        self.world = world
        self.log = AuditLog(world.stores.handle, world.stores.objects, key=key, former=former)
        self.key = key
        self.documents = world.purging.writers.documents

    def process(self) -> AuditTrail:
        """Another process of the desk."""
        return AuditTrail(self.documents, self.log, self.world.purging.writers.objects, key=self.key)

    def append(self, *events: Event) -> None:
        trail = self.process()
        for event in events:
            trail.append(event)
        trail.settle()

    def breaks(self) -> list[tuple[int, str]]:
        return [(item.sequence, item.kind) for item in self.log.verify_chain().breaks]

    def forge(self, *events: Event) -> None:
        """Writes the whole chain anew without the key, as long as it was or longer, with its head."""
        link, changes = Link(), list[Change]()
        there = self.log.head().link.sequence
        for event in events:
            made = entry(event, link, self.world.now(), copied=False)
            path = entry_path(made["sequence"])
            changes += [Update(path, made) if made["sequence"] <= there else Create(path, made)]
            link = end_of(made)
        changes += [Delete(entry_path(number)) for number in range(link.sequence + 1, there + 1)]
        self.documents.commit([*changes, Update(HEAD_PATH, {"sequence": link.sequence, "hash": link.hash})])

    def cut_to(self, sequence: int) -> None:
        """Deletes the newest entries and sets the head back."""
        entries = {item["sequence"]: item for item in self.log.search(limit=100)}
        gone = [Delete(entry_path(number)) for number in entries if number > sequence]
        head = {"sequence": sequence, "hash": entries[sequence]["hash"]}
        self.documents.commit([*gone, Update(HEAD_PATH, head)])

    def delete(self, *keys: str) -> None:
        self.world.purging.writers.objects.delete(keys)


@pytest.fixture
def audit(world: PurgeWorld) -> Audit:
    return Audit(world)


def test_a_chain_forged_anew_without_the_key_is_no_whole_chain(audit: Audit) -> None:
    audit.append(look(1), look(2), look(3))
    audit.delete(*audit.world.own_keys(COPIES_PREFIX))  # even where the bucket is emptied too
    audit.forge(look(1), look(2), look(3))
    assert audit.breaks() == [(3, "unsealed")]


def test_the_desk_does_not_vouch_for_a_forged_chain(audit: Audit) -> None:
    audit.append(look(1), weighty(), look(3))
    audit.forge(look(1), look(2), look(3))
    audit.append(weighty("u9"))
    assert [event["action"] for event in audit.log.search()].count(VOUCH) == 0
    found = audit.breaks()
    assert (3, "unsealed") in found
    assert (2, "replaced") in found


def test_a_forgery_under_a_desk_at_work_shows_too(audit: Audit) -> None:
    trail = audit.process()
    trail.append(weighty())
    audit.forge(look(1), look(2))
    trail.append(weighty("u9"))
    trail.settle()
    found = audit.breaks()
    assert (2, "unsealed") in found
    assert (1, "replaced") in found


def test_an_end_of_looks_alone_that_was_cut_off_shows_by_the_bucket(audit: Audit) -> None:
    audit.append(look(1), look(2))
    audit.append(look(3))
    audit.cut_to(2)
    assert audit.breaks() == [(3, "missing")]


def test_a_window_of_looks_is_all_that_can_be_cut_off(audit: Audit) -> None:
    """What the documents promise: looks within `END_SECONDS` of the last known end, by the same process."""
    audit.append(look(1), look(2), look(3))
    audit.cut_to(1)
    assert audit.breaks() == []
    audit.append(look(4), weighty())
    audit.cut_to(2)
    assert audit.breaks() == [(3, "missing")]


def test_copies_that_were_deleted_show(audit: Audit) -> None:
    audit.append(look(1), weighty(), weighty("u2"))
    assert audit.breaks() == []
    audit.delete(*audit.world.own_keys(COPIES_PREFIX))
    assert audit.breaks() == [(2, "uncopied"), (3, "uncopied")]


def test_copies_that_were_replaced_show(audit: Audit) -> None:
    audit.append(weighty(), weighty("u2"))
    false = entry(weighty("eve"), Link(), audit.world.now())
    body = f'{{"sequence": 1, "hash": "{false["hash"]}"}}\n'.encode()
    audit.world.purging.writers.objects.put(copy_key(1, 1), body, "application/x-ndjson")
    assert audit.breaks() == [(1, "replaced")]


def test_two_entries_that_were_swapped_show(audit: Audit) -> None:
    audit.append(look(1), look(2), look(3), look(4))
    entries = {item["sequence"]: item for item in audit.log.search()}
    audit.documents.commit([Update(entry_path(2), entries[3]), Update(entry_path(3), entries[2])])
    assert {kind for _, kind in audit.breaks()} & {"missing", "foreign", "unlinked"}


@pytest.mark.parametrize("spoilt", [None, {"sequence": 2}, {"sequence": "many"}, {"sequence": 0, "hash": "0" * 64}])
def test_a_head_that_was_deleted_or_set_back_hides_nothing_and_stops_nobody(audit: Audit, spoilt: Any) -> None:
    audit.append(look(1), weighty(), weighty("u2"), weighty("u3"))
    if spoilt is None:
        audit.documents.commit([Delete(HEAD_PATH)])
    else:
        audit.documents.commit([Update(HEAD_PATH, spoilt)])
    assert audit.breaks() == [(4, "unlinked")]
    audit.append(weighty("u4"))
    assert audit.breaks() == []
    audit.documents.commit([Delete(HEAD_PATH), Delete(entry_path(5)), Delete(entry_path(4))])
    assert audit.breaks() == [(3, "unlinked"), (4, "missing"), (5, "missing")]


def test_everything_deleted_in_firestore_shows(audit: Audit) -> None:
    audit.append(look(1), weighty())
    audit.documents.commit([Delete(HEAD_PATH), Delete(entry_path(1)), Delete(entry_path(2))])
    assert audit.breaks() == [(1, "missing"), (2, "missing")]


def test_ends_are_only_added_so_nobody_can_set_them_back(audit: Audit) -> None:
    audit.append(weighty(), weighty("u2"), look(3))
    audit.append(look(4))
    assert len(audit.world.own_keys(ENDS_PREFIX)) == 3
    audit.cut_to(1)
    audit.append(look(5))
    assert len(audit.world.own_keys(ENDS_PREFIX)) == 4
    assert set(audit.breaks()) == {(2, "replaced"), (4, "missing")}


def test_a_key_that_is_new_is_vouched_with_once(audit: Audit) -> None:
    old = Audit(audit.world, key=b"")
    old.append(look(1), weighty())
    assert audit.breaks() == [(2, "unsealed")]
    audit.append(look(3))
    audit.append(look(4))
    assert audit.breaks() == []
    assert [(one["sequence"], one["actor"]) for one in audit.log.search(action=VOUCH)] == [(3, DESK)]
    old.append(look(5))
    assert (6, "unsealed") in audit.breaks()


def test_a_key_that_is_changed_is_vouched_with(audit: Audit) -> None:
    audit.append(look(1), weighty())
    new = Audit(audit.world, OTHER, (KEY,))
    new.append(look(3))
    assert new.breaks() == []
    assert "altered" in {kind for _, kind in Audit(audit.world, OTHER).breaks()}


def test_a_key_waits_while_the_bucket_cannot_say_what_it_knows(far: PurgeWorld, proxy: FaultProxy) -> None:
    Audit(far, key=b"").append(look(1))
    audit = Audit(far)
    proxy.on(Answer(403, "AccessDenied"), method="GET")
    with pytest.raises(AccessDenied):
        audit.append(look(2))
    proxy.clear()
    audit.append(look(2))
    assert audit.breaks() == []


def test_a_copy_that_the_bucket_did_not_take_is_admitted(far: PurgeWorld, proxy: FaultProxy) -> None:
    audit = Audit(far)
    audit.append(look(1))
    proxy.on(Answer(403, "AccessDenied"), method="PUT", path="jsonl")
    audit.append(weighty())
    proxy.clear()
    audit.append(look(3))
    assert audit.breaks() == []
    assert [one["detail"] for one in audit.log.search(action=COPY_FAILED)] == [{"sequences": [2]}]


def test_a_copy_that_a_killed_process_left_out_is_written_by_the_next(audit: Audit) -> None:
    audit.append(look(1), weighty())
    audit.delete(copy_key(2, 2))
    assert audit.breaks() == [(2, "uncopied")]
    audit.append(look(3))
    assert audit.breaks() == []


def test_a_copy_that_was_left_out_and_cannot_be_made_later_either_is_admitted(
    far: PurgeWorld, proxy: FaultProxy
) -> None:
    audit = Audit(far)
    audit.append(look(1), weighty())
    audit.delete(copy_key(2, 2))
    proxy.on(Answer(403, "AccessDenied"), method="PUT", path="jsonl")
    audit.append(look(3))
    proxy.clear()
    assert audit.breaks() == []
    assert [one["detail"] for one in audit.log.search(action=COPY_FAILED)] == [{"sequences": [2]}]
    assert audit.process().append(look(4)) == (5,)


def test_a_killed_process_leaves_no_copy_out_that_a_look_of_the_same_commit_hides(audit: Audit) -> None:
    """A change and a look that were appended at the same time share a commit, and the process ends before the copy."""
    trail = audit.process()
    trail.append(look(1))
    trail._copy = lambda entries: True  # type: ignore[method-assign]  # killed between the commit and the copy
    with trail._turn, ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(trail.append, weighty())]
        until(lambda: len(trail._queue) == 1, "the change to wait")
        waiting.append(threads.submit(trail.append, look(2)))
        until(lambda: len(trail._queue) == 2, "the look to wait")
        trail._turn.release()
        try:
            assert sorted(one.result()[0] for one in waiting) == [2, 3]
        finally:
            trail._turn.acquire()
    audit.append(look(3))
    assert audit.breaks() == []
