"""set-status and undo-change: written where the evidence allows it, refused where it does not, and put on record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import MEDIA, Desk, both_firestores
from tests.rigs.records import clip, user, video

WHO = ("--actor", "eng@example.com", "--reason", "ticket 9: worker died")
BASE = "users/u1/videos/vid-0001"
LONG_AGO = datetime.now(UTC) - timedelta(hours=5)
CLIP = MEDIA / "clip_a.mp4"
ENTRY = {"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:11", "duration": 10}


def stuck(desk: Desk, *, clips_there: bool = True, touched: datetime = LONG_AGO, highlights: bool = True) -> None:
    size = CLIP.stat().st_size
    key = "users/u1/vid-0001/clips/clip_01_1_scene_split.mp4"
    changes = {"file_size_bytes": size, "created_at": LONG_AGO, "has_thumbnail": False, "thumbnail_r2_key": None}
    desk.world.put(
        {
            "users/u1": user("u1"),
            BASE: video(
                "vid-0001", status="processing", completed_at=None, created_at=LONG_AGO, updated_at=touched,
                expected_clips=1, completed_clips=1, clips_count=1, total_size_bytes=size,
            ),
            f"{BASE}/clips/vid-0001_1_split": clip("vid-0001", 1, **changes),
        }
    )  # fmt: skip
    if clips_there:
        desk.put(key, CLIP)
    if highlights:
        desk.put("users/u1/vid-0001/highlights.json", json.dumps({"highlights": [ENTRY]}).encode(), "application/json")


def set_status(desk: Desk, status: str = "completed"):
    return desk.run("set-status", "u1", "vid-0001", status, *WHO, "--json")


def status_of(desk: Desk) -> str | None:
    found = desk.world.records.video("u1", "vid-0001")
    return found.status if found else None


@both_firestores
def test_a_status_that_the_evidence_allows_is_written_recorded_and_taken_back(desk):
    stuck(desk)
    before = desk.world.records.raw(BASE).fields
    answer = set_status(desk)
    assert answer.status == 0, answer.out
    changes = {row["field"]: (row["before"], row["after"]) for row in answer.json["changes"]}
    assert changes["status"] == ("processing", "completed")
    assert status_of(desk) == "completed"
    events = desk.run("audit", "--uid", "u1", "--json").json["events"]
    assert [(e["action"], e["outcome"], e["actor"]) for e in events] == [
        ("set-status", "done", "eng@example.com"),
        ("set-status", "begun", "eng@example.com"),
    ]
    assert events[0]["reason"] == "ticket 9: worker died"
    undone = desk.run("undo-change", answer.json["change_id"], *WHO, "--json")
    assert undone.status == 0, undone.out
    assert desk.world.records.raw(BASE).fields == before
    assert desk.run("undo-change", answer.json["change_id"], *WHO, "--json").status == 4


@pytest.mark.parametrize(
    ("world", "status", "word"),
    [
        ({"clips_there": False}, "completed", "missing"),
        ({"highlights": False}, "completed", "highlights"),
        ({"highlights": False}, "analyzed", "highlights"),
        ({"touched": "now"}, "completed", "touched a moment ago"),
        ({"touched": "now"}, "failed", "touched a moment ago"),
    ],
)
def test_a_status_that_the_evidence_contradicts_is_refused(desk, world, status, word):
    if world.get("touched") == "now":  # when the test runs, which may be long after its parameters were made
        world = {"touched": datetime.now(UTC)}
    stuck(desk, **world)
    answer = set_status(desk, status)
    assert answer.status == 4, answer.out
    assert word in answer.json["error"]["message"]
    assert status_of(desk) == "processing"


def test_evidence_that_cannot_be_read_allows_nothing(desk, monkeypatch):
    stuck(desk)
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", "wrong-secret-value")
    answer = set_status(desk)
    assert answer.status == 3, answer.out
    assert status_of(desk) == "processing"


def test_the_status_that_is_there_already_is_refused(desk):
    stuck(desk)
    assert set_status(desk).status == 0
    assert set_status(desk).status == 4


@pytest.mark.parametrize("status", ["processing", "done", "", "Completed"])
def test_a_status_that_cannot_be_set_is_bad_usage(desk, status):
    stuck(desk)
    assert set_status(desk, status).status == 2


def test_a_video_that_is_not_there_is_not_found(desk):
    desk.world.put({"users/u1": user("u1")})
    assert set_status(desk).status == 1


def test_a_link_from_the_shell_is_on_record_without_its_signature(desk):
    stuck(desk)
    link = desk.run("url", "u1", "vid-0001", "vid-0001_1_split", "--actor", "sup@example.com", "--json").json
    events = desk.run("audit", "--json").json["events"]
    assert (events[0]["action"], events[0]["actor"]) == ("link.issue", "sup@example.com")
    assert events[0]["keys"] == [link["key"].replace("_scene_", "_-_")]  # the record outlives the title
    assert "X-Amz-Signature" not in json.dumps(events)


def test_another_customers_file_is_never_linked(desk):
    stuck(desk)
    foreign = "users/u10/vid-0010/clips/clip_01_1_x_split.mp4"
    desk.put(foreign, CLIP)
    desk.world.writer.update(f"{BASE}/clips/vid-0001_1_split", {"r2_key": foreign})
    answer = desk.run("url", "u1", "vid-0001", "vid-0001_1_split", "--json")
    assert answer.status == 4
    assert "does not belong" in answer.json["error"]["message"]
    assert "X-Amz" not in answer.out
