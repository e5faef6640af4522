"""Sound clips of several encoders, and what becomes of clips: cut, damaged, mistaken for something else.

The sound ones lie in `tests/clips` (`tests/rigs/make_clips.py` made them); all others are made of them here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "clips"
SAMPLES = Path(__file__).resolve().parents[2] / "storage" / "sandbox" / "media"
ERROR_PAGE = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code></Error>'
PAGE = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>502</h1></body></html>"
_QUANTA = bytes.fromhex("ffdb004300") + b"\x10" * 64
_CODES = [bytes.fromhex("ffc40014") + bytes([number, 1, *[0] * 16]) for number in (0x00, 0x10)]
# Eight by eight grey pixels.
PICTURE = b"".join(
    [
        bytes.fromhex("ffd8ffe000104a46494600010100000100010000"),
        _QUANTA,
        *_CODES,
        bytes.fromhex("ffc0000b080008000801011100" + "ffda0008010100003f00" + "3f" + "ffd9"),
    ]
)


def original(name: str) -> bytes:
    """A file of the folder."""
    return (FOLDER / f"{name}.mp4").read_bytes()


def boxes(content: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int, int]]:
    """Kind, start, beginning of the content and end of each box."""
    end = len(content) if end is None else end
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", content, start)
        header = 8
        if length == 1:
            length, header = struct.unpack_from(">Q", content, start + 8)[0], 16
        yield kind, start, start + header, start + length
        start += length


def place(content: bytes, *path: bytes) -> tuple[int, int, int]:
    """Start, beginning of the content and end of the first box down a path."""
    start, end, found = 0, len(content), (0, 0, 0)
    for kind in path:
        found = next((at, body, until) for name, at, body, until in boxes(content, start, end) if name == kind)
        start, end = found[1], found[2]
    return found


def tables(content: bytes, kind: bytes) -> list[int]:
    """Where the content of each such table of the index begins, track by track."""
    moov = place(content, b"moov")
    found = []
    for name, _, body, end in boxes(content, moov[1], moov[2]):
        if name == b"trak":
            mdia = next(box for box in boxes(content, body, end) if box[0] == b"mdia")
            minf = next(box for box in boxes(content, mdia[2], mdia[3]) if box[0] == b"minf")
            stbl = next(box for box in boxes(content, minf[2], minf[3]) if box[0] == b"stbl")
            found += [box[2] for box in boxes(content, stbl[2], stbl[3]) if box[0] == kind]
    return found


def moved(content: bytes, by: int) -> bytes:
    """The same with every chunk offset moved."""
    changed = bytearray(content)
    for at in tables(content, b"stco"):
        for number in range(struct.unpack_from(">I", content, at + 4)[0]):
            here = at + 8 + 4 * number
            struct.pack_into(">I", changed, here, struct.unpack_from(">I", content, here)[0] + by)
    return bytes(changed)


def box(kind: bytes, content: bytes) -> bytes:
    """A box."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def put(content: bytes, at: int, new: bytes) -> bytes:
    """Bytes in the place of others."""
    return content[:at] + new + content[at + len(new) :]


def insert(content: bytes, at: int, new: bytes) -> bytes:
    """Bytes between others."""
    return content[:at] + new + content[at:]


def wide_offsets(content: bytes) -> bytes:
    """An index at the end with `co64` in place of `stco`: the boxes around each grow."""
    start, _, end = place(content, b"moov")
    index = _wider(content[start:end])
    return content[:start] + index + content[end:]


def _wider(one: bytes) -> bytes:
    kind, content = one[4:8], one[8:]
    if kind == b"stco":
        values = struct.unpack_from(f">{struct.unpack_from('>I', content, 4)[0]}I", content, 8)
        return box(b"co64", content[:8] + struct.pack(f">{len(values)}Q", *values))
    if kind not in {b"moov", b"trak", b"mdia", b"minf", b"stbl"}:
        return one
    return box(kind, b"".join(_wider(content[start:end]) for _, start, _, end in boxes(content)))


def long_mdat(content: bytes) -> bytes:
    """An index at the end, and a length of 64 bits before the media."""
    start, body, end = place(content, b"mdat")
    header = struct.pack(">I4sQ", 1, b"mdat", end - body + 16)
    return moved(content[:start] + header + content[body:], 8)


def turned(content: bytes) -> bytes:
    """The picture turned by 90 degrees."""
    track = place(content, b"moov", b"trak", b"tkhd")
    return put(content, track[1] + 40, struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))


