"""Reads the bytes of one object by ranges, within a budget, counts them, and never asks for a byte twice."""

from __future__ import annotations

from collections.abc import Callable

Read = Callable[[int, int], bytes]  # offset and length in; exactly those bytes out, or the callable raises


class OutOfBudget(Exception):
    """The reading needs more bytes or more requests than its budget allows."""


class Ranges:
    """The object's bytes. `budget` bounds the number of bytes that are read, `requests` the number of requests.

    The caller may raise the budget on the way, when it knows how much there is to read.
    """

    def __init__(self, size: int, read: Read, budget: int, requests: int) -> None:
        self.size = size
        self.budget = budget
        self.requests = requests
        self.bytes_read = 0
        self.asked = 0
        self._read = read
        self._held: list[tuple[int, bytes]] = []

    @property
    def left(self) -> int:
        """The number of bytes that are left in the budget."""
        return self.budget - self.bytes_read

    def holds(self, offset: int, length: int) -> bool:
        """Whether these bytes need no request."""
        return self._missing(offset, offset + length) is None

    def get(self, offset: int, length: int, ahead: int = 0) -> bytes:
        """The bytes, fewer where the object ends before. A request that is needed anyway reads `ahead` bytes.

        Raises `OutOfBudget`, and what the callable raises.
        """
        end = min(offset + length, self.size)
        while (missing := self._missing(offset, end)) is not None:
            start, until = missing
            self._ask(start, until, min(start + max(ahead, until - start), self.size))
        return self._joined(offset, end)

    def _ask(self, start: int, until: int, wished: int) -> None:
        wished = min([at for at, _ in self._held if start < at < wished], default=wished)
        stop = min(wished, start + self.left)
        if stop < until or self.asked >= self.requests:
            raise OutOfBudget
        content = self._read(start, stop - start)
        if len(content) != stop - start:
            raise OutOfBudget
        self.asked += 1
        self.bytes_read += len(content)
        self._held.append((start, content))
        self._held.sort()

    def _missing(self, start: int, end: int) -> tuple[int, int] | None:
        """The first part of these bytes that was not read yet."""
        for at, content in self._held:
            if at <= start < at + len(content):
                start = at + len(content)
        if start >= end:
            return None
        return start, min([at for at, _ in self._held if start < at < end], default=end)

    def _joined(self, start: int, end: int) -> bytes:
        parts = []
        for at, content in self._held:
            if at <= start < min(end, at + len(content)):
                piece = content[start - at : end - at]
                parts.append(piece)
                start += len(piece)
        return b"".join(parts)
