"""R2_BUCKET_NAME names another bucket that exists: what that does not have is not taken for gone, however little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import MEDIA, Answer, Desk
from tests.rigs.desk import user_documents, user_objects
from tests.rigs.firestore import FirestoreRig
from tests.rigs.http_faults import Answer as Reply
from tests.rigs.http_faults import FaultProxy
from tests.rigs.seaweed import SeaweedRig

ADA = ("--actor", "ada@example.com")
WHY = ("--reason", "customer asked, ticket 4711")
LOST, OTHER = "video-aaa", "video-bbb"
ACKNOWLEDGED = "--acknowledge-missing"


def customer(desk: Desk, uid: str, videos: dict[str, int]) -> dict[str, tuple[bytes, str]]:
    documents = user_documents(uid, videos)
    desk.world.put(documents)
    objects = user_objects(documents)
    for key, (body, kind) in objects.items():
        desk.put(key, body, kind)
    return objects


@pytest.fixture
def town(desk: Desk) -> Desk:
    """A customer of nine clips in two videos, and two neighbours."""
    customer(desk, "u1", {LOST: 5, OTHER: 4})
    customer(desk, "u0", {"v0": 2})
    customer(desk, "u2", {"v2": 3})
    return desk


@pytest.fixture
def elsewhere(town: Desk, r2_rig: SeaweedRig, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The same, with the bucket's name set to one that exists and is empty."""
    monkeypatch.setenv("R2_BUCKET_NAME", r2_rig.fresh_bucket())
    return town


def lose(desk: Desk, *parts: str) -> list[str]:
    """Takes away every object whose key has one of these parts."""
    keys = [key for page in desk.objects.list_pages("users/") for key in page.frame["key"]]
    gone = [key for key in keys if any(part in key for part in parts)]
    assert gone
    desk.writer.delete(gone)
    return gone


def plan(desk: Desk, path: Path, *scope: str) -> Answer:
    return desk.run("purge", "plan", *scope, "--out", str(path), *ADA, "--json")


def apply(desk: Desk, path: Path, phrase: str) -> Answer:
    return desk.run("purge", "apply", str(path), "--confirm", phrase, *WHY, *ADA, "--json")


def check(desk: Desk) -> tuple[int, dict[str, Any]]:
    answer = desk.run("check", "--json")
    return answer.status, next(one for one in answer.json["checks"] if one["name"] == "right_bucket")


def documents(desk: Desk) -> int:
    return desk.world.records.count("clips")


@pytest.mark.parametrize(
    ("scope", "phrase"),
    [
        (("u1",), "u1"),
        (("u1", "--video", LOST), f"u1/{LOST}"),
        (("u1", "--video", LOST, "--clip", f"{LOST}_0_split"), f"u1/{LOST}/{LOST}_0_split"),
    ],
    ids=["nine clips", "five clips", "one clip"],
)
def test_a_purge_in_a_bucket_without_anybodys_objects_is_blocked(elsewhere: Desk, tmp_path: Path, scope, phrase):
    for more in ((), (ACKNOWLEDGED,)):
        path = tmp_path / f"plan{len(more)}.json"
        made = plan(elsewhere, path, *scope, *more)
        assert made.status == 1, "no acknowledgement lifts a doubt about the bucket"
        (reason,) = [line for line in made.json["blocked"] if "implausible" in line]
        assert "0 of 4 objects of other customers that were looked for as a control are there" in reason
        assert made.json["claims"]["controls"] == {
            "looked_for": 4, "there": 0, "missing": 4, "unknown": 0, "why": "",
            "example": made.json["claims"]["controls"]["example"],
        }  # fmt: skip
        elsewhere.run("purge", "approve", str(path), "--actor", "bob@example.com", "--json")
        assert apply(elsewhere, path, phrase).status == 4
    assert documents(elsewhere) == 14


