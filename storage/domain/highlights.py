"""Judges the contents of `highlights.json` and of the document `highlights/main` as the product reads them.

Contents that could not be read never count as missing. The judgement of stored contents is lenient: an object with a
list of maps counts, as it does for the product. Entries whose times make no sense count too, and are named
(`odd_times`). `check_file` is strict with a file that a person is about to store: it checks every field of every entry
and reports all problems at once, with entry and field, so that one correction is enough. `compose` writes the file as
the worker does.

Source of the shape: the chapter "Objects in R2" of the product's domain description.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NoReturn

from storage.domain.deployment import Served
from storage.domain.documents import Video
from storage.errors import BadInput, StorageError

MAX_FILE_BYTES = 5 * 1024 * 1024  # the worker writes a few kB; a larger file is no highlights file

Source = Literal["object", "document"]
Presence = Literal["present", "absent", "unknown"]
Content = Literal["valid", "empty", "invalid"]


MAX_ENTRIES = 500
MAX_TEXT_CHARS = 10_000
DURATION_TOLERANCE_SECONDS = 2.0  # start and end are whole seconds in older files, the duration is not
LONGEST_SOURCE_SECONDS = 12 * 3600  # source: YouTube takes no longer upload
_TIME = re.compile(r"(?:(\d{1,3}):)?([0-5]?\d):([0-5]\d(?:\.\d{1,6})?)")
_TEXTS = ("description", "hook_category", "reason")
_PADS = ("pad_before_seconds", "pad_after_seconds", "pad_before", "pad_after")
_MOST = 2**53  # a larger number of seconds makes no sense, and some larger numbers do not fit into a double
DEFAULT_PAD = 1.0  # seconds; the product's padding for an entry without one
_SHOWN_PROBLEMS = 8
_REMEDY = (
    'Correct the file: {"highlights": [{"id": 1, "title": "...", "start": "00:00:12", "end": "00:01:02", '
    '"duration": 50}, ...]}.'
)


@dataclass(frozen=True, slots=True)
class HighlightsState:
    """The state of one of the two sources.

    `absent` is proven (a 404, or a complete listing or query); with `unknown`, `reason` says why nothing is known.
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
    code: str = ""  # the code of the error that stopped the reading
    etag: str | None = None  # of the object, where there is one
    odd_times: tuple[str, ...] = ()  # times that make no sense: `entry N, field: what`, at most 8, and how many more
    fault: StorageError | None = dataclasses.field(default=None, compare=False)  # that error

    @property
    def usable(self) -> bool:
        """Whether this source gives the video highlights: a list with at least one entry."""
        return self.presence == "present" and self.content == "valid"

    def without_entries(self) -> HighlightsState:
        """The same judgement without the texts, for scans that hold thousands of them."""
        return replace(self, entries=())


def absent(source: Source, place: str = "") -> HighlightsState:
    """The state of a source that is proven absent."""
    return HighlightsState(source, "absent", place=place)


def unknown(source: Source, reason: str, place: str = "", *, code: str = "") -> HighlightsState:
    """The state of a source that could not be read; `reason` says why, `code` is the error's."""
    return HighlightsState(source, "unknown", reason=reason, place=place, code=code)


def unread(source: Source, fault: StorageError, place: str) -> HighlightsState:
    """The state of a source that a store's error kept from being read."""
    return replace(unknown(source, fault.message, place, code=fault.code), fault=fault)


def counting(stored: HighlightsState, document: HighlightsState, served: Served) -> tuple[HighlightsState, ...]:
    """The places from which the product serves highlights; the place that it asks first stands first."""
    return {"object": (stored,), "document": (document,), "mixed": (document, stored)}[served]


def together(stored: HighlightsState, document: HighlightsState, served: Served) -> HighlightsState:
    """The state that customers get from both places: one with a list, else an unknown one, else a broken one."""

    def rank(state: HighlightsState) -> int:
        """The rank of the state, the most decisive first; of equal ones the first place counts."""
        ranks = (state.usable, state.presence == "unknown", state.content == "invalid", state.presence == "present")
        return ranks.index(True) if True in ranks else len(ranks)

    return min(counting(stored, document, served), key=rank)


