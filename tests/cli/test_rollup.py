"""The command `rollup`: what it prints, and with which status it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storage.actions.customers import remove_former
from storage.actions.writers import Writers
from storage.domain.customers import table_suffix
from storage.repositories.customers import read_customers
from storage.repositories.rollups import read_fleet
from tests.cli.conftest import Desk
from tests.rigs.records import NOON, clip, user, video
from tests.rigs.seaweed import NOBODY


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
    assert (found["index"]["users"], found["index"]["titles"], found["index"]["documents"]) == (2, 4, 4)
    assert found["index"]["cost"]["firestore_writes"] == 4
    assert [match["uid"] for match in desk.run("find", "U1@EXAMPLE", "--json").json["matches"]] == ["u1"]
    assert read_fleet(desk.world.records).totals.users == 2


def test_people_are_told_in_words(desk: Desk) -> None:
    fill(desk)
    answer = desk.run("rollup", "--shard", "1/2")
    assert answer.status == 0
    assert "shard 1/2" in answer.out
    assert "reads" in answer.err
    assert desk.run("rollup", "--shard", "2/2").status == 0
    assert read_fleet(desk.world.records).totals.users == 2


def test_the_estimate_is_what_it_then_costs_also_for_one_of_many_shards(desk: Desk) -> None:
    desk.world.put({f"users/u{number}": user(f"u{number}") for number in range(60)})
    for shard in ("1/1", "2/4"):
        answer = desk.run("rollup", "--shard", shard, "--json")
        told = int(next(line for line in answer.err.splitlines() if "estimate" in line).split()[2])
        assert 0.75 * told - 10 <= answer.json["cost"]["firestore_reads"] <= 1.25 * told + 10, (shard, told)


@pytest.mark.parametrize("shard", ["", "0/1", "2/1", "x", "1/33", "1/2/3", "-1/2"])
def test_a_shard_that_is_none_is_bad_usage(desk: Desk, shard: str) -> None:
    answer = desk.run("rollup", f"--shard={shard}", "--json")
    assert answer.status == 2
    assert answer.json["error"]["code"] == "bad_input"
    assert desk.world.records.raw("ops_rollups/head") is None


def test_the_newest_figures_are_shown_for_two_reads_without_reading_a_user(desk: Desk) -> None:
    fill(desk)
    desk.world.put({"users/u2": user("u2", email="grace@example.com", total_storage_bytes=10**12)})
    desk.run("rollup")
    answer = desk.run("rollup", "--show", "--json")
    assert answer.status == 0
    found = answer.json
    assert (found["complete"], found["old"], found["missing_shards"]) == (True, False, [])
    assert (found["totals"]["users"], found["near"][0]["uid"], found["biggest"][0]["uid"]) == (2, "u2", "u2")
    assert (found["parts"][0]["index"], found["parts"][0]["users"]) == (1, 2)
    assert found["cost"]["firestore_reads"] == 2
    shown = desk.run("rollup", "--show", "--top", "1")
    text = shown.out
    assert "cost: 3 firestore reads" in shown.err  # with the one that says which backend is there
    for expected in ("2 customers, 3 clips", "near or over a limit:", "grace@example.com", "growth by day:"):
        assert expected in text, expected


def test_figures_that_are_not_there_or_not_whole_are_told_by_the_status(desk: Desk) -> None:
    answer = desk.run("rollup", "--show", "--json")
    assert (answer.status, answer.json["error"]["code"]) == (1, "not_found")
    fill(desk)
    for shard in ("1/2", "2/2"):
        desk.run("rollup", "--shard", shard)
    desk.world.writer.delete("ops_rollups/shard-002-of-002")
    answer = desk.run("rollup", "--show")
    assert answer.status == 1
    assert "INCOMPLETE" in answer.out


@pytest.mark.parametrize("more", [["--shard", "1/2"], ["--top", "-1"], ["--top", "101"]])
def test_showing_takes_no_shard_and_no_list_longer_than_is_kept(desk: Desk, more: list[str]) -> None:
    answer = desk.run("rollup", "--show", "--json", *more)
    assert (answer.status, answer.json["error"]["code"]) == (2, "bad_input")


def test_figures_are_written_and_the_index_is_not_where_its_titles_are_past_the_budget(desk: Desk) -> None:
    fill(desk)
    desk.world.put({f"users/u1/videos/v1/clips/x{n}": clip("v1", n, scene_title=f"T{n}") for n in range(60)})
    answer = desk.run("rollup", "--json", "--read-budget", "60")
    assert (answer.json["complete"], answer.json["index"]) == (True, None)
    assert "was not begun" in answer.json["index_error"]["message"]
    assert answer.status == 4
    assert desk.world.records.raw("ops_index/head") is None
    assert read_fleet(desk.world.records).totals.users == 2


def test_a_row_for_each_customer_is_written_and_the_one_before_goes(desk: Desk) -> None:
    fill(desk)
    first = desk.run("rollup", "--json").json["table"]
    desk.world.put({"users/u2": user("u2", total_storage_bytes=10**12)})
    second = desk.run("rollup", "--json").json["table"]
    assert list(desk.objects.list_all("_ops/rollups/").frame["key"]) == [second]
    assert first != second
    view = read_fleet(desk.world.records)
    assert view.tables == (second,)
    rows = {row["uid"]: row for row in read_customers(desk.objects, view.tables).to_pylist()}
    assert (rows["u1"]["clips"], rows["u1"]["email"], rows["u1"]["joined"]) == (3, "u1@example.com", NOON)
    assert (rows["u2"]["storage_used"], rows["u2"]["storage_state"], rows["u2"]["clips"]) == (10**12, "exceeded", 0)


def test_figures_stand_without_the_table_that_a_bucket_refuses(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(desk)
    monkeypatch.setenv("R2_ACCESS_KEY_ID", NOBODY[0])
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", NOBODY[1])
    answer = desk.run("rollup", "--json")
    assert (answer.status, answer.json["table"]) == (3, None)
    assert answer.json["table_error"]["code"] == "access_denied"
    assert any("table of all customers" in note for note in answer.json["notes"])
    view = read_fleet(desk.world.records)
    assert (view.totals.users, view.tables) == (2, ())


def test_what_a_killed_rollup_left_goes_with_a_later_one(desk: Desk) -> None:
    fill(desk)
    left = f"_ops/rollups/20200101T000000{table_suffix(1, 1)}"
    other = f"_ops/rollups/20200101T000000{table_suffix(1, 2)}"
    for name in (left, other):
        desk.put(name, b"half")
    now = desk.run("rollup", "--json").json["table"]
    assert left in set(desk.objects.list_all("_ops/rollups/").frame["key"])  # it may be one that is being written
    writers = Writers(desk.writer, desk.world.writer)
    remove_former(desk.objects, writers, now, (1, 1), datetime.now(UTC) + timedelta(hours=1), "")
    assert set(desk.objects.list_all("_ops/rollups/").frame["key"]) == {now, other}
