"""The page Processing: what is stuck, outages, what was not looked at, and one video's diagnosis beside the list."""

from __future__ import annotations

import json
import re
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import streamlit as st
from grpc import StatusCode

from pages._ui.data import resources
from pages._ui.kit.tables import fingerprint
from pages._ui.views.stuck import outage_id
from storage.domain.deployment import set_to
from storage.services.diagnose import Reach, stuck
from storage.services.verify import VerifyContext
from tests.rigs.clips import film
from tests.rigs.lists import lists, open_row
from tests.rigs.records import clip, user, video
from tests.rigs.seaweed import NOBODY
from tests.ui.conftest import LiveApp, words

NOW = datetime.now(UTC)
HIGHLIGHTS = json.dumps({"highlights": [{"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:09"}]}).encode()


def stalled(app: LiveApp, uid: str, video_id: str, *, minutes: float = 600, **fields: Any) -> None:
    """A video whose analysis never finished, and its owner."""
    at = NOW - timedelta(minutes=minutes)
    made = video(
        video_id, status="processing", created_at=at, updated_at=at, completed_at=None, clips_count=0, **fields
    )
    app.world.put({f"users/{uid}": user(uid, plan="pro"), f"users/{uid}/videos/{video_id}": made})


def outage(app: LiveApp) -> None:
    """Four that stopped within two minutes, and one apart."""
    for number in range(4):
        stalled(app, f"u{number}", f"vid-000{number}", minutes=600 + number / 2)
    stalled(app, "u9", "vid-0009", minutes=60)


def listed(shown: Any) -> list[str]:
    return next((list(one.value["video_id"]) for one in lists(shown) if "video_id" in one.value), [])


def checker(app: LiveApp) -> VerifyContext:
    return VerifyContext(
        app.world.records, app.objects, set_to("object"), lambda: datetime.now(UTC), timedelta(minutes=15)
    )


def test_nothing_stuck_says_so_and_how_much_was_looked_at(app):
    text = words(app.open("processing"))
    assert "Nothing needs a person." in text
    assert "Diagnosed: 0 videos." in text
    assert "Delivered videos were not checked" in text


def test_an_outage_comes_first_and_its_videos_can_be_shown_alone(app):
    outage(app)
    shown = app.open("processing")
    text = words(shown)
    assert "4 videos of 4 customers stopped at" in text
    assert text.index("Probably one outage") < text.index("When they stopped")
    assert len(listed(shown)) == 5
    next(one for one in shown.button if one.label == "Show only these").click().run()
    assert sorted(listed(shown)) == ["vid-0000", "vid-0001", "vid-0002", "vid-0003"]
    next(one for one in shown.button if one.label == "Show all videos").click().run()
    assert len(listed(shown)) == 5


def test_all_customers_of_an_outage_get_one_reply_in_their_language_beside_the_staffs_own(app):
    outage(app)
    shown = app.open("processing", uid="u1", video_id="vid-0001")
    assert "the same to all customers of this outage" in words(shown)
    assert "a problem on our side has stopped the analysis of several videos" in words(shown)
    choices = {one.key: one for one in shown.selectbox if one.label == "Language of the reply"}
    theirs = choices["processing-case-reply-language-u1"]
    theirs.set_value("pt").run()
    text = words(shown)
    assert "um problema nosso interrompeu a análise de vários vídeos" in text
    assert "a problem on our side has stopped the analysis of several videos" in text
    for role in ("admin", "support"):  # who reads the list of outages, and who does not
        assert "the same to all customers of this outage" in words(
            app.open("video", role=role, uid="u2", video_id="vid-0002")
        )
    apart = words(app.open("processing", uid="u9", video_id="vid-0009"))
    assert "the same to all customers" not in apart
    assert "the analysis of your video stopped" in apart


def test_videos_that_stopped_on_their_own_do_not_drown_in_an_outage(app):
    outage(app)
    shown = app.open("processing")
    assert "1 other stuck video outside these outages." in words(shown).replace("**", "")
    assert listed(app.open("processing", outage="none")) == ["vid-0009"]
    overview = app.open("overview")
    assert listed(overview) == ["vid-0009"]
    assert "4 videos of 4 customers stopped at" in words(overview)
    assert "5 videos in all, on Processing" in words(overview)
    in_order = [str(one.value) for one in overview.main if hasattr(one, "value")]
    places = [
        next(n for n, one in enumerate(in_order) if text in one)
        for text in ("Probably one outage", "Waits for you", "other")
    ]
    assert places == sorted(places)


