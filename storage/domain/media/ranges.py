"""Bytes of one object, asked for by range: within a budget, counted, and nothing asked for twice."""

from __future__ import annotations

from collections.abc import Callable

Read = Callable[[int, int], bytes]  # offset and length in; exactly those bytes out, or the callable raises


class OutOfBudget(Exception):
    """More bytes or more requests would be needed than may be spent."""


class Ranges:
    """The object's bytes. `budget` bounds all bytes that are asked for, `requests` the number of times.

    The budget may be raised on the way, once it is known how much there is to look at.
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
        """How many bytes may still be asked for."""
        return self.budget - self.bytes_read

    def holds(self, offset: int, length: int) -> bool:
        """Whether these bytes can be had without a request."""
        return self._missing(offset, offset + length) is None

    def get(self, offset: int, length: int, ahead: int = 0) -> bytes:
        """The bytes, fewer where the object ends before. A request asks for `ahead` of them where it is needed anyway.

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
        """The first part of these bytes that is not held."""
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
