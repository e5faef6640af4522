"""Reads an MP4 by ranges: the place of its index, the tracks in the index, and whether the file holds all their bytes.

Source: ISO/IEC 14496-12 (boxes, sample tables, fragments) and 14496-15 (H.264 in it). The behaviour of players with odd
files was measured: `docs/media.md`. The module does not see damage within the media, which the index does not show.

A file may claim anything, so the bytes that hold a count bound it, and the budget bounds every step.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from storage.domain.media.ranges import OutOfBudget, Ranges

HEAD = 16 * 1024  # bytes; hold the file type and, where it comes first, the index of some twenty seconds
SHORT_SECONDS = 60.5  # a clip of a minute, with the rounding of its last frame
LONG_BUDGET = 1024 * 1024
STEP = 2 * 1024  # bytes of one request on the way from box to box
MAX_BOXES = 4_000
MAX_TRACKS = 32
TAIL = 16 * 1024  # bytes at the end of a file with too many fragments to follow each
STEPS_AMONG_FRAGMENTS = 8

# Codecs that current browsers play, by the names of their sample entries; HEVC depends on the machine.
PICTURES = frozenset({"avc1", "avc3", "vp08", "vp09", "av01"})
PICTURES_OF_SOME = frozenset({"hvc1", "hev1", "dvh1", "dvhe"})
SOUNDS = frozenset({"mp4a", "Opus", "fLaC", ".mp3"})
AAC_OR_MP3 = frozenset({0x40, 0x66, 0x67, 0x68, 0x69, 0x6B})  # object types of `esds`; 14496-1
FIRST_BOXES = frozenset(
    {"ftyp", "styp", "moov", "moof", "mdat", "free", "skip", "wide", "pnot", "sidx", "uuid", "udta", "meta", "pdin"}
)
IMAGES = frozenset({"avif", "avis", "heic", "heix", "mif1", "msf1", "crx ", "jp2 "})

TrackKind = Literal["picture", "sound", "other"]


@dataclass(frozen=True, slots=True)
class Track:
    """One track. `codec` is the name of its sample entry; `needs` is the end of its last byte, 0 without any byte."""

    kind: TrackKind
    codec: str
    samples: int
    needs: int = 0
    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    rotation: int = 0
    usable: bool = True

    @property
    def played(self) -> bool:
        """Whether browsers in general play the track."""
        return self.usable and self.codec in (PICTURES if self.kind == "picture" else SOUNDS)


@dataclass(frozen=True, slots=True)
class Film:
    """The contents of the index. `seconds` is `None` where it gives no length; `needs` is the size of all of it.

    `whole_bytes` is the end of the file's own boxes, as far as they were followed; more may lie behind. `lacking` bytes
    at the end are missing, which players do not read. `doubtful`: players differ about the missing part, which belongs
    to a fragment or to the last track's description.
    """

    tracks: tuple[Track, ...]
    seconds: float | None
    index_first: bool
    fragmented: bool
    needs: int
    whole_bytes: int
    lacking: int = 0
    doubtful: bool = False

    @property
    def picture(self) -> Track | None:
        """The first picture track that browsers play, else the first picture track."""
        return _first(self.tracks, "picture")

    @property
    def sound(self) -> Track | None:
        """The first sound track that browsers play, else the first sound track."""
        return _first(self.tracks, "sound")


class Unplayable(Exception):
    """No player plays the file. `other`: it is no MP4; else it is an incomplete MP4."""

    def __init__(self, words: str, *, other: bool = False, film: Film | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.other = other
        self.film = film


@dataclass(frozen=True, slots=True)
class _Box:
    kind: str
    start: int
    body: int
    end: int


@dataclass(slots=True)
class _Fragments:
    """The sums over the fragments of a file, by track."""

    samples: dict[int, int]
    units: dict[int, int]
    needs: int = 0
    fragments: int = 0
    lacking: int = 0
    cut: bool = False


def read(ranges: Ranges) -> Film:
    """The film, if it plays. Raises `Unplayable`, `OutOfBudget`, and any error of the reading."""
    ranges.get(0, min(HEAD, ranges.size), ahead=HEAD)
    before: list[_Box] = []
    index: _Box | None = None
    for box in _top(ranges):
        before.append(box)
        if box.kind == "ftyp" and _brand(ranges, box) in IMAGES:
            raise Unplayable(f"It is a picture ({_brand(ranges, box).strip()}), not a film.", other=True)
        if box.kind == "moov":
            index = box
            break
    if index is None:
        raise _without_index(ranges, before)
    lacking = index.end - ranges.size
    if lacking <= 0:
        return _film(ranges, index, before)
    try:
        return replace(_film(ranges, replace(index, end=ranges.size), before, cut=True), lacking=lacking)
    except Unplayable as why:
        raise Unplayable(f"Its index is cut short: {_missing(lacking)}.", film=why.film) from None


def _without_index(ranges: Ranges, before: list[_Box]) -> Unplayable:
    if not before:
        return Unplayable("It is not an MP4: it does not begin like one.", other=True)
    last = before[-1]
    if last.end > ranges.size:
        return Unplayable(
            f"It is cut short, in front of its index: {_missing(last.end - ranges.size)} ('{last.kind}')."
        )
    if before[0].kind in {"moof", "styp"}:
        return Unplayable("It is a piece of a fragmented MP4, without the index that it needs.")
    return Unplayable(f"Its index is not there: nothing of an MP4 follows byte {last.end:,}.")


def _film(ranges: Ranges, index: _Box, before: list[_Box], *, cut: bool = False) -> Film:
    head = {box.kind: box for box in _boxes(ranges, index.body, index.end, until="mvhd")}
    scale, units = _movie_header(ranges, head.get("mvhd"))
    if scale and units / scale > SHORT_SECONDS:
        ranges.budget = max(ranges.budget, LONG_BUDGET)
    whole = index.end - index.start <= ranges.left or ranges.holds(index.start, index.end - index.start)
    if whole:
        ranges.get(index.start, index.end - index.start)
    tracks: list[Track] = []
    numbers: list[tuple[int, int]] = []  # of each track: its id and its time scale
    extended: int | None = None
    defaults: dict[int, tuple[int, int]] = {}
    found = _Fragments({}, {})
    for box in _boxes(ranges, index.body, index.end):
        if box.kind == "trak" and len(tracks) < MAX_TRACKS:
            track, number, ticks = _track(ranges, box, whole=whole)
            tracks.append(track)
            numbers.append((number, ticks))
        elif box.kind == "mvex":
            extended, defaults = _extends(ranges, box)
    seconds = units / scale if scale and 0 < units < 0xFFFFFFFF else None
    first = not any(box.kind == "mdat" for box in before)
    if extended is not None:
        found = _fragments(ranges, index.end, defaults)
        if not found.fragments and not any(track.samples for track in tracks):
            raise Unplayable("It has an index and no picture or sound behind it.")
        tracks = [_in_fragments(track, *of, found) for track, of in zip(tracks, numbers, strict=True)]
        seconds = extended / scale if scale and extended else _longest(tracks)
    seconds = seconds if seconds is not None else _longest(tracks)
    shown = [track for track in tracks if track.played and track.samples]
    needs = max([track.needs for track in shown], default=0)
    boxes = [box.end for box in before if box.end <= ranges.size]
    end = max([needs, *boxes, _next_end(ranges, index.end)])
    film = Film(tuple(tracks), seconds, first, extended is not None, needs, end, found.lacking, found.cut)
    seen = [track for track in tracks if track.kind != "other"]
    if cut and not all(track.usable for track in seen) and shown:
        film = replace(film, tracks=tuple(track for track in tracks if track.usable), doubtful=True)
    _check(film, ranges.size)
    return film


def _check(film: Film, size: int) -> None:
    """Raises `Unplayable` where the file does not hold all that the index names, or where no browser plays that."""
    seen = [track for track in film.tracks if track.kind != "other"]
    if not seen or any(not track.usable for track in seen):
        raise Unplayable("Its index is damaged: it describes a picture or a sound that cannot be read.", film=film)
    if not any(track.played for track in seen):
        codecs = ", ".join(sorted({track.codec for track in seen}))
        raise Unplayable(f"It holds no picture and no sound that browsers play ({codecs}).", other=True, film=film)
    if not any(track.samples for track in seen if track.played):
        raise Unplayable("Its index names no picture and no sound.", film=film)
    if film.needs > size:
        raise Unplayable(f"It is cut short: {_missing(film.needs - size)} of what its index names.", film=film)


def _missing(count: int) -> str:
    return "1 byte is missing" if count == 1 else f"{count:,} bytes are missing"


def _first(tracks: tuple[Track, ...], kind: TrackKind) -> Track | None:
    of_kind = [track for track in tracks if track.kind == kind]
    return next((track for track in of_kind if track.played and track.samples), of_kind[0] if of_kind else None)


def _longest(tracks: list[Track]) -> float | None:
    return max([track.seconds for track in tracks if track.seconds is not None and track.played], default=None)


def _top(ranges: Ranges) -> Iterator[_Box]:
    """The boxes of the file, up to the first bytes that are no box. A box that reaches past the file's end is last."""
    at = 0
    for _ in range(MAX_BOXES):
        box = _box(ranges, at, ranges.size, ahead=STEP)
        if box is None or (at == 0 and box.kind not in FIRST_BOXES):
            return
        yield box
        if box.end <= at or box.end >= ranges.size:
            return
        at = box.end
        left = ranges.size - at
        if box.kind == "mdat" and left <= ranges.left:
            ranges.get(at, min(left, STEP), ahead=min(left, ranges.left))  # likely the index, which is needed whole


