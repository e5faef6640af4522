"""The page of a video: what it reads, and what it says of a setting that bends its answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from pages._ui.data import loads, resources
from tests.rigs.clips import PAGE, film
from tests.rigs.http_faults import Answer
from tests.rigs.lists import named
from tests.rigs.records import clip, user, video
from tests.ui.conftest import LiveApp, words
from tests.ui.test_page_costs import said

REFRESH = "video-fresh_refresh"
IDS = {"uid": "u1", "video_id": "vid-0001"}


def delivered(app: LiveApp, clips: int = 1) -> None:
    """A video with so many clips, each of them in the bucket."""
    base = "users/u1/videos/vid-0001"
    app.world.put({"users/u1": user("u1"), base: video("vid-0001", status="completed", clips_count=clips)})
    app.world.put({f"{base}/clips/vid-0001_{n}_split": clip("vid-0001", n, has_thumbnail=False) for n in range(clips)})
    for number in range(clips):
        app.writer.put(f"users/u1/vid-0001/clips/clip_01_{number}_scene_split.mp4", film(), "video/mp4")


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
    few = "the video, its owner, its highlights, requests and last changes cost few reads"
    assert 40 <= reads.total() - before <= 40 + 17, few
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


def test_the_page_looks_into_so_many_clips_by_itself_and_into_the_others_when_asked(app, r2_rig, proxy, monkeypatch):
    delivered(app, 30)
    app.writer.put("users/u1/vid-0001/clips/clip_01_0_scene_split.mp4", PAGE.ljust(1_000), "video/mp4")
    monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
    page = app.open("video", **IDS)
    assert "23 of 30 clips play, 1 does not, 6 were not looked into." in words(page)
    assert "HTML page" in words(page)
    assert "“Scene 0” (split)" in words(page)
    assert (proxy.count("GET", path=r"\.mp4$"), said(page, "object reads?")) == (24, 24)
    words(page.run())
    assert proxy.count("GET", path=r"\.mp4$") == 24
    page.button("video-look_into_all").click().run()
    assert "29 of 30 clips play, 1 does not." in words(page)
    assert proxy.count("GET", path=r"\.mp4$") == 30
    again = app.open("video", **IDS)
    assert "23 of 30 clips play" in words(again)  # another session has not asked for all
    assert proxy.count("GET", path=r"\.mp4$") == 30


def test_a_clip_that_could_not_be_looked_at_is_that_on_the_page(app, proxy, monkeypatch):
    delivered(app, 2)
    proxy.on(Answer(503, "ServiceUnavailable"), method="GET", path=r"clip_01_0_.*\.mp4$")
    monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
    page = app.open("video", clip_id="vid-0001_0_split", **IDS)
    assert "1 of 2 clips play, 1 gave no answer" in words(page)
    assert "cannot be played" not in words(page)


def test_the_line_above_the_clips_counts_those_without_a_file(app):
    delivered(app, 2)
    app.writer.delete(["users/u1/vid-0001/clips/clip_01_0_scene_split.mp4"])
    text = words(app.open("video", **IDS))
    assert "1 of 1 clip plays. 1 completed clip has no usable file." in text


def test_where_the_bucket_refuses_the_clips_are_shown_with_what_is_not_known_of_them(app, proxy, monkeypatch):
    delivered(app, 2)
    proxy.on(Answer(403, "AccessDenied"), method="GET")
    monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
    assert "Whether these clips play is not known" in words(app.open("video", role="support", **IDS))


def test_the_timeline_names_the_person_and_the_reason_to_engineers_and_only_the_deed_to_support(app):
    delivered(app, 1)
    entry = {"action": "set-status", "actor": "eng@corp.test", "reason": "ticket 7", "outcome": "done"}
    at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    app.world.put({"ops_audit/000000000001": {**entry, "uid": "u1", "video_id": "vid-0001", "at": at}})
    told = words(app.open("video", role="engineer", **IDS))
    assert "The team set the status (eng@corp.test): “ticket 7”" in told
    reduced = words(app.open("video", role="support", **IDS))
    assert "The team set the status" in reduced
    assert "eng@corp.test" not in reduced
    assert "ticket 7" not in reduced


def test_highlights_whose_times_make_no_sense_are_named_on_the_page(app, monkeypatch):
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "document")
    delivered(app, 2)
    odd = {"highlights": [{"id": 1, "title": "Back to front", "start": "00:01:00", "end": "00:00:30"}]}
    app.world.put({"users/u1/videos/vid-0001/highlights/main": odd})
    page = app.open("video", **IDS)
    text = words(page)
    assert "Times that make no sense" in str([one.proto for one in page.warning])
    assert "entry 1, end: is not after start (00:01:00 to 00:00:30)" in text
    assert "1 finding of this kind in the upload check." in text
    (entry,) = named(page, "The highlights").hrefs  # its clip
    assert entry == "./video?uid=u1&video_id=vid-0001&clip_id=vid-0001_1_split"
