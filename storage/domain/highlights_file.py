"""Checks a highlights file that somebody is about to put in place, and writes one out as the worker does.

Every problem is found at once and names the entry and the field, so that one round of mending is enough.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from storage.domain import highlights
from storage.errors import BadInput

MAX_ENTRIES = 500
MAX_TEXT_CHARS = 10_000
DURATION_TOLERANCE_SECONDS = 2.0  # start and end are whole seconds in older files, the duration is not
_TIME = re.compile(r"(?:(\d{1,3}):)?([0-5]?\d):([0-5]\d(?:\.\d{1,6})?)")
_TEXTS = ("description", "hook_category", "reason")
_PADS = ("pad_before_seconds", "pad_after_seconds")
_SHOWN_PROBLEMS = 8
_REMEDY = (
    'Mend the file: {"highlights": [{"id": 1, "title": "...", "start": "00:00:12", "end": "00:01:02", '
    '"duration": 50}, ...]}.'
)


def check_file(content: bytes) -> tuple[Mapping[str, Any], ...]:
    """The entries of the file, or `BadInput` that lists each problem with its entry (from 1) and field.

    Demanded of each entry: an `id` (whole number from 0, no two alike), a `title`, `start` before `end` as
    `HH:MM:SS` or `MM:SS`. Optional: `duration` (seconds, must fit the two), paddings (seconds from 0), texts or null.
    Fields that are not known here are kept as they are.
    """
    state = highlights.judge_object(content)
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
    """Every problem as `entry N, field: what`, in order; empty where all is well."""
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
    """The file as the worker writes it: UTF-8 JSON with the entries and what the video's document says."""
    content = {
        "highlights": [dict(entry) for entry in entries],
        "video_url": video_url,
        "video_title": video_title,
        "custom_prompt": custom_prompt,
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False, default=str).encode("utf-8", "replace")


def seconds(text: object) -> float | None:
    """`HH:MM:SS`, `MM:SS`, with or without a fraction, as seconds; `None` for anything else."""
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
        elif good_duration and duration is not None and abs(end - start - duration) > DURATION_TOLERANCE_SECONDS:
            problems.append(("duration", f"is {duration} s, but start to end is {end - start:g} s"))
    return problems


def _is_number(value: object, *, low: float | None = None, above: float | None = None) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return False
    return (low is None or value >= low) and (above is None or value > above)
