"""What a language brings to a reply: its texts by name, and how it writes numbers, dates and titles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from storage.text import quoted, size_words

TITLE_CHARS = 60


@dataclass(frozen=True, slots=True)
class Plural:
    """A text for one thing and for more; its value `count` decides."""

    one: str
    other: str


@dataclass(frozen=True, slots=True)
class Speech:
    """A language. `name` is its own name for itself; `day` and `moment` are patterns of {day}, {month}, {year}, {time}.

    `none_is_one`: the form for one thing also holds for none. Source: Unicode CLDR, plural rules.
    """

    name: str
    texts: Mapping[str, str | Plural]
    quotes: tuple[str, str]
    decimal: str
    thousands: str
    months: tuple[str, ...]
    day: str
    moment: str
    none_is_one: bool = False

    def text(self, name: str, count: object) -> str:
        """The pattern of this name, in the form for the count."""
        found = self.texts[name]
        if isinstance(found, str):
            return found
        return found.one if count == 1 or (count == 0 and self.none_is_one) else found.other

    def number(self, value: int) -> str:
        """`1,234` as this language writes it."""
        return self._marked(f"{value:,}")

    def size(self, size_bytes: int) -> str:
        """`14.1 MiB` as this language writes it."""
        return self._marked(size_words(size_bytes))

    def on(self, at: date) -> str:
        """A day, with the month's name."""
        first = "1er" if self.day.startswith("{first}") and at.day == 1 else f"{at.day}"
        return self.day.format(day=at.day, first=first, month=self._month(at), year=at.year)

    def time(self, at: datetime) -> str:
        """A time in UTC, to the minute."""
        there = at.astimezone(UTC)
        return self.moment.format(date=self.on(there.date()), time=f"{there:%H:%M}")

    def clip(self, title: str, style: str) -> str:
        """A clip in the customer's words: title and style, made harmless."""
        opened, closed = self.quotes
        named = f"{opened}{quoted(title, TITLE_CHARS)[1:-1]}{closed}" if title.strip() else self.text("untitled", 1)
        return f"{named} ({style.replace('_', ' ')[:TITLE_CHARS]})" if style.strip() else named

    def _month(self, at: date) -> str:
        return self.months[at.month - 1]

    def _marked(self, english: str) -> str:
        return english.translate({ord(","): self.thousands, ord("."): self.decimal})
