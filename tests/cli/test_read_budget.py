"""A command stops where it has read as much as it may, and says how to allow more."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from storage.services import fleet_scan
from tests.cli.conftest import MEDIA, Desk
from tests.cli.recorded import VIDEO, recorded_desk
from tests.rigs.records import user, video
from tests.rigs.seaweed import SeaweedRig


def fill(desk: Desk) -> None:
    desk.world.put({f"users/u{number}": user(f"u{number}") for number in range(30)})


@pytest.mark.parametrize("given", ["option", "setting"])
def test_a_command_stops_at_its_budget_and_writes_nothing(
    desk: Desk, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(desk)
    monkeypatch.setenv("READ_BUDGET", "20" if given == "setting" else "100000")
    answer = desk.run("rollup", "--json", *(["--read-budget", "20"] if given == "option" else []))
    assert answer.status == 4
    assert answer.json["error"]["code"] == "over_budget"
    assert "--read-budget" in answer.json["error"]["remedy"]
    assert "was not begun" in answer.json["error"]["message"]  # half a rollup would be reads for nothing
    assert desk.world.records.raw("ops_rollups/shard-001-of-001") is None


def test_a_scan_that_stops_at_its_budget_leaves_nobody_out_when_it_goes_on(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_scan, "CHUNKS", (2,) * 15)
    fill(desk)
    scan = ["verify", "--all", "--json", "--checkpoint", str(tmp_path / "scan.jsonl")]
    answer = desk.run(*scan, "--read-budget", "75")
    assert (answer.status, answer.json["error"]["code"]) == (4, "over_budget")
    assert 0 < answer.json["checked"]["users"] < 30
    assert answer.json["summary"] == {}  # what was not read for want of budget is not reported as unreadable
    answer = desk.run(*scan)
    assert (answer.status, answer.json["checked"]["users"], answer.json["complete"]) == (0, 30, True)


def test_every_command_says_what_it_was_billed_and_a_plan_is_printed_as_it_was_sealed(desk: Desk) -> None:
    fill(desk)
    desk.world.put({"users/u1/videos/v1": video("v1")})
    plain = {
        "check": [], "find": ["u1"], "usage": ["u1"], "verify": ["u1"], "diagnose": ["u1", "v1"],
        "highlights": ["u1", "v1"], "recount": ["u1"], "rollup": [], "audit": [],
    }  # fmt: skip
    for command, arguments in plain.items():
        assert desk.run(command, *arguments, "--json").json["cost"]["firestore_reads"] >= 1, command
    assert "cost" not in desk.run("purge", "plan", "u1", "--json").json
    told = desk.run("highlights", "u1", "v1")
    assert "cost: " in told.err
    assert "cost: " not in told.out


def test_what_a_command_says_it_was_billed_is_what_the_stores_counted(r2_rig: SeaweedRig, tmp_path: Path) -> None:
    media, why = tmp_path / "clip.mp4", ["--actor", "a@example.com", "--reason", "counting"]
    shutil.copy(next(MEDIA.rglob("*.mp4")), media)
    commands = [
        ["check"], ["find", "u1"], ["usage", "u1"], ["verify", "u1"], ["verify", "--all", "--strangers"],
        ["diagnose", "u1", VIDEO], ["diagnose", "--stuck"], ["highlights", "u1", VIDEO], ["recount", "u1"],
        ["upload", "u1", VIDEO, str(media), "--scene", "9", "--style", "split", *why],
        ["recount", "u1", "--apply", *why],
        ["rollup", "--shard", "1/2"], ["rollup", "--shard", "2/2"], ["rollup", "--show"], ["audit", "--verify"],
        ["purge", "plan", "u1"],
    ]  # fmt: skip
    with recorded_desk(r2_rig, tmp_path) as desk:
        for command in commands:
            answer = desk.run(*command)
            assert answer.status in {0, 1}, (command, answer.err)
            told = [_number(answer.err, name) for name in ("firestore reads", "r2 class a", "r2 class b")]
            assert told == list(desk.billed), command
            assert sum(told) > 0, command


def _number(told: str, name: str) -> int:
    """A number of the line about the cost, which is the last."""
    found = re.search(rf"([\d,]+) {name}\b", told.strip().splitlines()[-1])
    return int(found[1].replace(",", "")) if found else 0


def test_nought_is_no_bound_and_an_option_goes_before_the_setting(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(desk)
    monkeypatch.setenv("READ_BUDGET", "20")
    assert desk.run("rollup", "--read-budget", "0").status == 0
    monkeypatch.setenv("READ_BUDGET", "0")
    assert desk.run("rollup").status == 0


@pytest.mark.parametrize("number", ["-1", "many", "", "1.5"])
def test_a_budget_that_is_no_number_is_bad_usage(desk: Desk, number: str) -> None:
    answer = desk.run("rollup", "--json", f"--read-budget={number}")
    assert (answer.status, answer.json["error"]["code"]) == (2, "bad_input")


def test_a_setting_that_is_no_number_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READ_BUDGET", "lots")
    answer = desk.run("rollup", "--json")
    assert answer.status == 2
    assert "READ_BUDGET" in answer.json["error"]["message"]
