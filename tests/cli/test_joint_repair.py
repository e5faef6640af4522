"""repair plan, apply, resume and undo: one plan for an outage, an outcome for each video, one undo."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode

from storage.actions.joint_repair import JOINT_PLANS
from storage.cli.joint_commands import ACTIONS
from storage.domain.joint_repair import JOINT_ACTIONS
from tests.cli.conftest import Answer, Desk, both_firestores
from tests.rigs.records import user, video

LONG_AGO = datetime.now(UTC) - timedelta(hours=6)
WHO = ("--actor", "eng@example.com")
WHY = ("--reason", "ticket 9: a worker died")
OTHER = ("--actor", "colleague@example.com")
COUNT = 7  # videos of the outage: each is diagnosed twice for its plan and twice more when it is applied


def path_of(number: int) -> str:
    return f"users/u{number % 5}/videos/vid-{number:04d}"


def outage(desk: Desk, count: int = COUNT) -> dict[str, dict[str, Any]]:
    """Videos of five customers that stopped within two minutes; what was written."""
    documents: dict[str, dict[str, Any]] = {f"users/u{number}": user(f"u{number}") for number in range(5)}
    for number in range(count):
        at = LONG_AGO + timedelta(seconds=8 * number)
        documents[path_of(number)] = video(
            f"vid-{number:04d}", status="processing", created_at=at, updated_at=at, completed_at=None
        )
    desk.world.put(documents)
    return documents


@pytest.fixture
def plan(desk: Desk, tmp_path: Path) -> Callable[..., Path]:
    """Plans a repair of the outage, and gives the plan's file."""

    def make(action: str = "set-status:failed", *more: str) -> Path:
        (found,) = desk.run("diagnose", "--stuck", "--json").json["outages"]
        file = tmp_path / "plan.json"
        answer = desk.run(
            "repair", "plan", "--outage", found["id"], "--action", action, "--out", str(file), *WHO, *more, "--json"
        )
        assert answer.status == 0, answer.out
        return file

    return make


def statuses(desk: Desk, count: int = COUNT) -> list[str]:
    return [desk.world.fields(path_of(number))["status"] for number in range(count)]


def apply(desk: Desk, file: Path, *more: str) -> Answer:
    return desk.run("repair", "apply", str(file), *WHY, *(more or WHO), "--json")


@both_firestores
def test_an_outage_is_one_plan_two_changed_meanwhile_and_one_undo(desk, plan):
    before = outage(desk)
    file = plan()
    shown = json.loads(file.read_text())
    assert len(shown["rows"]) == COUNT
    for row in shown["rows"]:
        changes = {one["field"]: (one["before"], one["after"]) for one in row["changes"]}
        assert changes["status"] == ('"processing"', '"failed"')
    assert statuses(desk) == ["processing"] * COUNT  # nothing was changed
    for number in (3, 5):  # a worker touches two of them meanwhile
        desk.world.put({path_of(number): before[path_of(number)] | {"updated_at": LONG_AGO + timedelta(minutes=9)}})
    answer = apply(desk, file)
    assert answer.status == 1
    assert answer.json["state"] == "incomplete"
    outcomes = {f"users/{row['uid']}/videos/{row['video_id']}": row for row in answer.json["rows"]}
    assert len(outcomes) == COUNT
    refused = {path for path, row in outcomes.items() if row["outcome"] == "refused"}
    assert refused == {path_of(3), path_of(5)}
    assert all("changed" in outcomes[path]["why"] for path in refused)
    assert statuses(desk).count("failed") == COUNT - 2
    assert desk.world.fields(path_of(0))["error_message"] == "Set by support: ticket 9: a worker died"

    job_id = answer.json["job_id"]
    back = desk.run("repair", "undo", job_id, *WHY, *WHO, "--json")
    assert (back.status, back.json["state"]) == (0, "done")
    assert len(back.json["rows"]) == COUNT - 2
    for number in range(COUNT):
        held = desk.world.fields(path_of(number))
        assert held["status"] == "processing"
        if number not in (3, 5):
            assert held == {**before[path_of(number)], **{k: held[k] for k in ("created_at", "updated_at")}}
    assert desk.run("repair", "status", job_id, "--json").json["state"] == "undone"