def test_a_link_to_an_outage_shows_its_videos_and_one_that_is_over_shows_all(app):
    outage(app)
    found = stuck(checker(app), Reach(delivered=0)).outages[0]
    assert len(listed(app.open("processing", outage=outage_id(found)))) == 4
    over = app.open("processing", outage=fingerprint(["over"]))
    assert "is over" in words(over)
    assert len(listed(over)) == 5


def test_filters_narrow_the_list_and_say_when_nothing_is_left(app):
    outage(app)
    shown = app.open("processing")
    box = shown.text_input(key="processing-text")
    box.set_value("U9@EXAMPLE").run()
    assert listed(shown) == ["vid-0009"]
    shown.text_input(key="processing-text").set_value("nobody").run()
    assert "No video matches the filters." in words(shown)


def test_delivered_videos_are_looked_at_on_demand(app):
    at = NOW - timedelta(hours=3)
    done = video("vid-0001", status="completed", created_at=at, updated_at=at, completed_at=at)
    app.world.put({"users/u1": user("u1"), "users/u1/videos/vid-0001": done})
    shown = app.open("processing")
    assert listed(shown) == []
    shown.toggle(key="processing-delivered").set_value(True).run()
    assert listed(shown) == ["vid-0001"]
    assert "Highlights missing" in words(shown)


def test_a_missing_index_is_named_with_its_definition_and_the_list_made_user_by_user(app):
    stalled(app, "u1", "vid-0001")
    app.world.faults.refuse(
        "RunQuery", StatusCode.FAILED_PRECONDITION, "The query requires an index. You can create it here: https://x.test",
        when=lambda request: "created_at" not in (query := str(request.structured_query)) and "status" in query,
        times=1,
    )  # fmt: skip
    shown = app.open("processing")
    text = words(shown)
    assert "A Firestore index is missing" in text
    assert "made this list one by one" in text
    assert listed(shown) == ["vid-0001"]
    assert shown.json


def test_a_bucket_that_refuses_is_said_and_is_no_verdict_about_a_video(app, monkeypatch):
    outage(app)
    monkeypatch.setenv("R2_ACCESS_KEY_ID", NOBODY[0])
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", NOBODY[1])
    shown = app.open("processing")
    text = words(shown)
    assert "Incomplete" in str([one.proto for one in shown.warning])
    assert "Unknown: no access" in text
    assert "Analysis stalled" not in text
    numbers = {one.label: one.value for one in shown.metric}
    assert (numbers["Need a person"], numbers["Customers waiting"], numbers["Not known"]) == ("—", "—", "5")
    assert text.index("5 videos of this list could not be read now") < text.index("When they stopped")
    assert "Nothing needs a person" not in text


def test_a_firestore_that_is_away_is_an_error_and_not_an_empty_list(app, monkeypatch):
    outage(app)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{free.getsockname()[1]}")
        text = words(app.open("processing"))
    assert "could not be reached" in text
    assert "which videos need a person" in text
    assert "Nothing needs a person." not in text


def test_a_video_in_the_address_opens_its_diagnosis_beside_the_list(app):
    outage(app)
    text = words(app.open("processing", uid="u9", video_id="vid-0009"))
    for expected in ("What the customer sees", "Copy the reply", "Evidence", "Timeline", "silence before", "Bundle"):
        assert expected in text or expected == "Copy the reply", expected
    assert "Next, in this order" in text
    assert "Confidence high" in text
    assert "Based on: status, last touch, source of highlights" in text
    assert "What would change it: Any touch by the worker" in text


def test_a_row_that_is_clicked_opens_its_diagnosis_beside_the_list(app):
    outage(app)
    shown = app.open("processing")
    order = listed(shown)
    open_row(shown, "processing-stuck", 1)
    assert shown.query_params["video_id"] == order[1]
    assert "Evidence" in words(shown)


@pytest.mark.parametrize("value", ["a/b", "..", "x" * 2_000, "__x__"])
def test_a_bad_id_in_the_address_is_refused_by_name(app, value):
    outage(app)
    text = words(app.open("processing", uid=value, video_id="vid-0009"))
    assert "uid" in text
    assert "Evidence" not in text


