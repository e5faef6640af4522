"""Every command about customers whose ids nobody would type: refused where typed, done where they are given."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.cli.conftest import Desk
from tests.rigs.odd_ids import BLANK, LINE, NUMBER, ODD, ORDINARY, UIDS, bucket_objects, documents
from tests.rigs.odd_ids import stuck as still_processing
from tests.rigs.seaweed import SeaweedRig

WHO = ("--actor", "ada@example.com")


@pytest.fixture
def odd(desk: Desk, r2_rig: SeaweedRig) -> Desk:
    """Customers with odd ids in both stores."""
    desk.world.put(documents())
    r2_rig.put(desk.bucket, bucket_objects())
    return desk


def test_every_command_works_for_ids_that_nobody_would_type(odd: Desk, tmp_path) -> None:
    key = f"users/{BLANK}/{LINE}/clips/clip_01_0_a title+%#_split.mp4"
    for uid, video in ((BLANK, LINE), (LINE, LINE), (NUMBER, NUMBER)):
        clip = f"{video}_0_split"
        usage = odd.run("usage", uid, "--exact-ids", "--json")
        assert (usage.status, usage.json["uid"]) == (0, uid)
        assert not [row for row in usage.json["counters"] if row["drift"]]
        for arguments in (("verify", uid), ("verify", uid, video)):
            answer = odd.run(*arguments, "--exact-ids", "--json")
            assert answer.status == 0, answer
        found = odd.run("diagnose", uid, video, "--exact-ids", "--json").json
        assert (found["uid"], found["video_id"]) == (uid, video)
        assert found["verdict"] not in {"not_found", "access_denied"}
        link = odd.run("url", uid, video, clip, "--exact-ids", "--json").json
        assert link["key"] == key.replace(f"{BLANK}/{LINE}", f"{uid}/{video}")
        assert odd.run("recount", uid, "--exact-ids", "--json").status == 0
        assert odd.run("highlights", uid, video, "--exact-ids", "--json").json["source"] == "document"
        events = odd.run("audit", "--uid", uid, "--exact-ids", "--json").json["events"]
        assert {event["uid"] for event in events} == {uid}
    everybody = {*UIDS, ORDINARY}
    checked = odd.run("verify", "--all", "--json")
    assert (checked.status, checked.json["checked"]["users"]) == (0, len(everybody))
    assert odd.run("verify", "--all", "--strangers", "--json").status == 0
    log = tmp_path / "scan.jsonl"
    assert odd.run("verify", "--all", "--checkpoint", str(log), "--csv").status == 0
    assert odd.run("verify", "--all", "--checkpoint", str(log), "--json").json["checked"]["users"] == len(everybody)
    rollup = odd.run("rollup", "--json")
    assert (rollup.status, rollup.json["totals"]["users"]) == (0, len(everybody))
    assert {row["uid"] for row in odd.run("rollup", "--show", "--json").json["biggest"]} == everybody
    odd.world.put(still_processing(documents()))
    stuck = odd.run("diagnose", "--stuck", "--json").json
    assert stuck["complete"]
    assert stuck["looked_at"] == len(stuck["videos"]) == len(ODD) + 3


def test_find_leads_to_an_odd_id_by_key_by_link_and_by_address(odd: Desk) -> None:
    for uid, video in ((BLANK, LINE), (BLANK, " x"), (LINE, LINE), (NUMBER, NUMBER)):
        clip = {"type": "clip", "uid": uid, "video_id": video, "clip_id": f"{video}_0_split"}
        key = f"users/{uid}/{video}/clips/clip_01_0_a title+%#_split.mp4"
        link = f"uid={quote(uid)}&video_id={quote(video)}"
        for text, wanted in (
            (f"https://cdn.example/{quote(key)}", clip),
            (f"https://desk.example/video?{link}", {**clip, "type": "video", "clip_id": None}),
        ):
            found = odd.run("find", text, "--json").json["matches"]
            assert wanted.items() <= found[0].items(), (text, found)
    for key in (f"users/{BLANK}/#/clips/clip_01_0_a title+%#_split.mp4", f"users/{NUMBER}/{NUMBER}/highlights.json"):
        assert odd.run("find", key, "--json").json["matches"][0]["uid"] == key.split("/")[1]
    assert odd.run("find", f"{BLANK}@example.com", "--json").status in {0, 1}  # an address is text, whatever it holds


def test_a_purge_by_the_shell_is_planned_applied_and_undone(odd: Desk, tmp_path) -> None:
    file, shell = tmp_path / "plan.json", ("--exact-ids", "--json")
    plan = odd.run("purge", "plan", BLANK, "--video", LINE, "--out", str(file), *WHO, *shell)
    assert (plan.status, plan.json["blocked"]) == (0, [])
    refused = odd.run("purge", "apply", str(file), "--confirm", "copy/line", "--reason", "on request", *WHO, "--json")
    assert refused.status == 4
    assert "copy%20/line%0A" in refused.json["error"]["message"]
    done = odd.run(
        "purge", "apply", str(file), "--confirm", "copy%20/line%0A", "--reason", "on request", *WHO, "--json"
    )
    assert (done.status, done.json["residue"]) == (0, [])
    job = done.json["job_id"]
    assert odd.run("purge", "status", job, "--json").json["scope"] == f"{BLANK}/{LINE}"
    assert odd.run("diagnose", BLANK, LINE, *shell).json["verdict"] == "purged"
    assert odd.run("purge", "undo", job, "--reason", "on request", *WHO, "--json").status == 0
    assert odd.run("verify", BLANK, LINE, *shell).status == 0


@pytest.mark.parametrize("uid", [BLANK, LINE, " x", "tab\tb", "a\u2028b"])
def test_what_is_typed_is_checked_and_the_door_says_the_way_in(desk: Desk, uid: str) -> None:
    answer = desk.run("usage", uid, "--json")
    assert answer.status == 2
    assert "--exact-ids" in answer.json["error"]["remedy"]
    error = desk.run("usage", uid, "--exact-ids", "--json").json["error"]
    assert (error["code"], error["message"]) == ("not_found", f"There is no customer '{uid}'.")
    for bad in ("a/b", "..", "", "__x__"):
        assert desk.run("usage", bad, "--exact-ids", "--json").status == 2
