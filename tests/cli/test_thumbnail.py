"""`thumbnail`: a picture from the clip or from a file, guarded, recorded and taken back.

Where PyAV is not installed the picture cannot come from the clip, and the command must say so; both ways are held here.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from storage.clients.frames import can_take_frames
from tests.cli.conftest import Desk
from tests.rigs.http_faults import FaultProxy, Meanwhile
from tests.rigs.records import clip, user, video
from tests.rigs.seaweed import SeaweedRig

MEDIA = Path(__file__).resolve().parents[2] / "storage" / "sandbox" / "media"
WHO = ("--actor", "eng@example.com", "--reason", "ticket 12: no picture")
CLIP = "users/u1/videos/vid-0001/clips/vid-0001_1_split"
FILM = "users/u1/vid-0001/clips/clip_01_1_scene_split.mp4"
PICTURE = FILM.replace(".mp4", ".jpg")
NAMED = ("u1", "vid-0001", "vid-0001_1_split")


def without_picture(desk: Desk, **fields: object) -> None:
    film = (MEDIA / "clip_a.mp4").read_bytes()
    none = {"thumbnail_r2_key": None, "has_thumbnail": False}
    desk.put(FILM, film)
    rows = [{"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:31", "duration": 30}]
    desk.world.put({
        "users/u1": user("u1", total_storage_bytes=len(film), total_clips_count=1),
        "users/u1/videos/vid-0001": video("vid-0001", clips_count=1, total_size_bytes=len(film)),
        "users/u1/videos/vid-0001/highlights/main": {"highlights": rows, "video_id": "vid-0001"},
        CLIP: clip("vid-0001", 1, **{"file_size_bytes": len(film), **none} | fields),
    })  # fmt: skip


def test_a_picture_from_a_file_is_written_named_recorded_and_taken_back(desk: Desk) -> None:
    without_picture(desk)
    done = desk.run("thumbnail", *NAMED, "--file", str(MEDIA / "clip_b.jpg"), *WHO, "--json")
    assert (done.status, done.json["thumbnail_key"], done.json["replaced"]) == (0, PICTURE, False)
    assert desk.objects.get_bytes(PICTURE, 10**7) == (MEDIA / "clip_b.jpg").read_bytes()
    fields = desk.world.fields(CLIP)
    assert (fields["thumbnail_r2_key"], fields["has_thumbnail"]) == (PICTURE, True)
    again = desk.run("thumbnail", *NAMED, "--file", str(MEDIA / "clip_a.jpg"), *WHO, "--json")
    assert (again.status, again.json["error"]["code"]) == (4, "refused")
    assert "intact thumbnail" in again.json["error"]["remedy"]
    replaced = desk.run("thumbnail", *NAMED, "--file", str(MEDIA / "clip_a.jpg"), "--replace", *WHO, "--json")
    assert (replaced.status, replaced.json["replaced"]) == (0, True)
    assert desk.run("undo-change", replaced.json["change_id"], *WHO).status == 0
    assert desk.objects.get_bytes(PICTURE, 10**7) == (MEDIA / "clip_b.jpg").read_bytes()
    assert desk.run("undo-change", done.json["change_id"], *WHO).status == 0
    assert desk.objects.head(PICTURE) is None
    assert desk.world.fields(CLIP)["thumbnail_r2_key"] is None
    events = desk.run("audit", "--uid", "u1", "--json").json["events"]
    told = [(event["outcome"], event["detail"]["from"]) for event in events if event["action"] == "thumbnail"]
    assert ("done", "file") in told
    assert ("refused", "file") in told


def test_a_picture_is_taken_from_the_clip_where_there_is_a_decoder(desk: Desk) -> None:
    without_picture(desk)
    done = desk.run("thumbnail", *NAMED, *WHO, "--json")
    if not can_take_frames():
        assert (done.status, done.json["error"]["code"]) == (2, "bad_input")
        assert "no decoder" in done.json["error"]["message"]
        assert "--file" in done.json["error"]["remedy"] or "file" in done.json["error"]["remedy"]
        assert desk.objects.head(PICTURE) is None
        return
    assert (done.status, done.json["from"]) == (0, "clip")
    picture = Image.open(io.BytesIO(desk.objects.get_bytes(PICTURE, 10**7)))
    film = Image.open(io.BytesIO((MEDIA / "clip_a.jpg").read_bytes()))
    assert (picture.format, picture.width) == ("JPEG", 480)
    assert abs(picture.height / picture.width - film.height / film.width) < 0.02
    desk.put(FILM, b"<html>no film</html>")
    broken = desk.run("thumbnail", *NAMED, "--replace", *WHO, "--json")
    assert broken.status == 4


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("--file", str(MEDIA / "clip_a.mp4")), 2, "bad_input"), (("--file", "/nowhere.jpg"), 2, "bad_input"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused_before_any_store_is_asked(
    desk: Desk, words: tuple[str, ...], status: int, code: str
) -> None:
    answer = desk.run("thumbnail", *NAMED, *words, *WHO, "--json")
    assert (answer.status, answer.json["error"]["code"]) == (status, code)


def test_a_foreign_key_a_clip_in_progress_or_a_moved_picture_is_refused(
    desk: Desk, r2_rig: SeaweedRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = ("--file", str(MEDIA / "clip_b.jpg"))
    without_picture(desk, status="processing")
    assert desk.run("thumbnail", *NAMED, *file, *WHO, "--json").status == 4
    without_picture(desk, thumbnail_r2_key="users/u2/vid-0001/clips/clip_01_1_scene_split.jpg")
    desk.put("users/u2/vid-0001/clips/clip_01_1_scene_split.jpg", b"of another customer")
    assert desk.run("thumbnail", *NAMED, *file, *WHO, "--json").json["thumbnail_key"] == PICTURE  # never theirs
    assert desk.run("thumbnail", "u1", "vid-0001", "nope", *file, *WHO, "--json").status == 1
    with FaultProxy(r2_rig.endpoint) as proxy:
        monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
        proxy.on(
            Meanwhile(lambda: desk.put(PICTURE, b"another writer's")), method="PUT", path="clip_01_1_scene_split.jpg"
        )
        moved = desk.run("thumbnail", *NAMED, *file, "--replace", *WHO, "--json")
    assert (moved.status, moved.json["error"]["code"]) == (4, "stale")
    assert desk.objects.get_bytes(PICTURE, 100) == b"another writer's"
