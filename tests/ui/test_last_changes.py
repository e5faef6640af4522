"""Last changes on Video and User: what the desk changed, for everybody who may see it, with an Undo that lasts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from streamlit.testing.v1 import AppTest

from pages._ui.data import loads
from storage.actions.documents import Update
from storage.repositories.changes import Changes
from tests.ui.conftest import LiveApp, words
from tests.ui.test_fixes import IDS, VIDEO, planned, press, stuck


def set_status(app: LiveApp) -> None:
    stuck(app)
    press(planned(app, "Set the status"), "Set the status to completed")
    assert app.world.fields(VIDEO)["status"] == "completed"


def undo_buttons(shown: AppTest) -> list[bool]:
    """Whether each of them is greyed."""
    return [one.disabled for one in shown.button if one.label == "Undo…"]


def test_a_change_is_taken_back_by_somebody_else_in_a_new_session_and_says_so_everywhere(app: LiveApp) -> None:
    set_status(app)
    shown = app.open("video", role="admin", **IDS)
    text = words(shown)
    assert "Last changes" in text
    assert "engineer@demo.local" in text
    assert "ticket 4711" in text
    press(shown, "Undo…")
    next(one for one in shown.text_input if one.label.startswith("Reason")).set_value("ticket 4712")
    sent = [one.proto for one in shown.get("bidi_component")]
    begun = [one.json for one in sent if one.component_name == "clipdesk_focus"]
    assert any("undo_reason" in one for one in begun), "the cursor begins in the reason"
    press(shown.run(), "Undo the change")
    assert app.world.fields(VIDEO)["status"] == "processing"
    assert "Undone by admin@demo.local" in words(shown)
    assert undo_buttons(shown) == []
    assert "Undone by admin@demo.local" in words(app.open("user", role="engineer", uid="u1"))


def test_what_changed_since_is_refused_with_the_reason(app: LiveApp) -> None:
    set_status(app)
    app.world.put({VIDEO: {**app.world.fields(VIDEO), "status": "failed"}})
    shown = press(app.open("user", role="engineer", uid="u1"), "Undo…")
    assert "changed since, so the change cannot be undone" in words(shown)
    assert f"{VIDEO}: status" in words(shown)
    assert "Undo the change" not in [one.label for one in shown.button]


def greyed(shown: AppTest) -> str:
    """What the one greyed Undo says of the rule that stops it."""
    (found,) = [one for one in shown.button if one.label == "Undo…"]
    assert found.disabled
    return str(found.help)


def test_who_may_not_undo_sees_which_rule_stops_it_and_an_old_change_is_not_listed(app: LiveApp) -> None:
    set_status(app)
    assert "needs the role engineer" in greyed(app.open("video", role="operations", **IDS))
    for page, query in (("video", IDS), ("user", {"uid": "u1"})):
        support = app.open(page, role="support", **query)
        assert "Set the status" in words(support)
        assert "needs the role engineer" in greyed(support)
        assert "engineer@demo.local" not in words(support)  # support sees neither who of the team nor why
        assert "ticket 4711" not in words(support)
    (record,) = Changes(app.world.handle).of_user("u1")
    app.world.writer.commit([Update(record.path, {"at": datetime.now(UTC) - timedelta(days=8)})])
    loads.last_changes.clear()
    assert "Last changes" not in words(app.open("video", role="engineer", **IDS))
