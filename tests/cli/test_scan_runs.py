"""Parts of shards and scans that are kept at the same time: no run is mixed with another, and no finding is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.actions.scans import ScanKeeper, clean_up
from storage.actions.writers import Writers
from storage.domain.layout import Layout
from storage.domain.scans.kept import FOLDER, NEWEST, head_fields, head_from, scan_path, table_key
from storage.services.verify import run_of_job
from tests.cli.conftest import Answer, Desk
from tests.cli.test_scans import customer, key
from tests.rigs.clips import film
from tests.rigs.seaweed import rig_of

CLOUD_RUN = {"CLOUD_RUN_TASK_COUNT": "2", "CLOUD_RUN_EXECUTION": "clip-desk-scan-x7k2p"}


@pytest.fixture(autouse=True)
def from_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Highlights come from the document, which is otherwise found out from a sample."""
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "document")


def part(desk: Desk, shard: str, run: str | None = None) -> str:
    """Keeps the part of a shard; its id."""
    answer = desk.run("verify", "--all", "--keep", "--shard", shard, "--json", *(["--run", run] if run else []))
    assert answer.json.get("run") == run
    return str(answer.json["scan_id"])


def join(desk: Desk, *arguments: str) -> Answer:
    return desk.run("scans", "join", *arguments, "--json")


def refusal(answer: Answer) -> tuple[int, str, str]:
    error = answer.json["error"]
    return answer.status, error["code"], f"{error['message']} {error['remedy']}"


def kept(desk: Desk) -> list[dict[str, Any]]:
    return list(desk.run("scans", "--json").json["scans"])


def tables(desk: Desk) -> int:
    return len(desk.objects.list_all(FOLDER).frame)


def test_parts_of_two_runs_are_never_joined_and_the_missing_shard_is_named_with_its_run(desk: Desk) -> None:
    for uid in ("1", "z"):  # in the first shard and in the second
        customer(desk, uid, clips=1, missing=(1,))
    old = [part(desk, "1/2", "monday"), part(desk, "2/2", "monday")]
    desk.put(key("1", 1), film())
    new = part(desk, "1/2", "tuesday")
    status, code, words = refusal(join(desk))
    assert (status, code) == (1, "not_found")
    assert "Not every shard of run tuesday has kept its part: 2/2 missing; 1 of 2 are kept" in words
    assert "--shard 2/2 --run tuesday" in words
    assert "Other runs have parts too: monday" in words
    status, code, words = refusal(join(desk, new, old[1]))
    assert (status, code) == (2, "bad_input")
    assert "1/2 is of run tuesday, 2/2 is of run monday" in words
    assert refusal(join(desk, "--run", "sunday"))[2].endswith(" Parts are kept of: run tuesday, run monday.")

    whole = join(desk, "--run", "monday").json
    assert (whole["run"], whole["joined_from"], whole["notes"]) == ("monday", old, [])
    assert [(one["part"], one["run"]) for one in whole["parts"]] == [([1, 2], "monday"), ([2, 2], "monday")]
    assert f"it is joined as {whole['scan_id']}" in refusal(join(desk, "--run", "monday"))[2]
    replaced = part(desk, "2/2", "tuesday")
    again = part(desk, "2/2", "tuesday")  # its pod was tried again
    text = desk.run("scans").out
    assert "part 2/2 of run tuesday" in text
    told = desk.run("scans", "join").out
    assert "joined of run tuesday:" in told
    assert "2 customers, " in told
    assert again in told
    assert replaced not in told
    assert [(one["run"], one["part"]) for one in kept(desk)] == [("tuesday", None), ("monday", None)]
    assert desk.run("scans", "diff", "--json").json["gone_findings"][0]["key"] == key("1", 1)
    assert tables(desk) == 2


