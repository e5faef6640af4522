"""A document that names another customer's object: worst of all where it is there, and said to be so; never shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.cli.conftest import MEDIA, Desk
from tests.rigs.records import clip, user, video

BASE = "users/u1/videos/vid-0001"
OTHER = "secret-customer"
THEIRS = f"users/{OTHER}/vid-0009/clips/clip_01_1_scene_split.mp4"
TOP = f"users/{OTHER}/vid-0009/clips/top_1_scenes_x_20260101_000000_streamer_top_scenes.mp4"
NOW = datetime.now(UTC)


def named(desk: Desk, *, video_fields: dict[str, Any] | None = None, **fields: Any) -> None:
    """Two sound clips, and a third whose document says something else."""
    documents: dict[str, dict[str, Any]] = {
        "users/u1": user("u1"),
        BASE: video("vid-0001", updated_at=NOW, **(video_fields or {})),
        f"{BASE}/highlights/main": {"highlights": [{"id": 1, "start": "0:01", "end": "0:09"}], "video_id": "vid-0001"},
    }
    size = (MEDIA / "clip_a.mp4").stat().st_size
    for scene in (1, 2, 3):
        key = f"users/u1/vid-0001/clips/clip_01_{scene}_scene_split.mp4"
        desk.put(key, MEDIA / "clip_a.mp4")
        documents[f"{BASE}/clips/vid-0001_{scene}_split"] = clip("vid-0001", scene, file_size_bytes=size, r2_key=key)
    documents[f"{BASE}/clips/vid-0001_3_split"] |= fields
    desk.world.put(documents)


@pytest.mark.parametrize(
    "how",
    [
        {"r2_key": THEIRS},
        {"r2_key": TOP},
        {"thumbnail_r2_key": THEIRS.replace(".mp4", ".jpg")},
        {"video_fields": {"highlights_json_key": f"users/{OTHER}/vid-0009/highlights.json"}},
    ],
    ids=["clip", "clip of a shape that the desk does not know", "thumbnail", "highlights"],
)
def test_what_is_there_is_a_disclosure(desk: Desk, how: dict[str, Any]) -> None:
    named(desk, **how)
    fields = how.get("video_fields", how)
    desk.put(next(iter(fields.values())), b"somebody else's")
    found = desk.run("diagnose", "u1", "vid-0001", "--json").json
    assert (found["verdict"], found["severity"]) == ("disclosure", "error")
    assert found["actions"][0]["id"] == "report_disclosure"
    for said in (found["reply"], found["customer_sees"], found["summary"]):
        assert OTHER not in said
        assert "play" not in said
    report = desk.run("verify", "u1", "vid-0001", "--json").json
    foreign = [one for one in report["findings"] if one["kind"] == "foreign_key"]
    assert [one["severity"] for one in foreign] == ["error"]
    assert "is there" in foreign[0]["detail"]


def test_it_stands_first_among_all_that_is_stuck_and_is_never_linked(desk: Desk) -> None:
    named(desk, r2_key=THEIRS)
    desk.put(THEIRS, b"somebody else's")
    desk.world.put({"users/u1/videos/vid-0002": video("vid-0002", status="failed", failed_at=NOW, updated_at=NOW)})
    stuck = desk.run("diagnose", "--stuck", "--delivered", "10", "--json").json["videos"]
    assert [one["verdict"] for one in stuck][:1] == ["disclosure"]
    refused = desk.run("url", "u1", "vid-0001", "vid-0001_3_split", "--json")
    assert refused.status == 4
    assert "another customer's" in refused.json["error"]["message"]
    assert OTHER not in refused.out + refused.err


def test_what_is_not_there_is_said_to_be_not_there_and_is_none(desk: Desk) -> None:
    named(desk, r2_key=THEIRS)
    found = desk.run("diagnose", "u1", "vid-0001", "--json").json
    assert found["verdict"] == "clips_missing"
    assert "No object is there" in found["summary"]


def test_the_other_customers_object_has_no_part_in_the_videos_timeline(desk: Desk) -> None:
    named(desk)
    desk.put(THEIRS, b"somebody else's")
    own = desk.run("diagnose", "u1", "vid-0001", "--json").json["timeline"]
    assert {"first clip object", "last clip object"} <= {one["event"] for one in own}
    for scene in (1, 2, 3):
        desk.world.put({f"{BASE}/clips/vid-0001_{scene}_split": clip("vid-0001", scene, r2_key=THEIRS)})
    found = desk.run("diagnose", "u1", "vid-0001", "--json").json
    assert found["verdict"] == "disclosure"
    assert not [one for one in found["timeline"] if "clip object" in one["event"]]


def test_a_scan_of_all_says_whose_each_finding_is(desk: Desk) -> None:
    desk.world.put({"users/u1": user("u1"), BASE: video("vid-0001", updated_at=NOW)})
    desk.world.put({f"{BASE}/clips/vid-0001_1_split": clip("vid-0001", 1, r2_key="")})
    lines = desk.run("verify", "--all").out.splitlines()
    assert [line.split()[2] for line in lines if line.startswith("SEVERITY")] == ["UID"]
    assert {line.split()[2] for line in lines if line.startswith(("error", "warning"))} == {"u1"}


def test_it_is_ended_from_the_shell_and_taken_back(desk: Desk) -> None:
    named(desk, r2_key=THEIRS)
    desk.put(THEIRS, b"somebody else's")
    who = ("--actor", "ada@example.com", "--reason", "ticket 4711", "--json")
    looked = desk.run("end-disclosure", "u1", "vid-0001", "--json")
    assert (looked.status, looked.json["applied"], looked.json["change_id"]) == (1, False, None)
    assert desk.run("end-disclosure", "u1", "vid-0001", "--apply", "--json").json["error"]["code"] == "bad_input"
    ended = desk.run("end-disclosure", "u1", "vid-0001", "--apply", *who)
    assert ended.status == 0
    document = f"{BASE}/clips/vid-0001_3_split"
    assert desk.world.fields(document)["r2_key"] == "users/u1/vid-0001/clips/clip_01_3_scene_split.mp4"
    assert desk.run("diagnose", "u1", "vid-0001", "--json").json["verdict"] == "healthy"
    assert desk.run("end-disclosure", "u1", "vid-0001", "--json").status == 4
    assert desk.run("undo-change", ended.json["change_id"], *who).status == 0
    assert desk.world.fields(document)["r2_key"] == THEIRS
