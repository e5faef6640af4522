"""What the product takes for being processed is left alone: also without a status, and with one that is not known."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.conftest import Desk
from tests.rigs.clips import film
from tests.rigs.records import clip, user, video

WHO = ("--actor", "ann@example.com", "--reason", "ticket 4711")
BASE = "users/u1/videos/vid-0001"
FILE = "users/u1/vid-0001/highlights.json"
ENTRY = {"id": 1, "title": "Eins", "start": "00:00:01", "end": "00:00:09"}
AT_WORK = [{"status": "processing"}, {}, {"status": "queued"}, {"status": None}]


def rendering(desk: Desk, status: dict[str, Any], **changes: Any) -> None:
    """A video that a worker touched a minute ago, with one clip done and counters that are wrong meanwhile."""
    now = datetime.now(UTC)
    document = video("vid-0001", clips_count=7, updated_at=now - timedelta(minutes=1), **changes)
    del document["status"]
    desk.world.put(
        {
            "users/u1": user("u1"),
            BASE: document | status,
            f"{BASE}/clips/vid-0001_1_split": clip("vid-0001", 1, file_size_bytes=1_000),
            f"{BASE}/highlights/main": {"highlights": [ENTRY], "video_id": "vid-0001"},
        }
    )
    desk.put("users/u1/vid-0001/clips/clip_01_1_scene_split.mp4", film())


@pytest.mark.parametrize("status", AT_WORK, ids=str)
def test_a_video_that_is_being_processed_blocks_purge_recount_and_highlights(
    desk: Desk, tmp_path: Any, status: dict[str, Any]
) -> None:
    rendering(desk, status)
    plan = desk.run("purge", "plan", "u1", "--video", "vid-0001", "--json").json
    assert ["being processed" in reason for reason in plan["blocked"]] == [True]
    assert desk.run("purge", "plan", "u1", "--json").json["blocked"]
    assert desk.run("recount", "u1", "--apply", *WHO, "--json").status == 4
    file = tmp_path / "new.json"
    file.write_text(json.dumps({"highlights": [ENTRY, ENTRY | {"id": 2}]}))
    for way in (("--put", str(file)), ("--rebuild-from", "document")):
        refused = desk.run("highlights", "u1", "vid-0001", *way, *WHO, "--json")
        assert refused.status == 4, way
        assert "being processed" in refused.json["error"]["message"]
    assert desk.objects.head(FILE) is None
    document = desk.world.records.raw(BASE)
    assert document is not None
    assert (document.fields or {})["clips_count"] == 7


def test_a_video_without_status_and_times_that_firestore_saw_written_long_ago_is_judged_by_that(desk: Desk) -> None:
    desk.world.put({"users/u1": user("u1"), BASE: {"video_id": "vid-0001", "video_title": "written just now"}})
    blocked = desk.run("purge", "plan", "u1", "--video", "vid-0001", "--json").json["blocked"]
    assert "no status" in blocked[0]
    assert re.search(r"last touched \d+ seconds? ago", blocked[0]), blocked


def test_no_rebuild_is_advised_where_the_document_is_what_the_product_serves(desk: Desk) -> None:
    rendering(desk, {"status": "completed"})
    found = desk.run("diagnose", "u1", "vid-0001", "--json").json
    assert not [step for step in found["actions"] if step["id"].startswith("rebuild")]
