"""Writes numbers and times as people read them, each with the exact value for the help text beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pages._ui.kit.text import ABSENT
from storage.text import percent_words, short_age, size_words


@dataclass(frozen=True, slots=True)
class Shown:
    """`text` for the page, `help` with the exact value or with the reason why there is none. Neither holds Markdown."""

    text: str
    help: str = ""

    def __str__(self) -> str:
        return self.text


def size(size_bytes: int | None, reason: str = "The size is not known.") -> Shown:
    """Bytes in binary units with three digits, exact in the help; `None` is a dash with the reason, never 0."""
    if size_bytes is None:
        return Shown(ABSENT, reason)
    return Shown(size_words(size_bytes), f"{size_bytes:,} byte{'' if abs(size_bytes) == 1 else 's'}")


def count(number: int | None, reason: str = "The number is not known.") -> Shown:
    """A whole number with thousands marked."""
    return Shown(ABSENT, reason) if number is None else Shown(f"{number:,}")


def difference(number: int | None, reason: str = "The difference is not known.") -> Shown:
    """A whole number with its sign, zero as `±0`."""
    if number is None:
        return Shown(ABSENT, reason)
    return Shown(f"{number:+,}" if number else "±0")


def percent(value: float | None, reason: str = "There is no limit to compare with.") -> Shown:
    """The true percentage, exact in the help; `None` is a dash with the reason."""
    return Shown(ABSENT, reason) if value is None else Shown(percent_words(value), f"{value!r} %")


def duration(seconds: float | None, reason: str = "The length is not known.") -> Shown:
    """A length as a clock reads it: `0:42`, `12:05`, `1:02:03`; exact seconds in the help."""
    if seconds is None or seconds != seconds or seconds < 0:
        return Shown(ABSENT, reason)
    hours, rest = divmod(int(seconds + 0.5), 3600)
    minutes, left = divmod(rest, 60)
    text = f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
    return Shown(text, f"{seconds:g} s")


def span(seconds: float) -> str:
    """About how long: `40 s`, `3 min`, `2 h 5 min`, `4 days`. Never negative."""
    return short_age(timedelta(seconds=seconds))


def utc(moment: datetime | None, reason: str = "No time is recorded.") -> Shown:
    """The absolute time in UTC: `2025-11-22 10:02:13 UTC`, RFC 3339 in the help."""
    if moment is None:
        return Shown(ABSENT, reason)
    at = moment.astimezone(UTC)
    return Shown(f"{at:%Y-%m-%d %H:%M:%S} UTC", at.isoformat().replace("+00:00", "Z"))


def ago(moment: datetime | None, now: datetime, reason: str = "No time is recorded.") -> Shown:
    """How long before `now`: `just now`, `3 min ago`, `in 5 min`; the absolute time in UTC is the help."""
    if moment is None:
        return Shown(ABSENT, reason)
    exact = utc(moment).text
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 5:
        return Shown("just now", exact)
    return Shown(f"{span(seconds)} ago" if seconds > 0 else f"in {span(-seconds)}", exact)


def as_of(moment: datetime, now: datetime) -> str:
    """The time of a reading to the minute in UTC, with the date where it is not today's."""
    at = moment.astimezone(UTC)
    same_day = at.date() == now.astimezone(UTC).date()
    return f"as of {at:%H:%M} UTC" if same_day else f"as of {at:%Y-%m-%d %H:%M} UTC"


def left(until: datetime, now: datetime) -> timedelta:
    """The time left until then, never negative."""
    return max(timedelta(0), until - now)
