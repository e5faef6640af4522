"""Finds the videos that have no known status. Firestore cannot be asked for a missing field, but it can count.

A status that is another text can be asked for: by ranges between the known ones.

Where a range of names holds more videos than videos with a known status, one without is in it. The range is halved
until it is small enough to read. The bounds of ranges need not be ids that exist: only the balance depends on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from storage.clients.meter import metering
from storage.clients.threads import ContextThreads
from storage.domain.documents import VIDEOS, Table
from storage.ids import is_stored_id
from storage.repositories.queries import NAME, Condition, RecordQueries, ResourceName, build

READABLE = 16  # videos that are read rather than counted further: as many reads as the counts of a few more halves
AT_ONCE = 4  # ranges looked at at the same time
_APART = "\x01"  # between uid and video id in a bound; before every other character, as a path's end is
_DIGITS = _APART + "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "/")
_MORE_DIGITS = 6
_OPERATION = "Looking for videos without a status"


@dataclass(frozen=True, slots=True)
class _Range:
    """Names from `start` (included) to `end` (excluded; empty: no bound), with the videos there, and how many of them
    have no known status."""

    start: str
    end: str
    videos: int
    strange: int


class WithoutStatus(RecordQueries):
    """The search as a part of all reads."""

    def videos_without_status(
        self, known: Sequence[str], videos: int, strange: int, *, most_reads: int, near: Sequence[str] = ()
    ) -> pd.DataFrame:
        """The videos of all users whose status is none of `known`, as rows of `VIDEOS`: of `videos` so many are said
        to be `strange`. Fewer where more than `most_reads` would be needed: at that number it begins no other step.
        Raises `MissingIndex` or `Unusable` where Firestore refuses ranges of all users, and its other errors.

        `near` are uids of the fleet, where the caller knows some: ranges are halved there first.
        """
        points = sorted({uid for uid in near if all(char in _DIGITS[1:] for char in uid)})
        ranges, found = [_Range("", "", videos, strange)] if strange > 0 else [], [VIDEOS.empty()]
        with metering() as meter, ContextThreads(max_workers=AT_ONCE) as threads:
            while ranges and (left := most_reads - meter.cost().firestore_reads) > 0:
                step = partial(self._step, known=known, points=points, left=left)
                some, ranges = ranges[-AT_ONCE:], ranges[:-AT_ONCE]
                for halves, rows in threads.map(step, some):
                    ranges += [half for half in halves if half.strange > 0]
                    found.append(rows)
        return pd.concat(found, ignore_index=True)

    def videos_of_other_statuses(self, known: Sequence[str], limit: int) -> Table:
        """The videos of all users whose status is a text that is none of `known`, about `limit` of them.

        A query for each gap between the known ones in their order, which costs a read where it holds none. A missing
        status, or one of another type, is in none of these. May raise `MissingIndex`.
        """
        bounds = sorted(known)
        found = []
        for low, high in zip(("", *bounds), (*bounds, None), strict=True):
            where: list[Condition] = [("status", ">" if low else ">=", low)]
            where += [("status", "<", high)] if high is not None else []
            query = build("videos", group=True, where=where, order_by="status")
            found.append(self._first(VIDEOS, query, "Looking for videos of an unknown status", limit))
        frame = pd.concat([table.unbroken() for table in found], ignore_index=True)
        return replace(found[0], frame=frame, complete=all(table.complete for table in found))

    def _step(
        self, one: _Range, *, known: Sequence[str], points: Sequence[str], left: int
    ) -> tuple[Sequence[_Range], pd.DataFrame]:
        """The halves of a range, or the rows that were sought in one that is small or cannot be halved."""
        middle = _middle(one.start, one.end, points) if one.videos > READABLE else ""
        if middle:
            return self._halves(one, middle, known), VIDEOS.empty()
        return (), self._read(one, known, min(one.videos + READABLE, left))

    def _halves(self, one: _Range, middle: str, known: Sequence[str]) -> tuple[_Range, _Range]:
        """The upper half and the lower one, each with its numbers."""
        where = self._between(one.start, middle)
        videos = self._count(build("videos", group=True, where=where), _OPERATION)
        told = 0
        if videos:
            status: Condition = ("status", "in", sorted(known))
            told = self._count(build("videos", group=True, where=[status, *where]), _OPERATION)
        strange = max(0, videos - told)
        return (
            _Range(middle, one.end, one.videos - videos, one.strange - strange),
            _Range(one.start, middle, videos, strange),
        )

    def _read(self, one: _Range, known: Sequence[str], limit: int) -> pd.DataFrame:
        query = build("videos", group=True, where=self._between(one.start, one.end))
        frame = self._first(VIDEOS, query, _OPERATION, limit).unbroken()
        return frame[~frame["status"].isin(known)]

    def _between(self, start: str, end: str) -> list[Condition]:
        bounds: list[Condition] = [(NAME, "<", ResourceName(self._handle.name(_path(end) if end else "users~/~")))]
        return [(NAME, ">=", ResourceName(self._handle.name(_path(start)))), *bounds] if start else bounds


def _path(bound: str) -> str:
    uid, _, video_id = bound.partition(_APART)
    return f"users/{uid}/videos/{video_id}" if video_id else f"users/{uid}"


def _middle(start: str, end: str, points: Sequence[str]) -> str:
    """A bound between two others: the middle one of the points, else of all texts; empty where there is none."""
    inside = [point for point in points if start < point and (not end or point < end)]
    if inside:
        return inside[len(inside) // 2]
    width = next((i for i, (a, b) in enumerate(zip(start, end, strict=False)) if a != b), min(len(start), len(end)))
    width += _MORE_DIGITS
    above = _number(end, width) if end else (len(_DIGITS) + 1) ** width
    middle = _text((_number(start, width) + above) // 2, width)
    sound = all(is_stored_id(part) for part in middle.split(_APART))
    return middle if sound and start < middle and (not end or middle < end) else ""


def _number(text: str, width: int) -> int:
    """The text as digits of one number, `width` of them; the end of a text is its smallest digit."""
    digits = [_DIGITS.index(char) + 1 for char in text[:width]]
    value = 0
    for digit in [*digits, *[0] * (width - len(digits))]:
        value = value * (len(_DIGITS) + 1) + digit
    return value


def _text(value: int, width: int) -> str:
    """The inverse, up to the first end of a text; between uid and video id there is one separation at most."""
    digits = []
    for _ in range(width):
        value, digit = divmod(value, len(_DIGITS) + 1)
        digits.append(digit)
    text = "".join(_DIGITS[digit - 1] if digit else "\0" for digit in reversed(digits)).partition("\0")[0]
    uid, apart, rest = text.partition(_APART)
    return f"{uid}{apart}{rest.replace(_APART, '')}".rstrip(_APART)
