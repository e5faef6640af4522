"""A wrong R2_KEY_PREFIX: nothing is missing by it at first sight, so each answer that it bends says so."""

from __future__ import annotations

from typing import Any

from grpc import StatusCode

from tests.cli.conftest import Desk
from tests.rigs.clips import film
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import World, clip, user, video

VIDEO, CLIP = "vid-0001", "vid-0001_1_split"
HIGHLIGHTS = b'{"highlights": [{"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:31"}]}'


def stored(desk: Desk, layout: str = "users/", uid: str = "u1") -> None:
    """A delivered video with one clip, whose documents name their keys in full."""
    home = f"{layout}{uid}/{VIDEO}"
    size = desk.put(f"{home}/clips/clip_01_1_scene_split.mp4", film())
    desk.put(f"{home}/highlights.json", HIGHLIGHTS, "application/json")
    named = {"r2_key": f"{home}/clips/clip_01_1_scene_split.mp4", "file_size_bytes": size, "has_thumbnail": False}
    desk.world.put(
        {
            f"users/{uid}": user(uid),
            f"users/{uid}/videos/{VIDEO}": video(
                VIDEO, status="completed", clips_count=1, total_size_bytes=size,
                highlights_json_key=f"{home}/highlights.json",
            ),
            f"users/{uid}/videos/{VIDEO}/clips/{CLIP}": clip(VIDEO, 1, **named),
        }
    )  # fmt: skip


def prefix_check(desk: Desk) -> tuple[int, dict[str, Any]]:
    answer = desk.run("check", "--json")
    return answer.status, next(check for check in answer.json["checks"] if check["name"] == "key_prefix")


def test_a_typo_in_the_prefix_is_told_by_check_diagnose_verify_and_url_though_nothing_is_missing(desk, monkeypatch):
    stored(desk)
    status, right = prefix_check(desk)
    assert (status, right["ok"]) == (0, True)
    assert "1 of 1 keys" in right["detail"]
    monkeypatch.setenv("R2_KEY_PREFIX", "user/")
    status, wrong = prefix_check(desk)
    assert (status, wrong["ok"]) == (1, False)
    assert "R2_KEY_PREFIX ('user/')" in wrong["detail"]
    assert "Set R2_KEY_PREFIX to 'users/'" in wrong["remedy"]
    ill = desk.run("diagnose", "u1", VIDEO, "--json").json
    assert ill["verdict"] == "healthy", "the file is there, and that is what the customer sees"
    (line,) = [evidence for evidence in ill["evidence"] if evidence["check"] == "key_prefix"]
    assert line["ok"] is None
    assert "R2_KEY_PREFIX ('user/')" in line["observed"]
    assert "key prefix" in desk.run("diagnose", "u1", VIDEO).out.lower().replace("_", " ")
    assert "R2_KEY_PREFIX" in desk.run("verify", "u1", "--json").json["prefix_doubt"]
    assert "DOUBT: None of the 2 keys" in desk.run("verify", "u1").out
    link = desk.run("url", "u1", VIDEO, CLIP, "--json")
    assert (link.status, link.json["key"].partition("/")[0]) == (0, "users")
    assert "R2_KEY_PREFIX ('user/')" in link.json["prefix_doubt"]
    assert "R2_KEY_PREFIX ('user/')" in link.err


def test_under_a_prefix_that_nobody_knows_a_clip_is_refused_with_the_setting_named_first(desk, monkeypatch):
    stored(desk, "prod/users/")
    monkeypatch.setenv("R2_KEY_PREFIX", "prod/user/")
    answer = desk.run("url", "u1", VIDEO, CLIP, "--json")
    assert answer.status == 4
    assert "R2_KEY_PREFIX ('prod/user/')" in answer.json["error"]["remedy"]
    assert "'prod/users/'" in prefix_check(desk)[1]["remedy"]


def test_older_keys_under_another_prefix_are_no_doubt_once_somebody_lies_under_the_configured_one(desk):
    for number in range(3):
        stored(desk, "", f"a{number}")
    stored(desk, uid="zz")
    status, found = prefix_check(desk)
    assert (status, found["ok"]) == (0, True)
    assert "1 of 4 keys" in found["detail"]


def test_where_a_sample_told_the_prefix_a_customer_of_the_older_one_is_well_without_a_doubt(desk, monkeypatch):
    monkeypatch.delenv("R2_KEY_PREFIX", raising=False)
    for number in range(3):
        stored(desk, "", f"a{number}")
    stored(desk, uid="zz")
    assert "the desk found no prefix" in prefix_check(desk)[1]["detail"]
    assert desk.run("verify", "zz", "--json").json["prefix_doubt"] is None
    assert "key_prefix" not in str(desk.run("diagnose", "zz", VIDEO, "--json").json["evidence"])
    assert "R2_KEY_PREFIX" not in desk.run("url", "zz", VIDEO, CLIP).err


def test_the_sample_costs_few_reads_and_reads_on_only_while_there_is_doubt(desk, monkeypatch):
    for number in range(8):
        base, home = f"users/u{number}/videos/{VIDEO}/clips", f"users/u{number}/{VIDEO}/clips"
        keys = {f"{base}/c{scene:02d}": f"{home}/clip_01_{scene}_a_split.mp4" for scene in range(20)}
        desk.world.put({path: clip(VIDEO, 1, r2_key=key) for path, key in keys.items()})

    def reads() -> int:
        found: int = desk.run("check", "--json").json["cost"]["firestore_reads"]
        return found

    right = reads()
    monkeypatch.setenv("R2_KEY_PREFIX", "user/")
    assert reads() - right == 6, "four stretches of five and one to see the end; the bucket, empty here, took three"
    assert "20 keys" in prefix_check(desk)[1]["detail"]


def test_what_firestore_refuses_is_told_neither_as_a_right_nor_as_a_wrong_prefix(
    embedded: EmbeddedFirestore, r2_rig, run, no_settings, monkeypatch
):
    with World(embedded) as world:
        for name, value in (r2_rig.values(r2_rig.fresh_bucket()) | world.values()).items():
            monkeypatch.setenv(name, value)
        embedded.faults.refuse("ListDocuments", StatusCode.PERMISSION_DENIED, times=None)
        answer = run("check", "--json")
    found = next(check for check in answer.json["checks"] if check["name"] == "key_prefix")
    assert (answer.status, found["ok"]) == (3, False)
    assert "not tried" in found["detail"]