def test_every_row_and_the_whole_are_on_record(desk, plan):
    outage(desk)
    job_id = apply(desk, plan()).json["job_id"]
    events = desk.run("audit", "--limit", "60", "--json").json["events"]
    actions = [event["action"] for event in events]
    assert actions.count("set-status") == COUNT
    assert [actions.count(name) for name in ("repair.plan", "repair.apply", "repair.end")] == [1, 1, 1]
    mine = [event for event in events if event["action"] == "set-status"]
    assert {event["actor"] for event in mine} == {"eng@example.com"}
    assert {event["job_id"] for event in mine} == {job_id}


def test_a_single_row_is_taken_back_by_its_change(desk, plan):
    outage(desk)
    answer = apply(desk, plan())
    row = answer.json["rows"][4]
    (change,) = row["change_ids"]
    assert desk.run("undo-change", change, *WHO, *WHY).status == 0
    assert statuses(desk).count("failed") == COUNT - 1
    back = desk.run("repair", "undo", answer.json["job_id"], *WHY, *WHO, "--json")
    assert back.status == 0
    assert statuses(desk) == ["processing"] * COUNT


def test_a_row_that_changed_since_is_left_alone_by_the_undo(desk, plan):
    outage(desk)
    answer = apply(desk, plan())
    held = desk.world.fields(path_of(2))
    desk.world.put({path_of(2): {**held, "status": "completed"}})
    back = desk.run("repair", "undo", answer.json["job_id"], *WHY, *WHO, "--json")
    assert back.status == 1
    assert [row["video_id"] for row in back.json["rows"] if row["outcome"] == "refused"] == ["vid-0002"]
    assert statuses(desk) == ["completed" if number == 2 else "processing" for number in range(COUNT)]


def test_what_the_evidence_speaks_against_is_in_the_plan_with_its_reason_and_not_made(desk, tmp_path):
    outage(desk)
    file = tmp_path / "videos.txt"
    file.write_text("# two\nu0/vid-0000\nu1/no-such-video\n\n")
    answer = desk.run("repair", "plan", "--videos", str(file), "--action", "set-status:completed", *WHO, "--json")
    assert answer.status == 1
    assert answer.json["willing"] == 0
    assert all(row["refused"] for row in answer.json["rows"])
    out = tmp_path / "plan.json"
    out.write_text(json.dumps(answer.json))
    assert apply(desk, out).status in (2, 4)
    assert statuses(desk, 1) == ["processing"]


def test_above_the_bound_a_second_person_agrees(desk, plan, monkeypatch):
    monkeypatch.setenv("REPAIR_SECOND_PERSON_ROWS", str(COUNT - 1))
    outage(desk)
    file = plan()
    alone = apply(desk, file)
    assert alone.status == 4
    assert "second person" in alone.json["error"]["message"]
    assert desk.run("repair", "approve", str(file), *WHO, "--json").status == 4  # its maker
    assert desk.run("repair", "approve", str(file), *OTHER, "--json").status == 0
    assert apply(desk, file, *OTHER).status == 4  # who approved it does not also apply it
    assert apply(desk, file).status == 0
    assert statuses(desk) == ["failed"] * COUNT


@pytest.mark.parametrize(
    ("damage", "status"),
    [
        (lambda plan: plan["rows"].pop(), 4),
        (lambda plan: plan["rows"][0].update(uid="u4"), 4),
        (lambda plan: plan.update(seal="AUDIT_HMAC_KEY:" + "0" * 64), 4),
        (lambda plan: plan.update(format="other"), 2),
        (lambda plan: plan.pop("rows"), 4),
    ],
)
def test_a_plan_that_was_altered_changes_nothing(desk, plan, damage, status):
    outage(desk)
    file = plan()
    value = json.loads(file.read_text())
    damage(value)
    file.write_text(json.dumps(value))
    answer = apply(desk, file)
    assert answer.status == status, answer.out
    assert statuses(desk) == ["processing"] * COUNT