def test_strangers_text_is_shown_and_acts_nowhere(app):
    hostile = "[x](https://e.invalid) ![p](https://e.invalid/p.png) <b>b</b> :red[r] $x$"
    at = NOW - timedelta(hours=2)
    failed = {"status": "failed", "created_at": at, "updated_at": at, "failed_at": at, "completed_at": None}
    app.world.put(
        {
            "users/u1": user("u1", email=f"{hostile}@example.com", plan=hostile),
            "users/u1/videos/vid-0001": video("vid-0001", error_message=hostile, video_title=hostile, **failed),
        }
    )
    shown = app.open("processing", uid="u1", video_id="vid-0001")
    markdown = "\n".join(str(block.value) for block in [*shown.markdown, *shown.caption])
    assert "![p](" not in markdown
    assert "[x](https" not in markdown
    assert words(shown)


def test_whose_clips_are_there_reads_the_diagnosis_with_both_stores(app):
    at = NOW - timedelta(hours=5)
    one = clip("vid-0001", 1, created_at=at, file_size_bytes=1_000, thumbnail_r2_key=None)
    kept = {"status": "processing", "created_at": at, "updated_at": at, "completed_at": None, "expected_clips": 1}
    app.world.put(
        {
            "users/u1": user("u1"),
            "users/u1/videos/vid-0001": video("vid-0001", **kept),
            "users/u1/videos/vid-0001/clips/vid-0001_1_split": one,
        }
    )
    app.writer.put("users/u1/vid-0001/highlights.json", HIGHLIGHTS, "application/json")
    app.writer.put(one["r2_key"], film(), "video/mp4")
    text = words(app.open("processing", uid="u1", video_id="vid-0001"))
    assert "Status stuck" in text
    assert "1 of 1 clip plays" in text
    app.writer.put(one["r2_key"], bytes(1_000), "video/mp4")
    st.cache_data.clear()
    shown = app.open("processing", uid="u1", video_id="vid-0001")
    text = words(shown)
    assert "0 of 1 clip play, 1 does not" in text
    assert "Status stuck" not in text
    assert "Render stalled" in text


def test_support_has_no_such_page_and_operations_may_look_and_repair_nothing(app):
    outage(app)
    shown = app.open("processing", role="support")
    assert "needs the role operations" in words(shown).replace("*", "")
    assert listed(shown) == []
    shown = app.open("processing", role="operations", uid="u9", video_id="vid-0009")
    text = words(shown)
    assert "4 videos of 4 customers stopped at" in text
    assert "Evidence" in text
    assert "Archive" not in {one.label for one in shown.button}
    (repair,) = (one for one in shown.button if one.label == "Repair all…")
    assert repair.disabled
    assert "the role engineer" in repair.help
    may = {"Check again", "Plan a purge…"}
    steps = [one for one in shown.button if "-case-step-" in str(one.key) and one.label not in may]
    assert all(one.disabled and "needs the role engineer" in one.help for one in steps)


def failure(app: LiveApp, uid: str, video_id: str, hours: float, text: str, **fields: Any) -> None:
    """A video that failed that long ago, and its owner."""
    at = NOW - timedelta(hours=hours)
    made = video(
        video_id,
        status="failed",
        created_at=at,
        updated_at=at,
        failed_at=at,
        completed_at=None,
        error_message=text,
        **fields,
    )
    app.world.put({f"users/{uid}": user(uid), f"users/{uid}/videos/{video_id}": made})


def test_what_is_said_of_a_trickle_a_burst_and_equal_errors(app):
    for number in range(40):
        stalled(app, f"slow{number}", f"slow-{number:02}", minutes=300 + 4 * number)
    for number in range(14):
        stalled(app, f"fast{number}", f"fast-{number:02}", minutes=90 + number / 7)
    for number, hours in enumerate((2, 9, 20, 31, 50)):
        failure(app, f"err{number}", f"err-{number}", hours, f"HTTP 50{number} after {number} retries of err-{number}")
    shown = app.open("processing")
    text = words(shown).replace("*", "")
    assert len([one for one in shown.markdown if "Probably one outage" in one.value]) == 1
    assert "14 videos of 14 customers stopped at" in text
    assert "Usual at this step: at most" in text
    assert "no success of the step was found" in text
    causes = words(app.open("processing", **{"processing-view": "Causes"})).replace("*", "")
    assert "New 54 videos of 54 customers stopped: Analysis stalled, at analysis" in without_badges(causes)
    assert "14 of them in an outage, 40 outside of it." in causes
    assert "Not an outage: they failed at different times." in causes
    assert "5 videos of 5 customers failed: http # after # retries of <id>" in causes
    assert "3 in the last 24 h" in causes


