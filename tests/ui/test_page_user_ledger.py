"""The User page where a customer is over by a wrong number: told first, shown, corrected and taken back."""

from __future__ import annotations

import pytest

from tests.rigs.records import clip, user, video
from tests.ui.conftest import LiveApp, unfold, words
from tests.ui.test_fixes import press

GIB = 1024**3
BASE = "users/u1/videos/vid-0001"
CLIP = f"{BASE}/clips/vid-0001_1_split"


@pytest.fixture
def over(app: LiveApp) -> LiveApp:
    """A customer of the free plan whose one clip document says 2 GiB; its object has 8 bytes."""
    app.world.put(
        {
            "users/u1": user("u1", plan="free", total_storage_bytes=2 * GIB, total_clips_count=1),
            BASE: video("vid-0001", status="completed", clips_count=1, total_size_bytes=2 * GIB),
            CLIP: clip("vid-0001", 1, file_size_bytes=2 * GIB),
        }
    )
    app.writer.put("users/u1/vid-0001/clips/clip_01_1_scene_split.mp4", b"12345678", "video/mp4")
    return app


def test_a_wrong_size_is_found_told_first_mended_and_taken_back(over: LiveApp) -> None:
    shown = unfold(over.open("user", role="operations", uid="u1"), "truth")
    text = words(shown)
    assert "vid-0001_1_split reached the limit of 1.00 GiB" in text
    assert text.index("Over the limit by a wrong number") < text.index("Storage")
    assert "the objects in the bucket have 8 B" in text
    assert "Wrong size in the document: -2,147,483,640 bytes" in text.replace("wrong size", "Wrong size")
    press(shown, "Recount…")
    next(box for box in shown.checkbox if box.label.startswith("Correct the sizes")).check()
    next(one for one in shown.text_input if one.label.startswith("Reason")).set_value("ticket 4711")
    shown.run()
    press(shown, "Show what will change")
    assert over.world.fields(CLIP)["file_size_bytes"] == 2 * GIB  # showing changes nothing
    assert "storage 2.00 GiB of 1.00 GiB (200 %) → 8 B of 1.00 GiB (> 0 %); may upload: no → yes" in words(shown)
    press(shown, "Write the sizes and counters")
    assert over.world.fields(CLIP)["file_size_bytes"] == 8
    assert over.world.fields("users/u1")["total_storage_bytes"] == 8
    text = words(shown)
    assert "by a wrong number" not in text
    assert "agree to the byte" in text
    press(shown, "Undo")
    assert over.world.fields(CLIP)["file_size_bytes"] == 2 * GIB
    assert over.world.fields("users/u1")["total_storage_bytes"] == 2 * GIB


def test_what_if_is_answered_beside_the_figures_of_now(over: LiveApp) -> None:
    shown = unfold(over.open("user", role="support", uid="u1"), "what_if")
    shown.selectbox("user-if-plan").set_value("pro")
    shown.multiselect("user-if-without").set_value(["vid-0001"])
    shown.text_input("user-if-video").set_value("6GiB").run()
    text = words(shown)
    assert "without the video vid-0001; on the plan pro; with one more video whose clips have 6GiB in all" in text
    assert "6.00 GiB of 30.0 GiB (20 %)" in text
    assert "Of 3 clips the worker makes 3, and 33 credits are charged." in text
    shown.text_input("user-if-video").set_value("long").run()
    assert "neither a length nor a size" in words(shown)
    assert over.world.fields("users/u1")["plan"] == "free"


def test_a_counter_that_says_too_much_is_told_above_the_bar_without_a_listing(over: LiveApp) -> None:
    over.world.put({CLIP: clip("vid-0001", 1, file_size_bytes=8)})
    text = words(unfold(over.open("user", role="support", uid="u1"), "sides"))
    assert text.index("clip documents add up to 8 B") < text.index("The limit is checked against")
    assert "Recount corrects it." in text
    assert "Compare with the bucket" in text
