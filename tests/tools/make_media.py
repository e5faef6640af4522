"""Makes the sample media: a dozen small vertical clips with a tone, their thumbnails, and one source video.

    python -m tests.tools.make_media [FOLDER]

A tool, not part of the app: it needs PyAV (the extra `frames`), while the files it makes lie in the repository.
The same versions of PyAV, NumPy and Pillow give the same bytes again: nothing is random, x264 runs on one thread and
the container carries no dates. Clips are H.264 yuv420p with the index in front (so that a browser plays them from the
first bytes), 180 x 320, 24 frames a second, with AAC; thumbnails are JPEG frames of the finished clips.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

FOLDER = Path(__file__).resolve().parents[2] / "storage/sandbox/media"
RATE = 24  # frames a second
AUDIO_RATE = 16_000  # samples a second
# x264's assembler versions of the macroblock tree give other bits on each run, so it runs without them.
X264: dict[str, object] = {
    "preset": "slower",
    "crf": "35",
    "profile": "high",
    "flags": "+bitexact",
    "x264-params": "threads=1:asm=0",
}
Field = npt.NDArray[np.float64]  # a number for each pixel, or three for each


@dataclass(frozen=True, slots=True)
class ClipLook:
    """One clip: its letter and name, background colours and accent, how it moves, how long, at what pitch."""

    letter: str
    name: str
    top: str
    bottom: str
    accent: str
    motion: str
    seconds: int
    hertz: float


LOOKS = (
    ClipLook("A", "Sunrise", "#ff8a5c", "#5b2a86", "#ffe29a", "orbit", 6, 220.0),
    ClipLook("B", "Tide", "#0f4c75", "#3fc1c9", "#e8fbff", "waves", 7, 246.9),
    ClipLook("C", "Signal", "#1b1b2f", "#e43f5a", "#ffd5dc", "rings", 5, 261.6),
    ClipLook("D", "Meter", "#134e4a", "#84cc16", "#f7fee7", "bars", 6, 293.7),
    ClipLook("E", "Bloom", "#831843", "#f9a8d4", "#fff1f7", "petals", 6, 329.6),
    ClipLook("F", "Drift", "#1e3a8a", "#a5b4fc", "#fef9c3", "comets", 5, 349.2),
    ClipLook("G", "Amber", "#78350f", "#fbbf24", "#fffbeb", "waves", 4, 392.0),
    ClipLook("H", "Lagoon", "#064e3b", "#6ee7b7", "#ecfdf5", "orbit", 5, 440.0),
    ClipLook("I", "Violet", "#2e1065", "#c084fc", "#faf5ff", "petals", 7, 466.2),
    ClipLook("J", "Ember", "#450a0a", "#fb923c", "#ffedd5", "comets", 6, 493.9),
    ClipLook("K", "Slate", "#0f172a", "#94a3b8", "#f8fafc", "bars", 8, 523.3),
    ClipLook("L", "Orchard", "#365314", "#fde047", "#fefce8", "rings", 4, 587.3),
)
SOURCE = ClipLook("S", "Source video", "#111827", "#2563eb", "#dbeafe", "waves", 8, 196.0)


def main(arguments: list[str]) -> int:
    """Writes every file into the folder and says how big each one is."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for look in LOOKS:
        clip = folder / f"clip_{look.letter.lower()}.mp4"
        write_video(clip, look, 180, 320)
        write_thumbnail(clip, clip.with_suffix(".jpg"))
    write_video(folder / "source.mp4", SOURCE, 320, 180)
    for path in sorted(folder.glob("*.*")):
        sys.stdout.write(f"{path.stat().st_size:>8,}  {path.name}\n")
    return 0


