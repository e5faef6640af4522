"""The User page begins with what is wrong, by its list and the last kept scan; Video is red and names the clip."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from pages._ui.data import resources
from storage.domain.scans.coverage import Coverage, ScanRange
from storage.repositories.audit_log import AuditLog
from tests.rigs.lists import lists, named
from tests.rigs.records import clip, user, video
from tests.rigs.waiting import dead_port
from tests.ui.conftest import LiveApp, words
from tests.ui.test_page_scans import NOW, finding, keep

IDS = {"uid": "u1", "video_id": "vid-0001"}
VIDEOS = "The customer's videos"


@pytest.fixture
def customer(app: LiveApp, monkeypatch: pytest.MonkeyPatch) -> LiveApp:
    """Three videos: one whose clip the scan found missing, one stopped for long, one failed."""
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "document")
    app.world.put(
        {
            "users/u1": user("u1", email="ada@example.com"),
            "users/u1/videos/vid-0001": video("vid-0001", video_title="Pusta ramka"),
            "users/u1/videos/vid-0001/clips/vid-0001_1_split": clip("vid-0001", 1, scene_title="Trzy błędy"),
            "users/u1/videos/vid-0002": video("vid-0002", video_title="Long ago", status="processing"),
            "users/u1/videos/vid-0003": video(
                "vid-0003", video_title="No sound", status="failed", error_message="It has no *sound*"
            ),
            "users/u1/videos/vid-0004": video("vid-0004", video_title="Fine"),
        }
    )
    return app


def seen(page: AppTest) -> dict[str, str]:
    rows = named(page, VIDEOS).value
    return {title: row[0] for title, row in zip(rows["video_title"], rows["sees"], strict=True)}


def test_support_sees_first_which_videos_have_a_problem_and_which_clip_it_is(customer):
    keep(customer, finding("u1"))
    page = customer.open("user", role="support", uid="u1")
    text = words(page)
    for said in (
        "3 of 4 videos have a problem", "1 video with clips that do not play",
        "“Trzy błędy” (split): the file is not there",
        "1 video still processing since", "it was not checked lately whether this is a known outage",
        "It has no *sound*", "files by the scan of",
    ):  # fmt: skip
        assert said in text, said
    assert text.index("3 of 4 videos") < text.index("Storage**")
    assert seen(page) == {
        "Pusta ramka": "1 clip that does not play", "Long ago": "Still processing", "No sound": "Failed",
    }  # fmt: skip
    page.segmented_control("user-which").set_value("all").run()
    assert seen(page)["Fine"] == "Clips, files in place"
    assert [one.hrefs[0] for one in lists(page) if one.label == VIDEOS] == ["./video?uid=u1&video_id=vid-0001"]
    back = customer.open("user", role="support", uid="u1", videos="all")  # Back, and a reload
    assert seen(back)["Fine"] == "Clips, files in place"


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (None, "no scan is kept"),
        ({"coverage": Coverage((ScanRange(after="u5"),))}, "did not look at this customer"),
        ({"doubt": "Everything is gone."}, "cannot be right"),
    ],
)
def test_what_no_scan_looked_at_is_never_well(customer, kept, said):
    if kept is not None:
        keep(customer, *([finding("u1")] if "doubt" in kept else []), **kept)
    customer.world.put({f"users/u1/videos/vid-000{number}": video(f"vid-000{number}") for number in (2, 3)})
    page = customer.open("user", role="support", uid="u1")
    text = words(page)
    assert said in text
    assert "No problem is known" not in text
    assert set(seen(page).values()) == {"Clips, files not looked at"}


def test_a_bucket_that_is_away_is_named_at_the_top_and_the_files_count_as_unknown(customer, monkeypatch):
    keep(customer, finding("u1"))
    with dead_port() as port:
        monkeypatch.setenv("R2_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        text = words(customer.open("user", uid="u1"))
    assert text.index("R2 does not answer") < text.index("ada@example.com")
    assert "the last scan could not be read (R2 does not answer.)" in text


def test_a_stopped_video_says_whether_it_belongs_to_an_outage_that_this_process_saw(customer):
    customer.open("overview", role="engineer")
    resources.last_outages().keep((), NOW)
    assert "no known outage, as of" in words(customer.open("user", role="support", uid="u1"))


def test_a_search_within_the_customer_finds_a_clip_by_its_title_and_its_file(customer):
    for text in ("trzy bledy", "clip_01_1_scene"):
        page = customer.open("user", role="support", uid="u1", **{"user-find": text})
        assert named(page, "Clips that match").hrefs == ["./video?uid=u1&video_id=vid-0001&clip_id=vid-0001_1_split"]
        assert list(named(page, VIDEOS).value["video_title"]) == ["Pusta ramka"]
    assert "Nothing in this account matches" in words(customer.open("user", uid="u1", **{"user-find": "nowhere"}))


def test_pictures_of_the_list_are_on_record_once_and_only_of_the_customer_s_own_files(customer):
    base = "users/u1/videos/vid-000"
    own, foreign = "users/u1/vid-0004/clips/a.jpg", "users/u2/vid-0001/clips/b.jpg"
    customer.world.put(
        {
            f"{base}4/clips/c": clip("vid-0004", 1, thumbnail_r2_key=own),
            f"{base}3/clips/c": clip("vid-0003", 1, thumbnail_r2_key=foreign),
        }
    )
    page = customer.open("user", role="support", uid="u1")
    page.segmented_control("user-which").set_value("all").run()
    rows = named(page, VIDEOS).value
    pictures = dict(zip(rows["video_title"], rows["picture"], strict=True))
    assert [title for title, address in pictures.items() if isinstance(address, str)] == ["Fine"]
    assert "X-Amz-Signature" in pictures["Fine"]
    page.run()
    looks = AuditLog(customer.world.handle).search(uid="u1", action="media.look", limit=10)
    assert [(one["uid"], one["video_id"]) for one in looks] == [("u1", "")]


def test_the_head_of_a_video_is_red_and_names_the_clip_for_everybody(customer):
    for role in ("support", "engineer"):
        text = words(customer.open("video", role=role, **IDS))
        assert "Customer sees “processing”" in text  # it has no highlights
        assert "1 of 1 clip does not play: “Trzy błędy” (split): the file is not there." in text
        assert "status: completed" in text
