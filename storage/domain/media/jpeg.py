"""Reads a JPEG by ranges: its markers, its size in pixels, and whether it is complete. Source: ITU-T T.81, B."""

from __future__ import annotations

from dataclasses import dataclass

from storage.domain.media.ranges import Ranges

HEAD = 4 * 1024
TAIL = 512  # bytes; some writers put a few bytes behind the end
MAX_SEGMENTS = 100
_NO_LENGTH = {0x01, *range(0xD0, 0xD8)}
_NOT_FRAMES = {0xC4, 0xC8, 0xCC}  # tables among the markers of frames


class NoJpeg(Exception):
    """The object is something else (`other`), or a JPEG that ends too early."""

    def __init__(self, words: str, *, other: bool) -> None:
        super().__init__(words)
        self.words = words
        self.other = other


@dataclass(frozen=True, slots=True)
class Jpeg:
    """The size of a JPEG: width and height in pixels."""

    width: int
    height: int


def read(ranges: Ranges) -> Jpeg:
    """The size of the picture. Raises `NoJpeg`, `OutOfBudget`, and any error of the reading."""
    if ranges.get(0, min(3, ranges.size), ahead=HEAD) != b"\xff\xd8\xff":
        raise NoJpeg("It is not a JPEG: it does not begin like one.", other=True)
    at, found = 2, None
    for _ in range(MAX_SEGMENTS):
        raw = ranges.get(at, 9, ahead=HEAD)
        if len(raw) < 4 or raw[0] != 0xFF or 0x01 < raw[1] < 0xC0:
            break
        marker, length = raw[1], int.from_bytes(raw[2:4], "big")
        if marker == 0xFF or marker in _NO_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES and len(raw) == 9:
            found = Jpeg(int.from_bytes(raw[7:9], "big"), int.from_bytes(raw[5:7], "big"))
        if marker == 0xDA and found is not None:
            start = max(at + 2 + length, ranges.size - TAIL)
            if start >= ranges.size or b"\xff\xd9" not in ranges.get(start, ranges.size - start):
                raise NoJpeg("It is a JPEG that is cut short: its end is not there.", other=False)
            return found
        if marker in {0xD9, 0xDA} or length < 2:
            break
        at += 2 + length
    if at >= ranges.size:
        raise NoJpeg("It is a JPEG that is cut short, before its picture.", other=False)
    raise NoJpeg("It begins as a JPEG and does not go on as one.", other=True)
