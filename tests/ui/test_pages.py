"""Every page of support in every state of the world: empty, ordinary, refused, away; and never an outage as nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import streamlit as st
from grpc import StatusCode
from streamlit.testing.v1 import AppTest

from pages._ui import nav
from tests.rigs.clips import film
from tests.rigs.lists import named, with_column
from tests.rigs.records import clip, user, video
from tests.rigs.seaweed import NOBODY, SeaweedRig
from tests.rigs.waiting import dead_port
from tests.ui.conftest import LiveApp, live_app, open_page, words

MONTH = datetime.now(UTC).strftime("%Y-%m")
IDS = {"uid": "u1", "video_id": "vid-0001"}
PAGES = sorted(nav.SCREENS)
NOTHING = ("There are no videos", "has no videos", "has no clips", "Nothing was found", "There is no such video")


def ordinary(app: LiveApp) -> None:
    app.world.put(
        {
            "users/u1": user("u1", email="ada@example.com", usage_reset_month=MONTH, credits_used_this_month=3_900),
            "users/u1/videos/vid-0001": video("vid-0001", video_title="A talk"),
            "users/u1/videos/vid-0001/clips/vid-0001_1_split": clip("vid-0001", 1, thumbnail_r2_key=None),
            "users/u1/videos/vid-0001/clips/vid-0001_2_split": clip("vid-0001", 2),
            "plans/pro": {"id": "pro", "name": "Pro", "limits": {"storage_limit_bytes": 2_500}},
        }
    )
    app.writer.put("users/u1/vid-0001/clips/clip_01_1_scene_split.mp4", film(), "video/mp4")
    entry = {"id": 1, "title": "The hook", "start": "00:00:01", "end": "00:00:09"}
    app.writer.put(
        "users/u1/vid-0001/highlights.json", json.dumps({"highlights": [entry]}).encode(), "application/json"
    )


def query_of(page: str) -> dict[str, str]:
    return {"user": {"uid": "u1"}, "video": IDS, "find": {"q": "u1"}}.get(page, {})


@pytest.fixture(scope="module", params=["empty", "ordinary", "bucket_refuses", "firestore_away"])
def state(request: pytest.FixtureRequest, r2_rig: SeaweedRig) -> Iterator[str]:
    """The desk in one state of the world, which every page is drawn in."""
    with pytest.MonkeyPatch.context() as patch, live_app(r2_rig, patch) as app, dead_port() as port:
        if request.param != "empty":
            ordinary(app)
        if request.param == "bucket_refuses":
            patch.setenv("R2_ACCESS_KEY_ID", NOBODY[0])
            patch.setenv("R2_SECRET_ACCESS_KEY", NOBODY[1])
        if request.param == "firestore_away":
            patch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{port}")
        yield request.param


@pytest.mark.parametrize("page", PAGES)
def test_every_page_stands_in_every_state_of_the_world(state, page):
    st.cache_data.clear()  # nothing that another page has read
    opened = open_page(page, **query_of(page))
    text = words(opened)
    assert text
    assert "Something went wrong" not in text
    away = state == "firestore_away" and page != "access"
    assert ("Firestore does not answer" in text) == away
    assert "R2 does not answer" not in text  # it refuses
    if away:
        quoted = {line for line in text.splitlines() if "could not be reached" in line}
        assert len(quoted) == (2 if page == "video" else 1), quoted  # Video quotes it as evidence too
        assert text.index("No answer since") < text.index(opened.title[0].value.replace("\\", ""))
        assert [button.label for button in opened.button].count("Try again") == 1
        assert "Not known: " in text
    if state == "bucket_refuses" and page in {"overview", "purge"}:
        assert "Access denied" in text
    if state == "firestore_away" and page in {"overview", "find", "user", "video"}:
        assert "could not be reached" in text
        assert not any(nothing in text for nothing in NOTHING)
    if state == "bucket_refuses" and page in {"overview", "video"}:
        assert "R2_" in text or "refused" in text.lower()
        assert "not in the bucket" not in text


def labels(opened: AppTest) -> list[str]:
    """The words of the page's links."""
    return [one.proto.label for one in opened.get("page_link")]


def test_the_user_page_gives_identity_usage_videos_and_drift(app):
    ordinary(app)
    text = words(app.open("user", uid="u1"))
    for expected in ("ada", "Pro", "120 %", "Exceeded", "97.5 %", "Near limit", "A talk", "user.total_storage_bytes"):
        assert expected in text, expected


def test_the_video_page_gives_clips_highlights_and_the_reply(app):
    ordinary(app)
    opened = app.open("video", **IDS)
    text = words(opened)
    for expected in ("A talk", "The hook", "Reply"):
        assert expected in text, expected


