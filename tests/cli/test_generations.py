"""Deployments of both generations, and one in the middle, as stories: the verdict of each, and what is written there.

The older product serves `highlights.json` under `users/`; the newer one the document, and its keys have no prefix.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from grpc import StatusCode

from storage.actions.objects import ObjectWriter
from storage.clients import r2
from storage.repositories.objects import Objects
from tests.cli.conftest import Desk
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import World, clip, user, video
from tests.rigs.seaweed import SeaweedRig

Generation = Literal["older", "newer", "middle"]
GENERATIONS: tuple[Generation, ...] = ("older", "newer", "middle")
SERVED = {"older": "object", "newer": "document", "middle": "mixed"}
PREFIX = {"older": "users/", "newer": "", "middle": "users/"}
MEDIA = Path(__file__).resolve().parents[2] / "storage" / "sandbox" / "media"
WHO = ("--actor", "ann@example.com", "--reason", "ticket 4711")
OLD = datetime.now(UTC) - timedelta(days=3)
CUSTOMER, ILL = "u1", "u2"
ENTRY = {"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:31", "duration": 30}


def as_file(*entries: Mapping[str, Any]) -> bytes:
    return json.dumps({"highlights": list(entries), "video_url": "https://example.com/v"}).encode()


class Made:
    """One deployment in both stores. Old enough that nothing in it is young."""

    def __init__(self, desk: Desk, generation: Generation, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("R2_KEY_PREFIX")
        self.desk, self.generation = desk, generation
        self.run = desk.run
        self.home = PREFIX[generation]
        places = {"older": ("file",) * 3, "newer": ("document",) * 3, "middle": ("file", "file", "document")}
        desk.world.put({f"users/{CUSTOMER}": self.counted(CUSTOMER, 3), f"users/{ILL}": self.counted(ILL, 0)})
        for number, place in enumerate(places[generation]):
            name = f"vid-000{number}"
            self.video(CUSTOMER, name, clips_count=1, total_size_bytes=self.size, clips_by_style={"split": 1})
            self.clip(CUSTOMER, name)
            if place == "file":
                self.file(CUSTOMER, name, as_file(ENTRY))
            else:
                self.document(CUSTOMER, name, ENTRY)

    @property
    def size(self) -> int:
        return (MEDIA / "clip_a.mp4").stat().st_size

    def counted(self, uid: str, clips: int) -> dict[str, Any]:
        return user(uid, total_storage_bytes=clips * self.size, total_clips_count=clips, plan="studio")

    def key(self, uid: str, name: str, rest: str = "highlights.json") -> str:
        return f"{self.home}{uid}/{name}/{rest}"

    def video(self, uid: str, name: str, **fields: Any) -> None:
        times = dict.fromkeys(("created_at", "updated_at", "completed_at"), OLD)
        none = {
            "clips_count": 0,
            "total_size_bytes": 0,
            "clips_by_style": {},
            "highlights_json_key": self.key(uid, name),
        }
        self.desk.world.put({f"users/{uid}/videos/{name}": video(name, **{**times, **none, **fields})})

    def clip(self, uid: str, name: str) -> None:
        stem = "clip_01_1_scene_split"
        key = self.key(uid, name, f"clips/{stem}")
        fields = {
            "r2_key": f"{key}.mp4",
            "file_size_bytes": self.size,
            "duration_seconds": 6.0,  # as the file is
            "created_at": OLD,
            "updated_at": OLD,
            "filename": f"{stem}.mp4",
            "thumbnail_r2_key": f"{key}.jpg",
        }
        self.desk.world.put({f"users/{uid}/videos/{name}/clips/{name}_1_split": clip(name, 1, **fields)})
        self.desk.put(f"{key}.mp4", MEDIA / "clip_a.mp4")
        self.desk.put(f"{key}.jpg", MEDIA / "clip_a.jpg", "image/jpeg")

    def file(self, uid: str, name: str, content: bytes) -> None:
        self.desk.put(self.key(uid, name), content, "application/json")

    def document(self, uid: str, name: str, *entries: Mapping[str, Any], **fields: Any) -> None:
        path = f"users/{uid}/videos/{name}/highlights/main"
        base = {"video_id": name, "video_url": "https://example.com/v", "created_at": OLD, "updated_at": OLD}
        self.desk.world.put({path: {**base, "highlights": list(entries), **fields}})

    def held(self, name: str) -> dict[str, Any] | None:
        found = self.desk.world.records.raw(f"users/{ILL}/videos/{name}/highlights/main")
        return None if found is None or found.fields is None else dict(found.fields)

    def stored(self, name: str) -> Any:
        key = self.key(ILL, name)
        return None if self.desk.objects.head(key) is None else json.loads(self.desk.objects.get_bytes(key, 10_000))


@pytest.fixture(params=GENERATIONS)
def made(request: pytest.FixtureRequest, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Made:
    return Made(desk, request.param, monkeypatch)


def test_a_well_account_of_each_generation_exits_0_without_a_warning(made: Made) -> None:
    served = SERVED[made.generation]
    checked = made.run("check", "--json").json["checks"]
    (line,) = [check for check in checked if check["name"] == "highlights_source"]
    assert (line["ok"], line["detail"].split(":")[0]) == (True, served)
    (line,) = [check for check in checked if check["name"] == "key_prefix"]
    assert "3 of 3 keys" in line["detail"]
    assert f"the desk found {repr(made.home) if made.home else 'no prefix'}" in line["detail"]
    for question in (("usage", CUSTOMER), ("verify", CUSTOMER), ("purge", "plan", CUSTOMER)):
        answer = made.run(*question, "--json")
        warnings = [said for said in answer.json.get("warnings", []) if "less than an hour old" not in said]  # as here
        assert (answer.status, answer.json.get("findings", []), warnings) == (0, [], []), (question, warnings)
    for number in range(3):
        found = made.run("diagnose", CUSTOMER, f"vid-000{number}", "--json")
        assert (found.status, found.json["verdict"], found.json["severity"]) == (0, "healthy", "info"), found
        assert found.json["actions"] == []
        assert [line for line in found.json["evidence"] if line["ok"] is False] == []
        assert found.json["deployment"]["highlights_source"] == served
        assert made.run("verify", CUSTOMER, f"vid-000{number}", "--json").status == 0
    whole = made.run("verify", "--all", "--json")
    assert (whole.status, whole.json["deployment"]["key_prefix"]) == (0, made.home)


# What each must get: the verdict, whether the customer reads "still being processed", the finding of verify, and the
# advised step that writes highlights.
MUST: dict[str, dict[Generation, tuple[str, bool, str | None, str | None]]] = {
    "file-alone": {
        "older": ("healthy", False, None, None),
        "newer": ("highlights_missing", True, "missing_highlights", "rebuild_highlights_document"),
        "middle": ("healthy", False, None, None),
    },
    "document-alone": {
        "older": ("highlights_missing", True, "missing_highlights", "rebuild_highlights_object"),
        "newer": ("healthy", False, None, None),
        "middle": ("healthy", False, None, None),
    },
    "neither": dict.fromkeys(GENERATIONS, ("highlights_missing", True, "missing_highlights", "put_highlights")),
    "broken-file-and-document": {
        "older": ("highlights_invalid", False, "invalid_highlights", "rebuild_highlights_object"),
        "newer": ("healthy", False, None, None),
        "middle": ("highlights_invalid", False, None, None),
    },
    "empty-document": {
        "older": ("highlights_missing", True, "missing_highlights", "put_highlights"),
        "newer": ("highlights_invalid", False, None, "put_highlights"),
        "middle": ("highlights_invalid", False, None, "put_highlights"),
    },
    "failed-with-empty-document": {
        "older": ("failed_transient", True, None, None),
        "newer": ("failed_transient", False, None, None),
        "middle": ("failed_transient", False, None, None),
    },
    "at-work-with-empty-document": dict.fromkeys(GENERATIONS, ("analysis_stalled", True, None, None)),
}


def ill(made: Made) -> None:
    """A customer with one video of each kind."""
    for name in MUST:
        status = "failed" if name.startswith("failed") else "processing" if name.startswith("at-work") else "analyzed"
        made.video(ILL, name, status=status, **({"error_message": "timed out"} if status == "failed" else {}))
    made.file(ILL, "file-alone", as_file(ENTRY))
    made.document(ILL, "document-alone", ENTRY)
    made.file(ILL, "broken-file-and-document", b'{"highlights": [')
    made.document(ILL, "broken-file-and-document", ENTRY)
    for name in ("empty-document", "failed-with-empty-document", "at-work-with-empty-document"):
        made.document(ILL, name)


def test_put_writes_what_the_product_serves_in_its_own_form_and_the_other_place_only_where_it_is_there(
    made: Made, tmp_path: Path
) -> None:
    made.run("diagnose", CUSTOMER, "vid-0000")
    for name in ("neither", "file-alone", "document-alone"):
        made.video(ILL, name, status="analyzed")
    made.file(ILL, "file-alone", as_file(ENTRY))
    made.document(ILL, "document-alone", ENTRY)
    new = tmp_path / "new.json"
    new.write_bytes(as_file({"id": 7, "title": "New", "start": "0:05", "end": "0:15.6", "pad_before_seconds": 2}))
    document = {
        "id": 7,
        "title": "New",
        "start": "0:05",
        "end": "0:15.6",
        "duration": 11,
        "pad_before": 2.0,
        "pad_after": 1.0,
    }
    file = {
        name.replace("pad_before", "pad_before_seconds").replace("pad_after", "pad_after_seconds"): value
        for name, value in document.items()
    }
    for name in ("neither", "file-alone", "document-alone"):
        answer = made.run("highlights", ILL, name, "--put", str(new), *WHO, "--json")
        assert answer.status == 0, answer
        assert answer.json["source"] == ("object" if made.generation == "older" else "document")
        held, stored = made.held(name), made.stored(name)
        assert (held is not None) == (made.generation != "older" or name == "document-alone"), name
        assert (stored is not None) == (made.generation == "older" or name == "file-alone"), name
        if stored is not None:
            assert stored["highlights"] == [file]
        if held is not None:
            assert held["highlights"] == [document]
            assert (held["video_id"], bool(held["video_url"])) == (name, True)
            assert isinstance(held["created_at"], datetime)
            assert held["updated_at"] > OLD
        assert made.run("diagnose", ILL, name, "--json").json["verdict"] == "healthy"
        assert made.run("undo-change", answer.json["change_id"], *WHO, "--json").status == 0
        assert (made.held(name) is not None) == (name == "document-alone"), "as it was"
        assert (made.stored(name) is not None) == (name == "file-alone"), "as it was"


def test_the_document_is_rebuilt_from_the_file_only_with_the_differences_acknowledged(made: Made) -> None:
    made.run("diagnose", CUSTOMER, "vid-0000")
    made.video(ILL, "edited", status="analyzed")
    made.file(ILL, "edited", as_file(ENTRY, ENTRY | {"id": 2}))
    made.document(ILL, "edited", {**ENTRY, "start": "00:00:04", "duration": 27})
    shown = made.run("highlights", ILL, "edited", "--json").json
    assert shown["source"] == ("object" if made.generation == "older" else "document")
    assert len(shown["differences"]) == 2
    other = "document" if made.generation == "older" else "object"
    refused = made.run("highlights", ILL, "edited", "--rebuild-from", other, *WHO, "--json")
    assert refused.status == 4
    assert "entry 1: start is" in refused.json["error"]["message"]
    agreed = ("--acknowledge-differences", *WHO, "--json")
    answer = made.run("highlights", ILL, "edited", "--rebuild-from", other, *agreed)
    assert answer.status == 0, answer
    assert answer.json["differences"] == []


def test_what_is_set_goes_before_what_a_sample_says(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(desk, "middle", monkeypatch)
    monkeypatch.setenv("R2_KEY_PREFIX", made.home)
    for setting, status in (("object", 0), ("document", 1)):
        monkeypatch.setenv("HIGHLIGHTS_SOURCE", setting)
        answer = made.run("highlights", CUSTOMER, "vid-0000", "--json")
        found = answer.json["deployment"]
        assert (answer.status, found["highlights_source"], found["key_prefix"]) == (status, setting, made.home)
        assert (found["highlights_why"], found["found_at"]) == ("HIGHLIGHTS_SOURCE sets it.", None)


def test_nothing_is_written_while_a_refusal_keeps_it_from_being_found_out(
    embedded: EmbeddedFirestore,
    r2_rig: SeaweedRig,
    run: Any,
    no_settings: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    bucket = r2_rig.fresh_bucket()
    settings = r2_rig.settings(bucket)
    with World(embedded) as world:
        for name, value in (r2_rig.values(bucket) | world.values()).items():
            monkeypatch.setenv(name, value)
        writer = ObjectWriter(r2.write_client(settings), bucket)
        made = Made(Desk(world, Objects(r2.read_client(settings), bucket), writer, bucket, run), "newer", monkeypatch)
        made.video(ILL, "neither", status="analyzed")
        embedded.faults.refuse(
            "RunQuery",
            StatusCode.PERMISSION_DENIED,
            times=None,
            when=lambda request: "created_at" in str(request.structured_query.order_by),
        )
        shown = run("highlights", CUSTOMER, "vid-0000", "--json").json
        assert (shown["source"], shown["deployment"]["complete"]) == ("document", False), "either place counts"
        assert "could not be found out" in shown["deployment"]["highlights_why"]
        new = tmp_path / "new.json"
        new.write_bytes(as_file(ENTRY))
        refused = run("highlights", ILL, "neither", "--put", str(new), *WHO, "--json")
        assert (refused.status, refused.json["error"]["code"]) == (3, "access_denied")
        assert (made.held("neither"), made.stored("neither")) == (None, None)
        checked = {one["name"]: one for one in run("check", "--json").json["checks"]}
        assert not checked["highlights_source"]["ok"]
