"""The keys that the product really makes, under either prefix: they play, are found, verified and purged; and its
public links, those too that lead nowhere any more.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.conftest import MEDIA, Desk
from tests.rigs.clips import film
from tests.rigs.records import clip, user, video

NOW = datetime.now(UTC)
BASE = "users/u1/videos/vid-0001"
HOME = "u1/vid-0001"
TOP = "top_5_scenes_my_title_20260101_235959_streamer_top_scenes"
TOP_ID = "vid-0001_compilation_20260101_235959_streamer_top_scenes"
HIGHLIGHTS = b'{"highlights": [{"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:31"}]}'
CLIPS = {
    "vid-0001_1_split": f"{HOME}/clips/clip_01_1_scene_split.mp4",
    TOP_ID: f"{HOME}/clips/{TOP}.mp4",
    "vid-0001_2_split": f"{HOME}/clips/intro.mp4",
    "vid-0001_3_split": f"{HOME}/clips/FINAL.MP4",
    "vid-0001_4_split": f"{HOME}/clips/sub/x.mp4",
}
CACHES = {
    f"clips/{HOME}/raw/1.mp4": "raw_segment",
    f"clips/{HOME}/silence_removed/1.mp4": "silence_removed",
    f"{HOME}/source.mp4": "source",
    f"sources/{HOME}/source.mp4": "source",
}


def share(clip_id: str, **fields: Any) -> dict[str, Any]:
    """What a link's own document says."""
    ids = {"user_id": "u1", "video_id": "vid-0001", "clip_id": clip_id}
    return {**ids, "access_level": "view_playback", "created_at": NOW - timedelta(days=1), **fields}


def filled(desk: Desk) -> None:
    """A customer of today's product: keys without a prefix, a Top Scenes clip, odd file names, every kind of cache."""
    documents: dict[str, dict[str, Any]] = {
        "users/u1": user("u1", total_storage_bytes=5_000, total_clips_count=5),
        BASE: video(
            "vid-0001",
            updated_at=NOW,
            clips_count=5,
            total_size_bytes=5_000,
            highlights_json_key=f"{HOME}/highlights.json",
        ),
        f"{BASE}/highlights/main": {"highlights": [{"id": 1, "start": "0:01", "end": "0:09"}], "video_id": "vid-0001"},
    }
    for number, (clip_id, key) in enumerate(CLIPS.items(), start=1):
        desk.put(key, film())
        named = {"clip_id": clip_id, "r2_key": key, "file_size_bytes": 1_000, "has_thumbnail": False}
        documents[f"{BASE}/clips/{clip_id}"] = clip("vid-0001", number, filename=key.rpartition("/")[2], **named)
    documents[f"{BASE}/clips/{TOP_ID}"] |= {
        "scene_id": 0,
        "priority": 0,
        "style": "streamer_top_scenes",
        "scene_title": "Top 5 Scenes",
    }
    documents[BASE]["highlights_json_key"] = f"{HOME}/highlights.json"
    desk.put(f"{HOME}/highlights.json", HIGHLIGHTS, "application/json")
    for key in CACHES:
        desk.put(key, b"cache")
    desk.world.put(documents)


