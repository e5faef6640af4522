"""Scans that are kept: what `verify --all --keep` leaves, and what `scans` says of it, over both stores."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from grpc import StatusCode

from storage.actions.scans import ScanKeeper, clean_up
from storage.actions.writers import Writers
from storage.domain.layout import Layout
from storage.domain.scans.kept import FOLDER, scan_path, table_key
from tests.cli.conftest import Desk, both_firestores
from tests.rigs.clips import PICTURE, film
from tests.rigs.http_faults import Answer, FaultProxy
from tests.rigs.records import clip, user, video

LONG_AGO = datetime.now(UTC) - timedelta(days=3)


def key(uid: str, scene: int) -> str:
    return f"users/{uid}/v1/clips/clip_01_{scene}_scene_split.mp4"


def customer(desk: Desk, uid: str, *, clips: int = 3, missing: tuple[int, ...] = (), **fields: Any) -> None:
    """A user with a video of some clips, of which some have no object."""
    base = f"users/{uid}/videos/v1"
    documents: dict[str, dict[str, Any]] = {
        f"users/{uid}": user(uid),
        base: video("v1", created_at=LONG_AGO, updated_at=LONG_AGO),
        f"{base}/highlights/main": {"highlights": [{"id": 1, "start": "0:01", "end": "0:09"}]},
    }
    for scene in range(1, clips + 1):
        documents[f"{base}/clips/v1_{scene}_split"] = clip(
            "v1", scene, r2_key=key(uid, scene), file_size_bytes=1_000, created_at=LONG_AGO, **fields
        )
        desk.put(key(uid, scene).replace(".mp4", ".jpg"), PICTURE, "image/jpeg")
        if scene not in missing:
            desk.put(key(uid, scene), film())
    desk.world.put(documents)


@pytest.fixture(autouse=True)
def from_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Highlights come from the document, which is otherwise found out from a sample."""
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "document")


@pytest.fixture
def keeper(desk: Desk) -> ScanKeeper:
    """Both stores, an hour from now."""
    later = lambda: datetime.now(UTC) + timedelta(hours=1)  # noqa: E731
    return ScanKeeper(
        desk.world.records, desk.objects, Writers(desk.writer, desk.world.writer), Layout("users/"), later, 90
    )


def keep(desk: Desk, *more: str) -> Any:
    answer = desk.run("verify", "--all", "--keep", "--json", *more)
    assert answer.json["scan_id"], answer.json
    return answer.json


def lost(findings: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["kind"], one["key"]) for one in findings]


@both_firestores
def test_what_changed_between_two_scans_is_said_exactly(desk: Desk) -> None:
    customer(desk, "u1", missing=(1, 2))
    customer(desk, "u2")
    first = keep(desk)
    assert desk.run("scans", "diff", "--json").json["error"]["code"] == "not_found"
    desk.put(key("u1", 1), film())  # one was put right, two others broke, one stays
    desk.writer.delete([key("u2", 3)])
    desk.put(key("u2", 2), b"")
    second = keep(desk)
    found = desk.run("scans", "diff", "--json")
    answer = found.json
    assert found.status == 1
    assert (answer["old"], answer["new"]) == (first["scan_id"], second["scan_id"])
    assert lost(answer["new_findings"]) == [("missing_object", key("u2", 3)), ("empty_object", key("u2", 2))]
    assert lost(answer["gone_findings"]) == [("missing_object", key("u1", 1))]
    assert (answer["still"], answer["not_looked_at"], answer["new_errors"]) == (1, 0, 2)
    assert ("customer", "u2") in [(one["by"], one["value"]) for one in answer["repeat_offenders"]]
    back = desk.run("scans", "diff", second["scan_id"], second["scan_id"], "--json")
    assert (back.status, back.json["still"], back.json["new_findings"]) == (0, 3, [])

    shown = desk.run("scans", "show", second["scan_id"], "--json").json
    (still,) = [one for one in shown["findings"] if one["key"] == key("u1", 2)]
    assert (still["plan"], still["style"], still["title"]) == ("pro", "split", "About v1 · Scene 2")
    assert (still["email"], still["video_age_days"]) == ("u1@example.com", 3)
    assert still["first_seen"] < still["last_seen"]
    assert still["first_scan"] == first["scan_id"]
    listed = desk.run("scans", "--json", "--limit", "1").json["scans"]
    assert [one["scan_id"] for one in listed] == [second["scan_id"]]
    assert (listed[0]["new"], listed[0]["gone"], listed[0]["still"], listed[0]["complete"]) == (2, 1, 1, True)
    assert listed[0]["open"] == {"not_playable": 3}
    told = desk.run("scans", "diff").out
    assert "2 new, 1 gone, 1 still there" in told
    assert "repeated findings:" in told