def page_opens(stored: HighlightsState, document: HighlightsState, served: Served) -> bool | None:
    """Whether the video's page shows more than "still being processed"; `None` where that is unknown.

    The newer product answers 409 exactly where the document does not exist: an empty list opens the page. The older
    product needs a list with entries in the file. Sources: `GET /videos/{id}` of the newer product, the domain
    description of the older one.
    """
    by_document = None if document.presence == "unknown" else document.presence == "present"
    by_object = None if stored.presence == "unknown" else stored.usable
    if served != "mixed":
        return by_document if served == "document" else by_object
    return True if by_document or by_object else None if None in {by_document, by_object} else False


def judge_object(
    content: bytes, place: str = "", *, written_at: datetime | None = None, size_bytes: int | None = None
) -> HighlightsState:
    """The state of a `highlights.json` with these bytes. Never raises."""
    parsed, reason = _parse(content)
    if not reason:
        state = _judge("object", parsed, place)
    else:
        state = HighlightsState("object", "present", "invalid", reason=reason, place=place)
    return replace(state, written_at=written_at, size_bytes=len(content) if size_bytes is None else size_bytes)


def too_large(place: str, size_bytes: int, written_at: datetime | None = None) -> HighlightsState:
    """The state of a file that is larger than any of the worker's: invalid without a reading."""
    reason = f"{size_bytes:,} bytes; a highlights file has at most {MAX_FILE_BYTES:,}"
    state = HighlightsState("object", "present", "invalid", reason=reason, place=place)
    return replace(state, written_at=written_at, size_bytes=size_bytes)


def judge_document(
    fields: Mapping[str, Any] | None, place: str = "", *, written_at: datetime | None = None
) -> HighlightsState:
    """The state of `highlights/main` with these fields; `None` means that the document is proven absent."""
    if fields is None:
        return absent("document", place)
    return replace(_judge("document", fields, place), written_at=written_at)


def disagreement(first: HighlightsState, second: HighlightsState) -> str:
    """The differences of two usable sources, in words; empty where they agree or one of them is not usable."""
    found = differences(first, second)
    if not found:
        return ""
    more = f"; and {len(found) - _SHOWN_PROBLEMS} more" if len(found) > _SHOWN_PROBLEMS else ""
    return "; ".join(found[:_SHOWN_PROBLEMS]) + more


def differences(first: HighlightsState, second: HighlightsState) -> tuple[str, ...]:
    """Every difference between two usable sources that a customer could see, by the entries' ids."""
    if not (first.usable and second.usable):
        return ()
    ours, theirs = _by_id(first.entries), _by_id(second.entries)
    found = [f"entry {name} is in the {first.source} alone" for name in ours if name not in theirs]
    found += [f"entry {name} is in the {second.source} alone" for name in theirs if name not in ours]
    for name in ours.keys() & theirs.keys():
        here, there = _compared(ours[name]), _compared(theirs[name])
        for what, value in here.items():
            if value != there[what]:
                both = f"{_shown(value)} in the {first.source}, {_shown(there[what])} in the {second.source}"
                found.append(f"entry {name}: {what} is {both}")
    return tuple(sorted(found))


