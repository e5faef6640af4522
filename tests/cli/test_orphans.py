"""orphans plan, approve, apply, status, resume and undo, in words and as JSON, with their exit statuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from grpc import StatusCode

from storage.cli.orphans_commands import ACTIONS
from storage.domain.orphans import ORPHAN_ACTIONS
from tests.cli.conftest import MEDIA, Answer, Desk, both_firestores
from tests.rigs.http_faults import Answer as HttpAnswer
from tests.rigs.http_faults import FaultProxy
from tests.rigs.records import user, video
from tests.rigs.seaweed import SeaweedRig

WHO = ("--actor", "eng@example.com")
WHY = ("--reason", "ticket 9: a lost document")
LONG_AGO = datetime.now(UTC) - timedelta(days=9)
FOLDER = "users/u1/vid-0001/clips"
CLIP = f"{FOLDER}/clip_02_7_left_over_split.mp4"
THUMBNAIL = f"{FOLDER}/clip_02_7_left_over_split.jpg"
SOURCE = "sources/u1/vid-0001/source.mp4"
DOCUMENT = "users/u1/videos/vid-0001/clips/vid-0001_7_split"


def fill(desk: Desk, r2_rig: SeaweedRig) -> None:
    at = {"created_at": LONG_AGO, "updated_at": LONG_AGO, "clips_count": 0, "total_size_bytes": 0}
    desk.world.put({"users/u1": user("u1"), "users/u1/videos/vid-0001": video("vid-0001", **at)})
    desk.put(CLIP, MEDIA / "clip_a.mp4")
    desk.put(THUMBNAIL, MEDIA / "clip_a.jpg", "image/jpeg")
    desk.put(SOURCE, b"source")
    r2_rig.process.backdate_objects(desk.bucket, dict.fromkeys((CLIP, THUMBNAIL, SOURCE), LONG_AGO))


@pytest.fixture
def filled(desk: Desk, r2_rig: SeaweedRig) -> Desk:
    fill(desk, r2_rig)
    return desk


def plan(desk: Desk, file: Path, action: str, *more: str) -> Answer:
    return desk.run("orphans", "plan", "u1", *more, "--action", action, "--out", str(file), *WHO, "--json")


def apply(desk: Desk, file: Path) -> Answer:
    return desk.run("orphans", "apply", str(file), *WHY, *WHO, "--json")


def there(desk: Desk, *keys: str) -> list[bool]:
    return [desk.objects.head(key) is not None for key in keys]


@both_firestores
def test_a_clip_is_adopted_by_a_plan_and_taken_back(desk: Desk, r2_rig: SeaweedRig, tmp_path: Path) -> None:
    fill(desk, r2_rig)
    file = tmp_path / "plan.json"
    planned = plan(desk, file, "adopt")
    assert (planned.status, planned.json["willing"]) == (0, 1)
    (row,) = planned.json["rows"]
    assert (row["key"], row["clip_id"]) == (CLIP, "vid-0001_7_split")
    made = apply(desk, file)
    assert (made.status, made.json["state"]) == (0, "done")
    assert desk.world.fields(DOCUMENT)["r2_key"] == CLIP
    assert desk.world.fields("users/u1/videos/vid-0001")["clips_count"] == 1
    assert desk.run("verify", "u1", "--json").json["summary"].get("orphan_object") is None
    back = desk.run("orphans", "undo", made.json["job_id"], *WHY, *WHO, "--json")
    assert (back.status, back.json["state"]) == (0, "done")
    assert desk.world.records.raw(DOCUMENT) is None
    assert desk.world.fields("users/u1/videos/vid-0001")["clips_count"] == 0


def test_files_are_removed_and_put_back_and_every_step_is_on_record(filled: Desk, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    assert plan(filled, file, "remove", "vid-0001").json["willing"] == 2
    made = apply(filled, file)
    assert (made.status, made.json["total"]) == (0, 2)
    assert there(filled, CLIP, THUMBNAIL, SOURCE) == [False, False, True]
    assert filled.run("orphans", "status", made.json["job_id"]).status == 0
    assert apply(filled, file).status == 4, "a plan is applied once"
    change = made.json["rows"][1]["change_id"]
    assert filled.run("undo-change", change, *WHO, *WHY).status == 0
    assert "orphans undo" in filled.run("orphans", "status", made.json["job_id"]).out
    assert filled.run("orphans", "undo", made.json["job_id"], *WHY, *WHO).status == 0
    assert "orphans undo" not in filled.run("orphans", "status", made.json["job_id"]).out, "it is undone"
    assert there(filled, CLIP, THUMBNAIL) == [True, True]
    actions = [one["action"] for one in filled.run("audit", "--limit", "50", "--json").json["events"]]
    expected = ("orphans.plan", "orphans.apply", "orphan.remove", "orphans.end", "orphans.undo", "orphans.undo.end")
    assert [actions.count(name) for name in expected] == [1, 2, 2, 1, 1, 1], "one apply was refused"


def test_caches_past_their_time_are_removed(filled: Desk, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    planned = plan(filled, file, "remove", "--caches")
    assert [row["key"] for row in planned.json["rows"]] == [SOURCE]
    assert apply(filled, file).status == 0
    assert there(filled, CLIP, SOURCE) == [True, False]


def test_a_bucket_that_refuses_the_listing_is_an_error_of_the_store_and_no_refusal_of_the_desk(
    filled: Desk, r2_rig: SeaweedRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultProxy(r2_rig.endpoint) as proxy:
        proxy.on(HttpAnswer(403, "AccessDenied"), query="list-type=2")
        monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
        answer = filled.run("orphans", "plan", "u1", "--action", "remove", *WHO, "--json")
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (3, "access_denied")
    assert "not known which files no document names" in error["message"]
    assert error["remedy"]


def test_a_job_that_stopped_is_resumed_where_it_stood(filled: Desk, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    plan(filled, file, "adopt", "--key", CLIP)
    rule = filled.world.faults.refuse(
        "Commit", StatusCode.PERMISSION_DENIED, when=lambda request: "ops_changes" in str(request), times=None
    )
    failed = apply(filled, file)
    filled.world.faults.lift(rule)
    assert (failed.status, failed.json["rows"][0]["outcome"]) == (1, "failed")
    plan(filled, file, "adopt", "--key", CLIP)
    rule = filled.world.faults.refuse(
        "Commit", StatusCode.PERMISSION_DENIED, when=lambda request: '"end"' in str(request), times=None
    )
    stopped = apply(filled, file)
    filled.world.faults.lift(rule)
    assert stopped.status == 3
    resumed = filled.run("orphans", "resume", stopped.json["job_id"], *WHO, "--json")
    assert resumed.status == 0, resumed.out
    assert filled.world.fields(DOCUMENT)["r2_key"] == CLIP


def test_the_words_name_each_file_and_why(filled: Desk) -> None:
    filled.put(f"{FOLDER}/upload.tmp", b"x", "text/plain")
    answer = filled.run("orphans", "plan", "u1", "--action", "adopt", "--key", f"{FOLDER}/upload.tmp", *WHO)
    assert answer.status == 1
    assert "REFUSED: Its name has no known form" in answer.out
    assert "Nothing was changed." in answer.out


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("u1", "--action", "explode"), 2),
        (("u1", "--action", "adopt", "--caches"), 2),
        (("u1", "--action", "remove", "--caches", "--key", CLIP), 2),
        (("", "--action", "remove"), 2),
        (("users", "--action", "remove"), 4),
        (("nobody", "--action", "remove"), 1),
    ],
)
def test_bad_input_is_named(filled: Desk, arguments: tuple[str, ...], status: int) -> None:
    answer = filled.run("orphans", "plan", *arguments, *WHO, "--json")
    assert answer.status == status, answer.out
    assert answer.json["error"]["remedy"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": "clip-desk-orphans/1"}', b"\xff"])
def test_a_file_that_is_no_plan_is_refused(filled: Desk, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(content)
    answer = apply(filled, file)
    assert answer.status in (2, 4)
    assert answer.json["error"]["remedy"]


def test_the_manual_names_every_action() -> None:
    assert ACTIONS.split(", ") == list(ORPHAN_ACTIONS)
