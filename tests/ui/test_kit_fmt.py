"""Numbers and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pages._ui.kit import format
from pages._ui.kit.text import ABSENT

NOW = datetime(2025, 11, 22, 10, 2, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1.00 KiB"),
        (1_048_575, "1.00 MiB"),
        (30 * 1024**3, "30.0 GiB"),
        (-2048, "-2.00 KiB"),
    ],
)
def test_sizes_are_binary_with_the_exact_bytes_in_the_help(size_bytes: int, text: str) -> None:
    assert format.size(size_bytes).text == text
    assert format.size(size_bytes).help.startswith(f"{size_bytes:,} byte")


def test_unknown_is_a_dash_with_the_reason_and_never_zero() -> None:
    for shown in (
        format.size(None, "R2 refused"),
        format.count(None, "R2 refused"),
        format.percent(None, "R2 refused"),
    ):
        assert (shown.text, shown.help) == (ABSENT, "R2 refused")
    for shown in (format.duration(None), format.utc(None), format.ago(None, NOW), format.difference(None)):
        assert shown.text == ABSENT
        assert shown.help


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 %"), (0.04, "0.04 %"), (0.004, "> 0 %"), (12.34, "12.3 %"), (79.96, "79.96 %"), (79.999, "< 80 %"),
        (80.0, "80 %"), (80.001, "> 80 %"), (99.96, "99.96 %"), (100.0, "100 %"), (100.04, "100.04 %"),
        (1234.5, "1,234.5 %"),
    ],
)  # fmt: skip
def test_percentages_are_true_and_never_round_onto_a_threshold(value: float, text: str) -> None:
    assert format.percent(value).text == text


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=1000))
def test_a_percentage_reads_as_a_threshold_only_when_it_is_one(value: float) -> None:
    for threshold in (0, 80, 100):
        assert (format.percent(value).text == f"{threshold} %") == (value == threshold)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (42.4, "0:42"), (59.6, "1:00"), (725, "12:05"), (3723, "1:02:03"), (-1, ABSENT)]
)
def test_lengths_read_like_a_clock(seconds: float, text: str) -> None:
    assert format.duration(seconds).text == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2, "just now"),
        (40, "40 s ago"),
        (190, "3 min ago"),
        (7500, "2 h 5 min ago"),
        (90_000, "25 h ago"),
        (200_000, "2 days ago"),
        (-300, "in 5 min"),
    ],
)
def test_ages_are_words_with_the_absolute_time_in_the_help(seconds: int, text: str) -> None:
    shown = format.ago(NOW - timedelta(seconds=seconds), NOW)
    assert shown.text == text
    assert shown.help.endswith(" UTC")


def test_times_are_shown_in_utc_wherever_they_come_from() -> None:
    berlin = NOW.astimezone(timezone(timedelta(hours=1)))
    assert format.utc(berlin) == format.Shown("2025-11-22 10:02:13 UTC", "2025-11-22T10:02:13Z")


def test_as_of_names_the_day_only_when_it_is_another() -> None:
    assert format.as_of(NOW, NOW + timedelta(hours=1)) == "as of 10:02 UTC"
    assert format.as_of(NOW, NOW + timedelta(days=1)) == "as of 2025-11-22 10:02 UTC"


def test_differences_carry_their_sign() -> None:
    assert [format.difference(number).text for number in (5, -1200, 0)] == ["+5", "-1,200", "±0"]


def test_the_time_left_is_never_negative() -> None:
    assert format.left(NOW - timedelta(seconds=5), NOW) == timedelta(0)
    assert format.left(NOW + timedelta(seconds=5), NOW) == timedelta(seconds=5)