def _by_id(entries: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The entries by id; an entry without an id, or with a repeated one, by its place."""
    found: dict[str, Mapping[str, Any]] = {}
    for number, entry in enumerate(entries, start=1):
        name = str(entry.get("id", f"#{number}"))[:40]
        found[f"#{number}" if name in found else name] = entry
    return found


def _compared(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry in a form for comparison: names and types of the two forms differ, but `00:00:05` equals `0:05`."""
    times = {name: seconds(entry.get(name)) for name in ("start", "end")}
    return {
        "title": entry.get("title"),
        **{name: entry.get(name) if time is None else time for name, time in times.items()},
        "pad_before": _pad(entry, "pad_before"),
        "pad_after": _pad(entry, "pad_after"),
    }


def _pad(entry: Mapping[str, Any], name: str) -> Any:
    """The padding under the name of either form; without one, the product uses one second."""
    value = next((entry[each] for each in (name, f"{name}_seconds") if entry.get(each) is not None), DEFAULT_PAD)
    return float(value) if _is_number(value) else value


def _shown(value: object) -> str:
    return repr(value)[:60]


def for_file(entries: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The entries in the form of `highlights.json`: paddings with `_seconds`, and a whole `duration`, without which the
    product cannot read the file at all."""
    return tuple(
        _formed(entry, {"pad_before": "pad_before_seconds", "pad_after": "pad_after_seconds"}) for entry in entries
    )


def for_document(entries: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The entries in the form of `highlights/main`: paddings without `_seconds`, which the product ignores there."""
    return tuple(
        _formed(entry, {"pad_before_seconds": "pad_before", "pad_after_seconds": "pad_after"}) for entry in entries
    )


def _formed(entry: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The entry with each of `names`' keys (the other form) renamed to its value (this form). Other fields stay."""
    formed = {name: value for name, value in entry.items() if name not in names}
    for other, own in names.items():
        if formed.get(own) is None:
            formed[own] = entry.get(other)
        formed[own] = float(formed[own]) if _is_number(formed[own]) else DEFAULT_PAD
    length = entry.get("duration")
    if not _is_number(length):
        start, end = seconds(entry.get("start")), seconds(entry.get("end"))
        length = end - start if start is not None and end is not None else 0
    formed["duration"] = max(1, math.floor(float(length or 0) + 0.5))
    return formed


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
    times = tuple(
        f"entry {number}, {field}: {what}"
        for number, entry in enumerate(usable, start=1)
        for field, what in _time_problems(entry)
    )
    more = (f"and {len(times) - _SHOWN_PROBLEMS} more",) if len(times) > _SHOWN_PROBLEMS else ()
    odd = (*times[:_SHOWN_PROBLEMS], *more)
    return HighlightsState(source, "present", "valid", usable, len(usable), place=place, odd_times=odd)


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
    """JSON's name for the kind of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list | tuple) else "an object"


def check_file(content: bytes) -> tuple[Mapping[str, Any], ...]:
    """The entries of the file. Raises `BadInput`, which lists each problem with its entry (from 1) and field.

    Each entry needs an `id` (whole number from 0, unique), a `title`, and `start` before `end` as `HH:MM:SS` or
    `MM:SS`. Optional fields are `duration` (seconds; it must fit the two times, is written as whole seconds, and is
    computed where it is missing), paddings (seconds from 0, under the name of either form), and texts or null. Unknown
    fields stay as they are.
    """
    state = judge_object(content)
    if state.content == "empty":
        raise BadInput("The file's list of highlights is empty.", field_name="highlights", remedy=_REMEDY)
    if not state.usable:
        raise BadInput(f"The file is not a highlights file: {state.reason}.", field_name="highlights", remedy=_REMEDY)
    problems = check_entries(state.entries)
    if problems:
        shown = "; ".join(problems[:_SHOWN_PROBLEMS])
        more = f"; and {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
        raise BadInput(f"The highlights are not valid: {shown}{more}.", field_name="highlights", remedy=_REMEDY)
    return state.entries


def check_entries(entries: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Every problem as `entry N, field: what`, in order; empty for valid entries."""
    problems: list[str] = []
    if len(entries) > MAX_ENTRIES:
        problems.append(f"{len(entries):,} entries; at most {MAX_ENTRIES} are accepted")
    seen: dict[int, int] = {}
    for number, entry in enumerate(entries[:MAX_ENTRIES], start=1):
        problems.extend(f"entry {number}, {field}: {what}" for field, what in _entry_problems(entry))
        identity = entry.get("id")
        if isinstance(identity, int) and not isinstance(identity, bool):
            if identity in seen:
                problems.append(f"entry {number}, id: {identity} is also the id of entry {seen[identity]}")
            seen.setdefault(identity, number)
    return tuple(problems)


def compose(
    entries: Sequence[Mapping[str, Any]],
    *,
    video_url: str | None,
    video_title: str | None,
    custom_prompt: str | None,
) -> bytes:
    """The file as the worker writes it: UTF-8 JSON with the entries and the facts from the video's document."""
    content = {
        "highlights": list(for_file(entries)),
        "video_url": video_url,
        "video_title": video_title,
        "custom_prompt": custom_prompt,
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False, default=str).encode("utf-8", "replace")


def document_fields(
    entries: Sequence[Mapping[str, Any]],
    before: Mapping[str, Any] | None,
    *,
    video: Video,
    now: datetime,
) -> dict[str, Any]:
    """The fields of `highlights/main` to write, in the backend's form, over its fields `before` (`None`: no document).

    Without a `video_url` in the document the product can neither fetch nor generate anything for the video. Existing
    fields of the document stay; missing ones come from the video's document.
    """
    held = before or {}
    known = {name: getattr(video, name) for name in ("video_url", "video_title", "custom_prompt")}
    added = {name: value for name, value in known.items() if value is not None and held.get(name) is None}
    fields: dict[str, Any] = {"video_id": video.video_id, "highlights": list(for_document(entries)), **added}
    if not isinstance(held.get("created_at"), datetime):
        fields["created_at"] = now
    return fields | {"updated_at": now}


def seconds(text: object) -> float | None:
    """A text as `HH:MM:SS` or `MM:SS`, with or without a fraction, in seconds; `None` for any other value."""
    match = _TIME.fullmatch(text) if isinstance(text, str) and text.isascii() else None
    if not match:
        return None
    hours, minutes, rest = match.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(rest)


def _entry_problems(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    identity = entry.get("id")
    if "id" not in entry:
        problems.append(("id", "is missing"))
    elif not isinstance(identity, int) or isinstance(identity, bool) or identity < 0:
        problems.append(("id", "is not a whole number from 0"))
    title = entry.get("title")
    if title is None or (isinstance(title, str) and not title.strip()):
        problems.append(("title", "is missing or blank"))
    elif not isinstance(title, str):
        problems.append(("title", "is not a text"))
    elif len(title) > MAX_TEXT_CHARS:
        problems.append(("title", f"is longer than {MAX_TEXT_CHARS:,} characters"))
    problems.extend(_time_problems(entry))
    for field in _TEXTS:
        value = entry.get(field)
        if value is not None and (not isinstance(value, str) or len(value) > MAX_TEXT_CHARS):
            problems.append((field, f"is not a text of at most {MAX_TEXT_CHARS:,} characters"))
    for field in _PADS:
        if entry.get(field) is not None and not _is_number(entry[field], low=0):
            problems.append((field, "is not a number of seconds from 0"))
    return problems


def _time_problems(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = [
        (field, "is missing" if entry.get(field) is None else "is not a time as HH:MM:SS")
        for field in ("start", "end")
        if seconds(entry.get(field)) is None
    ]
    duration = entry.get("duration")
    good_duration = duration is None or _is_number(duration, above=0)
    if not good_duration:
        problems.append(("duration", "is not a number of seconds above 0"))
    start, end = seconds(entry.get("start")), seconds(entry.get("end"))
    if start is not None and end is not None:
        if end <= start:
            problems.append(("end", f"is not after start ({entry['start']} to {entry['end']})"))
        elif end > LONGEST_SOURCE_SECONDS:
            problems.append(("end", f"lies beyond the longest source ({entry['end']})"))
        elif good_duration and duration is not None and abs(end - start - duration) > DURATION_TOLERANCE_SECONDS:
            problems.append(("duration", f"is {duration} s, but start to end is {end - start:g} s"))
    return problems


def _is_number(value: object, *, low: float | None = None, above: float | None = None) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool) or not -_MOST < value < _MOST:
        return False
    return (low is None or value >= low) and (above is None or value > above)
