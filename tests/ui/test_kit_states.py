"""Parts of a page that fail, that are empty or incomplete, and how fresh they are."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages._ui.kit.text import md
from storage import errors
from storage.clients.circuit import Circuit
from tests.rigs.waiting import PATIENCE_SECONDS


def run(body: str, **given: Any) -> AppTest:
    """Runs a script in which `states`, `freshness`, `errors` and `st` are imported."""
    head = "import streamlit as st\nfrom pages._ui.kit import feedback\nfrom storage import errors\n"
    app = AppTest.from_string(head + body, default_timeout=PATIENCE_SECONDS)
    for name, value in given.items():
        app.session_state[name] = value
    return app.run()


def words(app: AppTest) -> str:
    """Everything that the page says."""
    kinds = (app.error, app.warning, app.info, app.markdown, app.caption, app.text)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


FAILING = """
def body():
    st.text("half of the table")
    raise {error}
st.text("before")
result = feedback.section("the customer's clips", body, key="clips", unknown="whether any clip is missing")
st.text(f"after {{result}}")
"""


def test_a_part_that_fails_shows_why_in_its_place_and_the_page_goes_on() -> None:
    app = run(FAILING.format(error='errors.Unreachable("Firestore did not answer.", remedy="Try again in a minute.")'))
    assert not app.exception
    assert [text.value for text in app.text] == ["before", "after None"]
    said = words(app)
    assert "Firestore did not answer" in said
    assert "**Not known because of it:** whether any clip is missing" in said
    assert "**What to do:** Try again in a minute" in said
    assert [button.key for button in app.button] == ["clips_retry"]


@pytest.mark.parametrize("raised", ['errors.NotFound("x")', 'ValueError("x")'])
def test_a_part_that_held_the_title_of_the_page_fails_below_one(raised: str) -> None:
    app = run(f"""
def body():
    st.title("Who it is")
    {f"raise {raised}"}
feedback.section("the user", body, key="user", title="u1")
""")
    assert [title.value for title in app.title] == ["u1"]


@pytest.mark.parametrize(
    ("error", "title", "alert"),
    [
        ('errors.AccessDenied("x")', "Access denied", "error"),
        ('errors.BadCredentials("x")', "Access denied", "error"),
        ('errors.ClockSkew("x")', "The clocks disagree", "error"),
        ('errors.Throttled("x")', "Too many requests", "error"),
        ('errors.MissingIndex("x", definition={"fields": []})', "A Firestore index is missing", "error"),
        ('errors.Unusable("x")', "An answer could not be used", "error"),
        ('errors.NotFound("x")', "Not found", "warning"),
        ('errors.BadInput("x", field_name="uid")', "This cannot be used", "warning"),
        ('errors.Refused("x", reasons=["one"])', "Refused, and nothing was changed", "warning"),
        ('errors.NotPermitted("x")', "Not permitted", "warning"),
    ],
)
def test_each_kind_of_error_has_a_face_of_its_own(error: str, title: str, alert: str) -> None:
    app = run(FAILING.format(error=error))
    shown = getattr(app, alert)
    assert len(shown) == 1
    assert shown[0].proto.title.startswith(title)
    assert not app.exception


def test_every_error_of_the_tree_has_a_face() -> None:
    from pages._ui.kit import feedback

    def below(kind: type[errors.StorageError]) -> set[type[errors.StorageError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    for kind in below(errors.StorageError):
        assert any(issubclass(kind, known) for known, _ in feedback._FACES), kind


def test_trying_again_runs_the_part_once_more_and_shows_it_when_it_works() -> None:
    body = """
def body():
    st.session_state["tries"] = st.session_state.get("tries", 0) + 1
    if st.session_state["tries"] == 1:
        raise errors.Unreachable("away")
    st.text("here it is")
