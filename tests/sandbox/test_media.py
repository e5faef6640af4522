"""The sample media are what browsers, players and the desk's own checks take them for."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from storage.domain.media import mp4
from storage.domain.media.ranges import Ranges
from storage.sandbox.world.builder import MEDIA
from storage.sandbox.world.videos import CLIP_SECONDS

CLIPS = sorted(MEDIA.glob("clip_*.mp4"))
THUMBNAILS = sorted(MEDIA.glob("clip_*.jpg"))


def boxes(content: bytes) -> list[bytes]:
    """The kinds of the top-level boxes of an MP4 file, in order."""
    at, kinds = 0, []
    while at < len(content):
        size, kind = struct.unpack(">I4s", content[at : at + 8])
        kinds.append(kind)
        at += size
    assert at == len(content)
    return kinds


def test_there_are_a_dozen_clips_each_with_its_thumbnail_and_a_source_video() -> None:
    assert len(CLIPS) == 12
    assert [path.stem for path in THUMBNAILS] == [path.stem for path in CLIPS]
    assert {path.stem.removeprefix("clip_") for path in CLIPS} == set(CLIP_SECONDS)
    assert (MEDIA / "source.mp4").exists()


def test_the_media_stay_small() -> None:
    sizes = [path.stat().st_size for path in MEDIA.iterdir()]
    assert max(sizes) < 100_000
    assert sum(sizes) < 700_000


@pytest.mark.parametrize("path", [*CLIPS, MEDIA / "source.mp4"], ids=lambda path: path.name)
def test_a_video_is_h264_with_its_index_in_front_and_as_long_as_it_says(path) -> None:
    content = path.read_bytes()
    kinds = boxes(content)
    assert kinds[0] == b"ftyp"
    assert kinds.index(b"moov") < kinds.index(b"mdat")
    assert b"avc1" in content
    assert b"mp4a" in content
    looked_at = mp4.read(Ranges(len(content), lambda at, length: content[at : at + length], len(content), 100))
    assert looked_at.index_first
    if path in CLIPS:
        assert looked_at.seconds == pytest.approx(CLIP_SECONDS[path.stem[-1]], abs=0.2)


@pytest.mark.parametrize("path", THUMBNAILS, ids=lambda path: path.name)
def test_a_thumbnail_is_a_complete_upright_jpeg(path) -> None:
    content = path.read_bytes()
    assert content.startswith(b"\xff\xd8\xff")
    assert content.endswith(b"\xff\xd9")
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        assert image.size == (180, 320)


def test_no_two_clips_look_alike() -> None:
    assert len({path.read_bytes() for path in CLIPS}) == len(CLIPS)
    assert len({path.read_bytes() for path in THUMBNAILS}) == len(THUMBNAILS)
