"""What `highlights.json` and the document `highlights/main` hold: judged as the product reads them, never as missing
when they could not be read.

Two strictnesses, on purpose. Judging what lies in a store is lenient: an object with a list of maps counts, as it does
for the product. A file that somebody is about to put there is checked entry by entry, field by field (`check_file`).
Source of the shape: the chapter "Objects in R2" of the product's domain description.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NoReturn

MAX_FILE_BYTES = 5 * 1024 * 1024  # the worker writes a few kB; beyond this it is no highlights file

Source = Literal["object", "document"]
Presence = Literal["present", "absent", "unknown"]
Content = Literal["valid", "empty", "invalid"]


@dataclass(frozen=True, slots=True)
class HighlightsState:
    """One of the two sources as it was found.

    `absent` is proven (a 404, a listing or a query that ended); `unknown` says in `reason` why nothing is known.
    `content` is set where the source is present: `empty` is a list without entries. `place` is a key or a path.
    """

    source: Source
    presence: Presence
    content: Content | None = None
    entries: tuple[Mapping[str, Any], ...] = ()
    count: int = 0
    reason: str = ""
    place: str = ""
    written_at: datetime | None = None
    size_bytes: int | None = None
    code: str = ""  # the code of the error that kept it from being read
    etag: str | None = None  # of the object, where one is there

    @property
    def usable(self) -> bool:
        """Whether this source gives the video highlights: a list with at least one entry."""
        return self.presence == "present" and self.content == "valid"

    def without_entries(self) -> HighlightsState:
        """The same judgement without the texts, for scans that hold thousands of them."""
        return replace(self, entries=())


def absent(source: Source, place: str = "") -> HighlightsState:
    """Proven not to be there."""
    return HighlightsState(source, "absent", place=place)


def unknown(source: Source, reason: str, place: str = "", *, code: str = "") -> HighlightsState:
    """It could not be read; `reason` says why, `code` is the error's."""
    return HighlightsState(source, "unknown", reason=reason, place=place, code=code)


def judge_object(
    content: bytes, place: str = "", *, written_at: datetime | None = None, size_bytes: int | None = None
) -> HighlightsState:
    """What the bytes of a `highlights.json` hold. Never raises, whatever they are."""
    parsed, reason = _parse(content)
    if not reason:
        state = _judge("object", parsed, place)
    else:
        state = HighlightsState("object", "present", "invalid", reason=reason, place=place)
    return replace(state, written_at=written_at, size_bytes=len(content) if size_bytes is None else size_bytes)


def too_large(place: str, size_bytes: int, written_at: datetime | None = None) -> HighlightsState:
    """A file larger than any that the worker writes: invalid without having been read."""
    reason = f"{size_bytes:,} bytes; a highlights file has at most {MAX_FILE_BYTES:,}"
    state = HighlightsState("object", "present", "invalid", reason=reason, place=place)
    return replace(state, written_at=written_at, size_bytes=size_bytes)


def judge_document(
    fields: Mapping[str, Any] | None, place: str = "", *, written_at: datetime | None = None
) -> HighlightsState:
    """What the fields of `highlights/main` hold; `None` says that the document is proven absent."""
    if fields is None:
        return absent("document", place)
    return replace(_judge("document", fields, place), written_at=written_at)


def disagreement(first: HighlightsState, second: HighlightsState) -> str:
    """How two usable sources differ, in words; empty where they agree or one of them is not usable."""
    if not (first.usable and second.usable):
        return ""
    if first.count != second.count:
        return f"the {first.source} has {first.count} entries, the {second.source} {second.count}"
    titles = [[str(entry.get("title")) for entry in state.entries] for state in (first, second)]
    return "both have the same number of entries, with other titles" if titles[0] != titles[1] else ""


def _judge(source: Source, content: object, place: str) -> HighlightsState:
    def invalid(reason: str) -> HighlightsState:
        return HighlightsState(source, "present", "invalid", reason=reason, place=place)

    if not isinstance(content, Mapping):
        return invalid(f"it is {_named(content)}, not an object with the field 'highlights'")
    if "highlights" not in content:
        return invalid("the field 'highlights' is missing")
    entries = content["highlights"]
    if not isinstance(entries, list | tuple):
        return invalid(f"'highlights' is {_named(entries)}, not a list")
    if not entries:
        return HighlightsState(source, "present", "empty", reason="the list has no entries", place=place)
    usable = tuple(entry for entry in entries if isinstance(entry, Mapping))
    if len(usable) < len(entries):
        where = next(i for i, entry in enumerate(entries) if not isinstance(entry, Mapping))
        return invalid(f"entry {where + 1} of {len(entries)} is {_named(entries[where])}, not an object")
    return HighlightsState(source, "present", "valid", usable, len(usable), place=place)


def _parse(content: bytes) -> tuple[object, str]:
    """The parsed content and an empty reason, or the reason why it is not JSON."""
    if not content:
        return None, "the file has 0 bytes"
    if len(content) > MAX_FILE_BYTES:
        return None, f"larger than {MAX_FILE_BYTES:,} bytes"
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return None, f"not UTF-8 (byte {error.start:,} of {len(content):,})"
    try:
        return json.loads(text, parse_constant=_refuse_constant), ""
    except json.JSONDecodeError as error:
        cut = "; it looks cut off" if error.pos >= len(text.rstrip()) or "Unterminated" in error.msg else ""
        return None, f"not JSON: {error.msg}, line {error.lineno}, column {error.colno}{cut}"
    except RecursionError:
        return None, "not usable JSON: nested too deep"
    except ValueError as error:  # NaN and Infinity, and whole numbers of thousands of digits
        return None, f"not usable JSON: {str(error)[:80]}"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _named(value: object) -> str:
    """The kind of a value as JSON calls it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list | tuple) else "an object"
