"""The audit in Firestore and the bucket: appended by many at once, through faults, searched, and verified."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from grpc import StatusCode

from storage.actions.audit import AuditTrail
from storage.actions.documents import Delete, Update
from storage.domain.audit_chain import Event
from storage.errors import BadInput, Unreachable
from storage.repositories.audit_log import HEAD_PATH, AuditLog, entry_path
from tests.purge.world import PurgeWorld


def look(number: int = 0, uid: str = "u1", actor: str = "ada@example.com") -> Event:
    return Event("media.look", actor, uid=uid, keys=(f"users/{uid}/v/clips/{number}.mp4",))


def weighty(uid: str = "u1") -> Event:
    return Event(
        "purge.apply", "ada@example.com", uid=uid, reason="a reason", detail={"objects": 3, "nested": [{"a": 1.5}]}
    )


def test_entries_are_numbered_chained_and_found_newest_first(each_world: PurgeWorld) -> None:
    trail = each_world.purging.trail
    assert trail.append(look(1), look(2)) == (1, 2)
    assert trail.append(weighty("u2")) == (3,)
    assert trail.append() == ()
    assert [event["sequence"] for event in each_world.log.search(limit=2)] == [3, 2]
    assert [event["sequence"] for event in each_world.log.search(uid="u1")] == [2, 1]
    assert [event["sequence"] for event in each_world.log.search(uid="u1", actor="ada@example.com", before=2)] == [1]
    assert each_world.log.search(actor="nobody@example.com") == []
    report = each_world.log.verify_chain()
    assert (report.whole, report.entries, report.copies) == (True, 3, 1)


def test_many_at_once_from_several_processes_make_one_chain(world: PurgeWorld) -> None:
    trails = [world.open().trail for _ in range(3)]
    with ThreadPoolExecutor(12) as threads:
        numbers = list(threads.map(lambda n: trails[n % 3].append(look(n))[0], range(60)))
    assert sorted(numbers) == list(range(1, 61))
    assert world.log.verify_chain().whole


def test_those_who_append_at_once_share_commits(world: PurgeWorld) -> None:
    trail = world.purging.trail
    trail.append(look())
    faults = world.firestore.faults  # type: ignore[attr-defined]
    faults.clear()
    faults.delay("Commit", 0.2)
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda n: trail.append(look(n)), range(40)))
    assert faults.calls["Commit"] <= 25
    assert faults.calls["BatchGetDocuments"] == 0, "the end of the chain is remembered"
    assert world.log.verify_chain().entries == 41


@pytest.mark.parametrize("code", [StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED, StatusCode.ABORTED])
def test_a_reply_that_is_lost_appends_once(world: PurgeWorld, code: StatusCode) -> None:
    world.purging.trail.append(look(1))
    world.firestore.faults.lose_reply("Commit", code)  # type: ignore[attr-defined]
    assert world.purging.trail.append(look(2)) == (2,)
    report = world.log.verify_chain()
    assert (report.whole, report.entries) == (True, 2)


def test_an_append_that_cannot_be_done_raises(world: PurgeWorld) -> None:
    with world.firestore.faults.outage(), pytest.raises(Unreachable):  # type: ignore[attr-defined]
        world.purging.trail.append(look())
    assert world.purging.trail.append(look()) == (1,)


def test_a_bucket_that_is_away_does_not_keep_the_audit_from_being_written(far: PurgeWorld, proxy: object) -> None:
    proxy.down()  # type: ignore[attr-defined]
    try:
        assert far.purging.trail.append(weighty()) == (1,)
    finally:
        proxy.up()  # type: ignore[attr-defined]
    assert far.log.verify_chain().whole


def test_too_much_or_a_secret_is_refused_before_anything_is_written(world: PurgeWorld) -> None:
    with pytest.raises(BadInput):
        world.purging.trail.append(*[look()] * 101)
    with pytest.raises(BadInput):
        world.purging.trail.append(
            look(), Event("link.issue", "ada@example.com", reason="https://h/?X-Amz-Signature=1")
        )
    assert world.log.verify_chain().entries == 0


def test_tampering_shows_by_the_chain_and_by_the_copies(world: PurgeWorld) -> None:
    for number in range(5):
        world.purging.trail.append(weighty(f"u{number}"))
    documents = world.purging.writers.documents
    documents.update(entry_path(2), {"actor": "eve@example.com"})
    documents.delete(entry_path(4))
    found = [(item.sequence, item.kind) for item in world.log.verify_chain().breaks]
    assert (2, "altered") in found
    assert (4, "missing") in found


def test_an_end_that_was_cut_off_with_its_head_shows_by_the_copies(world: PurgeWorld) -> None:
    for number in range(3):
        world.purging.trail.append(weighty(f"u{number}"))
    before = world.log.search(limit=3)[1]
    documents = world.purging.writers.documents
    documents.commit(
        [Delete(entry_path(3)), Update(HEAD_PATH, {"sequence": before["sequence"], "hash": before["hash"]})]
    )
    assert [(item.sequence, item.kind) for item in world.log.verify_chain().breaks] == [(3, "missing")]
    assert AuditLog(world.stores.handle).verify_chain().whole, "without the copies it could not be known"


def test_a_key_seals_the_chain(world: PurgeWorld) -> None:
    key = b"0123456789abcdef"
    keyed = AuditLog(world.stores.handle, world.stores.objects, key=key)
    trail = AuditTrail(world.purging.writers.documents, keyed, world.purging.writers.objects, key=key)
    world.purging.trail.append(look(1))
    trail.append(look(2), weighty())
    assert keyed.verify_chain().whole
    assert [(event["action"], event["sealed"]) for event in keyed.search()] == [
        ("purge.apply", "hmac-sha256"), ("media.look", "hmac-sha256"), ("audit.vouch", "hmac-sha256"),
        ("media.look", "sha256"),
    ]  # fmt: skip
    other = AuditLog(world.stores.handle, key=b"another key of 16")
    assert {"altered"} < {item.kind for item in other.verify_chain().breaks} <= {"altered", "unsealed"}
