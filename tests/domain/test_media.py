"""What is said of a clip or a thumbnail from a few of its bytes: sound ones, cut ones, and what is something else."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.domain.media import AtMost, MediaLook, look
from storage.domain.media.mp4 import LONG_BUDGET
from tests.rigs import clips

SOUND, SHORT, CUT, OTHERS = clips.sound(), clips.short(), clips.cut(), clips.others()
MOST = AtMost()


def seen(content: bytes, kind: str = "clip") -> MediaLook:
    """The look, with what it asked for checked against what it says and may."""
    asked: list[int] = []

    def read(offset: int, length: int) -> bytes:
        assert offset >= 0
        assert 0 < length <= len(content) - offset
        asked.append(length)
        return content[offset : offset + length]

    found = look(kind, len(content), read)  # type: ignore[arg-type]
    assert found.bytes_read == sum(asked)
    assert found.requests == len(asked) <= MOST.requests
    return found


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_clip_plays_by_at_most_64_kib_in_a_few_requests(name: str) -> None:
    found = seen(SOUND[name])
    assert (found.plays, found.fault) == ("plays", None), found.words
    assert found.bytes_read <= 64 * 1024
    assert found.requests <= 3
    assert found.film is not None
    assert found.film.seconds is not None


@pytest.mark.parametrize("name", CUT)
def test_a_cut_or_damaged_clip_does_not_play(name: str) -> None:
    found = seen(CUT[name])
    assert (found.plays, found.fault) == ("does not play", "truncated_media"), found.words


@pytest.mark.parametrize("name", SHORT)
def test_a_clip_that_lacks_what_players_do_not_read_is_cut_and_is_not_said_to_be_unplayable(name: str) -> None:
    found = seen(SHORT[name])
    assert found.plays != "does not play"
    assert found.fault == "truncated_media"
    assert "cut off" in found.words


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_clip_does_not_play_and_is_named(name: str) -> None:
    found = seen(OTHERS[name])
    assert found.plays == "does not play"
    assert found.fault == ("truncated_media" if "parameters" in name else "not_media")


@pytest.mark.parametrize("name", clips.of_other_players())
def test_another_format_that_some_players_know_is_no_mp4_and_nothing_more_is_claimed(name: str) -> None:
    found = seen(clips.of_other_players()[name])
    assert (found.plays, found.fault, found.looked) == ("not looked at", "not_media", True)
    assert "Some players play it" in found.words


def test_what_a_clip_is_made_of() -> None:
    film = seen(SOUND["turned"]).film
    assert film is not None
    assert film.picture is not None
    assert film.sound is not None
    assert (film.picture.codec, film.picture.width, film.picture.height, film.picture.rotation) == ("avc1", 64, 96, 90)
    assert (film.sound.codec, film.index_first, film.fragmented, film.seconds) == ("mp4a", True, False, 1.0)
    assert seen(SOUND["x264_no_sound"]).film.sound is None  # type: ignore[union-attr]
    assert seen(SOUND["x264_last"]).film.index_first is False  # type: ignore[union-attr]
    assert seen(SOUND["frag_every"]).film.fragmented is True  # type: ignore[union-attr]
    assert seen(SOUND["silence_90s"]).film.seconds == pytest.approx(90)  # type: ignore[union-attr]
    assert seen(SOUND["frag_no_trailer"]).film.seconds == pytest.approx(5.1, abs=0.1)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", [name for name in SOUND if name not in {"junk behind", "zeros behind", "two in one"}])
def test_how_long_the_file_ought_to_be_is_told_by_itself(name: str) -> None:
    whole = SOUND[name]
    assert seen(whole).needs_bytes in range(len(whole) - 1_200, len(whole) + 1)  # a fragments' own index lies behind
    assert seen(SOUND["junk behind"]).needs_bytes == len(SOUND["x264_first"])


def long_index(seconds: int, frames: int) -> bytes:
    """A clip whose index is larger than what a short one may take: one chunk a frame, no two sizes alike."""
    return clips.film(seconds=seconds, frames=frames, size=frames * 500 + 500_000)


def test_an_index_larger_than_the_budget_of_a_short_clip_is_read_by_its_ends() -> None:
    whole = long_index(59, 12_000)
    found = seen(whole)
    assert (found.plays, found.fault) == ("plays", None)
    assert found.bytes_read <= 64 * 1024
    assert seen(whole[:-1]).fault == "truncated_media"


def test_the_index_of_a_longer_clip_is_read_whole_up_to_a_mebibyte() -> None:
    whole = long_index(600, 40_000)
    found = seen(whole)
    assert found.plays == "plays"
    assert 64 * 1024 < found.bytes_read <= LONG_BUDGET
    assert seen(whole[:-1]).fault == "truncated_media"


def test_many_small_fragments_are_not_followed_one_by_one() -> None:
    """Ten thousand fragments of 600 bytes: the first ones are read, and the end."""
    parts = clips.original("frag_no_trailer")
    start = clips.place(parts, b"moof")[0]
    whole = parts + parts[start:] * 80
    found = seen(whole)
    assert (found.plays, found.fault) == ("plays", None)
    assert found.bytes_read <= 64 * 1024
    assert seen(whole[:-10]).fault == "truncated_media"


@pytest.mark.parametrize("end", [2, 100, 1_000, 4_600])
def test_a_jpeg_ends_with_its_marker(end: int) -> None:
    whole = (clips.SAMPLES / "clip_a.jpg").read_bytes()
    found = seen(whole, "thumbnail")
    assert (found.plays, found.width, found.height, found.bytes_read <= 8_192) == ("plays", 180, 320, True)
    assert seen(whole[:end], "thumbnail").plays == "does not play"
    assert seen(whole + bytes(100), "thumbnail").plays == "plays"


@pytest.mark.parametrize(
    "content", [b"", bytes(2_048), clips.PAGE, OTHERS["a PNG"], SOUND["x264_first"], b"\xff\xd8\xff" + b"no" * 50]
)
def test_what_is_no_jpeg_is_no_thumbnail(content: bytes) -> None:
    found = seen(content, "thumbnail")
    assert (found.plays, found.fault) == ("does not play", "not_media")


def test_a_local_file_is_looked_into_without_bounds() -> None:
    content = long_index(59, 12_000)
    file = io.BytesIO(content)

    def read(offset: int, length: int) -> bytes:
        file.seek(offset)
        return file.read(length)

    assert look("clip", len(content), read, None).plays == "plays"


def test_what_the_callable_raises_comes_through() -> None:
    def read(offset: int, length: int) -> bytes:
        raise ConnectionError("broke off")

    with pytest.raises(ConnectionError):
        look("clip", 100, read)


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """A clip with bytes changed, cut, or put elsewhere, near its boxes above all."""
    place = st.one_of(st.integers(0, min(2_500, len(content) - 1)), st.integers(0, len(content) - 1))
    number = st.sampled_from([0, 1, 7, 8, 9, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]).map(lambda n: struct.pack(">I", n))
    new = st.one_of(st.binary(min_size=1, max_size=8), number, number.map(lambda n: n * 3))

    def changed(edits: list[tuple[int, bytes]], end: int) -> bytes:
        result = content
        for at, what in edits:
            result = clips.put(result, at, what)
        return result[:end]

    return st.builds(changed, st.lists(st.tuples(place, new), min_size=1, max_size=4), place.map(lambda n: n or 10**9))


BASES: list[Callable[[], bytes]] = [
    lambda: clips.original("x264_first"),
    lambda: clips.original("x264_last"),
    lambda: clips.original("frag_every"),
    lambda: clips.original("frag_hybrid"),
    lambda: (clips.SAMPLES / "clip_a.jpg").read_bytes(),
]


@settings(max_examples=150, deadline=None)
@given(
    content=st.one_of([damaged(base()) for base in BASES] + [st.binary(max_size=300)]),
    kind=st.sampled_from(["clip", "thumbnail"]),
)
def test_no_bytes_make_it_fail_go_on_for_ever_or_read_more_than_it_may(content: bytes, kind: str) -> None:
    found = seen(content, kind)
    assert found.bytes_read <= LONG_BUDGET
    assert found.words
    assert found.looked or found.plays == "not looked at"