def test_the_sweep_deletes_the_plan_of_a_repair_that_ended_and_the_undo_needs_none(desk, plan):
    outage(desk)
    job_id = apply(desk, plan()).json["job_id"]
    stored = "_ops/repairs/"
    assert [key for page in desk.objects.list_pages(stored) for key in page.frame["key"]]
    assert desk.run("purge", "worker", "--sweep", "--json").status == 0
    assert not [key for page in desk.objects.list_pages(stored) for key in page.frame["key"]]
    assert desk.run("repair", "undo", job_id, *WHY, *WHO, "--json").status == 0
    assert statuses(desk) == ["processing"] * COUNT


def test_a_plan_is_applied_once(desk, plan):
    outage(desk)
    file = plan()
    assert apply(desk, file).status == 0
    again = apply(desk, file)
    assert again.status == 4
    assert statuses(desk) == ["failed"] * COUNT


def refusing(desk: Desk, words: str) -> Any:
    return desk.world.faults.refuse(
        "Commit", StatusCode.PERMISSION_DENIED, when=lambda request: words in str(request), times=None
    )


def test_a_row_that_the_store_refuses_has_failed_and_the_others_are_made(desk, plan):
    outage(desk)
    file = plan()
    rule = refusing(desk, f"documents/{path_of(4)}")
    answer = apply(desk, file)
    desk.world.faults.lift(rule)
    assert answer.status == 1
    failed = [row for row in answer.json["rows"] if row["outcome"] == "failed"]
    assert [row["video_id"] for row in failed] == ["vid-0004"]
    assert statuses(desk).count("failed") == COUNT - 1


def test_a_job_that_stopped_is_resumed_where_it_stood(desk, plan):
    outage(desk)
    file = plan()
    rule = refusing(desk, "vid-0004")  # its entry in the journal too
    stopped = apply(desk, file)
    assert (stopped.status, stopped.json["state"]) == (3, "failed")
    assert len(stopped.json["rows"]) == 4
    desk.world.faults.lift(rule)
    resumed = desk.run("repair", "resume", stopped.json["job_id"], *WHO, "--json")
    assert resumed.status == 0, resumed.out
    assert [row["outcome"] for row in resumed.json["rows"]] == ["done"] * COUNT
    assert statuses(desk) == ["failed"] * COUNT


def test_a_recount_is_one_row_for_each_customer(desk, tmp_path):
    desk.world.put({"users/u1": user("u1", total_storage_bytes=99), "users/u2": user("u2", total_storage_bytes=98)})
    file = tmp_path / "videos.json"
    file.write_text(json.dumps([{"uid": "u1", "video_id": "v"}, {"uid": "u1", "video_id": "w"}, {"uid": "u2"}]))
    out = tmp_path / "plan.json"
    planned = desk.run(
        "repair", "plan", "--videos", str(file), "--action", "recount", "--out", str(out), *WHO, "--json"
    )
    assert [(row["uid"], row["video_id"]) for row in planned.json["rows"]] == [("u1", ""), ("u2", "")]
    answer = apply(desk, out)
    assert answer.status == 0, answer.out
    assert desk.world.fields("users/u1")["total_storage_bytes"] == 0
    assert desk.run("repair", "undo", answer.json["job_id"], *WHY, *WHO, "--json").status == 0
    assert desk.world.fields("users/u1")["total_storage_bytes"] == 99


def test_rows_are_named_on_the_command_line_or_written_into_the_command(desk, tmp_path, monkeypatch):
    outage(desk)
    chosen = ["u3/vid-0003", "u1/vid-0001"]
    failed = ("--action", "set-status:failed", *WHO, "--json")
    out = tmp_path / "plan.json"
    named = desk.run("repair", "plan", *chosen, "--out", str(out), *failed)
    assert named.status == 0, named.out
    assert [f"{row['uid']}/{row['video_id']}" for row in named.json["rows"]] == chosen
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\n".join(chosen).encode("utf-8-sig"))))
    piped = desk.run("repair", "plan", "--videos", "-", *failed)
    assert piped.json["rows"] == named.json["rows"]
    assert apply(desk, out).status == 0
    assert [number for number, one in enumerate(statuses(desk)) if one == "failed"] == [1, 3]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("u1/a/b", "--action", "set-status:failed"), "ROWS: 'u1/a/b'"),
        (("u1/a", "u1", "--action", "set-status:failed"), "The row 'u1' names no video"),
        (("u1/a", "--outage", "x", "--action", "set-status:failed"), "one of ROWS, --outage and --videos"),
        (("--action", "recount"), "videos"),
        (("--action", "explode", "--outage", "x"), "action"),
        (("--action", "recount", "--videos", "/no/such/file"), "--videos"),
    ],
)
def test_bad_input_is_named(desk, options, field):
    answer = desk.run("repair", "plan", *options, *WHO, "--json")
    assert answer.status == 2
    assert field.lstrip("-") in answer.out


