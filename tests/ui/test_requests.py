"""Tell the team and Ask for deletion: asked once, answered by who can act, the answer seen by who asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from storage.domain.requests import NEWS_FOR
from storage.repositories.audit_log import AuditLog
from storage.repositories.requests import Requests
from tests.rigs.records import user, video
from tests.ui.conftest import LiveApp, words
from tests.ui.test_fixes import press

IDS = {"uid": "u1", "video_id": "vid-0001"}


@pytest.fixture
def customer(app: LiveApp, monkeypatch: pytest.MonkeyPatch) -> LiveApp:
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "document")
    app.world.put({"users/u1": user("u1"), "users/u1/videos/vid-0001": video("vid-0001", video_title="Opening night")})
    return app


def kept(app: LiveApp) -> list[tuple[str, str, str, str]]:
    found = (one.request for one in Requests(app.world.handle).newest(10))
    return [(one.kind, one.spelled, one.state, one.reason) for one in found]


def asked(app: LiveApp, page: str, label: str, reason: str) -> AppTest:
    """The page after somebody of support has asked."""
    shown = app.open(page, role="support", **(IDS if page == "video" else {"uid": "u1"}))
    press(shown, label)
    next(one for one in shown.text_input if one.label.startswith("Reason")).set_value(reason).run()
    return press(shown, "Send")


def test_support_asks_and_who_can_act_answers_and_support_sees_the_answer(customer):
    shown = asked(customer, "user", "Ask for deletion…", "T-1: wants to leave")
    assert "Asked: req-" in words(shown)
    about = asked(customer, "video", "Tell the team…", "T-2: Opening night is silent")
    assert "About **Opening night** (u1/vid-0001)." in words(about)
    assert sorted(kept(customer)) == [
        ("delete", "u1", "open", "T-1: wants to leave"), ("tell", "u1/vid-0001", "open", "T-2: [title] is silent"),
    ]  # fmt: skip

    support, engineer, admin = (
        words(customer.open("overview", role=role)) for role in ("support", "engineer", "admin")
    )
    assert "Waits for you" not in support
    assert "What you asked the team" in support
    assert "T-2" in engineer
    assert "T-1" not in engineer  # an engineer cannot delete
    assert "T-1" in admin
    assert "T-2" in admin

    page = customer.open("overview", role="admin")
    assert next(one for one in page.button if one.label == "Done").disabled
    next(one for one in page.text_input if one.label == "Answer").set_value("deleted today").run()
    press(page, "Done")
    assert "T-1" not in words(page)
    text = words(customer.open("overview", role="support"))
    assert "Done" in text
    assert "deleted today" in text
    assert "deleted today" in words(customer.open("user", role="operations", uid="u1"))
    told = AuditLog(customer.world.handle).search(uid="u1", limit=20)
    on_record = [(one["action"], one["actor"]) for one in told if one["job_id"] and one["outcome"] == "done"]
    by_support = ("request.ask", "support@demo.local")
    assert on_record == [("request.answer", "admin@demo.local"), by_support, by_support]


def test_an_answer_leaves_the_overview_after_a_week_and_the_audit_has_it(customer):
    asked(customer, "video", "Tell the team…", "T-5: no sound")
    (stored,) = Requests(customer.world.handle).newest(9)
    for since, shown in ((NEWS_FOR - timedelta(hours=1), True), (NEWS_FOR, False)):
        answered = {"state": "done", "answer": "mended", "answered_at": datetime.now(UTC) - since}
        customer.world.put({stored.request.path: {**stored.request.as_dict(), **answered}})
        st.cache_data.clear()
        for page, query in (("overview", {}), ("video", IDS)):
            assert ("mended" in words(customer.open(page, role="support", **query))) is shown, page
    audit = customer.open("audit", role="admin", action="request.ask")
    assert "T-5: no sound" in words(audit)


def test_a_second_click_asks_nothing_twice_and_a_second_request_is_refused(customer):
    shown = customer.open("user", role="support", uid="u1")
    press(shown, "Tell the team…")
    next(one for one in shown.text_input if one.label.startswith("Reason")).set_value("T-3").run()
    form = shown.session_state["user-ask-open"]
    press(shown, "Send")
    shown.session_state["user-ask-open"] = form  # the click that was on its way
    shown.run()
    next(one for one in shown.text_input if one.label.startswith("Reason")).set_value("T-3").run()
    press(shown, "Send")
    assert "Asked: req-" in words(shown)
    assert len(kept(customer)) == 1
    assert "This was asked already" in words(asked(customer, "user", "Tell the team…", "T-4"))
    assert len(kept(customer)) == 1