def test_parts_without_a_run_are_joined_with_a_note_of_when_each_began(desk: Desk) -> None:
    customer(desk, "1", clips=1)
    older = part(desk, "1/2")
    both = [part(desk, "1/2"), part(desk, "2/2")]
    named = part(desk, "1/2", "other")
    assert refusal(join(desk, both[0], named))[:2] == (2, "bad_input")
    desk.world.writer.delete(scan_path(named))
    whole = join(desk).json
    assert (whole["joined_from"], [one["scan_id"] for one in whole["parts"]], whole["run"]) == (both, both, "")
    first, second = whole["notes"]
    assert "they began" in first
    assert "Older parts of 1/2 wait beside these" in second
    desk.world.writer.delete(scan_path(older))
    desk.world.writer.update(scan_path(part(desk, "1/2")), {"started_at": datetime.now(UTC) - timedelta(hours=25)})
    part(desk, "2/2")
    assert "1/2 missing; 1 of 2 are kept" in refusal(join(desk))[2], "a part of another day is of another run"


def test_an_indexed_job_names_its_run_by_itself(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    customer(desk, "1", clips=1)
    for name, value in CLOUD_RUN.items():
        monkeypatch.setenv(name, value)
    for index in ("0", "1"):
        monkeypatch.setenv("CLOUD_RUN_TASK_INDEX", index)
        answer = desk.run("verify", "--all", "--keep", "--shard", "auto")
        assert "of run clip-desk-scan-x7k2p: python -m storage scans show" in answer.err
    assert run_of_job("auto", {**CLOUD_RUN, "JOB_COMPLETION_INDEX": "1"}) == ""  # a pod that was told of another's
    by_hand = desk.run("verify", "--all", "--keep", "--shard", "1/2", "--json").json  # of no execution that has a 2/2
    assert "run" not in by_hand
    whole = join(desk, "--run", "clip-desk-scan-x7k2p").json
    assert ([one["part"] for one in whole["parts"]], whole["complete"]) == ([[1, 2], [2, 2]], True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--all", "--run", "one"),
        ("verify", "--all", "--shard", "1/2", "--run", "one"),
        ("verify", "--all", "--keep", "--run", "one"),
        ("verify", "u1", "--run", "one"),
        ("verify", "--all", "--keep", "--shard", "1/2", "--run", "a b"),
        ("verify", "--all", "--keep", "--shard", "1/2", "--run", ""),
        ("scans", "join", "--run", "../other"),
        ("scans", "join", "one", "--run", "two"),
        ("scans", "diff", "--run", "two"),
    ],
)
def test_a_run_that_cannot_be_is_bad_usage(desk: Desk, arguments: tuple[str, ...]) -> None:
    answer = desk.run(*arguments, "--json")
    assert (answer.status, answer.json["error"]["code"]) == (2, "bad_input")
    assert "run" in answer.json["error"]["message"]
    assert answer.json["error"]["remedy"]


def meanwhile(desk: Desk, act: Callable[[], object]) -> None:
    """Has something happen while the next whole scan is on its way to be kept."""

    def whole(request: Any) -> bool:
        return any("/ops_scan_order/" in write.update.name for write in request.writes)

    desk.world.faults.meanwhile("Commit", act, when=whole)


def keep(desk: Desk, *more: str) -> Any:
    return desk.run("verify", "--all", "--keep", "--json", *more).json


@pytest.mark.parametrize("before", [True, False], ids=["after another scan", "the first two"])
def test_what_only_one_of_two_scans_at_once_could_see_is_not_lost(desk: Desk, before: bool) -> None:
    customer(desk, "u1", clips=3)
    if before:
        keep(desk)
    desk.put(key("u1", 1), bytes(len(film())))  # no film: only a look into it shows that
    desk.writer.delete([key("u1", 2)])
    deep: list[Any] = []

    def later() -> None:
        desk.writer.delete([key("u1", 3)])  # after the other scan looked there
        deep.append(keep(desk, "--contents"))

    meanwhile(desk, later)
    plain = keep(desk)
    heads = kept(desk)
    assert [one["scan_id"] for one in heads[:2]] == [plain["scan_id"], deep[0]["scan_id"]]
    assert heads[0]["before"] == deep[0]["scan_id"]
    shown = desk.run("scans", "show", plain["scan_id"], "--json").json
    assert {(one["kind"], one["key"]): one["looked_at"] for one in shown["findings"]} == {
        ("not_media", key("u1", 1)): False,
        ("missing_object", key("u1", 2)): True,
        ("missing_object", key("u1", 3)): False,
    }
    assert tables(desk) == len(heads)  # the table of the first try is gone
    answer = desk.run("scans", "diff", "--json").json
    assert (answer["new_findings"], answer["gone_findings"], answer["still"], answer["not_looked_at"]) == ([], [], 1, 2)
    keep(desk)
    assert desk.run("scans", "diff", "--json").json["still"] == 2