def _next_end(ranges: Ranges, at: int) -> int:
    """The end of the box behind the index, if known without a request; at most the file's end."""
    if not ranges.holds(at, min(16, max(0, ranges.size - at))):
        return 0
    box = _box(ranges, at, ranges.size)
    return box.end if box is not None and box.kind in FIRST_BOXES and box.end <= ranges.size else 0


def _box(ranges: Ranges, at: int, limit: int, ahead: int = 0) -> _Box | None:
    """The box at a position; `None` where there is no box. Its end may lie past `limit`."""
    if at + 8 > limit:
        return None
    raw = ranges.get(at, min(16, limit - at), ahead)
    if len(raw) < 8 or not all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in raw[4:8]):
        return None
    length, header = int.from_bytes(raw[:4], "big"), 8
    if length == 1:
        if len(raw) < 16:
            return None
        length, header = int.from_bytes(raw[8:16], "big"), 16
    elif length == 0:
        length = limit - at
    if length < header:
        return None
    return _Box(raw[4:8].decode("latin-1"), at, at + header, at + length)


def _boxes(ranges: Ranges, start: int, end: int, *, until: str = "") -> Iterator[_Box]:
    """The boxes inside another box that lie within it, no further than the first of the kind `until`.

    Where the file ends inside the last box, the result has that box up to the file's end.
    """
    at = start
    for _ in range(MAX_BOXES):
        box = _box(ranges, at, end, ahead=min(STEP, end - at))
        if box is None or (box.end > end and end < ranges.size):
            return
        box = replace(box, end=min(box.end, end))
        yield box
        at = box.end
        if box.kind == until:
            return


