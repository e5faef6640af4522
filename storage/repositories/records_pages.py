"""Takes one page from a stream of documents, and knows whether more came after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from storage.errors import BadInput

CLOCK_EVERY = 100  # documents between two looks at the clock


def checked_limit(limit: int) -> int:
    """The limit unchanged, or `BadInput`."""
    if limit < 1:
        raise BadInput("limit must be a whole number from 1", field_name="limit", remedy="Leave it out, or raise it.")
    return limit


class Taken:
    """Reads a stream, and hands on the documents up to a number looked at and a number kept.

    With `seconds` the page ends early, after what has come by then, so that a slow stream ends before its deadline.
    """

    def __init__(
        self,
        stream: Iterable[Any],
        size: int,
        room: int | None = None,
        keep: Callable[[Any], bool] | None = None,
        *,
        seconds: float | None = None,
    ) -> None:
        self._stream, self._size, self._room, self._keep = stream, size, room, keep
        self._until = None if seconds is None else time.monotonic() + seconds
        self._last: Any = None
        self._more = False

    def documents(self) -> Iterator[Any]:
        """Those to decode."""
        seen = kept = 0
        for document in self._stream:
            if seen == self._size or kept == self._room:
                self._more = True
                continue
            if self._until is not None and seen and seen % CLOCK_EVERY == 0 and time.monotonic() > self._until:
                self._more = True
                return
            seen += 1
            self._last = document
            if self._keep is None or self._keep(document):
                kept += 1
                yield document

    def following(self) -> str | None:
        """The full name of the last document handed on, when there are more after it."""
        return self._last.name if self._more else None