@pytest.mark.parametrize("text", ["", "u1/a/b\n", "[1]", '{"x": 1}', "{", "[{}]", "\n# nothing\n"])
def test_a_file_of_videos_that_names_none_is_refused(desk, tmp_path, text):
    file = tmp_path / "videos"
    file.write_text(text)
    answer = desk.run("repair", "plan", "--videos", str(file), "--action", "set-status:failed", *WHO, "--json")
    assert answer.status == 2
    assert answer.json["error"]["code"] == "bad_input"


def test_an_outage_that_is_none_is_named_with_those_that_are(desk):
    outage(desk)
    answer = desk.run("repair", "plan", "--outage", "render-x", "--action", "set-status:failed", *WHO, "--json")
    assert answer.status == 1
    assert "analysis" in answer.json["error"]["remedy"]


@pytest.mark.parametrize(
    ("command", "verb", "word", "right"),
    [
        ("repair", "status", "orphans", "orphans"),
        ("repair", "resume", "purge", "purge"),
        ("repair", "undo", "orphans", "orphans"),
        ("orphans", "undo", "purge", "purge"),
        ("orphans", "status", "repair", "repair"),
        ("orphans", "discard", "rplan", "repair"),
        ("purge", "discard", "oplan", "orphans"),
    ],
)
def test_the_id_of_another_kind_is_told_whose_it_is(desk, command, verb, word, right):
    name = f"{word}-20260101-000000-00000000"
    more = {"status": (), "undo": (*WHO, *WHY)}.get(verb, WHO)
    answer = desk.run(command, verb, name, *more, "--json")
    assert answer.status == 2, answer.out
    assert name in answer.json["error"]["message"]
    assert right in answer.json["error"]["remedy"]


def test_find_names_the_plans_and_jobs_of_a_pasted_line(desk):
    name = "orphans-20260101-000000-00000000"
    answer = desk.run("find", f"The removal {name} is incomplete", "--json")
    assert answer.json["plans_and_jobs"] == [
        {"id": name, "what": "the job for files without a document", "page": f"/uploads?orphans={name}"}
    ]
    assert f"/uploads?orphans={name}" in desk.run("find", name).out


def test_purge_status_says_of_a_repair_what_it_made_and_where_its_rows_are(desk, plan):
    outage(desk)
    job_id = apply(desk, plan()).json["job_id"]
    answer = desk.run("purge", "status", job_id)
    assert "deleted" not in answer.out
    assert f"done: {COUNT}; left alone: 0" in answer.out
    assert f"repair status {job_id}" in answer.out
    none = desk.run("purge", "certificate", job_id, "--json")
    assert (none.status, none.json["error"]["message"]) == (1, f"No certificate was written for {job_id}.")
    assert f"repair status {job_id}" in none.json["error"]["remedy"]


def test_a_plan_that_the_desk_keeps_is_discarded_by_its_id(desk, plan):
    outage(desk)
    file = plan()
    made = JOINT_PLANS.in_file(file)
    desk.put(JOINT_PLANS.form.key(made.plan_id), file, "application/json")
    answer = desk.run("repair", "discard", made.plan_id, *WHO, "--json")
    assert (answer.status, answer.json["discarded_by"]) == (0, "eng@example.com")
    refused = apply(desk, file)
    assert refused.status == 4
    assert "was discarded by eng@example.com" in refused.json["error"]["message"]
    for command, word in (("repair", "rplan"), ("orphans", "oplan"), ("purge", "plan")):
        gone = desk.run(command, "discard", f"{word}-20260101-000000-00000000", *WHO, "--json")
        assert (gone.status, gone.json["error"]["code"]) == (1, "not_found")
        assert f"keeps no plan {word}-20260101-000000-00000000" in gone.json["error"]["message"]


def test_the_manual_names_every_action():
    assert ACTIONS.split(", ") == list(JOINT_ACTIONS)