def _inside(ranges: Ranges, box: _Box | None, *path: str) -> _Box | None:
    """The first box at the end of a path of kinds."""
    for kind in path:
        if box is None:
            return None
        box = next((found for found in _boxes(ranges, box.body, box.end) if found.kind == kind), None)
    return box


def _body(ranges: Ranges, box: _Box, length: int, skip: int = 0) -> bytes:
    """Some bytes of a box's content, never past its end."""
    start = min(box.body + skip, box.end)
    return ranges.get(start, min(length, box.end - start), ahead=min(STEP, box.end - start))


def _brand(ranges: Ranges, box: _Box) -> str:
    return _body(ranges, box, 4).decode("latin-1") if box.end <= ranges.size else ""


def _movie_header(ranges: Ranges, box: _Box | None) -> tuple[int, int]:
    """Time scale and length in its units, from the header of a movie or a track; zeros where it lacks them."""
    raw = _body(ranges, box, 32) if box is not None else b""
    layout, offset = (">IQ", 20) if raw[:1] == b"\x01" else (">II", 12)
    if len(raw) < offset + struct.calcsize(layout):
        return 0, 0
    scale, units = struct.unpack_from(layout, raw, offset)
    return scale, 0 if units in {0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF} else units


def _track(ranges: Ranges, box: _Box, *, whole: bool) -> tuple[Track, int, int]:
    """The track, its id and its time scale."""
    parts = {part.kind: part for part in _boxes(ranges, box.body, box.end)}
    media = {part.kind: part for part in _children(ranges, parts.get("mdia"))}
    number, rotation = _track_header(ranges, parts.get("tkhd"))
    scale, units = _movie_header(ranges, media.get("mdhd"))
    handler = _body(ranges, media["hdlr"], 12)[8:12] if "hdlr" in media else b""
    kind: TrackKind = "picture" if handler == b"vide" else "sound" if handler == b"soun" else "other"
    tables = {part.kind: part for part in _children(ranges, _inside(ranges, media.get("minf"), "stbl"))}
    codec, width, height, usable = _entry(ranges, tables.get("stsd"), kind)
    if kind == "other" and whole is False:
        return Track(kind, codec, 0), number, scale
    samples, needs, sound = _samples(ranges, tables, whole=whole)
    seconds = units / scale if scale and units else None
    track = Track(kind, codec, samples, needs, seconds, width, height, rotation, usable and sound)
    return track, number, scale


