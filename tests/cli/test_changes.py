"""Changes from the shell: clips stored and replaced, highlights written to both places, and nothing on bad input."""

from __future__ import annotations

import json

import pytest

from storage.actions import undoable
from storage.actions.writers import Writers
from storage.errors import Refused
from tests.cli.conftest import MEDIA, Desk, both_firestores
from tests.rigs.records import clip, user, video

WHO = ("--actor", "Op@Example.com", "--reason", "ticket 7: clip lost")
BASE = "users/u1/videos/vid-0001"
CLIP = MEDIA / "clip_a.mp4"
THUMBNAIL = MEDIA / "clip_a.jpg"
ENTRY = {"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:11", "duration": 10}


def upload(desk: Desk, *more: str, file: str = str(CLIP), scene: str = "4", style: str = "split"):
    return desk.run("upload", "u1", "vid-0001", file, "--scene", scene, "--style", style, *WHO, "--json", *more)


def customer(desk: Desk, **changes) -> None:
    desk.world.put(
        {
            "users/u1": user("u1", total_storage_bytes=0, total_clips_count=0),
            "storage_accounting/u1": {"styled_clips_bytes": 0, "styled_clips_count": 0},
            BASE: video("vid-0001", clips_count=0, total_size_bytes=0, clips_by_style={}),
            **changes,
        }
    )


def fields_of(desk: Desk, path: str) -> dict:
    document = desk.world.records.raw(path)
    assert document is not None, path
    return dict(document.fields or {})


@both_firestores
def test_an_upload_stores_object_thumbnail_document_and_counters(desk):
    customer(desk)
    answer = upload(desk, "--thumbnail", str(THUMBNAIL), "--title", "My Great Clip")
    assert answer.status == 0, answer.out + answer.err
    key = "users/u1/vid-0001/clips/clip_99_4_my_great_clip_split.mp4"
    size = CLIP.stat().st_size
    assert (answer.json["key"], answer.json["size_bytes"], answer.json["replaced"]) == (key, size, False)
    assert desk.objects.get_bytes(key, 1_000_000) == CLIP.read_bytes()
    stored = desk.objects.head(key)
    assert stored is not None
    assert stored.content_type == "video/mp4"
    image = desk.objects.head(key.replace(".mp4", ".jpg"))
    assert image is not None
    assert image.content_type == "image/jpeg"
    document = fields_of(desk, f"{BASE}/clips/vid-0001_4_split")
    assert document["r2_key"] == key
    assert document["thumbnail_r2_key"] == key.replace(".mp4", ".jpg")
    assert (document["file_size_bytes"], document["status"], document["has_thumbnail"]) == (size, "completed", True)
    assert document["duration_seconds"] > 1
    assert document["created_at"] == document["completed_at"]
    assert fields_of(desk, "users/u1")["total_storage_bytes"] == size
    assert fields_of(desk, "users/u1")["total_clips_count"] == 1
    assert fields_of(desk, "storage_accounting/u1") == {"styled_clips_bytes": size, "styled_clips_count": 1}
    counted = fields_of(desk, BASE)
    assert (counted["clips_count"], counted["total_size_bytes"], counted["clips_by_style"]) == (1, size, {"split": 1})
    assert desk.run("usage", "u1", "--json").status == 0, "no counter drifts"


def test_a_missing_clip_is_replaced_under_its_own_key_and_counters_move_by_the_difference(desk):
    customer(desk, **{f"{BASE}/clips/vid-0001_1_split": clip("vid-0001", 1)})
    desk.world.put({"users/u1": user("u1", total_storage_bytes=1_000, total_clips_count=1)})
    answer = upload(desk, scene="1")
    assert answer.status == 0, answer.out
    assert answer.json["replaced"] is True
    assert answer.json["key"] == "users/u1/vid-0001/clips/clip_01_1_scene_split.mp4"
    assert fields_of(desk, "users/u1")["total_storage_bytes"] == CLIP.stat().st_size
    assert fields_of(desk, "users/u1")["total_clips_count"] == 1
    assert fields_of(desk, f"{BASE}/clips/vid-0001_1_split")["scene_title"] == "Scene 1"


def test_an_intact_clip_is_replaced_only_on_demand(desk):
    customer(desk)
    assert upload(desk).status == 0
    other = str(MEDIA / "clip_b.mp4")
    refused = upload(desk, file=other)
    assert refused.status == 4
    assert "--replace" in refused.json["error"]["remedy"]
    key = "users/u1/vid-0001/clips/clip_99_4_about_vid-0001_split.mp4"
    assert desk.objects.get_bytes(key, 1_000_000) == CLIP.read_bytes()
    replaced = upload(desk, "--replace", file=other)
    assert replaced.status == 0
    size = (MEDIA / "clip_b.mp4").stat().st_size
    assert fields_of(desk, "users/u1")["total_storage_bytes"] == size
    assert fields_of(desk, BASE)["clips_by_style"] == {"split": 1}


