"""The two-step flow: drafts and the videos made of them are found, diagnosed, listed, and rebuilt so that lists show
them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.domain.layout import thumbnail_of
from tests.cli.conftest import MEDIA, Desk
from tests.rigs.records import clip, user

NOW = datetime.now(UTC)
WHO = ("--actor", "ann@example.com", "--reason", "ticket 4711")
DRAFT, VIDEO = "6f1c1f0e-1111-4222-8333-944445555666", "0d9e8c7b-aaaa-4bbb-8ccc-9dddeeeeffff"
BASE = f"users/u1/videos/{VIDEO}"


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def draft(status: str, draft_id: str = DRAFT, **fields: Any) -> dict[str, Any]:
    """A draft as the product writes it."""
    return {
        "id": draft_id,
        "user_id": "u1",
        "source_url": "https://www.youtube.com/watch?v=abcdefghijk",
        "status": status,
        "scene_count": 2,
        "warning_count": 0,
        "created_at": ago(days=3),
        "updated_at": ago(days=3),
        "expires_at": ago(days=-4),
        "video_title": "A long talk",
        **fields,
    }


def scene(number: int) -> dict[str, Any]:
    """A scene of the draft as the product writes it."""
    return {
        "id": number,
        "analysis_draft_id": DRAFT,
        "title": f"Scene {number}",
        "start": "00:01:00",
        "end": "00:01:30",
        "duration_secs": 30,
        "pad_before": 1.0,
        "pad_after": 1.5,
        "reason": "A clear turn",
    }


def charge(operation: str, **fields: Any) -> dict[str, Any]:
    """A credit transaction as the product writes it."""
    return {
        "user_id": "u1",
        "timestamp": ago(days=2),
        "operation_type": operation,
        "credits_amount": 20,
        "description": "Process 2 scenes (split)",
        "balance_after": 40,
        "draft_id": DRAFT,
        **fields,
    }


@pytest.fixture
def made(desk: Desk) -> Desk:
    """A draft that was rendered as the product does it: two clips, and a video that nobody created."""
    path = f"users/u1/analysis_drafts/{DRAFT}"
    documents: dict[str, Any] = {
        "users/u1": user("u1", total_storage_bytes=10, total_clips_count=2),
        path: draft("completed"),
        f"{path}/scenes/1": scene(1),
        f"{path}/scenes/2": scene(2),
        "users/u1/credit_transactions/t1": charge("analysis", credits_amount=3),
        "users/u1/credit_transactions/t2": charge("scene_processing", video_id=VIDEO),
        BASE: {"completed_clips": 2, "clips_count": 2, "updated_at": ago(hours=2), "total_size_bytes": 5},
    }
    for number in (1, 2):
        key = f"users/u1/{VIDEO}/clips/clip_01_{number}_scene_split.mp4"
        made_at = {"created_at": ago(hours=3), "completed_at": ago(hours=3), "updated_at": ago(hours=3)}
        documents[f"{BASE}/clips/{VIDEO}_{number}_split"] = clip(
            VIDEO,
            number,
            r2_key=key,
            file_size_bytes=desk.put(key, MEDIA / "clip_a.mp4"),
            duration_seconds=None,
            **made_at,
        )
        desk.put(thumbnail_of(key), MEDIA / "clip_a.jpg", "image/jpeg")
    desk.world.put(documents)
    return desk


def test_a_video_that_nobody_created_is_found_named_rebuilt_from_its_draft_and_taken_back(made: Desk) -> None:
    matches = made.run("find", DRAFT, "--json").json["matches"]
    assert [(m["type"], m["draft_id"], m["video_id"]) for m in matches] == [
        ("draft", DRAFT, None),
        ("video", None, VIDEO),
    ]
    assert matches[0]["label"] == "A long talk"

    told = made.run("diagnose", "u1", VIDEO, "--json")
    assert (told.status, told.json["verdict"], told.json["severity"]) == (1, "record_incomplete", "error")
    assert "2 clips made and 20 credits charged" in told.json["summary"]
    assert "list" in told.json["customer_sees"]
    evidence = {item["check"]: item for item in told.json["evidence"]}
    assert DRAFT in evidence["draft"]["observed"]
    assert evidence["record"]["ok"] is False
    step = next(step for step in told.json["actions"] if step["id"] == "rebuild_record")
    assert step["command"].startswith(f"python -m storage rebuild-record u1 {VIDEO} ")

    verified = made.run("verify", "u1", VIDEO, "--json").json
    assert [f["severity"] for f in verified["findings"] if f["kind"] == "incomplete_video"] == ["warning"]

    listed = made.run("diagnose", "--stuck", "--json").json
    assert [(v["video_id"], v["verdict"]) for v in listed["videos"]] == [(VIDEO, "record_incomplete")]
    assert (listed["drafts"], listed["complete"]) == ([], True)

    before = made.world.fields(BASE)
    done = made.run("rebuild-record", "u1", VIDEO, *WHO, "--json")
    assert done.status == 0, done.out
    assert done.json["draft_id"] == DRAFT
    document = made.world.fields(BASE)
    assert document["created_at"] == ago(days=2)
    assert (document["status"], document["video_title"], document["youtube_id"]) == (
        "completed",
        "A long talk",
        "abcdefghijk",
    )
    assert (document["clips_count"], document["total_size_bytes"]) == (2, 2 * (MEDIA / "clip_a.mp4").stat().st_size)
    highlights = made.world.fields(f"{BASE}/highlights/main")
    assert [entry["id"] for entry in highlights["highlights"]] == [1, 2]
    assert highlights["highlights"][0]["pad_after"] == 1.5
    assert highlights["video_url"].endswith("abcdefghijk")

    well = made.run("diagnose", "u1", VIDEO, "--json").json
    assert (well["verdict"], "rebuild_record" in str(well["actions"])) == ("healthy", False)
    assert made.run("rebuild-record", "u1", VIDEO, *WHO, "--json").status == 4
    assert made.run("verify", "u1", VIDEO, "--json").json["summary"].get("incomplete_video") is None

    assert made.run("undo-change", done.json["change_id"], *WHO, "--json").status == 0
    assert made.world.fields(BASE) == before
    assert made.world.records.raw(f"{BASE}/highlights/main") is None
    events = [(e["action"], e["outcome"]) for e in made.run("audit", "--uid", "u1", "--json").json["events"]]
    assert ("rebuild-record", "done") in events


def test_without_its_draft_nothing_is_rebuilt_and_a_clip_that_is_gone_is_told_first(made: Desk) -> None:
    made.world.put({"users/u1/credit_transactions/t2": charge("scene_processing", draft_id=None, video_id=VIDEO)})
    refused = made.run("rebuild-record", "u1", VIDEO, *WHO, "--json")
    assert (refused.status, "neither highlights nor scenes" in refused.json["error"]["message"]) == (4, True)
    made.world.put({f"{BASE}/clips/{VIDEO}_3_split": clip(VIDEO, 3, r2_key=f"users/u1/{VIDEO}/clips/gone.mp4")})
    refused = made.run("rebuild-record", "u1", VIDEO, *WHO, "--json")
    assert (refused.status, "1 missing object" in refused.json["error"]["message"]) == (4, True)
    made.world.put({BASE: {"completed_clips": 1, "clips_count": 1, "updated_at": datetime.now(UTC)}})
    refused = made.run("rebuild-record", "u1", VIDEO, *WHO, "--json")
    assert (refused.status, "made" in refused.json["error"]["message"]) == (4, True)


def test_drafts_that_stand_still_or_failed_are_listed_and_each_is_diagnosed_by_its_id(made: Desk) -> None:
    path = "users/u1/analysis_drafts"
    names = {name: f"{number}f1c1f0e-1111-4222-8333-944445555666" for number, name in enumerate("abcd")}
    failed = draft("failed", names["b"], error_message="Job failed after 3 retries: timeout", updated_at=ago(days=1))
    private = draft("failed", names["c"], error_message="Video cannot be processed: Private video")
    made.world.put(
        {
            f"{path}/{names['a']}": draft("analyzing", names["a"], updated_at=ago(hours=1)),
            f"{path}/{names['b']}": failed,
            f"{path}/{names['c']}": private,
            f"{path}/{names['d']}": draft("pending", names["d"], updated_at=ago(minutes=5)),
        }
    )
    listed = made.run("diagnose", "--stuck", "--json").json["drafts"]
    assert {(d["draft_id"], d["verdict"]) for d in listed} == {
        (names["a"], "analysis_stalled"),
        (names["b"], "failed_transient"),
    }
    told = {name: made.run("diagnose", "u1", draft_id, "--json") for name, draft_id in names.items()}
    assert {name: (found.status, found.json["verdict"]) for name, found in told.items()} == {
        "a": (1, "analysis_stalled"),
        "b": (1, "failed_transient"),
        "c": (1, "failed_permanent"),
        "d": (0, "waiting"),
    }
    own = made.run("diagnose", "u1", DRAFT, "--json").json
    assert (own["verdict"], own["video_ids"]) == ("healthy", [VIDEO])
    assert names["b"] in made.run("diagnose", "--stuck").out


@pytest.mark.parametrize(
    "text",
    [
        f"users/u1/analysis_drafts/{DRAFT}",
        f"https://desk.example.com/user?uid=u1&draft_id={DRAFT}",
        f'level=error msg="analysis failed" user_id=u1 draft_id={DRAFT}',
        f"worker lost {DRAFT} after 3 attempts",
    ],
)
def test_a_draft_is_found_by_its_path_a_link_to_it_and_a_line_of_a_log(made: Desk, text: str) -> None:
    matches = made.run("find", text, "--json").json["matches"]
    assert ("draft", DRAFT) in {(match["type"], match["draft_id"]) for match in matches}


def test_a_video_made_of_a_draft_is_not_said_to_have_no_document(made: Desk) -> None:
    found = made.run("find", f"https://viralclipai.io/history/{VIDEO}", "--json").json["matches"]
    assert [(one["type"], one["uid"], one["video_id"]) for one in found] == [("video", "u1", VIDEO)]
    assert "its document does not say its id" in found[0]["why"]