def test_every_answer_in_a_wrong_bucket_carries_the_doubt_and_nothing_is_changed_on_it(elsewhere: Desk, tmp_path: Path):
    elsewhere.world.put(user_documents("u3", {"v3": 0}))
    status, found = check(elsewhere)
    assert (status, found["ok"]) == (1, False)
    assert "R2_BUCKET_NAME" in found["remedy"]
    for scope in (("u1",), ("u1", LOST), ("u0",), ("--all",)):
        report = elsewhere.run("verify", *scope, "--json")
        assert report.status == 1
        assert report.json["implausible"] is not None, scope
    assert {one["uid"] for one in report.json["implausible_users"]} >= {"u0", "u1", "u2"}
    ill = elsewhere.run("diagnose", "u1", LOST, "--json").json
    assert ill["implausible"] is not None
    assert [step["id"] for step in ill["actions"]] == ["check_settings", "check_again"]
    assert "Not known" in ill["customer_sees"]
    assert "cannot look at the state of your video" in ill["reply"]
    changed = elsewhere.run("set-status", "u1", LOST, "failed", *WHY, *ADA, "--json")
    assert (changed.status, changed.json["error"]["code"]) == (4, "refused")
    file = tmp_path / "highlights.json"
    file.write_text('{"highlights": [{"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:31"}]}')
    put = elsewhere.run("highlights", "u1", LOST, "--put", str(file), *WHY, *ADA, "--json")
    assert put.status == 4, put.out
    clip = MEDIA / "clip_a.mp4"
    stored = elsewhere.run(
        "upload", "u3", "v3", str(clip), "--scene", "1", "--style", "split", *WHY, *ADA, "--json"
    )  # fmt: skip
    assert (stored.status, stored.json["error"]["code"]) == (4, "refused"), "though the video claims nothing yet"
    assert "implausible" in plan(elsewhere, tmp_path / "p.json", "u3").json["blocked"][0]
    link = elsewhere.run("url", "u1", LOST, f"{LOST}_0_split", "--json")
    assert link.status == 1
    assert "R2_BUCKET_NAME" in link.json["error"]["remedy"]


def test_in_the_right_bucket_nothing_of_this_is_said_and_no_control_is_read(town: Desk, tmp_path: Path):
    assert check(town)[1]["ok"]
    made = plan(town, tmp_path / "plan.json", "u1", "--video", LOST)
    assert (made.status, made.json["claims"]["missing"], made.json["claims"]["controls"]) == (0, [], None)
    assert made.json["claims"]["claimed"] == 10
    report = town.run("verify", "u1", "--json").json
    assert (report["implausible"], report["controls"]) == (None, None)


def test_a_customers_own_loss_is_told_as_missing_and_purged_once_it_is_acknowledged(town: Desk, tmp_path: Path):
    gone = lose(town, f"/u1/{LOST}/clips/")
    report = town.run("verify", "u1", LOST, "--json")
    assert (report.status, report.json["implausible"]) == (1, None)
    assert report.json["summary"]["missing_object"] == 5
    assert (report.json["controls"]["there"], report.json["controls"]["looked_for"]) == (4, 4)
    assert town.run("diagnose", "u1", LOST, "--json").json["implausible"] is None
    assert check(town)[1]["ok"]
    path = tmp_path / "plan.json"
    refused = plan(town, path, "u1", "--video", LOST)
    assert refused.status == 1
    assert ACKNOWLEDGED in refused.json["blocked"][0]
    assert "4 of 4 objects of other customers" in refused.json["blocked"][0]
    assert apply(town, path, f"u1/{LOST}").status == 4

    made = plan(town, path, "u1", "--video", LOST, ACKNOWLEDGED)
    assert (made.status, made.json["blocked"]) == (0, [])
    assert made.json["claims"]["acknowledged_missing"] is True
    assert made.json["claims"]["missing"] == sorted(gone)
    done = apply(town, path, f"u1/{LOST}")
    assert (done.status, done.json["state"], done.json["missing_acknowledged"]) == (0, "done", 10)
    paper = town.run("purge", "certificate", done.json["job_id"], "--json")
    assert (paper.status, paper.json["verified"]["clean"]) == (1, False), "of what nobody saw nothing is proven"
    assert (paper.json["verified"]["never_seen_count"], paper.json["claims"]["acknowledged_missing"]) == (10, True)
    assert paper.json["verified"]["residue"] == []
    events = town.run("audit", "--uid", "u1", "--json").json["events"]
    said = {event["action"]: event["detail"] for event in reversed(events)}
    assert said["purge.plan"]["acknowledged_missing"] is True
    assert (said["purge.apply"]["missing"], said["purge.apply"]["controls"]["there"]) == (10, 4)
    assert said["purge.end"]["missing_acknowledged"] == 10
    back = town.run("purge", "undo", done.json["job_id"], *WHY, *ADA, "--json")
    assert (back.status, documents(town)) == (0, 14)


