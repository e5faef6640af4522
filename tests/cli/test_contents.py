"""`verify` and `diagnose` look into clips: always of one video, where asked of a customer or of all."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import MEDIA, Desk
from tests.rigs.clips import PICTURE, film
from tests.rigs.records import clip, user, video

BASE = "users/u1/videos/vid-0001"


@pytest.fixture
def delivered(desk: Desk) -> Desk:
    """Ten clips of the right size, the first of them an HTML page."""
    documents = {"users/u1": user("u1"), BASE: video("vid-0001", clips_count=10, total_size_bytes=10_000)}
    documents[f"{BASE}/highlights/main"] = {
        "highlights": [{"id": 1, "start": "0:01", "end": "0:09"}],
        "video_id": "vid-0001",
    }
    for scene in range(10):
        documents[f"{BASE}/clips/vid-0001_{scene}_split"] = clip("vid-0001", scene)
        key = f"users/u1/vid-0001/clips/clip_01_{scene}_scene_split"
        desk.put(f"{key}.mp4", b"<html>502</html>".ljust(1_000) if scene == 0 else film())
        desk.put(f"{key}.jpg", PICTURE, "image/jpeg")
    desk.put(
        "users/u1/vid-0001/highlights.json",
        json.dumps({"highlights": [{"id": 1, "start": "0:01", "end": "0:09"}]}).encode(),
        "application/json",
    )
    desk.world.put(documents)
    return desk


def test_clips_are_looked_into_where_that_was_asked_for(delivered: Desk) -> None:
    plain = delivered.run("verify", "u1", "--json")
    assert plain.json["looked_into"] is None
    assert "not_media" not in plain.json["summary"]
    for arguments in (("u1", "vid-0001"), ("u1", "--contents"), ("--all", "--contents"), ("--contents", "100", "u1")):
        answer = delivered.run("verify", *arguments, "--json")
        assert answer.status == 1
        assert answer.json["summary"]["not_media"] == 1
        looked = answer.json["looked_into"]
        assert (looked["clips"], looked["thumbnails"], looked["not_looked_at"]) == (10, 10, 0)
        assert 0 < looked["bytes"] <= 20 * 64 * 1024
    assert "looked into 10 clips and 10 thumbnails" in delivered.run("verify", "u1", "vid-0001").out
    some = delivered.run("verify", "--all", "--contents", "30", "--json").json["looked_into"]
    assert 0 < some["clips"] < 10
    assert some == delivered.run("verify", "--all", "--contents", "30", "--json").json["looked_into"]
    assert "whether it plays was not checked" not in delivered.run("verify", "u1", "vid-0001").out
    found = delivered.run("diagnose", "u1", "vid-0001", "--json")
    assert (found.status, found.json["verdict"]) == (1, "clips_missing")
    assert "“Scene 0” (split)" in found.json["reply"]
    assert "reply_in" not in found.json
    german = delivered.run("diagnose", "u1", "vid-0001", "--reply-language", "de", "--json").json
    assert german["reply"] == found.json["reply"]
    assert german["reply_in"]["language"] == "de"
    assert "Einige Clips Ihres Videos" in german["reply_in"]["text"]
    assert "„Scene 0“ (split)" in german["reply_in"]["text"]
    spanish = delivered.run("diagnose", "u1", "vid-0001", "--reply-language", "es").out
    assert spanish.index("Reply to the customer, Español:") < spanish.index("The same in English:")
    usage = delivered.run("usage", "u1", "--reply-language", "fr", "--json").json
    assert usage["reply_in"]["text"].startswith("Votre compte a les limites")
    assert usage["reply"].startswith("Your account has the limits")
    assert delivered.run("usage", "u1", "--reply-language", "it", "--json").status == 2
    assert "9 clips that play; 1 that does not" in found.json["customer_sees"]


@pytest.mark.parametrize("percent", ["0", "101", "many"])
def test_a_percentage_that_is_none_is_bad_usage(desk: Desk, percent: str) -> None:
    answer = desk.run("verify", "--all", "--contents", percent, "--json")
    assert answer.status == 2
    assert "contents" in answer.json["error"]["message"]


def test_a_clip_that_is_no_film_is_replaced_without_a_word_and_one_that_plays_is_not(delivered: Desk) -> None:
    who = ("--actor", "ann@example.com", "--reason", "ticket 4711", "--json")
    statuses = [
        delivered.run(
            "upload", "u1", "vid-0001", str(MEDIA / "clip_a.mp4"), "--scene", str(n), "--style", "split", *who
        ).status
        for n in (0, 1)
    ]
    assert statuses == [0, 4]
    found = delivered.run("diagnose", "u1", "vid-0001", "--json").json
    assert "10 clips that play" in found["customer_sees"]
