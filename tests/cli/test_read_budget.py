"""A command stops where it has read as much as it may, and says how to allow more."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Desk
from tests.rigs.records import user


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
    assert desk.world.records.raw("ops_rollups/shard-001-of-001") is None


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
