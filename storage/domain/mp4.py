"""Looks at an MP4 file far enough to refuse what no player would play: its boxes, its length, where its index lies.

Source: ISO/IEC 14496-12, the box structure and the movie header.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from storage.errors import BadInput

_REMEDY = "Give the rendered clip as an MP4 file (H.264)."


@dataclass(frozen=True, slots=True)
class Mp4:
    """`duration_seconds` is `None` where the header does not say; `index_first` is true when it can start at once."""

    size_bytes: int
    duration_seconds: float | None
    index_first: bool


def inspect(file: BinaryIO) -> Mp4:
    """What the file is; `BadInput` (field FILE) when it is empty, cut short or no MP4. Leaves the position at 0."""
    size = file.seek(0, 2)
    if size == 0:
        raise BadInput("FILE is empty", field_name="FILE", remedy=_REMEDY)
    order: list[bytes] = []
    duration: float | None = None
    for kind, start, length in _boxes(file, 0, size):
        order.append(kind)
        if kind == b"moov":
            duration = _duration(file, start, start + length)
    file.seek(0)
    if order[:1] != [b"ftyp"]:
        raise BadInput("FILE is not an MP4 file (it begins with no file type)", field_name="FILE", remedy=_REMEDY)
    if b"moov" not in order or b"mdat" not in order:
        missing = "index (moov)" if b"moov" not in order else "media (mdat)"
        raise BadInput(f"FILE is an MP4 without its {missing}: cut short?", field_name="FILE", remedy=_REMEDY)
    return Mp4(size, duration, order.index(b"moov") < order.index(b"mdat"))


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and length of each box's content; `BadInput` when a box reaches past the end."""
    while start + 8 <= end:
        file.seek(start)
        length, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if length == 1:
            raw = file.read(8)
            length, header = (struct.unpack(">Q", raw)[0], 16) if len(raw) == 8 else (0, 16)
        elif length == 0:
            length = end - start
        if length < header or start + length > end:
            what = "cut short" if kind.isalnum() else "not an MP4 file"
            raise BadInput(f"FILE is {what}", field_name="FILE", remedy=_REMEDY)
        yield kind, start + header, length - header
        start += length


def _duration(file: BinaryIO, start: int, end: int) -> float | None:
    for kind, at, length in _boxes(file, start, end):
        if kind == b"mvhd" and length >= 20:
            file.seek(at)
            body = file.read(min(length, 32))
            layout, offset = (">IQ", 20) if body[0] == 1 else (">II", 12)
            if len(body) < offset + struct.calcsize(layout):
                return None
            scale, units = struct.unpack_from(layout, body, offset)
            return units / scale if scale else None
    return None