def _children(ranges: Ranges, box: _Box | None) -> Iterator[_Box]:
    if box is not None:
        yield from _boxes(ranges, box.body, box.end)


def _track_header(ranges: Ranges, box: _Box | None) -> tuple[int, int]:
    """The track's id, and its rotation by the player in degrees."""
    raw = _body(ranges, box, 96) if box is not None else b""
    number_at, matrix_at = (20, 52) if raw[:1] == b"\x01" else (12, 40)
    if len(raw) < matrix_at + 36:
        return 0, 0
    a, b, _, c, d = struct.unpack_from(">iiiii", raw, matrix_at)
    turned = {(1, 0, 0, 1): 0, (0, 1, -1, 0): 90, (-1, 0, 0, -1): 180, (0, -1, 1, 0): 270}
    signs = tuple((value > 0) - (value < 0) for value in (a, b, c, d))
    return struct.unpack_from(">I", raw, number_at)[0], turned.get(signs, 0)


def _entry(ranges: Ranges, box: _Box | None, kind: TrackKind) -> tuple[str, int | None, int | None, bool]:
    """Codec, width and height of the first sample entry, and whether it has all that a decoder needs."""
    if box is None:
        return "", None, None, False
    entry = _box(ranges, box.body + 8, box.end)
    if entry is None or entry.end > box.end:
        return "", None, None, False
    if kind == "picture":
        raw = _body(ranges, entry, 78)
        if len(raw) < 78:
            return entry.kind, None, None, False
        width, height = struct.unpack_from(">HH", raw, 24)
        usable = entry.kind not in {"avc1", "avc3"} or _has_parameters(ranges, entry)
        return entry.kind, width, height, usable and width > 0 and height > 0
    if kind == "sound" and entry.kind == "mp4a":
        return _sound_codec(ranges, entry), None, None, True
    return entry.kind, None, None, True


def _has_parameters(ranges: Ranges, entry: _Box) -> bool:
    """H.264: whether the entry holds the parameter sets that decoding needs (`avc3` has them inline)."""
    for part in _boxes(ranges, entry.body + 78, entry.end):
        if part.kind == "avcC":
            raw = _body(ranges, part, 8)
            return len(raw) >= 7 and raw[0] == 1 and (raw[5] & 0x1F > 0 or entry.kind == "avc3")
    return False


