"""The page of a video: what it reads, and what it says of a setting that bends its answer."""

from __future__ import annotations

import streamlit as st

from pages._ui.data import loads, resources
from tests.rigs.records import clip, user, video
from tests.ui.conftest import LiveApp, words

REFRESH = "video-fresh_refresh"
IDS = {"uid": "u1", "video_id": "vid-0001"}


def delivered(app: LiveApp, clips: int = 1) -> None:
    """A video with so many clips, each of them in the bucket."""
    base = "users/u1/videos/vid-0001"
    app.world.put({"users/u1": user("u1"), base: video("vid-0001", status="completed", clips_count=clips)})
    app.world.put({f"{base}/clips/vid-0001_{n}_split": clip("vid-0001", n, has_thumbnail=False) for n in range(clips)})
    for number in range(clips):
        app.writer.put(f"users/u1/vid-0001/clips/clip_01_{number}_scene_split.mp4", b"x" * 1_000, "video/mp4")


def test_a_prefix_that_no_key_begins_with_is_told_to_support_and_on_the_overview(app, monkeypatch):
    delivered(app)
    assert "R2_KEY_PREFIX" not in words(app.open("video", role="support", **IDS))
    monkeypatch.setenv("R2_KEY_PREFIX", "user/")
    resources.close()  # the desk begins anew, as it does with every setting
    st.cache_data.clear()
    st.cache_resource.clear()
    assert "R2_KEY_PREFIX ('user/')" in words(app.open("video", role="support", **IDS))
    assert "Set R2_KEY_PREFIX to 'users/'" in words(app.open("overview"))


def test_the_clips_are_read_once_for_gallery_and_diagnosis_and_are_as_old_as_both(app):
    delivered(app, 40)
    reads = app.world.faults.reads
    before = reads.total()
    page = app.open("video", **IDS)
    assert 40 <= reads.total() - before <= 40 + 15, "the video, its owner and its highlights cost few reads"
    case = loads.case("u1", "vid-0001")
    assert case.read_at <= case.value.clips.read_at <= case.value.facts.now

    app.world.put({"users/u1/videos/vid-0001/clips/vid-0001_99_split": clip("vid-0001", 99)})
    loads.clips.clear()
    before = reads.total()
    words(page.run())
    assert reads.total() == before, "no newer clips beside an older diagnosis"
    page.button(REFRESH).click().run()
    words(page)
    assert len(loads.case("u1", "vid-0001").value.clips.frame) == 41
