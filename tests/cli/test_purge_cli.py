"""`purge`, `recount` and `audit` in the shell: the contract's documents and exit statuses, on real stand-ins."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Answer, Desk, both_firestores
from tests.rigs.desk import user_documents, user_objects

ADA = ("--actor", "ada@example.com")
BOB = ("--actor", " BOB@Example.COM ")
WHY = ("--reason", "customer asked, ticket 4711")
VIDEO = "video-aaa"


def customer(desk: Desk, uid: str = "u1", **videos: int) -> None:
    """A whole user in both stores."""
    documents = user_documents(uid, {name.replace("_", "-"): count for name, count in videos.items()} or {VIDEO: 2})
    desk.world.put(documents)
    for key, (body, kind) in user_objects(documents).items():
        desk.put(key, body, kind)


def planned(desk: Desk, tmp_path: Path, *scope: str, actor: tuple[str, ...] = ADA) -> Path:
    """A plan in a file."""
    path = tmp_path / "plan.json"
    answer = desk.run("purge", "plan", *scope, "--out", str(path), *actor, "--json")
    assert answer.status == 0, answer.out
    return path


def applied(desk: Desk, plan: Path, phrase: str, *more: str) -> Answer:
    return desk.run("purge", "apply", str(plan), "--confirm", phrase, *WHY, *ADA, "--json", *more)


def keys(desk: Desk) -> set[str]:
    return {key for page in desk.objects.list_pages("") for key in page.frame["key"] if not key.startswith("_ops/")}


def stored(desk: Desk, path: str) -> Mapping[str, Any]:
    raw = desk.world.records.raw(path)
    assert raw is not None
    return raw.fields or {}


def test_a_plan_prints_the_contracts_document_and_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    before = keys(desk)
    answer = desk.run("purge", "plan", "u1", "--video", VIDEO, "--json")
    plan = answer.json
    assert answer.status == 0
    assert {"plan_id", "fingerprint", "scope", "created_at", "expires_at", "warnings", "blocked"} <= set(plan)
    assert plan["scope"] == f"u1/{VIDEO}"
    assert plan["totals"]["objects"] == len(plan["objects"]) == 9
    assert set(plan["objects"][0]) == {"key", "size", "etag"}
    assert f"users/u1/videos/{VIDEO}" in plan["documents"]
    assert f"share_slugs/slug-u1-{VIDEO}" in plan["documents"]
    assert plan["blocked"] == []
    assert keys(desk) == before


def test_what_was_printed_can_be_kept_and_applied(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    path = tmp_path / "printed.json"
    path.write_text(desk.run("purge", "plan", "u1", "--video", VIDEO, "--json", *ADA).out)
    assert applied(desk, path, f"u1/{VIDEO}").status == 0


def test_a_purge_that_was_agreed_to_is_not_stopped_half_way_by_the_budget_of_reads(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    plan = planned(desk, tmp_path, "u1", "--video", VIDEO)
    refused = applied(desk, plan, f"u1/{VIDEO}", "--read-budget", "5")
    assert (refused.status, refused.json["error"]["code"]) == (4, "over_budget")
    assert f"users/u1/{VIDEO}/highlights.json" in keys(desk)
    answer = applied(desk, plan, f"u1/{VIDEO}")
    assert answer.status == 0, answer.out
    undone = desk.run("purge", "undo", answer.json["job_id"], *WHY, *ADA, "--json", "--read-budget", "40")
    assert undone.status == 0, undone.out
    assert undone.json["state"] == "undone"
    assert undone.json["cost"]["firestore_reads"] > 40


@both_firestores
def test_a_clip_is_purged_and_undone(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    before = keys(desk)
    plan = planned(desk, tmp_path, "u1", "--video", VIDEO, "--clip", f"{VIDEO}_0_split")
    answer = applied(desk, plan, f"u1/{VIDEO}/{VIDEO}_0_split")
    job = answer.json
    assert (answer.status, job["state"], job["residue"]) == (0, "done", [])
    assert (job["objects_deleted"], job["documents_deleted"]) == (3, 3)
    assert job["bytes_deleted"] > 0
    assert len(keys(desk)) == len(before) - 3
    status = desk.run("purge", "status", job["job_id"], "--json")
    assert (status.status, status.json["state"]) == (0, "done")
    undone = desk.run("purge", "undo", job["job_id"], "--reason", "a mistake", *ADA, "--json")
    assert (undone.status, undone.json["state"], undone.json["residue"]) == (0, "undone", [])
    assert keys(desk) == before
    again = desk.run("purge", "undo", job["job_id"], "--reason", "a mistake", *ADA, "--json")
    assert (again.status, again.json["error"]["code"]) == (4, "refused")


def test_find_tells_all_of_a_purge_to_a_person_too_up_to_the_time_of_the_last_undo(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    job = applied(desk, planned(desk, tmp_path, "u1", "--video", VIDEO), f"u1/{VIDEO}").json
    told = desk.run("find", VIDEO)
    assert told.status == 0
    (match,) = (one for one in desk.run("find", VIDEO, "--json").json["matches"] if one["type"] == "purged")
    until = match["undo_until"].replace("T", " ")[:16]
    assert f"“customer asked, ticket 4711” (job {job['job_id']}). It can be put back until {until} UTC." in told.out


def test_chosen_clips_are_planned_together_and_confirmed_by_their_number(desk: Desk, tmp_path: Path) -> None:
    customer(desk, video_aaa=3)
    before = keys(desk)
    chosen = [part for number in (0, 2) for part in ("--clip", f"{VIDEO}_{number}_split")]
    plan = planned(desk, tmp_path, "u1", "--video", VIDEO, *chosen)
    assert applied(desk, plan, f"u1/{VIDEO}").status == 4
    done = applied(desk, plan, f"u1/{VIDEO}/2 clips")
    assert (done.status, done.json["objects_deleted"], done.json["residue"]) == (0, 6, [])
    assert {key.rsplit("/", 1)[1][8:9] for key in before - keys(desk) if "/clips/clip_" in key} == {"0", "2"}


def test_the_wrong_word_and_no_word_are_refused_and_change_nothing(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    before = keys(desk)
    plan = planned(desk, tmp_path, "u1", "--video", VIDEO)
    for phrase in ("u1", f"U1/{VIDEO}", f"u1/{VIDEO} ", ""):
        answer = applied(desk, plan, phrase)
        assert (answer.status, answer.json["error"]["code"]) == (4, "refused")
    missing = desk.run("purge", "apply", str(plan), *WHY, *ADA, "--json")
    assert missing.status == 4
    assert desk.run("purge", "apply", str(plan), "--confirm", f"u1/{VIDEO}", *ADA, "--json").status == 2
    blank = desk.run("purge", "apply", str(plan), "--confirm", f"u1/{VIDEO}", "--reason", "  ", *ADA, "--json")
    assert blank.status == 2
    assert keys(desk) == before


def test_a_whole_user_needs_a_second_person(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    customer(desk, "u10")
    plan = planned(desk, tmp_path, "u1")
    assert applied(desk, plan, "u1").status == 4
    own = desk.run("purge", "approve", str(plan), "--actor", "ADA@example.com ", "--json")
    assert (own.status, own.json["error"]["code"]) == (4, "refused")
    given = desk.run("purge", "approve", str(plan), *BOB, "--json")
    assert (given.status, given.json["approved_by"]) == (0, "bob@example.com")
    done = applied(desk, plan, "u1")
    assert (done.status, done.json["approved_by"]) == (0, ["bob@example.com"])
    assert {key.split("/")[1] for key in keys(desk)} == {"u10"}


def test_a_no_is_on_record_with_its_reason_and_is_no_approval(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    before, plan = keys(desk), planned(desk, tmp_path, "u1")
    own = desk.run("purge", "decline", str(plan), *WHY, "--actor", "ADA@example.com ", "--json")
    assert (own.status, own.json["error"]["code"]) == (4, "refused")
    empty = desk.run("purge", "decline", str(plan), "--reason", " ", *BOB, "--json")
    assert empty.status == 2
    given = desk.run("purge", "decline", str(plan), *WHY, *BOB, "--json")
    assert (given.status, given.json["declined_by"]) == (0, "bob@example.com")
    assert applied(desk, plan, "u1").status == 4, "nobody has approved"
    event = desk.run("audit", "--actor", "bob@example.com", "--json").json["events"][0]
    assert (event["action"], event["reason"]) == ("purge.decline", WHY[1])
    assert event["fingerprint"] == given.json["fingerprint"]
    plan.write_text(plan.read_text().replace('"u1"', '"u2"'))
    assert desk.run("purge", "decline", str(plan), *WHY, *BOB, "--json").status in {2, 4}, "an altered plan"
    assert keys(desk) == before


def test_a_discarded_plan_is_refused_by_its_file_and_a_kept_one_is_discarded_by_its_id(
    desk: Desk, tmp_path: Path
) -> None:
    customer(desk)
    before, plan = keys(desk), planned(desk, tmp_path, "u1")
    plan_id = json.loads(plan.read_text())["plan_id"]
    unknown = desk.run("purge", "discard", plan_id, *BOB, "--json")
    assert (unknown.status, unknown.json["error"]["code"]) == (1, "not_found"), "nobody approved it: it is only a file"
    assert desk.run("purge", "approve", str(plan), *BOB, "--json").status == 0
    given = desk.run("purge", "discard", plan_id, *BOB, "--json")
    assert (given.status, given.json["plan_id"], given.json["discarded_by"]) == (0, plan_id, "bob@example.com")
    assert "Discarded by bob@example.com" in desk.run("purge", "discard", str(plan), *BOB).out
    assert applied(desk, plan, "u1").status == 4
    assert keys(desk) == before


def test_who_applies_cannot_be_the_one_who_approved(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    plan = planned(desk, tmp_path, "u1", actor=())
    assert desk.run("purge", "approve", str(plan), "--actor", "ada@example.com", "--json").status == 0
    assert applied(desk, plan, "u1").status == 4


def test_erasing_needs_a_second_person_and_cannot_be_undone(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    plan = planned(desk, tmp_path, "u1", "--video", VIDEO)
    assert applied(desk, plan, f"u1/{VIDEO}", "--erase").status == 4
    assert desk.run("purge", "approve", str(plan), *BOB, "--json").status == 0
    done = applied(desk, plan, f"u1/{VIDEO}", "--erase")
    assert (done.status, done.json["state"], done.json["objects_deleted"]) == (0, "done", 9)
    undone = desk.run("purge", "undo", done.json["job_id"], "--reason", "a mistake", *ADA, "--json")
    assert (undone.status, undone.json["error"]["code"]) == (4, "refused")


def _altered(plan: dict[str, Any]) -> None:
    plan["objects"] = plan["objects"][1:]


def _extended(plan: dict[str, Any]) -> None:
    plan["expires_at"] = (datetime.now(UTC) + timedelta(days=2)).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("change", [_altered, _extended])
def test_an_altered_plan_is_refused(desk: Desk, tmp_path: Path, change: Any) -> None:
    customer(desk)
    path = planned(desk, tmp_path, "u1", "--video", VIDEO)
    plan = json.loads(path.read_text())
    change(plan)
    path.write_text(json.dumps(plan))
    answer = applied(desk, path, f"u1/{VIDEO}")
    assert (answer.status, answer.json["error"]["code"]) == (4, "stale")


def test_a_world_that_moved_is_refused_and_says_what_moved(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    path = planned(desk, tmp_path, "u1", "--video", VIDEO)
    desk.put(f"users/u1/{VIDEO}/clips/clip_01_9_new_split.mp4", b"new")
    answer = applied(desk, path, f"u1/{VIDEO}")
    assert answer.status == 4
    assert answer.json["reasons"] == [f"new object: users/u1/{VIDEO}/clips/clip_01_9_new_split.mp4"]


def test_a_video_that_is_being_processed_blocks_its_plan(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    desk.world.writer.update(f"users/u1/videos/{VIDEO}", {"status": "processing", "updated_at": datetime.now(UTC)})
    path = tmp_path / "plan.json"
    answer = desk.run("purge", "plan", "u1", "--video", VIDEO, "--out", str(path), "--json", *ADA)
    assert answer.status == 1
    assert "being processed" in answer.json["blocked"][0]
    assert applied(desk, path, f"u1/{VIDEO}").status == 4


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("purge", "plan", ""), 2),
        (("purge", "plan", "a/b"), 2),
        (("purge", "plan", "u1", "--clip", "c1"), 2),
        (("purge", "plan", "users"), 4),
        (("purge", "plan", "x"), 4),
        (("purge", "plan", "u1", "--video", "transcripts"), 4),
        (("purge", "plan", "no-such-user"), 1),
        (("purge", "status", "no-such-job"), 1),
        (("purge", "apply", "/no/such/file", "--confirm", "u1", *WHY, *ADA), 2),
        (("purge", "plan", "u1", "--actor", "nobody"), 2),
        (("purge",), 2),
        (("audit", "--limit", "0"), 2),
        (("recount", "no-such-user"), 1),
        (("recount", "u1", "--apply"), 2),
    ],
)
def test_what_cannot_be_done_says_so_with_the_right_status(desk: Desk, arguments: tuple[str, ...], status: int) -> None:
    answer = desk.run(*arguments, "--json")
    assert answer.status == status, answer.out
    assert set(answer.json["error"]) == {"code", "message", "remedy"}


def test_recount_shows_then_writes_the_counters(desk: Desk) -> None:
    customer(desk)
    accounting = "storage_accounting/u1"
    desk.world.writer.update(accounting, {"styled_clips_bytes": 7})
    shown = desk.run("recount", "u1", "--json")
    assert shown.status == 1
    assert {"name": "storage_accounting.styled_clips_bytes", "before": 7, "after": 21} in shown.json["counters"]
    written = desk.run("recount", "u1", "--apply", *WHY, *ADA, "--json")
    assert (written.status, written.json["applied"]) == (0, True)
    assert desk.run("recount", "u1", "--json").status == 0
    assert stored(desk, accounting)["styled_clips_bytes"] == 21


def test_recount_writes_a_dead_counter_too_and_is_well_without(desk: Desk) -> None:
    customer(desk)
    desk.world.writer.update("users/u1", {"total_storage_bytes": 7})
    shown = desk.run("recount", "u1", "--json")
    assert shown.status == 0
    assert {"name": "user.total_storage_bytes", "before": 7, "after": 21} in shown.json["counters"]
    assert desk.run("recount", "u1", "--apply", *WHY, *ADA, "--json").status == 0
    assert stored(desk, "users/u1")["total_storage_bytes"] == 21


def test_recount_is_refused_while_clips_are_written(desk: Desk) -> None:
    customer(desk)
    desk.world.writer.update("users/u1", {"total_storage_bytes": 7})
    desk.world.writer.update(f"users/u1/videos/{VIDEO}", {"status": "processing", "updated_at": datetime.now(UTC)})
    answer = desk.run("recount", "u1", "--apply", *WHY, *ADA, "--json")
    assert (answer.status, answer.json["error"]["code"]) == (4, "refused")


def test_the_audit_knows_all_of_it_also_about_who_is_gone(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    plan = planned(desk, tmp_path, "u1")
    applied(desk, plan, "wrong")
    desk.run("purge", "approve", str(plan), *BOB, "--json")
    assert applied(desk, plan, "u1").status == 0
    events = desk.run("audit", "--uid", "u1", "--json").json["events"]
    told = [(event["action"], event["outcome"], event["actor"]) for event in reversed(events)]
    assert told == [
        ("purge.plan", "done", "ada@example.com"),
        ("purge.apply", "refused", "ada@example.com"),
        ("purge.approve", "done", "bob@example.com"),
        ("purge.apply", "begun", "ada@example.com"),
        ("purge.end", "done", "ada@example.com"),
    ]
    assert all(event["fingerprint"] == events[0]["fingerprint"] for event in events)
    origins = [event["origin"] for event in reversed(events)]
    assert origins[-1] == "worker"
    assert {origin.partition("@")[2] for origin in origins[:-1]} == {platform.node()}
    assert all(origin.startswith("shell ") for origin in origins[:-1])
    by_bob = desk.run("audit", "--actor", "BOB@example.com", "--json").json["events"]
    assert [event["action"] for event in by_bob] == ["purge.approve"]
    assert len(desk.run("audit", "--limit", "2", "--json").json["events"]) == 2
    verified = desk.run("audit", "--verify", "--json")
    assert (verified.status, verified.json["whole"], verified.json["entries"]) == (0, True, 5)


def test_a_refusal_says_each_ground_once_and_a_list_says_times_as_everything_does(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    plan = planned(desk, tmp_path, "u1", "--video", VIDEO)
    job = applied(desk, plan, f"u1/{VIDEO}").json
    again = desk.run("purge", "apply", str(plan), "--confirm", f"u1/{VIDEO}", *WHY, *ADA)
    assert again.status == 4
    assert again.err.count(job["job_id"]) == 2, again.err  # in what is wrong, and in what to do about it
    emptied = desk.run("purge", "empty", job["job_id"], "--confirm", f"u1/{VIDEO}", *WHY, *ADA)
    assert emptied.status == 4
    assert "\n  - " not in emptied.err
    (row,) = desk.run("purge", "list").out.splitlines()[1:]
    assert row.endswith(f"{job['created_at'][:19].replace('T', ' ')} UTC")
