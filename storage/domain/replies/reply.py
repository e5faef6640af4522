"""A reply to a customer: the names of its texts with their values, and its words in each language that the desk writes.

A rule says what to tell (`Text("waiting")`), the catalogue of a language (`en.py` and the others) says how.
A reply is in plain words, without ids, keys, codes or names of systems. It promises nothing that is not known: no time,
no success of a retry. It leaves out the video's title, which is a stranger's text; the customer knows the video.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Final, Literal, get_args

from storage.domain.replies.de import GERMAN
from storage.domain.replies.en import ENGLISH
from storage.domain.replies.es import SPANISH
from storage.domain.replies.fr import FRENCH
from storage.domain.replies.pt import PORTUGUESE
from storage.domain.replies.speech import Speech

Language = Literal["en", "es", "pt", "de", "fr"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
OWN: Final[Language] = "en"  # the language of the staff, and of `reply` in JSON
SPEECHES: Final[MappingProxyType[Language, Speech]] = MappingProxyType(
    {"en": ENGLISH, "es": SPANISH, "pt": PORTUGUESE, "de": GERMAN, "fr": FRENCH}
)


@dataclass(frozen=True, slots=True)
class Size:
    """A number of bytes."""

    size_bytes: int


@dataclass(frozen=True, slots=True)
class NamedClips:
    """Clips by title and style, and how many more there are that go unnamed."""

    named: tuple[tuple[str, str], ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """A text of the catalogues with its values; the value `count` also decides between one and more."""

    name: str
    values: Mapping[str, Value] = field(default_factory=dict)


Value = str | int | Size | date | datetime | NamedClips | Text


@dataclass(frozen=True, slots=True)
class Reply:
    """The texts of a reply in their order, and what stands between them."""

    texts: tuple[Text, ...]
    between: str = " "

    def words(self, language: Language = OWN) -> str:
        """The reply in this language."""
        speech = SPEECHES[language]
        return self.between.join(_text(text, speech) for text in self.texts)


def reply(name: str, **values: Value) -> Reply:
    """The reply that is one text."""
    return Reply((Text(name, values),))


def _text(text: Text, speech: Speech) -> str:
    shown = {name: _value(value, speech) for name, value in text.values.items()}
    return speech.text(text.name, text.values.get("count")).format_map(shown)


def _value(value: Value, speech: Speech) -> str:
    match value:
        case Text():
            return _text(value, speech)
        case Size():
            return speech.size(value.size_bytes)
        case NamedClips():
            names = ", ".join(speech.clip(title, style) for title, style in value.named)
            return speech.text("more", value.more).format(names=names, count=value.more) if value.more else names
        case datetime():
            return speech.time(value)
        case date():
            return speech.on(value)
        case int():
            return speech.number(value)
        case _:
            return value
