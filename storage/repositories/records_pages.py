"""Takes one page from a stream of documents, and knows whether more came after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from storage.errors import BadInput


def checked_limit(limit: int) -> int:
    """The limit unchanged, or `BadInput`."""
    if limit < 1:
        raise BadInput("limit must be a whole number from 1", field_name="limit", remedy="Leave it out, or raise it.")
    return limit


class Taken:
    """Reads a stream to its end, and hands on the documents up to a number looked at and a number kept."""

    def __init__(
        self, stream: Iterable[Any], size: int, room: int | None = None, keep: Callable[[Any], bool] | None = None
    ) -> None:
        self._stream, self._size, self._room, self._keep = stream, size, room, keep
        self._last: Any = None
        self._more = False

    def documents(self) -> Iterator[Any]:
        """Those to decode."""
        seen = kept = 0
        for document in self._stream:
            if seen == self._size or kept == self._room:
                self._more = True
                continue
            seen += 1
            self._last = document
            if self._keep is None or self._keep(document):
                kept += 1
                yield document

    def following(self) -> str | None:
        """The full name of the last document handed on, when there are more after it."""
        return self._last.name if self._more else None
