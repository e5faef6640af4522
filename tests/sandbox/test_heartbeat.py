"""The heartbeat keeps live videos young, and leaves what somebody changed or deleted alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from storage.actions.documents import DocumentWriter
from storage.clients.firestore import FirestoreHandle, open_firestore
from storage.repositories.records import Records
from storage.sandbox.demo_state import Heartbeat
from storage.sandbox.firestore import FirestoreServer
from storage.settings.backends import FirestoreSettings

NOW = datetime(2025, 11, 18, 9, 30, tzinfo=UTC)
OLD = NOW - timedelta(hours=3)
PATH = "users/u1/videos/video-1"
LIVE = {PATH: {"updated_at": timedelta(seconds=40), "processing_progress.updated_at": timedelta(seconds=40)}}
FIELDS = {
    "status": "processing",
    "video_title": "T",
    "updated_at": OLD,
    "processing_progress": {"completed_clips": 3, "updated_at": OLD},
}


@pytest.fixture
def handle() -> Iterator[FirestoreHandle]:
    with FirestoreServer() as server:
        server.load("demo-heart", {PATH: FIELDS})
        handle = open_firestore(FirestoreSettings("demo-heart", None, server.host))
        yield handle
        handle.close()


def beat(handle: FirestoreHandle) -> None:
    Heartbeat(handle, LIVE, lambda: NOW).beat()


def test_a_beat_moves_the_named_times_and_nothing_else(handle: FirestoreHandle) -> None:
    beat(handle)
    found = Records(handle).raw(PATH)
    assert found is not None
    young = NOW - timedelta(seconds=40)
    progress = {"completed_clips": 3, "updated_at": young}
    assert found.fields == {**FIELDS, "updated_at": young, "processing_progress": progress}


def test_a_video_that_is_no_longer_processing_is_left_alone(handle: FirestoreHandle) -> None:
    DocumentWriter(handle).update(PATH, {"status": "failed"})
    before = Records(handle).raw(PATH)
    beat(handle)
    assert Records(handle).raw(PATH) == before


def test_a_deleted_video_does_not_come_back(handle: FirestoreHandle) -> None:
    DocumentWriter(handle).delete(PATH)
    beat(handle)
    assert Records(handle).raw(PATH) is None
