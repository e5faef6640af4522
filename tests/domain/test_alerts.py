"""Which alert is sent to whom: each state once for each target, whatever fails on the way, and quiet hours."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.domain.alerts import (
    ENDED,
    KEPT_DAYS,
    RULES,
    TEXTS,
    Alert,
    KeptAlert,
    Notice,
    QuietHours,
    after,
    decide,
    message,
)

NOW = datetime(2026, 5, 4, 3, 0, tzinfo=UTC)
TARGETS = ("one", "two")


def alert(state: str = "began", *, rule: str = "outage", key: str = "a") -> Alert:
    return Alert(rule, key, state, "14 videos stopped.", "/processing")  # type: ignore[arg-type]


@given(
    st.lists(
        st.tuples(
            st.sets(st.sampled_from("abc")),  # what stands
            st.booleans(),  # whether the source could be read
            st.sets(st.sampled_from(TARGETS)),  # which targets take what they are sent
        ),
        max_size=12,
    )
)
def test_each_target_takes_each_beginning_and_each_end_once(runs):
    kept: dict[str, KeptAlert] = {}
    heard: dict[str, list[tuple[str, str]]] = {target: [] for target in TARGETS}
    known: set[str] = set()
    for number, (stands, readable, takes) in enumerate(
        [*runs, (set(), True, set(TARGETS)), (set(), True, set(TARGETS))]
    ):
        at = NOW + timedelta(minutes=5 * number)
        standing = [alert(key=key) for key in sorted(stands)] if readable else []
        unread = [] if readable else ["outage"]
        decision = decide(standing, unread, kept.values(), TARGETS, at, quiet=False)
        kept = {one.alert.alert_id: one for one in decision.kept}
        for notice in decision.notices:
            mine = kept[notice.kept.alert.alert_id]
            ok = notice.target in takes
            if ok:
                heard[notice.target].append((mine.alert.key, mine.alert.state))
            kept[mine.alert.alert_id] = after(mine, notice.target, at, ok=ok)
        known |= stands if readable else set()
    for told in heard.values():
        for key in "abc":
            states = [state for name, state in told if name == key]
            assert all(first != second for first, second in pairwise(states)), states  # never twice
            assert bool(states) == (key in known)  # nothing that stood is lost
            assert not states or states[-1] == ENDED


def test_a_state_that_changes_is_told_again_and_one_that_stays_is_not():
    first = decide([alert("new")], [], [], TARGETS, NOW, quiet=False)
    kept = [after(after(first.kept[0], "one", NOW, ok=True), "two", NOW, ok=True)]
    same = decide([alert("new")], [], kept, TARGETS, NOW, quiet=False)
    assert (same.notices, same.suppressed) == ((), 2)
    worse = decide([alert("escalating")], [], kept, TARGETS, NOW, quiet=False)
    assert [notice.target for notice in worse.notices] == ["one", "two"]


def test_what_nobody_could_look_at_has_not_ended():
    kept = [after(KeptAlert(alert(), NOW, NOW), "one", NOW, ok=True)]
    assert decide([], ["outage"], kept, ["one"], NOW, quiet=False).notices == ()
    assert [one.kept.alert.state for one in decide([], [], kept, ["one"], NOW, quiet=False).notices] == [ENDED]


def test_a_new_target_is_not_told_of_what_is_over():
    told = after(KeptAlert(alert(ENDED), NOW, NOW, {"one": "began"}), "one", NOW, ok=True)
    assert decide([], [], [told], ["one", "new"], NOW, quiet=False).notices == ()


def test_what_is_over_is_forgotten_after_a_month_once_everybody_knows():
    at = NOW - timedelta(days=KEPT_DAYS + 1)
    told = KeptAlert(alert(ENDED), at, at, {"one": ENDED})
    assert [one.alert.key for one in decide([], [], [told], ["one"], NOW, quiet=False).over] == ["a"]
    untold = KeptAlert(alert(ENDED), at, at, {"one": "began"})
    assert decide([], [], [untold], ["one"], NOW, quiet=False).over == ()


def test_quiet_hours_hold_what_is_not_urgent():
    calm = next(rule for rule in RULES if not TEXTS[rule].urgent)
    held = decide([alert(rule=calm), alert(key="b")], [], [], ["one"], NOW, quiet=True)
    assert [notice.kept.alert.rule for notice in held.notices] == ["outage"]
    assert held.suppressed == 1
    assert len(decide([alert(rule=calm)], [], held.kept, ["one"], NOW, quiet=False).notices) >= 1


@pytest.mark.parametrize(
    ("begin", "end", "at", "hold"),
    [
        (22, 7, 23, True),
        (22, 7, 6, True),
        (22, 7, 7, False),
        (22, 7, 12, False),
        (1, 5, 1, True),
        (1, 5, 5, False),
        (1, 5, 0, False),
    ],
)
def test_quiet_hours_may_span_midnight(begin, end, at, hold):
    assert QuietHours(time(begin), time(end)).hold(NOW.replace(hour=at)) is hold


def test_a_document_comes_back_as_it_was_and_another_is_none():
    one = KeptAlert(alert(), NOW, NOW, {"one": "began"}, {"two": 3}, NOW)
    assert KeptAlert.from_fields(one.to_fields()) == one
    for damage in ({"rule": "unknown"}, {"key": 3}, {"first_at": "yesterday"}):
        assert KeptAlert.from_fields(one.to_fields() | damage) is None


def test_a_message_lists_so_many_alerts_and_counts_the_others():
    notices = [Notice(KeptAlert(alert(key=str(number)), NOW, NOW), "one") for number in range(25)]
    title, body = message(notices, "https://desk.example.com")
    assert title == "[urgent] Clip Desk: 25 alerts"
    assert body.count("\n") == 20
    assert body.endswith("… and 5 more: https://desk.example.com/alerts")
    assert "https://desk.example.com/processing" in body
    one_title, one_body = message([Notice(KeptAlert(alert(ENDED), NOW, NOW + timedelta(hours=1)), "one")], "")
    assert one_title == "Clip Desk: Outage over"
    assert "from 2026-05-04 03:00 to 04:00 UTC" in one_body
    assert "http" not in one_body
