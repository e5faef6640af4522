"""`diagnose` says what persons did to a video, who and why, and how long its steps took beside those of others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from grpc import StatusCode

from tests.cli.conftest import Desk, both_firestores
from tests.rigs.records import clip, user, video

BASE = "users/u1/videos"
NOW = datetime.now(UTC)
CREATED = NOW - timedelta(days=2)
WHO = ("--actor", "Op@Example.com", "--reason", "ticket 7: it never ended")


def analysed(desk: Desk, video_id: str, minutes: float, clips: int = 0) -> None:
    """A video of 10 minutes whose analysis took so long, with clips 20 seconds apart."""
    ended = CREATED + timedelta(minutes=minutes)
    times = {"created_at": CREATED, "updated_at": ended, "completed_at": ended if clips else None}
    entries = [{"id": 1, "title": "One", "start": "00:00:01", "end": "00:10:00"}]
    documents = {
        f"{BASE}/{video_id}": video(video_id, status="completed" if clips else "analyzed", clips_count=clips, **times),
        f"{BASE}/{video_id}/highlights/main": {"highlights": entries, "created_at": ended, "video_id": video_id},
    }
    for number in range(clips):
        at = ended + timedelta(seconds=20 * number)
        documents[f"{BASE}/{video_id}/clips/{video_id}_{number}_split"] = clip(video_id, number, created_at=at)
    desk.world.put(documents)


@both_firestores
def test_what_persons_did_and_how_long_the_steps_took_stand_in_the_timeline(desk: Desk, monkeypatch) -> None:
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "document")
    old = {"created_at": CREATED, "updated_at": CREATED, "completed_at": None, "clips_count": 0}
    desk.world.put({"users/u1": user("u1"), f"{BASE}/stalled": video("stalled", status="processing", **old)})
    for number in range(6):
        analysed(desk, f"other-{number}", minutes=3 + number / 10, clips=3)
    assert desk.run("set-status", "u1", "stalled", "failed", *WHO).status == 0
    answer = desk.run("diagnose", "u1", "stalled", "--json")
    deeds = [entry for entry in answer.json["timeline"] if entry["store"] == "person"]
    assert [(one["event"], one["who"], one["why"]) for one in deeds] == [
        ("The team set the status", "op@example.com", "ticket 7: it never ended")
    ]
    assert (
        "The team set the status (op@example.com): “ticket 7: it never ended”"
        in desk.run("diagnose", "u1", "stalled").out
    )
    analysed(desk, "slow", minutes=90)
    found = desk.run("diagnose", "u1", "slow", "--json").json
    (took,) = found["durations"]
    assert (took["step"], took["at_most"], took["others"]) == ("analysis", True, 7)
    assert took["usual_seconds"][0] < 300
    assert found["cost"]["firestore_reads"] <= 8, "what was read for the history is billed to the command, not the case"
    assert not [entry for entry in found["timeline"] if entry["store"] == "person"]


def test_a_history_that_could_not_be_read_is_a_note_and_the_diagnosis_stands(desk: Desk) -> None:
    at = NOW - timedelta(hours=5)
    desk.world.put({"users/u1": user("u1"), f"{BASE}/v": video("v", status="processing", created_at=at, updated_at=at)})
    asked = {"ops_audit", "highlights"}
    desk.world.faults.refuse(
        "RunQuery",
        StatusCode.PERMISSION_DENIED,
        "no",
        when=lambda request: bool(asked & {one.collection_id for one in request.structured_query.from_}),
        times=2,
    )
    answer = desk.run("diagnose", "u1", "v", "--json")
    assert answer.json["verdict"] in {"analysis_stalled", "render_stalled"}
    assert answer.json["durations"] == []
    assert "what persons did could not be read" in answer.err
    assert "what other videos took could not be read" in answer.err


def test_groups_of_failures_are_told_and_put_aside_from_the_shell(desk: Desk) -> None:
    for number in range(3):
        at = NOW - timedelta(hours=2 + 5 * number)
        times = {"created_at": at, "updated_at": at, "failed_at": at, "completed_at": None}
        failed = video(f"v{number}", status="failed", error_message=f"HTTP 50{number}", **times)
        desk.world.put({"users/u1": user("u1"), f"{BASE}/v{number}": failed})
    listed = desk.run("diagnose", "--stuck", "--json").json
    (group,) = listed["groups"]
    assert (group["count"], group["life"], group["text"]) == (3, "new", "http #")
    assert [one["video_id"] for one in listed["failed"]] == ["v0", "v1", "v2"]
    assert "NEW: 3 videos of 1 customer: http #" in desk.run("diagnose", "--stuck").out
    who = ("--actor", "Op@Example.com", "--reason", "ticket 7: known")
    assert desk.run("failure-group", group["id"], "archived", "--until-more", "0", *who).status == 2
    assert desk.run("failure-group", "nonsense", "resolved", *who).status == 2
    assert desk.run("failure-group", group["id"], "open", *who).status == 4
    done = desk.run("failure-group", group["id"], "archived", "--until-more", "9", *who, "--json")
    assert (done.status, done.json["state"]) == (0, "archived")
    assert desk.run("diagnose", "--stuck", "--json").json["groups"][0]["life"] == "archived"
    assert "NEW: 3 videos" not in desk.run("diagnose", "--stuck").out
    told = desk.run("audit", "--json").json["events"]
    assert [(one["outcome"], one["reason"]) for one in told if one["action"] == "failure-group"][:2] == [
        ("done", "ticket 7: known"),
        ("begun", "ticket 7: known"),
    ]