def _sound_codec(ranges: Ranges, entry: _Box) -> str:
    """`mp4a`, or the descriptor's type where it is neither AAC nor MP3. QuickTime's own forms count as AAC."""
    raw = _body(ranges, entry, min(512, entry.end - entry.body))
    at = raw.find(b"esds")
    decoder = raw.find(b"\x04", at + 8) if at >= 0 else -1
    while 0 <= decoder < len(raw) - 6:
        following = raw[decoder + 1 : decoder + 6].lstrip(b"\x80")  # the length may be padded
        if following[:1] and 13 <= following[0] < 64 and len(following) > 1:
            kind = following[1]
            return "mp4a" if kind in AAC_OR_MP3 else f"mp4a.{kind:02x}"
        decoder = raw.find(b"\x04", decoder + 1)
    return "mp4a"


def _samples(ranges: Ranges, tables: dict[str, _Box], *, whole: bool) -> tuple[int, int, bool]:
    """The number of samples, the end of their last byte, and whether the tables can be read.

    Without `whole`, the last chunk alone gives the end, since writers append.
    """
    sizes, chunks, runs = tables.get("stsz") or tables.get("stz2"), tables.get("stco") or tables.get("co64"), "stsc"
    if sizes is None or chunks is None or runs not in tables:
        return 0, 0, False
    head = _body(ranges, sizes, 12)
    chunk_head, run_head = _body(ranges, chunks, 8), _body(ranges, tables[runs], 8)
    if len(head) < 12 or len(chunk_head) < 8 or len(run_head) < 8:
        return 0, 0, False
    count, chunk_count, run_count = (int.from_bytes(raw[-4:], "big") for raw in (head, chunk_head, run_head))
    if not count:
        return 0, 0, True
    if sizes.kind == "stsz":
        width, constant = 32, int.from_bytes(head[4:8], "big")
    else:
        width, constant = head[7], 0
    chunk_bytes = 8 if chunks.kind == "co64" else 4
    fits = (constant or (width in {4, 8, 16, 32} and sizes.body + 12 + (count * width + 7) // 8 <= sizes.end)) and (
        chunks.body + 8 + chunk_count * chunk_bytes <= chunks.end
        and tables[runs].body + 8 + run_count * 12 <= tables[runs].end
    )
    if not fits or not chunk_count or not run_count:
        return count, 0, False
    reader = _Tables(ranges, sizes, chunks, tables[runs], count, chunk_count, run_count, width, constant)
    needs = reader.needs() if whole else reader.needs_of_last()
    return count, needs, needs > 0


@dataclass(frozen=True, slots=True)
class _Tables:
    """The tables of the samples' places: sizes, offsets of chunks, and runs of chunks with equal numbers of samples."""

    ranges: Ranges
    sizes: _Box
    chunks: _Box
    runs: _Box
    count: int
    chunk_count: int
    run_count: int
    width: int
    constant: int

    def needs(self) -> int:
        """The end of the furthest chunk; 0 where the tables contradict each other."""
        offsets = self._offsets(0, self.chunk_count)
        raw = _body(self.ranges, self.runs, self.run_count * 12, 8)
        runs = np.frombuffer(raw, ">u4").reshape(-1, 3).astype(np.int64)
        firsts, each = runs[:, 0] - 1, runs[:, 1]
        ends = np.append(firsts[1:], self.chunk_count)
        lengths = np.minimum(ends, self.chunk_count) - firsts
        if firsts[0] != 0 or (lengths[:-1] <= 0).any() or (each <= 0).any():
            return 0
        held = np.repeat(each, np.maximum(lengths, 0))[: self.chunk_count]
        lasts = np.minimum(np.cumsum(held), self.count)
        used = np.append(0, lasts[:-1]) < self.count
        if lasts[-1] < self.count or not len(held):
            return 0
        if self.constant:
            sums = lasts.astype(np.float64) * self.constant
        else:
            sums = np.append(0, np.cumsum(self._sizes(0, self.count)))[lasts].astype(np.float64)
        chunk_bytes = np.diff(np.append(0.0, sums))
        reached = (offsets[: len(held)].astype(np.float64) + chunk_bytes)[used]
        return int(reached.max())

    def needs_of_last(self) -> int:
        """The end of the last chunk."""
        last = _body(self.ranges, self.runs, 12, 8 + (self.run_count - 1) * 12)
        each = int.from_bytes(last[4:8], "big")
        offset = int(self._offsets(self.chunk_count - 1, 1)[0])
        number = min(each, self.count)
        if number <= 0:
            return 0
        return offset + (number * self.constant or int(self._sizes(self.count - number, number).sum()))

    def _offsets(self, start: int, number: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        width = 8 if self.chunks.kind == "co64" else 4
        raw = _body(self.ranges, self.chunks, number * width, 8 + start * width)
        return np.frombuffer(raw, ">u8" if width == 8 else ">u4").astype(np.uint64)

    def _sizes(self, start: int, number: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        if self.width == 4:
            raw = _body(self.ranges, self.sizes, (start + number + 1) // 2 - start // 2, 12 + start // 2)
            halves = np.frombuffer(raw, ">u1")
            both = np.stack([halves >> 4, halves & 15], axis=1).reshape(-1)
            return both[start % 2 : start % 2 + number].astype(np.int64)
        width = self.width // 8
        raw = _body(self.ranges, self.sizes, number * width, 12 + start * width)
        return np.frombuffer(raw, f">u{width}").astype(np.int64)


def _extends(ranges: Ranges, box: _Box) -> tuple[int, dict[int, tuple[int, int]]]:
    """The length of a fragmented file (0 where it is not stated), and the default length and size of each track."""
    units = 0
    defaults: dict[int, tuple[int, int]] = {}
    for part in _boxes(ranges, box.body, box.end):
        raw = _body(ranges, part, 24)
        if part.kind == "mehd" and len(raw) >= 8:
            units = int.from_bytes(raw[4:12] if raw[0] == 1 else raw[4:8], "big")
        elif part.kind == "trex" and len(raw) >= 20 and len(defaults) < MAX_TRACKS:
            number, _, length, size = struct.unpack_from(">IIII", raw, 4)
            defaults[number] = (length, size)
    return units, defaults


def _fragments(ranges: Ranges, start: int, defaults: dict[int, tuple[int, int]]) -> _Fragments:
    """The fragments behind the index: all, or the first ones and the file's end where there are too many to follow."""
    found = _Fragments({}, {})
    at, ahead, begun = start, STEP, ranges.asked
    for _ in range(MAX_BOXES):
        if ranges.asked - begun >= STEPS_AMONG_FRAGMENTS or (
            not ranges.holds(at, min(16, max(0, ranges.size - at))) and ranges.left < TAIL + HEAD
        ):
            return _by_the_end(ranges, at, defaults, found)
        box = _box(ranges, at, ranges.size, ahead)
        if box is None:
            return _left_over(at, ranges.size, found)  # the end, or bytes that players no longer look at
        if box.end > ranges.size:
            return _cut(box, ranges.size, found)
        if box.kind == "moof":
            _fragment(ranges, box, defaults, found)
            ahead = HEAD // 2 if found.fragments and box.end - start < found.fragments * 2 * STEP else STEP
        at = box.end
    return _by_the_end(ranges, at, defaults, found)


def _cut(box: _Box, size: int, found: _Fragments) -> _Fragments:
    """The fragments of a file that is cut within a fragment or behind it; raises `Unplayable` if no player plays it."""
    if box.kind == "mdat":
        raise Unplayable(f"It is cut short: {_missing(box.end - size)} of a fragment.")
    found.lacking, found.cut = box.end - size, box.kind == "moof"
    return found


def _left_over(at: int, size: int, found: _Fragments) -> _Fragments:
    """The fragments with a remainder behind whole ones: nothing, other bytes, or only the beginning of a box."""
    found.lacking = 8 - (size - at) if 0 < size - at < 8 else 0
    return found


def _by_the_end(ranges: Ranges, at: int, defaults: dict[int, tuple[int, int]], found: _Fragments) -> _Fragments:
    """Looks for whole fragments up to the file's end, instead of following each. Raises `OutOfBudget` for none."""
    start = max(at, ranges.size - min(TAIL, max(0, ranges.left)))
    tail = ranges.get(start, ranges.size - start)
    place = tail.find(b"moof")
    while place >= 0:
        box = _box(ranges, start + place - 4, ranges.size) if place >= 4 else None
        last = _last_of(ranges, box) if box is not None else None
        if box is not None and last is not None:
            found.units.clear()  # only the last fragment's own time tells the length
            _fragment(ranges, box, defaults, found)
            ends = last.end <= ranges.size
            return _left_over(last.end, ranges.size, found) if ends else _cut(last, ranges.size, found)
        place = tail.find(b"moof", place + 1)
    raise OutOfBudget


def _last_of(ranges: Ranges, box: _Box) -> _Box | None:
    """The last box of a chain of boxes from here to the end of the file, or past it; `None` without such a chain.

    A box that would reach past the end counts only behind whole boxes: otherwise the bytes are likely media.
    """
    following: _Box | None = box
    for followed in range(MAX_BOXES):
        if following is None:
            return None
        if following.end > ranges.size:
            return following if followed > 1 and following.kind in {"mdat", "moof", "mfra"} else None
        if following.end > ranges.size - 8:
            return following
        following = _box(ranges, following.end, ranges.size)
    return None


def _fragment(ranges: Ranges, box: _Box, defaults: dict[int, tuple[int, int]], found: _Fragments) -> None:
    """Adds one fragment: the number of samples of each track, their length, and the end of their bytes."""
    found.fragments += 1
    for part in _boxes(ranges, box.body, box.end):
        if part.kind != "traf":
            continue
        number, length, size, base = 0, 0, 0, box.start
        for inner in _boxes(ranges, part.body, part.end):
            raw = _body(ranges, inner, 64)
            flags = int.from_bytes(raw[1:4], "big")
            if inner.kind == "tfhd" and len(raw) >= 8:
                number = int.from_bytes(raw[4:8], "big")
                length, size = defaults.get(number, (0, 0))
                at = 8
                if flags & 1:
                    base, at = int.from_bytes(raw[at : at + 8], "big"), at + 8
                at += 4 if flags & 2 else 0
                if flags & 8:
                    length, at = int.from_bytes(raw[at : at + 4], "big"), at + 4
                if flags & 16:
                    size = int.from_bytes(raw[at : at + 4], "big")
            elif inner.kind == "tfdt" and number and number not in found.units and len(raw) >= 8:
                found.units[number] = int.from_bytes(raw[4:12] if raw[0] == 1 else raw[4:8], "big")
            elif inner.kind == "trun" and len(raw) >= 8:
                _run(ranges, inner, flags, (number, length, size, base), found)


def _run(ranges: Ranges, box: _Box, flags: int, usual: tuple[int, int, int, int], found: _Fragments) -> None:
    number, length, size, base = usual
    head = _body(ranges, box, 16)
    count = int.from_bytes(head[4:8], "big")
    at = 8
    offset = int.from_bytes(head[at : at + 4], "big", signed=True) if flags & 1 else 0
    at += (4 if flags & 1 else 0) + (4 if flags & 4 else 0)
    fields = [flag for flag in (0x100, 0x200, 0x400, 0x800) if flags & flag]
    if box.body + at + count * 4 * len(fields) > box.end:
        return
    units, bytes_there = count * length, count * size
    if fields:
        raw = _body(ranges, box, count * 4 * len(fields), at)
        rows = np.frombuffer(raw, ">u4").reshape(-1, len(fields)).astype(np.int64)
        if 0x100 in fields:
            units = int(rows[:, fields.index(0x100)].sum())
        if 0x200 in fields:
            bytes_there = int(rows[:, fields.index(0x200)].sum())
    found.samples[number] = found.samples.get(number, 0) + count
    found.units[number] = found.units.get(number, 0) + units
    if flags & 1:
        found.needs = max(found.needs, base + offset + bytes_there)


def _in_fragments(track: Track, number: int, scale: int, found: _Fragments) -> Track:
    """The track with the samples of its fragments."""
    units, samples = found.units.get(number, 0), found.samples.get(number, 0)
    seconds = units / scale + (track.seconds or 0 if track.samples else 0) if scale and units else track.seconds
    return replace(
        track,
        samples=track.samples + samples,
        needs=max(track.needs, found.needs if samples else 0),
        seconds=seconds,
        usable=track.usable or not track.samples,
    )