def test_the_table_is_parquet_below_ops_and_the_summary_names_no_customer(desk: Desk, tmp_path: Path) -> None:
    customer(desk, "customer-one", missing=(1,))
    scan_id = keep(desk)["scan_id"]
    place = tmp_path / "findings.parquet"
    place.write_bytes(desk.objects.get_bytes(f"_ops/scans/{scan_id}/findings.parquet", 1_000_000))
    (row,) = pq.read_table(place).to_pylist()
    assert (row["uid"], row["kind"], row["looked_at"]) == ("customer-one", "missing_object", True)
    assert "customer-one" not in str(desk.world.fields(f"ops_scans/{scan_id}"))
    assert desk.run("verify", "--all", "--json").json["checked"]["objects"] == 6 - 1  # the desk's own are not counted


def test_without_keep_nothing_is_written(desk: Desk) -> None:
    customer(desk, "u1", missing=(1,))
    assert "scan_id" not in desk.run("verify", "--all", "--json").json
    assert desk.run("scans", "--json").json["scans"] == []
    assert list(desk.objects.list_all(FOLDER).frame["key"]) == []


def test_parts_of_shards_are_joined_to_one_scan_and_compared_with_the_one_before(desk: Desk) -> None:
    for number in range(6):
        customer(desk, f"u{number}", clips=1, missing=(1,) if number < 4 else ())
    keep(desk)
    for number in (0, 1):
        desk.put(key(f"u{number}", 1), film())
    first = keep(desk, "--shard", "1/2")
    assert "2/2 missing" in desk.run("scans", "join", "--json").json["error"]["message"]
    second = keep(desk, "--shard", "2/2")
    assert [one["part"] for one in desk.run("scans", "--json").json["scans"]] == [[2, 2], [1, 2], None]
    whole = desk.run("scans", "join", "--json").json
    assert (whole["part"], whole["checked"]["users"], whole["gone"], whole["still"]) == (None, 6, 2, 2)
    assert sorted(whole["joined_from"]) == sorted([first["scan_id"], second["scan_id"]])
    listed = desk.run("scans", "--json").json["scans"]
    assert (len(listed), listed[0]["scan_id"]) == (2, whole["scan_id"])
    assert desk.run("scans", "diff", "--json").json["still"] == 2
    again = desk.run("scans", "join", "--json")
    assert (again.status, again.json["error"]["code"]) == (1, "not_found")