def test_a_clip_that_the_address_names_is_shown_or_said_not_to_be_there(app):
    ordinary(app)
    assert "Key: users/u1/vid-0001/clips/clip_01_1_scene_split.mp4" in words(
        app.open("video", clip_id="vid-0001_1_split", **IDS)
    )
    gone = app.open("video", clip_id="vid-0001_9_<b>", **IDS)
    assert "This video has no clip vid-0001_9_" in words(gone)
    assert labels(gone).count("Search for it") == 1


def test_a_clip_of_a_list_that_was_refused_is_not_known_and_not_missing(app):
    ordinary(app)
    app.world.faults.refuse("ListDocuments", StatusCode.PERMISSION_DENIED, times=None)
    text = words(app.open("video", clip_id="vid-0001_1_split", **IDS))
    assert "which clips there are" in text
    assert "This video has no clip" not in text


def test_support_sees_the_reply_and_neither_verdict_nor_repair(app):
    ordinary(app)
    text = words(app.open("video", role="support", **IDS))
    assert "Reply" in text
    assert "Repair" not in text
    assert "set-status" not in text


def test_a_single_match_is_offered_and_nothing_found_says_what_was_searched(app):
    ordinary(app)
    assert "exact customer id match" in words(app.open("find", q="u1")).replace("\\", "")
    nothing = words(app.open("find", q="nobody-here"))
    assert "Nothing was found" in nothing
    assert "Searched" in nothing
    ways = {role: labels(app.open("find", role=role, q="nobody-here")) for role in ("support", "admin")}
    assert "Look into the audit" in ways["admin"]  # a purged customer is known there, and nowhere else
    assert "Look into the audit" not in ways["support"]


@pytest.mark.parametrize("value", ["a/b", "..", "x" * 2_000, "__x__"])
@pytest.mark.parametrize("page", ["user", "video"])
def test_a_bad_id_in_the_address_is_refused_by_name(app, page, value):
    opened = app.open(page, uid=value, video_id="vid-0001")
    assert "uid" in words(opened)
    assert app.world.faults.calls.get("BatchGetDocuments", 0) == 0


def test_an_unknown_user_is_not_found_and_the_page_says_what_to_do(app):
    text = words(app.open("user", uid="nobody"))
    assert "Not found" in text or "There is no customer" in text


def test_a_hostile_title_is_text_everywhere(app):
    ordinary(app)
    title = "[x](https://e.invalid) ![p](https://e.invalid/p.png) <b>b</b> :red[r] `c` $x$"
    app.world.put({"users/u1/videos/vid-0001": video("vid-0001", video_title=title, error_message=title)})
    for page in ("user", "video"):
        opened = app.open(page, **query_of(page))
        markdown = "\n".join(str(block.value) for block in opened.main.get("markdown"))
        assert "![p](" not in markdown
        assert "[x](https" not in markdown
        words(opened)


def test_the_overview_names_who_is_over_a_limit(app):
    ordinary(app)
    text = words(app.open("overview"))
    assert "ada@example.com" in text
    assert app.world.project in text.replace("\\", "")


def test_the_user_page_of_an_ordinary_customer_costs_few_reads(app):
    ordinary(app)
    before = app.world.faults.reads.total()
    words(app.open("user", uid="u1"))
    assert app.world.faults.reads.total() - before <= 30


def test_several_matches_stand_in_a_list_that_names_customer_and_video(app):
    for uid in ("u1", "u2"):
        videos = f"users/{uid}/videos/vid-0001"
        app.world.put(
            {
                f"users/{uid}": user(uid, email=f"ada.{uid}@example.com"),
                videos: video("vid-0001", video_title=f"The trip of {uid}"),
                f"{videos}/clips/vid-0001_1_split": clip("vid-0001", 1, scene_title="Best advice"),
            }
        )
    for role, masked in (("operations", False), ("support", True)):
        found = named(app.open("find", role=role, q="vid-0001_1_split"), "All matches")
        rows = found.value
        assert sorted(rows["video"]) == ["The trip of u1", "The trip of u2"]
        who = ["a•••@example.com" if masked else f"ada.{uid}@example.com" for uid in ("u1", "u2")]
        assert sorted(rows["customer"]) == who
        assert found.hrefs[0] == f"./video?uid={rows['uid'][0]}&video_id=vid-0001&clip_id=vid-0001_1_split"


def test_more_matches_than_cards_stand_in_the_list_alone(app):
    app.world.put({f"users/u{one:02}": user(f"u{one:02}", email=f"same{one:02}@x.org") for one in range(11)})
    found = app.open("find", q="same")
    assert len(with_column(found, "why")) == 11
    assert "Open" not in labels(found)
