"""A customer's three sides at the shell: counter, documents and bucket, and sizes mended from the objects."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Desk
from tests.cli.test_purge_cli import VIDEO, applied, customer, planned
from tests.rigs.http_faults import Answer, FaultProxy, Meanwhile
from tests.rigs.records import clip, user, video
from tests.rigs.seaweed import SeaweedRig

GIB = 1024**3
WHO = ("--actor", "eng@example.com", "--reason", "ticket 9: over by a wrong number")
BASE = "users/u1/videos/vid-0001"
HOME = "users/u1/vid-0001/clips/clip_01"


def over(desk: Desk) -> None:
    """A customer of the free plan whose clip documents say 2 GiB too much; the objects have a few bytes."""
    desk.world.put(
        {
            "users/u1": user("u1", plan="free", total_storage_bytes=2 * GIB + 7, total_clips_count=3),
            BASE: video("vid-0001", total_size_bytes=2 * GIB + 7, clips_count=3),
            f"{BASE}/clips/vid-0001_1_split": clip("vid-0001", 1, file_size_bytes=2 * GIB),
            f"{BASE}/clips/vid-0001_2_split": clip("vid-0001", 2, file_size_bytes=5),
            f"{BASE}/clips/vid-0001_3_split": clip("vid-0001", 3, file_size_bytes=2),
        }
    )
    desk.put(f"{HOME}_1_scene_split.mp4", b"12345678")
    desk.put(f"{HOME}_2_scene_split.mp4", b"12345")
    desk.put(f"{HOME}_9_lost_split.mp4", b"123")
    desk.put("sources/u1/vid-0001/source.mp4", b"1234")


def test_usage_tells_the_three_sides_and_a_wrong_number_first(desk: Desk) -> None:
    over(desk)
    answer = desk.run("usage", "u1", "--json")
    assert answer.status == 0  # the counters are what the documents add up to
    storage = answer.json["storage"]
    assert (storage["actual_bytes"], storage["stored_bytes"], storage["in_flight_minutes"]) == (2 * GIB + 7, 13, 15)
    assert storage["differences"] == [
        {"cause": "wrong_size", "bytes": 8 - 2 * GIB, "clips": 1},
        {"cause": "missing", "bytes": -2, "clips": 1},
    ]
    assert storage["beside"] == [
        {"cause": "in_flight", "bytes": 3, "objects": 1, "clips": 0},
        {"cause": "cache", "bytes": 4, "objects": 1, "clips": 0},
    ]
    assert answer.json["cost"]["r2_class_a"] >= 4
    assert "over the limit by a wrong number" in answer.json["notes"][0]
    crossed = answer.json["crossed"]
    assert (crossed["clip_id"], crossed["plan"], crossed["plan_then"]) == ("vid-0001_1_split", "free", None)
    assert "wrong on our side: your clips take up 13 B. Please do not delete anything" in answer.json["reply"]
    assert "makes room" not in answer.json["reply"]
    assert (answer.json["may_upload"], answer.json["why_not"]) == (False, ["the storage of 1.00 GiB is used up"])
    said = desk.run("usage", "u1").out
    assert said.index("by a wrong number") < said.index("QUOTA")
    assert "no object in the bucket" in said
    assert "vid-0001_1_split reached the limit of 1.00 GiB (plan free" in said
    assert "The plan of that time is not recorded." in said
    assert "May upload: no: the storage of 1.00 GiB is used up. The worker makes clips." in said
    assert "in flight (younger than 15 minutes; an upload for a day): 0 clips, 1 object, 0 uploads" in (
        desk.run("verify", "u1").out
    )


def test_a_bucket_that_refuses_leaves_its_side_unknown_and_the_exit_status(
    desk: Desk, r2_rig: SeaweedRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(desk)
    with FaultProxy(r2_rig.endpoint) as proxy:
        proxy.on(Answer(403, "AccessDenied"), query="list-type")
        monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
        answer = desk.run("usage", "u1", "--json")
    storage = answer.json["storage"]
    assert (answer.status, storage["stored_bytes"], storage["differences"]) == (0, None, None)
    assert {row["cause"]: row["bytes"] for row in storage["beside"]} == {
        "orphan": None, "in_flight": None, "cache": None, "deleted_share": None,
    }  # fmt: skip
    assert "is not known" in answer.json["notes"][-1]


def size_of(desk: Desk, scene: int) -> object:
    return desk.world.fields(f"{BASE}/clips/vid-0001_{scene}_split").get("file_size_bytes")


def test_sizes_are_mended_from_the_objects_then_the_counters_and_all_is_taken_back(desk: Desk) -> None:
    over(desk)
    shown = desk.run("recount", "u1", "--sizes", "--json")
    assert shown.status == 1
    assert [(row["clip_id"], row["before"], row["after"]) for row in shown.json["sizes"]] == [
        ("vid-0001_1_split", 2 * GIB, 8)
    ]
    assert shown.json["after"]["user.total_storage_bytes"] == 15  # what no object tells of stays as documented
    assert desk.run("recount", "u1", "--json").status == 0  # without the objects nothing is seen to be wrong
    assert size_of(desk, 1) == 2 * GIB
    done = desk.run("recount", "u1", "--sizes", "--apply", *WHO, "--json")
    assert (done.status, size_of(desk, 1), size_of(desk, 3)) == (0, 8, 2)
    assert desk.world.fields("users/u1")["total_storage_bytes"] == 15
    assert desk.world.fields(BASE)["total_size_bytes"] == 15
    events = desk.run("audit", "--uid", "u1", "--json").json["events"]
    assert [(event["action"], event["outcome"]) for event in events] == [("recount", "done"), ("recount", "begun")]
    assert events[0]["detail"]["sizes"] == [{"clip_id": "vid-0001_1_split", "before": 2 * GIB, "after": 8}]
    usage = desk.run("usage", "u1", "--json").json
    assert [one["cause"] for one in usage["storage"]["differences"]] == ["missing"]
    assert "wrong number" not in usage["notes"][0]
    (change_id,) = done.json["change_ids"]
    assert desk.run("undo-change", change_id, *WHO, "--json").status == 0
    assert (size_of(desk, 1), desk.world.fields("users/u1")["total_storage_bytes"]) == (2 * GIB, 2 * GIB + 7)


def test_sizes_are_not_mended_from_what_is_no_measure_or_moved_or_was_not_seen(
    desk: Desk, r2_rig: SeaweedRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(desk)
    desk.put(f"{HOME}_3_scene_split.mp4", b"")
    assert [row["clip_id"] for row in desk.run("recount", "u1", "--sizes", "--json").json["sizes_left"]] == [
        "vid-0001_3_split"
    ]
    with FaultProxy(r2_rig.endpoint) as proxy:
        proxy.on(Answer(403, "AccessDenied"), query="list-type")
        monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
        refused = desk.run("recount", "u1", "--sizes", "--apply", *WHO, "--json")
        assert (refused.status, refused.json["error"]["code"]) == (3, "access_denied")
        proxy.clear()
        moved = Meanwhile(lambda: desk.put(f"{HOME}_1_scene_split.mp4", b"another file"))
        proxy.on(moved, method="HEAD", path="clip_01_1_scene_split")
        stale = desk.run("recount", "u1", "--sizes", "--apply", *WHO, "--json")
        assert (stale.status, stale.json["error"]["code"]) == (4, "stale")
    assert size_of(desk, 1) == 2 * GIB


def test_what_if_tells_both_states_and_changes_nothing(desk: Desk) -> None:
    over(desk)
    now = datetime.now(UTC)
    desk.world.put({
        "users/u1": desk.world.fields("users/u1")
        | {"credits_used_this_month": 13, "usage_reset_month": f"{now:%Y-%m}"},
        "users/u1/credit_transactions/t1": {
            "timestamp": now, "operation_type": "analysis", "credits_amount": 3, "balance_after": 3,
        },
    })  # fmt: skip
    before = desk.world.fields("users/u1")
    found = desk.run("usage", "u1", "--if-without", "vid-0001/vid-0001_1_split", "--if-video-of", "21B", "--json").json
    then = found["what_if"]["after"]
    assert (then["storage"]["used_bytes"], then["may_upload"], then["worker"]["refuses"]) == (28, True, False)
    assert (found["what_if"]["made"]["asked"], found["what_if"]["made"]["made"], then["credits"]["used"]) == (1, 1, 26)
    assert found["what_if"]["before"]["may_upload"] is False
    assert (found["credit_ledger"]["beyond"], found["credit_ledger"]["months"][0]["used"]) == (10, 3)
    said = desk.run("usage", "u1", "--if-plan", "pro", "--if-purged").out
    assert "What if: without the whole account; on the plan pro" in said
    assert "10 more than the entries of this month" in said
    assert desk.world.fields("users/u1") == before

    done = desk.run("recount", "u1", "--sizes", "--apply", *WHO, "--json").json
    (change_id,) = done["change_ids"]
    undone = desk.run("usage", "u1", "--if-undo", change_id, "--json").json["what_if"]
    assert (undone["before"]["storage"]["used_bytes"], undone["after"]["storage"]["used_bytes"]) == (15, 2 * GIB + 7)
    for words, status, code in (
        (("--if-plan", "gold"), 2, "bad_input"), (("--if-without", "nope"), 1, "not_found"),
        (("--if-undo", "nope"), 1, "not_found"), (("--if-video-of", "long"), 2, "bad_input"),
    ):  # fmt: skip
        answer = desk.run("usage", "u1", *words, "--json")
        assert (answer.status, answer.json["error"]["code"]) == (status, code), words


def test_what_a_purge_keeps_for_its_undo_stands_beside(desk: Desk, tmp_path: Path) -> None:
    customer(desk)
    done = applied(desk, planned(desk, tmp_path, "u1", "--video", VIDEO), f"u1/{VIDEO}")
    assert done.status == 0
    beside = {row["cause"]: row for row in desk.run("usage", "u1", "--json").json["storage"]["beside"]}
    assert beside["quarantine"]["bytes"] >= 21  # what the clips of this customer add up to
    back = desk.run("usage", "u1", "--if-undo", done.json["job_id"], "--json").json["what_if"]
    assert back["before"]["storage"]["actual_bytes"] == 0
    assert back["after"]["storage"]["used_bytes"] == 21