def write_video(path: Path, look: ClipLook, width: int, height: int) -> None:
    """One H.264 + AAC file; the same look and size give the same bytes."""
    flags = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=flags) as container:
        video = container.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.options = X264
        audio = container.add_stream("aac", rate=AUDIO_RATE, layout="mono")
        audio.bit_rate = 12_000
        audio.options = {"flags": "+bitexact"}
        for index, picture in enumerate(pictures(look, width, height)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for sound in tone(look):
            container.mux(audio.encode(sound))
        container.mux(audio.encode())


def write_thumbnail(clip: Path, path: Path) -> None:
    """The frame at one second of a finished clip, as JPEG."""
    with av.open(str(clip)) as container:
        frame = next(frame for frame in container.decode(video=0) if frame.time is not None and frame.time >= 1.0)
    Image.fromarray(frame.to_ndarray(format="rgb24")).save(path, "JPEG", quality=78, optimize=True)


def tone(look: ClipLook) -> Iterator[av.AudioFrame]:
    """A quiet chord that swells and fades, in frames of 1,024 samples."""
    at = np.arange(look.seconds * AUDIO_RATE) / AUDIO_RATE
    swell = np.sin(np.pi * at / look.seconds) ** 2
    chord = sum(np.sin(2 * np.pi * look.hertz * ratio * at) for ratio in (1.0, 1.25, 1.5))
    samples = (0.08 * swell * chord).astype(np.float32)
    for start in range(0, len(samples), 1_024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1_024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, start, Fraction(1, AUDIO_RATE)
        yield frame


def pictures(look: ClipLook, width: int, height: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Every frame as height x width x 3 bytes: gradient, moving shapes, letter, name, clock and progress line."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float64)
    x, y = (across - width / 2) / min(width, height), (down - height / 2) / min(width, height)
    shape, total = MOTIONS[look.motion], look.seconds * RATE
    for index in range(total):
        part = index / total
        mix = np.clip(down / height + 0.12 * np.sin(2 * np.pi * part + 2 * x), 0, 1)[..., None]
        ground = rgb(look.top) * (1 - mix) + rgb(look.bottom) * mix
        cover = np.clip(shape(x, y, 2 * np.pi * part), 0, 1)[..., None] * 0.55
        image = Image.fromarray((ground * (1 - cover) + rgb(look.accent) * cover).astype(np.uint8))
        label(image, look, index / RATE, part)
        yield np.asarray(image)


def label(image: Image.Image, look: ClipLook, seconds: float, part: float) -> None:
    """What tells clips apart at a glance: the letter, the name, the clock and how far it has played."""
    draw, (width, height) = ImageDraw.Draw(image), image.size
    big, small = ImageFont.load_default(size=min(width, height) * 0.5), ImageFont.load_default(size=18)
    for offset, colour in ((2, "#00000080"), (0, "white")):
        middle = (width + offset) / 2
        draw.text((middle, height * 0.42 + offset), look.letter, fill=colour, font=big, anchor="mm")
        draw.text((middle, height * 0.72), look.name, fill=colour, font=small, anchor="mm")
        draw.text((middle, height * 0.82), f"0:{int(seconds):02d}", fill=colour, font=small, anchor="mm")
    draw.rectangle((0, height - 5, round(width * part), height), fill=look.accent)


def rgb(colour: str) -> Field:
    """`#rrggbb` as three floats from 0 to 255."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64)


def soft(distance: Field, width: float = 0.02) -> Field:
    """1 inside (negative distance), 0 outside, with a soft edge."""
    return 0.5 - distance / (2 * width)


def orbit(x: Field, y: Field, turn: float) -> Field:
    """Three discs on one ellipse."""
    discs = [soft(np.hypot(x - 0.32 * np.cos(turn + at), y - 0.6 * np.sin(turn + at)) - 0.13) for at in (0.0, 2.1, 4.2)]
    top: Field = np.maximum.reduce(discs)
    return top


def waves(x: Field, y: Field, turn: float) -> Field:
    """Three layers of water, each lighter than the one in front of it."""
    layers = [np.clip(soft(0.25 * n - 0.1 + 0.07 * np.sin(6 * x + turn + n) - y), 0, 1) / 3 for n in range(3)]
    water: Field = np.sum(layers, axis=0)
    return water


def rings(x: Field, y: Field, turn: float) -> Field:
    """Rings that run outwards."""
    radius: Field = np.hypot(x, y)
    return np.clip(np.sin(14 * radius - 3 * turn), 0, 1) * np.clip(1.1 - radius, 0, 1)


def bars(x: Field, y: Field, turn: float) -> Field:
    """A level meter of seven bars."""
    column = np.clip(np.floor((x + 0.5) * 7), 0, 6)
    height = 0.25 + 0.2 * np.sin(turn * (1 + column % 3) + column * 1.3)
    gap = np.abs((x + 0.5) * 7 - column - 0.5) < 0.38
    level: Field = soft(0.75 - height * 1.6 - y) * gap
    return level


def petals(x: Field, y: Field, turn: float) -> Field:
    """A flower that turns and breathes."""
    angle, radius = np.arctan2(y, x), np.hypot(x, y)
    return soft(radius - 0.36 - 0.14 * np.cos(5 * (angle + turn / 5)) - 0.05 * np.sin(turn))


def comets(x: Field, y: Field, turn: float) -> Field:
    """Four discs that fall across the frame, one behind the other."""
    found: Field = np.zeros_like(x)
    for number in range(4):
        way = (turn / (2 * np.pi) + number / 4) % 1
        found = np.maximum(found, soft(np.hypot(x - 0.9 * way + 0.45, y - 2.4 * way + 1.2) - 0.09 - 0.02 * number))
    return found


MOTIONS: dict[str, Callable[[Field, Field, float], Field]] = {
    "orbit": orbit,
    "waves": waves,
    "rings": rings,
    "bars": bars,
    "petals": petals,
    "comets": comets,
}

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