def test_a_clip_that_names_another_customers_key_gets_its_own(desk):
    foreign = "users/u10/vid-0001/clips/clip_01_1_scene_split.mp4"
    customer(desk, **{f"{BASE}/clips/vid-0001_1_split": clip("vid-0001", 1, r2_key=foreign)})
    desk.put(foreign, b"somebody else's")
    answer = upload(desk, scene="1")
    assert answer.status == 0
    assert answer.json["key"] == "users/u1/vid-0001/clips/clip_01_1_scene_1_split.mp4"
    assert desk.objects.get_bytes(foreign, 100) == b"somebody else's"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"file": "no-such-file.mp4"}, "FILE"),
        ({"file": str(THUMBNAIL)}, "FILE"),
        ({"scene": "-1"}, "SCENE"),
        ({"scene": "x"}, "--scene"),
        ({"style": "Split Screen"}, "STYLE"),
    ],
)
def test_bad_input_changes_nothing(desk, arguments, word):
    customer(desk)
    answer = upload(desk, **arguments)
    assert answer.status == 2, answer.out
    assert word in answer.json["error"]["message"]
    assert desk.objects.list_all("").frame.empty
    assert desk.world.records.clips("u1", "vid-0001").frame.empty


def test_a_file_that_is_cut_short_is_refused(desk, tmp_path):
    customer(desk)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(CLIP.read_bytes()[:9_000])
    answer = upload(desk, file=str(cut))
    assert answer.status == 2
    assert "cut short" in answer.json["error"]["message"]


def test_an_upload_to_a_video_that_is_not_there_is_not_found(desk):
    answer = upload(desk)
    assert answer.status == 1
    assert answer.json["error"]["code"] == "not_found"


def highlights(desk: Desk, *more: str):
    return desk.run("highlights", "u1", "vid-0001", "--json", *more)


def test_highlights_are_shown_from_where_the_product_serves_them(desk, monkeypatch):
    customer(desk)
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "document")
    assert highlights(desk).status == 1
    assert highlights(desk).json["source"] is None
    desk.world.put({f"{BASE}/highlights/main": {"highlights": [ENTRY], "video_id": "vid-0001"}})
    assert highlights(desk).json["source"] == "document"
    desk.put("users/u1/vid-0001/highlights.json", json.dumps({"highlights": [ENTRY, ENTRY | {"id": 2}]}).encode())
    answer = highlights(desk)
    assert (answer.status, answer.json["source"], len(answer.json["highlights"])) == (0, "document", 1)
    assert answer.json["differences"] == ["entry 2 is in the object alone"]
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "object")
    answer = highlights(desk)
    assert (answer.status, answer.json["source"], len(answer.json["highlights"])) == (0, "object", 2)


def test_highlights_are_written_where_they_are_served_and_where_they_are_already_and_can_be_taken_back(
    desk, tmp_path, monkeypatch
):
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "document")
    old = json.dumps({"highlights": [ENTRY]}).encode()
    customer(desk)
    desk.put("users/u1/vid-0001/highlights.json", old, "application/json")
    before = fields_of(desk, BASE)
    file = tmp_path / "new.json"
    file.write_text(json.dumps({"highlights": [ENTRY, {**ENTRY, "id": 2, "title": "Zwei"}]}))
    answer = highlights(desk, "--put", str(file), *WHO)
    assert answer.status == 0, answer.out + answer.err
    assert answer.json["object"]["count"] == answer.json["document"]["count"] == 2
    assert fields_of(desk, BASE)["highlights_count"] == 2
    stored = desk.objects.head("users/u1/vid-0001/highlights.json")
    assert stored is not None
    assert stored.content_type == "application/json"
    writers = Writers(desk.writer, desk.world.writer)
    undo = {"actor": "op@example.com", "reason": "a mistake"}
    undoable.undo(desk.world.records, desk.objects, writers, answer.json["change_id"], **undo)
    assert desk.objects.get_bytes("users/u1/vid-0001/highlights.json", 10_000) == old
    assert fields_of(desk, BASE) == before
    assert desk.world.records.raw(f"{BASE}/highlights/main") is None
    with pytest.raises(Refused, match="undone already"):
        undoable.undo(desk.world.records, desk.objects, writers, answer.json["change_id"], **undo)