def without_badges(text: str) -> str:
    return re.sub(r":\w+-badge\[:material/\w+: ([^\]]*)\]", r"\1", text)


def test_every_failed_video_is_listed_for_good_ones_in_a_list_of_their_own_with_a_time_range(app):
    failure(app, "u1", "private", 3, "Video cannot be processed: Private video", video_title="Mine")
    failure(app, "u2", "gone", 60 * 24, "Video cannot be processed: This video was deleted")
    failure(app, "u3", "passing", 90, "Job failed after 3 retries: HTTP 503")
    failure(app, "u4", "full", 5, "Video cannot be processed: Quota exceeded: Storage quota exceeded")
    failure(app, "u5", "highlights", 30, "Highlights not found in Firestore")

    def shown(view: str, span: str = "") -> list[str]:
        query = {"processing-view": view} | ({"processing-range": span} if span else {})
        return listed(app.open("processing", **query))

    assert shown("All failed") == ["private", "full", "highlights", "passing", "gone"]
    assert shown("All failed", "24 h") == ["private", "full"]
    assert shown("All failed", "7 d") == ["private", "full", "highlights", "passing"]
    assert shown("Failed for good") == ["private", "highlights", "gone"]
    assert shown("Waits for customers") == ["private", "full", "gone"]
    assert shown("Waits for customers", "24 h") == ["private", "full"]
    assert "3 videos more failed outside this time range" in words(
        app.open("processing", **{"processing-view": "All failed", "processing-range": "24 h"})
    )


def test_a_group_is_archived_with_a_reason_on_record_and_comes_back_after_so_many_more(app):
    for number in range(3):
        failure(app, f"u{number}", f"vid-{number}", 2 + number, f"HTTP 50{number}")
    shown = app.open("processing", role="engineer", **{"processing-view": "Causes"})
    text = next(one for one in shown.text_input if one.label == "Reason, with the ticket")
    text.set_value("ticket 12: known upstream").run()
    shown.number_input[0].set_value(2).run()
    next(one for one in shown.button if one.label == "Archive").click().run()
    told = words(shown)
    assert "Archived until 2 more (0 since) by engineer@demo.local" in told
    assert "1 group resolved or archived" in told
    soon = (datetime.now(UTC) - NOW).total_seconds() / 3_600 + 0.01
    for number in range(2):
        failure(app, f"u9{number}", f"vid-9{number}", -soon, f"HTTP 51{number}")
    resources.close()
    st.cache_data.clear()
    again = words(app.open("processing", role="engineer", **{"processing-view": "Causes"}))
    assert "Back again" in again
    assert "5 videos" in again.replace("*", "")


def test_the_drawer_says_whose_it_is_and_its_steps_open_the_repair_in_its_place(app):
    at = NOW - timedelta(hours=5)
    one = clip("vid-0001", 1, created_at=at, file_size_bytes=len(film()), thumbnail_r2_key=None, has_thumbnail=False)
    kept = {"status": "processing", "created_at": at, "updated_at": at, "completed_at": None, "expected_clips": 1}
    app.world.put(
        {
            "users/u1": user("u1"),
            "users/u1/videos/vid-0001": video("vid-0001", video_title="The title", **kept),
            "users/u1/videos/vid-0001/clips/vid-0001_1_split": one,
        }
    )
    app.writer.put("users/u1/vid-0001/highlights.json", HIGHLIGHTS, "application/json")
    app.writer.put(one["r2_key"], film(), "video/mp4")
    shown = app.open("processing", role="engineer", uid="u1", video_id="vid-0001")
    text = words(shown)
    for expected in ("The title", "u1@example.com", "video id vid-0001"):
        assert expected in text
    next(button for button in shown.button if button.label == "Set the status…").click().run()
    text = words(shown)
    assert "Show what will change" in text
    assert "Evidence" not in text, "one drawer at a time"