def test_of_two_joins_at_once_one_says_that_the_other_took_the_parts(desk: Desk) -> None:
    customer(desk, "1", clips=1)
    for shard in ("1/2", "2/2"):
        part(desk, shard, "night")
    other: list[Any] = []
    meanwhile(desk, lambda: other.append(join(desk).json))
    status, code, words = refusal(join(desk))
    assert (status, code) == (1, "not_found")
    assert "another join took them" in words
    assert [one["scan_id"] for one in kept(desk)] == [other[0]["scan_id"]]
    assert tables(desk) == 1


def test_a_clock_that_was_wrong_hides_no_later_scan(desk: Desk) -> None:
    customer(desk, "u1", clips=1, missing=(1,))
    wrong = keep(desk)["scan_id"]
    ahead = datetime.now(UTC) + timedelta(days=400)
    desk.world.writer.update(scan_path(wrong), {"at": ahead, "finished_at": ahead})
    desk.put(key("u1", 1), film())
    right = keep(desk)["scan_id"]
    answer = desk.run("scans", "diff", "--json").json
    assert (answer["old"], answer["new"], len(answer["gone_findings"])) == (wrong, right, 1)


def test_many_scans_past_their_time_are_removed_together(desk: Desk) -> None:
    customer(desk, "u1", clips=1)
    newest = keep(desk)["scan_id"]
    head = head_from(desk.world.fields(scan_path(newest)) or {})
    old = {**head_fields(head), "kept_at": head.kept_at - timedelta(days=100), "at": head.kept_at - timedelta(days=100)}
    desk.world.put({scan_path(f"old-{number:03}"): {**old, "scan_id": f"old-{number:03}"} for number in range(230)})
    writers = Writers(desk.writer, desk.world.writer)
    keeper = ScanKeeper(desk.world.records, desk.objects, writers, Layout("users/"), lambda: datetime.now(UTC), 90)
    assert len(clean_up(keeper)) == 230
    assert [one["scan_id"] for one in kept(desk)] == [newest]


def test_a_scan_that_cannot_be_read_hides_neither_what_was_known_nor_the_next_scan(desk: Desk) -> None:
    customer(desk, "u1", clips=2)
    desk.put(key("u1", 1), bytes(len(film())))
    first = keep(desk, "--contents")["scan_id"]
    second = keep(desk)["scan_id"]
    desk.put(table_key(second), b"PAR1 no table", "application/vnd.apache.parquet")
    answer = desk.run("scans", "diff", "--json")
    assert (answer.status, answer.json["error"]["code"]) == (3, "unusable_answer")
    third = keep(desk)["scan_id"]  # knows what the first one looked into
    shown = desk.run("scans", "show", third, "--json").json
    assert [(one["kind"], one["first_scan"]) for one in shown["findings"]] == [("not_media", first)]
    assert shown["before"] == first
    desk.writer.delete([table_key(third)])
    fourth = keep(desk)["scan_id"]
    assert [one["kind"] for one in desk.run("scans", "show", fourth, "--json").json["findings"]] == ["not_media"]

    ahead = {"at": datetime.now(UTC) + timedelta(days=400)}  # by a clock that was wrong
    desk.world.writer.update(scan_path(fourth), {"version": 99, **ahead})  # as a later version of the desk writes it
    desk.world.writer.update(NEWEST, ahead)
    rig_of(desk.bucket).process.backdate_objects(
        desk.bucket, {table_key(fourth): datetime.now(UTC) - timedelta(hours=1)}
    )
    assert desk.run("scans", "--json").json["error"]["code"] == "unusable_answer"
    fifth = keep(desk)
    assert fifth["scan_id"], fifth
    assert kept(desk)[0]["scan_id"] == fifth["scan_id"]
    assert (desk.world.fields(scan_path(fifth["scan_id"])) or {})["at"] > ahead["at"]
    assert desk.objects.head(table_key(fourth)) is not None