feedback.section("clips", body, key="clips")
"""
    app = run(body)
    app.button(key="clips_retry").click().run()
    assert app.session_state["tries"] == 2
    assert [text.value for text in app.text] == ["here it is"]
    assert not app.error


def test_settings_that_are_wrong_are_listed_one_by_one_without_values() -> None:
    problems = (
        'errors.ConfigError([errors.Problem("R2_BUCKET_NAME", "is missing", "Set it."),'
        ' errors.Problem("FIREBASE_PROJECT_ID", "is malformed", "Copy it.")])'
    )
    app = run(FAILING.format(error=problems))
    table = app.table[0].value
    assert list(table["Setting"]) == ["`R2_BUCKET_NAME`", "`FIREBASE_PROJECT_ID`"]
    assert "2 settings must be put right" in words(app)


def test_text_inside_an_error_cannot_become_markup() -> None:
    app = run(FAILING.format(error='errors.NotFound("no ![x](http://h/p.png) <b>", remedy="see [here](http://h)")'))
    said = words(app)
    assert "![x](" not in said
    assert "[here](" not in said


def test_an_unexpected_error_gets_a_number_and_its_details_stay_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    secret = "https://b.example/k.mp4?X-Amz-Signature=abc123"
    with caplog.at_level(logging.ERROR, logger="clipdesk.pages"):
        app = run(FAILING.format(error=f'RuntimeError("cannot read {secret}")'))
    said = words(app)
    assert [text.value for text in app.text] == ["before", "after None"]
    assert "RuntimeError" not in said
    assert "cannot read" not in said
    number = said.split("incident `")[1].split("`")[0]
    assert f"incident {number} while showing the customer's clips" in caplog.text
    assert "cannot read https://b.example/k.mp4?[removed]" in caplog.text
    assert "abc123" not in caplog.text


def test_streamlits_own_control_flow_passes_through_a_part() -> None:
    app = run('feedback.section("x", st.stop, key="x")\nst.text("never")')
    assert not app.text
    assert not app.error


def test_a_part_gives_back_what_its_body_gave() -> None:
    app = run('st.text(feedback.section("x", lambda: 42, key="x"))')
    assert app.text[0].value == "42"


def test_incomplete_says_how_much_is_there_and_that_sums_are_lower_bounds() -> None:
    app = run('feedback.incomplete("clips", error=errors.Unreachable("away"), shown=1300, key="i")')
    assert "Only the first 1,300 clips are here. away Sums and counts over them are lower bounds." in words(app)
    assert app.button(key="i_retry")


def test_denied_names_the_action_and_the_role_that_it_needs() -> None:
    app = run('feedback.denied("purge clips", role="viewer", needed="operator")')
    assert words(app) == "You may not purge clips. It needs the role operator. Your role is viewer."


def test_empty_says_its_sentence_and_the_next_step() -> None:
    assert "No video matches." in words(run('feedback.empty("No video matches.", hint="Clear the filter.")'))


FRESH = """
from datetime import UTC, datetime
from storage.clients.meter import Cost
now = datetime(2025, 11, 22, 10, 5, 0, tzinfo=UTC)
read_at = datetime(2025, 11, 22, 10, 2, 13, tzinfo=UTC)
pressed = feedback.freshness(read_at, key="f", now=now, {more})
st.text(pressed)
"""


def test_freshness_says_what_was_read_and_when() -> None:
    app = run(FRESH.format(more="cost=Cost(firestore_reads=12, r2_class_a=1)"))
    assert app.caption[0].value == md("as of 10:02 UTC")
    assert app.caption[0].proto.help == "Read 2 min ago. Cost: 12 reads, 1 list."


def test_freshness_warns_when_not_everything_was_read() -> None:
    assert "incomplete" in run(FRESH.format(more="complete=False")).caption[0].value


def test_what_came_out_of_a_cache_says_so_instead_of_zero() -> None:
    assert run(FRESH.format(more="cost=Cost()")).caption[0].proto.help.endswith("Cost: from cache.")


def test_refreshing_clears_the_cache_first_and_tells_the_page() -> None:
    app = run(FRESH.format(more="on_refresh=lambda: st.session_state.update(cleared=True)"))
    assert "cleared" not in app.session_state
    app.button(key="f_refresh").click().run()
    assert app.session_state["cleared"] is True
    assert app.text[0].value == "True"


def test_a_page_says_a_time_of_reading_once() -> None:
    other = 'feedback.freshness(read_at, key="g", now=now, cost=Cost(firestore_reads=3), on_refresh=lambda: None)'
    app = run(FRESH.format(more="on_refresh=lambda: None") + other)
    for _ in range(2):
        assert [one.value for one in app.caption] == [md("as of 10:02 UTC")]
        assert [one.label for one in app.button] == ["Refresh", "Refresh"]
        assert app.button(key="g_refresh").proto.help == "As of 10:02 UTC. Read 2 min ago. Cost: 3 reads."
        app.run()


def test_a_page_has_one_button_for_each_refresh_and_still_says_each_time() -> None:
    app = run("""
from datetime import UTC, datetime
from functools import partial
def read(*_):
    pass
def part(key, minute, **more):
    read_at = datetime(2026, 3, 4, 10, minute, tzinfo=UTC)
    feedback.freshness(read_at, key=key, now=read_at, on_refresh=partial(read, "u1"), **more)
feedback.begin()
feedback.refresh_page(partial(read, "u1"), key="page")
part("f", 2)
part("g", 2)
part("h", 5)
part("i", 5, complete=False)
feedback.freshness(None, key="other", on_refresh=partial(read, "u2"))
""")
    times = [md("as of 10:02 UTC"), md("as of 10:05 UTC"), ":orange[:material/warning: incomplete]", "not read yet"]
    for _ in range(2):
        assert [one.value for one in app.caption] == times
        assert [one.key for one in app.button] == ["page_refresh", "other_refresh"]
        app.run()


def test_while_a_part_reads_its_words_and_its_shape_stand_there_and_nothing_of_them_is_left() -> None:
    app = run("""
with feedback.loading("Reading…", 120):
    st.text("drawn inside")
st.text("drawn after")
""")
    assert words(app) == "drawn inside\ndrawn after"
    failed = run("""
def body():
    with feedback.loading("Reading…"):
        raise errors.NotFound("It is not there.")
feedback.section("the part", body, key="part")
""")
    assert "It is not there" in words(failed)
    assert not failed.exception


def test_a_store_that_was_given_up_because_it_is_slow_is_said_to_be_asked_later_and_not_each_time() -> None:
    now = 0.0
    slow = Circuit("A slow store", clock=lambda: now)
    for target in "abc":
        began = slow.ask("list", target)
        now += 4.0
        slow.answered(began, target, 5.0)
    with pytest.raises(errors.Unreachable) as refused:
        slow.ask("list", "d")
    app = run(
        "from pages._ui.kit import away\nwith away.noticing():\n    away.told(st.session_state.found)\n",
        found=refused.value,
    )
    assert "not asked again until" in words(app)
    assert "each time" not in words(app)
