"""A link to send to a customer: a life from 15 minutes to a day, a reason, on record, in this session alone."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from storage.repositories.audit_log import AuditLog
from tests.rigs.clips import film
from tests.rigs.records import clip, user, video
from tests.ui.conftest import LiveApp, words
from tests.ui.test_fixes import press

IDS = {"uid": "u1", "video_id": "vid-0001"}
FIRST, SECOND = "vid-0001_1_split", "vid-0001_2_split"
KEY = "users/u1/vid-0001/clips/clip_01_1_scene_split.mp4"
REASON = "T-7: the customer asked"


@pytest.fixture
def customer(app: LiveApp, monkeypatch: pytest.MonkeyPatch) -> LiveApp:
    """Two clips; the file of the first is there."""
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "document")
    base = "users/u1/videos/vid-0001"
    made = {"users/u1": user("u1"), base: video("vid-0001")}
    app.world.put(made | {f"{base}/clips/{name}": clip("vid-0001", n) for n, name in enumerate((FIRST, SECOND), 1)})
    app.writer.put(KEY, film(), "video/mp4")
    return app


def link(page: AppTest) -> str:
    """The link that the page offers to copy, or an empty text."""
    sent = [getattr(one, "proto", None) for one in page.get("bidi_component")]
    found = [json.loads(one.json) for one in sent if getattr(one, "component_name", "") == "clipdesk_copy_button"]
    return next((one["value"] for one in found if one.get("what") == "link to send"), "")


def made(app: LiveApp, clip_id: str, life: str = "24 hours") -> AppTest:
    page = app.open("video", role="support", clip_id=clip_id, **IDS)
    name = f"video-send-{clip_id}"
    page.selectbox(f"{name}-life").set_value(life)
    page.text_input(f"{name}-reason").set_value(REASON).run()
    return press(page, "Make the link")


def test_a_link_lives_as_long_as_chosen_and_is_on_record_with_its_reason(customer, caplog):
    with caplog.at_level(logging.INFO):
        page = made(customer, FIRST)
    asked = parse_qs(urlsplit(link(page)).query)
    assert asked["X-Amz-Expires"] == ["86400"]
    assert "attachment" in asked["response-content-disposition"][0]
    (form,) = [one for one in page.expander if one.label == "A link to send"]
    assert form.key, "without a key of its own it would close while it is filled, when the page above it changes"
    text = words(page)
    assert "cannot be revoked" in text
    assert f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}" in text
    (told,) = AuditLog(customer.world.handle).search(uid="u1", action="link.issue", limit=5)
    assert (told["actor"], told["reason"]) == ("support@demo.local", REASON)
    assert told["detail"]["purpose"] == "send"
    assert asked["X-Amz-Signature"][0] not in json.dumps(told, default=str) + caplog.text
    first = link(page)
    assert link(press(page, "Make the link")) == first, "a second click makes no second link"
    assert len(AuditLog(customer.world.handle).search(uid="u1", action="link.issue", limit=5)) == 1


def test_a_link_is_dropped_when_another_clip_is_opened_and_once_it_has_expired(customer):
    page = made(customer, FIRST, life="15 minutes")
    assert link(page)
    page.query_params["clip_id"] = SECOND
    page.run()
    page.query_params["clip_id"] = FIRST
    assert not link(page.run())

    page = made(customer, FIRST)
    kept = page.session_state["video-send-made"]
    object.__setattr__(kept.signed, "expires_at", datetime.now(UTC))
    assert not link(page.run())
    assert "video-send-made" not in page.session_state


def test_nothing_is_handed_out_without_a_file_or_a_reason(customer):
    page = made(customer, SECOND)
    assert not link(page)
    assert "The clip is not in the bucket" in words(page)
    page = customer.open("video", role="support", clip_id=FIRST, **IDS)
    assert next(one for one in page.button if one.label == "Make the link").disabled
    told = AuditLog(customer.world.handle).search(uid="u1", action="link.issue", limit=5)
    assert [one for one in told if one["outcome"] == "done"] == []
