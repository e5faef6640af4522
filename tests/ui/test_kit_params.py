"""What stands in the address bar, and what is kept between runs."""

from __future__ import annotations

from collections import UserDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime.scriptrunner import RerunData, RerunException
from streamlit.testing.v1 import AppTest

from pages._ui.kit import session
from pages._ui.kit.session import component_key, key
from tests.rigs.waiting import PATIENCE_SECONDS

SCRIPT = """
import streamlit as st
from pages._ui.kit import params
st.text(str(params.ids("uid", "video_id", title="Video")))
"""
QUESTION = "import streamlit as st\nfrom pages._ui.kit import params\nst.text(repr(params.question()))\n"
STATE = """
import streamlit as st
from pages._ui.kit import session
from pages._ui.kit.session import key
arrived = session.enter(st.query_params.get("page", "purge"))
st.text(f"{arrived} {session.seed(key('purge', 'plan'), lambda: 'new plan')}")
"""


def open_with(script: str, **query: str | list[str]) -> AppTest:
    app = AppTest.from_string(script, default_timeout=PATIENCE_SECONDS)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def test_ids_are_read_as_they_are() -> None:
    assert open_with(SCRIPT, uid="u 1+é", video_id="v-1").text[0].value == "['u 1+é', 'v-1']"
    assert open_with(SCRIPT, uid="copy ", video_id="line\n").text[0].value == repr(["copy ", "line\n"])


@pytest.mark.parametrize(
    ("uid", "problem"),
    [("a/b", "must not contain"), ("..", "must not be"), ("__x__", "reserves"), ("x" * 1_501, "longer")],
)
def test_a_bad_id_ends_the_page_with_the_name_of_the_field(uid: str, problem: str) -> None:
    app = open_with(SCRIPT, uid=uid, video_id="v")
    assert not app.text
    assert not app.exception
    assert app.warning[0].value.startswith("uid ")
    assert problem.replace("'", "\\'") in app.warning[0].value


def test_a_missing_id_says_which_one_and_where_to_begin() -> None:
    app = open_with(SCRIPT, uid="u")
    assert app.warning[0].value == r"video\_id is missing from the address"
    assert any("search result" in text.value for text in app.markdown)
    assert [title.value for title in app.title] == ["Video"]


def test_a_parameter_that_is_given_twice_is_refused() -> None:
    app = open_with(SCRIPT, uid=["a", "b"], video_id="v")
    assert "given 2 times" in app.warning[0].value


def test_a_question_may_be_any_text() -> None:
    url = "https://b.example/users/u/v/clips/a%20b.mp4?X-Amz-Expires=900"
    assert open_with(QUESTION, q=f"  {url} ").text[0].value == repr(url)
    assert open_with(QUESTION).text[0].value == "''"


def test_a_question_with_control_characters_or_without_end_counts_as_none_and_says_so() -> None:
    for bad in ("a\x00b", "x" * 2_001):
        app = open_with(QUESTION, q=bad)
        assert app.text[0].value == "''"
        assert len(app.warning) == 1


def test_leaving_a_page_drops_what_it_kept_and_staying_does_not() -> None:
    app = open_with(STATE)
    assert app.text[0].value == "True new plan"
    app.session_state[key("purge", "plan")] = "confirmed plan"
    app.run()
    assert app.text[0].value == "False confirmed plan"
    app.query_params["page"] = "user"
    app.run()
    app.query_params["page"] = "purge"
    app.run()
    assert app.text[0].value == "True new plan"


class StateWhileAClickWaits(UserDict[str, Any]):
    """The session's state: while a click waits, Streamlit ends the run in each use of it."""

    waits = False

    def _look(self) -> None:
        if self.waits:
            raise RerunException(RerunData())

    def __contains__(self, name: object) -> bool:
        self._look()
        return super().__contains__(name)

    def __getitem__(self, name: str) -> Any:
        self._look()
        return super().__getitem__(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self._look()
        super().__setitem__(name, value)


def test_what_a_first_click_made_is_kept_though_a_second_one_ends_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    state = StateWhileAClickWaits()
    monkeypatch.setattr(st, "session_state", state)
    made: list[str] = []

    def make() -> str:
        state.waits = True  # the second click comes while the first one's work is done
        made.append("plan")
        return f"plan {len(made)}"

    for asked, plan in (("this video", "plan 1"), ("this video", "plan 1"), ("another video", "plan 2")):
        with suppress(RerunException):
            session.once("quick-made", asked, make)
        state.waits = False
        assert session.once("quick-made", asked, make) == plan
        state.waits = False


def test_a_click_beside_the_work_of_the_first_one_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "session_state", {"quick-made": session._Made()})
    begun, asked, made = Event(), Event(), list[str]()

    def make() -> str:
        begun.set()
        assert asked.wait(PATIENCE_SECONDS)
        made.append("plan")
        return f"plan {len(made)}"

    with ThreadPoolExecutor(2) as clicks:
        first = clicks.submit(session.once, "quick-made", "this video", make)
        assert begun.wait(PATIENCE_SECONDS)
        second = clicks.submit(session.once, "quick-made", "this video", make)
        asked.set()
        assert (first.result(), second.result()) == ("plan 1", "plan 1")


def test_opening_a_confirmation_again_gives_its_fields_new_keys() -> None:
    script = """
import streamlit as st
from pages._ui.kit import session
if st.button("open", key="open"):
    session.renew_nonce("purge__confirm")
st.text_input("Type it", key=f"typed_{session.nonce('purge__confirm')}")
"""
    app = open_with(script)
    app.text_input[0].set_value("purge 40").run()
    assert app.text_input[0].value == "purge 40"
    app.button(key="open").click().run()
    assert app.text_input[0].value == ""


def test_a_component_may_be_named_after_any_id() -> None:
    assert component_key(key("user", "u1")) == "user-u1"
    hashed = [component_key(key("user", uid)) for uid in ("a__b", "a__c", "__")]
    assert len(set(hashed)) == 3
    assert not any("__" in one for one in hashed)


CHOICES = """
import streamlit as st
from pages._ui.kit import params
with params.choices("fleet", arrived=True):
    st.segmented_control(
        "List", ["Biggest", "Wrong counters"], default="Biggest", key="fleet-list", bind="query-params", required=True
    )
    st.multiselect("Kind", ["Missing object", "Key outside the account"], key="fleet-kind", bind="query-params")
st.text(repr([st.session_state["fleet-list"], st.session_state["fleet-kind"]]))
"""


@pytest.mark.parametrize(
    ("asked", "taken", "told"),
    [
        ({"fleet-list": "Drifting"}, ["Wrong counters", []], ""),
        (
            {"fleet-kind": ["Missing object", "Foreign key"]},
            ["Biggest", ["Missing object", "Key outside the account"]],
            "",
        ),
        ({"fleet-list": "Biggest"}, ["Biggest", []], ""),  # the default, which the address need not hold
        ({"fleet-list": "Sideways", "fleet-other": "x"}, ["Biggest", []], "“Sideways”, which"),
        (
            {"fleet-kind": ["Missing object", "Phantom parent"]},
            ["Biggest", ["Missing object"]],
            "“Missing parent document”",
        ),
    ],
)
def test_a_former_word_of_a_choice_is_understood_and_an_unknown_one_is_told(asked, taken, told):
    app = AppTest.from_string(CHOICES, default_timeout=PATIENCE_SECONDS)
    for name, value in asked.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    assert app.text[0].value == repr(taken)
    said = " ".join(one.value for one in app.info)
    assert told in said if told else not said