def test_a_single_lost_file_among_others_needs_no_control_and_goes_on_record_too(town: Desk, tmp_path: Path):
    (gone,) = lose(town, f"/u1/{LOST}/clips/clip_01_3_a title+%#_split.mp4")
    path = tmp_path / "plan.json"
    assert gone in plan(town, path, "u1", "--video", LOST).json["blocked"][0]
    made = plan(town, path, "u1", "--video", LOST, ACKNOWLEDGED)
    assert (made.status, made.json["claims"]["missing"], made.json["claims"]["controls"]) == (0, [gone], None)
    done = apply(town, path, f"u1/{LOST}")
    assert (done.status, done.json["missing_acknowledged"]) == (0, 1)
    assert town.run("purge", "certificate", done.json["job_id"], "--json").json["verified"]["never_seen"] == [gone]
    assert "acknowledged: 1 object;" in town.run("purge", "status", done.json["job_id"]).out
    assert "One object that completed clips claimed was never seen" in town.run(
        "purge", "certificate", done.json["job_id"]
    ).out  # fmt: skip


def test_without_any_other_customer_a_loss_cannot_be_told_from_a_wrong_bucket(desk: Desk, tmp_path: Path):
    customer(desk, "u1", {LOST: 2})
    assert check(desk)[1]["ok"]
    lose(desk, "/u1/")
    assert desk.run("verify", "u1", "--json").json["implausible"] is not None
    made = plan(desk, tmp_path / "plan.json", "u1", "--video", LOST, ACKNOWLEDGED)
    assert made.status == 1
    assert "No object of other customers" in made.json["blocked"][0]
    assert check(desk)[0] == 1


def test_controls_are_looked_for_again_when_a_plan_is_applied(town: Desk, tmp_path: Path):
    lose(town, f"/u1/{LOST}/clips/")
    acknowledged, seen = tmp_path / "acknowledged.json", tmp_path / "seen.json"
    assert plan(town, acknowledged, "u1", "--video", LOST, ACKNOWLEDGED).status == 0
    assert plan(town, seen, "u1", "--video", OTHER).status == 0
    lose(town, "users/")  # as if the address of the store led elsewhere by now
    for path, phrase in ((acknowledged, f"u1/{LOST}"), (seen, f"u1/{OTHER}")):
        refused = apply(town, path, phrase)
        assert (refused.status, refused.json["error"]["code"]) == (4, "stale")
        assert "implausible" in refused.json["error"]["message"]
    assert documents(town) == 14


def test_an_acknowledgement_covers_what_was_missing_then_and_nothing_that_went_since(town: Desk, tmp_path: Path):
    lose(town, f"/u1/{LOST}/clips/clip_01_3")
    path = tmp_path / "plan.json"
    made = plan(town, path, "u1", "--video", LOST, ACKNOWLEDGED)
    assert len(made.json["claims"]["missing"]) == 2
    documents_of = f"users/u1/videos/{LOST}/clips/{LOST}_3_split"
    assert documents_of in made.json["documents"]
    lose(town, f"/u1/{LOST}/clips/clip_01_4")  # was seen, is in the plan, and is gone meanwhile: that does not matter
    done = apply(town, path, f"u1/{LOST}")
    assert (done.status, done.json["already_gone"], done.json["missing_acknowledged"]) == (0, 2, 2)


def test_a_control_that_cannot_be_looked_at_is_neither_there_nor_missing(
    town: Desk, r2_rig: SeaweedRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lose(town, f"/u1/{LOST}/clips/")
    with FaultProxy(r2_rig.endpoint) as proxy:
        monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
        proxy.on(Reply(403, "AccessDenied"), method="HEAD", path="/users/u")
        report = town.run("verify", "u1", LOST, "--json").json
        made = plan(town, tmp_path / "plan.json", "u1", "--video", LOST, ACKNOWLEDGED)
    assert report["controls"]["unknown"] == report["controls"]["looked_for"] == 4
    assert "it is not known whether this is a loss" in report["implausible"]["reason"]
    assert made.status == 1
    assert "4 could not be looked at" in made.json["blocked"][0]


def test_objects_of_which_another_project_knows_nothing_are_not_purged_as_left_over(
    town: Desk, tmp_path: Path, firestore_rig: FirestoreRig, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FIREBASE_PROJECT_ID", firestore_rig.fresh_project())
    made = plan(town, tmp_path / "plan.json", "u1", "--video", LOST)
    assert made.status == 1
    (reason,) = [line for line in made.json["blocked"] if "implausible" in line]
    assert "wrong Firestore project" in reason
    report = town.run("verify", "u1", "--json").json
    assert "FIREBASE_PROJECT_ID" in report["implausible"]["how_to_check"][0]


def test_what_a_purge_left_behind_in_the_right_project_is_purged_as_ever(town: Desk, tmp_path: Path):
    town.put("users/u9/v/clips/clip_01_1_a_split.mp4", b"left")
    assert plan(town, tmp_path / "plan.json", "u9").status == 0
    assert town.run("verify", "u9", "--json").json["implausible"] is None
