"""The repairs on the Video page: shown first, written as shown, refused without permission, and taken back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode
from streamlit.testing.v1 import AppTest

from pages._ui.access.identity import PERSONA
from pages._ui.views.repair.kinds import KINDS
from storage.domain.highlights import for_file
from storage.repositories.audit_log import AuditLog
from tests.rigs.records import clip, user, video
from tests.ui.conftest import LiveApp, unfold, words

IDS = {"uid": "u1", "video_id": "vid-0001"}
VIDEO = "users/u1/videos/vid-0001"
HIGHLIGHTS = "users/u1/vid-0001/highlights.json"
OBJECT = "users/u1/vid-0001/clips/clip_01_1_scene_split.mp4"
ENTRY = {"id": 1, "title": "The hook", "start": "00:00:01", "end": "00:00:09"}
MEDIA = Path(__file__).resolve().parents[2] / "storage" / "sandbox" / "media"
LONG_AGO = datetime.now(UTC) - timedelta(days=2)


def put_highlights(app: LiveApp, *entries: dict[str, Any]) -> None:
    app.writer.put(HIGHLIGHTS, json.dumps({"highlights": entries or [ENTRY]}).encode(), "application/json")


def stuck(app: LiveApp, **fields: Any) -> None:
    """Highlights and the one expected clip are there; the status was never set."""
    put_highlights(app)
    size = app.writer.put(OBJECT, MEDIA / "clip_a.mp4", "video/mp4").size_bytes
    old = {"created_at": LONG_AGO, "updated_at": LONG_AGO, "completed_at": None, "expected_clips": 1}
    counters = {"clips_count": 1, "total_size_bytes": size, "clips_by_style": {"split": 1}}
    one = clip("vid-0001", 1, file_size_bytes=size, thumbnail_r2_key=None, has_thumbnail=False, created_at=LONG_AGO)
    app.world.put(
        {
            "users/u1": user("u1", total_storage_bytes=size, total_clips_count=1),
            VIDEO: video("vid-0001", **{"status": "processing", **old, **counters, **fields}),
            f"{VIDEO}/highlights/main": {"video_id": "vid-0001", "highlights": [ENTRY]},
            f"{VIDEO}/clips/vid-0001_1_split": one,
        }
    )


def button(app: AppTest, label: str) -> Any:
    found = [one for one in app.button if one.label == label]
    assert found, f"{label!r} is not among {[one.label for one in app.button]}"
    return found[0]


def press(app: AppTest, label: str) -> AppTest:
    button(app, label).click()
    app.run()
    words(app)
    return app


def planned(app: LiveApp, repair: str, *, role: str = "engineer", reason: str = "ticket 4711") -> AppTest:
    """The dialog of a repair, which shows what would change."""
    shown = press(app.open("video", role=role, **IDS), f"{repair}…")
    next(one for one in shown.text_input if one.label.startswith("Reason")).set_value(reason)
    shown.run()
    return press(shown, "Show what will change")


def recorded(app: LiveApp) -> list[tuple[str, str]]:
    return [(entry["action"], entry["outcome"]) for entry in AuditLog(app.world.handle).search(uid="u1")]


def test_a_status_is_shown_before_and_after_then_set_then_taken_back(app):
    stuck(app)
    shown = planned(app, "Set the status")
    text = words(shown)
    assert "completed_at" in text
    assert app.world.fields(VIDEO)["status"] == "processing"  # showing changes nothing
    press(shown, "Set the status to completed")
    assert app.world.fields(VIDEO)["status"] == "completed"
    assert "The status was set." in words(shown)
    assert "Healthy" in words(shown)  # the page was read anew
    press(shown, "Undo")
    assert app.world.fields(VIDEO)["status"] == "processing"
    assert app.world.fields(VIDEO)["completed_at"] is None
    assert "put back" in words(shown)
    assert [one.label for one in shown.button].count("Undo") == 0
    assert recorded(app)[:4] == [
        ("undo-change", "done"), ("undo-change", "begun"), ("set-status", "done"), ("set-status", "begun"),
    ]  # fmt: skip


def test_a_plan_is_refused_when_the_world_moved_after_it_was_shown(app):
    stuck(app)
    shown = planned(app, "Set the status")
    app.world.put({VIDEO: {**app.world.fields(VIDEO), "expected_clips": 5}})
    press(shown, "Set the status to completed")
    assert app.world.fields(VIDEO)["status"] == "processing"
    assert "Refused, and nothing was changed" in words(shown)
    assert recorded(app)[0] == ("set-status", "refused")


def test_what_was_changed_since_is_not_undone(app):
    stuck(app)
    shown = press(planned(app, "Set the status"), "Set the status to completed")
    app.world.put({VIDEO: {**app.world.fields(VIDEO), "status": "failed"}})
    press(shown, "Undo")
    assert app.world.fields(VIDEO)["status"] == "failed"
    assert "changed since" in words(shown)


def test_a_role_taken_away_between_plan_and_confirmation_changes_nothing(app):
    stuck(app)
    shown = planned(app, "Set the status")
    shown.session_state[PERSONA] = "support@demo.local"
    button(shown, "Set the status to completed").click()
    shown.run()
    assert app.world.fields(VIDEO)["status"] == "processing"
    assert ("set-status", "done") not in recorded(app)
    refused = [one for one in AuditLog(app.world.handle).search() if one["outcome"] == "refused"]
    assert [(one["action"], one["actor"], one["detail"]["code"]) for one in refused] == [
        ("fix", "support@demo.local", "not_permitted")
    ]


def test_a_role_taken_away_keeps_undo_from_working(app):
    stuck(app)
    shown = press(planned(app, "Set the status"), "Set the status to completed")
    shown.session_state[PERSONA] = "operations@demo.local"
    button(shown, "Undo").click()
    shown.run()
    assert app.world.fields(VIDEO)["status"] == "completed"


def test_evidence_that_speaks_against_a_status_is_listed_and_offers_no_button(app):
    stuck(app, expected_clips=3)
    shown = press(app.open("video", role="engineer", **IDS), "Set the status…")
    next(one for one in shown.segmented_control if one.label == "Status").set_value("completed")
    next(one for one in shown.text_input if one.label.startswith("Reason")).set_value("ticket 4711")
    shown.run()
    press(shown, "Show what will change")
    assert "Found: 1 of 3 expected clips" in words(shown)
    assert not [one for one in shown.button if one.label.startswith("Set the status to")]
    assert app.world.fields(VIDEO)["status"] == "processing"
    assert recorded(app)[0] == ("set-status", "refused")


def test_what_was_typed_is_gone_when_a_dialog_is_opened_again_and_the_cursor_begins_in_the_reason(app):
    stuck(app)
    shown = planned(app, "Set the status", reason="typed before")
    press(shown, "Set the status…")
    begun = [one.proto.json for one in shown.get("bidi_component") if one.proto.component_name == "clipdesk_focus"]
    assert any("fix" in one and "reason" in one for one in begun)
    assert next(one for one in shown.text_input if one.label.startswith("Reason")).value == ""
    assert button(shown, "Show what will change").disabled
    assert not [one for one in shown.button if one.label.startswith("Set the status to")]


def test_another_reason_than_the_one_planned_with_must_be_planned_again(app):
    stuck(app)
    shown = planned(app, "Set the status")
    next(one for one in shown.text_input if one.label.startswith("Reason")).set_value("another reason")
    shown.run()
    assert not [one for one in shown.button if one.label.startswith("Set the status to")]


def test_highlights_are_rebuilt_from_the_document_and_put_back(app):
    stuck(app, status="completed")
    app.writer.put(HIGHLIGHTS, b'{"highlights": [{"id"', "application/json")
    shown = planned(app, "Rebuild the highlights")
    press(shown, "Write the highlights")
    assert json.loads(app.objects.get_bytes(HIGHLIGHTS, 10_000))["highlights"] == list(for_file([ENTRY]))
    press(shown, "Undo")
    assert app.objects.get_bytes(HIGHLIGHTS, 10_000) == b'{"highlights": [{"id"'


@pytest.mark.parametrize("status", ["processing", None])
def test_highlights_are_not_written_while_the_product_takes_the_video_for_being_processed(app, status):
    stuck(app, status=status)
    app.writer.put(HIGHLIGHTS, b"broken", "application/json")
    shown = planned(app, "Rebuild the highlights")
    assert "not written while the video is being processed" in words(shown)
    assert not [one for one in shown.button if one.label == "Write the highlights"]
    assert app.objects.get_bytes(HIGHLIGHTS, 100) == b"broken"


def test_highlights_that_the_worker_wrote_meanwhile_are_left_as_they_are(app):
    stuck(app, status="completed")
    app.writer.put(HIGHLIGHTS, b"broken", "application/json")
    shown = planned(app, "Rebuild the highlights")
    fresh = {**ENTRY, "title": "Written by the worker meanwhile"}
    put_highlights(app, fresh)
    press(shown, "Write the highlights")
    assert json.loads(app.objects.get_bytes(HIGHLIGHTS, 10_000))["highlights"] == [fresh]
    assert "was changed since this was planned" in words(shown)


def test_highlights_come_from_a_file_that_is_checked_first(app):
    stuck(app, status="completed")
    shown = press(app.open("video", role="engineer", **IDS), "Rebuild the highlights…")
    shown.radio[0].set_value("file").run()
    shown.file_uploader[0].set_value(("h.json", b'{"highlights": [{"id": 1}]}', "application/json"))
    next(one for one in shown.text_input if one.label.startswith("Reason")).set_value("ticket 4711")
    shown.run()
    press(shown, "Show what will change")
    assert "entry 1, title" in words(shown)
    assert not [one for one in shown.button if one.label == "Write the highlights"]


def test_counters_are_made_true_by_operations_and_taken_back(app):
    stuck(app, status="completed", clips_count=7)
    shown = planned(app, "Recount", role="operations")
    assert "clips_count" in words(shown)
    press(shown, "Write the counters")
    assert app.world.fields(VIDEO)["clips_count"] == 1
    press(shown, "Undo")
    assert app.world.fields(VIDEO)["clips_count"] == 7


REPAIRS = {f"{kind.title}…" for kind in KINDS}


def greyed(app: AppTest) -> dict[str, str]:
    """The buttons of repairs that are greyed, with what each says of the rule that stops it."""
    return {one.label: one.help for one in app.button if one.label in REPAIRS and one.disabled}


def test_operations_may_recount_and_sees_which_rule_stops_each_other_repair(app):
    stuck(app)
    stopped = greyed(app.open("video", role="operations", **IDS))
    assert set(stopped) == REPAIRS - {"Recount…"}
    assert all("needs the role engineer" in why for why in stopped.values())
    assert not greyed(app.open("video", role="engineer", **IDS))
    shown = unfold(app.open("user", role="support", uid="u1"), "truth")
    assert "needs the role operations" in greyed(shown)["Recount…"]


def test_a_recount_is_refused_while_clips_are_being_written(app):
    stuck(app, clips_count=7, updated_at=datetime.now(UTC))
    shown = planned(app, "Recount", role="operations")
    assert "clips are being written" in words(shown)
    assert not [one for one in shown.button if one.label == "Write the counters"]
    assert app.world.fields(VIDEO)["clips_count"] == 7


def test_a_missing_clip_is_replaced_from_a_file(app):
    stuck(app, status="completed")
    app.writer.delete([OBJECT])
    before = app.world.fields(f"{VIDEO}/clips/vid-0001_1_split")["file_size_bytes"]
    shown = press(app.open("video", role="engineer", **IDS), "Replace a clip from a file…")
    content = (MEDIA / "clip_b.mp4").read_bytes()
    shown.file_uploader[0].set_value(("b.mp4", content, "video/mp4"))
    next(one for one in shown.text_input if one.label.startswith("Reason")).set_value("ticket 4711")
    shown.run()
    press(shown, "Show what will change")
    press(shown, "Store the clip")
    assert app.objects.get_bytes(OBJECT, 10**7) == content
    assert app.world.fields(f"{VIDEO}/clips/vid-0001_1_split")["file_size_bytes"] == len(content)
    assert "The clip was stored" in words(shown)
    press(shown, "Undo")
    assert app.objects.head(OBJECT) is None
    assert app.world.fields(f"{VIDEO}/clips/vid-0001_1_split")["file_size_bytes"] == before
    assert "put back" in words(shown)


def test_an_intact_clip_is_not_overwritten_and_a_file_that_is_no_clip_is_refused(app):
    stuck(app, status="completed")
    shown = press(app.open("video", role="engineer", **IDS), "Replace a clip from a file…")
    reason = next(one for one in shown.text_input if one.label.startswith("Reason"))
    shown.file_uploader[0].set_value(("b.mp4", (MEDIA / "clip_b.mp4").read_bytes(), "video/mp4"))
    reason.set_value("ticket 4711")
    shown.run()
    press(shown, "Show what will change")
    assert "there and intact" in words(shown)
    assert not [one for one in shown.button if one.label == "Store the clip"]
    shown.file_uploader[0].set_value(("b.mp4", b"no clip at all", "video/mp4"))
    shown.run()
    press(shown, "Show what will change")
    assert "This cannot be used" in words(shown)


def test_nothing_is_offered_while_the_bucket_cannot_be_believed(app):
    clips = {
        f"{VIDEO}/clips/vid-0001_{n}_split": clip("vid-0001", n, created_at=LONG_AGO, thumbnail_r2_key=None)
        for n in range(1, 25)
    }
    app.world.put({"users/u1": user("u1"), VIDEO: video("vid-0001", created_at=LONG_AGO, updated_at=LONG_AGO), **clips})
    shown = app.open("video", role="engineer", **IDS)
    assert "No repairs now" in words(shown)
    stopped = greyed(shown)
    assert set(stopped) == REPAIRS
    assert all("Check again when the settings are right" in why for why in stopped.values())


def test_nothing_is_changed_that_could_not_be_put_on_record(app):
    stuck(app)
    shown = planned(app, "Set the status")
    app.world.faults.refuse("Commit", StatusCode.PERMISSION_DENIED, times=None)
    press(shown, "Set the status to completed")
    assert app.world.fields(VIDEO)["status"] == "processing"
    assert "Access denied" in words(shown)


def test_who_may_not_plan_a_purge_sees_which_rule_stops_it(app):
    stuck(app)
    shown = app.open("video", role="operations", **IDS)
    assert not shown.button("video-fix-purge").disabled
    clip = app.open("video", role="support", clip_id="vid-0001_1_split", **IDS)
    found = [clip.button("video-plan_purge-vid-0001_1_split")]
    for role in ("operations", "support"):
        shown = app.open("user", role=role, uid="u1")
        found += [one.proto for one in shown.get("page_link") if one.proto.label == "Plan a purge"]
    assert [one.disabled for one in found] == [True, False, True]
    assert all("needs the role operations" in one.help for one in found if one.disabled)


def test_the_page_leads_to_the_advised_repair_and_folds_away_what_passed(app):
    stuck(app)
    shown = app.open("video", role="engineer", **IDS)
    assert "[Repair (advised: set the status)](#repair)" in words(shown)
    folded = next(one for one in shown.expander if "passed" in one.label)
    tables = [table.value for table in shown.table]
    assert len(tables) == 2  # failed checks in sight, passed checks in the expander
    assert f"{len(tables[1])} checks passed" == folded.label
    assert not any("Failed" in str(cell) for cell in tables[1]["Result"])
    support = words(app.open("video", role="support", **IDS))
    assert "#clips" in support
    assert "#repair" not in support


def test_a_thumbnail_is_shown_before_it_is_written_and_put_back(app):
    stuck(app, status="completed")
    shown = press(app.open("video", role="engineer", **IDS), "Write a thumbnail…")
    next(one for one in shown.radio if one.label == "From").set_value("file").run()
    shown.file_uploader[0].set_value(("a.jpg", (MEDIA / "clip_a.jpg").read_bytes(), "image/jpeg"))
    next(one for one in shown.text_input if one.label.startswith("Reason")).set_value("ticket 4711")
    shown.run()
    press(shown, "Show what will change")
    picture = OBJECT.replace(".mp4", ".jpg")
    assert f"The picture at {picture} will be" in words(shown)
    assert app.objects.head(picture) is None
    press(shown, "Write the thumbnail")
    assert app.objects.get_bytes(picture, 10**7) == (MEDIA / "clip_a.jpg").read_bytes()
    assert app.world.fields(f"{VIDEO}/clips/vid-0001_1_split")["thumbnail_r2_key"] == picture
    assert recorded(app)[0] == ("thumbnail", "done")
    press(shown, "Undo")
    assert app.objects.head(picture) is None
