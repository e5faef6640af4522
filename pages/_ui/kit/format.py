"""Numbers and times as people read them, each with the exact value for the help text beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pages._ui.kit.text import ABSENT
from storage.domain.amounts import size_words

_THRESHOLDS = (0, 80, 100)  # nothing used, near the limit, exceeded
_STEPS = ((86_400.0, "day", "days"), (3_600.0, "h", "h"), (60.0, "min", "min"), (1.0, "s", "s"))


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
    """The true percentage, above 100 as well; `None` is a dash with the reason.

    One decimal unless whole; two where one would round to 0, 80 or 100 without being it, and `<` or `>` where even two
    would, so that what is just below a threshold never reads as the threshold.
    """
    if value is None:
        return Shown(ABSENT, reason)
    exact = f"{value!r} %"
    if float(value).is_integer():
        return Shown(f"{value:,.0f} %", exact)
    for digits in (1, 2):
        if round(value, digits) not in _THRESHOLDS:
            return Shown(f"{value:,.{digits}f} %", exact)
    threshold = round(value)
    return Shown(f"{'<' if value < threshold else '>'} {threshold} %", exact)


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
    seconds = max(0.0, seconds)
    for size_seconds, one, many in _STEPS:
        if seconds >= size_seconds:
            number = int(seconds // size_seconds)
            minutes = int(seconds % 3600 // 60)
            more = f" {minutes} min" if one == "h" and minutes else ""
            return f"{number:,} {one if number == 1 else many}{more}"
    return "0 s"


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
    """When something was read: the time of day in UTC, with the date where it is not today's."""
    at = moment.astimezone(UTC)
    same_day = at.date() == now.astimezone(UTC).date()
    return f"as of {at:%H:%M:%S} UTC" if same_day else f"as of {at:%Y-%m-%d %H:%M:%S} UTC"


def left(until: datetime, now: datetime) -> timedelta:
    """The time left until then, never negative."""
    return max(timedelta(0), until - now)
