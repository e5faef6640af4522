"""A customer's three sides at the shell: counter, documents and bucket, and sizes mended from the objects."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Desk
from tests.rigs.http_faults import Answer as Refusal
from tests.rigs.http_faults import FaultProxy
from tests.rigs.records import clip, user, video
from tests.rigs.seaweed import SeaweedRig

GIB = 1024**3
BASE = "users/u1/videos/vid-0001"
HOME = "users/u1/vid-0001/clips/clip_01"


def over(desk: Desk) -> None:
    """A customer of the free plan whose clip documents say 2 GiB too much; the objects have a few bytes."""
    desk.world.put(
        {
            "users/u1": user("u1", plan="free", total_storage_bytes=2 * GIB + 7, total_clips_count=3),
            BASE: video("vid-0001", total_size_bytes=2 * GIB + 7, clips_count=3),
            f"{BASE}/clips/vid-0001_1_split": clip("vid-0001", 1, file_size_bytes=2 * GIB),
            f"{BASE}/clips/vid-0001_2_split": clip("vid-0001", 2, file_size_bytes=5),
            f"{BASE}/clips/vid-0001_3_split": clip("vid-0001", 3, file_size_bytes=2),
        }
    )
    desk.put(f"{HOME}_1_scene_split.mp4", b"12345678")
    desk.put(f"{HOME}_2_scene_split.mp4", b"12345")
    desk.put(f"{HOME}_9_lost_split.mp4", b"123")
    desk.put("sources/u1/vid-0001/source.mp4", b"1234")


def test_usage_tells_the_three_sides_and_a_wrong_number_first(desk: Desk) -> None:
    over(desk)
    answer = desk.run("usage", "u1", "--json")
    assert answer.status == 0  # the counters are what the documents add up to
    storage = answer.json["storage"]
    assert (storage["actual_bytes"], storage["stored_bytes"], storage["in_flight_minutes"]) == (2 * GIB + 7, 13, 15)
    assert storage["differences"] == [
        {"cause": "wrong_size", "bytes": 8 - 2 * GIB, "clips": 1},
        {"cause": "missing", "bytes": -2, "clips": 1},
    ]
    assert storage["beside"] == [
        {"cause": "orphan", "bytes": 3, "objects": 1, "clips": 0},
        {"cause": "cache", "bytes": 4, "objects": 1, "clips": 0},
    ]
    assert answer.json["cost"]["r2_class_a"] >= 4
    assert "over the limit by a wrong number" in answer.json["notes"][0]
    said = desk.run("usage", "u1").out
    assert said.index("by a wrong number") < said.index("QUOTA")
    assert "no object in the bucket" in said


def test_a_bucket_that_refuses_leaves_its_side_unknown_and_the_exit_status(
    desk: Desk, r2_rig: SeaweedRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(desk)
    with FaultProxy(r2_rig.endpoint) as proxy:
        proxy.on(Refusal(403, "AccessDenied"), query="list-type")
        monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
        answer = desk.run("usage", "u1", "--json")
    storage = answer.json["storage"]
    assert (answer.status, storage["stored_bytes"], storage["differences"]) == (0, None, None)
    assert {row["cause"]: row["bytes"] for row in storage["beside"]} == {
        "orphan": None, "cache": None, "deleted_share": None,
    }  # fmt: skip
    assert "is not known" in answer.json["notes"][-1]
