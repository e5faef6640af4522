"""The page Alerts: targets, a trial of one, what was sent, and who may see it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pages._ui.views import alerts
from tests.rigs.sink import Sink, sink
from tests.ui.conftest import LiveApp, words


@pytest.fixture
def hook(app: LiveApp, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    with sink() as made:
        monkeypatch.setenv("ALERT_URLS", made.url)
        yield made


def test_without_targets_the_page_says_how_to_set_one(app: LiveApp) -> None:
    text = words(app.open("alerts"))
    assert "No alerts are sent" in text
    assert "No alert was needed" in text
    assert "Purge waits" in text  # what is watched


def test_a_trial_goes_out_once_is_recorded_and_says_what_came_of_it(
    app: LiveApp, hook: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "_SECOND_CLICK_SECONDS", 60.0)
    page = app.open("alerts")
    assert "json-" in words(page)
    assert "s3cr3t" not in words(page)
    page = page.button(next(one.key for one in page.button if one.label == "Send a trial")).click().run()
    assert "accepted the trial message" in words(page)
    page = page.button(next(one.key for one in page.button if one.label == "Send a trial")).click().run()
    assert "accepted the trial message" in words(page)
    assert [one["title"] for one in hook.taken] == ["Clip Desk: a trial"], "a second click sends no second message"
    monkeypatch.setattr(alerts, "_SECOND_CLICK_SECONDS", 0.0)
    hook.status = 500
    page = page.button(next(one.key for one in page.button if one.label == "Send a trial")).click().run()
    assert "did not accept the message" in words(page)
    assert "s3cr3t" not in words(page)
    assert "sent a trial alert" in words(app.open("audit"))


def test_what_was_sent_and_what_was_not_taken_is_shown(app: LiveApp, hook: Sink) -> None:
    from pages._ui.data import alerting, loads

    def told() -> bool:
        made = alerting.run()
        assert made is not None
        return not made.failed

    hook.status = 500
    app.open("alerts")
    assert not told()
    loads.alerts.clear()
    text = words(app.open("alerts"))
    assert "No rollup was ever made" in text
    assert "did not accept 1 alert" in text
    hook.status = 200
    assert told()
    loads.alerts.clear()
    assert "did not accept" not in words(app.open("alerts"))


@pytest.mark.parametrize(("role", "sees", "tries"), [("support", False, False), ("operations", True, False)])
def test_roles(app: LiveApp, hook: Sink, role: str, sees: bool, tries: bool) -> None:
    page = app.open("alerts", role=role)
    assert ("What was sent" in words(page)) is sees
    trials = [one for one in page.button if one.label == "Send a trial"]
    assert len(trials) == sees
    assert all(one.disabled is not tries and ("the role admin" in one.help) is not tries for one in trials)
