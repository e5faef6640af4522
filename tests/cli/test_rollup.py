"""The command `rollup`: what it prints, and with which status it ends."""

from __future__ import annotations

import pytest

from storage.repositories.rollups import read_fleet
from tests.cli.conftest import Desk
from tests.rigs.records import clip, user, video


def fill(desk: Desk) -> None:
    desk.world.put({"users/u1": user("u1"), "users/u1/videos/v1": video("v1"), "users/u2": user("u2")})
    desk.world.put({f"users/u1/videos/v1/clips/c{n}": clip("v1", n) for n in range(3)})


def test_figures_are_written_and_said(desk: Desk) -> None:
    fill(desk)
    answer = desk.run("rollup", "--json")
    assert answer.status == 0
    found = answer.json
    assert (found["shard"], found["complete"], found["notes"]) == ("1/1", True, [])
    assert (found["totals"]["users"], found["totals"]["clips"]) == (2, 3)
    assert found["videos"]["completed"] == 1
    assert found["documents"] == ["ops_rollups/shard-001-of-001", "ops_rollups/head"]
    assert found["cost"]["firestore_writes"] == 2
    assert "error" not in found
    assert read_fleet(desk.world.records).totals.users == 2


def test_people_are_told_in_words(desk: Desk) -> None:
    fill(desk)
    answer = desk.run("rollup", "--shard", "1/2")
    assert answer.status == 0
    assert "shard 1/2" in answer.out
    assert "reads" in answer.out
    assert desk.run("rollup", "--shard", "2/2").status == 0
    assert read_fleet(desk.world.records).totals.users == 2


@pytest.mark.parametrize("shard", ["", "0/1", "2/1", "x", "1/33", "1/2/3", "-1/2"])
def test_a_shard_that_is_none_is_bad_usage(desk: Desk, shard: str) -> None:
    answer = desk.run("rollup", f"--shard={shard}", "--json")
    assert answer.status == 2
    assert answer.json["error"]["code"] == "bad_input"
    assert desk.world.records.raw("ops_rollups/head") is None