@pytest.fixture(params=["users/", ""], ids=["the older prefix", "no prefix"])
def today(request: pytest.FixtureRequest, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The desk, set to either prefix, over a bucket of today."""
    monkeypatch.setenv("R2_KEY_PREFIX", request.param)
    filled(desk)
    return desk


def first(desk: Desk, text: str) -> tuple[str, str, str, str]:
    """Type, video, clip and reason of the first match."""
    found = desk.run("find", text, "--json").json["matches"]
    return (found[0]["type"], found[0]["video_id"], found[0]["clip_id"], found[0]["why"]) if found else ("", "", "", "")


def test_todays_keys_play_and_are_found_verified_and_purged_under_either_prefix(today: Desk) -> None:
    for clip_id, key in CLIPS.items():
        link = today.run("url", "u1", "vid-0001", clip_id, "--json")
        assert (link.status, link.json.get("key")) == (0, key)
        assert first(today, key)[:3] == ("clip", "vid-0001", clip_id)
    for text in (f"{TOP}.mp4", TOP_ID, "x.mp4"):
        assert first(today, text)[:2] == ("clip", "vid-0001"), text
    for key in CACHES:
        assert first(today, key)[:2] == ("video", "vid-0001"), key
    report = today.run("verify", "u1", "vid-0001", "--json").json
    assert [one for one in report["findings"] if one["kind"] != "missing_thumbnail"] == []
    case = today.run("diagnose", "u1", "vid-0001", "--json").json
    assert case["verdict"] == "healthy"
    assert "5 clips that play" in case["customer_sees"]
    plan = today.run("purge", "plan", "u1", "--json").json
    assert {one["key"] for one in plan["objects"]} == {*CLIPS.values(), *CACHES, f"{HOME}/highlights.json"}
    assert plan["blocked"] == []
    assert not [line for line in plan["warnings"] if "left alone" in line]
    counted = {one["kind"]: one["objects"] for one in report["caches"]}
    assert counted["silence_removed"] == 1
    assert counted["source"] >= 1


def test_a_top_scenes_clip_is_replaced_where_it_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R2_KEY_PREFIX", "")
    filled(desk)
    replaced = (
        "upload",
        "u1",
        "vid-0001",
        str(MEDIA / "clip_a.mp4"),
        "--scene",
        "0",
        "--style",
        "streamer_top_scenes",
        "--replace",
        "--actor",
        "ada@example.com",
        "--reason",
        "ticket 4711",
        "--json",
    )
    answer = desk.run(*replaced)
    assert (answer.status, answer.json.get("clip_id")) == (0, TOP_ID)
    document = desk.world.fields(f"{BASE}/clips/{TOP_ID}")
    assert (document["r2_key"], document["style"]) == (CLIPS[TOP_ID], "streamer_top_scenes")
    second = TOP_ID.replace("235959", "000000")
    desk.world.put({f"{BASE}/clips/{second}": {**document, "clip_id": second}})
    assert second in desk.run(*replaced).json["error"]["message"]


def test_public_links_are_found_and_those_that_lead_nowhere_are_told_as_such(desk: Desk) -> None:
    filled(desk)
    shared, gone = "vid-0001_1_split", "vid-0001_9_split"
    desk.world.put(
        {
            "share_slugs/live12345678": share(shared),
            "share_slugs/older1234567": share(shared, expires_at=NOW + timedelta(days=2)),
            "share_slugs/ended1234567": share(shared, expires_at=NOW - timedelta(days=2)),
            "share_slugs/stopped12345": share(shared, disabled_at=NOW - timedelta(days=2)),
            "share_slugs/dangling1234": share(gone),
            f"{BASE}/clips/{shared}/shares/config": share(shared, share_slug="live12345678"),
            f"{BASE}/clips/{gone}/shares/config": share(gone, share_slug="revoked12345", disabled_at=NOW),
        }
    )
    for text in ("live12345678", "https://viralclipai.io/c/live12345678", "GET /c/live12345678 302"):
        assert first(desk, text)[:3] == ("clip", "vid-0001", shared), text
    for slug, says in {
        "live12345678": "works, without an end",
        "older1234567": "works until",
        "ended1234567": "ended",
        "stopped12345": "revoked",
    }.items():
        assert says in first(desk, f"viralclipai.io/c/{slug}")[3]
    for slug, says in {"dangling1234": "does not exist", "revoked12345": "revoked"}.items():
        found = first(desk, f"https://viralclipai.io/c/{slug}")
        assert found[:3] == ("video", "vid-0001", None)
        assert says in found[3]
        assert gone in found[3]
    assert first(desk, "https://viralclipai.io/c/nosuchslug12") == ("", "", "", "")


def test_what_is_left_of_a_deleted_shared_clip_is_no_clip_and_its_link_is_told(desk: Desk) -> None:
    filled(desk)
    gone = "vid-0001_9_split"
    left = f"{BASE}/clips/{gone}/shares/config"
    desk.world.put({f"{BASE}/clips/{gone}": clip("vid-0001", 9)})
    desk.world.put({left: share(gone, share_slug="dangling1234"), "share_slugs/dangling1234": share(gone)})
    desk.world.client.document(f"{BASE}/clips/{gone}").delete()
    answer = desk.run("verify", "u1", "--json")
    assert answer.json["checked"]["clips"] == 5
    found = {one["kind"]: one for one in answer.json["findings"] if one["clip_id"] == gone}
    assert {kind: one["severity"] for kind, one in found.items()} == {
        "phantom_parent": "info",
        "dangling_share": "info",
    }
    assert "normal end of a shared clip" in found["phantom_parent"]["detail"]
    assert "share_slugs/dangling1234" in found["dangling_share"]["detail"]
    assert desk.run("verify", "--all", "--json").json["summary"]["dangling_share"] == 1
    case = desk.run("diagnose", "u1", "vid-0001", "--json").json
    assert (case["verdict"], case["severity"]) == ("healthy", "info")
    assert first(desk, left)[:2] == ("video", "vid-0001")
    plan = desk.run("purge", "plan", "u1", "--video", "vid-0001", "--json").json
    assert {left, "share_slugs/dangling1234"} <= set(plan["documents"])
    desk.world.put({"users/u1/videos/vid-0002/clips/vid-0002_1_split": clip("vid-0002", 1, r2_key=CLIPS[TOP_ID])})
    (video_gone,) = [
        one
        for one in desk.run("verify", "u1", "--json").json["findings"]
        if one["kind"] == "phantom_parent" and one["clip_id"] is None
    ]
    assert (video_gone["video_id"], video_gone["severity"]) == ("vid-0002", "warning")
