"""Drafts on the pages: found on the user's page when asked for, named where a video was made of one, and mended."""

from __future__ import annotations

from pages._ui.data import loads
from tests.cli.conftest import MEDIA
from tests.cli.test_drafts import BASE, DRAFT, VIDEO, ago, charge, draft, scene
from tests.rigs.records import clip, user
from tests.ui.conftest import LiveApp, unfold, words
from tests.ui.test_fixes import press

PATH = "users/u1/analysis_drafts"


def rendered(app: LiveApp) -> None:
    """A draft of two scenes, one that failed, and the video that was made of the first."""
    key = f"users/u1/{VIDEO}/clips/clip_01_1_scene_split.mp4"
    size = app.writer.put(key, MEDIA / "clip_a.mp4", "video/mp4").size_bytes
    made_at = {"created_at": ago(hours=3), "updated_at": ago(hours=3)}
    app.world.put(
        {
            "users/u1": user("u1", total_storage_bytes=5, total_clips_count=1),
            f"{PATH}/{DRAFT}": draft("completed"),
            f"{PATH}/{DRAFT}/scenes/1": scene(1),
            f"{PATH}/failed-1": draft("failed", "failed-1", error_message="timeout", updated_at=ago(days=1)),
            "users/u1/credit_transactions/t2": charge("scene_processing", video_id=VIDEO),
            BASE: {"completed_clips": 1, "clips_count": 1, "updated_at": ago(hours=2)},
            f"{BASE}/clips/{VIDEO}_1_split": clip(
                VIDEO, 1, r2_key=key, file_size_bytes=size, has_thumbnail=False, duration_seconds=None, **made_at
            ),
        }
    )


def test_drafts_cost_nothing_until_asked_for_and_a_link_opens_one_with_its_scenes_and_charges(app: LiveApp) -> None:
    rendered(app)
    page = app.open("user", uid="u1")
    assert "failed-1" not in words(page)
    shown = words(unfold(page, "drafts"))
    assert DRAFT in shown
    assert "failed-1" in shown
    assert loads.drafts("u1").cost.firestore_reads == 2, "one for each draft"
    one = words(app.open("user", uid="u1", draft_id=DRAFT))
    for part in ("A long talk", "Scene 1", "Process 2 scenes (split)", "choose the scenes"):
        assert part in one
    assert "There is no draft" in words(app.open("user", uid="u1", draft_id="nothing-here"))


def test_a_video_says_of_which_draft_it_was_made_and_the_list_shows_drafts_that_need_a_person(app: LiveApp) -> None:
    rendered(app)
    video = words(app.open("video", uid="u1", video_id=VIDEO))
    assert f"Made from the draft {DRAFT}" in video
    assert "Rebuild the record" in video
    stuck = words(app.open("processing"))
    assert "failed-1" in stuck
    assert VIDEO in stuck
    first = words(app.open("overview"))
    assert "1 draft with a stalled or failed analysis" in first
    assert "Delivered videos were not checked" in first


def test_the_record_is_rebuilt_from_the_page(app: LiveApp) -> None:
    rendered(app)
    shown = press(app.open("video", role="engineer", uid="u1", video_id=VIDEO), "Rebuild the record…")
    next(one for one in shown.text_input if one.label.startswith("Reason")).set_value("ticket 4711")
    shown.run()
    text = words(press(shown, "Show what will change"))
    assert "created_at" in text
    assert f"From the draft {DRAFT}, which has 1 scene." in text
    assert "created_at" not in app.world.fields(BASE)
    assert "was rebuilt" in words(press(shown, "Rebuild the record"))
    assert app.world.fields(BASE)["status"] == "completed"
    assert len(app.world.fields(f"{BASE}/highlights/main")["highlights"]) == 1
