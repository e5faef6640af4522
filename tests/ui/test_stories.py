"""The demo's three stories lead to things that are in its sample data, and its start tells what it does."""

from __future__ import annotations

from datetime import UTC, datetime

from pages._ui.access.identity import PERSONAS
from pages._ui.data import starting
from pages._ui.kit.session import UID, VIDEO_ID
from pages._ui.nav import SCREENS
from pages._ui.views.stories import tales
from storage.domain.policy import permitted
from storage.sandbox.world import build


def test_each_story_has_five_steps_that_its_role_may_go_to_things_that_are_there() -> None:
    documents = build(datetime(2026, 6, 15, 12, tzinfo=UTC)).documents
    assert len(tales()) == 3
    for tale in tales():
        assert len(tale.steps) == 5, tale.title
        for step in tale.steps:
            assert permitted(PERSONAS[f"{step.role}@demo.local"], SCREENS[step.page].action), step
            if UID in step.query:
                assert f"users/{step.query[UID]}" in documents, step
            if VIDEO_ID in step.query:
                assert f"users/{step.query[UID]}/videos/{step.query[VIDEO_ID]}" in documents, step


def test_the_start_tells_its_steps_only_while_it_goes_on() -> None:
    starting.say("too early")
    assert starting.steps() is None
    starting.begin()
    try:
        starting.say("Loading the pages.")
        assert starting.steps() == ("Loading the pages.",)
    finally:
        starting.end()
    assert starting.steps() is None
