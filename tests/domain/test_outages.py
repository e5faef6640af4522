"""What is an outage, and what is not: bursts against the usual rate, whether one goes on, and its id."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from storage.domain.diagnosis import Absent, Fact, Known, StuckVideo, Unknown, outages
from storage.domain.diagnosis.outages import bursts, by_chance, named, standing, with_standing
from storage.text import rate
from tests.domain.diagnosis_world import NOW, STALE, ago
from tests.domain.test_diagnosis_stuck import analysis

MINUTE, DAY = 60.0, 86_400.0
USUAL = [2_880.0 * n for n in range(210)]  # 30 a day for a week
BURSTS: dict[str, tuple[list[float], list[int]]] = {
    "40 stops four minutes apart": ([4 * MINUTE * n for n in range(40)], []),
    "2,520 of them, a week long": ([4 * MINUTE * n for n in range(2_520)], []),
    "14 within two minutes": ([9.0 * n for n in range(14)], [14]),
    "three at once in a quiet week": ([DAY, DAY, DAY + 1, 5 * DAY], [3]),
    "two at once": ([0.0, 0.0], []),
    "eight, an hour apart": ([3_600.0 * n for n in range(8)], []),
    "a dead worker: one a minute for two hours": ([MINUTE * n for n in range(120)], [120]),
    "two bursts half an hour apart": ([*range(50), *(1_800 + 15 * n for n in range(4))], [50, 4]),
    "three within minutes where 30 a day are usual": ([*USUAL, *(6.9 * DAY + 500 + 80 * n for n in range(3))], []),
    "14 within two minutes there": ([*USUAL, *(6.9 * DAY + 500 + 9 * n for n in range(14))], [14]),
}


@pytest.mark.parametrize("case", BURSTS)
def test_a_burst_is_more_within_minutes_than_the_usual_rate_explains(case: str) -> None:
    times, sizes = BURSTS[case]
    assert [stop - start for start, stop, _ in bursts(sorted(times))] == sizes


def test_chance_makes_an_outage_of_random_stops_in_few_weeks_only() -> None:
    chance = random.Random(11)
    weeks = [sorted(chance.uniform(0, 7 * DAY) for _ in range(rate * 7)) for rate in (5, 20, 80) for _ in range(40)]
    assert sum(len(list(bursts(week))) for week in weeks) <= 6


def test_the_rule_knows_more_stops_and_shorter_windows_as_less_likely() -> None:
    rate = 10 / DAY
    assert by_chance(3, 60, rate) < by_chance(3, 300, rate) < by_chance(3, 1_800, rate)
    assert by_chance(5, 300, rate) < by_chance(4, 300, rate) < by_chance(3, 300, rate)
    assert by_chance(3, 300, rate) < by_chance(3, 300, 10 * rate)
    assert by_chance(60, 300, rate) < 1e-60
    assert by_chance(1, DAY, rate) == float("inf")


def burst(count: int, minutes: float, prefix: str = "v") -> list[StuckVideo]:
    return [analysis(minutes + n / 7, f"{prefix}{n:02}", f"u{n}") for n in range(count)]


def test_an_outage_says_its_rate_and_has_an_id_that_stays_while_more_videos_join_and_the_first_are_repaired() -> None:
    videos = burst(14, 90)
    (found,) = outages(videos)
    assert found.rate_words == "14 videos within 2 minutes; usual at this step: at most 1 a day"
    assert found.id == "analysis-analysis_stalled-20261122T1025Z"
    (more,) = outages([*videos, *burst(5, 88, "w")])
    (fewer,) = outages(videos[:9])
    assert (len(more.videos), len(fewer.videos)) == (19, 9)
    assert found.id == more.id == fewer.id
    assert found.as_dict().keys() >= {"id", "stage", "verdict", "first_at", "last_at", "users", "videos"}


def test_an_id_still_names_its_outage_when_its_beginning_moved_and_no_other() -> None:
    found = outages([*burst(14, 90), *burst(14, 300, "x")])
    assert len({outage.id for outage in found}) == 2
    assert named(found, found[1].id) is found[1]
    assert named(found, "analysis-analysis_stalled-20261122T1020Z") is found[0]
    for stranger in ("", "render-render_stalled-20261122T1025Z", "analysis-analysis_stalled-20261121T1025Z", "x-y"):
        assert named(found, stranger) is None


AWAY = Unknown("No answer within 10 seconds.")
GOES_ON: list[tuple[timedelta, Fact[datetime], bool | None, str]] = [
    (timedelta(minutes=50), Known(ago(minutes=20)), False, "succeeded"),
    (timedelta(minutes=50), Known(ago(hours=9)), True, "not seen to succeed since"),
    (timedelta(minutes=50), Absent(), True, "no success of the step was found"),
    (timedelta(minutes=50), AWAY, True, "not known: No answer"),
    (timedelta(hours=30), Known(ago(hours=1)), False, "after the last of them"),
    (timedelta(hours=30), Known(ago(hours=40)), None, "none since; but the step was not seen to succeed"),
    (timedelta(hours=30), AWAY, None, "not known: No answer"),
]


@pytest.mark.parametrize(("since", "success", "expected", "words"), GOES_ON)
def test_whether_it_goes_on_is_told_by_the_last_stop_and_the_last_success_and_else_not_known(
    since: timedelta, success: Fact[datetime], expected: bool | None, words: str
) -> None:
    found = standing(NOW - since, success, now=NOW, lag=timedelta(minutes=45))
    assert found.goes_on is expected
    assert words in found.by
    assert found.last_success == (success.value if isinstance(success, Known) else None)


def test_each_outage_is_held_against_the_last_success_of_its_own_step() -> None:
    found = outages(burst(4, 90))
    over = with_standing(found, {"analysis": Known(ago(minutes=1))}, now=NOW, stale_after=STALE)
    assert over[0].standing.goes_on is False
    assert over[0].as_dict()["last_success"] == ago(minutes=1)
    other = with_standing(found, {"render": Known(ago(minutes=1))}, now=NOW, stale_after=STALE)
    assert other[0].standing.goes_on is None
    assert "not looked for" in other[0].standing.by


@pytest.mark.parametrize(("per_day", "words"), [(0.26, "0.3"), (1.0, "1"), (9.96, "10"), (1_234.4, "1,234")])
def test_a_rate_has_no_digit_that_says_nothing(per_day: float, words: str) -> None:
    assert rate(per_day) == words
