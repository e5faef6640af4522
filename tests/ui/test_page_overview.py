"""Overview: who is near a limit, and which limit it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages._ui.data import resources
from tests.rigs.lists import with_column
from tests.rigs.records import clip, user, video
from tests.ui.conftest import LiveApp, words

PLANS = {
    "plans/none": {"id": "none", "name": "Paused", "limits": {"storage_limit_bytes": 0}},
    "plans/tiny": {"id": "tiny", "name": "Tiny", "limits": {"storage_limit_bytes": 1_000, "clips_per_month_limit": 50}},
}


def limits(shown: AppTest) -> dict[str, list[str]]:
    """What the table says of each user."""
    frame = with_column(shown, "limits")
    return {who: list(said) for who, said in zip(frame["who"], frame["limits"], strict=True)}


def test_the_cards_of_documents_and_objects_say_that_they_could_not_be_read_where_the_bucket_is_away(
    app: LiveApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = "users/u1/videos/vid-0001"
    app.world.put(
        {"users/u1": user("u1"), base: video("vid-0001"), f"{base}/clips/vid-0001_1_split": clip("vid-0001", 1)}
    )
    well = app.open("overview")
    assert "Right bucket" in words(well)
    assert "No request, joint repair, adoption, removal or purge waits for you." in words(well)
    assert [one.key for one in well.button if one.label == "Refresh"] == ["overview-page_refresh"]
    st.cache_data.clear()
    st.cache_resource.clear()
    resources.close()
    monkeypatch.setenv("R2_ENDPOINT_URL", "http://127.0.0.1:9")
    text = words(app.open("overview"))
    checks = "Bucket, Clocks, Key prefix, Right bucket, Source of highlights"
    assert f"Not known: whether all is well with {checks}. R2 does not answer." in text
    assert "No request waits for you." in text
    assert "Not known: whether a joint repair, adoption or removal waits for you. R2 does not answer." in text
    assert "No purge waits for you." not in text


def test_one_refresh_reads_all_parts_of_the_page_again(app: LiveApp) -> None:
    app.world.put({"users/u1": user("u1", email="calm@example.com")})
    shown = app.open("overview")
    assert "in all, on Processing." not in words(shown)
    old = datetime.now(UTC) - timedelta(hours=5)
    app.world.put(
        PLANS
        | {
            "users/u2": user("u2", email="over@example.com", plan="tiny", total_storage_bytes=1_300),
            "users/u2/videos/stuck": video("stuck", uid="u2", status="processing", updated_at=old, created_at=old),
        }
    )
    (refresh,) = (one for one in shown.button if one.label == "Refresh")
    again = refresh.click().run()
    assert limits(again)["over@example.com"] == ["Storage: 130.0 %"]
    assert "1 video in all, on Processing." in words(again)
    assert [one.label for one in again.button if one.label == "Refresh"] == ["Refresh"]


def test_every_limit_that_is_near_or_over_is_named_also_where_it_has_no_percentage(app: LiveApp) -> None:
    app.world.put(
        PLANS
        | {
            "users/u1": user("u1", email="over@example.com", plan="tiny", total_storage_bytes=1_300),
            "users/u2": user("u2", email="near@example.com", plan="tiny", total_storage_bytes=850),
            "users/u3": user("u3", email="paused@example.com", plan="none", total_storage_bytes=5),
            "users/u4": user("u4", email="calm@example.com", plan="tiny", total_storage_bytes=10),
        }
    )
    said = limits(app.open("overview"))
    assert said["over@example.com"] == ["Storage: 130.0 %"]
    assert said["near@example.com"] == ["Storage: 85.0 %"]
    assert said["paused@example.com"] == ["Storage: limit 0"]
    assert "calm@example.com" not in said