def test_a_scan_that_a_store_refused_in_part_says_so_and_calls_nothing_there_gone(
    desk: Desk, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for uid in ("u1", "u2"):
        customer(desk, uid, missing=(1,))
    keep(desk)
    for uid in ("u1", "u2"):
        desk.put(key(uid, 1), film())
    monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
    proxy.on(Answer(403, "AccessDenied"), query="list-type=2.*prefix=users%2F(u2%2F)?&")
    answer = desk.run("verify", "--all", "--keep", "--json")
    assert answer.status == 3
    found = desk.run("scans", "diff", "--json").json
    assert lost(found["gone_findings"]) == [("missing_object", key("u1", 1))]
    assert found["not_looked_at"] == 1
    assert found["complete"] is False
    assert found["not_looked_at_because"] == ["a part of 1 customer: access denied"]
    assert {one["kind"] for one in found["new_findings"]} == {"unreadable"}
    proxy.clear()
    keep(desk)
    found = desk.run("scans", "diff", "--json").json
    assert {one["kind"] for one in found["gone_findings"]} == {"missing_object", "unreadable"}
    assert ("missing_object", key("u2", 1)) in lost(found["gone_findings"])
    assert (found["not_looked_at"], found["new_findings"]) == (0, [])


def test_a_scan_that_stops_is_kept_as_far_as_it_came(desk: Desk, proxy: FaultProxy, monkeypatch) -> None:
    for number in range(30):
        desk.world.put({f"users/u{number:02}": user(f"u{number:02}")})
    customer(desk, "u29", missing=(1,))
    keep(desk)
    monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
    proxy.on(Answer(403, "AccessDenied"), query="list-type=2.*users%2F")
    answer = desk.run("verify", "--all", "--keep", "--json")
    assert answer.status == 3
    found = desk.run("scans", "diff", "--json").json
    assert found["gone_findings"] == []
    assert found["not_looked_at"] == 1
    assert found["not_looked_at_because"][0] == "the customers after the first 25: access denied"


def test_a_scan_that_is_killed_between_leaves_no_summary_and_the_next_removes_its_table(
    desk: Desk, keeper: ScanKeeper
) -> None:
    customer(desk, "u1", missing=(1,))
    desk.world.faults.refuse("Commit", StatusCode.PERMISSION_DENIED)
    answer = desk.run("verify", "--all", "--keep", "--json")
    assert (answer.status, answer.json["scan_id"]) == (3, None)
    assert answer.json["keep_error"]["code"] == "access_denied"
    assert len(answer.json["findings"]) == 1
    assert desk.run("scans", "--json").json["scans"] == []
    (left,) = list(desk.objects.list_all(FOLDER).frame["key"])
    kept = keep(desk)["scan_id"]
    assert left in list(desk.objects.list_all(FOLDER).frame["key"])  # it may be one that is being kept just now
    assert clean_up(keeper) == [left.split("/")[2]]
    assert list(desk.objects.list_all(FOLDER).frame["key"]) == [table_key(kept)]


def test_scans_past_their_time_are_removed_and_the_setting_says_when(
    desk: Desk, keeper: ScanKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCAN_RETENTION_DAYS", "30")
    customer(desk, "u1", missing=(1,))
    old = keep(desk)["scan_id"]
    desk.world.writer.update(scan_path(old), {"kept_at": datetime.now(UTC) - timedelta(days=29)})
    middle = keep(desk)["scan_id"]
    assert len(desk.run("scans", "--json").json["scans"]) == 2
    desk.world.writer.update(scan_path(old), {"kept_at": datetime.now(UTC) - timedelta(days=31)})
    newest = keep(desk)["scan_id"]
    assert [one["scan_id"] for one in desk.run("scans", "--json").json["scans"]] == [newest, middle]
    assert desk.objects.head(table_key(old)) is None


def test_a_scan_with_a_disclosure_goes_on_from_its_checkpoint_and_counts_it(desk: Desk, tmp_path: Path) -> None:
    theirs = key("u9", 1)
    desk.put(theirs, film())
    customer(desk, "u1", clips=1)
    desk.world.writer.update("users/u1/videos/v1/clips/v1_1_split", {"r2_key": theirs})
    log = str(tmp_path / "scan.jsonl")
    for _ in range(2):  # the second finds everything in the file
        keep(desk, "--checkpoint", log)
    (head, _) = desk.run("scans", "--json").json["scans"]
    assert head["open"]["disclosure"] == 1
    (first, *_) = desk.run("scans", "show", head["scan_id"], "--json").json["findings"]
    assert first["disclosure"]["owner"] == "u9"


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("verify", "u1", "--keep"), 2, "bad_input"),
        (("scans", "show"), 2, "bad_input"),
        (("scans", "show", "a/b"), 2, "bad_input"),
        (("scans", "show", "nothing"), 1, "not_found"),
        (("scans", "diff", "one"), 2, "bad_input"),
        (("scans", "diff", "one", "two"), 1, "not_found"),
        (("scans", "--limit", "0"), 2, "bad_input"),
        (("scans", "join"), 1, "not_found"),
    ],
)
def test_what_cannot_be_shown_is_said(desk: Desk, arguments: tuple[str, ...], status: int, code: str) -> None:
    answer = desk.run(*arguments, "--json")
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert answer.json["error"]["remedy"]


@pytest.fixture
def proxy(r2_rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    with FaultProxy(r2_rig.endpoint) as faults:
        yield faults