@cache
def sound() -> dict[str, bytes]:
    """Clips that play, and so must be said to."""
    first, last = original("x264_first"), original("x264_last")
    names = (
        "x264_first x264_last x264_baseline x264_bframes x264_no_sound x264_444 x264_odd x264_half_second "
        "x264_two_sounds aac_alone mp3_sound opus_sound vp9 svtav1 hevc mpeg4 frag_keyframe frag_hybrid frag_every "
        "frag_dash frag_no_trailer frag_hybrid_flag quicktime silence_90s"
    )
    mdat = place(first, b"mdat")
    made = {
        "sample": (SAMPLES / "clip_a.mp4").read_bytes(),
        "no file type": put(first, 4, b"free"),
        "much before the index": insert(last, place(last, b"moov")[0], box(b"free", bytes(300_000))),
        "junk behind": first + b"\xff\xfejunk, not a box" * 40,
        "zeros behind": first + bytes(5_000),
        "two in one": first + original("x264_baseline"),
        "media to the end": put(first, mdat[0], bytes(4)),
        "media of 64 bits": long_mdat(last),
        "offsets of 64 bits": wide_offsets(last),
        "turned": turned(first),
        "media said to be longer": put(first, mdat[0], struct.pack(">I", mdat[2] - mdat[0] + 500)),
    }
    return {name: original(name) for name in names.split()} | made