@pytest.mark.parametrize("place", ["document", "object"])
def test_what_was_changed_since_is_not_taken_back(desk, tmp_path, place):
    customer(desk)
    file = tmp_path / "new.json"
    file.write_text(json.dumps({"highlights": [ENTRY]}))
    answer = highlights(desk, "--put", str(file), *WHO)
    newer = json.dumps({"highlights": [ENTRY, {**ENTRY, "id": 2}]}).encode()
    if place == "document":
        desk.world.writer.update(BASE, {"highlights_count": 9})
    else:
        desk.put("users/u1/vid-0001/highlights.json", newer, "application/json")
    refused = desk.run("undo-change", answer.json["change_id"], *WHO, "--json")
    assert (refused.status, refused.json["error"]["code"]) == (4, "stale")
    found = undoable.undoable(desk.world.records, desk.objects, answer.json["change_id"])
    told = {"document": f"{BASE}: highlights_count", "object": "object users/u1/vid-0001/highlights.json"}
    assert found.moved == (told[place],)
    if place == "object":
        assert desk.objects.get_bytes("users/u1/vid-0001/highlights.json", 10_000) == newer


def test_an_undo_that_was_cut_short_after_its_object_can_be_done_again(desk, tmp_path):
    customer(desk)
    key = "users/u1/vid-0001/highlights.json"
    desk.put(key, json.dumps({"highlights": [ENTRY]}).encode(), "application/json")
    file = tmp_path / "new.json"
    file.write_text(json.dumps({"highlights": [{**ENTRY, "id": 7}]}))
    change_id = highlights(desk, "--put", str(file), *WHO).json["change_id"]
    desk.writer.copy(f"_ops/replaced/{change_id}/highlights.json", key)
    assert desk.run("undo-change", change_id, *WHO, "--json").status == 0
    assert desk.world.records.raw(f"{BASE}/highlights/main") is None


@pytest.mark.parametrize(
    "content",
    ["", "not json", "[]", '{"highlights": []}', '{"highlights": [{"id": 1}]}', '{"highlights": "x"}'],
)
def test_a_bad_highlights_file_is_refused_and_changes_nothing(desk, tmp_path, content):
    customer(desk)
    file = tmp_path / "bad.json"
    file.write_text(content)
    answer = highlights(desk, "--put", str(file), *WHO)
    assert answer.status == 2
    assert answer.json["error"]["remedy"]
    assert desk.objects.list_all("").frame.empty
    assert desk.world.records.raw(f"{BASE}/highlights/main") is None


def test_writing_highlights_needs_somebody_and_a_reason(desk, tmp_path):
    customer(desk)
    file = tmp_path / "new.json"
    file.write_text(json.dumps({"highlights": [ENTRY]}))
    assert highlights(desk, "--put", str(file)).status == 2
    assert highlights(desk, "--put", str(file), "--actor", "nobody", "--reason", "because").status == 2


def test_one_place_is_rebuilt_from_the_other(desk, monkeypatch):
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "object")
    customer(desk)
    desk.world.put({f"{BASE}/highlights/main": {"highlights": [ENTRY], "video_id": "vid-0001"}})
    refused = highlights(desk, "--rebuild-from", "object", *WHO)
    assert refused.status == 4
    answer = highlights(desk, "--rebuild-from", "document", *WHO)
    assert answer.status == 0, answer.out
    assert answer.json["source"] == "object"
    assert answer.json["object"]["count"] == 1


@pytest.mark.parametrize("edited", ["object", "copy", "document"])
def test_a_record_that_was_edited_is_not_taken_back_beyond_its_user(desk, tmp_path, edited):
    """Who can write Firestore alone could else have the desk, which can write the bucket, delete anybody's object."""
    customer(desk)
    file = tmp_path / "highlights.json"
    file.write_text(json.dumps({"highlights": [ENTRY]}))
    change_id = highlights(desk, "--put", str(file), *WHO).json["change_id"]
    victim = "users/u10/vid-0001/clips/clip_01_1_a_split.mp4"
    desk.put(victim, b"somebody else's")
    etag = desk.objects.head(victim).etag
    key = "users/u1/vid-0001/highlights.json"
    forged = {
        "object": {"replaced": [{"key": victim, "kept": None, "etag": etag}]},
        "copy": {"replaced": [{"key": key, "kept": "_ops/secrets/plan-seal", "etag": desk.objects.head(key).etag}]},
        "document": {"changes": [{"path": "users/u10", "field": "plan", "after": "free"}]},
    }[edited]
    desk.put("_ops/secrets/plan-seal", b"0" * 64, "text/plain")
    desk.world.put({"users/u10": {"uid": "u10", "plan": "free"}})
    record = desk.world.client.document(f"ops_changes/{change_id}")
    record.update(forged)
    before = desk.objects.get_bytes(key, 10_000)
    refused = desk.run("undo-change", change_id, *WHO, "--json")
    assert refused.status == 4
    assert "do not belong to its customer" in refused.json["error"]["message"]
    assert desk.objects.get_bytes(victim, 100) == b"somebody else's"
    assert desk.objects.get_bytes(key, 10_000) == before
    assert fields_of(desk, "users/u10")["plan"] == "free"
    assert record.get().get("undone_by") is None
