"""Ids that look like secrets are purged, undone, recounted and found again; real secrets get onto no record."""

from __future__ import annotations

from pathlib import Path

from pages._ui.shell import question
from tests.cli.conftest import Desk
from tests.cli.test_purge_cli import ADA, VIDEO, WHY, applied, customer, keys, planned
from tests.rigs.secret_corpus import SECRETS

UID = "cust?token=abc"


def test_a_user_whose_id_looks_like_a_token_is_purged_undone_and_recounted(desk: Desk, tmp_path: Path) -> None:
    customer(desk, UID)
    before = keys(desk)
    plan = planned(desk, tmp_path, UID, "--video", VIDEO)
    done = applied(desk, plan, f"{UID}/{VIDEO}")
    assert (done.status, done.json["state"], done.json["residue"]) == (0, "done", [])
    undone = desk.run("purge", "undo", done.json["job_id"], *WHY, *ADA, "--json")
    assert (undone.status, undone.json["state"]) == (0, "undone"), undone.out
    assert keys(desk) == before
    desk.world.put({f"users/{UID}": {"uid": UID, "total_storage_bytes": 1, "total_clips_count": 1}})
    recounted = desk.run("recount", UID, "--apply", *WHY, *ADA, "--json")
    assert recounted.status == 0, recounted.out
    events = desk.run("audit", "--uid", UID, "--json").json["events"]
    assert {"purge.plan", "purge.apply", "purge.undo", "recount"} <= {event["action"] for event in events}
    assert {event["uid"] for event in events} == {UID}
    assert desk.run("audit", "--verify", "--json").json["whole"]


def test_a_secret_in_a_reason_or_an_actor_is_refused_by_every_command_that_changes(desk: Desk) -> None:
    customer(desk)
    for text, gone in SECRETS[:12]:
        for who in ((*ADA, "--reason", text), ("--actor", f"{text}@example.com", *WHY)):
            for command in (("recount", "u1", "--apply"), ("set-status", "u1", VIDEO, "failed")):
                answer = desk.run(*command, *who, "--json")
                assert (answer.status, answer.json["error"]["code"]) == (2, "bad_input"), (text, answer.out)
                assert gone not in answer.out
    assert desk.run("audit", "--json").json["events"] == []


def test_such_a_user_is_found_by_the_id_that_was_pasted_and_nobody_else_is(desk: Desk) -> None:
    for uid in (UID, "cust"):
        desk.world.put({f"users/{uid}": {"uid": uid, "email": f"{len(uid)}@example.com"}})
    found = desk.run("find", f" {UID}\n", "--json")
    assert found.status == 0, found.out
    assert [(one["type"], one["uid"]) for one in found.json["matches"]] == [("user", UID)]
    assert found.json["query"] == question(f" {UID}\n") == UID, "the search box asks for it too"
