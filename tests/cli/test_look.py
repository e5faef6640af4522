"""The questions of support, asked in the shell: find, usage, url."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import UTC, datetime

import pytest

from storage.repositories.records import FIND_LIMIT
from tests.cli.conftest import MEDIA, Desk
from tests.rigs.records import clip, user, video

MONTH = datetime.now(UTC).strftime("%Y-%m")


def people(desk: Desk) -> None:
    desk.world.put(
        {
            "users/u1": user("u1", email="Ada.Lovelace@Example.com", usage_reset_month=MONTH),
            "users/u10": user("u10", email="ada.second@example.com"),
            "users/u1/videos/vid-0001": video("vid-0001", youtube_id="dQw4w9WgXcQ"),
            "users/u1/videos/vid-0001/clips/vid-0001_1_split": clip("vid-0001", 1),
            "users/u1/videos/vid-0001/clips/vid-0001_7_brand_new": clip(
                "vid-0001", 7, clip_id="vid-0001_7_brand_new", style="brand_new", r2_key="elsewhere/a/file.mp4"
            ),
            "users/u10/videos/ghost-0001/clips/ghost-0001_1_split": clip("ghost-0001", 1),
            "users/u10/videos/vid-0010": video("vid-0010", youtube_id="aaaaaaaaaaa"),
        }
    )


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("u1", "uid", ("user", "u1", None, None)),
        ("ada.lovelace@example.com", "email", ("user", "u1", None, None)),
        ("Ada.L", "email_prefix", ("user", "u1", None, None)),
        ("ada.second@", "email_prefix", ("user", "u10", None, None)),
        ("vid-0001", "video_id", ("video", "u1", "vid-0001", None)),
        ("vid-0001_1_split", "clip_id", ("clip", "u1", "vid-0001", "vid-0001_1_split")),
        ("clip_01_1_scene_split.mp4", "file_name", ("clip", "u1", "vid-0001", "vid-0001_1_split")),
        ("users/u1/vid-0001/clips/clip_01_1_scene_split.mp4", "r2_key", ("clip", "u1", "vid-0001", "vid-0001_1_split")),
        ("https://youtu.be/dQw4w9WgXcQ", "video_url", ("video", "u1", "vid-0001", None)),
        ("youtu.be/dQw4w9WgXcQ", "video_url", ("video", "u1", "vid-0001", None)),
        ("ada.lov", "email_prefix", ("user", "u1", None, None)),
        ("vid-0001_7_brand_new", "clip_id", ("clip", "u1", "vid-0001", "vid-0001_7_brand_new")),
        ("elsewhere/a/file.mp4", "r2_key", ("clip", "u1", "vid-0001", "vid-0001_7_brand_new")),
        ("elsewhere/a/file%2Emp4", "r2_key", ("clip", "u1", "vid-0001", "vid-0001_7_brand_new")),
        ("ghost-0001", "video_id", ("video", "u10", "ghost-0001", None)),
        ("worker lost u10 at 12:00", "log_line", ("user", "u10", None, None)),
        ("users/u1/videos/vid-0001", "document_path", ("video", "u1", "vid-0001", None)),
        ("ERROR render died uid=u1 video_id=vid-0001", "log_line", ("video", "u1", "vid-0001", None)),
    ],
)
def test_find_takes_anything_and_says_what_for(desk, text, kind, expected):
    people(desk)
    answer = desk.run("find", text, "--json")
    assert answer.status == 0, answer.out
    assert answer.json["kind"] == kind
    match = answer.json["matches"][0]
    assert (match["type"], match["uid"], match["video_id"], match["clip_id"]) == expected
    assert match["why"]


def test_find_drops_the_signature_of_a_pasted_link_at_once(desk):
    people(desk)
    url = f"https://acc.r2.cloudflarestorage.com/{desk.bucket}/users/u1/vid-0001/clips/clip_01_1_scene_split.mp4"
    answer = desk.run("find", f"{url}?X-Amz-Signature=deadbeef&X-Amz-Credential=KEY", "--json")
    assert answer.json["kind"] == "presigned_url"
    assert answer.json["query"] == url
    assert answer.json["matches"][0]["clip_id"] == "vid-0001_1_split"
    assert "deadbeef" not in answer.out + answer.err


def test_find_nothing_is_an_answer_with_what_was_searched(desk):
    people(desk)
    answer = desk.run("find", "nobody-here", "--json")
    assert answer.status == 1
    assert answer.json["matches"] == []
    assert answer.json["searched"]
    assert answer.json["error"]["code"] == "not_found"


def test_find_shows_so_many_matches_and_says_that_there_may_be_more(desk):
    desk.world.put({f"users/u{n}": user(f"u{n}", email=f"crowd{n}@example.com") for n in range(FIND_LIMIT + 1)})
    answer = desk.run("find", "crowd", "--json")
    assert (len(answer.json["matches"]), answer.json["truncated"]) == (FIND_LIMIT, True)
    assert "There may be more matches" in desk.run("find", "crowd").out
    assert "There may be more matches" not in desk.run("find", "crowd7").out


def test_find_of_a_key_that_no_document_names_leads_to_its_video(desk):
    people(desk)
    answer = desk.run("find", "users/u1/vid-0001/clips/clip_01_9_other_split.mp4", "--json")
    match = answer.json["matches"][0]
    assert (match["type"], match["video_id"]) == ("video", "vid-0001")
    assert "no clip document names it" in match["why"]


def test_usage_gives_the_contracts_document(desk):
    desk.world.put(
        {
            "users/u1": user(
                "u1", plan="PRO", total_storage_bytes=5_000, total_clips_count=3, usage_reset_month=MONTH,
                credits_used_this_month=3_400, clips_used_this_month=500,
            ),
            "storage_accounting/u1": {"styled_clips_bytes": 1_500, "styled_clips_count": 2},
            "plans/pro": {"id": "pro", "name": "Pro", "limits": {"storage_limit_bytes": 0}},
            "users/u1/videos/vid-0001": video("vid-0001", total_size_bytes=2_000, clips_count=2),
            "users/u1/videos/vid-0001/clips/vid-0001_1_split": clip("vid-0001", 1),
            "users/u1/videos/vid-0001/clips/vid-0001_2_split": clip("vid-0001", 2, file_size_bytes=None),
            "users/u1/videos/ghost-001/clips/ghost-001_1_split": clip("ghost-001", 1, file_size_bytes=700),
        }
    )  # fmt: skip
    answer = desk.run("usage", "u1", "--json")
    assert answer.status == 1, "counters drift"
    found = answer.json
    assert (found["uid"], found["plan"], found["plan_known"]) == ("u1", "pro", True)
    assert found["storage"]["used_bytes"] == 1_500
    assert found["storage"]["actual_bytes"] == 1_700
    assert (found["storage"]["limit_bytes"], found["storage"]["percent"]) == (0, None)
    assert found["storage"]["state"] == "exceeded"
    assert found["clips"] == {"used": 500, "limit": 500, "percent": 100.0, "state": "exceeded"}
    assert found["credits"] == {"used": 3_400, "limit": 4_000, "percent": 85.0, "state": "near_limit"}
    counters = {row["name"]: (row["counter"], row["truth"], row["drift"]) for row in found["counters"]}
    assert counters["user.total_storage_bytes"] == (5_000, 1_700, 3_300)
    assert counters["storage_accounting.styled_clips_count"] == (2, 3, -1)
    assert counters["video.vid-0001.total_size_bytes"] == (2_000, 1_000, 1_000)
    assert counters["video.ghost-001.clips_count"] == (None, 1, None)
    assert found["unsized_clips"] == 1


def test_usage_says_which_counters_are_not_there_and_cuts_a_percentage_below_its_threshold(desk):
    person = user("u1", plan=None, total_storage_bytes="many", total_clips_count=0, usage_reset_month=MONTH)
    desk.world.put({"users/u1": person | {"credits_used_this_month": 199_999}})
    desk.world.put({"plans/free": {"id": "free", "limits": {"monthly_credits_included": 200_000}}})
    said = desk.run("usage", "u1").out
    assert "< 100 %" in said
    assert "user.total_storage_bytes" in said
    assert "Every counter is right" not in said
    assert "names no plan" in said


def test_usage_of_an_unknown_plan_counts_as_free_and_says_so(desk):
    desk.world.put({"users/u1": user("u1", plan="gold", total_storage_bytes=0, total_clips_count=0)})
    answer = desk.run("usage", "u1")
    assert answer.status == 0
    assert "counts as free" in answer.out
    assert "1.00 GiB" in answer.out


MIB = 1024**2


def account(**changes):
    """An account with a shared clip, and with what the backend leaves of a shared clip that was deleted."""
    clips = "users/u1/videos/vid-0001/clips"
    return {
        "users/u1": user("u1", plan="free", usage_reset_month=MONTH, **changes),
        "plans/free": {"id": "free", "name": "Free", "limits": {"monthly_credits_included": 200}},
        "users/u1/videos/vid-0001": video("vid-0001", total_size_bytes=1_000, clips_count=1, clips_by_style={}),
        f"{clips}/vid-0001_1_split": clip("vid-0001", 1),
        f"{clips}/vid-0001_1_split/shares/config": {"share_slug": "one"},
        f"{clips}/vid-0001_2_split/shares/config": {"share_slug": "two"},
    }


def test_an_account_of_today_that_is_well_exits_0_though_dead_counters_differ(desk):
    desk.world.put(account(total_storage_bytes=70_000, total_clips_count=9))
    desk.world.put({"storage_accounting/u1": {"styled_clips_bytes": 1_000, "styled_clips_count": 1}})
    answer = desk.run("usage", "u1", "--json")
    assert answer.status == 0
    counters = {row.pop("name"): row for row in answer.json["counters"]}
    assert counters["user.total_storage_bytes"] == {"counter": 70_000, "truth": 1_000, "drift": 69_000, "dead": True}
    assert "dead" not in counters["storage_accounting.styled_clips_bytes"]
    assert answer.json["worker"] == {
        "limit_bytes": 1024 * MIB, "room_bytes": 1024 * MIB - 1_000, "refuses": False, "tier": "free",
    }  # fmt: skip
    assert "dead counters" in desk.run("usage", "u1").out
    recount = desk.run("recount", "u1", "--json")
    assert (recount.status, recount.json["drifting"]) == (0, 2)  # it would write them all the same
    listed = desk.run("recount", "u1").out
    assert "user.total_storage_bytes (dead)" in listed
    assert "0 of 7 counters are wrong" in listed
    assert recount.json["dead"] == ["user.total_storage_bytes", "user.total_clips_count"]
    assert recount.json["after"]["user.total_storage_bytes"] == 1_000  # what recount --apply goes on writing
    assert recount.json["after"]["video.vid-0001.clips_by_style"] == {}


def test_a_shared_clip_that_was_deleted_is_counted_by_no_command(desk):
    gone = "users/u1/videos/vid-0001/clips/vid-0001_2_split"
    desk.world.put(account(total_storage_bytes=1_000, total_clips_count=1))
    desk.world.put({gone: clip("vid-0001", 2)})
    desk.world.client.document(gone).delete()
    assert desk.run("usage", "u1", "--json").json["unsized_clips"] == 0
    assert desk.run("recount", "u1", "--json").json["drifting"] == 0
    gone = desk.run("url", "u1", "vid-0001", "vid-0001_2_split", "--json")
    assert (gone.status, gone.json["error"]["message"]) == (
        1,
        "There is no clip vid-0001_2_split in video vid-0001 of customer u1.",
    )
    for scope in (["u1"], ["u1", "vid-0001"]):
        assert desk.run("verify", *scope, "--json").json["checked"]["clips"] == 1
    clips = [
        one["observed"]
        for one in desk.run("diagnose", "u1", "vid-0001", "--json").json["evidence"]
        if "clip" in one["check"]
    ]
    assert clips
    assert not any("of another status" in observed or "there are 2" in observed for observed in clips)


def test_an_account_of_an_older_backend_exits_0_when_it_is_well_and_1_when_it_drifts(desk):
    desk.world.put(account(total_storage_bytes=1_000, total_clips_count=1))
    answer = desk.run("usage", "u1", "--json")
    assert answer.status == 0
    assert any("no accounting document" in note for note in answer.json["notes"])
    assert desk.run("recount", "u1").status == 0
    desk.world.put(account(total_storage_bytes=1_000, total_clips_count=2))
    assert desk.run("usage", "u1").status == desk.run("recount", "u1").status == 1


def test_what_the_worker_would_do_stands_beside_what_the_plan_says(desk):
    desk.world.put(account(total_storage_bytes=0, total_clips_count=0))
    desk.world.put({"storage_accounting/u1": {"styled_clips_bytes": 980 * MIB, "styled_clips_count": 1}})
    answer = desk.run("usage", "u1", "--json")
    assert (answer.json["storage"]["state"], answer.json["storage"]["limit_bytes"]) == ("near_limit", 1024 * MIB)
    assert (answer.json["worker"]["room_bytes"], answer.json["worker"]["refuses"]) == (44 * MIB, True)
    assert "The worker makes no clip" in desk.run("usage", "u1").out
    quota = next(
        one for one in desk.run("diagnose", "u1", "vid-0001", "--json").json["evidence"] if one["check"] == "quota"
    )
    assert quota["ok"] is False
    assert "The worker makes no clip" in quota["observed"]
    assert "nothing is used up" not in quota["observed"]


def test_usage_of_nobody_is_not_found(desk):
    answer = desk.run("usage", "nobody", "--json")
    assert answer.status == 1
    assert answer.json["error"]["code"] == "not_found"


def test_url_leads_to_the_bytes_and_the_download_has_a_name(desk):
    people(desk)
    clip_file = MEDIA / "clip_a.mp4"
    desk.put("users/u1/vid-0001/clips/clip_01_1_scene_split.mp4", clip_file)
    answer = desk.run("url", "u1", "vid-0001", "vid-0001_1_split", "--download", "--json")
    assert answer.status == 0, answer.out
    assert answer.json["content_type"] == "video/mp4"
    with urllib.request.urlopen(answer.json["url"]) as reply:
        assert reply.read() == clip_file.read_bytes()
        assert "clip_01_1_scene_split.mp4" in reply.headers["Content-Disposition"]
    life = datetime.fromisoformat(answer.json["expires_at"]) - datetime.now(UTC)
    assert 290 < life.total_seconds() <= 300


def test_url_to_an_object_that_is_not_there_is_refused_in_words(desk):
    people(desk)
    answer = desk.run("url", "u1", "vid-0001", "vid-0001_1_split", "--json")
    assert answer.status == 1
    assert "not in the bucket" in answer.json["error"]["message"]


def test_url_of_a_clip_without_a_key_says_so(desk):
    desk.world.put({"users/u1/videos/v-000001/clips/c1": clip("v-000001", 1, r2_key=None, status="processing")})
    answer = desk.run("url", "u1", "v-000001", "c1", "--json")
    assert answer.status == 1
    assert "names no key" in answer.json["error"]["message"]
