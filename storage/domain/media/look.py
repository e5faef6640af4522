"""Looks into one object: it plays, it does not play, or that is not known; the look also says what it saw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from storage.domain.media import jpeg, mp4
from storage.domain.media.mp4 import Film
from storage.domain.media.ranges import OutOfBudget, Ranges, Read
from storage.text import number

MediaKind = Literal["clip", "thumbnail"]
Plays = Literal["plays", "does not play", "not looked at"]
Fault = Literal["not_media", "truncated_media"]
CONTENT_TYPES: dict[MediaKind, str] = {"clip": "video/mp4", "thumbnail": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class AtMost:
    """The budget of a look. The bytes are for a clip of up to a minute; a longer clip may take `mp4.LONG_BUDGET`."""

    bytes: int = 64 * 1024
    requests: int = 24


# Kinds of files by their first bytes, so that a person learns what was stored there: (offset, bytes, name).
_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x1a\x45\xdf\xa3", "a WebM or Matroska file"),
    (0, b"OggS", "an Ogg file"),
    (0, b"fLaC", "a FLAC file"),
    (0, b"ID3", "an MP3 file"),
    (0, b"\xff\xfb", "an MP3 file"),
    (0, b"\xff\xf3", "an MP3 file"),
    (0, b"\xff\xf1", "an AAC stream"),
    (0, b"FLV\x01", "a Flash video"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (8, b"WEBP", "a WebP picture"),
    (8, b"AVI ", "an AVI file"),
    (8, b"WAVE", "a WAVE file"),
    (4, b"ftyp", "an MP4 or a file of its kind"),
    (0, b"%PDF", "a PDF"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"PK\x05\x06", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"\x47", "an MPEG transport stream"),
    (0, b"\x00\x00\x01\xba", "an MPEG programme stream"),
    (0, b"\x00\x00\x00\x01", "a bare H.264 stream"),
)
# Browsers go by the content and not by the name, so these kinds may play although they are no MP4.
_PLAYED_BY_SOME = ("WebM", "Ogg", "FLAC", "MP3", "AAC", "WAVE")


@dataclass(frozen=True, slots=True)
class MediaLook:
    """The result of a look. `fault` names what is wrong with the object, if anything; `words` are a sentence about it.

    `plays` is "not looked at" where no answer came, and where players differ (about another format, for example). A
    file that is cut off at its end may still play. `code` is the error's where the look failed. `needs_bytes` is the
    number of bytes that the file itself states, if it does.
    """

    kind: MediaKind
    plays: Plays
    words: str
    fault: Fault | None = None
    code: str = ""
    film: Film | None = None
    width: int | None = None
    height: int | None = None
    content_type: str | None = None
    size_bytes: int = 0
    needs_bytes: int | None = None
    bytes_read: int = 0
    requests: int = 0

    @property
    def looked(self) -> bool:
        """Whether the look saw anything."""
        return self.plays != "not looked at" or self.fault is not None

    @property
    def wrong_type(self) -> bool:
        """Whether the store gives players another content type than that of a clip or a thumbnail."""
        told = (self.content_type or "").partition(";")[0].strip().lower()
        return self.looked and self.content_type is not None and told != CONTENT_TYPES[self.kind]


def not_looked_at(kind: MediaKind, words: str, code: str = "") -> MediaLook:
    """The result without an answer: the store refused, was away, or was not asked."""
    return MediaLook(kind, "not looked at", words, code=code)


def look(kind: MediaKind, size: int, read: Read, at_most: AtMost | None = AtMost()) -> MediaLook:
    """Looks into an object of `size` bytes. Raises only what `read` raises. `at_most=None` sets no bound (for a local
    file)."""
    bounds = at_most or AtMost(max(size, 1), max(size, 1))
    ranges = Ranges(size, read, bounds.bytes, bounds.requests)
    seen = _empty(kind) if size == 0 else _clip(ranges) if kind == "clip" else _thumbnail(ranges)
    return replace(seen, size_bytes=size, bytes_read=ranges.bytes_read, requests=ranges.asked)


def _empty(kind: MediaKind) -> MediaLook:
    return MediaLook(kind, "does not play", "It has 0 bytes.", "not_media", needs_bytes=None)


def _clip(ranges: Ranges) -> MediaLook:
    try:
        film = mp4.read(ranges)
    except mp4.Unplayable as why:
        if not why.other:
            needs = why.film.needs if why.film is not None and why.film.needs else None
            return MediaLook("clip", "does not play", why.words, "truncated_media", film=why.film, needs_bytes=needs)
        name = "" if why.film is not None else _name(ranges)
        if not name:
            return MediaLook("clip", "does not play", why.words, "not_media", film=why.film)
        some = any(word in name for word in _PLAYED_BY_SOME)
        plays: Plays = "not looked at" if some else "does not play"
        more = " Some players play it all the same." if some else ""
        return MediaLook("clip", plays, f"It is not an MP4 but {name}.{more}", "not_media")
    except OutOfBudget:
        words = f"Its index cannot be told from {number(ranges.bytes_read, 'byte')}: whether it plays is not known."
        return not_looked_at("clip", words, "too_large_to_look_into")
    picture, words, lacking = film.picture, _said(film), film.lacking
    if lacking:
        what = "players differ in what they do with the rest" if film.doubtful else "players play what is left"
        words += f" Its end is cut off ({number(lacking, 'byte')}); {what}."
    return MediaLook(
        "clip",
        "not looked at" if film.doubtful else "plays",
        words,
        "truncated_media" if lacking else None,
        film=film,
        width=picture.width if picture else None,
        height=picture.height if picture else None,
        needs_bytes=film.whole_bytes + lacking,
    )


def _thumbnail(ranges: Ranges) -> MediaLook:
    try:
        found = jpeg.read(ranges)
    except jpeg.NoJpeg as why:
        name = _name(ranges) if why.other else ""
        words = f"It is not a JPEG but {name}." if name and "JPEG" not in name else why.words
        return MediaLook("thumbnail", "does not play", words, "not_media" if why.other else "truncated_media")
    except OutOfBudget:
        return not_looked_at("thumbnail", "Its markers cannot be told from so few bytes.", "too_large_to_look_into")
    words = f"A JPEG of {found.width} by {found.height}."
    return MediaLook("thumbnail", "plays", words, width=found.width, height=found.height)


def _name(ranges: Ranges) -> str:
    """The kind of file by its first bytes; empty where they match no known kind."""
    raw = ranges.get(0, min(ranges.size, 512))
    if not raw.strip(b"\x00"):
        return "zeros"
    for offset, mark, name in _OTHERS:
        if raw[offset : offset + len(mark)] == mark and (mark != b"\x47" or raw[188:189] in {b"\x47", b""}):
            return name
    begun = raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    if begun.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    if begun.startswith((b"<?xml", b"<error")):
        return "an XML answer"
    if begun.startswith((b"{", b"[")):
        return "JSON"
    return "plain text" if all(0x20 <= byte < 0x7F or byte in b"\t\r\n" for byte in raw) else ""


def _said(film: Film) -> str:
    """The contents that play, in a line."""
    picture, sound = film.picture, film.sound
    parts = []
    if picture is not None and picture.played and picture.samples:
        turned = f", turned by {picture.rotation}°" if picture.rotation else ""
        parts.append(f"picture {picture.codec} {picture.width} x {picture.height}{turned}")
    elif picture is not None:
        parts.append(f"a picture ({picture.codec}) that not every browser shows")
    else:
        parts.append("no picture")
    parts.append(f"sound {sound.codec}" if sound is not None and sound.played and sound.samples else "no sound")
    if film.seconds is not None:
        parts.append(f"{film.seconds:.1f} s")
    parts.append("in fragments" if film.fragmented else "index first" if film.index_first else "index at the end")
    return f"{'; '.join(parts)}."
