"""Which ids Firestore holds, and that everything which goes through all of them meets each one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.cloud import firestore

from storage.domain.deployment import set_to
from storage.errors import BadInput, StorageError
from storage.ids import firestore_order, is_stored_id
from storage.repositories.objects import Objects
from storage.services.diagnose import stuck
from storage.services.fleet_scan import verify_all
from storage.services.verify import VerifyContext
from tests.rigs.firestore import FirestoreRig
from tests.rigs.odd_ids import LONG, ODD, bucket_objects, documents
from tests.rigs.odd_ids import stuck as still_processing
from tests.rigs.records import World
from tests.rigs.seaweed import SeaweedRig

HELD = (*ODD, LONG, "é" * 750, "\x00", "a\x00b", "\n", " ", "____", "__a", "a__", "*", "a\\b", "\ufeff", "__id7__x",
        f"__id{2**63 - 1}__", f"__id{-(2**63)}__")  # fmt: skip
REFUSED = ("", ".", "..", "__x__", "_____", "__id__", "__id0__", "__id07__", f"__id{2**63}__", "__ID7__", "__x\ny__",
           "x" * 1_501, "é" * 751)  # fmt: skip


def commit(db: firestore.Client, path: str) -> None:
    """One document, past the client's own checks of its path."""
    name = f"{db._database_string}/documents/{path}"
    write = {"update": {"name": name, "fields": {"a": {"integer_value": 1}}}}
    db._firestore_api.commit(request={"database": db._database_string, "writes": [write]}, metadata=db._rpc_metadata)


def test_what_firestore_holds_is_taken_and_what_it_refuses_is_not(db: firestore.Client) -> None:
    for name in HELD:
        commit(db, f"users/{name}")
        assert is_stored_id(name), name
    assert {document.id for document in db.collection("users").list_documents()} == set(HELD)
    for name in REFUSED:
        with pytest.raises(Exception, match="400"):
            commit(db, f"users/{name}")
        assert not is_stored_id(name), name
    with pytest.raises(Exception, match="400"):
        commit(db, "users/u/__id7__/d")


def test_ids_sort_here_as_firestore_lists_them(firestore_rig: FirestoreRig) -> None:
    with World(firestore_rig) as world:
        world.put({f"users/{name}": {"plan": "free"} for name in HELD})
        listed = [uid for page in world.records.iter_users() for uid in page.frame["uid"].tolist()]
        assert listed == sorted(HELD, key=firestore_order)
        for stop, uid in enumerate(listed[:-1], start=1):
            rest = [one for page in world.records.iter_users(after=uid) for one in page.frame["uid"].tolist()]
            assert rest == listed[stop:], uid


@pytest.fixture
def odd(firestore_rig: FirestoreRig, objects: Objects, r2_rig: SeaweedRig, bucket: str) -> VerifyContext:
    """A checker over customers with odd ids whose videos have all been processing for long."""
    world = World(firestore_rig)
    found = documents()
    world.put(still_processing(found))
    r2_rig.put(bucket, bucket_objects())
    return VerifyContext(world.records, objects, set_to("object"), lambda: datetime.now(UTC), timedelta(minutes=15))


def test_no_scan_ends_at_an_odd_id_and_nothing_is_left_out(odd: VerifyContext) -> None:
    found = stuck(odd)
    named = {(video.diagnosis.uid, video.diagnosis.video_id) for video in found.videos}
    wanted = {tuple(path.split("/")[1:4:2]) for path in documents() if path.count("/") == 3 and "/videos/" in path}
    assert named == wanted
    assert found.complete
    reports = {report.uid: report for report in verify_all(odd)}
    assert reports.keys() == {uid for uid, _ in wanted}
    assert all(report.complete for report in reports.values())
    assert not [finding for report in reports.values() for finding in report.findings if finding.severity == "error"]


def test_a_path_is_never_widened(firestore_rig: FirestoreRig) -> None:
    with World(firestore_rig) as world:
        for name in (*REFUSED, "u1/videos/v", "\ud800"):
            with pytest.raises((BadInput, StorageError)):
                world.records.user(name)
