"""The page of a user by what the server bills for it: opened, refreshed, after a change, and at the budget of reads."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st
from grpc import StatusCode

from pages._ui.data import loads, resources
from tests.rigs.lists import lists
from tests.rigs.records import clip, user, video
from tests.ui.conftest import LiveApp, unfold, words

VIDEOS, CLIPS = 200, 5_000
NOW = datetime.now(UTC).replace(microsecond=0)
REFRESH, ANEW, CLIPS_ALL = "user-fresh_refresh", "user-fresh_anew", "user-clips"


def at(number: int) -> str:
    return f"users/u1/videos/v{number:03d}"


def a_video(number: int, **changes: Any) -> dict[str, Any]:
    made = NOW - timedelta(days=30) + timedelta(minutes=number)
    return video(
        f"v{number:03d}", **{"video_title": f"Talk {number}", "created_at": made, "updated_at": made, **changes}
    )


def customer(app: LiveApp, videos: int = VIDEOS, clips: int = CLIPS, transactions: int = 60) -> None:
    documents: dict[str, dict[str, Any]] = {
        "users/u1": user("u1", email="ada@example.com"),
        "plans/pro": {"id": "pro", "name": "Pro", "limits": {"storage_limit_bytes": 10**9}},
        "storage_accounting/u1": {"styled_clips_bytes": 1_000 * clips, "styled_clips_count": clips},
    }
    for number in range(videos):
        documents[at(number)] = a_video(number)
        for scene in range(clips // videos):
            documents[f"{at(number)}/clips/c{scene:03d}"] = clip(f"v{number:03d}", scene)
    for number in range(transactions):
        stamp = NOW - timedelta(days=2) + timedelta(minutes=number)
        documents[f"users/u1/credit_transactions/t{number:03d}"] = {
            "timestamp": stamp, "operation_type": "render", "credits_amount": -1,
        }  # fmt: skip
    app.world.put(documents)


def billed(app: LiveApp) -> int:
    return app.world.faults.reads.total()


def said(page: Any) -> int:
    """The reads that the line below the menu tells."""
    line = next(block.value for block in page.sidebar.caption if "Cost of this page" in block.value)
    found = re.search(r"([\d,]+) reads?\b", line)
    return int(found[1].replace(",", "")) if found else 0


def test_a_customer_of_200_videos_and_5000_clips_costs_little_to_open_and_less_to_refresh(app):
    customer(app)
    before = billed(app)
    page = app.open("user", uid="u1")
    text, cold = words(page), billed(app) - before
    assert "Talk 199" in text
    assert "of 200 by creation" in text
    assert cold <= 130
    assert said(page) == cold  # nothing escapes the meter
    assert " list" not in next(block.value for block in page.sidebar.caption if "Cost of this page" in block.value)

    app.world.put(
        {at(number): a_video(number, status="failed", updated_at=datetime.now(UTC)) for number in range(190, 200)}
    )
    before = billed(app)
    page.button(REFRESH).click().run()
    text, warm = words(page), billed(app) - before
    assert "Failed" in text  # what changed is there
    assert warm <= 30
    assert said(page) == warm

    before = billed(app)
    page.run()
    assert billed(app) == before  # a rerun reads nothing
    assert "nothing billed" in "".join(block.value for block in page.sidebar.caption)
    assert "5,000" in words(unfold(page, "truth"))


def test_what_leaves_no_trace_is_read_after_a_change_by_the_desk_and_by_reading_anew(app):
    customer(app, 3, 6, 0)
    page = app.open("user", uid="u1")
    app.world.put({at(1): a_video(1, video_title="Renamed past the desk")})
    page.button(REFRESH).click().run()
    assert "Renamed" not in words(page)
    page.button(ANEW).click().run()
    assert "Renamed past the desk" in words(page)

    app.world.put({at(1): a_video(1, video_title="Renamed by the desk")})
    loads.forget_user("u1")  # as every change behind a button does
    page.run()
    assert "Renamed by the desk" in words(page)


def test_whole_tables_are_read_once_and_then_brought_up_to_date(app):
    customer(app, 100, 1_000, 0)
    page = unfold(app.open("user", uid="u1"), "truth")
    page.button(CLIPS_ALL).click().run()
    assert "wrong counters" in words(page)
    app.world.put({f"{at(7)}/clips/new": clip("v007", 99), at(7): a_video(7, updated_at=datetime.now(UTC))})
    before = billed(app)
    page.button(REFRESH).click().run()
    words(page)
    assert billed(app) - before <= 40
    assert len(resources.users().clips("u1").frame) == 1_001


def test_very_many_videos_are_one_list_and_none_is_left_out(app):
    customer(app, 450, 0, 0)
    page = app.open("user", uid="u1")
    page.button("user-all").click().run()
    assert "450 rows" in words(page)
    assert [len(one.value) for one in lists(page) if "video_title" in one.value] == [450]


def test_a_page_stops_at_its_budget_and_reads_on_when_somebody_says_so(app, monkeypatch):
    monkeypatch.setenv("READ_BUDGET", "20")
    customer(app, 60, 400, 0)
    page = app.open("user", uid="u1")
    text = words(page)
    assert "budget" in text
    assert "Talk 59" not in text
    assert "no videos" not in text
    more = next(button for button in page.button if button.label == "Continue, up to 200 documents")
    more.click().run()
    assert "Talk 59" in words(page)
    assert "budget" not in words(page)


def test_clips_that_are_refused_are_said_to_be_unread_where_they_are_missing(app):
    customer(app, 3, 6, 0)
    app.world.faults.refuse(
        "RunQuery",
        StatusCode.PERMISSION_DENIED,
        when=lambda request: '"clips"' in str(request.structured_query),
        times=None,
    )
    text = words(app.open("user", uid="u1"))
    assert text.index("Videos") < text.index("Access denied: the clips") < text.index("Usage")
    assert "Not known because of it:** which clips there are" in text
    app.world.faults.clear()
    st.cache_data.clear()
    assert "which clips there are" not in words(app.open("user", uid="u1"))