@cache
def cut() -> dict[str, bytes]:
    """Clips that end too early or whose index is damaged: they do not play to their end."""
    first, last, parts = original("x264_first"), original("x264_last"), original("frag_keyframe")
    every = original("frag_no_trailer")
    index, media = place(first, b"moov"), place(first, b"mdat")
    end, fragment = place(last, b"moov"), place(parts, b"moof")
    sizes, offsets = tables(first, b"stsz"), tables(first, b"stco")
    far = first
    for at in offsets:
        far = put(far, at + 8, struct.pack(">I", 50_000_000))
    none = first
    for at in sizes:
        none = put(none, at + 4, bytes(8))
    return {
        "12 bytes": first[:12],
        "after the file type": first[: index[0]],
        "in the head of the index": first[: index[0] + 6],
        "a third of the index": first[: index[0] + (index[2] - index[0]) // 3],
        "but a byte of the index": first[: index[2] - 1],
        "after the index": first[: index[2]],
        "in the head of the media": first[: media[0] + 8],
        "a tenth of the media": first[: media[1] + (media[2] - media[1]) // 10],
        "half of the media": first[: media[1] + (media[2] - media[1]) // 2],
        "90 % of the media": first[: media[1] + (media[2] - media[1]) * 9 // 10],
        "99 % of the media": first[: media[1] + (media[2] - media[1]) * 99 // 100],
        "index at the end, half of the media": last[: end[0] // 2],
        "index at the end, all of the media": last[: end[0]],
        "index at the end, half of it": last[: (end[0] + end[2]) // 2],
        "fragments, index alone": parts[: fragment[0]],
        "fragments, in the first": parts[: fragment[2] + 100],
        "fragments, half": parts[: len(parts) // 2],
        "a fragment a frame, half": every[: len(every) // 2],
        "fragments without index": parts[fragment[0] :],
        "offsets beyond the end": far,
        "no samples": none,
        "index of zeros": put(first, index[1], bytes(index[2] - index[1])),
        "tables of zeros": put(first, sizes[0] - 8, bytes(offsets[0] - sizes[0])),
    }


@cache
def short() -> dict[str, bytes]:
    """Cut where players do not mind: they play what is left."""
    last, every = original("x264_last"), original("frag_no_trailer")
    return {
        "but a byte behind the tracks": last[:-1],
        "in what players do not read of the last track": last[: place(last, b"moov", b"udta")[0] - 1],
        "without what is behind the tracks": last[: place(last, b"moov", b"udta")[0]],
        "a fragment a frame, but 40 bytes": every[:-40],
        "but a byte of the fragments' own index": original("frag_keyframe")[:-1],
    }


@cache
def others() -> dict[str, bytes]:
    """What is no MP4, or none that a browser plays."""
    first = original("x264_first")
    html = PAGE.ljust(2_048)
    parameters = first.find(b"avcC") + 9
    return {
        "zeros": bytes(2_048),
        "zeros in place of the head": put(first, 0, bytes(1_024)),
        "an HTML page": html,
        "an XML error": ERROR_PAGE,
        "JSON": b'{"error": "not found", "code": 404}',
        "text": b"The clip could not be rendered.\n" * 40,
        "random bytes": bytes((n * 7919 + n // 7) % 251 for n in range(4_096)),
        "a JPEG": (SAMPLES / "clip_a.jpg").read_bytes(),
        "a small JPEG": PICTURE,
        "a PNG": bytes.fromhex(
            "89504e470d0a1a0a0000000d4948445200000001000000010806000000 1f15c4890000000d49444154789c63f8cfc0f01f00"
            "0500017fb4a6d5a90000000049454e44ae426082".replace(" ", "")
        ),
        "a PDF": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n",
        "a ZIP archive": b"PK\x05\x06" + bytes(18),
        "HEVC without sound": original("hevc_alone"),
        "MPEG-4 without sound": original("mpeg4_alone"),
        "an AVI file": original("avi"),
        "a transport stream": original("ts"),
        "a Flash video": original("flv"),
        "H.264 without its parameters": put(first, parameters, b"\xe0"),
    }


@cache
def of_other_players() -> dict[str, bytes]:
    """Other formats that browsers know by their content, whatever the name says."""
    return {
        "WebM": original("webm_vp9"),
        "Matroska": original("matroska"),
        "Ogg": original("ogg"),
        "MP3": original("mp3"),
        "WAVE": original("wav"),
        "AAC stream": original("adts"),
    }


def film(size: int = 1_000, *, seconds: float = 12.5, frames: int = 1, sound: bool = True) -> bytes:
    """A clip of exactly so many bytes with a sound index over nothing: for worlds that need an object and no picture.

    Each frame is a chunk of its own. The smallest has some 900 bytes.
    """
    tracks = [(b"vide", frames), *([(b"soun", 1)] if sound else [])]
    index = len(_index(seconds, [(kind, [0] * count) for kind, count in tracks], 0))
    start = 16 + index + 8
    room = size - start - sum(count for _, count in tracks)
    if room < 0:
        raise ValueError(f"a clip has at least {size - room} bytes")
    sizes: list[tuple[bytes, list[int]]] = []
    for kind, count in tracks:
        lengths = [1 + room // 2 // count + (number % 3 if room // 2 // count > 3 else 0) for number in range(count)]
        sizes.append((kind, lengths))
    used = sum(sum(lengths) for _, lengths in sizes)
    sizes[-1][1][-1] += size - start - used
    media = box(b"mdat", bytes(size - start))
    return box(b"ftyp", b"isom\0\0\0\0") + _index(seconds, sizes, start) + media


def _index(seconds: float, tracks: list[tuple[bytes, list[int]]], start: int) -> bytes:
    header = box(b"mvhd", struct.pack(">5I76x3xB", 0, 0, 0, 1_000, int(seconds * 1_000), 3))
    parts = []
    for number, (kind, sizes) in enumerate(tracks, start=1):
        parts.append(_track(kind, number, seconds, sizes, start))
        start += sum(sizes)
    return box(b"moov", header + b"".join(parts))


def _track(kind: bytes, number: int, seconds: float, sizes: list[int], start: int) -> bytes:
    picture, count = kind == b"vide", len(sizes)
    if picture:
        entry = box(b"avc1", struct.pack(">24xHH50x", 180, 320) + box(b"avcC", bytes.fromhex("0142001effe10000010000")))
    else:
        entry = box(b"mp4a", bytes(28))
    offsets = [start]
    for length in sizes[:-1]:
        offsets.append(offsets[-1] + length)
    tables = box(
        b"stbl",
        box(b"stsd", struct.pack(">II", 0, 1) + entry)
        + box(b"stts", struct.pack(">4I", 0, 1, count, max(1, int(seconds * 1_000 / count))))
        + box(b"stsc", struct.pack(">5I", 0, 1, 1, 1, 1))
        + box(b"stsz", struct.pack(f">3I{count}I", 0, 0, count, *sizes))
        + box(b"stco", struct.pack(f">2I{count}I", 0, count, *offsets)),
    )
    media = (
        box(b"mdhd", struct.pack(">6I", 0, 0, 0, 1_000, int(seconds * 1_000), 0))
        + box(b"hdlr", struct.pack(">II4s13x", 0, 0, kind))
        + box(b"minf", tables)
    )
    head = struct.pack(">4I24x9i8x", 0, 0, 0, number, 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    return box(b"trak", box(b"tkhd", head) + box(b"mdia", media))
